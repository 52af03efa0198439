"""Record .h5 files of real Keras: `python -m tests.keras.golden_files.record_h5`.

Needs Keras with TensorFlow. For each model of MODELS, Keras trains it for an epoch and saves it in
h5.zip as <name>.h5, and its weights alone as <name>_weights.h5 in the same format; h5.json gets
what it predicts, and the losses of two more epochs.
"""

import json
import os
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np

HERE = Path(__file__).resolve().parent


def sequential(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(3, activation="softmax"),
        ]
    )
    metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)]
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(rate), loss, metrics=metrics)
    return model


def functional(keras):
    layers = keras.layers
    image = keras.Input((6, 6, 2), name="image")
    first = layers.Conv2D(3, 3, padding="same", name="first")(image)
    frozen = layers.Conv2D(3, 3, padding="same", name="frozen", trainable=False)(first)
    x = layers.Add()([first, layers.LeakyReLU()(frozen)])
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.PReLU()], name="inner")
    model = keras.Model(image, layers.Dense(3, activation="softmax")(inner(x)))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    return model


MODELS = {"sequential": sequential, "functional": functional}
SETTINGS = {"batch_size": 8, "shuffle": False, "verbose": 0}


def data():
    rng = np.random.default_rng(4)
    return rng.normal(size=(32, 6, 6, 2)).astype("f4"), rng.integers(0, 3, 32)


def weights(model):
    """Weights from a seed for a new model."""
    rng = np.random.default_rng(5)
    return [rng.uniform(0.1, 0.5, w.shape).astype("f4") for w in model.get_weights()]


def main():
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    golden, path = {}, HERE / "model.h5"
    with zipfile.ZipFile(HERE / "h5.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, make in MODELS.items():
            keras.utils.clear_session()
            model = make(keras)
            model.set_weights(weights(model))
            x, y = data()
            model.fit(x, y, **SETTINGS)
            model.save(path)
            archive.write(path, f"{name}.h5")
            with h5py.File(path, "w") as file:
                legacy_h5_format.save_weights_to_hdf5_group(file, model)
            archive.write(path, f"{name}_weights.h5")
            golden[name] = {
                "predictions": [float(f"{v:.8g}") for v in model.predict(x[:4], verbose=0).ravel()],
                "losses": model.fit(x, y, epochs=2, **SETTINGS).history["loss"],
            }
    path.unlink()
    text = ",\n".join(f'"{name}": {json.dumps(entry)}' for name, entry in golden.items())
    (HERE / "h5.json").write_text("{" + text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
