"""Results that steps write as columns of a concatenation's array, so that nothing is copied."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.plan import plan


def small_net(size=8, normalizes=False):
    """Branches of all kinds; the layers c, d, g and h can write columns, a, e and f cannot."""
    keras.utils.set_random_seed(1)
    image = keras.Input((size, size, 3))
    a = layers.Conv2D(16, 3, padding="same", activation="relu", name="a")(image)
    b = layers.Conv2D(16, 3, padding="same", use_bias=not normalizes, name="b")(a)
    if normalizes:
        b = layers.ReLU()(layers.BatchNormalization()(b))
    c = layers.Conv2D(24, 3, padding="same", activation="relu", name="c")(b)
    pooled = layers.MaxPooling2D(2)(c)
    d = layers.Conv2DTranspose(5, 2, strides=2, activation="relu", name="d")(pooled)
    e = layers.Conv2D(3, 1, name="e")(a)
    f = layers.Conv2D(4, 5, padding="same", activation="tanh", name="f")(a)
    g = layers.Conv2DTranspose(16, 3, padding="same", name="g")(a)
    merged = layers.Concatenate(name="merged")([a, c, d, e, f, g, e])
    merged = layers.Concatenate(name="more")([merged, g, layers.Conv2D(8, 1, name="h")(merged)])
    outputs = layers.Conv2D(4, 1, activation="softmax")(layers.MaxPooling2D(2)(merged))
    model = keras.Model(image, outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def data(n=8, size=8):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, size, size, 3)).astype("f4"), rng.integers(
        0, 4, (n, size // 2, size // 2)
    )


def results(model):
    """Predictions of many batch sizes, before and after training, and the weights."""
    x, y = data()
    found = []
    for _ in range(2):
        found += [model.predict(x[:n], verbose=0) for n in (1, 8, 3, 8, 1, 5, 2, 7)]
        found += [model(x[:n]) for n in (2, 1)]
        for size in (4, 2, 7, 4):
            model.fit(x, y, size, epochs=2, shuffle=False, verbose=0)
        found.append(model.evaluate(x, y, 3, verbose=0))
    return [np.array(array) for array in [*found, *model.get_weights()]]


def writers(program):
    """The layers that write columns of the concatenations."""
    names = {"merged": set(), "more": set()}
    for step in program.steps:
        if step.name in names:
            names[step.name] = {writer.layers[0].name for writer in step.writers}
    return names


@pytest.mark.parametrize("normalizes", [False, True])
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_results_are_those_of_copies(backend, normalizes, monkeypatch):
    keras.config.set_backend(backend)
    model = small_net(normalizes=normalizes)
    found = results(model)
    assert writers(model._plan.training) == {"merged": {"c", "d", "g"}, "more": {"h"}}
    assert writers(model._plan.inference) == {"merged": {"c", "d", "g"}, "more": {"h"}}
    monkeypatch.setattr(plan, "write_into_concatenations", lambda *args, **options: None)
    model = small_net(normalizes=normalizes)
    for array, wanted in zip(found, results(model), strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert writers(model._plan.inference) == {"merged": set(), "more": set()}


def test_only_the_copies_that_are_needed_run():
    model = small_net()
    model.predict(data()[0], verbose=0)
    step = next(step for step in model._plan.inference.steps if step.name == "merged")
    (call,) = step._calls.values()
    assert len(call.forward) == len(call.xs) - 3  # not c, d and g
    assert "3 of 7 in place" in model.plan()


def test_many_image_sizes_free_the_arrays(monkeypatch):
    model = small_net(size=None)
    sizes = [*range(8, 90, 2), 8, 20, 8]
    found = [model.predict(data(2, size)[0], verbose=0) for size in sizes]
    monkeypatch.setattr(plan, "write_into_concatenations", lambda *args, **options: None)
    model = small_net(size=None)
    for size, array in zip(sizes, found, strict=True):
        np.testing.assert_array_equal(array, model.predict(data(2, size)[0], verbose=0))


def test_a_result_in_another_array_is_copied():
    model = small_net()
    x, _ = data()
    wanted = np.array(model.predict(x, verbose=0))
    step = next(step for step in model._plan.inference.steps if step.name == "merged")
    (call,) = step._calls.values()
    stale = tuple(
        np.array(array)[..., :] if array.flags.c_contiguous else _wide(array) for array in call.xs
    )
    np.testing.assert_array_equal(step.forward(stale), np.concatenate(call.xs, -1))
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)


def _wide(array):
    """A copy as columns of another array."""
    whole = np.full((*array.shape[:-1], array.shape[-1] + 3), np.nan, np.float32)
    whole[..., 2:-1] = array
    return whole[..., 2:-1]
