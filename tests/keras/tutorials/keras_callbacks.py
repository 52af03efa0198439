"""After Keras's guides "Writing your own callbacks" and "Training & evaluation" (keras.io)."""

import os

import keras
import numpy as np


def get_model():
    model = keras.Sequential()
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255.0
x_test = x_test.reshape(-1, 784).astype("float32") / 255.0


class CustomCallback(keras.callbacks.Callback):
    """Records which hooks were called, and with which logs."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(("train begin", sorted(logs)))

    def on_train_end(self, logs=None):
        self.seen.append(("train end", sorted(logs)))

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(("epoch begin", epoch, sorted(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch end", epoch, sorted(logs)))

    def on_test_begin(self, logs=None):
        self.seen.append(("test begin", sorted(logs)))

    def on_test_end(self, logs=None):
        self.seen.append(("test end", sorted(logs)))

    def on_predict_begin(self, logs=None):
        self.seen.append(("predict begin", sorted(logs)))

    def on_predict_end(self, logs=None):
        self.seen.append(("predict end", sorted(logs)))

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("train batch begin", batch, sorted(logs)))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("train batch end", batch, sorted(logs)))

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append(("test batch end", batch, sorted(logs)))

    def on_predict_batch_end(self, batch, logs=None):
        self.seen.append(("predict batch end", batch, sorted(logs)))


noted = CustomCallback()
model = get_model()
model.fit(
    x_train[:300], y_train[:300], epochs=1, verbose=0, validation_split=0.5, callbacks=[noted]
)
res = model.evaluate(x_test, y_test, batch_size=1000, verbose=0, callbacks=[noted])
res = model.predict(x_test, batch_size=1000, verbose=0, callbacks=[noted])
seen = noted.seen


class EarlyStoppingAtMinLoss(keras.callbacks.Callback):
    """Stops when the loss has not decreased for `patience` epochs; keeps the best weights."""

    def __init__(self, patience=0):
        super().__init__()
        self.patience = patience
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = np.inf

    def on_epoch_end(self, epoch, logs=None):
        current = logs.get("loss")
        if np.less(current, self.best):
            self.best = current
            self.wait = 0
            self.best_weights = self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True
                self.model.set_weights(self.best_weights)


class CustomLearningRateScheduler(keras.callbacks.Callback):
    """Sets the learning rate of each epoch with a schedule of (epoch, current rate)."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def on_epoch_begin(self, epoch, logs=None):
        if not hasattr(self.model.optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        lr = float(self.model.optimizer.learning_rate)
        self.model.optimizer.learning_rate = self.schedule(epoch, lr)


model = get_model()
model.fit(
    x_train,
    y_train,
    epochs=4,
    verbose=0,
    callbacks=[
        EarlyStoppingAtMinLoss(patience=1),
        # the rate is too large: the loss is worse in the third epoch than in the second
        CustomLearningRateScheduler(lambda epoch, lr: 3.0 if epoch == 2 else lr),
    ],
)
stopped_after = len(model.history.epoch)
assert stopped_after == 3, stopped_after

model = get_model()
history = model.fit(
    x_train,
    y_train,
    batch_size=64,
    epochs=6,
    validation_split=0.2,
    callbacks=[
        keras.callbacks.EarlyStopping(
            monitor="val_loss", min_delta=1e-2, patience=8, verbose=1, restore_best_weights=True
        ),
        keras.callbacks.ModelCheckpoint(
            filepath="mymodel_{epoch}.keras", save_best_only=True, monitor="val_loss", verbose=1
        ),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, verbose=1),
        keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr if epoch < 2 else lr * 0.5),
        keras.callbacks.CSVLogger("training.csv"),
        keras.callbacks.TensorBoard(log_dir="full_path_to_your_logs", update_freq="epoch"),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(sorted(logs))),
    ],
)
test_loss, test_accuracy = model.evaluate(x_test, y_test, batch_size=128)
rates = np.array(history.history["learning_rate"])
np.testing.assert_allclose(rates, [0.01, 0.01, 0.005, 0.0025, 0.00125, 0.000625], rtol=1e-6)
with open("training.csv") as log:
    columns = log.readline().strip().split(",")
logged = sorted(os.listdir("full_path_to_your_logs"))
_best = max(int(name[8:-6]) for name in os.listdir() if name.startswith("mymodel_"))
restored = keras.models.load_model(f"mymodel_{_best}.keras")
