"""The kernels by family: each family is a file in `reference/` and, where public, in `functions/`.

The files are imported when one of their names is first used, to keep `import fastcnn` quick.
"""

FAMILIES = {
    "activations": (
        "elu_backward",
        "elu_forward",
        "relu_backward",
        "relu_forward",
        "sigmoid_backward",
        "sigmoid_forward",
        "softmax_backward",
        "softmax_forward",
        "tanh_backward",
        "tanh_forward",
    ),
    "affine": ("affine_transform_backward", "affine_transform_forward"),
    "conv": ("conv2d_backward_data", "conv2d_backward_weights", "conv2d_forward"),
    "conv_max_pool": (
        "conv2d_max_pool2d_backward_data",
        "conv2d_max_pool2d_backward_weights",
        "conv2d_max_pool2d_forward",
    ),
    "dense": ("dense_backward_data", "dense_backward_weights", "dense_forward"),
    "depthwise": (
        "depthwise_conv2d_backward_data",
        "depthwise_conv2d_backward_weights",
        "depthwise_conv2d_forward",
    ),
    "loss": ("softmax_sparse_crossentropy",),
    "normalization": (
        "batch_norm_backward",
        "batch_norm_forward",
        "batch_norm_forward_training",
    ),
    "pool": (
        "average_pool2d_backward",
        "average_pool2d_forward",
        "max_pool2d_backward",
        "max_pool2d_forward",
    ),
    "regularization": ("dropout",),
}
# Used by layers only: they change their arguments, or do what NumPy's indexing does.
INTERNAL = {"data": ("gather",), "optimizer": ("adam_update",)}
