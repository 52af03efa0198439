"""relu's derivative in the kernels of the steps that read its result."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.plan import plan


def small_net(head="relu"):
    """Forks and a concatenation; `head` is the activation of the layer c."""
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3))
    a = layers.Conv2D(16, 3, padding="same", activation="relu", name="a")(image)
    b = layers.Conv2D(24, 3, padding="same", activation="relu", name="b")(a)
    pooled = layers.MaxPooling2D(2)(b)
    c = layers.Conv2D(8, 3, padding="same", activation=head, name="c")(pooled)
    wide = layers.MaxPooling2D(3, 1, padding="same")(c)
    d = layers.Conv2DTranspose(5, 2, strides=2, activation="relu", name="d")(wide)
    merged = layers.Concatenate()([b, d, a])
    outputs = layers.Conv2D(4, 1, activation="softmax")(merged)
    model = keras.Model(image, outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((8, 8, 8, 3)).astype("f4"), rng.integers(0, 4, (8, 8, 8))


def trained(**options):
    model = small_net(**options)
    model.fit(*data(), 4, epochs=2, shuffle=False, verbose=0)
    steps = {step.name: step for step in model._plan.training.steps}
    return model.get_weights(), {name for name in "abcd" if steps[name].gradient_is_open}


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_weights_are_those_of_a_pass_of_its_own(backend, monkeypatch):
    keras.config.set_backend(backend)
    weights, opened = trained()
    assert opened == {"b", "c", "d"}  # a convolution reads a as well
    monkeypatch.setattr(plan, "open_gradients", lambda steps, outputs: None)
    expected, opened = trained()
    assert not opened
    for found, wanted in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_other_activations_keep_their_pass():
    assert trained(head="elu")[1] == {"b", "d"}
    assert trained(head="relu6")[1] == {"b", "d"}


def test_a_gradient_that_the_user_wants_is_that_of_relus_result():
    model, (x, y) = small_net(), data()
    loss = "sparse_categorical_crossentropy"
    parts = keras.gradients(model, x, of=loss, wrt="b", y=y)
    results = keras.Model(model.inputs, model.get_layer("b").output)(x)
    assert np.any(parts[results == 0] != 0)  # not multiplied by the derivative
