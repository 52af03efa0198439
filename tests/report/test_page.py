"""The report of `python -m fastcnn.fashion`: its numbers, structure, and how it is written."""

import re
import sys
from itertools import pairwise

import numpy as np
import pytest

from fastcnn import fashion

pytest.importorskip("matplotlib")

from fastcnn.report import page as page_module
from fastcnn.report.chapter import Chapter
from fastcnn.report.style import CSS
from fastcnn.report.training import EpochTimer
from tests.report.conftest import EPOCHS, LIMIT, run_program

MODELS = [("model0", "cnn"), ("model1", "dnn")]


def results(page, key):
    """{name: value} of the large numbers."""
    (found,) = page.section(f"{key}-training").find("dl", class_="results")
    return {row.find("dt")[0].text: row.values[0] for row in found.find("div")}


# --------------------------------------------------------------------------------------- numbers


@pytest.fixture
def only_numbers(monkeypatch):
    """Leave out the pictures, which take most of the time."""
    for name in ("_pictures", "_inside"):
        monkeypatch.setattr(Chapter, name, lambda self: "")


@pytest.mark.parametrize(("key", "name"), MODELS)
def test_numbers_are_those_of_the_run(run, test_images, key, name):
    x, y = test_images
    model, index = run.models[name], int(key[-1])
    assert run.code == 0
    shown = results(run.page, key)
    loss, accuracy = run.results[index]
    assert [shown["test loss"], shown["test accuracy"]] == [loss, accuracy]
    assert shown["weights"] == model.count_params()
    assert f"{accuracy:.4f}" in run.page.section(f"{key}-training").text
    assert f"{round(accuracy * len(y))} of {LIMIT} test images" in run.page.root.text

    predicted = model.predict(x, verbose=0).argmax(axis=1)
    pairs = np.zeros((10, 10), int)
    np.add.at(pairs, (y, predicted), 1)
    names = fashion.keras.datasets.fashion_mnist.CLASS_NAMES
    found = run.page.table(f"{key}-classes", "Confusion matrix")
    assert found == {one: list(row) for one, row in zip(names, pairs.tolist(), strict=True)}
    classes = run.page.table(f"{key}-classes", "Precision")
    for label, one in enumerate(names):
        precision, recall, f1, count = classes[one]
        assert count == (y == label).sum()
        assert recall == pairs[label, label] / count
        chosen = (predicted == label).sum()
        assert precision == (pairs[label, label] / chosen if chosen else 0)
        both = precision + recall
        assert f1 == pytest.approx(2 * precision * recall / both if both else 0)
    assert f"of {(predicted != y).sum()} mistakes" in run.page.section(f"{key}-pictures").text


@pytest.mark.parametrize(("key", "name"), MODELS)
def test_epochs_are_those_of_the_run(run, key, name):
    """Their losses are those that the program printed, their times those of the steps."""
    rows = run.page.table(f"{key}-training", "Each epoch")
    assert list(rows) == [str(epoch + 1) for epoch in range(EPOCHS)]
    printed = re.findall(r"accuracy: ([\d.]+) - loss: ([\d.]+)", run.output)
    steps = -(-LIMIT // 32)
    index = int(key[-1])
    for row, (accuracy, loss) in zip(
        rows.values(), printed[index * EPOCHS : (index + 1) * EPOCHS], strict=True
    ):
        assert [f"{row[0]:.4f}", f"{row[1]:.4f}"] == [loss, accuracy]
        assert row[3] == pytest.approx(1e3 * row[2] / steps)
    total = sum(row[2] for row in rows.values())
    shown = results(run.page, key)
    assert shown["ms/step"] == pytest.approx(1e3 * total / EPOCHS / steps)
    assert total <= shown["seconds of training"]


def test_layers_are_those_of_the_summary(run):
    rows = run.page.table("model0-training", "The shape")
    counts = [layer.count_params() for layer in run.models["cnn"].layers]
    assert [values[0] for values in rows.values()] == [*counts, sum(counts)]
    assert "11 x 11 x 64" in run.page.section("model0-training").text


def test_models_are_compared(run):
    rows = run.page.table("comparison", "Results")
    assert list(rows) == ["Convolutional network", "Dense network"]
    for values, (loss, accuracy) in zip(rows.values(), run.results, strict=True):
        assert values[:2] == [accuracy, loss]


def test_the_command_and_the_machine(run):
    text = run.page.section("run").text
    command = f"python -m fastcnn.fashion --model=both --epochs={EPOCHS} --limit={LIMIT} --seed=5"
    assert command in text
    for word in ("batch size", "0.003", "instruction set", "threads", "numpy", "processor"):
        assert word in text
    assert sys.version.split()[0] in text


# ------------------------------------------------------------------------------------- structure


def test_nothing_is_fetched_and_no_script_runs(run):
    (policy,) = run.page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attributes["content"].startswith("default-src 'none'")
    assert not run.page.find("script")
    for element in run.page.root:
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "action"):
                assert value.startswith(("#", "data:")), value
    outside = re.findall(r"url\((?!#)[^)]*\)|@import", run.page.html)
    assert outside == []


def test_ids_are_unique_and_references_lead_somewhere(run):
    ids = [one.attributes["id"] for one in run.page.root if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    html = run.page.html
    references = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"|aria-labelledby="([^"]+)"', html)
    assert references
    assert {name for names in references for name in names if name} <= set(ids)


def test_headings_tables_and_figures_can_be_read_aloud(run):
    levels = [int(one.name[1]) for one in run.page.root if re.fullmatch("h[1-6]", one.name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in run.page.find("table"):
        assert table.find("caption")[0].text
        assert all(one.attributes.get("scope") in ("row", "col") for one in table.find("th"))
        assert all(row.find("th") for row in table.find("tr"))
        assert table.parent.attributes["tabindex"] == "0"  # scrolls with the keyboard
    figures = run.page.find("figure")
    assert len(figures) == 8 + 7  # a dense network has no Grad-CAM
    for figure in figures:
        (picture,) = figure.find("svg")
        assert picture.attributes["role"] == "img"
        assert len(picture.attributes["aria-label"]) > 30
        assert figure.find("figcaption")[0].text
    assert not run.page.find("img")
    assert run.page.find("html")[0].attributes["lang"] == "en"
    assert run.page.find("title")[0].text == "Fashion-MNIST"


def test_texts_for_the_blind_say_what_the_pictures_show(run, test_images):
    x, y = test_images
    names = fashion.keras.datasets.fashion_mnist.CLASS_NAMES
    probabilities = run.models["cnn"].predict(x, verbose=0)
    label, share = probabilities[0].argmax(), probabilities[0].max()
    really = "" if label == y[0] else f", really {names[y[0]]}"
    (samples,) = [
        one.attributes["aria-label"]
        for one in run.page.section("model0-pictures").find("svg")
        if one.attributes["aria-label"].startswith("The first")
    ]
    assert samples.startswith(f"The first test images: {names[label]} {share:.0%}{really}; ")


def test_figures_have_the_colors_of_the_page(run):
    """No color is fixed but those inside of images and color maps."""
    for figure in run.page.find("figure"):
        for text in figure.find("text"):
            color = re.search(r"fill: ([^;]+)", text.attributes["style"])
            assert color, text.text
            assert color[1] in ("var(--ink)", "var(--right)", "var(--wrong)")
    assert "var(--right)" in run.page.html
    assert "#010203" not in run.page.html


def luminance(color):
    rgb = np.array([int(color[index : index + 2], 16) for index in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [
        *(0.2126, 0.7152, 0.0722),
    ]


def test_colors_have_enough_contrast():
    light, dark = (dict(re.findall(r"--(\w+): (#\w+)", part)) for part in CSS.split("@media")[:2])
    for colors in (light, dark):
        for background in ("paper", "card"):
            for name in ("ink", "soft", "accent", "right", "wrong"):
                low, high = sorted(luminance(colors[one]) for one in (name, background))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (name, background)


# --------------------------------------------------------------------------------- other runs


def test_a_stopped_run_is_resumed_with_the_same_numbers(run, tmp_path, monkeypatch, only_numbers):
    options = ["--model=dnn", f"--epochs={EPOCHS}", f"--limit={LIMIT}", "--seed=5", "--quiet"]
    options += ["--learning-rate=0.003", f"--resume={tmp_path / 'state'}"]
    on_epoch_end = EpochTimer.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == EPOCHS - 1:
            raise KeyboardInterrupt
        on_epoch_end(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(EpochTimer, "on_epoch_end", interrupt)
        stopped = run_program(tmp_path, *options)
    assert stopped.code == fashion.STOPPED
    assert "stopped by Ctrl-C" in stopped.page.root.text
    assert len(stopped.page.table("model0-training", "Each epoch")) == EPOCHS - 1
    assert (tmp_path / "state" / "dnn").is_dir()

    resumed = run_program(tmp_path, *options)
    assert resumed.code == 0
    assert resumed.results == [run.results[1]]
    assert f"resumed after epoch {EPOCHS - 1}" in resumed.page.root.text
    before = stopped.page.table("model0-training", "Each epoch")
    rows = resumed.page.table("model0-training", "Each epoch")
    whole = run.page.table("model1-training", "Each epoch")
    assert {epoch: row[:2] for epoch, row in rows.items()} == {
        epoch: row[:2] for epoch, row in whole.items()
    }
    assert [rows[epoch] for epoch in before] == list(before.values())  # with their times
    assert not (tmp_path / "state" / "dnn").exists()


def test_a_backup_of_another_run_is_refused(tmp_path, monkeypatch, capsys):
    def interrupt(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt

    options = ["--model=dnn", "--epochs=2", "--quiet"]
    options += [f"--resume={tmp_path / 'state'}", "--limit"]
    with monkeypatch.context() as patch:
        patch.setattr(EpochTimer, "on_epoch_begin", interrupt)
        assert fashion.main([*options, "64"]) == fashion.STOPPED
    capsys.readouterr()
    assert fashion.main([*options, "32"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{fashion.PROGRAM}: --resume cannot use ")
    assert error.count("\n") == 1


def test_a_folder_that_cannot_keep_the_state(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    options = ["--model=dnn", "--epochs=1", "--limit=32", "--quiet", "--resume"]
    assert fashion.main([*options, str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{fashion.PROGRAM}: --resume cannot use ")
    assert error.count("\n") == 1


def test_stopped_in_the_first_epoch(tmp_path, monkeypatch, only_numbers):
    def interrupt(self, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(EpochTimer, "on_epoch_begin", interrupt)
    stopped = run_program(tmp_path, "--model=dnn", "--limit=20", "--quiet")
    assert stopped.code == fashion.STOPPED
    assert "stopped in its first epoch" in stopped.page.root.text
    assert "ms/step" not in results(stopped.page, "model0")
    assert "after 0 epochs" in stopped.page.root.text


def test_diverged(tmp_path):
    options = ["--model=dnn", "--epochs=1", "--limit=64", "--quiet", "--learning-rate=1e38"]
    found = run_program(tmp_path, *options)
    assert "has diverged" in found.page.root.text
    assert np.isnan(found.results[0][0])
    assert len(found.page.find("figure")) == 1


# ------------------------------------------------------------------------------------ writing


def test_report_is_announced(run):
    assert f"Report written to {run.path}\n" in run.output
    assert [path.name for path in run.path.parent.iterdir()] == ["index.html"]


def test_only_the_first_of_several_processes_writes(tmp_path, monkeypatch):
    rank = type("Distribution", (), {"data_shard_id": 1})
    monkeypatch.setattr(fashion.keras.distribution, "distribution", lambda: rank)
    assert fashion.write_report([], 0, ([], []), fashion.parse(["--report", str(tmp_path)]))
    assert not list(tmp_path.iterdir())


def test_interrupted_writing_keeps_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "index.html"
    path.write_text("old")
    monkeypatch.setattr(page_module, "render", lambda report: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        page_module.write(tmp_path, None)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_report_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    def fail(folder, report):
        raise OSError("disk full")

    monkeypatch.setattr(page_module, "write", fail)
    options = ["--model=dnn", "--epochs=1", "--limit=20", "--quiet", f"--report={tmp_path}"]
    assert fashion.main(options) == 1
    output = capsys.readouterr()
    assert output.err == f"{fashion.PROGRAM}: the report could not be written: disk full\n"
    assert output.out.startswith("[")


@pytest.mark.parametrize(
    ("folder", "message"),
    [("no/such/folder", "no folder 'no/such'"), ("file", "'file' is not a folder")],
)
def test_folders_that_cannot_be_used(folder, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        fashion.main(["--report", folder])
    assert message in capsys.readouterr().err


def test_missing_matplotlib_is_reported_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit):
        fashion.main(["--report", str(tmp_path)])
    assert "requires matplotlib: pip install 'fastcnn[plot]'" in capsys.readouterr().err
