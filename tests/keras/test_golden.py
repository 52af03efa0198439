"""Training and `summary()` against real Keras with the same weights and batches.

golden/keras.json has Keras's figures, recorded by record.py. The loss of the first step must agree
within 1e-5. So must the following steps for as long as Keras itself is reproducible: half as many
steps as until its float32 and float64 losses differ by 1e-6. After that, single batches are not
comparable: a rounding error switches a relu, and a hundred steps later Keras's own two runs differ
by 2 percent (see record.py). But the mean over a hundred steps, which `fit` reports, must agree
within 1e-3. Networks without max-pooling remain reproducible throughout.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn.datasets import fashion_mnist
from tests.support.shapes import NETS

BATCH = 32
GOLDEN = json.loads((Path(__file__).with_name("golden") / "keras.json").read_text("utf-8"))
RUNS = {f"{run['net']}-{run['images']}": run for run in GOLDEN["runs"]}
LONG = [name for name, run in RUNS.items() if len(run["loss"]) == 100]


def start(name, seed=0):
    """The compiled network with the run's initial weights."""
    net = NETS[name]
    missing = [kind for kind in net.needs if not hasattr(fastcnn.layers, kind)]
    if missing:
        pytest.skip(f"fastcnn has no {', '.join(missing)} yet")
    fastcnn.keras.backend.clear_session()  # resets the counters of layer names
    model = net.build(fastcnn)
    model.set_weights(net.weights(seed))
    return net.compile(model, fastcnn)


def data(run):
    count = len(run["loss"]) * BATCH
    if run["images"] == "recipe":
        return NETS[run["net"]].data(count, run["seed"])
    (pixels, labels), _ = fashion_mnist.load_data()
    return (pixels[:count, ..., None] / 255.0).astype(np.float32), labels[:count]


def steps(model, images, labels):
    """Train one batch at a time; yields the loss and the number of hits of each batch."""
    for i in range(0, len(images), BATCH):
        part = slice(i, i + BATCH)
        logs = model.fit(images[part], labels[part], BATCH, shuffle=False, verbose=0).history
        yield logs["loss"][0], round(logs["accuracy"][0] * BATCH)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("backend", fastcnn.config.BACKENDS)
def test_steps_match_keras(name, backend):
    fastcnn.config.set_backend(backend)
    run = RUNS[name]
    diverged = np.flatnonzero(np.array(run["apart"]) > 1e-6)
    steady = max(diverged[0] // 2, 1) if len(diverged) else len(run["loss"])
    model = start(run["net"], run["seed"])
    images, labels = data(run)
    # NumPy's BLAS changes its summation order with the thread count: 1e-5 apart after 12 steps
    count = min(steady, 100 if backend == "native" else 8)
    results = list(steps(model, images[: count * BATCH], labels[: count * BATCH]))
    loss, correct = np.array(results).T
    np.testing.assert_allclose(loss, run["loss"][:count], rtol=1e-5)
    np.testing.assert_array_equal(correct, run["correct"][:count])


@pytest.mark.parametrize("name", LONG)
def test_weights_match_keras_after_ten_steps(name):
    run = RUNS[name]
    model = start(run["net"], run["seed"])
    images, labels = data(run)
    list(steps(model, images[: 10 * BATCH], labels[: 10 * BATCH]))
    norms = [np.linalg.norm(weight.astype(np.float64)) for weight in model.get_weights()]
    np.testing.assert_allclose(norms, run["norms_after_10"], rtol=1e-5)


@pytest.mark.parametrize("name", LONG)
def test_fit_of_a_hundred_steps_matches_keras(name):
    run = RUNS[name]
    model = start(run["net"], run["seed"])
    history = model.fit(*data(run), batch_size=BATCH, shuffle=False, verbose=0).history
    assert history["loss"][0] == pytest.approx(run["fit"]["loss"], rel=1e-3)
    assert history["accuracy"][0] == pytest.approx(run["fit"]["accuracy"], abs=0.01)


@pytest.mark.parametrize("name", NETS)
def test_summary_matches_keras(name):
    """Every cell that Keras prints appears, in the same order."""
    lines = []
    start(name).summary(print_fn=lambda text, **_: lines.append(text))
    text = "\n".join(lines)
    end = 0
    for row in GOLDEN["summaries"][name]:
        for cell in row:
            found = text.find(cell, end)
            assert found >= 0, f"{cell!r} is missing or out of order in\n{text}"
            end = found + len(cell)
