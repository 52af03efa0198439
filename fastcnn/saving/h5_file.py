"""Whole models and weights in the HDF5 files of Keras 2, which Keras 3 still writes and reads.

    attributes      model_config, training_config: JSON, in the form of `old_config`
    model_weights   attribute layer_names; a group for each layer, with the attribute weight_names
    optimizer_weights   attribute weight_names: iteration, learning rate, slots, as in a .keras file

Layers are matched by their order and not by their names. A file is read by `hdf5_strings`, which
takes nothing but names and arrays from it; every shape must match before an array is read.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from fastcnn.core.arguments import warn
from fastcnn.core.variables import shapes_only
from fastcnn.saving import keras_file, old_config, serialization, weights
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.hdf5_strings import StringReader
from fastcnn.saving.limits import MAX_TENSORS, some
from fastcnn.saving.window import Window

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import CustomObjects
    from fastcnn.models import Model

KERAS_VERSION = keras_file.KERAS_VERSION
WEIGHTS, STATE, OWN = "model_weights", "optimizer_weights", "top_level_model_weights"
NAMES_BYTES = 60_000  # of an attribute, at most


def save_model(path: str, model: Any, include_optimizer: bool = True) -> None:
    """Write a model to an .h5 file, atomically; warn that the format is old, as Keras does."""
    buffer = to_bytes(model, include_optimizer)
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())
    warn("The HDF5 format of Keras 2 is old: a name that ends in .keras gives Keras's own format.")


def to_bytes(model, include_optimizer=True):
    """A model as an in-memory HDF5 file.

    Raises:
        ValueError: the file exceeds the limits on files.
    """
    import h5py

    name = "The model cannot be saved"
    config = serialization.serialize_object(model)
    text = json.dumps(old_config.old_model(config))
    serialization.check_limits(json.dumps(config), name)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "latest")) as file:
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = text
        compiled = model.get_compile_config() if include_optimizer else {}
        if compiled:
            file.attrs["training_config"] = json.dumps(old_config.old_compile_config(compiled))
        group = file.create_group(WEIGHTS)
        group.attrs["keras_version"] = KERAS_VERSION
        group.attrs["backend"] = "tensorflow"
        _write_names(group, "layer_names", [layer.name for layer in model.layers])
        for layer in sorted(model.layers, key=lambda layer: layer.name):
            _write_arrays(group.create_group(layer.name), _named_weights(layer))
        _write_arrays(group.create_group(OWN), [])
        if compiled and model.built:
            model.optimizer.build(model.store)
            named = list(weights.named_weights(model).values())
            state = model.optimizer.variables_in_order(named)
            entries = [(f"{model.optimizer.name}/{entry}", array) for entry, array in state]
            _write_arrays(file.create_group(STATE), entries)
    StringReader(Window(buffer, name))
    return buffer


def _named_weights(layer):
    """[(name, values)] of a layer's or nested model's weights in the order of these files."""
    return [(weight.path, weight.value) for weight in _old_order(layer)]


def _old_order(layer):
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _write_arrays(group, entries):
    names: dict[str, int] = {}
    unique = []
    for name, _ in entries:
        names[name] = count = names.get(name, -1) + 1
        unique.append(f"{name}_{count}" if count else name)
    _write_names(group, "weight_names", unique)
    for name, (_, values) in zip(unique, entries, strict=True):
        group[name] = values


def _write_names(group, attribute, names):
    """Write a list of strings, in several attributes if it is too long for one."""
    texts = [name.encode() for name in names]
    width = max((len(text) for text in texts), default=1)
    count = max(1, NAMES_BYTES // max(width, 1))
    parts = [texts[start : start + count] for start in range(0, len(texts), count)]
    if len(parts) > 1:
        for index, part in enumerate(parts):
            group.attrs[f"{attribute}{index}"] = part
    else:
        group.attrs[attribute] = texts


# ---------------------------------------------------------------------------------------- loading


def load_model(path: str, custom_objects: CustomObjects = None, compile: bool = True) -> Model:
    """The model in an .h5 file of Keras 2, Keras 3 or this package.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged, exceeds the limits on files, or contains something that
            this package does not support.
    """
    with open(path, "rb") as file:
        return read_model(Window(file, str(path)), custom_objects, compile)


def read_model(window, custom_objects=None, compile=True):
    """The model in an open .h5 file."""
    name = window.name
    reader = StringReader(window)
    text = reader.text("", "model_config")
    if text is None:
        raise ValueError(f"{name}: it contains no model, perhaps only weights: use `load_weights`.")
    tree = _converted(name, old_config.new_model, text)
    deserializer = serialization.Deserializer(name, custom_objects)
    with shapes_only():
        model = deserializer.make(tree)
        if not hasattr(model, "load_weights"):
            raise ValueError(f"{name}: it contains {tree['class_name']!r}, which is not a model.")
        arguments = _compile_arguments(name, reader, deserializer) if compile else None
    if arguments is not None:
        _compile(deserializer, model, arguments)
    if not model.built:
        return model
    named = weights.named_weights(model)
    if len(named) > MAX_TENSORS:
        raise ValueError(f"{name}: the model has more than {MAX_TENSORS} weights.")
    pairs = _match(window, reader, model, WEIGHTS)
    weights.read_into_store(*_as_dictionaries(pairs), model.store)
    state = reader.strings(STATE, "weight_names")
    if arguments is not None and state:
        _restore_state(window, reader, model, state)
    return model


def _converted(name, convert, text):
    try:
        tree = convert(serialization.parse(text, name))
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(name) else f"{name}: {message}") from None
    return serialization.parse(json.dumps(tree), name)  # the limits hold for what was added, too


def _compile_arguments(name, reader, deserializer):
    text = reader.text("", "training_config")
    if text is None:
        warn(f"{name}: it has no training configuration, so the model is not compiled.")
        return None
    try:
        return deserializer.make(_converted(name, old_config.new_compile_config, text))
    except ValueError as error:
        raise ValueError(f"{error} (`compile=False` ignores the compile configuration.)") from None


def _compile(deserializer, model, arguments):
    try:
        deserializer.call("compile", lambda: model.compile(**arguments))
    except ValueError as error:
        raise ValueError(f"{error} (`compile=False` ignores the compile configuration.)") from None


def _tensor(window, reader, path):
    dataset = reader.datasets.get(path)
    if dataset is None:
        raise window.error(f"the array {path!r}, which it names, is missing.")
    return weights.Tensor(window, dataset.shape, dataset.dtype, dataset.offset)


def _layers_in(window, reader, group):
    """[(layer name, list of the paths of its arrays)] of the layers that have weights."""
    names = reader.strings(group, "layer_names")
    if names is None:
        raise window.error("it has no list of layers.")
    prefix = f"{group}/" if group else ""
    found = []
    for name in names:
        paths = reader.strings(f"{prefix}{name}", "weight_names")
        if paths is None:
            raise window.error(f"the layer {name!r}, which it names, is missing.")
        if paths:
            found.append((name, [f"{prefix}{name}/{path}" for path in paths]))
    return found


def _match(window, reader, model, group, skip_mismatch=False, by_name=False):
    """[(path, tensor, Variable)]: the arrays of a file for the weights of a model, all checked."""
    layers = [layer for layer in model.layers if layer.weights]
    entries = _layers_in(window, reader, group)
    if by_name:
        known = {layer.name: layer for layer in layers}
        matched = [(known[name], name, paths) for name, paths in entries if name in known]
    else:
        if len(entries) != len(layers):
            raise window.error(
                f"it has {len(entries)} layers with weights, and the model {len(layers)}: "
                f"{some(name for name, _ in entries)}; {some(layer.name for layer in layers)}."
            )
        matched = [(layer, *entry) for layer, entry in zip(layers, entries, strict=True)]
    pairs, skipped = [], 0
    for layer, name, paths in matched:
        variables = dict(zip(paths, _old_order(layer), strict=False))
        tensors = {path: _tensor(window, reader, path) for path in paths}
        try:
            if len(paths) != len(_old_order(layer)) or len(tensors) != len(paths):
                raise window.error(
                    f"the layer {name!r} has {len(paths)} arrays, and {layer.name!r} has "
                    f"{len(_old_order(layer))} weights."
                )
            weights.check_fit(window.name, tensors, variables)
        except ValueError as error:
            if not skip_mismatch:
                raise
            skipped += 1
            warn(f"The layer {layer.name!r} is skipped: {error}")
        else:
            pairs += [(path, tensors[path], variables[path]) for path in paths]
    if skipped:
        warn(f"{window.name}: {skipped} of {len(matched)} layers were not loaded.")
    return pairs


def _as_dictionaries(pairs):
    tensors = {path: tensor for path, tensor, _ in pairs}
    return tensors, {path: variable for path, _, variable in pairs}


def _restore_state(window, reader, model, names):
    tensors = [_tensor(window, reader, f"{STATE}/{name}") for name in names]
    try:
        fits = weights.restore_state(window.name, model, tensors, new=True)
    except ValueError:
        # Keras 2 has another order and other arrays for some optimizers, and Keras 3 ignores them.
        fits = False
    if not fits:
        keras_file.warn_about_state(window.name, model.optimizer)


def load_weights(path, model, skip_mismatch=False, by_name=False):
    """Read the weights in an .h5 file into a built model; nothing is assigned unless all match.

    Args:
        skip_mismatch: whether layers that do not match are skipped with a warning.
        by_name: whether layers are matched by their names, and others are ignored.
    """
    with open(path, "rb") as file:
        window = Window(file, str(path))
        reader = StringReader(window)
        group = "" if reader.strings("", "layer_names") is not None else WEIGHTS
        pairs = _match(window, reader, model, group, skip_mismatch, by_name)
        tensors, named = _as_dictionaries(pairs)
        weights.assign(weights.read(tensors, named), named)
