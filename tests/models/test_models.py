"""Sequential: building, names, weights, calls, nesting, threads, weight files."""

import sys
import threading

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.models import model as models


def small_net(*more, **settings):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
            *more,
        ],
        **settings,
    )


def images(n=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 8, 8, 1)).astype(np.float32)


class TestBuilding:
    def test_a_list_with_input(self):
        model = small_net()
        assert model.built
        assert model.input_shape == (None, 8, 8, 1)
        assert model.output_shape == (None, 3)
        assert [layer.output_shape for layer in model.layers] == [
            (None, 6, 6, 4),
            (None, 3, 3, 4),
            (None, 36),
            (None, 3),
        ]

    def test_batch_size_of_the_input_appears_in_shapes(self):
        model = keras.Sequential([keras.Input((5,), batch_size=4), layers.Dense(2)])
        assert (model.input_shape, model.output_shape) == ((4, 5), (4, 2))
        assert model.predict(np.ones((3, 5)), verbose=0).shape == (3, 2)
        assert keras.models.clone_model(model).input_shape == (4, 5)
        model.compile("sgd", "mse")
        model.fit(np.ones((9, 5)), np.ones((9, 2)), verbose=0)
        model = keras.Sequential([layers.Dense(2)])
        model.build((4, 5))
        assert model.output_shape == (4, 2)

    @pytest.mark.parametrize("padding", ["valid", "same"])
    def test_without_input_a_second_image_size_is_taken(self, padding):
        def made():
            keras.utils.set_random_seed(1)
            conv = layers.Conv2D(3, 3, activation="relu")
            return [conv, layers.MaxPooling2D(padding=padding), layers.GlobalAveragePooling2D()]

        model = keras.Sequential(made())
        model.compile("adam", "mse")
        sizes = [(8, 8), (9, 7), (8, 8)]
        data = [np.random.default_rng(0).random((2, *size, 1), np.float32) for size in sizes]
        y = np.ones((2, 3))
        for x in data:
            model.fit(x, y, verbose=0)
        assert model.input_shape == (None, None, None, 1)
        assert model.optimizer.iterations == 3
        other = keras.Sequential([keras.Input((None, None, 1)), *made()])
        other.compile("adam", "mse")
        for x in data:
            other.fit(x, y, verbose=0)
        for x in data:
            np.testing.assert_allclose(model(x), other(x), rtol=1e-6)
            np.testing.assert_array_equal(model.predict(x, verbose=0), model(x))
        assert model.evaluate(data[1], y, verbose=0) > 0

    @pytest.mark.parametrize(
        "layer", [layers.Dense(1), layers.PReLU(), layers.LayerNormalization(axis=[1, 2])]
    )
    def test_without_input_other_sizes_are_refused_where_a_weight_depends_on_them(self, layer):
        first = layers.Flatten() if isinstance(layer, layers.Dense) else layers.ReLU()
        model = keras.Sequential([first, layer])
        model(images())
        with pytest.raises(ValueError, match=r"takes inputs of shape \(n, 8, 8, 1\)"):
            model(np.ones((2, 9, 7, 1)))

    def test_batches_of_several_sizes_need_an_input(self):
        model = keras.Sequential([layers.Conv2D(1, 3), layers.GlobalAveragePooling2D()])
        model.compile("adam", "mse")
        batches = [(np.ones((2, size, 8, 1)), np.ones((2, 1))) for size in (8, 9)]
        with pytest.raises(ValueError, match=r"start it with Input\(shape=\(None, 8, 1\)\)"):
            model.fit(iter(batches), verbose=0)

    def test_model_cannot_contain_itself(self):
        model = small_net()
        outer = keras.Sequential([model])
        for layer in (model, outer):
            with pytest.raises(ValueError, match="cannot be one of its own layers"):
                model.add(layer)
        assert len(model.layers) == 4

    def test_layers_are_passed_as_one_list(self):
        for arguments in ([layers.Dense(1)], [layers.Dense(1), layers.Dense(2)]):
            with pytest.raises(ValueError, match=r"one list of layers: Sequential\(\[layer, "):
                keras.Sequential(*arguments)

    def test_pop_of_the_only_layer(self):
        model = keras.Sequential([layers.Dense(1)])
        model.pop()
        assert not model.built

    def test_input_shape_on_the_first_layer(self):
        model = keras.models.Sequential([layers.Dense(2, input_shape=(5,)), layers.Dense(1)])
        assert [layer.name for layer in model.layers] == [layer.name for layer in model.layers]
        assert len(model.layers) == 2
        assert model.count_params() == 12 + 3
        assert keras.Sequential([layers.Dense(2, input_dim=5)]).count_params() == 12

    def test_add_builds_the_layer_if_the_shape_is_known(self):
        model = keras.Sequential()
        model.add(keras.Input(shape=(4,)))
        model.add(layers.Dense(3))
        assert len(model.weights) == 2
        model.add(layers.Dense(2))
        assert len(model.weights) == 4
        assert model.pop().units == 2
        assert model.output_shape == (None, 3)
        assert model(np.ones((1, 4))).shape == (1, 3)

    def test_first_call_builds_the_model(self):
        model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
        assert not model.built
        assert model.weights == []
        assert model(np.ones((2, 4))).shape == (2, 2)
        assert model.input_shape == (None, 4)
        assert len(model.weights) == 4

    def test_build_by_hand(self):
        model = keras.Sequential([layers.Dense(3)])
        model.build((None, 4))
        assert model.layers[0].kernel.shape == (4, 3)
        with pytest.raises(ValueError, match="takes inputs of shape"):
            model.build((None, 5))

    def test_unknown_sizes(self):
        model = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(2, 3)])
        assert model.output_shape == (None, None, None, 2)
        for size in (5, 9, 5):
            assert model(np.ones((1, size, size + 1, 1))).shape == (1, size - 2, size - 1, 2)

    def test_automatic_names_match_keras(self):
        keras.utils.clear_session()
        model = small_net()
        assert model.name == "sequential"
        assert small_net().name == "sequential_1"
        assert [layer.name for layer in model.layers] == [
            "conv2d",
            "max_pooling2d",
            "flatten",
            "dense",
        ]
        model(images())
        assert [variable.path for variable in model.weights] == [
            "sequential/conv2d/kernel",
            "sequential/conv2d/bias",
            "sequential/dense/kernel",
            "sequential/dense/bias",
        ]

    def test_get_layer(self):
        model = small_net()
        conv = model.layers[0]
        assert model.get_layer(conv.name) is conv
        assert model.get_layer(index=0) is conv
        with pytest.raises(ValueError, match=r"There is no layer 'foo'. The layers are: \['conv2d"):
            model.get_layer("foo")
        with pytest.raises(ValueError, match="There is no layer 9: the model has 4 layers"):
            model.get_layer(index=9)
        with pytest.raises(ValueError, match="either a `name` or an `index`"):
            model.get_layer()

    def test_rejected_layer_leaves_the_model_unchanged(self):
        model = small_net()
        with pytest.raises(ValueError, match="expects an input with 4 axes"):
            model.add(layers.Conv2D(1, 1))
        assert len(model.layers) == 4
        assert model(images()).shape == (6, 3)

    def test_nested(self):
        inner = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)])
        model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1)])
        assert [layer.name for layer in model.layers] == [inner.name, model.layers[1].name]
        assert len(model.weights) == 6
        x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
        model.compile("sgd", "mse")
        before = inner.get_weights()
        model.fit(x, np.ones(5), verbose=0)
        assert any(
            (now != then).any() for now, then in zip(inner.get_weights(), before, strict=True)
        )
        y = model(x)
        np.testing.assert_array_equal(model.layers[1](inner(x)), y)  # inner alone takes its weights
        np.testing.assert_array_equal(model(x), y)
        inner.trainable = False
        assert len(model.trainable_weights) == 2

    def test_config(self):
        model = small_net()
        again = keras.Sequential.from_config(model.get_config())
        assert again.get_config() == model.get_config()
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again(images()), model(images()))
        lazy = keras.Sequential([layers.Dense(2)])
        assert not keras.Sequential.from_config(lazy.get_config()).built


@pytest.mark.parametrize("recursive", [False, True])
def test_clone_function_gets_a_nested_model_whole_unless_recursive(recursive):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="in")], name="inner")
    model = keras.Sequential([inner, layers.Dense(2, name="out")])
    names = []

    def clone(layer):
        names.append(layer.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone, recursive=recursive)
    assert names == (["in", "out"] if recursive else ["inner", "out"])
    assert copy.get_config() == model.get_config()
    assert not {*map(id, copy.leaves())} & {*map(id, model.leaves())}


def test_clone_is_compiled_like_the_model():
    def doubled(y_true, y_pred):
        return 2 * y_pred.mean(-1)

    model = small_net()
    assert not keras.models.clone_model(model).compiled
    y, sgd = np.arange(6) % 3, keras.optimizers.SGD(0.5)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy", doubled])
    logs = model.fit(images(), y, verbose=0).history
    copy = keras.models.clone_model(model)
    assert copy.optimizer.learning_rate == 0.5
    assert copy.optimizer is not model.optimizer
    assert copy.fit(images(), y, verbose=0).history.keys() == logs.keys()
    assert model.optimizer.iterations == 1


def test_evaluate_rejects_unknown_arguments():
    model = small_net()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"passed to evaluate: \{'step': 1\}"):
        model.evaluate(images(), np.zeros(6), step=1)


class TestWeights:
    def test_order_and_copies(self):
        model = small_net()
        shapes = [weight.shape for weight in model.get_weights()]
        assert shapes == [(3, 3, 1, 4), (4,), (36, 3), (3,)]
        weights = model.get_weights()
        weights[0][...] = 7
        assert (model.get_weights()[0] != 7).all()

    def test_all_weights_share_one_aligned_array(self):
        model = small_net()
        model(images())
        (block,) = model.store.blocks
        assert block.values.ctypes.data % 64 == 0
        for variable, part in model.store.slices:
            assert np.shares_memory(variable.value, block.values)
            assert part.start % 16 == 0

    def test_values_are_read_only_and_assign_reaches_the_kernels(self):
        model = small_net()
        x = images()
        before = model(x)
        kernel = model.layers[-1].kernel
        with pytest.raises(ValueError, match="read-only"):
            kernel.value[0, 0] = 1
        kernel.assign(np.zeros(kernel.shape))
        assert (model(x) != before).any()
        np.testing.assert_allclose(model(x), 1 / 3, rtol=1e-6)

    def test_set_weights_validates_before_assigning(self):
        model = small_net()
        weights = model.get_weights()
        wrong = [np.zeros_like(weight) for weight in weights[:-1]] + [np.zeros(4)]
        with pytest.raises(ValueError, match=r"does not fit the given array of shape \(4,\)"):
            model.set_weights(wrong)
        with pytest.raises(ValueError, match="a list of 1 arrays, but it has 4 weights"):
            model.set_weights(wrong[:1])
        np.testing.assert_array_equal(model.get_weights()[0], weights[0])

    def test_layers_shared_by_two_models(self):
        first = small_net()
        second = keras.Sequential([keras.Input((8, 8, 1)), *first.layers[:3]])
        x = images()
        y = first(x)
        features = second(x)
        assert features.shape == (6, 36)
        np.testing.assert_array_equal(first(x), y)
        first.layers[0].kernel.assign(np.zeros((3, 3, 1, 4)))
        assert (second(x) != features).any()


class TestCall:
    @pytest.mark.parametrize("backend", ["native", "reference"])
    def test_result_is_a_new_array_and_independent_of_the_batch(self, backend):
        keras.config.set_backend(backend)
        model = small_net()
        x = images(600)
        whole = model(x)
        kept = whole.copy()
        for size in (1, 3, 300):
            np.testing.assert_allclose(model(x[:size]), kept[:size], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(whole, kept)
        np.testing.assert_allclose(model.predict(x, verbose=0), kept, rtol=1e-5, atol=1e-6)
        assert model(x[:0]).shape == (0, 3)
        assert model.predict(x[:0], verbose=0).shape == (0, 3)

    @pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", "float16", ">f4", "bool"])
    def test_other_types(self, dtype):
        model = small_net()
        x = np.random.default_rng(0).integers(0, 2, (3, 8, 8, 1))
        wanted = model(x.astype(np.float32))
        for _ in range(2):  # the second call takes the short way
            np.testing.assert_array_equal(model(x.astype(dtype)), wanted)
        np.testing.assert_array_equal(model.predict(x.astype(dtype), verbose=0), wanted)

    def test_layouts(self):
        model = small_net()
        x = images(4)
        wanted = model(x)
        for other in (np.asfortranarray(x), x[::-1][::-1], x.tolist(), x[..., 0]):
            np.testing.assert_array_equal(model(other), wanted)
            np.testing.assert_array_equal(model.predict(other, verbose=0), wanted)

    def test_backend_can_change_in_between(self):
        model = small_net()
        x = images()
        native = model(x)
        keras.config.set_backend("reference")
        reference = model(x)
        np.testing.assert_allclose(reference, native, atol=1e-6)
        assert (reference != native).any()
        keras.config.set_backend("native")
        np.testing.assert_array_equal(model(x), native)

    def test_one_value_per_sample(self):
        model = keras.Sequential([layers.Dense(1)])
        assert model(np.arange(3.0)).shape == (3, 1)

    def test_concurrent_calls_return_correct_results(self):
        model = small_net()
        batches = [images(n % 5 + 1, seed=n) for n in range(16)]
        wanted = [model(x) for x in batches]
        wrong = []

        def work(number):
            for _ in range(50):
                x = batches[number]
                for result in (model(x), model.predict(x, verbose=0, batch_size=2)):
                    if not np.allclose(result, wanted[number], rtol=1e-5, atol=1e-6):
                        wrong.append(number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class Scale(layers.Layer):
    """A user's layer: a factor per channel. Returns new arrays of whatever type NumPy makes."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def forward(self, x, training=False):
        self.x = x.copy()
        return np.asfortranarray(x * self.scale.value.astype(np.float64))

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        self.scale.gradient[...] = (dy * self.x).sum(axes)
        return dy * self.scale.value


class TestUserLayers:
    @pytest.mark.parametrize("backend", ["native", "reference"])
    def test_custom_layers_at_any_position(self, backend):
        keras.config.set_backend(backend)
        model = keras.Sequential(
            [
                keras.Input((4, 4, 2)),
                Scale(),
                layers.Conv2D(3, 2, activation="relu"),
                Scale(),
                layers.Flatten(),
                layers.Dense(2),
                Scale(),
            ]
        )
        x = np.random.default_rng(0).normal(size=(40, 4, 4, 2)).astype(np.float32)
        y = x.reshape(40, -1)[:, :2] * 2
        model.compile(keras.optimizers.SGD(0.05), "mse")
        history = model.fit(x, y, epochs=20, verbose=0, batch_size=16).history
        assert history["loss"][-1] < 0.5 * history["loss"][0]
        assert all((layer.scale.value != 1).all() for layer in model.layers if type(layer) is Scale)

    def test_call_instead_of_forward(self):
        class Doubled(layers.Layer):
            def call(self, x):
                return 2 * x

        with pytest.raises(NotImplementedError, match="Layers with `call` are not supported"):
            keras.Sequential([keras.Input((2,)), Doubled()])(np.ones((1, 2)))


class TestProtocol:
    def test_a_model_is_a_layer(self):
        """forward and backward of the whole net, against finite differences of the loss."""
        keras.config.set_backend("reference")
        keras.config.set_floatx("float64")
        try:
            model = small_net()
        finally:
            keras.config.set_floatx("float32")
        x = np.random.default_rng(0).normal(size=(2, 8, 8, 1))
        model(x)  # the loop's own settings must not stay behind
        dy = np.random.default_rng(1).normal(size=(2, 3))
        model.forward(x, training=True)
        dx = model.backward(dy).copy()
        for index in [(0, 1, 2, 0), (1, 7, 7, 0), (1, 4, 3, 0)]:
            step = np.zeros_like(x)
            step[index] = 1e-6
            slope = (
                (model.forward(x + step) * dy).sum() - (model.forward(x - step) * dy).sum()
            ) / 2e-6
            np.testing.assert_allclose(dx[index], slope, atol=1e-6, rtol=1e-4)

    def test_plan_shows_what_runs(self):
        model = small_net()
        assert "sparse" not in model.plan()
        model.compile("adam", "sparse_categorical_crossentropy")
        assert model.plan().splitlines()[-1] == "sparse_categorical_crossentropy after softmax"
        model.compile("adam", "mse")
        assert model.plan().splitlines()[-1] == "mean_squared_error"

    def test_plan_of_images_of_any_size(self):
        convs = [layers.Conv2D(16, 5, padding="same") for _ in range(2)]
        shape = keras.Input((None, None, 16))
        model = keras.Sequential([shape, *convs, layers.GlobalMaxPooling2D()])
        model.compile("adam", "mse")
        assert "backward_weights: winograd, backward_data: winograd" in model.plan()


FUSED = {
    "conv, relu, pool": lambda: [layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D()],
    "conv, relu layer, overlapping pool": lambda: [
        layers.Conv2D(5, 3), layers.ReLU(), layers.MaxPooling2D(3, 2)
    ],
    "conv, pool": lambda: [layers.Conv2D(5, 3, padding="same"), layers.MaxPooling2D((2, 1))],
    "norm, relu": lambda: [layers.BatchNormalization(), layers.Activation("relu")],
    "conv, norm, relu, pool": lambda: [
        layers.Conv2D(5, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()
    ],
    "conv, norm, pool": lambda: [
        layers.Conv2D(5, 3), layers.BatchNormalization(), layers.MaxPooling2D()
    ],
    "conv, norm, relu": lambda: [
        layers.Conv2D(12, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()
    ],
    "depthwise conv, norm": lambda: [
        layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization()
    ],
    "dense, norm, relu": lambda: [
        layers.Dense(6), layers.BatchNormalization(), layers.ReLU()
    ],
}  # fmt: skip


class TestFusedSteps:
    """Neighbours that run as one step give what they give one after the other."""

    @pytest.mark.parametrize("name", FUSED)
    def test_fused_step_equals_separate_layers(self, name):
        x = np.random.default_rng(0).normal(size=(6, 9, 8, 3)).astype(np.float32)
        y = np.arange(6) % 4
        models = []
        for apart in (False, True):
            keras.utils.set_random_seed(1)
            inner = FUSED[name]()
            if apart:  # a layer that changes nothing keeps neighbours apart
                inner = [part for layer in inner for part in (layer, layers.Activation("linear"))]
            model = keras.Sequential([keras.Input((9, 8, 3)), *inner, layers.Flatten()])
            model.add(layers.Dense(4, activation="softmax"))
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=3, epochs=2, verbose=0, shuffle=False)
            models.append(model)
        fused, apart = models
        parts = len(FUSED[name]())
        steps = [len(model._plan.inference.steps) for model in models]
        assert steps[1] - steps[0] == 2 * parts - 1
        for a, b in zip(fused.get_weights(), apart.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose(fused(x), apart(x), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("flatten", [True, False])
def test_large_batch_is_read_without_copying(flatten, normalized):
    """All kinds of arrays give the same bits, none is kept, and training reads its own batches."""
    shape = (8, 8, 16) if flatten else (1024,)
    front = [layers.Flatten()] if flatten else []
    entry = [layers.Dense(16), layers.BatchNormalization(), layers.ReLU()]
    if not normalized:
        entry = [layers.Dense(16, activation="relu")]
    model = keras.Sequential(
        [keras.Input(shape), *front, *entry, layers.Dense(3, activation="softmax")]
    )
    rng = np.random.default_rng(3)
    x = rng.random((32, *shape), np.float32)
    assert x.nbytes > models.IN_PLACE
    first = model(x).copy()
    assert model._plan.forward_in_place(x) is not None
    wide = np.empty((*x.shape[:-1], 2 * x.shape[-1]), np.float32)[..., ::2]
    odd = np.empty(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    wide[...] = odd[...] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (x, wide, odd, frozen, x.astype(np.float64), x.astype(">f4")):
        np.testing.assert_array_equal(model(other), first)
    references = sys.getrefcount(x)
    model(x)
    assert sys.getrefcount(x) == references

    model.compile("sgd", "sparse_categorical_crossentropy")
    y = rng.integers(0, 3, 32)
    weights = model.get_weights()
    losses = [model.train_on_batch(x, y)]
    model.set_weights(weights)
    model(rng.random(x.shape, np.float32))
    losses.append(model.train_on_batch(x, y))
    assert losses[0] == losses[1]


def test_interrupted_call_keeps_no_reference_to_its_array(monkeypatch):
    """Ctrl-C while a layer reads the caller's array: the next call reads its own."""
    model = keras.Sequential([keras.Input((1024,)), layers.Dense(16, activation="tanh")])
    x, other = np.random.default_rng(3).random((2, 32, 1024), np.float32)
    model(x)
    expected = model.predict(other, verbose=0)

    def interrupt():
        raise KeyboardInterrupt

    (call,) = model._plan.inference.steps[0]._calls.values()
    with monkeypatch.context() as patch:
        patch.setattr(call, "activate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model(x)
    np.testing.assert_array_equal(model.predict(other, verbose=0), expected)


def test_a_layer_in_the_middle():
    """A part of a model, by its list of layers or by symbolic tensors, follows the training."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    parts = (
        keras.Sequential([keras.Input((8, 8, 1)), *model.layers[:2]]),
        keras.Model(model.inputs, model.layers[1].output),
    )
    for _ in range(2):
        wanted = model.layers[1](model.layers[0](x))
        for part in parts:
            np.testing.assert_array_equal(part.predict(x, verbose=0), wanted)
        model.fit(x, np.ones((4, 2)), epochs=2, verbose=0)
    assert model.optimizer.iterations == 4
