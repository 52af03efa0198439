"""Augmentation layers: when and how images change. Normalization: `adapt`."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers

LAYERS = {
    "flip": lambda **k: layers.RandomFlip(**k),
    "translation": lambda **k: layers.RandomTranslation(0.2, 0.3, **k),
    "rotation": lambda **k: layers.RandomRotation(0.2, **k),
    "zoom": lambda **k: layers.RandomZoom(0.3, **k),
    "contrast": lambda **k: layers.RandomContrast(0.5, (0, 1), **k),
    "erasing": lambda **k: layers.RandomErasing(value_range=(0, 1), **k),
    "brightness": lambda **k: layers.RandomBrightness(0.5, (0, 1), **k),
}
MORE = {
    "mix up": lambda **k: layers.MixUp(1.0, **k),
    "cut mix": lambda **k: layers.CutMix(1.0, **k),
    "solarization": lambda **k: layers.Solarization(0.3, 0.5, (0, 1), **k),
    "posterization": lambda **k: layers.RandomPosterization(5, (0, 1), **k),
    "invert": lambda **k: layers.RandomInvert((0.5, 1), (0, 1), **k),
    "grayscale": lambda **k: layers.RandomGrayscale(0.6, **k),
    "degeneration": lambda **k: layers.RandomColorDegeneration(0.6, (0, 1), **k),
    "hue": lambda **k: layers.RandomHue(0.6, (0, 1), **k),
    "saturation": lambda **k: layers.RandomSaturation(0.6, (0, 1), **k),
    "jitter": lambda **k: layers.RandomColorJitter((0, 1), 0.2, 0.2, (0.3, 0.6), 0.1, **k),
    "sharpness": lambda **k: layers.RandomSharpness(0.9, (0, 1), **k),
    "blur": lambda **k: layers.RandomGaussianBlur((0.5, 1), 3, (0.5, 1), (0, 1), **k),
    "shear": lambda **k: layers.RandomShear(0.4, 0.3, **k),
    "perspective": lambda **k: layers.RandomPerspective(1.0, 0.5, **k),
    "elastic": lambda **k: layers.RandomElasticTransform((0.5, 1), value_range=(0, 1), **k),
    "rand augment": lambda **k: layers.RandAugment((0, 1), 4, **k),
    "aug mix": lambda **k: layers.AugMix((0, 1), **k),
}
ALL = LAYERS | MORE


def images(size=64):
    return np.random.default_rng(0).random((size, 6, 5, 3), np.float32)


def changed(y, x):
    """The fraction of images that have changed."""
    return (y != x).any((1, 2, 3)).mean()


@pytest.mark.parametrize("name", ALL)
def test_images_change_in_training_and_without_training_argument(name):
    x, layer = images(), ALL[name](seed=1)
    assert changed(layer(x), x) > 0.3
    assert changed(layer(x, training=True), x) > 0.3
    np.testing.assert_array_equal(layer(x, training=False), x)


@pytest.mark.parametrize("name", ALL)
def test_layer_in_a_model_acts_like_the_layer_alone(name):
    """As in Keras, `model(x)` and `layer(x)` change images; `predict` and `evaluate` do not."""
    x = images()
    model = keras.Sequential([keras.Input(x.shape[1:]), ALL[name](seed=1)])
    nested = keras.Sequential([model])
    for _ in range(2):  # the first call binds
        assert changed(model(x), x) > 0.3
        assert changed(nested(x), x) > 0.3
        assert changed(model(x, training=True), x) > 0.3
        np.testing.assert_array_equal(model(x, training=False), x)
        np.testing.assert_array_equal(model.predict(x, verbose=0), x)
        np.testing.assert_array_equal(model.predict_on_batch(x), x)


@pytest.mark.parametrize("name", ALL)
def test_a_single_image(name):
    x = images(1)
    wanted = ALL[name](seed=1)(x)
    np.testing.assert_array_equal(ALL[name](seed=1)(x[0]), wanted[0])
    for layer in (layers.Resizing(4, 3), layers.CenterCrop(4, 3), layers.RandomCrop(4, 3, seed=1)):
        np.testing.assert_array_equal(layer(x[0], training=False), layer(x, training=False)[0])


def test_other_layers_default_to_inference():
    x = images()
    steps = [layers.Dropout(0.5), layers.BatchNormalization(), layers.SpatialDropout2D(0.5)]
    model = keras.Sequential([keras.Input(x.shape[1:]), *steps])
    before = model.get_weights()
    np.testing.assert_array_equal(model(x), model.predict(x, verbose=0))
    np.testing.assert_array_equal(before, model.get_weights())


@pytest.mark.parametrize("name", ALL)
def test_package_seed_makes_results_reproducible(name):
    x, runs = images(), []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        layer = ALL[name]()
        runs.append([layer(x, training=True) for _ in range(2)])
    np.testing.assert_array_equal(*runs)
    assert not np.array_equal(*runs[0])


@pytest.mark.parametrize("name", ALL)
def test_layer_seed_and_random_state(name):
    x = images()
    first, second = (ALL[name](seed=4) for _ in range(2))
    np.testing.assert_array_equal(first(x), second(x))
    state = first.get_random_state()
    wanted = first(x)
    first.set_random_state(state)
    np.testing.assert_array_equal(first(x), wanted)


@pytest.mark.parametrize("name", ALL)
def test_training_on_uint8_images_learns(name):
    keras.utils.set_random_seed(0)
    x = (255 * images(32)).astype(np.uint8)
    augmentation, scaling = ALL[name](), layers.Rescaling(1 / 255)
    first = [augmentation, scaling] if name in LAYERS else [scaling, augmentation]
    model = keras.Sequential([keras.Input(x.shape[1:]), *first, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.evaluate(x, np.ones(32), verbose=0)
    model.fit(x, np.ones(32), epochs=8, verbose=0)
    assert model.evaluate(x, np.ones(32), verbose=0) < before


def test_flip_mirrors_both_directions_or_neither():
    x = np.arange(4.0, dtype=np.float32).reshape(1, 2, 2, 1).repeat(100, 0)
    seen = {}
    for mode in layers.RandomFlip.MODES:
        y = layers.RandomFlip(mode, seed=0)(x)
        seen[mode] = {tuple(image.ravel().tolist()) for image in y}
    same = (0.0, 1.0, 2.0, 3.0)
    assert seen["horizontal"] == {same, (1.0, 0.0, 3.0, 2.0)}
    assert seen["vertical"] == {same, (2.0, 3.0, 0.0, 1.0)}
    assert seen["horizontal_and_vertical"] == {same, (3.0, 2.0, 1.0, 0.0)}
    with pytest.raises(ValueError, match="`mode` must be one of 'horizontal', 'vertical'"):
        layers.RandomFlip("diagonal")


def test_translation_shifts_down_and_right():
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 1, 1] = 1
    y = layers.RandomTranslation((0.25, 0.25), (0.5, 0.5), "constant")(x)
    assert np.argwhere(y[0, :, :, 0]).tolist() == [[2, 3]]


def test_zoom_width_defaults_to_the_height():
    draw = layers.RandomZoom(0.5).draw((50, 9, 9, 1), np.random.default_rng(0))
    np.testing.assert_array_equal(draw[:, 0], draw[:, 4])
    assert draw[:, 0].min() < 0.6
    assert draw[:, 0].max() > 1.4
    draw = layers.RandomZoom(0.5, 0.1).draw((50, 9, 9, 1), np.random.default_rng(0))
    assert abs(draw[:, 0] - 1).max() <= 0.1 < abs(draw[:, 4] - 1).max()


def test_contrast_keeps_the_mean_and_the_range():
    x = images()
    y = layers.RandomContrast(0.9, (-9, 9), seed=0)(x)  # nothing is clipped
    np.testing.assert_allclose(y.mean((1, 2)), x.mean((1, 2)), rtol=1e-5)
    assert changed(y, x) == 1
    y = layers.RandomContrast((0.0, 1.0), (0.2, 0.8), seed=0)(x)
    assert y.min() == np.float32(0.2)
    assert y.max() == np.float32(0.8)


def test_erasing_covers_one_rectangle_of_the_expected_size():
    x = np.ones((200, 40, 30, 2), np.float32)
    y = layers.RandomErasing((1, 1), (0.25, 0.25), fill_value=0, seed=0)(x)
    for image in y[..., 0]:
        rows, columns = (np.flatnonzero((image == 0).any(axis)) for axis in (1, 0))
        assert len(rows) in (19, 20, 21)
        assert len(columns) in (14, 15, 16)
        assert not image[np.ix_(rows, columns)].any()
        assert (image == 0).sum() == len(rows) * len(columns)
    y = layers.RandomErasing((0.3, 0.3), 0.5, fill_value=0, seed=0)(x)
    assert abs(changed(y, x) - 0.3) < 0.12
    y = layers.RandomErasing((1, 1), 0.5, fill_value=[0.25, 0.5], seed=0)(x)
    assert set(np.unique(y[..., 0])) == {0.25, 1}
    assert set(np.unique(y[..., 1])) == {0.5, 1}
    with pytest.raises(ValueError, match="`fill_value` must be one number, or one for each"):
        layers.RandomErasing(fill_value=[1, 2, 3])(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomRotation(1.5), r"`factor` must be a number or two .* \[-1, 1\]"),
        (lambda: layers.RandomRotation("a"), "`factor` must be a number or two"),
        (lambda: layers.RandomRotation((0.1,)), "`factor` must be a number or two"),
        (lambda: layers.RandomRotation(0.1, "mirror"), "`fill_mode` must be one of 'reflect'"),
        (
            lambda: layers.RandomRotation(0.1, interpolation="cubic"),
            "`interpolation` must be one of 'nearest'",
        ),
        (lambda: layers.RandomZoom(-1), r"`height_factor` must be .* \(-1, 1\]"),
        (lambda: layers.RandomTranslation(0, (0, 2)), "`width_factor` must be"),
        (lambda: layers.RandomContrast(-0.1), r"`factor` must be .* \[0, 1\]"),
        (lambda: layers.RandomErasing(scale=True), "`scale` must be"),
        (lambda: layers.RandomFlip()(np.ones((2, 3))), "expects an input with 4 axes"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_adapt_computes_the_moments_of_each_channel():
    x = np.random.default_rng(0).normal([1, -2, 5], [1, 2, 3], (500, 4, 3))
    layer = layers.Normalization()
    layer.adapt(x)
    assert layer.mean.shape == layer.variance.shape == (1, 1, 3)
    np.testing.assert_allclose(layer.mean.ravel(), x.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.ravel(), x.var((0, 1)), rtol=1e-6)
    y = layer(x)
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1)), 1, rtol=1e-5)
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert layer.trainable_weights == []
    layer.adapt(x + 1)  # replaces the moments
    np.testing.assert_allclose(layer.mean.ravel(), x.mean((0, 1)) + 1, rtol=1e-6)


@pytest.mark.parametrize("axis", [None, -1, (1, 2), (2,)])
def test_adapt_in_batches_gives_the_same_result(axis):
    x = np.random.default_rng(0).integers(0, 256, (700, 4, 3)).astype(np.uint8)
    whole, parts = layers.Normalization(axis), layers.Normalization(axis)
    whole.adapt(x)
    parts.adapt((x[i : i + 96], None) for i in range(0, 700, 96))
    for found, wanted in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    if axis is None:
        np.testing.assert_allclose(whole.mean, x.mean(), rtol=1e-6)


def test_adapt_takes_effect_in_the_next_run_of_a_model():
    x = np.random.default_rng(0).normal(3, 2, (40, 5)).astype(np.float32)
    layer = layers.Normalization()
    model = keras.Sequential([keras.Input((5,)), layer])
    np.testing.assert_array_equal(model(x), x)
    layer.adapt(x)
    np.testing.assert_allclose(model(x), (x - x.mean(0)) / x.std(0), rtol=1e-4, atol=1e-5)


def test_constant_channel_does_not_divide_by_zero():
    layer = layers.Normalization()
    layer.adapt(np.full((3, 2), 5.0))
    assert layer(np.full((3, 2), 5.0)).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1), "`mean` and `variance` must be given together"),
        (lambda: layers.Normalization(mean=1, variance=[1]), "must have the same shape"),
        (lambda: layers.Normalization(None, [1], [1]), "not have more axes than `axis`"),
        (
            lambda: layers.Normalization(axis=3)(np.ones((2, 3))),
            "`axis` must contain distinct axes",
        ),
        (
            lambda: layers.Normalization(axis=0)(np.ones((2, 3))),
            "`axis` must contain distinct axes",
        ),
        (lambda: layers.Normalization().adapt([]), "`adapt` needs data"),
        (lambda: layers.Normalization().adapt(np.ones((0, 3))), "`adapt` needs data"),
        (lambda: layers.Normalization().adapt(np.array(["a"])), "expects an array of numbers"),
        (lambda: layers.Normalization(mean=0, variance=1).adapt(np.ones((2, 3))), "given `mean`"),
    ],
)
def test_normalization_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_normalization_refuses_another_shape_once_built():
    layer = layers.Normalization()
    layer.adapt(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"was built for sizes \(3,\) on axis"):
        layer(np.ones((4, 2)))
