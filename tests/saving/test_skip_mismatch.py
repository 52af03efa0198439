"""`load_weights(skip_mismatch=True)`: layers that do not match the file are skipped."""

import numpy as np
import pytest

import fastcnn as keras


def net(classes, extra=False):
    layers = [
        keras.Input((6, 6, 1)),
        keras.layers.Conv2D(3, 3),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, name="head"),
        *([keras.layers.PReLU()] if extra else []),
    ]
    return keras.Sequential(layers)


@pytest.mark.parametrize("ending", [".weights.h5", ".npz", ".keras"])
def test_layers_that_match_are_loaded(ending, tmp_path):
    saved = net(5)
    path = tmp_path / f"w{ending}"
    (saved.save if ending == ".keras" else saved.save_weights)(path)
    model = net(3, extra=True)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"do not match this model|has shape"):
        model.load_weights(path)
    with pytest.warns(UserWarning, match=r"is skipped|were not loaded") as warnings:
        model.load_weights(path, skip_mismatch=True)
    texts = [str(warning.message) for warning in warnings]
    assert "The layer 'head' is skipped: " in texts[0]
    assert "has shape (48, 5)" in texts[0]
    assert "'p_re_lu" in texts[1]
    assert "2 of 4 layers with weights were not loaded" in texts[2]
    after, wanted = model.get_weights(), saved.get_weights()
    for index in range(6):
        np.testing.assert_array_equal(after[index], wanted[index])
    for index in range(6, len(before)):
        np.testing.assert_array_equal(after[index], before[index])
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1))
    assert np.isfinite(model.predict(x, verbose=0)).all()


def test_a_larger_array_in_an_npz_file_is_skipped(tmp_path):
    saved, model = net(1000), net(2)
    saved.save_weights(tmp_path / "w.npz")
    with pytest.warns(UserWarning, match=r"is skipped|1 of 3 layers"):
        model.load_weights(tmp_path / "w.npz", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], saved.get_weights()[0])


def test_a_file_that_matches_gives_no_warning(tmp_path, recwarn):
    saved, model = net(5), net(5)
    saved.save_weights(tmp_path / "w.weights.h5")
    model.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert not recwarn.list
    for ours, wanted in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_damaged_files_are_rejected_all_the_same(tmp_path):
    path = tmp_path / "w.weights.h5"
    net(5).save_weights(path)
    path.write_bytes(path.read_bytes()[:-100])
    model = net(5)
    before = model.get_weights()
    with pytest.raises((ValueError, OSError)):
        model.load_weights(path, skip_mismatch=True)
    for ours, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, wanted)
