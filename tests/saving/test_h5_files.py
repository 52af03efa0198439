"""Whole models in .h5 files: those of Keras 3, of Keras 2, and our own.

tests/keras/golden_files/record_h5.py recorded files of Keras 3. Those of Keras 2 are written here
after its documentation: h5py, a configuration without modules, `batch_input_shape`, calls as lists.
"""

import json
import zipfile

import h5py
import numpy as np
import pytest

import fastcnn as keras
from tests.keras.golden_files.record_h5 import MODELS, SETTINGS, data, weights
from tests.support.paths import ROOT

HERE = ROOT / "tests/keras/golden_files"
GOLDEN = json.loads((HERE / "h5.json").read_text())
OLD = "The HDF5 format of Keras 2 is old"


def recorded(name, folder):
    """The path of a recorded file."""
    with zipfile.ZipFile(HERE / "h5.zip") as archive:
        archive.extract(f"{name}.h5", folder)
    return folder / f"{name}.h5"


def built(name):
    keras.utils.clear_session()
    return MODELS[name](keras)


def saved(model, path, **settings):
    with pytest.warns(UserWarning, match=OLD):
        model.save(path, **settings)
    return path


class TestFilesOfKeras3:
    @pytest.mark.parametrize("name", MODELS)
    def test_predictions_and_training_go_on(self, name, tmp_path):
        model = keras.models.load_model(recorded(name, tmp_path))
        x, y = data()
        wanted = np.reshape(GOLDEN[name]["predictions"], (4, 3))
        np.testing.assert_allclose(model.predict(x[:4], verbose=0), wanted, atol=1e-5)
        assert model.optimizer.iterations == 4
        losses = model.fit(x, y, epochs=2, **SETTINGS).history["loss"]
        np.testing.assert_allclose(losses, GOLDEN[name]["losses"], rtol=3e-5)

    @pytest.mark.parametrize("name", MODELS)
    def test_our_files_have_the_same_content(self, name, tmp_path):
        model = built(name)
        model.set_weights(weights(model))
        x, y = data()
        model.fit(x, y, **SETTINGS)
        ours = h5py.File(saved(model, tmp_path / "ours.h5"))
        theirs = h5py.File(recorded(name, tmp_path))
        contents = []
        for file in (ours, theirs):
            arrays = {}
            file.visititems(
                lambda path, node, arrays=arrays: arrays.update(
                    {path: (node.shape, node.dtype.name)}
                    if isinstance(node, h5py.Dataset)
                    else {path: sorted(node.attrs)}
                )
            )
            names = {
                path: [str(text) for text in file[path].attrs[key]]
                for path, keys in arrays.items()
                for key in (keys if isinstance(keys, list) else ())
                if key in ("layer_names", "weight_names")
            }
            contents.append((arrays, names, sorted(file.attrs)))
        assert contents[0] == contents[1]
        configs = [json.loads(file.attrs["model_config"]) for file in (ours, theirs)]
        layers = [
            [(entry["class_name"], sorted(entry), entry["config"].get("name")) for entry in entries]
            for entries in (config["config"]["layers"] for config in configs)
        ]
        assert layers[0] == layers[1]
        again = keras.models.load_model(tmp_path / "ours.h5")
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
        for each in (model, again):
            losses = each.fit(x, y, epochs=2, **SETTINGS).history["loss"]
            np.testing.assert_allclose(losses, GOLDEN[name]["losses"], rtol=3e-5)

    @pytest.mark.parametrize("name", MODELS)
    @pytest.mark.parametrize("by_name", [False, True])
    def test_weights_alone(self, name, by_name, tmp_path):
        model = built(name)
        model.load_weights(recorded(f"{name}_weights", tmp_path), by_name=by_name)
        x, _ = data()
        wanted = np.reshape(GOLDEN[name]["predictions"], (4, 3))
        np.testing.assert_allclose(model.predict(x[:4], verbose=0), wanted, atol=1e-5)
        with pytest.raises(ValueError, match="it contains no model, perhaps only weights"):
            keras.models.load_model(tmp_path / f"{name}_weights.h5")


def keras_2(path, model_config, layers, training_config=None, state=None):
    """Write a file as Keras 2 does; `layers` is {layer: {weight: array}}."""

    def names(texts):
        return np.array([text.encode() for text in texts]) if texts else np.zeros(0)

    with h5py.File(path, "w") as file:
        for target in (file, file.create_group("model_weights")):
            target.attrs["keras_version"] = np.bytes_(b"2.3.1")
            target.attrs["backend"] = np.bytes_(b"tensorflow")
        file.attrs["model_config"] = np.bytes_(json.dumps(model_config).encode())
        if training_config is not None:
            file.attrs["training_config"] = np.bytes_(json.dumps(training_config).encode())
        group = file["model_weights"]
        group.attrs["layer_names"] = names(list(layers))
        for name, arrays in layers.items():
            own = group.create_group(name)
            own.attrs["weight_names"] = names(list(arrays))
            for weight, array in arrays.items():
                own[weight] = array
        if state is not None:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = names(list(state))
            for name, array in state.items():
                group[name] = array
    return path


def entry(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


UNIFORM = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
}
CONV = {
    "dtype": "float32",
    "filters": 2,
    "kernel_size": [3, 3],
    "strides": [1, 1],
    "padding": "valid",
    "data_format": "channels_last",
    "dilation_rate": [1, 1],
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": UNIFORM,
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
    "bias_constraint": None,
}
DENSE = {
    "units": 3,
    "activation": "softmax",
    "use_bias": True,
    "kernel_initializer": UNIFORM,
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
TRAINING = {
    "optimizer_config": {
        "class_name": "Adam",
        "config": {
            "name": "Adam",
            "learning_rate": 0.01,
            "decay": 0.0,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-07,
            "amsgrad": False,
        },
    },
    "loss": {
        "class_name": "SparseCategoricalCrossentropy",
        "config": {
            "reduction": "auto",
            "name": "sparse_categorical_crossentropy",
            "from_logits": False,
        },
    },
    "metrics": [
        [
            {
                "class_name": "MeanMetricWrapper",
                "config": {
                    "name": "accuracy",
                    "dtype": "float32",
                    "fn": "sparse_categorical_accuracy",
                },
            }
        ]
    ],
    "weighted_metrics": None,
    "loss_weights": None,
    "sample_weight_mode": None,
}


def layers_of_keras_2():
    """The entries of a small net, and its weights."""
    rng = np.random.default_rng(0)

    def random(*shape):
        return rng.uniform(0.1, 1, shape).astype("f4")

    normalization = {"axis": [3], "momentum": 0.9, "epsilon": 0.01, "center": True, "scale": True}
    entries = [
        entry("Conv2D", "conv2d_1", **CONV),
        entry("BatchNormalization", "bn", **normalization, fused=None),
        entry("LeakyReLU", "leaky", alpha=0.2),
        entry("Flatten", "flatten_1", data_format="channels_last"),
        entry("Dropout", "dropout_1", rate=0.25, noise_shape=None, seed=None),
        entry("Dense", "dense_1", **DENSE),
    ]
    arrays = {
        "conv2d_1": {"conv2d_1/kernel:0": random(3, 3, 1, 2), "conv2d_1/bias:0": random(2)},
        "bn": {
            f"bn/{name}:0": random(2) for name in ("gamma", "beta", "moving_mean", "moving_var")
        },
        "leaky": {},
        "flatten_1": {},
        "dropout_1": {},
        "dense_1": {"dense_1/kernel:0": random(32, 3), "dense_1/bias:0": random(3)},
    }
    return entries, arrays


def expected():
    """The same net by hand."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.9, epsilon=0.01),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    _, arrays = layers_of_keras_2()
    model.set_weights([array for entry in arrays.values() for array in entry.values()])
    return model


IMAGES = np.random.default_rng(1).normal(size=(4, 6, 6, 1)).astype("f4")


class TestFilesOfKeras2:
    @pytest.mark.parametrize("as_list", [False, True], ids=["dictionary", "list"])
    def test_sequential(self, as_list, tmp_path, recwarn):
        entries, arrays = layers_of_keras_2()
        entries[0]["config"]["batch_input_shape"] = [None, 6, 6, 1]
        config = entries if as_list else {"name": "old", "layers": entries}
        model_config = {"class_name": "Sequential", "config": config}
        path = keras_2(tmp_path / "old.h5", model_config, arrays, TRAINING)
        model = keras.models.load_model(path)
        assert not recwarn.list
        wanted = expected().predict(IMAGES, verbose=0)
        np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), wanted)
        assert [layer.name for layer in model.layers] == list(arrays)
        assert model.layers[0].kernel_regularizer.l2 == pytest.approx(0.01)
        assert model.layers[0].kernel_constraint.max_value == 2
        assert type(model.optimizer) is keras.optimizers.Adam
        logs = model.evaluate(IMAGES, np.arange(4) % 3, verbose=0, return_dict=True)
        assert logs["accuracy"] == (wanted.argmax(-1) == np.arange(4) % 3).mean()
        model.fit(IMAGES, np.arange(4) % 3, verbose=0)

    def test_functional_with_several_inputs_of_a_layer(self, tmp_path):
        entries, arrays = layers_of_keras_2()
        entries = [entries[0], entries[3], entries[5]]
        del arrays["bn"]
        first = {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": [None, 6, 6, 1],
                "dtype": "float32",
                "sparse": False,
                "ragged": False,
                "name": "image",
            },
        }
        entries = [first, entries[0], entry("Concatenate", "both", axis=-1), *entries[1:]]
        calls = [
            [],
            [[["image", 0, 0, {}]]],
            [[["conv2d_1", 0, 0, {}], ["conv2d_1", 0, 0, {}]]],
            [[["both", 0, 0, {}]]],
            [[["flatten_1", 0, 0, {}]]],
        ]
        for each, inbound in zip(entries, calls, strict=True):
            each.update(name=each["config"]["name"], inbound_nodes=inbound)
        config = {
            "name": "model_1",
            "layers": entries,
            "input_layers": [["image", 0, 0]],
            "output_layers": [["dense_1", 0, 0]],
        }
        kernel = np.ones((64, 3), "f4")
        arrays["dense_1"]["dense_1/kernel:0"] = kernel
        path = keras_2(tmp_path / "f.h5", {"class_name": "Model", "config": config}, arrays)
        with pytest.warns(UserWarning, match="no training configuration, so the model is not"):
            model = keras.models.load_model(path)
        conv = keras.Sequential([keras.Input((6, 6, 1)), model.get_layer("conv2d_1")])
        x = conv.predict(IMAGES, verbose=0)
        x = np.concatenate([x, x], -1).reshape(4, -1) @ kernel + arrays["dense_1"]["dense_1/bias:0"]
        wanted = keras.activations.softmax(x)
        np.testing.assert_allclose(model.predict(IMAGES, verbose=0), wanted, atol=1e-6)
        assert not model.compiled

    def test_another_order_of_the_optimizer_state_is_skipped_with_a_warning(self, tmp_path):
        entries, arrays = layers_of_keras_2()
        entries[0]["config"]["batch_input_shape"] = [None, 6, 6, 1]
        trained = [a for e in arrays.values() for n, a in e.items() if "moving" not in n]
        state = {"Adam/iterations:0": np.int64(7)}
        state |= {f"m_{index}": array for index, array in enumerate(trained)}
        state |= {f"v_{index}": array for index, array in enumerate(trained)}
        model_config = {"class_name": "Sequential", "config": {"layers": entries}}
        path = keras_2(tmp_path / "s.h5", model_config, arrays, TRAINING, state)
        with pytest.warns(UserWarning, match="its optimizer state does not match Adam"):
            model = keras.models.load_model(path)
        assert model.optimizer.iterations == 0

    def test_names_in_several_attributes(self, tmp_path):
        entries, arrays = layers_of_keras_2()
        entries[0]["config"]["batch_input_shape"] = [None, 6, 6, 1]
        model_config = {"class_name": "Sequential", "config": {"layers": entries}}
        path = keras_2(tmp_path / "many.h5", model_config, arrays)
        with h5py.File(path, "r+") as file:
            group = file["model_weights"]
            names = group.attrs["layer_names"]
            del group.attrs["layer_names"]
            group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:2], names[2:]
        model = keras.models.load_model(path, compile=False)
        wanted = expected().predict(IMAGES, verbose=0)
        np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), wanted)


class TestOurFiles:
    def test_custom_layers_need_custom_objects(self, tmp_path):
        class Twice(keras.layers.Layer):
            def forward(self, x, training=False):
                return 2 * x

        model = keras.Sequential([keras.Input((3,)), Twice(), keras.layers.Dense(2)])
        path = saved(model, tmp_path / "custom.h5")
        with pytest.raises(ValueError, match="Twice"):
            keras.models.load_model(path, compile=False)
        again = keras.models.load_model(path, {"Twice": Twice}, compile=False)
        np.testing.assert_array_equal(
            again.predict(np.ones((2, 3)), verbose=0), model.predict(np.ones((2, 3)), verbose=0)
        )

    def test_without_the_optimizer(self, tmp_path):
        model = built("sequential")
        path = saved(model, tmp_path / "m.h5", include_optimizer=False)
        with pytest.warns(UserWarning, match="is not compiled"):
            assert not keras.models.load_model(path).compiled

    def test_many_layers_and_long_names(self, tmp_path):
        layers = [keras.layers.Dense(1, name="d" * 1000 + str(index)) for index in range(70)]
        model = keras.Sequential([keras.Input((1,)), *layers])
        path = saved(model, tmp_path / "m.h5")
        with h5py.File(path) as file:
            assert "layer_names1" in file["model_weights"].attrs
        again = keras.models.load_model(path, compile=False)
        for ours, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, wanted)

    def test_other_weights_and_skip_mismatch(self, tmp_path):
        path = saved(built("sequential"), tmp_path / "m.h5", include_optimizer=False)
        other = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                keras.layers.Conv2D(3, 3),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(7, name="head"),
            ]
        )
        before = other.get_weights()
        with pytest.raises(ValueError, match=r"has shape \(12, 3\)"):
            other.load_weights(path)
        for ours, wanted in zip(other.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, wanted)
        with pytest.warns(UserWarning, match=r"'head' is skipped|1 of 3 layers"):
            other.load_weights(path, skip_mismatch=True)
        assert (other.get_weights()[0] != before[0]).any()
        with pytest.raises(ValueError, match="it has 3 layers with weights, and the model 1"):
            keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).load_weights(path)
        with pytest.raises(ValueError, match=r"`by_name=True` is only for .h5 files"):
            other.load_weights(tmp_path / "w.npz", by_name=True)

    def test_save_format_is_deprecated(self, tmp_path):
        with pytest.warns(UserWarning, match="`save_format` is deprecated"):
            built("sequential").save(tmp_path / "m.keras", save_format="keras")
        with pytest.raises(FileExistsError):
            built("sequential").save(tmp_path / "m.keras", overwrite=False)

    @pytest.mark.parametrize("name", ["Lambda", "TFOpLambda"])
    def test_code_is_never_taken_from_a_file(self, name, tmp_path):
        layer = entry(name, "f", function=["4wEAAAA=", None, None], function_type="lambda")
        config = {"class_name": "Sequential", "config": {"layers": [layer]}}
        path = keras_2(tmp_path / "l.h5", config, {"f": {}})
        with pytest.raises(ValueError, match="which is code: no code is taken from a file"):
            keras.models.load_model(path, compile=False, safe_mode=False)
