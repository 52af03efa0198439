"""The nets of the recipes, and how they are trained."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.recipes import recipes
from fastcnn.recipes.recipes import RECIPES
from fastcnn.recipes.work import training_flop

X = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), np.uint8)


@pytest.mark.parametrize("name", RECIPES)
def test_batches_divide_the_training_images(name):
    assert 50_000 % RECIPES[name].batch_size == 60_000 % RECIPES[name].batch_size == 0


@pytest.mark.parametrize(
    ("name", "shape"), [("fast", (32, 32, 3)), ("good", (28, 28, 1)), ("best", (28, 28, 1))]
)
def test_models_can_be_built_and_saved(name, shape, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (10, *shape), np.uint8)
    keras.utils.set_random_seed(0)
    model = recipes.build(RECIPES[name], x)
    model.train_on_batch(x, np.arange(10))
    y = model.predict(x, verbose=0)
    assert y.shape == (10, 10)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), y)


def test_convolutions_with_max_pool_are_one_step():
    plan = str(recipes.build(RECIPES["fast"], X).plan())
    assert plan.count("conv2d") >= 6
    assert plan.count(" + max_pooling2d") == 3
    assert plan.count(" + relu") == 6  # the normalizations include it
    assert " without softmax" in plan


def test_every_optimizer_has_its_weights():
    model = recipes.build(RECIPES["fast"], X)
    muon, sgd = [], []
    for variable in model.trainable_weights:
        inner = model.optimizer._optimizer_map(variable)
        (muon if isinstance(inner, keras.optimizers.Muon) else sgd).append(variable.path)
    assert len(muon) == 6
    assert all("conv2d" in path for path in muon)
    names = [path.split("/", 1)[1] for path in sgd]
    assert "whitening/kernel" not in names
    assert sum(name.endswith("beta") for name in names) == 6
    assert names[-1].endswith("/kernel")  # the dense layer


def test_training_keeps_what_is_fixed(small_recipes):
    """Whitening filters stay, those of the others keep norm 1, and the rates fall to 0."""
    recipe = RECIPES["fast"]
    model = recipes.build(recipe, X)
    whitening = model.get_layer("whitening").kernel.numpy()
    recipes.fit(model, recipe, X, np.arange(40) % 10)
    np.testing.assert_array_equal(model.get_layer("whitening").kernel.numpy(), whitening)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.name != "whitening":
            norms = np.sqrt(np.square(layer.kernel.value).sum(axis=(0, 1, 2)))
            np.testing.assert_allclose(norms, 1, rtol=1e-4)
    for inner in model.optimizer.optimizers:
        assert float(inner.learning_rate) == 0


def test_augmentation_shifts_by_whole_pixels_and_erases():
    recipe = recipes.Recipe((8,), 1, shift=2, erased=0.1)
    shift, erase = recipes.augmentation(recipe, (28, 28))
    x = np.zeros((400, 28, 28, 1), np.float32)
    x[:, 14, 14] = 255
    y = np.asarray(shift(x, training=True))
    rows, columns = (np.unique(found) - 14 for found in np.nonzero(y)[1:3])
    np.testing.assert_array_equal(rows, [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(columns, [-2, -1, 0, 1, 2])
    assert np.count_nonzero(y) == 400  # one pixel each, not two halves
    counts = np.bincount(np.nonzero(y)[1] - 12)
    assert counts.min() > 50  # each shift is as likely: 80 of 400
    gone = (np.asarray(erase(np.ones_like(x), training=True)) == 0).mean(axis=(1, 2, 3))
    assert 0.07 < gone.min() <= gone.max() < 0.14
    assert recipes.augmentation(recipes.Recipe((8,), 1, shift=0), (28, 28)) == []


def test_prediction_averages_with_the_mirror_image(small_recipes):
    model = recipes.build(RECIPES["fast"], X)
    plain, mean = recipes.predict(model, X)
    np.testing.assert_array_equal(plain, model.predict(X, verbose=0))
    mirrored, again = recipes.predict(model, X[:, :, ::-1])
    np.testing.assert_allclose(mean, (plain + mirrored) / 2, rtol=1e-6)
    np.testing.assert_array_equal(mean, again)


def test_flop_of_a_known_net():
    """The tutorial's CNN: 945.8 MFLOP for 32 images."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    assert round(32 * training_flop(model) / 1e6, 1) == 945.8
    model.layers[0].trainable = False
    first = 26 * 26 * 9 * 64
    second = 11 * 11 * 9 * 64 * 64
    dense = 1600 * 128
    assert training_flop(model) == 2 * (first + 2 * second + 3 * (dense + 1280))
