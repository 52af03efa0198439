"""The data sets themselves: Fashion-MNIST (including the real one), MNIST and CIFAR-10."""

import ast
import dataclasses
import functools
import io
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from standins import CONTENTS, data_file, fill

import fastcnn.datasets
from fastcnn.datasets import cifar10, fashion_mnist, mnist


@pytest.fixture(scope="session")
def real_fashion_mnist():
    """The real set, located or downloaded as for any user."""
    return fashion_mnist.load_data()


def test_fashion_mnist_load_data(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DATASET", dataset)
    fill(tmp_path / "given")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(tmp_path / "given")
    for array, content in zip((x_train, y_train, x_test, y_test), CONTENTS.values(), strict=True):
        assert array.dtype == np.uint8
        assert array.tobytes() == content[-array.size :]


def test_fashion_mnist_is_genuine(real_fashion_mnist):
    (x_train, y_train), (x_test, y_test) = real_fashion_mnist
    assert [x.shape for x in (x_train, x_test)] == [(60000, 28, 28), (10000, 28, 28)]
    assert {x.dtype for x in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert fashion_mnist.CLASS_NAMES[y_train[0]] == "Ankle boot"
    np.testing.assert_allclose(x_train.mean() / 255, 0.2860, atol=5e-5)  # the published values
    np.testing.assert_allclose(x_train.std() / 255, 0.3530, atol=5e-5)
    assert x_train.flags.writeable


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def use_file(module, monkeypatch, folder, content):
    """Make `content` the only file of `module`'s data set."""
    pinned = module.DATASET.files[0]
    file = data_file(pinned.name, content, aliases=pinned.aliases)
    monkeypatch.setattr(module, "DATASET", dataclasses.replace(module.DATASET, files=(file,)))
    return fill(folder, {file.name: content})


def test_mnist(tmp_path, monkeypatch):
    names = ("x_train", "y_train", "x_test", "y_test")
    arrays = {name: np.arange(3 + i, dtype=np.uint8) for i, name in enumerate(names)}
    use_file(mnist, monkeypatch, tmp_path / "home/.keras/datasets", npz(**arrays))
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    np.testing.assert_array_equal(x_train, arrays["x_train"])
    np.testing.assert_array_equal(y_train, arrays["y_train"])
    np.testing.assert_array_equal(x_test, arrays["x_test"])
    np.testing.assert_array_equal(y_test, arrays["y_test"])


def test_mnist_with_objects_is_rejected(tmp_path, monkeypatch):
    """Even if its hash is correct, a file never creates objects."""
    content = npz(x_train=np.array([{}, None], dtype=object))
    folder = use_file(mnist, monkeypatch, tmp_path / "given", content)
    monkeypatch.setenv("FASTCNN_OFFLINE", "1")
    with (
        pytest.warns(UserWarning, match="allow_pickle=False"),
        pytest.raises(FileNotFoundError, match="allow_pickle=False"),
    ):
        mnist.load_data(folder)


def test_mnist_wrong_file(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCNN_OFFLINE", "1")
    folder = fill(tmp_path / "given", {"mnist.npz": b"x" * 100})
    with (
        pytest.warns(UserWarning, match=r"mnist.npz: expected 11490434 bytes, found 100"),
        pytest.raises(FileNotFoundError),
    ):
        mnist.load_data(folder)


def cifar_batch(images, labels, chunk=7):
    """One batch file, byte for byte as Python 2 wrote it (protocol 2)."""

    def text(value, index):
        return b"U" + bytes([len(value)]) + value + b"q" + bytes([index])

    def append(values):
        return b"(" + b"".join(b"K" + bytes([value]) for value in values) + b"e"

    pixels = images.transpose(0, 3, 1, 2).tobytes()
    return b"".join(
        [
            b"\x80\x02}q\x01(",
            text(b"batch_label", 2) + text(b"training batch 1 of 5", 3),
            text(b"labels", 4) + b"]q\x05",
            *(append(labels[i : i + chunk]) for i in range(0, len(labels), chunk)),
            text(b"data", 6) + b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08",
            b"K\x00\x85U\x01b\x87Rq\x09(K\x01M" + struct.pack("<H", len(images)) + b"M\x00\x0c\x86",
            b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNN",
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + struct.pack("<i", len(pixels)) + pixels + b"tb",
            text(b"filenames", 12) + b"]q\x0d(" + text(b"labels.png", 14) + b"eu.",
        ]
    )


COUNT = 20


def cifar_arrays(seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (COUNT, 32, 32, 3), np.uint8)
    return images, rng.integers(0, 10, COUNT, np.uint8)


@pytest.fixture
def cifar_archive(monkeypatch):
    monkeypatch.setattr(cifar10, "IMAGES_PER_BATCH", COUNT)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        # In the real archive the members are not in numerical order either.
        for seed, name in sorted(enumerate(cifar10.BATCHES), reverse=True):
            batch = cifar_batch(*cifar_arrays(seed))
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(batch)
            archive.addfile(member, io.BytesIO(batch))
    return content.getvalue()


@pytest.mark.parametrize("keras", [False, True])
def test_cifar10(tmp_path, monkeypatch, cifar_archive, keras):
    folder = use_file(cifar10, monkeypatch, tmp_path / "work/data", cifar_archive)
    if keras:  # Keras uses another name
        path = tmp_path / "home/.keras/datasets" / "cifar-10-batches-py-target_archive"
        path.parent.mkdir(parents=True)
        (folder / "cifar-10-python.tar.gz").rename(path)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (5 * COUNT, 32, 32, 3)
    assert y_train.shape == (5 * COUNT, 1)
    assert y_test.dtype == x_test.dtype == np.uint8
    for seed in range(5):
        images, labels = cifar_arrays(seed)
        rows = slice(seed * COUNT, (seed + 1) * COUNT)
        np.testing.assert_array_equal(x_train[rows], images)
        np.testing.assert_array_equal(y_train[rows, 0], labels)
    images, labels = cifar_arrays(5)
    np.testing.assert_array_equal(x_test, images)
    np.testing.assert_array_equal(y_test, labels[:, None])


def test_cifar10_batches_with_missing_images_or_labels():
    images, labels = cifar_arrays(0)
    batch = cifar_batch(images, labels)
    find = functools.partial(cifar10.find_arrays, count=COUNT)
    np.testing.assert_array_equal(find(batch)[0], images)
    with pytest.raises(ValueError, match="expected 20 labels, found 19"):
        find(cifar_batch(images, labels[:-1]))
    with pytest.raises(ValueError, match="expected 20 labels, found 0"):
        find(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match="expected 61440 bytes of images, found 0"):
        find(cifar_batch(images[:-1], labels))
    with pytest.raises(ValueError, match="expected 61440 bytes of images, found"):
        find(batch[:5000])


def test_nothing_here_unpickles():
    """No pickle, marshal, eval or exec, and every `allow_pickle` is False."""
    forbidden = {
        "pickle",
        "cPickle",
        "_pickle",
        "pickletools",
        "marshal",
        "shelve",
        "dill",
        "joblib",
    }
    folder = Path(fastcnn.datasets.__file__).parent
    sources = list(folder.glob("*.py"))
    assert len(sources) >= 7
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & forbidden
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in forbidden
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant)
                assert node.value.value is False
            elif isinstance(node, ast.Name):
                assert node.id not in {"eval", "exec", "compile", "__import__", "Unpickler"}
            elif isinstance(node, ast.Attribute):
                assert node.attr not in {"Unpickler", "loads"}


def test_imported_on_first_use():
    code = (
        "import sys, fastcnn.datasets as datasets\n"
        "assert not {name for name in sys.modules if name.startswith('fastcnn.datasets.')}\n"
        "datasets.fashion_mnist.load_data; datasets.mnist.load_data; datasets.cifar10.load_data\n"
        "datasets.read_idx\n"
        "assert 'rich' not in sys.modules\n"
        "assert set(datasets.__all__) <= set(dir(datasets))\n"
    )
    home = Path(fastcnn.datasets.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=home, check=True)
    with pytest.raises(AttributeError, match="no attribute 'cifar11'"):
        fastcnn.datasets.cifar11  # noqa: B018
