"""Formatting results as Markdown: medians with their spread, ratios, and the conditions."""

import math
import os
import shlex
import statistics
import sys
import time
from dataclasses import dataclass, field

from benchmarks.peak import cpu_count, cpu_name


@dataclass
class Samples:
    """Milliseconds per step or call of one peer on one task, from all rounds."""

    ms: list = field(default_factory=list)
    methods: set = field(default_factory=set)

    def add(self, answer):
        self.ms += answer["ms"]
        self.methods.add(answer.get("method", ""))

    @property
    def median(self):
        return statistics.median(self.ms)

    @property
    def spread(self):
        """The 10th and 90th percentile."""
        if len(self.ms) < 2:
            return self.ms[0], self.ms[0]
        tenths = statistics.quantiles(self.ms, n=10, method="inclusive")
        return tenths[0], tenths[-1]

    @property
    def best(self):
        return min(self.ms)

    def interval(self, scale=1.0):
        """[median, 10th percentile, 90th percentile], times `scale`."""
        return [scale * value for value in (self.median, *self.spread)]

    def text(self, scale=1.0):
        """Median (10th to 90th percentile), times `scale`."""
        middle, low, high = map(digits, self.interval(scale))
        return f"{middle} ({low}-{high})"


def digits(value, count=3):
    """`value` with `count` significant digits, without an exponent."""
    if value == 0:
        return "0"
    before = math.floor(math.log10(abs(value))) + 1  # digits before the point; <= 0 below 1
    return f"{value:.{max(count - before, 0)}f}"


def table(head, rows):
    """A Markdown table; the first column is left-aligned, the others are right-aligned."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = (
            str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("| " + " | ".join(cells) + " |")
        if row is head:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            lines.append("| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def conditions(module, versions, threads, peaks, isa=None):
    """Where the figures of a measurement come from, as a dictionary: the head of a result file."""
    words = [shlex.quote(word) for word in public_arguments(sys.argv[1:])]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    low, high = min(peaks, key=lambda p: p.flops), max(peaks, key=lambda p: p.flops)
    peak = str(high)
    if high.flops > 1.03 * low.flops:
        peak = f"{low.flops / 1e9:.0f} to {peak}"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{cpu_name()}, {cpu_count()} processors, {threads} "
        f"thread{'s' * (threads > 1)} used" + (f", limited to {isa}" if isa else ""),
        "peak": f"{peak}; load average at the end: {load}",
        "versions": versions | {"Python": sys.version.split()[0]},
        "command": " ".join(["python -m", module, *words]),
    }


def heading(results):
    """Those conditions as a list in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return "\n".join(
        (
            f"- Date: {results['date']}",
            f"- Machine: {results['machine']}",
            f"- Measured peak: {results['peak']}",
            f"- Versions: {versions}",
            f"- Command: `{results['command']}`",
        )
    )


def origin(module, versions, threads, peaks, isa=None):
    """The conditions of a measurement, as Markdown."""
    return heading(conditions(module, versions, threads, peaks, isa))


def public_arguments(words):
    """The command's arguments without paths of this machine."""
    skip, kept = False, []
    for word in words:
        if word in ("--peer-python", "--markdown", "--json"):
            skip = True
        elif skip or word.startswith(("--peer-python=", "--markdown=", "--json=")):
            skip = False
        else:
            kept.append(word)
    return kept
