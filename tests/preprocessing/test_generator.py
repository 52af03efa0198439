"""`ImageDataGenerator` in models, on threads, with files, and its errors."""

import pickle
import threading

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.preprocessing import image
from fastcnn.preprocessing.sequence import pad_sequences
from fastcnn.utils import set_random_seed

SHAPE = (8, 8, 3)
CHANGES = {"rotation_range": 30, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255}


def data(count=20):
    random = np.random.default_rng(0)
    y = np.arange(count) % 2
    x = random.integers(0, 60, (count, *SHAPE)) + 150 * y[:, None, None, None]
    return x.astype(np.uint8), y


def model():
    layers = [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    made = keras.Sequential(layers)
    made.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return made


def write(folder):
    x, y = data()
    for index, (pixels, label) in enumerate(zip(x, y, strict=True)):
        place = folder / ("dark", "light")[label]
        place.mkdir(exist_ok=True)
        image.save_img(place / f"{index:02}.png", pixels, scale=False)


def test_training_evaluation_and_prediction():
    set_random_seed(0)
    x, y = data()
    changed = image.ImageDataGenerator(**CHANGES)
    plain = image.ImageDataGenerator(rescale=1 / 255)
    trained = model()
    history = trained.fit(
        changed.flow(x, y, batch_size=6, seed=1),
        validation_data=plain.flow(x, y, batch_size=7, shuffle=False),
        epochs=20,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    loss, accuracy = trained.evaluate(plain.flow(x, y, shuffle=False), verbose=0)
    assert loss == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert accuracy > 0.9
    found = trained.predict(plain.flow(x, shuffle=False, batch_size=3), verbose=0)
    np.testing.assert_allclose(found, trained.predict(x / 255, verbose=0), rtol=1e-5)


def test_training_on_files(tmp_path):
    pytest.importorskip("PIL")
    write(tmp_path)
    set_random_seed(0)
    generator = image.ImageDataGenerator(**CHANGES, validation_split=0.2)
    settings = {"target_size": SHAPE[:2], "batch_size": 5, "class_mode": "binary"}
    train = generator.flow_from_directory(tmp_path, subset="training", **settings)
    test = generator.flow_from_directory(tmp_path, subset="validation", **settings)
    assert (train.samples, test.samples, len(train)) == (16, 4, 4)
    assert train.class_indices == {"dark": 0, "light": 1}
    trained = model()
    history = trained.fit(train, validation_data=test, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert trained.evaluate(test, verbose=0)[1] > 0.7


def test_same_training_for_the_same_seed():
    x, y = data()
    runs = []
    for _ in range(2):
        set_random_seed(3)
        trained = model()
        trained.fit(
            image.ImageDataGenerator(**CHANGES).flow(x, y, batch_size=6), epochs=2, verbose=0
        )
        runs.append(trained.get_weights())
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_do_not_depend_on_the_order_and_the_threads():
    x, y = data()
    wanted = image.ImageDataGenerator(**CHANGES).flow(x, y, batch_size=3, seed=5)
    wanted = [wanted[index] for index in range(len(wanted))]
    flow = image.ImageDataGenerator(**CHANGES).flow(x, y, batch_size=3, seed=5)
    found = {}

    def read(index):
        found[index] = flow[index]

    threads = [threading.Thread(target=read, args=(index,)) for index in reversed(range(7))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, (images, labels) in enumerate(wanted):
        np.testing.assert_array_equal(found[index][0], images)
        np.testing.assert_array_equal(found[index][1], labels)


def test_files_are_the_same_for_any_number_of_threads(tmp_path):
    pytest.importorskip("PIL")
    write(tmp_path)
    found = []
    for threads in (1, 3):
        keras.config.set_num_threads(threads)
        flow = image.ImageDataGenerator(**CHANGES).flow_from_directory(
            tmp_path, target_size=(9, 7), seed=2
        )
        found.append(flow[0])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_epoch_has_another_order_and_other_changes():
    x, y = data()
    flow = image.ImageDataGenerator(**CHANGES).flow(x, y, batch_size=20, seed=0)
    first = flow[0]
    flow.on_epoch_end()
    second = flow[0]
    assert not np.array_equal(first[1], second[1])
    assert sorted(first[1]) == sorted(second[1])
    rotated = image.ImageDataGenerator(rotation_range=90).flow(x, shuffle=False, seed=0)
    first = rotated[0]
    rotated.on_epoch_end()
    assert not np.array_equal(rotated[0], first)


def test_endless_iteration_and_reset():
    x, _ = data(5)
    flow = image.ImageDataGenerator().flow(x, batch_size=2, shuffle=False)
    assert [len(next(flow)) for _ in range(7)] == [2, 2, 1, 2, 2, 1, 2]
    flow.reset()
    np.testing.assert_array_equal(next(flow), x[:2])
    assert iter(flow) is flow


def test_weights_and_several_inputs():
    x, y = data(6)
    more, weights = np.arange(6), np.arange(6) / 2
    flow = image.ImageDataGenerator().flow((x, [more]), y, 4, shuffle=False, sample_weight=weights)
    (images, other), labels, found = flow[1]
    np.testing.assert_array_equal(images, x[4:])
    np.testing.assert_array_equal(other, more[4:])
    np.testing.assert_array_equal(labels, y[4:])
    np.testing.assert_array_equal(found, weights[4:])
    assert images.dtype == np.float32


def test_given_arrays_are_not_changed():
    x = data(4)[0].astype(np.float32)
    before = x.copy()
    generator = image.ImageDataGenerator(rescale=0.5, samplewise_center=True, vertical_flip=True)
    generator.flow(x, shuffle=False)[0]
    generator.fit(x)
    generator.random_transform(x[0], seed=1)
    np.testing.assert_array_equal(x, before)
    assert generator.standardize(x[0]) is not None  # which may overwrite, as in Keras
    assert not np.array_equal(x, before)


def test_many_images_are_transformed_in_parts(monkeypatch):
    from fastcnn.preprocessing.image import affine

    x = data(7)[0].astype(np.float32)
    generator = image.ImageDataGenerator(rotation_range=50, width_shift_range=0.3)
    wanted = generator.flow(x, seed=1)[0]
    monkeypatch.setattr(affine, "PIXELS", 130)  # two images
    np.testing.assert_array_equal(generator.flow(x, seed=1)[0], wanted)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_is_that_of_pillow(channels):
    enhance = pytest.importorskip("PIL.ImageEnhance")
    x = np.random.default_rng(0).integers(0, 256, (5, 6, channels)).astype(np.float32)
    for factor in (0.0, 0.37, 1.0, 1.9):
        picture = enhance.Brightness(image.array_to_img(x, scale=False)).enhance(factor)
        found = image.apply_brightness_shift(x, factor, scale=False)
        np.testing.assert_array_equal(found, image.img_to_array(picture))


def test_channel_shift_of_bytes_is_that_of_floats():
    x = data(1)[0][0]
    found = image.apply_channel_shift(x, 20.5, channel_axis=2)
    assert found.dtype == np.float64  # as in Keras
    np.testing.assert_array_equal(found, image.apply_channel_shift(x.astype(float), 20.5))
    np.testing.assert_array_equal(found, np.clip(x + 20.5, x.min(), x.max()))
    changed = image.ImageDataGenerator(channel_shift_range=20).random_transform(x, seed=1)
    assert changed.shape == x.shape
    assert np.abs(changed - x).max() <= 20


def test_iterators_can_be_pickled():
    x, y = data()
    flow = image.ImageDataGenerator(**CHANGES).flow(x, y, batch_size=4, seed=1)
    wanted = flow[1][0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(flow))[1][0], wanted)


def test_changed_images_are_saved(tmp_path):
    pytest.importorskip("PIL")
    x, _ = data(3)
    flow = image.ImageDataGenerator().flow(
        x, shuffle=False, save_to_dir=tmp_path, save_prefix="p", save_format="png"
    )
    flow[0]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("_")[:2] for name in names] == [["p", "0"], ["p", "1"], ["p", "2"]]
    found = image.img_to_array(image.load_img(tmp_path / names[1]))
    np.testing.assert_array_equal(found.shape, SHAPE)


def test_a_subclass_of_the_iterator():
    class Squares(image.Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array**2

    flow = Squares(5, 2, shuffle=False, seed=None)
    assert [flow[index].tolist() for index in range(3)] == [[0, 1], [4, 9], [16]]


X = np.zeros((4, *SHAPE))
Y = np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: image.ImageDataGenerator(fill_mode="mirror"), "`fill_mode` must be one of"),
        (lambda: image.ImageDataGenerator(zoom_range=(1, 2, 3)), "`zoom_range` must be two"),
        (lambda: image.ImageDataGenerator(brightness_range=1), "`brightness_range` must be two"),
        (lambda: image.ImageDataGenerator(validation_split=1), "`validation_split` must be"),
        (lambda: image.ImageDataGenerator(interpolation_order=3), "`interpolation_order` must be"),
        (lambda: image.ImageDataGenerator(data_format="channels_first"), "`data_format`"),
        (lambda: image.ImageDataGenerator().flow(X[0]), "must be an array"),
        (lambda: image.ImageDataGenerator().flow(X, Y[:3]), "as many samples in `y`"),
        (lambda: image.ImageDataGenerator().flow(X, subset="test"), "`subset` must be one of"),
        (
            lambda: image.ImageDataGenerator(validation_split=0.5).flow(X, Y, subset="training"),
            "have different classes",
        ),
        (lambda: image.ImageDataGenerator().flow(X)[1], "There are 1 batches"),
        (lambda: image.ImageDataGenerator().fit(X[0]), "`fit` expects images"),
        (
            lambda: image.ImageDataGenerator().flow_from_directory(".", class_mode="other"),
            "`class_mode` must be one of",
        ),
        (
            lambda: image.ImageDataGenerator().flow_from_directory(".", color_mode="hsv"),
            "`color_mode` must be one of",
        ),
        (lambda: image.random_zoom(X[0], 3), "`zoom_range` must be two numbers"),
        (lambda: image.apply_affine_transform(X[0], 3, row_axis=0), "a permutation of"),
        (lambda: image.apply_affine_transform(X, 3), "an image of 3 axes"),
        (lambda: image.smart_resize(X[0, 0], (3, 3)), "must be of shape"),
        (lambda: image.apply_brightness_shift(X[0][..., :2], 1), "1, 3 or 4 channels"),
        (lambda: pad_sequences([1, 2]), "must contain sequences"),
        (lambda: pad_sequences(3), "must be a list of sequences"),
        (lambda: pad_sequences([[1], [[2]]]), "must have one shape"),
        (lambda: pad_sequences([[1]], padding="left"), "`padding` must be one of"),
        (lambda: pad_sequences([[1]], value="a"), "needs `dtype=object`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_types_of_data_frames():
    with pytest.raises(TypeError, match="must be a pandas DataFrame"):
        image.ImageDataGenerator().flow_from_dataframe({"filename": []})
    with pytest.raises(TypeError, match="Unknown arguments of `flow_from_dataframe`"):
        image.ImageDataGenerator().flow_from_dataframe({}, keep_ratio=True)
    rows = pytest.importorskip("pandas").DataFrame({"filename": ["a.png"], "class": ["x"]})
    for mode in ("binary", "categorical", "sparse"):
        with pytest.raises(TypeError, match="`y_col` must be one column"):
            image.ImageDataGenerator().flow_from_dataframe(rows, y_col=["class"], class_mode=mode)


def test_warnings():
    with pytest.warns(UserWarning, match="includes `featurewise_center`"):
        generator = image.ImageDataGenerator(featurewise_std_normalization=True)
    assert generator.featurewise_center
    with pytest.warns(UserWarning, match="needs `fit"):
        generator.standardize(X.copy())
    with pytest.warns(UserWarning, match="replaces `featurewise_std_normalization`"):
        image.ImageDataGenerator(True, False, True, zca_whitening=True)
    with pytest.warns(UserWarning, match="includes `samplewise_center`"):
        image.ImageDataGenerator(samplewise_std_normalization=True)
    with pytest.warns(UserWarning, match="1, 3 or 4 channels"):
        image.ImageDataGenerator().flow(np.zeros((2, 4, 4, 2)))
