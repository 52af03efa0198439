"""Kernels of losses: the logarithm, special values, rows of any length, labels that do not count.

Random calls of these kernels are in test_exactness.py.
"""

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import native, reference
from tests.support.random_calls import CLIP, LOSSES, ON_PROBABILITIES

EPS = np.finfo(np.float32).eps
ELEMENTWISE = LOSSES["elementwise_loss"]


@pytest.fixture(autouse=True)
def _small_work_is_shared_too():
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


def run(kernel, p, t, scale, threads=1, **settings):
    """(losses, gradient) of a kernel of rows, outputs filled with NaN before."""
    fastcnn.config.set_num_threads(threads)
    losses, dp = np.full(len(p), np.nan, "f4"), np.full_like(p, np.nan)
    rest = {"elementwise_loss": [losses, dp, None], "categorical_loss": [None, losses, dp]}
    kernels.bind(kernel, p, t, scale, *rest.get(kernel, [losses, dp]), **settings)()
    return losses, dp


def test_logarithms_are_within_an_ulp_and_a_half(instruction_set):
    """Of every 20,011th float; a target of -1 makes the logarithm itself the loss."""
    x = np.arange(0x00800000, 0x7F800000, 20_011, dtype=np.int32).view(np.float32)
    ones = np.ones(len(x), np.float32)
    settings = {"function": "category", "parameters": (0.0, np.inf)}
    y, _ = run("elementwise_loss", x[:, None], -ones[:, None], ones, **settings)
    exact = np.log(x.astype(np.float64))
    error = np.abs(y - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert error.max() <= 1.5, x[error.argmax()]


def test_logarithms_of_special_values(instruction_set):
    x = np.array([0, -0.0, 1e-40, -1, np.inf, np.nan, 1], np.float32)
    ones = np.ones(len(x), np.float32)
    settings = {"function": "category", "parameters": (-np.inf, np.inf)}
    y, _ = run("elementwise_loss", x[:, None], -ones[:, None], ones, **settings)
    lowest = -np.inf
    np.testing.assert_array_equal(y, [lowest, lowest, lowest, np.nan, np.inf, np.nan, 0])


@pytest.mark.parametrize("function", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(1, 1), (5000, 1), (700, 20), (3, 33), (40, 1000), (2, 5000)])
def test_same_bits_for_any_number_of_threads(function, shape, instruction_set):
    """And within rounding of the reference in double precision, whose terms are at most 100."""
    rng = np.random.default_rng(0)
    p, t = (rng.uniform(0.05, 0.95, shape).astype("f4") for _ in range(2))
    scale = rng.uniform(0, 2, shape[0]).astype("f4")
    settings = {"function": function, "parameters": ELEMENTWISE[function]}
    first = run("elementwise_loss", p, t, scale, **settings)
    for threads in (2, 3, 4):
        for found, wanted in zip(
            run("elementwise_loss", p, t, scale, threads, **settings), first, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
    wide = [array.astype("f8") for array in (p, t, scale)]
    losses, dp = np.empty(len(p)), np.empty(shape)
    reference.elementwise_loss(*wide, losses, dp, None, **settings)
    np.testing.assert_allclose(first[0], losses, rtol=64 * EPS, atol=256 * EPS)
    np.testing.assert_allclose(first[1], dp, rtol=64 * EPS, atol=256 * EPS)


@pytest.mark.parametrize("function", ON_PROBABILITIES)
def test_clipped_probabilities_have_no_gradient(function, instruction_set):
    """As the reference: values of the limits, and 0 outside of them; NaN stays NaN."""
    p = np.array([0, -0.5, 1, 1.5, 1e-8, 0.5, np.nan], np.float32)[:, None]
    t = np.full_like(p, 0.25)
    scale = np.ones(len(p), np.float32)
    parameters = LOSSES["categorical_loss"].get(function) or ELEMENTWISE[function]
    if function == "kl_divergence":
        p[2] = 1.25  # 1 is not clipped there
    settings = {"function": function, "parameters": parameters}
    losses, dp = run("elementwise_loss", p, t, scale, **settings)
    wanted, slopes = np.empty_like(losses), np.empty_like(dp)
    reference.elementwise_loss(p, t, scale, wanted, slopes, None, **settings)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    np.testing.assert_allclose(dp, slopes, rtol=1e-5, atol=1e-6)
    assert np.isnan(losses[-1])
    assert np.isnan(dp[-1])
    if "focal" not in function:
        assert (dp[:5] == 0).all()


@pytest.mark.parametrize("function", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_one_target_decides_what_zeros_mean(function, size, instruction_set):
    """0 counts as -1 if all targets of the batch, in whatever task, are 0 or 1."""
    rng = np.random.default_rng(0)
    p = rng.integers(-3, 4, (9000, size)).astype("f4")
    t = rng.integers(0, 2, p.shape).astype("f4")
    scale = np.ones(len(p), np.float32)
    for last in (1, -1, 0.5, np.nan):
        t[-1, -1] = last
        wanted = np.empty(len(p), "f4"), np.empty_like(p)
        reference.elementwise_loss(p, t, scale, *wanted, None, function=function)
        for threads in (1, 3):
            losses, dp = run("elementwise_loss", p, t, scale, threads, function=function)
            np.testing.assert_allclose(losses, wanted[0], rtol=8 * EPS)
            np.testing.assert_allclose(dp, wanted[1], rtol=8 * EPS)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_focal_losses_of_certain_predictions(gamma, instruction_set):
    """Where 1 - q is 0 the factor is 0, or 1 for a gamma of 0."""
    p = np.array([0, 1, 0.25, 0.75], np.float32)[:, None]
    t, scale = np.array([0, 1, 1, 0], np.float32)[:, None], np.ones(4, np.float32)
    settings = {"function": "binary_focal", "parameters": (*CLIP, gamma, 0.3)}
    losses, dp = run("elementwise_loss", p, t, scale, **settings)
    wanted, slopes = np.empty_like(losses), np.empty_like(dp)
    with np.errstate(all="ignore"):
        reference.elementwise_loss(p, t, scale, wanted, slopes, None, **settings)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(dp[2:], slopes[2:], rtol=1e-5)


@pytest.mark.parametrize("classes", [3, 40])
@pytest.mark.parametrize("kernel", ["softmax_sparse_crossentropy", "sparse_crossentropy"])
def test_labels_below_zero_do_not_count(kernel, classes, instruction_set):
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 1, (50, classes)).astype("f4")
    labels, scale = rng.integers(0, classes, 50), np.ones(50, np.float32)

    def call(labels):
        losses, dp = np.full(50, np.nan, "f4"), np.full_like(p, np.nan)
        softmax = [np.empty_like(p)] if kernel.startswith("softmax") else []
        settings = {} if softmax else {"epsilon": 1e-7}
        kernels.bind(kernel, p, labels, scale, losses, *softmax, dp, **settings)()
        return losses, dp

    every = call(labels)
    some = labels.copy()
    some[::3] = -1
    losses, dp = call(some)
    assert not losses[::3].any()
    assert not dp[::3].any()
    for found, wanted in zip((losses, dp), every, strict=True):
        for start in (1, 2):
            np.testing.assert_array_equal(found[start::3], wanted[start::3])


@pytest.mark.parametrize("shape", [(1, 100_003, 1), (4, 3000, 5), (3, 1, 9), (2, 7, 33)])
def test_overlaps_are_exact_on_integers(shape, instruction_set):
    rng = np.random.default_rng(0)
    t, p = (rng.integers(0, 3, shape).astype("f4") for _ in range(2))
    slope, offset = (rng.integers(-3, 4, (shape[0], shape[2])).astype("f4") for _ in range(2))
    wanted, expected = np.empty((shape[0], 3, shape[2])), np.empty(shape, "f4")
    reference.overlap_sums(t, p, wanted)
    reference.overlap_gradient(t, slope, offset, expected)
    for threads in (1, 2, 3):
        fastcnn.config.set_num_threads(threads)
        sums, dp = np.full_like(wanted, np.nan), np.full_like(expected, np.nan)
        kernels.bind("overlap_sums", t, p, sums)()
        kernels.bind("overlap_gradient", t, slope, offset, dp)()
        np.testing.assert_array_equal(sums, wanted)
        np.testing.assert_array_equal(dp, expected)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_unknown_losses_are_refused(backend):
    fastcnn.config.set_backend(backend)
    p, losses = np.zeros((2, 3), np.float32), np.zeros(2, np.float32)
    arrays = p, p, losses, losses, p, None
    with pytest.raises(ValueError, match=r"`function` must be one of absolute, .* Received 'nope'"):
        kernels.bind("elementwise_loss", *arrays, function="nope")
    with pytest.raises(ValueError, match="huber takes the parameters"):
        kernels.bind("elementwise_loss", *arrays, function="huber")
