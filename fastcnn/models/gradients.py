"""gradients: how an output of a model depends on its input or on the output of a layer.

This is what saliency maps, Grad-CAM and adversarial examples need:

    saliency    abs(gradients(model, x, of=label)).max(axis=-1)        (Simonyan et al. 2013)
    Grad-CAM    gradients(model, x, of=label, wrt="last_conv")         (Selvaraju et al. 2017)
    FGSM        x + epsilon * sign(gradients(model, x, of=loss, y=y))  (Goodfellow et al. 2014)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import losses
from fastcnn.core.tensor import tensor
from fastcnn.data.arrays import as_array
from fastcnn.layers.base import Layer
from fastcnn.plan.backward import Backward
from fastcnn.plan.head import LossHead
from fastcnn.plan.patterns import single_steps
from fastcnn.plan.program import Program

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from fastcnn.core.types import LossLike
    from fastcnn.models.model import Model


def gradients(
    model: Model,
    x: Any,
    of: int | ArrayLike | LossLike = None,
    wrt: str | Layer | list[str | Layer] | None = None,
    y: ArrayLike | None = None,
    output: int = 0,
) -> Any:
    """The gradient of an output or a loss with respect to the input or to layers' outputs.

    Each sample's gradient is its own: the model runs in inference mode.

    Args:
        model: a built model.
        x: a batch, as for `model.predict`.
        of: what is differentiated, summed over the samples:
            None: the sum of the output.
            an int, or integers (n,): this unit of the output's last axis, for each sample.
            a float array of the output's shape: the sum of output * array.
            a loss or its name, with targets `y`: the loss of the batch.
        wrt: the name of a layer, or a layer: its output. None: the input. A list of several gives a
            list; a model with several inputs gives a list for None.
        y: targets of a loss.
        output: which output, if the model has several.

    Returns:
        An array of the shape of what `wrt` names, (n, ...), or a list of arrays.

    Raises:
        ValueError: an unknown layer, one that is used several times, or one on which the output
            does not depend.

    Example:

    >>> import numpy as np
    >>> import fastcnn as keras
    >>> inputs = keras.Input((3,))
    >>> dense = keras.layers.Dense(2, kernel_initializer="ones")
    >>> model = keras.Model(inputs, dense(inputs))
    >>> keras.gradients(model, np.zeros((1, 3)), of=1).tolist()
    [[1.0, 1.0, 1.0]]
    """
    arrays = [np.ascontiguousarray(array, model.dtype) for array in model.arrays_of(x)]
    with model._lock:
        store = model.store
        graph = model.make_graph(training=False)
        outputs = graph.outputs
        if not -len(outputs) <= output < len(outputs):
            raise ValueError(f"The model has {len(outputs)} outputs. Received output={output}.")
        source = outputs[output]
        wanted = _values(graph, wrt)
        graph.outputs = [source, *wanted]
        program = Program(single_steps(graph), graph)
        backward = Backward(program.segments, [source], len(graph.shapes), wanted)
        with store.lock:
            result = program.forward(arrays, True)[0]
            backward.run([_gradient_of(of, result, y)])
            found = [backward.gradient(value) for value in wanted]
            if any(gradient is None for gradient in found):
                raise ValueError(f"The output does not depend on all of wrt={wrt!r}.")
            found = [tensor(gradient.copy()) for gradient in found]
    is_single = len(found) == 1 and not isinstance(wrt, (list, tuple))
    return found[0] if is_single else found


def _values(graph, wrt):
    """The numbers of the values that `wrt` names."""
    if wrt is None:
        return list(graph.inputs)
    if isinstance(wrt, (list, tuple)):
        return [value for one in wrt for value in _values(graph, one)]
    calls = [outputs for layer, outputs in graph.calls if layer is wrt or layer.name == wrt]
    if len(calls) != 1 or len(calls[0]) != 1:
        names = [layer.name for layer, _ in graph.calls]
        problem = "is used several times" if calls else "is not a layer of the model"
        raise ValueError(f"wrt={wrt!r} {problem}. The layers are: {names}.")
    return calls[0]


def _gradient_of(of, result, y):
    """The gradient at the output `result` of what is differentiated."""
    if isinstance(of, (str, losses.Loss)) or callable(of):
        loss = losses.get_instance(of)
        if y is None:
            raise ValueError("The gradient of a loss needs targets: pass `y`.")
        shape = (None, *result.shape[1:])
        loss.check_output(shape)
        targets = loss.prepare(as_array(y, "y"), shape)
        if targets.dtype.kind != "i":
            targets = np.ascontiguousarray(targets, result.dtype)
        return LossHead(loss).step(result, targets).copy()
    if y is not None:
        raise ValueError(f"The argument `y` belongs to a loss. Received of={of!r}.")
    if of is None:
        return np.ones_like(result)
    of = np.asarray(of)
    if of.dtype.kind in "iu" and of.ndim <= 1:
        gradient = np.zeros_like(result)
        if (of.ndim and len(of) != len(result)) or (of < 0).any() or (of >= result.shape[-1]).any():
            raise ValueError(
                f"`of` must be one unit, or one for each of {len(result)} samples, in [0, "
                f"{result.shape[-1]}). Received of={of}."
            )
        units = np.broadcast_to(of, len(result)).reshape(-1, *[1] * (result.ndim - 1))
        np.put_along_axis(gradient, np.broadcast_to(units, (*result.shape[:-1], 1)), 1, axis=-1)
        return gradient
    if of.shape != result.shape or of.dtype.kind not in "fiub":
        raise ValueError(
            f"`of` must be None, an integer, integers (n,), a loss, or an array of the output's "
            f"shape {result.shape}. Received an array of shape {of.shape} and dtype {of.dtype}."
        )
    return np.array(of, result.dtype, order="C")  # a copy: the backward pass overwrites it
