"""The program `python -m fastcnn.fashion`: options, output, Ctrl-C and memory."""

import ast
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from fastcnn import fashion
from fastcnn.datasets import fashion_mnist


@pytest.fixture(scope="session")
def real_data_folder(tmp_path_factory):
    """A folder with the real Fashion-MNIST, so that the tests locate it only once."""
    from fastcnn.datasets.idx import idx_header

    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    folder = tmp_path_factory.mktemp("fashion-mnist")
    arrays = (x_train, y_train, x_test, y_test)
    for file, array in zip(fashion_mnist.DATASET.files, arrays, strict=True):
        (folder / file.name).write_bytes(idx_header(array) + array.tobytes())
    return folder


@pytest.fixture
def small_data(monkeypatch):
    """Replace the real images with ones that are easy to learn: class k has a bright row 2k."""
    y = np.arange(320, dtype=np.uint8) % 10
    x = np.random.default_rng(0).integers(0, 50, (320, 28, 28), np.uint8)
    x[np.arange(320), 2 * y] = 255
    monkeypatch.setattr(fashion_mnist, "load_data", lambda path=None: ((x, y), (x[:100], y[:100])))
    return x[:100], y[:100]


def results(output):
    """The `[loss, accuracy]` lines of the output."""
    return [ast.literal_eval(line) for line in output.splitlines() if line.startswith("[")]


def main(options, *others):
    return fashion.main([*options.split(), *map(str, others)])


def stored_weights(path):
    with np.load(path, allow_pickle=False) as arrays:
        return list(arrays.values())


# Options


@pytest.mark.parametrize(
    ("arguments", "name", "received"),
    [
        ("--epochs 0", "--epochs", ">= 1, not '0'"),
        ("--epochs many", "--epochs", "not 'many'"),
        ("--epochs 1.5", "--epochs", "not '1.5'"),
        ("--batch-size -3", "--batch-size", "not '-3'"),
        ("--limit 0", "--limit", "not '0'"),
        ("--threads 0", "--threads", "not '0'"),
        ("--seed -1", "--seed", "from 0 to 4294967295, not '-1'"),
        ("--seed 4294967296", "--seed", "not '4294967296'"),
        ("--learning-rate 0", "--learning-rate", "greater than 0, not '0'"),
        ("--learning-rate nan", "--learning-rate", "not 'nan'"),
        ("--learning-rate inf", "--learning-rate", "not 'inf'"),
        ("--learning-rate fast", "--learning-rate", "not 'fast'"),
        ("--model rnn", "--model", "'rnn'"),
        ("--data no/such/folder", "--data", "no folder 'no/such/folder'"),
        ("--save weights", "--save", "end in .keras or .npz, not 'weights'"),
        ("--save no/folder/w.npz", "--save", "no folder 'no/folder'"),
        ("--save", "--save", "expected one argument"),
        ("--epoch 3", "--epoch", "unrecognized arguments"),
        ("3", "3", "unrecognized arguments"),
    ],
)
def test_invalid_option_prints_a_sentence(arguments, name, received, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert name in output.err
    assert received in output.err


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        main("--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for option in vars(fashion.parse([])):
        option = "--" + option.replace("_", "-")
        assert re.search(rf"^  {option}\b.*\w", text, re.MULTILINE), option
    assert "Ctrl-C" in text
    assert "[loss, accuracy]" in text


def test_defaults_match_the_tutorial():
    options = fashion.parse([])
    assert (options.model, options.epochs, options.batch_size) == ("cnn", 5, 32)
    assert options.learning_rate == 0.001


# Runs on small data


def test_cnn_matches_the_tutorial(small_data, capsys):
    assert main("--epochs 2 --limit 64") == 0
    output = capsys.readouterr().out
    assert "243,786" in output
    assert "Epoch 2/2" in output
    assert "64 images" in output
    ((loss, accuracy),) = results(output)
    assert 0 < loss < 3
    assert 0 <= accuracy <= 1


def test_trains_and_saves_the_weights(small_data, capsys, tmp_path):
    path = tmp_path / "weights.npz"
    assert main("--model dnn --epochs 8 --learning-rate 0.003 --seed 1 --save", path) == 0
    ((loss, accuracy),) = results(capsys.readouterr().out)
    assert accuracy > 0.95
    assert list(tmp_path.iterdir()) == [path]
    model = fashion.dnn()
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.set_weights(stored_weights(path))
    x, y = small_data
    assert model.evaluate(x[..., None], y, verbose=0) == pytest.approx([loss, accuracy], rel=1e-6)


def test_both_models_are_compared(small_data, capsys, tmp_path):
    assert main("--model both --epochs 1 --limit 64 --save", tmp_path / "w.npz") == 0
    output = capsys.readouterr().out
    (cnn_loss, cnn_accuracy), (dnn_loss, dnn_accuracy) = results(output)
    lines = output[output.index("Fashion-MNIST") :].splitlines()
    rows = (re.split(r"\s*[│┃|]\s*", line.strip(" │┃|")) for line in lines)
    table = {name: values for name, *values in rows}
    assert [table["test accuracy"], table["test loss"]] == [
        [f"{cnn_accuracy:.4f}", f"{dnn_accuracy:.4f}"],
        [f"{cnn_loss:.4f}", f"{dnn_loss:.4f}"],
    ]
    assert table["parameters"] == ["243,786", "101,770"]
    assert len(table["training seconds"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w-cnn.npz", "w-dnn.npz"]


def test_saves_the_model(small_data, capsys, tmp_path):
    path = tmp_path / "m.keras"
    assert main("--model dnn --epochs 1 --seed 1 --save", path) == 0
    output = capsys.readouterr().out
    assert f"Model saved to {path}" in output
    model = fashion.keras.models.load_model(path)
    assert [model.evaluate(*small_data, verbose=0)] == results(output)


def test_quiet_prints_only_the_result(small_data, capsys):
    assert main("--model dnn --epochs 1 --quiet") == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.count("\n") == len(results(output.out)) == 1


def test_seed_determines_the_result(small_data, capsys):
    for seed in "3", "3", "4":
        main("--model dnn --epochs 1 --quiet --seed", seed)
    first, again, other = results(capsys.readouterr().out)
    assert first == again
    assert first != other


def test_threads_option(small_data, monkeypatch):
    counts = []
    monkeypatch.setattr(fashion.keras.config, "set_num_threads", counts.append)
    main("--model dnn --epochs 1 --limit 32 --quiet --threads 3")
    assert counts == [3]


# Errors


def test_no_data(monkeypatch, capsys):
    def fail(path=None):
        raise FileNotFoundError("The data set was not found.")

    monkeypatch.setattr(fashion_mnist, "load_data", fail)
    assert main("") == 1
    assert capsys.readouterr().err == f"{fashion.PROGRAM}: The data set was not found.\n"


def test_weights_that_cannot_be_saved(small_data, capsys, tmp_path, monkeypatch):
    """The result of the training is still printed."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.setattr(fashion.keras.utils, "set_random_seed", lambda seed: folder.rmdir())
    assert main("--model dnn --epochs 1 --quiet --seed 0 --save", folder / "w.npz") == 1
    output = capsys.readouterr()
    assert "the weights could not be saved: " in output.err
    assert len(results(output.out)) == 1


def test_interrupted_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"old")

    class Model:
        def get_weights(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fashion.save_weights(Model(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_before_training(monkeypatch, capsys):
    def interrupt(path=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(fashion_mnist, "load_data", interrupt)
    assert main("") == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_ctrl_c_during_training(real_data_folder, tmp_path):
    """A real interrupt of a real process, which reports its progress, tests, saves, returns 130."""
    options = ["--model=both", "--epochs=1000", "--limit=400", f"--save={tmp_path / 'w.npz'}"]
    process = subprocess.Popen(
        [sys.executable, "-um", "fastcnn.fashion", *options, f"--data={real_data_folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if line.startswith("Epoch 3/"):
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, errors
    steps, epoch = re.search(
        r"Stopped after (\d+) of 13000 steps, in epoch (\d+) of 1000", errors
    ).groups()
    assert int(epoch) >= 3
    assert (int(epoch) - 1) * 13 <= int(steps) <= int(epoch) * 13
    assert "Traceback" not in errors
    assert len(results(output)) == 1, "the second model is not trained"
    assert "CNN (stopped)" in output
    assert stored_weights(tmp_path / "w-cnn.npz")[0].shape == (3, 3, 1, 64)


# A short run on the real data


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_real_data_and_memory(real_data_folder):
    """Training on part of the real set succeeds, and the peak memory stays below 450 MB."""
    # getrusage would also count this process, from which the new one is forked.
    code = (
        "import sys\n"
        "from fastcnn import fashion\n"
        "assert fashion.main(sys.argv[1:]) == 0\n"
        "print(open('/proc/self/status').read())\n"
    )
    options = ["--epochs=1", "--seed=0", "--limit=6000", "--quiet", f"--data={real_data_folder}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    ((loss, accuracy),) = results(done.stdout)
    assert accuracy > 0.7
    assert loss < 0.8
    assert int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1]) < 450_000


def test_run_as_a_module():
    command = [sys.executable, "-W", "error", "-m", "fastcnn.fashion", "--epochs", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m fastcnn.fashion: argument --epochs")
    assert done.stderr.count("\n") == 1
