"""Optimizers: how gradients change weights, in one pass over a model's flat arrays.

    >>> from fastcnn import optimizers
    >>> optimizer = optimizers.Adam(learning_rate=1e-3)
    >>> float(optimizer.learning_rate)
    0.001

An optimizer's state is its `iterations` and its slots: flat arrays laid out like
`Store.values[:trainable_size]`. A new one names its slots and writes `bind` and `step`; see `SGD`.
"""

import math

import numpy as np

from fastcnn import kernels
from fastcnn.arguments import check_fraction, refuse
from fastcnn.registry import Configurable, Registry, unique_name
from fastcnn.variables import aligned

registry = Registry("optimizer", "keras.optimizers")


class LearningRate(float):
    """A float that can also be assigned to and read like Keras's learning-rate variable."""

    def __new__(cls, value, optimizer):
        rate = super().__new__(cls, value)
        rate._optimizer = optimizer
        return rate

    def assign(self, value):
        """Set the optimizer's learning rate."""
        self._optimizer.learning_rate = value

    def numpy(self):
        """The rate as a NumPy scalar."""
        return np.float32(self)


class Optimizer(Configurable):
    """Base of all optimizers.

    Args:
        learning_rate: a non-negative float.
        name: a string.

    Attributes:
        iterations: number of updates done.
        slots: dictionary of the flat state arrays, by name.
    """

    slot_names = ()

    def __init__(self, learning_rate=0.001, name=None, **kwargs):
        for key, value in kwargs.items():
            if key not in UNSUPPORTED:
                raise ValueError(
                    f"Unrecognized argument of {type(self).__name__}: {key}={value!r}."
                )
            if value not in (None, False) and value != UNSUPPORTED[key]:
                refuse(value, key)
        self.name = name or unique_name(type(self).__name__.lower())
        self.learning_rate = learning_rate
        self.iterations = 0
        self.store = None
        self.slots = {}
        self._slices = []

    # ---------------------------------------------------------------- what a subclass implements

    def bind(self, weights, gradients):
        """Prepare for updates of these flat arrays; `self.slots` is there."""

    def step(self):
        """Update the arrays that `bind` got; `self.iterations` counts this update already."""
        raise NotImplementedError(f"{type(self).__name__} must implement step().")

    def get_config(self):
        return {"name": self.name, "learning_rate": float(self.learning_rate), **UNSUPPORTED}

    # ---------------------------------------------------------------------------- what models use

    @property
    def learning_rate(self):
        return LearningRate(self._rate, self)

    @learning_rate.setter
    def learning_rate(self, value):
        try:
            rate = float(value)
        except (TypeError, ValueError):
            rate = -1.0
        if not (rate >= 0 and math.isfinite(rate)):
            raise ValueError(
                f"The argument `learning_rate` must be a float >= 0. Received {value!r}."
            )
        self._rate = rate

    @property
    def built(self):
        return self.store is not None

    def build(self, store):
        """Make the slots for a model's `Store`; weights that were there before keep their state."""
        if self.store is store:
            return
        size = store.trainable_size
        slots = {name: aligned(size, store.values.dtype, zero=True) for name in self.slot_names}
        before = dict(self._slices)
        if before and not any(variable in before for variable, _ in store.slices):
            raise ValueError(
                f"The optimizer {self.name!r} belongs to another model: give each model its own."
            )
        for variable, place in store.slices:
            if variable.trainable and variable in before:
                for name, slot in slots.items():
                    slot[place] = self.slots[name][before[variable]]
        self.slots = slots
        self._slices = [(variable, place) for variable, place in store.slices if variable.trainable]
        self.store = store
        self.rebind()

    def rebind(self):
        """Bind the kernels anew, after the backend changed."""
        if self.store is not None:
            self.bind(self.store.values[: self.store.trainable_size], self.store.gradients)

    def update(self):
        """One update of the store's weights from its gradients."""
        self.iterations += 1
        self.step()
        self.store.version += 1

    def slot(self, name, variable):
        """A variable's part of a slot, in its shape: a view."""
        return self.slots[name][dict(self._slices)[variable]].reshape(variable.shape)

    def count_params(self):
        """Numbers in the state as Keras counts them: slots, iterations and learning rate."""
        return 2 + len(self.slots) * sum(variable.size for variable, _ in self._slices)


UNSUPPORTED = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


@registry.register("adam")
class Adam(Optimizer):
    """Adam (Kingma & Ba 2014), with epsilon outside the square root's correction as in Keras.

        m += (g - m) (1 - beta_1)
        v += (g^2 - v) (1 - beta_2)
        w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    Args:
        learning_rate: float.
        beta_1, beta_2: floats in [0, 1).
        epsilon: float.
        name: a string.
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        name=None,
        **kwargs,
    ):
        super().__init__(learning_rate, name, **kwargs)
        if amsgrad:
            refuse(amsgrad, "amsgrad")
        self.beta_1 = check_fraction(beta_1, "beta_1")
        self.beta_2 = check_fraction(beta_2, "beta_2")
        self.epsilon = epsilon
        self._hyper = np.array([0.0, beta_1, beta_2, epsilon])

    def bind(self, weights, gradients):
        self._kernel = kernels.bind(
            "adam_update",
            weights,
            gradients,
            self.slots["momentum"],
            self.slots["velocity"],
            self._hyper,
        )

    def step(self):
        t = self.iterations
        self._hyper[0] = self._rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        self._kernel()

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": False,
        }


@registry.register("sgd")
class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964, Nesterov 1983) if asked.

        w -= learning_rate * g                                       without momentum
        v = momentum * v - learning_rate * g;  w += v                with momentum
        v as above;  w += momentum * v - learning_rate * g           with nesterov

    Args:
        learning_rate: float.
        momentum: float in [0, 1].
        nesterov: bool.
        name: a string.
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, name=None, **kwargs):
        super().__init__(learning_rate, name, **kwargs)
        self.momentum = check_fraction(momentum, "momentum", True)
        self.nesterov = bool(nesterov)
        self.slot_names = ("momentum",) if momentum else ()

    def bind(self, weights, gradients):
        self._weights = weights
        self._gradients = gradients
        self._change = np.empty_like(weights)

    def step(self):
        change = np.multiply(self._gradients, -self._rate, out=self._change)
        if self.momentum:
            velocity = self.slots["momentum"]
            velocity *= self.momentum
            velocity += change
            if self.nesterov:
                change += self.momentum * velocity
            else:
                change = velocity
        self._weights += change

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), plain: what `compile` takes when nothing is said.

    v = rho * v + (1 - rho) * g^2;  w -= learning_rate * g / sqrt(v + epsilon)
    """

    slot_names = ("velocity",)

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        name=None,
        **kwargs,
    ):
        super().__init__(learning_rate, name, **kwargs)
        if momentum or centered:
            refuse((momentum, centered), "momentum, centered")
        self.rho = check_fraction(rho, "rho")
        self.epsilon = epsilon

    def bind(self, weights, gradients):
        self._weights = weights
        self._gradients = gradients
        self._change = np.empty_like(weights)

    def step(self):
        velocity, change, gradients = self.slots["velocity"], self._change, self._gradients
        velocity *= self.rho
        np.square(gradients, out=change)
        change *= 1 - self.rho
        velocity += change
        np.add(velocity, self.epsilon, out=change)
        np.sqrt(change, out=change)
        np.divide(gradients, change, out=change)
        change *= self._rate
        self._weights -= change

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": 0.0,
            "epsilon": self.epsilon,
            "centered": False,
        }


def get(identifier):
    """An optimizer from a name, config, class or instance.

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    return registry.get(identifier, Optimizer)


def serialize(optimizer):
    """The dictionary that Keras writes for an optimizer."""
    return registry.serialize(optimizer)


def deserialize(config):
    """The optimizer that `serialize` wrote."""
    return registry.deserialize(config)
