"""Random trials against real Keras: losses called on arrays, sequences of metrics, small networks.

    python -m tests.keras.trials --losses 3000 --metrics 2500 --nets 450

Requires Keras with TensorFlow in the same environment. Each trial is drawn from its own seed, so
`--first N` repeats trial N. A trial where both raise an error, or where both return the same
numbers, is equal; what differs is counted by reason if `reason` knows one, and printed otherwise.
"""

import argparse
import collections
import os
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np

import fastcnn

LOSSES = {
    "MeanSquaredError": {},
    "MeanAbsoluteError": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "Huber": {"delta": [0.3, 1.0]},
    "LogCosh": {},
    "CosineSimilarity": {"axis": [-1, -1, 0, 1]},
    "KLDivergence": {},
    "Poisson": {},
    "Hinge": {},
    "SquaredHinge": {},
    "CategoricalHinge": {},
    "BinaryCrossentropy": {"from_logits": [False, True], "label_smoothing": [0.0, 0.2]},
    "CategoricalCrossentropy": {"from_logits": [False, True], "label_smoothing": [0.0, 0.2]},
    "SparseCategoricalCrossentropy": {"from_logits": [False, True]},
}
METRICS = {
    "Mean": {},
    "Sum": {},
    "Accuracy": {},
    "BinaryAccuracy": {"threshold": [0.5, 0.3]},
    "CategoricalAccuracy": {},
    "SparseCategoricalAccuracy": {},
    "TopKCategoricalAccuracy": {"k": [1, 2]},
    "SparseTopKCategoricalAccuracy": {"k": [1, 2]},
    "MeanSquaredError": {},
    "MeanAbsoluteError": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "RootMeanSquaredError": {},
    "CosineSimilarity": {"axis": [-1, 1]},
    "LogCoshError": {},
    "KLDivergence": {},
    "Poisson": {},
    "Hinge": {},
    "SquaredHinge": {},
    "CategoricalHinge": {},
    "BinaryCrossentropy": {"from_logits": [False, True]},
    "CategoricalCrossentropy": {"label_smoothing": [0, 0.2]},
    "SparseCategoricalCrossentropy": {"from_logits": [False, True]},
    "R2Score": {"class_aggregation": ["uniform_average", "variance_weighted_average", None]},
    "TruePositives": {"thresholds": [None, 0.3, [0.2, 0.6]]},
    "FalsePositives": {"thresholds": [None, [0.2, 0.6]]},
    "TrueNegatives": {"thresholds": [None, [0.2, 0.6]]},
    "FalseNegatives": {"thresholds": [None, [0.2, 0.6]]},
    "Precision": {"top_k": [None, 2], "class_id": [None, 0]},
    "Recall": {"top_k": [None, 2], "class_id": [None, 0]},
    "SensitivityAtSpecificity": {"specificity": [0.5]},
    "SpecificityAtSensitivity": {"sensitivity": [0.5]},
    "PrecisionAtRecall": {"recall": [0.5]},
    "RecallAtPrecision": {"precision": [0.5]},
    "AUC": {
        "curve": ["ROC", "PR"],
        "summation_method": ["interpolation", "minoring", "majoring"],
        "multi_label": [False, True],
    },
    "F1Score": {"average": [None, "micro", "macro", "weighted"], "threshold": [None, 0.5]},
    "FBetaScore": {"average": [None, "macro"], "beta": [2.0]},
}
# Not Lion: it takes the sign of gradients, which is random where they are 0 but for rounding.
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "Nadam", "Adagrad", "Adadelta", "Adamax", "AdamW")
LABELS = ("Sparse",)
UNALIGNED = ("Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson")
CONFUSION = ("True", "False", "Precision", "Recall", "Sensitivity", "Specificity", "AUC")


def draw(rng, table):
    """(name, settings) from one of the tables above."""
    name = rng.choice(list(table))
    pick = lambda options: options[rng.integers(len(options))]  # noqa: E731
    return name, {key: pick(options) for key, options in table[name].items()}


def values(rng, shape, name, settings):
    """Predictions: of probabilities, of anything, or of values at which losses clip."""
    kind = rng.integers(4)
    if settings.get("from_logits") or name.endswith("Hinge") or kind == 0:
        return rng.normal(scale=3, size=shape).astype(np.float32)
    p = rng.random(shape, np.float32)
    if kind == 1:
        p = rng.choice(np.array([0, 0.25, 1, 5], np.float32), shape)
    if kind == 2 and shape:
        p /= p.sum(-1, keepdims=True)
    return p


def targets(rng, y_pred, name):
    """Targets for predictions, in one of the shapes that may fit."""
    shape = y_pred.shape
    if name.startswith(LABELS):
        y = rng.integers(0, shape[-1], shape[:-1])
        return y[..., None] if rng.random() < 0.3 else y
    y = rng.integers(0, 2, shape) if rng.random() < 0.5 else rng.random(shape, np.float32)
    if rng.random() < 0.3 and len(shape) > 1 and shape[-1] == 1:
        return y[..., 0]
    return y[..., None] if rng.random() < 0.1 else y


def weights(rng, shape):
    """Weights for samples of `shape`: None, a number, or any part of the shape."""
    kind = rng.integers(6)
    if kind == 0 or not shape:
        return None
    if kind == 1:
        return float(rng.integers(0, 3))
    rank = rng.integers(1, len(shape) + 1)
    chosen = list(shape[:rank])
    if rng.random() < 0.5:
        chosen.append(1)
    if rng.random() < 0.1:
        chosen[rng.integers(len(chosen))] = 1
    return rng.integers(0, 4, chosen).astype(np.float32)


def shape_of(rng):
    rank = rng.integers(1, 5)
    return tuple(int(size) for size in rng.integers(1, 5, rank))


def outcome(run):
    """The result as a list of arrays, or the error."""
    try:
        with np.errstate(all="ignore"):
            result = run()
    except Exception as error:
        return error
    return [np.asarray(array, np.float64) for array in result]


def equal(ours, theirs, rtol=2e-5, atol=2e-6):
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol, atol, equal_nan=True)
        for one, other in zip(ours, theirs, strict=True)
    )


def loss_trial(keras, rng):
    name, settings = draw(rng, LOSSES)
    settings["reduction"] = [None, "sum", "mean", "sum_over_batch_size", "none"][rng.integers(5)]
    y_pred = values(rng, shape_of(rng), name, settings)
    y_true = targets(rng, y_pred, name)
    if rng.random() < 0.15:
        y_pred = y_pred[..., None]
    weight = weights(rng, y_pred.shape[:-1])
    run = lambda module: [getattr(module.losses, name)(**settings)(y_true, y_pred, weight)]  # noqa: E731
    shapes = np.shape(y_true), y_pred.shape, np.shape(weight) if weight is not None else None
    results = [outcome(lambda m=module: run(m)) for module in (fastcnn, keras)]
    return f"{name}{settings} on {shapes}", name, shapes, *results


def metric_trial(keras, rng):
    name, settings = draw(rng, METRICS)
    shape, updates = shape_of(rng), []
    if name in ("R2Score", "F1Score", "FBetaScore") or settings.get("multi_label"):
        shape = tuple(int(size) for size in rng.integers(1, 5, 2))
    for _ in range(rng.integers(1, 5)):
        inner = shape[1:] if rng.random() < 0.8 else shape_of(rng)[1:]
        y_pred = values(rng, (int(rng.integers(1, 6)), *inner), name, settings)
        if name in ("Mean", "Sum"):
            updates.append((y_pred, weights(rng, y_pred.shape)))
        else:
            y_true = targets(rng, y_pred, name)
            updates.append((y_true, y_pred, weights(rng, y_pred.shape[: max(1, y_pred.ndim - 1)])))

    def run(module):
        metric, results = getattr(module.metrics, name)(**settings), []
        for update in updates:
            metric.update_state(*update)
            results.append(np.array(metric.result(), np.float64))
        metric.reset_state()
        metric.update_state(*updates[0])
        return [*results, np.array(metric.result(), np.float64)]

    shapes = [[None if a is None else np.shape(a) for a in update] for update in updates]
    results = [outcome(lambda m=module: run(m)) for module in (fastcnn, keras)]
    return f"{name}{settings} on {shapes}", name, shapes, *results


def network(keras, plan, shape):
    """A `Sequential` of layers given as (name, arguments)."""
    layers = [getattr(keras.layers, name)(*args, **settings) for name, args, settings in plan]
    return keras.Sequential([keras.Input(shape), *layers])


def draw_layers(rng):
    """(layers, sample's shape) of a convolutional or dense network."""
    activation = lambda: ("relu", "tanh", "sigmoid", "elu", "softplus", None)[rng.integers(6)]  # noqa: E731
    plan, size = [], int(rng.integers(5, 12))
    shape = (size, size + int(rng.integers(2)), int(rng.integers(1, 4)))
    for _ in range(rng.integers(0, 3)):
        kind, filters, window = rng.integers(6), int(rng.integers(1, 6)), int(rng.integers(1, 4))
        padding = ("same", "valid")[rng.integers(2)] if window == 1 else "same"
        settings = {"padding": padding, "activation": activation()}
        if kind < 3:
            settings["strides"] = int(rng.integers(1, 3))
            plan.append(("Conv2D", (filters, window), settings))
        elif kind == 3:
            plan.append(("DepthwiseConv2D", (window,), settings))
        elif kind == 4:
            pool = ("MaxPooling2D", "AveragePooling2D")[rng.integers(2)]
            plan.append((pool, (2,), {"padding": "same"}))
        else:
            plan.append(("BatchNormalization", (), {}))
    spatial = rng.random() < 0.3
    if not spatial:
        plan.append((("Flatten", "GlobalAveragePooling2D")[rng.integers(2)], (), {}))
        if rng.random() < 0.5:
            plan.append(("Dense", (int(rng.integers(1, 9)),), {"activation": activation()}))
    return plan, shape, spatial


def net_trial(keras, rng):
    plan, shape, spatial = draw_layers(rng)
    name, settings = draw(rng, {n: s for n, s in LOSSES.items() if n != "CosineSimilarity"})
    settings["reduction"] = ["sum", "sum_over_batch_size", "sum_over_batch_size"][rng.integers(3)]
    units = int(rng.integers(1 if not name.startswith(("Cat", "Sparse")) else 2, 5))
    last = {"Cat": "softmax", "Spa": "softmax", "Bin": "sigmoid", "KLD": "softmax"}.get(name[:3])
    last = None if settings.get("from_logits") else last or ("softplus", "relu")[rng.integers(2)]
    plan.append(
        ("Conv2D", (units, 1), {"activation": last})
        if spatial
        else ("Dense", (units,), {"activation": last})
    )
    optimizer, samples = OPTIMIZERS[rng.integers(len(OPTIMIZERS))], int(rng.integers(2, 9))
    x = rng.random((samples, *shape), np.float32)
    models = [network(module, plan, shape) for module in (fastcnn, keras)]
    start = [
        rng.normal(scale=0.3, size=w.shape).astype(np.float32) for w in models[0].get_weights()
    ]
    start = [
        np.abs(s) + 0.5 if "variance" in w.path else s
        for s, w in zip(start, models[0].weights, strict=True)
    ]
    output = (samples, *models[0].output_shape[1:])
    y = (
        targets(rng, np.empty(output, np.float32), name)
        if name.startswith(LABELS)
        else rng.random(output, np.float32)
    )
    if name == "CategoricalCrossentropy":
        y = np.eye(units, dtype=np.float32)[rng.integers(0, units, output[:-1])]
    weight = rng.random(samples).astype(np.float32) if rng.random() < 0.3 else None
    by_position = (
        weight
        if weight is None or len(output) == 2
        else weight.reshape(-1, *[1] * (len(output) - 2))
    )

    def run(module, model):
        model.set_weights(start)
        forward = np.asarray(model.predict(x, verbose=0))
        eager = {"run_eagerly": True} if module is not fastcnn else {}
        small = {} if optimizer == "SGD" else {"epsilon": 1e-3}  # gradients that only round stay so
        model.compile(
            getattr(module.optimizers, optimizer)(0.01, **small),
            getattr(module.losses, name)(**settings),
            **eager,
        )
        w = weight if module is fastcnn else by_position
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, sample_weight=w, verbose=0)
        return [forward, history.history["loss"], *model.get_weights()]

    pairs = zip((fastcnn, keras), models, strict=True)
    results = [outcome(lambda a=module, b=model: run(a, b)) for module, model in pairs]
    return f"{optimizer}, {name}{settings}, {plan} on {x.shape}", name, x.shape, *results


def reason(kind, name, shapes, ours, theirs):
    """Why a difference is right (see docs/keras.md), or None."""
    if isinstance(theirs, Exception):
        return "Keras raises an error, fastcnn returns a result"
    if isinstance(ours, ValueError) and (
        "targets of the output's shape" in str(ours) or "label for each of the" in str(ours)
    ):
        return "targets of another shape, which Keras broadcasts, are refused"
    if isinstance(ours, ValueError) and "another number of classes" in str(ours):
        return "a number of classes that changes between updates is refused"
    if kind == "metrics" and name in UNALIGNED and any(len(u[0]) != len(u[1]) for u in shapes):
        return "these metrics of Keras broadcast targets of another rank"
    if name.startswith(CONFUSION) and any(u[2] and len(u[2]) < len(u[1]) - 1 for u in shapes):
        return "confusion metrics of Keras align weights of fewer axes with the last ones"
    if name in ("F1Score", "FBetaScore") and any(len(u[2] or ()) == 2 for u in shapes):
        return "F scores of Keras broadcast weights (n, 1) to n x n"
    return None


def shown(ours, theirs):
    """Errors, or the first pair of results that differs."""
    if not (isinstance(ours, Exception) or isinstance(theirs, Exception)):
        pairs = zip(ours, theirs, strict=True)
        ours, theirs = next(pair for pair in pairs if not equal(*([array] for array in pair)))
    return f"fastcnn {ours!r}\n  keras   {theirs!r}"


TRIALS = {
    "losses": (loss_trial, {"rtol": 2e-5, "atol": 2e-6}),
    "metrics": (metric_trial, {"rtol": 2e-4, "atol": 5e-6}),  # R2Score of Keras is in float32
    "nets": (net_trial, {"rtol": 2e-3, "atol": 2e-4}),
}


def main():
    import keras

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for kind in TRIALS:
        parser.add_argument(f"--{kind}", type=int, default=0, help="number of trials")
    parser.add_argument("--first", type=int, default=0, help="seed of the first trial")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    unexplained = 0
    for kind, (trial, tolerance) in TRIALS.items():
        count = collections.Counter()
        for seed in range(arguments.first, arguments.first + getattr(arguments, kind)):
            text, name, shapes, ours, theirs = trial(
                keras, np.random.default_rng([seed, len(kind)])
            )
            errors = [isinstance(result, Exception) for result in (ours, theirs)]
            if all(errors):
                count["both raise an error"] += 1
            elif not any(errors) and equal(ours, theirs, **tolerance):
                count["equal"] += 1
            else:
                why = reason(kind, name, shapes, ours, theirs)
                count[why or "unexplained"] += 1
                if why is None:
                    unexplained += 1
                    print(f"{kind} {seed}: {text}\n  {shown(ours, theirs)}", flush=True)
        if count:
            print(
                f"{kind}: " + ", ".join(f"{n} {what}" for what, n in count.most_common()),
                flush=True,
            )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
