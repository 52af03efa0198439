"""Result files of the benchmarks: they say where they come from, and the documents show them."""

import json
import re

import pytest

from benchmarks import compare, grid, results
from benchmarks.peak import Peak
from benchmarks.report import Samples
from tests.support.paths import ROOT

FILES = sorted(results.FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_result_file_says_where_its_figures_come_from(path):
    found = json.loads(path.read_text("utf-8"))
    for name in ("date", "machine", "peak", "versions", "command", "tables"):
        assert found[name], name
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found["date"])
    assert found["command"].startswith("python -m benchmarks.")
    assert "fastcnn" in found["versions"]
    for each in found["tables"]:
        assert {len(row) for row in each["rows"]} == {len(each["columns"])}
        assert {kind for _, kind in each["columns"]} <= set(results.KINDS)


def test_every_result_file_is_shown():
    text = "".join((ROOT / page).read_text("utf-8") for page in results.PAGES)
    named = {match[3].partition(":")[0] for match in results.MARKED.finditer(text)}
    assert {path.stem for path in FILES} <= {word for names in named for word in names.split()}


@pytest.mark.parametrize("page", results.PAGES)
def test_pages_show_what_the_result_files_hold(page):
    text = (ROOT / page).read_text("utf-8")
    assert results.filled(text) == text, "run `python -m benchmarks.results`"


def test_only_the_named_tables_are_shown():
    file = results.load("networks-zen4")
    title = file["tables"][1]["title"]
    shown = results.render(file, [title])
    assert [line for line in shown.splitlines() if line.startswith("###")] == [f"### {title}"]
    assert "- Command: `python -m benchmarks.compare" in shown


def test_ratios_are_joined_by_network():
    columns = [["network", "text"], ["fastcnn", "time"], ["best peer / fastcnn", "ratio"]]
    tables = [
        {"title": "Training (ms)", "columns": columns, "rows": [["a", 1, 2.0], ["b", 2, None]]},
        {"title": "Prediction (us)", "columns": columns, "rows": [["a", 1, 0.5]]},
    ]
    lines = results.ratios([{"short": "here", "tables": tables}]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["network", "machine", "Training", "Prediction"]
    assert cells[2:] == [["a", "here", "**2.00**", "**0.50**"], ["b", "here", "-", "-"]]


def test_a_comparison_writes_a_file_that_renders_as_what_it_prints(tmp_path, capsys, monkeypatch):
    for module in (compare, compare.script):
        monkeypatch.setattr(module, "fma_peak", lambda *_, **options: Peak(1e9, "not measured"))
    monkeypatch.setattr(compare, "save_images", lambda folder: None)
    file = tmp_path / "results.json"
    given = ["compare", "--nets", "dnn", "--peers", "fastcnn", "--only", "predict", "--rounds", "1"]
    given += ["--seconds", "0.001", "--threads", "1", "--json", str(file)]
    monkeypatch.setattr("sys.argv", given)
    compare.main()
    printed = capsys.readouterr().out
    found = json.loads(file.read_text("utf-8"))
    assert found["command"] == "python -m benchmarks.compare " + " ".join(given[1:-2])
    assert results.render(found) + "\n" == printed
    ((title, times, ratio, *_),) = found["tables"][0]["rows"]
    assert title == "the tutorial's DNN"
    assert len(times) == 3
    assert ratio is None
    assert list(found["samples"]) == ["predict/dnn/fastcnn"]
    results.main([str(file)])
    assert capsys.readouterr().out == printed


def test_a_grid_is_reported_with_its_worst_case_first():
    cases = list(grid.cases(3, seed=0))
    times = zip(cases, (1.0, 2.0, 4.0), (4.0, 1.0, 4.0), strict=True)
    found = [(case, Samples([ours]), Samples([theirs])) for case, ours, theirs in times]
    (sentence,), tables = grid.report(found, peak=1e12)
    assert "as fast as PyTorch on 66.7% of 3 layers" in sentence
    assert [row[3] for row in tables[0]["rows"]] == [0.5, 1.0, 4.0]
    assert tables[0]["rows"][0][0] == grid.name(cases[1])
    assert "| 0.50 |" in re.sub(" +", " ", results.as_table(tables[0]))
