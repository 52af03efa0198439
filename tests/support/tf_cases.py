"""Calls of TensorFlow's functions that are compared with the real ones, see ops_cases.py."""

import base64

import numpy as np

from tests.support.ops_cases import ARRAYS

MORE = {
    "GRAY": ARRAYS["IMG"][..., :1],
    "LONG": np.array([[1, 5, 2], [7, 0, 3]], np.int64),
}

ELEMENTWISE = (
    "abs negative sign square sqrt exp sin cos tan tanh round floor sigmoid asin acos atan"
)
MATH = (
    "rsqrt reciprocal expm1 log log1p softplus log_sigmoid is_nan is_inf is_finite erf erfc erfinv "
    "ceil rint sinh cosh asinh atanh"
)
BINARY = (
    "add subtract multiply divide maximum minimum pow equal not_equal greater greater_equal less "
    "less_equal math.squared_difference math.divide_no_nan math.floormod math.floordiv atan2"
)
REDUCTIONS = "reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_logsumexp"
ACTIVATIONS = "relu relu6 elu selu softplus softsign silu swish leaky_relu gelu softmax log_softmax"


def _generated():
    for name in ELEMENTWISE.split():
        yield f"tf.{name}(P)"
    for name in MATH.split():
        yield f"tf.math.{name}(P)"
    for name in BINARY.split():
        yield f"tf.{name}(P, D32)"
    for name in REDUCTIONS.split():
        yield f"tf.{name}(T)"
        yield f"tf.{name}(T, axis=1)"
        yield f"tf.{name}(T, axis=[0, 2], keepdims=True)"
        if name not in ("reduce_logsumexp",):
            yield f"tf.{name}(I, 1)"
    for name in ("reduce_std", "reduce_variance", "reduce_euclidean_norm"):
        yield f"tf.math.{name}(T, axis=-1)"
    for name in ACTIVATIONS.split():
        yield f"tf.nn.{name}(X)"


HAND = """
tf.constant(1)
tf.constant(1.5)
tf.constant([1, 2, 3], dtype=tf.float32)
tf.constant([[1.0, 2.0], [3.0, 4.0]])
tf.constant(0.0, shape=(2, 2))
tf.constant([1, 2, 3, 4], shape=(2, 2))
tf.constant(D)
tf.constant([True, False])
tf.convert_to_tensor([1, 2])
tf.zeros((2, 3))
tf.zeros([2], tf.int32)
tf.ones(3)
tf.zeros_like(I)
tf.ones_like(X, dtype=tf.int32)
tf.fill([2, 3], 7)
tf.eye(2)
tf.eye(2, 3, batch_shape=[2])
tf.range(5)
tf.range(1, 8, 2)
tf.range(0.0, 1.0, 0.25)
tf.range(3, dtype=tf.float32)
tf.linspace(0.0, 1.0, 5)
tf.linspace(0, 10, 3)
tf.cast(X, tf.int32)
tf.cast([1, 0], "bool")
tf.cast(I, np.float64)
tf.identity(X)
tf.shape(T)
tf.size(T)
tf.rank(T)
tf.reshape(T, [6, -1])
tf.reshape(T, tf.shape(Q))
tf.transpose(T)
tf.transpose(T, perm=[0, 2, 1])
tf.expand_dims(X, 0)
tf.expand_dims(X, axis=-1)
tf.squeeze(X[None])
tf.squeeze(X[:, None], axis=[1])
tf.broadcast_to(W, [3, 4])
tf.concat([X, Y], 0)
tf.concat([X, Y], axis=-1)
tf.stack([X, Y], axis=1)
tf.unstack(X)
tf.split(A, 2, axis=1)
tf.split(A, [1, 2], axis=0)
tf.split(A, [1, -1, 1], axis=1)
tf.reverse(T, axis=[1])
tf.roll(A, shift=1, axis=0)
tf.pad(A, [[1, 0], [2, 1]])
tf.pad(A, [[1, 1], [1, 1]], "REFLECT")
tf.pad(A, [[1, 1], [1, 1]], constant_values=3.0)
tf.tile(A, [2, 1])
tf.repeat(A, 2, axis=1)
tf.repeat([1, 2], [2, 1])
tf.meshgrid(V, W)
tf.where(B)
tf.where(B, X, Y)
tf.where(X > 0, X, 0.0)
tf.gather(W, [0, 2])
tf.gather(T, [[0, 1], [2, 1]], axis=1)
tf.gather(A, [[0, 1], [1, 1], [3, 0]], axis=1, batch_dims=1)
tf.gather_nd(A, [[0, 1], [2, 3]])
tf.boolean_mask(X, B)
tf.boolean_mask(A, [True, False, True])
tf.slice(T, [0, 1, 1], [1, 2, -1])
tf.one_hot([0, 2, 5], 3)
tf.one_hot([1, 0], depth=3, on_value=5.0, off_value=-1.0, axis=0)
tf.one_hot([1, 0], 2, dtype=tf.int32)
tf.sort(X)
tf.sort(X, direction="DESCENDING")
tf.argsort(X)
tf.argsort([1.0, 2.0, 2.0], direction="DESCENDING")
tf.argmax(X)
tf.argmax(X, axis=1)
tf.argmin(X, axis=-1, output_type=tf.int32)
tf.unique([3, 1, 3, 2])
tf.searchsorted([1.0, 2.0, 4.0], V)
tf.scatter_nd([[0], [2], [0]], [1.0, 2.0, 5.0], [4])
tf.tensor_scatter_nd_update(A, [[0, 1], [2, 3]], [9.0, 8.0])
tf.tensor_scatter_nd_add(A, [[0], [0]], [W, W])
tf.clip_by_value(X, -1.0, 1.0)
tf.clip_by_norm(X, 2.0)
tf.saturate_cast(X * 150, tf.uint8)
tf.cumsum(A)
tf.cumsum(A, axis=1, exclusive=True)
tf.cumsum(A, axis=1, reverse=True)
tf.math.cumprod(A, axis=1, exclusive=True, reverse=True)
tf.math.count_nonzero(I)
tf.math.count_nonzero(X, axis=1)
tf.math.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1])
tf.math.confusion_matrix([0, 1], [0, 1], num_classes=3, weights=[2, 5])
tf.math.bincount([1, 1, 3])
tf.math.bincount([1, 1, 3], weights=[0.5, 1.0, 2.0], minlength=6)
tf.math.l2_normalize(X, axis=1)
tf.math.top_k(X, 2)
tf.math.in_top_k([0, 2], X, 1)
tf.math.zero_fraction(I)
tf.math.multiply_no_nan(X, [0.0, 1.0, 2.0])
tf.math.xlogy(P, D32)
tf.math.segment_sum(M, [0, 0, 1, 1])
tf.math.unsorted_segment_max(M, [1, 0, 1, 0], 3)
tf.add_n([X, Y, X])
tf.divide(I, J)
tf.divide(7, 2)
tf.reduce_any(B)
tf.reduce_all(B, axis=1)
tf.logical_and(B, [True, True, False])
tf.logical_not(B)
tf.matmul(A, M)
tf.matmul(A, A, transpose_b=True)
tf.matmul(T, Q)
tf.einsum("ij,jk->ik", A, M)
tf.tensordot(T, Q, axes=[[2], [1]])
tf.tensordot(A, M, axes=1)
tf.norm(X)
tf.norm(X, axis=1)
tf.norm(X, ord=1)
tf.linalg.inv(SQ)
tf.linalg.det(SQ)
tf.linalg.solve(SQ, SQ[:, :1])
tf.linalg.trace(SQ)
tf.linalg.diag(W)
tf.linalg.diag_part(SQ)
tf.linalg.matvec(A, W)
tf.linalg.band_part(SQ, 0, -1)
tf.linalg.svd(A)[0]
tf.linalg.eigh(SYM)[0]
tf.linalg.matrix_transpose(T)
tf.map_fn(lambda x: x * 2, X)
tf.while_loop(lambda i: i < 5, lambda i: (i + 2,), [0])
tf.cond(True, lambda: X, lambda: Y)
tf.nn.conv2d(IMG, K2, strides=1, padding="VALID")
tf.nn.conv2d(IMG, K2, strides=[1, 2, 2, 1], padding="SAME")
tf.nn.depthwise_conv2d(IMG, KD, strides=[1, 1, 1, 1], padding="SAME")
tf.nn.separable_conv2d(IMG, KD, KP, [1, 1, 1, 1], "VALID")
tf.nn.conv1d(SEQ, K1, stride=2, padding="SAME")
tf.nn.max_pool(IMG, ksize=2, strides=2, padding="VALID")
tf.nn.max_pool2d(IMG, [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
tf.nn.avg_pool2d(IMG, 3, 2, "SAME")
tf.nn.bias_add(IMG, [1.0, 2.0, 3.0])
tf.nn.moments(T, axes=[0, 1])
tf.nn.batch_normalization(T, W, W * W, W, W, 0.01)
tf.nn.l2_loss(X)
tf.nn.l2_normalize(X, axis=0)
tf.nn.embedding_lookup(A, [0, 2])
tf.nn.softmax(T, axis=1)
tf.nn.gelu(X, approximate=True)
tf.nn.leaky_relu(X, alpha=0.3)
tf.nn.softmax_cross_entropy_with_logits(labels=ONEHOT, logits=X)
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0], logits=X)
tf.nn.sigmoid_cross_entropy_with_logits(labels=ONEHOT, logits=X)
tf.nn.top_k(X, k=1)
tf.nn.depth_to_space(KEYS[:, :, :, :4], 2)
tf.image.resize(IMG, [4, 9])
tf.image.resize(BYTES, (14, 12))
tf.image.resize(BYTES[0], (5, 4), method="nearest")
tf.image.resize(IMG, (10, 5), method=tf.image.ResizeMethod.BICUBIC)
tf.image.resize(IMG, (3, 3), antialias=True)
tf.image.resize(IMG, (5, 5), preserve_aspect_ratio=True)
tf.image.resize(BYTES, (7, 6))
tf.image.resize_with_crop_or_pad(IMG, 5, 9)
tf.image.resize_with_crop_or_pad(BYTES[0], 10, 3)
tf.image.resize_with_pad(IMG, 10, 10)
tf.image.resize_with_pad(BYTES, 5, 8)
tf.image.pad_to_bounding_box(IMG, 1, 2, 10, 9)
tf.image.crop_to_bounding_box(IMG, 1, 2, 4, 3)
tf.image.central_crop(IMG, 0.5)
tf.image.central_crop(BIG, 0.7)
tf.image.flip_left_right(IMG)
tf.image.flip_up_down(BYTES[0])
tf.image.rot90(IMG)
tf.image.rot90(IMG[0], k=3)
tf.image.transpose(IMG)
tf.image.convert_image_dtype(BYTES, tf.float32)
tf.image.convert_image_dtype(IMG, tf.uint8)
tf.image.convert_image_dtype(IMG * 1.5, tf.uint8, saturate=True)
tf.image.convert_image_dtype(BYTES, tf.uint16)
tf.image.rgb_to_grayscale(IMG)
tf.image.rgb_to_grayscale(BYTES)
tf.image.grayscale_to_rgb(tf.constant(GRAY))
tf.image.rgb_to_hsv(IMG)
tf.image.hsv_to_rgb(IMG)
tf.image.adjust_brightness(IMG, 0.2)
tf.image.adjust_brightness(BYTES, -0.1)
tf.image.adjust_contrast(IMG, 1.7)
tf.image.adjust_contrast(BYTES, 0.5)
tf.image.adjust_gamma(IMG, 0.5, 2.0)
tf.image.adjust_gamma(BYTES, 2.0)
tf.image.adjust_hue(IMG, 0.3)
tf.image.adjust_hue(BYTES, -0.2)
tf.image.adjust_saturation(IMG, 0.4)
tf.image.adjust_saturation(BYTES, 2.0)
tf.image.per_image_standardization(IMG)
tf.image.per_image_standardization(BYTES)
tf.image.psnr(IMG, IMG * 0.9, 1.0)
tf.image.psnr(BYTES, BYTES // 2, 255)
tf.image.ssim(BIG, BIG * 0.9, 1.0)
tf.image.total_variation(tf.constant(IMG))
tf.image.image_gradients(tf.constant(IMG))
tf.image.sobel_edges(tf.constant(IMG))
tf.image.extract_patches(IMG, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
tf.io.decode_png(PNG)
tf.io.decode_image(PNG, channels=1)
tf.image.decode_image(PNG, dtype=tf.float32)
tf.io.decode_jpeg(JPEG, dct_method="INTEGER_ACCURATE")
tf.image.decode_jpeg(JPEG, 3, dct_method="INTEGER_ACCURATE")
tf.io.decode_image(GIF)
tf.io.decode_image(GIF, expand_animations=False)
"""

EXPRESSIONS = [*dict.fromkeys([*_generated(), *HAND.strip().splitlines()])]


FILES = {  # small images, by Pillow
    "PNG": base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAHCAIAAACk8qu6AAAAkElEQVR4nAGFAHr/AWnLkfMV5A+PrwsLXPN5lZVB"
        "3gCoMH4uO9K0TfkU5s+pWCNwe94Afgr15H1dlRoFopINJ2DZuavYBBzuHgXSMGJBSaxE+A8v/eOydAHIndsZrssd"
        "MOf5zIluUT1ZXT4BxAPE9Xo2zDgH5kZk9Ac9XM3cARLy4sB9OLIXyE398oIyS7T7PVwyP+EYV/+MAAAAAElFTkSu"
        "QmCC"
    ),
    "JPEG": base64.b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQH/wAALCAAQABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcI"
        "CQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcY"
        "GRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKj"
        "pKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AP5T"
        "/hJ+z/8A8ev+hf3P+Wf09q/UD4Sfs/8A/Hr/AKF/c/5Z/T2r6A+En7P/APx6/wChf3P+Wf09q/UD4Sfs/wD/AB6/"
        "6F/c/wCWf09q/9k="
    ),
    "GIF": base64.b64decode(
        "R0lGODdhBQAEAIEAAAAAAAAAAAAAAAAAACwAAAAABQAEAAAICQABCBxIsGDBgAAh+QQBAAABACwAAAAABQAEAIFQ"
        "UFAAAAAAAAAAAAAICQABCBxIsGDBgAAh+QQBAAABACwAAAAABQAEAIGgoKAAAAAAAAAAAAAICQABCBxIsGDBgAA7"
    ),
}


def evaluate(tf, expression):
    """The value of an expression with real TensorFlow or with fastcnn's."""
    names = {**ARRAYS, **MORE, "D32": ARRAYS["D"].astype(np.float32), "tf": tf, "np": np}
    return eval(expression, {**names, **FILES})
