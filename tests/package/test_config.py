"""Settings: backend, threads, float type, and `show_config`."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcnn as keras
from fastcnn import config
from fastcnn.kernels import native


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


def counts():
    """(what `config` says, what kernels use) in the calling thread, and in a new one."""

    def count():
        return config.num_threads(), native.num_threads()

    with ThreadPoolExecutor(1) as pool:
        return count(), pool.submit(count).result()


def test_threads_of_the_calling_thread():
    config.set_num_threads(2)
    before = counts()
    assert before == ((2, 2), (2, 2))
    with config.threads(1):
        assert counts()[0] == (1, 1)
        assert counts()[1][0] == 2
        with config.threads(2):
            assert counts()[0] == (2, 2)
            with pytest.raises(ZeroDivisionError), config.threads(1):
                1 / 0  # noqa: B018
            assert counts()[0] == (2, 2)
        assert counts()[0] == (1, 1)
    assert counts() == before


def test_threads_never_exceed_those_of_the_process():
    config.set_num_threads(2)
    with config.threads(3):
        assert counts()[0] == (2, 2)
        config.set_num_threads(1)
        assert counts() == ((1, 1), (1, 1))
        config.set_num_threads(4)
        assert counts()[0] == (3, 3)
    assert counts() == ((4, 4), (4, 4))


def test_threads_of_several_python_threads():
    config.set_num_threads(4)
    barrier = threading.Barrier(4)

    def run(wanted):
        with config.threads(wanted):
            barrier.wait()
            found = config.num_threads(), native.num_threads()
            barrier.wait()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, (1, 2, 3, 4))) == [(n, n) for n in (1, 2, 3, 4)]
    assert counts() == ((4, 4), (4, 4))


def test_threads_as_a_decorator_and_without_with():
    config.set_num_threads(2)

    @config.threads(1)
    def inside():
        return counts()[0]

    assert inside() == inside() == (1, 1)
    config.threads(1)  # it does nothing before it is entered
    assert counts()[0] == (2, 2)
    for wrong in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="must be a positive integer"):
            config.threads(wrong)


def test_threads_do_not_bind_kernels_again():
    before = config.generation()
    with config.threads(1):
        assert config.generation() == before
    assert config.generation() == before


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
