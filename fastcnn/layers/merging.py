"""Layers that merge several inputs into one output, and the functions that apply them.

A merging layer is called on a list, `Add()([a, b])`; `add([a, b])` is short for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.layers import merging_steps as steps
from fastcnn.layers.base import Layer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Merge(Layer):
    """Base: elementwise functions of inputs that are broadcast to one shape.

    Sizes of 1 are repeated, and an input with fewer axes gets axes of size 1 behind the batch axis,
    as in Keras.
    """

    takes_list = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def compute_output_shape(self, input_shape):
        shapes = self.shapes_of(input_shape)
        output_shape = shapes[0][1:]
        for shape in shapes[1:]:
            output_shape = self._broadcast(output_shape, shape[1:], shapes)
        return (self.batch_size_of(shapes), *output_shape)

    def shapes_of(self, input_shape):
        """The shapes of all inputs, as a list of tuples; ValueError if it is not a list."""
        is_list = isinstance(input_shape, (list, tuple)) and len(input_shape) > 0
        if not is_list or not all(isinstance(shape, (list, tuple)) for shape in input_shape):
            raise ValueError(
                f"Layer {self.name!r} must be called on a list of at least one input. "
                f"Received input shape {input_shape}."
            )
        shapes = [tuple(shape) for shape in input_shape]
        if not all(shapes):
            raise ValueError(
                f"Layer {self.name!r} expects inputs with a batch axis. "
                f"Received input shapes {shapes}."
            )
        return shapes

    def batch_size_of(self, shapes):
        """The size of the batch, None if it is not known; ValueError if inputs differ in it."""
        sizes = {shape[0] for shape in shapes} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"Layer {self.name!r} cannot merge inputs with different batch sizes. "
                f"Received input shapes {shapes}."
            )
        return sizes.pop() if sizes else None

    def _broadcast(self, shape, other, shapes):
        long, short = (shape, other) if len(shape) >= len(other) else (other, shape)
        found = list(long[: len(long) - len(short)])
        for one, two in zip(long[len(found) :], short, strict=True):
            if one is None or two is None:
                found.append(None)
            elif one == two or two == 1:
                found.append(one)
            elif one == 1:
                found.append(two)
            else:
                raise ValueError(
                    f"Layer {self.name!r} cannot merge inputs of incompatible shapes: sizes must "
                    f"be equal or 1, from the last axis on. Received input shapes {shapes}."
                )
        return tuple(found)


class Pair(Merge):
    """Base: exactly two inputs."""

    def shapes_of(self, input_shape):
        shapes = super().shapes_of(input_shape)
        if len(shapes) != 2:
            raise ValueError(
                f"Layer {self.name!r} must be called on exactly 2 inputs. "
                f"Received {len(shapes)} inputs with the shapes {shapes}."
            )
        return shapes


@register
class Add(Merge):
    """The sum of all inputs, element by element.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Add()([np.ones((2, 3)), np.ones((2, 1))])[0].tolist()
    [2.0, 2.0, 2.0]
    """

    step_class: Any = steps.AddStep
    is_addition = True


@register
class Subtract(Pair):
    """The first input minus the second, element by element.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: two shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Subtract()([np.ones((2, 3)), np.ones((2, 3))])[0].tolist()
    [0.0, 0.0, 0.0]
    """

    step_class: Any = steps.SubtractStep


@register
class Multiply(Merge):
    """The product of all inputs, element by element.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Multiply()([np.full((2, 3), 2), np.full((2, 3), 3)])[0].tolist()
    [6.0, 6.0, 6.0]
    """

    step_class: Any = steps.MultiplyStep


@register
class Average(Merge):
    """The mean of all inputs, element by element.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Average()([np.full((2, 3), 2), np.full((2, 3), 3)])[0].tolist()
    [2.5, 2.5, 2.5]
    """

    step_class: Any = steps.AverageStep


@register
class Maximum(Merge):
    """The largest of all inputs, element by element; of equal ones the first gets the gradient.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Maximum()([np.full((2, 3), 2), np.full((2, 3), 3)])[0].tolist()
    [3.0, 3.0, 3.0]
    """

    step_class: Any = steps.MaximumStep
    kernel = "maximum"


@register
class Minimum(Merge):
    """The smallest of all inputs, element by element; of equal ones the first gets the gradient.

    Args:
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal or broadcast to one. Output shape: that shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Minimum()([np.full((2, 3), 2), np.full((2, 3), 3)])[0].tolist()
    [2.0, 2.0, 2.0]
    """

    step_class: Any = steps.MaximumStep
    kernel = "minimum"


@register
class Concatenate(Merge):
    """The inputs side by side along one axis.

    Args:
        axis: an integer; not the batch axis.
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: a list of shapes, equal except along `axis`. Output shape: their sizes along `axis`
    are added.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Concatenate()([np.ones((2, 4, 3)), np.ones((2, 4, 5))]).shape
    (2, 4, 8)
    """

    step_class: Any = steps.ConcatenateStep

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _checked_axis(axis, "axis")

    def compute_output_shape(self, input_shape):
        shapes = self.shapes_of(input_shape)
        rank = len(shapes[0])
        if any(len(shape) != rank for shape in shapes) or not -rank <= self.axis < rank:
            raise self._mismatch(shapes)
        axis = self.axis % rank
        if axis == 0:
            raise NotImplementedError(
                f"Layer {self.name!r}: concatenation along the batch axis is not supported. "
                f"Received axis={self.axis} and input shapes {shapes}."
            )
        for index, sizes in enumerate(zip(*shapes, strict=True)):
            if index not in (0, axis) and len(set(sizes) - {None}) > 1:
                raise self._mismatch(shapes)
        sizes = [shape[axis] for shape in shapes]
        total = None if None in sizes else sum(sizes)
        return (self.batch_size_of(shapes), *shapes[0][1:axis], total, *shapes[0][axis + 1 :])

    def _mismatch(self, shapes):
        return ValueError(
            f"Layer {self.name!r} needs inputs with equal shapes except along `axis`. "
            f"Received axis={self.axis} and input shapes {shapes}."
        )

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@register
class Dot(Pair):
    """Products of two inputs, sample by sample, summed over one axis of each.

    The other axes of both inputs remain, those of the first before those of the second; without any
    the output has one element per sample.

    Args:
        axes: the axis of both inputs, or one for each; not the batch axis.
        normalize: whether to divide the inputs by their norms along these axes before, so that the
            result is the cosine similarity. A norm counts as at least `config.epsilon()`.
        **kwargs: name, trainable, dtype (see `Layer`).

    Input shape: two shapes with the same size along `axes`. Output shape: (n, ...) or (n, 1).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Dot(axes=(1, 2))([np.ones((2, 3, 5)), np.ones((2, 10, 3))]).shape
    (2, 5, 10)
    """

    step_class: Any = steps.DotStep

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axes, (list, tuple)):
            if len(axes) != 2:
                raise ValueError(
                    f"The argument `axes` must be an integer or two integers. Received axes={axes}."
                )
            kind: Any = type(axes)  # Keras writes a list or a tuple as it was given
            self.axes = kind(_checked_axis(axis, "axes") for axis in axes)
        else:
            self.axes = _checked_axis(axes, "axes", TypeError)
        self.normalize = bool(normalize)

    def axes_of(self, shapes):
        """`axes` of the two inputs, counted from the front; ValueError if they do not fit."""
        given = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes, self.axes)
        fits = all(
            -len(shape) <= axis < len(shape) and axis % len(shape) != 0
            for axis, shape in zip(given, shapes, strict=True)
        )
        if not fits:
            raise ValueError(
                f"Layer {self.name!r}: `axes` must be axes of the inputs behind the batch axis. "
                f"Received axes={self.axes} and input shapes {shapes}."
            )
        axes = [axis % len(shape) for axis, shape in zip(given, shapes, strict=True)]
        sizes = {shape[axis] for axis, shape in zip(axes, shapes, strict=True)} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"Layer {self.name!r} needs inputs with the same size along `axes`. "
                f"Received axes={self.axes} and input shapes {shapes}."
            )
        return axes

    def compute_output_shape(self, input_shape):
        shapes = self.shapes_of(input_shape)
        axes = self.axes_of(shapes)
        sizes = [
            size
            for shape, axis in zip(shapes, axes, strict=True)
            for size in (*shape[1:axis], *shape[axis + 1 :])
        ]
        return (self.batch_size_of(shapes), *(sizes or [1]))

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _checked_axis(axis, name, error=ValueError):
    """`axis` as an int."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        kind = "an integer" if name == "axis" else "an integer or two integers"
        raise error(f"The argument `{name}` must be {kind}. Received {name}={axis!r}.")
    return int(axis)


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`"""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`"""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`"""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`"""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`"""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`"""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`"""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`"""
    return Dot(axes=axes, **kwargs)(inputs)
