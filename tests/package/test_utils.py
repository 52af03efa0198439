"""Utilities: seeds, one-hot targets."""

import copy
import random

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import utils


def test_set_random_seed_seeds_everything():
    def draw():
        return (
            random.random(),
            np.random.random(),
            keras.random.generator().random(),
            float(keras.initializers.HeNormal()((1,))[0]),
        )

    utils.set_random_seed(3)
    first = draw()
    assert draw() != first
    utils.set_random_seed(3)
    assert draw() == first
    for wrong in (-1, 2**32, 1.5, "1", True, None):
        with pytest.raises(ValueError, match="`seed` must be an integer from 0"):
            utils.set_random_seed(wrong)


def test_generator_state_can_be_saved_and_restored():
    state = keras.random.get_state()
    first = keras.random.generator().random()
    keras.random.set_state(state)
    assert keras.random.generator().random() == first


def test_to_categorical():
    wanted = np.eye(4, dtype="f4")[[0, 3, 1]]
    for labels in ([0, 3, 1], [[0], [3], [1]], np.array([0, 3, 1], np.uint8), [0.0, 3.0, 1.0]):
        result = utils.to_categorical(labels)
        assert result.dtype == np.float64  # as in Keras
        np.testing.assert_array_equal(result, wanted)
    assert utils.to_categorical([0], 5).shape == (1, 5)
    assert utils.to_categorical([[0, 1], [1, 0]]).shape == (2, 2, 2)
    with pytest.raises(ValueError, match=r"must be from 0 to 2. Received labels from 0 to 3"):
        utils.to_categorical([0, 3], 3)
    with pytest.raises(ValueError, match="must be integers"):
        utils.to_categorical(["a"])


def test_normalize():
    np.testing.assert_allclose(
        utils.normalize(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]]
    )


class TestSplitDataset:
    X, Y = np.arange(10), np.arange(10) * 2

    def halves(self, data, *sizes, **settings):
        sides = keras.utils.split_dataset(data, *sizes, **settings)
        return [[plain(element) for element in side.as_numpy_iterator()] for side in sides]

    def test_sizes(self):
        assert self.halves(self.X, 0.7) == [list(range(7)), [7, 8, 9]]
        assert self.halves(self.X, right_size=2) == [list(range(8)), [8, 9]]
        assert self.halves(self.X, 2, 3) == [[0, 1], [7, 8, 9]]
        assert self.halves((self.X, self.Y), 2)[0] == [(0, 0), (1, 2)]
        assert self.halves([self.X, self.Y], 2)[0] == [(0, 0), (1, 2)]

    def test_order_of_keras(self):
        order = list(range(10))
        random.Random(5).shuffle(order)
        assert self.halves(self.X, 0.5, shuffle=True, seed=5) == [order[:5], order[5:]]

    def test_data_sets(self):
        data = keras.data.Dataset.from_tensor_slices({"a": self.X})
        assert self.halves(data, 1)[0] == [{"a": 0}]
        left, right = keras.utils.split_dataset(data.batch(3), 5)
        assert [batch["a"].tolist() for batch in left] == [[0, 1, 2], [3, 4]]
        assert [batch["a"].tolist() for batch in right] == [[5, 6, 7], [8, 9]]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ((X,), ValueError, "At least one of `left_size` and `right_size`"),
            ((X, 10), ValueError, "`left_size` must be a positive integer less than the 10"),
            ((X, None, 1.0), ValueError, "`right_size` must be"),
            ((X, "5"), TypeError, "`left_size` must be an integer or a float"),
            ((X, 6, 5), ValueError, "must not exceed the 10 samples"),
            ((X, 0.01), ValueError, "One side would be empty"),
            (([X, [1]], 1), ValueError, "must consist of arrays"),
            (((X, X[1:]), 1), ValueError, "same length"),
            ((3, 1), TypeError, "must be a Dataset or arrays"),
            ((iter(()), 1), ValueError, "no samples"),
        ],
    )
    def test_errors(self, arguments, error, message):
        with pytest.raises(error, match=message):
            keras.utils.split_dataset(*arguments)


def plain(element):
    if isinstance(element, (tuple, dict)):
        items = element.items() if isinstance(element, dict) else enumerate(element)
        plain = {key: value.item() for key, value in items}
        return plain if isinstance(element, dict) else tuple(plain.values())
    return element.item()


class TestProgbar:
    def test_values_are_averaged(self, capsys):
        bar = keras.utils.Progbar(3, stateful_metrics=["rate"], width=6, unit_name="sample")
        bar.update(1, [("loss", 2.0), ("rate", 5)])
        bar.add(1, [("loss", 4.0), ("rate", 7)])
        bar.update(2, [("more", 1e-5)])
        assert capsys.readouterr().out == ""
        bar.update(3, finalize=True)
        out = capsys.readouterr().out
        assert out.startswith("3/3 ━━━━━━ 0s ")
        assert out.endswith("s/sample - loss: 3.0000 - rate: 7.0000 - more: 1.0000e-05\n")

    def test_verbosity(self, capsys):
        bar = keras.utils.Progbar(2, verbose=2, stateless_metrics=["loss"])
        bar.update(1, [("loss", 2.0), ("other", 5)])
        bar.update(2, [("loss", 1.0), ("other", 6)])
        assert capsys.readouterr().out.endswith("s/step - loss: 1.0000 - other: 6.0000\n")
        keras.utils.Progbar(1, verbose=0).update(1)
        assert capsys.readouterr().out == ""
        with pytest.raises(ValueError, match="not both"):
            keras.utils.Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_batches_are_packed_and_unpacked():
    pack, unpack = keras.utils.pack_x_y_sample_weight, keras.utils.unpack_x_y_sample_weight
    assert (pack(1), pack([1]), pack(1, 2), pack(1, 2, 3)) == (1, ([1],), (1, 2), (1, 2, 3))
    assert unpack(1) == unpack((1,)) == (1, None, None)
    assert unpack([1, 2, 3]) == (1, 2, 3)
    with pytest.raises(ValueError, match="Received a tuple of 4"):
        unpack((1, 2, 3, 4))


def test_dtypes_and_tensors():
    standardize = keras.utils.standardize_dtype
    for dtype, name in (
        *((None, "float32"), (float, "float32"), (int, "int32"), (bool, "bool")),
        *(("uint8", "uint8"), (np.int16, "int16"), (np.dtype("f8"), "float64")),
    ):
        assert standardize(dtype) == name
    with pytest.raises(ValueError, match="Invalid dtype: 'nothing'"):
        standardize("nothing")
    assert keras.utils.is_keras_tensor(keras.Input((2,)))
    assert not keras.utils.is_keras_tensor(np.zeros(2))


def test_configs():
    config = keras.utils.Config(rate=0.1)
    config.seed = 3
    config["name"] = "a"
    assert (config.rate, config["seed"], len(config), list(config)) == (
        *(0.1, 3, 3),
        ["name", "rate", "seed"],
    )
    assert config.to_json() == '{"rate": 0.1, "seed": 3, "name": "a"}'
    assert copy.deepcopy(config).as_dict() == config.as_dict()
    assert "rate" in config
    assert config.pop("name") == "a"
    config.freeze()
    assert config.frozen
    for change in (
        lambda: setattr(config, "rate", 1),
        lambda: config.update(rate=1),
        lambda: config.__delitem__("rate"),
    ):
        with pytest.raises(ValueError, match="frozen"):
            change()
    config.unfreeze()
    del config["rate"]
    assert config.get("rate", 5) == 5
    with pytest.raises(AttributeError, match="no value 'rate'"):
        _ = config.rate
