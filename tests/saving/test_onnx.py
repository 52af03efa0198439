"""Export to ONNX: every layer and activation, checked by onnx.checker, run by ONNX Runtime."""

import sys

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import activations, layers
from tests.support.layer_cases import CASES, MERGES, rows

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

IMAGE = (7, 6, 2)
STACKS = {  # several layers in one graph, with changes of layout between them
    "ActivityRegularization": [layers.ActivityRegularization(0.1), layers.ReLU()],
    "AveragePooling2D": [layers.AveragePooling2D(2), layers.AveragePooling2D(3, 2, "same")],
    "BatchNormalization": [layers.BatchNormalization(), layers.BatchNormalization(axis=1)],
    "CenterCrop": [layers.CenterCrop(4, 3), layers.CenterCrop(5, 2)],
    "Conv2D": [
        layers.Conv2D(4, 3, activation="relu", padding="same", strides=2),
        layers.Conv2D(6, (3, 2), groups=2, dilation_rate=(1, 2), use_bias=False),
    ],
    "Conv2DTranspose": [
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="elu"),
        layers.Conv2DTranspose(3, 2, strides=3),
        layers.Conv2DTranspose(2, 3, dilation_rate=2, use_bias=False),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
    ],
    "Dense": [layers.Dense(3), layers.Dense(4, use_bias=False, activation="softmax")],
    "Flatten": [
        layers.Conv2D(3, 2),
        layers.Flatten(),
        layers.Dense(4),
        layers.BatchNormalization(),
    ],
    "GlobalAveragePooling2D": [layers.GlobalAveragePooling2D(), layers.Dense(2)],
    "LayerNormalization": [
        layers.LayerNormalization(),
        layers.LayerNormalization([2, 3], 0.1, center=False),
        layers.LayerNormalization([1, 2, 3], scale=False),
    ],
    "MaxPooling2D": [layers.MaxPooling2D(2), layers.MaxPooling2D((2, 1), 1, "same")],
    "Normalization": [layers.Normalization(), layers.Normalization(1, [1.0] * 7, [2.0] * 7, True)],
    "PReLU": [layers.Conv2D(3, 2), layers.PReLU(), layers.PReLU(shared_axes=[1, 2])],
    "Permute": [layers.Conv2D(3, 2), layers.Permute((3, 1, 2))],
    "ReLU": [layers.ReLU(), layers.ReLU(6), layers.ReLU(0.8, 0.25, 0.1)],
    "RepeatVector": [layers.Flatten(), layers.RepeatVector(3), layers.Dense(2)],
    "Rescaling": [layers.Rescaling(1 / 255.0), layers.Rescaling([1.0, 2.0], offset=-1)],
    "Reshape": [layers.Conv2D(3, 2), layers.Reshape((-1, 5)), layers.Dense(2)],
    "Resizing": [
        layers.Resizing(4, 9),
        layers.Resizing(7, 5, "nearest"),
        layers.Resizing(5, 7, "bicubic"),
        layers.Resizing(9, 4, antialias=True),
        layers.Resizing(6, 6, crop_to_aspect_ratio=True),
        layers.Resizing(3, 5, pad_to_aspect_ratio=True, fill_value=0.5),
    ],
    "Sequential": [keras.Sequential([layers.Conv2D(3, 2), layers.ReLU()])],
    "Softmax": [layers.Softmax(), layers.Softmax(axis=1), layers.Softmax(axis=[1, 2])],
    "UnitNormalization": [layers.UnitNormalization(), layers.UnitNormalization([1, 3])],
    "UpSampling2D": [
        layers.UpSampling2D((2, 3)),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.UpSampling2D((1, 2), interpolation="lanczos5"),
    ],
}


def with_weights(stack, shape):
    model = keras.Sequential([keras.Input(shape), *stack])
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "variance" in variable.name:
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        else:
            variable.assign(rng.normal(0, 0.4, variable.shape))
    return model


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": x})[0]


def check(stack, shape, tmp_path, sizes=None, **settings):
    model = with_weights(stack, shape)
    path = tmp_path / "m.onnx"
    model.export(path, **settings)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    x = np.random.default_rng(1).normal(size=(3, *(sizes or shape))).astype(np.float32)
    for batch in (x, x[:1]):
        np.testing.assert_allclose(run(path, batch), model(batch, training=False), atol=1e-5)
    return onnx.load(path).graph


@pytest.mark.parametrize("name", [name for name in rows("onnx") if name not in MERGES])
def test_layer(name, tmp_path):
    case = CASES[name]
    check([case.make(keras)], case.shape, tmp_path)


IMAGES = [name for name in rows("onnx") if name not in MERGES and len(CASES[name].shape) == 3]


@pytest.mark.parametrize("name", IMAGES)
def test_layer_behind_channels_first(name, tmp_path):
    case = CASES[name]
    check([layers.Conv2D(case.shape[-1], 1), case.make(keras)], case.shape, tmp_path)


@pytest.mark.parametrize("which", ["no", "the first", "all"])
@pytest.mark.parametrize("name", [name for name in rows("onnx") if name in MERGES])
def test_merging_layer(name, which, tmp_path):
    """Of its inputs none, the first or all are channels first."""
    case = MERGES[name]
    inputs = tensors = [keras.Input(shape) for shape in case.shape]
    if which != "no":
        tensors = [
            layers.Conv2D(x.shape[-1], 1)(x) if x.ndim == 4 and (which == "all" or not i) else x
            for i, x in enumerate(inputs)
        ]
    model = keras.Model(inputs, case.make(keras)(tensors))
    path = tmp_path / "m.onnx"
    model.export(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    for size in (3, 1):
        xs = [rng.normal(size=(size, *shape)).astype(np.float32) for shape in case.shape]
        feed = {f"input_{name}": x for name, x in zip(model.input_names, xs, strict=True)}
        np.testing.assert_allclose(session.run(None, feed)[0], model(xs), atol=1e-5)


@pytest.mark.parametrize("name", STACKS)
def test_layers_in_a_row(name, tmp_path):
    check(STACKS[name], IMAGE, tmp_path)


@pytest.mark.parametrize("name", sorted(set(activations.registry.names()) - {"sparsemax"}))
def test_activations(name, tmp_path):
    check([layers.Dense(5), layers.Activation(name)], (4,), tmp_path)


@pytest.mark.parametrize(
    "activation",
    [
        activations.celu.__class__(0.5),
        activations.gelu.__class__(True),
        activations.hard_shrink.__class__(0.2),
        activations.log_softmax.__class__(1),
        activations.soft_shrink.__class__(0.2),
        activations.squareplus.__class__(2),
    ],
    ids=repr,
)
def test_activations_with_parameters(activation, tmp_path):
    check([layers.Dense(5, activation=activation)], (4, 3), tmp_path)


def test_the_tutorial_s_net(tmp_path):
    graph = check(
        [
            layers.Rescaling(1 / 255.0),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        (28, 28, 1),
        tmp_path,
    )
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 2  # behind the input and before Flatten
    sizes = [dim.dim_param or dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["n", 28, 28, 1]


def test_images_of_any_size(tmp_path):
    stack = [
        layers.Conv2D(3, 3, padding="same", strides=2),
        layers.MaxPooling2D(2, padding="same"),
        layers.GroupNormalization(3),
        layers.GlobalAveragePooling2D(),
    ]
    check(stack, (None, None, 2), tmp_path, sizes=(13, 10, 2))
    model = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2DTranspose(3, 2)])
    with pytest.raises(ValueError, match="needs a fixed image size to be exported"):
        model.export(tmp_path / "m.onnx")


@pytest.mark.parametrize("shape", [(None, None, 2), (5, None, 2), (None, 8, 2)])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(2, 3, padding="same"),
        lambda: layers.Conv2D(2, 4, padding="same", dilation_rate=(1, 3)),
        lambda: layers.Conv2D(2, 1, padding="same", strides=4),
        lambda: layers.Conv2D(2, (1, 3), padding="same", strides=(4, 1)),
        lambda: layers.Conv2D(2, (3, 4), padding="same", strides=(2, 3)),
        lambda: layers.DepthwiseConv2D(2, padding="same", dilation_rate=2),
        lambda: layers.SeparableConv2D(3, 1, padding="same", strides=3),
        lambda: layers.MaxPooling2D(1, 4, "same"),
        lambda: layers.MaxPooling2D((3, 1), (2, 1), "same"),
        lambda: layers.AveragePooling2D(4, 1, "same"),
        lambda: layers.AveragePooling2D(3, 3, "same"),
    ],
)
def test_same_padding_of_images_of_any_size(make, shape, tmp_path):
    model = with_weights([make()], shape)
    path = tmp_path / "m.onnx"
    model.export(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4, 5, 7, 8, 12):
        height, width = shape[0] or size, shape[1] or size + 1
        x = rng.normal(size=(2, height, width, 2)).astype(np.float32)
        (y,) = session.run(["output"], {"input": x})
        np.testing.assert_allclose(y, model(x, training=False), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.MaxPooling2D(2, 3, "same"), (None, None, 2)),
        (lambda: layers.AveragePooling2D((3, 2), (2, 4), "same"), (None, 8, 2)),
        (lambda: layers.Conv2D(2, (3, 1), padding="same", strides=(2, 4)), (None, None, 2)),
    ],
)
def test_same_padding_that_runtimes_do_not_support(make, shape, tmp_path):
    model = keras.Sequential([keras.Input(shape), make()])
    with pytest.raises(ValueError, match="needs a fixed image size to be exported: with padding"):
        model.export(tmp_path / "m.onnx")
    check([make()], (5, 8, 2), tmp_path)


def test_versions(tmp_path):
    newest = onnx.defs.onnx_opset_version()
    check(STACKS["Softmax"], IMAGE, tmp_path, opset_version=18)
    for version in (16, newest + 1, "17"):
        with pytest.raises(ValueError, match="`opset_version` must be an integer from 17"):
            with_weights([layers.Dense(2)], (3,)).export(tmp_path / "m.onnx", opset_version=version)


class Own(layers.Layer):
    def forward(self, x, training=False):
        return x


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([Own()], "of type Own cannot be exported to ONNX"),
        ([layers.Activation("sparsemax")], "activation 'sparsemax' cannot be exported"),
    ],
)
def test_what_cannot_be_exported(stack, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        keras.Sequential([keras.Input((3,)), *stack]).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_arguments(tmp_path, monkeypatch):
    model = with_weights([layers.Dense(2)], (3,))
    with pytest.raises(ValueError, match=r'`format` must be "onnx". Received format=.tf_saved'):
        model.export(tmp_path / "m.onnx", format="tf_saved_model")
    with pytest.raises(ValueError, match=r"Exported models are stored in .onnx files"):
        model.export(tmp_path / "m.pb")
    with pytest.raises(ValueError, match="it is not built"):
        keras.Sequential([layers.Dense(1)]).export(tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs the package `onnx`: pip install 'fastcnn\[onnx"):
        model.export(tmp_path / "m.onnx")
