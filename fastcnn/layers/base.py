"""The protocol that every layer follows, and the base class that does its bookkeeping.

    build(input_shape)                  creates the weights with `add_weight`
    compute_output_shape(input_shape)   pure arithmetic; shapes carry the batch as None
    forward(x, training=False) -> y     float arrays (n, ...), C-contiguous
    backward(dy) -> dx                  writes each weight's `gradient` (does not add to it)
    get_config() / from_config(config)  the constructor's arguments

A custom layer needs only these:

    >>> import numpy as np
    >>> import fastcnn as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def forward(self, x, training=False):
    ...         self.x = x
    ...         return x * self.scale.value
    ...     def backward(self, dy):
    ...         self.scale.gradient[...] = (dy * self.x).sum(axis=0)
    ...         return dy * self.scale.value
    >>> Scale()(np.ones((2, 3))).shape
    (2, 3)

The layers of this package do not implement `forward` and `backward` themselves: their class names a
`step_class` (see `core.steps.Step`). A model creates a step for each position of a layer; a layer
that is called directly creates its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import activations, config, constraints, initializers, regularizers
from fastcnn.core.arguments import check_count, check_shape, refuse, warn
from fastcnn.core.registry import Configurable, scoped, snake_case, unique_name
from fastcnn.core.store import Store
from fastcnn.core.tensor import tensor
from fastcnn.core.variables import Variable, initial_values, is_shapes_only
from fastcnn.layers.steps import UserStep
from fastcnn.layers.symbolic import NodeList, SymbolicCalls, as_shapes, is_symbolic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.activations import ActivationFunction
    from fastcnn.core.steps import Step
    from fastcnn.core.store import Block
    from fastcnn.core.types import Config, ConstraintLike, InitializerLike, RegularizerLike, Shape

# How `get_config` writes an argument, by the last word of its name.
SERIALIZE: dict[str, Callable] = {
    "activation": activations.serialize,
    "constraint": constraints.serialize,
    "initializer": initializers.serialize,
    "regularizer": regularizers.serialize,
}


class Layer(SymbolicCalls, Configurable):
    """Base class of all layers; see the module's docstring for the protocol.

    Args:
        activity_regularizer: a `Regularizer` of the layer's output (see `regularizers`).
        trainable: whether `fit` changes the layer's weights.
        dtype: "float32", or "float64" on the reference backend; default `config.floatx()`.
        autocast: True: inputs are converted to `dtype`.
        name: a string; by default the class name in snake case with a counter.
        input_shape: the shape of one sample; on the first layer of a model it replaces `Input`.
            Old: warns, as in Keras 3.
        input_dim, batch_input_shape: the same for a single axis, or with a leading batch axis.
        batch_size: the batch axis that belongs to `input_shape` or `input_dim`. Keras 3 refuses
            this argument and `batch_input_shape`.

    Attributes:
        input_shape, output_shape: with the batch as None, once built.
        weights, trainable_weights, non_trainable_weights: lists of `Variable`.
    """

    # The `Step` that runs the layer; None if the layer has its own `forward` and `backward`.
    step_class: Any = None
    # Arguments that a class adds to `get_config`; each is also an attribute.
    config_names: tuple[str, ...] = ()

    # The plan reads these to decide which layers one kernel runs together; see plan/patterns.py.
    sole_activation: ActivationFunction | None = None  # if the layer is only an activation
    channel_axes: int | None = None  # how many of a linear map's kernel axes are channels
    takes_max_pool = False  # whether a max-pool can be fused with the layer
    takes_relu_max = False  # whether `bind_linear` takes an upper bound of relu
    takes_residual = False  # whether `bind_linear` takes an array to add before relu
    is_max_pool = False
    is_batch_normalization = False
    # whether `make_step(frozen=True)` gives a step whose backward pass is that of inference
    takes_frozen = False
    is_addition = False  # whether the layer adds its inputs and does nothing else
    is_view = False
    depends_on_training = False  # whether training changes what `forward` returns
    is_operation = False  # whether it is an operation on symbolic tensors, such as `+`
    takes_list = False  # whether the layer is called on a list of inputs
    takes_mask = False  # whether Keras writes `mask=None` to the configs of the layer's calls
    # What Keras writes there as `training` if the layer was called without it.
    default_training: bool | None = None

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: DTypeLike | None = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Shape | None = None,
        batch_input_shape: Shape | None = None,
        input_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.batch_shape_argument = _given_shape(input_shape, batch_input_shape, input_dim, kwargs)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        refuse(autocast, "autocast", True)
        if name is not None:
            check_name(name)
        if not isinstance(trainable, (bool, np.bool_, int)):
            raise ValueError(
                f"The argument `trainable` must be True or False. Received trainable={trainable!r}."
            )
        if hasattr(self, "call") and type(self).forward is Layer.forward:
            raise NotImplementedError(
                f"Layers with `call` are not supported: {type(self).__name__} must implement "
                "forward(x, training) and backward(dy); `fastcnn.testing.check_gradients` checks "
                "them."
            )
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = float_type(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self._trainable = bool(trainable)
        self._variables: list[Variable] = []
        self._step = None  # runs the layer when it is used without a model
        self._nodes = NodeList()  # its calls on symbolic tensors
        self._activity_penalty: list[Any] = []  # of the last direct call, if there is one

    # ---------------------------------------------------------------- what a subclass implements

    def build(self, input_shape: Shape) -> None:
        """Create the weights. `input_shape` has the batch as None."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output; raises ValueError if the layer cannot take the input shape."""
        return input_shape

    def forward(self, x: NDArray, training: bool = False) -> NDArray:
        """y for a batch x."""
        return self._own_step("forward(x, training) and backward(dy)").forward(x, training)

    def backward(self, dy: NDArray) -> NDArray:
        """dx for the x of the last `forward(x, training=True)`; writes the weights' gradients."""
        return self._own_step("backward(dy)").backward(dy)

    def get_config(self) -> Config:
        """The arguments that recreate this layer, without its weights."""
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": {
                "module": "keras",
                "class_name": "DTypePolicy",
                "config": {"name": self.dtype},
                "registered_name": None,
            },
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        for cls in reversed(type(self).__mro__):
            for name in vars(cls).get("config_names", ()):
                serialize = SERIALIZE.get(name.rpartition("_")[2], _unchanged)
                config[name] = serialize(getattr(self, name))
        return config

    # ------------------------------------------------------------------------- building, calling

    def add_weight(
        self,
        shape: Shape | None = None,
        initializer: InitializerLike = None,
        dtype: DTypeLike | None = None,
        *,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a `Variable` of the layer; call it from `build`.

        `initializer` is a name, an instance or a function of (shape, dtype); the default is
        glorot_uniform, or zeros for a scalar. `regularizer` and `constraint` are names, instances
        or None; training applies them.
        """
        refuse(autocast, "autocast", True)
        refuse(aggregation or "none", "aggregation", "none")
        refuse(overwrite_with_gradient, "overwrite_with_gradient", False)
        shape = check_shape(() if shape is None else shape)
        if initializer is None:
            initializer = "glorot_uniform" if shape else "zeros"
        initializer = initializers.get(initializer)
        variable = Variable(
            initial_values(initializer, shape, dtype or self.dtype),
            name=name or "variable",
            trainable=bool(trainable),
            initializer=initializer,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        variable.wanted_trainable = variable.trainable
        variable.trainable = variable.trainable and self._trainable
        variable.path = f"{scoped(self.name)}/{variable.name}"
        self._variables.append(variable)
        return variable

    def build_once(self, input_shape):
        """Build the layer if needed, store the shapes and return the output shape.

        Raises:
            ValueError: the layer was built for another input shape, or cannot take this one.
        """
        input_shape = as_shapes(input_shape)
        if isinstance(input_shape, list) and not (self.takes_list or self.is_opaque):
            raise ValueError(
                f"Layer {self.name!r} expects 1 input. Received a list of {len(input_shape)}, of "
                f"shapes {input_shape}."
            )
        output_shape = self.compute_output_shape(input_shape)
        if not self.built:
            if not self._variables:  # otherwise build() was called before
                self.build(input_shape)
            self.built = True
        self.input_shape = input_shape
        self.output_shape = tuple(output_shape)
        return self.output_shape

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """The layer's output for an array, as a new `Tensor`; the first call builds the layer.

        Without `training` the layer runs in inference mode, but augmentation layers still augment,
        as in Keras. A layer with several inputs takes a list. On symbolic tensors (see `Input`) it
        returns a symbolic tensor.
        """
        if is_symbolic(inputs):
            return self._call_symbolically(inputs, training)
        x: Any
        if self.takes_list or _is_list_of_arrays(inputs):
            x = tuple(self._checked(array) for array in inputs)
            shape = [(None, *array.shape[1:]) for array in x]
            self.build_once(shape)
            step = self.make_step(input_shape=shape)
        else:
            x = self._checked(inputs)
            self.build_once((None, *x.shape[1:]))
            step = self.make_step()
        y = tensor(np.array(step.forward(x, training)))
        if self.activity_regularizer is not None:
            self._activity_penalty = [self.activity_regularizer(y) / max(len(y), 1)]
        return y

    def _checked(self, x):
        if isinstance(x, Layer):
            raise ValueError(
                f"Layer {self.name!r} is called on arrays or on the symbolic tensors that "
                f"`Input(shape)` returns. Received the layer {x!r}."
            )
        x = np.asarray(x)
        if x.dtype.kind not in "fiub" or x.ndim < 1:
            raise ValueError(
                f"Layer {self.name!r} expects an array of numbers with a batch axis. "
                f"Received dtype {x.dtype} and shape {x.shape}."
            )
        return np.ascontiguousarray(x, self.dtype)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        dtype = config.get("dtype")
        if isinstance(dtype, dict):
            config["dtype"] = dtype.get("config", {}).get("name")
        return cls(**config)

    # ------------------------------------------------------------------------------------- running

    @property
    def is_opaque(self) -> bool:
        """Whether the class overrides `forward` or `backward`; a plan then only calls them."""
        methods = type(self).forward, type(self).backward
        return methods != (Layer.forward, Layer.backward)

    def trace(self, graph, inputs, training=None):
        """Add the layer, or the layers of a model, to a `plan.graph.Graph`.

        Args:
            graph: the graph.
            inputs: the value that it is called with, or a tuple of values for a list.
            training: the argument `training` of the call.

        Returns:
            The list of its outputs.
        """
        return [graph.add(self, inputs, training)]

    def make_step(self, **settings: Any) -> Step:
        """A new `Step` that runs the layer at one position of a model."""
        self.allocate()
        return (UserStep if self.is_opaque else self.step_class)(self, **settings)

    def allocate(self) -> None:
        """Allocate the weights' memory, unless a model has already done so."""
        if any(variable.block is None for variable in self._variables) and not is_shapes_only():
            Store(self._variables, self.dtype)

    @property
    def block(self) -> Block | None:
        """The `Block` that holds the weights; None if they are not allocated or do not exist."""
        return self._variables[0].block if self._variables else None

    def _own_step(self, missing):
        if self._step is None:
            if self.step_class is None:
                raise NotImplementedError(f"{type(self).__name__} must implement {missing}.")
            self.allocate()
            self._step = self.step_class(self)
        return self._step

    @property
    def _buffers(self):
        """What the layer keeps of calls by hand; models keep their buffers in their plan."""
        return {} if self._step is None else self._step._buffers

    def release(self) -> None:
        """Release the buffers and kernels of direct calls; the next call creates new ones."""
        self._step = None

    def __getstate__(self):
        """The state of a copy: everything except buffers and bound kernels."""
        return {**vars(self), "_step": None, "_nodes": NodeList()}

    def leaves(self) -> list[Layer]:
        """The layer itself, or the layers of a nested model."""
        return [self]

    # ----------------------------------------------------------------------------------- weights

    @property
    def trainable(self) -> bool:
        """Whether `fit` changes the layer's weights; a change takes effect at the next run."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._variables:
            variable.trainable = self._trainable and getattr(variable, "wanted_trainable", True)

    @property
    def weights(self) -> list[Variable]:
        return list(self._variables)

    @property
    def variables(self) -> list[Variable]:
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if variable.trainable]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def losses(self) -> list[Any]:
        """The penalty of the last call's output, then those of the trainable weights, if any."""
        penalties = [
            variable.regularizer(variable.value)
            for variable in self.trainable_weights
            if variable.regularizer is not None
        ]
        return self._activity_penalty + penalties

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if not variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return self.non_trainable_weights

    def get_weights(self) -> list[NDArray]:
        """Copies of all weights, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Assign all weights, in the order of `weights`; if one does not fit, none is changed."""
        arrays = [np.asarray(weight) for weight in weights]
        variables = self.weights
        if len(arrays) != len(variables):
            raise ValueError(
                f"You called `set_weights(weights)` on {self.name!r} with a list of "
                f"{len(arrays)} arrays, but it has {len(variables)} weights."
            )
        for variable, array in zip(variables, arrays, strict=True):
            if variable.shape != array.shape or array.dtype.kind not in "fiub":
                raise ValueError(
                    f"The weight {variable.path!r} has shape {variable.shape}, which does not fit "
                    f"the given array of shape {array.shape} and dtype {array.dtype}."
                )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """The total number of weight elements."""
        return sum(variable.size for variable in self.weights)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _given_shape(input_shape, batch_input_shape, input_dim, kwargs):
    """The shape of the input, with the batch, that Keras 2's arguments give; None without them.

    Takes `batch_size` out of kwargs if it belongs to one of the others.
    """
    shapes = {
        "input_dim": None if input_dim is None else (input_dim,),
        "input_shape": input_shape,
        "batch_input_shape": batch_input_shape,
    }
    given = {name: shape for name, shape in shapes.items() if shape is not None}
    if not given:
        return None
    warn(
        "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential "
        "models, prefer using an `Input(shape)` object as the first layer in the model instead."
    )
    if len(given) > 1:
        raise ValueError(f"Only one of the arguments `{'`, `'.join(given)}` can be given.")
    if batch_input_shape is not None:
        batch_size, *shape = batch_input_shape
    else:
        (shape,), batch_size = given.values(), kwargs.pop("batch_size", None)
    if batch_size is not None:
        batch_size = check_count(batch_size, "batch_size")
    return (batch_size, *check_shape(shape))


def _unchanged(value):
    return value


def check_name(name):
    """Check that `name` is a string that can be written to a file."""
    if not isinstance(name, str):
        raise ValueError(f"The argument `name` must be a string. Received name={name!r}.")
    if re.search("[\0\ud800-\udfff]", name):
        raise ValueError(
            "The argument `name` must not contain NUL or surrogate characters, which cannot be "
            f"written to files. Received name={name!r}."
        )


def float_type(dtype):
    """The float type for the argument `dtype`: None, a name, a numpy dtype or a Keras policy."""
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    try:
        name = np.dtype(getattr(dtype, "name", dtype)).name
    except TypeError:
        name = dtype
    if name not in config.FLOAT_TYPES:
        raise ValueError(
            "The argument `dtype` must be 'float32' (or 'float64', on the reference backend). "
            f"Received dtype={dtype!r}."
        )
    return name


def check_input_type(dtype):
    """Check that `dtype`, the type of the data before conversion, is numeric."""
    name = getattr(dtype, "name", dtype)
    try:
        is_number = name in (None, "bfloat16") or np.dtype(name).kind in "fiub"
    except TypeError:
        is_number = False
    if not is_number:
        raise ValueError(
            "The argument `dtype` must be a numeric type, such as 'float32' or 'uint8'. "
            f"Received dtype={dtype!r}."
        )


def _is_list_of_arrays(inputs):
    return isinstance(inputs, (list, tuple)) and any(isinstance(x, np.ndarray) for x in inputs)


def check_rank(layer, input_shape, rank):
    """Check that the input shape has `rank` axes, including the batch."""
    if len(input_shape) != rank:
        raise ValueError(
            f"Layer {layer.name!r} expects an input with {rank} axes, including the batch. "
            f"Received input shape {tuple(input_shape)}, which has {len(input_shape)}."
        )
