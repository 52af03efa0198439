"""Converts what users pass as data to arrays."""

import numpy as np

from fastcnn.core.arguments import matches

GATHERED = ("uint8", "float32", "float64")  # what the gather kernel reads


def gatherable(array, name):
    """`array` in a layout and type that batches can be gathered from, copied only if needed."""
    if array.dtype.kind not in "fiub":
        raise ValueError(f"`{name}` must be a numeric array. Received dtype {array.dtype}.")
    exact = array.dtype.isnative and array.dtype.name in GATHERED
    return np.require(array, None if exact else np.float32, ["C", "A"])


def as_array(value, name):
    """The argument `name` as a numeric array with a batch axis.

    Raises:
        ValueError: it is missing or cannot be converted.
    """
    if value is None:
        raise ValueError(f"The argument `{name}` is missing.")
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
        if len(value) != 1:
            raise ValueError(f"`{name}` must be one array. Received a list of {len(value)} arrays.")
        value = value[0]
    if not isinstance(value, np.ndarray):
        if hasattr(type(value), "element_spec") or hasattr(value, "__next__") or callable(value):
            raise ValueError(
                f"`{name}` must be an array here: only `x` of fit, evaluate and predict, and "
                f"`validation_data`, may be given in batches. Received {type(value)}."
            )
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"`{name}` cannot be converted to an array: {error}.") from None
    if value.dtype.kind not in "fiub":
        raise ValueError(f"`{name}` must be a numeric array. Received dtype {value.dtype}.")
    if value.ndim == 0:
        raise ValueError(f"`{name}` must have a batch axis. Received a scalar.")
    return value


def fit_images(x, input_shape, name=None):
    """x in the shape (n, *input_shape[1:]); a last axis of size 1 is added or dropped.

    `name` is what the error calls the array, if the model has several inputs.

    Raises:
        ValueError: the shape does not match the model.
    """
    wanted, given = input_shape[1:], x.shape
    if x.ndim == len(wanted) and (wanted[-1:] == (1,) or wanted == (None,)):
        x = x[..., None]
    elif x.ndim == len(wanted) + 2 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim == 0 or not matches(x.shape[1:], wanted):
        shape = ", ".join(["n", *map(str, wanted)])
        hint = ""
        if matches(given, wanted) or matches((*given, 1), wanted):
            hint = " For a single sample add a batch axis: x[None]."
        takes = "The model takes inputs" if name is None else f"`{name}` must be an array"
        raise ValueError(f"{takes} of shape ({shape}). Received an array of shape {given}.{hint}")
    return x


def unpack(batch, name="A batch"):
    """(x, y, sample_weight) from x, (x,), (x, y) or (x, y, sample_weight)."""
    if not isinstance(batch, (list, tuple)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"{name} must be x, (x,), (x, y) or (x, y, sample_weight). "
            f"Received a {type(batch).__name__} of {len(batch)}."
        )
    return (*batch, None, None)[:3]


def is_dataset(x):
    """Whether x is a `Dataset` of this package."""
    return hasattr(type(x), "new_pass")  # without importing it


def is_indexed(x):
    """Whether batches can be requested by index."""
    return hasattr(x, "__getitem__") and (hasattr(x, "num_batches") or hasattr(x, "__len__"))
