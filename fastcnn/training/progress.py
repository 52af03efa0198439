"""The progress bar of `fit`, `evaluate` and `predict`, as Keras draws it.

    1875/1875 ━━━━━━━━━━━━━━━━━━━━ 3s 2ms/step - accuracy: 0.8412 - loss: 0.4402

In a terminal it is redrawn at most every 0.05 s, and is no wider than the terminal: a wrapped line
could not be overwritten. A notebook's line is redrawn at most every 0.2 s. On any other stream, and
if TERM is "dumb", only its last state is written, without colors. NO_COLOR in the environment turns
colors off, and without a `sys.stdout` the bar is silent. ms/step leaves out the first step, which
allocates buffers, and the validation.

A terminal gets the same text in rich's colors, with a bar that moves by half characters; notebooks,
and installations without rich, get the colors of Keras.
"""

import functools
import math
import os
import re
import sys
import time

import numpy as np

from fastcnn.core.terminal import can_encode, is_live, is_notebook, rich_console, terminal_width

INTERVAL, NOTEBOOK_INTERVAL = 0.05, 0.2
WIDTH, MIN_WIDTH = 20, 5  # of the bar, in characters
VALUE = re.compile(r"(?<=: )\S+(?= - |$)")  # of ` - loss: 0.3012`


class ProgressBar:
    """Progress over `target` steps.

    Args:
        target: number of steps, or None if it is not known.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        stream: where to write; by default the current `sys.stdout`.

    Attributes:
        due: the time (`time.perf_counter`) of the next redraw; infinity if there is none.
        width, interval, unit: of the bar in characters, between redraws, and a step's name.
    """

    width, interval, unit = WIDTH, INTERVAL, "step"

    def __init__(self, target, verbose=1, stream=None):
        self._stream = stream or sys.stdout
        if self._stream is None:  # a program without a console
            verbose = 0
        self.target = target
        self.verbose = verbose
        self._live = verbose == 1 and is_live(self._stream)
        self._paint = painter(self._stream, self._live)
        if is_notebook(self._stream):
            self.interval = NOTEBOOK_INTERVAL
        self._start = time.perf_counter()
        self._after_first = None
        self._first = 0
        self._per_step = 0.0
        self._written = 0
        self.due = 0.0 if verbose else math.inf

    def update(self, current, now, logs):
        """Draw the state after `current` steps at time `now`; `logs` is a function."""
        if self._after_first is None and current >= 1:
            self._after_first = now
            self._per_step = (now - self._start) / current
            self._first = current
        elif current > self._first:
            self._per_step = (now - self._after_first) / (current - self._first)
        if self._live:
            if self.target is None:
                clock = f"{now - self._start:.0f}s"
            else:
                clock = format_seconds(self._per_step * (self.target - current))
            self._draw(current, clock, logs())
            self.due = now + self.interval
        else:
            self.due = math.inf

    def stop_clock(self, current):
        """Take the time per step now, after the last of `current` steps."""
        now = time.perf_counter()
        if self._after_first is not None and current > self._first:
            self._per_step = (now - self._after_first) / (current - self._first)
        elif current:
            self._per_step = (now - self._start) / current

    def finish(self, current, logs):
        """Draw the last state and end the line."""
        if not self.verbose:
            return
        self.target = self.target or current
        elapsed = f"{time.perf_counter() - self._start:.0f}s"
        if self.verbose == 1:
            self._draw(current, elapsed, logs, is_last=True)
            self._write("\n")
        else:
            step = format_step(self._per_step).replace("step", self.unit)
            self._write(f"{current}/{self.target} - {elapsed} - {step}{format_logs(logs)}\n")

    def close(self):
        """End the line of a bar that was broken off."""
        if self._written:
            self._write("\n")
            self._written = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if error[0] is not None:
            self.close()

    def _draw(self, current, clock, logs, is_last=False):
        if self.target is None:
            count, least, most = f"{current:7d}/Unknown", 0, 0
        else:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            least, most = min(MIN_WIDTH, self.width), self.width
        step = format_step(self._per_step).replace("step", self.unit)
        head, rest = f"{count} {clock}", f" {step}{format_logs(logs)}"
        room = (terminal_width(self._stream) if self._live else math.inf) - 1 - len(head)
        width = max(least, min(most, room - len(rest) - 1))
        if not is_last:  # the last line may wrap
            rest = shorten(rest, room - width - bool(width))
        length = len(head + rest) + width + bool(width)
        halves = min(2 * width * current // (self.target or 1), 2 * width)
        line = self._paint(count, width, halves, clock, rest, is_last)
        self._write(f"\r{line}{' ' * (self._written - length)}" if self._live else line)
        self._written = length

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()


def painter(stream, is_live):
    """A function that joins the parts of a line: the same text for all streams, in other colors.

    Its arguments are the count of steps, the width of the bar and how many half characters of it
    are done, the clock, the time per step with the values, and whether this is the last line.
    """
    character = "━" if can_encode(stream, "━") else "="
    if not is_live or os.environ.get("NO_COLOR"):
        return functools.partial(paint, character)
    console = rich_console(stream)
    if console is None:
        return functools.partial(paint_as_keras, character)
    return RichPainter(console)


def paint(character, count, width, halves, clock, rest, is_last):
    """A line without colors."""
    bar = f"{character * width} " if width else ""
    return f"{count} {bar}{clock}{rest}"


def paint_as_keras(character, count, width, halves, clock, rest, is_last):
    """A line in the colors of Keras."""
    if not width:
        return f"{count} {clock}{rest}"
    bold, green, gray, plain = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
    filled, empty = character * (halves // 2), character * (width - halves // 2)
    filled = f"{green}{filled}{plain}" if filled else ""
    return f"{bold}{count}{plain} {filled}{gray}{empty}{plain} {bold}{clock}{plain}{rest}"


class RichPainter:
    """Joins the parts of a line in the colors of rich's theme, with rich's bar.

    Not with `rich.progress`: that runs a thread, which would take time from the kernels, and can
    show only one model at a time.
    """

    def __init__(self, console):
        from rich.console import COLOR_SYSTEMS
        from rich.progress_bar import ProgressBar as Bar

        self._console, self._new_bar = console, Bar
        self._bars = {}  # (width, halves): a bar
        self._system = COLOR_SYSTEMS.get(console.color_system)
        names = ("bold", "repr.number", "progress.remaining", "progress.elapsed")
        self._bold, self._value, self._remaining, self._elapsed = map(console.get_style, names)

    def __call__(self, count, width, halves, clock, rest, is_last):
        count = self._styled(count, self._bold)
        clock = self._styled(clock, self._elapsed if is_last else self._remaining)
        rest = VALUE.sub(lambda value: self._styled(value[0], self._value), rest)
        if (width, halves) not in self._bars:
            self._bars[width, halves] = self._bar(width, halves)
        return f"{count} {self._bars[width, halves]}{clock}{rest}"

    def _bar(self, width, halves):
        if not width:
            return ""
        options = self._console.options.update(width=width)
        segments = self._console.render(self._new_bar(2 * width, halves, width), options)
        return "".join(self._styled(text, style) for text, style, _ in segments) + " "

    def _styled(self, text, style):
        return style.render(text, color_system=self._system)


def shorten(text, width):
    """Drop values (` - loss: 0.3012`) from the end of a line until it fits, if that is enough."""
    while len(text) > width and " - " in text:
        text = text.rpartition(" - ")[0]
    return text


def format_seconds(seconds):
    """`12s`, `2:05` or `1:02:05`."""
    seconds = int(seconds)
    if seconds > 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds > 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"


def format_step(seconds):
    """`2s/step`, `3ms/step` or `250us/step`."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


def format_logs(logs):
    """` - accuracy: 0.8912 - loss: 0.3012`; small values with an exponent."""
    return "".join(f" - {name}: {format_value(value)}" for name, value in logs.items())


def format_value(value):
    """A number of the logs, or the mean of an array; the text of anything else."""
    try:
        value = float(np.mean(value))
    except (TypeError, ValueError):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
