"""Calls of `keras.ops` that are compared with real Keras: expressions over `ops` and these arrays.

tests/keras/golden/record_ops.py records what Keras returns, test_ops.py compares.
"""

import functools
import re

import numpy as np

_rng = np.random.default_rng(16)


def _floats(*shape):
    return _rng.normal(size=shape).astype(np.float32)


ARRAYS = {
    "X": np.array([[-2.5, -1.0, -0.0], [0.5, 1.5, 3.0]], np.float32),
    "Y": np.array([[1.5, 2.0, 0.5], [0.25, 1.5, -2.0]], np.float32),
    "P": np.array([[0.1, 0.25, 0.5], [0.75, 0.9, 0.3]], np.float32),  # in (0, 1)
    "N": np.array([[np.nan, 1.0, -2.0], [np.nan, np.inf, 4.0]], np.float32),
    "NANS": np.array([[np.nan, 1.0, -2.0], [3.0, 0.5, np.nan]], np.float32),
    "D": np.array([[0.5, 2.0, 1.0], [3.0, 0.25, 1.5]], np.float64),
    "H": np.array([0.5, 2.0, 1.0], np.float16),
    "I": np.array([[3, -2, 0], [7, 4, -5]], np.int32),
    "J": np.array([[2, 3, 5], [2, 1, 3]], np.int32),
    "L": np.array([2, 0, 1], np.int64),
    "S": np.array([1, -3, 100], np.int8),
    "U": np.array([3, 200, 7], np.uint8),
    "B": np.array([[True, False, True], [False, False, True]]),
    "V": _floats(5),
    "W": _floats(4),
    "A": _floats(3, 4),
    "M": _floats(4, 5),
    "T": _floats(2, 3, 4),
    "Q": _floats(2, 4, 3),
    "SYM": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], np.float32),
    "SQ": np.array([[2.0, 1.0, 0.5], [1.0, -3.0, 0.2], [4.0, 0.2, 2.0]], np.float32),
    "SEQ": _floats(2, 9, 3),
    "IMG": _rng.random((2, 7, 6, 3)).astype(np.float32),
    "BIG": _rng.random((2, 13, 12, 3)).astype(np.float32),
    "BYTES": _rng.integers(0, 256, (2, 7, 6, 3)).astype(np.uint8),
    "K1": _floats(3, 3, 4),
    "K2": _floats(3, 3, 3, 4),
    "KD": _floats(3, 3, 3, 2),
    "KP": _floats(1, 1, 6, 4),
    "KT": _floats(3, 3, 4, 3),
    "KG": _floats(3, 3, 1, 6),
    "WAVE": _floats(2, 40),
    "SIG": (_floats(2, 8), _floats(2, 8)),
    "SIG2": (_floats(2, 4, 6), _floats(2, 4, 6)),
    "SPEC": (_floats(2, 9, 9), _floats(2, 9, 9)),
    "SEG": np.array([0, 2, 0, 1], np.int32),
    "HEADS": _floats(2, 3, 4, 5),
    "KEYS": _floats(2, 6, 2, 5),
    "NEAR": np.array([1.0, 0.2, 0.5, -0.1, 0.9, 1.0, 0.0, 0.0], np.float32),
    "FAR": np.array([1.0, 0.2, 4.3, -0.1, 0.9, -9.2, 0.0, 0.0], np.float32),
    "BOTH": np.array([[1, 0, 0.4, 0, 1, -2.2, 0, 0], [0.9, 0.1, 0, 0, 1, 0, 0.01, 0]], np.float32),
    "PTS": np.array([[0, 0], [5, 0], [0, 6], [5, 6]], np.float32),
    "DELTA": np.array([[0.5, 0.2], [-0.4, 0.7], [0.3, -0.8], [-1, 0.6]], np.float32),
    "PROBS": np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], np.float32),
    "ONEHOT": np.array([[0, 1, 0], [1, 0, 0]], np.float32),
}

FLOAT_UNARY = (
    "sqrt rsqrt cbrt reciprocal exp exp2 expm1 log log10 log1p log2 sin cos tan arcsin arccos "
    "arctan sinh cosh tanh arcsinh arctanh deg2rad rad2deg sinc i0 erf erfc erfinv"
)
REAL_UNARY = (
    "abs absolute fabs negative sign square conj conjugate real imag ceil floor trunc isfinite "
    "isinf isnan isneginf isposinf isreal signbit logical_not round sin cos arctan tanh exp "
    "zeros_like ones_like copy ravel sum prod mean std var max min amax amin all any ptp size "
    "argmax argmin cumsum cumprod count_nonzero median nansum nanprod nanmean nanvar nanstd nanmax "
    "nanmin nanargmax nanargmin nanmedian nancumsum nancumprod average sort argsort flip transpose "
    "fliplr flipud nonzero unique relu relu6 angle nan_to_num"
)
# for integers of these types TensorFlow lacks the operation, or Keras a conversion
NOT_OF_INTEGERS = "rsqrt reciprocal erf erfc erfinv sign sinc"
NOT_OF_BOOLEANS = (
    "conj conjugate real unique negative sign square round relu relu6 std var nansum ptp "
    "nan_to_num max min sort nanmax nanmin"
)
BINARY = (
    "add subtract multiply divide true_divide divide_no_nan floor_divide mod fmod power maximum "
    "minimum fmax fmin arctan2 hypot logaddexp logaddexp2 equal not_equal greater greater_equal "
    "less less_equal logical_and logical_or logical_xor heaviside append"
)
BITWISE = "bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift"
REDUCTIONS = (
    "sum prod mean std var max min amax amin all any ptp argmax argmin median logsumexp nansum "
    "nanmean nanmax nanmin nanstd nanvar nanprod nanmedian nanargmax nanargmin"
)
ACTIVATIONS = (
    "relu relu6 sigmoid tanh softplus softsign silu swish log_sigmoid leaky_relu hard_sigmoid "
    "hard_silu hard_swish hard_tanh elu selu celu gelu glu softmax log_softmax sparsemax "
    "sparse_plus sparse_sigmoid squareplus tanh_shrink soft_shrink hard_shrink"
)


def _generated():
    for name in FLOAT_UNARY.split():
        yield f"{name}(P)"
        yield f"{name}(D / 4)"
    for name in ("sqrt", "exp", "log1p", "sin", "tanh", "cbrt", "deg2rad", "arctan", "log2"):
        yield f"{name}(J)"
        yield f"{name}(L)"
        yield f"{name}(H)"
    for name in REAL_UNARY.split():
        yield f"{name}(X)"
        for array in ("I", "L", "B"):
            skipped = f"{NOT_OF_INTEGERS} {NOT_OF_BOOLEANS if array == 'B' else ''}".split()
            if name not in skipped and (name, array) != ("fliplr", "L"):
                yield f"{name}({array})"
    yield "arccosh(Y * Y + 1)"
    for name in BINARY.split():
        for pair in ("X, Y", "I, J", "X, J", "D, X", "X, 2", "X, 1.5", "2.0, Y", "J, 2"):
            yield f"{name}({pair})"
    for name in ("add", "maximum", "multiply", "where"):
        condition = "B, " if name == "where" else ""
        for pair in ("L, 1", "U, 3", "U, S", "I, U", "H, X", "B, 1", "J, 0.5", "L, X"):
            yield f"{name}({condition}{pair})"
    for name in BITWISE.split():
        yield f"{name}(J, J)"
        yield f"{name}(U, U)" if "shift" not in name else f"{name}(J, 1)"
    for name in REDUCTIONS.split():
        array = "N" if name.startswith("nan") else "X"
        yield f"{name}({array}, axis=1)"
        yield f"{name}({array}, axis=0, keepdims=True)"
        if "arg" not in name:
            yield f"{name}(T, axis=(0, 2))"
    for name in ACTIVATIONS.split():
        array = "T" if name == "glu" else "X"
        yield f"{name}({array})"
        yield f"nn.{name}({array})" if name != "tanh" else "tanh(T)"
        yield f"{name}(cast({array}, 'float64'))"


HAND = """
convert_to_tensor(1)
convert_to_tensor(1.5)
convert_to_tensor(True)
convert_to_tensor([1, 2])
convert_to_tensor([1.0, 2])
convert_to_tensor([[True], [False]])
convert_to_tensor(D)
convert_to_tensor(L)
convert_to_tensor([D[0, 0], D[0, 1]])
convert_to_tensor([1, 2], dtype="float32")
convert_to_tensor([1.7, -2.7], dtype="int32")
array([1, 2.5])
array(I, dtype="int64")
cast(X, "int32")
cast(I, "bool")
cast(X, "float64")
cast(B, "float32")
saturate_cast(X * 150, "uint8")
saturate_cast(I, "uint8")
shape(T)
ndim(T)
size(T)
zeros((2, 3))
zeros((2,), "int32")
ones((2, 3))
ones(3)
empty((2,))
full((2, 2), 3)
full((2,), [1, 2], dtype="int32")
full_like(I, 2)
full_like(X, 2, dtype="int32")
zeros_like(X, dtype="int32")
ones_like(B, dtype="float32")
empty_like(I)
eye(3)
eye(2, 3, k=1)
eye(3, dtype="int32")
identity(2)
tri(3)
tri(3, 4, 1)
arange(5)
arange(1, 6, 2)
arange(0.0, 1.0, 0.25)
arange(3, dtype="float32")
arange(5, 0, -2)
arange(1, 2, 0.5)
linspace(0, 1, 5)
linspace(0.0, 1.0, 4, endpoint=False)
linspace(0, 10, 3, dtype="int32")
linspace(0, 1, 5, retstep=True)
linspace(W, W + 1, 3)
logspace(0, 2, 3)
logspace(0.0, 1.0, 4, base=2)
geomspace(1.0, 1000.0, 4)
meshgrid(V, W)
meshgrid(V, W, indexing="ij")
vander(W)
vander(J[0], 2, True)
bartlett(5)
blackman(5)
hamming(5)
hanning(6)
kaiser(5, 3.0)
reshape(T, (6, -1))
reshape(T, (4, 6))
reshape(T, -1)
transpose(T)
transpose(T, (1, 0, 2))
swapaxes(T, 0, 2)
moveaxis(T, 0, -1)
moveaxis(T, (0, 1), (2, 0))
expand_dims(X, 0)
expand_dims(X, -1)
expand_dims(X, (0, 2))
squeeze(X[None])
squeeze(X[:, None, :, None], axis=1)
squeeze(X[:, None, :, None], axis=(1, 3))
broadcast_to(W, (3, 4))
flip(T, axis=1)
flip(T, axis=(0, 2))
rot90(A)
rot90(T, k=3, axes=(1, 2))
rot90(SQ, k=2)
roll(A, 1)
roll(A, 1, axis=0)
roll(A, (1, 2), axis=(0, 1))
repeat(A, 2)
repeat(A, 2, axis=1)
repeat(A, [1, 0, 2], axis=0)
tile(W, 2)
tile(A, (2, 1))
tile(W, (2, 3))
pad(A, ((1, 0), (2, 1)), constant_values=2)
pad(A, ((1, 1), (2, 1)), "reflect")
pad(A, ((1, 1), (2, 1)), mode="symmetric")
pad(I, ((0, 0), (1, 1)))
concatenate([X, Y])
concatenate([X, Y], axis=1)
concatenate([X, I], axis=-1)
append(X, Y, axis=1)
stack([X, Y])
stack([X, Y], axis=1)
stack([1, 2, 3])
stack([1.0, 2.0])
stack([I, X])
unstack(X)
unstack(X, axis=1)
unstack(X, 2)
hstack([X, Y])
hstack([V, W])
vstack([X, Y])
vstack([T, T])
dstack([X, Y])
split(A, 2, axis=1)
split(A, [1, 3], axis=1)
array_split(A, 2)
hsplit(A, 2)
vsplit(M, 2)
dsplit(T, 2)
diag(W)
diag(M)
diag(W, k=1)
diag(M, k=-1)
diagflat(X[:, :2])
diagonal(M)
diagonal(T, 1, 1, 2)
tril(M)
tril(M, k=-1)
triu(T, k=1)
trace(M)
trace(T, 0, 1, 2)
trace(I)
rearrange(T, "a b c -> c (a b)")
rearrange(BIG[:, :12], "b (h p) (w q) c -> (b h w) p q c", p=4, q=6)
view(X, "int32")
view_as_complex(T[:, 0, :2])
view_as_real(view_as_complex(T[:, 0, :2]))
polar(Y, X)
get_item(T, (0, slice_(1, 3)))
take(W, [0, 2])
take(W, -1)
take(T, [[0, 1], [2, 1]], axis=1)
take(T, 3)
take(I, L, axis=1)
take_along_axis(A, J[:, :1] - 1, axis=0)
take_along_axis(T, argsort(T, axis=-1), axis=-1)
where(B)
where(B, X, Y)
where(B, X, 0.0)
where(B, 1, 0)
where(I > 0, I, 0)
where(X > 0, X, I)
select([X > 1, X > 0], [X, Y], 5.0)
sort(X, axis=0)
sort(T, axis=None)
argsort(X, axis=0)
argsort([2.0, 1.0, 2.0, 1.0])
top_k(X, 2)
top_k(I, 1)
top_k([1.0, 3.0, 3.0, 2.0], 3)
in_top_k([0, 2], X, 1)
in_top_k([1, 0], X, 2)
in_top_k([0, 1], [[1.0, 1.0, 0.0], [2.0, 1.0, 1.0]], 2)
searchsorted([1.0, 2.0, 4.0], V)
searchsorted([1, 2, 4], J[0], side="right")
digitize(X, [-1.0, 0.0, 1.5])
digitize(I, [0, 3])
bincount(J[0])
bincount([1, 1, 3], weights=[0.5, 1.0, 2.0])
bincount(J, minlength=8)
histogram(ravel(T), bins=4)
histogram(ravel(X), bins=3, range=(-1.0, 2.0))
isin(I, [0, 4])
isin(X, Y, invert=True)
unique([3, 1, 3, 2])
unique(I, return_index=True)
unique([3, 1, 3, 2], return_inverse=True, return_counts=True)
unravel_index([5, 0, 11], (3, 4))
nonzero(I)
one_hot([0, 2, 5], 3)
one_hot(J, 4)
one_hot([1, 0], 3, dtype="int32")
one_hot(J, 6, axis=1)
multi_hot(L, 4)
multi_hot(J, 6)
scatter([[0, 1], [2, 0], [0, 1]], [1.0, 2.0, 5.0], (3, 2))
scatter([[1], [0]], [[1, 2], [3, 4]], (3, 2))
scatter_update(A, [[0, 1], [2, 3]], [9.0, 8.0])
scatter_update(A, [[1], [0]], [W, W])
scatter_update(I, [[0, 0], [0, 0]], [5, 6], reduction="add")
scatter_update(I, [[0, 0], [0, 1]], [5, -6], reduction="max")
scatter_update(I, [[0, 0], [0, 1]], [5, -6], reduction="min")
scatter_update(I, [[0, 0], [0, 1]], [5, -6], reduction="mul")
slice(T, (0, 1, 1), (1, 2, 2))
slice(A, (1, 0), (-1, 2))
slice_update(A, (1, 1), A[:2, :2])
get_item(A, 1)
clip(X, -1, 1)
clip(X, -0.5, 2.0)
clip(I, 0, 3)
round(X)
round(T, 2)
round(I * 10, -1)
isclose(X, X + 1e-6)
isclose(NANS, NANS, equal_nan=True)
allclose(X, Y)
allclose(X, X)
nan_to_num(N)
nan_to_num(N, nan=1.0, posinf=2.0)
ldexp(X, J)
gcd(I, J)
lcm(I, J)
nextafter(X, Y)
bitwise_not(I)
bitwise_invert(U)
right_shift(I, 1)
bitwise_right_shift(J, 1)
logaddexp(X, 1.0)
add([1, 2], [3, 4])
add(1, 2)
multiply(1, 2.5)
divide(I, 2)
divide(1, 2)
power(2, 3)
power(I, 2)
power(2.0, J)
equal(X, 0)
max(X, initial=10.0)
max(I, axis=0, initial=5)
min(X, axis=1, initial=-1.0)
sum(U)
sum(S)
sum(B, axis=0)
mean(U)
mean(B)
mean(H)
cumsum(T, axis=1)
cumsum(I, axis=0)
cumsum(J, axis=1, dtype="float32")
cumprod(T, axis=2)
average(X, axis=1)
average(X, axis=1, weights=[1.0, 2.0, 3.0])
average(X, weights=Y * Y)
count_nonzero(X, axis=1)
median(T, axis=(0, 1))
quantile(T, 0.3)
quantile(T, [0.1, 0.5], axis=1)
quantile(T, 0.4, axis=0, method="nearest")
quantile(T, 0.4, axis=-1, method="lower", keepdims=True)
quantile(T, 0.4, axis=-1, method="higher")
quantile(T, 0.4, axis=-1, method="midpoint")
percentile(T, 30, axis=2)
nanquantile(NANS, 0.5, axis=1)
nanpercentile(NANS, 25, axis=1)
logsumexp(X)
logsumexp(X * 100, axis=1)
moments(T, axes=(0, 1))
moments(T, axes=[2], keepdims=True)
matmul(A, M)
matmul(A, W)
matmul(T, Q)
matmul(I, transpose(J))
matmul(S[None], S[:, None])
matmul(A, cast(M, "float64"))
dot(A, M)
dot(W, W)
dot(A, 2.0)
dot(I, transpose(J))
inner(A, A)
inner(I, J)
outer(V, W)
outer(I, J)
vdot(X, Y)
tensordot(T, M, axes=1)
tensordot(T, Q, axes=[[1, 2], [2, 1]])
tensordot(A, M, 1)
kron(X, A)
cross(X, Y)
cross(X[:, :2], Y[:, :2])
einsum("ij,jk->ik", A, M)
einsum("bij,bjk->bik", T, Q)
einsum("ij->j", A)
einsum("ij,ij->", X, Y)
einsum("...ij->...ji", T)
einsum("ij,jk->ik", I, transpose(J))
diff(X)
diff(T, n=2, axis=1)
trapezoid(T)
trapezoid(X, dx=0.5, axis=0)
trapezoid(X, x=[0.0, 1.0, 3.0])
corrcoef(A)
correlate(V, W)
correlate(V, W, mode="full")
correlate(V, W, mode="same")
correlate(V, W[:3], mode="same")
segment_sum(Q[0], SEG)
segment_sum(Q[0], SEG, num_segments=5)
segment_max(Q[0], SEG)
segment_min(Q[0], SEG, num_segments=4)
segment_prod(Q[0], SEG)
segment_sum(M, convert_to_tensor([0, 0, 1, 1]), sorted=True)
cdist(A, transpose(M)[:, :4])
cdist(T, T)
fft(SIG)
fft2(SIG2)
ifft2(SIG2)
rfft(WAVE)
rfft(WAVE, 16)
irfft(SPEC)
irfft(SPEC, 12)
extract_sequences(WAVE, 8, 3)
stft(WAVE, 8, 4, 16)
stft(WAVE, 12, 5, 12, window="hamming", center=False)
stft(WAVE, 8, 4, 8, window=None)
istft(SPEC, 16, 4, 16)
istft(SPEC, 12, 6, 16, window="hamming", center=False)
istft(SPEC, 16, 8, 16, length=50)
linalg.cholesky(SYM)
cholesky(SYM, upper=True)
cholesky_inverse(cholesky(SYM))
linalg.det(SQ)
slogdet(SQ)
logdet(SYM)
linalg.inv(SQ)
inv(SYM[None])
linalg.pinv(A)
matrix_rank(A)
matrix_rank(SQ * 0)
matmul(*linalg.qr(A))
abs(qr(M, mode="reduced")[1])
abs(qr(M, "complete")[1])
linalg.svd(A, compute_uv=False)
svd(A)[1]
eigh(SYM)[0]
solve(SQ, SQ[0])
linalg.solve(SQ, SQ[:, :2])
solve_triangular(SQ, SQ[0])
solve_triangular(SQ, SQ[:, :2], lower=True)
lstsq(M, W)
lstsq(transpose(M), transpose(M)[:, :2])
lu_factor(SQ)
norm(X)
norm(X, axis=1)
norm(X, ord=1, axis=0, keepdims=True)
norm(X, ord=np.inf, axis=1)
norm(X, ord=3, axis=1)
norm(X, "fro")
norm(X, "nuc")
norm(X, 2)
norm(T, ord=1, axis=(1, 2))
norm(I)
normalize(X)
normalize(T, axis=1, order=1)
celu(X, alpha=0.5)
elu(X, alpha=0.5)
gelu(X, approximate=False)
leaky_relu(X, negative_slope=0.1)
squareplus(X, b=2)
threshold(X, 0.4, -1.0)
hard_shrink(X, threshold=2.0)
soft_shrink(X, threshold=1.0)
softmax(T, axis=1)
softmax(X, axis=None)
log_softmax(T, axis=0)
glu(T, axis=2)
batch_normalization(IMG, P[0], P[1], -1)
batch_normalization(T, P[0], P[1], 1, X[0], X[1], 0.1)
layer_normalization(T)
layer_normalization(T, W, W, epsilon=0.01)
layer_normalization(T, axis=(1, 2))
rms_normalization(T)
rms_normalization(T, W, epsilon=0.01)
binary_crossentropy(ONEHOT, PROBS)
binary_crossentropy(ONEHOT, X, from_logits=True)
categorical_crossentropy(ONEHOT, PROBS)
categorical_crossentropy(ONEHOT, X, from_logits=True)
sparse_categorical_crossentropy([1, 0], PROBS)
sparse_categorical_crossentropy([2, 0], X, from_logits=True)
psnr(X, Y, 3.0)
ctc_loss([[1, 2], [3, 0]], T, [2, 1], [3, 3])
ctc_loss([[1, 2, 0], [1, 2, 2]], Q, [0, 2], [4, 3])
ctc_loss([[1, 1, 0], [1, 0, 1]], SEQ, [2, 3], [9, 6], mask_index=2)
ctc_loss([[1, 1, 0], [1, 0, 1]], SEQ, [2, 3], [9, 6], mask_index=-1)
ctc_loss([[1, 2], [2, 1]], SEQ, [2, 2], [9, 9], 0)
ctc_decode(SEQ, [9, 6])
ctc_decode(SEQ, [9, 6], merge_repeated=False)
ctc_decode(SEQ, [9, 6], mask_index=1)
ctc_decode(SEQ, [4, 0], mask_index=None)
dot_product_attention(HEADS, HEADS, HEADS)
dot_product_attention(HEADS, KEYS, KEYS, scale=0.5)
dot_product_attention(HEADS, HEADS, HEADS, is_causal=True)
dot_product_attention(HEADS, HEADS, HEADS, mask=(ones((2, 4, 3, 3)) > 0), bias=ones((2, 4, 3, 3)))
conv(IMG, K2)
conv(IMG, K2, 2, "same")
conv(IMG, K2, padding="same", dilation_rate=2)
conv(IMG, KG)
conv(SEQ, K1)
conv(SEQ, K1, strides=2, padding="same")
depthwise_conv(IMG, KD)
depthwise_conv(IMG, KD, 2, "same")
depthwise_conv(SEQ, KD[0])
separable_conv(IMG, KD, KP)
conv_transpose(IMG, KT)
conv_transpose(IMG, KT, 2, "same")
conv_transpose(IMG, KT, 2)
conv_transpose(SEQ, KT[0], 2)
max_pool(IMG, 2)
max_pool(IMG, (3, 2), 1, "same")
max_pool(SEQ, 2)
average_pool(IMG, 2)
average_pool(IMG, 3, 2, "same")
average_pool(SEQ, 3, 1, "same")
adaptive_average_pool(copy(IMG), 3)
adaptive_average_pool(copy(IMG), (2, 4))
adaptive_max_pool(copy(IMG), (3, 2))
adaptive_max_pool(copy(SEQ), 4)
depth_to_space(KEYS[:, :, :, :4], 2)
space_to_depth(BIG[:, :12], 2)
unfold(BIG, 3)
unfold(BIG, (2, 3), dilation=2, padding=1, stride=2)
fold(unfold(BIG, 3, padding=1, stride=2), (12, 3), 3, padding=1, stride=2)
image.rgb_to_grayscale(IMG)
image.rgb_to_grayscale(BYTES)
image.rgb_to_hsv(IMG)
image.hsv_to_rgb(IMG)
image.resize(IMG, (4, 9))
image.resize(IMG[0], (14, 12))
image.resize(BYTES, (14, 12))
image.resize(IMG, (4, 4), interpolation="nearest")
image.resize(IMG, (10, 5), interpolation="bicubic")
image.resize(IMG, (3, 3), antialias=True)
image.resize(BYTES, (9, 9), interpolation="lanczos3")
image.resize(IMG, (4, 2), crop_to_aspect_ratio=True)
image.resize(IMG, (4, 8), pad_to_aspect_ratio=True, fill_value=0.5)
image.pad_images(IMG, 1, 2, 0, 3)
image.pad_images(IMG, top_padding=1, left_padding=0, target_height=9, target_width=8)
image.crop_images(IMG, 1, 2, 1, 1)
image.crop_images(IMG, top_cropping=2, left_cropping=1, target_height=3, target_width=4)
image.extract_patches(IMG, 3)
image.extract_patches(IMG, (2, 3), strides=1, padding="same")
image.extract_patches(IMG[0], 2, dilation_rate=2, strides=1)
image.extract_patches_3d(T[:, :, :, None], 2, strides=1)
image.extract_patches_3d(IMG[None], (1, 2, 3), padding="same")
image.gaussian_blur(IMG)
image.gaussian_blur(IMG, (5, 5), (2.0, 1.0))
image.sobel_edges(IMG)
image.ssim(BIG, BIG * 0.9)
image.ssim(BIG[0], BIG[1], filter_size=7, max_val=2.0)
image.affine_transform(IMG, NEAR)
image.affine_transform(IMG, BOTH)
image.affine_transform(BYTES, NEAR, interpolation="nearest")
image.affine_transform(IMG, FAR, fill_mode="reflect")
image.affine_transform(IMG, FAR, fill_mode="wrap")
image.affine_transform(IMG, FAR, fill_mode="nearest")
image.affine_transform(IMG[0], copy([1.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0, 0.0]), fill_value=0.5)
image.perspective_transform(IMG, PTS, PTS + DELTA)
image.perspective_transform(IMG[0], PTS, PTS - DELTA, interpolation="nearest", fill_value=1)
image.map_coordinates(A, [[0.5, 1.2], [2.5, 3.7]], 1)
image.map_coordinates(A, [[0.5, 1.2, 2.6], [2.4, 3.7, -1.0]], 0, fill_mode="nearest")
image.map_coordinates(A, [[-0.5, 4.2], [-2.5, 5.7]], 1, fill_mode="reflect")
image.map_coordinates(A, [[-0.5, 4.2], [-2.5, 5.7]], 1, fill_mode="wrap")
image.map_coordinates(A, [[-0.5, 2.2], [-1.5, 2.7]], 1, fill_mode="constant", fill_value=3.0)
image.scale_and_translate(IMG, (2, 9, 9, 3), [1.5, 1.2], [0.5, -0.3], (1, 2), "linear")
image.scale_and_translate(IMG, (2, 4, 4, 3), [0.5, 0.7], [0.0, 0.2], (1, 2), "cubic")
image.scale_and_translate(IMG, (2, 4, 4, 3), [0.5, 0.7], [0.0, 0.2], (1, 2), "lanczos3", False)
cond(True, lambda: X, lambda: Y)
switch(1, [lambda a: a, lambda a: a * 2], X)
switch(9, [lambda a: a, lambda a: a * 2], X)
while_loop(lambda i: i < 5, lambda i: i + 2, 0)
while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, X))
fori_loop(0, 3, lambda i, v: v * 2, X)
map(lambda x: x * 2, X)
map(lambda xs: (xs[0] + xs[1], xs[0]), (X, Y))
vectorized_map(lambda x: x + 1, X)
scan(lambda c, x: (c + x, c * x), X[0], X)
scan(lambda c, x: (c + x, c), X[0], X, reverse=True)
associative_scan(lambda a, b: a + b, T)
associative_scan(lambda a, b: a * b, X, axis=1)
associative_scan(lambda a, b: a + b, Q, reverse=True)
stop_gradient(X)
"""

EXPRESSIONS = [*dict.fromkeys([*_generated(), *HAND.strip().splitlines()])]


BY_OPERATION: dict = {}
for _expression in EXPRESSIONS:
    BY_OPERATION.setdefault(re.match(r"[\w.]+", _expression).group(), []).append(_expression)


@functools.cache
def _names(ops):
    return {name: getattr(ops, name) for name in dir(ops) if not name.startswith("_")}


def evaluate(ops, expression):
    """The value of an expression with the operations of real Keras or of fastcnn."""
    code = compile(expression, expression, "eval")
    used = {name: value for name, value in ARRAYS.items() if name in re.findall(r"\w+", expression)}
    arrays = {
        name: tuple(part.copy() for part in value) if isinstance(value, tuple) else value.copy()
        for name, value in used.items()
    }
    return eval(code, {**_names(ops), **arrays, "ops": ops, "np": np, "slice_": slice})


def described(value):
    """A result as plain values: [dtype, shape, values], a list of such, or the value itself."""
    if isinstance(value, (tuple, list)) and not all(isinstance(item, int) for item in value):
        return [described(item) for item in value]
    if not hasattr(value, "dtype"):
        return list(value) if isinstance(value, tuple) else value
    array = np.asarray(value)
    flat = array.ravel()
    if array.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    values = [float(f"{x:.8g}") for x in flat] if array.dtype.kind in "fc" else flat.tolist()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}
