"""Callbacks that monitor a value: which direction is better, NaN, best weights, checkpoints."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.callbacks import Callback
from tests.support.tiny import X, Y, make_model

model = pytest.fixture(make_model)


def print_nothing(y_true, y_pred):
    return np.zeros(len(y_true))


class TestMonitoring:
    def test_mode_is_inferred_from_the_metric(self, model):
        stop = keras.callbacks.EarlyStopping
        for monitor, mode, wanted in [
            ("val_loss", "auto", -1),
            ("mae", "auto", -1),
            ("val_mae", "auto", -1),
            ("whatever", "max", 1),
        ]:
            callback = stop(monitor, mode=mode)
            callback.set_model(model)
            assert callback.is_improvement(2.0, 1.0) == (wanted == 1)
        model.compile("sgd", "mse", metrics=[keras.metrics.AUC(name="area"), print_nothing])
        callback = stop("area")
        callback.set_model(model)
        assert callback.is_improvement(2.0, 1.0)
        for unknown in ("print_nothing", "nonsense"):
            callback = stop(unknown)
            callback.set_model(model)
            with pytest.raises(ValueError, match=r"cannot infer whether .* pass mode='max' or"):
                callback.is_improvement(2.0, 1.0)

    def test_unknown_mode_warns_and_becomes_auto(self):
        with pytest.warns(UserWarning, match="the mode 'best' is not one of") as warned:
            assert keras.callbacks.EarlyStopping(mode="best").mode == "auto"
        assert warned[0].filename == __file__

    @pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau"])
    def test_missing_monitored_value_warns(self, model, kind):
        with pytest.warns(
            UserWarning, match="'val_loss', which is not in the logs. Available: "
        ) as w:
            model.fit(X, Y, verbose=0, callbacks=[getattr(keras.callbacks, kind)()])
        assert w[0].filename == __file__

    def test_checkpoint_is_saved_if_the_monitored_value_is_missing(self, model, tmp_path):
        path = str(tmp_path / "m.weights.h5")
        checkpoint = keras.callbacks.ModelCheckpoint(
            path, save_best_only=True, save_weights_only=True
        )
        with pytest.warns(UserWarning, match="needs a scalar 'val_l"):
            model.fit(X, Y, verbose=0, callbacks=[checkpoint])
        assert (tmp_path / "m.weights.h5").exists()

    def test_nan_is_never_the_best_value(self, model, tmp_path):
        scores = iter([np.nan, 0.5, np.nan, 0.4, 0.3])
        score = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(score=next(scores))
        )
        stop = keras.callbacks.EarlyStopping("score", mode="min", patience=2)
        reduce = keras.callbacks.ReduceLROnPlateau("score", mode="min", patience=2)
        path = tmp_path / "{epoch}.keras"
        save = keras.callbacks.ModelCheckpoint(path, "score", save_best_only=True, mode="min")
        callbacks = [score, stop, reduce, save]
        history = model.fit(X, Y, epochs=5, verbose=0, callbacks=callbacks)
        assert len(history.epoch) == 5
        assert stop.best == reduce.best == save.best == 0.3
        assert stop.best_epoch == 4
        assert history.history["learning_rate"] == [history.history["learning_rate"][0]] * 5
        assert sorted(file.name for file in tmp_path.iterdir()) == ["2.keras", "4.keras", "5.keras"]

    def test_only_nan_stops_after_the_patience(self, model):
        x = np.full_like(X, np.nan)
        stop = keras.callbacks.EarlyStopping("loss", patience=2)
        assert len(model.fit(x, Y, epochs=9, verbose=0, callbacks=[stop]).epoch) == 2
        assert stop.best is None

    def test_monitor_op(self, model):
        assert keras.callbacks.EarlyStopping(mode="max").monitor_op is np.greater
        stop = keras.callbacks.EarlyStopping("loss")
        assert stop.monitor_op is None
        model.fit(X, Y, verbose=0, epochs=2, callbacks=[stop])
        assert stop.monitor_op is np.less
        stop.monitor_op = np.greater
        assert stop.is_improvement(2.0, 1.0)
        with pytest.raises(ValueError, match=r"`monitor_op` must be `np.less` or `np.greater`"):
            stop.monitor_op = max

    def test_best_weights_are_restored(self, model):
        class Wreck(Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    self.model.set_weights([w + 9 for w in self.model.get_weights()])

        kept = []
        watch = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())
        )
        stop = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
        model.compile(keras.optimizers.SGD(1e-6), "mse")
        model.fit(X, Y, epochs=9, verbose=0, callbacks=[watch, Wreck(), stop])
        assert stop.best_epoch == 0
        for best, now in zip(kept[0], model.get_weights(), strict=True):
            np.testing.assert_array_equal(best, now)

    def test_a_checkpoint_can_be_loaded(self, model, tmp_path):
        path = tmp_path / "new folder" / "m-{epoch}.keras"
        model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
        again = keras.models.load_model(tmp_path / "new folder" / "m-1.keras")
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"filepath": "m.h5"}, "`filepath` must end in .keras with save_weights_only=False"),
            (
                {"filepath": "m.keras", "save_weights_only": True},
                r"must end in .weights.h5 or .npz with save_weights_only=True",
            ),
            ({"filepath": "m.keras", "save_freq": 0}, "`save_freq` must be 'epoch' or a positive"),
        ],
    )
    def test_invalid_checkpoint_arguments_are_rejected(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            keras.callbacks.ModelCheckpoint(**arguments)

    def test_unknown_key_in_filepath_is_rejected(self, model, tmp_path):
        checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "{nothing}.keras"))
        with pytest.raises(KeyError, match=r"unknown key 'nothing'.*The logs contain"):
            model.fit(X, Y, verbose=0, callbacks=[checkpoint])

    def test_factor_must_be_below_one(self):
        with pytest.raises(ValueError, match="`factor` must be below 1"):
            keras.callbacks.ReduceLROnPlateau(factor=1.0)

    def test_a_schedule_cannot_be_reduced(self, model):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
        model.compile(keras.optimizers.SGD(schedule), "mse")
        reduce = keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=100)
        with pytest.raises(TypeError, match="was created with a schedule"):
            model.fit(X, Y, epochs=2, verbose=0, callbacks=[reduce])
