"""A missing name says what to use instead, however it is asked for."""

import importlib
import json
import types

import pytest

import fastcnn
from fastcnn.core import missing
from tests.support.paths import ROOT

KERAS = json.loads((ROOT / "docs" / "keras_api.json").read_text("utf-8"))["modules"]

NAMES = [
    ("fastcnn.Tensor", "use NumPy"),
    ("fastcnn.ops.jvp", "operations have no gradients"),
    ("fastcnn.applications", "pretrained networks are not included"),
    ("fastcnn.image", "`preprocessing.image`"),
    ("fastcnn.preprocessing.text", "encode text as numbers"),
    ("fastcnn.preprocessing.sequence.skipgrams", "this part of Keras is not supported"),
    ("fastcnn.preprocessing.image.load_image", r"Did you mean 'load_img'\?"),
    ("fastcnn.GradientTape", "train with `fit`"),
    ("fastcnn.summary", "use `callbacks.TensorBoard`"),
    ("fastcnn.data.TFRecordDataset", "use `data.Dataset`"),
    ("fastcnn.config.list_physical_devices", "`config.set_num_threads`"),
    ("fastcnn.random.poisson", "`random.normal`"),
    ("fastcnn.backend.cast", "use `ops`, or NumPy"),
    ("fastcnn.layers.LSTM", "recurrent layers are not supported"),
    ("fastcnn.layers.Conv3D", "only images .* and sequences are supported"),
    ("fastcnn.layers.Conv3DTranspose", "only images .* and sequences are supported"),
    ("fastcnn.layers.EinsumDense", "this part of Keras is not supported"),
    ("fastcnn.datasets.mnst", r"Did you mean 'mnist'\?"),
    ("fastcnn.layers.Conv2d", r"Did you mean 'Conv2D'\?"),
    ("fastcnn.layers.BatchNormalisation", r"Did you mean 'BatchNormalization'\?"),
    ("fastcnn.Sequental", r"Did you mean 'Sequential'\?"),
    ("fastcnn.Dense", r"Did you mean 'layers.Dense'\?"),
    ("fastcnn.layers.Adam", r"Did you mean 'optimizers.Adam'\?"),
    ("fastcnn.losses.BinaryCrossEntropy", r"Did you mean 'BinaryCrossentropy'\?"),
    ("fastcnn.metrics.Precison", r"Did you mean 'Precision'\?"),
    ("fastcnn.callbacks.Earlystopping", r"Did you mean 'EarlyStopping'\?"),
    ("fastcnn.optimizers.RMSProp", r"Did you mean 'RMSprop'\?"),
    ("fastcnn.optimizers.schedules.CosineDecays", r"Did you mean 'CosineDecay'\?"),
    ("fastcnn.initializers.HeNorml", r"Did you mean 'HeNormal'\?"),
    ("fastcnn.activations.rleu", r"Did you mean 'relu'\?"),
    ("fastcnn.utils.to_categoricl", r"Did you mean 'to_categorical'\?"),
    ("fastcnn.saving.load_modle", r"Did you mean 'load_model'\?"),
    ("fastcnn.kernels.conv2d_foward", r"Did you mean 'conv2d_forward'\?"),
]


@pytest.mark.parametrize(("path", "hint"), NAMES)
def test_missing_name_says_what_to_use(path, hint):
    module, _, name = path.rpartition(".")
    message = f"^module '{module}' has no attribute '{name}'.*{hint}"
    with pytest.raises(AttributeError, match=message):
        getattr(importlib.import_module(module), name)
    alias = path.replace("fastcnn.", "fastcnn.keras.")
    for statement in (f"from {module} import {name}", f"import {path}", f"import {alias}"):
        with pytest.raises(ModuleNotFoundError, match=message):
            exec(statement)


def test_modules_inside_a_missing_one():
    with pytest.raises(ModuleNotFoundError, match="pretrained networks are not included"):
        importlib.import_module("fastcnn.keras.applications.vgg16")
    with pytest.raises(ModuleNotFoundError, match="encode text as numbers"):
        from fastcnn.keras.preprocessing.text import Tokenizer  # noqa: F401


def test_unknown_names_raise_the_usual_errors():
    with pytest.raises(AttributeError, match=r"^module 'fastcnn' has no attribute 'nonsense'\.$"):
        _ = fastcnn.nonsense
    with pytest.raises(ImportError, match=r"^cannot import name 'nonsense' from 'fastcnn'"):
        from fastcnn import nonsense  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'fastcnn\.nonsense'$"):
        importlib.import_module("fastcnn.nonsense")
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'fastcnn\.layers\.Conv2D'$"):
        importlib.import_module("fastcnn.layers.Conv2D")
    assert not hasattr(fastcnn.layers, "__wrapped__")


@pytest.mark.parametrize("path", KERAS)
def test_names_of_keras_that_are_missing_are_listed(path):
    if path == "wrappers":
        pytest.importorskip("sklearn")
    module = importlib.import_module(f"fastcnn.{path}")
    for name in KERAS[path]:
        if not hasattr(module, name):
            assert missing.find_hint(module.__name__, name), f"no hint for {path}.{name}"


@pytest.mark.parametrize("path", missing.HINTS)
def test_names_with_a_hint_are_missing(path):
    if path == "fastcnn.wrappers":
        pytest.importorskip("sklearn")
    module = importlib.import_module(path)
    listed = " ".join(missing.HINTS[path].values()).split()
    assert len(listed) == len(set(listed))
    assert [name for name in listed if hasattr(module, name)] == []


def test_internal_modules_do_not_shadow_names_of_keras():
    for path, names in KERAS.items():
        if path in ("datasets", "wrappers"):  # whose names are modules in Keras as well
            continue
        module = importlib.import_module(f"fastcnn.{path}")
        for name in names:
            assert not isinstance(getattr(module, name, None), types.ModuleType), f"{path}.{name}"
