"""What distributed training costs: measured here, and a model of it for up to 1,024 nodes.

    python -m benchmarks.distributed                 measure, check the model on 1, 2 and 4 ranks
    python -m benchmarks.distributed --add           again, and keep the shorter of both times
    python -m benchmarks.distributed --read          print the tables of the last run again
    python -m benchmarks.distributed --read --draw   and draw docs/distributed.svg

Requires mpi4py and mpiexec. Each rank has one thread. A figure is the minimum of all repeats, and
on one rank CPU time, so that other programs disturb it little; several ranks need free cores. The
result is written to build/distributed.json.

The model of a step, with b samples in k slices on each of n ranks and a gradient of w bytes:

    step = fixed + k * slice + b * image + tracked * (n - 1) * b + reduction
    reduction = latency * (1 + log2(n)) + 2 * (n - 1) * message
                + 2 * (n - 1) / n * w / bandwidth + n * b * row / bandwidth + w * addition

`row` is what is sent for the logs of one sample: its loss, and its predictions if there are
metrics. `fixed`, `slice`, `image`, `tracked` and `addition` are measured on one rank; `latency` and
`bandwidth` between two ranks, through shared memory. Those of networks are assumed: see NETWORKS.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import digits, table

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "build" / "distributed.json"
FIGURE = ROOT / "docs" / "distributed.svg"

NETS = {"tutorial": "the tutorial's network", "resnet20": "ResNet-20"}
# (batch, slice) on one rank, to which `fixed`, `slice` and `image` are fitted
SHAPES = ((1, 1), (8, 8), (32, 8), (32, 32), (128, 32))
RANKS = (2, 4)
PER_RANK = {"tutorial": 8, "resnet20": 1}  # samples of a rank in the check: one slice
SIZES = (16, 1 << 14, 1 << 18)  # elements of the sums between two ranks
BATCHES = (32, 256, 2048)
NODES = [1 << i for i in range(11)]
CORES = 16  # of a larger node, assumed to compute images so many times as fast
ROW = 4 * 11  # bytes: a loss and ten probabilities

NETWORKS = {  # assumed: (seconds of latency, bytes per second, seconds of the CPU per message)
    "10 Gbit/s": (20e-6, 1.25e9, 1e-6),
    "100 Gbit/s": (3e-6, 12.5e9, 0.5e-6),
}


# ---------------------------------------------------------------------------------- the measurement


def shortest(function, seconds):
    """The shortest duration of `function()`, repeated for some seconds on all ranks together."""
    from mpi4py import MPI

    clock = time.process_time if MPI.COMM_WORLD.size == 1 else time.perf_counter
    best, end, count = math.inf, time.perf_counter() + seconds, 0
    while MPI.COMM_WORLD.bcast(count < 5 or time.perf_counter() < end):
        begin = clock()
        function()
        best, count = min(best, clock() - begin), count + 1
    return MPI.COMM_WORLD.allreduce(best, MPI.MAX)


def step_time(name, batch, slice_size, seconds):
    """(seconds of a training step, bytes of the gradient)."""
    import fastcnn as keras

    keras.distribution.set_distribution(keras.distribution.DataParallel(slice_size=slice_size))
    return plain_step_time(name, batch, seconds)


def plain_step_time(name, batch, seconds):
    """(seconds of a training step as it is set up, bytes of the gradient)."""
    import fastcnn as keras
    from benchmarks.nets import NETS as ALL

    net = ALL[name]
    model = net.compile(net.build(keras), keras)
    x, y = net.data(batch, 0)
    feed = model._feed(model.samples(x, y), batch)
    tracker = model._tracker(feed.target_shapes)
    step = model._train_step(tracker)
    (one,) = feed
    values = shortest(lambda: step(one), seconds), 4 * model.store.trainable_size
    tracker.release()
    return values


def work(path, seconds):
    """Measure on all ranks; rank 0 writes a dictionary to a file."""
    import fastcnn as keras
    from fastcnn.distribution.data_parallel import communicator
    from fastcnn.distribution.reduction import Ordered
    from fastcnn.distribution.slices import Division

    keras.config.set_num_threads(1)
    ranks = communicator()
    found = {"nets": {}, "sums": {}}
    for name, count in PER_RANK.items():
        shapes = SHAPES if ranks.size == 1 else [(count * ranks.size, count)]
        found["nets"][name] = []
        for batch, slice_size in shapes:
            took, size = step_time(name, batch, slice_size, seconds)
            found["nets"][name].append([batch, slice_size, took, size])
    for length in SIZES if ranks.size > 1 else ():
        reduction, division = Ordered(ranks, length, "float32"), Division(ranks.size, 1, ranks.size)

        def add(reduction=reduction, division=division):
            reduction.begin(division)
            reduction.put(ranks.rank, *reduction.take(ranks.rank))
            reduction.finish()

        found["sums"][str(length)] = shortest(add, seconds / 4)
    if ranks.size == 1:
        keras.distribution.set_distribution(None)
        found["plain"] = {name: plain_step_time(name, 32, seconds)[0] for name in NETS}
        a, b = np.zeros((2, 1 << 18), "f4")
        add = lambda: np.add(a, b, out=a)  # noqa: E731
        found["addition"] = shortest(add, seconds / 4) / a.nbytes
        accuracy = keras.metrics.SparseCategoricalAccuracy()
        labels, predictions = np.zeros(6400, np.int64), np.zeros((6400, 10), "f4")
        update = lambda: accuracy.update_state(labels, predictions)  # noqa: E731
        found["tracked"] = shortest(update, seconds / 4) / len(labels)
    else:
        found["overlap"] = overlap(ranks, seconds / 2)
    if ranks.rank == 0:
        Path(path).write_text(json.dumps(found))


def overlap(ranks, seconds):
    """Seconds to exchange a megabyte, to compute, and for both at the same time."""
    data, received = np.ones((2, 1 << 18), "f4")
    matrix = np.ones((300, 300), "f4")

    def send():
        return [ranks.world.Ialltoall(data, received)]

    def compute():
        return matrix @ matrix @ matrix @ matrix @ matrix @ matrix

    def both():
        requests = send()
        compute()
        ranks.wait(requests)

    works = (lambda: ranks.wait(send()), compute, both)
    return [shortest(one, seconds) for one in works]


def lower(a, b):
    """The smaller of all numbers of two nested results."""
    if isinstance(a, dict):
        return {key: lower(value, b[key]) for key, value in a.items()}
    if isinstance(a, list):
        return [lower(*pair) for pair in zip(a, b, strict=True)]
    return min(a, b)


def measure(seconds):
    """{number of ranks: what `work` found}."""
    from tests.distribution.launch import start

    FILE.parent.mkdir(exist_ok=True)
    found = {}
    for ranks in (1, *RANKS):
        path = FILE.with_suffix(f".{ranks}")
        arguments = "--work", path, "--seconds", seconds
        done = start(ranks, "benchmarks.distributed", *arguments, limit=600)
        if done.code:
            sys.exit(done.err)
        found[str(ranks)] = json.loads(path.read_text())
        path.unlink()
    return found


# ---------------------------------------------------------------------------------------- the model


class Costs:
    """The parameters of one network's steps, fitted to the measurement on one rank."""

    def __init__(self, rows, found):
        matrix = np.array([[1, batch / size, batch] for batch, size, _, _ in rows])
        matrix /= [[took] for _, _, took, _ in rows]  # equal relative errors
        for first in range(3):  # a large image hides the fixed cost: without what is negative
            fitted = np.linalg.lstsq(matrix[:, first:], np.ones(len(rows)), rcond=None)[0]
            if min(fitted) >= 0:
                break
        self.fixed, self.slice, self.image = [0.0] * first + fitted.tolist()
        self.bytes = rows[0][3]
        self.tracked = found["tracked"]
        self.addition = found["addition"]

    def compute(self, batch, cores=1):
        """Seconds of a rank for its `batch` samples, in slices of at most 32."""
        return self.fixed + max(1, batch / 32) * self.slice + batch * self.image / cores

    def step(self, batch, nodes, network, row=ROW, cores=1):
        """Seconds of a step of `nodes` nodes with `batch` samples each."""
        seconds = self.compute(batch, cores) + self.tracked * (nodes - 1) * batch
        if nodes > 1:
            seconds += self.reduction(self.bytes, nodes, network, nodes * batch * row)
        return seconds

    def reduction(self, size, nodes, network, logs=0):
        """Seconds of a sum of `size` bytes."""
        latency, bandwidth, message = network
        seconds = latency * (1 + math.log2(nodes)) + 2 * (nodes - 1) * message
        share = (nodes - 1) / nodes
        return seconds + (2 * share * size + logs) / bandwidth + share * size * self.addition


def shared_memory(sums):
    """(latency, bandwidth, message) between two ranks of this machine."""
    lengths = sorted(map(int, sums))
    first, last = (sums[str(length)] for length in (lengths[0], lengths[-1]))
    return first / 2, 4 * lengths[-1] / max(last - first, 1e-9), 0.0


def show(found):
    """Print what was measured, the check, and where scaling bends."""
    costs = {name: Costs(rows, found["1"]) for name, rows in found["1"]["nets"].items()}
    here = shared_memory(found["2"]["sums"])
    rows = [
        [NETS[name], *(digits(value * 1e6) for value in (c.fixed, c.slice, c.image)), c.bytes]
        for name, c in costs.items()
    ]
    print(table(["one rank, one thread", "fixed us", "slice us", "image us", "bytes"], rows))
    alone, computing, both = found["2"]["overlap"]
    print(
        f"\ntwo ranks, shared memory: latency {here[0] * 1e6:.1f} us, bandwidth "
        f"{here[1] / 1e9:.2f} GB/s; tracked {found['1']['tracked'] * 1e9:.1f} ns\n"
        f"a megabyte while computing: {both * 1e3:.2f} ms; one after the other: "
        f"{(alone + computing) * 1e3:.2f} ms, of which the exchange {alone * 1e3:.2f} ms\n"
    )
    rows = []
    for name, plain in found["1"]["plain"].items():
        steps = {tuple(key): took for *key, took, _ in found["1"]["nets"][name]}
        times = plain, steps[32, 32], steps[32, 8]
        cells = [f"{digits(took * 1e3)} ({took / plain - 1:+.0%})" for took in times]
        rows.append([NETS[name], digits(plain * 1e3), *cells[1:]])
    print(table(["batch 32, one rank, ms", "plain", "one slice", "four slices of 8"], rows), "\n")
    rows, cores = [], found["cores"]
    for name, c in costs.items():
        for ranks in RANKS:
            ((_, _, took, _),) = found[str(ranks)]["nets"][name]
            turns = max(1, ranks / cores)  # ranks that share a core take turns
            expected = turns * c.step(PER_RANK[name], ranks, here)
            error = f"{took / expected - 1:+.0%}"
            rows.append(
                [
                    NETS[name],
                    PER_RANK[name],
                    ranks,
                    digits(expected * 1e3),
                    digits(took * 1e3),
                    error,
                ]
            )
    print(table(["", "samples a rank", "ranks", "model ms", "measured ms", "difference"], rows))
    rows = []
    for name, c in costs.items():
        for batch in BATCHES:
            row = [NETS[name], batch]
            for network in NETWORKS.values():
                for cores, size in ((1, ROW), (CORES, ROW), (CORES, 4)):
                    row.append(bend(c, batch, network, size, cores))
            rows.append(row)
    kinds = ("1 core", f"{CORES} cores", f"{CORES} cores, no metrics")
    print("\nNodes up to which at least 80 % of the time is computing (simulated):\n")
    print(table(["", "a rank", *(f"{name}, {kind}" for name in NETWORKS for kind in kinds)], rows))
    return costs


def bend(costs, batch, network, row, cores):
    """The largest number of nodes with an efficiency of at least 80 %."""
    compute = costs.compute(batch, cores)
    good = [n for n in NODES if compute >= 0.8 * costs.step(batch, n, network, row, cores)]
    return f"{max(good)}{'+' if max(good) == NODES[-1] else ''}"


def draw(costs):
    """Write the efficiency of 1 to 1,024 nodes to docs/distributed.svg."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams.update({"svg.hashsalt": "distributed", "svg.fonttype": "none"})
    figure = Figure((8, 5.4), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for line, (name, cost) in zip(axes, costs.items(), strict=True):
        for panel, (speed, network) in zip(line, NETWORKS.items(), strict=True):
            for batch, color in zip(BATCHES, ("#c44e52", "#4c72b0", "#55a868"), strict=True):
                for cores, style in ((1, "-"), (CORES, "--")):
                    compute = cost.compute(batch, cores)
                    steps = [cost.step(batch, n, network, ROW, cores) for n in NODES]
                    label = f"{batch} a rank, {cores} core{'s' if cores > 1 else ''}"
                    shares = [compute / step for step in steps]
                    panel.plot(NODES, shares, style, color=color, label=label)
            panel.set_title(f"{NETS[name]}, {speed}", fontsize=10)
            panel.set_xscale("log", base=2)
            panel.set_xticks(NODES[::2], map(str, NODES[::2]))
            panel.set_ylim(0, 1.02)
            panel.grid(alpha=0.3)
    axes[1, 0].legend(fontsize=7, loc="lower left")
    figure.supxlabel("nodes (simulated)", fontsize=9)
    figure.supylabel("computing / time of a step", fontsize=9)
    figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--add", action="store_true", help="keep the shorter of this and the last")
    parser.add_argument("--read", action="store_true", help="do not measure again")
    parser.add_argument("--draw", action="store_true", help="write docs/distributed.svg")
    parser.add_argument("--work", metavar="FILE", help="for the processes that this starts")
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.seconds)
    if not options.read:
        from benchmarks.peak import cpu_count

        found = measure(options.seconds) | {"cores": cpu_count()}
        if options.add and FILE.exists():
            found = lower(found, json.loads(FILE.read_text()))
        FILE.write_text(json.dumps(found, indent=1))
    costs = show(json.loads(FILE.read_text()))
    if options.draw:
        draw(costs)
    return None


if __name__ == "__main__":
    main()
