"""Named losses, optimizers, schedules, metrics and regularizers, for Keras or fastcnn.

Every entry is a function of the module (`keras` or `fastcnn`), so that
tests/keras/golden/record_pieces.py records exactly what test_pieces.py runs. Data are generated
from seeds.
"""

import numpy as np

# ------------------------------------------------------------------------------------- optimizers

OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.1),
    "sgd momentum": lambda k: k.optimizers.SGD(0.1, momentum=0.9),
    "sgd nesterov": lambda k: k.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "sgd weight_decay": lambda k: k.optimizers.SGD(0.1, weight_decay=0.05),
    "sgd clipnorm": lambda k: k.optimizers.SGD(0.1, clipnorm=0.2),
    "sgd clipvalue": lambda k: k.optimizers.SGD(0.1, clipvalue=0.05),
    "sgd global_clipnorm": lambda k: k.optimizers.SGD(0.1, global_clipnorm=0.3),
    "sgd ema": lambda k: k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8),
    "sgd ema overwrite": lambda k: k.optimizers.SGD(
        0.1, momentum=0.5, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4
    ),
    "sgd schedule": lambda k: k.optimizers.SGD(
        k.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5), momentum=0.5
    ),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "adam betas": lambda k: k.optimizers.Adam(0.02, beta_1=0.7, beta_2=0.9, epsilon=1e-4),
    "adam amsgrad": lambda k: k.optimizers.Adam(0.02, beta_2=0.5, amsgrad=True),
    "adam all": lambda k: k.optimizers.Adam(
        k.optimizers.schedules.CosineDecay(0.01, 8, 0.1, warmup_target=0.05, warmup_steps=3),
        weight_decay=0.1,
        global_clipnorm=0.3,
        use_ema=True,
        ema_momentum=0.9,
    ),
    "adamw": lambda k: k.optimizers.AdamW(0.02),
    "adamw decay": lambda k: k.optimizers.AdamW(0.02, weight_decay=0.2),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01),
    "rmsprop momentum": lambda k: k.optimizers.RMSprop(0.01, rho=0.8, momentum=0.7),
    "rmsprop centered": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "nadam": lambda k: k.optimizers.Nadam(0.01),
    "nadam betas": lambda k: k.optimizers.Nadam(0.02, beta_1=0.8, beta_2=0.9),
    "adagrad": lambda k: k.optimizers.Adagrad(0.1),
    "adagrad accumulator": lambda k: k.optimizers.Adagrad(
        0.1, initial_accumulator_value=0.01, clipvalue=0.1
    ),
    "adadelta": lambda k: k.optimizers.Adadelta(1.0),
    "adadelta rho": lambda k: k.optimizers.Adadelta(0.5, rho=0.7, epsilon=1e-3, clipnorm=0.5),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "adamax betas": lambda k: k.optimizers.Adamax(0.02, 0.7, 0.9, weight_decay=0.1),
    "lion": lambda k: k.optimizers.Lion(0.01),
    "lion betas": lambda k: k.optimizers.Lion(0.01, beta_1=0.7, beta_2=0.8, weight_decay=0.1),
    "lamb": lambda k: k.optimizers.Lamb(0.01),
    "lamb all": lambda k: k.optimizers.Lamb(
        0.02, 0.8, 0.9, 1e-5, weight_decay=0.1, clipnorm=0.3, use_ema=True, ema_momentum=0.8
    ),
    "adafactor": lambda k: k.optimizers.Adafactor(0.01),
    "adafactor all": lambda k: k.optimizers.Adafactor(
        0.5, -0.6, 1e-20, 0.1, 0.7, weight_decay=0.1, global_clipnorm=0.3, use_ema=True
    ),
    "ftrl": lambda k: k.optimizers.Ftrl(0.1),
    "ftrl all": lambda k: k.optimizers.Ftrl(
        0.1,
        learning_rate_power=-0.7,
        initial_accumulator_value=0.2,
        l1_regularization_strength=0.01,
        l2_regularization_strength=0.02,
        l2_shrinkage_regularization_strength=0.03,
        beta=0.1,
        clipvalue=0.2,
        gradient_accumulation_steps=2,
    ),
    "muon": lambda k: k.optimizers.Muon(0.01),
    "muon excluded": lambda k: k.optimizers.Muon(
        0.02,
        weight_decay=None,
        adam_weight_decay=0.1,
        exclude_layers=["dense_1", "x+"],
        adam_lr_ratio=0.3,
        nesterov=False,
        rms_rate=None,
        ns_steps=3,
        momentum=0.8,
        gradient_accumulation_steps=3,
    ),
    "schedule free": lambda k: k.optimizers.ScheduleFreeAdamW(0.01),
    "schedule free warm-up": lambda k: k.optimizers.ScheduleFreeAdamW(
        0.05, beta_1=0.7, warmup_steps=6, weight_decay=0.1, use_ema=True
    ),
    "accumulated sgd": lambda k: k.optimizers.SGD(
        k.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5),
        momentum=0.5,
        gradient_accumulation_steps=3,
    ),
    "accumulated adam": lambda k: k.optimizers.Adam(
        0.02,
        weight_decay=0.1,
        clipnorm=0.1,
        use_ema=True,
        ema_momentum=0.8,
        ema_overwrite_frequency=2,
        gradient_accumulation_steps=2,
    ),
    "accumulated nadam": lambda k: k.optimizers.Nadam(0.02, gradient_accumulation_steps=4),
    "accumulated rmsprop": lambda k: k.optimizers.RMSprop(
        0.01, use_ema=True, gradient_accumulation_steps=2
    ),
    "loss scale factor": lambda k: k.optimizers.Adam(0.01, loss_scale_factor=1024.0),
    "loss scale": lambda k: k.optimizers.LossScaleOptimizer(
        k.optimizers.Adam(0.02, weight_decay=0.1, use_ema=True), dynamic_growth_steps=3
    ),
    "multi": lambda k: k.optimizers.MultiOptimizer(
        k.optimizers.OptimizerMap(
            k.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.2),
            {".*bias": k.optimizers.Adam(0.05), ".*dense/kernel": k.optimizers.Lamb(0.02)},
        )
    ),
}


def small_net(keras, outputs=3, activation="softmax", seed=5):
    """A network with 6 inputs and two Dense layers, with weights from a seed."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, w.shape).astype("f4") for w in model.get_weights()])
    return model


def small_data(n=40, seed=6):
    """(x, integer labels in 3 classes)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 6)).astype("f4"), rng.integers(0, 3, n)


def run_optimizer(keras, name):
    """(weights after ten steps, weights after `finalize_variable_values`), flat."""
    keras.utils.clear_session()  # paths of weights contain counters
    model = small_net(keras)
    model.compile(OPTIMIZERS[name](keras), "sparse_categorical_crossentropy")
    x, y = small_data()
    for step in range(10):
        rows = slice(4 * step, 4 * step + 4)
        model.train_on_batch(x[rows], y[rows])
    after = flat(model)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return after, flat(model)


def flat(model):
    return np.concatenate([np.asarray(w).ravel() for w in model.get_weights()])


SCHEDULES = {
    "exponential": lambda s: s.ExponentialDecay(0.1, 10, 0.9),
    "exponential staircase": lambda s: s.ExponentialDecay(0.1, 10, 0.9, staircase=True),
    "inverse time": lambda s: s.InverseTimeDecay(0.1, 10, 0.5),
    "inverse time staircase": lambda s: s.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    "polynomial": lambda s: s.PolynomialDecay(0.1, 25, 0.01, power=2.0),
    "polynomial cycle": lambda s: s.PolynomialDecay(0.1, 8, 0.01, power=0.5, cycle=True),
    "cosine": lambda s: s.CosineDecay(0.1, 30, alpha=0.1),
    "cosine warm-up": lambda s: s.CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=12),
    "cosine restarts": lambda s: s.CosineDecayRestarts(0.1, 7, t_mul=2.0, m_mul=0.8, alpha=0.05),
    "piecewise": lambda s: s.PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01]),
}
SCHEDULE_STEPS = (0, 1, 5, 7, 8, 10, 11, 12, 16, 19, 20, 21, 24, 25, 29, 30, 50, 100)

# ----------------------------------------------------------------------------------------- losses

# kind of target, the output's activation, and the loss
LOSSES = {
    "sparse": ("labels", "softmax", lambda k: k.losses.SparseCategoricalCrossentropy()),
    "sparse string": ("labels", "softmax", lambda k: "sparse_categorical_crossentropy"),
    "sparse logits": (
        "labels",
        None,
        lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "sparse sum": (
        "labels",
        "softmax",
        lambda k: k.losses.SparseCategoricalCrossentropy(reduction="sum"),
    ),
    "categorical": ("one-hot", "softmax", lambda k: "categorical_crossentropy"),
    "categorical smooth": (
        "one-hot",
        "softmax",
        lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.2),
    ),
    "categorical logits": (
        "one-hot",
        None,
        lambda k: k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    ),
    "binary": ("bits", "sigmoid", lambda k: "binary_crossentropy"),
    "binary smooth": (
        "bits",
        "sigmoid",
        lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.2),
    ),
    "binary logits": ("bits", None, lambda k: k.losses.BinaryCrossentropy(from_logits=True)),
    "sparse logits of softmax": (
        "labels",
        "softmax",
        lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "categorical sum": (
        "one-hot",
        "softmax",
        lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction="sum"),
    ),
    "binary logits smooth": (
        "bits",
        None,
        lambda k: k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.3),
    ),
    "mse": ("real", None, lambda k: "mse"),
    "mse sum": ("real", None, lambda k: k.losses.MeanSquaredError(reduction="sum")),
    "mse class": ("real", "tanh", lambda k: k.losses.MeanSquaredError()),
    "mae": ("real", None, lambda k: "mae"),
    "mape": ("real", None, lambda k: "mape"),
    "msle": ("positive", "softplus", lambda k: "msle"),
    "huber": ("real", None, lambda k: "huber"),
    "huber delta": ("real", None, lambda k: k.losses.Huber(delta=0.4)),
    "log_cosh": ("real", None, lambda k: k.losses.LogCosh()),
    "cosine": ("real", None, lambda k: k.losses.CosineSimilarity()),
    "kl_divergence": ("distribution", "softmax", lambda k: "kl_divergence"),
    "poisson": ("positive", "softplus", lambda k: "poisson"),
    "hinge": ("signs", "tanh", lambda k: "hinge"),
    "hinge of bits": ("bits", "tanh", lambda k: k.losses.Hinge()),
    "squared_hinge": ("signs", None, lambda k: "squared_hinge"),
    "categorical_hinge": ("one-hot", None, lambda k: "categorical_hinge"),
    "sparse ignored": (
        "some labels",
        "softmax",
        lambda k: k.losses.SparseCategoricalCrossentropy(ignore_class=-1),
    ),
    "sparse logits ignored": (
        "some labels",
        None,
        lambda k: k.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=-1, reduction="mean_with_sample_weight"
        ),
    ),
    "sparse sum ignored": (
        "some labels",
        None,
        lambda k: k.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=-1, reduction="sum"
        ),
    ),
    "mse weighted mean": (
        "real",
        None,
        lambda k: k.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
    ),
    "binary focal": ("bits", "sigmoid", lambda k: "binary_focal_crossentropy"),
    "binary focal balanced": (
        "bits",
        "sigmoid",
        lambda k: k.losses.BinaryFocalCrossentropy(True, 0.4, 1.5, label_smoothing=0.2),
    ),
    "binary focal logits": (
        "bits",
        None,
        lambda k: k.losses.BinaryFocalCrossentropy(from_logits=True, gamma=0.0),
    ),
    "categorical focal": ("one-hot", "softmax", lambda k: "categorical_focal_crossentropy"),
    "categorical focal alphas": (
        "one-hot",
        "softmax",
        lambda k: k.losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5], gamma=1.0),
    ),
    "categorical focal logits": (
        "one-hot",
        None,
        lambda k: k.losses.CategoricalFocalCrossentropy(from_logits=True, label_smoothing=0.1),
    ),
    "generalized": (
        "labels",
        "softmax",
        lambda k: k.losses.CategoricalGeneralizedCrossEntropy(0.3),
    ),
    "dice": ("bits", "sigmoid", lambda k: "dice"),
    "dice samples": ("bits", "sigmoid", lambda k: k.losses.Dice(axis=-1)),
    "dice sum": ("bits", "sigmoid", lambda k: k.losses.Dice(reduction="sum")),
    "tversky": ("bits", "sigmoid", lambda k: k.losses.Tversky(alpha=0.3, beta=0.7)),
    "tversky samples": (
        "bits",
        "sigmoid",
        lambda k: k.losses.Tversky(axis=-1, reduction="mean_with_sample_weight"),
    ),
    "circle": ("labels", "tanh", lambda k: k.losses.Circle(gamma=2.0, margin=0.3)),
    "circle sum": ("labels", "tanh", lambda k: k.losses.Circle(gamma=2.0, reduction="sum")),
}


def targets(kind, n, size=3, seed=7):
    """Targets (n, size), or labels (n,), of a kind that losses and metrics accept."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, size, n)
    if kind == "labels":
        return labels
    if kind == "some labels":
        return np.where(np.arange(n) % 3 == 1, -1, labels)
    if kind == "one-hot":
        return np.eye(size, dtype="f4")[labels]
    if kind == "bits":
        return rng.integers(0, 2, (n, size)).astype("f4")
    if kind == "signs":
        return rng.choice([-1.0, 1.0], (n, size)).astype("f4")
    values = rng.normal(size=(n, size)).astype("f4")
    if kind == "real":
        return values
    values = np.abs(values) + 0.1
    return values / values.sum(1, keepdims=True) if kind == "distribution" else values


def sample_weights(n, seed=8):
    return np.random.default_rng(seed).uniform(0, 2, n).astype("f4")


def run_loss(keras, name):
    """Train for ten steps on eight samples, without and with sample weights.

    Returns the losses of the steps, and the network's weights after the first and the last.
    """
    kind, activation, make = LOSSES[name]
    x, _ = small_data(8)
    y, weights = targets(kind, 8), sample_weights(8)
    losses, after = [], []
    for given in (None, weights):
        model = small_net(keras, activation=activation)
        rate = 1e-4 if name == "mape" else 0.02  # its slope is 100 / |y_true|
        model.compile(keras.optimizers.SGD(rate), make(keras))
        steps = []
        for step in range(10):
            steps.append(float(model.train_on_batch(x, y, sample_weight=given)))
            if step in (0, 9):
                after.append(flat(model))
        losses.append(steps)
    return losses, after


# ---------------------------------------------------------------------------------------- metrics

# kind of target; kind of prediction: "p" for 3 probabilities, "p1" for one, "z" for reals; metric
METRICS = {
    "accuracy": ("labels", "labels", lambda m: m.Accuracy()),
    "binary_accuracy": ("bits", "p", lambda m: m.BinaryAccuracy()),
    "binary_accuracy threshold": ("bits", "p", lambda m: m.BinaryAccuracy(threshold=0.3)),
    "categorical_accuracy": ("one-hot", "p", lambda m: m.CategoricalAccuracy()),
    "sparse_categorical_accuracy": ("labels", "p", lambda m: m.SparseCategoricalAccuracy()),
    "top 2": ("one-hot", "p", lambda m: m.TopKCategoricalAccuracy(k=2)),
    "sparse top 2": ("labels", "p", lambda m: m.SparseTopKCategoricalAccuracy(k=2)),
    "precision": ("bits", "p", lambda m: m.Precision()),
    "precision thresholds": ("bits", "p", lambda m: m.Precision(thresholds=[0.2, 0.4, 0.6])),
    "precision top_k": ("one-hot", "p", lambda m: m.Precision(top_k=2)),
    "precision class_id": ("one-hot", "p", lambda m: m.Precision(class_id=1, thresholds=0.3)),
    "recall": ("bits", "p1", lambda m: m.Recall()),
    "recall thresholds": ("bits", "p", lambda m: m.Recall(thresholds=[0.0, 0.5, 1.0])),
    "recall top_k": ("one-hot", "p", lambda m: m.Recall(top_k=1)),
    "auc": ("bits", "p1", lambda m: m.AUC()),
    "auc majoring": ("bits", "p", lambda m: m.AUC(20, summation_method="majoring")),
    "auc minoring": ("bits", "p", lambda m: m.AUC(20, summation_method="minoring")),
    "auc thresholds": ("bits", "p", lambda m: m.AUC(thresholds=[0.1, 0.35, 0.6])),
    "auc pr": ("bits", "p", lambda m: m.AUC(curve="PR")),
    "auc pr minoring": ("bits", "p", lambda m: m.AUC(curve="PR", summation_method="minoring")),
    "auc multi_label": ("bits", "p", lambda m: m.AUC(multi_label=True)),
    "auc label_weights": (
        "bits",
        "p",
        lambda m: m.AUC(multi_label=True, num_labels=3, label_weights=[0.5, 1.0, 2.0]),
    ),
    "auc logits": ("bits", "z", lambda m: m.AUC(from_logits=True)),
    "true positives": ("bits", "p", lambda m: m.TruePositives()),
    "false positives": ("bits", "p", lambda m: m.FalsePositives(thresholds=[0.3, 0.6])),
    "true negatives": ("bits", "p", lambda m: m.TrueNegatives()),
    "false negatives": ("bits", "p", lambda m: m.FalseNegatives()),
    "sensitivity": ("bits", "p", lambda m: m.SensitivityAtSpecificity(0.5)),
    "specificity": ("bits", "p", lambda m: m.SpecificityAtSensitivity(0.5)),
    "precision at recall": ("bits", "p", lambda m: m.PrecisionAtRecall(0.5)),
    "recall at precision": ("bits", "p", lambda m: m.RecallAtPrecision(0.5)),
    "f1": ("one-hot", "p", lambda m: m.F1Score()),
    "f1 macro": ("bits", "p", lambda m: m.F1Score(average="macro", threshold=0.4)),
    "f2 micro": ("bits", "p", lambda m: m.FBetaScore(average="micro", beta=2.0, threshold=0.4)),
    "f1 weighted": ("one-hot", "p", lambda m: m.F1Score(average="weighted")),
    "mse": ("real", "z", lambda m: m.MeanSquaredError()),
    "rmse": ("real", "z", lambda m: m.RootMeanSquaredError()),
    "mae": ("real", "z", lambda m: m.MeanAbsoluteError()),
    "mape": ("real", "z", lambda m: m.MeanAbsolutePercentageError()),
    "msle": ("positive", "p", lambda m: m.MeanSquaredLogarithmicError()),
    "log_cosh": ("real", "z", lambda m: m.LogCoshError()),
    "cosine": ("real", "z", lambda m: m.CosineSimilarity()),
    "r2": ("real", "z", lambda m: m.R2Score()),
    "binary_crossentropy": ("bits", "p", lambda m: m.BinaryCrossentropy(label_smoothing=0.1)),
    "categorical_crossentropy": ("one-hot", "p", lambda m: m.CategoricalCrossentropy()),
    "sparse_categorical_crossentropy": (
        "labels",
        "z",
        lambda m: m.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "kl_divergence": ("distribution", "p", lambda m: m.KLDivergence()),
    "poisson": ("positive", "p", lambda m: m.Poisson()),
    "hinge": ("signs", "z", lambda m: m.Hinge()),
    "squared_hinge": ("signs", "z", lambda m: m.SquaredHinge()),
    "categorical_hinge": ("one-hot", "z", lambda m: m.CategoricalHinge()),
    "sparse ignored": (
        "some labels",
        "p",
        lambda m: m.SparseCategoricalCrossentropy(ignore_class=-1),
    ),
    "iou": ("labels", "labels", lambda m: m.IoU(3, [0, 2])),
    "iou ignored": ("labels", "labels", lambda m: m.IoU(4, [0, 3, 2], ignore_class=2)),
    "iou of some": ("some labels", "labels", lambda m: m.IoU(3, [0, 1], dtype="float32")),
    "binary_iou": ("bits", "p1", lambda m: m.BinaryIoU([1], 0.4)),
    "mean_iou": ("labels", "labels", lambda m: m.MeanIoU(3)),
    "mean_iou argmax": ("labels", "p", lambda m: m.MeanIoU(3, sparse_y_pred=False)),
    "one_hot_iou": ("one-hot", "p", lambda m: m.OneHotIoU(3, (1,), ignore_class=0)),
    "one_hot_mean_iou": ("one-hot", "p", lambda m: m.OneHotMeanIoU(3, dtype="float64")),
    "one_hot_mean_iou labels": (
        "one-hot",
        "labels",
        lambda m: m.OneHotMeanIoU(3, sparse_y_pred=True),
    ),
    "pearson": ("real", "z", lambda m: m.PearsonCorrelation()),
    "pearson axis": ("real", "z", lambda m: m.PearsonCorrelation(axis=1)),
    "concordance": ("real", "z", lambda m: m.ConcordanceCorrelation()),
    "wrapper": (
        "bits",
        "p",
        lambda m: m.MeanMetricWrapper(m.binary_focal_crossentropy, "focal", gamma=1.5),
    ),
}


def metric_data(name, n=30):
    """Valid (targets, predictions) for a metric."""
    kind, prediction, _ = METRICS[name]
    size = 1 if prediction == "p1" else 3
    y_true = targets(kind, n, size)
    rng = np.random.default_rng(9)
    if prediction == "labels":
        return y_true, rng.integers(0, size, n)
    z = rng.normal(size=(n, size)).astype("f4")
    if prediction == "z":
        return y_true, z
    p = 1 / (1 + np.exp(-z))
    return y_true, (p / p.sum(1, keepdims=True) if kind != "bits" else p).astype("f4")


def run_metric(keras, name):
    """Results after each of three batches without weights, then of all samples with weights."""
    y_true, y_pred = metric_data(name)
    metric, results = METRICS[name][2](keras.metrics), []
    for rows in (slice(0, 7), slice(7, 20), slice(20, 30)):
        metric.update_state(y_true[rows], y_pred[rows])
        results.append(np.array(metric.result(), np.float64).tolist())
    metric.reset_state()
    metric.update_state(y_true, y_pred, sample_weight=sample_weights(30))
    results.append(np.array(metric.result(), np.float64).tolist())
    return results


# ----------------------------------------------------------------------------------- regularizers

REGULARIZERS = {
    "l1": lambda k: k.regularizers.L1(0.02),
    "l2": lambda k: k.regularizers.L2(0.03),
    "l1_l2": lambda k: k.regularizers.L1L2(0.01, 0.02),
    "string": lambda k: "l2",
    "orthogonal": lambda k: k.regularizers.OrthogonalRegularizer(0.3),
    "orthogonal columns": lambda k: k.regularizers.OrthogonalRegularizer(0.3, mode="columns"),
}
CONSTRAINTS = {
    "max_norm": lambda k: k.constraints.MaxNorm(0.7),
    "max_norm axis": lambda k: k.constraints.MaxNorm(0.7, axis=[0, 1]),
    "non_neg": lambda k: k.constraints.NonNeg(),
    "unit_norm": lambda k: k.constraints.UnitNorm(axis=1),
    "min_max_norm": lambda k: k.constraints.MinMaxNorm(0.5, 0.8, rate=0.5),
    "string": lambda k: "non_neg",
}


def run_regularized(keras, where, name):
    """(history of `fit` with validation, final weights) with a regularizer or constraint."""
    table = CONSTRAINTS if where == "kernel_constraint" else REGULARIZERS
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation="tanh", **{where: table[name](keras)}),
            keras.layers.Dense(3, activation="softmax", bias_regularizer="l2"),
        ]
    )
    model.set_weights(small_net(keras).get_weights())
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    x, y = small_data()
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=2,
        shuffle=False,
        validation_split=0.25,
        verbose=0,
        sample_weight=sample_weights(40),
    ).history
    return history, flat(model)


INITIALIZERS = {
    "zeros": lambda i: i.Zeros(),
    "ones": lambda i: i.Ones(),
    "constant": lambda i: i.Constant(0.5),
    "identity": lambda i: i.Identity(gain=2.0),
    "random_normal": lambda i: i.RandomNormal(0.5, 0.1, seed=1),
    "truncated_normal": lambda i: i.TruncatedNormal(stddev=0.2),
    "random_uniform": lambda i: i.RandomUniform(-0.1, 0.2),
    "variance_scaling": lambda i: i.VarianceScaling(2.0, "fan_out", "uniform", seed=2),
    "glorot_uniform": lambda i: i.GlorotUniform(),
    "glorot_normal": lambda i: i.GlorotNormal(seed=3),
    "he_uniform": lambda i: i.HeUniform(),
    "he_normal": lambda i: i.HeNormal(),
    "lecun_uniform": lambda i: i.LecunUniform(),
    "lecun_normal": lambda i: i.LecunNormal(),
    "orthogonal": lambda i: i.Orthogonal(gain=0.5),
}


REGULARIZED = [
    *(("kernel_regularizer", name) for name in REGULARIZERS),
    *(("activity_regularizer", name) for name in ("l1", "l2", "l1_l2", "string")),
    *(("bias_regularizer", name) for name in ("l1", "l2")),
    *(("kernel_constraint", name) for name in CONSTRAINTS),
]
