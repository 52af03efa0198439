"""Layers that reshape, pad, enlarge and pool; grouped convolutions: errors and special cases."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.kernels import native


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Reshape((0, 2)), "`target_shape` must be a tuple of positive integers"),
        (lambda: layers.Reshape((-1, -1)), "`target_shape` must be a tuple of positive integers"),
        (lambda: layers.Reshape("ab"), "`target_shape` must be a tuple of positive integers"),
        (
            lambda: layers.Reshape((4,))(np.ones((2, 6))),
            r"shape \(6,\) cannot be reshaped to \(4,\)",
        ),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "`padding` must be an int, 2 ints or 2 tuples"),
        (lambda: layers.ZeroPadding2D(-1), "`padding` cannot contain negative numbers"),
        (
            lambda: layers.Cropping2D(2)(np.ones((1, 4, 5, 1))),
            "`cropping` must not remove the whole input",
        ),
        (lambda: layers.UpSampling2D(0), "`size` cannot contain 0"),
        (lambda: layers.UpSampling2D(2, interpolation="area"), "`interpolation` must be"),
        (lambda: layers.GlobalAveragePooling2D()(np.ones((2, 3))), "expects an input with 4 axes"),
        (lambda: layers.Conv2D(3, 3, groups=2), "`filters` must be evenly divisible by `groups`"),
        (lambda: layers.Conv2D(4, 3, groups=0), "`groups` must be a positive integer"),
        (
            lambda: layers.Conv2D(4, 3, groups=2)(np.ones((1, 4, 4, 3))),
            "input channels must be evenly divisible by `groups`",
        ),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "`depth_multiplier` must be"),
        (
            lambda: layers.Conv2DTranspose(2, 3, 2, output_padding=2),
            "`output_padding` must be smaller than `strides`",
        ),
        (
            lambda: layers.Conv2DTranspose(2, 3, 2, dilation_rate=2),
            "`strides` > 1 cannot be combined with `dilation_rate` > 1",
        ),
        (lambda: layers.ReLU(max_value=-1), "`max_value` must be a number >= 0"),
        (lambda: layers.LeakyReLU(None), "`negative_slope` must be a number"),
        (
            lambda: layers.PReLU(shared_axes=[3])(np.ones((2, 3))),
            "`shared_axes` must be input axes",
        ),
        (lambda: layers.PReLU().build((None, None, 3)), "needs a known size on each axis"),
        (lambda: layers.BatchNormalization().build((None, None)), "needs a known size on axis -1"),
        (lambda: layers.UpSampling2D(data_format="channels_first"), "channels_last"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(4, 3, groups=2),
        lambda: layers.DepthwiseConv2D(3),
        lambda: layers.SeparableConv2D(2, 3),
        lambda: layers.Conv2DTranspose(2, 3),
        lambda: layers.BatchNormalization(),
    ],
)
def test_other_channel_counts_are_refused_once_built(make):
    layer = make()
    layer(np.ones((1, 5, 5, 4)))
    with pytest.raises(ValueError, match="was built for 4 channels"):
        layer(np.ones((1, 5, 5, 2)))


def test_reshape_and_its_gradient_are_views():
    x = np.ones((2, 3, 4), np.float32)
    layer = layers.Reshape((2, -1))
    layer(x)
    y = layer.forward(x, training=True)
    assert y.shape == (2, 2, 6)
    assert np.shares_memory(y, x)
    assert np.shares_memory(layer.backward(y), y)


def test_unknown_sizes_stay_unknown():
    open_image = (None, None, None, 3)
    for layer, image, channels in (
        (layers.ZeroPadding2D(), (None, None), 3),
        (layers.Cropping2D(), (None, None), 3),
        (layers.UpSampling2D(), (None, None), 3),
        (layers.Conv2DTranspose(5, 3, 2), (None, None), 5),
        (layers.DepthwiseConv2D(3), (None, None), 3),
        (layers.GlobalMaxPooling2D(), (), 3),
        (layers.GlobalAveragePooling2D(keepdims=True), (1, 1), 3),
        (layers.RandomFlip(), (None, None), 3),
    ):
        assert layer.compute_output_shape(open_image) == (None, *image, channels)
    assert layers.Reshape((-1, 2)).compute_output_shape((None, None, 4)) == (None, None, 2)


def test_images_of_several_sizes_through_one_layer():
    layer = layers.GlobalAveragePooling2D()
    for size in (3, 7, 5):
        x = np.random.default_rng(size).random((2, size, size + 1, 3))
        np.testing.assert_allclose(layer(x), x.mean((1, 2)), rtol=1e-6)


def test_ties_of_global_max_pooling_share_the_gradient():
    x = np.array([[1, 3], [3, 2]], np.float32).reshape(1, 2, 2, 1)
    layer = layers.GlobalMaxPooling2D()
    layer(x)
    layer.forward(x, training=True)
    dx = layer.backward(np.full((1, 1), 4, np.float32))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 2], [2, 0]])


def test_nan_propagates_through_global_pooling():
    x = np.ones((1, 2, 2, 2), np.float32)
    x[0, 1, 0, 1] = np.nan
    for layer in (layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D()):
        np.testing.assert_array_equal(layer(x), [[1, np.nan]])


def test_grouped_convolution_equals_one_convolution_per_group():
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 6, 5, 4)).astype(np.float32)
    layer = layers.Conv2D(6, 3, groups=2)
    layer(x)
    w = rng.integers(-4, 5, (3, 3, 2, 6)).astype(np.float32)
    b = np.arange(6, dtype=np.float32)
    layer.set_weights([w, b])
    for group in range(2):
        one = layers.Conv2D(3, 3)
        part = x[..., 2 * group : 2 * group + 2]
        one(part)
        filters = slice(3 * group, 3 * group + 3)
        one.set_weights([w[..., filters], b[filters]])
        np.testing.assert_array_equal(layer(x)[..., filters], one(part))


def test_changed_weights_of_a_group_are_used():
    """The kernels cache packed copies of the weights."""
    x = np.ones((1, 4, 4, 4), np.float32)
    layer = layers.Conv2D(4, 3, groups=2, use_bias=False)
    y = layer(x)
    layer.set_weights([2 * layer.kernel.numpy()])
    np.testing.assert_allclose(layer(x), 2 * y, rtol=1e-6)


def test_frozen_separable_convolution_still_computes_the_input_gradient():
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype(np.float32)
    layer = layers.SeparableConv2D(2, 3)
    layer(x)
    y = layer.forward(x, training=True)
    wanted = np.array(layer.backward(np.ones_like(y)))
    frozen = layers.SeparableConv2D(2, 3, trainable=False)
    frozen(x)
    frozen.set_weights(layer.get_weights())
    frozen.forward(x, training=True)
    np.testing.assert_array_equal(frozen.backward(np.ones_like(y)), wanted)
    assert frozen.trainable_weights == []


@pytest.mark.parametrize("name", ["LayerNormalization", "GroupNormalization", "RMSNormalization"])
def test_frozen_normalization_still_computes_the_input_gradient(name):
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
    settings = {"groups": 2} if name == "GroupNormalization" else {}
    gradients = []
    for trainable in (True, False):
        layer = getattr(layers, name)(trainable=trainable, **settings)
        model = keras.Sequential([keras.Input((3, 3, 4)), layers.Conv2D(4, 1), layer])
        model.set_weights([np.eye(4)[None, None], *model.get_weights()[1:]])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.fit(x, x[::-1], batch_size=2, shuffle=False, verbose=0)
        gradients.append(model.layers[0].get_weights())
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)


def test_aliases():
    for name, alias in (
        ("Conv2DTranspose", "Convolution2DTranspose"),
        ("SeparableConv2D", "SeparableConvolution2D"),
        ("GlobalAveragePooling2D", "GlobalAvgPool2D"),
        ("GlobalMaxPooling2D", "GlobalMaxPool2D"),
    ):
        assert getattr(layers, alias) is getattr(layers, name)


def test_leaky_relu_accepts_its_old_argument_with_a_warning():
    with pytest.warns(UserWarning, match="`alpha` is deprecated"):
        assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


def test_input_layer_accepts_the_argument_names_of_keras_2():
    with pytest.warns(UserWarning, match="`input_shape` is deprecated"):
        assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    assert layers.InputLayer(batch_input_shape=(2, 3)).batch_shape == (2, 3)


@pytest.mark.parametrize("dtype", [None, "uint8", "float16", "bfloat16", np.float32, bool])
def test_input_accepts_every_numeric_type(dtype):
    assert keras.Input((3,), dtype=dtype).dtype == "float32"


def net_of_most_layers():
    """Most layers in one net, images to classify, and Adam."""
    rng = np.random.default_rng(0)
    x = rng.random((64, 12, 12, 2)).astype(np.float32)
    y = (x[..., 0].mean((1, 2)) > x[..., 1].mean((1, 2))).astype(np.int64)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 2)),
            layers.RandomFlip(),
            layers.RandomTranslation(0.1, 0.1),
            layers.Normalization(mean=0.5, variance=0.1),
            layers.ZeroPadding2D(1),
            layers.SeparableConv2D(8, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.SpatialDropout2D(0.1),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Conv2D(8, 3, groups=2, activation=layers.LeakyReLU(0.1)),
            layers.UpSampling2D(),
            layers.Conv2DTranspose(4, 3, 2, activation="elu"),
            layers.Cropping2D(2),
            layers.GlobalAveragePooling2D(),
            layers.Reshape((2, 2)),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(2),
            layers.Softmax(),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model, x, y


def test_a_net_of_most_layers_learns():
    model, x, y = net_of_most_layers()
    history = model.fit(x, y, epochs=30, batch_size=16, verbose=0).history
    assert np.mean(history["loss"][-3:]) < 0.75 * history["loss"][0]


def test_results_have_the_same_bits_for_any_number_of_threads():
    before = native.set_work_per_thread(1.0)  # use several threads even for a small net
    try:
        runs = []
        for threads in (1, 2, 3, 4):
            keras.config.set_num_threads(threads)
            model, x, y = net_of_most_layers()
            model.fit(x, y, epochs=3, batch_size=16, verbose=0)
            runs.append(model.get_weights())
    finally:
        native.set_work_per_thread(before)
    for run in runs[1:]:
        for found, wanted in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_grouped_convolution_sees_new_weights():
    """The kernels of the groups read copies of the weights."""
    model = keras.Sequential([keras.Input((5, 5, 4)), layers.Conv2D(6, 3, groups=2)])
    x = np.ones((2, 5, 5, 4), np.float32)
    for value in (1.0, 2.0):
        kernel = model.weights[0]
        kernel.assign(np.full(kernel.shape, value))
        np.testing.assert_array_equal(model(x), 18 * value)
        np.testing.assert_array_equal(model.predict(x, verbose=0), 18 * value)
