"""Names: the counters of layer names, and the lookup from strings to classes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fastcnn.core import registry
from fastcnn.core.registry import Configurable, Registry, reset_names, snake_case, unique_name
from tests.support.threads import run_in_threads


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Conv2D", "conv2d"),
        ("MaxPooling2D", "max_pooling2d"),
        ("BatchNormalization", "batch_normalization"),
        ("ReLU", "re_lu"),
        ("Dense", "dense"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"),
    ],
)
def test_snake_case_matches_keras(name, wanted):
    assert snake_case(name) == wanted


def test_unique_names():
    reset_names()
    assert [unique_name("a"), unique_name("b"), unique_name("a")] == ["a", "b", "a_1"]
    reset_names()
    assert unique_name("a") == "a"


def make():
    fruit = Registry("fruit", "keras.fruits")

    @fruit.register("apple", "pomme")
    class Apple(Configurable):
        def __init__(self, size=1):
            self.size = size

        def get_config(self):
            return {"size": self.size}

    return fruit, Apple


def test_get():
    fruit, apple_class = make()
    for identifier in ("apple", "Apple", "APPLE", "pomme", apple_class):
        assert isinstance(fruit.get(identifier, apple_class), apple_class)
    mine = apple_class(3)
    assert fruit.get(mine, apple_class) is mine
    assert fruit.get(None, apple_class) is None
    assert fruit.names() == ["apple"]
    assert repr(mine) == "Apple(size=3)"


def test_configs():
    fruit, apple_class = make()
    config = fruit.serialize(apple_class(3))
    assert config == {
        "module": "keras.fruits",
        "class_name": "Apple",
        "config": {"size": 3},
        "registered_name": None,
    }
    assert fruit.get(config, apple_class).size == 3
    assert fruit.serialize(None) is None


def test_errors_list_the_valid_names():
    fruit, apple_class = make()
    with pytest.raises(
        ValueError, match=r"Unknown fruit: 'aple'. Did you mean 'apple'. Valid fruit"
    ):
        fruit.get("aple", apple_class)
    for wrong in (3, int, ["apple"], object()):
        with pytest.raises(ValueError, match=r"Unknown fruit: .* Valid fruit names are: apple"):
            fruit.get(wrong, apple_class)
    with pytest.raises(ValueError, match="needs a `class_name` string"):
        fruit.get({"class_name": 3}, apple_class)
    with pytest.raises(ValueError, match="Unknown fruit: 'Pear'"):
        fruit.get({"class_name": "Pear", "config": {}}, apple_class)


def test_threads_wait_for_a_part_that_another_one_imports(tmp_path, monkeypatch):
    (tmp_path / "slow_part.py").write_text(
        "import time\n"
        "from fastcnn.core.registry import Registry\n"
        "time.sleep(0.1)\n"
        "Registry.of('slow').register('late')('the entry')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_registries", dict(registry._registries))
    slow = Registry("slow", "keras.slow", ["slow_part"])
    found = [None] * 3

    def run(index):
        found[index] = slow.lookup("late")

    run_in_threads(run, 3)
    assert found == ["the entry"] * 3


def test_names_of_threads_are_independent():
    reset_names()
    assert unique_name("a") == "a"
    with ThreadPoolExecutor(1) as pool:
        assert [pool.submit(unique_name, "a").result() for _ in range(2)] == ["a", "a_1"]
        pool.submit(reset_names).result()
        assert pool.submit(unique_name, "a").result() == "a"
    assert unique_name("a") == "a_1"
