"""Base class of all models: weights, plan, locks, and calling a model on data.

A `Store` holds a model's weights, a `Plan` the steps that run its layers; `training` loops over
batches. Store and plan are created when first needed, and recreated when something they depend on
changes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import numpy as np

from fastcnn import config
from fastcnn.core import forks, ranks
from fastcnn.core.arguments import refuse
from fastcnn.core.memory import aligned
from fastcnn.core.steps import MAX_CALLS
from fastcnn.core.store import Store
from fastcnn.core.tensor import Tensor, tensor
from fastcnn.data.arrays import fit_images
from fastcnn.layers.base import Layer
from fastcnn.layers.symbolic import is_symbolic
from fastcnn.saving.saveable import Saveable
from fastcnn.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self

    from numpy.typing import NDArray

    from fastcnn.core.types import Config, CustomObjects
    from fastcnn.core.variables import Variable
    from fastcnn.layers.symbolic import KerasTensor
    from fastcnn.plan.graph import Graph

CHUNK = 256  # images that `model(x)` processes at a time, to bound memory
IN_PLACE = 32768  # a batch of at least so many bytes is read without copying it first


OLD_METHODS = {  # of Keras 2: what to use instead
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_proba": "predict",
    "predict_classes": "predict(x).argmax(axis=-1)",
}


STEP_METHODS = (  # of Keras, with which subclasses change what `fit`, `evaluate` and `predict` do
    *("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"),
    *("make_train_function", "make_test_function", "make_predict_function"),
)


class Model(Trainer, Saveable, Layer):
    """A model of a graph of layers, `Model(inputs, outputs)`; the base class of all models.

    Args:
        inputs: a symbolic tensor (see `Input`), or a list, tuple or dictionary of them.
        outputs: the same, for what the model computes from the inputs.
        name: a string.

    `Model(...)` creates a `models.functional.Functional`. A subclass may pass `inputs` and
    `outputs` to this constructor; a subclass that defines `call` is not supported.

    >>> import fastcnn as keras
    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    >>> model.count_params()
    10
    """

    _is_complete = False  # whether the class implements `layers` and `build`
    takes_mask = True  # but only None
    # What a config has besides the constructor's arguments. `from_config` gets the config as it is.
    config_keys: tuple[str, ...] = ()
    if TYPE_CHECKING:  # implemented by the classes of models

        @property
        def inputs(self) -> list[KerasTensor]: ...

        @property
        def outputs(self) -> list[KerasTensor]: ...

    if not TYPE_CHECKING:  # to a type checker every name would exist

        def __getattr__(self, name):
            if name in OLD_METHODS:
                text = f"{type(self).__name__!r} object has no attribute {name!r}, as in Keras 3"
                raise AttributeError(f"{text}: use `{OLD_METHODS[name]}`", name=name)
            return object.__getattribute__(self, name)  # raises the error of a property again

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Model and _is_graph(args, kwargs):
            from fastcnn.models.functional import Functional

            return super().__new__(cast("Any", Functional))
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        methods = ("call", *STEP_METHODS) if self._is_complete else STEP_METHODS
        overridden = [name for name in methods if hasattr(type(self), name)]
        if overridden:
            raise NotImplementedError(
                f"Subclasses of models that define `{overridden[0]}` are not supported: it would "
                "not be called. Use a layer, `Loss`, `Metric`, optimizer or `Callback` of your "
                "own, or `train_on_batch` in a loop."
            )
        if not self._is_complete:
            if _is_graph(args, kwargs) and not hasattr(self, "call"):
                from fastcnn.models.functional import Functional

                cls, base = type(self), cast("Any", Functional)  # it also becomes a Functional
                self.__class__ = type(cls.__name__, (cls, base), {"__module__": cls.__module__})
                base.__init__(self, *args, **kwargs)
                return
            raise NotImplementedError(
                "Subclasses of `Model` that define `call` are not supported: use "
                "`Model(inputs, outputs)`, with layers of your own where needed."
            )
        self._lock = threading.RLock()  # of the plan and its buffers; weights have their own
        super().__init__(**kwargs)
        self._plan: Any = None  # a `Plan`, and the `Store`, once assembled
        self._store: Any = None
        self._generation = None
        self._is_single = False  # whether the plan has one input and one output
        self._list_size = 0  # of the list of arrays that a call takes, or 0
        self._inputs: dict[tuple[Any, ...], NDArray] = {}
        forks.watch(self)

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """See `Sequential.from_config`. `Model.from_config` takes the config of a graph."""
        if cls is Model and "input_layers" in config:
            from fastcnn.models.functional import Functional

            return cast("Any", Functional.from_config(config, custom_objects))
        refuse(custom_objects, "custom_objects")
        return super().from_config(config)

    # -------------------------------------------------------------------------- inputs and outputs

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """The shape of each input, with the batch as None."""
        return [self.input_shape]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        """The shape of each output, with the batch as None."""
        return [self.output_shape]

    @property
    def input_names(self) -> list[str]:
        """The name of each input."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The name of the layer behind each output."""
        return [self.layers[-1].name]

    @property
    def input_structure(self) -> Any:
        """The nesting of the inputs, with the position in the flat list as leaves."""
        return 0

    @property
    def output_structure(self) -> Any:
        """The nesting of the outputs, with the position in the flat list as leaves."""
        return 0

    # ------------------------------------------------------------------------------------- layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an `Input`."""
        raise NotImplementedError

    def leaves(self) -> list[Layer]:
        """All layers in the order they run, including those of nested models."""
        return [leaf for layer in self.layers for leaf in layer.leaves()]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with that name or index.

        Raises:
            ValueError: no such layer; the error lists the names.
        """
        if (name is None) == (index is None):
            raise ValueError("Give either a `name` or an `index` to `get_layer`.")
        names = [layer.name for layer in self.layers]
        if index is not None:
            if not -len(names) <= index < len(names):
                raise ValueError(f"There is no layer {index}: the model has {len(names)} layers.")
            return self.layers[index]
        if name not in names:
            raise ValueError(f"There is no layer {name!r}. The layers are: {names}.")
        return self.layers[names.index(name)]

    @property
    def weights(self) -> list[Variable]:
        return list(dict.fromkeys(weight for layer in self.layers for weight in layer.weights))

    @property
    def losses(self) -> list[Any]:
        """The penalties of the last batch's outputs, then those of the weights as they are now."""
        with self._lock:
            penalties = [] if self._plan is None else self._plan.output_penalties
            return [*penalties, *super().losses]

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = value

    # ---------------------------------------------------------------------------------- assembling

    @property
    def store(self) -> Store:
        """The `Store` of all weights."""
        with self._lock:
            self.assemble_if_changed()
            return self._store

    def plan(self) -> str:
        """Describe what runs in a training step: one line per step (see `plan.Plan`)."""
        with self._lock:
            self.assemble_if_changed()
            return self._plan.describe()

    def build_for(self, x: NDArray) -> None:
        """Build the model for the array x, unless it is built."""
        if not self.built:
            self.build((None, *(x.shape[1:] or (1,))))

    def assemble_if_changed(self) -> None:
        """Update store and plan; the caller holds the model's lock."""
        if (
            self._plan is None
            or not self._is_current()
            or (self._holds_models and self.leaves() != self._leaves)
        ):
            self._assemble()

    def _is_current(self):
        """Whether the plan was created for the current weights and settings."""
        return self._store.is_current and self._generation == config.generation()

    def _assemble(self):
        """Make store and plan from the layers as they are now."""
        from fastcnn.plan.plan import Plan  # not needed to import the package

        if not self.built:
            raise ValueError(
                f"The model {self.name!r} is not built: give it an `Input`, or call it on data."
            )
        self._leaves = self.leaves()
        self._holds_models = self._leaves != self.layers  # whose layers may change
        if self._store is None or not self._store.is_current:
            self._store = Store(self.weights, self.dtype)
        self._structures = self._structure("input"), self._structure("output")
        graph = self.make_graph()
        is_named = isinstance(self.output_structure, dict)
        self._is_single = len(graph.inputs) == len(graph.outputs) == 1 and not is_named
        is_list = self.input_structure == list(range(len(graph.inputs)))
        self._list_size = len(graph.inputs) if is_list else 0
        self._plan = Plan(graph, self.objectives.losses, self.objectives.loss_weights)
        if self.optimizer is not None and self.optimizer.store is self._store:
            self.optimizer.rebind()
        self._generation = config.generation()

    def make_graph(self, training: bool | None = None) -> Graph:
        """The uses of the model's layers, with nested models flattened.

        Args:
            training: the argument `training` of the call, see `__call__`.
        """
        from fastcnn.plan.graph import Graph

        with self._lock:
            graph = Graph(self.input_shapes)
            graph.outputs = self.trace(graph, tuple(graph.inputs), training)
        return graph

    def _changed(self):
        """Discard store and plan after the layers have changed."""
        self._plan = self._store = None

    def after_fork(self) -> None:
        """In a child process: another thread may have been running the model."""
        forks.release(self._lock)
        self._training = False

    def input_buffer(self, size: int, shape: tuple[int, ...], index: int = 0) -> NDArray:
        """The buffer for a batch of `size` of the input `index`: the same array each time."""
        key = (size, *shape) if index == 0 else (index, (size, *shape))
        with self._lock:
            buffer = self._inputs.get(key)
            if buffer is None:
                if len(self._inputs) >= MAX_CALLS * len(self.input_shapes):
                    del self._inputs[next(iter(self._inputs))]
                buffer = self._inputs[key] = aligned((size, *shape), self.dtype)
            return buffer

    def release(self) -> None:
        super().release()
        self._plan = None
        self._inputs = {}
        for layer in self.layers:
            layer.release()

    # ------------------------------------------------------------------------------------ running

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """The model's output for an array of inputs, as a new `Tensor`.

        Several inputs and outputs are nested as in `Model(inputs, outputs)`. On symbolic tensors
        the model becomes a part of a graph.

        `training` is False by default, except for layers that augment images, as in Keras.
        """
        x = inputs
        with self._lock:
            buffer = None
            if isinstance(x, np.ndarray) and self._is_single and x.dtype.kind in "fiub":
                buffer = self._inputs.get(x.shape)
            if buffer is None or self._plan is None:
                return self._call_first(x, training)
            store = self._store
            if not store.is_current or self._generation != config.generation():
                self._assemble()
                store = self._store
            with store.lock:
                y = None
                if x.nbytes >= IN_PLACE and not training:
                    y = self._plan.forward_in_place(x, training)
                if y is None:
                    buffer[...] = x
                    y = self._plan.forward_one(buffer, training)
                return y.copy().view(Tensor)

    def _call_first(self, x, training):
        """`__call__` for inputs that may need checks, conversion, building or a new buffer."""
        buffers = self._buffers_of(x)
        if buffers is not None:
            return self._call_on_list(x, buffers, training)
        if is_symbolic(x):
            return self._call_symbolically(x, training)
        arrays = self.arrays_of(x)
        self.assemble_if_changed()
        parts, size = [], len(arrays[0])
        chunk = max(size if training else CHUNK, 1)
        for begin in range(0, max(size, 1), chunk):
            buffers = []
            for index, array in enumerate(arrays):
                part = array[begin : begin + chunk]
                buffer = self.input_buffer(len(part), part.shape[1:], index)
                buffer[...] = part
                buffers.append(buffer)
            with self._store.lock:
                parts.append([y.copy() for y in self._plan.forward(buffers, training)])
        return self._gives.pack(
            [
                tensor(column[0] if len(column) == 1 else np.concatenate(column))
                for column in zip(*parts, strict=True)
            ]
        )

    def _buffers_of(self, x):
        """The input buffers for a list of arrays, if all of them have shapes seen before."""
        if self._plan is None or type(x) not in (list, tuple) or len(x) != self._list_size:
            return None
        buffers = []
        for index, array in enumerate(x):
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
                return None
            buffer = self._inputs.get(array.shape if index == 0 else (index, array.shape))
            if buffer is None or len(buffer) != len(x[0]):
                return None
            buffers.append(buffer)
        return buffers

    def _call_on_list(self, arrays, buffers, training):
        if not self._is_current():
            self._assemble()
        with self._store.lock:
            for buffer, array in zip(buffers, arrays, strict=True):
                buffer[...] = array
            results = [y.copy().view(Tensor) for y in self._plan.forward(buffers, training)]
        return results[0] if self.output_structure == 0 else self._gives.pack(results)

    def arrays_of(self, x: Any) -> list[NDArray]:
        """The list of arrays that the model is called on; they build it, if it is not built."""
        if isinstance(x, Layer):
            self._checked(x)
        arrays = self.samples(x).inputs
        self.build_for(arrays[0])
        return [
            fit_images(array, shape) for array, shape in zip(arrays, self.input_shapes, strict=True)
        ]

    def forward(self, x: Any, training: bool = False) -> Any:
        """The output for a batch, each layer in a step of its own: for checks and experiments.

        Several inputs and outputs are nested as in `Model(inputs, outputs)`. The results are arrays
        that the next call overwrites.
        """
        arrays = self._arrays(self._takes.flatten(x, "x"))
        with self._lock:
            self.assemble_if_changed()
            with self._store.lock:
                return self._gives.pack(self._plan.unfused.forward(arrays, training))

    def backward(self, dy: Any) -> Any:
        """The gradient of the input for that of the output of the last `forward(x, training=True)`.

        Writes the weights' gradients.
        """
        gradients = self._arrays(self._gives.flatten(dy, "dy"))
        with self._lock:
            self.assemble_if_changed()
            with self._store.lock:
                return self._takes.pack(self._plan.unfused.backward(gradients))

    def _arrays(self, values):
        return [np.ascontiguousarray(value, self.dtype) for value in values]

    # ------------------------------------------------------------------------------------ summary

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the table of layers, output shapes and weight counts; returns None.

        Args:
            line_length: width in characters; by default that of the terminal, but at most 88.
            positions: where the columns end, as fractions of the width or in characters.
            print_fn: called once with the whole text, instead of printing it.
            expand_nested: whether to list the layers of nested models below them.
            show_trainable: whether to add a column that says Y or N.
            layer_range: names, or regular expressions, of the first and the last layer to list.
        """
        from fastcnn.models.summary import print_summary

        if print_fn is None and not ranks.is_main():
            return
        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def _repr_html_(self):
        from fastcnn.models.summary import GRAPH_WIDTH, summary_table

        return summary_table(self, GRAPH_WIDTH).html()


def _is_graph(args, kwargs):
    """Whether the arguments of `Model` are those of a graph."""
    return len(args) >= 2 or "outputs" in kwargs or "inputs" in kwargs
