"""RMSNormalization and LayerNormalization(rms_scaling=True): formulas, axes, NaN, errors."""

import numpy as np
import pytest

from fastcnn import layers


def inputs():
    return np.random.default_rng(0).normal(2, 1, (3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [-1, 1]])
def test_division_by_the_root_mean_square(axis):
    x = inputs()
    layer = layers.RMSNormalization(axis)
    layer(x)
    layer.scale.assign(np.random.default_rng(1).normal(size=layer.scale.shape))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shape = [size if index in (a % 3 for a in axes) else 1 for index, size in enumerate(x.shape)]
    expected = x / np.sqrt(np.square(x, dtype=float).mean(axes, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(x), expected * layer.scale.value.reshape(shape), rtol=1e-5)


def test_rms_scaling_divides_by_the_deviation_with_a_warning():
    x = inputs()
    with pytest.warns(UserWarning, match="`rms_scaling=True`, which is deprecated"):
        layer = layers.LayerNormalization(epsilon=0.1, scale=False, rms_scaling=True)
    y = layer(x)
    np.testing.assert_allclose(y, x / np.sqrt(x.var(-1, keepdims=True) + 0.1), rtol=1e-5)
    assert [weight.name for weight in layer.weights] == ["gamma"]
    assert layer.get_config()["rms_scaling"] is True


def test_nan_and_infinity_stay_in_their_sample():
    for value in (np.nan, np.inf):
        x = inputs()
        x[1, 2, 3] = value
        y = layers.RMSNormalization()(x)
        assert np.argwhere(np.isnan(y).any(-1)).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RMSNormalization(1.5), "`axis` must be an integer or a list of integers"),
        (lambda: layers.RMSNormalization(epsilon=-1), "`epsilon` must be a float >= 0"),
        (lambda: layers.RMSNormalization(0)(np.ones((2, 3))), "axes after the batch axis"),
        (lambda: layers.RMSNormalization().build((None, None)), "needs a known size on each axis"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_sizes_are_refused_once_built():
    layer = layers.RMSNormalization()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"was built for sizes \(3,\) on axis"):
        layer(np.ones((2, 4)))
