"""`fastcnn.tf` against recorded TensorFlow, and what has no recorded values.

tests/keras/golden/record_ops.py recorded what TensorFlow returns for the same expressions.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import tf
from fastcnn.core.tensor import Tensor
from tests.keras.test_ops import compare
from tests.support import ops_cases, tf_cases

GOLDEN = json.loads((Path(__file__).parent / "golden/tf.json").read_text("utf-8"))
NEEDS_PILLOW = re.compile("PNG|GIF|JPEG")
BY_FUNCTION: dict = {}
for _expression in tf_cases.EXPRESSIONS:
    BY_FUNCTION.setdefault(re.match(r"[\w.]+", _expression).group(), []).append(_expression)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("function", BY_FUNCTION)
def test_function_matches_tensorflow(function):
    for expression in BY_FUNCTION[function]:
        if NEEDS_PILLOW.search(expression):
            pytest.importorskip("PIL")
        try:
            result = ops_cases.described(tf_cases.evaluate(tf, expression))
            compare(result, GOLDEN[expression], atol=1 if "PNG" in expression else None)
        except Exception as error:
            error.add_note(f"in the expression {expression}")
            raise


def test_version_passes_the_usual_assertion():
    packaging = pytest.importorskip("packaging.version")
    assert packaging.parse(tf.__version__) >= packaging.parse("2.8.0")
    assert tf.__version__ >= "2.0"
    assert tf.keras is fastcnn
    assert isinstance(tf.constant(1), tf.Tensor)


def test_every_name_exists_and_is_listed():
    for name in tf.__all__:
        assert hasattr(tf, name)
        assert name in dir(tf)
    assert tf.newaxis is None


def test_types():
    assert tf.float32 == np.float32 == tf.as_dtype("float32") == tf.constant(1.0).dtype
    assert tf.float32 != tf.int32
    assert tf.float32 in {tf.float32}
    assert np.zeros(2, tf.int32).dtype == tf.int32
    assert (tf.uint8.max, tf.int8.min, tf.float32.size) == (255, -128, 4)
    assert tf.float16.is_floating
    assert tf.int64.is_integer
    assert tf.bool.is_bool
    assert repr(tf.float32) == "tf.float32"
    assert tf.as_dtype(int) == tf.int64
    assert fastcnn.ops.zeros(2, tf.int32).dtype == tf.int32
    assert fastcnn.Input((2,), dtype=tf.float32).dtype == "float32"


def test_variables():
    v = tf.Variable([1.0, 2.0], name="v")
    assert v.assign_add([1.0, 1.0]) is v
    v.assign_sub([0.5, 0.5])
    assert v.numpy().tolist() == [1.5, 2.5]
    assert (v.dtype, v.shape, v.name) == (tf.float32, (2,), "v")
    assert type(v + 1) is type(v * v) is type(v.read_value()) is Tensor
    assert (v[0] + 1.0).item() == 2.5
    assert tf.reduce_sum(v).numpy() == 4.0
    count = tf.Variable(0)
    count.assign_add(1)
    assert count.dtype == tf.int32
    assert int(count) == 1
    assert tf.is_tensor(v)
    assert tf.Variable(lambda: tf.zeros((2, 2)), dtype=tf.float64).dtype == tf.float64
    with pytest.raises(ValueError, match="shape"):
        v.assign([1.0])
    with pytest.raises(NotImplementedError, match="`synchronization`"):
        tf.Variable(1.0, synchronization="ON_READ")


def test_function_returns_the_function():
    @tf.function
    def plain(x):
        return x + 1

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)], jit_compile=True)
    def with_arguments(x):
        return x + 2

    assert plain(1) == 2
    assert with_arguments(1) == 3
    assert tf.TensorSpec([None], tf.float32) == tf.TensorSpec((None,))


def test_random_numbers_follow_the_seeds():
    tf.random.set_seed(1)
    first = tf.random.normal((3,)), tf.random.uniform((3,), seed=4), tf.random.uniform((3,), seed=4)
    assert (first[1] != first[2]).any()
    tf.random.set_seed(1)
    again = tf.random.normal((3,)), tf.random.uniform((3,), seed=4), tf.random.uniform((3,), seed=4)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(
        tf.random.stateless_normal((3,), [1, 2]), tf.random.stateless_normal((3,), [1, 2])
    )
    a, b = (tf.random.Generator.from_seed(3) for _ in range(2))
    np.testing.assert_array_equal(a.normal((2,)), b.normal((2,)))
    assert (a.uniform((2,)) != b.normal((2,))).all()
    tf.random.set_seed(1)
    one = tf.random.get_global_generator().normal((2,))
    tf.random.set_seed(1)
    np.testing.assert_array_equal(one, tf.random.get_global_generator().normal((2,)))
    assert tf.random.uniform((50,), 0, 5, dtype=tf.int32).max() <= 4
    assert tf.random.poisson((2000,), 3.0, seed=1).mean().item() == pytest.approx(3, abs=0.2)
    assert tf.random.categorical([[0.0, 1.0]], 3).dtype == tf.int64
    assert sorted(tf.random.shuffle([3, 1, 2])) == [1, 2, 3]
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform((2,), dtype=tf.int32)


def test_random_images():
    image = np.random.default_rng(0).random((8, 6, 5, 3)).astype(np.float32)
    tf.random.set_seed(2)
    flipped = np.asarray(tf.image.random_flip_left_right(image))
    kinds = [np.array_equal(a, b) for a, b in zip(flipped, image, strict=True)]
    assert 0 < sum(kinds) < 8
    for a, b, same in zip(flipped, image, kinds, strict=True):
        np.testing.assert_array_equal(a, b if same else b[:, ::-1])
    assert tf.image.random_crop(image[0], (3, 4, 3)).shape == (3, 4, 3)
    for call in (
        lambda seed: tf.image.stateless_random_flip_up_down(image, seed),
        lambda seed: tf.image.stateless_random_brightness(image, 0.3, seed),
        lambda seed: tf.image.stateless_random_contrast(image, 0.5, 1.5, seed),
        lambda seed: tf.image.stateless_random_crop(image[0], (3, 4, 3), seed),
    ):
        np.testing.assert_array_equal(call((1, 2)), call((1, 2)))
    delta = np.asarray(tf.image.random_brightness(image, 0.3)) - image
    assert np.ptp(delta) < 1e-6
    assert np.abs(delta).max() <= 0.3
    for call in (tf.image.random_contrast, tf.image.random_saturation):
        assert call(image, 0.5, 1.5, seed=1).shape == image.shape
        with pytest.raises(ValueError, match="lower"):
            call(image, 2.0, 1.0)
    assert tf.image.random_hue(image, 0.1).shape == image.shape
    with pytest.raises(ValueError, match=r"`size` must be \(height, width\). Received size=8"):
        tf.image.resize(image, 8)


def test_files_of_images(tmp_path):
    pytest.importorskip("PIL")
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    path = str(tmp_path / "new" / "image.png")
    tf.io.write_file(path, tf.io.encode_png(image))
    contents = tf.io.read_file(path)
    assert contents.numpy()[:4] == b"\x89PNG"
    np.testing.assert_array_equal(tf.io.decode_image(contents), image)
    np.testing.assert_array_equal(tf.image.decode_png(tf.io.read_file(np.array(path))), image)
    assert tf.io.decode_png(contents, channels=4).shape == (5, 4, 4)
    smooth = np.full((8, 8, 1), 77, np.uint8)
    assert (tf.io.decode_jpeg(tf.io.encode_jpeg(smooth)) == smooth).all()
    with pytest.raises(OSError, match="cannot identify"):
        tf.io.decode_image(b"not an image")
    with pytest.raises(OSError, match="not a regular file"):
        tf.io.read_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        tf.io.read_file("nowhere.png")
    with pytest.raises(TypeError, match="`contents`"):
        tf.io.decode_image(path)
    with pytest.raises(NotImplementedError, match="`ratio`"):
        tf.io.decode_jpeg(contents, ratio=2)
    with pytest.raises(ValueError, match="`channels`"):
        tf.io.decode_png(contents, channels=2)


def test_devices_and_threads(request):
    assert tf.config.list_physical_devices("GPU") == []
    (cpu,) = tf.config.list_physical_devices()
    assert cpu.device_type == "CPU"
    for gpu in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    with pytest.raises(ValueError, match="GPUs"):
        tf.config.experimental.set_memory_growth(cpu, True)
    tf.config.set_visible_devices([], "GPU")
    request.addfinalizer(lambda: fastcnn.config.set_num_threads(None))
    tf.config.threading.set_intra_op_parallelism_threads(1)
    assert fastcnn.config.num_threads() == 1
    tf.config.threading.set_intra_op_parallelism_threads(0)
    assert not fastcnn.config.threads_were_set()
    with tf.device("/CPU:0"), tf.name_scope("scope"):
        assert tf.executing_eagerly()
    with pytest.raises(ValueError, match="`device_name`"), tf.device("/GPU:0"):
        pass
    assert not tf.test.is_gpu_available()


def test_functions_of_python(capsys):
    tf.print("x", tf.constant([1, 2]))
    assert capsys.readouterr().err == "x [1 2]\n"
    assert tf.numpy_function(np.sum, [tf.constant([1, 2])], tf.int64).numpy() == 3
    assert tf.py_function(lambda x: x.numpy() + 1, [1], tf.int32) == 2
    results = tf.numpy_function(lambda x: (x / 2, x), [np.ones(2)], [tf.float32, tf.int64])
    assert [result.dtype for result in results] == [tf.float32, tf.int64]
    assert tf.py_function(lambda x: None, [1], []) == []
    with pytest.raises(ValueError, match="a value for each type of `Tout`"):
        tf.py_function(lambda x: x, [1], [tf.int32, tf.int32])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("GradientTape", "train with `fit`"),
        ("RaggedTensor", "sparse or ragged data"),
        ("lookup", "no table of strings"),
        ("saved_model", "`model.save`"),
        ("distribute", "CPU"),
        ("nn.ctc_loss", "not supported; use NumPy"),
        ("image.crop_and_resize", "not supported; use NumPy"),
        ("linalg.expm", "not supported; use NumPy"),
        ("config.optimizer", "not supported; use NumPy"),
    ],
)
def test_missing_names_say_what_to_use(name, hint):
    owner, _, attribute = name.rpartition(".")
    with pytest.raises(AttributeError, match=hint):
        getattr(getattr(tf, owner) if owner else tf, attribute)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        (
            "`padding`",
            lambda: tf.nn.conv2d(np.ones((1, 3, 3, 1)), np.ones((1, 1, 1, 1)), 1, "FULL"),
        ),
        ("`data_format`", lambda: tf.nn.max_pool(np.ones((1, 3, 3, 1)), 2, 2, "SAME", "NCHW")),
        ("`strides`", lambda: tf.nn.max_pool(np.ones((1, 3, 3, 1)), 2, [2, 1, 1, 1], "SAME")),
        ("`method`", lambda: tf.image.resize(np.ones((3, 3, 1)), (2, 2), "area")),
        ("does not fit", lambda: tf.image.crop_to_bounding_box(np.ones((3, 3, 1)), 1, 1, 3, 3)),
        ("`central_fraction`", lambda: tf.image.central_crop(np.ones((3, 3, 1)), 2)),
        ("`gamma`", lambda: tf.image.adjust_gamma(np.ones((3, 3, 1)), -1)),
        ("one channel", lambda: tf.image.grayscale_to_rgb(np.ones((3, 3, 2)))),
        ("`direction`", lambda: tf.sort([1, 2], direction="DOWN")),
        ("classes", lambda: tf.math.confusion_matrix([3], [1], 2)),
        ("symbolic", lambda: tf.reduce_mean(fastcnn.Input((2,)))),
    ],
)
def test_errors_name_the_argument(name, call):
    with pytest.raises((ValueError, NotImplementedError), match=name):
        call()


def test_data_sets():
    batches = tf.data.Dataset.from_tensor_slices(np.arange(5)).batch(2).prefetch(tf.data.AUTOTUNE)
    assert [np.asarray(batch).tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    assert tf.data.experimental.AUTOTUNE == tf.data.AUTOTUNE


def test_data_sets_of_images(tmp_path):
    pytest.importorskip("PIL")
    for name in ("a", "b"):
        pixels = np.full((6, 5, 3), ord(name), np.uint8)
        tf.io.write_file(tmp_path / f"{name}.png", tf.io.encode_png(pixels))

    def load(path):
        image = tf.io.decode_png(tf.io.read_file(path))
        return tf.image.convert_image_dtype(tf.image.resize(image, (2, 2)) / 255, tf.float32)

    files = tf.data.Dataset.list_files(str(tmp_path / "*.png"), shuffle=False)
    (batch,) = files.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(2)
    assert batch.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(batch[:, 0, 0, 0], [ord("a") / 255, ord("b") / 255], rtol=1e-6)
    signature = (tf.TensorSpec((3,), tf.float32), tf.TensorSpec((), tf.int32))
    pairs = tf.data.Dataset.from_generator(
        lambda: iter([(np.ones(3), 4)]), output_signature=signature
    )
    assert pairs.element_spec == signature
    (pair,) = pairs
    assert [part.dtype for part in pair] == [tf.float32, tf.int32]
