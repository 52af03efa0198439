"""Grouped convolution: the channels are divided into groups that are convolved separately.

With one input channel per group this is a depthwise convolution and uses its kernels directly: a
kernel (kh, kw, 1, groups * m) and a depthwise kernel (kh, kw, groups, m) have the same elements in
the same order. Otherwise the channels of each group are copied, convolved by the ordinary kernels,
and copied back.
"""

import numpy as np

from fastcnn import kernels
from fastcnn.core.memory import aligned


def _copies(targets, sources):
    return [kernels.Copy(*arrays) for arrays in zip(targets, sources, strict=True)]


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
    before = [*_copies(x_copies, xs), *_copies(w_copies, ws)]
    return kernels.Sequence(*before, *calls, *_copies(ys, y_copies))


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
    before = [*_copies(dy_copies, dys), *_copies(w_copies, ws)]
    return kernels.Sequence(*before, *calls, *_copies(dxs, dx_copies))


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
    before = [*_copies(x_copies, xs), *_copies(dy_copies, dys)]
    return kernels.Sequence(*before, *calls, *_copies(dws, dw_copies))
