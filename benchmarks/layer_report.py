"""The tables of `benchmarks.layers`: a summary, and every row with the worst ratio first."""

import statistics

from benchmarks.layer_rows import KINDS, ROWS
from benchmarks.report import Samples, digits, table

TITLES = {"forward": "forward", "both": "forward and backward", "update": "update"}
SLOW = 0.8


def report(results, minima=False):
    """The results of a run as Markdown."""
    rows = [Measured(row, minima) for row in results["rows"]]
    compared = [row for row in rows if row.ratio is not None]
    counted = [row for row in compared if not row.is_view]
    sections = [results["origin"]]
    if counted:
        sections += ["### Time of the best peer over that of fastcnn", summary(counted)]
    ordered = sorted(compared, key=lambda row: row.ratio)
    ordered += [row for row in rows if row.ratio is None]
    unit = "minima" if minima else "medians"
    sections.append(f"### All rows, worst first (microseconds, {unit})")
    head = ["row", "size", "passes", *results["peers"], "best peer / fastcnn"]
    sections.append(table(head, [row.cells(results["peers"]) for row in ordered]))
    notes = [
        f"- {row.title}, {row.size}, {row.phase}: {peer}: {note}"
        for row in rows
        for peer, note in row.notes.items()
    ]
    if notes:
        sections += ["### Not timed", "\n".join(notes)]
    return "\n\n".join(sections)


class Measured:
    """A row of the results.

    Attributes:
        times: {peer: microseconds}.
        ratio: the time of the fastest peer over fastcnn's; None if one of them is missing.
    """

    def __init__(self, row, minima):
        self.title, self.kind, self.size = row["row"], row["kind"], row["size"]
        self.phase, self.notes = row["phase"], row["notes"]
        samples = {peer: Samples(ms) for peer, ms in row["ms"].items()}
        self.times = {
            peer: 1e3 * (each.best if minima else each.median) for peer, each in samples.items()
        }
        others = [time for peer, time in self.times.items() if peer != "fastcnn"]
        ours = self.times.get("fastcnn")
        self.ratio = min(others) / ours if ours and others else None

    @property
    def is_view(self):
        """Whether it is a view, whose ratio would distort a mean."""
        return self.title in ROWS and ROWS[self.title].view

    def cells(self, peers):
        times = (digits(self.times[peer]) if peer in self.times else "-" for peer in peers)
        ratio = "-" if self.ratio is None else f"**{self.ratio:.2f}**"
        return [self.title, self.size, TITLES[self.phase], *times, ratio]


def summary(rows):
    """Means and shares of the ratios by kind and passes; views are not counted."""
    groups = [
        (f"{kind}, {title}", [row for row in rows if (row.kind, row.phase) == (kind, phase)])
        for kind in KINDS
        for phase, title in TITLES.items()
    ]
    head = ["", "rows", "geometric mean", "worst", "at least 1.0", f"below {SLOW}"]
    body = []
    for name, group in [*groups, ("all", rows)]:
        if group:
            ratios = [row.ratio for row in group]
            won = sum(ratio >= 1 for ratio in ratios) / len(ratios)
            slow = sum(ratio < SLOW for ratio in ratios)
            mean = statistics.geometric_mean(ratios)
            cells = len(ratios), f"{mean:.2f}", f"{min(ratios):.2f}", f"{won:.0%}", slow
            body.append([name, *cells])
    return table(head, body)
