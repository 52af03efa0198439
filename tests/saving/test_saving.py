"""Saving and loading models: round trips, and errors for what cannot be saved or loaded."""

import copy
import json
import pickle
import threading
import zipfile

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.saving import hdf5, zip_file
from fastcnn.saving.limits import MAX_HEADER


def small_net(units=4, **settings):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(units, **settings),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def data(count=16, units=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 8, 8, 1)), rng.normal(size=(count, units))


def equal(ours, theirs):
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class TestKerasFile:
    def test_training_continues_bit_for_bit(self, tmp_path):
        x, y = data()
        model = small_net()
        model.fit(x, y, verbose=0)
        model.save(tmp_path / "m.keras")
        other = keras.models.load_model(tmp_path / "m.keras")
        equal(model, other)
        assert other.optimizer.iterations == model.optimizer.iterations
        histories = [
            one.fit(x, y, epochs=3, shuffle=False, verbose=0).history for one in (model, other)
        ]
        assert histories[0] == histories[1]
        equal(model, other)
        assert other.name == model.name
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert [entry.name for entry in tmp_path.iterdir()] == ["m.keras"]

    def test_learning_rate_is_restored_in_full_precision(self, tmp_path):
        model = small_net()
        model.compile(keras.optimizers.Adam(0.1), "mse")
        model.save(tmp_path / "m.keras")
        assert float(keras.models.load_model(tmp_path / "m.keras").optimizer.learning_rate) == 0.1

    def test_without_compile(self, tmp_path):
        model = small_net()
        model.save(tmp_path / "m.keras")
        other = keras.saving.load_model(str(tmp_path / "m.keras"), compile=False)
        assert not other.compiled
        equal(model, other)
        keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(tmp_path / "n.keras")
        assert not keras.models.load_model(tmp_path / "n.keras").compiled

    def test_unbuilt_model(self, tmp_path):
        model = keras.Sequential([layers.Dense(2), layers.Dense(1)], name="later")
        model.compile("sgd", "mse")
        keras.models.save_model(model, tmp_path / "m.keras")
        other = keras.models.load_model(tmp_path / "m.keras")
        assert not other.built
        assert other.predict(np.ones((1, 3)), verbose=0).shape == (1, 1)

    def test_every_form_of_losses_and_metrics(self, tmp_path):
        model = small_net(activation="softmax")
        for loss in (
            "categorical_crossentropy",
            keras.losses.CategoricalCrossentropy(label_smoothing=0.25),
            keras.losses.categorical_crossentropy,
        ):
            model.compile(
                keras.optimizers.SGD(0.5, momentum=0.5),
                loss,
                metrics=["accuracy", keras.metrics.CategoricalAccuracy(name="mine")],
            )
            model.save(tmp_path / "m.keras")
            other = keras.models.load_model(tmp_path / "m.keras")
            x, y = data()
            y = np.eye(4)[y.argmax(1)]
            assert other.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
            assert other.optimizer.momentum == 0.5

    def test_nested_model(self, tmp_path):
        inner = keras.Sequential([layers.Dense(3), layers.Dense(3)], name="inner")
        model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])
        model.save(tmp_path / "m.keras")
        other = keras.models.load_model(tmp_path / "m.keras")
        equal(model, other)
        assert other.layers[0].name == "inner"
        model.save_weights(tmp_path / "w.npz")
        with np.load(tmp_path / "w.npz", allow_pickle=False) as arrays:
            assert sorted(arrays) == [
                "layers/dense/vars/0",
                "layers/dense/vars/1",
                *(f"layers/sequential/layers/dense{n}/vars/{v}" for n in ("", "_1") for v in "01"),
            ]

    def test_frozen_layers(self, tmp_path):
        x, y = data()
        model = small_net()
        model.layers[0].trainable = False
        model.fit(x, y, verbose=0)
        model.save(tmp_path / "m.keras")
        other = keras.models.load_model(tmp_path / "m.keras")
        assert not other.layers[0].trainable
        equal(model, other)
        for one in (model, other):
            one.fit(x, y, shuffle=False, verbose=0)
        equal(model, other)

    def test_file_names_and_overwriting(self, tmp_path):
        model = small_net()
        for name in ("m.txt", "m.npz", "m"):
            with pytest.raises(ValueError, match=r"Models are stored in .keras or .h5.*filepath='"):
                model.save(tmp_path / name)
            with pytest.raises(ValueError, match=r"must end in .keras"):
                keras.models.load_model(tmp_path / name)
        for name in ("none.keras", "none.h5"):
            with pytest.raises(FileNotFoundError):
                keras.models.load_model(tmp_path / name)
        model.save(tmp_path / "m.keras")
        with pytest.raises(FileExistsError):
            model.save(tmp_path / "m.keras", overwrite=False)
        with pytest.raises(ValueError, match="zipped"):
            model.save(tmp_path / "m.keras", zipped=False)
        with pytest.raises(ValueError, match="Unrecognized keyword arguments passed to save"):
            model.save(tmp_path / "m.keras", compress=True)

    def test_models_loaded_from_one_file_are_independent(self, tmp_path):
        small_net().save(tmp_path / "m.keras")
        one, other = (keras.models.load_model(tmp_path / "m.keras") for _ in range(2))
        one.set_weights([weight + 1 for weight in one.get_weights()])
        assert (one.get_weights()[0] != other.get_weights()[0]).all()


class Scale(layers.Layer):
    """A custom layer."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.steps = self.add_weight((1,), "zeros", trainable=False, name="steps")
        self.scale = self.add_weight(
            (input_shape[-1],), keras.initializers.Constant(self.start), name="scale"
        )

    def forward(self, x, training=False):
        self.x = x
        return x * self.scale.value

    def backward(self, dy):
        self.scale.gradient[...] = (dy * self.x).sum(axis=0)
        return dy * self.scale.value

    def get_config(self):
        return {**super().get_config(), "start": self.start}


class TestCustomLayers:
    def model(self):
        return keras.Sequential([keras.Input((3,)), Scale(2.5), layers.Dense(2)])

    def test_custom_objects(self, tmp_path):
        model = self.model()
        model.save(tmp_path / "m.keras")
        with pytest.raises(
            ValueError, match=r"contains 'Scale' of the module .* pass `custom_objects"
        ):
            keras.models.load_model(tmp_path / "m.keras")
        other = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Scale": Scale})
        equal(model, other)
        assert other.layers[0].start == 2.5
        with keras.utils.custom_object_scope({"Scale": Scale}):
            equal(model, keras.models.load_model(tmp_path / "m.keras"))
        with pytest.raises(ValueError, match="contains 'Scale'"):
            keras.models.load_model(tmp_path / "m.keras")
        model.save_weights(tmp_path / "w.npz")
        with np.load(tmp_path / "w.npz", allow_pickle=False) as arrays:  # trainable ones first
            assert arrays["layers/scale/vars/0"].shape == (3,)

    def test_scopes_belong_to_their_thread(self):
        names = ("Scale", "Other")

        def found():
            return [keras.utils.get_registered_object(name) for name in names]

        def enter_and_leave():
            with keras.utils.custom_object_scope({"Other": str}):
                entered.set()
                left.wait(10)
                results.append(found())

        entered, left, results = threading.Event(), threading.Event(), []
        thread = threading.Thread(target=enter_and_leave)
        with keras.utils.custom_object_scope({"Scale": Scale}):
            thread.start()
            entered.wait(10)
            results.append(found())
            with keras.utils.CustomObjectScope({"Scale": int}):  # the inner scope comes first
                results.append(found())
        results.append(found())
        left.set()
        thread.join()
        assert results == [[Scale, None], [int, None], [None, None], [None, str]]

    def test_registered(self, tmp_path, monkeypatch):
        monkeypatch.setattr("fastcnn.saving.serialization._registered", {})
        keras.saving.register_keras_serializable("mine")(Scale)
        assert keras.utils.get_registered_name(Scale) == "mine>Scale"
        assert keras.saving.get_registered_object("mine>Scale") is Scale
        assert keras.saving.get_custom_objects() == {"mine>Scale": Scale}
        model = self.model()
        model.save(tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.keras") as archive:
            config = json.loads(archive.read("config.json"))["config"]["layers"][1]
        assert config["registered_name"] == "mine>Scale"
        equal(model, keras.models.load_model(tmp_path / "m.keras"))


class TestWeightFiles:
    @pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
    def test_round_trip(self, tmp_path, ending):
        path = tmp_path / f"w{ending}"
        model, other = small_net(), small_net()
        model.save_weights(path)
        other.load_weights(str(path))
        equal(model, other)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    def test_optimizer_state_is_restored(self, tmp_path):
        x, y = data()
        model, other = small_net(), small_net()
        model.fit(x, y, verbose=0)
        model.save_weights(tmp_path / "m.weights.h5")
        model.save(tmp_path / "m.keras")
        for name in ("m.weights.h5", "m.keras"):
            other.load_weights(tmp_path / name)
            assert other.optimizer.iterations == model.optimizer.iterations
            for slot, values in model.optimizer.slots.items():
                np.testing.assert_array_equal(other.optimizer.slots[slot], values)

    def test_state_of_another_optimizer_is_ignored(self, tmp_path):
        x, y = data()
        model, other = small_net(), small_net()
        model.fit(x, y, verbose=0)
        model.save_weights(tmp_path / "m.weights.h5")
        other.compile(keras.optimizers.SGD(momentum=0.5), "mse")
        with pytest.warns(UserWarning, match="does not match SGD"):
            other.load_weights(tmp_path / "m.weights.h5")
        equal(model, other)
        assert other.optimizer.iterations == 0
        free = keras.Sequential.from_config(model.get_config())  # not compiled
        free.load_weights(tmp_path / "m.weights.h5")

    @pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
    def test_weights_of_another_model_change_nothing(self, tmp_path, ending):
        path = tmp_path / f"w{ending}"
        small_net(units=5).save_weights(path)
        other = small_net()
        before = other.get_weights()
        with pytest.raises(ValueError, match=r"layers/dense/vars/0 has shape \(27, 5\)"):
            other.load_weights(path)
        keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save_weights(path)
        with pytest.raises(ValueError, match=r"Missing: layers/conv2d/vars/0, layers/conv2d/"):
            other.load_weights(path)
        longer = keras.Sequential([*small_net().layers, layers.Dense(4)])
        longer.build((None, 8, 8, 1))
        longer.save_weights(path)
        with pytest.raises(ValueError, match="Not in the model: layers/dense_1/vars/0"):
            other.load_weights(path)
        for now, then in zip(other.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_file_names_and_unbuilt_models(self, tmp_path):
        with pytest.raises(ValueError, match=r"stored in .weights.h5 or .npz files.*'.*w.h5'"):
            small_net().save_weights(tmp_path / "w.h5")
        with pytest.raises(ValueError, match=r"stored in .weights.h5 or .npz or .keras or .h5"):
            small_net().load_weights(tmp_path / "w.txt")
        for name in ("a.npz", "a.weights.h5"):
            with pytest.raises(ValueError, match="has no weights yet: it is not built"):
                keras.Sequential([layers.Dense(1)]).save_weights(tmp_path / name)
            with pytest.raises(FileNotFoundError):
                small_net().load_weights(tmp_path / name)
            small_net().save_weights(tmp_path / name)
            with pytest.raises(FileExistsError):
                small_net().save_weights(tmp_path / name, overwrite=False)
        with pytest.raises(ValueError, match="cannot load weights: it is not built"):
            keras.Sequential([layers.Dense(1)]).load_weights(tmp_path / "a.npz")


def largest(y_true, y_pred):
    """A custom metric."""
    return y_pred.max(axis=-1)


def pickled(model):
    return pickle.loads(pickle.dumps(model))


class TestCopies:
    def test_json(self):
        model = small_net(activation="relu")
        other = keras.models.model_from_json(model.to_json(indent=2))
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert other.layers[-1].activation is keras.activations.relu
        assert other.compiled
        assert other.get_config() == model.get_config()

    def test_config(self):
        model = small_net()
        other = keras.Sequential.from_config(model.get_config())
        assert other.get_config() == model.get_config()
        other.compile_from_config(model.get_compile_config())
        assert other.get_compile_config() == model.get_compile_config()
        assert keras.Sequential([layers.Dense(1)]).get_compile_config() == {}

    def test_clone(self):
        model = small_net()
        other = keras.models.clone_model(model)
        assert other.get_config() == model.get_config()
        assert other.compiled
        assert (other.get_weights()[0] != model.get_weights()[0]).any()

        def larger(layer):
            config = layer.get_config()
            if "filters" in config:
                config["filters"] *= 2
            return type(layer).from_config(config)

        assert keras.models.clone_model(model, clone_function=larger).layers[0].filters == 6
        with pytest.raises(ValueError, match="must be a Sequential model"):
            keras.models.clone_model(layers.Dense(1))

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
    def test_copies_are_complete(self, duplicate):
        x, y = data()
        model = small_net()
        model.fit(x, y, verbose=0)
        other = duplicate(model)
        equal(model, other)
        for one in (model, other):
            one.fit(x, y, shuffle=False, verbose=0)
        equal(model, other)

    def test_copies_keep_custom_classes(self):
        model = keras.Sequential([keras.Input((3,)), Scale(2.5), layers.Dense(2)])
        model.compile("adam", keras.losses.MeanSquaredError(), metrics=[largest])
        for duplicate in (copy.deepcopy, pickled):
            other = duplicate(model)
            equal(model, other)
            x, y = np.ones((4, 3)), np.zeros((4, 2))
            assert other.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)

    def test_objects(self):
        for thing in (
            keras.initializers.HeNormal(seed=3),
            keras.losses.MeanSquaredError(reduction="sum"),
            keras.optimizers.SGD(0.5, momentum=0.25),
            layers.Conv2D(3, 2, padding="same", name="mine"),
        ):
            tree = json.loads(json.dumps(keras.saving.serialize_keras_object(thing)))
            other = keras.saving.deserialize_keras_object(tree)
            assert type(other) is type(thing)
            assert other.get_config() == thing.get_config()
        values = [1, 0.5, None, True, "text", {"a": [1]}, np.float32(0.5)]
        assert keras.saving.serialize_keras_object(values) == [*values[:-1], 0.5]
        array = keras.saving.serialize_keras_object(np.arange(3.0))
        np.testing.assert_array_equal(keras.saving.deserialize_keras_object(array), [0, 1, 2])
        with pytest.raises(ValueError, match="cannot be saved to a file"):
            keras.saving.serialize_keras_object(object())


def edited(path, change):
    """Rewrite the configuration in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = change(config) or json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


class TestUnsupportedFiles:
    """The error names what is not supported, and nothing is partially loaded."""

    def load(self, tmp_path, change):
        path = tmp_path / "m.keras"
        small_net().save(path)
        edited(path, change)
        return keras.models.load_model(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: layer(c).update(class_name="LSTM"), "Unknown layer: 'LSTM'"),
            (
                lambda c: layer(c)["config"].update(units2=3),
                "Dense has the argument units2=3, which",
            ),
            (lambda c: layer(c)["config"].update(activation="odd"), "Unknown activation: 'odd'"),
            (
                lambda c: c.update(class_name="Functional"),
                "Functional has the argument build_input_shape",
            ),
            (lambda c: c.update(class_name="Dense"), r"Dense has the argument layers=\[\{"),
            (lambda c: layer(c)["config"].update(dtype=policy("mixed_float16")), "'mixed_float16'"),
            (lambda c: c["compile_config"].update(loss="ctc"), "Unknown loss: 'ctc'"),
            (
                lambda c: c["compile_config"].update(loss=c["config"]["layers"][0]),
                r"A loss needs a gradient.*\(`compile=False` ignores",
            ),
            (lambda c: c["compile_config"].update(odd=1), "odd"),
            (lambda c: c["compile_config"]["optimizer"].update(class_name="Shampoo"), "'Shampoo'"),
            (lambda c: layer(c).update(module="my.module", registered_name="x>Dense"), "my.module"),
            (lambda c: layer(c)["config"].update(name=3), "`name` must be a string"),
            (lambda c: c["config"].update(layers=None), "list `layers`"),
            (lambda c: "[]", "contains no model"),
            (lambda c: "{", "is not valid"),
        ],
    )
    def test_error_names_the_cause(self, tmp_path, change, message):
        with pytest.raises(ValueError, match=message) as caught:
            self.load(tmp_path, change)
        assert "m.keras: config.json: " in str(caught.value)

    def test_neutral_arguments_are_ignored(self, tmp_path):
        def change(config):
            layer(config)["config"].update(lora_rank=None, quantization_config=None, new=[])
            config["compile_config"]["auto_scale_loss"] = True

        self.load(tmp_path, change)

    def test_asset(self, tmp_path):
        path = tmp_path / "m.keras"
        small_net().save(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("assets/words.txt", "text")
        with pytest.raises(ValueError, match=r"contains 'assets/words.txt', which is not"):
            keras.models.load_model(path)

    def test_too_large_configuration(self, tmp_path):
        with pytest.raises(ValueError, match=r"config.json"):
            self.load(tmp_path, lambda config: " " * MAX_HEADER + json.dumps(config))


def nested(depth):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    for _ in range(depth):
        model = keras.Sequential([keras.Input((2,)), model])
    return model


def with_metrics(*metrics):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=metrics)
    return model


def with_layer(layer):
    return keras.Sequential([keras.Input((2,)), layer])


def with_weights(count, optimizer=None):
    model = keras.Sequential([keras.Input((2,)), *(layers.PReLU() for _ in range(count))])
    if optimizer is not None:
        model.compile(optimizer, "mse")
        model.optimizer.build(model.store)
    return model


def auc(thresholds):
    return keras.metrics.AUC(num_thresholds=thresholds)


class TestLimits:
    """A model is refused when it is saved rather than when its file is loaded."""

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: with_weights(1001), "more than 1000 objects of keras.layers"),
            (lambda: nested(8), "nested more than 16 levels"),
            (lambda: with_layer(layers.ReLU(max_value=np.inf)), "Infinity is not a valid number"),
            (lambda: with_layer(layers.Rescaling(np.nan)), "NaN is not a valid number"),
            (lambda: with_layer(layers.Dropout(0.5, seed=2**64)), "is not a valid number"),
            (lambda: with_layer(layers.Rescaling([1.0] * 60_000)), "more than 50000 values"),
            (lambda: with_layer(layers.Dense(1, name="x" * (1 << 20))), "more than 1048576"),
            (lambda: with_metrics(auc(60_000), auc(60_000)), "AUC has more than 100000 thresholds"),
            (
                lambda: with_metrics(*[auc(2) for _ in range(201)]),
                "more than 200 objects",
            ),
        ],
    )
    def test_models_that_could_not_be_loaded(self, make, message, tmp_path):
        path = tmp_path / "m.keras"
        path.write_bytes(b"old")
        model = make()
        with pytest.raises(ValueError, match=f"The model cannot be saved: .*{message}"):
            model.save(path)
        assert path.read_bytes() == b"old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["m.keras"]
        json.loads(model.to_json())  # Keras has no such limits

    @pytest.mark.parametrize("ending", [".weights.h5", ".npz"])
    def test_weights_that_could_not_be_loaded(self, ending, tmp_path, monkeypatch):
        for module in (hdf5, zip_file):
            monkeypatch.setattr(module, "MAX_TENSORS", 10)
        path = tmp_path / f"m{ending}"
        with_weights(10).save_weights(path)
        with_weights(10).load_weights(path)
        old = path.read_bytes()
        with pytest.raises(ValueError, match="The weights cannot be saved: "):
            with_weights(14).save_weights(path)
        assert path.read_bytes() == old
        if ending == ".weights.h5":
            with pytest.raises(ValueError, match="more than 10 arrays"):
                with_weights(5, "adam").save_weights(path)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: with_weights(998),  # and the input, and the model itself
            lambda: nested(3),
            lambda: with_metrics(*[auc(500) for _ in range(200)]),
            lambda: with_layer(layers.Rescaling([1.0] * 40_000)),
        ],
    )
    def test_models_at_the_limits_are_loaded(self, make, tmp_path):
        model = make()
        model.save(tmp_path / "m.keras")
        equal(model, keras.models.load_model(tmp_path / "m.keras"))


def layer(config):
    return config["config"]["layers"][-1]


def policy(name):
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}}
