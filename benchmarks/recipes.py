"""One epoch of each recipe's net: fastcnn, PyTorch and Keras, in the same run.

    python -m benchmarks.recipes                        all three nets
    python -m benchmarks.recipes --nets fast,good --rounds 3 --json docs/records_peers.json

Every framework trains the net behind the first layer, which is not trained, on whitened images in
memory with Adam; this is what all of them can express. In the column `recipe` fastcnn runs the
recipe as it is: with the first layer, shifts, mirrored images and Muon. An epoch are 60,000 images;
its seconds follow from the median step (with --minima, from the fastest). See `benchmarks.compare`
for how the frameworks are checked and timed.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

import fastcnn
from benchmarks.compare import agree, say
from benchmarks.layers import start_peers
from benchmarks.nets import RECIPES
from benchmarks.peak import cpu_count, fma_peak, instruction_sets
from benchmarks.report import Samples, digits, origin, public_arguments, table
from benchmarks.session import PeerError, close
from fastcnn.recipes import recipes
from fastcnn.recipes.runs import machine
from fastcnn.saving.atomic import atomic_write
from tests.support.shapes import patterned_images

EPOCH = 60_000  # images
STEPS = 8  # of one measurement of a recipe


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recipes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, several = parser.add_argument, {"type": lambda text: text.split(",")}
    add("--nets", **several, default=list(recipes.RECIPES), help="some of fast,good,best")
    add("--peers", **several, default=["fastcnn", "keras", "torch"], help="frameworks to time")
    add("--rounds", type=int, default=3, help="number of rounds (3)")
    add("--seconds", type=float, default=1.0, help="duration of a measurement (1.0)")
    add("--threads", type=int, default=cpu_count(), help="threads per peer (all processors)")
    add("--isa", choices=instruction_sets(), help="limit fastcnn to it; avx2 also limits oneDNN")
    add(
        "--peer-python",
        **several,
        default=[sys.executable],
        help="interpreters for the peers; each peer uses the first one that has it",
    )
    add("--json", metavar="FILE", help="write the seconds of an epoch, for docs/make_records.py")
    add("--markdown", metavar="FILE", help="also write the table to this file")
    add("--minima", action="store_true", help="minima instead of medians, on a busy machine")
    add("--no-compilers", action="store_true", help="without XLA and torch.compile")
    options = parser.parse_args(arguments)
    for name in options.nets:
        if name not in recipes.RECIPES:
            parser.error(f"unknown net {name!r}; known: {', '.join(recipes.RECIPES)}")
    return options


def main(arguments=None):
    options = parse(arguments)
    fastcnn.config.set_num_threads(options.threads)
    results, peaks = {}, []  # {(net, peer or "recipe"): Samples}
    sessions = start_peers(options)
    try:
        agreed = {name: agree(sessions, RECIPES[f"recipe-{name}"]) for name in options.nets}
        run = {name: recipe_steps(name) for name in options.nets}
        for index in range(options.rounds):
            peaks.append(fma_peak(options.threads, options.isa, runs=1))
            for name in options.nets:
                say(f"round {index + 1} of {options.rounds}: {name}")
                one_round(sessions, agreed[name], name, index, options.seconds, results)
                results.setdefault((name, "recipe"), Samples()).add({"ms": run[name]()})
        versions = {k: v for session in sessions.values() for k, v in session.versions.items()}
    finally:
        close(sessions)
    epochs = {key: seconds_of_epoch(*key, samples, options) for key, samples in results.items()}
    text = "\n".join(
        [
            origin("benchmarks.recipes", versions, options.threads, peaks, options.isa),
            "",
            epoch_table(epochs, options, max(peak.flops for peak in peaks)),
            "",
            *(f"- {net}, {peer}: {', '.join(sorted(samples.methods - {''}))}"
              for (net, peer), samples in results.items() if samples.methods - {""}),
        ]
    )  # fmt: skip
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text + "\n", encoding="utf-8")
    if options.json:
        write_json(options.json, epochs, versions, max(peak.flops for peak in peaks))


def one_round(sessions, peers, name, index, seconds, results):
    """Time each of `peers` once; each round starts with another one."""
    batch, begin = recipes.RECIPES[name].batch_size, index % max(len(peers), 1)
    for peer in peers[begin:] + peers[:begin]:
        try:
            answer = sessions[peer].ask("train", net=f"recipe-{name}", batch=batch, seconds=seconds)
        except PeerError as error:
            say(f"{name}: {peer} failed: {error}")
            continue
        results.setdefault((name, peer), Samples()).add(answer)


def recipe_steps(name):
    """A function that trains a few steps with a recipe and returns [milliseconds per step]."""
    recipe = recipes.RECIPES[name]
    n = STEPS * recipe.batch_size
    images, labels = patterned_images(np.random.RandomState(0), (28, 28, 1), 10, n)
    images = (255 * images).astype(np.uint8)
    model = recipes.build(recipe, images)
    flip = fastcnn.callbacks.AlternatingFlip(images, seed=0)

    def fit():
        model.fit(flip.images, labels, recipe.batch_size, 1, callbacks=[flip], verbose=0)

    fit()  # binds the kernels

    def run():
        begin = time.perf_counter()
        fit()
        return [(time.perf_counter() - begin) * 1e3 / STEPS]

    return run


def seconds_of_epoch(name, _, samples, options):
    ms = samples.best if options.minima else samples.median
    return ms * 1e-3 * EPOCH / recipes.RECIPES[name].batch_size


def epoch_table(epochs, options, peak):
    peers = [p for p in options.peers if any((name, p) in epochs for name in options.nets)]
    head = ["net", *peers, "best other / fastcnn", "recipe", "dense FLOP limit"]
    rows = []
    for name in options.nets:
        found = {peer: epochs[name, peer] for peer in peers if (name, peer) in epochs}
        others = [seconds for peer, seconds in found.items() if peer != "fastcnn"]
        ratio = min(others) / found["fastcnn"] if others and "fastcnn" in found else None
        rows.append(
            [
                RECIPES[f"recipe-{name}"].title,
                *(digits(found[peer]) if peer in found else "-" for peer in peers),
                f"**{ratio:.2f}**" if ratio else "-",
                digits(epochs[name, "recipe"]),
                digits(RECIPES[f"recipe-{name}"].flops(EPOCH, True) / peak),
            ]
        )
    return f"Seconds per epoch of 60,000 images:\n\n{table(head, rows)}"


def write_json(path, epochs, versions, peak):
    """What docs/make_records.py draws the peers' points from."""
    content = {
        "machine": machine(),
        "versions": versions,
        "command": " ".join(["python -m benchmarks.recipes", *public_arguments(sys.argv[1:])]),
        "peak_gflops": round(peak / 1e9, 1),
        "seconds_per_epoch": {f"{name}/{peer}": value for (name, peer), value in epochs.items()},
    }
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
