"""The arguments of `compile` reach the right outputs. The names are those of Keras 3.15."""

import pytest

from fastcnn import losses, metrics
from fastcnn.data.structure import Structure
from fastcnn.training.objectives import Objectives

LIST = Structure([0, 1], ["a", "b"], "output")
KEYS = Structure({"v": 1, "u": 0}, ["x", "y"], "output")
DEEP = Structure([[0, 1], 2], ["a", "b", "c"], "output")
NESTED = Structure({"p": {"u": 0, "v": 1}, "q": 2}, ["a", "b", "c"], "output")
SPARSE = "sparse_categorical_crossentropy"


def loss_names(objectives):
    return [item.loss and item.loss.name for item in objectives.of_outputs]


MSE, MAE = "mean_squared_error", "mean_absolute_error"


@pytest.mark.parametrize(
    ("outputs", "loss", "wanted"),
    [
        (LIST, "mse", [MSE, MSE]),
        (LIST, losses.MeanAbsoluteError(), [MAE, MAE]),
        (LIST, ["mse", "mae"], [MSE, MAE]),
        (LIST, ("mse", None), [MSE, None]),
        (LIST, {"b": "mse", "a": "mae"}, [MAE, MSE]),
        (LIST, {"b": "mse", "a": None}, [None, MSE]),
        (KEYS, {"v": "mse", "u": "mae"}, [MAE, MSE]),
        (KEYS, {"v": "mse"}, [None, MSE]),
        (KEYS, ["mse", "mae"], [MSE, MAE]),
        (DEEP, "mse", [MSE, MSE, MSE]),
        (DEEP, ["mse", "mae", None], [MSE, MAE, None]),
        (DEEP, [["mse", "mae"], "mse"], [MSE, MAE, MSE]),
        (NESTED, {"p": {"u": "mse", "v": "mae"}, "q": None}, [MSE, MAE, None]),
    ],
)
def test_losses(outputs, loss, wanted):
    assert loss_names(Objectives(outputs, loss)) == wanted


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        (None, [1, 1]),
        ([2, 0.5], [2, 0.5]),
        ([None, 0.5], [1, 0.5]),
        ({"b": 0.5, "a": 2.0}, [2, 0.5]),
    ],
)
def test_loss_weights(weights, wanted):
    assert Objectives(LIST, "mse", weights).loss_weights == wanted


def test_loss_weight_of_a_single_output():
    for weight in (2.0, [2.0], {"a": 2.0}):
        assert Objectives(Structure(0, ["a"]), "mse", weight).loss_weights == [2.0]


def test_outputs_without_a_loss_need_no_weight():
    objectives = Objectives(LIST, [None, "mse"], {"b": 2.0})
    assert objectives.loss_weights == [1.0, 2.0]
    assert objectives.without_loss == [0]


@pytest.mark.parametrize(
    ("outputs", "given", "names"),
    [
        (LIST, [["mae"], ["accuracy"]], ["a_mae", "b_accuracy"]),
        (LIST, ["mae", "accuracy"], ["a_mae", "b_accuracy"]),
        (LIST, [None, ["accuracy"]], ["b_accuracy"]),
        (LIST, [[], ["accuracy"]], ["b_accuracy"]),
        (LIST, {"b": "accuracy", "a": ["mae", "mse"]}, ["a_mae", "a_mse", "b_accuracy"]),
        (LIST, [["mae", "mae"], "mae"], ["a_mae", "a_mae_1", "b_mae"]),
        (KEYS, {"v": metrics.MeanSquaredError(name="m")}, ["v_m"]),
        (KEYS, ["mae", "mse"], ["u_mae", "v_mse"]),
        (DEEP, [["mae", ["mse", "mae"]], "mae"], ["a_mae", "b_mse", "b_mae", "c_mae"]),
        (NESTED, {"p": {"u": "mae", "v": ["mse"]}, "q": "mae"}, ["a_mae", "b_mse", "c_mae"]),
        (Structure({"k": 0}, ["a"]), {"k": ["mae"]}, ["mae"]),
    ],
)
def test_metrics(outputs, given, names):
    assert [name for name, _ in Objectives(outputs, "mse", None, given).all_metrics] == names


def test_weighted_metrics_follow_and_are_renamed():
    objectives = Objectives(LIST, "mse", None, [["mae"], "mse"], {"a": ["mae", "mse"], "b": "mse"})
    assert [name for name, _ in objectives.all_metrics] == [
        *("a_mae", "b_mse", "a_weighted_mae", "a_mse", "b_weighted_mse"),
    ]


def test_names_in_logs():
    assert Objectives(LIST, "mse").names == ["loss", "a_loss", "b_loss"]
    assert Objectives(LIST, [None, "mse"], None, ["mse", "mae"]).names == ["loss", "a_mse", "b_mae"]
    assert Objectives(KEYS, "mse").names == ["loss", "v_loss", "u_loss"]
    assert Objectives(KEYS, {"u": "mse", "v": "mse"}).names == ["loss", "u_loss", "v_loss"]
    assert Objectives(LIST, {"b": "mse", "a": "mse"}).names == ["loss", "a_loss", "b_loss"]
    assert Objectives(DEEP, "mse").names == ["loss", "0/a_loss", "0/b_loss", "c_loss"]
    assert Objectives(NESTED, "mse").names == ["loss", "p/u_loss", "p/v_loss", "q_loss"]
    assert Objectives(LIST, "mse", None, {"b": "mae", "a": "mse"}).names == [
        *("loss", "a_loss", "b_loss", "a_mse", "b_mae"),
    ]


def test_directions_are_known_by_the_names_in_logs():
    objectives = Objectives(LIST, ["mse", SPARSE], None, ["mae", "accuracy"])
    for name, wanted in [
        ("loss", "down"),
        ("a_loss", "down"),
        ("a_mae", "down"),
        ("b_accuracy", "up"),
        ("accuracy", None),
    ]:
        assert objectives.direction(name) == wanted


@pytest.mark.parametrize(
    ("outputs", "arguments", "message"),
    [
        (LIST, {"loss": ["mse"]}, "`loss` must be a list of 2.*Received a list of 1"),
        (LIST, {"loss": ["mse"] * 3}, "Received a list of 3"),
        (LIST, {"loss": {"b": "mse"}}, "`loss` has no entry for the output 'a'"),
        (LIST, {"loss": {"a": "mse", "c": "mse"}}, r"`loss` .* unknown outputs: \['c'\]"),
        (KEYS, {"loss": {"x": "mse"}}, r"unknown outputs: \['x'\].*outputs are \['v', 'u'\]"),
        (LIST, {"loss_weights": 2.0}, "`loss_weights` must be a list of 2.*Received 2.0"),
        (LIST, {"loss_weights": [2.0]}, "Received a list of 1"),
        (LIST, {"loss_weights": {"a": 2.0}}, "`loss_weights` has no entry for the output 'b'"),
        (LIST, {"loss_weights": ["x", 1]}, r"`loss_weights\['a'\]` must be a float"),
        (LIST, {"metrics": "mae"}, "`metrics` must be a list of 2.*Received 'mae'"),
        (LIST, {"metrics": ["mae"]}, "`metrics` must be a list of 2.*Received a list of 1"),
        (LIST, {"metrics": {"c": "mae"}}, r"`metrics` has entries for unknown outputs: \['c'\]"),
        (LIST, {"weighted_metrics": ["mae"] * 3}, "`weighted_metrics` must be a list of 2"),
        (LIST, {"metrics": [["mae", None], "mae"]}, "A metric must not be None"),
        (LIST, {"metrics": [{"a": "mae"}, "mae"]}, "metrics of an output must be a list"),
    ],
)
def test_what_does_not_correspond_to_the_outputs_is_rejected(outputs, arguments, message):
    with pytest.raises(ValueError, match=message):
        Objectives(outputs, **{"loss": "mse", **arguments})
