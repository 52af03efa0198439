"""Coexistence with other code: forks, thread limits, other libraries' threads, processor state.

Tests that may hang or crash run in a separate process. Ctrl-C: test_interrupt.py tests where it
takes effect, this file how soon.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import config, kernels
from fastcnn.kernels import native, spec
from tests.support.control_word import reader as control_word_reader
from tests.support.paths import ROOT
from tests.support.random_calls import draw


def program(text, timeout=120, **environment):
    """The output of a Python program in a separate process, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        cwd=ROOT, env={**os.environ, **environment}, timeout=timeout,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


# ------------------------------------------------------------------------------------------- forks

TRAIN = """
    import os, signal, sys, warnings
    import numpy as np
    import fastcnn as keras
    from fastcnn.kernels import native

    def model(seed=0):
        net = keras.Sequential([
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation="softmax"),
        ])
        net.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(seed)
        net.set_weights([rng.normal(0, 0.3, w.shape) for w in net.get_weights()])
        return net

    rng = np.random.default_rng(0)
    x, y = rng.random((64, 12, 12, 1), "f4"), rng.integers(0, 4, 64)

    def train(net):
        net.fit(x, y, shuffle=False, verbose=0)
        return b"".join(w.tobytes() for w in net.get_weights())

    native.set_work_per_thread(1)
    keras.config.set_num_threads(2)
    assert native.num_threads() == 2
"""


def test_fork_after_a_parallel_region(instruction_set):
    """libgomp hangs here (GCC bug 60035): all 100 children must finish with the same bits."""
    out = program(
        TRAIN
        + """
    expected = train(model())
    done = 0
    for trial in range(100):
        again = model()
        train(model())  # the thread pool is running
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            signal.alarm(30)
            os._exit(0 if train(again) == expected and native.num_threads() == 1 else 1)
        done += os.waitpid(child, 0)[1] == 0
    assert train(model()) == expected  # the parent's threads still work
    print(done, native.num_threads())
    """,
        FASTCNN_ISA=instruction_set,
    )
    assert out.split() == ["100", "2"]


def test_forked_workers_during_training():
    """Like a data loader: the workers use kernels while the parent trains."""
    out = program(
        TRAIN
        + """
    import multiprocessing
    warnings.simplefilter("ignore", DeprecationWarning)
    net, expected = model(), train(model())
    shared = model()

    def load(index):
        return (train(model()) == expected, shared(x[:8]).sum().item(), os.getpid())

    predicted = shared(x[:8]).sum().item()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        loads = pool.imap(load, range(40))
        for step in range(40):
            train(net)
            same, total, pid = next(loads)
            assert same and total == predicted and pid != os.getpid()
    print("done")
    """
    )
    assert out == "done\n"


# --------------------------------------------------------------------------------- how many threads


def test_kernels_respect_the_cpu_quota_of_a_container(monkeypatch, tmp_path):
    """test_config.py tests the formats of the files; this test checks their effect."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    granted = config.default_num_threads
    monkeypatch.setattr(config, "default_num_threads", lambda: granted(tmp_path))
    (tmp_path / "cpu.max").write_text("199999 100000\n")
    config.changed()
    assert native.num_threads() == 1
    monkeypatch.undo()
    config.changed()


@pytest.mark.parametrize("requested", ["1", "2", "3,2"])
def test_omp_num_threads(requested):
    out = program("from fastcnn.kernels import native; print(native.num_threads())",
                  OMP_NUM_THREADS=requested)  # fmt: skip
    assert int(out) == min(int(requested[0]), len(os.sched_getaffinity(0)))


LIMITED = (
    TRAIN
    + """
    import resource
    keras.config.set_num_threads(1)
    expected = train(model())
    keras.config.set_num_threads(4)

    def tasks():
        return len(os.listdir("/proc/self/task"))

    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]

    def limit_processes(room):
        count = 1
        if os.geteuid() == 0:  # root has no limit: become somebody without other processes
            count = tasks() + room
            os.setgroups([])
            os.setuid(100_000 + os.getpid())
        resource.setrlimit(resource.RLIMIT_NPROC, (count, hard))

    net = model()
"""
)


@pytest.mark.parametrize("room", [0, 2, 3])
def test_limit_on_the_number_of_processes(room):
    """Where libgomp would end the process, kernels run on one thread."""
    if room and os.geteuid() != 0:
        pytest.skip("only root can become a user without other processes")
    out = program(
        LIMITED
        + f"""
    before = tasks()
    limit_processes({room})
    assert train(net) == expected
    print(tasks() - before)
    """
    )
    assert int(out) == (3 if room == 3 else 0)


def test_limit_that_is_lifted():
    out = program(
        LIMITED
        + """
    import time
    before = tasks()
    limit_processes(0)
    assert train(net) == expected
    assert tasks() == before
    resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
    time.sleep(1.1)
    assert train(model()) == expected
    print(tasks() - before)
    """
    )
    assert out == "3\n"


def test_threadpoolctl():
    """Its limits are queried at each call."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    config.changed()
    before = native.num_threads()
    with threadpoolctl.threadpool_limits(1):
        assert native.num_threads() == 1
    assert native.num_threads() == before
    keras.config.set_num_threads(3)  # an explicit setting takes precedence
    with threadpoolctl.threadpool_limits(1):
        assert native.num_threads() == 3


NEIGHBORS = {
    "sklearn": """
        from sklearn.cluster import KMeans
        from sklearn.ensemble import HistGradientBoostingClassifier
        data = np.random.default_rng(1).normal(size=(600, 5))

        def neighbor():
            forest = HistGradientBoostingClassifier(max_iter=2).fit(data, data[:, 0] > 0)
            means = KMeans(3, n_init=1, random_state=0).fit(data)
            return forest.predict(data).tobytes() + means.cluster_centers_.tobytes()
    """,
    "torch": """
        def neighbor():
            torch.manual_seed(0)
            net = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3), torch.nn.Flatten(1))
            out = net(torch.ones(32, 1, 12, 12))
            out.square().sum().backward()
            return net[0].weight.grad.numpy().tobytes()
    """,
    "tensorflow": """
        def neighbor():
            images = tensorflow.ones((32, 12, 12, 1))
            filters = tensorflow.Variable(tensorflow.ones((3, 3, 1, 16)))
            with tensorflow.GradientTape() as tape:
                out = tensorflow.nn.conv2d(images, filters, 1, "VALID")
                total = tensorflow.reduce_sum(tensorflow.square(out))
            return tape.gradient(total, filters).numpy().tobytes()
    """,
}


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", NEIGHBORS)
def test_in_one_process_with(name, first):
    """100 alternating steps; both give the same results as on their own."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    text = textwrap.dedent(TRAIN)
    text = f"import {name}\n{text}" if first else f"{text}\nimport {name}\n"
    text += textwrap.dedent(NEIGHBORS[name]) + textwrap.dedent(
        """
        expected, theirs = train(model()), neighbor()
        for step in range(100):
            assert train(model()) == expected
            if step % 10 == 0:
                assert neighbor() == theirs
        assert np.finfo("f4").smallest_subnormal > 0
        print("done")
        """
    )
    assert program(text, 300) == "done\n"


# ------------------------------------------------------------------- the processor's rounding mode


@pytest.fixture(scope="module")
def control_word():
    read = control_word_reader()
    if read is None:
        pytest.skip("unsupported processor")
    return read


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kernel", spec.ARRAYS)
def test_calls_leave_the_control_word_alone(kernel, threads, control_word):
    """And the flags of what happened: a kernel's inexact results are not the caller's."""
    keras.config.set_num_threads(threads)
    before_work = native.set_work_per_thread(1)
    try:
        for seed in range(5):
            call = draw(kernel, seed)
            bound = kernels.bind(kernel, *call.arrays, **call.config)
            before = control_word()
            bound()
            assert control_word() == before
    finally:
        native.set_work_per_thread(before_work)
    assert np.finfo("f4").smallest_subnormal > 0


def test_import_and_training_preserve_the_control_word(control_word):
    out = program(
        """
        import threading
        from tests.support.control_word import FLAGS, reader
        read = reader()
        import numpy
        words = [read() & ~FLAGS]
        import fastcnn
        words.append(read() & ~FLAGS)
        """
        + TRAIN.replace("\n    ", "\n        ")
        + """
        train(model())
        words.append(read() & ~FLAGS)
        thread = threading.Thread(target=lambda: (train(model()), words.append(read() & ~FLAGS)))
        thread.start()
        thread.join()
        assert np.finfo("f4").smallest_subnormal > 0
        print(len(set(words)), len(words))
        """
    )
    assert out == "1 4\n"


# ------------------------------------------------------------------------------------------ Ctrl-C


INTERRUPTED = (
    TRAIN
    + """
    import time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup disables it
    net = model()
    train(net)
    for trial in range(5):
        steps = net.optimizer.iterations
        print("ready", flush=True)
        try:
            net.fit(x, y, epochs=10**6, verbose=0)
        except KeyboardInterrupt:
            now = time.monotonic()
        assert net.optimizer.iterations > steps
        steps = net.optimizer.iterations
        net.fit(x, y, verbose=0)
        assert net.optimizer.iterations == steps + 2
        assert np.isfinite(net.evaluate(x, y, verbose=0))
        print(now, flush=True)
"""
)


def test_ctrl_c_takes_effect_soon():
    """Within 100 ms (the median of five), and the next fit works."""
    delays = []
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(5):
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.2)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            delays.append(float(child.stdout.readline()) - sent)
        assert child.wait(30) == 0
    assert sorted(delays)[2] < 0.1, delays
    assert max(delays) < 2, delays  # generous: other programs may occupy the processor
