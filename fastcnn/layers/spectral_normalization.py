"""SpectralNormalization: divides the kernel of another layer by its largest singular value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import initializers, kernels
from fastcnn.core.arguments import check_count
from fastcnn.core.memory import aligned
from fastcnn.core.registry import scope, scoped
from fastcnn.core.steps import Step
from fastcnn.layers.base import Layer
from fastcnn.layers.registry import deserialize, register, serialize

if TYPE_CHECKING:
    from typing import Any, Self

    from fastcnn.core.types import Config


class SpectralStep(Step):
    """The step of the layer inside, which in training first normalizes the kernel.

    Args:
        layer: the `SpectralNormalization`.
        frozen: whether it leaves the kernel as it is during training as well.
        **shapes: see `Step`.
    """

    def __init__(self, layer, frozen=False, **shapes):
        inside = layer.layer
        settings = {"frozen": True} if frozen and inside.takes_frozen else {}
        self.step = inside.make_step(**settings, **shapes)
        self.frozen = frozen
        super().__init__(layer, **shapes)
        self.owns_output, self.owns_gradient = self.step.owns_output, self.step.owns_gradient
        w = layer.kernel.array.reshape(-1, layer.kernel.shape[-1])
        self.u, self.v = layer.vector_u.array, aligned((1, len(w)), self.dtype)
        self.multiply = kernels.bind("dense_forward", self.v, w, None, self.u, relu=False)
        self.multiply_back = kernels.bind("dense_backward_data", self.u, w, self.v)

    def release(self):
        super().release()
        self.step.release()

    def algorithms(self):
        return self.step.algorithms()

    def expect_gradient(self, read, consume):
        super().expect_gradient(read, consume)
        self.step.expect_gradient(read, consume)

    def forward(self, x, training=False):
        if training and not self.frozen and self.layer.kernel.array.any():
            self._normalize()
        self._kept = training or None
        return self.step.forward(x, training)

    def backward(self, dy):
        self._last_call()
        return self.step.backward(dy)

    @np.errstate(all="ignore")  # NaN and infinity show up in the result, as with the kernels
    def _normalize(self):
        """Power iteration for the largest singular value and its vector, and the division."""
        for _ in range(self.layer.power_iterations):
            self.multiply_back()
            _normalize(self.v)
            self.multiply()
            largest = _normalize(self.u)
        self.layer.kernel.array[...] /= largest
        for variable in (self.layer.kernel, self.layer.vector_u):
            variable.block.touch()


def _normalize(vector):
    """Divide a vector by its length, which is returned; it counts as at least 1e-12."""
    length = np.sqrt(np.square(vector).sum())
    vector /= np.maximum(length, vector.dtype.type(1e-12))
    return length


@register
class SpectralNormalization(Layer):
    """Normalizes the kernel of a layer in training, so that its largest singular value is about 1.

    Each training step first runs `power_iterations` of the power method on the kernel as a matrix
    (elements of a filter, filters), then divides the kernel, itself, by the singular value that it
    has found (Miyato et al. 2018). The gradient is that of the layer with the divided kernel. In
    inference nothing but the layer runs.

    Args:
        layer: a layer with a weight `kernel`, such as Dense, Conv2D or Conv1D.
        power_iterations: a positive integer.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: those of the layer, and vector_u (1, filters), the singular vector, behind its kernel.

    Input shape, output shape: those of the layer.

    Raises:
        ValueError: a layer without `kernel`, or with an `activity_regularizer`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.SpectralNormalization(layers.Dense(1, kernel_initializer="ones"))
    >>> layer(np.array([[1.0, 1.0, 1.0, 1.0]]), training=True).tolist()
    [[2.0]]
    """

    step_class = SpectralStep
    depends_on_training = True
    default_training = False

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(f"The argument `layer` must be a layer. Received layer={layer!r}.")
        if layer.activity_regularizer is not None:
            raise ValueError(
                "The argument `layer` cannot have an `activity_regularizer`: pass it to "
                f"SpectralNormalization. Received layer={layer!r}."
            )
        self.layer = layer
        is_same = not (layer.is_opaque or layer.depends_on_training)  # in training and inference
        self.takes_frozen = layer.takes_frozen or is_same
        self.power_iterations = check_count(power_iterations, "power_iterations")
        self.kernel: Any = None
        self.vector_u: Any = None

    def build(self, input_shape):
        with scope(scoped(self.name)):
            self.layer.build_once(input_shape)
        self.kernel = getattr(self.layer, "kernel", None)
        if self.kernel is None:
            raise ValueError(
                f"Layer {self.name!r} needs a layer with a weight `kernel`. "
                f"Received layer={self.layer!r}."
            )
        others = [weight for weight in self.layer.weights if weight is not self.kernel]
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )
        self._variables = [self.kernel, self.vector_u, *others]  # Keras's order
        if not self.trainable:
            self.layer.trainable = False

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.layer.trainable = value

    @property
    def _nested_layer(self) -> Layer:
        """The layer inside, whose weights files have in a group of their own."""
        return self.layer

    @property
    def _own_weights(self) -> list:
        """The weights that files have in the group of this layer, as Keras writes them."""
        return self._variables[:2]

    def release(self) -> None:
        super().release()
        self.layer.release()

    def get_config(self):
        layer = serialize(self.layer)
        layer.pop("build_config", None)
        return {**super().get_config(), "layer": layer, "power_iterations": self.power_iterations}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        layer = config["layer"]
        layer = deserialize(layer) if isinstance(layer, dict) else layer
        return super().from_config({**config, "layer": layer})
