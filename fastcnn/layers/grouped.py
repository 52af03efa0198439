"""Grouped convolution: the channels are divided into groups that are convolved separately.

With one input channel per group this is a depthwise convolution and uses its kernels directly: a
kernel (kh, kw, 1, groups * m) and a depthwise kernel (kh, kw, groups, m) have the same elements in
the same order. Otherwise the channels of each group are copied, convolved by the ordinary kernels,
and copied back.
"""

import numpy as np

from fastcnn import kernels
from fastcnn.core.memory import aligned


class Grouped:
    """The kernels of all groups, with the copies before and after.

    before, after: pairs (target, source) of arrays of one shape.
    """

    def __init__(self, calls, before, after):
        self.calls, self.before, self.after = calls, before, after

    def __call__(self, version=None):
        for target, source in self.before:
            np.copyto(target, source)
        for call in self.calls:
            call()  # without a version: the weights were copied again
        for target, source in self.after:
            np.copyto(target, source)


def _parts(array, groups):
    """Views of the groups along the last axis, and buffers for their copies."""
    views = np.split(array, groups, axis=-1)
    return views, [aligned(view.shape, array.dtype) for view in views]


def _depthwise(groups, w):
    """`w` as a depthwise kernel, or None."""
    if w.shape[2] != 1:
        return None
    return w.reshape(*w.shape[:2], groups, w.shape[3] // groups)


def bind_forward(groups, x, w, b, y, **config):
    """conv2d_forward in groups: x (n, h, w, ic), w (kh, kw, ic / groups, oc), y (n, oh, ow, oc)."""
    depthwise = _depthwise(groups, w)
    if depthwise is not None:
        return kernels.bind("depthwise_conv2d_forward", x, depthwise, b, y, **config)
    (xs, x_copies), (ws, w_copies), (ys, y_copies) = (_parts(a, groups) for a in (x, w, y))
    bs = np.split(b, groups) if b is not None else [None] * groups
    calls = [
        kernels.bind("conv2d_forward", *arrays, **config)
        for arrays in zip(x_copies, w_copies, bs, y_copies, strict=True)
    ]
    before = [*zip(x_copies, xs, strict=True), *zip(w_copies, ws, strict=True)]
    return Grouped(calls, before, list(zip(ys, y_copies, strict=True)))


def bind_backward_data(groups, dy, w, dx, **config):
    """conv2d_backward_data in groups."""
    depthwise = _depthwise(groups, w)
    if depthwise is not None:
        return kernels.bind("depthwise_conv2d_backward_data", dy, depthwise, dx, **config)
    (dys, dy_copies), (ws, w_copies), (dxs, dx_copies) = (_parts(a, groups) for a in (dy, w, dx))
    calls = [
        kernels.bind("conv2d_backward_data", *arrays, **config)
        for arrays in zip(dy_copies, w_copies, dx_copies, strict=True)
    ]
    before = [*zip(dy_copies, dys, strict=True), *zip(w_copies, ws, strict=True)]
    return Grouped(calls, before, list(zip(dxs, dx_copies, strict=True)))


def bind_backward_weights(groups, x, dy, dw, db, **config):
    """conv2d_backward_weights in groups; db may be None."""
    depthwise = _depthwise(groups, dw)
    if depthwise is not None:
        return kernels.bind("depthwise_conv2d_backward_weights", x, dy, depthwise, db, **config)
    (xs, x_copies), (dys, dy_copies), (dws, dw_copies) = (_parts(a, groups) for a in (x, dy, dw))
    dbs = np.split(db, groups) if db is not None else [None] * groups
    calls = [
        kernels.bind("conv2d_backward_weights", *arrays, **config)
        for arrays in zip(x_copies, dy_copies, dw_copies, dbs, strict=True)
    ]
    before = [*zip(x_copies, xs, strict=True), *zip(dy_copies, dys, strict=True)]
    return Grouped(calls, before, list(zip(dws, dw_copies, strict=True)))
