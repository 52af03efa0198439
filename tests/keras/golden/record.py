"""Record real Keras's results for test_golden.py: `python -m tests.keras.golden.record`.

Requires Keras with TensorFlow. Writes keras.json next to this file: the lines of each network's
`summary()`, and for each run of RUNS the loss and accuracy of every step (Adam's defaults, batch
size 32, no shuffling), the logs of one `fit` over the same batches, and the norms of the weights.
Weights and images are generated from a seed (shapes.py) or are the first of Fashion-MNIST, so the
file does not contain any.

Each run is done twice, in float32 and in float64. `apart`, the relative difference of the two
losses, shows how reproducible Keras itself is: a rounding error can change which element wins a
max-pool or passes a relu, Adam amplifies small gradients, and after a hundred steps the losses of
single batches differ by a percent.
"""

import json
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from fastcnn.datasets import fashion_mnist
from tests.support.shapes import NETS

HERE = Path(__file__).resolve().parent
BATCH = 32
# net, images, seed, steps. With these seeds Keras's float32 and float64 agree for longest.
RUNS = (
    ("tutorial", "recipe", 7, 100),
    ("tutorial", "fashion_mnist", 1, 100),
    ("dnn", "recipe", 0, 100),
    ("lenet5", "recipe", 0, 100),
    ("cifar10", "recipe", 4, 20),
    ("vgg", "recipe", 6, 10),
)


def run_data(net, images, seed, steps):
    """A run's images (float32) and labels (int64)."""
    if images == "recipe":
        return net.data(steps * BATCH, seed)
    (pixels, labels), _ = fashion_mnist.load_data()
    count = steps * BATCH
    return (pixels[:count, ..., None] / 255.0).astype(np.float32), labels[:count].astype(np.int64)


def start(net, seed):
    keras.backend.clear_session()
    model = net.build(keras)
    model.set_weights(net.weights(seed))
    return net.compile(model, keras)


def norms(model):
    return [significant(np.linalg.norm(np.asarray(w, np.float64))) for w in model.get_weights()]


def significant(value, digits=9):
    return float(f"{float(value):.{digits}g}")


def step_by_step(net, images, labels, seed):
    """[(loss, accuracy), ...] of every step, and the norms of the weights after ten steps."""
    model, results = start(net, seed), []
    for i in range(0, len(images), BATCH):
        model.reset_metrics()
        results.append(model.train_on_batch(images[i : i + BATCH], labels[i : i + BATCH]))
        if len(results) == 10:
            after_ten = norms(model)
    return results, after_ten


def record(name, source, seed, steps):
    net = NETS[name]
    images, labels = run_data(net, source, seed, steps)
    results, after_ten = step_by_step(net, images, labels, seed)
    model = start(net, seed)
    history = model.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0).history
    keras.config.set_floatx("float64")
    doubles, _ = step_by_step(net, images.astype(np.float64), labels, seed)
    keras.config.set_floatx("float32")
    loss, double = (np.array(run)[:, 0] for run in (results, doubles))
    return {
        "net": name,
        "images": source,
        "seed": seed,
        "loss": [significant(value) for value in loss],
        "apart": [significant(value, 1) for value in abs(loss / double - 1)],
        "mean_apart": significant(abs(loss.mean() / double.mean() - 1), 1),
        "correct": [round(accuracy * BATCH) for _, accuracy in results],
        "fit": {key: significant(values[0]) for key, values in history.items()},
        "norms_after_10": after_ten,
    }


def summary(net):
    """The cells of the table, row by row, and the totals below it, without borders."""
    keras.backend.clear_session()
    lines = []
    net.build(keras).summary(print_fn=lambda text, line_break=None: lines.append(text))
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
    rows = (re.split(r"\s*[│┃|]\s*", line.strip(" │┃|")) for line in text.splitlines())
    return [row for row in rows if re.search(r"[A-Za-z]", row[0])]


def main():
    golden = {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "summaries": {name: summary(net) for name, net in NETS.items()},
        "runs": [record(*run) for run in RUNS],
    }
    for run in golden["runs"]:
        apart = run["apart"]
        print(
            f"{run['net']} ({run['images']}): float32 and float64 differ by {apart[0]} at step 1, "
            f"{apart[9]} at 10, {apart[-1]} at {len(apart)}; in the mean by {run['mean_apart']}"
        )
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r'(\{"net"|"summaries"|"runs"|"loss":\[|"apart"|"correct")', r"\n\1", text)
    (HERE / "keras.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
