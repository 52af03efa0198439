"""200 random convolutions, fastcnn's kernels against PyTorch's: forward and both gradients.

    python -m benchmarks.grid [--cases 200] [--seed 0] [--rounds 3] [--threads N] [--isa avx2]

Channels 1 to 128, kernels 1, 3 and 5, strides 1 and 2, both paddings, images of 7 to 64 pixels per
side, and enough images (up to 32) for half a GFLOP. fastcnn runs through `kernels.bind` and repacks
its weights each time, as in training; PyTorch runs in channels-last layout and calls its operators
directly, without autograd. They run alternately in separate processes; checksums must agree first.
"""

import argparse
import dataclasses
import random
import statistics
import sys

import numpy as np

from benchmarks.peak import cpu_count, fma_peak, instruction_sets
from benchmarks.report import Samples, conditions
from benchmarks.results import publish
from benchmarks.session import PeerError, close, start
from tests.support.shapes import Conv2DCase

WORK = 5e8  # target FLOPs of one pass of a case
TOLERANCE = 1e-4  # absolute, of the checksums of normalized arrays
PEERS = ("fastcnn", "torch")
COLUMNS = [
    ["layer", "text"],
    ["fastcnn ms", "time"],
    ["PyTorch ms", "time"],
    ["ratio", "times"],
    ["of peak", "share"],
]


def cases(count, seed):
    """`count` random Conv2DCases, the same for the same seed."""
    draw = random.Random(seed)
    for _ in range(count):
        # Half of the channel counts are typical of networks, half are arbitrary.
        ic, oc = (
            draw.choice((1, 3, 16, 32, 64, 128)) if draw.random() < 0.5 else draw.randint(1, 128)
            for _ in range(2)
        )
        kernel, stride = draw.choice((1, 3, 5)), draw.choice((1, 2))
        padding, size = draw.choice(("valid", "same")), draw.randint(7, 64)
        one = Conv2DCase(1, (size, size), ic, oc, (kernel,) * 2, (stride,) * 2, padding)
        yield dataclasses.replace(one, n=int(min(32, max(1, WORK // one.flops))))


def name(case):
    _, h, w, ic = case.x_shape
    kernel, stride = case.kernel_size[0], case.strides[0]
    return f"{case.n}x{h}x{w}, {ic} to {case.oc}, {kernel}x{kernel} /{stride} {case.padding}"


def measure(case, sessions, rounds, seconds):
    """{peer: Samples}; raises ValueError if the peers' results differ."""
    layer = dataclasses.asdict(case)
    sums = [sessions[peer].ask("layer", layer=layer, seconds=0)["sums"] for peer in PEERS]
    difference = np.abs(np.subtract(*sums)).max()
    if not difference <= TOLERANCE:
        raise ValueError(f"checksums differ by {difference:.1e}: {sums}")
    samples = {peer: Samples() for peer in PEERS}
    for index in range(rounds):
        for peer in PEERS if index % 2 else PEERS[::-1]:
            samples[peer].add(sessions[peer].ask("layer", layer=layer, seconds=seconds))
    return samples


def report(results, peak):
    """[the fraction of cases won, as a sentence], [a table of worst, median and best cases]."""
    ratios = [theirs.median / ours.median for _, ours, theirs in results]
    won = sum(ratio >= 1 for ratio in ratios) / len(ratios)
    text = (
        f"fastcnn is at least as fast as PyTorch on {won:.1%} of {len(ratios)} layers; PyTorch's "
        f"time over fastcnn's: median {statistics.median(ratios):.2f}, worst {min(ratios):.2f}, "
        f"best {max(ratios):.2f}; {sum(r < 1 / 1.5 for r in ratios)} layers more than 1.5 times "
        "slower."
    )
    order = sorted(range(len(ratios)), key=ratios.__getitem__)
    middle = len(order) // 2
    picked = dict.fromkeys([*order[:15], *order[max(middle - 2, 0) : middle + 3], *order[-5:]])
    rows = []
    for i in picked:
        case, ours, theirs = results[i]
        fraction = 3 * case.flops / (ours.median * 1e-3) / peak
        rows.append([name(case), ours.median, theirs.median, ratios[i], fraction])
    title = "The 15 worst, 5 from the middle and the 5 best"
    return [text], [{"title": title, "columns": COLUMNS, "rows": rows}]


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.grid",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--cases", type=int, default=200)
    add("--seed", type=int, default=0)
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=0.1, help="duration of a measurement (0.1)")
    add("--threads", type=int, default=cpu_count())
    add("--isa", choices=instruction_sets())
    add("--peer-python", default=sys.executable, help="the interpreter for PyTorch")
    add("--markdown", metavar="FILE", help="also write the report to this file")
    add("--json", metavar="FILE", help="also write a result file: see benchmarks.results")
    options = parser.parse_args()

    peaks = [fma_peak(options.threads, options.isa)]
    sessions = start(PEERS, options.peer_python, options.threads, options.isa)
    if set(sessions) != set(PEERS):
        sys.exit("The grid requires both fastcnn and PyTorch.")
    results, wrong = [], []
    try:
        for i, case in enumerate(cases(options.cases, options.seed)):
            try:
                samples = measure(case, sessions, options.rounds, options.seconds)
            except (ValueError, PeerError) as error:
                wrong.append(f"{name(case)}: {error}")
                print(wrong[-1], file=sys.stderr)
                if isinstance(error, PeerError):  # it crashed: continue with a new process
                    close(sessions)
                    sessions = start(PEERS, options.peer_python, options.threads, options.isa)
                continue
            results.append((case, samples["fastcnn"], samples["torch"]))
            if sys.stderr.isatty():
                print(f"\r{i + 1} of {options.cases}", end="", file=sys.stderr, flush=True)
    finally:
        close(sessions)
    peaks.append(fma_peak(options.threads, options.isa))
    versions = {k: v for session in sessions.values() for k, v in session.versions.items()}
    notes, tables = [], []
    if results:
        notes, tables = report(results, max(peak.flops for peak in peaks))
    publish(
        {
            **conditions("benchmarks.grid", versions, options.threads, peaks, options.isa),
            "tables": tables,
            "notes": notes + wrong,
        },
        options,
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
