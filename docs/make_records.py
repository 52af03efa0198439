"""Write docs/records.svg, and the tables of docs/records.md, from the files of results.

    python docs/make_records.py

docs/records.json is what `python -m fastcnn.fashion --recipe ... --results docs/records.json` adds
runs to, docs/records_peers.json what `python -m benchmarks.recipes --json` writes. A point of a
peer is extrapolated: the accuracy of the recipe, at the seconds of its epochs in that framework.
What has not been measured yet is left out.
"""

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fastcnn.recipes.runs import mean_and_deviation, read

DOCS = Path(__file__).parent
NAMES = ("fast", "good", "best")
PEERS = {"torch": "PyTorch", "keras": "Keras"}
BARS = {"fast": (0.92, 15), "good": (0.94, 150), "best": (0.95, 1200)}  # on a CPU of BAR_PEAK
BAR_PEAK = 550  # GFLOP/s
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 60, 20, 20, 50
STYLE = """
text { font: 13px sans-serif; fill: #333 } .grid { stroke: #ddd } .axis { stroke: #888 }
.ours { fill: #0a6cbd; stroke: #0a6cbd } .peer { fill: none; stroke: #c2571a; stroke-width: 2 }
.bar { fill: none; stroke: #3a8a3a; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .grid { stroke: #444 } .ours { fill: #5ab0f0; stroke: #5ab0f0 }
  .peer { stroke: #f0935a } .bar { stroke: #7ac77a } }
"""


def final_runs(path: Path) -> dict[str, list[dict]]:
    """{recipe: complete runs on all training images, tested on the test images}"""
    found: dict[str, list[dict]] = {}
    for run in read(path):
        is_final = run["tested_on"] == "test" and run["train"] == 60_000 and not run["stopped"]
        if is_final and run["data"] == "fashion_mnist":
            found.setdefault(run["recipe"], []).append(run)
    return {name: found[name] for name in NAMES if name in found}


def results_table(runs: dict[str, list[dict]], peers: dict) -> str:
    """The table of the recipes: accuracy and seconds, mean and deviation over the seeds."""
    if not runs:
        return "No run has been recorded yet.\n"
    scale = BAR_PEAK / peers["peak_gflops"] if peers else None
    lines = [
        "| recipe | seeds | accuracy | with the mirror image | seconds | TFLOP | GFLOP/s "
        "| bar, here |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, of_recipe in runs.items():
        cells = [name, str(len(of_recipe))]
        for key, form in (("accuracy", "{:.2%}"), ("mirrored", "{:.2%}"), ("seconds", "{:.1f}")):
            mean, deviation = mean_and_deviation([run[key] for run in of_recipe])
            spread = "" if math.isnan(deviation) else f" +- {form.format(deviation)}"
            cells.append(form.format(mean) + spread)
        for key in ("tflop", "gflops"):
            cells.append(f"{mean_and_deviation([run[key] for run in of_recipe])[0]:.3g}")
        accuracy, seconds = BARS[name]
        cells.append(f"{accuracy:.0%} in {seconds * scale:.0f} s" if scale else "-")
        lines.append(f"| {' | '.join(cells)} |")
    machine = next(iter(runs.values()))[0]["machine"]
    peak = f", FMA peak {peers['peak_gflops']} GFLOP/s" if peers else ""
    every = []
    for name, of_recipe in runs.items():
        values = [f"{run['accuracy']:.4f} (seed {run['seed']})" for run in of_recipe]
        every.append(f"- {name}: {', '.join(values)}")
    return "\n".join(
        [
            *lines,
            "",
            f"{machine['processor']}, {machine['threads']} threads, {machine['instruction set']}"
            f"{peak}; fastcnn {machine['fastcnn']}, NumPy {machine['numpy']}, Python "
            f"{machine['python']}. Every run:",
            "",
            *every,
            "",
        ]
    )


def points(runs: dict[str, list[dict]], peers: dict) -> list[tuple[str, str, float, float]]:
    """[(class in the drawing, label, seconds, accuracy)]"""
    found = []
    for name, of_recipe in runs.items():
        accuracy = mean_and_deviation([run["accuracy"] for run in of_recipe])[0]
        seconds = mean_and_deviation([run["seconds"] for run in of_recipe])[0]
        found.append(("ours", name, seconds, accuracy))
        epochs = of_recipe[0]["settings"]["epochs"]
        for peer, title in PEERS.items():
            epoch = peers.get("seconds_per_epoch", {}).get(f"{name}/{peer}")
            if epoch:
                found.append(("peer", f"{title}, {name}", epoch * epochs, accuracy))
    if peers:
        scale = BAR_PEAK / peers["peak_gflops"]
        found += [("bar", "", seconds * scale, accuracy) for accuracy, seconds in BARS.values()]
    return found


def drawing(found: list[tuple[str, str, float, float]]) -> str:
    """Accuracy against seconds, logarithmic, as SVG."""
    shown = [math.log10(seconds) for _, _, seconds, _ in found] or [1, 3]
    first, last = math.floor(min(shown)), math.ceil(max(shown))
    lowest = min([0.9, *(accuracy for *_, accuracy in found)])
    highest = max([0.955, *(accuracy for *_, accuracy in found)])

    def x(seconds):
        return LEFT + (math.log10(seconds) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(accuracy):
        part = (accuracy - lowest) / (highest - lowest)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    parts = []
    for power in range(first, last + 1):
        at = x(10**power)
        parts.append(f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**power:g}'
            "</text>"
        )
    for percent in range(math.ceil(100 * lowest), math.floor(100 * highest) + 1):
        at = y(percent / 100)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{percent} %</text>')
    for kind, label, seconds, accuracy in found:
        at = f'cx="{x(seconds):.1f}" cy="{y(accuracy):.1f}"'
        parts.append(f'<circle class="{kind}" {at} r="{9 if kind == "bar" else 5}"/>')
        if label:
            parts.append(
                f'<text x="{x(seconds) + 8:.1f}" y="{y(accuracy) - 8:.1f}">{escape(label)}</text>'
            )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">seconds of '
        "training (dashed: the bars, scaled to this machine)</text>"
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Test accuracy on Fashion-MNIST against seconds of training">\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def peers_table(peers: dict) -> str:
    """Seconds per epoch of the frameworks."""
    if not peers:
        return "Not measured yet.\n"
    seconds = peers["seconds_per_epoch"]
    columns = ("fastcnn", *PEERS, "recipe")
    lines = [
        "| net | fastcnn | PyTorch | Keras | the recipe as it is | best other / fastcnn |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in NAMES:
        row = [seconds.get(f"{name}/{column}") for column in columns]
        if any(row):
            others = [value for value in row[1:3] if value]
            ratio = f"**{min(others) / row[0]:.2f}**" if row[0] and others else "-"
            cells = [f"{value:.3g}" if value else "-" for value in row]
            lines.append(f"| {' | '.join([name, *cells, ratio])} |")
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items())
    return "\n".join([*lines, "", f"`{peers['command']}`; {versions}.", ""])


def replaced(text: str, name: str, content: str) -> str:
    """`text` with new content between the marks of `name`."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}{content}{end}{rest.split(end, 1)[1]}"


def main(docs: Path = DOCS) -> None:
    runs = final_runs(docs / "records.json")
    path = docs / "records_peers.json"
    peers = json.loads(path.read_text("utf-8")) if path.exists() else {}
    page = docs / "records.md"
    text = replaced(page.read_text("utf-8"), "results", results_table(runs, peers))
    page.write_text(replaced(text, "peers", peers_table(peers)), "utf-8")
    (docs / "records.svg").write_text(drawing(points(runs, peers)), "utf-8")


if __name__ == "__main__":
    main()
