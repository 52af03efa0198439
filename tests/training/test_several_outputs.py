"""Several inputs and outputs in fit, evaluate and predict; graph_fits.py has what Keras does."""

import copy

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from tests.support.graph_fits import LOSSES, METRICS, SPARSE, as_keys, data, lists, net, weights
from tests.support.pieces import flat

X, Y = data()


def compiled(model=None, loss=None, **settings):
    model = model or net(keras)
    model.compile(keras.optimizers.SGD(0.1), loss or LOSSES, **settings)
    return model


def test_batches_of_any_kind_train_like_arrays():
    def batches(pack):
        for begin in range(0, 22, 8):
            rows = slice(begin, begin + 8)
            yield tuple(pack({k: a[rows] for k, a in part.items()}) for part in (X, Y, weights()))

    wanted = compiled(metrics=METRICS)
    settings = {"verbose": 0, "shuffle": False}
    history = wanted.fit(X, Y, 8, sample_weight=list(weights().values()), **settings).history
    for pack in (dict, lambda part: list(part.values()), lambda part: tuple(part.values())):
        model = compiled(metrics=METRICS)
        assert model.fit(batches(pack), **settings).history == history
        np.testing.assert_array_equal(flat(model), flat(wanted))


def test_total_loss_is_the_weighted_sum():
    model = compiled(loss_weights={"size": 0.25, "kind": 3.0})
    total, size, kind = model.evaluate(X, Y, verbose=0)
    assert total == pytest.approx(0.25 * size + 3 * kind)
    assert model.metrics_names == ["loss", "size_loss", "kind_loss"]
    assert [metric.name for metric in model.metrics] == model.metrics_names
    assert [metric.result() for metric in model.metrics] == pytest.approx([total, size, kind])


def test_a_loss_weight_scales_the_gradients():
    once, twice = compiled(loss_weights=[1.0, 0.0]), compiled(loss_weights=[2.0, 0.0])
    for model, rate in ((once, 0.2), (twice, 0.1)):
        model.optimizer.learning_rate = rate
        model.fit(X, Y, verbose=0, shuffle=False)
    np.testing.assert_allclose(flat(once), flat(twice), rtol=1e-5, atol=1e-7)


def test_outputs_without_loss_and_metrics_need_no_targets():
    model = compiled(loss={"size": None, "kind": SPARSE})
    only = model.evaluate(X, {"kind": Y["kind"]}, verbose=0)
    assert only == model.evaluate(X, Y, verbose=0) == model.evaluate(X, Y["kind"], verbose=0)
    model = compiled(loss={"size": None, "kind": SPARSE}, metrics={"size": "mae"})
    with pytest.raises(ValueError, match=r"`y\['size'\]` is missing: the metrics need targets"):
        model.fit(X, Y["kind"], verbose=0)
    assert len(model.evaluate(X, Y, verbose=0)) == 2


def test_metrics_of_labels_for_an_output_without_loss():
    model = compiled(loss=["mse", None], metrics={"kind": "accuracy"})
    labels = model.predict(X, verbose=0)[1].argmax(1)
    assert model.evaluate(X, [Y["size"], labels], verbose=0)[1] == 1.0


def test_predictions_of_no_samples_and_of_unknown_numbers():
    model = net(keras, as_keys)
    nothing = model.predict({name: x[:0] for name, x in X.items()}, verbose=0)
    assert {name: y.shape for name, y in nothing.items()} == {"size": (0, 2), "kind": (0, 3)}
    batches = ({name: x[rows] for name, x in X.items()} for rows in (slice(8), slice(8, None)))
    for name, y in model.predict(batches, verbose=0).items():
        np.testing.assert_array_equal(y, model.predict(X, verbose=0)[name])


def test_names_of_several_outputs_have_a_direction():
    model = compiled(metrics=METRICS)
    stop = [keras.callbacks.EarlyStopping(name) for name in ("kind_accuracy", "size_loss")]
    model.fit(X, Y, verbose=0, callbacks=stop)
    assert [callback.monitor_op for callback in stop] == [np.greater, np.less]


def test_progress_shows_all_names(capsys):
    compiled(metrics=METRICS).fit(X, Y, verbose=2)
    line = capsys.readouterr().out
    names = [part.split(":")[0] for part in line.strip().split(" - ")[3:]]
    assert names == ["kind_accuracy", "kind_loss", "loss", "size_loss", "size_mae"]


def test_models_with_one_input_accept_it_in_a_list_and_by_name():
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="y")])
    model.compile("sgd", {"y": "mse"}, metrics={"y": ["mae"]}, loss_weights=[2.0])
    x, y = X["left"], Y["size"]
    wanted = model.evaluate(x, y, verbose=0)
    for given in ([x], (x,), {"x": x}, {"x": x, "other": y}):
        assert model.evaluate(given, [y], verbose=0) == wanted
        np.testing.assert_array_equal(model(given), model(x))
    assert model.evaluate(x.tolist(), {"y": y}, verbose=0) == wanted
    with pytest.raises(ValueError, match=r"no entry for the input 'x'.*Received the keys \['z'\]"):
        model.predict({"z": x})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"x": X["left"]},
            r"inputs \['left', 'right'\]: `x` must be a list of 2.*Received an array",
        ),
        ({"x": [X["left"]]}, "Received a list of 1"),
        ({"x": {"left": X["left"]}}, "`x` has no entry for the input 'right'"),
        ({"x": [X["right"], X["left"]]}, r"`x\['left'\]` must be an array of shape \(n, 4\)"),
        ({"x": [X["left"], X["right"][:5]]}, "Received 22 and 5 in x and 22 and 22 in y"),
        ({"y": [Y["size"], Y["kind"][:5]]}, "Received 22 and 22 in x and 22 and 5 in y"),
        ({"y": None}, r"`y\['size'\]` is missing: the loss needs targets"),
        ({"y": {"size": Y["size"]}}, "`y` has no entry for the output 'kind'"),
        ({"y": {**Y, "more": Y["kind"]}}, r"`y` has entries for unknown outputs: \['more'\]"),
        ({"y": [Y["size"]]}, "`y` must be a list of 2"),
        ({"sample_weight": {"size": np.ones(22)}}, "no entry for the output 'kind'"),
        ({"sample_weight": [np.ones(22), np.ones(5)]}, r"`sample_weight\['kind'\]` must have one"),
        ({"class_weight": {0: 1.0}}, "`class_weight` is only for models with one output"),
    ],
)
def test_errors_say_what_the_model_takes(arguments, message):
    model = compiled()
    before = flat(model)
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    np.testing.assert_array_equal(flat(model), before)


def test_arrays_of_two_inputs_do_not_share_a_buffer():
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model([left, right], [dense(left), dense(right)])
    ones = np.ones((3, 2), "f4")
    for outputs in (model([ones, 2 * ones]), model.predict([ones, 2 * ones], verbose=0)):
        assert [y.tolist() for y in outputs] == [[[2.0]] * 3, [[4.0]] * 3]


def test_single_batches_share_buffers():
    model = compiled(metrics=METRICS)
    x, y = lists(X, Y)
    for _ in range(3):
        model.train_on_batch(x, y)
        model.test_on_batch(X, Y)
    assert len(model._singles.buffers._batches) == 1
    assert len(model._inputs) == 2


@pytest.mark.parametrize("arrange", [as_keys, lambda size, kind: [size, kind]])
def test_copies_are_compiled_for_the_same_outputs(arrange):
    metrics = {"size": [keras.metrics.MeanAbsoluteError(name="mae")], "kind": "accuracy"}
    weights = {"size": 2.0, "kind": 1}
    model = compiled(net(keras, arrange), metrics=metrics, loss_weights=weights)
    again = copy.deepcopy(model)
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert again.metrics_names == model.metrics_names


def test_weights_that_no_loss_depends_on():
    """Only their regularizers change them, by the same amount each step, as in Keras."""
    x = keras.Input((3,))
    shared, decayed = (
        layers.Dense(2),
        layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1)),
    )
    a, b = layers.Dense(2, name="a")(x), shared(decayed(x))
    other = keras.Sequential([keras.Input((2,)), shared])
    other.compile(keras.optimizers.SGD(0.1), "mse")
    other.fit(*np.ones((2, 4, 2)), verbose=0)  # leaves a gradient in the shared layer
    model = keras.Model(x, {"a": a, "b": b})
    model.compile(keras.optimizers.SGD(0.1), {"a": "mse"})
    before, kept = decayed.kernel.value.copy(), shared.kernel.value.copy()
    model.fit(np.ones((8, 3)), {"a": np.ones((8, 2))}, batch_size=2, verbose=0)
    np.testing.assert_allclose(decayed.kernel.value, before * (1 - 0.1 * 0.2) ** 4, rtol=1e-6)
    np.testing.assert_array_equal(shared.kernel.value, kept)


def test_a_penalty_of_an_output_that_no_loss_depends_on():
    """Its gradient reaches the weights before it, as in Keras; not those behind it."""
    x = keras.Input((3,))
    layer = layers.Dense(2, activity_regularizer=keras.regularizers.L2(0.1), use_bias=False)
    behind = layers.Dense(2)
    outputs = {"a": layers.Dense(2, name="a")(x), "b": behind(layers.ReLU()(layer(x)))}
    model = keras.Model(x, outputs)
    model.compile(keras.optimizers.SGD(0.5), {"a": "mse"})
    before, kept = layer.kernel.value.copy(), behind.kernel.value.copy()
    images = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    for _ in range(2):
        model.train_on_batch(images, {"a": np.ones((4, 2))})
        before = before - 0.5 * images.T @ (2 * 0.1 * images @ before) / 4
    np.testing.assert_allclose(layer.kernel.value, before, rtol=1e-5)
    np.testing.assert_array_equal(behind.kernel.value, kept)
