"""The .keras file: a zip, not packed, of three members, as Keras 3.15 writes and reads it.

    metadata.json       {"keras_version": ..., "date_saved": ...}
    config.json         the model: module, class_name, config, build_config, compile_config
    model.weights.h5    all weights and the optimizer's state (see `h5_weights`)

A model is loaded in this order, so that a file never gets more memory than it has bytes: the
configuration makes the layers, with shapes but without memory (`variables.shapes_only`); the
descriptions in the weights' file are compared with these shapes; then memory is allocated and the
values are read into it.
"""

import datetime
import inspect
import io
import json
import os
import warnings
import zipfile

from fastcnn.core.variables import shapes_only
from fastcnn.saving import h5_weights, serialization, weights
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.limits import MAX_HEADER, MAX_TENSORS
from fastcnn.saving.zip_file import Archive, open_archive

KERAS_VERSION = "3.15.0"  # whose format this is
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
FORMAT_BYTES = 4096  # what HDF5 may need for one array or group beside its values
MAX_STATES = 6  # a weight and what an optimizer may keep of it
MAX_SCALARS = 16


# ----------------------------------------------------------------------------------------- saving


def model_to_json(model, **settings):
    """A model's architecture, and how it is compiled, as Keras's JSON."""
    return json.dumps(model_config(model), **settings)


def model_config(model):
    """The dictionary that `config.json` holds."""
    config = serialization.serialize_object(model)
    compiled = model.get_compile_config()
    if compiled:
        config["compile_config"] = compiled
    return config


def save_model(path, model):
    """Write a model to a .keras file, whole or not at all."""
    with atomic_write(path) as file:
        write_model(file, model)


def write_model(file, model):
    """Write a model as a .keras file to a binary file that can seek."""
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": KERAS_VERSION, "date_saved": date})
    config = model_to_json(model)
    buffer = h5_weights.to_bytes(model)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, buffer.getbuffer())


def to_bytes(model):
    """A model as the bytes of a .keras file."""
    buffer = io.BytesIO()
    write_model(buffer, model)
    return buffer.getvalue()


def custom_objects(model):
    """{name: class or function} of what a model has that is not of this package."""
    objects = [*model.leaves(), model.optimizer, model.loss]
    objects += [*model._metric_arguments, *model._weighted_metric_arguments]
    objects = [getattr(item, "function", item) for item in objects]  # of a metric made of one
    entries = [item if inspect.isfunction(item) else type(item) for item in objects]
    return {
        entry.__name__: entry
        for entry in entries
        if not entry.__module__.startswith("fastcnn.") and entry.__module__ != "builtins"
    }


# ---------------------------------------------------------------------------------------- loading


def load_model(path, custom_objects=None, compile=True, safe_mode=True):
    """The model in a .keras file of this package or of Keras.

    Args:
        path: a file whose name ends in .keras.
        custom_objects: dictionary from name to class, for layers and others of your own.
        compile: whether to compile the model as it was and to restore the optimizer's state.
        safe_mode: accepted and ignored: a file is never trusted, whatever it holds.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, beyond what a file may hold, or has something that this package
            does not have; one sentence says which.
    """
    path = os.fspath(path)
    if not str(path).endswith(".keras"):
        is_old = str(path).endswith((".h5", ".hdf5"))
        hint = " HDF5 models of Keras 2 are not read." if is_old else ""
        raise ValueError(f"A model file's name must end in .keras. Received {path!r}.{hint}")
    with open(path, "rb") as file:
        return read_model(file, str(path), custom_objects, compile)


def from_bytes(data, custom_objects=None):
    """The model of `to_bytes`."""
    return read_model(io.BytesIO(data), "the bytes of a model", custom_objects)


def load_weights(path, model):
    """Read the weights in a .keras file into a built model, see `h5_weights.restore`."""
    with open_archive(path) as archive:
        limit = archive.members[WEIGHTS].size if WEIGHTS in archive.members else 0
        return h5_weights.restore(model, archive.window(WEIGHTS, limit, packed=False))


def read_model(file, name, custom_objects=None, compile=True):
    """The model in a .keras file that is open as a binary file; `name` is for error messages."""
    archive = Archive(file, name)
    unknown = sorted(set(archive.members) - {METADATA, CONFIG, WEIGHTS})
    if unknown:
        raise ValueError(f"{name}: it holds {unknown[0]!r}, which this package does not have.")
    if METADATA in archive.members:
        serialization.parse(archive.read(METADATA, MAX_HEADER), f"{name}: {METADATA}")
    text = archive.read(CONFIG, MAX_HEADER)
    with shapes_only():
        model, compiled = _build(text, f"{name}: {CONFIG}", custom_objects, compile)
    if compiled is not None:
        compiled()
    named = weights.named_weights(model) if model.built else {}
    if len(named) > MAX_TENSORS:
        raise ValueError(f"{name}: its model has more than {MAX_TENSORS} weights.")
    values = sum(variable.size for variable in named.values())
    arrays = MAX_STATES * len(named) + 2 * sum(1 for _ in weights.groups(model)) + MAX_SCALARS
    limit = MAX_STATES * 8 * values + FORMAT_BYTES * arrays
    window = archive.window(WEIGHTS, limit, packed=False)
    tensors, state = weights.split_state(h5_weights.read_tensors(window))
    weights.check_fit(window.name, tensors, named)
    if not model.built:
        return model
    weights.read_into_store(tensors, named, model.store)
    if model.optimizer is not None and state:
        restored = weights.restore_state(window.name, model, state, new=True)
        if not restored:
            warn_about_state(window.name, model.optimizer, stacklevel=4)
    return model


def warn_about_state(name, optimizer, stacklevel):
    """Say that a file's optimizer state was left alone."""
    warnings.warn(
        f"{name}: the optimizer's state in it is not one of {type(optimizer).__name__} for this "
        "model, so the optimizer starts anew.",
        stacklevel=stacklevel + 1,
    )


def model_from_json(text, custom_objects=None):
    """A model with new weights from what `Sequential.to_json` or Keras's `to_json` returned.

    Raises:
        ValueError: it is no such text, or holds what this package does not have.
    """
    model, compiled = _build(text, "the JSON text", custom_objects)
    if compiled is not None:
        compiled()
    return model


def _build(text, name, custom_objects, compile=True):
    """(model, function that compiles it or None) from JSON."""
    from fastcnn.models import Sequential

    tree = serialization.parse(text, name)
    if not isinstance(tree, dict) or "class_name" not in tree:
        raise ValueError(f"{name}: it holds no model.")
    deserializer = serialization.Deserializer(name, custom_objects)
    model = deserializer.make(tree)
    if not isinstance(model, Sequential):
        raise ValueError(f"{name}: it holds {tree['class_name']!r}, which is no Sequential model.")
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
        raise ValueError(f"{error} (`compile=False` leaves out how it was compiled.)") from error
