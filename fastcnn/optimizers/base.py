"""What all optimizers share: learning rate, state, clipping, weight decay, moving averages.

A custom optimizer names its slots and implements `step`:

    >>> import numpy as np
    >>> from fastcnn import optimizers
    >>> class SignDescent(optimizers.Optimizer):
    ...     slot_names = ("momentum",)
    ...     def step(self):
    ...         momentum = self.slots["momentum"]
    ...         momentum *= 0.9
    ...         momentum += self.gradients
    ...         np.sign(momentum, out=self.scratch)
    ...         self.scratch *= self.rate
    ...         self.weights -= self.scratch

All arrays have the layout of `Store.weights`, so one statement updates all weights of a model. As
in Keras, an update clips the gradients, decays the weights, takes the step, averages the weights
(EMA) and applies the constraints. Options that are not used cost nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.constraints import bind_constraint
from fastcnn.core.arguments import (
    check_count,
    check_fraction,
    check_number,
    check_optional_count,
    warn,
)
from fastcnn.core.memory import aligned
from fastcnn.core.registry import Configurable, Registry, snake_case, unique_name
from fastcnn.core.variables import Variable
from fastcnn.optimizers.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from fastcnn.core.store import Store
    from fastcnn.core.types import Config, CustomObjects

PARTS = ("descent", "adaptive", "layerwise", "ftrl", "muon", "schedule_free", "wrapping")
registry = Registry(
    "optimizer", "keras.optimizers", tuple(f"fastcnn.optimizers.{part}" for part in PARTS)
)
schedules = Registry(
    "learning-rate schedule", "keras.optimizers.schedules", ("fastcnn.optimizers.schedules",)
)

ACCUMULATOR = "gradient_accumulator"
FLUSH_EVERY = 16  # updates, see `Optimizer._flush`
BOUND = (  # the attributes that `rebind` and `bind` set, which copies do without
    *("weights", "gradients", "scratch", "_tiny", "_constrained", "_segments", "_factors"),
    *("_decays", "_squares", "_measure", "_prepare", "_update", "_mean", "_add", "_divide"),
    *("_change", "_scales", "_squares_of", "_norms", "_apply", "_moments", "_vectors"),
    *("_matrices", "_counts", "_by_adam", "_by_muon", "_step"),
)


class Setting:
    """An attribute of an optimizer that its kernels are bound to: they are bound again."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, optimizer, owner):
        return self if optimizer is None else vars(optimizer)[self.name]

    def __set__(self, optimizer, value):
        vars(optimizer)[self.name] = value
        if vars(optimizer).get("store") is not None:
            optimizer.rebind()


class OptimizerNumber:
    """Mixin of a Python number that can also be read and assigned like a variable of Keras.

    Attributes:
        attribute: the optimizer's attribute that `assign` sets.
        numpy_type: the type that Keras's variable has.
    """

    attribute: str
    numpy_type: type

    def __new__(cls, value, optimizer):
        number = super().__new__(cls, value)
        number._optimizer = optimizer
        return number

    def assign(self, value):
        """Set the optimizer's attribute."""
        setattr(self._optimizer, self.attribute, value)

    @property
    def value(self):
        """The number as a NumPy scalar."""
        return self.numpy()

    def numpy(self):
        """The number as a NumPy scalar."""
        return self.numpy_type(self)

    def __reduce__(self):
        plain = type(self).__bases__[1]  # a copy does not belong to an optimizer
        return plain, (plain(self),)


class LearningRate(OptimizerNumber, float):
    """The learning rate."""

    attribute, numpy_type = "learning_rate", np.float32


class Count(OptimizerNumber, int):
    """The number of updates."""

    attribute, numpy_type = "iterations", np.int64


class ScalarVariable(Variable):
    """The iterations or the learning rate, as one of `Optimizer.variables`."""

    def __init__(self, value, name, optimizer, attribute):
        super().__init__(value, name=name, trainable=False)
        self._optimizer, self._attribute = optimizer, attribute

    def assign(self, value):
        """Set the optimizer's attribute."""
        super().assign(value)
        setattr(self._optimizer, self._attribute, self.array.item())
        return self


class LearningRateSchedule(Configurable):
    """Base of all learning-rate schedules (see `optimizers.schedules`)."""

    def __call__(self, step: int) -> float:
        """The learning rate, a float, for the update that follows `step` others."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(step).")


class Optimizer(Configurable):
    """Base of all optimizers.

    Args:
        learning_rate: a float >= 0, a `LearningRateSchedule`, or a function without arguments.
        weight_decay: before each step, w -= w * weight_decay * learning rate.
        clipnorm: the gradient of each weight is scaled down so that its norm is at most this.
        clipvalue: each element of the gradients is clipped to [-clipvalue, clipvalue].
        global_clipnorm: all gradients are scaled down so that their joint norm is at most this.
        use_ema: whether to track an exponential moving average of the weights, which replaces them
            at the end of `fit`.
        ema_momentum: average = ema_momentum * average + (1 - ema_momentum) * w.
        ema_overwrite_frequency: number of updates after which the average replaces the weights.
        loss_scale_factor: accepted and without effect: the loss would be multiplied and the
            gradients divided by it, which float32 does not need.
        gradient_accumulation_steps: an integer >= 2: one update with the mean gradient of so many
            steps. As in Keras, schedules count steps, and everything else counts updates.
        name: a string.

    Attributes:
        iterations: number of updates so far.
        slots: dictionary of the flat state arrays, by name.
        weights, gradients: the flat arrays that `step` works on.
        scratch: another such array, free for use by `step`.
        rate: the learning rate of the current step, a float.

    Raises:
        ValueError: an unknown argument, or a value out of range.
    """

    slot_names: tuple[str, ...] = ()
    # Slots that a Keras file stores weight by weight: m, v, m, v, ...
    interleaved: tuple[str, ...] = ()
    initial_slots: dict[str, float] = {}  # noqa: RUF012 - initial values other than 0
    in_numpy = True  # whether `step` uses NumPy, which does not flush denormal numbers
    weight_decay: Any = Setting()
    clipnorm: Any = Setting()
    clipvalue: Any = Setting()
    global_clipnorm: Any = Setting()

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        if kwargs.pop("decay", None) is not None:
            warn("Argument `decay` is no longer supported and will be ignored.")
        for key, value in kwargs.items():
            hint = " Use `learning_rate`." if key == "lr" else ""
            raise ValueError(
                f"Unrecognized argument of {type(self).__name__}: {key}={value!r}.{hint}"
            )
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: value for key, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                f"Only one of {', '.join(f'`{key}`' for key in clips)} can be set. "
                f"Received {', '.join(f'{key}={value!r}' for key, value in given.items())}."
            )
        clips.update({key: check_number(value, key, 0) for key, value in given.items()})
        if weight_decay is not None:
            weight_decay = check_number(weight_decay, "weight_decay", 0)
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm = clips["clipnorm"]
        self.clipvalue = clips["clipvalue"]
        self.global_clipnorm = clips["global_clipnorm"]
        self.use_ema = bool(use_ema)
        self.ema_momentum = check_fraction(ema_momentum, "ema_momentum", including_one=True)
        self.ema_overwrite_frequency = check_optional_count(
            ema_overwrite_frequency, "ema_overwrite_frequency"
        )
        if loss_scale_factor is not None:
            loss_scale_factor = check_number(loss_scale_factor, "loss_scale_factor")
            if not loss_scale_factor > 0:
                raise ValueError(
                    "The argument `loss_scale_factor` must be above 0. "
                    f"Received {loss_scale_factor!r}."
                )
        self.loss_scale_factor = loss_scale_factor
        if gradient_accumulation_steps:
            gradient_accumulation_steps = check_count(
                gradient_accumulation_steps, "gradient_accumulation_steps", 2
            )
        self.gradient_accumulation_steps = gradient_accumulation_steps or None
        self._iterations = 0
        self._batches = 0  # steps so far, while gradients are accumulated
        self.store = None
        self.slots = {}
        self._slices = []
        self._undecayed: tuple[set[Variable], tuple[str, ...]] = set(), ()
        self._is_copy = False
        self._before = self._after = ()
        self._schedule = None
        self.learning_rate = learning_rate

    # ---------------------------------------------------------------- what a subclass implements

    def bind(self):
        """Prepare updates of `self.weights`; called before the first one, with `self.slots` set."""

    def step(self):
        """Update `self.weights` in place; `self.iterations` already includes this update."""
        raise NotImplementedError(f"{type(self).__name__} must implement step().")

    def get_config(self) -> Config:
        rate = self._schedule
        if rate is None:
            rate = float(self.rate)
        elif isinstance(rate, LearningRateSchedule):
            rate = schedules.serialize(rate)
        else:
            raise NotImplementedError(
                f"The learning rate of optimizer {self.name!r} is a function, so it has no config."
            )
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    # ---------------------------------------------------------------------------- what models use

    @property
    def iterations(self):
        return Count(self._iterations, self)

    @iterations.setter
    def iterations(self, value):
        self._iterations = int(value)
        self._batches = self._iterations * (self.gradient_accumulation_steps or 1)

    @property
    def _steps(self):
        """The number of steps, which schedules and files count."""
        return self._batches if self.gradient_accumulation_steps else self._iterations

    @_steps.setter
    def _steps(self, value):
        self._batches = int(value)
        self._iterations = self._batches // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self):
        """The rate of the next update; a float or a schedule can be assigned."""
        if self._schedule is not None:
            return LearningRate(self._scheduled(self._steps), self)
        return LearningRate(self.rate, self)

    @learning_rate.setter
    def learning_rate(self, value):
        if callable(value) and not isinstance(value, float):
            self._schedule = value
            self.rate = self._scheduled(self._steps)
            self.rebind()
            return
        if isinstance(self._schedule, LearningRateSchedule):
            raise TypeError(
                f"The optimizer {self.name!r} was created with a schedule as its learning rate, so "
                "a rate cannot be assigned: create it with a float."
            )
        try:
            rate = -1.0 if isinstance(value, (str, bytes, bool)) else float(value)
        except (TypeError, ValueError, OverflowError):
            rate = -1.0
        if not (rate >= 0 and math.isfinite(rate)):
            raise ValueError(
                f"The argument `learning_rate` must be a float >= 0. Received {value!r}."
            )
        self._schedule = None
        self.rate = rate
        self.rebind()

    def _scheduled(self, step):
        is_schedule = isinstance(self._schedule, LearningRateSchedule)
        return float(self._schedule(step) if is_schedule else self._schedule())

    @property
    def built(self):
        return self.store is not None

    def build(self, store: Store) -> None:
        """Create the slots for a model's `Store`; weights already known keep their state."""
        if self.store is store:
            return
        size = store.trainable_size
        names = (*self._base_slots(), *self.slot_names)
        slots = {name: aligned(size, store.dtype, zero=True) for name in names}
        if self._is_copy:
            self._adopt(store)
        before = dict(self._slices)
        if before and not any(variable in before for variable, _ in store.slices):
            raise ValueError(
                f"The optimizer {self.name!r} belongs to another model: create one for each model."
            )
        self._slices = [(variable, part) for variable, part in store.slices if variable.trainable]
        for name, slot in slots.items():
            if name in self.initial_slots:
                slot[...] = self.initial_slots[name]
            for variable, part in self._slices:
                if variable in before:
                    slot[part] = self.slots[name][before[variable]]
        self.slots = slots
        for variable, part in self._slices:
            if variable not in before:
                self.start(variable, part)
        self.store = store
        self.rebind()

    def start(self, variable: Variable, part: slice) -> None:
        """Set the slots of a new weight that do not start as `initial_slots` says."""

    def _base_slots(self):
        """The names of the slots that do not belong to a subclass, in Keras's order."""
        wanted = {"average": self.use_ema, ACCUMULATOR: self.gradient_accumulation_steps}
        return [name for name, is_used in wanted.items() if is_used]

    def _adopt(self, store):
        """Let a copy go on with the weights of a model, which have the shapes of the original's."""
        variables = [variable for variable, _ in store.slices if variable.trainable]
        if [variable.shape for variable in variables] == [v.shape for v, _ in self._slices]:
            excluded, names = self._undecayed
            replaced = dict(zip((v for v, _ in self._slices), variables, strict=True))
            self._undecayed = {replaced.get(variable, variable) for variable in excluded}, names
            self._slices = [(replaced[variable], part) for variable, part in self._slices]
        self._is_copy = False

    def __getstate__(self):
        """A copy has the settings and the state, and is bound to the next model that trains it."""
        state = {name: value for name, value in vars(self).items() if name not in BOUND}
        return {**state, "store": None, "_before": (), "_after": (), "_is_copy": True}

    def rebind(self):
        """Bind again, after the store, the settings or the backend changed."""
        if self.store is None:
            return
        self.weights = self.store.weights
        self.gradients = self.store.gradients
        self.scratch = aligned(self.weights.shape, self.weights.dtype)
        self._tiny = np.empty(self.weights.shape, bool)
        self._constrained = [
            bind_constraint(variable.constraint, self.weights[part].reshape(variable.shape))
            for variable, part in self._slices
            if variable.constraint is not None
        ]
        self._bind_surroundings()
        in_numpy = self.in_numpy or config.backend() == "reference"
        averages = self.use_ema and self.is_fused and not self.gradient_accumulation_steps
        before = (
            (self.store.gather, self.store.is_split and not self.gradient_accumulation_steps),
            (self._follow_schedule, self._schedule is not None),
            (self._scale_down, self._measure is not None),
            (self._scale_decays, self._decays is not None),
            (self._prepare, self._prepare is not None and not self.is_fused),
            (self._set_momentum, averages),
        )
        after = (
            (self._average, self.use_ema and not averages),
            (self._overwrite, self.use_ema and self.ema_overwrite_frequency),
            (self._constrain, self._constrained),
            (self._flush, in_numpy),
            (self.store.scatter, self.store.is_split),
            *((block.touch, True) for block in self.store.blocks),
        )
        self._before, self._after = (
            tuple(action for action, wanted in actions if wanted) for actions in (before, after)
        )
        self._step = self._quiet_step if self.in_numpy else self.step
        self.bind()

    @property
    def is_fused(self):
        """Whether `step` includes what surrounds it: clipping, weight decay, moving average."""
        return False

    def _bind_surroundings(self):
        self._segments = np.array(
            [(part.start, variable.size) for variable, part in self._slices], np.int64
        ).reshape(-1, 2)
        decays = [
            0.0 if self._is_undecayed(variable) else self.decay_of(variable) or 0.0
            for variable, _ in self._slices
        ]
        self._decays = np.array(decays) if any(decays) else None
        clips = bool(self.clipnorm or self.global_clipnorm)
        self._factors = self._measure = self._prepare = self._mean = None
        if clips or self._decays is not None:
            self._factors = np.tile([1.0, 0.0], (len(self._segments), 1))
        if clips:
            whole = np.array([[0, self.gradients.size]], np.int64)
            measured = whole if self.global_clipnorm else self._segments
            self._squares = np.zeros(len(measured))
            self._measure = kernels.bind("sum_squares", self.gradients, measured, self._squares)
        if self._factors is not None or self.clipvalue:
            self._prepare = self.bind_rule("copy", self.gradients)
        if self.use_ema:
            average = self.slots["average"]
            self._mean = Rule("keep", self.weights, self.gradients, average=average)
        if self.gradient_accumulation_steps:
            sums, gradients = self.slots[ACCUMULATOR], self.gradients
            self._add = kernels.bind("add", sums, gradients, sums, relu=False)
            self._divide = kernels.bind(
                *("average", gradients, sums, gradients), count=self.gradient_accumulation_steps
            )

    def bind_rule(self, name, *state):
        """A `Rule` for all weights that includes what surrounds a step."""
        averages = self.is_fused and self.use_ema and not self.gradient_accumulation_steps
        return Rule(
            name,
            self.weights,
            self.gradients,
            *state,
            average=self.slots["average"] if averages else None,
            segments=None if self._factors is None else self._segments,
            factors=self._factors,
            most=self.clipvalue or math.inf,
        )

    def _quiet_step(self):
        """`step` without NumPy's warnings of NaN and infinity, which show up in the loss."""
        with np.errstate(all="ignore"):
            self.step()

    def update(self):
        """One update of the store's weights from its gradients."""
        if self.gradient_accumulation_steps:
            self._accumulate(self.gradient_accumulation_steps)
            return
        self._iterations += 1
        for action in self._before:
            action()
        self._step()
        for action in self._after:
            action()

    def _accumulate(self, steps):
        """One of `steps` steps, of which the last one updates with the mean gradient.

        As in Keras, every step averages the weights (EMA) and applies the constraints, and while it
        does, `iterations` is that of the next update.
        """
        self._iterations = self._batches // steps + 1
        is_update = (self._batches + 1) % steps == 0
        if self.store.is_split:
            self.store.gather()
        accumulator = self.slots[ACCUMULATOR]
        if is_update:
            self._divide()
            for action in self._before:
                action()
            self._step()
            accumulator[...] = 0
        else:
            self._add()
        for action in self._after:
            action()
        self._steps = self._batches + 1
        self.store.touch()

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Raises NotImplementedError: gradients come from the layers' `backward`."""
        raise NotImplementedError(
            "External gradients are not supported (there is no GradientTape): train with `fit` or "
            "`train_on_batch`, and write custom parts as a `Layer` or a `Loss` with its gradient."
        )

    def apply_gradients(self, grads_and_vars: Any) -> None:
        """Raises NotImplementedError, as `apply` does."""
        self.apply(grads_and_vars)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exclude weights from weight decay; must be called before training.

        Args:
            var_list: list of `Variable`.
            var_names: list of strings, such as "bias"; weights whose path contains one of them
                are excluded.
        """
        if self.built:
            raise ValueError("`exclude_from_weight_decay` must be called before the first step.")
        self._undecayed = set(var_list or ()), tuple(var_names or ())

    def _is_undecayed(self, variable):
        excluded, names = self._undecayed
        return variable in excluded or any(name in variable.path for name in names)

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        """Replace the weights by their moving average; does nothing without `use_ema`."""
        if self.use_ema and self.store is not None:
            self.weights[...] = self.slots["average"]
            self.store.scatter()
            self.store.touch()

    def swap_average(self):
        """Exchange the weights and their moving average."""
        if self.store.is_split:
            self.store.gather()
        weights = self.weights.copy()
        self.weights[...] = self.slots["average"]
        self.slots["average"][...] = weights
        self.store.scatter()
        self.store.touch()

    def set_average(self):
        """Set the moving average to the weights."""
        if self.store.is_split:
            self.store.gather()
        self.slots["average"][...] = self.weights

    # ------------------------------------------------------------------------- around each step

    def _follow_schedule(self):
        done = self._batches if self.gradient_accumulation_steps else self._iterations - 1
        self.rate = self._scheduled(done)

    def _scale_down(self):
        """Set the factors that limit the norms of the gradients; NaN for a norm that is NaN."""
        self._measure()
        most, norms = self.global_clipnorm or self.clipnorm, np.sqrt(self._squares)
        with np.errstate(all="ignore"):
            self._factors[:, 0] = np.where(norms <= most, 1.0, most / norms)

    def _scale_decays(self):
        np.multiply(self._decays, self.rate, out=self._factors[:, 1])

    def decay_of(self, variable):
        """The weight decay of a variable, or None."""
        return self.weight_decay

    def _momentum(self):
        """That of the moving average, which starts with the weights after the first update."""
        return self.ema_momentum if self._iterations > 1 else 0.0

    def _set_momentum(self):
        self._update.momentum = self._momentum()

    def _average(self):
        self._mean.momentum = self._momentum()
        self._mean()

    def _overwrite(self):
        if self._iterations % self.ema_overwrite_frequency == 0:
            self.weights[...] = self.slots["average"]

    def _constrain(self):
        for constrain in self._constrained:
            constrain()

    def _flush(self):
        """Flush denormal numbers in the slots to 0, every few updates.

        A moment whose gradient stays at exactly 0 (a dead unit) decays to denormal numbers, on
        which a CPU is a hundred times slower. Native kernels and TensorFlow flush them immediately.
        """
        if self._iterations % FLUSH_EVERY:
            return
        smallest = np.finfo(self.weights.dtype).tiny
        for slot in self.slots.values():
            np.less(np.abs(slot, out=self.scratch), smallest, out=self._tiny)
            np.copyto(slot, 0, where=self._tiny)

    # -------------------------------------------------------------------------------------- state

    def slot(self, name, variable):
        """A variable's slice of a slot, as a view in the variable's shape."""
        return self.slots[name][dict(self._slices)[variable]].reshape(variable.shape)

    def has_slot(self, name, variable):
        """Whether a file contains this slot of a variable."""
        return True

    def slot_shape(self, name, variable):
        """The shape of a variable's slot in a file."""
        return variable.shape

    def count_state(self, variables):
        """(number of arrays, number of values in them) in a file, with these trainable weights."""
        names = [*self._base_slots(), *self.slot_names]
        sizes = [
            math.prod(self.slot_shape(name, variable))
            for variable in variables
            for name in names
            if self.has_slot(name, variable)
        ]
        scalars = len(self.scalars())
        return scalars + len(sizes), scalars + sum(sizes)

    def scalars(self):
        """The state other than the slots, as in files of Keras: {name: NumPy scalar}."""
        rate = {} if self._schedule is not None else {"learning_rate": np.float32(self.rate)}
        return {"iteration": np.int64(self._steps), **rate}

    def set_scalars(self, scalars):
        """Restore what `scalars` returned; a missing learning rate is left unchanged."""
        self._steps = scalars["iteration"]
        if self._schedule is None and "learning_rate" in scalars:
            self.learning_rate = float(scalars["learning_rate"])

    @property
    def variables(self) -> list[Variable]:
        """The state in Keras's order: iterations, learning rate, and the slots of each weight.

        Assigning to one of them changes the optimizer.
        """
        return self._own_variables(self.variables_in_order())

    def _own_variables(self, arrays):
        attributes = {"iteration": "_steps", "learning_rate": "learning_rate"}
        variables = []
        for name, array in arrays:
            if name in attributes:
                variable = ScalarVariable(array, name, self, attributes[name])
            else:
                variable = Variable(array, name=name, trainable=False)
                variable.share(np.asarray(array))
            variable.path = f"{self.name}/{name}"
            variables.append(variable)
        return variables

    def variables_in_order(self, weights=None):
        """The state as [(name, array)] in the order of files of Keras: scalars first, then slots.

        Slots are views in the shapes of `weights`, by default in the order of the store.
        """
        slices = dict(self._slices)
        variables = [variable for variable in weights or slices if variable in slices]
        groups = [(name,) for name in self._base_slots()]
        groups += [self.interleaved] if self.interleaved else []
        groups += [(name,) for name in self.slot_names if name not in self.interleaved]
        slots = [
            (f"{variable.path.replace('/', '_')}_{name}", self.slot(name, variable))
            for group in groups
            for variable in variables
            for name in group
            if self.has_slot(name, variable)
        ]
        scalars = [(name, np.asarray(value)) for name, value in self.scalars().items()]
        first = 1 if self._schedule is not None else 2  # Keras creates the others after the slots
        return [*scalars[:first], *slots, *scalars[first:]]

    def get_state(self):
        """The state other than the slots, exactly, as Python numbers."""
        return {"iterations": self._steps, "rate": self.rate}

    def set_state(self, state):
        """Restore what `get_state` returned."""
        iterations = int(state["iterations"])
        if iterations < 0:
            raise ValueError(f"The number of updates must be >= 0. Received {iterations}.")
        self._steps = iterations
        if self._schedule is None:
            self.learning_rate = float(state["rate"])

    def count_params(self):
        """Number of elements of the state, as Keras counts: slots, iterations and learning rate."""
        return self.count_state([variable for variable, _ in self._slices])[1]
