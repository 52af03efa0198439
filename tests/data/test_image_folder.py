"""Images in folders as batches; resizing against values recorded from Keras."""

import gc
import io
import os
import sys
import threading
import warnings

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.utils.image_batches import ImageFolder
from fastcnn.utils.image_file import decode
from fastcnn.utils.image_jpeg import jpeg_pixels
from fastcnn.utils.image_pixels import pixels_of
from fastcnn.utils.image_resize import resize

image_module = pytest.importorskip("PIL.Image")

image_dataset_from_directory = keras.utils.image_dataset_from_directory


@pytest.fixture
def folder(tmp_path):
    """Two classes of 5 and 7 images; the pixel value identifies the image."""
    value = 0
    for name, count in (("cats", 5), ("dogs", 7)):
        (tmp_path / name / "more").mkdir(parents=True)
        for index in range(count):
            value += 10
            pixels = np.full((6, 8, 3), value, np.uint8)
            path = tmp_path / name / ("more" if index > 3 else "") / f"{index}.png"
            image_module.fromarray(pixels).save(path)
    (tmp_path / "cats" / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def values_and_labels(data):
    """The pixel values and labels of all images in a data set."""
    batches = list(data)
    return np.concatenate([x[:, 0, 0, 0] for x, _ in batches]), np.concatenate(
        [y for _, y in batches]
    )


def test_in_order(folder, capsys):
    data = image_dataset_from_directory(folder, image_size=(6, 8), batch_size=5, shuffle=False)
    assert capsys.readouterr().out == "Found 12 files belonging to 2 classes.\n"
    assert len(data) == 3
    assert data.class_names == ["cats", "dogs"]
    x, y = data[0]
    assert (x.shape, x.dtype, y.dtype) == ((5, 6, 8, 3), np.float32, np.int32)
    values, labels = values_and_labels(data)
    assert values.tolist() == [10 * index for index in range(1, 13)]
    assert labels.tolist() == [0] * 5 + [1] * 7
    with pytest.raises(IndexError):
        data[3]


def test_shuffled(folder):
    settings = {"image_size": 6, "seed": 3, "verbose": False}
    one, other = (image_dataset_from_directory(folder, **settings) for _ in range(2))
    first, labels = values_and_labels(one)
    assert first.tolist() == values_and_labels(other)[0].tolist()  # the order given by the seed
    assert (labels == (first > 50)).all()  # each image keeps its label
    second, labels = values_and_labels(one)
    assert second.tolist() != first.tolist()  # a new order in each pass
    assert (labels == (second > 50)).all()
    assert sorted(second) == sorted(first)


def test_take(folder):
    whole = image_dataset_from_directory(folder, batch_size=4, image_size=(6, 6), seed=1)
    few = whole.take(1)
    assert len(few) == 1
    (images, labels), (first_images, first_labels) = few[0], whole[0]
    np.testing.assert_array_equal(images.numpy(), first_images.numpy())
    np.testing.assert_array_equal(labels.numpy(), first_labels.numpy())
    assert len(whole.take(99)) == len(whole)
    assert list(whole.take(0)) == []


def test_is_a_dataset(folder):
    settings = {"image_size": (6, 8), "batch_size": 5, "shuffle": False, "verbose": False}
    data = image_dataset_from_directory(folder, **settings)
    assert isinstance(data, keras.data.Dataset)
    assert str(data.element_spec) == (
        "(TensorSpec(shape=(None, 6, 8, 3), dtype=float32, name=None), "
        "TensorSpec(shape=(None,), dtype=int32, name=None))"
    )
    scaled = data.map(lambda x, y: (x / 10, y), num_parallel_calls=2).cache().prefetch(1)
    assert values_and_labels(scaled)[0].tolist() == list(range(1, 13))
    assert len(data.skip(1)) == 2
    assert sorted(data.skip(1).file_paths + data.take(1).file_paths) == sorted(data.file_paths)
    single = image_dataset_from_directory(folder, **settings | {"batch_size": None})
    assert len(single) == 12
    image, label = next(iter(single))
    assert (image.shape, label.shape) == ((6, 8, 3), ())
    assert [len(batch) for batch, _ in single.batch(8)] == [8, 4]


def test_batches_do_not_depend_on_threads(folder, monkeypatch):
    used = set()
    read = ImageFolder.read

    def watched(self, row, out):
        used.add(threading.current_thread() is threading.main_thread())
        read(self, row, out)

    monkeypatch.setattr(ImageFolder, "read", watched)
    settings = {"image_size": 6, "batch_size": 5, "seed": 2, "verbose": False}
    results = []
    for count in (1, 3):
        monkeypatch.setattr(keras.config, "num_threads", lambda count=count: count)
        data = image_dataset_from_directory(folder, **settings)
        results.append([x.tolist() for _ in range(2) for x, _ in data])
    assert results[0] == results[1]
    assert used == {False}


@pytest.mark.parametrize("seed", [None, 3])
def test_resumed_runs_end_with_the_same_bits(folder, tmp_path, seed):
    class StoppedError(Exception):
        pass

    class StopAt(keras.callbacks.Callback):
        def __init__(self, step):
            super().__init__()
            self.step = step

        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == self.step:
                raise StoppedError

    def run(*callbacks):
        keras.utils.set_random_seed(0)
        data = image_dataset_from_directory(
            folder, image_size=6, batch_size=5, seed=seed, verbose=False
        )
        model = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(data, epochs=3, callbacks=list(callbacks), verbose=0)
        return [weights.tolist() for weights in model.get_weights()], history.history

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / ".backup", save_freq=1)

    wanted = run()
    with pytest.raises(StoppedError):
        run(backup(), StopAt(5))
    assert run(backup(), StopAt(99)) == wanted


def test_subsets(folder, capsys):
    settings = {"image_size": 6, "validation_split": 0.25, "seed": 1}
    train, test = image_dataset_from_directory(folder, subset="both", **settings)
    assert "Using 9 files for training.\nUsing 3 files for validation." in capsys.readouterr().out
    alone = image_dataset_from_directory(folder, subset="validation", **settings)
    assert sorted(alone.file_paths) == sorted(test.file_paths)
    assert not set(train.file_paths) & set(test.file_paths)
    assert len(train.file_paths) + len(test.file_paths) == 12


def test_labels(folder):
    settings = {"image_size": 6, "shuffle": False, "verbose": False}

    def labels(**more):
        return image_dataset_from_directory(folder, **settings, **more)[0][1]

    assert labels(label_mode="categorical").tolist() == [[1, 0]] * 5 + [[0, 1]] * 7
    assert labels(label_mode="binary").tolist() == [[0]] * 5 + [[1]] * 7
    assert labels(class_names=["dogs", "cats"]).tolist() == [0] * 7 + [1] * 5
    assert labels(class_names=["dogs"]).tolist() == [0] * 7
    assert labels(labels=list(range(12))).tolist() == list(range(12))
    for none in ({"labels": None}, {"label_mode": None}):
        data = image_dataset_from_directory(folder, **settings, **none)
        assert data[0].shape == (12, 6, 6, 3)
        assert data.class_names is None


def test_color_modes(folder, tmp_path):
    settings = {"image_size": 6, "shuffle": False, "verbose": False}
    for mode, channels in (("grayscale", 1), ("rgb", 3), ("rgba", 4)):
        data = image_dataset_from_directory(folder, color_mode=mode, **settings)
        assert data[0][0].shape == (12, 6, 6, channels)
    assert data[0][0][0, 0, 0].tolist() == [10, 10, 10, 255]


def test_16_bits_are_scaled_as_tensorflow_scales_them(tmp_path):
    wanted = np.arange(0, 65536, 256 * 4 + 3)
    (tmp_path / "a").mkdir()
    image_module.fromarray(wanted.astype(np.uint16)[None]).save(tmp_path / "a" / "0.png")
    settings = {"image_size": (1, len(wanted)), "verbose": False}
    for mode, channels in (("grayscale", 1), ("rgb", 3), ("rgba", 3)):
        images, _ = image_dataset_from_directory(tmp_path, color_mode=mode, **settings)[0]
        for channel in range(channels):
            np.testing.assert_array_equal(images[0, 0, :, channel], wanted // 256)


def test_fit_and_predict(folder):
    train, test = image_dataset_from_directory(
        folder, image_size=6, validation_split=0.25, subset="both", seed=1, verbose=False
    )
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=test, epochs=2, verbose=0).history
    assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert model.predict(test, verbose=0).shape == (3, 2)
    assert len(model.evaluate(test, verbose=0)) == 2


# tf.image.resize (bilinear, no antialiasing; nearest) of arange(15).reshape(3, 5), by Keras 3.15
BILINEAR = {
    (2, 3): [[1.5833333, 3.25, 4.9166665], [9.083333, 10.75, 12.416667]],
    (4, 2): [[0.75, 3.25], [3.875, 6.375], [7.625, 10.125], [10.75, 13.25]],
}


def resized(image, size, interpolation="bilinear"):
    out = np.full((*size, 1), np.nan, np.float32)
    resize(image, out, interpolation)
    return out[..., 0]


def test_resize_as_keras():
    image = np.arange(15, dtype=np.uint8).reshape(3, 5, 1)
    for size, wanted in BILINEAR.items():
        np.testing.assert_allclose(resized(image, size), wanted, rtol=1e-5)
    assert resized(image, (2, 2), "nearest").tolist() == [[1, 3], [11, 13]]
    assert resized(image, (3, 5)).tolist() == image[..., 0].tolist()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pixels_of_an_image(mode, monkeypatch):
    channels = len(mode)
    wanted = np.random.default_rng(0).integers(0, 256, (50, 70, channels)).astype(np.uint8)

    def pixels():
        image = image_module.fromarray(wanted[..., 0] if channels == 1 else wanted)
        assert image.mode == mode
        return pixels_of(image)

    found = [pixels() for _ in range(3)]
    gc.collect()
    noise = [image_module.new(mode, (70, 50), "white") for _ in range(9)]
    for one in found:  # they keep the memory of their images
        np.testing.assert_array_equal(one[..., :channels], wanted)
        assert not one.flags.writeable
    del noise
    monkeypatch.delattr(image_module.Image, "__arrow_c_array__", raising=False)
    assert pixels().shape == wanted.shape  # an older Pillow: copied
    np.testing.assert_array_equal(pixels(), wanted)


def jpeg_files():
    """JPEG files of several kinds: {name: contents}."""
    pixels = np.kron(np.random.default_rng(1).integers(0, 256, (5, 6, 3)), np.ones((9, 9, 1)))
    image = image_module.fromarray(pixels.astype(np.uint8))
    settings = {
        "baseline": {"quality": 75},
        "fine": {"quality": 95, "subsampling": 0},
        "progressive": {"progressive": True},
        "exif": {"exif": image_module.Exif(), "comment": b"\xff\xc0" * 9},
    }
    files = {name: _saved(image, **more) for name, more in settings.items()}
    return files | {
        "gray": _saved(image.convert("L")),
        "cmyk": _saved(image.convert("CMYK")),
        "trailing": files["baseline"] + b"more",
    }


def _saved(image, **settings):
    file = io.BytesIO()
    image.save(file, "JPEG", **settings)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_files_without_pillows_open(mode, tmp_path):
    path, fast = tmp_path / "a.jpg", []
    for name, contents in jpeg_files().items():
        path.write_bytes(contents)
        pixels = jpeg_pixels(str(path), mode)
        if pixels is not None:
            fast.append(name)
            image = decode(path, ("JPEG",), is_gray=mode == "L")
            wanted = np.asarray(image).reshape(*pixels.shape[:2], -1)
            np.testing.assert_array_equal(pixels[..., : wanted.shape[2]], wanted)
    if fast:  # this Pillow shows its memory
        others = {"cmyk"} if mode == "L" else {"cmyk", "gray"}
        assert set(fast) == jpeg_files().keys() - others


def test_damaged_jpeg_files_are_left_to_pillow(tmp_path):
    path = tmp_path / "a.jpg"
    contents = jpeg_files()["baseline"]
    rng = np.random.default_rng(0)
    damaged = [contents[:size] for size in range(0, len(contents), 7)]
    for _ in range(300):
        array = np.frombuffer(contents, np.uint8).copy()
        array[rng.integers(len(array), size=3)] = rng.integers(256, size=3)
        damaged.append(array.tobytes())
    accepted = 0
    for one in damaged:
        path.write_bytes(one)
        pixels = jpeg_pixels(str(path), "RGB")
        if pixels is not None:
            accepted += 1
            image = decode(path, ("JPEG",))
            np.testing.assert_array_equal(pixels[..., :3], np.asarray(image))
    assert accepted < len(damaged)


def test_large_jpeg_files_are_left_to_pillow(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_files()["baseline"])
    monkeypatch.setattr(image_module, "MAX_IMAGE_PIXELS", 100)
    assert jpeg_pixels(str(path), "RGB") is None
    with pytest.raises(ValueError, match=r"a\.jpg: .* pixels"):
        decode(path, ("JPEG",))
    fifo = tmp_path / "b.jpg"
    os.mkfifo(fifo)
    assert jpeg_pixels(str(fifo), "RGB") is None


def test_pixels_of_an_image_in_several_blocks():
    image = image_module.effect_noise((4100, 4200), 50)
    np.testing.assert_array_equal(pixels_of(image)[..., 0], np.asarray(image))


def test_crop_to_aspect_ratio(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 200
    (tmp_path / "a").mkdir()
    image_module.fromarray(pixels).save(tmp_path / "a" / "0.png")
    settings = {"image_size": (4, 4), "verbose": False}
    data = image_dataset_from_directory(tmp_path, crop_to_aspect_ratio=True, **settings)
    assert (data[0][0] == 200).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"color_mode": "cmyk"}, "`color_mode` must be one of"),
        ({"label_mode": "float"}, "`label_mode` must be one of"),
        ({"interpolation": "area"}, "`interpolation` must be one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of"),
        ({"image_size": (1, 2, 3)}, "`image_size` must be"),
        ({"image_size": (0, 2)}, "`image_size` must be a positive integer"),
        ({"validation_split": 2, "subset": "both"}, "`validation_split` must be between 0 and 1"),
        ({"validation_split": 0.5}, "must be given together"),
        ({"validation_split": 0.5, "subset": "test"}, "`subset` must be"),
        ({"validation_split": 0.5, "subset": "training"}, "a `seed` is required"),
        ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "no images for validation"),
        ({"class_names": ["birds"]}, "`class_names` must be folders"),
        ({"class_names": ["cats"], "label_mode": "binary"}, "requires two classes"),
        ({"labels": [1, 2]}, "one integer for each of the 12 images"),
        ({"labels": [1] * 12, "class_names": ["cats"]}, "only be given with"),
        ({"labels": "all"}, "`labels` must be 'inferred'"),
        ({"data_format": "channels_first"}, "channels_last"),
        ({"batch_size": -1}, "`batch_size` must be a positive integer"),
    ],
)
def test_errors(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        image_dataset_from_directory(folder, **settings)


def test_files_that_are_not_images(folder, monkeypatch):
    (folder / "cats" / "0.png").write_bytes(b"not an image")
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False)
    with pytest.raises(OSError, match=r"cats/0\.png: cannot identify image file"):
        data[0]
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'fastcnn\[images\]'"):
        data[0]


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"


def test_no_other_program_decodes_an_image(folder, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    path = folder / "cats" / "0.png"
    path.write_bytes(POSTSCRIPT)
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False)
    for read in (
        lambda: data[0],
        lambda: keras.utils.load_img(path),
        lambda: keras.utils.load_img(io.BytesIO(POSTSCRIPT)),
    ):
        with pytest.raises(OSError, match="cannot identify image file"):
            read()
    assert not (tmp_path / "started").exists()


def test_images_with_too_many_pixels(folder, monkeypatch):
    path = folder / "cats" / "0.png"
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False, image_size=6)
    for limit in (20, 47):  # Pillow refuses twice its limit, and warns from there on
        monkeypatch.setattr(image_module, "MAX_IMAGE_PIXELS", limit)
        for read in (lambda: data[0], lambda: keras.utils.load_img(path)):
            with pytest.raises(ValueError, match=r"cats/0\.png: .*(8 x 6|48) pixels"):
                read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", image_module.DecompressionBombWarning)
        with pytest.raises(ValueError, match=r"has 8 x 6 pixels, more than the 47 allowed"):
            data[0]
    for limit in (48, None):
        monkeypatch.setattr(image_module, "MAX_IMAGE_PIXELS", limit)
        assert data[0][0].shape == (12, 6, 6, 3)


def test_damaged_images(folder):
    path = folder / "cats" / "0.png"
    whole = path.read_bytes()
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False, batch_size=1)
    pixels = whole.index(b"IDAT") + 4
    for size in range(pixels):
        path.write_bytes(whole[:size])
        with pytest.raises(OSError, match=r"cats/0\.png: "):
            data[0]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_damaged_image_ends_the_pass_and_its_threads(folder, monkeypatch, threads):
    monkeypatch.setattr(keras.config, "num_threads", lambda: threads)
    path = folder / "dogs" / "2.png"
    path.write_bytes(path.read_bytes()[:40])
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False, batch_size=3)
    before = threading.active_count()
    batches = iter(data)
    assert [len(next(batches)[1]) for _ in range(2)] == [3, 3]
    with pytest.raises(OSError, match=r"dogs/2\.png: "):
        next(batches)
    assert threading.active_count() == before


def test_files_that_are_not_regular(folder):
    fifo, device = folder / "cats" / "pipe.png", folder / "dogs" / "device.png"
    os.mkfifo(fifo)
    device.symlink_to("/dev/zero")
    data = image_dataset_from_directory(folder, shuffle=False, verbose=False, batch_size=1)
    for path in (fifo, device):
        with pytest.raises(OSError, match=rf"{path.name}: it is not a regular file"):
            data[data.file_paths.index(str(path))]
        with pytest.raises(OSError, match=rf"{path.name}: it is not a regular file"):
            keras.utils.load_img(path)


def test_loops_of_links(folder):
    (folder / "cats" / "again").symlink_to(folder / "cats")
    (folder / "dogs" / "more" / "up").symlink_to("..")
    (folder / "dogs" / "cats").symlink_to(folder / "cats")
    settings = {"shuffle": False, "verbose": False}
    data = image_dataset_from_directory(folder, **settings)
    assert np.bincount(data.labels).tolist() == [5, 7]
    data = image_dataset_from_directory(folder, follow_links=True, **settings)
    assert np.bincount(data.labels).tolist() == [5, 7 + 5]


class TestSingleImages:
    def test_round_trip(self, tmp_path):
        pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
        keras.utils.save_img(tmp_path / "a.png", pixels, scale=False)
        image = keras.utils.load_img(tmp_path / "a.png")
        array = keras.utils.img_to_array(image)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, pixels)
        grey = keras.utils.load_img(tmp_path / "a.png", "grayscale", (3, 4), "bilinear")
        assert keras.utils.img_to_array(grey, dtype="uint8").shape == (3, 4, 1)
        path = tmp_path / "a.png"
        middle = keras.utils.load_img(path, target_size=(6, 6), keep_aspect_ratio=True)
        np.testing.assert_array_equal(keras.utils.img_to_array(middle), pixels[:, 1:7])
        assert np.asarray(keras.utils.array_to_img([[[-1.0], [1.0]]])).tolist() == [[0, 255]]

    @pytest.mark.parametrize(
        ("name", "file_format"),
        [
            ("a.jpg", None),
            ("a.JPEG", None),
            ("a", "jpg"),
            ("a", "JPG"),
            ("a", "jpeg"),
            ("a", "JPEG"),
        ],
    )
    def test_jpeg_without_transparency(self, tmp_path, name, file_format):
        pixels = np.full((8, 8, 4), 100.0)
        for path in (tmp_path / name, str(tmp_path / name)):
            with pytest.warns(UserWarning, match="JPEG format does not support RGBA"):
                keras.utils.save_img(path, pixels, file_format=file_format, scale=False)
            image = image_module.open(path)
            assert (image.format, image.mode) == ("JPEG", "RGB")
            np.testing.assert_allclose(np.asarray(image), 100, atol=2)
        keras.utils.save_img(path, pixels[..., :3], file_format=file_format)  # no warning

    def test_files_in_memory(self):
        pixels = np.arange(8 * 8 * 4).reshape(8, 8, 4)
        file = io.BytesIO()
        keras.utils.save_img(file, pixels, file_format="png", scale=False)
        image = keras.utils.load_img(file, color_mode="rgba")
        np.testing.assert_array_equal(keras.utils.img_to_array(image), pixels)

    def test_scaling(self):
        for low, high in ((0.0, 1.0), (-3.0, 7.0), (0.1, 0.3), (5.0, 5.0)):
            image = keras.utils.array_to_img(np.array([[[low], [high]]]))
            assert np.asarray(image).tolist() == [[0, 255 if high > low else 0]]
        image = keras.utils.array_to_img(np.array([[[0], [65535]]]), scale=False)
        assert np.asarray(image).tolist() == [[0, 65535]]

    @pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
    def test_16_bits(self, tmp_path, name):
        wanted = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
        path = tmp_path / name
        # Pillow 9 writes .pgm files only from images of 32 bits
        image_module.fromarray(wanted.astype("i4") if path.suffix == ".pgm" else wanted).save(path)
        image = keras.utils.load_img(path, color_mode="grayscale")
        assert image.mode in ("I;16", "I")
        np.testing.assert_array_equal(keras.utils.img_to_array(image)[..., 0], wanted)
        for mode in ("rgb", "rgba"):
            array = keras.utils.img_to_array(keras.utils.load_img(path, color_mode=mode))
            np.testing.assert_array_equal(array[..., :3], np.stack([wanted // 256] * 3, axis=-1))

    def test_errors(self, tmp_path):
        with pytest.raises(ValueError, match="`color_mode` must be one of"):
            keras.utils.load_img(tmp_path / "a.png", "cmyk")
        with pytest.raises(ValueError, match="`interpolation` must be one of"):
            keras.utils.load_img(tmp_path / "a.png", interpolation="area")
        with pytest.raises(ValueError, match="must have shape"):
            keras.utils.array_to_img(np.zeros((2, 2)))
