"""Models of graphs: construction, forks, shared layers, parts of models, errors."""

import gc
import weakref

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from tests.support import graph_nets
from tests.support.threads import run_in_threads


class Sum(layers.Layer):
    """The sum of two inputs, as a layer of a user."""

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def forward(self, x, training=False):
        return x[0] + x[1]

    def backward(self, dy):
        return [dy, dy]


def fork(activation="relu"):
    """A net with a fork, a shared layer and a merge."""
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation=activation, name="stem")(inputs)
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    x = Sum(name="sum")([x, shared(shared(x))])
    x = layers.Flatten(name="flatten")(x)
    outputs = layers.Dense(3, activation="softmax", name="head")(x)
    return keras.Model(inputs, outputs, name="fork")


def test_attributes():
    model = fork()
    assert isinstance(model, keras.models.Functional)
    names = ["image", "stem", "shared", "sum", "flatten", "head"]
    assert [layer.name for layer in model.layers] == names
    assert model.input_shape == (None, 8, 8, 3)
    assert model.output_shape == (None, 3)
    assert (model.input_names, model.output_names) == (["image"], ["head"])
    assert model.count_params() == 112 + 148 + 771
    assert model.get_layer("stem").output.shape == (None, 8, 8, 4)
    assert model.get_layer("head").input.shape == (None, 256)
    assert len(model.get_layer("shared").nodes) == 2


def test_gradients_of_forks_and_shared_layers():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = fork("tanh")
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(4, 8, 8, 3)), np.arange(4) % 3
    before = model.get_weights()
    model.train_on_batch(x, y)
    steps = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
    for position, (weight, step) in enumerate(zip(before, steps, strict=True)):
        direction = rng.normal(size=weight.shape)
        losses = []
        for sign in (1, -1):
            weights = list(before)
            weights[position] = weight + sign * 1e-2 * direction
            model.set_weights(weights)
            losses.append(model.test_on_batch(x, y))
        slope = (losses[0] - losses[1]) / 2e-2
        assert slope == pytest.approx((direction * step).sum(), rel=2e-2, abs=2e-3)


def test_an_intermediate_tensor_as_input():
    model = fork()
    front = keras.Model(model.input, model.get_layer("stem").output)
    back = keras.Model(model.get_layer("stem").output, model.output)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(back(front(x)), model(x))
    assert [layer.name for layer in back.layers[1:]] == ["shared", "sum", "flatten", "head"]


def test_models_share_weights():
    model = fork()
    part = keras.Model(model.input, model.get_layer("sum").output)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    model.compile("adam", "sparse_categorical_crossentropy")
    before = part(x)
    model.train_on_batch(x, np.zeros(4))
    assert np.abs(part(x) - before).max() > 0


@pytest.mark.parametrize("training", [False, True])
def test_a_frozen_base_in_inference_mode(training):
    """Transfer learning: `base(x, training=False)` keeps the statistics of normalizations."""
    base = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.BatchNormalization()])
    inputs = keras.Input((6,))
    outputs = layers.Dense(2)(base(inputs, training=training))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    mean = base.layers[1].moving_mean
    before, gamma = mean.numpy(), base.layers[1].gamma.numpy()
    x = np.random.default_rng(0).normal(size=(16, 6)) + 3
    model.fit(x, np.ones((16, 2)), verbose=0)
    assert np.array_equal(before, mean.numpy()) != training
    assert not np.array_equal(gamma, base.layers[1].gamma.numpy())


def test_the_memory_of_inference_is_reused():
    """A net of 50 layers does not hold 50 activations."""
    inputs = keras.Input((16, 16, 8))
    x = inputs
    for _ in range(25):
        x = Sum()([x, layers.Conv2D(8, 3, padding="same", activation="relu")(x)])
    model = keras.Model(inputs, x)
    model(np.zeros((2, 16, 16, 8)))
    arena = model._plan.inference.steps[0].memory._arena
    assert sum(map(len, arena.values())) <= 4 * 2 * 16 * 16 * 8 * 4


def test_losses_of_several_outputs_read_their_own_logits():
    """The losses are those of the predictions, though the steps of inference share memory."""
    inputs = keras.Input((4,))
    outputs = [
        layers.Dense(3, activation=name, name=name)(inputs)
        for name in ("softmax", "sigmoid", "tanh")
    ]
    model = keras.Model(inputs, outputs)
    losses = ["categorical_crossentropy", "binary_crossentropy", "mse"]
    model.compile("sgd", losses)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)), [np.eye(3)[rng.integers(0, 3, 8)] for _ in range(3)]
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    for layer, loss, target, found in zip(
        model.layers[1:], losses, y, model.predict(x, verbose=0), strict=True
    ):
        expected = keras.losses.get(loss)(target, found).mean()
        assert logs[f"{layer.name}_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_model_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        model = fork()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(np.zeros((4, 8, 8, 3)), np.zeros(4), verbose=0)
        reference = weakref.ref(model)
        del model
        assert reference() is None
    finally:
        gc.enable()


def test_names_are_those_of_keras():
    """Keras takes a name each time it builds a Sequential."""
    keras.backend.clear_session()

    def name():
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(2)(inputs)).name

    assert name() == "functional"
    keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dense(2)])
    assert name() == "functional_2"
    model = keras.Sequential()
    for layer in (keras.Input((4,)), layers.Dense(2), layers.Dense(2)):
        model.add(layer)
    assert name() == "functional_5"
    model = keras.Sequential([layers.Dense(2)])
    assert name() == "functional_6"
    model.build((None, 4))
    assert name() == "functional_8"
    model.pop()
    assert name() == "functional_9"


def test_a_sequential_that_starts_with_a_graph_has_its_shape():
    x = keras.Input((None, 6, 2))
    base = keras.Model(x, layers.Conv2D(3, 3)(x))
    model = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    assert model.input_shape == (None, None, 6, 2)
    assert model.output_shape == (None, 2)
    assert model.count_params() == base.count_params() + 8
    for height in (4, 5):
        assert model(np.zeros((2, height, 6, 2))).shape == (2, 2)
    again = keras.Sequential.from_config(model.get_config())
    assert again.input_shape == model.input_shape
    two = keras.Model([x, keras.Input((2,))], layers.ReLU()(x))
    assert not keras.Sequential([two, layers.ReLU()]).built


def test_a_model_with_several_outputs_in_a_sequential_is_refused():
    x = keras.Input((3,))
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3)])
    for outputs in ([x, layers.ReLU()(x)], {"y": layers.ReLU()(x)}):
        kind = type(outputs).__name__
        with pytest.raises(ValueError, match=f"must return one tensor. .* returns a {kind}"):
            model.add(keras.Model(x, outputs))
    assert model(np.zeros((1, 3))).shape == (1, 3)


def test_a_subclass_with_inputs_and_outputs():
    class Mine(keras.Model):
        def __init__(self, size):
            inputs = keras.Input((4,))
            super().__init__(inputs=inputs, outputs=layers.Dense(size)(inputs))

    model = Mine(3)
    assert isinstance(model, Mine)
    assert model(np.zeros((2, 4))).shape == (2, 3)


def test_a_graph_is_used_by_two_threads():
    model = graph_nets.graph(keras)
    inputs = [graph_nets.data(40, seed)[0] for seed in range(2)]
    expected = [model.predict(x, verbose=0) for x in inputs]
    wrong = []

    def predict(index):
        for _ in range(50):
            found = model.predict(inputs[index], verbose=0)
            if not all(map(np.array_equal, found, expected[index])):
                wrong.append(index)

    run_in_threads(predict)
    assert not wrong


def test_parts_of_a_graph_predict_while_it_trains():
    """A part shares the layers, not the buffers: neither changes what the other computes."""

    def weights(look):
        model = graph_nets.graph(keras)
        part = keras.Model(model.inputs, model.get_layer("both").output)
        x, y = graph_nets.data(32)
        callback = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: look and part.predict(x, verbose=0)
        )
        model.fit(x, y, 8, epochs=2, shuffle=False, verbose=0, callbacks=[callback])
        return model.get_weights()

    keras.utils.set_random_seed(0)
    expected = weights(False)
    keras.utils.set_random_seed(0)
    for a, b in zip(weights(True), expected, strict=True):
        np.testing.assert_array_equal(a, b)


class TestErrors:
    def test_an_output_without_its_input(self):
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        with pytest.raises(ValueError, match=r"depend on the input 'b', .* not among .* \['a'\]"):
            keras.Model(a, Sum()([a, b]))

    def test_two_layers_of_one_name(self):
        inputs = keras.Input((4,))
        x = layers.Dense(4, name="same")(inputs)
        with pytest.raises(ValueError, match="'same' is used 2 times"):
            keras.Model(inputs, layers.Dense(4, name="same")(x))

    def test_something_else_than_a_symbolic_tensor(self):
        inputs = keras.Input((4,))
        with pytest.raises(ValueError, match="All `outputs` of a model must be symbolic tensors"):
            keras.Model(inputs, layers.Dense(2))
        with pytest.raises(ValueError, match="All `inputs` of a model must be symbolic tensors"):
            keras.Model(np.zeros(3), inputs)

    def test_a_list_for_a_layer_with_one_input(self):
        a, b = keras.Input((4,)), keras.Input((4,))
        with pytest.raises(ValueError, match=r"expects 1 input\. Received a list of 2"):
            layers.Dense(2)([a, b])

    @pytest.mark.parametrize("use", [bool, len, list, np.asarray])
    def test_a_symbolic_tensor_has_no_values(self, use):
        with pytest.raises((TypeError, ValueError), match="symbolic tensor"):
            use(keras.Input((4,)))


def test_repeated_calls_on_lists_of_arrays():
    """The second call of a shape takes a short cut, which must not skip any check."""
    a, b = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([a, b], layers.Dense(2)(layers.subtract([a, b])))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 4, 3)).astype(np.float32)
    first = model([x, y])
    for values in ([x, y], (x, y), [x.astype(np.float64), y]):
        again = model(values)
        assert type(again) is type(first)
        np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(model([y, x]), -first + 2 * model.layers[-1].bias)
    assert not np.shares_memory(model([x, y]), first)
    model([x[:2], y[:2]])
    for wrong in ([x, y[:2]], [x], [x, y, y], [x, y[:, :2]], [x, "y"]):
        with pytest.raises((ValueError, TypeError)):
            model(wrong)
    keras.config.set_backend("reference")
    np.testing.assert_allclose(model([x, y]), first, rtol=1e-5, atol=1e-6)
