"""What is written in two files of the repository is the same in both."""

import re
import tomllib

import pytest

import fastcnn
from tests.support import page_commands
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_package_is_of_this_version():
    assert fastcnn.__version__ == PROJECT["version"]


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {PROJECT['version']}\n" in text
    assert f"\nlicense: {PROJECT['license']}\n" in text


def test_the_changelog_has_this_version():
    assert f"\n## [{PROJECT['version']}] - " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_pre_commit_runs_the_linters_of_the_lint_extra():
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    lists = re.findall(r"additional_dependencies: \[(.*)\]", text)
    pinned = re.findall(r'"(.*?)"', " ".join(lists))
    linters = PROJECT["optional-dependencies"]["lint"]
    assert set(linters) <= set(pinned) <= {*linters, *PROJECT["dependencies"]}


def workflow_commands():
    """The commands of one line in the workflows."""
    texts = [path.read_text("utf-8") for path in sorted((ROOT / ".github/workflows").glob("*.yml"))]
    return sorted(set(re.findall(r"^ +-? ?run: ([^|\n]+)$", "".join(texts), re.MULTILINE)))


@pytest.mark.parametrize("command", workflow_commands())
def test_workflows_run_commands_that_exist(command):
    assert page_commands.fault(command) == ""


def test_every_linter_runs_in_ci():
    script = (ROOT / "tools/lint.sh").read_text("utf-8")
    for linter in PROJECT["optional-dependencies"]["lint"]:
        name = re.match(r"[\w-]+", linter)[0]
        assert name in script or name in (ROOT / "tools/typecheck.sh").read_text("utf-8")
    assert "\ntools/lint.sh\n" in (ROOT / ".ci/run").read_text("utf-8")
