"""The documentation: generated pages are up to date, and what it shows works as printed."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.support import page_commands, pages
from tests.support.paths import ROOT, SOURCES

DOCS = ROOT / "docs"
OWN_TEST = {"docs/many_nets.md", "docs/distributed.md", "docs/graphs.md"}
TEXTS = {page: (ROOT / page).read_text("utf-8") for page in pages.PAGES}
BLOCKS = {page: pages.blocks(text) for page, text in TEXTS.items()}


def script(name):
    """A script in docs/ as a module."""
    spec = importlib.util.spec_from_file_location("script", DOCS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_page(maker, name):
    """Check that a generated page is what its script writes now."""
    assert script(maker).page() == (DOCS / name).read_text("utf-8"), f"run `python docs/{maker}`"


def test_keras_table_is_up_to_date():
    pytest.importorskip("sklearn")  # otherwise the table would lack `wrappers`
    check_page("make_keras_table.py", "keras.md")


def test_table_of_operations_is_up_to_date():
    check_page("make_ops_table.py", "ops.md")


def test_figures_are_up_to_date(tmp_path):
    """Their texts, which are the figures of the result files; lines depend on matplotlib."""
    pytest.importorskip("matplotlib")
    script("make_figures.py").write(tmp_path)
    folder = DOCS / "figures"
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in folder.iterdir()}
    for path in tmp_path.iterdir():
        new, old = (
            re.findall(r"<text.*?>(.*?)</text>", (where / path.name).read_text("utf-8"), re.DOTALL)
            for where in (tmp_path, folder)
        )
        assert old == new, "run `python docs/make_figures.py`"
        assert old
        assert path.stat().st_size < 25_000
    numbers = sum(work[1] for work in script("make_figures.py").work()) / 1e6
    assert f"has {numbers:.1f} MFLOP" in TEXTS["docs/fast.md"]


def test_no_figure_is_unused():
    shown = set(re.findall(r"figures/(\w+\.svg)", "".join(TEXTS.values())))
    assert shown == {path.name for path in (DOCS / "figures").iterdir()}


# What pages show


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_says_its_language(page):
    languages = {block.language for block in BLOCKS[page]}
    assert languages <= pages.LANGUAGES, f"a block is one of {pages.LANGUAGES}"
    outside = pages.FENCE.sub("", TEXTS[page])
    indented = re.findall(r"^(?![ ]*[-*0-9]).*\n\n {4,}\S.*$", outside, re.MULTILINE)
    assert not indented, "code that is only indented is not tested"


@pytest.mark.parametrize(
    "page",
    [
        page
        for page, blocks in BLOCKS.items()
        if page not in OWN_TEST and any(block.language == "python" for block in blocks)
    ],
)
def test_examples_run_and_print_what_the_page_says(page, tmp_path):
    assert pages.run(page, tmp_path) == ""


@pytest.mark.parametrize(
    ("page", "command"),
    [
        (page, command)
        for page, blocks in BLOCKS.items()
        for block in blocks
        if block.language == "sh"
        for command in page_commands.commands(block.code)
    ],
)
def test_commands_exist_with_their_options(page, command):
    assert page_commands.fault(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        "python -m fastcnn.fashion --epoch-count 3",
        "python -m benchmarks.speed",
        "python -m benchmarks.compare --fast",
        "pip install 'fastcnn[pictures]'",
        "FASTCNN_SET=avx2 pytest",
        "pytest tests/package/test_documents.py",
        "tools/measure.sh",
        "python -c 'import fastcnn.nothing'",
    ],
)
def test_wrong_commands_are_noticed(command):
    assert page_commands.fault(command)


def test_links_between_documents_lead_somewhere():
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert ((SOURCES / page).parent / target).exists(), f"{page}: {target}"


# Examples with more to check


def test_examples_of_graphs_run(capsys):
    names = {}
    for block in BLOCKS["docs/graphs.md"]:
        exec(compile(block.code, "docs/graphs.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "['label_accuracy', 'label_loss', 'loss', 'size_loss']"
    assert printed[0] == "(1, 32, 32, 16)"
    assert names["saliency"].shape == (4, 32, 32)
    assert names["heatmap"].shape == (4, 32, 32)
    assert 0 < np.abs(names["adversarial"] - names["x"]).max() <= 0.0101


def many_nets():
    """The module that the examples of docs/many_nets.md use, and the examples."""
    blocks = BLOCKS["docs/many_nets.md"]
    return [block.code for block in blocks if block.language == "python"]


@pytest.mark.parametrize("index", range(1, 6))
def test_examples_of_many_nets_run(index, tmp_path):
    """Each is a script of its own, beside the module; it prints whether the bits are the same."""
    module, *examples = many_nets()
    assert len(examples) == 5
    example = examples[index - 1]
    for name in ("joblib", "optuna", "sklearn"):
        if name in example:
            pytest.importorskip(name)
    (tmp_path / "nets.py").write_text(module, encoding="utf-8")
    (tmp_path / "script.py").write_text(example, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=variables, timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "True\n", done.stderr
