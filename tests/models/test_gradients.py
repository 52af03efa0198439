"""`gradients`: against finite differences, and the examples that it is for."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 8, 8, 2)).astype(np.float32)

ON_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def net(activation="tanh"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation(activation, name="activation")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    left = layers.Conv2D(4, 3, padding="same", activation=activation, name="left")(x)
    right = layers.AveragePooling2D(1, name="right")(x)
    x = layers.Flatten(name="flatten")(layers.Concatenate(name="both")([left, right]))
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="head")(x))


def slope(function, x, direction, step=1e-2):
    """The derivative of `function` along a direction, by central differences."""
    up, down = (float(np.sum(function(x + sign * step * direction))) for sign in (1, -1))
    return (up - down) / (2 * step)


@pytest.mark.parametrize("name", [None, "first", "norm", "left", "both", "dropout"])
def test_gradients_equal_finite_differences(name):
    model = net()
    model.get_layer("norm").moving_mean.assign([0.5, -0.5, 0.25, 0])
    weights = RNG.normal(size=(3, 5)).astype(np.float32)
    point = X
    function = model
    if name is not None:
        layer = model.get_layer(name)
        point = keras.Model(model.input, layer.output)(X)
        tensors = [layer.output]
        if name == "left":  # the output also depends on the other branch
            tensors.append(model.get_layer("right").output)
            right = keras.Model(model.input, tensors[1])(X)
        rest = keras.Model(tensors, model.output)
        function = rest if name != "left" else lambda value: rest([value, right])
    given = weights.copy()
    gradient = keras.gradients(model, X, of=weights, wrt=name)
    np.testing.assert_array_equal(weights, given)
    assert gradient.shape == point.shape
    direction = RNG.normal(size=point.shape).astype(np.float32)
    expected = slope(lambda value: function(value) * weights, point, direction)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-2, abs=2e-4)


def test_of_a_unit_of_a_sum_and_of_a_loss():
    model = net()
    one_hot = np.eye(5, dtype=np.float32)
    for of, weights in ((2, one_hot[[2, 2, 2]]), ([4, 0, 1], one_hot[[4, 0, 1]]), (None, 1)):
        weights = np.broadcast_to(weights, (3, 5)).astype(np.float32)
        expected = keras.gradients(model, X, of=weights)
        np.testing.assert_array_equal(keras.gradients(model, X, of=of), expected)
    y = np.array([1, 2, 3])
    gradient = keras.gradients(model, X, of="sparse_categorical_crossentropy", y=y)
    direction = RNG.normal(size=X.shape).astype(np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy()
    expected = slope(lambda value: loss(y, model(value)), X, direction)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-2, abs=1e-4)


def test_penalties_are_not_part_of_an_output():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    penalized = layers.Dense(4, activation="tanh", activity_regularizer="l2")
    model = keras.Sequential([keras.Input((3,)), penalized, layers.Dense(1)])
    found = keras.gradients(model, x)
    penalized.activity_regularizer = None
    np.testing.assert_array_equal(keras.gradients(model, x), found)


def test_several_layers_and_several_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    dense = layers.Dense(2, kernel_initializer="ones", name="left")
    model = keras.Model(
        [a, b], layers.Multiply(name="product")([dense(a), layers.Dense(2, name="right")(b)])
    )
    x = [np.ones((1, 3)), np.ones((1, 3))]
    found = keras.gradients(model, x)
    assert [gradient.shape for gradient in found] == [(1, 3), (1, 3)]
    found = keras.gradients(model, x, wrt=["left", "product"])
    assert found[1].tolist() == [[1.0, 1.0]]


def test_the_model_does_not_change():
    model = net("relu")
    before = model.get_weights()
    expected = model(X)
    keras.gradients(model, X, of=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model(X), expected)


def test_errors():
    model = net()
    with pytest.raises(ValueError, match="wrt='nowhere' is not a layer of the model"):
        keras.gradients(model, X, wrt="nowhere")
    with pytest.raises(ValueError, match="needs targets"):
        keras.gradients(model, X, of="mse")
    with pytest.raises(ValueError, match="belongs to a loss"):
        keras.gradients(model, X, of=1, y=[0, 1, 2])
    with pytest.raises(ValueError, match=r"in \[0, 5\)"):
        keras.gradients(model, X, of=5)
    with pytest.raises(ValueError, match="the output's shape"):
        keras.gradients(model, X, of=np.ones((3, 4)))
    with pytest.raises(ValueError, match="has 1 outputs"):
        keras.gradients(model, X, output=1)


def striped(model):
    """Pictures whose class is whether the left half is bright, and a model trained on them."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 0.3, (200, 8, 8, 1)).astype(np.float32)
    y = np.arange(200) % 2
    x[y == 1, :, :4] += 0.7
    model.compile(keras.optimizers.Adam(0.01), ON_LOGITS, metrics=["accuracy"])
    model.fit(x, y, epochs=40, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] == 1
    return x, y


def classifier():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="last_conv")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x))


def test_example_saliency():
    """A change of the most salient pixel changes the output more than one of the least."""
    model = classifier()
    x, y = striped(model)
    image, label = x[1:2], y[1:2]
    saliency = np.abs(keras.gradients(model, image, of=label)).max(axis=-1)[0]
    effects = []
    for pixel in (saliency.argmin(), saliency.argmax()):
        changed = image.copy()
        changed.flat[pixel] += 0.1
        effects.append(np.abs(model(changed) - model(image))[0, label[0]])
    assert effects[1] > 2 * effects[0]


def test_example_grad_cam():
    model = classifier()
    x, y = striped(model)
    image, label = x[1:2], y[1:2]
    features = keras.Model(model.input, model.get_layer("last_conv").output)(image)
    gradient = keras.gradients(model, image, of=label, wrt="last_conv")
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    heatmap = np.maximum((weights * features).sum(axis=-1), 0)[0]
    heatmap /= heatmap.max()
    assert heatmap.shape == (8, 8)
    assert heatmap[:, :3].mean() > heatmap[:, 5:].mean()


def test_example_fast_gradient_sign_method():
    model = classifier()
    x, y = striped(model)
    direction = np.sign(keras.gradients(model, x, of=ON_LOGITS, y=y))
    adversarial = np.clip(x + 0.5 * direction, 0, 1)
    assert model.evaluate(adversarial, y, verbose=0)[1] < 0.5
