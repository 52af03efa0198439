"""The page: what is on it, in which order, and how it is written."""

from __future__ import annotations

import os
import time
from html import escape
from typing import TYPE_CHECKING

import matplotlib

from fastcnn.core.version import __version__
from fastcnn.report import tables
from fastcnn.report.chapter import Chapter
from fastcnn.report.figures import style
from fastcnn.report.style import CSS
from fastcnn.saving.atomic import atomic_write
from fastcnn.utils.system import config_rows, processor_name

if TYPE_CHECKING:
    from fastcnn.core.types import Path
    from fastcnn.report.training import Report

FILE = "index.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # nothing is fetched
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="fastcnn {version}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
<header>
<h1>{title}</h1>
{lead}
<nav aria-label="Contents"><ul>
{contents}
</ul></nav>
</header>
<main id="content">
{body}
</main>
<footer>Written by fastcnn {version} on {date}.</footer>
</body>
</html>
"""


def write(folder: Path, report: Report) -> str:
    """Write the page to `folder`/index.html, completely or not at all, and return its path.

    Raises:
        OSError: it could not be written; an older page is unchanged.
    """
    page = render(report)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, FILE)
    with atomic_write(path) as file:
        file.write(page.encode("utf-8"))
    return path


def render(report: Report) -> str:
    """The page as text."""
    is_single = len(report.trainings) == 1
    sections = []
    if not is_single:
        sections.append(("comparison", "Comparison", tables.comparison(report.trainings)))
    with style():
        for number, training in enumerate(report.trainings):
            chapter = Chapter(report, training, number, level=2 if is_single else 3)
            if is_single:
                sections += chapter.sections()
            else:
                html = "\n".join(_section(*one, chapter.level) for one in chapter.sections())
                sections.append((chapter.key, training.title, html))
    sections.append(("run", "This run", _facts(report)))
    contents = "\n".join(
        f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title, _ in sections
    )
    body = "\n".join(_section(*section) for section in sections)
    lead = "\n".join(_lead(training, report) for training in report.trainings)
    return PAGE.format(
        policy=POLICY,
        version=escape(__version__),
        title=escape(report.title),
        css=CSS,
        lead=lead,
        contents=contents,
        body=body,
        date=_today(),
    )


def _section(key, title, html, level=2):
    return (
        f'<section aria-labelledby="{key}">\n<h{level} id="{key}">{escape(title)}</h{level}>\n'
        f"{html}\n</section>"
    )


def _today():
    return time.strftime("%Y-%m-%d %H:%M %Z")


def _lead(training, report):
    """A sentence with the results of a model."""
    right, total = round(training.accuracy * len(report.y)), len(report.y)
    epochs = len(training.timer.seconds)
    after = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    stopped = " The training was stopped by Ctrl-C." if training.stopped else ""
    return (
        f'<p class="lead">The {escape(training.title.lower())} recognizes {right:,} of {total:,} '
        f"test images after {after} on {report.train_size:,} others.{stopped}</p>"
    )


def _facts(report):
    """How to repeat the run, and what it ran on."""
    rows = [("command", f"<code>{escape(report.command)}</code>")]
    rows += [(name, escape(str(value))) for name, value in report.settings]
    rows.append(("processor", escape(f"{processor_name()}, {os.cpu_count()} cores")))
    rows += [(name, escape(str(value))) for name, value in config_rows()]
    rows.append(("matplotlib", escape(matplotlib.__version__)))
    return tables.pairs(rows, "facts")
