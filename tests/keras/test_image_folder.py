"""`image_dataset_from_directory` reads files as real Keras does.

oracle/image_folder.npz holds the files and what Keras made of them, recorded by
`python -m tests.keras.record_image_folder`.
"""

from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from tests.keras.oracle.image_folders import CASES, read

pytest.importorskip("PIL.Image")

GOLDEN = np.load(Path(__file__).with_name("oracle") / "image_folder.npz")
# Weights of TensorFlow are float32, and its cubic's are rounded; gray is rounded differently.
TOLERANCES = {"bicubic": 1e-3, "lanczos3": 1e-3, "lanczos5": 1e-3, "gray": 1}


@pytest.fixture
def files(tmp_path):
    for name in GOLDEN:
        if "/" in name:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(GOLDEN[name].tobytes())
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_png(files, case, instruction_set):
    """Bilinear and nearest pixels have Keras's bits, on every instruction set."""
    found, wanted = read(keras, files / "png", case), GOLDEN[f"png {case}"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCES.get(case, 0))


@pytest.mark.parametrize("case", ["bilinear", "gray"])
def test_jpeg(files, case):
    """TensorFlow decodes with a faster, less exact transform than Pillow."""
    found, wanted = read(keras, files / "jpg", case), GOLDEN[f"jpg {case}"]
    error = np.abs(found - wanted)
    assert error.mean() < 1
    assert error.max() < 6
