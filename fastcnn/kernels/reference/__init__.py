"""Every kernel in plain NumPy: same names and arguments as the native ones, written for clarity.

This is the specification: the native kernels are tested against it, and a whole network can be
trained on it (`fastcnn.config.set_backend("reference")`). Arrays are float32 or float64; sums are
computed in the arrays' own type. Images are (n, height, width, channels), filters (kh, kw, ic, oc).
Outputs are written in place, inputs are not modified, nothing is returned.

The letters: n image, oh/ow output row and column, oc output channel, kh/kw row and column of the
window, ic input channel; dx, dw, db, dy are gradients of the loss. pads = (top, bottom, left,
right). Shapes and types are checked by `fastcnn.kernels.bind`, not here.
"""

from fastcnn.kernels.reference.activations import (
    elu_backward,
    elu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from fastcnn.kernels.reference.affine import affine_transform_backward, affine_transform_forward
from fastcnn.kernels.reference.conv import (
    conv2d_backward_data,
    conv2d_backward_weights,
    conv2d_forward,
)
from fastcnn.kernels.reference.conv_max_pool import (
    CLOSED,
    conv2d_max_pool2d_backward_data,
    conv2d_max_pool2d_backward_weights,
    conv2d_max_pool2d_forward,
)
from fastcnn.kernels.reference.data import gather
from fastcnn.kernels.reference.dense import (
    dense_backward_data,
    dense_backward_weights,
    dense_forward,
)
from fastcnn.kernels.reference.depthwise import (
    depthwise_conv2d_backward_data,
    depthwise_conv2d_backward_weights,
    depthwise_conv2d_forward,
)
from fastcnn.kernels.reference.dropout import dropout
from fastcnn.kernels.reference.loss import softmax_sparse_crossentropy
from fastcnn.kernels.reference.normalization import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_forward_training,
)
from fastcnn.kernels.reference.optimizer import adam_update
from fastcnn.kernels.reference.pool import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)

__all__ = [
    "CLOSED",
    "adam_update",
    "affine_transform_backward",
    "affine_transform_forward",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_forward_training",
    "conv2d_backward_data",
    "conv2d_backward_weights",
    "conv2d_forward",
    "conv2d_max_pool2d_backward_data",
    "conv2d_max_pool2d_backward_weights",
    "conv2d_max_pool2d_forward",
    "dense_backward_data",
    "dense_backward_weights",
    "dense_forward",
    "depthwise_conv2d_backward_data",
    "depthwise_conv2d_backward_weights",
    "depthwise_conv2d_forward",
    "dropout",
    "elu_backward",
    "elu_forward",
    "gather",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "softmax_sparse_crossentropy",
    "tanh_backward",
    "tanh_forward",
]
