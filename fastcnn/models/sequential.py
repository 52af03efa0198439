"""Models: `Sequential`, a stack of layers that is trained and run as one.

    >>> import numpy as np
    >>> import fastcnn as keras
    >>> model = keras.Sequential([
    ...     keras.Input((28, 28, 1)),
    ...     keras.layers.Conv2D(8, 3, activation="relu"),
    ...     keras.layers.MaxPooling2D(),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(10, activation="softmax"),
    ... ])
    >>> model(np.zeros((1, 28, 28, 1))).shape
    (1, 10)

How it hangs together: the layers' weights live in one `Store`; `fusion` turns the layers into
steps; `training` loops over the steps. All three are made when first needed, and anew after
something changed that they depend on.
"""

import threading

import numpy as np

from fastcnn import config
from fastcnn.core.tensor import Tensor, tensor
from fastcnn.core.variables import Store, aligned
from fastcnn.layers.base import MAX_CALLS, Functional, Layer
from fastcnn.layers.core import Dense, InputLayer
from fastcnn.layers.plain import ViewLayer
from fastcnn.layers.registry import register
from fastcnn.plan import plan as plans
from fastcnn.plan.normalized import NormalizedStep
from fastcnn.saving.saveable import Saveable
from fastcnn.training.trainer import Trainer

CHUNK = 256  # images that `model(x)` takes through the layers at a time, to bound memory
IN_PLACE = 32768  # bytes of a batch that a dense layer reads where they lie; fewer are copied


class Model(Saveable, Layer, Trainer):
    """Base of `Sequential`. The functional and the subclassing API are not there."""

    def __init__(self, *args, **kwargs):
        if not isinstance(self, Sequential):
            raise NotImplementedError(
                "`Model(inputs, outputs)` and subclasses of `Model` are not supported: use "
                "`Sequential([Input(shape), layer, ...])`, with layers of your own where needed."
            )
        super().__init__(**kwargs)


@register
class Sequential(Model):
    """A stack of layers.

    Args:
        layers: list of layers; the first may be `Input(shape)` or have `input_shape=`. Without
            either the model is built by its first data.
        trainable: whether `fit` changes the weights.
        name: a string.
    """

    inputs = Functional()
    outputs = Functional()
    keras_module = "keras"  # where Keras has the class; its layers are in "keras.layers"

    def __init__(self, layers=None, trainable=True, name=None):
        self._layers = []
        self._lock = threading.RLock()
        super().__init__(trainable=trainable, name=name)
        self._plan = None
        self._generation = None
        self._inputs = {}
        for layer in layers or ():
            self.add(layer)

    # ------------------------------------------------------------------------------------ layers

    def add(self, layer, rebuild=True):
        """Put a layer on top; it is built at once if the input's shape is known.

        Raises:
            ValueError: not a layer, a name that is taken, or a layer that cannot take the shape.
        """
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Only layers can be added to a Sequential model. Received {layer!r} "
                f"(of type {type(layer)})."
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"All layers of a Sequential model must have unique names. The name {layer.name!r} "
                "is taken: pass another `name`."
            )
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(
                f"The model {self.name!r} has its first layer already: `Input` must come first."
            )
        before = list(self._layers)
        if not self._layers:
            shape = _input_shape_of(layer)
            if shape is not None:
                self._layers.append(InputLayer(shape))
        self._layers.append(layer)
        try:
            if isinstance(self._layers[0], InputLayer) and layer is not self._layers[0]:
                place = self._layers.index(layer)
                layer.build_once(self._layers[place - 1].output_shape)
        except Exception:
            self._layers = before
            raise
        self._changed()

    def pop(self, rebuild=True):
        """Take the last layer away and return it."""
        if not self.layers:
            raise ValueError(f"The model {self.name!r} has no layers to pop.")
        layer = self._layers.pop()
        self._changed()
        return layer

    def _changed(self):
        self.built = isinstance(self._layers[0], InputLayer) and len(self._layers) > 1
        self._plan = None
        if self._store is not None:
            self._store.stale = True

    @property
    def layers(self):
        """The layers, without an `Input`."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def leaves(self):
        """All layers, those of nested models included, in the order they run."""
        return [leaf for layer in self.layers for leaf in layer.leaves()]

    def get_layer(self, name=None, index=None):
        """The layer of that name or number.

        Raises:
            ValueError: there is none; the error lists the names.
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

    # ---------------------------------------------------------------------------------- building

    def build(self, input_shape=None):
        """Make all weights for inputs of shape (None, ...)."""
        if not self.layers:
            raise ValueError(f"The model {self.name!r} has no layers: add some before building.")
        if isinstance(self._layers[0], InputLayer):
            shape = self._layers[0].batch_shape
            if input_shape is not None and tuple(input_shape)[1:] != shape[1:]:
                raise ValueError(
                    f"The model {self.name!r} takes inputs of shape {shape}. "
                    f"Received input_shape={tuple(input_shape)}."
                )
            return
        shape = (None, *tuple(input_shape)[1:])
        first = InputLayer(shape[1:])
        for layer in self._layers:
            shape = layer.build_once(shape)
        self._layers.insert(0, first)
        self._changed()

    def build_once(self, input_shape):
        self.build(input_shape)
        return self.output_shape

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    @property
    def input_shape(self):
        """(None, ...), once known."""
        if not (self._layers and isinstance(self._layers[0], InputLayer)):
            raise AttributeError(
                f"The model {self.name!r} has no input shape yet: it is not built."
            )
        return self._layers[0].batch_shape

    @property
    def output_shape(self):
        """(None, ...), once known."""
        if not self.built:
            raise AttributeError(
                f"The model {self.name!r} has no output shape yet: it is not built."
            )
        return self._layers[-1].output_shape

    # ----------------------------------------------------------------------------------- weights

    @property
    def weights(self):
        return [variable for layer in self.layers for variable in layer.weights]

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = value

    @property
    def store(self):
        """The `Store` of all weights, made anew if the layers changed."""
        with self._lock:
            self._assemble_if_changed()
            return self._store

    # ------------------------------------------------------------------------------------ running

    def __call__(self, x, training=None):
        """The model's output for an array of inputs, as a new `Tensor`.

        Without `training` it is not training, but layers that augment images do so, as in Keras.
        """
        with self._lock:
            buffer = None
            if isinstance(x, np.ndarray):
                buffer = self._inputs.get(x.shape)
            if buffer is None or self._plan is None or x.dtype.kind not in "fiub":
                return self._call_anew(x, training)
            if self._store.stale or self._generation != config.generation():
                self._assemble()
            y, forwards = None, self._forwards
            if x.nbytes >= IN_PLACE and not training and self._entry is not None:
                y, forwards = self._enter(x), self._forwards_behind
            if y is None:
                buffer[...] = x
                y, forwards = buffer, self._forwards
            for forward in forwards:
                y = forward(y, training)
            return y.copy().view(Tensor)

    def _enter(self, x):
        """The output of the first step but views, which reads x where it lies; None if it can't."""
        flags = x.flags
        if x.dtype != np.float32 or not (flags.c_contiguous and flags.aligned):
            return None
        return self._entry.forward_from(x.reshape(len(x), -1))

    def _call_anew(self, x, training):
        from fastcnn.data.arrays import as_array, fit_images

        if isinstance(x, Layer):
            self._checked(x)
        x = as_array(x, "x")
        self._build_for(x)
        x = fit_images(x, self.input_shape)
        self._assemble_if_changed()
        outputs = []
        chunk = len(x) if training else CHUNK
        for begin in range(0, max(len(x), 1), max(chunk, 1)):
            part = x[begin : begin + chunk]
            y = self._input_buffer(len(part), part.shape[1:])
            y[...] = part
            for forward in self._forwards:
                y = forward(y, training)
            outputs.append(y.copy())
        return tensor(outputs[0] if len(outputs) == 1 else np.concatenate(outputs))

    def forward(self, x, training=False):
        """y for a batch x, layer by layer: the layer protocol, for checks and for use by hand."""
        if self._plan is not None:  # the plan's settings are for its own loop
            self._plan = None
            self.release()
            for layer in self.leaves():
                layer.input_gradient, layer.consume_gradient = True, False
        for layer in self.leaves():
            x = layer.forward(x, training)
        return x

    def backward(self, dy):
        for layer in reversed(self.leaves()):
            dy = layer.backward(dy)
        return dy

    def release(self):
        super().release()
        self._inputs = {}
        for layer in self._layers:
            layer.release()

    def plan(self):
        """What runs in a training step: one line per step (see `fusion`)."""
        with self._lock:
            self._assemble_if_changed()
            return self._plan.describe()

    def _build_for(self, x):
        if not self.built:
            self.build((None, *(x.shape[1:] or (1,))))

    def _assemble_if_changed(self):
        changed = self._plan is None or self._store is None or self._store.stale
        if changed or self._generation != config.generation():
            self._assemble()

    def _assemble(self):
        """Make store and steps from the layers as they are now."""
        if not self.built:
            raise ValueError(
                f"The model {self.name!r} is not built: give it an `Input`, or call it on data."
            )
        leaves = self.leaves()
        variables = [variable for leaf in leaves for variable in leaf.weights]
        for leaf in leaves:
            for variable in leaf.weights:
                variable.path = f"{self.name}/{leaf.name}/{variable.name}"
        if self._store is None or self._store.stale:
            self._store = Store(variables, self.dtype)
            for leaf in leaves:
                leaf._store = self._store
        self.release()
        shape = self._layers[0].output_shape
        for leaf in leaves:  # another model with the same layer may have built it for other shapes
            shape = leaf.build_once(shape)
        self._plan = plans.plan(leaves, self.loss_object)
        steps = self._plan.inference
        self._forwards = [step.forward for step in steps]
        place = next((i for i, step in enumerate(steps) if not isinstance(step, ViewLayer)), None)
        self._entry, self._forwards_behind = None, []
        if place is not None:
            step = steps[place]
            layer = step.linear if isinstance(step, NormalizedStep) else step
            if type(layer) is Dense and len(layer.input_shape) == 2:
                self._entry, self._forwards_behind = step, self._forwards[place + 1 :]
        if self.optimizer is not None and self.optimizer.store is self._store:
            self.optimizer.rebind()
        self._generation = config.generation()

    def _input_buffer(self, size, shape):
        """The array that a batch of `size` inputs is put into, the same one each time."""
        key = (size, *shape)
        with self._lock:
            buffer = self._inputs.get(key)
            if buffer is None:
                if len(self._inputs) >= MAX_CALLS:
                    del self._inputs[next(iter(self._inputs))]
                buffer = self._inputs[key] = aligned(key, self.dtype)
            return buffer

    # ------------------------------------------------------------------------- summary and config

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Print the table of layers, output shapes and numbers of weights; returns None.

        `print_fn` gets the whole text instead. `positions`, `expand_nested` and `layer_range` are
        accepted and ignored.
        """
        from fastcnn.models.summary import print_summary

        print_summary(self, line_length, print_fn, show_trainable)

    def get_config(self):
        from fastcnn.saving.serialization import serialize_object

        layers = [serialize_object(layer) for layer in self._layers]
        config = {**super().get_config(), "layers": layers}
        if self.built:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model with new weights from what `get_config`, here or in Keras, returned."""
        from fastcnn.saving.serialization import Deserializer

        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ValueError(f"A Sequential config must hold a list `layers`. Received {config!r}.")
        layers = Deserializer("the Sequential config", custom_objects).make(config["layers"])
        model = cls(layers, config.get("trainable", True), config.get("name"))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built and model.layers:
            model.build(shape)
        return model

    def __repr__(self):
        return f"<Sequential name={self.name}, built={self.built}>"


def _input_shape_of(layer):
    """The input shape that a first layer brings along, without the batch, or None."""
    if isinstance(layer, InputLayer):
        return None
    if layer.input_shape_argument is not None:
        return layer.input_shape_argument
    if isinstance(layer, Sequential):
        return layer.input_shape[1:] if layer.built else None
    return None
