"""What a plan runs: the base class of all steps, which owns buffers, bound kernels and gradients.

A layer knows its settings, shapes and weights; a step is one use of it (or of several layers) in a
model. So a layer may stand at several positions, in several models, and be used by several threads:
each use has arrays of its own.

    forward(x, training=False) -> y     float arrays (n, ...), C-contiguous
    backward(dy) -> dx                  writes each weight's `gradient` (does not add to it)

What makes a repeated step cheap:

- `forward` writes into buffers that the step keeps. For one batch size it returns the same ndarray
  object every time, so the next step, which sees the same object again, keeps its kernels bound to
  it: `call = self._calls.get(len(x))`, then `call.x is x` is the whole check.
- What `backward(dy)` returns may be overwritten by the step before it; `backward` leaves the `dy`
  that it is given alone unless `consume_gradient` is set, which a plan does for its own steps.
- With `input_gradient = False` nobody reads dx: `backward` returns None and saves the work.
"""

from fastcnn.core.memory import aligned

MAX_CALLS = 4  # batch sizes that stay bound: a training and an evaluation batch, each with its last
MAX_BUFFERS = 32  # buffers of different shapes: images of many sizes let go of the earlier ones


class Call:
    """The arrays and bound kernels of one batch size: a bag of attributes that a step fills."""

    def __init__(self, x):
        self.x = x
        self.dy = None  # what backward is bound to


class Step:
    """One use of one layer or of several that run as one.

    Args:
        layers: the layers.
        input_shape, output_shape: of this use, with the batch as None; by default those that the
            layers were built for.

    Attributes:
        input_gradient: whether somebody reads what `backward` returns.
        consume_gradient: whether `backward` may overwrite the dy that it is given.
    """

    def __init__(self, *layers, input_shape=None, output_shape=None):
        self.layers = layers
        self.layer = layers[0]
        self.name = " + ".join(layer.name for layer in layers)
        self.dtype = self.layer.dtype
        self.block = self.layer.block  # whose version says whether the weights have changed
        self.input_shape = input_shape or getattr(self.layer, "input_shape", None)
        self.output_shape = output_shape or getattr(layers[-1], "output_shape", None)
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

    def read_from(self, x):
        """`forward` for an array (n, inputs) that is read where it is, without a copy.

        Returns None where the step cannot do that; then nothing has happened.
        """
        return None

    def algorithms(self):
        """Which algorithms the step's kernels use (see kernels/choice.py), "" without a choice."""
        return ""

    # -------------------------------------------------------------------------- what a plan asks

    def describe(self):
        """(name, shapes, algorithms): the step's line in `model.plan()`."""
        return self.name, f"{self.input_shape} -> {self.output_shape}", self.algorithms()

    def expect_gradient(self, read, consume):
        """Set whether somebody reads what `backward` returns, and whether dy may be overwritten."""
        self.input_gradient, self.consume_gradient = read, consume

    @property
    def is_view(self):
        """Whether the step only changes the shape."""
        return all(layer.is_view and not layer.is_opaque for layer in self.layers)

    @property
    def trainable_weights(self):
        return [weight for layer in self.layers for weight in layer.trainable_weights]

    def release(self):
        """Forget buffers and bound kernels; the next call makes new ones."""
        self._calls = {}
        self._buffers = {}
        self._kept = None

    # ----------------------------------------------------------------------- buffers and bindings

    def _buffer(self, role, shape, dtype=None):
        """A view of shape[0] rows of the buffer kept for `role`, which grows when too small."""
        key = (role, shape[1:])
        buffer = self._buffers.get(key)
        if buffer is None or len(buffer) < shape[0]:
            if len(self._buffers) >= MAX_BUFFERS:
                self._buffers.clear()
            buffer = self._buffers[key] = aligned(shape, dtype or self.dtype)
            self._calls.clear()  # other batch sizes use the smaller buffer: let it go
        return buffer[: shape[0]]

    def _remember(self, call):
        """Keep the binding of a batch size, for a bounded number of sizes."""
        size = len(call.x)
        if size not in self._calls and len(self._calls) >= MAX_CALLS:
            del self._calls[next(iter(self._calls))]
        self._calls[size] = call
        return call

    def _last_call(self):
        """What the last forward(training=True) kept."""
        if self._kept is None:
            raise RuntimeError(
                f"backward() of {self.name!r} needs a forward(x, training=True) before it."
            )
        return self._kept
