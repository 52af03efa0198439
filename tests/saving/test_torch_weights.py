"""Weights to and from PyTorch, checked against recorded nets: keras/golden_files/torch*.npz."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.core.nested import flatten
from tests.support.paths import TESTS

FILE = TESTS / "keras/golden_files/torch.npz"
GOLDEN = dict(np.load(FILE, allow_pickle=False))
GRAPHS = dict(np.load(FILE.with_name("torch_graphs.npz"), allow_pickle=False))
MODULES = ["0", "1", "2", "3", "4", "6", "7", "9"]  # those with weights


def model(flatten=layers.Flatten):
    return keras.Sequential(
        [
            keras.Input((7, 6, 2)),
            layers.Conv2D(4, 3),
            layers.PReLU(shared_axes=[1, 2]),
            layers.DepthwiseConv2D(2, depth_multiplier=2),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(3, 2, strides=2),
            flatten(),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(5, activation="relu"),
            layers.Dense(2),
        ]
    )


def weights():
    return {name: value for name, value in GOLDEN.items() if name not in "xy"}


@pytest.mark.parametrize(
    "flatten", [layers.Flatten, lambda: layers.Reshape((-1,)), lambda: layers.Reshape((144,))]
)
def test_pytorch_weights_give_pytorch_output(flatten):
    net = model(flatten)
    keras.utils.from_torch_state_dict(net, weights(), MODULES)
    y = net(GOLDEN["x"].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(y, GOLDEN["y"], atol=1e-5)


def test_round_trip():
    net = model()
    keras.utils.from_torch_state_dict(net, weights(), MODULES)
    state = keras.utils.to_torch_state_dict(net, MODULES)
    assert state.keys() == weights().keys()
    for name, value in weights().items():
        np.testing.assert_array_equal(state[name], value)
        assert state[name].flags.c_contiguous
        assert state[name].flags.writeable
        assert state[name].dtype == value.dtype


def test_names():
    net = keras.Sequential(
        [keras.Input((2,)), layers.Dense(3, name="first"), layers.Dense(1, name="last")]
    )
    assert list(keras.utils.to_torch_state_dict(net)) == [
        "first.weight",
        "first.bias",
        "last.weight",
        "last.bias",
    ]
    assert "head.bias" in keras.utils.to_torch_state_dict(net, {"last": "head"})
    with pytest.raises(ValueError, match=r"one name for each of \['first', 'last'\]"):
        keras.utils.to_torch_state_dict(net, ["one"])


def test_separable():
    net = keras.Sequential(
        [keras.Input((5, 5, 2)), layers.SeparableConv2D(3, 2, depth_multiplier=2, name="s")]
    )
    state = keras.utils.to_torch_state_dict(net)
    assert {name: value.shape for name, value in state.items()} == {
        "s.depthwise.weight": (4, 1, 2, 2),
        "s.pointwise.weight": (3, 4, 1, 1),
        "s.pointwise.bias": (3,),
    }
    other = keras.models.clone_model(net)
    keras.utils.from_torch_state_dict(other, state)
    for ours, theirs in zip(other.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Tensor:
    """The part of a tensor's interface that `from_torch_state_dict` uses."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


def test_tensors_are_accepted():
    net = model()
    tensors = {name: Tensor(value) for name, value in weights().items()}
    keras.utils.from_torch_state_dict(net, tensors, MODULES)
    np.testing.assert_array_equal(net.layers[-1].bias.value, GOLDEN["9.bias"])


def test_bfloat16_tensors():
    class Half(Tensor):
        def numpy(self):
            raise TypeError("Got unsupported ScalarType BFloat16")

        def float(self):
            return Tensor(self.array)

    net = model()
    tensors = {name: Half(value) for name, value in weights().items()}
    keras.utils.from_torch_state_dict(net, tensors, MODULES)
    np.testing.assert_array_equal(net.layers[-1].bias.value, GOLDEN["9.bias"])


def test_images_that_arrive_channels_first():
    net, permuted = model(), keras.Sequential([keras.Input((2, 7, 6)), layers.Permute((2, 3, 1))])
    for layer in model().layers:
        permuted.add(layer)
    for one in (net, permuted):
        keras.utils.from_torch_state_dict(one, weights(), MODULES)
    np.testing.assert_allclose(permuted(GOLDEN["x"]), GOLDEN["y"], atol=1e-5)


@pytest.mark.parametrize(
    ("chain", "shape"),
    [
        ([layers.Dense(4), layers.Reshape((2, 2, 1)), layers.Conv2D(1, 2)], (3,)),
        (
            [layers.Reshape((4, 3)), layers.Permute((2, 1)), layers.Flatten(), layers.Dense(2)],
            (12,),
        ),
        ([layers.BatchNormalization(axis=1), layers.Dense(2)], (4, 3)),
        ([layers.GlobalAveragePooling2D(), layers.Dense(2)], (4, 4, 3)),
        ([layers.Conv2D(2, 4), layers.Flatten()], (4, 4, 3)),
        ([layers.Flatten(), layers.Dense(2), layers.Reshape((2, 1))], (4, 4, 1)),
    ],
)
def test_unchanged_order(chain, shape):
    """Features without spatial positions, or of one channel, have PyTorch's order."""
    net = keras.Sequential([keras.Input(shape), *chain])
    state = keras.utils.to_torch_state_dict(net)
    for layer in net.layers:
        if isinstance(layer, layers.Dense):
            np.testing.assert_array_equal(state[f"{layer.name}.weight"], layer.kernel.value.T)


def test_order_that_is_not_known():
    conv, dense = (lambda: layers.Conv2D(2, 1)), (lambda: layers.Dense(1))
    pool = layers.GlobalAveragePooling2D
    for message, chain in (
        ("a Reshape after a Flatten", [layers.Flatten, lambda: layers.Reshape((8, 4)), dense]),
        ("a Reshape of images", [conv, lambda: layers.Reshape((16, 2)), dense]),
        ("a Reshape of images", [conv, lambda: layers.Reshape((2, 8, 2)), conv]),
        ("a Reshape of images", [lambda: layers.Reshape((8, 2, 2)), conv]),
        ("a RepeatVector after a Fl", [layers.Flatten, lambda: layers.RepeatVector(2), dense]),
        ("a Permute of images", [lambda: layers.Permute((3, 1, 2)), layers.Flatten, dense]),
        ("a Permute of images", [conv, lambda: layers.Permute((2, 3, 1)), conv]),
        ("a Permute of images", [lambda: layers.Permute((2, 1, 3)), conv]),
        ("a Permute after a Permute", [*[lambda: layers.Permute((2, 3, 1))] * 2, conv]),
        ("a Flatten after a Permute", [lambda: layers.Permute((2, 3, 1)), layers.Flatten, dense]),
        ("a Permute of the input", [lambda: layers.Permute((2, 3, 1)), pool, dense]),
        ("not on axis 1", [lambda: layers.BatchNormalization(axis=1)]),
        ("not on axis -2", [conv, lambda: layers.BatchNormalization(axis=-2)]),
        ("which in images is the width", [dense]),
        ("the model's outputs differently: a Flatten without", [conv, layers.Flatten]),
        ("the model's outputs differently: a Permute", [conv, lambda: layers.Permute((3, 1, 2))]),
    ):
        net = keras.Sequential([keras.Input((4, 4, 2)), *(make() for make in chain)])
        for convert in (
            lambda net=net: keras.utils.to_torch_state_dict(net),
            lambda net=net: keras.utils.from_torch_state_dict(net, {}),
        ):
            with pytest.raises(ValueError, match=message):
                convert()


def test_sequences_of_an_order_that_is_not_known():
    conv, dense = (lambda: layers.Conv1D(2, 1)), (lambda: layers.Dense(1))
    for message, chain in (
        ("a Reshape of sequences", [conv, lambda: layers.Reshape((2, 4)), dense]),
        ("a Reshape after a Flatten", [conv, layers.Flatten, lambda: layers.Reshape((4, 2)), conv]),
        ("a Permute of sequences", [conv, lambda: layers.Permute((2, 1)), conv]),
        ("not on axis 1", [conv, lambda: layers.BatchNormalization(axis=1)]),
        ("which in sequences is that of the steps", [conv, dense]),
        ("PyTorch's PReLU acts on", [lambda: layers.PReLU(shared_axes=[1]), conv]),
        ("a Flatten without", [conv, layers.Flatten]),
    ):
        net = keras.Sequential([keras.Input((4, 2)), *(make() for make in chain)])
        with pytest.raises(ValueError, match=message):
            keras.utils.to_torch_state_dict(net)
    x = keras.Input((4, 2))
    y = layers.add([layers.Conv1D(2, 1)(x), layers.Dense(2)(x)])
    with pytest.raises(ValueError, match="a merge by Add of a sequence and another value"):
        keras.utils.to_torch_state_dict(keras.Model(x, y))


def test_reshape_to_a_sequence_is_not_known():
    chain = [layers.Reshape((4, 2)), layers.Conv1D(2, 1)]
    net = keras.Sequential([keras.Input((8,)), *chain])
    with pytest.raises(ValueError, match="a Reshape to a sequence"):
        keras.utils.to_torch_state_dict(net)


def test_separable_1d():
    chain = [layers.SeparableConv1D(3, 2, depth_multiplier=2, name="s"), layers.Flatten()]
    net = keras.Sequential([keras.Input((5, 2)), *chain, layers.Dense(1, name="d")])
    state = keras.utils.to_torch_state_dict(net)
    assert state["s.depthwise.weight"].shape == (4, 1, 2)
    assert state["s.pointwise.weight"].shape == (3, 4, 1)
    kernel = net.layers[-1].kernel.value.reshape(4, 3)  # (steps, channels)
    np.testing.assert_array_equal(state["d.weight"][0], kernel.T.ravel())
    other = keras.models.clone_model(net)
    keras.utils.from_torch_state_dict(other, state)
    for ours, theirs in zip(other.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_shared_layers():
    shared = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="shared")])
    outer = [keras.Sequential([keras.Input((8,)), shared]) for _ in range(2)]
    state = keras.utils.to_torch_state_dict(keras.Sequential(outer))
    assert list(state) == ["shared.weight", "shared.bias"]
    net = keras.Sequential([keras.Input((2, 2, 2)), layers.Flatten(), *outer])
    with pytest.raises(ValueError, match="a shared layer behind different layers"):
        keras.utils.to_torch_state_dict(net)


def test_names_are_unique():
    inner = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="same")])
    net = keras.Sequential([inner, layers.Dense(2, name="same")])
    with pytest.raises(ValueError, match="all different"):
        keras.utils.to_torch_state_dict(net)
    assert len(keras.utils.to_torch_state_dict(net, ["0", "1"])) == 4
    for names in (["0", "0"], {"sane": "0"}):
        with pytest.raises(ValueError, match="one name for each of"):
            keras.utils.to_torch_state_dict(net, names)


def test_mismatched_weights_change_nothing():
    net = model()
    before = net.get_weights()
    state = weights()
    for change, message in (
        ({"9.bias": None}, r"Missing: \['9.bias'\]. Not in the model: none"),
        ({"10.bias": state["9.bias"]}, r"Missing: none. Not in the model: \['10.bias'\]"),
        ({"9.bias": np.zeros(3)}, r"'9.bias' should have shape \(2,\). Received shape \(3,\)"),
        ({"9.bias": np.array(["a", "b"])}, "dtype <U1"),
    ):
        changed = {name: value for name, value in {**state, **change}.items() if value is not None}
        with pytest.raises(ValueError, match=message):
            keras.utils.from_torch_state_dict(net, changed, MODULES)
    for now, then in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_weights_without_counterpart_in_pytorch():
    for middle, message in (
        ([layers.PReLU()], "one value per channel"),
        ([layers.Flatten(), layers.Reshape((8, 4)), layers.Dense(1)], "a Reshape after a Flatten"),
        ([layers.Normalization()], "have no counterpart in PyTorch"),
    ):
        net = keras.Sequential([keras.Input((4, 4, 2)), *middle])
        with pytest.raises(ValueError, match=message):
            keras.utils.to_torch_state_dict(net)
    with pytest.raises(ValueError, match="it is not built"):
        keras.utils.to_torch_state_dict(keras.Sequential([layers.Dense(1)]))


def residual():
    x = image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="stem_norm")(x))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    y = layers.ReLU()(layers.BatchNormalization(name="norm")(y))
    y = layers.Conv2D(4, 1, name="pointwise")(y)
    gate = layers.GlobalAveragePooling2D()(y)
    gate = layers.Dense(4, activation="sigmoid", name="gate")(gate)
    y = layers.Multiply()([y, layers.Reshape((1, 1, 4))(gate)])
    x = layers.ReLU()(x + y)
    y = layers.Conv2D(6, 3, strides=2, name="down")(x)
    y = layers.add([y, layers.Conv2D(6, 3, strides=2, name="shortcut")(x)])
    y = layers.Conv2DTranspose(3, 2, strides=2, name="up")(layers.ReLU()(y))
    y = layers.concatenate([y, layers.Conv2D(2, 3, name="skip")(x)])
    y = layers.concatenate([layers.Flatten()(y), layers.GlobalAveragePooling2D()(x)])
    y = layers.BatchNormalization(name="flat_norm")(y)
    return keras.Model(image, layers.Dense(2, name="head")(y)), None


def two_heads():
    image, vector = keras.Input((5, 4, 2)), keras.Input((3,))
    left = layers.Flatten()(layers.Conv2D(3, 2, name="left")(image))
    right = layers.Flatten()(layers.Conv2D(3, 2, name="right")(image))
    label = layers.concatenate([vector, layers.maximum([left, right])])
    label, size = layers.Dense(4, name="label")(label), layers.Dense(1, name="size")(left * right)
    return keras.Model([image, vector], [label, size]), None


def siamese():
    image = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(3, 3, activation="relu", name="conv")(image))
    encoder = keras.Model(image, layers.Dense(4, name="dense")(x))
    shared = layers.Dense(4, name="shared")
    inputs = [keras.Input((6, 6, 1)), keras.Input((6, 6, 1))]
    difference = layers.subtract([shared(encoder(x)) for x in inputs])
    net = keras.Model(inputs, layers.Dense(1, name="head")(difference))
    return net, {"conv": "encoder.conv", "dense": "encoder.dense"}


def sequences():
    x = keras.Input((10, 3))
    y = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, name="causal")(x)
    y = layers.BatchNormalization(name="norm")(y)
    y = layers.PReLU(shared_axes=[1], name="slope")(y)
    z = layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2, name="depthwise")(y)
    y = layers.add([y, layers.Conv1D(4, 1, name="pointwise")(layers.ReLU()(z))])
    y = layers.MaxPooling1D(2)(layers.concatenate([y, x]))
    y = layers.Flatten()(layers.Conv1DTranspose(2, 2, strides=2, name="up")(y))
    return keras.Model(x, layers.Dense(2, name="head")(y)), None


def recorded(name):
    """(state dictionary, inputs in this package's layout, outputs) of a net of record_torch."""
    prefix = f"{name}/"
    arrays = {key.removeprefix(prefix): v for key, v in GRAPHS.items() if key.startswith(prefix)}
    xs = [arrays.pop(f"x{index}") for index in range(2) if f"x{index}" in arrays]
    ys = [arrays.pop(f"y{index}") for index in range(2) if f"y{index}" in arrays]
    return arrays, [np.moveaxis(x, 1, -1) for x in xs], ys


@pytest.mark.parametrize("make", [residual, two_heads, siamese, sequences])
def test_graphs(make):
    net, names = make()
    state, xs, ys = recorded(make.__name__)
    keras.utils.from_torch_state_dict(net, state, names)
    for y, expected in zip(flatten(net(xs)), ys, strict=True):
        np.testing.assert_allclose(y, expected, atol=1e-5)
    again = keras.utils.to_torch_state_dict(net, names)
    assert again.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(again[name], value)


@pytest.mark.parametrize("make", [residual, two_heads, siamese, sequences])
def test_graphs_with_real_pytorch(make):
    torch = pytest.importorskip("torch")
    from tests.keras.golden_files import record_torch

    theirs = record_torch.GRAPHS[make.__name__]().eval()
    net, names = make()
    rng = np.random.default_rng(0)
    for weight in net.weights:
        weight.assign(rng.uniform(0.1, 0.5, weight.shape))
    state = keras.utils.to_torch_state_dict(net, names)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    xs = [rng.random((2, *shape[1:]), np.float32) for shape in net.input_shapes]
    with torch.no_grad():
        ys = theirs(*[torch.from_numpy(np.moveaxis(x, -1, 1).copy()) for x in xs])
    for y, expected in zip(flatten(net(xs)), flatten(ys), strict=True):
        np.testing.assert_allclose(y, expected.numpy(), rtol=1e-5, atol=1e-5)
    keras.utils.from_torch_state_dict(net, theirs.state_dict(), names)


def test_images_of_a_graph_that_arrive_channels_first():
    """A convolution reads them, and their sum with another image."""
    first, image = keras.Input((2, 4, 4)), keras.Input((4, 4, 2))
    conv, add, conv_of_sum = layers.Conv2D(2, 1), layers.Add(), layers.Conv2D(3, 1)
    x = layers.Permute((2, 3, 1))(first)
    net = keras.Model([first, image], [conv(x), conv_of_sum(add([x, image]))])
    assert len(keras.utils.to_torch_state_dict(net)) == 4


class Own(layers.Layer):
    takes_list = True

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def forward(self, xs, training=False):
        return xs[0]


def test_order_that_is_not_known_in_a_graph():
    image = keras.Input((4, 4, 2))
    conv = layers.Conv2D(2, 1, name="conv")(image)
    flat, dense = layers.Flatten()(conv), layers.Dense(32)(layers.GlobalMaxPooling2D()(conv))
    permuted, shared = layers.Permute((2, 1, 3))(conv), layers.Dense(32)
    sequence = layers.Reshape((4, 2))(layers.Dense(8)(dense))
    for message, output in (
        ("a merge by Add of features in different orders", flat + dense),
        ("a merge by Dot of features in different orders", layers.dot([dense, flat], 1)),
        ("shared layer behind different layers", layers.add([shared(flat), shared(dense)])),
        ("a merge by Dot of inputs of shapes", layers.Dot(3)([conv, conv])),
        ("a merge by Own of inputs of shapes", Own()([conv, conv])),
        ("a merge by Add of inputs of shapes", layers.Add()([conv, sequence])),
        ("a Permute of images", layers.Add()([permuted, conv])),
        ("a Flatten without a Dense", layers.concatenate([flat, dense])),
        ("a Flatten without a Dense", [dense, flat]),
    ):
        net = keras.Model(image, output)
        with pytest.raises(ValueError, match=message):
            keras.utils.to_torch_state_dict(net)


def test_with_real_pytorch():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    ours = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    state = keras.utils.to_torch_state_dict(ours, ["0", "1"])
    net.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    keras.utils.from_torch_state_dict(ours, net.state_dict(), ["0", "1"])
