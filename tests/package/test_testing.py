"""check_gradients: correct layers pass, and every kind of mistake is detected and named."""

import re

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.testing import check_gradients
from tests.support import pages
from tests.support.paths import ROOT


class Scale(layers.Layer):
    """y = x * scale + offset, optionally with a mistake."""

    mistake = None

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.offset = self.add_weight(shape=(), name="offset")

    def forward(self, x, training=False):
        self.x = x
        if self.mistake == "changes x":
            x *= 2
        y = x * self.scale.value + self.offset.value
        return y[:, :2] if self.mistake == "shape of y" else y

    def backward(self, dy):
        gradient = (dy * self.x).sum(axis=0)
        if self.mistake == "weight":
            gradient *= 1.01
        if self.mistake == "one element":
            gradient[1] += 1
        if self.mistake == "adds":
            self.scale.gradient += gradient
        elif self.mistake != "forgets":
            self.scale.gradient[...] = gradient
        self.offset.gradient[...] = dy.sum()
        if self.mistake == "changes dy":
            dy *= 2
        dx = dy * self.scale.value
        if self.mistake == "remembers":
            dx = dx + getattr(self, "seen", 0)
            self.seen = dx
        return {"input": -dx, "shape of dx": dx[:1], "none": None, "nan": dx * np.nan}.get(
            self.mistake, dx
        )


def test_correct_layer():
    errors = check_gradients(Scale(), (4,))
    assert sorted(errors) == ["offset", "scale", "x"]
    assert max(errors.values()) < 1e-8


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("input", r"the gradient of 'x' is wrong for 12 of 12 elements. At \(\d, \d\) it is"),
        ("weight", "the gradient of 'scale' is wrong for 4 of 4 elements"),
        ("one element", r"wrong for 1 of 4 elements. At \(1,\) it is .* finite differences give"),
        ("nan", "the gradient of 'x' is wrong for 12 of 12 elements"),
        ("adds", "does not write the whole gradient of 'scale': it must assign"),
        ("forgets", "does not write the whole gradient of 'scale': it must assign"),
        ("remembers", "a different gradient of 'x' the second time"),
        ("changes x", "forward modifies its argument x"),
        ("changes dy", "backward modifies its argument dy"),
        ("shape of y", r"forward returns shape \(3, 2\), but compute_output_shape says \(None, 4"),
        ("shape of dx", r"backward returns shape \(1, 4\) for x of shape \(3, 4\)"),
        ("none", r"backward returns shape \(\) for x of shape \(3, 4\)"),
    ],
)
def test_mistakes(mistake, message):
    layer = Scale()
    layer.mistake = mistake
    with pytest.raises(AssertionError, match=f"Scale.backward.*{message}|Scale.{message}"):
        check_gradients(layer, (4,))


def test_layer_itself_is_unchanged():
    layer = Scale()
    check_gradients(layer, (4,))
    assert not layer.built
    layer(np.ones((2, 4), "f4"))
    layer.scale.assign([1, 2, 3, 4])
    check_gradients(layer, (None, 4))
    assert layer.dtype == "float32"
    assert layer.scale.numpy().tolist() == [1, 2, 3, 4]
    assert keras.config.backend() == "native"
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(3, activation="tanh"), (5,)),
        (layers.Conv2D(2, 3, padding="same", activation="relu"), (5, 5, 2)),
        (layers.BatchNormalization(), (4, 4, 3)),
        (layers.Dropout(0.5), (20,)),
        (layers.Dropout(0.5, seed=1), (20,)),
        (layers.PReLU(), (6,)),
        (keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]), (6, 6, 1)),
    ],
)
def test_layers_of_the_package(layer, shape):
    assert max(check_gradients(layer, shape).values()) < 1e-5
    layer(np.ones((2, *shape), "f4"))  # built now, in float32
    assert max(check_gradients(layer, shape).values()) < 1e-5
    assert all(weight.dtype == "float32" for weight in layer.weights)


def test_layers_that_use_numpy_random():
    class Noise(layers.Layer):
        def forward(self, x, training=False):
            self.factor = np.random.normal(size=x.shape)
            return x * self.factor

        def backward(self, dy):
            return dy * self.factor

    check_gradients(Noise(), (30,))


def test_only_some_elements_of_large_arrays_are_checked(monkeypatch):
    calls = []
    forward = layers.Dense.forward
    monkeypatch.setattr(
        layers.Dense, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    check_gradients(layers.Dense(50), (60,), batch_size=2)
    assert len(calls) < 2 * (120 + 200 + 50) + 10


def test_custom_inputs():
    class Root(layers.Layer):
        def forward(self, x, training=False):
            self.y = np.sqrt(x)
            return self.y

        def backward(self, dy):
            return dy / (2 * self.y)

    check_gradients(Root(), x=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="requires an `input_shape` or inputs `x`"):
        check_gradients(Root())
    with pytest.raises(TypeError, match=r"expects a layer. Received <ufunc"):
        check_gradients(np.sqrt, (2,))


def test_documentation():
    """The layer in docs/own.md is correct, and the message there is that of a wrong one."""
    page = (ROOT / "docs/own.md").read_text("utf-8")
    blocks = [block.code for block in pages.blocks(page)]
    (code,) = (block for block in blocks if "class Scale" in block)
    names = {}
    exec(code, names)  # from our own documentation
    assert sorted(check_gradients(names["Scale"](), (4,))) == ["scale", "x"]

    class Scale(names["Scale"]):
        def backward(self, dy):
            self.scale.gradient[...] = 0.5 * (dy * self.x).sum(axis=0)
            return dy * self.scale.value

    (message,) = (block for block in blocks if "AssertionError" in block)
    message = " ".join(message.split()).removeprefix("AssertionError: ")
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_gradients(Scale(), (4,))
