"""`tf.strings` and constants of text against recorded TensorFlow; a tutorial's use of them."""

import json
import os

import numpy as np
import pytest

from fastcnn import tf
from tests.support.string_cases import EXPRESSIONS, RECORDS, evaluate, plain

RECORDED = json.loads(RECORDS.read_text("utf-8"))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_as_tensorflow(expression):
    found = evaluate(tf, expression)
    assert json.loads(json.dumps(plain(found))) == RECORDED[expression]
    if expression.startswith("tf."):  # single elements are NumPy's
        assert type(found) is tf.Tensor or "[-2]" in expression


def test_types():
    text = tf.constant(["a", "bc"])
    assert text.dtype == tf.string == tf.as_dtype("string")
    assert tf.string != tf.float32
    assert tf.constant(1.0).dtype != tf.string
    assert tf.string in {tf.string}
    assert repr(tf.string) == "tf.string"
    assert tf.constant("aé").numpy() == "aé".encode()
    assert text.numpy().tolist() == [b"a", b"bc"]
    strange = b"\xff/x"  # not UTF-8: paths may contain any bytes
    assert tf.strings.split(strange, "/").numpy().tolist() == [b"\xff", b"x"]
    assert str(tf.TensorSpec((), tf.string)).count("dtype=string") == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: tf.strings.split(["a b", "c"]),
            NotImplementedError,
            r"one string: .*\(2,\)",
        ),
        (lambda: tf.strings.length(3), TypeError, "take strings. Received 3"),
        (lambda: tf.constant(3, tf.string), TypeError, "take strings"),
        (lambda: tf.constant("a", tf.float32), TypeError, "arrays of numbers"),
        (lambda: tf.strings.to_number("x"), ValueError, "`input` is not a number: 'x'"),
        (lambda: tf.strings.to_number("1_0", tf.int32), ValueError, "not a number"),
        (lambda: tf.strings.substr("hello", 9, 2), ValueError, "`pos` is out of range"),
        (lambda: tf.strings.length("a", unit="WORD"), ValueError, "`unit` must be one of"),
        (lambda: tf.strings.as_string(1.5, width=8, fill="x"), ValueError, "`fill` must be one of"),
        (lambda: tf.strings.as_string(3, precision=2), ValueError, "`precision` is for floats"),
        (
            lambda: tf.strings.as_string(3, scientific=True),
            ValueError,
            "`scientific` is for floats",
        ),
        (lambda: tf.strings.as_string(True, shortest=True), ValueError, "`shortest` is for floats"),
        (
            lambda: tf.strings.as_string(1.5, scientific=True, shortest=True),
            ValueError,
            "Only one of `scientific` and `shortest`",
        ),
        (lambda: tf.strings.as_string(1j), NotImplementedError, "takes real numbers"),
        (lambda: tf.strings.ngrams, AttributeError, "ngrams"),
        (lambda: tf.lookup, AttributeError, "no table of strings"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_paths_and_labels_of_a_tutorial(tmp_path):
    """TensorFlow's tutorial "Load and preprocess images", its part about `tf.data`."""
    image = pytest.importorskip("PIL.Image")
    for name, value in (("daisy", 50), ("roses", 200)):
        (tmp_path / name).mkdir()
        for index in range(5):
            image.new("RGB", (20, 10), (value,) * 3).save(tmp_path / name / f"{index}.jpg")
    (tmp_path / "LICENSE.txt").write_text("free")

    image_count = len(list(tmp_path.glob("*/*.jpg")))
    list_ds = tf.data.Dataset.list_files(str(tmp_path / "*/*"), shuffle=False)
    list_ds = list_ds.shuffle(image_count, reshuffle_each_iteration=False)
    assert all(f.numpy().endswith(b".jpg") for f in list_ds.take(5))
    names = [item.name for item in tmp_path.glob("*") if item.name != "LICENSE.txt"]
    class_names = np.array(sorted(names))
    val_size = int(image_count * 0.2)
    train_ds, val_ds = list_ds.skip(val_size), list_ds.take(val_size)
    assert tf.data.experimental.cardinality(train_ds).numpy() == 8

    def get_label(file_path):
        parts = tf.strings.split(file_path, os.path.sep)
        one_hot = parts[-2] == class_names
        return tf.argmax(one_hot)

    def decode_img(img):
        img = tf.io.decode_jpeg(img, channels=3)
        return tf.image.resize(img, [6, 8])

    def process_path(file_path):
        label = get_label(file_path)
        img = tf.io.read_file(file_path)
        img = decode_img(img)
        return img, label

    for source in (train_ds, val_ds):
        data = source.map(process_path, num_parallel_calls=tf.data.AUTOTUNE).cache().shuffle(100)
        for images, labels in data.batch(3).prefetch(tf.data.AUTOTUNE):
            assert images.shape[1:] == (6, 8, 3)
            np.testing.assert_allclose(images[:, 0, 0, 0], np.where(labels, 200, 50), atol=2)
