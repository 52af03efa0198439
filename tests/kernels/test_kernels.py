"""Native kernels against the reference: exact on integers, within a derived tolerance on reals.

Every instruction set of the machine, one to four threads, outputs filled with NaN before the call.
"""

import inspect
import zlib

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import native, reference, spec
from tests.support import shapes
from tests.support.kernel_cases import (
    Call,
    concatenate_calls,
    conv2d_calls,
    conv2d_max_pool2d_calls,
    dense_calls,
    dot_calls,
    elementwise_calls,
    integers,
    pool2d_calls,
    reals,
    repeat_calls,
    variants,
)
from tests.support.random_calls import algorithms, taking

EPS = np.finfo(np.float32).eps
THREADS = (1, 2, 3, 4)
POOLS = (((2, 2), (2, 2)), ((3, 3), (2, 2)), ((2, 2), (1, 1)), ((3, 2), (3, 3)))


def seed_of(name):
    """A generator whose seed depends on the case only."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def run(call, threads):
    """The arrays after the native kernel on `threads` threads."""
    fastcnn.config.set_num_threads(threads)
    arrays = call.fresh()
    kernels.bind(call.kernel, *arrays, **call.config)()
    return arrays


def assert_exact(call, skip=()):
    """Native equals the reference to the last bit, for every number of threads."""
    expected = call.reference()
    for threads in THREADS:
        found = run(call, threads)
        for i in set(call.outputs) - set(skip):
            np.testing.assert_array_equal(found[i], expected[i], f"{call.kernel}, output {i}")


def assert_close(call):
    """|native - reference| <= 2 * terms * eps * reference(|arrays|); same bits for all threads."""
    expected, scale = call.reference(np.float64), call.magnitude()
    first = run(call, 1)
    for i in call.outputs:
        if first[i].dtype.kind != "f":
            continue
        bound = 2 * call.terms * EPS * scale[i]
        excess = np.abs(first[i] - expected[i]) - bound
        assert excess.size == 0 or excess.max() <= 0, f"{call.kernel}, output {i}"
    for threads in THREADS[1:]:
        for i in call.outputs:
            np.testing.assert_array_equal(run(call, threads)[i], first[i], call.kernel)


@pytest.mark.parametrize("name", shapes.CONV2D)
def test_conv2d(name, instruction_set):
    rng, case = seed_of(name), shapes.CONV2D[name]
    for bias in (True, False):
        for plain in conv2d_calls(case, rng, integers, relu=bias, bias=bias):
            for call in variants(plain):
                assert_exact(call)
    for plain in conv2d_calls(case, rng, reals):
        for call in variants(plain):
            assert_close(call)


@pytest.mark.parametrize("name", ["ic3-oc15", "ic16-oc16", "ic33-oc33", "kernel1x1-same"])
def test_the_residual_may_be_the_output(name, instruction_set):
    """Its elements are read before they are written."""
    rng, case = seed_of(name), shapes.CONV2D[name]
    for call in conv2d_calls(case, rng, integers):
        if call.kernel != "conv2d_forward":
            continue
        call.arrays[4] = call.arrays[3]
        expected = call.reference()[3]
        for algorithm in algorithms(call):
            for threads in THREADS:
                fastcnn.config.set_num_threads(threads)
                x, w, b, y, _ = call.fresh()
                y[...] = call.arrays[4]
                with taking(call.kernel, algorithm):
                    kernels.bind(call.kernel, x, w, b, y, y, **call.config)()
                np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("name", shapes.CONV2D)
def test_conv2d_max_pool2d(name, pool, instruction_set):
    rng, case = seed_of(name), shapes.CONV2D[name]
    for relu in (True, False):
        for call in conv2d_max_pool2d_calls(case, rng, integers, *pool, relu=relu, bias=relu):
            assert_exact(call)
    for call in conv2d_max_pool2d_calls(case, rng, reals, *pool):
        assert_close(call)


@pytest.mark.parametrize("name", shapes.POOL2D)
def test_pool2d(name, instruction_set):
    rng, case = seed_of(name), shapes.POOL2D[name]
    for call in pool2d_calls(case, rng, integers):
        if call.kernel.startswith("max"):
            assert_exact(call)
    for call in pool2d_calls(case, rng, reals):
        assert_close(call)


@pytest.mark.parametrize("name", shapes.DENSE)
def test_dense(name, instruction_set):
    rng, case = seed_of(name), shapes.DENSE[name]
    for bias in (True, False):
        for plain in dense_calls(case, rng, integers, relu=bias, bias=bias):
            for call in variants(plain):
                assert_exact(call)
    for plain in dense_calls(case, rng, reals):
        for call in variants(plain):
            assert_close(call)


@pytest.mark.parametrize("name", ["conv2d_1", "conv2d_2", "max_pool2d_2", "dense_1", "dense_2"])
def test_tutorial_layers_with_many_images(name, instruction_set):
    """Large enough that several threads really share the work."""
    rng, case = seed_of(name), shapes.NETS["tutorial"].cases(9)[name]
    calls = {"c": conv2d_calls, "m": pool2d_calls, "d": dense_calls}[name[0]]
    for plain in calls(case, rng, integers):
        for call in variants(plain):
            assert_exact(call)
    for plain in calls(case, rng, reals):
        for call in variants(plain):
            assert_close(call)
    if name.startswith("conv2d"):
        for call in conv2d_max_pool2d_calls(case, rng, integers, (2, 2), (2, 2)):
            assert_exact(call)
        for call in conv2d_max_pool2d_calls(case, rng, reals, (2, 2), (2, 2)):
            assert_close(call)


@pytest.mark.parametrize("size", [0, 1, 7, 16, 33, 100_000])
def test_relu(size, instruction_set):
    rng = np.random.default_rng(size)
    x = integers(rng, size)
    x[::5] = -0.0
    x[::7] = np.nan
    assert_exact(Call("relu_forward", [x, x], {}, 1))
    assert_exact(Call("relu_backward", [integers(rng, size), x, x], {}, 1))


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 11), (100_000,), (3, 33, 37, 65)], ids=str)
def test_elementwise(shape, instruction_set):
    rng = np.random.default_rng(len(shape))
    for call in elementwise_calls(shape, rng, integers):
        assert_exact(call)
    for call in elementwise_calls(shape, rng, reals):
        assert_exact(call)  # one rounding


def test_elementwise_output_may_be_an_input(instruction_set):
    rng = np.random.default_rng(0)
    for call in elementwise_calls((50_001,), rng, integers):
        expected, read = call.reference(), call.arrays[: -len(call.outputs)]
        for i in range(1 if "backward" in call.kernel else len(read)):
            arrays = call.fresh()
            arrays[call.outputs[0]] = arrays[i]
            kernels.bind(call.kernel, *arrays, **call.config)()
            for k in call.outputs:
                np.testing.assert_array_equal(arrays[k], expected[k], call.kernel)


@pytest.mark.parametrize("sizes", [(1, 2), (16, 16), (3, 64, 33), (300, 1, 700)], ids=str)
@pytest.mark.parametrize("rows", [0, 1, 31, 5000])
def test_concatenate(rows, sizes, instruction_set):
    for call in concatenate_calls(rows, sizes, np.random.default_rng(rows), reals):
        assert_exact(call)


@pytest.mark.parametrize(
    ("n", "times", "c"),
    [(3, 1, 5), (5, 49, 16), (2, 3000, 1), (3000, 3, 1), (1, 400, 130), (0, 3, 3)],
)
def test_repeat(n, times, c, instruction_set):
    rng = np.random.default_rng(times)
    for call in repeat_calls(n, times, c, rng, integers):
        assert_exact(call)
    for call in repeat_calls(n, times, c, rng, reals):
        assert_close(call)


@pytest.mark.parametrize(
    "sizes",
    [
        (32, 1, 1, 1, 1, 100),  # vectors
        (7, 33, 1, 20, 1, 17),  # matrices (p, k) and (r, k)
        (5, 20, 1, 1, 18, 9),  # (p, k) and (k, s)
        (3, 1, 33, 1, 7, 5),
        (2, 3, 5, 4, 2, 70),
        (0, 2, 2, 2, 2, 2),
    ],
    ids=str,
)
def test_dot(sizes, instruction_set):
    """Of (n, p, k, q) and (n, r, k, s), given as n, p, q, r, s, k."""
    rng = np.random.default_rng(sizes[-1])
    for call in dot_calls(*sizes, rng, integers):
        assert_exact(call)
    for call in dot_calls(*sizes, rng, reals):
        assert_close(call)


@pytest.mark.parametrize("classes", [1, 2, 10, 33])
@pytest.mark.parametrize("n", [0, 1, 32, 1000])
def test_softmax(n, classes, instruction_set):
    """exp and log are good to an ulp or two, and exp(x - m) carries x - m's own rounding."""
    rng = np.random.default_rng(n + classes)
    logits, labels = 5 * reals(rng, n, classes), rng.integers(0, classes, n)
    scale = np.abs(reals(rng, n))
    shape = (n, classes)
    out = [np.zeros(n, "f4"), np.zeros(shape, "f4"), np.zeros(shape, "f4")]
    call = Call("softmax_sparse_crossentropy", [logits, labels, scale, *out], {}, 1)
    expected = call.reference(np.float64)
    tolerance = 2 * (classes + 8 + np.abs(logits).max(initial=0)) * EPS
    first = run(call, 1)
    for i in call.outputs:
        error = np.abs(first[i] - expected[i]).max(initial=0)
        assert error <= tolerance * max(1, np.abs(expected[i]).max(initial=0))
        np.testing.assert_array_equal(run(call, 3)[i], first[i])
    probabilities = kernels.softmax_forward(logits)
    np.testing.assert_array_equal(probabilities, first[4])
    dy = reals(rng, *shape)
    expected = np.empty(shape)
    reference.softmax_backward(dy.astype("f8"), probabilities.astype("f8"), expected)
    error = np.abs(kernels.softmax_backward(dy, probabilities) - expected).max(initial=0)
    assert error <= 2 * (classes + 2) * EPS * np.abs(dy).max(initial=1)


def test_softmax_is_stable_and_propagates_nan(instruction_set):
    logits = np.array([[1e30, 0, -1e30], [np.nan, 1, 2], [-np.inf, 0, 0]], np.float32)
    losses, probabilities, _ = kernels.softmax_sparse_crossentropy(logits, [0, 1, 1])
    assert losses[0] == 0
    np.testing.assert_array_equal(probabilities[0], [1, 0, 0])
    assert np.isnan(losses[1])
    np.testing.assert_allclose(losses[2], np.log(2), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("item", [(28, 28, 1), (3,), ()])
def test_gather(dtype, item, instruction_set):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (50, *item)).astype(dtype)
    indices = rng.integers(0, 50, 33)
    out = np.empty((33, *item), np.float32)
    assert_exact(Call("gather", [source, indices, out], {}, 1))


def test_native_and_reference_have_the_same_kernels_and_signatures():
    def public(module):
        functions = inspect.getmembers(module, callable)
        return {name: f for name, f in functions if name in spec.ARRAYS}

    assert set(public(native)) == set(public(reference)) == set(spec.ARRAYS)
    for name, function in public(reference).items():
        signature = inspect.signature(function)
        assert inspect.signature(getattr(native, name)) == signature, name
        arrays = [array for array, *_ in spec.arrays_of(name)]
        assert list(signature.parameters)[: len(arrays)] == arrays, name


def test_weights_are_repacked_when_their_version_changes(instruction_set):
    rng = np.random.default_rng(0)
    case = shapes.CONV2D["ic16-oc16"]
    for make in (conv2d_calls, lambda *a: conv2d_max_pool2d_calls(*a, (2, 2), (2, 2))):
        for call in make(case, rng, integers):
            arrays = call.fresh()
            kernel = kernels.bind(call.kernel, *arrays, **call.config)
            weights = next((array for array in arrays if array.shape == case.w_shape), None)
            kernel(1)
            expected = call.reference()
            for i in call.outputs:
                np.testing.assert_array_equal(arrays[i], expected[i])
            if weights is None or any(arrays[i] is weights for i in call.outputs):
                continue
            weights *= -2
            call.arrays = [a if a is None else a.copy() for a in arrays]
            kernel(2)
            expected = call.reference()
            for i in call.outputs:
                np.testing.assert_array_equal(arrays[i], expected[i])


def test_a_bound_kernel_keeps_its_instruction_set():
    rng = np.random.default_rng(0)
    for first in kernels.instruction_sets():
        for second in kernels.instruction_sets():
            kernels.set_instruction_set(first)
            for call in dense_calls(shapes.DENSE["in65-out65"], rng, integers):
                arrays = call.fresh()
                kernel = kernels.bind(call.kernel, *arrays, **call.config)
                kernels.set_instruction_set(second)
                kernel()
                for i in call.outputs:
                    np.testing.assert_array_equal(arrays[i], call.reference()[i])
                kernels.set_instruction_set(first)


@pytest.mark.parametrize("pads", [(1, 1, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1), (2, 0, 0, 2)], ids=str)
def test_uneven_pads(pads, instruction_set):
    rng = np.random.default_rng(0)
    for image in ((6, 7), (6, 8), (7, 6)):
        size = [image[axis] + pads[2 * axis] + pads[2 * axis + 1] - 2 for axis in (0, 1)]
        config = {"strides": (1, 1), "pads": pads, "dilation": (1, 1)}
        x, w, b = integers(rng, 2, *image, 16), integers(rng, 3, 3, 16, 16), integers(rng, 16)
        y, pooled = integers(rng, 2, *size, 16), integers(rng, 2, size[0] // 2, size[1] // 2, 16)
        pool = {"pool_size": (2, 2), "pool_strides": (2, 2)}
        argmax = np.zeros(pooled.shape, np.uint8)
        assert_exact(Call("conv2d_forward", [x, w, b, y], {**config, "relu": True}, 1))
        assert_exact(Call("conv2d_backward_data", [y, w, x], config, 1))
        assert_exact(Call("conv2d_backward_weights", [x, y, w, b], config, 1))
        arrays = [x, w, b, pooled, argmax]
        assert_exact(Call("conv2d_max_pool2d_forward", arrays, {**config, **pool, "relu": True}, 1))


def test_images_without_rows_or_columns(instruction_set):
    rng = np.random.default_rng(0)
    for h, w in ((0, 8), (8, 0), (0, 0)):
        x, dy = integers(rng, 3, h, w, 16), np.zeros((3, max(h - 4, 0), max(w - 4, 0), 4), "f4")
        dw, db = kernels.conv2d_backward_weights(x, dy, (5, 5))
        assert not dw.any()
        assert not db.any()


def test_crossentropy_of_large_logits(instruction_set):
    logits = np.array([[3000, 2990, 2980], [1e6, 1e6, -1e6], [1e4, 1e4 - 0.5, 0]], np.float32)
    losses, *_ = kernels.softmax_sparse_crossentropy(logits, [0, 0, 0])
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    np.testing.assert_allclose(losses, np.log(np.exp(shifted).sum(1)), rtol=2e-6, atol=4 * EPS)


@pytest.mark.parametrize(
    "wrong", [{"pool_size": (0, 0)}, {"pool_strides": (0, 0)}, {"pads": (-1,) * 4}]
)
def test_windows_must_be_positive(wrong):
    config = {"strides": (1, 1), "pads": (0,) * 4, "dilation": (1, 1), "relu": True}
    config |= {"pool_size": (2, 2), "pool_strides": (2, 2), **wrong}
    arrays = [np.zeros(shape, "f4") for shape in ((1, 6, 6, 16), (3, 3, 16, 16), (1, 2, 2, 16))]
    with pytest.raises(ValueError, match="must be positive"):
        kernels.bind(
            "conv2d_max_pool2d_forward", arrays[0], arrays[1], None, arrays[2], None, **config
        )


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_sequence_runs_kernels_and_copies_in_order(backend):
    fastcnn.config.set_backend(backend)
    x, w, y = np.ones((2, 3), "f4"), np.ones((3, 4), "f4"), np.empty((2, 4), "f4")
    source, z = np.full((2, 3), 2, "f4"), np.empty((2, 4), "f4")
    run = kernels.Sequence(
        kernels.Copy(x, source),
        kernels.bind("dense_forward", x, w, None, y, relu=False),
        kernels.bind("relu_forward", y, z),
    )
    run(1)
    np.testing.assert_array_equal(z, np.full((2, 4), 6))
    w *= 2
    run(2)  # another version of the weights: they are packed again
    np.testing.assert_array_equal(z, np.full((2, 4), 12))
