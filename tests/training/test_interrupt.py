"""Ctrl-C, errors and several threads in the middle of training: nothing is lost or mixed up."""

import os
import signal
import threading

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from tests.training.test_training import compiled, data


@pytest.fixture(params=["native", "reference"])
def backend(request):
    keras.config.set_backend(request.param)
    return request.param


class TestInterrupt:
    def test_ctrl_c_waits_for_the_step_and_the_next_fit_works(self, backend):
        x, y = data(96)
        model, same = compiled(), compiled()

        class Presser(layers.Layer):
            """Presses Ctrl-C in the middle of the second step."""

            count = 0

            def forward(self, x, training=False):
                if training:
                    Presser.count += 1
                    if Presser.count == 2:
                        os.kill(os.getpid(), signal.SIGINT)
                return x

            def backward(self, dy):
                return dy

        model = keras.Sequential([keras.Input((6, 6, 1)), Presser(), *model.layers])
        model.compile("adam", "sparse_categorical_crossentropy")
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, shuffle=False, verbose=0)
        assert model.optimizer.iterations == 2
        same.fit(x[:64], y[:64], shuffle=False, verbose=0)
        for now, wanted in zip(model.get_weights(), same.get_weights(), strict=True):
            np.testing.assert_array_equal(now, wanted)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        model.fit(x, y, verbose=0)
        assert model.optimizer.iterations == 5

    def test_error_in_a_callback_leaves_the_model_usable(self):
        class Fail(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                raise OSError("full")

        x, y = data()
        model = compiled()
        with pytest.raises(OSError, match="full"):
            model.fit(x, y, verbose=0, callbacks=[Fail()])
        model.fit(x, y, verbose=0)


class TestThreads:
    def test_predict_while_training(self):
        x, y = data(64)
        model = compiled()
        model.predict(x, verbose=0)
        stop = threading.Event()
        sums = []

        def predict():
            while not stop.is_set():
                sums.append(model(x).sum(1))

        thread = threading.Thread(target=predict)
        thread.start()
        model.fit(x, y, epochs=20, verbose=0)
        stop.set()
        thread.join()
        assert sums
        np.testing.assert_allclose(np.concatenate(sums), 1, rtol=1e-5)

    def test_concurrent_training_equals_sequential_training(self):
        x, y = data(64)

        def train(results, number):
            model = models[number]
            model.fit(x, y, epochs=3, shuffle=False, verbose=0)
            results[number] = model.get_weights()

        alone, together = {}, {}
        models = [compiled(seed=n) for n in range(4)]
        for number in range(4):
            train(alone, number)
        models = [compiled(seed=n) for n in range(4)]
        threads = [threading.Thread(target=train, args=(together, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(4):
            for first, second in zip(alone[number], together[number], strict=True):
                np.testing.assert_array_equal(first, second)

    def test_one_training_at_a_time(self):
        x, y = data()
        model = compiled()

        class FitAgain(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.fit(x, y, verbose=0)

        with pytest.raises(RuntimeError, match="is already being trained"):
            model.fit(x, y, verbose=0, callbacks=FitAgain())
        model.fit(x, y, verbose=0)
