"""Result files of the benchmarks, and the tables in the documents that are made from them.

    python -m benchmarks.results            rewrites the tables in README.md and docs/
    python -m benchmarks.results FILE       prints one result file as Markdown

A result file (benchmarks/results/*.json) is what `--json` writes. Its `date`, `machine`, `peak`,
`versions` and `command` say where the figures come from; `tables` has the figures, `notes` what
else there is to say. A table has a `title`, `columns` [name, kind] and `rows`; KINDS says what a
cell holds.

In a page, what is between a comment `<!-- results NAME -->` and the next `<!-- end -->` is made
from benchmarks/results/NAME.json, `<!-- results NAME: TITLE; TITLE -->` from some of its tables.
`<!-- ratios NAME ... -->` makes a table of all ratios in these files, with the name of the machine
in `short` and the networks' names up to a comma or parenthesis. A test holds the pages to the
files.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from benchmarks import ROOT
from benchmarks.report import digits, heading, table

FOLDER = Path(__file__).with_name("results")
PAGES = ("README.md", "docs/speed.md", "docs/many_nets.md")
MARKED = re.compile(r"(<!-- (results|ratios) (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def interval(value, one=digits):
    """A number, or [median, 10th percentile, 90th percentile], as text."""
    if not isinstance(value, list):
        return one(value)
    middle, low, high = map(one, value)
    return f"{middle} ({low}-{high})"


KINDS = {
    "text": str,
    "count": "{:,.0f}".format,
    "time": interval,  # three significant digits
    "seconds": lambda value: interval(value, "{:.1f}".format),
    "ratio": "**{:.2f}**".format,  # the time of the best peer over that of fastcnn
    "times": "{:.2f}".format,
    "share": "{:.0%}".format,
    "rate": lambda value: f"{value[0]:.0f} ({value[1]:.0%})",  # GFLOP/s, share of the peak
    "accuracies": lambda values: " ".join(map("{:.4f}".format, values)),
    "losses": lambda values: " ".join(map("{:.3f}".format, values)),
}


def as_table(found):
    """A table of a result file as Markdown; a missing value is "-"."""
    names, kinds = zip(*found["columns"], strict=True)
    rows = [
        [
            "-" if value is None else KINDS[kind](value)
            for kind, value in zip(kinds, row, strict=True)
        ]
        for row in found["rows"]
    ]
    return table(names, rows)


def render(results, titles=None):
    """A result file as Markdown: its origin, its tables (or some of them) and its notes."""
    parts = [heading(results)]
    for found in results["tables"]:
        if not titles or found["title"] in titles:
            parts += [f"### {found['title']}", as_table(found)]
            parts += [found["note"]] if "note" in found else []
    if notes := results.get("notes"):
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts)


def ratios(files):
    """A table of the ratios of several files: a row per network, a column per table."""
    columns, rows = [], {}
    for results in files:
        for found in results["tables"]:
            title = found["title"].partition(" (")[0]
            kinds = [kind for _, kind in found["columns"]]
            if "ratio" not in kinds:
                continue
            index = kinds.index("ratio")
            columns += [title] if title not in columns else []
            for row in found["rows"]:
                key = results["short"], re.split(r",| \(", row[0])[0]
                rows.setdefault(key, {})[title] = row[index]
    body = [
        [name, machine, *(found.get(title) for title in columns)]
        for (machine, name), found in rows.items()
    ]
    head = [["network", "text"], ["machine", "text"], *([title, "ratio"] for title in columns)]
    return as_table({"columns": head, "rows": body})


def publish(results, options):
    """Print results, and write them to the files that `--markdown` and `--json` name."""
    text = render(results)
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text + "\n", encoding="utf-8")
    if options.json:
        save(results, options.json)


def load(name):
    """The content of benchmarks/results/NAME.json."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def save(results, path):
    """Write a result file, with each row of a table on a line."""
    lines = []

    def on_a_line(value):
        lines.append(json.dumps(value, ensure_ascii=False))
        return f"line {len(lines) - 1}"

    tables = [
        {**found, "columns": on_a_line(found["columns"]), "rows": [*map(on_a_line, found["rows"])]}
        for found in results["tables"]
    ]
    results = {**results, "tables": tables}
    if "samples" in results:
        samples = results["samples"].items()
        results["samples"] = {key: on_a_line(values) for key, values in samples}
    text = json.dumps(results, indent=1, ensure_ascii=False)
    text = re.sub(r'"line (\d+)"', lambda match: lines[int(match[1])], text)
    Path(path).write_text(text + "\n", encoding="utf-8")


def filled(text):
    """A page with its tables as the result files have them now."""

    def fill(match):
        begin, kind, given, end = match.groups()
        if kind == "ratios":
            body = ratios([load(name) for name in given.split()])
        else:
            name, _, titles = given.partition(":")
            body = render(load(name), [title.strip() for title in titles.split(";") if title])
        return f"{begin}\n{body}\n\n{end}"

    return MARKED.sub(fill, text)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", help="a result file to print")
    options = parser.parse_args(arguments)
    if options.file:
        print(render(json.loads(Path(options.file).read_text("utf-8"))))
        return
    for page in PAGES:
        path = ROOT / page
        before = path.read_text("utf-8")
        after = filled(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{page} rewritten", file=sys.stderr)


if __name__ == "__main__":
    main()
