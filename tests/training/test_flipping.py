"""AlternatingFlip: which images are mirrored when, and that a resumed run sees the same ones."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.callbacks import AlternatingFlip

X = np.random.default_rng(0).integers(0, 256, (40, 4, 6, 2), np.uint8)


def epochs(flip, count):
    """The images of each epoch."""
    seen = []
    for epoch in range(count):
        flip.on_epoch_begin(epoch)
        seen.append(flip.images.copy())
    return seen


@pytest.mark.parametrize("shape", [(40, 4, 6, 2), (40, 8, 6)])
def test_each_image_is_mirrored_in_every_other_epoch(shape):
    x = X.reshape(shape)
    flip = AlternatingFlip(x, seed=1)
    first, second, third = epochs(flip, 3)
    mirrored = [bool((image != original).any()) for image, original in zip(first, x, strict=True)]
    assert 10 < sum(mirrored) < 30
    for image, other, original, is_mirrored in zip(first, second, x, mirrored, strict=True):
        both = (original[:, ::-1], original) if is_mirrored else (original, original[:, ::-1])
        np.testing.assert_array_equal(image, both[0])
        np.testing.assert_array_equal(other, both[1])
    np.testing.assert_array_equal(third, first)


def test_epochs_may_start_anywhere():
    flip, other = AlternatingFlip(X, seed=1), AlternatingFlip(X, seed=1)
    wanted = epochs(flip, 4)
    for epoch in (3, 3, 0, 1):
        other.on_epoch_begin(epoch)
        np.testing.assert_array_equal(other.images, wanted[epoch])


def test_the_users_images_stay_as_they_are():
    before = X.copy()
    epochs(AlternatingFlip(X), 2)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("dtype", "kept"), [("uint8", "uint8"), ("float64", "float64"), ("int16", "float32")]
)
def test_types_that_fit_reads_in_memory(dtype, kept):
    assert AlternatingFlip(X.astype(dtype)[::-1]).images.dtype == kept


def test_seed_is_drawn_from_the_package():
    seeds = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        seeds += [AlternatingFlip(X).seed, AlternatingFlip(X).seed]
    assert seeds[:2] == seeds[2:]
    assert seeds[0] != seeds[1]


def test_images_of_another_rank_are_rejected():
    with pytest.raises(ValueError, match=r"`images` must have the shape .* Received shape \(3,\)"):
        AlternatingFlip(np.zeros(3))


def test_fit_reads_the_mirrored_images():
    """The gradient of a linear model is the image: SGD adds up what was shown."""
    flip = AlternatingFlip(X[:1], seed=0)
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"))
    model.compile(keras.optimizers.SGD(1.0), lambda_loss())
    model.fit(flip.images, np.zeros(1), epochs=2, callbacks=[flip], verbose=0)
    shown = X[0].astype(np.float32) + X[0, :, ::-1]
    np.testing.assert_array_equal(model.get_weights()[0].ravel(), -shown.ravel())


def lambda_loss():
    class Output(keras.losses.Loss):
        """The output itself."""

        def values(self, y_true, y_pred):
            return y_pred[:, 0]

        def gradient(self, y_true, y_pred):
            return np.ones_like(y_pred)

    return Output()


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_a_resumed_run_has_the_same_bits(save_freq, tmp_path):
    def run(stop=None, folder=None):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1e-3), loss)
        flip = AlternatingFlip(X, seed=None if folder is None else run.seed)
        callbacks = [flip, Stop(stop)]
        if folder is not None:
            callbacks.append(keras.callbacks.BackupAndRestore(folder, save_freq))
        try:
            model.fit(flip.images, np.arange(40) % 3, 8, epochs=4, callbacks=callbacks, verbose=0)
        except KeyboardInterrupt:
            assert stop is not None
        run.seed = 99  # the seed of the second run does not matter
        return flip.seed, model.get_weights()

    run.seed = 7
    seed, _ = run(stop=(2, 3), folder=tmp_path / "backup")
    assert seed == 7
    seed, resumed = run(folder=tmp_path / "backup")
    assert seed == 7
    run.seed = 7
    _, wanted = run(folder=tmp_path / "other")
    for array, other in zip(resumed, wanted, strict=True):
        np.testing.assert_array_equal(array, other)


class Stop(keras.callbacks.Callback):
    """Interrupts a run at (epoch, batch)."""

    def __init__(self, at):
        super().__init__()
        self.at, self.epoch = at, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt
