"""Event files: their exact bytes, and that the `tensorboard` package can read them."""

import struct
import warnings

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.callbacks import events
from tests.support.pieces import small_data, small_net


def run(folder, epochs=2, **settings):
    model = small_net(keras)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    callback = keras.callbacks.TensorBoard(folder, **settings)
    history = model.fit(
        *small_data(),
        epochs=epochs,
        batch_size=8,
        validation_split=0.2,
        verbose=0,
        callbacks=[callback],
    )
    return model, history.history


def test_crc_matches_rfc_3720():
    assert events.crc32c(bytes(32)) == 0x8A9136AA
    assert events.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert events.crc32c(bytes(range(32))) == 0x46DD794E
    assert events.crc32c(b"123456789") == 0xE3069283


def test_wire_format_encoding():
    assert events.varint(1) == b"\x01"
    assert events.varint(300) == b"\xac\x02"
    assert events.field(2, "testing") == b"\x12\x07testing"
    assert events.field(1, 150) == b"\x08\x96\x01"


def records(path):
    """Yield the data of each record after verifying its checksums."""
    data, start = path.read_bytes(), 0
    while start < len(data):
        length = struct.unpack("<Q", data[start : start + 8])[0]
        assert data[start + 8 : start + 12] == events.masked_crc(data[start : start + 8])
        event = data[start + 12 : start + 12 + length]
        assert data[start + 12 + length : start + 16 + length] == events.masked_crc(event)
        yield event
        start += 16 + length
    assert start == len(data)


def test_records_are_complete(tmp_path):
    run(tmp_path, histogram_freq=1)
    (path,) = (tmp_path / "train").iterdir()
    first, *rest = records(path)
    assert first.endswith(b"brain.Event:2")
    assert len(rest) == 2 * (3 + 4)
    assert sum(b"epoch_learning_rate" in event for event in rest) == 2


def loaded(folder):
    """{tag: [(step, value)]} as read by the `tensorboard` package, and its accumulator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        from tensorboard.util import tensor_util

        accumulator = reader.EventAccumulator(str(folder), size_guidance={"tensors": 0})
        accumulator.Reload()
        return {
            tag: [
                (e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)
            ]
            for tag in accumulator.Tags()["tensors"]
        }, accumulator


def test_tensorboard_reads_the_curves(tmp_path):
    model, history = run(tmp_path, epochs=3)
    train, accumulator = loaded(tmp_path / "train")
    held_back, _ = loaded(tmp_path / "validation")
    assert sorted(train) == ["epoch_accuracy", "epoch_learning_rate", "epoch_loss"]
    for name in ("accuracy", "loss"):
        steps, values = zip(*train[f"epoch_{name}"], strict=True)
        assert steps == (0, 1, 2)
        np.testing.assert_allclose(values, history[name], rtol=1e-6)
        _, values = zip(*held_back[f"epoch_{name}"], strict=True)
        np.testing.assert_allclose(values, history[f"val_{name}"], rtol=1e-6)
        steps, values = zip(*held_back[f"evaluation_{name}_vs_iterations"], strict=True)
        assert steps == (4, 8, 12)
        np.testing.assert_allclose(values, history[f"val_{name}"], rtol=1e-6)
    metadata = accumulator.SummaryMetadata("epoch_loss")
    assert metadata.plugin_data.plugin_name == "scalars"
    assert metadata.data_class == 1
    assert model.optimizer.iterations == 12


def test_tensorboard_reads_batches_and_histograms(tmp_path):
    model, _ = run(tmp_path, update_freq=2, histogram_freq=2, write_steps_per_second=True)
    train, accumulator = loaded(tmp_path / "train")
    assert [step for step, _ in train["batch_loss"]] == [2, 4, 6, 8]
    assert "epoch_steps_per_second" in train
    paths = [f"{weight.path}/histogram" for weight in model.weights]
    assert {tag for tag in train if tag.endswith("/histogram")} == set(paths)
    ((step, rows),) = train[paths[0]]
    assert step == 0
    assert rows.shape == (30, 3)
    assert rows[:, 2].sum() == model.weights[0].size
    np.testing.assert_array_equal(rows[1:, 0], rows[:-1, 1])
    assert accumulator.SummaryMetadata(paths[0]).plugin_data.plugin_name == "histograms"


def test_every_run_writes_its_own_file(tmp_path):
    for _ in range(2):
        run(tmp_path, update_freq="batch")
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_evaluation_without_training(tmp_path):
    model, _ = run(tmp_path / "other")
    callback = keras.callbacks.TensorBoard(str(tmp_path / "logs"))
    model.evaluate(*small_data(), verbose=0, callbacks=[callback])
    assert list(loaded(tmp_path / "logs" / "validation")[0]) == [
        "evaluation_accuracy_vs_iterations",
        "evaluation_loss_vs_iterations",
    ]
    assert not (tmp_path / "logs" / "train").exists()


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match="`update_freq` must be 'epoch', 'batch' or a positive"):
        keras.callbacks.TensorBoard("x", update_freq="step")
    with pytest.raises(NotImplementedError, match="`write_images` is not supported yet"):
        keras.callbacks.TensorBoard("x", write_images=True)
