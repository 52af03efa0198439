"""The progress bar of `fit`, `evaluate` and `predict`, as Keras draws it.

    1875/1875 ━━━━━━━━━━━━━━━━━━━━ 3s 2ms/step - accuracy: 0.8412 - loss: 0.4402

In a terminal it is redrawn at most every 0.05 s, and is no wider than the terminal: a wrapped line
could not be overwritten. On any other stream, and if TERM is "dumb", only its last state is
written, without colors. NO_COLOR in the environment turns colors off, and without a `sys.stdout`
the bar is silent. ms/step leaves out the first step, which allocates buffers, and the validation.
"""

import math
import os
import sys
import time

import numpy as np

INTERVAL = 0.05
WIDTH, MIN_WIDTH = 20, 5  # of the bar, in characters


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
        self._colored = self._live and not os.environ.get("NO_COLOR")
        self._line = "━" if can_encode(self._stream, "━") else "="
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
        filled = width * current // self.target if self.target else width
        filled, empty = self._line * filled, self._line * (width - filled)
        if self._colored and width:
            bold, green, gray, plain = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
            count, clock = f"{bold}{count}{plain}", f"{bold}{clock}{plain}"
            filled = f"{green}{filled}{plain}" if filled else ""
            empty = f"{gray}{empty}{plain}"
        bar = f"{filled}{empty} " if width else ""
        line = f"{count} {bar}{clock}{rest}"
        self._write(f"\r{line}{' ' * (self._written - length)}" if self._live else line)
        self._written = length

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()


def is_live(stream):
    """Whether a line written to `stream` can be overwritten: a terminal or a notebook."""
    if "ipykernel" in sys.modules and stream is sys.stdout:
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def terminal_width(stream):
    """The number of columns of a terminal, or infinity where it is unknown."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or math.inf
    except (AttributeError, OSError, ValueError):
        return math.inf


def shorten(text, width):
    """Drop values (` - loss: 0.3012`) from the end of a line until it fits, if that is enough."""
    while len(text) > width and " - " in text:
        text = text.rpartition(" - ")[0]
    return text


def can_encode(stream, text):
    """Whether `stream` can write `text`."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


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
    values = {name: float(np.mean(value)) for name, value in logs.items()}
    return "".join(
        f" - {name}: {value:.4f}" if abs(value) > 1e-3 else f" - {name}: {value:.4e}"
        for name, value in values.items()
    )
