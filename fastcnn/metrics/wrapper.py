"""`MeanMetricWrapper`: the mean over the samples of a function of targets and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.registry import custom_object
from fastcnn.metrics.base import MeanMetric, registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from numpy.typing import ArrayLike, DTypeLike

    from fastcnn.core.types import Config


@registry.register("mean_metric_wrapper")
class MeanMetricWrapper(MeanMetric):
    """The mean over the samples of `fn(y_true, y_pred, **kwargs)`.

    Args:
        fn: a function that returns an array with one value per sample, or with more axes.
        name: a string.
        kwargs: further arguments of the function.

    In a file the function is a name: of a function of `losses` or `metrics`, or of one of the
    `custom_objects`.
    """

    any_arguments = True  # its config may have any keys: those of the function

    def __init__(
        self,
        fn: Callable[..., ArrayLike],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(fn):
            raise ValueError(
                f"The argument `fn` must be a function of (y_true, y_pred). Received fn={fn!r}."
            )
        super().__init__(name, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if hasattr(fn, "loss_class"):
            self.direction = "down"

    def values(self, y_true, y_pred):
        return np.atleast_1d(np.asarray(self._fn(y_true, y_pred, **self._fn_kwargs)))

    def get_config(self) -> Config:
        name = getattr(self._fn, "__name__", None)
        if name is None or name == "<lambda>":
            raise NotImplementedError(
                f"The metric {self.name!r} wraps {self._fn!r}, which has no name, and so has "
                "no config."
            )
        fn = {
            "module": "builtins",
            "class_name": "function",
            "config": name,
            "registered_name": "function",
        }
        return {"name": self.name, "dtype": self.dtype, "fn": fn, **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The metric for what `get_config` returned."""
        config = dict(config)
        fn = config.pop("fn", None)
        name = fn.get("config") if isinstance(fn, dict) else fn
        return cls(name if callable(name) else _function_called(name), **config)


def _function_called(name):
    """The function of `losses` or `metrics`, or the custom one, of this name."""
    from fastcnn import losses, metrics

    custom = custom_object(name)
    if callable(custom):
        return custom
    for module in (metrics, losses):
        function = getattr(module, name, None) if isinstance(name, str) else None
        if hasattr(function, "loss_class") or hasattr(function, "metric_class"):
            return function
    raise ValueError(
        f"The function {name!r} of a MeanMetricWrapper is not one of `losses` or `metrics`: pass "
        "it in `custom_objects`."
    )
