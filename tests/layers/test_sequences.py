"""Layers for sequences: the 2D kernels on images of one row, causal padding, fusion, errors."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels, layers
from fastcnn.kernels import native
from fastcnn.layers.sequences import as_filter, as_image
from fastcnn.plan.normalized import FoldedStep
from fastcnn.plan.steps import ConvMaxPoolStep

PAIRS = {  # a 1D layer, and the 2D layer that does the same with images of one row
    "Conv1D": ({"filters": 5, "kernel_size": 3, "padding": "same"}, "Conv2D"),
    "Conv1D strided": ({"filters": 5, "kernel_size": 3, "strides": 2}, "Conv2D"),
    "Conv1D dilated": ({"filters": 5, "kernel_size": 3, "dilation_rate": 2}, "Conv2D"),
    "Conv1D in groups": ({"filters": 4, "kernel_size": 3, "groups": 2}, "Conv2D"),
    "Conv1DTranspose": ({"filters": 5, "kernel_size": 4, "strides": 3}, "Conv2DTranspose"),
    "DepthwiseConv1D": ({"kernel_size": 3, "depth_multiplier": 2}, "DepthwiseConv2D"),
    "SeparableConv1D": ({"filters": 5, "kernel_size": 3, "strides": 2}, "SeparableConv2D"),
    "MaxPooling1D": ({"pool_size": 3, "strides": 2, "padding": "same"}, "MaxPooling2D"),
    "AveragePooling1D": ({"pool_size": 3, "strides": 1, "padding": "same"}, "AveragePooling2D"),
    "GlobalMaxPooling1D": ({"keepdims": True}, "GlobalMaxPooling2D"),
    "GlobalAveragePooling1D": ({"keepdims": True}, "GlobalAveragePooling2D"),
    "AdaptiveMaxPooling1D": ({"output_size": 4}, "AdaptiveMaxPooling2D"),
    "AdaptiveAveragePooling1D": ({"output_size": 4}, "AdaptiveAveragePooling2D"),
}
SIZES = ("kernel_size", "strides", "dilation_rate", "pool_size", "output_size")


@pytest.mark.parametrize("name", PAIRS)
def test_1d_layer_has_the_bits_of_the_2d_layer_on_one_row(name):
    settings, name_2d = PAIRS[name]
    settings_2d = {key: (1, v) if key in SIZES else v for key, v in settings.items()}
    ours = getattr(layers, name.split()[0])(**settings)
    theirs = getattr(layers, name_2d)(**settings_2d)
    assert not isinstance(ours, type(theirs))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 11, 4)).astype(np.float32)
    ours(x), theirs(as_image(x))
    for weight, weight_2d in zip(ours.weights, theirs.weights, strict=True):
        weight.assign(rng.normal(size=weight.shape))
        weight_2d.assign(as_filter(weight.array) if "kernel" in weight.name else weight.array)
    y = ours.forward(x, training=True)
    y_2d = theirs.forward(as_image(x), training=True)
    np.testing.assert_array_equal(as_image(y), y_2d)
    dy = rng.normal(size=y.shape).astype(np.float32)
    np.testing.assert_array_equal(as_image(ours.backward(dy)), theirs.backward(as_image(dy)))
    for weight, weight_2d in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(weight.gradient.ravel(), weight_2d.gradient.ravel())


def test_sequences_and_filters_become_images_without_copies():
    x, w = np.ones((2, 5, 3), np.float32), np.ones((3, 4, 2), np.float32)
    assert as_image(x).shape == (2, 1, 5, 3)
    assert as_filter(w).shape == (1, 3, 4, 2)
    assert np.shares_memory(as_image(x), x)
    assert np.shares_memory(as_filter(w), w)
    assert as_image(None) is as_filter(None) is None


@pytest.mark.parametrize("settings", [{}, {"strides": 3}, {"dilation_rate": 2}, {"groups": 2}])
def test_causal_convolution_does_not_see_later_steps(settings):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 2)).astype(np.float32)
    layer = layers.Conv1D(4, 3, padding="causal", **settings)
    y = layer(x)
    stride = settings.get("strides", 1)
    assert y.shape == (2, -(-9 // stride), 4)
    for step in range(9):
        later = x.copy()
        later[:, step + 1 :] = np.nan
        seen = step // stride + 1
        np.testing.assert_array_equal(layer(later)[:, :seen], y[:, :seen])


def net():
    return keras.Sequential(
        [
            keras.Input((16, 3)),
            layers.Conv1D(8, 3, padding="causal"),
            layers.ReLU(),
            layers.MaxPooling1D(2),
            layers.Conv1D(8, 3),
            layers.BatchNormalization(epsilon=0),
            layers.ReLU(),
            layers.MaxPooling1D(2),
            layers.DepthwiseConv1D(2),
            layers.BatchNormalization(epsilon=0),
            layers.GlobalMaxPooling1D(),
        ]
    )


def test_sequences_are_fused_like_images():
    model = net()
    rng = np.random.default_rng(0)
    for weight in model.weights:
        values = rng.integers(-3, 4, weight.shape)
        weight.assign(4.0 ** abs(values % 2) if weight.name == "moving_variance" else values)
    model.compile("sgd", "mse")
    model.plan()
    inference, training = model._plan.inference.steps, model._plan.training.steps
    assert [type(step) for step in inference[:3]] == [ConvMaxPoolStep, FoldedStep, FoldedStep]
    assert len(inference) == 4
    assert isinstance(training[0], ConvMaxPoolStep)
    assert "forward: " in inference[0].algorithms()
    x = rng.integers(-3, 4, (5, 16, 3)).astype(np.float32)
    y = x
    for layer in model.layers:
        y = layer(y)
    np.testing.assert_array_equal(model.predict(x, verbose=0), y)  # exact on integers


def test_skip_connection_of_sequences():
    x = keras.Input((8, 4))
    y = layers.BatchNormalization()(layers.Conv1D(4, 3, padding="same")(x))
    model = keras.Model(x, layers.ReLU()(layers.add([x, y])))
    values = np.random.default_rng(0).normal(size=(3, 8, 4)).astype(np.float32)
    assert len(steps_of(model)) == 1
    conv, norm = model.layers[1:3]
    expected = np.maximum(values + norm(conv(values)), 0)
    np.testing.assert_allclose(model.predict(values, verbose=0), expected, atol=1e-6)
    model.compile("sgd", "mse")
    first = model.train_on_batch(values, 0 * values)
    assert model.train_on_batch(values, 0 * values) < first


def steps_of(model):
    model.plan()
    return model._plan.inference.steps


def every_layer(seed=0):
    """A network with all layers for sequences that have a random or parallel part."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((24, 4)),
            layers.ZeroPadding1D(2),
            layers.SpectralNormalization(layers.Conv1D(8, 3, padding="causal"), 2),
            layers.RMSNormalization(),
            layers.AlphaDropout(0.1),
            layers.SpatialDropout1D(0.2),
            layers.SeparableConv1D(8, 3, activation="elu"),
            layers.MaxPooling1D(2),
            layers.UpSampling1D(2),
            layers.DepthwiseConv1D(3, activation="relu"),
            layers.Conv1DTranspose(6, 3, strides=2),
            layers.AveragePooling1D(2),
            layers.AdaptiveMaxPooling1D(9),
            layers.AdaptiveAveragePooling1D(4),
            layers.Cropping1D((0, 1)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    return model


def test_same_bits_for_every_number_of_threads():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 24, 4)), rng.normal(size=(16, 2))
    work = native.set_work_per_thread(1)
    results = []
    try:
        for count in (1, 2, 3):
            keras.config.set_num_threads(count)
            model = every_layer()
            model.fit(x, y, batch_size=8, epochs=3, verbose=0)
            results.append([*model.get_weights(), model.predict(x, verbose=0)])
    finally:
        native.set_work_per_thread(work)
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_sequences_of_every_length():
    model = keras.Sequential(
        [
            keras.Input((None, 2)),
            layers.Conv1D(3, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1DTranspose(3, 2, strides=2),
            layers.AdaptiveMaxPooling1D(2),
            layers.GlobalAveragePooling1D(),
        ]
    )
    assert model.layers[0].output_shape == (None, None, 3)
    for length in (4, 9, 6):
        x = np.random.default_rng(length).normal(size=(2, length, 2)).astype(np.float32)
        y = x
        for layer in model.layers:
            y = layer(y)
        np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6)


def test_summary_shows_sequences(capsys):
    keras.utils.clear_session()
    net().summary()
    text = capsys.readouterr().out
    assert "│ conv1d (Conv1D)                 │ (None, 16, 8)          │            80 │" in text
    assert "│ depthwise_conv1d                │ (None, 2, 8)           │            24 │" in text


def test_nan_reaches_what_depends_on_it():
    x = np.ones((1, 6, 2), np.float32)
    x[0, 3, 1] = np.nan
    for make, steps in (
        (lambda: layers.Conv1D(1, 2, kernel_initializer="ones"), [2, 3]),
        (lambda: layers.Conv1D(1, 2, padding="causal"), [3, 4]),
        (lambda: layers.SeparableConv1D(1, 2), [2, 3]),
        (lambda: layers.Conv1DTranspose(1, 2), [3, 4]),
        (lambda: layers.MaxPooling1D(2), [1]),
        (lambda: layers.AveragePooling1D(2), [1]),
        (lambda: layers.AdaptiveMaxPooling1D(3), [1]),
        (lambda: layers.AdaptiveMaxPooling1D(4), [2]),
        (lambda: layers.AdaptiveAveragePooling1D(4), [2]),
        (lambda: layers.UpSampling1D(2), [6, 7]),
    ):
        y = make()(x)
        assert np.isnan(y).any(axis=(0, 2)).nonzero()[0].tolist() == steps
    for layer in (layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D()):
        np.testing.assert_array_equal(layer(x), [[1, np.nan]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv1D(2, (3, 3)), "`kernel_size` must be an integer or a tuple of 1 int"),
        (lambda: layers.Conv1D(2, 0), "`kernel_size` cannot contain 0"),
        (lambda: layers.Conv1D(2, 3, padding="full"), '"valid", "same" or "causal"'),
        (lambda: layers.Conv2D(2, 3, padding="causal"), '"valid" or "same". Received'),
        (lambda: layers.DepthwiseConv1D(3, padding="causal"), '"valid" or "same". Received'),
        (lambda: layers.Conv1D(2, 3, 2, dilation_rate=2), "cannot be combined"),
        (lambda: layers.Conv1D(2, 3, data_format="channels_first"), "channels_last"),
        (
            lambda: layers.Conv1D(2, 9)(np.ones((1, 4, 2))),
            r"window of \(9,\) .* does not fit into a sequence",
        ),
        (lambda: layers.Conv1D(2, 3)(np.ones((1, 4, 4, 2))), "expects an input with 3 axes"),
        (lambda: layers.MaxPooling1D(2)(np.ones((1, 4, 4, 2))), "expects an input with 3 axes"),
        (lambda: layers.Cropping1D(2)(np.ones((1, 4, 2))), r"Received cropping=\(2, 2\)"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), "`padding` must be an integer or a tuple of 2"),
        (lambda: layers.UpSampling1D((2,)), "`size` must be a positive integer"),
        (lambda: layers.SpatialDropout1D(0.5)(np.ones((2, 3))), "expects an input with 3 axes"),
        (lambda: kernels.conv2d_forward(*[np.ones((1, 2, 2, 1))] * 2, padding="causal"), "same"),
        (lambda: kernels.max_pool2d_forward(np.ones((1, 2, 2, 1)), padding="causal"), "same"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_masks_are_refused():
    x = np.ones((2, 3, 1))
    assert layers.GlobalAveragePooling1D()(x, mask=None).shape == (2, 1)
    with pytest.raises(NotImplementedError, match="`mask`"):
        layers.GlobalAveragePooling1D()(x, mask=np.ones((2, 3), bool))


def test_calls_are_written_to_configs_as_in_keras():
    x = keras.Input((4, 2))
    outputs = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
    config = keras.Model(x, outputs).get_config()
    calls = [layer["inbound_nodes"][0]["kwargs"] for layer in config["layers"][1:]]
    assert calls == [{"mask": None}, {}]


def test_aliases():
    for name, alias in (
        ("Conv1D", "Convolution1D"),
        ("Conv1DTranspose", "Convolution1DTranspose"),
        ("SeparableConv1D", "SeparableConvolution1D"),
        ("MaxPooling1D", "MaxPool1D"),
        ("AveragePooling1D", "AvgPool1D"),
        ("GlobalAveragePooling1D", "GlobalAvgPool1D"),
        ("GlobalMaxPooling1D", "GlobalMaxPool1D"),
    ):
        assert getattr(layers, alias) is getattr(layers, name)
