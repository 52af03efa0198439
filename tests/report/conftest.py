"""One short run of the program with its report, which all tests read."""

import ast
import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import fashion
from fastcnn.datasets import fashion_mnist
from tests.report.reading import Page

EPOCHS, LIMIT = 3, 200


@dataclass
class Run:
    """A run of the program: its exit code, results, output, page and saved models."""

    code: int
    results: list
    output: str
    page: Page
    path: object
    models: dict


@pytest.fixture(scope="package", autouse=True)
def test_images():
    """Images that are easy to learn instead of the real ones: class k has a bright row 2k."""
    y = np.arange(320, dtype=np.uint8) % 10
    x = np.random.default_rng(0).integers(0, 50, (320, 28, 28), np.uint8)
    x[np.arange(320), 2 * y] = 255
    y[7:320:30] = 3  # some labels are wrong, so that there are mistakes
    with pytest.MonkeyPatch.context() as patch:
        data = (x, y), (x[:LIMIT], y[:LIMIT])
        patch.setattr(fashion_mnist, "load_data", lambda path=None: data)
        yield x[:LIMIT, ..., None], y[:LIMIT]


def run_program(folder, *options):
    """A `Run` of the program with a report in a folder."""
    pytest.importorskip("matplotlib")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = fashion.main([*map(str, options), "--report", str(folder)])
    text, path = output.getvalue(), folder / "index.html"
    lines = [line.replace("nan", "None") for line in text.splitlines() if line.startswith("[")]
    results = [[np.nan if n is None else n for n in ast.literal_eval(line)] for line in lines]
    return Run(code, results, text, Page(path.read_text("utf-8")), path, {})


@pytest.fixture(scope="package")
def run(tmp_path_factory, test_images):
    """Both models, trained for a few epochs."""
    folder = tmp_path_factory.mktemp("report")
    options = ["--model=both", f"--epochs={EPOCHS}", f"--limit={LIMIT}", "--seed=5"]
    found = run_program(folder / "page", *options, "--learning-rate=0.003", "--save",
                        folder / "m.keras")  # fmt: skip
    for name in ("cnn", "dnn"):
        found.models[name] = keras.models.load_model(folder / f"m-{name}.keras")
    return found
