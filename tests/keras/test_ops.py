"""`keras.ops` against recorded Keras: values, shapes and types.

tests/keras/golden/record_ops.py recorded what Keras returns for the same expressions.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.core.tensor import Tensor
from tests.support import ops_cases

NOT_COMPARED = [
    "argpartition",
    "convert_to_numpy",
    "dtype",
    "eig",
    "is_tensor",
    "vectorize",
]  # see below
GOLDEN = json.loads((Path(__file__).parent / "golden/ops.json").read_text("utf-8"))


def compare(ours, theirs, atol=None):
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], (dict, list)):
        for one, other in zip(ours, theirs, strict=True):
            compare(one, other, atol)
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict), f"not an array: {ours!r}"
        assert (ours["dtype"], ours["shape"]) == (theirs["dtype"], theirs["shape"])
        tolerance = (2e-3, 1e-4) if theirs["dtype"] == "float16" else (2e-5, 2e-6)
        tolerance = tolerance if atol is None else (0, atol)
        np.testing.assert_allclose(ours["values"], theirs["values"], *tolerance)
    else:
        assert ours == theirs


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("operation", ops_cases.BY_OPERATION)
def test_operation_matches_keras(operation):
    for expression in ops_cases.BY_OPERATION[operation]:
        try:
            result = ops_cases.evaluate(keras.ops, expression)
            compare(ops_cases.described(result), GOLDEN[expression])
        except Exception as error:
            error.add_note(f"in the expression {expression}")
            raise


def test_every_operation_is_compared():
    """But for random ones, and results that are not unique, such as the sign of eigenvectors."""
    compared = " ".join(ops_cases.EXPRESSIONS)
    names = [name for name in keras.ops.__all__ if name not in keras.ops.NAMESPACES]
    missing = [name for name in names if not re.search(rf"\b{name}\(", compared)]
    assert missing == NOT_COMPARED


def test_operations_whose_results_are_not_unique():
    ops, rng = keras.ops, np.random.default_rng(0)
    x = rng.normal(size=(4, 7)).astype(np.float32)
    order = ops.argpartition(x, 3)
    parts = np.take_along_axis(x, order, -1)
    assert order.dtype == np.int32
    assert (parts[:, :3] <= parts[:, 3:4]).all()
    assert (parts[:, 4:] >= parts[:, 3:4]).all()
    values, vectors = ops.eig(x[:, :4])
    assert values.dtype == vectors.dtype == np.complex64
    np.testing.assert_allclose(x[:, :4] @ vectors, vectors * values, atol=1e-5)
    values, vectors = ops.linalg.eigh(x @ x.T)
    np.testing.assert_allclose(x @ x.T @ vectors, vectors * values, atol=1e-4)
    left, values, right = ops.svd(x, full_matrices=False)
    np.testing.assert_allclose(left * values @ right, x, atol=1e-5)
    lower_upper, rows = ops.lu_factor(x[:, :4])
    lower, upper = np.tril(lower_upper, -1) + np.eye(4), np.triu(lower_upper)
    np.testing.assert_allclose((lower @ upper)[rows], x[:, :4], atol=1e-5)


def test_what_is_not_an_array():
    ops = keras.ops
    x = ops.ones((2,))
    assert ops.is_tensor(x)
    assert not ops.is_tensor(np.ones(2))
    assert ops.dtype(x) == "float32"
    assert type(ops.convert_to_numpy(x)) is np.ndarray
    assert ops.convert_to_numpy(x).flags.writeable
    assert ops.vectorize(lambda a, b: a + b)(x, 1.0).tolist() == [2.0, 2.0]


def test_results_are_tensors():
    ops = keras.ops
    for result in (
        ops.sum([1.0, 2.0]),
        ops.abs([1]),
        ops.top_k([1.0, 2.0], 1).values,
        ops.size([1]),
    ):
        assert type(result) is Tensor
    assert ops.sum([1.0, 2.0]).numpy() == 3.0
    assert (ops.sum([1.0, 2.0]) + 1).numpy() == 4.0
    assert float(ops.mean([1, 2])) == 1.5


def test_floatx_applies(request):
    request.addfinalizer(lambda: keras.config.set_floatx("float32"))
    keras.config.set_floatx("float64")
    assert keras.ops.convert_to_tensor(1.0).dtype == keras.ops.zeros(2).dtype == np.float64
    assert keras.ops.mean([1, 2]).dtype == np.float64


def test_variables_are_accepted():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    assert keras.ops.shape(layer.kernel) == (3, 2)
    assert keras.ops.sum(layer.kernel).shape == ()


def test_operations_on_symbolic_tensors():
    ops, x = keras.ops, keras.Input((3,))
    y = ops.add(ops.multiply(x, 2.0), ops.subtract(1.0, x))
    model = keras.Model(x, y)
    np.testing.assert_allclose(model([[1.0, 2.0, 3.0]]), [[2.0, 3.0, 4.0]])
    assert ops.shape(x) == (None, 3)
    assert ops.dtype(x) == "float32"
    assert ops.is_tensor(x)
    for call in (
        lambda: ops.exp(x),
        lambda: ops.maximum(x, 0.0),
        lambda: ops.mean(x, axis=1),
        lambda: ops.concatenate([x, x]),
        lambda: ops.where(x, x1=x, x2=x),
        lambda: ops.bitwise_and(x, x),
    ):
        with pytest.raises(NotImplementedError, match="only `add`, `subtract` and `multiply` take"):
            call()


REFUSED = {
    "dtype": lambda ops: ops.zeros(2, "bfloat16"),
    "numbers": lambda ops: ops.add("a", "b"),
    "`x`": lambda ops: ops.diag(np.ones((2, 2, 2))),
    "`mode`": lambda ops: ops.pad([1], ((1, 1),), "wrap"),
    "`constant_values`": lambda ops: ops.pad([1, 2], ((1, 1),), "reflect", 3),
    "`num`": lambda ops: ops.unstack([1, 2], 3),
    "`x1` and `x2`": lambda ops: ops.where([True], [1]),
    "`num_segments`": lambda ops: ops.segment_sum([1], [0], 2, sorted=True),
    "`reduction`": lambda ops: ops.scatter_update([1], [[0]], [2], "sub"),
    "does not fit": lambda ops: ops.slice([1, 2], [1], [3]),
    "`target`": lambda ops: ops.sparse_categorical_crossentropy([3], [[0.5, 0.5]]),
    "`strides`": lambda ops: ops.conv(np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1)), 0),
    "`padding`": lambda ops: ops.max_pool(np.ones((1, 4, 4, 1)), 2, padding="full"),
    "`kernel`": lambda ops: ops.conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 1))),
    "`data_format`": lambda ops: ops.max_pool(
        np.ones((1, 4, 4, 1)), 2, data_format="channels_first"
    ),
    "`images`": lambda ops: ops.image.resize(np.ones((4, 4)), (2, 2)),
    "`size`": lambda ops: ops.image.resize(np.ones((4, 4, 1)), (0, 2)),
    "target_height": lambda ops: ops.image.pad_images(
        np.ones((4, 4, 1)), 1, 1, 1, 1, target_height=3
    ),
    "`transform`": lambda ops: ops.image.affine_transform(np.ones((4, 4, 1)), np.ones(6)),
    "positive definite": lambda ops: ops.cholesky(-np.eye(2)),
    "singular": lambda ops: ops.inv(np.zeros((2, 2))),
    "`order`": lambda ops: ops.normalize([1.0], order=0),
    "`pattern`": lambda ops: ops.rearrange(np.ones((2, 3)), "a b -> a"),
    "`sparse`": lambda ops: ops.one_hot([1], 2, sparse=True),
    "`flash_attention`": lambda ops: ops.dot_product_attention(1, 1, 1, flash_attention=True),
    "`k`": lambda ops: ops.top_k([1.0, 2.0], 3),
    "gradient": lambda ops: ops.custom_gradient,
    "`strategy`": lambda ops: ops.ctc_decode(np.ones((1, 2, 3)), [2], strategy="best"),
    'strategy="greedy" only': lambda ops: ops.ctc_decode(np.ones((1, 2, 3)), [2], "beam_search"),
    "`mask_index`": lambda ops: ops.ctc_loss([[1]], np.ones((1, 2, 3)), [1], [2], 3),
    r"labels in \[0, 3\)": lambda ops: ops.ctc_loss([[4]], np.ones((1, 2, 3)), [1], [2]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors_name_the_argument(name):
    with pytest.raises((ValueError, TypeError, NotImplementedError, AttributeError), match=name):
        REFUSED[name](keras.ops)
