"""Initializers: distributions, fans, seeds."""

import json
import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import initializers

LIMITS = {  # of a (3, 3, 20, 40) kernel: fan_in 180, fan_out 360
    "glorot_uniform": math.sqrt(6 / 540),
    "he_uniform": math.sqrt(6 / 180),
    "lecun_uniform": math.sqrt(3 / 180),
}
DEVIATIONS = {
    "glorot_normal": math.sqrt(2 / 540),
    "he_normal": math.sqrt(2 / 180),
    "lecun_normal": math.sqrt(1 / 180),
    "variance_scaling": math.sqrt(1 / 180),
}


@pytest.mark.parametrize("name", LIMITS)
def test_uniform(name):
    values = type(initializers.get(name))(seed=1)((3, 3, 20, 40))
    limit = LIMITS[name]
    assert values.dtype == np.float32
    assert abs(values).max() <= limit
    assert abs(values).max() > 0.99 * limit
    assert values.std() == pytest.approx(limit / math.sqrt(3), rel=0.03)
    assert abs(values.mean()) < 0.03 * limit


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal(name):
    values = type(initializers.get(name))(seed=1)((3, 3, 20, 40))
    deviation = DEVIATIONS[name]
    assert values.std() == pytest.approx(deviation, rel=0.03)
    assert abs(values).max() <= 2 * deviation / initializers.TRUNCATED_STDDEV * 1.0001


def test_zeros_ones_and_constant():
    assert (initializers.Zeros()((2,)) == 0).all()
    assert (initializers.Ones()((2,)) == 1).all()
    assert (initializers.Constant(3)((2,)) == 3).all()
    values = initializers.RandomUniform(1, 2, seed=0)((1000,))
    assert 1 <= values.min() < 1.01 < 1.99 < values.max() <= 2
    values = initializers.RandomNormal(5, 0.1, seed=0)((1000,))
    assert values.mean() == pytest.approx(5, abs=0.02)
    values = initializers.TruncatedNormal(0, 1, seed=0)((1000,))
    assert 1.9 < abs(values).max() <= 2


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 3, 2, 5)])
def test_orthogonal(shape):
    matrix = initializers.Orthogonal(seed=0)(shape).reshape(-1, shape[-1])
    small = matrix if matrix.shape[0] < matrix.shape[1] else matrix.T
    np.testing.assert_allclose(small @ small.T, np.eye(len(small)), atol=1e-5)


def test_identity():
    assert initializers.Identity(2)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ValueError, match=r"Identity needs a shape of two axes. Received \(2,\)"):
        initializers.identity()((2,))


def test_fans_match_keras():
    assert initializers.compute_fans(()) == (1, 1)
    assert initializers.compute_fans((7,)) == (7, 7)
    assert initializers.compute_fans((3, 4)) == (3, 4)
    assert initializers.compute_fans((3, 3, 16, 32)) == (144, 288)


def test_seeds():
    draw = initializers.GlorotUniform()
    keras.utils.set_random_seed(1)
    first, second = draw((4, 4)), draw((4, 4))
    assert (first != second).any()
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(draw((4, 4)), first)
    fixed = initializers.GlorotUniform(seed=3)
    np.testing.assert_array_equal(fixed((4, 4)), fixed((4, 4)))


@pytest.mark.parametrize("name", initializers.registry.names())
def test_lookup_and_config(name):
    initializer = initializers.get(name)
    again = initializers.deserialize(initializers.serialize(initializer))
    assert type(again) is type(initializer)
    assert again.get_config() == initializer.get_config()
    assert initializers.get(type(initializer).__name__).get_config() == initializer.get_config()
    shape = (3, 2, 3) if name == "dirac" else (2, 3)
    assert initializer(shape).shape == shape


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 3, 2, 5), (2, 3, 5, 2), (3, 3, 3, 2, 2)])
def test_dirac_copies_channels(shape):
    kernel = initializers.Dirac(2)(shape)
    assert kernel.dtype == np.float32
    assert np.count_nonzero(kernel) == min(shape[-2:])
    center = kernel[tuple(size // 2 for size in shape[:-2])]
    np.testing.assert_array_equal(center, 2 * np.eye(*shape[-2:]))


def test_convolution_of_dirac_is_the_identity():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype("float32")
    layer = keras.layers.Conv2D(4, 3, padding="same", kernel_initializer="dirac")
    y = layer(x)
    np.testing.assert_array_equal(y[..., :3], x)
    assert (y[..., 3] == 0).all()


def test_dirac_takes_its_remainder_from_an_initializer():
    shape, remainder = (3, 3, 2, 5), initializers.HeUniform(seed=1)
    initializer = initializers.Dirac(remainder=remainder)
    kernel = initializer(shape)
    np.testing.assert_array_equal(kernel[..., 2:], remainder(shape)[..., 2:])
    assert np.count_nonzero(kernel[..., :2]) == 2
    config = json.loads(json.dumps(initializers.serialize(initializer)))
    np.testing.assert_array_equal(initializers.deserialize(config)(shape), kernel)


def test_dirac_errors():
    with pytest.raises(ValueError, match=r"Dirac needs a shape of three or more axes.*\(2, 2\)"):
        initializers.Dirac()((2, 2))
    with pytest.raises(ValueError, match=r"`remainder` must be an initializer\. Received None"):
        initializers.Dirac(remainder=None)


def test_errors():
    with pytest.raises(ValueError, match=r"Unknown initializer: 'zero_'. Did you mean 'zero"):
        initializers.get("zero_")
    with pytest.raises(ValueError, match="`mode` must be in"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match=r"`scale` must be positive. Received scale=0"):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ValueError, match="`distribution` must be in"):
        initializers.VarianceScaling(distribution="cauchy")
    with pytest.raises(ValueError, match="`seed` must be None or an integer"):
        initializers.GlorotUniform(seed="a")


@pytest.mark.parametrize("name", ["IdentityInitializer", "OrthogonalInitializer"])
def test_alias_names(name):
    initializer = initializers.get(name)
    assert type(initializer) is getattr(initializers, name)
    assert repr(initializers.deserialize(name)) == repr(initializer)
    assert repr(initializers.deserialize({"class_name": name})) == repr(initializer)


def test_numpy_arguments_are_json_serializable():
    one = np.float32(1)
    for initializer in (
        initializers.RandomNormal(one, one, np.int64(3)),
        initializers.Constant(np.ones(2)),
        initializers.VarianceScaling(one, seed=np.int64(3)),
    ):
        config = json.loads(json.dumps(initializer.get_config()))
        again = type(initializer).from_config(config)
        np.testing.assert_array_equal(again((2, 2)), initializer.clone()((2, 2)))


def test_a_function_can_be_an_initializer():
    layer = keras.layers.Dense(2, kernel_initializer=lambda shape, dtype: np.full(shape, 2, dtype))
    layer(np.ones((1, 3)))
    assert (layer.kernel.value == 2).all()
