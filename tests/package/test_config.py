"""Settings: backend, threads, float type, and `show_config`."""

import os

import pytest

import fastcnn as keras
from fastcnn import config


def test_backend(monkeypatch):
    config.set_backend("reference")
    assert config.backend() == "reference"
    with pytest.raises(ValueError, match=r"must be one of 'native', 'reference'. Received 'gpu'"):
        config.set_backend("gpu")
    assert config.backend() == "reference"
    monkeypatch.setattr(config, "_backend", None)
    monkeypatch.setenv("FASTCNN_BACKEND", "native")
    assert config.backend() == "native"
    monkeypatch.setattr(config, "_backend", None)
    monkeypatch.setenv("FASTCNN_BACKEND", "fast")
    with pytest.raises(ValueError, match="FASTCNN_BACKEND"):
        config.backend()


def test_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    default = config.default_num_threads()
    assert 1 <= default <= os.cpu_count()
    config.set_num_threads(3)
    assert config.num_threads() == 3
    assert config.threads_were_set()
    config.set_num_threads(None)
    assert config.num_threads() == default
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="must be a positive integer"):
            config.set_num_threads(wrong)


@pytest.mark.parametrize(
    ("requested", "wanted"), [("1", 1), ("2,1", 2), ("99", 8), ("0", 8), ("many", 8), ("", 8)]
)
def test_omp_num_threads(monkeypatch, tmp_path, requested, wanted):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", requested)
    assert config.default_num_threads(tmp_path) == wanted


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "nonsense"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({}, 8),
    ],
)
def test_cpu_quota_of_a_container(monkeypatch, tmp_path, files, wanted):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert config.default_num_threads(tmp_path) == wanted


def test_listeners_are_called_on_change(monkeypatch):
    monkeypatch.setattr(config, "_listeners", list(config._listeners))
    calls = []
    config.on_change(lambda: calls.append(config.generation()))
    before = config.generation()
    config.set_num_threads(2)
    config.set_num_threads(None)
    config.set_backend(config.backend())  # no change
    assert calls == [before + 1, before + 2]
    assert config.generation() == before + 2


def test_float_types_and_data_format():
    assert config.floatx() == keras.backend.floatx() == "float32"
    assert config.epsilon() == 1e-7
    assert config.image_data_format() == "channels_last"
    config.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match='Only data_format="channels_last"'):
        config.set_image_data_format("channels_first")
    with pytest.raises(ValueError, match="floatx must be one of"):
        config.set_floatx("float16")
    config.set_floatx(value="float32")  # argument names as in Keras
    config.set_backend(backend="native")
    with pytest.raises(ValueError, match="between 0 and 1"):
        config.set_epsilon(2)
    config.set_epsilon(1e-6)
    assert config.epsilon() == 1e-6
    config.set_epsilon(1e-7)


def test_show_config(capsys):
    keras.show_config()
    out = capsys.readouterr().out
    assert f"fastcnn:         {keras.__version__}\n" in out
    assert f"instruction set: {keras.kernels.instruction_set()}\n" in out
    assert f"threads:         {config.num_threads()}\n" in out
    assert "backend:         " in out
