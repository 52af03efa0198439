"""Optimizers that contain others: one for each part of a model, and loss scaling."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count, check_number
from fastcnn.core.registry import Configurable
from fastcnn.core.store import Store
from fastcnn.optimizers.base import Count, Optimizer, registry
from fastcnn.optimizers.patterns import check_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Self

    from fastcnn.core.types import Config, CustomObjects
    from fastcnn.core.variables import Variable


class Wrapper(Optimizer):
    """Base of both: an optimizer whose state is its own scalars and the state of `optimizers`.

    The inner scalars have the names "0/iteration", "0/learning_rate", "1/iteration", ...
    """

    in_numpy = False
    _is_ready = False  # whether the base class is initialized, which sets a learning rate of 0

    @property
    def optimizers(self) -> list[Optimizer]:
        """The inner optimizers."""
        raise NotImplementedError

    def own_scalars(self):
        """The state other than that of the inner optimizers: {name: NumPy scalar}."""
        return {"iteration": np.int64(self._iterations), "learning_rate": np.float32(0)}

    def set_own_scalars(self, scalars):
        """Restore what `own_scalars` returned."""
        self._iterations = int(scalars["iteration"])

    def rebind(self):
        for optimizer in getattr(self, "optimizers", ()):
            optimizer.rebind()

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        for optimizer in self.optimizers:
            optimizer.finalize_variable_values()

    def scalars(self):
        inner = {
            f"{index}/{name}": value
            for index, optimizer in enumerate(self.optimizers)
            for name, value in optimizer.scalars().items()
        }
        return {**self.own_scalars(), **inner}

    def set_scalars(self, scalars):
        self.set_own_scalars(scalars)
        for index, optimizer in enumerate(self.optimizers):
            own = {
                name.partition("/")[2]: value
                for name, value in scalars.items()
                if name.partition("/")[0] == str(index)
            }
            optimizer.set_scalars(own)

    def variables_in_order(self, weights=None):
        own = [(name, np.asarray(value)) for name, value in self.own_scalars().items()]
        for index, optimizer in enumerate(self.optimizers):
            scalars = optimizer.scalars()
            own += [
                (f"{index}/{name}" if name in scalars else name, array)
                for name, array in optimizer.variables_in_order(weights)
            ]
        return own

    @property
    def variables(self) -> list[Variable]:
        own = self._own_variables(self.own_scalars().items())
        return [*own, *(v for optimizer in self.optimizers for v in optimizer.variables)]

    def count_state(self, variables):
        counts = [len(self.own_scalars())] * 2
        for optimizer in self.optimizers:
            inner = optimizer.count_state(self.variables_of(optimizer, variables))
            counts = [count + more for count, more in zip(counts, inner, strict=True)]
        return tuple(counts)

    def variables_of(self, optimizer, variables):
        """Those of the trainable variables that an inner optimizer updates."""
        return variables

    def get_state(self):
        own = {name: float(value) for name, value in self.own_scalars().items()}
        return {"own": own, "inner": [optimizer.get_state() for optimizer in self.optimizers]}

    def set_state(self, state):
        self.set_own_scalars(state["own"])
        for optimizer, inner in zip(self.optimizers, state["inner"], strict=True):
            optimizer.set_state(inner)


@registry.register("lossscaleoptimizer", "loss_scale_optimizer", listed=False)
class LossScaleOptimizer(Wrapper):
    """Wraps an optimizer and keeps a loss scale, as Keras does to train in float16.

    Here gradients are in float32, so the loss is not scaled. Training and state are those of
    Keras: a step whose gradients, times the scale, are not finite is skipped and halves the scale;
    after `dynamic_growth_steps` other steps the scale doubles.

    Args:
        inner_optimizer: an `Optimizer`.
        initial_scale: float.
        dynamic_growth_steps: a positive integer.
        name: a string.

    Raises:
        ValueError: an argument of the inner optimizer, such as `clipnorm`: set it there.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer does not support `dynamic=False`: set `loss_scale_factor` on "
                "the `inner_optimizer`."
            )
        defaults = {"use_ema": False, "ema_momentum": 0.99}
        for key, value in kwargs.items():
            if key not in INNER:
                raise ValueError(f"Unrecognized argument of LossScaleOptimizer: {key}={value!r}.")
            if value != defaults.get(key):
                raise ValueError(
                    f"LossScaleOptimizer does not support `{key}`: set it on the "
                    f"`inner_optimizer`. Received {key}={value!r}."
                )
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(
                "The argument `inner_optimizer` must be an optimizer. "
                f"Received inner_optimizer={inner_optimizer!r}."
            )
        self.inner_optimizer = inner_optimizer
        self.initial_scale = check_number(initial_scale, "initial_scale")
        self.dynamic_growth_steps = check_count(dynamic_growth_steps, "dynamic_growth_steps")
        self.step_counter = 0
        self.dynamic_scale = float(self.initial_scale)
        super().__init__(0.0, name=name)
        self._is_ready = True
        inner_optimizer.loss_scale_factor = None

    @property
    def optimizers(self) -> list[Optimizer]:
        return [self.inner_optimizer]

    @property
    def learning_rate(self):
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if self._is_ready:
            self.inner_optimizer.learning_rate = value

    @property
    def iterations(self):
        """Those of the inner optimizer."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, value):
        self.inner_optimizer.iterations = value

    @property
    def use_ema(self):
        """Whether the inner optimizer averages the weights."""
        return self.inner_optimizer.use_ema

    @use_ema.setter
    def use_ema(self, value):
        pass  # set by the base class, to its default

    def build(self, store: Store) -> None:
        self.inner_optimizer.build(store)
        self.store, self.slots = store, self.inner_optimizer.slots
        self._slices = self.inner_optimizer._slices

    def update(self):
        if self.store.is_split:
            self.store.gather()
        largest = float(np.max(np.abs(self.store.gradients), initial=0))
        if not largest * self.dynamic_scale <= np.finfo(np.float32).max:  # also for NaN
            self.step_counter = 0
            self.dynamic_scale *= 0.5
            return
        self.inner_optimizer.update()
        self.step_counter += 1
        if self.step_counter == self.dynamic_growth_steps:
            self.step_counter = 0
            self.dynamic_scale *= 2.0

    def own_scalars(self):
        return {
            **super().own_scalars(),
            "step_counter": np.int64(self.step_counter),
            "dynamic_scale": np.float32(self.dynamic_scale),
        }

    def set_own_scalars(self, scalars):
        self.step_counter = int(scalars["step_counter"])
        self.dynamic_scale = float(scalars["dynamic_scale"])

    def slot(self, name, variable):
        return self.inner_optimizer.slot(name, variable)

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "inner_optimizer": registry.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        config = dict(config)
        inner = config.pop("inner_optimizer", None)
        return cls(_optimizer(inner, custom_objects), **config)


INNER = (
    *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum"),
    *("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps"),
)


@registry.register("optimizermap", "optimizer_map", listed=False)
class OptimizerMap(MutableMapping, Configurable):
    """Which optimizer updates which weights, by their paths.

    >>> from fastcnn import optimizers
    >>> by_path = optimizers.OptimizerMap(optimizers.SGD(), {"encoder/.*": optimizers.Adam()})
    >>> [type(by_path[f"{name}/dense/kernel"]).__name__ for name in ("encoder", "decoder")]
    ['Adam', 'SGD']

    Args:
        default_optimizer: an `Optimizer`, for paths without an entry.
        optimizer_map: {path, or regular expression for a whole path: `Optimizer`}.
    """

    def __init__(
        self,
        default_optimizer: Optimizer,
        optimizer_map: dict[str, Optimizer] | None = None,
    ) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                "The argument `default_optimizer` must be an optimizer. "
                f"Received default_optimizer={default_optimizer!r}."
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(
                "The argument `optimizer_map` must be a dictionary. "
                f"Received optimizer_map={optimizer_map!r}."
            )
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = optimizer_map or {}

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of paths without an entry."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        found = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"Several entries match the variable {key!r}: {found}.")
        return self._optimizer_map[found[0]] if found else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"A key must be a string. Received {key!r}.")
        if key in self._optimizer_map:
            raise ValueError(f"The key {key!r} already has an optimizer.")
        check_inner(optimizer, key)
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> Config:
        return {
            "default_optimizer": registry.serialize(self._default_optimizer),
            "optimizer_map": {
                key: registry.serialize(optimizer) for key, optimizer in self._optimizer_map.items()
            },
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        entries = config.get("optimizer_map") or {}
        if not isinstance(entries, dict):
            raise ValueError(f"The `optimizer_map` must be a dictionary. Received {entries!r}.")
        check_patterns(list(entries), "optimizer_map")
        return cls(
            _optimizer(config.get("default_optimizer"), custom_objects),
            {key: _optimizer(entry, custom_objects) for key, entry in entries.items()},
        )


@registry.register("multioptimizer", "multi_optimizer", listed=False)
class MultiOptimizer(Wrapper):
    """Different optimizers for different weights of a model.

    >>> from fastcnn import optimizers
    >>> optimizer = optimizers.MultiOptimizer(
    ...     optimizers.OptimizerMap(optimizers.SGD(), {"encoder/.*": optimizers.Adam()})
    ... )
    >>> [type(inner).__name__ for inner in optimizer.optimizers]
    ['Adam', 'SGD']

    Args:
        optimizer_map: an `OptimizerMap`, or a function that returns the optimizer of a `Variable`.
        loss_scale_factor: see `Optimizer`.
        name: a string.

    The learning rates are those of the `optimizers`: this one has none.
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            raise ValueError(
                "The argument `optimizer_map` must be an OptimizerMap or a function. "
                f"Received optimizer_map={optimizer_map!r}."
            )
        self._optimizer_map = optimizer_map
        self._optimizers: list[Optimizer] = []
        self._homes: list[tuple[Variable, Optimizer]] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._is_ready = True
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._add(optimizer, "optimizer_map")

    def _add(self, optimizer, where):
        check_inner(optimizer, where)
        if not any(optimizer is known for known in self._optimizers):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._optimizers.append(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        return self._optimizers

    @property
    def learning_rate(self):
        raise AttributeError(
            "A MultiOptimizer has no learning rate: use that of one of its `optimizers`."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        if self._is_ready:
            raise AttributeError(
                "A MultiOptimizer has no learning rate: set that of one of its `optimizers`."
            )

    @property
    def iterations(self):
        """The number of steps so far."""
        return Count(self._iterations, self)

    @iterations.setter
    def iterations(self, value):
        self._iterations = int(value)

    def build(self, store: Store) -> None:
        if self.store is store:
            return
        homes = []
        for variable, _ in store.slices:
            if variable.trainable:
                optimizer = self._optimizer_map(variable)
                self._add(optimizer, variable.path)
                homes.append((variable, optimizer))
        self._homes = homes
        for optimizer in self._optimizers:
            variables = self.variables_of(optimizer, [variable for variable, _ in homes])
            if variables:
                optimizer.build(Store(variables, store.dtype))
        self.slots = {
            f"{index}/{name}": slot
            for index, optimizer in enumerate(self._optimizers)
            for name, slot in optimizer.slots.items()
        }
        self._slices = [(v, part) for v, part in store.slices if v.trainable]
        self.store = store

    def variables_of(self, optimizer, variables):
        return [variable for variable in variables if self._optimizer_map(variable) is optimizer]

    def update(self):
        self._iterations += 1
        for optimizer in self._optimizers:
            if optimizer.built:
                optimizer.update()

    def slot(self, name, variable):
        return dict(self._homes)[variable].slot(name, variable)

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        for optimizer in self._optimizers:
            if optimizer.built:
                optimizer.finalize_variable_values()

    def get_config(self) -> Config:
        if not isinstance(self._optimizer_map, OptimizerMap):
            raise NotImplementedError(
                f"The optimizer {self.name!r} selects optimizers by a function, so it has no "
                "config: use an OptimizerMap."
            )
        return {
            "optimizer_map": registry.serialize(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        config = dict(config)
        entries = config.pop("optimizer_map", None)
        if isinstance(entries, dict) and "class_name" in entries:
            entries = registry.deserialize(entries, custom_objects)
        if not isinstance(entries, OptimizerMap):
            raise ValueError("The config of MultiOptimizer needs the config of an OptimizerMap.")
        return cls(entries, **config)


def check_inner(optimizer, where):
    """Raise ValueError for what cannot be one of the optimizers of a `MultiOptimizer`."""
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, Wrapper):
        raise ValueError(
            f"{where!r} needs an optimizer, other than a LossScaleOptimizer or MultiOptimizer. "
            f"Received {optimizer!r}."
        )


def _optimizer(config, custom_objects):
    """The optimizer for a config, or for the optimizer that was already made from it."""
    if isinstance(config, Optimizer):
        return config
    if not isinstance(config, dict):
        raise ValueError(f"An optimizer's config must be a dictionary. Received {config!r}.")
    optimizer = registry.deserialize(config, custom_objects)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"{config.get('class_name')!r} is not an optimizer.")
    return optimizer
