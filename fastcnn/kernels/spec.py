"""What each kernel expects of its arrays, in one line each, and the check that holds them to it."""

import inspect
import math
from functools import cache

import numpy as np

from fastcnn.kernels import reference
from fastcnn.kernels.shapes import check_image, output_size

# "name:letters": one letter an axis; a letter is one size wherever it stands. A `?` behind the
# letters: may be None. A `!`: is written. Types other than float stand behind a slash. Letters of
# windows: (h, w) the image, (k, l) the filter, (p, q) the output.
ARRAYS = {
    "conv2d_forward": "x:nhwi w:klio b:o? y:npqo!",
    "conv2d_backward_data": "dy:npqo w:klio dx:nhwi!",
    "conv2d_backward_weights": "x:nhwi dy:npqo dw:klio! db:o?!",
    "conv2d_max_pool2d_forward": "x:nhwi w:klio b:o? y:npqo! argmax:npqo?!/uint8",
    "conv2d_max_pool2d_backward_data": "dy:npqo argmax:npqo/uint8 w:klio dx:nhwi!",
    "conv2d_max_pool2d_backward_weights": "x:nhwi dy:npqo argmax:npqo/uint8 dw:klio! db:o?!",
    "depthwise_conv2d_forward": "x:nhwi w:klim b:o? y:npqo!",
    "depthwise_conv2d_backward_data": "dy:npqo w:klim dx:nhwi!",
    "depthwise_conv2d_backward_weights": "x:nhwi dy:npqo dw:klim! db:o?!",
    "max_pool2d_forward": "x:nhwc y:npqc! argmax:npqc?!/argmax",
    "max_pool2d_backward": "dy:npqc argmax:npqc/argmax dx:nhwc!",
    "average_pool2d_forward": "x:nhwc y:npqc!",
    "average_pool2d_backward": "dy:npqc dx:nhwc!",
    "dense_forward": "x:ni w:io b:o? y:no!",
    "dense_backward_data": "dy:no w:io dx:ni!",
    "dense_backward_weights": "x:ni dy:no dw:io! db:o?!",
    "relu_forward": "x:* y:*!",
    "relu_backward": "dy:* y:* dx:*!",
    "tanh_forward": "x:* y:*!",
    "tanh_backward": "dy:* y:* dx:*!",
    "sigmoid_forward": "x:* y:*!",
    "sigmoid_backward": "dy:* y:* dx:*!",
    "elu_forward": "x:* y:*!",
    "elu_backward": "dy:* y:* dx:*!",
    "softmax_forward": "x:nc y:nc!",
    "softmax_backward": "dy:nc y:nc dx:nc!",
    "softmax_sparse_crossentropy": (
        "logits:nc labels:n/int64 scale:n losses:n! probabilities:nc! dlogits:nc!"
    ),
    "batch_norm_forward": "x:mc gamma:c? beta:c? mean:c variance:c y:mc!",
    "batch_norm_forward_training": "x:mc gamma:c? beta:c? mean:c! variance:c! y:mc!",
    "batch_norm_backward": (
        "x:mc dy:mc y:mc? gamma:c? mean:c variance:c dx:mc?! dgamma:c?! dbeta:c?!"
    ),
    "affine_transform_forward": "x:nhwc transforms:nt y:nhwc!",
    "affine_transform_backward": "dy:nhwc transforms:nt dx:nhwc!",
    "dropout": "x:* key:k/int64 y:*!",
    "adam_update": "w:z! g:z m:z! v:z! hyper:f/float64",
    "gather": "source:m*/source indices:n/int64 out:n*!",
}
TYPES = {"argmax": ("uint8", "int32"), "source": ("uint8", "float32", "float64")}
MAX_POOL_BYTE = 255  # places of a window that one byte can number, beside reference.CLOSED


@cache
def arrays_of(name):
    """[(array's name, letters, may be None, is written, types)] of the kernel `name`."""
    if name not in ARRAYS:
        raise ValueError(f"There is no kernel {name!r}. The kernels are {', '.join(ARRAYS)}.")
    parsed = []
    for entry in ARRAYS[name].split():
        array, letters = entry.split(":")
        letters, _, kind = letters.partition("/")
        types = TYPES.get(kind, (kind,)) if kind else None
        parsed.append((array, letters.strip("?!"), "?" in letters, "!" in letters, types))
    return parsed


@cache
def config_of(name):
    """The names of the kernel's keyword arguments."""
    parameters = inspect.signature(getattr(reference, name)).parameters.values()
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def check(name, arrays, config, floats):
    """Raise TypeError or ValueError unless kernel `name` can run on these arrays.

    floats: the float types that the backend computes in.
    """
    expected = arrays_of(name)
    if len(arrays) != len(expected):
        raise TypeError(f"`{name}` takes {len(expected)} arrays. Received {len(arrays)}.")
    if set(config) != config_of(name):
        raise TypeError(
            f"`{name}` takes the keywords {sorted(config_of(name))}. Received {sorted(config)}."
        )
    sizes, float_type = {}, None
    for array, (label, letters, optional, written, types) in zip(arrays, expected, strict=True):
        if array is None and optional:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"`{name}`: `{label}` must be an array. Received {type(array)}.")
        allowed = types or ((float_type,) if float_type else floats)
        if array.dtype not in allowed:
            raise TypeError(
                f"`{name}`: `{label}` must be {' or '.join(allowed)}. Received {array.dtype}."
            )
        if types is None:
            float_type = array.dtype.name
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise ValueError(f"`{name}`: `{label}` must be C-contiguous and aligned.")
        if written and not array.flags.writeable:
            raise ValueError(f"`{name}`: `{label}` is written to, but is read-only.")
        _match(name, label, letters, array.shape, sizes)
    if any(sizes.get(letter, 1) < 1 for letter in "klioc"):
        raise ValueError(f"`{name}`: filters and channels must have at least one element.")
    if "strides" in config:
        _check_windows(name, config, sizes)
    if name == "adam_update" and sizes["f"] != 4:
        raise ValueError(f"`adam_update`: `hyper` must have 4 numbers. Received {sizes['f']}.")
    if name.startswith("depthwise") and sizes["o"] != sizes["i"] * sizes["m"]:
        raise ValueError(
            f"`{name}`: the output must have {sizes['i'] * sizes['m']} channels, the input's "
            f"{sizes['i']} times {sizes['m']}. Received {sizes['o']}."
        )
    if name.startswith("affine") and sizes["t"] != 8:
        raise ValueError(f"`{name}`: `transforms` must have 8 numbers. Received {sizes['t']}.")
    if name == "dropout" and sizes["k"] != 2:
        raise ValueError(f"`dropout`: `key` must have 2 numbers. Received {sizes['k']}.")
    places = math.prod(config.get("pool_size", (1,)))
    for array, (label, *_) in zip(arrays, expected, strict=True):
        if label == "argmax" and array is not None:
            fits = places <= MAX_POOL_BYTE
            if (array.dtype == np.uint8) != fits:
                raise TypeError(
                    f"`{name}`: `argmax` of a window with {places} places must be "
                    f"{argmax_type(config['pool_size'])}. Received {array.dtype}."
                )


def argmax_type(pool_size):
    """The type that numbers the places of a pooling window: uint8, or int32 for large windows."""
    return "uint8" if math.prod(pool_size) <= MAX_POOL_BYTE else "int32"


def _match(name, label, letters, shape, sizes):
    """Give each letter its size; ValueError where two arrays disagree."""
    rest = letters.endswith("*")
    axes = letters.rstrip("*")
    fits = len(shape) >= len(axes) if rest else len(shape) == len(axes)
    named = dict(zip(axes, shape, strict=False))
    if rest:
        named["*"] = shape[len(axes) :]
    if not fits or any(sizes.setdefault(letter, size) != size for letter, size in named.items()):
        known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items())
        raise ValueError(
            f"`{name}`: `{label}` must have the shape ({', '.join(letters)}) with {known}. "
            f"Received {shape}."
        )


def _check_windows(name, config, sizes):
    """The output sizes p, q must follow from the image, the filter and the pool."""
    pads, padded = config["pads"], []
    for axis in (0, 1):
        size, before, after = sizes["hw"[axis]], pads[2 * axis], pads[2 * axis + 1]
        stride = config["strides"][axis]
        window = reach = config.get("pool_size", (1, 1))[axis]
        pool_stride = config.get("pool_strides", (1, 1))[axis]
        if min(before, after) < 0 or min(stride, window, pool_stride) < 1:
            raise ValueError(
                f"`{name}`: strides and windows must be positive, pads not negative. "
                f"Received {config}."
            )
        if "k" in sizes:
            dilation, taps = config["dilation"][axis], sizes["kl"[axis]]
            if dilation < 1:
                raise ValueError(f"`{name}`: `dilation` must be positive. Received {config}.")
            reach = (taps - 1) * dilation + 1
        if max(before, after) >= reach:
            raise ValueError(f"`{name}`: pads must be smaller than the window. Received {config}.")
        padded.append(size + before + after)
        if "k" in sizes:
            size = output_size(size, taps, stride, dilation, before, after)
            stride, before, after = pool_stride, 0, 0
        # a window over padding alone has no maximum and no mean
        empty = "k" not in sizes and size == 0
        size = 0 if empty else max(output_size(size, window, stride, 1, before, after), 0)
        if size != sizes["pq"[axis]]:
            raise ValueError(
                f"`{name}`: the output must have {size} {('rows', 'columns')[axis]} for "
                f"{config}. Received {sizes['pq'[axis]]}."
            )
    check_image((*padded, max(sizes.get(letter, 1) for letter in "ioc")))
