"""Types of the compiled extension: its functions, and the class of what they return.

The functions that bind a kernel take the arrays of `kernels.reference`'s function of that name.
Written by tools/native_stub.py.
"""

from numpy.typing import NDArray

Pair = tuple[int, int]  # (vertical, horizontal)
Pads = tuple[int, int, int, int]  # (top, bottom, left, right)

class Kernel:
    """A kernel bound to its arrays: each call writes the outputs in place."""

    algorithm: str | None
    @property
    def instruction_set(self) -> str: ...
    def __call__(self, version: object = None) -> None: ...

def instruction_sets() -> list[str]: ...
def instruction_set() -> str: ...
def set_instruction_set(name: str) -> None: ...
def set_num_threads(count: int, exact: bool) -> None: ...
def set_work_per_thread(work: float) -> None: ...
def num_threads() -> int: ...
def has_openmp() -> bool: ...
def separable_conv2d_forward(depthwise: Kernel, pointwise: Kernel) -> Kernel: ...
def elu_backward(dy: NDArray, y: NDArray, dx: NDArray, *, alpha: float) -> Kernel: ...
def elu_forward(x: NDArray, y: NDArray, *, alpha: float) -> Kernel: ...
def relu_backward(dy: NDArray, y: NDArray, dx: NDArray, *, relu_max: float = ...) -> Kernel: ...
def relu_forward(x: NDArray, y: NDArray, *, relu_max: float = ...) -> Kernel: ...
def sigmoid_backward(dy: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def sigmoid_forward(x: NDArray, y: NDArray) -> Kernel: ...
def softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def softmax_forward(x: NDArray, y: NDArray) -> Kernel: ...
def tanh_backward(dy: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def tanh_forward(x: NDArray, y: NDArray) -> Kernel: ...
def affine_transform_backward(
    dy: NDArray,
    transforms: NDArray,
    dx: NDArray,
    *,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> Kernel: ...
def affine_transform_forward(
    x: NDArray,
    transforms: NDArray,
    y: NDArray,
    *,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> Kernel: ...
def conv2d_backward_data(
    dy: NDArray,
    w: NDArray,
    dx: NDArray,
    b: NDArray | None = None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    accumulate: bool = False,
    relu: bool = False,
) -> Kernel: ...
def conv2d_backward_weights(
    x: NDArray,
    dy: NDArray,
    dw: NDArray,
    db: NDArray | None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> Kernel: ...
def conv2d_forward(
    x: NDArray,
    w: NDArray,
    b: NDArray | None,
    y: NDArray,
    residual: NDArray | None = None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    relu: bool,
    relu_max: float = ...,
) -> Kernel: ...
def conv2d_max_pool2d_backward_data(
    dy: NDArray,
    argmax: NDArray,
    w: NDArray,
    dx: NDArray,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    pool_size: Pair,
    pool_strides: Pair,
) -> Kernel: ...
def conv2d_max_pool2d_backward_weights(
    x: NDArray,
    dy: NDArray,
    argmax: NDArray,
    dw: NDArray,
    db: NDArray | None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    pool_size: Pair,
    pool_strides: Pair,
) -> Kernel: ...
def conv2d_max_pool2d_forward(
    x: NDArray,
    w: NDArray,
    b: NDArray | None,
    y: NDArray,
    argmax: NDArray | None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    relu: bool,
    pool_size: Pair,
    pool_strides: Pair,
) -> Kernel: ...
def dense_backward_data(
    dy: NDArray, w: NDArray, dx: NDArray, *, accumulate: bool = False
) -> Kernel: ...
def dense_backward_weights(x: NDArray, dy: NDArray, dw: NDArray, db: NDArray | None) -> Kernel: ...
def dense_forward(
    x: NDArray, w: NDArray, b: NDArray | None, y: NDArray, *, relu: bool, relu_max: float = ...
) -> Kernel: ...
def depthwise_conv2d_backward_data(
    dy: NDArray, w: NDArray, dx: NDArray, *, strides: Pair, pads: Pads, dilation: Pair
) -> Kernel: ...
def depthwise_conv2d_backward_weights(
    x: NDArray,
    dy: NDArray,
    dw: NDArray,
    db: NDArray | None,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> Kernel: ...
def depthwise_conv2d_forward(
    x: NDArray,
    w: NDArray,
    b: NDArray | None,
    y: NDArray,
    *,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    relu: bool,
    relu_max: float = ...,
) -> Kernel: ...
def softmax_sparse_crossentropy(
    logits: NDArray,
    labels: NDArray,
    scale: NDArray,
    losses: NDArray,
    probabilities: NDArray,
    dlogits: NDArray,
) -> Kernel: ...
def batch_norm_backward(
    x: NDArray,
    dy: NDArray,
    y: NDArray | None,
    gamma: NDArray | None,
    mean: NDArray,
    variance: NDArray,
    dx: NDArray | None,
    dgamma: NDArray | None,
    dbeta: NDArray | None,
    dresidual: NDArray | None = None,
    beta: NDArray | None = None,
    *,
    epsilon: float,
    relu: bool = False,
    relu_max: float = ...,
) -> Kernel: ...
def batch_norm_forward(
    x: NDArray,
    gamma: NDArray | None,
    beta: NDArray | None,
    mean: NDArray,
    variance: NDArray,
    y: NDArray,
    residual: NDArray | None = None,
    *,
    epsilon: float,
    relu: bool,
    relu_max: float = ...,
) -> Kernel: ...
def batch_norm_forward_training(
    x: NDArray,
    gamma: NDArray | None,
    beta: NDArray | None,
    mean: NDArray,
    variance: NDArray,
    y: NDArray,
    residual: NDArray | None = None,
    moving_mean: NDArray | None = None,
    moving_variance: NDArray | None = None,
    *,
    epsilon: float,
    relu: bool,
    momentum: float = 0.99,
    relu_max: float = ...,
) -> Kernel: ...
def average_pool2d_backward(
    dy: NDArray, dx: NDArray, *, pool_size: Pair, strides: Pair, pads: Pads
) -> Kernel: ...
def average_pool2d_forward(
    x: NDArray, y: NDArray, *, pool_size: Pair, strides: Pair, pads: Pads
) -> Kernel: ...
def max_pool2d_backward(
    dy: NDArray,
    argmax: NDArray,
    dx: NDArray,
    *,
    pool_size: Pair,
    strides: Pair,
    pads: Pads,
    accumulate: bool = False,
) -> Kernel: ...
def max_pool2d_forward(
    x: NDArray,
    y: NDArray,
    argmax: NDArray | None,
    *,
    pool_size: Pair,
    strides: Pair,
    pads: Pads,
    relu: bool = False,
) -> Kernel: ...
def dropout(x: NDArray, key: NDArray, y: NDArray, *, rate: float) -> Kernel: ...
def curve_backward(
    dy: NDArray, kept: NDArray, dx: NDArray, *, function: str, parameters: tuple[float, ...] = ()
) -> Kernel: ...
def curve_forward(
    x: NDArray, y: NDArray, *, function: str, parameters: tuple[float, ...] = ()
) -> Kernel: ...
def gather(source: NDArray, indices: NDArray, out: NDArray) -> Kernel: ...
def resize(pixels: NDArray, y: NDArray, *, nearest: bool) -> Kernel: ...
def log_softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def log_softmax_forward(x: NDArray, y: NDArray) -> Kernel: ...
def categorical_hinge(
    p: NDArray, t: NDArray, scale: NDArray, losses: NDArray, dp: NDArray
) -> Kernel: ...
def categorical_loss(
    p: NDArray,
    t: NDArray,
    scale: NDArray,
    alpha: NDArray | None,
    losses: NDArray,
    dp: NDArray,
    *,
    function: str,
    parameters: tuple[float, ...],
    smoothing: float = 0.0,
) -> Kernel: ...
def cosine_loss(
    p: NDArray, t: NDArray, scale: NDArray, losses: NDArray, dp: NDArray, *, epsilon: float
) -> Kernel: ...
def elementwise_loss(
    p: NDArray,
    t: NDArray,
    scale: NDArray,
    losses: NDArray,
    dp: NDArray,
    probabilities: NDArray | None,
    *,
    function: str,
    parameters: tuple[float, ...] = (),
    smoothing: float = 0.0,
) -> Kernel: ...
def overlap_gradient(t: NDArray, slope: NDArray, offset: NDArray, dp: NDArray) -> Kernel: ...
def overlap_sums(t: NDArray, p: NDArray, sums: NDArray) -> Kernel: ...
def softmax_crossentropy(
    logits: NDArray,
    t: NDArray,
    scale: NDArray,
    losses: NDArray,
    probabilities: NDArray,
    dlogits: NDArray,
    *,
    smoothing: float = 0.0,
) -> Kernel: ...
def sparse_crossentropy(
    p: NDArray, labels: NDArray, scale: NDArray, losses: NDArray, dp: NDArray, *, epsilon: float
) -> Kernel: ...
def add(a: NDArray, b: NDArray, y: NDArray, *, relu: bool) -> Kernel: ...
def average(a: NDArray, b: NDArray, y: NDArray, *, count: int) -> Kernel: ...
def concatenate_backward(
    dy: NDArray, dx: NDArray, result: NDArray | None = None, *, start: int
) -> Kernel: ...
def concatenate_forward(x: NDArray, y: NDArray, *, start: int) -> Kernel: ...
def divide(x: NDArray, y: NDArray, *, divisor: float) -> Kernel: ...
def dot_backward(
    dy: NDArray, a: NDArray, b: NDArray, da: NDArray | None, db: NDArray | None
) -> Kernel: ...
def dot_forward(a: NDArray, b: NDArray, y: NDArray) -> Kernel: ...
def maximum_backward(
    dy: NDArray, a: NDArray, b: NDArray, da: NDArray | None, db: NDArray | None
) -> Kernel: ...
def maximum_forward(a: NDArray, b: NDArray, y: NDArray) -> Kernel: ...
def minimum_backward(
    dy: NDArray, a: NDArray, b: NDArray, da: NDArray | None, db: NDArray | None
) -> Kernel: ...
def minimum_forward(a: NDArray, b: NDArray, y: NDArray) -> Kernel: ...
def multiply(a: NDArray, b: NDArray, y: NDArray) -> Kernel: ...
def repeat_backward(dy: NDArray, dx: NDArray) -> Kernel: ...
def repeat_forward(x: NDArray, y: NDArray) -> Kernel: ...
def subtract(a: NDArray, b: NDArray, y: NDArray) -> Kernel: ...
def unit_norm_backward(
    dy: NDArray, y: NDArray, factor: NDArray, dx: NDArray, *, most: float
) -> Kernel: ...
def unit_norm_forward(x: NDArray, y: NDArray, factor: NDArray, *, most: float) -> Kernel: ...
def change_hue(
    x: NDArray,
    turn: NDArray,
    factor: NDArray,
    y: NDArray,
    *,
    low: float,
    high: float,
    lowest: float = 0.0,
    extent: float = 1.0,
    bounded: bool = False,
) -> Kernel: ...
def color_matrix_backward(
    dy: NDArray, x: NDArray, matrix: NDArray, dx: NDArray, *, low: float = ..., high: float = ...
) -> Kernel: ...
def color_matrix_forward(
    x: NDArray, matrix: NDArray, y: NDArray, *, low: float = ..., high: float = ...
) -> Kernel: ...
def flip(x: NDArray, flags: NDArray, y: NDArray, *, vertical: bool, horizontal: bool) -> Kernel: ...
def mix(
    x: NDArray,
    other: NDArray,
    partner: NDArray,
    share: NDArray,
    rest: NDArray,
    y: NDArray,
    *,
    low: float = ...,
    high: float = ...,
) -> Kernel: ...
def posterize(x: NDArray, bits: NDArray, y: NDArray, *, lowest: float, extent: float) -> Kernel: ...
def select(x: NDArray, other: NDArray, partner: NDArray, mask: NDArray, y: NDArray) -> Kernel: ...
def solarize(
    x: NDArray, addition: NDArray, threshold: NDArray, y: NDArray, *, lowest: float, extent: float
) -> Kernel: ...
def copy(x: NDArray, y: NDArray) -> Kernel: ...
def frame(x: NDArray, y: NDArray, *, top: int, left: int, value: float = 0.0) -> Kernel: ...
def alpha_dropout(
    x: NDArray,
    key: NDArray,
    y: NDArray,
    *,
    rate: float,
    dropped: float,
    scale: float,
    offset: float,
) -> Kernel: ...
def gaussian_noise(
    x: NDArray, key: NDArray, y: NDArray, *, stddev: float, multiplies: bool
) -> Kernel: ...
def global_max_backward(dy: NDArray, x: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def softmax_columns_backward(dy: NDArray, y: NDArray, dx: NDArray, *, log: bool) -> Kernel: ...
def softmax_columns_forward(x: NDArray, y: NDArray, *, log: bool) -> Kernel: ...
def sparsemax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> Kernel: ...
def sparsemax_forward(x: NDArray, y: NDArray) -> Kernel: ...
def resample(
    x: NDArray,
    rows: NDArray,
    row_weights: NDArray,
    columns: NDArray,
    column_weights: NDArray,
    y: NDArray,
) -> Kernel: ...
def scale_rows_backward(
    dy: NDArray,
    x: NDArray,
    scale: NDArray,
    dx: NDArray,
    center: NDArray | None = None,
    offset: NDArray | None = None,
    *,
    low: float = ...,
    high: float = ...,
) -> Kernel: ...
def scale_rows_forward(
    x: NDArray,
    scale: NDArray,
    y: NDArray,
    center: NDArray | None = None,
    offset: NDArray | None = None,
    *,
    low: float = ...,
    high: float = ...,
) -> Kernel: ...
def prelu_backward(
    dy: NDArray, x: NDArray, alpha: NDArray, dx: NDArray | None, dalpha: NDArray | None
) -> Kernel: ...
def prelu_forward(x: NDArray, alpha: NDArray, y: NDArray) -> Kernel: ...
def group_norm_backward(
    dy: NDArray,
    x: NDArray,
    gamma: NDArray | None,
    mean: NDArray,
    inverse: NDArray,
    dx: NDArray | None,
    dgamma: NDArray | None,
    dbeta: NDArray | None,
) -> Kernel: ...
def group_norm_forward(
    x: NDArray,
    gamma: NDArray | None,
    beta: NDArray | None,
    y: NDArray,
    mean: NDArray,
    inverse: NDArray,
    *,
    epsilon: float,
) -> Kernel: ...
def layer_norm_backward(
    dy: NDArray,
    x: NDArray,
    gamma: NDArray | None,
    mean: NDArray,
    inverse: NDArray,
    dx: NDArray | None,
    dgamma: NDArray | None,
    dbeta: NDArray | None,
) -> Kernel: ...
def layer_norm_forward(
    x: NDArray,
    gamma: NDArray | None,
    beta: NDArray | None,
    y: NDArray,
    mean: NDArray,
    inverse: NDArray,
    *,
    epsilon: float,
) -> Kernel: ...
def rms_norm_backward(
    dy: NDArray,
    x: NDArray,
    gamma: NDArray | None,
    inverse: NDArray,
    dx: NDArray | None,
    dgamma: NDArray | None,
) -> Kernel: ...
def rms_norm_forward(
    x: NDArray, gamma: NDArray | None, y: NDArray, inverse: NDArray, *, epsilon: float
) -> Kernel: ...
def factored_moments(
    g: NDArray, r: NDArray, c: NDArray, v: NDArray, change: NDArray, hyper: NDArray
) -> Kernel: ...
def limit_norms(
    w: NDArray, *, least: float, most: float, rate: float, epsilon: float
) -> Kernel: ...
def penalize(
    x: NDArray, dx: NDArray | None, total: NDArray | None, *, l1: float, l2: float
) -> Kernel: ...
def sum_squares(x: NDArray, segments: NDArray, sums: NDArray) -> Kernel: ...
def update_weights(
    w: NDArray,
    g: NDArray,
    a: NDArray | None,
    b: NDArray | None,
    c: NDArray | None,
    averages: NDArray | None,
    segments: NDArray | None,
    factors: NDArray | None,
    hyper: NDArray,
    *,
    rule: str,
) -> Kernel: ...
