"""A model's weights in a file: their names, checks that they match the model, and reading them.

Keras names a weight by the class and index of its layer, not by the layer's own name, so that a
recreated model finds its weights: `layers/conv2d/vars/0` is the kernel of the first Conv2D,
`layers/conv2d_1/vars/1` the bias of the second, `layers/sequential/layers/dense/vars/0` a kernel in
a nested model, `layers/spectral_normalization/layer/vars/0` one in a layer that wraps another. A
layer's trainable weights come first. Keras source: `saving/saving_lib.py`.

A `Tensor` is an array in a file that has not been read yet. All of a file's tensors are compared
with the model's weights before the first one is read, and none is assigned before all are read.
"""

import math
import re

import numpy as np

from fastcnn.core.arguments import warn
from fastcnn.core.registry import snake_case
from fastcnn.saving.limits import some

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int64", "int32")
# State in Keras's files that has no counterpart here: random seeds, running metrics; and that of
# optimizers inside of another one, which the outer one's state contains as well.
FOREIGN = re.compile(
    r"(.*/)?seed_generator/vars/\d+|(metrics|.*_metrics|.*_tracker)/.*"
    r"|optimizer/(inner_optimizer|optimizers/[^/]+)/vars/\d+"
)


class Tensor:
    """An array in a file.

    Attributes:
        shape, dtype: as stated in the file, and already checked against the size of its values.
    """

    def __init__(self, window, shape, dtype, offset, fortran=False):
        self.shape = shape
        self.dtype = dtype
        self._window = window
        self._offset = offset
        self._fortran = fortran

    def read_into(self, out):
        """Fill an array of the same shape."""
        if self._fortran:
            out = out.T
        self._window.read_array(self._offset, out, self.dtype)

    def read(self, dtype):
        """Return the values as a new array of the given dtype."""
        out = np.empty(self.shape, dtype)
        self.read_into(out)
        return out


def groups(model, path="", visited=None):
    """Yield (path in a file, layer) for a model's layers, including those of nested models.

    A layer that the model and a nested model share is yielded once, for the first of them.
    """
    visited = set() if visited is None else visited
    counts = {}
    for layer in model.layers:
        kind = snake_case(re.sub(r"\W+", "", type(layer).__name__))
        count = counts[kind] = counts.get(kind, -1) + 1
        if id(layer) in visited:
            continue
        visited.add(id(layer))
        group = f"{path}layers/{kind}_{count}" if count else f"{path}layers/{kind}"
        yield group, layer
        for name, part in getattr(layer, "parts", {}).items():
            yield f"{group}/{name}", part
        if hasattr(layer, "layers"):
            yield from groups(layer, f"{group}/", visited)
        while hasattr(layer, "_nested_layer"):
            group, layer = f"{group}/layer", layer._nested_layer
            yield group, layer


def named_weights(model):
    """{path in a file: Variable} for all weights of a model; a weight may have two paths."""
    named = {}
    for path, layer in groups(model):
        if hasattr(layer, "layers"):
            continue  # a nested model's weights belong to its layers
        weights = getattr(layer, "_own_weights", layer.weights)
        weights = sorted(weights, key=lambda weight: not wanted_trainable(weight))
        for index, variable in enumerate(weights):
            named[f"{path}/vars/{index}"] = variable
    return named


def distinct_weights(model):
    """The weights of a model in the order of files, each once."""
    return list(dict.fromkeys(named_weights(model).values()))


def wanted_trainable(variable):
    """Whether training changes the weight unless it is frozen."""
    return getattr(variable, "wanted_trainable", variable.trainable)


def check_fit(name, tensors, variables):
    """Raise ValueError unless a file's tensors match these variables in path, shape and dtype."""
    missing = [path for path in variables if path not in tensors]
    unknown = [path for path in tensors if path not in variables and not FOREIGN.fullmatch(path)]
    if missing or unknown:
        raise ValueError(
            f"{name}: its weights do not match this model. "
            f"Missing: {some(missing)}. Not in the model: {some(unknown)}."
        )
    for path, variable in variables.items():
        tensor = tensors[path]
        types = INTEGERS if variable.dtype == "int64" else FLOATS
        if tensor.shape != variable.shape or tensor.dtype.name not in types:
            raise ValueError(
                f"{name}: {path} has shape {tensor.shape} and dtype {tensor.dtype.name}, but "
                f"{variable.path!r} has shape {variable.shape} and dtype {variable.dtype}."
            )


def check_layers(name, tensors, model):
    """{path: Variable} of the layers that match a file; warn of the others, as Keras does.

    Weights of layers that the model does not have are ignored.
    """
    fitting, skipped = {}, []
    by_layer: dict = {}
    for path, variable in named_weights(model).items():
        by_layer.setdefault(path.rpartition("/")[0], {})[path] = variable
    names = {f"{path}/vars": layer.name for path, layer in groups(model)}
    for group, variables in by_layer.items():
        found = {path: t for path, t in tensors.items() if path.rpartition("/")[0] == group}
        try:
            check_fit(name, found, variables)
        except ValueError as error:
            skipped.append(names.get(group, group))
            warn(f"The layer {skipped[-1]!r} is skipped: {error}")
        else:
            fitting.update(variables)
    if skipped:
        warn(f"{name}: {len(skipped)} of {len(by_layer)} layers with weights were not loaded.")
    return fitting


def read(tensors, variables):
    """The values of all tensors, in the order of the variables; nothing is assigned yet."""
    return [tensors[path].read(variable.dtype) for path, variable in variables.items()]


def assign(values, variables):
    """Assign what `read` returned."""
    for variable, value in zip(variables.values(), values, strict=True):
        variable.assign(value)


def read_into_store(tensors, variables, store):
    """Read all tensors directly into the memory of a new model's weights."""
    for path, variable in variables.items():
        if variable.dtype == "int64":  # a counter, whose dtype in the file may differ
            variable.assign(tensors[path].read(variable.dtype))
        else:
            tensors[path].read_into(variable.array)
    store.touch()


# ---------------------------------------------------------------------------------- optimizer state


def split_state(tensors):
    """(tensors of the weights, list of the tensors of the optimizer's state in file order)."""
    prefix = "optimizer/vars/"
    weights = {path: t for path, t in tensors.items() if not path.startswith(prefix)}
    state = [tensors.get(f"{prefix}{index}") for index in range(len(tensors) - len(weights))]
    if None in state:
        unknown = [path for path in tensors if path.startswith(prefix)]
        raise ValueError(f"The optimizer's state is not numbered 0, 1, ...: {some(unknown)}.")
    return weights, state


def restore_state(name, model, state, new=False):
    """Restore the state of a model's optimizer from a file.

    Args:
        name: the file's name in error messages.
        state: list of tensors, as returned by `split_state`.
        new: whether an error discards the model. If so, values are read directly into the
            optimizer's memory; otherwise nothing is changed before all values are read.

    Returns:
        False if the count and size of the arrays do not match the optimizer.

    Raises:
        ValueError: the state is not valid.
    """
    optimizer = model.optimizer
    variables = distinct_weights(model)
    scalars = optimizer.scalars()
    found = len(state), sum(math.prod(tensor.shape) for tensor in state)
    if found == optimizer.count_state([v for v in variables if v.trainable]):
        optimizer.build(model.store)
        entries = optimizer.variables_in_order(variables)
    elif found == (len(scalars), len(scalars)):  # an optimizer that has not trained
        entries = [(entry, np.asarray(value)) for entry, value in scalars.items()]
    else:
        return False
    slots, values = [], {}
    for tensor, (entry, array) in zip(state, entries, strict=True):
        kinds = "iu" if array.dtype.kind in "iu" else "f"
        if tensor.shape != array.shape or tensor.dtype.kind not in kinds:
            raise ValueError(
                f"{name}: the optimizer's {entry} has shape {tensor.shape} and dtype "
                f"{tensor.dtype.name} instead of {array.shape} and {array.dtype}."
            )
        if entry in scalars:
            values[entry] = tensor.read(array.dtype)[()]
        else:
            slots.append((tensor, array))
    if not all(0 <= value < np.inf for value in values.values()):
        raise ValueError(f"{name}: the optimizer's state {values} is not valid.")
    for entry in [entry for entry in values if entry.endswith("learning_rate")]:
        if values[entry] == scalars[entry]:  # the configuration has it in full precision
            del values[entry]
    if new:
        for tensor, array in slots:
            tensor.read_into(array)
    else:
        copies = [tensor.read(array.dtype) for tensor, array in slots]
        for (_, array), copy in zip(slots, copies, strict=True):
            array[...] = copy
    optimizer.set_scalars(values)
    return True


def optimizers(optimizer):
    """[(path in a file, optimizer)] for a model's optimizer and those that it contains."""
    found = [("optimizer", optimizer)]
    counts = {}
    for inner in getattr(optimizer, "optimizers", ()):
        name = snake_case(type(inner).__name__)
        counts[name] = count = counts.get(name, -1) + 1
        path = f"optimizers/{name}{f'_{count}' if count else ''}"
        is_only = hasattr(optimizer, "inner_optimizer")
        found.append((f"optimizer/{'inner_optimizer' if is_only else path}", inner))
    return found


def state_arrays(model, optimizer=None):
    """The arrays of an optimizer's state, by default the model's, in the order of Keras's files."""
    optimizer = optimizer or model.optimizer
    if not model.built:
        return [np.asarray(value) for value in optimizer.scalars().values()]
    model.optimizer.build(model.store)
    variables = distinct_weights(model)
    return [np.asarray(array) for _, array in optimizer.variables_in_order(variables)]
