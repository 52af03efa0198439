"""The table of layers under test: one row feeds every test that all layers share.

A row is tested by its flags in

    protocol    test_layers_protocol.py: gradients, configs, buffers, batch sizes, backends
    keras       tests/keras/test_layers_keras.py: results, gradients and ten steps as in real Keras
    file        tests/keras/test_layers_files.py: real Keras's file is read, and ours is the same
    onnx        tests/saving/test_onnx.py: the exported graph computes the same

`python -m tests.keras.record --new` records what rows with `keras` or `file` need. A row without
one of its flags has a reason for it: layers that draw random numbers have no results to compare.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support import image_cases, layer_grids


@dataclass(frozen=True)
class Case:
    """A layer, made with the module `keras` or `fastcnn`, the shape of a sample, and its tests.

    A layer that is called on a list has a list of shapes.
    """

    make: Callable
    shape: tuple | list
    protocol: bool = True
    keras: bool = True
    file: bool = True
    onnx: bool = True


CASES = {
    "conv": Case(lambda keras: keras.layers.Conv2D(3, 3), (5, 6, 2)),
    "conv relu": Case(lambda keras: keras.layers.Conv2D(3, (2, 3), activation="relu"), (5, 6, 2)),
    "conv strided": Case(
        lambda keras: keras.layers.Conv2D(2, 3, strides=(2, 1), padding="same"), (5, 4, 3)
    ),
    "conv dilated": Case(
        lambda keras: keras.layers.Conv2D(2, 2, dilation_rate=2, activation="tanh"), (5, 5, 1)
    ),
    "conv without bias": Case(lambda keras: keras.layers.Conv2D(2, 1, use_bias=False), (3, 3, 2)),
    "max pool": Case(lambda keras: keras.layers.MaxPooling2D(2), (5, 4, 3)),
    "max pool overlapping": Case(lambda keras: keras.layers.MaxPooling2D(3, 2, "same"), (5, 6, 2)),
    "max pool of many positions": Case(lambda keras: keras.layers.MaxPooling2D(16, 1), (17, 16, 1)),
    "average pool": Case(lambda keras: keras.layers.AveragePooling2D((2, 3)), (4, 7, 2)),
    "average pool same": Case(lambda keras: keras.layers.AveragePooling2D(2, 1, "same"), (3, 3, 2)),
    "dense": Case(lambda keras: keras.layers.Dense(4), (5,)),
    "dense relu": Case(lambda keras: keras.layers.Dense(4, activation="relu"), (5,)),
    "dense softmax": Case(lambda keras: keras.layers.Dense(4, activation="softmax"), (5,)),
    "dense on images": Case(lambda keras: keras.layers.Dense(2, activation="sigmoid"), (3, 2, 4)),
    "dense without bias": Case(lambda keras: keras.layers.Dense(4, use_bias=False), (3,)),
    "flatten": Case(lambda keras: keras.layers.Flatten(), (2, 3, 2)),
    "activation": Case(lambda keras: keras.layers.Activation("elu"), (4, 3)),
    "rescaling": Case(lambda keras: keras.layers.Rescaling(0.5, -1.0), (3, 2)),
    "normalization": Case(lambda keras: keras.layers.Normalization(), (3, 2, 2)),
    "normalization of two axes": Case(
        lambda keras: keras.layers.Normalization(axis=(1, 3)), (3, 2, 2)
    ),
    "normalization of all": Case(
        lambda keras: keras.layers.Normalization(None, mean=0.5, variance=4), (3, 2)
    ),
    "normalization given": Case(
        lambda keras: keras.layers.Normalization(mean=[1, 2], variance=[4, 9]), (3, 2)
    ),
    "normalization inverted": Case(
        lambda keras: keras.layers.Normalization(mean=[1, 2], variance=[4, 9], invert=True),
        (3, 2),
    ),
    "normalization of rows inverted": Case(
        lambda keras: keras.layers.Normalization(1, mean=3, variance=0.25, invert=True),
        (3, 2),
    ),
    "random flip": Case(lambda keras: keras.layers.RandomFlip(seed=1), (3, 4, 2), keras=False),
    "random flip vertical": Case(
        lambda keras: keras.layers.RandomFlip("vertical", seed=1), (3, 4, 2), keras=False
    ),
    "random translation": Case(
        lambda keras: keras.layers.RandomTranslation(0.3, (0.1, 0.4), seed=1),
        (4, 5, 2),
        keras=False,
    ),
    "random rotation": Case(
        lambda keras: keras.layers.RandomRotation(0.2, "wrap", seed=1), (4, 5, 2), keras=False
    ),
    "random zoom": Case(
        lambda keras: keras.layers.RandomZoom(0.3, 0.2, "constant", fill_value=0.5, seed=1),
        (4, 5, 2),
        keras=False,
    ),
    "random zoom nearest": Case(
        lambda keras: keras.layers.RandomZoom(0.4, None, "nearest", "nearest", seed=1),
        (4, 5, 1),
        keras=False,
    ),
    "random contrast": Case(
        lambda keras: keras.layers.RandomContrast((0.2, 0.7), value_range=(-0.9, 0.9), seed=1),
        (3, 4, 2),
        keras=False,
    ),
    "random erasing": Case(
        lambda keras: keras.layers.RandomErasing(scale=(0.3, 0.6), value_range=(0, 1), seed=1),
        (5, 6, 3),
        keras=False,
    ),
    "random erasing with colors": Case(
        lambda keras: keras.layers.RandomErasing((0.5, 1.0), 0.5, [0.1, 0.2, 0.3], (0, 1), seed=1),
        (5, 6, 3),
        keras=False,
    ),
    "global average": Case(lambda keras: keras.layers.GlobalAveragePooling2D(), (4, 3, 2)),
    "global average kept": Case(
        lambda keras: keras.layers.GlobalAveragePooling2D(keepdims=True), (4, 3, 2)
    ),
    "global max": Case(lambda keras: keras.layers.GlobalMaxPooling2D(), (4, 3, 2)),
    "global max of many positions": Case(
        lambda keras: keras.layers.GlobalMaxPooling2D(keepdims=True), (17, 16, 1)
    ),
    "reshape": Case(lambda keras: keras.layers.Reshape((4, -1)), (2, 6, 3)),
    "zero padding": Case(lambda keras: keras.layers.ZeroPadding2D(), (3, 2, 2)),
    "zero padding of each side": Case(
        lambda keras: keras.layers.ZeroPadding2D(((0, 1), (2, 0))), (3, 2, 2)
    ),
    "cropping": Case(lambda keras: keras.layers.Cropping2D(1), (4, 3, 2)),
    "cropping of each side": Case(
        lambda keras: keras.layers.Cropping2D(((0, 1), (2, 0))), (3, 4, 2)
    ),
    "upsampling": Case(lambda keras: keras.layers.UpSampling2D(), (3, 2, 2)),
    "upsampling bilinear": Case(
        lambda keras: keras.layers.UpSampling2D((2, 3), interpolation="bilinear"),
        (3, 2, 2),
    ),
    "upsampling bicubic": Case(
        lambda keras: keras.layers.UpSampling2D((1, 2), interpolation="bicubic"), (3, 4, 2)
    ),
    "conv in groups": Case(
        lambda keras: keras.layers.Conv2D(6, 3, groups=2, activation="relu"), (5, 4, 4)
    ),
    "conv in groups of one channel": Case(
        lambda keras: keras.layers.Conv2D(6, 2, groups=3), (5, 4, 3)
    ),
    "conv in groups without bias": Case(
        lambda keras: keras.layers.Conv2D(4, 3, 2, "same", groups=2, use_bias=False),
        (5, 4, 4),
    ),
    "depthwise": Case(lambda keras: keras.layers.DepthwiseConv2D(3, activation="relu"), (5, 4, 3)),
    "depthwise strided": Case(
        lambda keras: keras.layers.DepthwiseConv2D((2, 3), 2, "same", 2), (5, 6, 3)
    ),
    "depthwise dilated": Case(
        lambda keras: keras.layers.DepthwiseConv2D(
            2, dilation_rate=2, use_bias=False, activation="tanh"
        ),
        (5, 4, 2),
    ),
    "separable": Case(
        lambda keras: keras.layers.SeparableConv2D(4, 3, activation="relu"), (5, 4, 3)
    ),
    "separable strided": Case(
        lambda keras: keras.layers.SeparableConv2D(
            2, 3, 2, "same", depth_multiplier=2, use_bias=False
        ),
        (5, 6, 2),
    ),
    "transposed": Case(
        lambda keras: keras.layers.Conv2DTranspose(3, 3, activation="relu"), (3, 4, 2)
    ),
    "transposed same": Case(lambda keras: keras.layers.Conv2DTranspose(3, 3, 2, "same"), (3, 4, 2)),
    "transposed wide strides": Case(
        lambda keras: keras.layers.Conv2DTranspose(2, 2, (3, 2)), (3, 2, 2)
    ),
    "transposed dilated": Case(
        lambda keras: keras.layers.Conv2DTranspose(
            2, 2, dilation_rate=2, use_bias=False, activation="elu"
        ),
        (3, 2, 2),
        keras=False,  # TensorFlow cannot compute it
    ),
    "transposed with output padding": Case(
        lambda keras: keras.layers.Conv2DTranspose(2, 3, 2, "same", output_padding=(1, 0)),
        (3, 2, 2),
    ),
    "relu": Case(lambda keras: keras.layers.ReLU(), (4, 3)),
    "relu with everything": Case(lambda keras: keras.layers.ReLU(0.8, 0.25, 0.1), (4, 3)),
    "leaky relu": Case(lambda keras: keras.layers.LeakyReLU(), (4, 3)),
    "elu": Case(lambda keras: keras.layers.ELU(alpha=0.5), (4, 3)),
    "softmax": Case(lambda keras: keras.layers.Softmax(), (4, 3)),
    "softmax over one axis": Case(lambda keras: keras.layers.Softmax(axis=1), (4, 3)),
    "softmax over two axes": Case(lambda keras: keras.layers.Softmax(axis=[1, 2]), (4, 3, 2)),
    "prelu": Case(lambda keras: keras.layers.PReLU("uniform"), (3, 2, 2)),
    "prelu by channel": Case(lambda keras: keras.layers.PReLU(shared_axes=[1, 2]), (3, 2, 2)),
    "prelu of one value": Case(lambda keras: keras.layers.PReLU(shared_axes=(1, 2, 3)), (3, 1, 2)),
    "leaky relu inside": Case(
        lambda keras: keras.layers.Dense(3, activation=keras.layers.LeakyReLU(0.1)), (4,)
    ),
    "batch norm": Case(lambda keras: keras.layers.BatchNormalization(), (4, 3, 2)),
    "batch norm of rows": Case(
        lambda keras: keras.layers.BatchNormalization(momentum=0.5, epsilon=0.1), (5,)
    ),
    "batch norm without scale": Case(
        lambda keras: keras.layers.BatchNormalization(scale=False), (3, 2, 3)
    ),
    "batch norm without center": Case(
        lambda keras: keras.layers.BatchNormalization(center=False), (3, 2, 3)
    ),
    "batch norm of another axis": Case(
        lambda keras: keras.layers.BatchNormalization(axis=1), (3, 4, 2)
    ),
    "batch norm frozen": Case(
        lambda keras: keras.layers.BatchNormalization(trainable=False), (4, 3, 2)
    ),
    "dropout": Case(lambda keras: keras.layers.Dropout(0.3, seed=0), (5, 6), keras=False),
    "dropout of nothing": Case(lambda keras: keras.layers.Dropout(0), (5, 6)),
    "dropout of everything": Case(
        lambda keras: keras.layers.Dropout(1, seed=0), (5, 6), keras=False
    ),
    "dropout with a noise shape": Case(
        lambda keras: keras.layers.Dropout(0.5, (None, 1, 6), seed=0), (5, 6), keras=False
    ),
    "spatial dropout": Case(
        lambda keras: keras.layers.SpatialDropout2D(0.4, seed=0), (3, 2, 4), keras=False
    ),
    "identity": Case(lambda keras: keras.layers.Identity(), (4, 3)),
    "activity regularization": Case(
        lambda keras: keras.layers.ActivityRegularization(0.1, 0.2), (4, 3)
    ),
    "permute": Case(lambda keras: keras.layers.Permute((2, 3, 1)), (4, 3, 2)),
    "repeat vector": Case(lambda keras: keras.layers.RepeatVector(3), (5,)),
    "gaussian noise": Case(
        lambda keras: keras.layers.GaussianNoise(0.4, seed=0), (5, 6), keras=False
    ),
    "gaussian noise of nothing": Case(lambda keras: keras.layers.GaussianNoise(0), (5, 6)),
    "gaussian dropout": Case(
        lambda keras: keras.layers.GaussianDropout(0.4, seed=0), (5, 6), keras=False
    ),
    "gaussian dropout of nothing": Case(lambda keras: keras.layers.GaussianDropout(0), (5, 6)),
    "random brightness": Case(
        lambda keras: keras.layers.RandomBrightness(0.5, value_range=(-0.9, 0.9), seed=1),
        (3, 4, 2),
        keras=False,
    ),
    "resizing": Case(lambda keras: keras.layers.Resizing(4, 3), (3, 5, 2)),
    "resizing nearest": Case(lambda keras: keras.layers.Resizing(4, 3, "nearest"), (3, 5, 2)),
    "resizing bicubic": Case(
        lambda keras: keras.layers.Resizing(5, 3, "bicubic", antialias=True), (3, 6, 2)
    ),
    "resizing lanczos": Case(lambda keras: keras.layers.Resizing(4, 7, "lanczos3"), (3, 5, 2)),
    "resizing with a crop": Case(
        lambda keras: keras.layers.Resizing(4, 4, crop_to_aspect_ratio=True), (3, 6, 2)
    ),
    "resizing with a frame": Case(
        lambda keras: keras.layers.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=0.5),
        (3, 6, 2),
    ),
    "center crop": Case(lambda keras: keras.layers.CenterCrop(2, 3), (5, 4, 2)),
    "center crop of a small image": Case(lambda keras: keras.layers.CenterCrop(4, 3), (3, 5, 2)),
    "random crop": Case(
        lambda keras: keras.layers.RandomCrop(2, 3, seed=1), (5, 6, 2), keras=False
    ),
    "random crop of a small image": Case(
        lambda keras: keras.layers.RandomCrop(4, 3, seed=1), (3, 5, 2), keras=False
    ),
    "layer norm": Case(lambda keras: keras.layers.LayerNormalization(), (4, 3)),
    "layer norm of two axes": Case(
        lambda keras: keras.layers.LayerNormalization([1, -1], 0.1),
        (4, 3, 2),
        onnx=False,  # ONNX's has its axes last
    ),
    "layer norm of another axis": Case(
        lambda keras: keras.layers.LayerNormalization(1, center=False),
        (4, 3, 2),
        onnx=False,  # ONNX's has its axes last
    ),
    "layer norm without scale": Case(
        lambda keras: keras.layers.LayerNormalization(scale=False), (4, 3)
    ),
    "group norm": Case(lambda keras: keras.layers.GroupNormalization(groups=2), (4, 3, 6)),
    "group norm of each channel": Case(
        lambda keras: keras.layers.GroupNormalization(-1, epsilon=0.1, center=False), (4, 3, 2)
    ),
    "group norm of another axis": Case(
        lambda keras: keras.layers.GroupNormalization(2, axis=1, scale=False), (4, 3, 2)
    ),
    "group norm of rows": Case(
        lambda keras: keras.layers.GroupNormalization(
            3, gamma_regularizer="l2", beta_constraint="non_neg"
        ),
        (6,),
    ),
    "unit norm": Case(lambda keras: keras.layers.UnitNormalization(), (4, 3)),
    "unit norm of two axes": Case(lambda keras: keras.layers.UnitNormalization([1, 2]), (4, 3, 2)),
    "conv 1d": Case(lambda keras: keras.layers.Conv1D(3, 3), (6, 2)),
    "conv 1d causal": Case(
        lambda keras: keras.layers.Conv1D(
            3, 3, padding="causal", dilation_rate=2, activation="relu"
        ),
        (7, 2),
    ),
    "conv 1d strided": Case(
        lambda keras: keras.layers.Conv1D(2, (3,), 2, "same", use_bias=False), (6, 3)
    ),
    "conv 1d causal strided": Case(
        lambda keras: keras.layers.Conv1D(2, 4, 3, "causal", activation="tanh"), (8, 3)
    ),
    "conv 1d in groups": Case(
        lambda keras: keras.layers.Conv1D(4, 3, groups=2, kernel_regularizer="l2"), (6, 4)
    ),
    "depthwise 1d": Case(lambda keras: keras.layers.DepthwiseConv1D(3, activation="relu"), (6, 3)),
    "depthwise 1d strided": Case(
        lambda keras: keras.layers.DepthwiseConv1D(3, 2, "same", 2, use_bias=False), (6, 3)
    ),
    "separable 1d": Case(
        lambda keras: keras.layers.SeparableConv1D(4, 3, activation="relu"), (6, 3)
    ),
    "separable 1d strided": Case(
        lambda keras: keras.layers.SeparableConv1D(
            2, 3, 2, "same", depth_multiplier=2, use_bias=False
        ),
        (7, 2),
    ),
    "transposed 1d": Case(
        lambda keras: keras.layers.Conv1DTranspose(3, 3, activation="relu"), (4, 2)
    ),
    "transposed 1d same": Case(
        lambda keras: keras.layers.Conv1DTranspose(3, 3, 2, "same", output_padding=0), (4, 2)
    ),
    "transposed 1d wide strides": Case(
        lambda keras: keras.layers.Conv1DTranspose(2, 2, 3, use_bias=False), (3, 2)
    ),
    "max pool 1d": Case(lambda keras: keras.layers.MaxPooling1D(), (5, 3)),
    "max pool 1d overlapping": Case(lambda keras: keras.layers.MaxPooling1D(3, 2, "same"), (6, 2)),
    "average pool 1d": Case(lambda keras: keras.layers.AveragePooling1D(2), (5, 3)),
    "average pool 1d same": Case(lambda keras: keras.layers.AveragePooling1D(3, 1, "same"), (4, 2)),
    "global average 1d": Case(lambda keras: keras.layers.GlobalAveragePooling1D(), (4, 3)),
    "global average 1d kept": Case(
        lambda keras: keras.layers.GlobalAveragePooling1D(keepdims=True), (4, 3)
    ),
    "global max 1d": Case(lambda keras: keras.layers.GlobalMaxPooling1D(), (4, 3)),
    "global max 1d kept": Case(
        lambda keras: keras.layers.GlobalMaxPooling1D(keepdims=True), (4, 3)
    ),
    "zero padding 1d": Case(lambda keras: keras.layers.ZeroPadding1D(), (3, 2)),
    "zero padding 1d of one side": Case(lambda keras: keras.layers.ZeroPadding1D((0, 2)), (3, 2)),
    "cropping 1d": Case(lambda keras: keras.layers.Cropping1D(), (4, 2)),
    "cropping 1d of one side": Case(lambda keras: keras.layers.Cropping1D((2, 0)), (4, 2)),
    "upsampling 1d": Case(lambda keras: keras.layers.UpSampling1D(3), (4, 2)),
    "spatial dropout 1d": Case(
        lambda keras: keras.layers.SpatialDropout1D(0.4, seed=0), (5, 4), keras=False
    ),
    "adaptive average": Case(
        lambda keras: keras.layers.AdaptiveAveragePooling2D((2, 3)), (4, 6, 2)
    ),
    "adaptive average uneven": Case(
        lambda keras: keras.layers.AdaptiveAveragePooling2D((3, 7)), (5, 4, 2)
    ),
    "adaptive average 1d": Case(lambda keras: keras.layers.AdaptiveAveragePooling1D(3), (7, 2)),
    "adaptive max": Case(lambda keras: keras.layers.AdaptiveMaxPooling2D(2), (4, 6, 2)),
    "adaptive max uneven": Case(lambda keras: keras.layers.AdaptiveMaxPooling2D((3, 2)), (7, 4, 2)),
    "adaptive max of the same size": Case(
        lambda keras: keras.layers.AdaptiveMaxPooling2D((3, 4)), (3, 4, 2)
    ),
    "adaptive max 1d": Case(lambda keras: keras.layers.AdaptiveMaxPooling1D(5), (7, 2)),
    "adaptive max 1d to more": Case(lambda keras: keras.layers.AdaptiveMaxPooling1D(5), (3, 2)),
    "alpha dropout": Case(
        lambda keras: keras.layers.AlphaDropout(0.3, seed=0), (5, 6), keras=False
    ),
    "alpha dropout of nothing": Case(lambda keras: keras.layers.AlphaDropout(0), (5, 6)),
    "alpha dropout with a noise shape": Case(
        lambda keras: keras.layers.AlphaDropout(0.5, (None, 1, 6), seed=0), (5, 6), keras=False
    ),
    "rms norm": Case(lambda keras: keras.layers.RMSNormalization(), (4, 3)),
    "rms norm of two axes": Case(
        lambda keras: keras.layers.RMSNormalization([2, 3], 0.1), (4, 3, 2)
    ),
    "rms norm of another axis": Case(
        lambda keras: keras.layers.RMSNormalization(1),
        (4, 3, 2),
        keras=False,  # Keras multiplies by the scale along the last axis
        file=False,
    ),
    "layer norm rms scaling": Case(
        lambda keras: keras.layers.LayerNormalization([1, 2], 0.1, scale=False, rms_scaling=True),
        (4, 3),
    ),
    # training changes the kernel that finite differences are taken at
    "spectral norm": Case(
        lambda keras: keras.layers.SpectralNormalization(
            keras.layers.Conv2D(3, 2, activation="tanh", name="inner"), 2
        ),
        (4, 3, 2),
        protocol=False,
    ),
    "spectral norm of rows": Case(
        lambda keras: keras.layers.SpectralNormalization(
            keras.layers.Dense(4, kernel_regularizer="l2", use_bias=False, name="inner")
        ),
        (5,),
        protocol=False,
    ),
    "spectral norm of a frozen unit": Case(  # whose kernel becomes 1 at once
        lambda keras: keras.layers.SpectralNormalization(
            keras.layers.Dense(1, trainable=False, name="inner")
        ),
        (4, 1),
    ),
    "upsampling lanczos": Case(
        lambda keras: keras.layers.UpSampling2D((1, 2), interpolation="lanczos5"),
        (3, 6, 1),
    ),
}


MERGES = {
    "add": Case(lambda keras: keras.layers.Add(), [(4, 3), (4, 3)]),
    "add three": Case(lambda keras: keras.layers.Add(), [(4, 3)] * 3),
    "add one": Case(lambda keras: keras.layers.Add(), [(4, 3)]),
    "add repeated": Case(lambda keras: keras.layers.Add(), [(4, 5, 3), (1, 1, 3), (4, 1, 1)]),
    "add of two ranks": Case(lambda keras: keras.layers.Add(), [(3,), (4, 3)]),
    "subtract": Case(lambda keras: keras.layers.Subtract(), [(4, 3), (4, 3)]),
    "subtract repeated": Case(lambda keras: keras.layers.Subtract(), [(4, 1, 2), (1, 3, 2)]),
    "multiply": Case(lambda keras: keras.layers.Multiply(), [(4, 3), (4, 3)]),
    "multiply four": Case(lambda keras: keras.layers.Multiply(), [(2, 3)] * 4),
    "multiply by gates": Case(lambda keras: keras.layers.Multiply(), [(4, 3, 2), (1, 1, 2)]),
    "average": Case(lambda keras: keras.layers.Average(), [(4, 3), (4, 3)]),
    "average three": Case(lambda keras: keras.layers.Average(), [(4, 3), (4, 1), (4, 3)]),
    "maximum": Case(lambda keras: keras.layers.Maximum(), [(4, 3), (4, 3)]),
    "maximum three": Case(lambda keras: keras.layers.Maximum(), [(4, 3), (4, 1), (4, 3)]),
    "minimum": Case(lambda keras: keras.layers.Minimum(), [(4, 3), (4, 3)]),
    "minimum three": Case(lambda keras: keras.layers.Minimum(), [(4, 3), (3,), (4, 3)]),
    "concatenate": Case(lambda keras: keras.layers.Concatenate(), [(3, 2, 2), (3, 2, 3)]),
    "concatenate rows": Case(lambda keras: keras.layers.Concatenate(1), [(3, 2, 2), (1, 2, 2)]),
    "concatenate three": Case(lambda keras: keras.layers.Concatenate(-1), [(4,), (1,), (3,)]),
    "dot": Case(lambda keras: keras.layers.Dot(1), [(5,), (5,)]),
    "dot normalized": Case(lambda keras: keras.layers.Dot(-1, True), [(3, 5), (2, 5)]),
    "dot of two axes": Case(lambda keras: keras.layers.Dot((1, 2)), [(3, 5), (4, 3)]),
    "dot of vector and matrix": Case(lambda keras: keras.layers.Dot((1, 2)), [(3,), (4, 3)]),
    "dot of images": Case(
        lambda keras: keras.layers.Dot((2, -2), normalize=True), [(3, 4, 2), (2, 4, 3)]
    ),
}
CASES |= MERGES
CASES |= {
    name: Case(make, shape, **flags) for name, (make, shape, flags) in image_cases.CASES.items()
}


def each(function, shapes):
    """function(shape), or the list of its results for a list of shapes."""
    return [function(shape) for shape in shapes] if type(shapes) is list else function(shapes)


def with_batch(shape, size=None):
    """A sample's shape with a batch axis, or each of a list."""
    return each(lambda one: (size, *one), shape)


def _of_grid(layer, arguments, shape):
    def make(keras):
        return getattr(keras.layers, layer)(**arguments)

    return Case(make, shape, protocol=False, file=False, onnx=False)


CASES |= {name: _of_grid(*row) for name, *row in layer_grids.rows()}


def rows(test):
    """The names of the rows with the flag `test`."""
    return [name for name, case in CASES.items() if getattr(case, test)]


def layers_of(test, keras):
    """The class names of the layers in these rows."""
    return {type(CASES[name].make(keras)).__name__ for name in rows(test)}
