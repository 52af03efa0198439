"""Base of the light layers, whose forward and backward pass are a few lines of code."""

import numpy as np

from fastcnn.core.tensor import tensor
from fastcnn.layers.base import Layer
from fastcnn.layers.steps import PlainStep, ViewStep


class PlainLayer(Layer):
    """A layer whose step provides the buffers.

    A subclass implements `apply` and `apply_backward`; `prepare` runs once per batch size.
    """

    step_class = PlainStep

    def prepare(self, call):
        """Store what `apply` and `apply_backward` need as attributes of `call`."""

    def apply(self, call):
        """Write call.y from call.x."""
        raise NotImplementedError

    def apply_backward(self, call):
        """Write call.dx from call.dy, and the weights' gradients."""
        raise NotImplementedError


class BoundPasses:
    """Mixin of a `PlainLayer` whose passes are bound kernels.

    `prepare` sets `call.forward`; `bind_gradients(call)` returns the backward pass from call.dy.
    """

    def prepare(self, call):
        call.bound_dy = None

    def apply(self, call):
        call.forward()

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.backward, call.bound_dy = self.bind_gradients(call), call.dy
        call.backward()


class ImageLayer(PlainLayer):
    """A layer that changes images.

    A direct call also takes a single image (h, w, c), or a dictionary with "images" and, as there
    are, "labels" and "segmentation_masks", which change with them.
    """

    def __call__(self, inputs, training=None):
        if isinstance(inputs, dict):
            return self._call_on_dictionary(inputs, training)
        if np.ndim(inputs) == 3:
            return super().__call__(np.asarray(inputs)[None], training)[0]
        return super().__call__(inputs, training)

    def _call_on_dictionary(self, inputs, training):
        if "images" not in inputs or "bounding_boxes" in inputs:
            raise ValueError(
                f"Layer {self.name!r} expects a dictionary with 'images' and, if needed, 'labels' "
                "and 'segmentation_masks'; bounding boxes are not supported. "
                f"Received the keys {sorted(map(str, inputs))}."
            )
        single = np.ndim(inputs["images"]) == 3
        found = {
            key: np.asarray(value)[None] if single else np.asarray(value)
            for key, value in inputs.items()
            if key in ("images", "labels", "segmentation_masks")
        }
        x = self._checked(found["images"])
        self.build_once((None, *x.shape[1:]))
        step = self.make_step()
        found["images"] = np.array(step.forward(x, training))
        call = self.call_of(step, x)
        if call is not None:
            changes = {"labels": self.change_labels, "segmentation_masks": self.change_masks}
            for key in changes.keys() & found.keys():
                found[key] = changes[key](found[key], getattr(call, "drawn", None))
        changed = {key: tensor(value[0] if single else value) for key, value in found.items()}
        return {**inputs, **changed}

    def call_of(self, step, x):
        """The `Call` of the step that has changed x; None if it has not."""
        return step._kept

    def change_labels(self, labels, drawn):
        """The labels (n, ...) of the changed images, by what was drawn for them (`call.drawn`)."""
        return labels

    def change_masks(self, masks, drawn):
        """The segmentation masks (n, h, w, c) of the changed images."""
        return masks


class ViewLayer(Layer):
    """A layer that only changes the shape and returns a view."""

    step_class = ViewStep
    is_view = True
