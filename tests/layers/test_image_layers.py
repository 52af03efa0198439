"""Layers that change images at random: their distributions, dictionaries, threads and errors."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from tests.layers.test_layers_augmentation import ALL, changed, images

MANY = (4000, 6, 5, 3)


def drawn(layer, shape=MANY):
    return layer.draw(shape, np.random.default_rng(0))


def spread(values, low, high):
    """Check that values are spread evenly between two limits."""
    values = np.ravel(values)
    assert low <= values.min() < low + 0.02 * (high - low)
    assert high - 0.02 * (high - low) < values.max() <= high
    assert abs(values.mean() - (low + high) / 2) < 0.03 * (high - low)


@pytest.mark.parametrize("name", ALL)
def test_same_result_for_any_number_of_threads(name):
    found = []
    for threads in (1, 2, 3):
        keras.config.set_num_threads(threads)
        found.append(ALL[name](seed=5)(images(9)))
    keras.config.set_num_threads(None)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_draws_are_uniform_between_the_limits():
    spread(drawn(layers.RandomColorDegeneration(0.4)), -0.4, 0.4)
    spread(drawn(layers.RandomSharpness((0.1, 0.6))), -0.2, 0.8)
    addition, threshold = drawn(layers.Solarization((0.2, 0.5), 0.3))
    spread(addition, 0.2, 0.5 * 255)  # as in Keras: the lower limit is not multiplied
    spread(threshold, 0, 0.3 * 255)
    hue = drawn(layers.RandomHue((0.2, 0.6)))
    spread(abs(hue), 0.1, 0.3)
    assert abs((hue > 0).mean() - 0.5) < 0.05
    factor = drawn(layers.RandomSaturation(0.4))
    spread(factor / (1 + factor), -0.4, 0.4)
    shear = drawn(layers.RandomShear((0.1, 0.3), 0.2))
    spread(abs(shear[:, 1]), 0.1, 0.3)
    spread(shear[:, 3], -0.2, 0.2)
    assert abs((shear[:, 1] > 0).mean() - 0.5) < 0.05
    bits = 8 - drawn(layers.RandomPosterization((2, 5)))
    assert set(np.unique(bits)) == {2, 3, 4}  # as in Keras: below the upper limit
    assert set(np.unique(8 - drawn(layers.RandomPosterization(1)))) == {1}


@pytest.mark.parametrize(
    ("layer", "rate"),
    [
        (layers.RandomGrayscale(0.3), 0.3),
        (layers.RandomInvert(0.6), 0.3),
        (layers.RandomInvert((0.6, 1.0)), 0.8),
        (layers.RandomGaussianBlur((0.4, 0.4)), 0.4),
        (layers.RandomElasticTransform((0.5, 0.5)), 0.5),
        (layers.RandomElasticTransform((0.5, 0.5), scale=0), 0),
    ],
)
def test_rate_of_changed_images(layer, rate):
    found = drawn(layer)
    assert abs(np.mean(found[0] if isinstance(found, tuple) else found) - rate) < 0.03


def test_perspective_leaves_the_upper_left_corner_and_some_images():
    transforms = drawn(layers.RandomPerspective((0.7, 0.7), 0.5))
    np.testing.assert_allclose(transforms[:, [2, 5]], 0, atol=1e-9)
    identity = np.array([1, 0, 0, 0, 1, 0, 0, 0])
    assert abs(np.isclose(transforms, identity).all(1).mean() - 0.3) < 0.03


def test_shares_of_mixed_images():
    partner, share = drawn(layers.MixUp(0.2))
    assert sorted(partner) == list(range(len(partner)))
    assert abs(share.mean() - 0.5) < 0.02
    assert abs(share.var() - 1 / (4 * (2 * 0.2 + 1))) < 0.01  # of Beta(0.2, 0.2)
    partner, share, mask = drawn(layers.CutMix((0.5, 0.5)), (4000, 20, 30, 3))
    pixels = 1 / 20 + 1 / 30  # at the borders of the rectangle
    np.testing.assert_allclose(1 - mask.mean((1, 2, 3)), share, atol=pixels)
    assert abs(share.var() - 1 / (4 * (2 * 0.5 + 1))) < 0.01


def test_mix_up_mixes_images_and_labels_alike():
    x = np.arange(8, dtype=np.float32)[:, None, None, None] * np.ones((6, 5, 3), np.float32)
    found = layers.MixUp(0.8, seed=0)({"images": x, "labels": np.eye(8), "other": "as it is"})
    assert found["other"] == "as it is"
    np.testing.assert_allclose(found["labels"].sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        found["images"][:, 0, 0, 0], found["labels"] @ np.arange(8), rtol=1e-5
    )
    again = layers.MixUp(0.8, seed=0)({"images": x, "labels": np.eye(8)}, training=False)
    np.testing.assert_array_equal(again["images"], x)
    np.testing.assert_array_equal(again["labels"], np.eye(8))


def test_cut_mix_mixes_labels_by_area():
    x = np.arange(8, dtype=np.float32)[:, None, None, None] * np.ones((60, 50, 1), np.float32)
    found = layers.CutMix(seed=0)({"images": x, "labels": np.eye(8, dtype=int)})
    means = found["images"].mean((1, 2, 3))
    np.testing.assert_allclose(means, found["labels"] @ np.arange(8), atol=0.3)
    assert set(np.unique(found["images"])) == set(range(8))


def test_a_single_image_in_a_dictionary():
    batch = {"images": images(1)[0], "labels": np.array([0.0, 1.0])}
    found = layers.MixUp(seed=0)(batch)
    np.testing.assert_allclose(found["images"], batch["images"], rtol=1e-6)
    np.testing.assert_array_equal(found["labels"], batch["labels"])
    assert found["images"].shape == (6, 5, 3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomFlip(seed=2),
        layers.RandomRotation(0.3, interpolation="nearest", seed=2),
        layers.RandomShear(0.5, 0.5, interpolation="nearest", seed=2),
        layers.RandomPerspective((1, 1), 0.5, interpolation="nearest", seed=2),
        layers.RandomElasticTransform((1, 1), 1, interpolation="nearest", seed=2),
        layers.CutMix(seed=2),
    ],
)
def test_segmentation_masks_move_with_the_images(layer):
    x = np.random.default_rng(0).integers(0, 9, (8, 24, 24, 1)).astype(np.uint8)
    found = layer({"images": x, "segmentation_masks": x, "labels": np.eye(8)})
    assert changed(found["images"], x) > 0.2
    np.testing.assert_array_equal(found["segmentation_masks"], found["images"])
    assert found["segmentation_masks"].dtype == np.uint8


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "layer",
    [
        layers.Resizing(5, 7, "nearest"),
        layers.Resizing(6, 8, "nearest", pad_to_aspect_ratio=True, fill_value=3),
        layers.CenterCrop(3, 4),
        layers.RandomCrop(3, 4, seed=1),
    ],
)
def test_segmentation_masks_get_the_size_of_the_images(layer, training):
    x = np.random.default_rng(0).integers(0, 9, (2, 9, 14, 1)).astype(np.uint8)
    found = layer({"images": x, "segmentation_masks": x, "labels": np.eye(2)}, training)
    assert found["segmentation_masks"].dtype == np.uint8
    assert found["segmentation_masks"].shape == (2, layer.height, layer.width, 1)
    if isinstance(layer, layers.Resizing) or training:
        np.testing.assert_array_equal(found["segmentation_masks"], found["images"])
    assert set(np.unique(found["segmentation_masks"])) <= set(range(9))
    np.testing.assert_array_equal(found["labels"], np.eye(2))


def test_colors_leave_masks_and_labels():
    x, masks, labels = images(8), np.ones((8, 6, 5, 1), np.uint8), np.arange(8)
    batch = {"images": x, "segmentation_masks": masks, "labels": labels}
    for layer in (layers.RandomHue(0.5), layers.AutoContrast((0, 1)), layers.RandomInvert()):
        found = layer(batch)
        assert changed(found["images"], x) > 0.2
        np.testing.assert_array_equal(found["segmentation_masks"], masks)
        np.testing.assert_array_equal(found["labels"], labels)


def test_layers_without_random_numbers_in_inference():
    x = images()
    assert changed(layers.AutoContrast((0, 1))(x, training=False), x) == 1
    np.testing.assert_array_equal(layers.Equalization((0, 1))(x, training=False), x)
    assert changed(layers.Equalization((0, 1))(x), x) == 1


def test_color_jitter_is_its_parts_one_after_the_other():
    x = images(8)
    layer = layers.RandomColorJitter((0, 1), 0.2, 0.3, (0.3, 0.6), 0.2, seed=7)
    draws = layer.draw(x.shape, np.random.default_rng(3))
    assert [type(part).__name__ for part, _ in draws] == [
        "RandomBrightness",
        "RandomContrast",
        "RandomSaturation",
        "RandomHue",
    ]
    layer.draw = lambda *args: draws
    wanted = x
    for part, values in draws:
        part.draw = lambda *args, values=values: values
        wanted = part(wanted)
    np.testing.assert_array_equal(layer(x), wanted)


def test_policies_draw_all_of_their_changes():
    random = np.random.default_rng(0)
    policy = layers.RandAugment(num_ops=3)
    seen = [part.name for _ in range(100) for part, _ in policy.draw((1, 8, 8, 3), random)]
    assert len(seen) == 300
    assert len(set(seen)) == 11
    policy = layers.AugMix(num_chains=2, all_ops=False)
    chains = [policy.draw((1, 8, 8, 3), random) for _ in range(100)]
    assert {part.name for _, _, two in chains for chain in two for part, _ in chain} == {
        part.name for part in policy.parts.values()
    }
    assert {len(chain) for _, _, two in chains for chain in two} >= {1, 2, 3}
    np.testing.assert_allclose([weights.sum() for _, weights, _ in chains], 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MixUp(0), "`alpha` must be positive"),
        (lambda: layers.AugMix(alpha=-1), "`alpha` must be"),
        (lambda: layers.CutMix(1.5), r"`factor` must be .* \[0, 1\]"),
        (lambda: layers.RandomPosterization(9), r"`factor` must be .* \[1, 8\]"),
        (lambda: layers.RandomPosterization(2.5), "`factor` must be integers"),
        (lambda: layers.RandomGrayscale((0, 1)), "`factor` must be one number"),
        (lambda: layers.RandomPerspective(scale=2), r"`scale` must be"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "`kernel_size` must be an odd number"),
        (lambda: layers.RandomGaussianBlur(sigma=2), "`sigma` must be"),
        (lambda: layers.RandomElasticTransform(fill_mode="mirror"), "`fill_mode` must be one of"),
        (lambda: layers.RandomShear(-0.1), r"`x_factor` must be"),
        (lambda: layers.AutoContrast(255), "`value_range` must be two numbers"),
        (lambda: layers.RandomHue(0.1)(np.ones((2, 4, 4, 1))), "expects images with 3 channels"),
        (lambda: layers.RandomGrayscale()(np.ones((2, 4, 4, 2))), "with 1 or 3 channels"),
        (lambda: layers.RandomPerspective()(np.ones((2, 1, 4, 1))), "at least 2 x 2 pixels"),
        (
            lambda: layers.Pipeline([layers.ActivityRegularization(l2=0.1)]),
            "cannot contain a layer with an `activity_regularizer`",
        ),
        (
            lambda: layers.Pipeline(
                [keras.Sequential([layers.Dense(2, activity_regularizer="l2")])]
            ),
            "cannot contain a layer with an `activity_regularizer`",
        ),
        (lambda: layers.MixUp()({"labels": 1}), "expects a dictionary with 'images'"),
        (
            lambda: layers.CutMix()({"images": np.ones((2, 4, 4, 1)), "labels": [0, 1]}),
            r"labels of shape \(batch, classes\)",
        ),
        (
            lambda: layers.RandomFlip()({"images": np.ones((2, 4, 4, 1)), "bounding_boxes": {}}),
            "bounding boxes are not supported",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pipeline_is_its_layers_one_after_the_other():
    x = images(8)

    def parts():
        return [
            layers.RandomFlip(seed=1),
            layers.RandomBrightness(0.3, (0, 1), seed=2),
            layers.CutMix(seed=3),
        ]

    wanted = {"images": x, "labels": np.eye(8)}
    for layer in parts():
        wanted = layer(wanted)
    found = layers.Pipeline(parts())({"images": x, "labels": np.eye(8)})
    np.testing.assert_array_equal(found["images"], wanted["images"])
    np.testing.assert_array_equal(found["labels"], wanted["labels"])
    pipeline = layers.Pipeline(parts())
    model = keras.Sequential([keras.Input(x.shape[1:]), pipeline])
    state = pipeline.get_random_state()
    np.testing.assert_array_equal(model(x, training=True), wanted["images"])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    pipeline.set_random_state(state)
    np.testing.assert_array_equal(pipeline(x), wanted["images"])
    np.testing.assert_array_equal(pipeline(x[0], training=False), x[0])


def test_layers_of_a_pipeline_are_trained():
    keras.utils.set_random_seed(0)
    x = images(32)
    invert = layers.RandomInvert(0.5, (0, 1))
    pipeline = layers.Pipeline([invert, layers.Flatten(), layers.Dense(1)])
    model = keras.Sequential([keras.Input(x.shape[1:]), pipeline])
    assert model.count_params() == 91
    model.compile("sgd", "mse")
    before = model.evaluate(x, np.ones(32), verbose=0)
    model.fit(x, np.ones(32), epochs=5, verbose=0)
    assert model.evaluate(x, np.ones(32), verbose=0) < before
    pipeline.trainable = False
    assert model.trainable_weights == []
    with pytest.raises(ValueError, match="`layers` must be a list of layers"):
        layers.Pipeline([1])
