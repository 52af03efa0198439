"""`python -m benchmarks.layers`: its list is complete, and a small row runs without other peers."""

import json
import warnings

import numpy as np
import pytest

from benchmarks import layers, many_nets, nets, recipes
from benchmarks.layer_data import checksums, difference
from benchmarks.layer_report import report
from benchmarks.layer_rows import KINDS, ROWS, SIZES, missing
from benchmarks.peak import Peak
from benchmarks.peers.fastcnn_rows import prepare
from benchmarks.report import digits
from fastcnn.recipes.work import training_flop


def test_every_registered_name_has_a_row():
    assert missing() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_without_a_row_is_an_error(kind, monkeypatch):
    name = next(row.name for row in ROWS.values() if row.kind == kind)
    rest = {t: row for t, row in ROWS.items() if (row.kind, row.name) != (kind, name)}
    assert missing(rest) == [f"{kind}: {name}"]
    monkeypatch.setattr(layers, "missing", lambda: missing(rest))
    with pytest.raises(SystemExit, match=name):
        layers.measure(layers.parse(["--peers", "fastcnn"]))


@pytest.mark.parametrize("title", ROWS)
def test_every_row_computes_finite_results(title):
    row = ROWS[title]
    assert len(row.shapes) == len(SIZES)
    for phase in row.passes:
        call, results = prepare(row, "small", phase)
        call()
        assert all(np.isfinite(array).all() for array in results())


def test_a_row_is_measured_and_reported(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(layers, "fma_peak", lambda *_, **options: Peak(1e9, "not measured"))
    file, page = tmp_path / "new" / "layers.json", tmp_path / "layers.md"
    given = "--only Dense --peers fastcnn --sizes small --rounds 1 --seconds 0.001 --threads 1"
    layers.main([*given.split(), "--json", str(file), "--markdown", str(page)])
    results = json.loads(file.read_text())
    assert [row["row"] for row in results["rows"]] == ["Dense"] * 2 + ["Dense, relu"] * 2
    assert all(row["ms"]["fastcnn"] and not row["notes"] for row in results["rows"])
    assert "| Dense, relu " in page.read_text()
    assert capsys.readouterr().err.count("Dense, relu") == 2
    layers.main(["--read", str(file)])
    assert capsys.readouterr().out == page.read_text()


def test_the_table_has_the_worst_ratio_first():
    def row(title, ours, theirs):
        ms = {"fastcnn": [ours], "torch": [theirs]} if theirs else {"fastcnn": [ours]}
        found = {"row": title, "kind": "layers", "size": "small", "phase": "both"}
        return found | {"ms": ms, "methods": {}, "notes": {}}

    rows = [row("Dense", 1.0, 2.0), row("Dot", 1.0, None), row("ELU", 2.0, 1.0)]
    text = report({"date": "", "origin": "", "peers": ["fastcnn", "torch"], "rows": rows})
    titles = [line.split()[1] for line in text.splitlines() if " small " in line]
    assert titles == ["ELU", "Dense", "Dot"]
    assert "| all " in text


def test_checksums_detect_misplaced_and_scaled_values():
    array = np.random.default_rng(0).random((300, 300), np.float32)
    assert difference(checksums([array]), checksums([array])) == 0
    for wrong in (array.T, array[::-1], 1.001 * array, array + np.nan):
        assert difference(checksums([array]), checksums([wrong])) > layers.TOLERANCE


@pytest.mark.parametrize("minima", [[], ["--minima"]])
def test_speed_of_two_nets(minima, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(many_nets, "fma_peak", lambda *_, **options: Peak(1e9, "not measured"))
    page = tmp_path / "many.md"
    given = f"--only speed --nets dnn --rounds 2 --seconds 0.01 --markdown {page}".split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        many_nets.main([*given, *minima])
    text = capsys.readouterr().out
    assert page.read_text() == text
    (row,) = (line.split("|")[2:-1] for line in text.splitlines() if "tutorial's DNN" in line)
    assert len(row) == 4
    assert all(float(cell.split()[0]) > 0 for cell in row)
    assert all(("(" in cell) == (not minima) for cell in row)


def test_memory_of_nets(capsys, monkeypatch):
    """Nets in one process share the data; a package that is missing is left out."""
    monkeypatch.setattr(many_nets, "fma_peak", lambda *_, **options: Peak(1e9, "not measured"))
    monkeypatch.setattr(many_nets, "MEMORY_STEPS", 1)
    given = ["--only", "memory", "--count", "2", "--images", "20000"]
    many_nets.main([*given, "--peer-python", "/nowhere/python"])
    printed = capsys.readouterr()
    assert "Keras, 2 processes: absent" in printed.err
    rows = [line.split("|")[2] for line in printed.out.splitlines() if "| fastcnn, 2" in line]
    one, two = (float(cell.replace(",", "")) for cell in rows)
    assert two > one + 20000 * 28 * 28 * 4 / 1e6 > 2 * 20000 * 28 * 28 * 4 / 1e6


def test_nets_of_the_recipes_have_their_widths():
    x = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    for name, recipe in recipes.recipes.RECIPES.items():
        assert nets.WIDTHS[name] == recipe.widths
        net = nets.RECIPES[f"recipe-{name}"]
        model = recipes.recipes.build(recipe, x)
        trained = sum(weight.size for weight in model.trainable_weights if weight.ndim > 1)
        kernels = sum(np.prod(shape) for role, shape in net.weight_shapes() if role == "kernel")
        assert trained == kernels
        assert net.flops(1, training=True) == training_flop(model) - first_layer_flop(model)


def first_layer_flop(model):
    """That of the layer which is not trained."""
    return 2 * 27 * 27 * model.get_layer("whitening").kernel.size


def test_epochs_of_recipes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(recipes, "fma_peak", lambda *_, **options: Peak(1e9, "not measured"))
    monkeypatch.setattr(recipes, "STEPS", 1)
    path = tmp_path / "peers.json"
    given = f"--nets fast --peers fastcnn --rounds 1 --seconds 0.01 --threads 1 --json {path}"
    recipes.main(given.split())
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "fast (16" in line)
    written = json.loads(path.read_text())
    assert set(written["seconds_per_epoch"]) == {"fast/fastcnn", "fast/recipe"}
    assert all(0 < value < 1e4 for value in written["seconds_per_epoch"].values())
    seconds, _, recipe, _ = (cell.strip() for cell in row.split("|")[2:-1])
    assert seconds == digits(written["seconds_per_epoch"]["fast/fastcnn"])
    assert recipe == digits(written["seconds_per_epoch"]["fast/recipe"])
    assert str(tmp_path) not in path.read_text()
