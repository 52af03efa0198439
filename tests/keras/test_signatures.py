"""Signatures match Keras's in names, order, defaults and keyword-only arguments, and have hints.

docs/keras_api.json holds the signatures of real Keras. Deliberate differences are in `DIFFERENT`,
with their reasons; an entry that is no longer a difference fails.
"""

import ast
import difflib
import importlib.util
import inspect
import json
import sys
import typing
from operator import attrgetter

import pytest

import fastcnn
from fastcnn import layers
from fastcnn.core import types
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
API = json.loads((DOCS / "keras_api.json").read_text("utf-8"))
UNKNOWN = ["*args", "**kwargs"]  # the signature of a decorated function in Keras

INPUT_SHAPE = ["+input_shape=None", "+batch_input_shape=None", "+input_dim=None"]
DIFFERENT = {  # {path: (lines in Keras's signature only (-) and in ours only (+), reason)}
    "layers.AveragePooling2D": (
        ["-pool_size", "+pool_size=(2, 2)"],
        "the default of MaxPooling2D, and of Keras 2",
    ),
    "layers.Identity": (
        [
            "+*",
            "+activity_regularizer=None",
            "+trainable=True",
            "+dtype=None",
            "+autocast=True",
            "+name=None",
            *INPUT_SHAPE,
        ],
        "lists what Keras accepts in **kwargs",
    ),
    "layers.Layer.__init__": (INPUT_SHAPE, "lists what Keras accepts in **kwargs"),
    "layers.LayerNormalization": (
        ["+*", "+rms_scaling=False"],
        "lists what Keras accepts in **kwargs",
    ),
    "layers.SpatialDropout1D": (["+**kwargs"], "`trainable` and `input_shape`, like other layers"),
    "layers.SpatialDropout2D": (["+**kwargs"], "`trainable` and `input_shape`, like other layers"),
    "layers.Layer.add_weight": (
        ["-*args", "+*"],
        "Keras's *args are shape, initializer and dtype",
    ),
    "callbacks.ReduceLROnPlateau": (["-**kwargs"], "Keras ignores unknown arguments"),
    "losses.SparseCategoricalCrossentropy": (
        ["+*", "+label_smoothing=0.0"],
        "Keras smooths one-hot labels only",
    ),
    "losses.sparse_categorical_crossentropy": (
        ["+*", "+label_smoothing=0.0"],
        "that of the class",
    ),
    "metrics.sparse_categorical_crossentropy": (
        ["+*", "+label_smoothing=0.0"],
        "the function of losses",
    ),
    "optimizers.Muon": (
        ["+*", "+filters=False"],
        "Keras updates kernels of convolutions by Adam only",
    ),
    "optimizers.Optimizer.build": (
        ["-variables", "+store"],
        "the state has the layout of a model's flat arrays",
    ),
    "optimizers.Optimizer.finalize_variable_values": (
        ["-var_list", "+var_list=None"],
        "it applies to all weights of the model",
    ),
    "distribution.DataParallel": (
        ["+*", "+reduction='ordered'", "+slice_size=None", "+timeout=600.0"],
        "how ranks add gradients",
    ),
    "Sequential.export": (
        ["-format='tf_saved_model'", "+format='onnx'"],
        "ONNX is the only supported format",
    ),
}
SAME = {  # aliases of other entries
    "layers.AvgPool2D": "layers.AveragePooling2D",
    "Sequential.add_weight": "layers.Layer.add_weight",
    "Model.add_weight": "layers.Layer.add_weight",
    "Model.export": "Sequential.export",
}


def load(path):
    """Load a module from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parameters = load(DOCS / "record_keras_api.py").parameters


def shared():
    """{path: (our entry, Keras's parameters)} of the classes, functions and methods of both."""
    found = {}
    for owner, names in {**API["modules"], **API["classes"]}.items():
        try:
            ours = attrgetter(owner)(fastcnn)
        except (AttributeError, ImportError):  # missing, or requires an extra
            continue
        for name, theirs in names.items():
            entry = getattr(ours, name, None)
            if entry is None or theirs in (None, UNKNOWN) or inspect.ismodule(entry):
                continue
            if entry is not getattr(object, name, None):
                found[f"{owner}.{name}"] = (entry, theirs)
    return found


def difference(path):
    """Parameters in Keras's signature only (-) and in ours only (+)."""
    entry, theirs = SHARED[path]
    lines = difflib.ndiff(theirs, parameters(entry))
    return [f"{line[0]}{line[2:]}" for line in lines if line[0] in "+-"]


SHARED = shared()


@pytest.mark.parametrize("path", SHARED)
def test_signature_matches_keras(path):
    wanted, _ = DIFFERENT.get(SAME.get(path, path), ([], ""))
    assert difference(path) == wanted


def test_deliberate_differences_refer_to_existing_entries():
    assert {*DIFFERENT, *SAME, *SAME.values()} <= {*SHARED}
    assert all(wanted for wanted, _ in DIFFERENT.values())


def annotated(entry):
    """The fastcnn function that carries an entry's annotations, or None."""
    function = entry.__init__ if inspect.isclass(entry) else entry
    function = inspect.unwrap(getattr(function, "__func__", function))
    is_ours = getattr(function, "__module__", "").startswith("fastcnn.")
    return function if is_ours and inspect.isfunction(function) else None


def names_for_types(module):
    """Names that a module imports under `if TYPE_CHECKING:`."""
    names = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__name__, "exec"), names)
    return names


def has_own_hints(function):
    """Whether a function has hints itself, rather than being generated from a class that does."""
    return not hasattr(function, "__signature__")


@pytest.mark.parametrize("path", SHARED)
def test_type_hints_are_complete_and_resolve(path):
    function = annotated(SHARED[path][0])
    if function is None or not has_own_hints(function):
        return
    names = {
        **vars(types),
        **names_for_types(types),
        **vars(sys.modules[function.__module__]),
        **names_for_types(sys.modules[function.__module__]),
    }
    hints = typing.get_type_hints(function, names)
    assert {*inspect.signature(function).parameters} - {"self", "cls"} == {*hints} - {"return"}
    assert "return" in hints


REFUSED = {
    "autocast": lambda: layers.Dense(1, autocast=False),
    "lora_rank": lambda: layers.Dense(1, lora_rank=2),
    "sparse": lambda: fastcnn.Input((2,), sparse=True),
    "tensor": lambda: fastcnn.Input((2,), tensor=[1.0]),
    "aggregation": lambda: layers.Layer().add_weight((2,), aggregation="mean"),
    "dtype": lambda: fastcnn.losses.MeanSquaredError(dtype="float16"),
    "from_sorted_ids": lambda: fastcnn.metrics.SparseTopKCategoricalAccuracy(from_sorted_ids=True),
    "splines": lambda: fastcnn.utils.plot_model(fastcnn.Sequential(), None, splines="curved"),
    "call_function": lambda: fastcnn.models.clone_model(fastcnn.Sequential(), call_function=id),
    "add_progbar": lambda: fastcnn.callbacks.CallbackList(add_progbar=True),
    "format": lambda: fastcnn.utils.image_dataset_from_directory(".", format="grain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_arguments_are_rejected_by_name(name):
    with pytest.raises(NotImplementedError, match=f"`{name}`"):
        REFUSED[name]()


def test_defaults_given_explicitly_are_accepted():
    layers.Dense(1, autocast=True, lora_rank=None)
    fastcnn.Input((2,), sparse=False, ragged=None, optional=False)
    layers.Layer().add_weight((2,), aggregation="none", overwrite_with_gradient=False)
    fastcnn.losses.MeanSquaredError(dtype="float32")


def test_positional_arguments_match_keras():
    dense = layers.Dense(3, "relu", True, "ones", "zeros", "l2", None, "l1", "non_neg")
    assert dense.kernel_regularizer.l2
    assert dense.activity_regularizer.l1
    assert type(dense.kernel_constraint) is fastcnn.constraints.NonNeg
    adam = fastcnn.optimizers.Adam(0.1, 0.8, 0.9, 1e-6, False, 0.01, 1.0)
    assert (adam.weight_decay, adam.clipnorm) == (0.01, 1.0)
    huber = fastcnn.losses.huber([0.0], [3.0], 2.0)
    assert float(huber) == 4.0


def test_deserialize_accepts_custom_objects():
    class Twice(layers.Dense):
        pass

    class Half(fastcnn.initializers.Ones):
        pass

    config = layers.serialize(Twice(2, kernel_initializer=Half()))
    for custom_objects in (None, {"Twice": Twice}, {"Half": Half}):
        with pytest.raises(ValueError, match=r"Twice|Half"):
            layers.deserialize(config, custom_objects)
    layer = layers.deserialize(config, {"Twice": Twice, "Half": Half})
    assert type(layer) is Twice
    assert type(layer.kernel_initializer) is Half
    with pytest.raises(ValueError, match="Half"):  # custom objects apply to that call only
        fastcnn.initializers.deserialize(config["config"]["kernel_initializer"])
