"""Types of the arguments that users pass, for annotations.

Modules import these names under `if TYPE_CHECKING:` and annotate with
`from __future__ import annotations`, so nothing here costs time when the package is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fastcnn.activations import ActivationFunction
    from fastcnn.callbacks import Callback, CallbackList
    from fastcnn.constraints import Constraint
    from fastcnn.data.streams import PyDataset
    from fastcnn.initializers import Initializer
    from fastcnn.layers import Layer
    from fastcnn.losses import Loss
    from fastcnn.metrics import Metric
    from fastcnn.optimizers import Optimizer
    from fastcnn.optimizers.base import LearningRateSchedule
    from fastcnn.regularizers import Regularizer

Config: TypeAlias = dict[str, Any]  # what `get_config` and `serialize` return
CustomObjects: TypeAlias = dict[str, Any] | None
Path: TypeAlias = str | os.PathLike[str]
Shape: TypeAlias = Sequence[int | None]
Number: TypeAlias = int | float

IntOrPair: TypeAlias = int | Sequence[int]  # one for height and width, or one for each
Margins: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
Range: TypeAlias = float | Sequence[float]  # two ends, or one number for both
Axes: TypeAlias = int | Sequence[int]

ActivationLike: TypeAlias = (
    "str | Config | ActivationFunction | type[ActivationFunction] | Layer | None"
)
InitializerLike: TypeAlias = "str | Config | Initializer | type[Initializer] | Callable | None"
RegularizerLike: TypeAlias = "str | Config | Regularizer | type[Regularizer] | None"
ConstraintLike: TypeAlias = "str | Config | Constraint | type[Constraint] | None"
LossLike: TypeAlias = (  # one, or nested like the outputs: a dictionary is a config, or by name
    "str | Config | Loss | type[Loss] | Callable | Sequence[LossLike] | None"
)
LossWeights: TypeAlias = "float | Sequence[LossWeights] | Mapping[Any, LossWeights] | None"
Metrics: TypeAlias = "str | Config | Metric | type[Metric] | Callable | Sequence[Metrics] | None"
OptimizerLike: TypeAlias = "str | Config | Optimizer | type[Optimizer]"
CallbacksLike: TypeAlias = "Callback | CallbackList | Sequence[CallbacksLike] | None"

# an array, arrays nested like the inputs or outputs, or for `Data` an iterable of batches
Data: TypeAlias = "ArrayLike | PyDataset | Iterable[Any] | Mapping[Any, Any] | None"
Arrays: TypeAlias = "ArrayLike | Sequence[Arrays] | Mapping[Any, Arrays] | None"
Verbose: TypeAlias = int | Literal["auto"]

LearningRateLike: TypeAlias = "float | LearningRateSchedule | Callable[[], float]"
