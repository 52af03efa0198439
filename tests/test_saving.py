"""Files: atomic writing, and .npz files that are damaged or hostile."""

import contextlib
import io
import os
import zipfile

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.saving.atomic import atomic_write


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="mine")])


def npy(array, **settings):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **settings)
    return buffer.getvalue()


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)


KERNEL, BIAS = "layers/dense/vars/0.npy", "layers/dense/vars/1.npy"
GOOD = [(KERNEL, npy(np.ones((3, 2), "f4"))), (BIAS, npy(np.ones(2, "f4")))]


def test_good_files_load(model, tmp_path):
    path = tmp_path / "w.npz"
    for kernel in (np.full((3, 2), 5, "f4"), np.full((3, 2), 5.0), np.full((2, 3), 5, "f4").T):
        write(path, [(KERNEL, npy(kernel)), GOOD[1]])
        model.set_weights([np.zeros((3, 2)), np.zeros(2)])
        model.load_weights(path)
        assert (model.get_weights()[0] == 5).all()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "Missing: layers/dense/vars/0.npy, layers/dense/vars/1.npy. Not in"),
        (GOOD[:1], "Missing: layers/dense/vars/1.npy"),
        ([*GOOD, ("extra.npy", b"")], "Not in the model: extra.npy"),
        ([*GOOD, GOOD[0]], "holds 'layers/dense/vars/0.npy' twice"),
        ([(KERNEL, npy(np.ones((2, 3), "f4"))), GOOD[1]], r"has shape \(2, 3\) and dtype float32"),
        ([(KERNEL, npy(np.ones((3, 2), "i4"))), GOOD[1]], "dtype int32"),
        ([(KERNEL, npy(np.ones((3, 2), "c8"))), GOOD[1]], "dtype complex64"),
        ([(KERNEL, npy(np.full((3, 2), None), allow_pickle=True)), GOOD[1]], "dtype object"),
        ([(KERNEL, GOOD[0][1][:-1]), GOOD[1]], "must hold 24 bytes. Received 23"),
        ([(KERNEL, GOOD[0][1] + b"x"), GOOD[1]], "must hold 24 bytes. Received more"),
        ([(KERNEL, b"nonsense"), GOOD[1]], "is not a whole .npy array"),
        ([(KERNEL, b""), GOOD[1]], "is not a whole .npy array"),
    ],
)
def test_files_that_do_not_fit_change_nothing(model, tmp_path, members, message):
    path = tmp_path / "w.npz"
    write(path, members)
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.load_weights(path)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_header_that_promises_too_much_allocates_nothing(model, tmp_path):
    header = npy(np.ones((3, 2), "f4")).replace(b"(3, 2)", b"(3, 9)")
    path = tmp_path / "w.npz"
    write(path, [(KERNEL, header), GOOD[1]])
    with pytest.raises(ValueError, match=r"has shape \(3, 9\)"):
        model.load_weights(path)


def test_truncation_at_every_byte_is_one_error(model, tmp_path):
    path = tmp_path / "w.npz"
    model.save_weights(path)
    whole = path.read_bytes()
    before = model.get_weights()
    model.set_weights([np.zeros((3, 2)), np.zeros(2)])
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises((ValueError, OSError)):
            model.load_weights(path)
        assert (model.get_weights()[0] == 0).all()
    path.write_bytes(whole)
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_every_flipped_byte_loads_or_is_one_error(model, tmp_path):
    path = tmp_path / "w.npz"
    model.save_weights(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError):
            model.load_weights(path)


class TestAtomicWrite:
    def test_an_error_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")

        def write_half():
            with atomic_write(path) as file:
                file.write(b"new")
                raise RuntimeError("half way")

        with pytest.raises(RuntimeError, match="half way"):
            write_half()
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["file"]

    def test_the_new_file_has_the_old_one_s_permissions(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        path.chmod(0o640)
        with atomic_write(path) as file:
            file.write(b"new")
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode & 0o777 == 0o640

    def test_a_new_file_has_the_usual_permissions(self, tmp_path):
        usual, ours = tmp_path / "usual", tmp_path / "ours"
        usual.write_bytes(b"")
        with atomic_write(ours) as file:
            file.write(b"")
        assert ours.stat().st_mode == usual.stat().st_mode

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(OSError, match="No such file"), atomic_write(tmp_path / "no" / "file"):
            pass
