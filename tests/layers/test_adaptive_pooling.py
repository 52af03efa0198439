"""Adaptive pooling: windows, equal bits with plain pools, ties, NaN, every output size, errors."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers

KINDS = {"Average": np.mean, "Max": np.max}


@pytest.fixture(params=keras.config.BACKENDS)
def backend(request):
    keras.config.set_backend(request.param)


def windows(size, count):
    """The windows as `torch.nn.AdaptiveAvgPool2d` defines them."""
    return [
        slice(int(np.floor(i * size / count)), int(np.ceil((i + 1) * size / count)))
        for i in range(count)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 6), (5, 4), (9, 13), (1, 6)])
def test_every_output_pools_its_window(kind, size, backend):
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype(np.float32)
    y = getattr(layers, f"Adaptive{kind}Pooling2D")(size)(x)
    for i, rows in enumerate(windows(7, size[0])):
        for j, columns in enumerate(windows(6, size[1])):
            wanted = KINDS[kind](x[:, rows, columns], axis=(1, 2))
            np.testing.assert_allclose(y[:, i, j], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_windows_have_the_bits_of_a_plain_pool(kind):
    x = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype(np.float32)
    adaptive = getattr(layers, f"Adaptive{kind}Pooling2D")((4, 2))
    plain = getattr(layers, f"{kind}Pooling2D")((2, 3))
    np.testing.assert_array_equal(adaptive(x), plain(x))
    dy = np.random.default_rng(1).normal(size=(2, 4, 2, 3)).astype(np.float32)
    plain.forward(x, training=True), adaptive.forward(x, training=True)
    np.testing.assert_array_equal(adaptive.backward(dy), plain.backward(dy))


def test_first_maximum_along_each_axis_gets_the_gradient(backend):
    """Rows are pooled first: of equal maxima that of the first column, not of the first row."""
    x = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], np.float32).reshape(1, 3, 3, 1)
    layer = layers.AdaptiveMaxPooling2D(1)
    layer(x)
    layer.forward(x, training=True)
    dx = layer.backward(np.ones((1, 1, 1, 1), np.float32))
    assert np.argwhere(dx[0, :, :, 0]).tolist() == [[1, 0]]


def test_gradients_of_overlapping_windows_add_up(backend):
    x = np.array([1, 2, 9, 2, 1], np.float32).reshape(1, 5, 1)
    layer = layers.AdaptiveMaxPooling1D(4)  # windows 0-1, 1-2, 2-3, 3-4
    layer(x)
    assert layer.forward(x, training=True).ravel().tolist() == [2, 9, 9, 2]
    dx = layer.backward(np.array([1, 2, 4, 8], np.float32).reshape(1, 4, 1))
    assert dx.ravel().tolist() == [0, 1, 6, 8, 0]


@pytest.mark.parametrize("size", [2, (3, 5), (4, 6)])
def test_nan_reaches_the_outputs_of_its_windows(size, backend):
    x = np.zeros((1, 7, 8, 1), np.float32)
    x[0, 6, 0] = np.nan
    for kind in KINDS:
        y = getattr(layers, f"Adaptive{kind}Pooling2D")(size)(x)
        assert np.argwhere(np.isnan(y))[:, 1:3].tolist() == [[y.shape[1] - 1, 0]]


def test_in_a_model_that_is_trained():
    x = np.random.default_rng(0).normal(size=(8, 9, 7, 2)).astype(np.float32)
    y = np.arange(8) % 2
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((None, None, 2)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.AdaptiveMaxPooling2D((3, 2)),
            layers.AdaptiveAveragePooling2D(1),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("size", [0, -1, 2.5, "ab", (2, 3, 4), (None, 2)])
def test_sizes_that_are_refused(size):
    for name in ("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling1D"):
        with pytest.raises(ValueError, match="`output_size`"):
            getattr(layers, name)(size)


def test_other_ranks_are_refused():
    with pytest.raises(ValueError, match="expects an input with 4 axes"):
        layers.AdaptiveMaxPooling2D(2)(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="expects an input with 3 axes"):
        layers.AdaptiveAveragePooling1D(2)(np.ones((2, 3, 4, 5)))
