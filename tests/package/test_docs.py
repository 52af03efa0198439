"""The documentation: generated pages are up to date, and what it shows works as printed."""

import functools
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from tests.support import pages
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
OWN_TEST = {"docs/many_nets.md", "docs/distributed.md", "docs/graphs.md"}
TEXTS = {page: (ROOT / page).read_text("utf-8") for page in pages.PAGES}
BLOCKS = {page: pages.blocks(text) for page, text in TEXTS.items()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def check_page(maker, name):
    """Check that a generated page is what its script writes now."""
    spec = importlib.util.spec_from_file_location("maker", DOCS / maker)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == (DOCS / name).read_text("utf-8"), f"run `python docs/{maker}`"


def test_keras_table_is_up_to_date():
    pytest.importorskip("sklearn")  # otherwise the table would lack `wrappers`
    check_page("make_keras_table.py", "keras.md")


def test_table_of_operations_is_up_to_date():
    check_page("make_ops_table.py", "ops.md")


# What pages show


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_says_its_language(page):
    languages = {block.language for block in BLOCKS[page]}
    assert languages <= pages.LANGUAGES
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


@functools.cache
def options_of(module):
    """The text in which the options of `python -m module` are found."""
    if module.startswith("fastcnn."):
        command = [sys.executable, "-m", module, "--help"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    path = ROOT / module.replace(".", "/")
    path = path if path.is_dir() else path.with_suffix(".py")
    sources = [path] if path.is_file() else sorted(path.glob("*.py"))
    return "".join(source.read_text("utf-8") for source in sources)


def commands():
    """(page, command) of each line in a block of shell commands."""
    for page, blocks in BLOCKS.items():
        for block in blocks:
            if block.language == "sh":
                code = block.code.replace("\\\n", " ")
                for line in code.splitlines():
                    line = line.partition(" #")[0].strip()
                    for command in re.split(r" && | \| ", line):
                        if command and not command.startswith("#"):
                            yield page, command


# programs that are not of this package, and how the pages call them
OTHERS = {"apt-get", "aws", "cd", "cp", "curl", "docker", "export", "git", "gunicorn", "nproc"}
OTHERS |= {"qemu-aarch64", "sam", "scp", "srun", "ssh", "sudo", "unzip", "zip", "ulimit"}


@pytest.mark.parametrize(("page", "command"), list(commands()))
def test_commands_exist_with_their_options(page, command):
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables of the environment
        name = words.pop(0).partition("=")[0]
        if name.startswith("FASTCNN_"):
            sources = [ROOT / "setup.py", *(ROOT / "fastcnn").rglob("*.py")]
            assert any(name in path.read_text("utf-8") for path in sources), name
        if not words:
            return
    if words[0] in ("mpiexec", "sudo"):
        words = words[next(i for i, word in enumerate(words) if word in ("python", "apt-get")) :]
    if words[0] in OTHERS or words[0] == "." or words[:3] == ["python", "-m", "venv"]:
        return
    if words[:2] in (["pip", "install"], ["pip", "download"]):
        for extras in re.findall(r"^(?:\.|fastcnn)\[(.*?)\]", " ".join(words[2:])):
            assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"]), extras
        return
    if words[0] == "pytest":
        paths = [word for word in words[1:] if word.startswith("tests/")]
        assert all((ROOT / path).exists() for path in paths), paths
        return
    if words[0] == "mkdocs" or words[:2] == ["python", "setup.py"]:
        return
    if words[:2] == ["python", "-m"]:
        module, arguments = words[2], words[3:]
        if module == "fastcnn":
            return
        assert importlib.util.find_spec(module), module
        known = options_of(module)
    else:
        program = words[1] if words[0] == "python" else words[0]
        if program in ("script.py", "app.py"):  # the reader's
            return
        assert (ROOT / program).is_file(), f"{page}: {program}"
        arguments, known = words[1:], (ROOT / program).read_text("utf-8")
    for word in arguments:
        if word.startswith("--"):
            assert re.search(rf"{re.escape(word.partition('=')[0])}\b", known), f"{page}: {word}"


def test_links_between_documents_lead_somewhere():
    """Those that are not pages of the site as well, which its build checks."""
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


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
