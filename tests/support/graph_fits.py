"""Named runs of models with several inputs and outputs, for Keras or fastcnn.

tests/keras/golden/record_graph_fits.py records Keras's outcomes, test_graph_fits.py compares.
"""

import numpy as np

from tests.support.pieces import flat
from tests.support.runs import Runs

N = 22
SPARSE = "sparse_categorical_crossentropy"
LOSSES = {"size": "mse", "kind": SPARSE}
METRICS = {"size": ["mae"], "kind": ["accuracy"]}
EAGERLY = {"run_eagerly": True}  # Keras compiles longer than these models train
FITS = Runs()
case = FITS.case


def net(keras, arrange=lambda size, kind: [size, kind], by_name=False):
    """Inputs `left` (4,) and `right` (3,), outputs `size` (2,) and `kind` (3 classes).

    `arrange` nests the two outputs; `by_name` makes the inputs a dictionary.
    """
    dense = keras.layers.Dense
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    both = keras.layers.Add()([dense(5, "tanh", name="l")(left), dense(5, name="r")(right)])
    size = dense(2, name="size")(both)
    kind = dense(3, "softmax", name="kind")(both)
    inputs = {"left": left, "right": right} if by_name else [left, right]
    return with_weights(keras.Model(inputs, arrange(size, kind)))


def with_weights(model, seed=5):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, w.shape).astype("f4") for w in model.get_weights()])
    return model


def data(n=N, seed=6):
    """{name: array} of the inputs and of the targets."""
    rng = np.random.default_rng(seed)
    x = {"left": rng.normal(size=(n, 4)), "right": rng.normal(size=(n, 3))}
    y = {"size": rng.normal(size=(n, 2)).astype("f4"), "kind": rng.integers(0, 3, n)}
    return {name: array.astype("f4") for name, array in x.items()}, y


def weights(n=N):
    """{name: array} of sample weights."""
    rng = np.random.default_rng(7)
    return {name: rng.uniform(0.2, 2, n).astype("f4") for name in ("size", "kind")}


def as_keys(size, kind):
    """Outputs as a dictionary, not in the order of its keys."""
    return {"size": size, "kind": kind}


def lists(*named):
    return [list(entries.values()) for entries in named]


def trained(keras, model=None, x=None, y=None, compiled=None, rate=0.1, **settings):
    """What `fit`, `evaluate` and the names show, and the weights afterwards."""
    model = model or net(keras)
    default_x, default_y = lists(*data())
    x, y = default_x if x is None else x, default_y if y is None else y
    arguments = {"loss": ["mse", SPARSE], **EAGERLY, **(compiled or {})}
    model.compile(keras.optimizers.SGD(rate), **arguments)
    settings = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **settings}
    history = model.fit(x, y, **settings).history
    more = {key: settings[key] for key in ("sample_weight",) if key in settings}
    results = model.evaluate(x, y, verbose=0, batch_size=8, **more)
    named = model.evaluate(x, y, verbose=0, batch_size=8, return_dict=True, **more)
    return [history, results, named, flat(model)]


# ------------------------------------------------------------------------------- losses and metrics


@case
def losses_as_a_list(keras, folder):
    return trained(keras, compiled={"metrics": [["mae"], ["accuracy"]]})


@case
def everything_by_name(keras, folder):
    x, y = data()
    return trained(keras, x=x, y=y, compiled={"loss": LOSSES, "metrics": METRICS})


@case
def losses_by_name_in_another_order(keras, folder):
    compiled = {"loss": {"kind": SPARSE, "size": "mse"}, "metrics": {"kind": "accuracy"}}
    return trained(keras, compiled=compiled)


@case
def outputs_in_a_dictionary(keras, folder):
    x, y = data()
    compiled = {"loss": LOSSES, "metrics": METRICS, "loss_weights": {"size": 0.5, "kind": 2.0}}
    return trained(keras, net(keras, as_keys, by_name=True), x, y, compiled)


@case
def losses_of_a_dictionary_in_another_order(keras, folder):
    x, y = data()
    compiled = {"loss": {"kind": SPARSE, "size": "mse"}, "metrics": METRICS}
    return trained(keras, net(keras, as_keys), x, y, compiled)


@case
def other_keys_than_the_layers_names(keras, folder):
    x, y = data()
    renamed = net(keras, lambda size, kind: {"b": size, "a": kind})
    compiled = {"loss": {"b": "mse", "a": SPARSE}, "metrics": {"a": ["accuracy"]}}
    return trained(keras, renamed, x, {"b": y["size"], "a": y["kind"]}, compiled)


@case
def lists_for_a_dictionary(keras, folder):
    """Lists are in the order of the sorted keys."""
    x, y = data()
    compiled = {"loss": [SPARSE, "mse"], "metrics": [["accuracy"], ["mae"]]}
    return trained(keras, net(keras, as_keys), x, [y["kind"], y["size"]], compiled)


@case
def outputs_in_a_tuple(keras, folder):
    x, y = data()
    model = net(keras, lambda size, kind: (size, kind))
    return trained(keras, model, x, tuple(y.values()), {"metrics": (["mae"], ["accuracy"])})


@case
def one_loss_for_all(keras, folder):
    y = data()[1]
    targets = [y["size"], np.eye(3, dtype="f4")[y["kind"]]]
    return trained(keras, y=targets, compiled={"loss": "mse", "metrics": ["mae", "accuracy"]})


@case
def nested_outputs(keras, folder):
    x, y = data()
    model = net(keras, lambda size, kind: [{"p": size, "q": kind}, kind])
    targets = [{"p": y["size"], "q": y["kind"]}, y["kind"]]
    results = [trained(keras, model, x, targets, {"loss": [{"p": "mse", "q": SPARSE}, SPARSE]})]
    model = net(keras, lambda size, kind: {"p": [size, kind], "q": size})
    targets = {"p": [y["size"], y["kind"]], "q": y["size"]}
    compiled = {"loss": {"p": ["mse", SPARSE], "q": "mae"}}
    return [*results, trained(keras, model, x, targets, compiled)]


@case
def loss_weights(keras, folder):
    return [
        trained(keras, compiled={"loss_weights": [2.0, 0.5]}),
        trained(keras, compiled={"loss": LOSSES, "loss_weights": {"kind": 0.5, "size": 2.0}}),
        trained(keras, compiled={"loss_weights": [None, 3.0]}),
    ]


@case
def loss_weight_of_a_single_output(keras, folder):
    x, y = data()
    single = net(keras, lambda size, kind: size)
    return trained(keras, single, x, y["size"], {"loss": "mse", "loss_weights": 2.0})


@case
def outputs_without_a_loss(keras, folder):
    x, y = data()
    kind, compiled = y["kind"], {"loss": [None, SPARSE]}
    results = [
        trained(keras, y=targets, compiled=compiled)
        for targets in (kind, [kind], [None, kind], [y["size"], kind])
    ]
    metrics = {"metrics": [["mae"], ["accuracy"]]}
    results.append(trained(keras, compiled={**compiled, **metrics}))
    keys = net(keras, as_keys)
    results.append(trained(keras, keys, x, {"kind": kind}, {"loss": {"kind": SPARSE}}))
    return results


@case
def forms_of_accuracy(keras, folder):
    rng = np.random.default_rng(8)
    image = keras.Input((4,))
    dense = keras.layers.Dense
    model = keras.Model(
        image,
        [
            dense(1, "sigmoid", name="binary")(image),
            dense(3, "softmax", name="sparse")(image),
            dense(3, "softmax", name="one_hot")(image),
        ],
    )
    labels = rng.integers(0, 3, N)
    targets = [(labels > 0).astype("f4"), labels, np.eye(3, dtype="f4")[labels]]
    compiled = {
        "loss": ["binary_crossentropy", SPARSE, "categorical_crossentropy"],
        "metrics": ["accuracy", ["accuracy"], ["acc"]],
    }
    x = rng.normal(size=(N, 4)).astype("f4")
    return trained(keras, with_weights(model), x, targets, compiled)


@case
def names_of_repeated_metrics(keras, folder):
    metrics = [["mae", "mae", keras.metrics.MeanSquaredError(name="m")], ["accuracy"]]
    weighted = [["mae", "mse"], ["accuracy"]]
    return trained(keras, compiled={"metrics": metrics, "weighted_metrics": weighted})


@case
def reductions_and_penalties(keras, folder):
    compiled = {"loss": [keras.losses.MeanSquaredError(reduction="sum"), SPARSE]}
    results = [trained(keras, compiled=compiled, rate=0.01)]
    left = keras.Input((4,), name="left")
    dense = keras.layers.Dense
    stem = dense(5, kernel_regularizer=keras.regularizers.L2(0.1))(left)
    size = dense(2, activity_regularizer=keras.regularizers.L1(0.1), name="size")(stem)
    model = with_weights(keras.Model(left, [size, dense(3, "softmax", name="kind")(stem)]))
    return [*results, trained(keras, model, data()[0]["left"], rate=0.01)]


# ----------------------------------------------------------------------------------- sample weights


@case
def sample_weights(keras, folder):
    w = weights()
    compiled = {"weighted_metrics": [["mae"], ["accuracy"]]}
    return [
        trained(keras, compiled=compiled, sample_weight=given)
        for given in (list(w.values()), w["size"], [None, w["kind"]], [w["size"], None])
    ]


@case
def sample_weights_by_name(keras, folder):
    (x, y), w = data(), weights()
    compiled = {"loss": LOSSES, "metrics": METRICS, "weighted_metrics": METRICS}
    return [
        trained(keras, net(keras, as_keys), x, y, compiled, sample_weight=given)
        for given in (w, {**w, "kind": None}, w["size"])
    ]


@case
def class_weights_of_a_single_output(keras, folder):
    x, y = data()
    model = net(keras, lambda size, kind: kind)
    compiled = {"loss": SPARSE, "metrics": ["accuracy"]}
    return trained(keras, model, x, y["kind"], compiled, class_weight={0: 0.5, 2: 3.0})


# -------------------------------------------------------------------------------------------- data


@case
def validation(keras, folder):
    named, w = data(10, seed=1), weights(10)
    x, y = lists(*named)
    return [
        trained(keras, validation_split=0.3),
        trained(keras, validation_data=named),
        trained(keras, validation_data=(x, y, list(w.values()))),
        trained(keras, validation_data=(x, y), validation_batch_size=5, validation_freq=2),
    ]


@case
def other_inputs(keras, folder):
    """Inputs as a tuple, by name in another order, with a key too many."""
    x, y = data()
    return [
        trained(keras, x=given, y=list(y.values()))
        for given in (
            tuple(x.values()),
            {"right": x["right"], "left": x["left"]},
            {**x, "other": x["left"]},
        )
    ]


def batches(count, pack=tuple, weighted=False):
    """Generate `count` batches; `pack` turns a dictionary into what the model gets."""
    (x, y), w = data(), weights()
    for index in range(count):
        rows = slice(index % 2 * 8, index % 2 * 8 + 8)
        parts = (x, y, w) if weighted else (x, y)
        yield tuple(pack({name: a[rows] for name, a in part.items()}) for part in parts)


@case
def generators(keras, folder):
    settings = {"steps_per_epoch": 2, "batch_size": None, "shuffle": False, "verbose": 0}
    results = []
    for pack in (lambda part: tuple(part.values()), dict):
        for weighted in (False, True):
            if weighted and pack is dict:
                continue  # Keras fails
            model = net(keras)
            model.compile(keras.optimizers.SGD(0.1), LOSSES, metrics=METRICS, **EAGERLY)
            history = model.fit(batches(4, pack, weighted), epochs=2, **settings).history
            results.append([history, flat(model)])
    return results


@case
def py_datasets(keras, folder):
    (x, y), w = data(), weights()

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = slice(8 * index, 8 * index + 8)
            parts = [{name: a[rows] for name, a in part.items()} for part in (x, y, w)]
            return tuple(parts)

    model = net(keras, as_keys, by_name=True)
    weighted = {"metrics": METRICS, "weighted_metrics": METRICS}
    model.compile(keras.optimizers.SGD(0.1), LOSSES, **weighted, **EAGERLY)
    history = model.fit(
        Batches(), epochs=2, shuffle=False, verbose=0, validation_data=Batches()
    ).history
    outputs = model.predict(Batches(), verbose=0)
    return [history, model.evaluate(Batches(), verbose=0), flat(model), outputs]


@case
def single_batches(keras, folder):
    (x, y), w = data(), weights()
    model = net(keras)
    model.compile(keras.optimizers.SGD(0.1), LOSSES, metrics=METRICS, **EAGERLY)
    as_lists = lists(x, y)
    return [
        model.train_on_batch(*as_lists),
        model.train_on_batch(x, y, return_dict=True),
        model.train_on_batch(*as_lists, sample_weight=list(w.values())),
        model.train_on_batch(*as_lists, sample_weight=w["kind"]),
        model.test_on_batch(*as_lists),
        model.test_on_batch(x, y, return_dict=True),
        model.predict_on_batch(x),
        flat(model),
    ]


# ------------------------------------------------------------------------------- predict, callbacks


@case
def predictions(keras, folder):
    """Results are nested like the outputs; a list of one is a single array."""
    x, _ = data()
    arrangements = [
        lambda size, kind: [size, kind],
        lambda size, kind: (kind, size),
        lambda size, kind: {"z": size, "a": kind},
        lambda size, kind: [size],
        lambda size, kind: {"z": size},
        lambda size, kind: [size, {"p": [kind], "o": size}],
    ]
    results = []
    for arrange in arrangements:
        result = net(keras, arrange).predict(x, batch_size=8, verbose=0)
        results.append([type(result).__name__, result])
    return results


@case
def hooks(keras, folder):
    seen = []

    class Calls(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(["train", batch, sorted(logs)])

        def on_test_batch_end(self, batch, logs=None):
            seen.append(["test", batch, sorted(logs)])

        def on_epoch_end(self, epoch, logs=None):
            seen.append(["epoch", epoch, list(logs)])

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(["predict", [list(np.shape(array)) for array in logs["outputs"]]])

    x, y = lists(*data())
    model = net(keras)
    model.compile("sgd", LOSSES, metrics=METRICS, **EAGERLY)
    settings = {"verbose": 0, "batch_size": 16, "callbacks": [Calls()]}
    model.fit(x, y, validation_data=(x, y), shuffle=False, **settings)
    model.evaluate(x, y, **settings)
    model.predict(x, **settings)
    return seen


@case
def monitoring(keras, folder):
    best = folder / "best.weights.h5"
    model = net(keras)
    callbacks = [
        keras.callbacks.EarlyStopping("val_kind_loss", patience=1, mode="min"),
        keras.callbacks.ModelCheckpoint(
            str(best), "val_kind_accuracy", mode="max", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.CSVLogger(str(folder / "log.csv")),
    ]
    result = trained(
        keras,
        model,
        compiled={"metrics": [["mae"], ["accuracy"]]},
        epochs=6,
        validation_split=0.3,
        callbacks=callbacks,
    )
    header = (folder / "log.csv").read_text().splitlines()[0]
    model.load_weights(best)
    return [result, header, flat(model)]
