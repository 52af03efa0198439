"""SpectralNormalization: the singular value, gradients, frozen and shared layers, errors."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers


@pytest.fixture(params=keras.config.BACKENDS)
def backend(request):
    keras.config.set_backend(request.param)


def largest_singular_value(kernel):
    return np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(5, kernel_initializer="he_normal"), (7,)),
        (lambda: layers.Conv2D(4, 3), (5, 5, 2)),
        (lambda: layers.Conv1D(4, 3, padding="causal"), (5, 2)),
        (lambda: layers.Conv2DTranspose(3, 2), (4, 4, 2)),
        (lambda: layers.DepthwiseConv2D(2, depth_multiplier=3), (4, 4, 2)),
    ],
)
def test_largest_singular_value_becomes_one(make, shape, backend):
    layer = layers.SpectralNormalization(make(), power_iterations=50)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    before = layer(x)
    kernel = layer.kernel.numpy()
    np.testing.assert_array_equal(layer(x), before)  # nothing changes outside of training
    y = layer(x, training=True)
    np.testing.assert_allclose(largest_singular_value(layer.kernel.numpy()), 1, rtol=1e-3)
    factor = largest_singular_value(kernel)
    np.testing.assert_allclose(layer.kernel.numpy() * factor, kernel, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(y, layer.layer(x))
    assert np.isclose(np.linalg.norm(layer.vector_u.numpy()), 1)


def test_gradients_are_those_of_the_layer_with_the_new_kernel(backend):
    x = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    layer = layers.SpectralNormalization(layers.Dense(4, activation="tanh"))
    layer(x)
    y = layer.forward(x, training=True)
    dx = layer.backward(np.ones_like(y)).copy()
    plain = layers.Dense(4, activation="tanh")
    plain(x)
    plain.set_weights([layer.kernel.numpy(), layer.layer.bias.numpy()])
    plain.forward(x, training=True)
    np.testing.assert_array_equal(plain.backward(np.ones_like(y)), dx)
    for ours, theirs in zip(layer.trainable_weights, plain.trainable_weights, strict=True):
        np.testing.assert_array_equal(ours.gradient, theirs.gradient)


@pytest.mark.parametrize("wrap", [1, 2])
def test_gradients_in_inference_are_those_of_the_layer_inside(wrap):
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 5, 5, 2)).astype(np.float32)
    y = random.normal(size=(4, 2)).astype(np.float32)

    def model(wrap):
        conv = layers.Conv2D(2, 3, padding="same", activation="tanh")
        for _ in range(wrap):
            conv = layers.SpectralNormalization(conv)
        inputs = keras.Input(x.shape[1:])
        inside = conv(inputs, training=False) if wrap else conv(inputs)
        outputs = layers.Dense(2)(layers.Flatten()(inside))
        made = keras.Model(inputs, outputs)
        made.compile(keras.optimizers.SGD(0.1), "mse")
        return made, conv

    (wrapped, layer), (plain, conv) = model(wrap), model(0)
    conv.set_weights([layer.kernel.numpy(), np.zeros(2, np.float32)])
    plain.layers[-1].set_weights(wrapped.layers[-1].get_weights())
    np.testing.assert_array_equal(keras.gradients(wrapped, x), keras.gradients(plain, x))
    before = layer.vector_u.numpy()
    for made in (wrapped, plain):
        made.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(layer.vector_u.numpy(), before)
    np.testing.assert_array_equal(layer.kernel.numpy(), conv.kernel.numpy())
    np.testing.assert_array_equal(wrapped.predict(x, verbose=0), plain.predict(x, verbose=0))


def test_zero_kernel_stays_zero_and_nan_shows(backend):
    layer = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    x = np.ones((1, 3))
    layer(x)
    u = layer.vector_u.numpy()
    np.testing.assert_array_equal(layer(x, training=True), np.zeros((1, 2)))
    np.testing.assert_array_equal(layer.vector_u.numpy(), u)
    layer.kernel.assign(np.full((3, 2), np.nan))
    assert np.isnan(layer(x, training=True)).all()


def test_frozen_layer_is_still_normalized():
    x = np.ones((1, 3))
    built = layers.SpectralNormalization(layers.Dense(2), trainable=False)
    built(x)
    later = layers.SpectralNormalization(layers.Dense(2))
    later(x)
    later.trainable = False
    for layer in (built, later):
        assert layer.trainable_weights == []
        assert not layer.layer.trainable
        before = layer.kernel.numpy()
        layer(x, training=True)
        assert not np.array_equal(layer.kernel.numpy(), before)
    later.trainable = True
    assert later.trainable_weights == later.layer.weights


def test_model_with_shared_and_wrapped_layers_learns_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 8, 2)).astype(np.float32), rng.integers(0, 2, 32)
    shared = layers.SpectralNormalization(layers.Dense(8, activation="relu"))
    inputs = keras.Input((8, 2))
    hidden = layers.SpectralNormalization(layers.Conv1D(8, 3), name="wrapped")(inputs)
    hidden = shared(shared(layers.GlobalMaxPooling1D()(hidden)))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    assert model.layers[1].weights[0].path == f"wrapped/{model.layers[1].layer.name}/kernel"
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    losses = model.fit(x, y, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.fit(x, y, verbose=0, shuffle=False).history == (
        model.fit(x, y, verbose=0, shuffle=False).history
    )  # with the state of the optimizer
    model.save_weights(tmp_path / "m.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))


def test_wrapper_of_a_wrapper_is_saved(tmp_path):
    twice = layers.SpectralNormalization(layers.SpectralNormalization(layers.Dense(3)))
    model = keras.Sequential([keras.Input((4,)), twice])
    assert len(model.weights) == 4
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(again(x, training=True), model(x, training=True))


def test_own_class_inside():
    class Mine(layers.Dense):
        pass

    model = keras.Sequential([keras.Input((3,)), layers.SpectralNormalization(Mine(2))])
    text = model.to_json()
    again = keras.models.model_from_json(text, custom_objects={"Mine": Mine})
    assert type(again.layers[0].layer) is Mine
    with pytest.raises(ValueError, match="Mine"):
        keras.models.model_from_json(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.SpectralNormalization("dense"), "`layer` must be a layer"),
        (lambda: layers.SpectralNormalization(layers.Dense(1), 0), "`power_iterations` must be"),
        (
            lambda: layers.SpectralNormalization(layers.Dense(1, activity_regularizer="l2")),
            "cannot have an `activity_regularizer`",
        ),
        (
            lambda: layers.SpectralNormalization(layers.MaxPooling2D())(np.ones((1, 4, 4, 1))),
            "needs a layer with a weight `kernel`",
        ),
        (
            lambda: layers.SpectralNormalization(layers.SeparableConv2D(1, 2))(
                np.ones((1, 4, 4, 1))
            ),
            "needs a layer with a weight `kernel`",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
