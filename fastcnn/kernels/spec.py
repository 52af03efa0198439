"""The kernels by family, and what each expects of its arrays, in one line each.

A family is a file in `reference/` and, where public, in `functions/`. These files are imported when
one of their names is first used, to keep `import fastcnn` quick.

The language of a line: `name:axes`, one letter an axis; a letter is the same size wherever it
stands, a digit is that size, `*` stands for any further axes. After the axes: `?` may be None (or
left out, where the reference has a default), `!` is written to, `|` may be columns of a wider array
(see `checks.is_columns`), `~` may have any strides, `/type` the type where it is not float, or a
row of `TYPES`. An array called `argmax` has the `argmax_type` of the pool. `o=im` says that the
size o is i times m.

The letters of windows: (h, w) the image, (k, l) the filter, (p, q) the output; n images, i input
channels, o output channels, c channels that are both.
"""

import math
from functools import cache

FAMILIES = {
    "activations": {
        "elu_backward": "dy:* y:* dx:*!",
        "elu_forward": "x:* y:*!",
        "relu_backward": "dy:* y:* dx:*!",
        "relu_forward": "x:* y:*!",
        "sigmoid_backward": "dy:* y:* dx:*!",
        "sigmoid_forward": "x:* y:*!",
        "softmax_backward": "dy:nc y:nc dx:nc!",
        "softmax_forward": "x:nc y:nc!",
        "tanh_backward": "dy:* y:* dx:*!",
        "tanh_forward": "x:* y:*!",
    },
    "affine": {
        "affine_transform_backward": "dy:nhwc transforms:n8 dx:nhwc!",
        "affine_transform_forward": "x:nhwc transforms:n8 y:nhwc!",
    },
    "conv": {
        "conv2d_backward_data": "dy:npqo w:klio dx:nhwi!| b:i?",
        "conv2d_backward_weights": "x:nhwi dy:npqo dw:klio! db:o?!",
        "conv2d_forward": "x:nhwi w:klio b:o? y:npqo!| residual:npqo?|",
    },
    "conv_max_pool": {
        "conv2d_max_pool2d_backward_data": "dy:npqo argmax:npqo/uint8 w:klio dx:nhwi!",
        "conv2d_max_pool2d_backward_weights": "x:nhwi dy:npqo argmax:npqo/uint8 dw:klio! db:o?!",
        "conv2d_max_pool2d_forward": "x:nhwi w:klio b:o? y:npqo! argmax:npqo?!/uint8",
    },
    "dense": {
        "dense_backward_data": "dy:no w:io dx:ni!",
        "dense_backward_weights": "x:ni dy:no dw:io! db:o?!",
        "dense_forward": "x:ni w:io b:o? y:no!",
    },
    "depthwise": {
        "depthwise_conv2d_backward_data": "dy:npqo w:klim dx:nhwi! o=im",
        "depthwise_conv2d_backward_weights": "x:nhwi dy:npqo dw:klim! db:o?! o=im",
        "depthwise_conv2d_forward": "x:nhwi w:klim b:o? y:npqo! o=im",
    },
    "loss": {
        "softmax_sparse_crossentropy": (
            "logits:nc labels:n/int64 scale:n losses:n! probabilities:nc! dlogits:nc!"
        ),
    },
    "normalization": {
        "batch_norm_backward": (
            "x:mc dy:mc y:mc? gamma:c? mean:c variance:c dx:mc?! dgamma:c?! dbeta:c?! "
            "dresidual:mc?! beta:c?"
        ),
        "batch_norm_forward": "x:mc gamma:c? beta:c? mean:c variance:c y:mc! residual:mc?",
        "batch_norm_forward_training": (
            "x:mc gamma:c? beta:c? mean:c! variance:c! y:mc! residual:mc? moving_mean:c?! "
            "moving_variance:c?!"
        ),
    },
    "pool": {
        "average_pool2d_backward": "dy:npqc dx:nhwc!",
        "average_pool2d_forward": "x:nhwc| y:npqc!",
        "max_pool2d_backward": "dy:npqc argmax:npqc/argmax dx:nhwc!",
        "max_pool2d_forward": "x:nhwc| y:npqc! argmax:npqc?!/argmax",
    },
    "regularization": {
        "dropout": "x:* key:2/int64 y:*!",
    },
}
# Used by layers only.
INTERNAL = {
    "curves": {
        "curve_backward": "dy:* kept:* dx:*!",
        "curve_forward": "x:* y:*!",
    },
    "data": {
        "gather": "source:m*/source indices:n/int64 out:n*!",
        "resize": "pixels:hwk/uint8 y:pqc!",
    },
    "log_softmax": {
        "log_softmax_backward": "dy:nc y:nc dx:nc!",
        "log_softmax_forward": "x:nc y:nc!",
    },
    "losses": {
        "categorical_hinge": "p:nc t:nc scale:n losses:n! dp:nc!",
        "categorical_loss": "p:nc t:nc scale:n alpha:c? losses:n! dp:nc!",
        "cosine_loss": "p:nc t:nc scale:n losses:n! dp:nc!",
        "elementwise_loss": "p:nc t:nc scale:n losses:n! dp:nc! probabilities:nc?!",
        "overlap_gradient": "t:mkq slope:mq offset:mq dp:mkq!",
        "overlap_sums": "t:mkq p:mkq sums:m3q!/float64",
        "softmax_crossentropy": ("logits:nc t:nc scale:n losses:n! probabilities:nc! dlogits:nc!"),
        "sparse_crossentropy": "p:nc labels:n/int64 scale:n losses:n! dp:nc!",
    },
    "merge": {
        "add": "a:* b:* y:*!",
        "average": "a:* b:* y:*!",
        "concatenate_backward": "dy:no dx:nc! result:no?",
        "concatenate_forward": "x:nc| y:no!",
        "divide": "x:* y:*!",
        "dot_backward": "dy:npqrs a:npkq b:nrks da:npkq?! db:nrks?!",
        "dot_forward": "a:npkq b:nrks y:npqrs!",
        "maximum_backward": "dy:* a:* b:* da:*?! db:*?!",
        "maximum_forward": "a:* b:* y:*!",
        "minimum_backward": "dy:* a:* b:* da:*?! db:*?!",
        "minimum_forward": "a:* b:* y:*!",
        "multiply": "a:* b:* y:*!",
        "repeat_backward": "dy:nhc dx:nc!",
        "repeat_forward": "x:nc y:nhc!",
        "subtract": "a:* b:* y:*!",
        "unit_norm_backward": "dy:nkq y:nkq factor:nq dx:nkq!",
        "unit_norm_forward": "x:nkq y:nkq! factor:nq!",
    },
    "images": {
        "change_hue": "x:nm3 turn:n factor:n y:nm3!",
        "color_matrix_backward": "dy:nm3 x:nm3 matrix:n33 dx:nm3!",
        "color_matrix_forward": "x:nm3 matrix:n33 y:nm3!",
        "flip": "x:nhwc flags:n/uint8 y:nhwc!",
        "mix": "x:n* other:a* partner:n/int64 share:n rest:n y:n*!",
        "posterize": "x:n* bits:n/uint8 y:n*!",
        "select": "x:nmc other:amc partner:n/int64 mask:nm/uint8 y:nmc!",
        "solarize": "x:n* addition:n threshold:n y:n*!",
    },
    "moves": {
        "copy": "x:*~ y:*~!",
        "frame": "x:nhwc y:npqc!",
    },
    "noise": {
        "alpha_dropout": "x:* key:2/int64 y:*!",
        "gaussian_noise": "x:* key:2/int64 y:*!",
    },
    "columns": {
        "global_max_backward": "dy:nq x:nkq y:nq dx:nkq!",
        "softmax_columns_backward": "dy:nkq y:nkq dx:nkq!",
        "softmax_columns_forward": "x:nkq y:nkq!",
        "sparsemax_backward": "dy:nkq y:nkq dx:nkq!",
        "sparsemax_forward": "x:nkq y:nkq!",
    },
    "resampling": {
        "resample": (
            "x:nhwc/source rows:pk/int32 row_weights:pk columns:ql/int32 column_weights:ql y:npqc!"
        ),
    },
    "scale_rows": {
        "scale_rows_backward": "dy:nmc x:nmc scale:nc dx:nmc! center:nc? offset:nc?",
        "scale_rows_forward": "x:nmc scale:nc y:nmc! center:nc? offset:nc?",
    },
    "prelu": {
        "prelu_backward": "dy:mc x:mc alpha:c dx:mc?! dalpha:c?!",
        "prelu_forward": "x:mc alpha:c y:mc!",
    },
    "sample_normalization": {
        "group_norm_backward": (
            "dy:nmgc x:nmgc gamma:gc? mean:ng inverse:ng dx:nmgc?! dgamma:gc?! dbeta:gc?!"
        ),
        "group_norm_forward": "x:nmgc gamma:gc? beta:gc? y:nmgc! mean:ng! inverse:ng!",
        "layer_norm_backward": (
            "dy:mc x:mc gamma:c? mean:m inverse:m dx:mc?! dgamma:c?! dbeta:c?!"
        ),
        "layer_norm_forward": "x:mc gamma:c? beta:c? y:mc! mean:m! inverse:m!",
        "rms_norm_backward": "dy:mc x:mc gamma:c? inverse:m dx:mc?! dgamma:c?!",
        "rms_norm_forward": "x:mc gamma:c? y:mc! inverse:m!",
    },
    "optimizer": {
        "factored_moments": "g:mpq r:mp! c:mq! v:mpq! change:mpq! hyper:2/float64",
        "limit_norms": "w:mkq!",
        "penalize": "x:* dx:*?! total:1?!/float64",
        "sum_squares": "x:z segments:s2/int64 sums:s!/float64",
        "update_weights": (
            "w:z! g:z a:z?! b:z?! c:z?! averages:z?! segments:s2?/int64 factors:s2?/float64 "
            "hyper:8/float64"
        ),
    },
}
TYPES = {
    "argmax": ("uint8", "int32"),
    "source": ("uint8", "float32", "float64"),
}
ARRAYS = {
    name: line
    for family in (*FAMILIES.values(), *INTERNAL.values())
    for name, line in family.items()
}
MAX_POOL_BYTE = 255  # window elements that one byte can number; the value 255 itself is CLOSED


@cache
def parsed(name):
    """(`arrays_of`, the products as (letter, letters of its factors)) of the kernel `name`."""
    if name not in ARRAYS:
        raise ValueError(f"There is no kernel {name!r}. The kernels are {', '.join(ARRAYS)}.")
    arrays, products = [], []
    for entry in ARRAYS[name].split():
        if "=" in entry:
            products.append(entry.split("="))
            continue
        label, axes = entry.split(":")
        axes, _, kind = axes.partition("/")
        types = TYPES.get(kind, (kind,)) if kind else None
        arrays.append((label, axes.strip("?!|~"), "?" in axes, "!" in axes, types))
    return arrays, products


@cache
def any_strides(name):
    """Whether the arrays of the kernel `name` need not be C-contiguous."""
    return "~" in ARRAYS[name]


def arrays_of(name):
    """The arrays that the kernel `name` takes: [(label, axes, optional, written, types)].

    types: a tuple of names, or None for floats.
    """
    return parsed(name)[0]


@cache
def columns_of(name):
    """The arrays of the kernel `name` that may be columns of a wider array."""
    return {entry.split(":")[0] for entry in ARRAYS[name].split() if "|" in entry}


def argmax_type(pool_size):
    """The type of positions in a pooling window: uint8, or int32 for large windows."""
    return "uint8" if math.prod(pool_size) <= MAX_POOL_BYTE else "int32"
