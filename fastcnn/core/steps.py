"""The base class of the steps of a plan, which own buffers, bound kernels and gradients.

A layer knows its settings, shapes and weights; a step is one use of it (or of several layers) in a
model. A layer may occur at several positions and in several models, and be used by several threads,
because each use has its own arrays.

    forward(x, training=False) -> y     float arrays (n, ...), C-contiguous
    backward(dy) -> dx                  writes each weight's `gradient` (does not add to it)

What makes a repeated step cheap:

- `forward` writes into buffers that the step keeps. For one batch size it returns the same ndarray
  object every time, so the next step, which receives the same object again, keeps its kernels bound
  to it: `call = self._calls.get(len(x))`, then `call.x is x` is the entire check.
- The result of `backward(dy)` may be overwritten by the preceding step; `backward` does not modify
  `dy` unless `consume_gradient` is set, which a plan does for its own steps.
- With `input_gradient = False` dx is not needed: `backward` returns None and skips the work.

A step with several inputs gets a tuple of arrays, and `backward` returns a tuple of gradients; its
`input_gradient` is a tuple, too. The arrays are the same objects each time for one batch size.
"""

from typing import Any

from fastcnn.core.memory import aligned

MAX_CALLS = 4  # bound batch sizes: training and evaluation, each with its smaller last batch
MAX_BUFFERS = 32  # buffers of different shapes; beyond that, as for many image sizes, all are freed


class Call:
    """The arrays and bound kernels of one batch size, as attributes that a step sets."""

    def __init__(self, x):
        self.x = x
        self.dy = None  # the array that backward is bound to


class Step:
    """One use of one layer, or of several layers that are fused.

    Args:
        layers: the layers.
        input_shape, output_shape: the shapes of this use, with the batch as None; by default those
            that the layers were built for.

    Attributes:
        input_gradient: whether the result of `backward` is needed.
        consume_gradient: whether `backward` may overwrite its argument dy.
        reads, writes: the numbers of the plan's values that are the step's inputs and its output.
        memory: None, or the `Memory` that a plan shares among the steps of inference.
    """

    # Whether the results of `forward` and `backward` are arrays of the step, which never share
    # memory with the argument; a plan then frees or overwrites the argument earlier.
    owns_output: Any = False
    owns_gradient: Any = False
    adds_gradient: Any = False  # whether a step with one input implements `add_backward`
    keeps_input = False  # whether a step of inference needs its argument after it has run
    # A step that ends in relu multiplies dy by its derivative, unless those that read its result
    # have done so as they wrote dy: see `plan.patterns.open_gradients`.
    ends_in_relu: Any = False
    gradient_is_open = False
    can_open_gradients: Any = False
    opens_gradients: frozenset[int] = frozenset()  # of which values
    # A step may write its result as columns of the array of a concatenation that reads it: see
    # `plan.memory.write_into_concatenations`.
    writes_columns: Any = False  # whether its kernel can
    reads_columns: Any = False  # whether its kernels can read such a result
    joins_columns: Any = False  # whether it is such a concatenation
    columns_of: Any = None  # None, or the step of the concatenation

    reads: tuple[int, ...] = ()
    writes = -1
    memory: Any = None

    def __init__(self, *layers, input_shape=None, output_shape=None):
        self.layers = layers
        self.layer = layers[0]
        self.name = " + ".join(layer.name for layer in layers)
        self.dtype = self.layer.dtype
        self.block = self.layer.block  # its version shows whether the weights have changed
        self.input_shape = input_shape or getattr(self.layer, "input_shape", None)
        self.output_shape = output_shape or getattr(layers[-1], "output_shape", None)
        self.takes_list = isinstance(self.input_shape, list)  # whether it has several inputs
        self.input_gradient = True
        self.consume_gradient = False
        self.release()

    # ----------------------------------------------------------------- what a subclass implements

    def forward(self, x, training=False):
        """y for a batch x."""
        raise NotImplementedError

    def backward(self, dy):
        """dx for the x of the last `forward(x, training=True)`; writes the weights' gradients."""
        raise NotImplementedError

    def add_backward(self, dy, dx):
        """`backward` that adds the result to the array dx; only called if `adds_gradient`."""
        raise NotImplementedError

    def read_from(self, x):
        """Run `forward` directly on an array (n, inputs), without copying it.

        Returns None, without any effect, if the step does not support that.
        """
        return None

    def algorithms(self):
        """The algorithms of the step's kernels (see kernels/choice.py); "" without a choice."""
        return ""

    # --------------------------------------------------------------------------- used by the plan

    def describe(self):
        """(name, shapes, algorithms): the step's line in `model.plan()`."""
        shapes = self.input_shape if self.takes_list else [self.input_shape]
        shape = ", ".join(map(str, shapes))
        return self.name, f"{shape} -> {self.output_shape}", self.algorithms()

    def edges(self):
        """The numbers of the values that the step reads and writes, for `model.plan()`."""
        return f"{', '.join(map(str, self.reads))} -> {self.writes}"

    def expect_gradient(self, read, consume):
        """Set whether the result of `backward` is needed, and whether dy may be overwritten."""
        self.input_gradient, self.consume_gradient = read, consume

    @property
    def is_view(self):
        """Whether the step only changes the shape."""
        return all(layer.is_view and not layer.is_opaque for layer in self.layers)

    @property
    def trainable_weights(self):
        return [weight for layer in self.layers for weight in layer.trainable_weights]

    def release(self):
        """Release buffers and bound kernels; the next call creates new ones."""
        self._calls = {}
        self._buffers = {}
        self._kept = None

    # ----------------------------------------------------------------------- buffers and bindings

    def _buffer(self, role, shape, dtype=None):
        """A view of shape[0] rows of the buffer for `role`, which grows if it is too small."""
        if role == "y" and self.columns_of is not None:
            return self.columns_of.columns(self, shape)
        if self.memory is not None:
            return self.memory.array(role, shape, dtype or self.dtype)
        key = (role, shape[1:])
        buffer = self._buffers.get(key)
        if buffer is None or len(buffer) < shape[0]:
            inputs = len(self.input_shape) if self.takes_list else 1
            if len(self._buffers) >= MAX_BUFFERS * inputs:
                self._buffers.clear()
            buffer = self._buffers[key] = aligned(shape, dtype or self.dtype)
            self._calls.clear()  # calls of other batch sizes still refer to the smaller buffer
        return buffer[: shape[0]]

    def bound(self, x):
        """The `Call` of the batch x."""
        call = self._calls.get(len(x))
        return call if call is not None and call.x is x else self._bind(x)

    def _bind(self, x):
        """A new `Call` for the batch x, for steps that are run by `bound`."""
        raise NotImplementedError

    def _remember(self, call):
        """Store the call of a batch size; the number of stored sizes is bounded."""
        size = len(call.x)
        if size not in self._calls and len(self._calls) >= MAX_CALLS:
            del self._calls[next(iter(self._calls))]
        self._calls[size] = call
        return call

    def _last_call(self):
        """The state stored by the last forward(training=True)."""
        if self._kept is None:
            raise RuntimeError(
                f"backward() of {self.name!r} needs a forward(x, training=True) before it."
            )
        return self._kept
