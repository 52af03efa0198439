"""Converts the user's arrays to the batches that a step reads.

`Samples` validates x, y and the weights once. A `Feed` iterates over them in batches: it owns the
order and, for each batch size, one `Batch` of buffers at fixed addresses, so that kernels can be
bound to them. A kernel gathers the images, also from uint8, so a data set is never copied to float
as a whole.
"""

import numpy as np

from fastcnn import kernels, random
from fastcnn.core.arguments import check_number, matches
from fastcnn.core.memory import aligned

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
        if hasattr(value, "element_spec") or hasattr(value, "__next__") or callable(value):
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


def fit_images(x, input_shape):
    """x in the shape (n, *input_shape[1:]); a last axis of size 1 is added or dropped.

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
        raise ValueError(
            f"The model takes inputs of shape ({shape}). Received an array of shape {given}.{hint}"
        )
    return x


class Samples:
    """Inputs, targets and sample weights of equal length, validated.

    Args:
        x: array (n, ...).
        y: targets or None.
        sample_weight: (n,) or (n, 1) or None.
    """

    def __init__(self, x, y=None, sample_weight=None):
        self.x = as_array(x, "x")
        self.y = None if y is None else as_array(y, "y")
        self.weights = self.class_weight = None
        if self.y is not None and len(self.y) != len(self.x):
            raise ValueError(
                "x and y must have the same number of samples. "
                f"Received {len(self.x)} in x and {len(self.y)} in y."
            )
        if sample_weight is not None:
            weights = as_array(sample_weight, "sample_weight")
            if weights.ndim == 2 and weights.shape[1] == 1:
                weights = weights[:, 0]
            if weights.shape != (len(self.x),):
                raise ValueError(
                    f"`sample_weight` must have one weight per sample, shape ({len(self.x)},). "
                    f"Received shape {weights.shape}."
                )
            self.weights = np.ascontiguousarray(weights, np.float32)

    def __len__(self):
        return len(self.x)

    def split(self, fraction):
        """Split off the last `fraction` of the samples; returns both parts as views."""
        if not 0 < fraction < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1. Received {fraction!r}.")
        cut = int(np.floor(len(self) * (1 - fraction)))
        if cut in (0, len(self)):
            raise ValueError(
                f"{len(self)} samples are too few for `validation_split`={fraction}: "
                "one part would be empty."
            )
        return self._part(slice(0, cut)), self._part(slice(cut, None))

    def _part(self, rows):
        part = object.__new__(Samples)
        part.x = self.x[rows]
        part.y = None if self.y is None else self.y[rows]
        part.weights = None if self.weights is None else self.weights[rows]
        part.class_weight = None
        return part

    def weigh_classes(self, class_weight):
        """Set the weights from a dictionary {class: weight}; the default weight is 1."""
        if class_weight is not None:
            if self.weights is not None:
                raise ValueError("Pass either `class_weight` or sample weights, not both.")
            self.weights = class_weights(self.y, class_weight)
            self.class_weight = class_weight
        return self

    def prepare(self, input_shape, loss=None, output_shape=None, gather=True):
        """Convert x and y for the model and its loss and, if `gather`, for the gather kernel."""
        self.x = fit_images(self.x, input_shape)
        if gather:
            self.x = gatherable(self.x, "x")
        if loss is not None:
            if self.y is None:
                raise ValueError("The argument `y` is missing: the loss needs targets.")
            loss.check_output(output_shape)
            if self.class_weight is not None and output_shape[-1] > 1:
                check_classes(self.class_weight, output_shape[-1])
            self.y = loss.prepare(self.y, output_shape)
            is_labels = self.y.dtype == np.int64 and self.y.ndim < len(output_shape)
            if not is_labels:
                self.y = gatherable(self.y, "y")
        return self


def class_weights(y, class_weight):
    """One weight per sample from a dictionary of class weights."""
    if y is None or not isinstance(class_weight, dict):
        raise ValueError(
            "`class_weight` must be a dictionary {class: weight}, and requires `y`. "
            f"Received {class_weight!r}."
        )
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] == 0):
        raise ValueError(
            f"`class_weight` requires `y` with one or two axes. Received shape {y.shape}."
        )
    if y.ndim == 2:
        y = y.argmax(1) if y.shape[1] > 1 else y[:, 0]
    for key, weight in class_weight.items():
        is_number = isinstance(key, (int, float, np.number))
        if not (is_number and key == np.floor(key)):
            raise ValueError(
                f"The keys of `class_weight` must be labels, which are integers. Received {key!r}."
            )
        check_number(weight, f"class_weight[{key!r}]")
    classes, which = np.unique(np.round(y).astype(np.int64), return_inverse=True)
    table = np.array([class_weight.get(int(label), 1.0) for label in classes], np.float32)
    return table[which.reshape(-1)]


def check_classes(class_weight, classes):
    """Raise ValueError for keys of `class_weight` outside of the labels 0 to `classes` - 1."""
    unknown = [key for key in class_weight if not 0 <= key < classes]
    if unknown:
        raise ValueError(
            f"The keys of `class_weight` must be labels from 0 to {classes - 1}. "
            f"Received {unknown}."
        )


class Order:
    """The order of the samples in one pass over the data.

    Attributes:
        indices: int64 array of all samples.
        labels, weights: the samples' labels (or other targets) and weights in this order.
    """

    def __init__(self, samples):
        self._samples = samples
        self.indices = np.arange(len(samples))
        self.labels, self.weights = samples.y, samples.weights

    def set(self, indices):
        self.indices = indices
        samples = self._samples
        if samples.y is not None and samples.y.dtype == np.int64:
            self.labels = samples.y[indices]
        if samples.weights is not None:
            self.weights = samples.weights[indices]


class Batch:
    """The buffers of one batch size: `load` fills them, steps read them.

    A batch does not refer to its `Feed`, which refers to its batches: without a reference cycle the
    user's arrays are freed as soon as a `fit` has ended.

    Attributes:
        inputs: list of (size, ...) float arrays, the model's own input buffers.
        targets: list of int64 labels or float targets, or None, one for each output.
        weights: list of float (size,) sample weights, or None, one for each output.
        begin: position of the batch's first sample in this epoch's order.
    """

    def __init__(self, samples, order, size, x):
        self._order = order
        self.size = size
        self.begin = 0
        self.inputs = [x]
        self._indices = np.empty(size, np.int64)
        self._gather = kernels.bind("gather", samples.x, self._indices, x)
        targets = self._gather_targets = weights = None
        y = samples.y
        if y is not None:
            if y.dtype == np.int64:
                targets = np.empty((size, *y.shape[1:]), np.int64)
            else:
                targets = aligned((size, *y.shape[1:]), x.dtype)
                self._gather_targets = kernels.bind("gather", y, self._indices, targets)
        if samples.weights is not None:
            weights = np.empty(size, x.dtype)
        self.targets, self.weights = [targets], [weights]

    def load(self):
        """Fill the buffers with the batch that starts at `begin`."""
        order = self._order
        positions = slice(self.begin, self.begin + self.size)
        self._indices[...] = order.indices[positions]
        self._gather()
        if self._gather_targets is not None:
            self._gather_targets()
        elif self.targets[0] is not None:
            self.targets[0][...] = order.labels[positions]
        if self.weights[0] is not None:
            self.weights[0][...] = order.weights[positions]


class Feed:
    """Batches of `samples`; each iteration is one pass.

    Args:
        samples: prepared `Samples`.
        batch_size: positive int.
        input_buffer: function of (batch size, sample's shape) that returns the model's buffer.
        shuffle: whether each pass has a new order, drawn from the package's generator.

    Attributes:
        steps: number of batches in a pass.
        restarts, exhausted: True and False: another pass can always begin.
        target_shape: shape of all targets.
    """

    restarts = True
    exhausted = False

    def __init__(self, samples, batch_size, input_buffer, shuffle=False):
        self.samples = samples
        self.batch_size = min(batch_size, len(samples))
        self.steps = -(-len(samples) // batch_size)
        self.target_shape = None if samples.y is None else samples.y.shape
        self._first = 0
        self._batch_now = None
        self.shuffle = shuffle
        self._order = Order(samples)
        self._input_buffer = input_buffer
        self._batches = {}

    def __iter__(self):
        """Yield each `Batch`, not loaded yet."""
        first, self._first = self._first, 0
        if self.shuffle and not first:
            self._order.set(random.generator().permutation(len(self.samples)))
        full = len(self.samples) // self.batch_size
        batch = self._batch_now = self._batch(self.batch_size)
        for step in range(first, full):
            batch.begin = step * self.batch_size
            yield batch
        rest = len(self.samples) - full * self.batch_size
        if rest:
            batch = self._batch_now = self._batch(rest)
            batch.begin = full * self.batch_size
            yield batch

    @property
    def position(self):
        """Number of batches consumed in this pass."""
        batch = self._batch_now
        return 0 if batch is None else -(-(batch.begin + batch.size) // self.batch_size)

    def get_state(self):
        """Plain values and arrays from which `set_state` resumes after this batch."""
        return {"position": self.position, "order": self._order.indices if self.shuffle else None}

    def set_state(self, state):
        """Start the next pass where `get_state` was called.

        Raises:
            ValueError: the state belongs to other data.
        """
        order, position = state["order"], state["position"]
        if (order is None) == self.shuffle or not 0 <= position <= self.steps:
            raise ValueError("The state belongs to other data.")
        if order is not None:
            if not np.array_equal(np.sort(order), np.arange(len(self.samples))):
                raise ValueError("The state belongs to other data.")
            self._order.set(order)
        self._first = position

    def _batch(self, size):
        batch = self._batches.get(size)
        if batch is None:
            x = self._input_buffer(size, self.samples.x.shape[1:])
            batch = self._batches[size] = Batch(self.samples, self._order, size, x)
        return batch


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
