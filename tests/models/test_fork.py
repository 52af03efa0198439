"""A fork while another thread runs the model: the child can use it and computes the same."""

import os
import threading
import time

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("job", ["predict", "fit"])
def test_forked_child_is_not_blocked_by_locks_of_other_threads(job):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.random((600, 28, 28, 1), np.float32), rng.integers(0, 4, 600)
    expected = model.predict(x[:8], verbose=0)
    done = threading.Event()

    def work():
        while not done.is_set():
            model.predict(x, verbose=0) if job == "predict" else model.fit(x, y, verbose=0)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for attempt in range(5):
            time.sleep(0.01 + 0.004 * attempt)
            assert child_result(model, x[:8], expected) == 0
    finally:
        done.set()
        thread.join()


def child_result(model, x, expected):
    """0 if a forked child predicts as expected, 1 if not; -9 if it hangs for 10 seconds."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = int(not np.allclose(model.predict(x, verbose=0), expected, rtol=1e-6))
        finally:
            os._exit(code)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        finished, status = os.waitpid(pid, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
