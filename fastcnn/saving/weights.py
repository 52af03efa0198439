"""Weights between a model and a file: what they are called there, whether they fit, reading them.

Keras names a weight by its layer's class and number, not by the layer's own name, so that a model
built anew finds its weights: `layers/conv2d/vars/0` is the kernel of the first Conv2D,
`layers/conv2d_1/vars/1` the bias of the second, `layers/sequential/layers/dense/vars/0` a kernel in
a nested model. A layer's trainable weights come first. Keras source: `saving/saving_lib.py`.

`Tensor` is an array in a file, before it is read. All of a file's tensors are compared with what
the model has before the first one is read, and none is assigned before all are read.
"""

import math
import re

import numpy as np

from fastcnn.core.registry import snake_case
from fastcnn.saving.limits import some

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int64", "int32")
# State of others that is in Keras's files and means nothing here: random seeds, running metrics.
FOREIGN = re.compile(r"(.*/)?seed_generator/vars/\d+|(metrics|.*_metrics|.*_tracker)/.*")


class Tensor:
    """An array in a file.

    Attributes:
        shape, dtype: as the file says; the size of the values in it has been compared with them.
    """

    def __init__(self, window, shape, dtype, place, fortran=False):
        self.shape = shape
        self.dtype = dtype
        self._window = window
        self._place = place
        self._fortran = fortran

    def read_into(self, out):
        """Fill an array of the same shape."""
        if self._fortran:
            out = out.T
        self._window.read_array(self._place, out, self.dtype)

    def read(self, dtype):
        """The values as a new array of another dtype."""
        out = np.empty(self.shape, dtype)
        self.read_into(out)
        return out


def groups(model, path=""):
    """Yield (path in a file, layer) for a model's layers, the layers of nested models included."""
    counts = {}
    for layer in model.layers:
        kind = snake_case(re.sub(r"\W+", "", type(layer).__name__))
        count = counts[kind] = counts.get(kind, -1) + 1
        place = f"{path}layers/{kind}_{count}" if count else f"{path}layers/{kind}"
        yield place, layer
        if hasattr(layer, "layers"):
            yield from groups(layer, f"{place}/")


def named_weights(model):
    """{path in a file: Variable} of all weights of a model."""
    named = {}
    for path, layer in groups(model):
        if hasattr(layer, "layers"):
            continue  # a nested model's weights are its layers'
        weights = sorted(layer.weights, key=lambda weight: not wanted_trainable(weight))
        for number, variable in enumerate(weights):
            named[f"{path}/vars/{number}"] = variable
    return named


def wanted_trainable(variable):
    """Whether the weight is one that training changes, unless it is frozen."""
    return getattr(variable, "wanted_trainable", variable.trainable)


def check_fit(name, tensors, variables):
    """Raise ValueError unless a file's tensors are exactly these variables, by path and shape."""
    missing = [path for path in variables if path not in tensors]
    unknown = [path for path in tensors if path not in variables and not FOREIGN.fullmatch(path)]
    if missing or unknown:
        raise ValueError(
            f"{name}: its weights are not this model's. "
            f"Missing: {some(missing)}. Not in the model: {some(unknown)}."
        )
    for path, variable in variables.items():
        tensor = tensors[path]
        types = ("int32", "int64") if variable.dtype == "int64" else FLOATS
        if tensor.shape != variable.shape or tensor.dtype.name not in types:
            raise ValueError(
                f"{name}: {path} has shape {tensor.shape} and dtype {tensor.dtype.name}, but "
                f"{variable.path!r} has shape {variable.shape} and dtype {variable.dtype}."
            )


def read(tensors, variables):
    """The values of all tensors, in the order of the variables; nothing is assigned yet."""
    return [tensors[path].read(variable.dtype) for path, variable in variables.items()]


def assign(values, variables):
    """Assign what `read` returned."""
    for variable, value in zip(variables.values(), values, strict=True):
        variable.assign(value)


def read_into_store(tensors, variables, store):
    """Read all tensors to where a new model's weights live, without a copy in between."""
    for path, variable in variables.items():
        if variable.dtype == "int64":  # a counter, whose type in the file may differ
            variable.assign(tensors[path].read(variable.dtype))
        else:
            tensors[path].read_into(variable.array)
    store.touch()


# ---------------------------------------------------------------------------------- optimizer state


def split_state(tensors):
    """(tensors of the weights, list of the tensors of the optimizer's state in their order)."""
    prefix = "optimizer/vars/"
    weights = {path: t for path, t in tensors.items() if not path.startswith(prefix)}
    state = [tensors.get(f"{prefix}{number}") for number in range(len(tensors) - len(weights))]
    if None in state:
        unknown = [path for path in tensors if path.startswith(prefix)]
        raise ValueError(f"The optimizer's state is not numbered 0, 1, ...: {some(unknown)}.")
    return weights, state


def count_state(optimizer, variables):
    """(number of arrays, of values in them) that the state of an optimizer of a model has."""
    slots = len(optimizer.slot_names) + bool(optimizer.use_ema)
    trainable = [variable for variable in variables if variable.trainable]
    scalars = len(optimizer.scalars())
    values = sum(variable.size for variable in trainable)
    return scalars + slots * len(trainable), scalars + slots * values


def restore_state(name, model, state, new=False):
    """Give a model's optimizer its state of a file.

    Args:
        name: of the file, for error messages.
        state: list of tensors, as `split_state` returns it.
        new: whether the model is thrown away after an error: then the values are read to where they
            live at once. Else nothing is changed before all are read.

    Returns:
        False if it is another optimizer's state by the number and size of its arrays.

    Raises:
        ValueError: it makes no sense.
    """
    optimizer = model.optimizer
    variables = list(named_weights(model).values())
    scalars = optimizer.scalars()
    found = len(state), sum(math.prod(tensor.shape) for tensor in state)
    if found == count_state(optimizer, variables):
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
    rate = values.get("learning_rate", 0)
    if values["iteration"] < 0 or not 0 <= rate < np.inf:
        raise ValueError(f"{name}: the optimizer cannot be in the state {values}.")
    if rate == scalars.get("learning_rate"):  # the configuration has it in full
        values.pop("learning_rate", None)
    if new:
        for tensor, array in slots:
            tensor.read_into(array)
    else:
        copies = [tensor.read(array.dtype) for tensor, array in slots]
        for (_, array), copy in zip(slots, copies, strict=True):
            array[...] = copy
    optimizer.set_scalars(values)
    return True


def state_arrays(model):
    """The arrays of an optimizer's state, in the order in which Keras's files hold them."""
    if not model.built:
        return [np.asarray(value) for value in model.optimizer.scalars().values()]
    model.optimizer.build(model.store)
    variables = list(named_weights(model).values())
    return [np.asarray(array) for _, array in model.optimizer.variables_in_order(variables)]
