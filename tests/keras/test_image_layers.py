"""Layers that change images at random make of given draws what real Keras makes of them.

oracle/images.npz holds Keras's results of oracle/image_draws.py, recorded by
`python -m tests.keras.record_images`. Float32: 2e-6 of the value range for a few operations per
pixel, and more where positions (in pixels) or a noisy division decide.
"""

from pathlib import Path

import numpy as np
import pytest

from fastcnn import config, layers
from tests.keras.oracle.image_draws import CASES, images

GOLDEN = np.load(Path(__file__).with_name("oracle") / "images.npz")
POSITIONS = ("RandomShear", "RandomPerspective", "RandomElasticTransform")


@pytest.fixture(params=config.BACKENDS)
def backend(request):
    config.set_backend(request.param)


@pytest.mark.parametrize("name", CASES)
def test_given_draws(name, backend):
    case = CASES[name]
    layer = case.make(layers)
    layer.drawn = lambda shape: case.drawn(layer)
    batch = {"images": images(name, case)}
    if case.labels is not None:
        batch["labels"] = case.labels
    found = layer(batch)
    extent = max(1, np.ptp(case.range)) * (1e-4 if name.startswith(POSITIONS) else 2e-6)
    np.testing.assert_allclose(found["images"], GOLDEN[name], rtol=0, atol=extent)
    if case.labels is not None:
        np.testing.assert_allclose(found["labels"], GOLDEN[f"{name} labels"], rtol=1e-6)
