"""fastcnn against Keras on TensorFlow, PyTorch, ONNX Runtime and OpenVINO, on whole networks.

    python -m benchmarks.compare                        training, prediction, one image at a time
    python -m benchmarks.compare --only train --nets tutorial,resnet20 --rounds 9
    python -m benchmarks.compare --nets graphs          only the networks with forks and merges
    python -m benchmarks.compare --scaling              batch 1 to 1024, threads 1 and 2
    python -m benchmarks.compare --script               the tutorial's script, start to result
    python -m benchmarks.compare --script resnet20 --rounds 5     accuracy and time, five seeds

Each framework runs in a separate process that is suspended while another one is timed. They
alternate round by round, so that variations of the machine's speed affect all of them. First every
peer must produce the same scores, and the same losses in the first training steps, from the same
weights; one that does not is reported and not timed. A figure is the median over all rounds,
followed by the 10th and 90th percentiles; with --minima it is the minimum. The machine's FMA peak
is measured in each round.

Training is `fit` with batches of 32 from arrays in memory (for PyTorch a hand-written loop over
prepared batches); prediction is a call of the model on one batch. A framework that has several
methods (XLA, torch.compile, several steps at a time) tries them first and uses the fastest; with
--no-compilers those that compile a network, for minutes if it is deep, are left out. Images are
Fashion-MNIST's if it is available, otherwise those of the nets (benchmarks/nets.py).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import script
from benchmarks.nets import GROUPS, NETS
from benchmarks.peak import cpu_count, fma_peak, instruction_sets
from benchmarks.peers import PEERS
from benchmarks.report import Samples, conditions
from benchmarks.results import publish
from benchmarks.session import PeerAbsentError, PeerError, close, start

IMAGES = 8192  # of Fashion-MNIST
SCORES_TOLERANCE = 1e-4  # absolute, of probabilities or logits
LOSSES_TOLERANCE = 1e-3  # relative, over the first three steps
# The gradient of a bias before a batch normalization consists of rounding errors, which Adam scales
# to full steps: the later losses then differ even between the methods of one framework.
NORMALIZED_TOLERANCE = 2e-2

# task: (title, unit, request, batch size, factor from milliseconds per step to the unit)
TASKS = {
    "train": ("Training, batch 32", "ms per step", "train", 32, 1.0),
    "predict": ("Prediction, batch 32", "us per image", "predict", 32, 1e3 / 32),
    "one": ("Prediction, one image at a time", "us per image", "predict", 1, 1e3),
}
BATCHES = tuple(2**power for power in range(11))


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="fastcnn-compare-") as folder:
        if options.script:
            results = script.report(options, folder)
        elif options.scaling:
            results = scaling(options, save_images(folder))
        else:
            results = comparison(options, save_images(folder))
    publish(results, options)


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    names = {"type": lambda text: text.split(",")}
    add(
        "--nets",
        **names,
        help=f"some of {','.join([*GROUPS, *NETS])} (default: all; scaling: tutorial)",
    )
    add("--peers", **names, default=list(PEERS), help=f"some of {','.join(PEERS)}")
    add("--only", choices=TASKS, help="one of the three tables")
    add("--rounds", type=int, default=5, help="number of rounds (5; the script: 1)")
    add("--seconds", type=float, default=1.0, help="duration of a measurement (1.0)")
    add("--threads", type=int, default=cpu_count(), help="threads per peer (all processors)")
    add("--isa", choices=instruction_sets(), help="limit fastcnn to it; avx2 also limits oneDNN")
    add("--peer-python", default=sys.executable, help="the interpreter for the peers")
    add("--scaling", action="store_true", help="curves over batch sizes and threads")
    add(
        "--script",
        nargs="?",
        choices=script.SCRIPTS,
        const="tutorial",
        help="a whole script with fastcnn and Keras: the tutorial's (the default) or ResNet-20",
    )
    add("--epochs", type=int, default=5, help="epochs of the script resnet20 (5)")
    add("--limit", type=int, default=60000, help="training images of the script resnet20 (all)")
    add("--markdown", metavar="FILE", help="also write the tables to this file")
    add("--json", metavar="FILE", help="also write a result file: see benchmarks.results")
    add("--minima", action="store_true", help="minima instead of medians, on a busy machine")
    add("--no-compilers", action="store_true", help="without XLA and torch.compile")
    options = parser.parse_args(arguments)
    if options.nets:
        options.nets = [n for name in options.nets for n in GROUPS.get(name, [name])]
    for kind, given, known in (("net", options.nets, NETS), ("peer", options.peers, PEERS)):
        for name in given or ():
            if name not in known:
                parser.error(f"unknown {kind} {name!r}; known: {', '.join(known)}")
    options.nets = options.nets or (["tutorial"] if options.scaling else list(NETS))
    return options


def save_images(folder):
    """The path of an npz file with Fashion-MNIST's first images; None if it is not available."""
    from fastcnn.datasets import fashion_mnist

    try:
        (images, labels), _ = fashion_mnist.load_data()
    except OSError as error:
        say(f"Using synthetic images: {str(error).splitlines()[0]}")
        return None
    path = str(Path(folder) / "images.npz")
    np.savez(path, images=images[:IMAGES, ..., None], labels=labels[:IMAGES])
    return path


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- checks


def agree(sessions, net):
    """The peers whose scores and losses match those of the first one; reports the others."""
    agreed, scores, losses = [], None, None
    for peer, session in sessions.items():
        try:
            found = np.array(session.ask("check", net=net.name)["scores"])
            scores = found if scores is None else scores
            difference = np.abs(found - scores).max()
            if not difference <= SCORES_TOLERANCE:
                raise PeerError(f"scores differ by {difference:.1e}")
            try:
                found = np.array(session.ask("losses", net=net.name, steps=3)["losses"])
            except PeerAbsentError:
                found = None
            if found is not None and "Dropout" not in net.needs:
                losses = found if losses is None else losses
                difference = np.abs(found / losses - 1).max()
                normalized = "BatchNormalization" in net.needs
                if not difference <= (NORMALIZED_TOLERANCE if normalized else LOSSES_TOLERANCE):
                    raise PeerError(
                        f"losses of the first steps differ by {difference:.1e}: {found}"
                    )
            agreed.append(peer)
        except PeerError as error:
            say(f"{net.name}: {peer} is not timed: {error}")
    return agreed


# --- the three tables


def comparison(options, images):
    sessions = start(options.peers, options.peer_python, options.threads, options.isa, images)
    for session in sessions.values():
        session.ask("compilers", use=not options.no_compilers)
    tasks = [options.only] if options.only else list(TASKS)
    results, peaks = {}, []  # (task, net, peer): Samples
    try:
        agreed = {name: agree(sessions, NETS[name]) for name in options.nets}
        for index in range(options.rounds):
            peaks.append(fma_peak(options.threads, options.isa, runs=1))
            for name in options.nets:
                say(f"round {index + 1} of {options.rounds}: {name}")
                for task in tasks:
                    one_round(sessions, agreed[name], task, name, index, options.seconds, results)
    finally:
        close(sessions)
    versions = {k: v for session in sessions.values() for k, v in session.versions.items()}
    peak = max(peak.flops for peak in peaks)
    images = "Fashion-MNIST (CIFAR-10's net: synthetic)" if images else "synthetic"
    figures = "minima" if options.minima else "medians (10th to 90th percentile)"
    return {
        **conditions("benchmarks.compare", versions, options.threads, peaks, options.isa),
        "tables": [task_table(task, options, sessions, results, peak) for task in tasks],
        "notes": [f"Images: {images}. Figures: {figures}.", *methods(results)],
        "samples": {"/".join(key): samples.ms for key, samples in results.items()},
    }


def one_round(sessions, peers, task, net, index, seconds, results):
    """Time each of `peers` once; each round starts with another one."""
    _, _, request, batch, _ = TASKS[task]
    begin = index % max(len(peers), 1)
    for peer in peers[begin:] + peers[:begin]:
        try:
            answer = sessions[peer].ask(request, net=net, batch=batch, seconds=seconds)
        except PeerAbsentError:
            continue
        except PeerError as error:
            say(f"{net}, {task}: {peer} failed: {error}")
            continue
        results.setdefault((task, net, peer), Samples()).add(answer)


def task_table(task, options, sessions, results, peak):
    title, unit, _, batch, scale = TASKS[task]
    peers = [peer for peer in sessions if any((task, net, peer) in results for net in options.nets)]
    columns = [["network", "text"], *([peer, "time"] for peer in peers)]
    columns.append(["best peer / fastcnn", "ratio"])
    if task != "one":
        columns += [["dense limit", "time"], ["fastcnn / limit", "times"]]
    rows = []
    for name in options.nets:
        found = {p: results[task, name, p] for p in peers if (task, name, p) in results}
        times = {
            peer: samples.best if options.minima else samples.median
            for peer, samples in found.items()
        }
        others = [time for peer, time in times.items() if peer != "fastcnn"]
        ours = times.get("fastcnn")
        cells = {
            peer: time * scale if options.minima else found[peer].interval(scale)
            for peer, time in times.items()
        }
        row = [NETS[name].title, *(cells.get(peer) for peer in peers)]
        row.append(min(others) / ours if ours and others else None)
        if task != "one":
            limit = 1e3 * NETS[name].flops(batch, task == "train") / peak
            row += [limit * scale, ours / limit if ours else None]
        rows.append(row)
    return {"title": f"{title} ({unit})", "columns": columns, "rows": rows}


def methods(results):
    """The method that each peer used, for those that have several."""
    lines = []
    for (task, net, peer), samples in results.items():
        method = ", ".join(sorted(samples.methods - {""}))
        if method:
            lines.append((peer, f"{task} {net}: {method}"))
    grouped = {}
    for peer, text in lines:
        grouped.setdefault(peer, []).append(text)
    return [f"{peer}: {'; '.join(texts)}" for peer, texts in grouped.items()]


# --- scaling


def scaling(options, images):
    """Time per image as a function of the batch size, for one thread and for all."""
    threads = sorted({1, options.threads})
    samples, versions, peaks = {}, {}, {}
    for count in threads:
        measured = []
        sessions = start(options.peers, options.peer_python, count, options.isa, images)
        try:
            for name in options.nets:
                agreed = agree(sessions, NETS[name])
                for batch in BATCHES:
                    measured.append(fma_peak(count, options.isa, runs=1))
                    say(f"{name}, {count} threads, batch {batch}")
                    for index in range(options.rounds):
                        begin = index % max(len(agreed), 1)
                        for peer in agreed[begin:] + agreed[:begin]:
                            for task in ("train", "predict"):
                                key = task, name, batch, peer, count
                                curve_point(sessions[peer], key, options.seconds, samples)
        finally:
            peaks[count] = max(measured, key=lambda peak: peak.flops, default=None)
            for session in sessions.values():
                versions |= session.versions
            close(sessions)
    top = [peaks[max(threads)]]
    return {
        **conditions("benchmarks.compare", versions, max(threads), top, options.isa),
        "tables": [
            scaling_table(task, name, samples, threads, peaks)
            for name in options.nets
            for task in ("train", "predict")
        ],
    }


def curve_point(session, key, seconds, samples):
    task, name, batch, _, _ = key
    try:
        answer = session.ask(task, net=name, batch=batch, seconds=seconds)
    except PeerAbsentError:
        return
    except PeerError as error:
        say(f"{key}: failed: {error}")
        return
    samples.setdefault(key, Samples()).add(answer)


def scaling_table(task, name, samples, threads, peaks):
    """A row per batch size: us per image for each peer and thread count, and fastcnn's GFLOP/s."""
    columns = sorted({key[3:] for key in samples if key[:2] == (task, name)}, key=_column)
    head = [["batch", "count"], *([f"{peer}, {count}T", "time"] for peer, count in columns)]
    ours = [count for peer, count in columns if peer == "fastcnn"]
    head += [[f"GFLOP/s, {count}T", "rate"] for count in ours]
    rows = []
    for batch in BATCHES:
        row = [batch]
        for column in columns:
            found = samples.get((task, name, batch, *column))
            row.append(found.median * 1e3 / batch if found else None)
        for count in ours:
            found = samples.get((task, name, batch, "fastcnn", count))
            if not found:
                row.append(None)
                continue
            rate = NETS[name].flops(batch, task == "train") / (found.median * 1e-3)
            row.append([rate / 1e9, rate / peaks[count].flops])
        rows.append(row)
    title = {"train": "training step", "predict": "prediction"}[task]
    return {
        "title": f"Scaling of {NETS[name].title}: {title}, us per image",
        "columns": head,
        "rows": rows,
        "note": "GFLOP/s: dense FLOPs per second, and the fraction of the FMA peak of that many "
        "threads.",
    }


def _column(column):
    peer, count = column
    return PEERS.index(peer), count


if __name__ == "__main__":
    main()
