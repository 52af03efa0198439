"""`python -m fastcnn.fashion --recipe`: options, output, results, Ctrl-C, resuming."""

import json
import re

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import fashion
from fastcnn.recipes import command, runs

pytestmark = pytest.mark.usefixtures("small_data", "small_recipes")


def main(options, *others):
    return fashion.main([*options.split(), *map(str, others)])


LINE = re.compile(
    r"fast, seed (\d+): (test|held-out) accuracy (0\.\d{4}|1\.0000) \((?:0\.\d{4}|1\.0000) with "
    r"the mirror image\), \d+\.\d s, [\d.e+-]+ TFLOP, [\d.e+-]+ GFLOP/s"
)


def test_a_recipe_learns_and_prints_one_line(capsys):
    assert main("--recipe fast --quiet --seed 3") == 0
    output = capsys.readouterr().out
    seed, tested_on, accuracy = LINE.fullmatch(output.strip()).groups()
    assert (seed, tested_on) == ("3", "test")
    assert float(accuracy) > 0.8


@pytest.mark.parametrize("name", ["good", "best"])
def test_every_recipe_runs(name, capsys):
    assert main(f"--recipe {name} --quiet --seed 3") == 0
    assert capsys.readouterr().out.startswith(f"{name}, seed 3: test accuracy ")


def test_without_quiet_the_net_and_the_progress_are_shown(capsys):
    assert main("--recipe fast --seed 3") == 0
    output = capsys.readouterr().out
    assert "whitening (Conv2D)" in output
    assert "Epoch 4/4" in output


def test_seeds_print_mean_deviation_and_every_run(capsys):
    assert main("--recipe fast --quiet --seed 5 --seeds 3") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    matches = [LINE.fullmatch(line) for line in lines]
    assert [match[1] for match in matches] == ["5", "6", "7"]
    values = [match[3] for match in matches]
    mean, deviation = np.mean([*map(float, values)]), np.std([*map(float, values)], ddof=1)
    found = re.fullmatch(
        r"fast, 3 seeds: accuracy (\S+) \+- (\S+), with the mirror image .* s; every run: (.*)",
        last,
    )
    assert float(found[1]) == pytest.approx(mean, abs=1e-4)
    assert float(found[2]) == pytest.approx(deviation, abs=1e-4)
    assert found[3].split() == values


def test_same_seed_same_result_with_any_number_of_threads(tmp_path):
    for threads in (1, 2):
        path = tmp_path / f"{threads}.json"
        assert main(f"--recipe fast --quiet --seed 3 --threads {threads} --results", path) == 0
    first, second = (runs.read(tmp_path / f"{threads}.json")[0] for threads in (1, 2))
    assert first["loss"] == second["loss"]


def test_results_are_kept_and_not_repeated(capsys, tmp_path):
    path = tmp_path / "runs.json"
    options = "--recipe fast --quiet --seed 1 --results"
    assert main(options, path) == 0
    capsys.readouterr()
    assert main(options, path, "--seeds", 2) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("(already in the results)")
    assert LINE.fullmatch(second)
    kept = runs.read(path)
    assert [run["seed"] for run in kept] == [1, 2]
    assert kept[0]["settings"]["widths"] == [8, 8, 8]
    assert kept[1]["command"].endswith(f"--results {path} --seeds 2")
    for name in ("processor", "cores", "threads", "instruction set", "numpy", "fastcnn"):
        assert kept[0]["machine"][name]
    assert main("--recipe fast --quiet --seed 1 --hold-out --results", path) == 0
    assert [run["tested_on"] for run in runs.read(path)] == ["test", "test", "held-out"]


def test_a_changed_recipe_is_another_run(monkeypatch, tmp_path):
    path = tmp_path / "runs.json"
    options = "--recipe fast --quiet --seed 1 --results"
    assert main(options, path) == 0
    changed = command.RECIPES["fast"].__class__((8, 8, 8), 1, batch_size=20)
    monkeypatch.setitem(command.RECIPES, "fast", changed)
    assert main(options, path) == 0
    assert len(runs.read(path)) == 2


WITHOUT_MIRRORED = {name: 0 for name in (*runs.IDENTITY, *runs.RESULTS) if name != "mirrored"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"runs": [1]}',
        '{"runs": [{"seed": 1}]}',
        json.dumps({"runs": [WITHOUT_MIRRORED]}),
    ],
)
def test_files_that_hold_no_runs_are_rejected_and_kept(text, capsys, tmp_path):
    path = tmp_path / "runs.json"
    path.write_text(text)
    assert main("--recipe fast --quiet --results", path) == 1
    assert "is not a file of runs" in capsys.readouterr().err
    assert path.read_text() == text


def test_hold_out_tests_on_the_last_training_images(small_data):
    options = fashion.parse(["--recipe", "fast", "--hold-out"])
    train, test, _ = command.load(options)
    x, y = small_data  # 320 images: half of them are held out, as there are few
    np.testing.assert_array_equal(train[0][..., 0], x[:160])
    np.testing.assert_array_equal(test[0][..., 0], x[160:])
    np.testing.assert_array_equal(test[1], y[160:])


def test_cifar10_by_its_name(capsys, tmp_path):
    path = tmp_path / "model.keras"
    assert main("--recipe fast --quiet --seed 1 --data cifar10 --save", path) == 0
    accuracy = float(LINE.fullmatch(capsys.readouterr().out.strip())[3])
    assert accuracy > 0.5
    model = keras.models.load_model(path)
    assert model.input_shape == (None, 32, 32, 3)


def test_saved_model_has_the_reported_accuracy(small_data, tmp_path):
    path, results = tmp_path / "model.keras", tmp_path / "runs.json"
    options = "--recipe fast --quiet --seed 1 --seeds 2"
    assert main(options, "--save", path, "--results", results) == 0
    assert sorted(p.name for p in tmp_path.glob("*.keras")) == ["model-1.keras", "model-2.keras"]
    x, y = small_data[0][:50, ..., None], small_data[1][:50]
    for run in runs.read(results):
        model = keras.models.load_model(tmp_path / f"model-{run['seed']}.keras")
        assert np.mean(model.predict(x, verbose=0).argmax(1) == y) == run["accuracy"]


def test_report_has_every_run(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from fastcnn.report import page

    written = []
    monkeypatch.setattr(page, "write", lambda folder, report: written.append(report) or folder)
    options = "--recipe fast --quiet --seed 1 --seeds 2 --data cifar10 --report"
    assert main(options, tmp_path) == 0
    (report,) = written
    titles = [training.title for training in report.trainings]
    assert titles == ["Recipe fast, seed 1", "Recipe fast, seed 2"]
    assert "frog" in report.class_names
    assert ("batch size", 20) in report.settings
    accuracies = [training.accuracy for training in report.trainings]
    assert all(len(training.logs["accuracy"]) == 4 for training in report.trainings)
    assert all(0.3 < accuracy <= 1 for accuracy in accuracies)


class StopAt(keras.callbacks.Callback):
    """Raises KeyboardInterrupt in an epoch, as Ctrl-C does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def stop_at(epoch, monkeypatch):
    """Let every `fit` of the command stop there; with None, run it with the same callbacks."""
    fit = command.fit

    def stopped(model, recipe, x, y, callbacks, **others):
        fit(model, recipe, x, y, [*callbacks, StopAt(epoch)], **others)

    monkeypatch.setattr(command, "fit", stopped)


def test_ctrl_c_tests_and_keeps_the_model(capsys, tmp_path, monkeypatch):
    whole, path = tmp_path / "whole.json", tmp_path / "runs.json"
    assert main("--recipe fast --quiet --seed 1 --results", whole) == 0
    capsys.readouterr()
    stop_at(2, monkeypatch)
    assert main("--recipe fast --quiet --seed 1 --seeds 3 --results", path) == 130
    output = capsys.readouterr()
    assert "Stopped after 2 of 4 epochs." in output.err
    assert LINE.fullmatch(output.out.strip())  # of one run: the others are not started
    (run,) = runs.read(path)
    assert run["stopped"]
    assert run["tflop"] == pytest.approx(runs.read(whole)[0]["tflop"] / 2)


def test_a_stopped_run_is_repeated(tmp_path, monkeypatch):
    path = tmp_path / "runs.json"
    with monkeypatch.context() as context:
        stop_at(1, context)
        assert main("--recipe fast --quiet --seed 1 --results", path) == 130
    assert main("--recipe fast --quiet --seed 1 --results", path) == 0
    assert [run["stopped"] for run in runs.read(path)] == [True, False]


def test_a_stopped_run_is_not_in_the_summary(capsys, tmp_path, monkeypatch):
    path = tmp_path / "runs.json"
    assert main("--recipe fast --quiet --seed 1 --results", path) == 0
    stop_at(1, monkeypatch)
    assert main("--recipe fast --quiet --seed 1 --seeds 2 --results", path) == 130
    output = capsys.readouterr().out
    assert output.count("seed 2: ") == 1
    assert "2 seeds" not in output


def test_resumed_run_has_the_same_bits_and_counts_its_whole_time(tmp_path, monkeypatch):
    wanted, resumed = tmp_path / "wanted.npz", tmp_path / "resumed.npz"
    results, state = tmp_path / "runs.json", tmp_path / "state"
    options = "--recipe fast --quiet --seed 1 --results"
    assert main(options, results, "--save", wanted) == 0
    with monkeypatch.context() as context:
        stop_at(2, context)
        assert main(options, tmp_path / "stopped.json", "--resume", state) == 130
    others = tmp_path / "others.json"
    stop_at(None, monkeypatch)
    assert main(options, others, "--resume", state, "--save", resumed) == 0
    with np.load(wanted) as first, np.load(resumed) as second:
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
    (run,), (other,) = runs.read(results), runs.read(others)
    assert other["tflop"] == run["tflop"]
    assert other["loss"] == run["loss"]
    assert not list(state.rglob("*.npz"))


def test_resume_rejects_what_is_not_its_state(capsys, tmp_path):
    folder = tmp_path / "fast-1"
    folder.mkdir()
    (folder / "training_state.npz").write_bytes(b"nothing")
    assert main("--recipe fast --quiet --seed 1 --resume", tmp_path) == 1
    error = capsys.readouterr().err
    assert "--resume cannot use" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--recipe slow", "invalid choice: 'slow'"),
        ("--recipe fast --seeds 0", "--seeds: must be an integer >= 1"),
        ("--recipe fast --seed 4294967295 --seeds 2", "go beyond the last seed"),
        ("--recipe fast --epochs 3", "--epochs cannot be used with --recipe"),
        ("--recipe fast --epochs 5", "--epochs cannot be used with --recipe"),  # the default
        ("--recipe fast --batch-size 64", "--batch-size cannot be used with --recipe"),
        ("--recipe fast --model dnn", "--model cannot be used with --recipe"),
        ("--recipe fast --distributed", "--distributed cannot be used with --recipe"),
        ("--recipe fast --results no/such/file.json", "there is no folder for"),
        ("--seeds 3", "--seeds requires --recipe"),
        ("--hold-out", "--hold-out requires --recipe"),
        ("--results x.json", "--results requires --recipe"),
        ("--data cifar10", "--data cifar10 requires --recipe"),
    ],
)
def test_options_that_do_not_fit_together(options, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
