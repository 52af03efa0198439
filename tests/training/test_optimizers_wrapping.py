"""Accumulated gradients, optimizers that contain others, and those of layers' sizes."""

import copy
import json

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import optimizers
from tests.support import pieces


def net(optimizer):
    keras.utils.clear_session()
    model = pieces.small_net(keras)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def train(model, steps, start=0, size=4):
    x, y = pieces.small_data()
    for step in range(start, start + steps):
        rows = slice(size * step, size * step + size)
        model.train_on_batch(x[rows], y[rows])
    return pieces.flat(model)


class Stop(keras.callbacks.Callback):
    """Interrupts `fit` after some batches."""

    def __init__(self, after=None):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def assert_resumes(make, folder, after):
    """A `fit` that is interrupted and resumed ends with the same bits as one that is not."""
    x, y = pieces.small_data()

    def fit(folder, after=None):
        keras.utils.set_random_seed(3)
        model = net(make())
        callbacks = [keras.callbacks.BackupAndRestore(folder, save_freq=1), Stop(after)]
        model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
        return pieces.flat(model)

    wanted = fit(folder / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(folder / "halves", after)
    np.testing.assert_array_equal(fit(folder / "halves"), wanted)


class TestAccumulation:
    def test_is_the_step_of_a_batch_as_large(self):
        accumulated = net(optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2))
        whole = net(optimizers.SGD(0.1, momentum=0.9))
        np.testing.assert_allclose(train(accumulated, 6), train(whole, 3, size=8), atol=1e-6)
        assert accumulated.optimizer.iterations == whole.optimizer.iterations == 3

    def test_weights_change_in_the_last_of_the_steps_only(self):
        model = net(optimizers.Adam(0.1, gradient_accumulation_steps=3))
        before = pieces.flat(model)
        np.testing.assert_array_equal(train(model, 2), before)
        assert model.optimizer.iterations == 0
        assert (train(model, 1, 2) != before).any()
        assert model.optimizer.iterations == 1

    def test_a_backup_within_the_steps_resumes_with_the_same_bits(self, tmp_path):
        settings = {"use_ema": True, "gradient_accumulation_steps": 4}
        assert_resumes(lambda: optimizers.Adam(0.1, **settings), tmp_path, 5)

    def test_in_a_model_with_shared_layers_and_a_copy(self):
        first = net(optimizers.SGD(0.1, gradient_accumulation_steps=2))
        train(first, 2)
        model = keras.Sequential([keras.Input((6,)), first.layers[0], keras.layers.Dense(3)])
        model.compile(optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")
        x, y = np.ones((4, 6)), np.ones((4, 3))
        model.train_on_batch(x, y)
        twin = copy.deepcopy(model)
        for each in (model, twin):
            each.train_on_batch(x, y)
        np.testing.assert_array_equal(pieces.flat(model), pieces.flat(twin))

    def test_invalid_arguments(self):
        with pytest.raises(ValueError, match="`gradient_accumulation_steps` must be an integer"):
            optimizers.SGD(gradient_accumulation_steps=1)
        with pytest.raises(ValueError, match="`loss_scale_factor` must be above 0"):
            optimizers.SGD(loss_scale_factor=0.0)


class TestLossScale:
    def test_steps_with_gradients_that_are_not_finite_are_skipped(self):
        optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), dynamic_growth_steps=2)
        model = net(optimizer)
        before = pieces.flat(model)
        x, y = pieces.small_data()
        model.train_on_batch(np.full((4, 6), np.nan), y[:4])
        np.testing.assert_array_equal(pieces.flat(model), before)
        assert (optimizer.iterations, optimizer.dynamic_scale) == (0, 2.0**14)
        for _ in range(2):
            model.train_on_batch(x[:4], y[:4])
        assert (optimizer.iterations, optimizer.dynamic_scale) == (2, 2.0**15)
        assert optimizer.step_counter == 0
        assert optimizer.variables[2].numpy() == 0

    def test_learning_rate_is_that_of_the_inner_optimizer(self):
        schedule = optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
        optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(schedule))
        train(net(optimizer), 1)
        assert optimizer.learning_rate == 0.25
        optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1))
        optimizer.learning_rate = 0.3
        assert optimizer.inner_optimizer.learning_rate == pytest.approx(0.3)

    def test_arguments_belong_to_the_inner_optimizer(self):
        inner = optimizers.SGD()
        optimizers.LossScaleOptimizer(inner, clipnorm=None, use_ema=False)
        with pytest.raises(ValueError, match="does not support `clipnorm`: set it on the"):
            optimizers.LossScaleOptimizer(inner, clipnorm=1.0)
        with pytest.raises(ValueError, match="does not support `dynamic=False`"):
            optimizers.LossScaleOptimizer(inner, dynamic=False)
        with pytest.raises(ValueError, match="Unrecognized argument of LossScaleOptimizer: foo"):
            optimizers.LossScaleOptimizer(inner, foo=1)
        with pytest.raises(ValueError, match="`inner_optimizer` must be an optimizer"):
            optimizers.LossScaleOptimizer("sgd")

    def test_a_backup_resumes_with_the_same_bits(self, tmp_path):
        assert_resumes(lambda: pieces.OPTIMIZERS["loss scale"](keras), tmp_path, 7)


class TestMultiOptimizer:
    def test_a_function_may_select_the_optimizer(self):
        adam, sgd = optimizers.Adam(0.1), optimizers.SGD(0.0)
        optimizer = optimizers.MultiOptimizer(
            lambda variable: adam if "dense_1" in variable.path else sgd
        )
        model = net(optimizer)
        before = model.get_weights()
        train(model, 2)
        changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
        assert changed == [False, False, True, True]
        assert optimizer.optimizers == [sgd, adam]
        assert optimizer.iterations == adam.iterations == 2
        with pytest.raises(NotImplementedError, match="selects optimizers by a function"):
            optimizer.get_config()

    def test_has_no_learning_rate_of_its_own(self):
        optimizer = optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD()))
        for access in (
            lambda: optimizer.learning_rate,
            lambda: setattr(optimizer, "learning_rate", 0.1),
        ):
            with pytest.raises(AttributeError, match="that of one of its `optimizers`"):
                access()

    def test_a_backup_resumes_with_the_same_bits(self, tmp_path):
        assert_resumes(lambda: pieces.OPTIMIZERS["multi"](keras), tmp_path, 7)

    def test_a_map_matches_whole_paths(self):
        adam, sgd, rmsprop = optimizers.Adam(), optimizers.SGD(), optimizers.RMSprop()
        by_path = optimizers.OptimizerMap(rmsprop, {"a/b": adam})
        by_path["a/.*"] = sgd
        assert [by_path[path] for path in ("a/b", "a/c", "a")] == [adam, sgd, rmsprop]
        assert (len(by_path), list(by_path)) == (2, ["a/b", "a/.*"])
        by_path[".*c"] = adam
        with pytest.raises(ValueError, match="Several entries match the variable 'a/c'"):
            by_path["a/c"]
        with pytest.raises(ValueError, match="The key 'a/b' already has an optimizer"):
            by_path["a/b"] = sgd
        with pytest.raises(ValueError, match="needs an optimizer, other than"):
            by_path["d"] = optimizers.LossScaleOptimizer(sgd)
        with pytest.raises(TypeError, match="`default_optimizer` must be an optimizer"):
            optimizers.OptimizerMap("sgd")
        del by_path["a/b"]
        assert by_path["a/b"] is sgd


@pytest.mark.parametrize("pattern", ["(a+)+", "a*b*c*", "a" * 201, 3])
def test_slow_expressions_in_a_config_are_rejected(pattern):
    """A file must not choose how long matching takes."""
    muon = optimizers.serialize(optimizers.Muon())
    muon["config"]["exclude_layers"] = [pattern]
    with pytest.raises(ValueError, match="`exclude_layers`"):
        optimizers.deserialize(muon)
    if isinstance(pattern, str):
        config = optimizers.OptimizerMap(optimizers.SGD(), {pattern: optimizers.SGD()})
        config = json.loads(json.dumps(optimizers.serialize(optimizers.MultiOptimizer(config))))
        with pytest.raises(ValueError, match="`optimizer_map`"):
            optimizers.deserialize(config)


def test_schedule_free_weights_are_between_steps_and_their_mean():
    """By the formula, in float64: y interpolates z and the mean x of all z."""
    model = net(optimizers.ScheduleFreeAdamW(0.05, beta_1=0.7, warmup_steps=3))
    gradients = []
    step = model.optimizer.step

    def recording_step():
        gradients.append(model.optimizer.gradients.astype(float))
        step()

    start = pieces.flat(model)
    model.optimizer.step = recording_step
    result = train(model, 5)
    assert len(start) == len(result)
    velocity, z = 0.0, None
    for t, gradient in enumerate(gradients, 1):
        velocity = velocity + (gradient**2 - velocity) * 0.001
        if z is None:
            z = x = flat_of_store(model, start)
        z = z - 0.05 * min(1, t / 3) * gradient / (np.sqrt(velocity / (1 - 0.999**t)) + 1e-8)
        x = (1 - 1 / t) * x + z / t
    np.testing.assert_allclose(model.store.weights, 0.3 * z + 0.7 * x, atol=2e-6)


def flat_of_store(model, weights):
    """Weights as `pieces.flat` returns them, in the layout of the model's store."""
    flat, start = np.zeros(model.store.weights.shape), 0
    for variable, part in model.store.slices:
        flat[part] = weights[start : start + variable.size]
        start += variable.size
    return flat


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop", "Adagrad", "Ftrl"])
def test_legacy_optimizers_say_what_to_use(name):
    legacy = getattr(optimizers.legacy, name)
    with pytest.raises(ImportError, match=f"`optimizers.{name}`"):
        legacy(0.1)
