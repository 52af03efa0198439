"""fit, evaluate, predict: what they compute, log and leave behind."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers


def data(n=70, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 6, 6, 1)).astype(np.float32), rng.integers(0, classes, n)


def net(outputs=3, activation="softmax", seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(outputs, activation=activation),
        ]
    )


def compiled(optimizer="adam", metrics=("accuracy",), seed=1):
    model = net(seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


@pytest.fixture(params=["native", "reference"])
def backend(request):
    keras.config.set_backend(request.param)
    return request.param


class TestFit:
    def test_fit_reduces_the_loss(self, backend):
        x, _ = data(200)
        y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
        model = compiled(keras.optimizers.Adam(0.01))
        history = model.fit(x, y, epochs=30, verbose=0).history
        assert history["loss"][-1] < 0.3 * history["loss"][0]
        assert history["accuracy"][-1] > 0.9

    def test_a_step_is_the_gradient_of_the_mean_loss(self, backend):
        """One step of SGD with rate 1 moves each weight by minus the loss's slope."""
        x, y = data(10)
        model = compiled(keras.optimizers.SGD(1.0))
        loss = keras.losses.SparseCategoricalCrossentropy()
        start = model.get_weights()
        model.train_on_batch(x, y)
        moved = [now - then for now, then in zip(model.get_weights(), start, strict=True)]
        model.set_weights(start)
        for place, index in [(0, (1, 1, 0, 2)), (1, (3,)), (2, (5, 1)), (3, (0,))]:
            slopes = []
            for step in (1e-2, -1e-2):
                weights = [weight.copy() for weight in start]
                weights[place][index] += step
                model.set_weights(weights)
                slopes.append(float(loss(y, model(x).astype(np.float64))))
            slope = (slopes[0] - slopes[1]) / 2e-2
            assert moved[place][index] == pytest.approx(-slope, abs=2e-3)

    def test_history(self):
        x, y = data()
        model = compiled()
        history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.25)
        assert history is model.history
        assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert history.epoch == [0, 1, 2]
        assert history.params == {"verbose": 0, "epochs": 3, "steps": 2}
        assert model.fit(x[:32], y[:32]).params == {"verbose": "auto", "epochs": 1, "steps": 1}
        assert all(
            type(value) is float and len(values) == 3
            for values in history.history.values()
            for value in values
        )

    def test_logged_loss_is_the_mean_over_the_samples(self):
        """Also where the last batch is smaller: weights stay put with a rate of 0."""
        x, y = data(70)
        model = compiled(keras.optimizers.SGD(0.0))
        logs = model.fit(x, y, batch_size=32, verbose=0).history
        p = model(x)
        assert logs["loss"][0] == pytest.approx(-np.log(p[np.arange(70), y]).mean(), rel=1e-6)
        assert logs["accuracy"][0] == pytest.approx((p.argmax(1) == y).mean(), abs=1e-12)

    def test_validation_split_takes_the_last_samples_before_shuffling(self):
        x, y = data(10)
        model = compiled(keras.optimizers.SGD(0.0))
        history = model.fit(x, y, validation_split=0.25, verbose=0).history
        assert history["val_loss"][0] == model.evaluate(x[7:], y[7:], verbose=0)[0]
        assert history["loss"][0] == pytest.approx(model.evaluate(x[:7], y[:7], verbose=0)[0])

    def test_validation_data(self):
        x, y = data(40)
        model = compiled()
        history = model.fit(
            x, y, validation_data=(x[:9], y[:9]), validation_batch_size=4, epochs=2, verbose=0
        ).history
        assert history["val_loss"][-1] == pytest.approx(
            model.evaluate(x[:9], y[:9], verbose=0, return_dict=True)["loss"], rel=1e-6
        )
        every_second = model.fit(
            x, y, validation_data=(x, y), validation_freq=2, epochs=4, verbose=0
        ).history
        assert len(every_second["loss"]) == 4
        assert len(every_second["val_loss"]) == 2

    def test_same_seed_gives_the_same_run(self, backend):
        x, y = data()
        runs = []
        for _ in range(2):
            model = compiled()
            history = model.fit(x, y, epochs=2, verbose=0, validation_split=0.2).history
            runs.append((history, model.get_weights()))
        assert runs[0][0] == runs[1][0]
        for first, second in zip(runs[0][1], runs[1][1], strict=True):
            np.testing.assert_array_equal(first, second)

    def test_different_seed_gives_a_different_order(self):
        x, y = data()
        first = compiled(seed=1)
        weights = first.get_weights()
        losses = set()
        for seed in (1, 2):
            model = compiled(seed=1)
            model.set_weights(weights)
            keras.utils.set_random_seed(seed)
            losses.add(model.fit(x, y, verbose=0).history["loss"][0])
        assert len(losses) == 2

    def test_without_shuffling_batches_come_in_order(self):
        x, y = data(64)
        by_fit, by_hand = compiled(), compiled()
        by_fit.fit(x, y, shuffle=False, verbose=0)
        by_hand.train_on_batch(x[:32], y[:32])
        by_hand.train_on_batch(x[32:], y[32:])
        for first, second in zip(by_fit.get_weights(), by_hand.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_shuffling_sees_every_sample_once(self):
        """With a rate of 0, the mean over a shuffled epoch is the mean over all samples."""
        x, y = data(67)
        model = compiled(keras.optimizers.SGD(0.0))
        shuffled = model.fit(x, y, batch_size=8, verbose=0).history["loss"][0]
        assert shuffled == pytest.approx(model.evaluate(x, y, verbose=0)[0], rel=1e-6)

    @pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int64", "float16", ">f4"])
    def test_image_dtype_does_not_change_the_result(self, dtype, backend):
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 4, (40, 6, 6, 1)), rng.integers(0, 3, 40)
        wanted = compiled().fit(x.astype(np.float32), y, verbose=0).history
        assert compiled().fit(x.astype(dtype), y, verbose=0).history == wanted

    @pytest.mark.parametrize("shape", [(70,), (70, 1)])
    @pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32"])
    def test_label_dtypes_and_shapes(self, shape, dtype):
        x, y = data()
        wanted = compiled().fit(x, y, verbose=0).history
        assert compiled().fit(x, y.reshape(shape).astype(dtype), verbose=0).history == wanted

    def test_images_without_their_channel_axis(self):
        x, y = data()
        wanted = compiled().fit(x, y, verbose=0).history
        assert compiled().fit(x[..., 0], y, verbose=0).history == wanted
        assert compiled().fit(x[..., None], y, verbose=0).history == wanted

    def test_strided_and_read_only_arrays(self):
        x, y = data(140)
        wanted = compiled().fit(x[::2].copy(), y[::2].copy(), verbose=0).history
        x.flags.writeable = False
        assert compiled().fit(x[::2], y[::2], verbose=0).history == wanted

    def test_class_weight_is_sample_weight(self):
        x, y = data()
        by_class = compiled().fit(x, y, class_weight={0: 2.0, 2: 0.5}, verbose=0).history
        weights = np.array([2.0, 1.0, 0.5])[y]
        by_sample = compiled().fit(x, y, sample_weight=weights, verbose=0).history
        assert by_class == by_sample
        assert by_class != compiled().fit(x, y, verbose=0).history

    def test_weights_scale_loss_but_not_metrics(self):
        x, y = data(20)
        model = compiled(keras.optimizers.SGD(0.0), ["accuracy"])
        model.compile(
            keras.optimizers.SGD(0.0),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["sparse_categorical_accuracy"],
        )
        weights = np.linspace(0, 2, 20)
        logs = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
        p = model(x)
        right = p.argmax(1) == y
        assert logs["loss"] == pytest.approx((-np.log(p[np.arange(20), y]) * weights).mean())
        assert logs["accuracy"] == pytest.approx(right.mean())
        assert logs["sparse_categorical_accuracy"] == pytest.approx(
            (right * weights).sum() / weights.sum()
        )

    def test_class_weight_does_not_weigh_the_validation(self):
        x, y = data(20)
        model = compiled(keras.optimizers.SGD(0.0))
        history = model.fit(x, y, validation_split=0.5, class_weight={0: 9.0}, verbose=0).history
        assert history["val_loss"][0] == model.evaluate(x[10:], y[10:], verbose=0)[0]

    def test_initial_epoch(self):
        x, y = data()
        history = compiled().fit(x, y, initial_epoch=2, epochs=4, verbose=0)
        assert history.epoch == [2, 3]

    def test_frozen_layers_do_not_change(self):
        x, y = data()
        model = compiled()
        model.layers[0].trainable = False
        frozen, before = model.layers[0].get_weights(), model.layers[-1].get_weights()
        model.fit(x, y, verbose=0)
        np.testing.assert_array_equal(model.layers[0].get_weights()[0], frozen[0])
        assert (model.layers[-1].get_weights()[0] != before[0]).any()
        model.layers[0].trainable = True
        model.fit(x, y, verbose=0)
        assert (model.layers[0].get_weights()[0] != frozen[0]).any()

    @pytest.mark.parametrize("after", ["relu", "max_pool", "gelu"])
    def test_bias_of_a_frozen_kernel_is_trained(self, after, backend):
        """Its gradient is that of a layer whose kernel is trained as well."""
        x, y = data()

        def trained(frozen):
            keras.utils.set_random_seed(0)
            activation = None if after == "max_pool" else after
            conv = layers.Conv2D(4, 3, activation=activation, input_shape=x.shape[1:])
            last = [layers.MaxPooling2D()] if after == "max_pool" else []
            model = keras.Sequential([conv, *last, layers.Flatten(), layers.Dense(10)])
            conv.kernel.trainable = not frozen
            before = conv.get_weights()
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.SGD(0.1), loss)
            model.train_on_batch(x, y)
            return before, conv.get_weights()

        (kernel, bias), (kernel_after, bias_after) = trained(frozen=True)
        np.testing.assert_array_equal(kernel_after, kernel)
        assert (bias_after != bias).all()
        np.testing.assert_array_equal(bias_after, trained(frozen=False)[1][1])

    def test_fit_without_trainable_weights_warns(self):
        model = keras.Sequential([keras.Input((2,)), layers.Activation("softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.warns(UserWarning, match="does not have any trainable weights"):
            history = model.fit(np.zeros((3, 2)), [0, 1, 0], verbose=0).history
        assert history["loss"][0] == pytest.approx(np.log(2))

    def test_nan_in_the_data_shows_up_in_the_loss(self, backend):
        x, y = data()
        x[3, 2, 2, 0] = np.nan
        history = compiled().fit(x, y, verbose=0).history
        assert np.isnan(history["loss"][0])

    @pytest.mark.parametrize(
        ("outputs", "activation", "loss", "targets", "metric"),
        [
            (1, "sigmoid", "binary_crossentropy", lambda y: y % 2, "accuracy"),
            (3, "softmax", "categorical_crossentropy", keras.utils.to_categorical, "accuracy"),
            (1, None, "mse", lambda y: y[:, None], "mae"),
            (3, None, keras.losses.SparseCategoricalCrossentropy(True), lambda y: y, "acc"),
            (3, "softmax", keras.losses.mean_absolute_error, keras.utils.to_categorical, "mse"),
            (
                3,
                "softmax",
                keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
                keras.utils.to_categorical,
                "accuracy",
            ),
        ],
    )
    def test_other_losses(self, outputs, activation, loss, targets, metric, backend):
        x, y = data()
        model = net(outputs, activation)
        model.compile(keras.optimizers.Adam(0.01), loss, metrics=[metric])
        history = model.fit(x, targets(y), epochs=8, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        assert metric in history

    def test_uint8_trains_through_rescaling(self):
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (50, 6, 6, 1)).astype(np.uint8), rng.integers(0, 3, 50)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([layers.Rescaling(1 / 255, input_shape=(6, 6, 1)), *net().layers])
        weights = model.get_weights()
        model.compile("adam", "sparse_categorical_crossentropy")
        scaled = net()
        scaled.set_weights(weights)
        scaled.compile("adam", "sparse_categorical_crossentropy")
        wanted = scaled.fit(x / np.float32(255), y, shuffle=False, verbose=0).history
        history = model.fit(x, y, shuffle=False, verbose=0).history
        assert history["loss"][0] == pytest.approx(wanted["loss"][0], rel=1e-5)

    def test_data_is_not_kept_alive(self):
        import gc
        import weakref

        class Held(np.ndarray):
            pass

        x, y = data()
        x = x.view(Held)
        alive = weakref.ref(x)
        model = compiled()
        model.fit(x, y, verbose=0, validation_split=0.1)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        del x
        gc.collect()
        assert alive() is None

    def test_threads_do_not_change_the_bits(self):
        x, y = data(100)
        results = []
        for count in (1, 2, 3):
            keras.config.set_num_threads(count)
            model = compiled()
            model.fit(x, y, epochs=2, verbose=0)
            results.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])


class TestEvaluateAndPredict:
    def test_return_types(self):
        x, y = data()
        model = compiled()
        as_list = model.evaluate(x, y, verbose=0)
        as_dict = model.evaluate(x, y, verbose=0, return_dict=True)
        assert list(as_dict) == ["accuracy", "loss"]
        assert as_list == [as_dict["loss"], as_dict["accuracy"]]
        assert model.metrics_names == ["loss", "accuracy"]
        model.compile("adam", "sparse_categorical_crossentropy")
        assert type(model.evaluate(x, y, verbose=0)) is float

    def test_batches_do_not_change_the_result(self):
        x, y = data(100)
        model = compiled()
        results = {tuple(model.evaluate(x, y, batch_size=n, verbose=0)) for n in (1, 7, 100, 500)}
        first = next(iter(results))
        for result in results:
            assert result == pytest.approx(first, rel=1e-6)

    def test_evaluate_does_not_train(self):
        x, y = data()
        model = compiled()
        before = model.get_weights()
        model.evaluate(x, y, verbose=0)
        model.test_on_batch(x, y)
        model.predict_on_batch(x)
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_single_batches(self):
        x, y = data(20)
        model = compiled()
        wanted = model.evaluate(x, y, verbose=0)
        assert model.test_on_batch(x, y) == wanted
        assert model.train_on_batch(x, y, return_dict=True)["loss"] == wanted[0]
        assert model.test_on_batch(x, y) != wanted
        assert model.optimizer.iterations == 1
        np.testing.assert_array_equal(model.predict_on_batch(x), model(x))

    def test_predict_needs_no_compile(self):
        x, _ = data()
        model = net()
        np.testing.assert_allclose(model.predict(x, verbose=0), model(x), rtol=1e-5, atol=1e-7)


def test_evaluate_takes_batches_of_several_image_sizes():
    """The fused kernel of a convolution and a padded pool is bound for each size."""

    def batches():
        for size in (8, 9, 11):
            yield np.ones((2, size, size, 1), np.float32), np.zeros((2, 3), np.float32)

    model = keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    model.compile("sgd", "mse")
    model(np.zeros((2, 8, 8, 1)))
    found = model.evaluate(batches(), verbose=0)
    expected = np.mean([model.evaluate(x, y, verbose=0) for x, y in batches()])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
