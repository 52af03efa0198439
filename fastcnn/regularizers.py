"""Regularizers: penalties on weights and outputs that are added to the loss.

    >>> import numpy as np
    >>> from fastcnn import regularizers
    >>> regularizers.L2(0.5)(np.array([1.0, 2.0]))
    2.5

Example: `Dense(10, kernel_regularizer="l2", activity_regularizer=regularizers.L1(1e-3))`. The
penalty of a kernel or bias is added to the loss of every batch; the penalty of an output is divided
by the batch size first. The reported loss includes both, as in Keras.

A custom regularizer needs `__call__` and `gradient`:

    >>> class L4(regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.01 * float((x**4).sum())
    ...     def gradient(self, x):
    ...         return 0.04 * x**3
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_number
from fastcnn.core.registry import Configurable, Registry, named
from fastcnn.kernels import reference

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Config, CustomObjects

registry = Registry("regularizer", "keras.regularizers")


class Regularizer(Configurable):
    """Base of all regularizers."""

    def __call__(self, x: ArrayLike) -> NDArray:
        """The penalty of an array, a float."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(x).")

    def gradient(self, x):
        """The gradient of the penalty at x, a new array of x's shape."""
        raise NotImplementedError(f"{type(self).__name__} must implement gradient(x).")


@registry.register("l1_l2", "l1l2")
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2)

    Args:
        l1, l2: floats >= 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = float(check_number(0.0 if l1 is None else l1, "l1", 0))
        self.l2 = float(check_number(0.0 if l2 is None else l2, "l2", 0))

    def __call__(self, x):
        total = np.zeros(1)
        self._bind(_floats(x), None, total)()
        return float(total[0])

    def gradient(self, x):
        x = _floats(x)
        gradient = np.zeros_like(x)
        self._bind(x, gradient, None)()
        return gradient

    def _bind(self, x, gradient, total):
        """What adds to the gradient and writes the penalty to `total`, where they are not None."""
        settings = {"l1": self.l1, "l2": self.l2}
        if x.dtype == np.float32:
            return kernels.bind("penalize", x, gradient, total, **settings)
        return partial(reference.penalize, x, gradient, total, **settings)

    def bind(self, x, gradient, total):
        """The kernel that writes both of them; None where a subclass has its own formulas."""
        own = (type(self).__call__, type(self).gradient) != (L1L2.__call__, L1L2.gradient)
        return None if own else self._bind(x, gradient, total)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


def _floats(x):
    """x as the kernel and its reference take it."""
    x = np.asarray(x)
    return np.require(x, x.dtype if x.dtype.kind == "f" else np.float64, ["C", "A"])


@registry.register("l1")
class L1(L1L2):
    """l1 * sum(|x|)

    Args:
        l1: float >= 0.
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self):
        return {"l1": self.l1}


@registry.register("l2")
class L2(L1L2):
    """l2 * sum(x^2)

    Args:
        l2: float >= 0.
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self):
        return {"l2": self.l2}


@registry.register("orthogonal_regularizer", "orthogonal")
class OrthogonalRegularizer(Regularizer):
    """Mean of |cosine of the angle| over all pairs of rows (or columns), times `factor`.

    Args:
        factor: float >= 0.
        mode: "rows" or "columns", the vectors that should be orthogonal.

    Only for arrays with two axes, such as Dense's kernel.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'The argument `mode` must be "rows" or "columns". Received mode={mode!r}.'
            )
        self.factor = float(check_number(factor, "factor", 0))
        self.mode = mode

    def _parts(self, x):
        """(unit vectors as rows, their norms, products of distinct vectors, factor of a product)"""
        if x.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer expects an array with two axes. Received shape {x.shape}."
            )
        rows = x if self.mode == "rows" else x.T
        lengths = np.sqrt(np.square(rows).sum(1, keepdims=True))
        lengths[lengths == 0] = 1
        units = rows / lengths
        products = kernels.dense_forward(units, units.T)  # not BLAS, for reproducible bits
        np.fill_diagonal(products, 0)
        pairs = len(rows) * (len(rows) - 1) / 2
        return units, lengths, products, self.factor / pairs if pairs else 0.0

    def __call__(self, x):
        _, _, products, factor = self._parts(x)
        return 0.5 * factor * float(np.abs(products).sum(dtype=np.float64))

    def gradient(self, x):
        units, lengths, products, factor = self._parts(x)
        at_units = factor * kernels.dense_forward(np.sign(products), units)
        along = (at_units * units).sum(1, keepdims=True)  # the norm of a unit vector is constant
        gradient = (at_units - along * units) / lengths
        return gradient if self.mode == "rows" else gradient.T

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from a name, config, class or instance; None stays None.

    Raises:
        ValueError: an unknown name (the error lists the valid ones), or a plain function, whose
            gradient is unknown.
    """
    if callable(identifier) and not isinstance(identifier, (Regularizer, type)):
        raise ValueError(
            "A regularizer needs a gradient: subclass `fastcnn.regularizers.Regularizer` instead "
            f"of passing the function {identifier!r}."
        )
    return registry.get(identifier, Regularizer)


def serialize(regularizer: Regularizer | None) -> Config | None:
    """The dictionary that Keras writes for a regularizer."""
    return registry.serialize(regularizer)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Regularizer:
    """The regularizer that `serialize` wrote, or one given by name."""
    return registry.deserialize(named(config), custom_objects)
