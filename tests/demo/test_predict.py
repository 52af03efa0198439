"""`python -m fastcnn.fashion predict`: options, output and errors."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fastcnn import fashion
from fastcnn.datasets import fashion_mnist
from tests.demo.conftest import small_model

Image = pytest.importorskip("PIL.Image")

NAMES = fashion_mnist.CLASS_NAMES


@pytest.fixture
def pictures(tmp_path, shoe):
    """Paths of two picture files: the same shoe, and lying on its side on white."""
    paths = [tmp_path / "shoe.png", tmp_path / "a longer name.jpg"]
    Image.fromarray(shoe).save(paths[0])
    Image.fromarray(np.ascontiguousarray(255 - shoe.T)).save(paths[1], quality=98)
    return list(map(str, paths))


def predict(*options):
    return fashion.main(["predict", *map(str, options)])


def test_a_saved_model(pictures, model_file, model, shoe, capsys):
    assert predict("--model", model_file, "--top", 10, *pictures) == 0
    output = capsys.readouterr()
    assert output.err == ""
    first, second = output.out.splitlines()
    width = len(pictures[1])
    assert first.startswith(f"{pictures[0]:<{width}}  ")
    assert second.startswith(f"{pictures[1]}  ")
    expected = np.asarray(model(shoe[None, ..., None]))[0]
    found = re.findall(r"([^,]+) ([\d.]+)%(?:, |$)", first[width + 2 :])
    assert [name for name, _ in found] == [NAMES[k] for k in np.argsort(-expected)]
    for name, share in found:
        assert float(share) == pytest.approx(100 * expected[NAMES.index(name)], abs=0.051)


def test_only_the_most_probable(pictures, model_file, capsys):
    assert predict("--model", model_file, pictures[0]) == 0
    assert capsys.readouterr().out.count("%") == 3
    assert predict("--model", model_file, "--top=1", pictures[0], pictures[0]) == 0
    assert capsys.readouterr().out.count("%") == 2


def test_file_names_do_not_control_the_terminal(pictures, model_file, tmp_path, capfd):
    """Nor is one an error that the stream cannot encode."""
    names = ["\x1b[2Jshoe.png", os.fsdecode(b"\xff.png")]
    for name in names:
        shutil.copy(pictures[0], tmp_path / name)
    paths = [tmp_path / name for name in names]
    assert predict("--top=1", "--model", model_file, *paths) == 0
    output = capfd.readouterr()
    assert output.err == ""
    first, second = output.out.splitlines()
    assert first.startswith(f"{tmp_path}/?[2Jshoe.png  ")
    assert second.startswith(f"{tmp_path}/?.png  ")


def test_trained_on_the_spot(small_data, clock, tmp_path, monkeypatch, capsys):
    """The data, the time and the accuracy are printed, apart from the results."""
    monkeypatch.setattr(fashion, "cnn", small_model)
    x, _ = small_data
    paths = []
    for label in range(3):
        paths.append(str(tmp_path / f"{label}.png"))
        Image.fromarray(x[label]).save(paths[-1])
    assert predict("--seconds=1.5", "--top=1", *paths) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert [line.split("  ")[1].rpartition(" ")[0] for line in lines] == list(NAMES[:3])
    assert "Training a network for 1.5 seconds on 640 images of Fashion-MNIST" in output.err
    assert re.search(r"After 150 steps it recognizes \d+\.\d% of 100 test images", output.err)
    assert f"{fashion.PROGRAM} predict --model model.keras" in output.err


def test_a_bad_picture_does_not_stop_the_others(pictures, model_file, tmp_path, capsys):
    (tmp_path / "text.png").write_text("This is not a picture.")
    code = predict("--model", model_file, tmp_path / "no.png", pictures[0], tmp_path / "text.png")
    assert code == 1
    output = capsys.readouterr()
    assert output.out.startswith(pictures[0])
    first, second = output.err.splitlines()
    assert first.startswith(f"{fashion.PROGRAM}: ")
    assert "no.png" in first
    assert "text.png: cannot identify image file" in second


def test_bad_pictures_are_noticed_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fashion_mnist, "load_data", None)
    assert predict(tmp_path / "no.png") == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "the following arguments are required: IMAGE"),
        (("--top", "0", "x.png"), "argument --top: must be an integer from 1 to 10, not '0'"),
        (("--seconds", "0", "x.png"), "argument --seconds: must be a number greater than 0"),
        (("--data", "no/folder", "x.png"), "there is no folder 'no/folder'"),
        (("--port", "1", "x.png"), "unrecognized arguments: --port"),
    ],
)
def test_invalid_options(options, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        predict(*options)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{fashion.PROGRAM} predict: ")
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["predict", "serve"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        fashion.main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for option in ("--model", "--white", "--seconds", "--data", "--threads"):
        assert re.search(rf"^  {option} [A-Z]+\s+\w", text, re.MULTILINE)
    assert f"{fashion.PROGRAM} {command} --model model.keras" in text


@pytest.mark.parametrize("command", [["predict", "x.png"], ["serve", "--no-browser", "--port=0"]])
def test_errors_are_one_sentence(command, tmp_path, monkeypatch, capsys):
    def fail(path=None):
        raise FileNotFoundError("The data set was not found.")

    def error():
        return capsys.readouterr().err.removeprefix(f"{fashion.PROGRAM}: ")

    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("x.png")
    monkeypatch.setattr(fashion_mnist, "load_data", fail)
    assert fashion.main(command) == 1
    assert error() == "The data set was not found.\n"
    assert fashion.main([*command, "--model=no.keras"]) == 1
    assert "no.keras" in error()
    assert fashion.main([*command, "--model=weights.npz"]) == 1
    assert error() == "weights.npz: a model must be in a file that ends in .keras or .h5.\n"
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert fashion.main(command) == 1
    assert error() == "Images require Pillow: pip install 'fastcnn[images]'.\n"


def test_ctrl_c_during_the_training(pictures, monkeypatch, capsys):
    def interrupt(path=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(fashion_mnist, "load_data", interrupt)
    assert predict(pictures[0]) == fashion.STOPPED
    assert capsys.readouterr().err == "\nStopped.\n"


def test_threads(pictures, model_file, monkeypatch):
    counts = []
    monkeypatch.setattr(fashion.keras.config, "set_num_threads", counts.append)
    predict("--threads=3", "--model", model_file, pictures[0])
    assert counts == [3]


def test_nothing_is_loaded_before_it_is_used():
    """Neither Pillow nor the server by importing the package and the program."""
    code = (
        "import sys, fastcnn.fashion\n"
        "late = {'PIL', 'http.server', 'fastcnn.demo.commands', 'fastcnn.demo.server'}\n"
        "print(late & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
