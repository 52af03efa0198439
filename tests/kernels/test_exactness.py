"""Random shapes: every kernel, every algorithm, every instruction set, threads; to the last bit.

Sums of small integers are exact in any order, so native and reference must agree to 0 ulp
whatever the algorithm. What is not a sum has the derived tolerances of random_calls.py.

Each kernel gets 2,000 of them; `pytest test_exactness.py --shapes 20000` draws more (the
environment variable FASTCNN_TEST_SHAPES does too). A failure names its number:
`random_calls.draw(kernel, number)` makes the same call again.
"""

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import checks, functions, native, spec
from fastcnn.kernels.reference.curves import FROM_OUTPUT
from tests.support.kernel_cases import Call, conv2d_calls, conv2d_max_pool2d_calls, integers, reals
from tests.support.random_calls import TOLERANCES, algorithms, divisible, draw, public_call, taking
from tests.support.shapes import CHANNELS, NETS, Conv2DCase


@pytest.fixture(autouse=True)
def _small_work_is_shared_too():
    """Several threads take part in the smallest call."""
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


def every_configuration(call, threads=(1, 2), work=1):
    """(instruction set, algorithm, threads, arrays after the call) of every configuration.

    There is one way where an array is empty: the reference. Into how many pieces a kernel cuts its
    work depends on the `work` per thread when it is bound.
    """
    if any(array is not None and array.size == 0 for array in call.arrays):
        arrays = call.fresh()
        kernel = kernels.bind(call.kernel, *arrays, **call.config)
        assert isinstance(kernel, kernels.ReferenceKernel)
        kernel()
        yield None, None, 1, arrays
        return
    for name in kernels.instruction_sets():
        kernels.set_instruction_set(name)
        for algorithm in algorithms(call):
            for count in threads:
                fastcnn.config.set_num_threads(count)
                arrays = call.fresh()
                native.set_work_per_thread(work)
                with taking(call.kernel, algorithm):
                    kernel = kernels.bind(call.kernel, *arrays, **call.config)
                native.set_work_per_thread(1)
                assert algorithm is None or kernel.algorithm == algorithm
                assert kernel.instruction_set == name
                kernel()
                yield name, algorithm, count, arrays


def assert_same(found, expected, i, call, *where):
    """The bits of output i, the sign of zero too; NaN equals NaN."""
    is_float = found[i].dtype.kind == "f"
    same = np.array_equal(found[i], expected[i], equal_nan=is_float)
    if same and is_float:
        same = np.all((np.signbit(found[i]) == np.signbit(expected[i])) | np.isnan(found[i]))
    if not same:
        shapes = [None if array is None else array.shape for array in call.arrays]
        label = spec.arrays_of(call.kernel)[i][0]
        worst = np.abs(found[i].astype("f8") - expected[i]).max(initial=0)
        pytest.fail(f"{call.kernel} {where}: {label} off by {worst}: {shapes}, {call.config}")


@pytest.mark.every_set
@pytest.mark.parametrize("kernel", spec.ARRAYS)
def test_random_shapes(kernel, random_shapes):
    for number in range(random_shapes):
        call = draw(kernel, number)
        bound = TOLERANCES.get(kernel)
        expected = call.reference(np.float64 if bound else None)
        bounds = bound(call, expected) if bound else {}
        for name, algorithm, threads, found in every_configuration(
            call, (1, 2 + number % 3), (1, 1e6)[number % 2]
        ):
            where = number, name, algorithm, threads
            if threads == 1:
                first = found
            for i in call.outputs:
                if bound and found[i].dtype.kind == "f":
                    error = np.abs(found[i] - expected[i])
                    assert np.all(error <= bounds[i]), (kernel, *where, i, call.config)
                    assert_same(found, first, i, call, *where)
                else:
                    assert_same(found, expected, i, call, *where)


def test_each_instruction_set_has_its_own_code():
    """Proof that the forced set ran: products are fused or not, and sums over lanes differ."""
    fused, lanes = {}, {}
    c = np.float32(0.1) * np.float32(0.1)
    calls = [draw("conv2d_max_pool2d_backward_data", number) for number in range(60)]
    for name in kernels.instruction_sets():
        kernels.set_instruction_set(name)
        # c - 0.1 * 0.1 is 0 where the product is rounded before it is subtracted
        fused[name] = kernels.dense_forward([[c, 0.1]], [[-1], [0.1]])[0, 0] != 0
        lanes[name] = b""
        for number, call in enumerate(calls):
            arrays = call.fresh()
            arrays[0] = reals(np.random.default_rng(number), *arrays[0].shape)
            arrays[2] = reals(np.random.default_rng(number), *arrays[2].shape)
            kernels.bind(call.kernel, *arrays, **call.config)()
            lanes[name] += arrays[3].tobytes()
    assert fused.get("avx512", True)
    assert fused.get("avx2", True)
    assert fused.get("neon", True)
    assert not fused["baseline"] or "neon" in fused
    assert len(set(lanes.values())) == len(kernels.instruction_sets())


@pytest.mark.parametrize(
    ("kernel_size", "most"), [((3, 3), 16), ((5, 5), 8), ((3, 7), 8), ((7, 5), 6), ((7, 7), 6)]
)
@pytest.mark.parametrize("ic", [c for c in CHANNELS if c <= 64])
def test_winograd_is_exact(ic, kernel_size, most, instruction_set):
    """Constants of 1/2 make quarters: below 2^24 of them, every step is exact.

    A transformed patch is at most 4 `most`, a filter 9/4 `most`, an output the sum of 9 elements
    and of one 3x3 filter for each pair of taps in both directions:
    9 (4 * 9/4) most^2 * 64 channels * 9.
    A filter's gradient: patches by 4 `most` of dy, over 50 tiles, and 9/4 of that.
    """
    rng = np.random.default_rng(ic)

    def draw_small(rng, *shape):
        return integers(rng, *shape, most=most)

    case = Conv2DCase(2, (9, 10), ic, 24, kernel_size, padding="same")
    transposed = Conv2DCase(2, (9, 10), 24, ic, kernel_size, padding="same")
    forward, _, weights = conv2d_calls(case, rng, draw_small)
    pooled = next(conv2d_max_pool2d_calls(case, rng, draw_small, (2, 2), (2, 2)))
    backward = list(conv2d_calls(transposed, rng, draw_small))[1]
    for call in (forward, pooled, backward, weights):
        assert_winograd_is_exact(call)


@pytest.mark.parametrize("channels", [33, 36, 68, 132, 144])
def test_winograd_is_exact_where_the_first_block_is_not_the_widest(channels, instruction_set):
    """Five and nine vectors are 3 + 2 and 3 + 4 + 2, where a block has up to four."""
    rng = np.random.default_rng(channels)
    case = Conv2DCase(2, (6, 6), 7, channels, (3, 3), padding="same")
    transposed = Conv2DCase(2, (6, 6), channels, 7, (3, 3), padding="same")
    pooled = next(conv2d_max_pool2d_calls(case, rng, integers, (2, 2), (2, 2)))
    forward, *_ = conv2d_calls(case, rng, integers)
    _, backward, _ = conv2d_calls(transposed, rng, integers)
    for call in (forward, pooled, backward):
        assert_winograd_is_exact(call)


@pytest.mark.parametrize("kernel", ["softmax_forward", "log_softmax_forward"])
@pytest.mark.parametrize("classes", [3, 40])
def test_softmax_may_overwrite_its_input(kernel, classes, instruction_set):
    x = np.random.default_rng(0).standard_normal((50, classes), np.float32)
    y = np.empty_like(x)
    kernels.bind(kernel, x, y)()
    kernels.bind(kernel, x, x)()
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_relu_behind_a_residual_is_not_recomputed(backend):
    """Without y, relu's output is computed again from x: the residual would be missing."""
    fastcnn.config.set_backend(backend)
    x, dy, dx, dresidual = np.ones((4, 2, 3), np.float32)
    mean = np.zeros(3, np.float32)
    arrays = x, dy, None, None, mean, mean, dx, None, None, dresidual
    with pytest.raises(ValueError, match="y is needed"):
        kernels.bind("batch_norm_backward", *arrays, epsilon=1e-3, relu=True)()


def assert_winograd_is_exact(call):
    expected, arrays = call.reference(), call.fresh()
    with taking(call.kernel, "winograd"):
        kernels.bind(call.kernel, *arrays, **call.config)()
    for i in call.outputs:
        assert_same(arrays, expected, i, call)


# -------------------------------------------------------------------- ties, signs of zero, -inf


@pytest.mark.every_set
@pytest.mark.parametrize("relu", [False, True])
def test_first_of_equal_maxima_wins(relu):
    """Zero filters: every window holds the bias alone, or -0.0 and 0.0."""
    rng = np.random.default_rng(0)
    for bias in (-1.0, 0.0, 2.0):
        case = Conv2DCase(2, (8, 9), 3, 17)
        call = next(conv2d_max_pool2d_calls(case, rng, integers, (2, 2), (2, 2), relu))
        call.arrays[1][...] = 0
        call.arrays[2] = np.full(17, bias, np.float32)
        closed = relu and bias <= 0
        for *where, found in every_configuration(call):
            assert (found[4] == (255 if closed else 0)).all(), where
            assert (found[3] == (0 if closed else bias)).all(), where


@pytest.mark.every_set
def test_pools_of_ties_zeros_nan_and_minus_infinity():
    """The first NaN of a window is its maximum; among equal values it is the first."""
    rng = np.random.default_rng(0)
    values = np.array([-np.inf, -np.inf, -0.0, 0.0, 1.0, np.nan], np.float32)
    for pool, strides, pads, out in (
        ((2, 2), (2, 2), (0, 0, 0, 0), (4, 4)),
        ((3, 3), (1, 1), (1, 1, 1, 1), (9, 9)),
        ((3, 2), (3, 3), (0, 0, 0, 0), (3, 3)),
    ):
        for most in range(1, len(values) + 1):
            x = values[rng.integers(0, most, (3, 9, 9, 19))]
            y = np.empty((3, *out, 19), np.float32)
            argmax = np.empty(y.shape, np.uint8)
            config = {"pool_size": pool, "strides": strides, "pads": pads}
            call = Call("max_pool2d_forward", [x, y, argmax], config, 1)
            expected = call.reference()
            for *where, found in every_configuration(call):
                assert_same(found, expected, 1, call, *where)
                assert_same(found, expected, 2, call, *where)


@pytest.mark.every_set
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_fused_pools_of_nan_and_infinity(value, relu):
    """At any position of a window; 1x1 filters do not mix positions."""
    rng = np.random.default_rng(0)
    for oc in (1, 17, 40):
        case = Conv2DCase(3, (8, 9), 1, oc, (1, 1))
        call = next(conv2d_max_pool2d_calls(case, rng, integers, (2, 2), (2, 2), relu))
        call.arrays[0][rng.random(case.x_shape) < 0.3] = value
        call.arrays[1][...] = rng.choice([-2, 1], call.arrays[1].shape)
        with np.errstate(all="ignore"):
            expected = call.reference()
        for *where, found in every_configuration(call):
            assert_same(found, expected, 3, call, *where)
            assert_same(found, expected, 4, call, *where)


def test_relu_of_minus_zero_is_zero(instruction_set):
    assert not np.signbit(kernels.relu_forward(np.full(19, -0.0, np.float32))).any()
    bias = np.full(19, -0.0, np.float32)
    y = kernels.dense_forward(np.full((3, 1), -0.0), np.ones((1, 19)), bias, relu=True)
    assert not np.signbit(y).any()
    y = kernels.conv2d_forward(np.full((1, 5, 5, 1), -0.0), np.ones((3, 3, 1, 19)), bias, relu=True)
    assert not np.signbit(y).any()


@pytest.mark.every_set
@pytest.mark.parametrize("ic", [3, 1300])
def test_output_rows_over_padding_only_are_bias_and_relu(ic):
    """Two taps further apart than the image is high; the weights go in one piece, or in several."""
    case = Conv2DCase(16, (2, 1), ic, 80, (2, 1), padding="same", dilation=(5, 1))
    call = next(conv2d_calls(case, np.random.default_rng(0), integers))
    expected = call.reference()
    np.testing.assert_array_equal(expected[3][0, 0, 0], np.maximum(call.arrays[2], 0))
    for *where, found in every_configuration(call):
        assert_same(found, expected, 3, call, *where)


@pytest.mark.every_set
@pytest.mark.parametrize("pool", [(2, 2), (3, 3), (1, 5)])
def test_filter_gradients_of_large_images(pool):
    """The windows do not all fit the first cache: they are taken in bands of rows."""
    rng = np.random.default_rng(0)
    for ic, padding, strides, dilation in (
        (1, "valid", (1, 1), (1, 1)),
        (3, "same", (1, 1), (1, 1)),
        (2, "same", (1, 2), (3, 1)),
    ):
        case = Conv2DCase(5, (61, 63), ic, 20, (3, 3), strides, padding, dilation)
        for pool_strides in (pool, (1, 2)):
            call = list(conv2d_max_pool2d_calls(case, rng, integers, pool, pool_strides))[2]
            assert call.kernel == "conv2d_max_pool2d_backward_weights"
            expected = call.reference()
            for *where, found in every_configuration(call):
                for i in call.outputs:
                    assert_same(found, expected, i, call, *where)


# ------------------------------------------------------------------------------- NaN and infinity

# gather copies what it is given, resize reads bytes; the others have tests of their own
OTHERS = {"gather", "limit_norms", "posterize", "resize", "softmax_sparse_crossentropy"}
DEPENDENT = sorted(set(spec.ARRAYS) - OTHERS)
# a gradient goes to the larger input; as in TensorFlow, a NaN is not larger and not in the gradient
COMPARED = {("maximum_backward", "a"), ("maximum_backward", "b")}
COMPARED |= {("minimum_backward", "a"), ("minimum_backward", "b")}
COMPARED |= {("global_max_backward", "x"), ("global_max_backward", "y")}
# and not between two limits: it has no gradient
COMPARED |= {("color_matrix_backward", "x"), ("scale_rows_backward", "x")}
COMPARED |= {("color_matrix_backward", "matrix"), ("scale_rows_backward", "scale")}
COMPARED |= {("scale_rows_backward", "center"), ("scale_rows_backward", "offset")}
NEGATIVE = {
    ("log_softmax_backward", "y"),
    ("softmax_columns_backward", "y"),
}  # a logarithm of probabilities is never infinity


@pytest.mark.every_set
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", DEPENDENT)
def test_nan_propagates_to_every_dependent_output(kernel, value):
    """One element of one input becomes NaN or infinite.

    All outputs that change when it goes from 3 to 5 depend on it. NaN must show up in all of them,
    infinity in those where the reference is not finite.
    """
    tried = 0
    for number in range(200):
        call = draw(kernel, number)
        rng = np.random.default_rng(number)
        inputs = [
            i
            for i, (label, *_, types) in enumerate(spec.arrays_of(kernel))
            if types is None and label != "transforms" and i not in call.outputs
            if (kernel, label) not in COMPARED
            if value != np.inf or (kernel, label) not in NEGATIVE
            if call.arrays[i] is not None and call.arrays[i].size
        ]
        if not inputs or not sum(call.arrays[i].size for i in call.outputs):
            continue
        tried += 1
        if tried > 6:
            break
        i = inputs[int(rng.integers(len(inputs)))]
        position = int(rng.integers(call.arrays[i].size))
        results = []
        for other in (3, 5, value):
            call.arrays[i].flat[position] = other
            with np.errstate(all="ignore"):
                results.append(call.reference())
        for *where, found in every_configuration(call):
            for k in call.outputs:
                if found[k].dtype.kind != "f":
                    continue
                depends = results[0][k] != results[1][k]
                if np.isnan(value):
                    wanted, seen = depends, np.isnan(found[k])
                else:
                    wanted, seen = depends & ~np.isfinite(results[2][k]), ~np.isfinite(found[k])
                assert seen[wanted].all(), (kernel, number, *where, k, i, position)
    assert tried > 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_reach_the_loss(value, instruction_set):
    for position in range(7):
        logits = reals(np.random.default_rng(position), 5, 7)
        logits[2, position] = value
        losses, probabilities, dlogits = kernels.softmax_sparse_crossentropy(logits, [3] * 5)
        finite = value == -np.inf and position != 3
        assert np.isfinite(losses[2]) == finite
        assert np.isfinite(probabilities[2]).all() == finite or value == -np.inf
        assert np.isfinite(np.delete(losses, 2)).all()
        assert np.isfinite(np.delete(dlogits, 2, 0)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_propagate_through_a_network(value, instruction_set):
    """From one element of an image, or of any array of weights, to the loss and the gradients."""
    net = NETS["tutorial"]
    x, y = net.data(3, 0)

    def loss(images, change=None):
        model = net.compile(net.build(fastcnn), fastcnn)
        weights = net.weights(0)
        if change is not None:
            weights[change].flat[0] = value
        model.set_weights(weights)
        result = model.train_on_batch(images, y)
        after = np.concatenate([w.ravel() for w in model.get_weights()])
        return (result[0] if isinstance(result, list) else result), np.isfinite(after).all()

    finite, sound = loss(x)
    assert np.isfinite(finite)
    assert sound
    spoilt = x.copy()
    spoilt[1, 13, 13, 0] = value
    for given in ((spoilt,), *((x, number) for number in range(len(net.weights(0))))):
        result, sound = loss(*given)
        assert not np.isfinite(result), given[1:]
        assert not sound, given[1:]


# ------------------------------------------------------------------------------ gradients, adjoints

TRANSPOSED = {
    f"d{name}": name for name in ("x", "w", "a", "b", "alpha", "gamma", "beta", "residual")
}
# the maximum is not computed by a kernel of its own
BACKWARD = [name for name in spec.ARRAYS if "_backward" in name and name != "global_max_backward"]


def forward_of(backward):
    """The name of the kernel whose gradient `backward` is."""
    name = backward.partition("_backward")[0] + "_forward"
    return name + "_training" if name.startswith("batch_norm") else name


def forward_call(backward, number, dtype):
    """A call of the forward kernel on distinct real numbers, and a gradient dy for its y."""
    call = draw(forward_of(backward), number)
    rng = np.random.default_rng(number)
    names = [label for label, *_ in spec.arrays_of(call.kernel)]
    arrays = dict(zip(names, call.arrays, strict=True))
    for name in TRANSPOSED.values():
        if arrays.get(name) is not None:
            arrays[name] = reals(rng, *arrays[name].shape)
    if "argmax" in arrays and arrays["argmax"] is None:
        arrays["argmax"] = np.zeros(arrays["y"].shape, spec.argmax_type(call.config["pool_size"]))
    for name, array in arrays.items():
        if array is not None and array.dtype == np.float32:
            arrays[name] = array.astype(dtype)
    dy = reals(rng, *arrays["y"].shape).astype(dtype)
    return Call(call.kernel, list(arrays.values()), call.config, 1), arrays, dy


def gradients(backward, arrays, dy, config):
    """{name of the input: its gradient} by the kernel `backward`, from what forward left."""
    relu = config.get("relu", False)
    if relu and "max_pool" not in backward and not backward.startswith("batch_norm"):
        is_open = (arrays["y"] > 0) & (arrays["y"] < config.get("relu_max", np.inf))
        dy = np.where(is_open, dy, 0)  # a step of its own in the layers
    given = {**arrays, "dy": dy}
    if backward.startswith("batch_norm") and not relu:
        given["y"] = None
    if backward == "curve_backward":
        given["kept"] = arrays["y" if config["function"] in FROM_OUTPUT else "x"]
    if backward == "conv2d_backward_data":  # its bias and relu are those of Conv2DTranspose
        given["b"], config = None, {**config, "relu": False}
    outputs = {}
    for label, *_, written, _ in spec.arrays_of(backward):
        if written:
            model = arrays.get(TRANSPOSED[label])
            outputs[label] = None if model is None else np.full_like(model, np.nan)
    given |= outputs
    ordered = [
        None if optional and label not in given else given[label]
        for label, _, optional, *_ in spec.arrays_of(backward)
    ]
    keywords = {key: config[key] for key in checks.keywords_of(backward) if key in config}
    kernels.bind(backward, *ordered, **keywords)()
    return {TRANSPOSED[label]: array for label, array in outputs.items() if array is not None}


@pytest.mark.parametrize("backward", BACKWARD)
def test_gradients_match_finite_differences(backward):
    """As torch.autograd.gradcheck: steps of 1e-6, within 1e-5 + 1e-3 of the slope."""
    fastcnn.config.set_backend("reference")
    tried = 0
    for number in range(200):
        call, arrays, dy = forward_call(backward, number, np.float64)
        if not 0 < dy.size <= 20_000 or ("batch_norm" in backward and len(dy) < 2):
            continue
        tried += 1
        if tried > 6:
            break
        run = kernels.bind(call.kernel, *call.arrays, **call.config)
        run()
        found = gradients(backward, arrays, dy, call.config)
        rng = np.random.default_rng(number)
        for name, gradient in found.items():
            flat = arrays[name].reshape(-1)
            for i in rng.choice(flat.size, min(flat.size, 12), replace=False):
                sides = []
                for step in (1e-6, -1e-6):
                    before = flat[i]
                    flat[i] = before + step
                    run()
                    flat[i] = before
                    sides.append((arrays["y"] * dy).sum())
                slope = (sides[0] - sides[1]) / 2e-6
                error = abs(gradient.reshape(-1)[i] - slope)
                assert error <= 1e-5 + 1e-3 * abs(slope), (backward, number, name, i, slope)
    assert tried > 3


def test_crossentropy_gradient_matches_finite_differences():
    fastcnn.config.set_backend("reference")
    rng = np.random.default_rng(0)
    logits, labels, scale = rng.normal(size=(4, 5)), rng.integers(0, 5, 4), rng.uniform(0, 2, 4)
    _, _, dlogits = kernels.softmax_sparse_crossentropy(logits, labels, scale)
    for position in np.ndindex(logits.shape):
        sides = []
        for step in (1e-6, -1e-6):
            near = logits.copy()
            near[position] += step
            losses, *_ = kernels.softmax_sparse_crossentropy(near, labels, scale)
            sides.append((losses * scale).sum())
        slope = (sides[0] - sides[1]) / 2e-6
        assert abs(dlogits[position] - slope) <= 1e-5 + 1e-3 * abs(slope)


# Linear in x: max and relu in the elements they select, affine transforms filled with 0.
LINEAR = [
    name
    for name in BACKWARD
    if name.startswith(("conv2d", "depthwise", "max_", "average", "dense", "relu", "affine"))
    or name.startswith(("repeat", "dot"))
]


@pytest.mark.parametrize("backward", LINEAR)
def test_adjoint_identity(backward, instruction_set):
    """<dy, forward(x, w)> == <backward(dy), x or w>, exactly on integers."""
    for number in range(40):
        call = draw(forward_of(backward), number)
        names = [label for label, *_ in spec.arrays_of(call.kernel)]
        arrays = dict(zip(names, call.arrays, strict=True))
        dy = integers(np.random.default_rng(number), *arrays["y"].shape)
        if backward.startswith("average"):
            factor = np.float32(divisible(call.config["pool_size"]))
            dy, arrays["x"] = factor * dy, factor * arrays["x"]
        if "w" in arrays:
            arrays["b"] = None
        if "residual" in arrays:
            arrays["residual"] = None
        if "argmax" in arrays:
            arrays["argmax"] = np.zeros(
                arrays["y"].shape, spec.argmax_type(call.config["pool_size"])
            )
        config = {key: 0 if key == "fill_value" else value for key, value in call.config.items()}
        config.pop("relu_max", None)
        kernels.bind(call.kernel, *arrays.values(), **config)()
        for name, gradient in gradients(backward, arrays, dy, config).items():
            left = (dy.astype("f8") * arrays["y"]).sum()
            right = (gradient.astype("f8") * arrays[name]).sum()
            if backward.startswith("average"):
                assert abs(left - right) <= 1e-6 * abs(dy.astype("f8") * arrays["y"]).sum()
            else:
                assert left == right, (backward, number, name)


# ---------------------------------------------------------------------------------- memory layouts

LAYOUTS = {
    "every other": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "Fortran": np.asfortranarray,
    "read-only": lambda a: _frozen(a.copy()),
    "misaligned": lambda a: _misaligned(a),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "float64": lambda a: a.astype("f8") if a.dtype.kind == "f" else a,
    "int8": lambda a: a.astype("i1"),
    "a list": lambda a: a.tolist() if a.size else a,
}


def _frozen(array):
    array.flags.writeable = False
    return array


def _misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned or array.dtype.itemsize == 1 or array.size == 0
    return view


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", functions.__all__)
def test_results_do_not_depend_on_memory_layout(name, layout):
    function, inputs, others = public_call(name)
    if layout == "int8":
        inputs = {key: np.round(array).astype(array.dtype) for key, array in inputs.items()}
        inputs = {key: np.clip(array, -100, 100) for key, array in inputs.items()}
    fixed = {"argmax"}  # positions, not values: its type is fixed
    changed = {
        key: array if key in fixed else LAYOUTS[layout](array) for key, array in inputs.items()
    }
    before = {key: np.array(array) for key, array in changed.items()}
    results = function(**changed, **others), function(**inputs, **others)
    found, expected = (r if isinstance(r, tuple) else (r,) for r in results)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    for key, array in before.items():
        np.testing.assert_array_equal(np.array(changed[key]), array)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_training_does_not_depend_on_memory_layout(layout):
    """fit, evaluate, predict and a call, with images, labels, weights of samples and of the net."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 100, (24, 8, 8, 2)), rng.integers(0, 3, 24)
    given = images.astype("f4"), labels, (labels % 2 + 1).astype("f4")

    def results(change):
        images, labels, sample_weights = (change(array) for array in given)
        model = fastcnn.Sequential(
            [
                fastcnn.Input((8, 8, 2)),
                fastcnn.layers.Rescaling(0.02),
                fastcnn.layers.Conv2D(4, 3, activation="relu"),
                fastcnn.layers.MaxPooling2D(),
                fastcnn.layers.Flatten(),
                fastcnn.layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(1)
        first = [rng.integers(-2, 3, w.shape) for w in model.get_weights()]
        model.set_weights([change(w.astype("f4")) for w in first])
        history = model.fit(images, labels, 8, shuffle=False, verbose=0).history["loss"]
        loss = model.evaluate(images, labels, verbose=0, sample_weight=sample_weights)
        step = model.train_on_batch(images, labels, sample_weight=sample_weights)
        answers = model.predict(images, verbose=0), model(images), model.predict_on_batch(images)
        return [*model.get_weights(), history, loss, step, *answers]

    for found, expected in zip(results(LAYOUTS[layout]), results(lambda a: a), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_bind_refuses_arrays_it_would_misread():
    good = np.ones((4, 6), np.float32)
    out = np.empty_like(good)
    for wrong, error in (
        (np.asfortranarray(good), ValueError),
        (good[:, ::-1], ValueError),
        (_misaligned(good), ValueError),
        (good.astype(">f4"), TypeError),
        (good.astype("f8"), TypeError),
        (good.astype("i4"), TypeError),
        (good.tolist(), TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error):
            kernels.bind("relu_forward", wrong, out)
        with pytest.raises(error):
            kernels.bind("relu_forward", good, wrong)
    with pytest.raises(ValueError, match="is read-only"):
        kernels.bind("relu_forward", good, _frozen(out))
