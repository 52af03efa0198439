"""Random arguments for every kernel: `draw(kernel, number)` always makes the same call.

Shapes and arrays follow from the table in kernels/spec.py, so a kernel that is added there is
tested by everything that draws from here (test_exactness.py, test_guard_pages.py). Integers
where the result is then exact, reals for the kernels in `TOLERANCES`.
"""

import contextlib
import inspect
import math
import zlib

import numpy as np

from fastcnn.kernels import checks, choice, functions, spec
from fastcnn.kernels.reference import losses
from fastcnn.kernels.reference.curves import FUNCTIONS
from fastcnn.kernels.reference.optimizer import RULES
from tests.support.kernel_cases import Call, integers, reals
from tests.support.shapes import CHANNELS, pads_and_output

MOST_WORK = 1_000_000  # multiply-adds of a call: the reference takes a few milliseconds for them
EPS = np.finfo(np.float32).eps
TINY = np.finfo(np.float32).tiny  # smaller values may count as 0


def generator(kernel, number):
    """The random generator of call `number` of `kernel`."""
    return np.random.default_rng([zlib.crc32(kernel.encode()), number])


def draw(kernel, number, any_pads=True):
    """The `Call` of that number; without `any_pads`, with the pads of "valid" or "same"."""
    rng = generator(kernel, number)
    sizes, config = _sizes(kernel, rng, any_pads)
    arrays = [_array(kernel, rng, sizes, config, *entry) for entry in spec.arrays_of(kernel)]
    if kernel == "update_weights":
        count = RULES[config["rule"]][1]
        arrays[2:5] = [array if index < count else None for index, array in enumerate(arrays[2:5])]
        if arrays[6] is None:
            arrays[7] = None  # factors are those of segments
    if kernel == "batch_norm_backward" and config["relu"] and arrays[2] is None:  # y is recomputed
        arrays[9] = None  # dresidual: there was no residual
    return Call(kernel, arrays, config, 1)


def algorithms(call):
    """The algorithms that can run the call, for `taking`; (None,) where there is no choice."""
    if call.kernel not in choice.ALGORITHMS:
        return (None,)
    labels = [label for label, *_ in spec.arrays_of(call.kernel)]
    x, y, w = (
        call.arrays[labels.index(name if name in labels else "d" + name)].shape for name in "xyw"
    )
    config = [call.config[key] for key in ("strides", "dilation")]
    pool = [call.config[key] for key in ("pool_size", "pool_strides") if key in call.config]
    return tuple(choice.algorithms(call.kernel, choice.ConvShape(w, x, y, *config, *pool)))


def taking(kernel, algorithm):
    """A context in which `kernel` is bound with this algorithm."""
    if algorithm is None:
        return contextlib.nullcontext()
    return choice.forced(kernel, algorithm)


def public_call(name):
    """(function, {name: array}, other arguments) of a drawn call of kernels.functions."""
    function = getattr(functions, name)
    wanted = inspect.signature(function).parameters
    for number in range(500):
        call = draw(name, number, any_pads=False)
        labels = [label for label, *_ in spec.arrays_of(name)]
        arrays = dict(zip(labels, call.arrays, strict=True))
        others = {key: value for key, value in call.config.items() if key in wanted}
        if "padding" in wanted:
            others["padding"] = "same" if any(call.config["pads"]) else "valid"
        if "image_size" in wanted:
            others["image_size"] = arrays["dx"].shape[1:3]
        if "kernel_size" in wanted:
            others["kernel_size"] = arrays["dw"].shape[:2]
        inputs = {key: arrays[key] for key in wanted if arrays.get(key) is not None}
        others |= {key: None for key in wanted if key in arrays and arrays[key] is None}
        first = next(iter(inputs.values()))
        is_full = all(array is None or array.size for array in call.arrays)
        if is_full and first.ndim and len(first) > 1 and first.size < 5000:
            return function, inputs, others
    raise AssertionError(f"None of the first calls of {name} has a medium size.")


# ------------------------------------------------------------------------------------------ sizes


def _sizes(kernel, rng, any_pads):
    """({letter: size}, keywords)."""
    letters = {letter for _, axes, *_ in spec.arrays_of(kernel) for letter in axes}
    keywords = checks.keywords_of(kernel)
    sizes = {letter: int(rng.choice(CHANNELS)) for letter in sorted(letters & set("ioc"))}
    sizes["n"] = int(rng.choice((0, 1, 1, 2, 2, 3, 5, 9, 17, 33)))
    config = {}
    if "strides" in keywords:
        config = _windows(keywords, rng, sizes, any_pads)
        _limit_work(sizes, config)
    else:
        few = int(rng.choice((0, 1, 2, 5, 16, 33, 200)))
        sizes["*"] = _any_shape(rng)
        sizes |= {"m": few, "z": math.prod(sizes["*"])}
        sizes |= {"h": int(rng.integers(0, 12)), "w": int(rng.integers(0, 12))}
        if "h" not in letters:
            sizes["n"] = few
    if kernel == "gather":
        sizes |= {"m": int(rng.integers(sizes["n"] > 0, 20)), "*": sizes["*"][1:]}
    if "start" in keywords:  # columns of a wider matrix
        config["start"] = int(rng.integers(0, 20))
        sizes["o"] = config["start"] + sizes["c"] + int(rng.integers(0, 20))
    if kernel.startswith("group_norm"):
        sizes |= {"m": few % 50, "g": int(rng.choice((1, 2, 3, 8)))}
    if "segments" in {label for label, *_ in spec.arrays_of(kernel)}:
        sizes["s"] = int(rng.integers(1, 6))
    if kernel in ("factored_moments", "limit_norms"):
        sizes |= {letter: int(rng.choice((0, 1, 1, 2, 3, 5, 9, 33))) for letter in "mpq"}
        sizes["k"] = int(rng.choice((1, 2, 9, 200)))
    if kernel == "factored_moments":  # a mean needs an element
        sizes |= {letter: max(sizes[letter], 1) for letter in "pq"}
    if kernel == "limit_norms":
        config["most"] = float(rng.choice((3, 1e7)))
    if kernel.startswith(("dot", "unit")):  # mostly small: five of them are multiplied
        sizes["n"] = min(few, 9)
        sizes |= {letter: int(rng.choice((0, 1, 1, 1, 2, 3, 5, 7))) for letter in "pqrs"}
        sizes["k"] = int(rng.choice((1, 2, 3, 9)))
        sizes["pkqrs"[int(rng.integers(5))]] = int(rng.choice((1, 8, 17, 33)))
    if kernel.startswith(("change_hue", "color_matrix", "scale_rows", "select")):
        sizes["n"] = min(few, 9)
    if "a" in letters:  # other images
        sizes["a"] = int(rng.integers(1, 5))
    if kernel.startswith("depthwise"):
        sizes["m"] = int(rng.integers(1, 5))
        sizes["o"] = sizes["i"] * sizes["m"]
    if (
        "q" in letters
        and "strides" not in keywords
        and not kernel.startswith(("dot", "factored", "limit", "overlap"))
    ):
        _size_images(kernel, rng, sizes)
    if kernel == "resize":
        sizes |= {letter: int(rng.integers(1, 20)) for letter in "hwpq"}
        sizes["k"] = sizes["c"] + int(rng.integers(2))
    if kernel in LOSSES:
        function = str(rng.choice(sorted(LOSSES[kernel])))
        config |= {"function": function, "parameters": LOSSES[kernel][function]}
    if kernel.startswith("overlap"):
        sizes |= {letter: int(rng.choice((0, 1, 1, 2, 3, 9, 33))) for letter in "mq"}
        sizes["k"] = int(rng.choice((1, 2, 9, 3000)))
    for key in sorted(keywords - set(config)):
        config[key] = KEYWORDS[key](rng)
    if "function" in keywords and kernel not in LOSSES:
        config["parameters"] = CURVE_PARAMETERS.get(config["function"], ())
    return sizes, config


def _size_images(kernel, rng, sizes):
    """Sizes of images and columns that do not follow from windows."""
    sizes["n"] = min(sizes["n"], 9)
    most = 300 if "columns" in kernel or "max" in kernel else 12
    sizes["q"] = int(rng.integers(0, most))
    sizes |= {"p": int(rng.integers(0, 12)), "k": int(rng.choice((1, 2, 3, 9)))}
    if kernel == "resample":
        sizes |= {"l": int(rng.choice((1, 2, 3, 5))), "c": int(rng.choice((1, 2, 3, 4, 9, 33)))}
        sizes |= {"h": int(rng.integers(1, 12)), "w": int(rng.integers(1, 40))}


KEYWORDS = {
    "accumulate": lambda rng: bool(rng.integers(2)),
    "nearest": lambda rng: bool(rng.integers(2)),
    "relu": lambda rng: bool(rng.integers(2)),
    "relu_max": lambda rng: float(rng.choice((math.inf, math.inf, 2, 6))),
    "count": lambda rng: int(rng.integers(1, 9)),
    "divisor": lambda rng: float(rng.choice((-1, 2, 3, 7))),
    "l1": lambda rng: float(rng.choice((0, 0.5, 2))),
    "l2": lambda rng: float(rng.choice((0, 0.25, 1))),
    "least": lambda rng: float(rng.choice((0, 1, 3))),
    "most": lambda rng: 1e7,
    "smoothing": lambda rng: float(rng.choice((0, 0.25))),
    "rule": lambda rng: str(rng.choice(sorted(RULES))),
    "alpha": lambda rng: float(rng.uniform(0.1, 2)),
    "momentum": lambda rng: float(rng.choice((0.5, 0.9, 0.99))),
    "epsilon": lambda rng: float(rng.choice((1e-3, 1e-5))),
    "rate": lambda rng: float(rng.choice((0, 0.25, 0.5, 0.9, 1))),
    "interpolation": lambda rng: str(rng.choice(("nearest", "bilinear"))),
    "fill_mode": lambda rng: str(rng.choice(("reflect", "wrap", "nearest", "constant"))),
    "fill_value": lambda rng: float(rng.integers(-3, 4)),
    "log": lambda rng: bool(rng.integers(2)),
    "multiplies": lambda rng: bool(rng.integers(2)),
    **dict.fromkeys(("bounded", "horizontal", "vertical"), lambda rng: bool(rng.integers(2))),
    "lowest": lambda rng: 0.0,
    "extent": lambda rng: 255.0,
    "stddev": lambda rng: float(rng.choice((0, 0.25, 1))),
    "dropped": lambda rng: float(rng.integers(-3, 4)),
    "scale": lambda rng: float(rng.choice((-1, 0.5, 2))),
    "offset": lambda rng: float(rng.integers(-3, 4)),
    "top": lambda rng: int(rng.integers(-12, 12)),
    "left": lambda rng: int(rng.integers(-12, 12)),
    "value": lambda rng: float(rng.choice((0.0, -0.0, 7.0))),
    "low": lambda rng: float(rng.choice((-math.inf, -3))),
    "high": lambda rng: float(rng.choice((math.inf, 5))),
    "function": lambda rng: str(rng.choice(sorted(FUNCTIONS))),
    "parameters": lambda rng: (),  # those of the function
}
CURVE_PARAMETERS = {
    "celu": (0.75,),
    "hard_shrink": (0.5,),
    "relu": (0.25, 2.0, 0.5),
    "soft_shrink": (0.5,),
    "squareplus": (2.0,),
}


# {kernel: {function: parameters}}
CLIP = (np.float32(1e-7), np.float32(1) - np.float32(1e-7))
LOSSES = {
    "categorical_loss": {"category": CLIP, "category_focal": (*CLIP, 2.0)},
    "elementwise_loss": {
        "absolute": (),
        "binary": CLIP,
        "binary_focal": (*CLIP, 2.0, 0.25),
        "binary_focal_logits": (*CLIP, 1.5, np.nan),
        "binary_logits": (),
        "hinge": (),
        "huber": (0.75,),
        "kl_divergence": (1e-7,),
        "log_cosh": (),
        "logarithmic": (1e-7,),
        "percentage": (1e-7,),
        "poisson": (1e-7,),
        "squared": (),
        "squared_hinge": (),
    },
}
ON_PROBABILITIES = ("binary", "binary_focal", "category", "category_focal", "kl_divergence")


def _any_shape(rng):
    """The shape of an elementwise kernel: mostly small, sometimes enough for several tasks."""
    chance = rng.random()
    if chance < 0.1:
        return (int(rng.integers(16_000, 50_000)),)
    axes = 0 if chance < 0.12 else rng.integers(1, 5)
    return tuple(int(size) for size in rng.integers(0, 12, axes))


def _windows(keywords, rng, sizes, any_pads):
    """strides, pads, dilation, pool_size, pool_strides; enters the sizes h, w, k, l, p, q."""

    def two(low, high):
        return tuple(int(size) for size in rng.integers(low, high + 1, 2))

    is_conv = "dilation" in keywords
    padding = str(rng.choice(("valid", "same")))
    window, strides, dilation = two(1, 7), two(1, 3), (1, 1)
    chance = rng.random() if is_conv else 1
    if chance < 0.4:  # what most algorithms are made for
        window, strides = (3, 3), (1, 1)
    elif chance < 0.6:  # what Winograd's method takes apart
        window, strides = tuple(int(side) for side in rng.choice((3, 5, 7), 2)), (1, 1)
    elif chance < 0.75:
        dilation = two(1, 3)
    pool, pool_strides = (1, 1), (1, 1)
    if "pool_strides" in keywords:
        pool, pool_strides = (two(1, 3), two(1, 3)) if rng.random() < 0.5 else ((2, 2), (2, 2))
    image = []
    for axis in (0, 1):
        most = 8 if rng.random() < 0.9 else 40
        rows = pool[axis] + int(rng.integers(0, most))  # of the window's output
        stride, reach = strides[axis], (window[axis] - 1) * dilation[axis] + 1
        rest = int(rng.integers(0, stride))
        valid = (rows - 1) * stride + reach + rest
        size = valid if padding == "valid" else rows * stride - rest
        chance = rng.random()
        if chance < 0.02:
            size = 0
        elif chance < 0.05:  # no window fits, or one without the rest that usually is there
            size = int(rng.integers(0, reach + 1))
        image.append(size)
    pads, out = pads_and_output(image, window, strides, padding, dilation)
    if any_pads and (0 in image or rng.random() < 0.1):
        reach = [(length - 1) * spread + 1 for length, spread in zip(window, dilation, strict=True)]
        pads = tuple(int(rng.integers(0, reach[axis])) for axis in (0, 0, 1, 1))
        out = tuple(
            (image[axis] + sum(pads[2 * axis : 2 * axis + 2]) - reach[axis]) // strides[axis] + 1
            for axis in (0, 1)
        )
    sizes |= dict(zip("hw", image, strict=True))
    sizes |= dict(zip("kl", window, strict=True))
    sizes |= {
        letter: max((full - length) // step + 1, 0) if size or is_conv else 0
        for letter, full, length, step, size in zip(
            "pq", out, pool, pool_strides, image, strict=True
        )
    }
    given = {"strides": strides, "pads": pads, "dilation": dilation, "pool_size": window}
    if "pool_strides" in keywords:
        given |= {"pool_size": pool, "pool_strides": pool_strides}
    return {key: value for key, value in given.items() if key in keywords}


def _limit_work(sizes, config):
    """Fewer images or channels until a call is cheap enough."""
    smaller = {size: CHANNELS[max(i - 3, 0)] for i, size in enumerate(CHANNELS)}
    pool = math.prod(config.get("pool_strides", ()))
    while pool * math.prod(sizes.get(letter, 1) for letter in "npqklioc") > MOST_WORK:
        letter = max(set(sizes) & set("nioc"), key=lambda letter: (sizes[letter], letter))
        sizes[letter] = 1 if letter == "n" else smaller[sizes[letter]]


# ----------------------------------------------------------------------------------------- arrays


def _array(kernel, rng, sizes, config, label, letters, optional, written, types):
    """One argument of the call; optional ones are missing now and then."""
    is_state = kernel == "update_weights" and label in ("a", "b", "c")
    if optional and not is_state and rng.random() < 0.25:
        return None
    axes = letters.rstrip("*")
    shape = tuple(int(axis) if axis.isdigit() else sizes[axis] for axis in axes)
    shape += sizes["*"] if "*" in letters else ()
    if is_state:
        high = 256 if label == "a" and "centered" in config["rule"] else 0  # above b^2
        return np.abs(integers(rng, *shape)) + np.float32(high)
    if kernel == "factored_moments" and label in ("r", "c"):
        return np.abs(integers(rng, *shape)) + np.float32(1)
    if label == "argmax":
        argmax = rng.integers(0, math.prod(config["pool_size"]), shape)
        if spec.argmax_type(config["pool_size"]) == "uint8":
            argmax[rng.random(shape) < 0.25] = 255  # relu made the output 0
        return argmax.astype(spec.argmax_type(config["pool_size"]))
    if label == "labels":
        return rng.integers(-1 if kernel == "sparse_crossentropy" else 0, sizes["c"], shape)
    if label in ("t", "p") and (kernel in LOSSES or kernel == "sparse_crossentropy"):
        function = config.get("function", "category")
        if label == "t" and function.endswith("hinge"):
            return rng.choice((0, 1) if rng.random() < 0.5 else (-1, 1), shape).astype(np.float32)
        if (
            function in ON_PROBABILITIES
            or function == "poisson"
            or (label == "t" and function.startswith("binary"))
        ):
            return rng.uniform(0.02, 0.98, shape).astype(np.float32)
    if label == "indices":
        return rng.integers(0, sizes["m"], shape)
    if label == "key":
        return rng.integers(0, 2**32, shape)
    if label == "pixels":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if label == "partner":
        return rng.integers(0, sizes["a"], shape)
    if label in ("flags", "mask"):
        return rng.integers(0, 2, shape).astype(np.uint8)
    if label == "bits":
        return rng.integers(0, 8, shape).astype(np.uint8)
    if kernel in ("posterize", "solarize"):
        return rng.integers(-20, 300, shape).astype(np.float32)
    if label in ("rows", "columns"):  # of resample
        most = sizes["h" if label == "rows" else "w"]
        taps = rng.integers(0, most, shape)
        if len(taps) > 1 and rng.random() < 0.5:
            taps[1::2] = taps[: -1 if len(taps) % 2 else None : 2]  # repeated
        return taps.astype(np.int32)
    if label in ("row_weights", "column_weights"):
        return rng.integers(-1, 3, shape).astype(np.float32)
    if types == spec.TYPES["source"]:
        return rng.integers(0, 256, shape).astype(rng.choice(types))
    if label == "segments":
        ends = np.sort(rng.integers(0, sizes["z"] + 1, (sizes["s"], 2)).ravel()).reshape(-1, 2)
        return np.stack([ends[:, 0], ends[:, 1] - ends[:, 0]], 1)
    if label == "factors":
        return rng.choice((0.0, 0.25, 0.5, 1.0), shape)
    if label == "hyper":
        numbers = rng.choice((0.25, 0.5, 0.75), shape)
        if kernel == "update_weights":
            numbers[6] = rng.choice((np.inf, 2.0))
        return numbers
    if label == "transforms":  # rotations, flips and shifts by halves have exact weights
        turn = rng.choice((-1, 0, 0.5, 1, 2), (sizes["n"], 2, 2))
        shift = rng.integers(-40, 41, (sizes["n"], 2, 1)) / 2
        rows = np.concatenate([turn, shift], 2).reshape(-1, 6)
        return np.pad(rows, ((0, 0), (0, 2))).astype(np.float32)
    if label in ("inverse", "variance"):
        return 0.5 + np.abs(reals(rng, *shape))
    if kernel == "average_pool2d_backward":  # divisible by every count of elements
        return integers(rng, *shape) * np.float32(divisible(config["pool_size"]))
    if kernel.startswith("softmax_backward") and label == "y":
        return np.abs(reals(rng, *shape)) / sizes["c"]
    array = (reals if kernel in TOLERANCES else integers)(rng, *shape)
    if types == ("float64",):
        return array.astype(np.float64)
    if kernel in COPIES:
        np.copyto(array, -0.0, where=(array == 0) & (rng.random(shape) < 0.5))
    return array


# Kernels that copy values: -0.0 stays -0.0.
COPIES = (
    "concatenate_backward",
    "concatenate_forward",
    "copy",
    "dropout",
    "flip",
    "frame",
    "max_pool2d_forward",
    "maximum_backward",
    "maximum_forward",
    "minimum_backward",
    "minimum_forward",
    "relu_backward",
    "relu_forward",
    "repeat_forward",
    "select",
)


def divisible(pool_size):
    """A multiple of every possible count of a window's elements inside an image."""
    height, width = pool_size
    return math.lcm(*range(1, height + 1)) * math.lcm(*range(1, width + 1))


# ------------------------------------------------------------------------------------- tolerances

# For kernels whose result is not exact: {index of an output: largest error}, from the call's
# arrays and the result in float64. Each is the number of roundings times what they round.


def _ulps(count):
    def bound(call, expected):
        size = np.maximum(np.abs(expected[1]), TINY).astype(np.float32)
        return {1: count * np.spacing(size).astype(np.float64) + 2 * TINY}

    return bound


def _three_roundings(call, expected):
    dy, y, _ = call.arrays
    alpha = call.config.get("alpha", 1.0)
    return {2: 3 * EPS * np.abs(dy) * (1 + max(alpha, 0.5) + np.abs(y)) ** 2}


def _curve(call, expected):
    """Four roundings of y, but more where x is subtracted or multiplied by a large exponent."""
    x, function = np.abs(call.arrays[0]), call.config["function"]
    terms = 4 * np.abs(expected[1])
    if function.startswith(("hard", "sparse", "tanh")):
        terms = terms + 1 + x
    if function == "gelu_approximate":
        terms = terms * (1 + x + x**3 / 20)
    return {1: EPS * terms + 2 * TINY}


def _curve_gradient(call, expected):
    dy, kept, _ = call.arrays
    return {2: 8 * EPS * np.abs(dy) * (2 + np.abs(kept)) + 2 * TINY}


def _softmax(call, expected):
    logits = call.arrays[0]
    terms = logits.shape[1] + 8 + np.abs(logits).max(initial=0)
    return {
        i: 2 * terms * EPS * np.maximum(1, np.abs(expected[i]).max(initial=0)) for i in call.outputs
    }


def _softmax_crossentropy(call, expected):
    bounds = _softmax(call, expected)
    return bounds | {5: bounds[5] * max(1, np.abs(call.arrays[2]).max(initial=0))}


def _softmax_backward(call, expected):
    dy, y, _ = call.arrays
    total = (np.abs(dy * y)).sum(1, keepdims=True)
    return {2: 2 * (dy.shape[1] + 2) * EPS * np.abs(y) * (np.abs(dy) + total)}


def _unit_norm(call, expected):
    """The sum of squares, to the number of its terms, and a root."""
    terms = (call.arrays[0].shape[1] + 4) * EPS
    return {1: terms * np.abs(expected[1]), 2: terms * expected[2]}


def _unit_norm_backward(call, expected):
    dy, y, factor, _ = call.arrays
    terms = 2 * (dy.shape[1] + 4) * EPS
    total = np.abs(dy * y).sum(1, keepdims=True)
    return {3: terms * (np.abs(dy) + np.abs(y) * total) * np.abs(factor[:, None])}


def _gaussian(call, expected):
    """A few roundings of x and of the noise, which is at most 6.4, and in the noise's logarithm."""
    x, stddev = np.abs(call.arrays[0]), call.config["stddev"]
    noise = stddev * 7 * (x if call.config["multiplies"] else 1)
    return {2: EPS * (2 * x + 8 * noise)}


def _change_hue(call, expected):
    """Hue is a quotient of differences of colors: the ramps have a few of its errors, by value."""
    x, _, factor, _ = call.arrays
    lowest, extent = call.config["lowest"], call.config["extent"]
    size = np.abs(x - lowest).max(2, keepdims=True, initial=0) + abs(lowest) + abs(extent)
    saturation = np.maximum(1, np.abs(factor))[:, None, None] + 8
    return {3: 0 * expected[3] + 64 * EPS * size * saturation}


def _sparsemax(call, expected):
    """The threshold is a mean of differences."""
    x = call.arrays[0]
    terms = 2 * (x.shape[1] + 4) * EPS
    return {1: terms * (1 + 2 * np.abs(x).max(initial=0)) + 0 * expected[1]}


def _sparsemax_backward(call, expected):
    dy = np.abs(call.arrays[0])
    return {2: 2 * (dy.shape[1] + 4) * EPS * (dy + dy.max(1, keepdims=True, initial=0))}


def _rms_norm(call, expected):
    """The mean of squares, to the number of its terms, a root and a few roundings."""
    terms = (call.arrays[0].shape[1] + 8) * EPS
    return {2: terms * np.abs(expected[2]), 3: terms * expected[3]}


def _rms_norm_backward(call, expected):
    dy, x, gamma, inverse, *_ = call.arrays
    h, d = np.abs(x * inverse[:, None]), np.abs(dy if gamma is None else dy * gamma)
    terms = 2 * (x.shape[1] + 8) * EPS
    along = (d * h).mean(1, keepdims=True)
    rows = 2 * (len(x) + 8) * EPS
    return {
        4: terms * inverse[:, None] * (d + h * along),
        5: rows * (np.abs(dy) * h).sum(0),
    }


def _log_softmax_backward(call, expected):
    dy, y, _ = call.arrays
    total = np.abs(dy).sum(1, keepdims=True)
    return {2: 2 * (dy.shape[1] + 4) * EPS * (np.abs(dy) + np.exp(y) * total)}


def _group_norm(call, expected):
    """Moments to the number of their terms; y has their errors, and a few roundings."""
    x, gamma, beta, *_ = call.arrays
    moments = [array if x.ndim == 4 else array[:, None] for array in expected[4:6]]
    x, shape = (x if x.ndim == 4 else x[:, None, None]).astype(np.float64), x.shape
    mean, inverse = (array[:, None, :, None] for array in moments)
    size = np.abs(x).max((1, 3), keepdims=True, initial=0)
    terms = 2 * (x.shape[1] * x.shape[3] + 4) * EPS
    of_mean = terms * size
    of_inverse = inverse**3 * terms * 4 * size**2 + 4 * EPS * inverse
    scale = 1 if gamma is None else np.abs(gamma)
    error = inverse * (8 * EPS * (np.abs(x) + size) + of_mean) + 2 * size * of_inverse
    offset = 0 if beta is None else np.abs(beta)
    y = scale * (error + 8 * EPS * np.abs(x - mean) * inverse) + 8 * EPS * offset
    shapes = expected[4].shape
    return {3: y.reshape(shape), 4: of_mean.reshape(shapes), 5: of_inverse.reshape(shapes)}


def _group_norm_backward(call, expected):
    dy, x, gamma, mean, inverse, *_ = call.arrays
    shape = x.shape
    if x.ndim == 2:
        dy, x, mean, inverse = dy[:, None, None], x[:, None, None], mean[:, None], inverse[:, None]
    mean, inverse = mean[:, None, :, None], np.abs(inverse[:, None, :, None])
    h = (np.abs(x) + np.abs(mean)) * inverse
    d = np.abs(dy) * (1 if gamma is None else np.abs(gamma))
    terms = 2 * (x.shape[1] * x.shape[3] + 8) * EPS
    means = [a.sum((1, 3), keepdims=True) / max(x.shape[1] * x.shape[3], 1) for a in (d, d * h)]
    rows = 2 * (x.shape[0] * x.shape[1] + 8) * EPS
    dgamma, dbeta = rows * (np.abs(dy) * h).sum((0, 1)), rows * np.abs(dy).sum((0, 1))
    return {
        5: (terms * inverse * (d + means[0] + h * means[1])).reshape(shape),
        6: dgamma if len(shape) == 4 else dgamma[0],
        7: dbeta if len(shape) == 4 else dbeta[0],
    }


def _softmax_columns_backward(call, expected):
    return (_log_softmax_backward if call.config["log"] else _softmax_backward)(call, expected)


def _batch_norm(call, expected):
    x, gamma, beta, mean, variance, _, residual = call.arrays
    scale = 1 / np.sqrt(variance + call.config["epsilon"])
    if gamma is not None:
        scale = scale * np.abs(gamma)
    offset = 0 if beta is None else np.abs(beta)
    if residual is not None:
        offset = offset + np.abs(residual)
    return {5: 8 * EPS * ((np.abs(x) + np.abs(mean)) * scale + offset)}


def _batch_norm_training(call, expected):
    """Moments to the rows' number of roundings; y has those errors, grown by 1 / deviation.

    The moving averages have the moments' errors and three roundings of their own.
    """
    x, gamma, beta, *_, residual, _, _ = call.arrays
    rows = 2 * max(len(x), 1) * EPS
    size = np.abs(x).max(0, initial=0).astype(np.float64)
    bounds = {3: rows * size, 4: rows * 4 * size**2}
    for i, average in ((7, call.arrays[7]), (8, call.arrays[8])):
        if average is not None:
            bounds[i] = bounds[i - 4] + 3 * EPS * (np.abs(average) + np.abs(expected[i - 4]))
    variance = expected[4] + call.config["epsilon"]
    scale = (1 if gamma is None else np.abs(gamma)) / np.sqrt(variance)
    from_moments = bounds[3] + (np.abs(x) + size) * bounds[4] / variance
    offset = 0 if beta is None else np.abs(beta)
    if residual is not None:
        offset = offset + np.abs(residual)
    return bounds | {5: (8 * EPS * (np.abs(x) + size) + from_moments) * scale + 8 * EPS * offset}


def _batch_norm_backward(call, expected):
    x, dy, y, gamma, mean, variance, *_, beta = call.arrays
    inverse = 1 / np.sqrt(variance.astype(np.float64) + call.config["epsilon"])
    terms = 2 * max(len(x), 4) * EPS
    h = (np.abs(x) + np.abs(mean)) * inverse
    scale = inverse if gamma is None else inverse * np.abs(gamma)
    # where y is computed again and is near a bound, a rounding decides whether dy counts
    unsure = 0 * dy
    if call.config.get("relu") and y is None:
        y = (x - mean.astype(np.float64)) * (inverse if gamma is None else inverse * gamma)
        y, size = (
            (y, h * scale / inverse)
            if beta is None
            else (y + beta, h * scale / inverse + np.abs(beta))
        )
        near = np.minimum(np.abs(y), np.abs(y - call.config["relu_max"])) <= 8 * EPS * size
        unsure = np.where(near, np.abs(dy), 0)
    total, product = np.abs(dy).sum(0), (np.abs(dy) * h).sum(0)
    lost, lost_product = unsure.sum(0), (unsure * h).sum(0)
    means = terms * (total + h * product) + lost + h * lost_product
    dx = scale * (8 * EPS * np.abs(dy) + unsure + means / max(len(x), 1))
    return {
        6: dx,
        7: terms * product + lost_product,
        8: terms * total + lost,
        9: unsure,
    }


def _update(call, expected):
    """At most 32 roundings of the terms, which are products of these with factors up to 2."""
    arrays = [0 if array is None else np.abs(array) for array in call.arrays[:6]]
    w, g = arrays[:2]
    size = 32 * EPS * (2 + w) * (2 + g) ** 2 * (2 + sum(arrays[2:]))
    return dict.fromkeys(call.outputs, size)


def _factored(call, expected):
    """Means, to the number of their terms; a quotient and a root of them."""
    g, r, c, *_ = call.arrays
    terms = 2 * (max(g.shape[1:]) + 8) * EPS
    means = [terms * (np.abs(old) + np.square(g).mean(axis) + 1) for old, axis in ((r, 2), (c, 1))]
    v, change = (np.abs(array) for array in expected[3:5])
    return {1: means[0], 2: means[1], 3: 64 * terms * (1 + v), 4: 64 * terms * (1 + change)}


def _limit_norms(call, expected):
    """The norm's relative error, and a few roundings of the factor and the product."""
    w = call.arrays[0]
    least = call.config["least"]
    return {0: (w.shape[1] + 16) * EPS * (np.abs(expected[0]) + np.abs(w) * (1 + least))}


def _penalize(call, expected):
    x, dx, total = call.arrays
    most = np.abs(x).max(initial=0)
    l1, l2 = call.config["l1"], call.config["l2"]
    bounds = {}
    if dx is not None:
        bounds[1] = 4 * EPS * (np.abs(dx) + 2 * l2 * np.abs(x) + l1)
    if total is not None:
        bounds[2] = 64 * EPS * np.array([x.size * (l1 * most + l2 * most**2)])
    return bounds


def _elementwise_loss(call, expected):
    """32 roundings of an element, and the sum's; logarithms and quotients of probabilities."""
    p, t, scale = (array.astype(np.float64) for array in call.arrays[:3])
    function = call.config["function"]
    smoothing = call.config["smoothing"]
    targets = t * (1 - smoothing) + smoothing / 2
    values, slopes = losses.of_elements(function, targets, p, call.config["parameters"])
    size = (1 + np.abs(p)) * (1 + np.abs(targets))
    if function in ("binary", "binary_focal"):
        size = size / (p * (1 - p))
    share = 1 if function in losses.SUMMED else 1 / p.shape[1]
    terms, roundings = 32 * EPS * size, 32
    if function == "percentage":  # divides by the target, of which smoothing may leave little
        parts = np.abs(t) * (1 - smoothing) + smoothing / 2
        roundings = roundings + 2 * parts / np.maximum(np.abs(targets), TINY)
    return {
        3: (terms + (roundings + p.shape[1]) * EPS * np.abs(values)).sum(1) * share,
        4: (terms + roundings * EPS * np.abs(slopes)) * share * np.abs(scale[:, None]) + 2 * TINY,
        5: 4 * EPS,
    }


def _categorical_loss(call, expected):
    p, t, scale = (array.astype(np.float64) for array in call.arrays[:3])
    total = p.sum(1, keepdims=True)
    terms = (p.shape[1] + 32) * EPS
    alpha = 1 if call.arrays[3] is None else np.abs(call.arrays[3])
    steep = alpha * (t + 1) * (1 + total / p)  # at most the derivative by a share
    sums = steep.sum(1, keepdims=True)
    bound = 4 * terms * (steep + sums) / total * np.abs(scale[:, None])
    return {4: terms * 4 * sums[:, 0], 5: bound}


def _softmax_loss(call, expected):
    logits, t, scale = call.arrays[:3]
    terms = 2 * (logits.shape[1] + 8 + 2 * np.abs(logits).max(initial=0)) * EPS
    sums = (np.abs(t) + 1).sum(1, keepdims=True)
    size = np.abs(logits).max(initial=0) + np.log(logits.shape[1]) + 1
    return {
        3: terms * (sums * size)[:, 0],
        4: terms,
        5: terms * (sums + np.abs(t)) * np.abs(scale[:, None]),
    }


def _sparse_loss(call, expected):
    p, _, scale, *_ = call.arrays
    terms = (p.shape[1] + 16) * EPS
    return {3: terms * (1 + np.abs(expected[3])), 4: terms * (1 + 1 / p) * np.abs(scale[:, None])}


def _cosine_loss(call, expected):
    p, t, scale = (array.astype(np.float64) for array in call.arrays[:3])
    terms = (p.shape[1] + 16) * EPS
    lengths = [np.maximum(np.sqrt(np.square(a).sum(1)), 1e-30) for a in (p, t)]
    cosine = np.abs(p * t).sum(1) / lengths[0] / lengths[1]
    return {3: terms * cosine, 4: (terms * 4 * np.abs(scale) / lengths[0])[:, None]}


def _categorical_hinge(call, expected):
    p, t, scale = (np.abs(array).astype(np.float64) for array in call.arrays[:3])
    terms = (p.shape[1] + 8) * EPS
    return {
        3: terms * ((1 + 2 * t) * p + 1).sum(1),
        4: 4 * EPS * (1 + t) * scale[:, None],
    }


TOLERANCES = {
    "change_hue": _change_hue,
    "gaussian_noise": _gaussian,
    "rms_norm_backward": _rms_norm_backward,
    "rms_norm_forward": _rms_norm,
    "softmax_columns_backward": _softmax_columns_backward,
    "softmax_columns_forward": _softmax,
    "sparsemax_backward": _sparsemax_backward,
    "sparsemax_forward": _sparsemax,
    "categorical_hinge": _categorical_hinge,
    "categorical_loss": _categorical_loss,
    "cosine_loss": _cosine_loss,
    "elementwise_loss": _elementwise_loss,
    "softmax_crossentropy": _softmax_loss,
    "sparse_crossentropy": _sparse_loss,
    "factored_moments": _factored,
    "limit_norms": _limit_norms,
    "penalize": _penalize,
    "update_weights": _update,
    "tanh_forward": _ulps(3),
    "sigmoid_forward": _ulps(3),
    "elu_forward": _ulps(4),  # 2 of expm1, and alpha's rounding and the product's
    "curve_forward": _curve,
    "curve_backward": _curve_gradient,
    "tanh_backward": _three_roundings,
    "sigmoid_backward": _three_roundings,
    "elu_backward": _three_roundings,
    "group_norm_forward": _group_norm,
    "group_norm_backward": _group_norm_backward,
    "layer_norm_forward": _group_norm,
    "layer_norm_backward": _group_norm_backward,
    "log_softmax_forward": _softmax,
    "log_softmax_backward": _log_softmax_backward,
    "softmax_forward": _softmax,
    "softmax_backward": _softmax_backward,
    "softmax_sparse_crossentropy": _softmax_crossentropy,
    "unit_norm_forward": _unit_norm,
    "unit_norm_backward": _unit_norm_backward,
    "batch_norm_forward": _batch_norm,
    "batch_norm_forward_training": _batch_norm_training,
    "batch_norm_backward": _batch_norm_backward,
}
