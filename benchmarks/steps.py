"""Where the time of one network goes in fastcnn: each step of its plan, forward and backward.

    python -m benchmarks.steps resnet20                    training, batch 32
    python -m benchmarks.steps resnet20 --predict          prediction
    python -m benchmarks.steps resnet20 --kernels          the kernels of each step as well
    python -m benchmarks.steps resnet20 --predict --batch 1 --repeats 500

The rows are in the order of the plan. A figure is the minimum of all repeats in microseconds, so
that other programs disturb it little; the sums are those of the minima, and shares those of the
shortest whole step. GFLOP/s counts the dense multiplications and additions of a convolution or a
dense layer. What remains of the whole step is the loss, the optimizer, the batch and Python. Timing
costs about half a microsecond per kernel.
"""

import argparse
import importlib
import math
import pkgutil
import time
from collections import defaultdict

import fastcnn
from benchmarks.nets import NETS
from benchmarks.report import table
from fastcnn import kernels
from fastcnn.core.steps import Step
from fastcnn.plan.plan import Plan

METHODS = ("forward", "forward_linear", "backward", "backward_linear", "add_backward")


class Clock:
    """The shortest duration of every step's forward and backward and of every kernel in them."""

    def __init__(self):
        self.steps, self.kernels = {}, {}
        self.whole = math.inf  # from the beginning of a training step to that of the next one
        self._running = None  # (step, pass) of the step that is running, outermost
        self._begin = -math.inf

    def clear(self):
        """Forget what was measured, as after the first steps."""
        self.steps.clear()
        self.kernels.clear()
        self.whole = math.inf

    def watch_steps(self):
        """Time all kinds of steps; call it before the model is built, since plans keep methods."""
        for module in pkgutil.walk_packages(fastcnn.__path__, "fastcnn."):
            if module.name.split(".")[1] in ("layers", "plan"):
                importlib.import_module(module.name)
        kinds = [Step]
        while kinds:
            kind = kinds.pop()
            kinds += kind.__subclasses__()
            for name in set(METHODS) & set(vars(kind)):
                setattr(kind, name, self._timed_method(getattr(kind, name)))

        compute_loss = Plan.compute_loss

        def timed(plan, *args, **options):
            begin, self._begin = self._begin, time.perf_counter()
            self.whole = min(self.whole, self._begin - begin)
            return compute_loss(plan, *args, **options)

        Plan.compute_loss = timed

    def _timed_method(self, method):
        phase = "forward" if method.__name__.startswith("forward") else "backward"

        def timed(step, *args, **options):
            if self._running is not None:
                return method(step, *args, **options)
            key = self._running = step, phase
            begin = time.perf_counter()
            try:
                return method(step, *args, **options)
            finally:
                duration = time.perf_counter() - begin
                self._running = None
                self.steps[key] = min(duration, self.steps.get(key, math.inf))

        return timed

    def watch_kernels(self):
        """Time all kernels that are bound from now on."""
        bind = kernels.bind

        def timed_bind(name, *arrays, **settings):
            return TimedKernel(self, name, bind(name, *arrays, **settings))

        kernels.bind = timed_bind

    def add_kernel(self, kernel, duration):
        key = self._running, kernel
        self.kernels[key] = min(duration, self.kernels.get(key, math.inf))


class TimedKernel:
    """A bound kernel that reports how long each call takes."""

    def __init__(self, clock, name, kernel):
        self._clock, self._name, self._kernel = clock, name, kernel

    def __call__(self, *args):
        begin = time.perf_counter()
        self._kernel(*args)
        self._clock.add_kernel(self._name, time.perf_counter() - begin)

    def __getattr__(self, name):
        return getattr(self._kernel, name)


def measure(net, batch, repeats, predict, clock):
    """Train or predict; the clock then has the shortest duration of a whole step and its parts."""
    model = net.build(fastcnn)
    net.set_weights(model)
    if predict:
        images, _ = net.data(batch)
        model(images)
        clock.clear()
        for _ in range(repeats):
            begin = time.perf_counter()
            model(images)
            clock.whole = min(clock.whole, time.perf_counter() - begin)
        return
    net.compile(model, fastcnn)
    images, labels = net.data(batch * 10)
    model.fit(images, labels, batch, verbose=0)
    clock.clear()
    model.fit(images, labels, batch, epochs=math.ceil(repeats / 10), verbose=0)


def flops(step, batch):
    """Dense multiplications and additions of one pass of a step, 0 without a kernel."""
    kernel = getattr(step.layer, "kernel", None)
    if kernel is None or not step.output_shape:
        return 0
    shape = step.input_shape if "Transpose" in type(step.layer).__name__ else step.output_shape
    if type(step.layer).__name__ == "SeparableConv2D":
        return 0
    return 2 * batch * math.prod(shape[1:-1]) * math.prod(kernel.shape)


def report(clock, batch, show_kernels):
    """The table of all steps and the sums."""
    whole = clock.whole
    steps = list(dict.fromkeys(step for step, _ in clock.steps))
    sums = dict.fromkeys(("forward", "backward"), 0.0)
    by_kernel, body = defaultdict(float), []
    for (_, kernel), seconds in clock.kernels.items():
        by_kernel[kernel] += seconds
    for step in steps:
        times = [clock.steps.get((step, phase), 0.0) for phase in sums]
        for phase, seconds in zip(sums, times, strict=True):
            sums[phase] += seconds
        work = flops(step, batch)
        passes = (1, 2 if step.input_gradient else 1)
        rates = (
            f"{count * work / seconds / 1e9:.0f}" if work and seconds else ""
            for count, seconds in zip(passes, times, strict=True)
        )
        name, shapes, algorithms = step.describe()
        shapes = shapes.replace("None, ", "")
        shares = f"{sum(times) / whole:.1%}"
        body.append((name, shapes, *(f"{1e6 * t:.0f}" for t in times), shares, *rates, algorithms))
        for (running, kernel), seconds in clock.kernels.items() if show_kernels else ():
            if running is not None and running[0] is step:
                cells = [f"{1e6 * seconds:.0f}" if running[1] == phase else "" for phase in sums]
                body.append((f"- {kernel}", "", *cells, f"{seconds / whole:.1%}", "", "", ""))
    head = ("step", "shapes", "forward", "backward", "share", "GFLOP/s", "GFLOP/s", "algorithms")
    ordered = sorted(by_kernel.items(), key=lambda item: -item[1])
    rows = [(kernel, f"{1e6 * t:.0f}", f"{t / whole:.1%}") for kernel, t in ordered]
    parts = ", ".join(f"{phase} {1e6 * seconds:.0f}" for phase, seconds in sums.items())
    rest = whole - sum(sums.values())
    outside = sum(clock.steps.values()) - sum(t for (r, _), t in clock.kernels.items() if r)
    return (
        f"{table(head, body)}\n\n{table(('kernel', 'us', 'share'), rows)}\n\n"
        f"Whole step {1e6 * whole:.0f} us: {parts} (of both outside of kernels "
        f"{1e6 * outside:.0f}), rest {1e6 * rest:.0f}."
    )


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.steps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("net", choices=NETS)
    add("--predict", action="store_true", help="prediction instead of training")
    add("--batch", type=int, default=32)
    add("--repeats", type=int, default=100, help="number of steps (100)")
    add("--threads", type=int, help="threads (all processors)")
    add("--kernels", action="store_true", help="a row for each kernel of a step")
    options = parser.parse_args()
    if options.threads:
        fastcnn.config.set_num_threads(options.threads)
    clock = Clock()
    clock.watch_steps()
    clock.watch_kernels()
    net = NETS[options.net]
    measure(net, options.batch, options.repeats, options.predict, clock)
    print(report(clock, options.batch, options.kernels))


if __name__ == "__main__":
    main()
