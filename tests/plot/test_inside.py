"""`filters`, `feature_maps`, `grad_cam` and `saliency`: their images equal the formulas."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers, plot

pytest.importorskip("matplotlib")

import matplotlib as mpl

from fastcnn.plot.figures import new_figure

RNG = np.random.default_rng(0)
NAMES = ["left", "right"]


def chain(channels=1, activation="softmax", units=3):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 9, channels)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(5, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(units, activation=activation, name="head"),
        ]
    )


def graph():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 9, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    x = conv(conv(inputs))
    x = layers.ReLU(name="relu")(layers.Add(name="sum")([x, inputs]))
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(4, name="scores")(x)
    return keras.Model(inputs, layers.Softmax(name="head")(x))


GRAY = RNG.integers(0, 256, (8, 9), np.uint8)
COLOR = RNG.random((8, 9, 3)).astype(np.float32)


def image_of(ax, index=-1):
    return np.ma.filled(ax.images[index].get_array(), np.nan)


# --------------------------------------------------------------------------------------- filters


def test_filters_of_one_channel():
    model = chain()
    ax = plot.filters(model)
    assert ax.get_title() == "conv: 5 filters 3 x 3"
    weights = model.get_layer("conv").kernel.numpy()
    array = image_of(ax)
    assert array.shape == (7, 11)  # 2 rows and 3 columns with gaps
    np.testing.assert_array_equal(array[:3, :3], weights[:, :, 0, 0])
    np.testing.assert_array_equal(array[4:7, 4:7], weights[:, :, 0, 4])
    assert np.isnan(array[3]).all()
    assert np.isnan(array[4:, 8:]).all()
    assert ax.images[0].get_clim() == pytest.approx((-abs(weights).max(), abs(weights).max()))


def test_filters_of_colors_channels_and_other_layers():
    model = chain(channels=3)
    weights = model.get_layer("conv").kernel.numpy()
    colored = image_of(plot.filters(model, "conv"))
    low, high = weights.min(), weights.max()
    np.testing.assert_allclose(
        colored[:3, :3, :3], (weights[..., 0] - low) / (high - low), rtol=1e-5
    )
    assert (colored[:3, :3, 3] == 1).all()
    assert (colored[3, :, 3] == 0).all()
    one = image_of(plot.filters(model, model.get_layer("conv"), channel=1, count=1))
    np.testing.assert_array_equal(one, weights[:, :, 1, 0])
    mean = image_of(plot.filters(chain(channels=4), count=1))
    np.testing.assert_allclose(
        mean, chain(channels=4).get_layer("conv").kernel.numpy()[..., 0].mean(axis=2), rtol=1e-5
    )


def test_filters_of_depthwise_transposed_and_dense_layers():
    depthwise = layers.DepthwiseConv2D(2, depth_multiplier=2, name="depthwise")
    separable = layers.SeparableConv2D(6, 2, name="separable")
    up = layers.Conv2DTranspose(5, 2, name="up")
    flat, dense = layers.Flatten(), layers.Dense(2, name="dense")
    model = keras.Sequential([keras.Input((4, 4, 3)), depthwise, separable, up, flat, dense])
    assert plot.filters(model).get_title() == "depthwise: 6 filters 2 x 2"
    array = image_of(plot.filters(model, count=2))
    np.testing.assert_array_equal(array[:2, 3:5], depthwise.kernel.numpy()[:, :, 0, 1])
    assert plot.filters(model, "separable").get_title() == "separable: 6 filters 2 x 2"
    assert plot.filters(model, "up").get_title() == "up: 5 filters 2 x 2"
    with pytest.raises(ValueError, match=r"'dense' .* no filters"):
        plot.filters(model, "dense")
    first = keras.Sequential([keras.Input((4, 5)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="no layer with filters"):
        plot.filters(first)
    first = keras.Sequential([keras.Input((4, 5, 1)), layers.Flatten(), layers.Dense(2)])
    kernel = first.layers[1].kernel.numpy()
    np.testing.assert_array_equal(image_of(plot.filters(first))[:4, :5], kernel[:, 0].reshape(4, 5))
    with pytest.raises(ValueError, match=r"`channel` must be in \[0, 1\)"):
        plot.filters(first, channel=1)
    for draw in (
        lambda: plot.filters(first, count=0),
        lambda: plot.feature_maps(first, 0, count=0),
    ):
        with pytest.raises(ValueError, match="`count` must be a positive integer"):
            draw()
    with pytest.raises(ValueError, match="`channel` must be an integer >= 0"):
        plot.filters(first, channel=0.5)


# ---------------------------------------------------------------------------------- feature maps


@pytest.mark.parametrize("image", [GRAY, GRAY[..., None], GRAY[None], GRAY[None, ..., None]])
def test_feature_maps_of_a_chain(image):
    model = chain()
    figure = plot.feature_maps(model, image, count=2)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "image: 8 x 9 x 1",
        "scale: 8 x 9 x 1",
        "conv: 6 x 7 x 5",
        "pool: 3 x 3 x 5",
        "head: 3",
    ]
    np.testing.assert_array_equal(image_of(figure.axes[0]), GRAY)
    maps = keras.Model(model.inputs, model.get_layer("conv").output)(GRAY[None])[0]
    drawn = image_of(figure.axes[2])
    np.testing.assert_array_equal(drawn[:, :7], maps[..., 0])
    np.testing.assert_array_equal(drawn[:, 8:], maps[..., 1])
    assert np.isnan(image_of(figure.axes[1])[:, 9:]).all()  # only one channel
    np.testing.assert_array_equal(image_of(figure.axes[4])[0], model(GRAY[None])[0])


def test_feature_maps_of_a_graph_with_a_layer_used_twice():
    model = graph()
    fig = new_figure(4, 6)
    assert plot.feature_maps(model, COLOR, fig=fig) is fig
    assert [ax.get_title(loc="left").split(":")[0] for ax in fig.axes] == [
        *("image", "conv", "conv", "sum", "relu", "mean", "scores", "head"),
    ]
    chosen = plot.feature_maps(model, COLOR, [model.get_layer("sum"), "scores"], count=3)
    relu = keras.Model(model.inputs, model.get_layer("relu").output)(COLOR[None])[0]
    np.testing.assert_allclose(
        np.maximum(image_of(chosen.axes[1])[:, :9], 0), relu[..., 0], rtol=1e-5, atol=1e-6
    )
    assert len(chosen.axes) == 3


def test_pictures_do_not_change_the_model_or_the_names_of_later_layers():
    model = chain()
    before = [*model.get_weights(), model(GRAY[None])]
    keras.utils.clear_session()
    for function in (plot.feature_maps, plot.grad_cam, plot.saliency):
        function(model, GRAY)
    for a, b in zip(before, [*model.get_weights(), model(GRAY[None])], strict=True):
        np.testing.assert_array_equal(a, b)
    inputs = keras.Input((2,))
    assert keras.Model(inputs, layers.Dense(1)(inputs)).name == "functional"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((2, 8, 9, 1)), "one image"),
        (np.zeros((9,)), "one image"),
        (np.zeros((8, 8)), "The model takes inputs of shape"),
    ],
)
def test_not_one_image(image, message):
    for function in (plot.feature_maps, plot.grad_cam, plot.saliency):
        with pytest.raises(ValueError, match=message):
            function(chain(), image)


def test_models_that_do_not_take_one_image():
    a, b = keras.Input((8, 9, 1)), keras.Input((3,))
    two = layers.Concatenate()([layers.Flatten()(a), b])
    with pytest.raises(ValueError, match="must take one image"):
        plot.feature_maps(keras.Model([a, b], two), GRAY)
    with pytest.raises(ValueError, match="one output"):
        plot.grad_cam(keras.Model(a, layers.Conv2D(2, 3)(a)), GRAY)


# ------------------------------------------------------------------------- Grad-CAM and saliency


def heat_of(ax):
    """The heat from 0 to 1, which is 60 % opaque where it is 1."""
    return image_of(ax, 1)[..., 3] / 0.6


def logits(model):
    """The same chain, without its last activation."""
    twin = chain(activation=None)
    twin.set_weights(model.get_weights())
    return twin


def expected_heat(model, image, name, label):
    """Grad-CAM as docs/graphs.md has it, before it is enlarged."""
    layer = model.get_layer(name)
    features = keras.Model(model.inputs, layer.output)(image[None])
    gradient = keras.gradients(model, image[None], of=label, wrt=layer)
    heat = np.maximum((gradient.mean(axis=(1, 2), keepdims=True) * features).sum(axis=-1), 0)[0]
    return heat / max(heat.max(), 1e-30)


def test_grad_cam_of_a_chain_is_of_the_scores():
    model = chain()
    label = int(np.argmax(model(GRAY[None])[0]))
    ax = plot.grad_cam(model, GRAY, class_names=["a", "b", "c"])
    probability = float(model(GRAY[None])[0, label])
    assert ax.get_title() == f"{'abc'[label]} {100 * probability:.0f} %"
    np.testing.assert_array_equal(image_of(ax, 0), GRAY)
    heat = heat_of(ax)
    small = expected_heat(logits(model), GRAY[..., None], "conv", label)  # the pooling is left out
    resize = layers.Resizing(8, 9)
    np.testing.assert_allclose(heat, resize(small[None, ..., None])[0, ..., 0], atol=1e-5)
    colored = [*mpl.colormaps["inferno"](heat.max())[:3], 0.6 * heat.max()]
    bright = np.unravel_index(heat.argmax(), heat.shape)
    np.testing.assert_allclose(image_of(ax, 1)[bright], colored)


def test_grad_cam_where_the_model_is_sure():
    """The gradient of a probability that is rounded to 1 is not that of the score."""
    model = chain()
    head = model.get_layer("head")
    head.kernel.assign(head.kernel.numpy() * 300)
    label = int(np.argmax(model(GRAY[None])[0]))
    assert model(GRAY[None])[0, label] == 1
    heat = heat_of(plot.grad_cam(model, GRAY, layer="pool"))
    small = expected_heat(logits(model), GRAY[..., None], "pool", label)
    np.testing.assert_allclose(
        heat, layers.Resizing(8, 9)(small[None, ..., None])[0, ..., 0], atol=1e-5
    )


@pytest.mark.parametrize("label", [0, 3])
def test_grad_cam_and_saliency_of_a_graph(label):
    model = graph()
    scores = keras.Model(model.inputs, model.get_layer("scores").output)
    heat = heat_of(plot.grad_cam(model, COLOR, label=label))
    np.testing.assert_allclose(heat, expected_heat(scores, COLOR, "relu", label), atol=1e-5)
    values = image_of(plot.saliency(model, COLOR, label))
    gradient = keras.gradients(scores, COLOR[None], of=label)[0]
    np.testing.assert_allclose(values, np.abs(gradient).max(axis=-1), rtol=1e-5)


def test_one_unit_has_two_classes_of_opposite_gradients():
    model = chain(activation="sigmoid", units=1)
    likely = int(model(GRAY[None])[0, 0] > 0.5)
    ax = plot.saliency(model, GRAY, class_names=NAMES)
    assert ax.get_title().startswith(NAMES[likely])
    np.testing.assert_array_equal(image_of(ax), image_of(plot.saliency(model, GRAY, 1 - likely)))
    heats = [heat_of(plot.grad_cam(model, GRAY, label=label)) for label in (0, 1)]
    assert not np.array_equal(*heats)
    with pytest.raises(ValueError, match=r"`label` must be in \[0, 2\)"):
        plot.saliency(model, GRAY, 2)


def test_models_without_a_final_activation_and_given_axes():
    model = logits(chain())
    ax = new_figure(2, 2).add_subplot()
    assert plot.grad_cam(model, GRAY, label=1, ax=ax) is ax
    assert ax.get_title() == "1"  # a score is not a probability
    ax = new_figure(2, 2).add_subplot()
    assert plot.saliency(model, GRAY, ax=ax) is ax


def test_layers_that_grad_cam_cannot_use():
    with pytest.raises(ValueError, match="'conv' is used several times"):
        plot.grad_cam(graph(), COLOR, layer="conv")
    with pytest.raises(ValueError, match=r"'head' is not a layer with images.*'conv'"):
        plot.grad_cam(chain(), GRAY, layer="head")
    with pytest.raises(ValueError, match="index of a class"):
        plot.grad_cam(chain(), GRAY, label="cat")
    dense = keras.Sequential([keras.Input((8, 9, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="no layer with images"):
        plot.grad_cam(dense, GRAY)
    with pytest.raises(ValueError, match=r"no layer 'x' to draw.*'scale'"):
        plot.feature_maps(chain(), GRAY, ["x"])
    with pytest.raises(ValueError, match=r"no layer 'missing' to draw"):
        plot.feature_maps(chain(), GRAY, "missing")
    assert len(plot.feature_maps(chain(), GRAY, "conv").axes) == 2
