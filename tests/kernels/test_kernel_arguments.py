"""The public kernel functions with suitable and unsuitable arguments (hypothesis).

One or two arguments of a good call are replaced. The function returns float arrays or raises
ValueError or TypeError; it never raises anything else, hangs or crashes.
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import functions, spec
from tests.support.random_calls import draw, public_call

TYPES = ("f4", "f8", "f2", "g", ">f4", "i1", "u1", "i8", "?", "c8", "O", "U3", "M8[s]", "V4")
SIZES = (-1, 0, 1, 2, 3, 5, 8, 10**5, 2**28, 2**31, 2**62, 2**63, 2**70, 1.0, 2.5, True, None, "2")
NUMBERS = st.sampled_from((*SIZES, float("nan"), float("inf"), 1j, np.int64(2), np.array([2])))

arrays = st.builds(np.zeros, st.lists(st.integers(0, 6), max_size=5), st.sampled_from(TYPES))
objects = st.sampled_from((None, "x", b"x", 3, 2.5, [], [[1, 2], [3]], {}, {1: 2}, object()))
sizes = st.one_of(
    NUMBERS,
    st.tuples(NUMBERS, NUMBERS),
    st.lists(NUMBERS, max_size=3),
    st.sampled_from(({1, 2}, {1: 2, 3: 4}, "22", b"22", object())),
)
paddings = st.sampled_from(("valid", "same", "SAME", "full", "", None, 3, b"same", ["same"]))
KINDS = {"padding": paddings, "relu": st.sampled_from((True, False, None, 2, "x"))}


@st.composite
def changed_calls(draw, name):
    function, inputs, others = public_call(name)
    arguments = {**inputs, **others}
    for key in draw(st.lists(st.sampled_from(sorted(arguments)), min_size=1, max_size=2)):
        kind = KINDS.get(key, sizes) if key in others else st.one_of(arrays, arrays, objects)
        arguments[key] = draw(kind)
    return function, arguments


@pytest.mark.parametrize("name", functions.__all__)
def test_unsuitable_arguments_are_refused(name):
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(changed_calls(name))
    def run(call):
        function, arguments = call
        try:
            with np.errstate(all="ignore"):
                results = function(**arguments)
        except (TypeError, ValueError):
            return
        for result in results if isinstance(results, tuple) else (results,):
            assert result.dtype in (np.float32, np.uint8, np.int32)

    run()


def test_no_channels():
    """Regression test: these divided by zero."""
    no_columns, mean = np.ones((3, 0), np.float32), np.ones(0, np.float32)
    for call in (
        lambda: kernels.dense_forward(np.ones((4, 3)), no_columns),
        lambda: kernels.dense_backward_data(no_columns, no_columns),
        lambda: kernels.dense_backward_weights(np.ones((3, 2)), no_columns),
        lambda: kernels.softmax_forward(no_columns),
        lambda: kernels.bind(
            "batch_norm_forward",
            *(no_columns, None, None, mean, mean, no_columns),
            epsilon=1e-3,
            relu=False,
        ),
    ):
        with pytest.raises(ValueError, match="must have at least one element"):
            call()


def test_strides_far_beyond_the_image():
    """One window; the gradient used to visit every phase of the stride."""
    x, w, dy = np.ones((1, 5, 5, 2)), np.ones((3, 3, 2, 2)), np.ones((1, 1, 1, 2))
    for strides in (7, 1000):
        options = {"strides": strides, "padding": "same"}
        dx = kernels.conv2d_backward_data(dy, w, 5, **options)
        assert kernels.conv2d_forward(x, w, **options).shape == dy.shape
        wanted = np.zeros_like(dx)
        wanted[:, :3, :3] = 2
        np.testing.assert_array_equal(dx, wanted)


def test_too_large_sizes_are_refused_before_allocation():
    x, w = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 2))
    for call, message in (
        (lambda: kernels.conv2d_forward(x, w, padding="same", dilation=2**20), "with its padding"),
        (lambda: kernels.conv2d_forward(x, w, strides=2**40), "cannot contain more than"),
        (lambda: kernels.max_pool2d_forward(x, 2**20, padding="same"), "with its padding"),
        (lambda: kernels.conv2d_backward_data(x, w, 2**20), "with its padding"),
        (lambda: kernels.conv2d_backward_data(x, w, 2**10), "`dy` must have 1022 rows"),
        (lambda: kernels.max_pool2d_backward(x, x, 2**10), "`dy` must have 512 rows"),
        (lambda: kernels.average_pool2d_backward(x, 2**10), "`dy` must have 512 rows"),
        (lambda: kernels.conv2d_backward_weights(x, x, 2**20, padding="same"), "with its padding"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def refused(change, error=ValueError, kernel="conv2d_forward"):
    """The error message of `bind` for a good call of `kernel` after `change`.

    `change` gets the arrays by name and the keywords, and changes them in place.
    """
    call = next(call for call in map(partial(draw, kernel), range(100)) if is_full(call))
    names = [label for label, *_ in spec.arrays_of(kernel)]
    arrays, config = dict(zip(names, call.arrays, strict=True)), dict(call.config)
    kernels.bind(kernel, *arrays.values(), **config)
    change(arrays, config)
    with pytest.raises(error) as caught:
        kernels.bind(kernel, *arrays.values(), **config)
    return str(caught.value)


def is_full(call):
    return all(array is not None and array.size for array in call.arrays)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_error_messages_of_bind(backend):
    fastcnn.config.set_backend(backend)
    with pytest.raises(ValueError, match=r"no kernel .conv3d.. The kernels are .*, conv2d_"):
        kernels.bind("conv3d")
    said = refused(lambda a, c: (a.popitem(), a.popitem()), TypeError)
    assert said == "`conv2d_forward` takes 4 to 5 arrays. Received 3."
    said = refused(lambda a, c: a.popitem(), TypeError, "relu_forward")
    assert said == "`relu_forward` takes 2 arrays. Received 1."
    said = refused(lambda a, c: c.pop("relu"), TypeError)
    assert "takes the keywords ['dilation', 'pads', 'relu', 'relu_max', 'strides']. Rec" in said
    said = refused(lambda a, c: a.update(x=None), TypeError)
    assert "`x` must be an array. Received <class 'NoneType'>" in said
    said = refused(lambda a, c: a.update(x=a["x"].astype("f2")), TypeError)
    assert "`x` must be float32" in said
    assert said.endswith("Received float16.")
    said = refused(lambda a, c: a.update(x=a["x"][0]))
    assert "`x` must have the shape (n, h, w, i)" in said
    said = refused(lambda a, c: a.update(y=a["y"][:, :-1].copy(), residual=None))
    assert "the output must have" in said
    said = refused(lambda a, c: c.update(dilation=(0, 1)))
    assert "`dilation` must be positive" in said
    said = refused(lambda a, c: c.update(pads=(0, 99, 0, 0)))
    assert "pads must be smaller than the window" in said
    said = refused(lambda a, c: c.update(strides=(0, 1)))
    assert "strides and windows must be positive" in said
    said = refused(lambda a, c: a.update(hyper=a["hyper"][:3].copy()), kernel="update_weights")
    assert "`hyper` must have the shape (8) with z = " in said
    assert said.endswith("Received (3,).")
    said = refused(lambda a, c: a.update(key=a["key"][:1].copy()), kernel="dropout")
    assert "`key` must have the shape (2) with" in said
    assert said.endswith("Received (1,).")
    said = refused(
        lambda a, c: a.update(transforms=a["transforms"][:, :6].copy()),
        kernel="affine_transform_forward",
    )
    assert "`transforms` must have the shape (n, 8) with n = " in said
    said = refused(
        lambda a, c: a.update(y=np.repeat(a["y"], 2, 3), b=None), kernel="depthwise_conv2d_forward"
    )
    assert "the size o must be i * m = " in said
    said = refused(
        lambda a, c: a.update(argmax=a["argmax"].astype("i4")), TypeError, "max_pool2d_forward"
    )
    assert "must be uint8" in said
