"""Many nets at once: the speed of two nets in two threads, and the memory of eight nets.

    python -m benchmarks.many_nets                       tutorial, cifar10, lenet5, dnn
    python -m benchmarks.many_nets --nets tutorial --rounds 15
    python -m benchmarks.many_nets --only memory --peer-python ~/keras/bin/python

Speed: two models of a net are trained for the same number of steps of 32 images, from the same
arrays: one after the other on one core, in two threads, in two processes, and one after the other
with two kernel threads. The first three use `config.threads(1)`. All alternate round by round; a
figure is the median of the ratios of a round, with the 10th and 90th percentiles; with --minima it
is the ratio of the shortest times, for a machine with other work. Processes share
nothing while they train, so they show what the machine allows: its two cores share a cache, the
memory and the power budget. The first and last lines of the table are the same for the FMA peak.

Memory: eight nets of the tutorial that have been trained for 64 steps on 60,000 images in float32,
in threads of one process, in eight processes, and in eight processes of Keras on TensorFlow (with
`--peer-python`, if it is in another environment), with one kernel thread for each net. A figure is
the sum of the processes' proportional set sizes (PSS): pages that several processes share, such as
libraries, count once.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks import ROOT
from benchmarks.nets import NETS
from benchmarks.peak import fma_peak
from benchmarks.report import Samples, conditions
from benchmarks.results import publish

MEASURED = ("tutorial", "cifar10", "lenet5", "dnn")
IMAGES = 1024  # of the speed part, in batches of 32
COUNT, MEMORY_IMAGES, MEMORY_STEPS = 8, 60_000, 64
WORKER = """\
import {module} as keras
import sys, threading
import numpy as np
from benchmarks.nets import NETS

x = np.random.default_rng(0).random(({images}, 28, 28, 1), np.float32)
y = np.arange({images}) % 10

def train(index):
    keras.utils.set_random_seed(index)
    net = NETS["tutorial"]
    models[index] = net.compile(net.build(keras), keras)
    models[index].fit(x, y, batch_size=32, steps_per_epoch={steps}, verbose=0)

models = [None] * {count}
threads = [threading.Thread(target=train, args=(index,)) for index in range({count})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert all(models)
print("ready", keras.__version__, flush=True)
sys.stdin.read()
"""


def main(arguments=None):
    options = parse(arguments)
    tables, versions, peaks = [], {}, []
    if options.only != "memory":
        tables.append(speed(options, versions, peaks))
    if options.only != "speed":
        tables.append(memory(options, versions))
    if not peaks:
        peaks.append(fma_peak(2))
    found = conditions("benchmarks.many_nets", versions, 2, peaks)
    publish({**found, "tables": tables}, options)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_nets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--nets", type=lambda text: text.split(","), default=list(MEASURED))
    add("--only", choices=("speed", "memory"))
    add("--rounds", type=int, default=7, help="number of rounds (7)")
    add("--seconds", type=float, default=0.5, help="duration of one net's training (0.5)")
    add("--minima", action="store_true", help="minima instead of medians, on a busy machine")
    add("--count", type=int, default=COUNT, help=f"nets in memory ({COUNT})")
    add("--images", type=int, default=MEMORY_IMAGES, help="images in memory (60,000)")
    add("--peer-python", default=sys.executable, help="the interpreter for Keras")
    add("--markdown", metavar="FILE", help="also write the tables to this file")
    add("--json", metavar="FILE", help="also write a result file: see benchmarks.results")
    return parser.parse_args(arguments)


# ------------------------------------------------------------------------------------------- speed


class Pair:
    """Two models of a net, and how to train them."""

    def __init__(self, net, seconds):
        import fastcnn

        self._fastcnn = fastcnn
        self._x, self._y = net.data(IMAGES)
        self._models = [net.compile(net.build(fastcnn), fastcnn) for _ in range(2)]
        self._epochs = 1
        for index in range(2):
            self.train(index)
        begin = time.perf_counter()
        self.train(0)
        self._epochs = max(1, round(seconds / (time.perf_counter() - begin)))
        self.steps = self._epochs * (IMAGES // 32)  # of each model, in each measurement

    def train(self, index, threads=1):
        with self._fastcnn.config.threads(threads):
            self._models[index].fit(self._x, self._y, epochs=self._epochs, verbose=0)

    def in_turn(self, threads=1):
        """Seconds for one model after the other."""
        begin = time.perf_counter()
        for index in range(2):
            self.train(index, threads)
        return time.perf_counter() - begin

    def in_threads(self):
        """Seconds until both are trained, in a thread each."""
        threads = [threading.Thread(target=self.train, args=(index,)) for index in range(2)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - begin

    def in_processes(self):
        """Seconds until both are trained, in a process each, without starting the processes."""
        context = multiprocessing.get_context("fork")
        barrier, times = context.Barrier(2), context.SimpleQueue()

        def run(index):
            epochs, self._epochs = self._epochs, 1
            self.train(index)  # copies the pages that it writes
            self._epochs = epochs
            barrier.wait()
            begin = time.perf_counter()
            self.train(index)
            times.put((begin, time.perf_counter()))

        processes = [context.Process(target=run, args=(index,)) for index in range(2)]
        for process in processes:
            process.start()
        begins, ends = zip(*(times.get() for _ in processes), strict=True)
        for process in processes:
            process.join()
        return max(ends) - min(begins)


def speed(options, versions, peaks):
    """The table of speedups. Adds to the versions and peaks of the run."""
    import fastcnn

    versions["fastcnn"] = fastcnn.__version__
    pairs = {name: Pair(NETS[name], options.seconds) for name in options.nets}
    measurements = {
        "2 threads": Pair.in_threads,
        "2 processes": Pair.in_processes,
        "2 kernel threads": lambda pair: pair.in_turn(threads=2),
    }
    singles, seconds = [], {name: {"alone": []} for name in pairs}
    for _ in range(options.rounds):
        for threads, found in ((1, singles), (2, peaks)):
            found.append(fma_peak(threads, seconds=0.1, runs=2))
        for name, pair in pairs.items():
            seconds[name]["alone"].append(pair.in_turn())
            for title, measure in measurements.items():
                seconds[name].setdefault(title, []).append(measure(pair))
            last = ", ".join(f"{found[-1]:.3f} s {title}" for title, found in seconds[name].items())
            print(f"{name}: {last}", file=sys.stderr, flush=True)
    rows = []
    for name, found in seconds.items():
        alone = found["alone"]
        per_step = Samples([1e3 * duration / (2 * pairs[name].steps) for duration in alone])
        ratios = [ratio(alone, found[title], options.minima) for title in measurements]
        shown = per_step.best if options.minima else per_step.interval()
        rows.append([NETS[name].title, shown, *ratios])
    inverse = [[1 / peak.flops for peak in found] for found in (singles, peaks)]
    rows.append(["FMA peak", None, None, ratio(*inverse, options.minima), None])
    return {
        "title": "Speed of two nets, relative to one after the other on one core",
        "columns": [
            ["net", "text"],
            ["ms per step, alone", "time"],
            *([title, "time"] for title in measurements),
        ],
        "rows": rows,
    }


def ratio(before, after, minima):
    """How much shorter the times `after` are than those `before` of the same rounds."""
    if minima:
        return min(before) / min(after)
    return Samples([a / b for a, b in zip(before, after, strict=True)]).interval()


# ------------------------------------------------------------------------------------------ memory


def memory(options, versions):
    """The table of the memory of many nets. Adds to the versions of the run."""
    count, images = options.count, options.images
    setups = [
        (f"fastcnn, {count} threads of one process", "fastcnn", sys.executable, 1),
        (f"fastcnn, {count} processes", "fastcnn", sys.executable, count),
        (f"Keras, {count} processes", "keras", options.peer_python, count),
    ]
    rows, first = [], None
    for title, module, python, processes in setups:
        try:
            megabytes, versions[module] = measured(module, python, processes, count, images)
        except (OSError, RuntimeError) as error:
            print(f"{title}: absent ({error})", file=sys.stderr)
            continue
        first = first or megabytes
        print(f"{title}: {megabytes:.0f} MB", file=sys.stderr, flush=True)
        rows.append([title, megabytes, megabytes / first])
    data = f"{images:,} images, {images * 28 * 28 * 4 / 1e6:.0f} MB"
    return {
        "title": f"Memory of {count} nets of the tutorial, {data}",
        "columns": [["", "text"], ["MB", "count"], ["times", "time"]],
        "rows": rows,
    }


def measured(module, python, processes, nets, images):
    """(megabytes of all processes together, version); OSError or RuntimeError if one fails."""
    sizes = {"images": images, "steps": min(MEMORY_STEPS, images // 32)}
    program = WORKER.format(module=module, count=nets // processes, **sizes)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    variables |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    started = []
    try:
        for _ in range(processes):
            command = [python, "-W", "ignore", "-c", program]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            started.append(
                subprocess.Popen(
                    command, **pipes, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=variables
                )
            )
        answers = [process.stdout.readline().split() for process in started]
        if not all(answers):
            raise RuntimeError(f"`import {module}` or the training failed")
        return sum(proportional_size(process.pid) for process in started) / 1e6, answers[0][1]
    finally:
        for process in started:
            process.communicate()  # closes its input, so it ends


def proportional_size(pid):
    """The bytes of a process (PSS): private pages, and its part of those that are shared."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/{pid}/smaps_rollup has no line `Pss:`.")


if __name__ == "__main__":
    main()
