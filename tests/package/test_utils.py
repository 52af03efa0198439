"""Utilities: seeds, one-hot targets."""

import random

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import utils


def test_set_random_seed_seeds_everything():
    def draw():
        return (
            random.random(),
            np.random.random(),
            keras.random.generator().random(),
            float(keras.initializers.HeNormal()((1,))[0]),
        )

    utils.set_random_seed(3)
    first = draw()
    assert draw() != first
    utils.set_random_seed(3)
    assert draw() == first
    for wrong in (-1, 2**32, 1.5, "1", True, None):
        with pytest.raises(ValueError, match="`seed` must be an integer from 0"):
            utils.set_random_seed(wrong)


def test_generator_state_can_be_saved_and_restored():
    state = keras.random.get_state()
    first = keras.random.generator().random()
    keras.random.set_state(state)
    assert keras.random.generator().random() == first


def test_to_categorical():
    wanted = np.eye(4, dtype="f4")[[0, 3, 1]]
    for labels in ([0, 3, 1], [[0], [3], [1]], np.array([0, 3, 1], np.uint8), [0.0, 3.0, 1.0]):
        result = utils.to_categorical(labels)
        assert result.dtype == np.float64  # as in Keras
        np.testing.assert_array_equal(result, wanted)
    assert utils.to_categorical([0], 5).shape == (1, 5)
    assert utils.to_categorical([[0, 1], [1, 0]]).shape == (2, 2, 2)
    with pytest.raises(ValueError, match=r"must be from 0 to 2. Received labels from 0 to 3"):
        utils.to_categorical([0, 3], 3)
    with pytest.raises(ValueError, match="must be integers"):
        utils.to_categorical(["a"])


def test_normalize():
    np.testing.assert_allclose(
        utils.normalize(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]]
    )
