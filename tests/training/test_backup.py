"""BackupAndRestore: same bits as an uninterrupted run; rejects other runs' and damaged files."""

import contextlib
import json
import random
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.callbacks import BackupAndRestore, Callback
from fastcnn.callbacks.backup import FILE
from fastcnn.saving.state import load_state, save_state
from tests.support import resumes

pytestmark = pytest.mark.filterwarnings("ignore:The data ran out")


@pytest.fixture(scope="module", params=resumes.KINDS)
def wanted(request):
    """(kind, result of an uninterrupted run)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The data ran out")
        return request.param, resumes.run(request.param)


@pytest.mark.parametrize("save_freq", ["epoch", 1, 5])
def test_resumed_runs_have_the_same_bits(wanted, save_freq, tmp_path):
    """Here an exception ends the runs; tests.support.resumes kills the process."""
    kind, result = wanted
    chance = random.Random(f"{kind} {save_freq}")
    for trial in range(5):
        hook = resumes.HOOKS[trial % len(resumes.HOOKS)]
        index = chance.randrange(4 if "epoch" in hook else 30)
        backup = tmp_path / str(trial)
        try:
            resumed = resumes.run(kind, backup, save_freq, (hook, index))
        except resumes.Killed:
            resumed = resumes.run(kind, backup, save_freq)
        assert resumed == result, (hook, index)


def test_killed_processes_resume_with_the_same_bits():
    """A short run; `python -m tests.support.resumes 50` is the long one (docs/trust.md)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.resumes", "8"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ended with the same bits" in done.stdout


X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype("f4"), np.arange(40) % 3


def net(optimizer="adam", units=5):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Fail(Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise resumes.Killed


def killed(folder, model=None, epoch=2, **settings):
    model = model or net()
    settings = {"epochs": 4, "batch_size": 8, "verbose": 0, **settings}
    with pytest.raises(resumes.Killed):
        model.fit(X, Y, callbacks=[BackupAndRestore(folder), Fail(epoch)], **settings)
    return model


def resume(folder, model=None, data=(X, Y), callbacks=(), **settings):
    settings = {"epochs": 4, "batch_size": 8, "verbose": 0, **settings}
    callbacks = [BackupAndRestore(folder), Fail(9), *callbacks]
    return (model or net()).fit(*data, callbacks=callbacks, **settings)


def test_history_continues_and_the_backup_is_deleted_at_the_end(tmp_path):
    folder = tmp_path / "deep" / "backup"
    killed(folder)
    assert [path.name for path in folder.iterdir()] == [FILE]
    history = resume(folder)
    assert history.epoch == [0, 1, 2, 3]
    assert len(history.history["loss"]) == 4
    assert not folder.exists()


def test_other_files_in_the_folder_are_kept(tmp_path):
    killed(tmp_path)
    (tmp_path / "mine").write_text("x")
    resume(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_finished_run_killed_before_deleting_its_backup(tmp_path):
    class FailAtEnd(Fail):
        def on_train_end(self, logs=None):
            raise resumes.Killed

    FailAtEnd.__name__ = "Fail"
    model = net()
    with pytest.raises(resumes.Killed):
        model.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path), FailAtEnd(9)])
    again = net()
    history = resume(tmp_path, again, epochs=1)
    assert history.epoch == [0]
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": lambda: net(units=6)}, "its weights have other shapes than the model's"),
        ({"model": lambda: net("sgd")}, "its optimizer is a Adam"),
        (
            {"model": lambda: net(keras.optimizers.Adam(amsgrad=True))},
            r"its optimizer has the state \['momentum', 'velocity'\]",
        ),
        ({"callbacks": [keras.callbacks.TerminateOnNaN()]}, r"its callbacks are \['Fail', 'Hist"),
        ({"shuffle": False}, "The state belongs to other data"),
    ],
)
def test_backups_of_other_runs_are_rejected(change, message, tmp_path):
    killed(tmp_path)
    if "model" in change:
        change = {"model": change["model"]()}
    with pytest.raises(ValueError, match=message):
        resume(tmp_path, **change)


def test_backups_of_other_data_are_rejected(tmp_path):
    model = net()
    callbacks = [BackupAndRestore(tmp_path, save_freq=1), resumes.Killer("train_batch_end", 2)]
    with pytest.raises(resumes.Killed):
        model.fit(X, Y, verbose=0, batch_size=8, callbacks=callbacks)
    callbacks[1] = resumes.Killer()
    with pytest.raises(ValueError, match="The state belongs to other data"):
        net().fit(X[:32], Y[:32], verbose=0, batch_size=8, callbacks=callbacks)


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match="`backup_dir` must be the name of a folder"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="`save_freq` must be 'epoch' or a positive integer"):
        BackupAndRestore("x", save_freq=0)


class TestFiles:
    STATE = {  # noqa: RUF012
        "number": 1,
        "real": 0.1 + 0.2,
        "nan": float("nan"),
        "large": 2**127 + 1,
        "none": None,
        "text": "ä",
        "list": [True, {"array": np.arange(6, dtype=np.int64).reshape(2, 3)}, []],
        "floats": np.array([0.1, np.inf], np.float32),
    }

    def test_round_trip(self, tmp_path):
        save_state(tmp_path / "s", self.STATE)
        again = load_state(tmp_path / "s")
        assert list(again) == list(self.STATE)
        assert again["real"] == self.STATE["real"]
        assert again["large"] == self.STATE["large"]
        assert np.isnan(again["nan"])
        np.testing.assert_array_equal(again["list"][1]["array"], np.arange(6).reshape(2, 3))
        assert again["floats"].dtype == np.float32

    def test_unsupported_objects_are_not_written(self, tmp_path):
        for thing in (object(), np.array(["x"]), {1, 2}, b"bytes"):
            with pytest.raises(TypeError, match="A backup cannot contain"):
                save_state(tmp_path / "s", {"thing": thing})
        assert not list(tmp_path.iterdir())

    def test_truncated_and_extended_files_are_rejected(self, tmp_path):
        path = tmp_path / "s"
        save_state(path, self.STATE)
        data = path.read_bytes()
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises((ValueError, OSError)):
                load_state(path)
        path.write_bytes(data + b"x")
        with pytest.raises(ValueError, match="not a valid zip file"):
            load_state(path)

    def test_changed_bytes_are_rejected_or_harmless(self, tmp_path):
        """Flipping any bit results in a clear exception or in a state that can be read."""
        path = tmp_path / "s"
        save_state(path, self.STATE)
        data = path.read_bytes()
        chance = random.Random(0)
        for _ in range(600):
            position = chance.randrange(len(data))
            changed = bytearray(data)
            changed[position] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            with contextlib.suppress(ValueError, OSError):
                load_state(path)

    @pytest.mark.parametrize(
        "text",
        [
            b"not json",
            b"[" * 100_000,
            b'{"a":' * 40 + b"1" + b"}" * 40,
            b'{"__array__": 7}',
            b'{"__array__": -1}',
            b'{"__array__": "0"}',
            b'[{"__array__": 0}, {"__array__": 0}]',
            b'[{"__floats__": 0}, {"__floats__": 0}]',
            b'{"__floats__": 1}',
            b'{"__integers__": 0}',
            b'{"__integers__": 2}',
            b'{"__integers__": 3}',
            b"\xff",
        ],
    )
    def test_hostile_json_is_rejected(self, text, tmp_path):
        with open(tmp_path / "s", "wb") as file:
            np.savez(
                file,
                **{
                    "state.json": np.frombuffer(text, np.uint8),
                    "0": np.zeros(2),
                    "1": np.zeros(2, "u1"),
                    "2": np.array([0, -(2**63)]),
                    "3": np.zeros((2, 2), int),
                },
            )
        with pytest.raises(ValueError, match="is damaged"):
            load_state(tmp_path / "s")

    @pytest.mark.parametrize("kind", ["floats", "integers"])
    def test_lists_take_a_few_times_their_file_size(self, kind, tmp_path):
        generator = np.random.default_rng(0)
        if kind == "floats":
            values, times = generator.random(10**6), 5
        else:
            values, times = generator.integers(-(2**30) + 1, 2**30, 10**6), 6
        save_state(tmp_path / "s", {"values": values.tolist()})
        tracemalloc.start()
        again = load_state(tmp_path / "s")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert again["values"] == values.tolist()
        assert peak < times * (tmp_path / "s").stat().st_size + (1 << 20)

    def test_history_of_a_long_run(self, tmp_path):
        count = 200_000
        state = {
            "epoch": list(range(count)),
            "loss": [0.5] * count,
            "seconds": [np.float32(0.25)] * count,
            "step": [np.int64(7)] * count,
        }
        save_state(tmp_path / "s", state)
        again = load_state(tmp_path / "s")
        assert again == state
        assert {type(value) for value in again["epoch"] + again["step"]} == {int}
        assert {type(value) for value in again["loss"] + again["seconds"]} == {float}

    @pytest.mark.parametrize(
        "state",
        [
            {"values": [None] * 60_000},
            {"text": "x" * (1 << 20)},
            {"lists": [[0.5]] * 10_001},
            {"deep": json.loads("[" * 20 + "]" * 20)},
        ],
    )
    def test_a_state_that_cannot_be_loaded_is_not_written(self, state, tmp_path):
        with pytest.raises(ValueError, match="A backup can have at most"):
            save_state(tmp_path / "s", state)
        assert not list(tmp_path.iterdir())

    def test_compressed_arrays_and_gaps_are_rejected(self, tmp_path):
        text = np.frombuffer(b"{}", np.uint8)
        with open(tmp_path / "s", "wb") as file:
            np.savez_compressed(file, **{"state.json": text, "0": np.zeros(10**6)})
        with pytest.raises(ValueError, match="is compressed"):
            load_state(tmp_path / "s")
        with open(tmp_path / "s", "wb") as file:
            np.savez(file, **{"state.json": text, "1": np.zeros(2)})
        with pytest.raises(ValueError, match="not numbered 0, 1"):
            load_state(tmp_path / "s")
        with open(tmp_path / "s", "wb") as file:
            np.savez(file, **{"state.json": np.zeros((2, 2))})
        with pytest.raises(ValueError, match="is not text"):
            load_state(tmp_path / "s")

    @pytest.mark.parametrize(
        "change",
        [
            lambda state: state.pop("values"),
            lambda state: state.update(epoch="one"),
            lambda state: state.update(done=-1),
            lambda state: state.update(epoch=True),
            lambda state: state.update(values=state["values"][:-1]),
            lambda state: state.update(values=state["values"].astype(np.float64)),
            lambda state: state["slots"].update(momentum=[1, 2]),
            lambda state: state.update(random={"bit_generator": "MT19937"}),
            lambda state: state.update(random=None),
            lambda state: state["data"].update(order=None),
            lambda state: state["data"].update(position=10**9),
            lambda state: state["data"].update(order=np.zeros(40, np.int64)),
            lambda state: state["tracker"].update(metrics=[]),
            lambda state: state["tracker"].update(totals=["x"]),
            lambda state: state["tracker"].update(metrics=[{"total": "x", "count": 0}]),
            lambda state: state.update(callbacks=[]),
            lambda state: state.update(callbacks=7),
            lambda state: state["callbacks"][0].__setitem__(1, {"model": 1}),
            lambda state: state["optimizer_state"].update(iterations=None),
            lambda state: state["optimizer_state"].update(iterations=-1),
            lambda state: state.update(layers=[{}]),
            lambda state: state.clear(),
        ],
    )
    def test_hostile_states_are_rejected(self, change, tmp_path):
        killed(tmp_path)
        state = load_state(tmp_path / FILE)
        change(state)
        save_state(tmp_path / FILE, state)
        model = net()
        before = model.get_weights()
        with pytest.raises(ValueError, match="backup is not one of this run"):
            resume(tmp_path, model)
        for first, second in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_values_that_are_not_states_are_rejected(self, tmp_path):
        for state in ([], 7, None, "x"):
            save_state(tmp_path / FILE, state)
            with pytest.raises(ValueError, match="backup is not one of this run"):
                resume(tmp_path)

    def test_file_contains_neither_code_names_nor_paths(self, tmp_path):
        killed(tmp_path)
        state = load_state(tmp_path / FILE)
        text = json.dumps(state, default=lambda array: array.tolist())
        assert str(tmp_path) not in text
        assert "fastcnn" not in text
