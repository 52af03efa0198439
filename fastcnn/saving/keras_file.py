"""The .keras file: an uncompressed zip of three members, as Keras 3.15 writes and reads it.

    metadata.json       {"keras_version": ..., "date_saved": ...}
    config.json         the model: module, class_name, config, build_config, compile_config
    model.weights.h5    all weights and the optimizer's state (see `h5_weights`)

Loading proceeds in an order that never allocates more memory than the file has bytes: the layers
are created from the configuration, with shapes but without memory (`variables.shapes_only`); the
array descriptions in the weight file are compared with these shapes; only then is memory allocated
and filled with the values.
"""

from __future__ import annotations

import datetime
import inspect
import io
import json
import os
import zipfile
from typing import TYPE_CHECKING

from fastcnn.core.arguments import warn
from fastcnn.core.variables import shapes_only
from fastcnn.saving import h5_weights, serialization, weights
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.limits import MAX_HEADER, MAX_TENSORS
from fastcnn.saving.saveable import Saveable
from fastcnn.saving.zip_file import Archive, open_archive

if TYPE_CHECKING:
    from fastcnn.core.types import CustomObjects, Path
    from fastcnn.models import Model

KERAS_VERSION = "3.15.0"  # the version that defines this format
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
FORMAT_BYTES = 4096  # HDF5's overhead for one array or group, at most
MAX_STATES = 6  # arrays per weight: the weight and an optimizer's slots
MAX_SCALARS = 16


# ----------------------------------------------------------------------------------------- saving


def model_to_json(model, **settings):
    """A model's architecture and compile configuration as Keras's JSON."""
    return json.dumps(model_config(model), **settings)


def model_config(model):
    """The content of `config.json` as a dictionary."""
    config = serialization.serialize_object(model)
    compiled = model.get_compile_config()
    if compiled:
        config["compile_config"] = compiled
    return config


def save_model(path, model):
    """Write a model to a .keras file, atomically."""
    with atomic_write(path) as file:
        write_model(file, model)


def write_model(file, model):
    """Write a model in .keras format to a seekable binary file.

    Raises:
        ValueError: the file exceeds the limits on files.
    """
    name = "The model cannot be saved"
    with serialization.marking_shared_layers(model):
        config = model_to_json(model)
    serialization.check_limits(config, name)
    buffer = h5_weights.to_bytes(model)
    named = weights.named_weights(model) if model.built else {}
    if len(buffer.getbuffer()) > _weights_limit(model, named):
        raise ValueError(f"{name}: its optimizer has more than {MAX_STATES - 1} values per weight.")
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": KERAS_VERSION, "date_saved": date})
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, buffer.getbuffer())


def to_bytes(model):
    """The bytes of a .keras file for a model."""
    buffer = io.BytesIO()
    write_model(buffer, model)
    return buffer.getvalue()


def custom_objects(model):
    """{name: class or function} of the model's objects that are not defined in this package."""
    objects = [model, *(layer for _, layer in weights.groups(model))]
    objects += [model.optimizer, *model.objectives.losses]
    objects += [metric for _, metric in model.objectives.all_metrics]
    objects = [getattr(item, "function", item) for item in objects]  # a metric that wraps one
    entries = [item if inspect.isfunction(item) else type(item) for item in objects]
    return {
        entry.__name__: entry
        for entry in entries
        if not entry.__module__.startswith("fastcnn.") and entry.__module__ != "builtins"
    }


# ---------------------------------------------------------------------------------------- loading


def load_model(
    filepath: Path,
    custom_objects: CustomObjects = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Load a model from a file written by this package or by Keras.

    Args:
        filepath: a file whose name ends in .keras, or in .h5: the old format of Keras 2.
        custom_objects: {name: class}, for custom layers and other custom objects.
        compile: whether to compile the model as it was saved and restore the optimizer's state.
        safe_mode: accepted and ignored: files are never trusted.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged, exceeds the limits on files, or contains something that
            this package does not support; the message says which.
    """
    path = os.fspath(filepath)
    if str(path).endswith((".h5", ".hdf5")):
        from fastcnn.saving import h5_file

        return h5_file.load_model(str(path), custom_objects, compile)
    if not str(path).endswith(".keras"):
        raise ValueError(f"A model file's name must end in .keras or .h5. Received {path!r}.")
    with open(path, "rb") as file:
        return read_model(file, str(path), custom_objects, compile)


def from_bytes(data, custom_objects=None):
    """The model that `to_bytes` wrote."""
    return read_model(io.BytesIO(data), "the bytes of a model", custom_objects)


def load_weights(path, model, skip_mismatch=False):
    """Read the weights in a .keras file into a built model; see `h5_weights.restore`."""
    with open_archive(path) as archive:
        limit = archive.members[WEIGHTS].size if WEIGHTS in archive.members else 0
        window = archive.window(WEIGHTS, limit, packed=False)
        return h5_weights.restore(model, window, skip_mismatch)


def read_model(file, name, custom_objects=None, compile=True):
    """The model in an open .keras file; `name` is used in error messages."""
    archive = Archive(file, name)
    unknown = sorted(set(archive.members) - {METADATA, CONFIG, WEIGHTS})
    if unknown:
        raise ValueError(f"{name}: it contains {unknown[0]!r}, which is not supported.")
    if METADATA in archive.members:
        serialization.parse(archive.read(METADATA, MAX_HEADER), f"{name}: {METADATA}")
    text = archive.read(CONFIG, MAX_HEADER)
    with shapes_only():
        model, compiled = _build(text, f"{name}: {CONFIG}", custom_objects, compile)
    if compiled is not None:
        compiled()
    named = weights.named_weights(model) if model.built else {}
    if len(named) > MAX_TENSORS:
        raise ValueError(f"{name}: the model has more than {MAX_TENSORS} weights.")
    window = archive.window(WEIGHTS, _weights_limit(model, named), packed=False)
    tensors, state = weights.split_state(h5_weights.read_tensors(window))
    weights.check_fit(window.name, tensors, named)
    if not model.built:
        return model
    weights.read_into_store(tensors, named, model.store)
    if model.optimizer is not None and state:
        restored = weights.restore_state(window.name, model, state, new=True)
        if not restored:
            warn_about_state(window.name, model.optimizer)
    return model


def _weights_limit(model, named):
    """Maximum size in bytes of the file of a model's weights and its optimizer's state."""
    values = sum(variable.size for variable in named.values())
    arrays = MAX_STATES * len(named) + 2 * sum(1 for _ in weights.groups(model)) + MAX_SCALARS
    return MAX_STATES * 8 * values + FORMAT_BYTES * arrays


def warn_about_state(name, optimizer):
    """Warn that a file's optimizer state was ignored."""
    warn(
        f"{name}: its optimizer state does not match {type(optimizer).__name__} for this model, "
        "so the optimizer starts from scratch."
    )


def model_from_json(text, custom_objects=None):
    """A newly initialized model from the text that `to_json`, here or in Keras, returned.

    Raises:
        ValueError: it is not such a text, or it contains something that is not supported.
    """
    model, compiled = _build(text, "the JSON text", custom_objects)
    if compiled is not None:
        compiled()
    return model


def _build(text, name, custom_objects, compile=True):
    """Build a model from JSON: (model, a function that compiles it or None)."""
    tree = serialization.parse(text, name)
    if not isinstance(tree, dict) or "class_name" not in tree:
        raise ValueError(f"{name}: it contains no model.")
    deserializer = serialization.Deserializer(name, custom_objects)
    model = deserializer.make(tree)
    if not isinstance(model, Saveable):
        raise ValueError(f"{name}: it contains {tree['class_name']!r}, which is not a model.")
    settings = tree.get("compile_config")
    if not compile or not settings:
        return model, None
    arguments = _with_hint(deserializer.make, settings)
    return model, lambda: _with_hint(
        deserializer.call, "compile", model.compile_from_config, arguments
    )


def _with_hint(function, *arguments):
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"{error} (`compile=False` ignores the compile configuration.)") from error
