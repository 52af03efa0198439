"""docs/make_records.py: the tables and the picture come from the files of results."""

import importlib.util
import json
import xml.etree.ElementTree as ET

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_records", DOCS / "make_records.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(recipe, seed, accuracy, seconds, **others):
    machine = {"processor": "P", "threads": "2", "instruction set": "avx2", "fastcnn": "1"}
    return {
        "recipe": recipe,
        "data": "fashion_mnist",
        "seed": seed,
        "settings": {"epochs": 5},
        "train": 60_000,
        "tested_on": "test",
        "machine": {**machine, "numpy": "2", "python": "3"},
        "accuracy": accuracy,
        "mirrored": accuracy + 0.003,
        "seconds": seconds,
        "tflop": 5.5,
        "gflops": 120.0,
        "stopped": False,
        **others,
    }


@pytest.fixture
def folder(tmp_path):
    runs = [
        run("good", 1, 0.94, 400.0),
        run("fast", 1, 0.92, 30.0),
        run("fast", 2, 0.93, 40.0),
        run("fast", 3, 0.1, 1.0, tested_on="held-out"),
        run("fast", 4, 0.1, 1.0, train=1000),
        run("fast", 5, 0.1, 1.0, stopped=True),
        run("fast", 6, 0.1, 1.0, data="cifar10"),
    ]
    peers = {
        "machine": {},
        "versions": {"torch": "2.1"},
        "command": "python -m benchmarks.recipes",
        "peak_gflops": 275.0,
        "seconds_per_epoch": {"fast/fastcnn": 7.0, "fast/recipe": 8.0, "fast/torch": 28.0},
    }
    (tmp_path / "records.json").write_text(json.dumps({"runs": runs}))
    (tmp_path / "records_peers.json").write_text(json.dumps(peers))
    (tmp_path / "records.md").write_text((DOCS / "records.md").read_text("utf-8"))
    return tmp_path


def test_tables_have_the_final_runs_only(script, folder):
    script.main(folder)
    text = (folder / "records.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith(("| fast |", "| good |"))]
    fast = (
        "| fast | 2 | 92.50% +- 0.71% | 92.80% +- 0.71% | 35.0 +- 7.1 | 5.5 | 120 | 92% in 30 s |"
    )
    assert rows[0] == fast
    assert rows[1] == "| good | 1 | 94.00% | 94.30% | 400.0 | 5.5 | 120 | 94% in 300 s |"
    assert rows[2] == "| fast | 7 | 28 | - | 8 | **4.00** |"
    assert "- fast: 0.9200 (seed 1), 0.9300 (seed 2)" in text
    assert "0.1000" not in text
    script.main(folder)  # again: nothing is added twice
    assert (folder / "records.md").read_text() == text


def test_picture_has_a_circle_for_each_point(script, folder):
    script.main(folder)
    root = ET.parse(folder / "records.svg").getroot()
    circles = root.findall(f"{SVG}circle")
    kinds = [circle.get("class") for circle in circles]
    assert [kinds.count(kind) for kind in ("ours", "peer", "bar")] == [2, 1, 3]
    at = {kind: [c for c in circles if c.get("class") == kind] for kind in kinds}
    assert float(at["peer"][0].get("cx")) > float(at["ours"][0].get("cx"))  # 140 s against 35 s
    assert at["peer"][0].get("cy") == at["ours"][0].get("cy")
    labels = [text.text for text in root.findall(f"{SVG}text")]
    assert {"fast", "good", "PyTorch, fast"} <= set(labels)


def test_committed_page_is_that_of_the_committed_results(script, tmp_path):
    names = ("records.md", "records.json", "records_peers.json", "records.svg")
    for name in names:
        if (DOCS / name).exists():
            (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    script.main(tmp_path)
    for name in ("records.md", "records.svg"):
        assert (tmp_path / name).read_bytes() == (DOCS / name).read_bytes(), name
