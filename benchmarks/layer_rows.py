"""What `benchmarks.layers` measures: rows for every layer, activation, loss and optimizer.

Each registered name has at least one row; `missing()` lists the names without one. A row makes its
object with the module `keras` or `fastcnn`, with the settings of a typical CNN, for a shape in
three sizes. Batches have 32 samples. The small sizes are those of the last layers of a small net;
the large ones have at least 32 MB per array, more than the caches of most machines.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fastcnn import activations, losses, optimizers
from fastcnn.layers.registry import registry as layers

BATCH = 32
SIZES = ("small", "typical", "large")
REGISTRIES = {
    "layers": layers,
    "activations": activations.registry,
    "losses": losses.registry,
    "optimizers": optimizers.registry,
}
KINDS = tuple(REGISTRIES)
WITHOUT_ROW = {"Functional", "InputLayer", "Sequential"}  # models and their parts


@dataclass(frozen=True)
class Row:
    """One object to measure.

    Attributes:
        kind: one of `KINDS`.
        name: the registered name.
        title: the name with the settings.
        make: make(keras, shape), where shape is an element of `shapes`.
        shapes: the shapes of a sample for each of `SIZES`, a list for layers with several inputs;
            of a batch for losses; a list of the shapes of all weights for optimizers.
        random: whether it draws random numbers in training. Its results are not compared, and its
            forward pass is measured in training mode.
        view: whether it only changes the shape, so that the row says nothing about kernels.
    """

    kind: str
    name: str
    title: str
    make: Callable
    shapes: tuple
    random: bool = False
    view: bool = False

    @property
    def passes(self):
        """What is measured: "forward" is inference, "both" is a training step's two passes."""
        return ("update",) if self.kind == "optimizers" else ("forward", "both")

    def shape(self, size):
        return self.shapes[SIZES.index(size)]


def _each(function, shapes):
    return tuple(function(shape) for shape in shapes)


IMAGES = ((8, 8, 32), (28, 28, 32), (112, 112, 32))
HALF_IMAGES = ((4, 4, 32), (14, 14, 32), (56, 56, 32))  # for outputs of four times the size
SEQUENCES = ((64, 32), (1024, 32), (16384, 32))
HALF_SEQUENCES = ((32, 32), (512, 32), (8192, 32))
PHOTOS = ((32, 32, 3), (96, 96, 3), (384, 384, 3))
DENSE = ((64,), (1024,), (8192,))
VECTORS = ((64,), (1024,), (262144,))
PAIRS = _each(lambda shape: [shape, shape], IMAGES)
MATRICES = _each(lambda n: [(n, n), (n, n)], (16, 64, 512))
SCORES = ((32, 10), (32, 1000), (8192, 1024))  # (samples, classes) of losses
CONV_NET = [(3, 3, 32, 64), (64,), (3, 3, 64, 64), (64,), (3136, 128), (128,), (128, 10), (10,)]
WEIGHTS = ([(3, 3, 1, 16), (16,), (400, 10), (10,)], CONV_NET, [(4096, 2048), (2048,)])

ROWS = {}  # title: Row


def _add(kind, name, settings, make, shapes, **flags):
    title = f"{name}, {settings}" if settings else name
    ROWS[title] = Row(kind, name, title, make, shapes, **flags)


def _layer(name, settings="", arguments=None, shapes=IMAGES, **flags):
    """A row for a layer; `arguments` is a dictionary or a function of the shape."""

    def make(keras, shape):
        given = arguments(shape) if callable(arguments) else arguments or {}
        return getattr(keras.layers, name)(**given)

    _add("layers", name, settings, make, shapes, **flags)


def _conv(name, settings, shapes=IMAGES, **arguments):
    arguments = {"filters": 32, "padding": "same"} | arguments
    if name.startswith("Depthwise"):
        del arguments["filters"]
    _layer(name, settings, arguments, shapes)


# --- layers

_conv("Conv2D", "3x3", kernel_size=3)
_conv("Conv2D", "3x3 relu", kernel_size=3, activation="relu")
_conv("Conv2D", "1x1", kernel_size=1)
_conv("Conv2D", "5x5", kernel_size=5)
_conv("Conv2D", "3x3 strides 2", kernel_size=3, strides=2, padding="valid")
_conv("Conv2D", "3x3 dilated", kernel_size=3, dilation_rate=2)
_conv("Conv2D", "3x3 groups 4", kernel_size=3, groups=4)
_conv("Conv2D", "3x3 of colors", PHOTOS, kernel_size=3)
_conv("Conv2DTranspose", "2x2 strides 2", HALF_IMAGES, kernel_size=2, strides=2, padding="valid")
_conv("Conv2DTranspose", "4x4 strides 2", HALF_IMAGES, kernel_size=4, strides=2)
_conv("DepthwiseConv2D", "3x3", kernel_size=3)
_conv("DepthwiseConv2D", "3x3 strides 2", kernel_size=3, strides=2, padding="valid")
_conv("DepthwiseConv2D", "5x5", kernel_size=5)
_conv("SeparableConv2D", "3x3", kernel_size=3)
_conv("Conv1D", "3", SEQUENCES, kernel_size=3)
_conv("Conv1D", "7 causal", SEQUENCES, kernel_size=7, padding="causal")
_conv("Conv1DTranspose", "4 strides 2", HALF_SEQUENCES, kernel_size=4, strides=2)
_conv("DepthwiseConv1D", "3", SEQUENCES, kernel_size=3)
_conv("SeparableConv1D", "3", SEQUENCES, kernel_size=3)


def _spectral(keras, shape):
    return keras.layers.SpectralNormalization(keras.layers.Conv2D(32, 3, padding="same"))


_add("layers", "SpectralNormalization", "Conv2D 3x3", _spectral, IMAGES)
_layer("Dense", "", lambda shape: {"units": shape[-1] // 2}, DENSE)
_layer("Dense", "relu", lambda shape: {"units": shape[-1] // 2, "activation": "relu"}, DENSE)
_layer("MaxPooling2D", "2x2")
_layer("MaxPooling2D", "3x3 strides 2", {"pool_size": 3, "strides": 2})
_layer("AveragePooling2D", "2x2", {"pool_size": 2})
_layer("AveragePooling2D", "3x3 strides 1", {"pool_size": 3, "strides": 1})
_layer("GlobalAveragePooling2D")
_layer("GlobalMaxPooling2D")
_layer("MaxPooling1D", "2", {}, SEQUENCES)
_layer("AveragePooling1D", "2", {"pool_size": 2}, SEQUENCES)
_layer("GlobalAveragePooling1D", "", {}, SEQUENCES)
_layer("GlobalMaxPooling1D", "", {}, SEQUENCES)
_layer("AdaptiveAveragePooling2D", "to 2x2", {"output_size": 2})
_layer("AdaptiveAveragePooling2D", "to 3x3", {"output_size": 3})
_layer("AdaptiveMaxPooling2D", "to 2x2", {"output_size": 2})
_layer("AdaptiveMaxPooling2D", "to 3x3", {"output_size": 3})
_layer("AdaptiveAveragePooling1D", "to 16", {"output_size": 16}, SEQUENCES)
_layer("AdaptiveMaxPooling1D", "to 16", {"output_size": 16}, SEQUENCES)
_layer("BatchNormalization")
_layer("LayerNormalization")
_layer("GroupNormalization", "8 groups", {"groups": 8})
_layer("RMSNormalization")
_layer("UnitNormalization")
_layer("Activation", "relu", {"activation": "relu"})
_layer("ReLU")
_layer("ReLU", "6", {"max_value": 6.0})
_layer("LeakyReLU")
_layer("ELU")
_layer("PReLU", "by channel", {"shared_axes": [1, 2]})
_layer("Softmax")
_layer("Dropout", "", {"rate": 0.5}, random=True)
_layer("SpatialDropout2D", "", {"rate": 0.5}, random=True)
_layer("SpatialDropout1D", "", {"rate": 0.5}, SEQUENCES, random=True)
_layer("AlphaDropout", "", {"rate": 0.5}, random=True)
_layer("GaussianDropout", "", {"rate": 0.5}, random=True)
_layer("GaussianNoise", "", {"stddev": 0.1}, random=True)
_layer("Identity", view=True)
_layer("ActivityRegularization", "", {"l2": 0.01}, view=True)
_layer("Flatten", view=True)
_layer("Reshape", "", {"target_shape": (-1, 16)}, view=True)
_layer("Permute", "to channels first", {"dims": (3, 1, 2)})
_layer("Permute", "of rows and columns", {"dims": (2, 1, 3)})
_layer("RepeatVector", "", {"n": 16}, ((64,), (1024,), (16384,)))
_layer("ZeroPadding2D")
_layer("Cropping2D", "", {"cropping": 1})
_layer("ZeroPadding1D", "", {}, SEQUENCES)
_layer("Cropping1D", "", {}, SEQUENCES)
_layer("UpSampling1D", "", {}, HALF_SEQUENCES)
_layer("UpSampling2D", "nearest", {}, HALF_IMAGES)
_layer("UpSampling2D", "bilinear", {"interpolation": "bilinear"}, HALF_IMAGES)
for _name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"):
    _layer(_name, "", {}, PAIRS)
_layer("Dot", "of vectors", {"axes": -1}, _each(lambda shape: [shape, shape], VECTORS))
_layer("Dot", "of matrices", {"axes": -1}, MATRICES)


def _smaller(shape):
    """The arguments of layers that return images of three quarters of the size."""
    return {"height": shape[0] * 3 // 4, "width": shape[1] * 3 // 4}


def _pipeline(keras, shape):
    return keras.layers.Pipeline([keras.layers.RandomFlip(), keras.layers.Rescaling(0.5)])


_jitter = {"brightness_factor": 0.2, "contrast_factor": 0.2, "hue_factor": 0.1}

_layer("Rescaling", "", {"scale": 1 / 127.5, "offset": -1.0}, PHOTOS)
_layer("Normalization", "", {"mean": [0.4, 0.5, 0.6], "variance": [0.1, 0.2, 0.3]}, PHOTOS)
_layer("CenterCrop", "", _smaller, PHOTOS)
_layer("Resizing", "bilinear", _smaller, PHOTOS)
_layer("Resizing", "nearest", lambda s: {"interpolation": "nearest", **_smaller(s)}, PHOTOS)
_layer("RandomCrop", "", _smaller, PHOTOS, random=True)
_layer("RandomFlip", "", {}, PHOTOS, random=True)
_layer("RandomTranslation", "", {"height_factor": 0.1, "width_factor": 0.1}, PHOTOS, random=True)
_layer("RandomRotation", "", {"factor": 0.1}, PHOTOS, random=True)
_layer("RandomZoom", "", {"height_factor": 0.2}, PHOTOS, random=True)
_layer("RandomContrast", "", {"factor": 0.2, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomBrightness", "", {"factor": 0.2, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomErasing", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_add("layers", "Pipeline", "", _pipeline, PHOTOS, random=True)
_layer("MixUp", "", {}, PHOTOS, random=True)
_layer("CutMix", "", {}, PHOTOS, random=True)
_layer("AutoContrast", "", {"value_range": (-1, 1)}, PHOTOS)
_layer("Equalization", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("ContrastLimitedAdaptiveHistogramEqualization", "", {"value_range": (-1, 1)}, PHOTOS)
_layer("Solarization", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomPosterization", "", {"factor": 4, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomInvert", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomGrayscale", "", {}, PHOTOS, random=True)
_layer("RandomColorDegeneration", "", {"factor": 0.5, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomHue", "", {"factor": 0.2, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomSaturation", "", {"factor": (0.3, 0.7)}, PHOTOS, random=True)
_layer("RandomSharpness", "", {"factor": 0.5, "value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomGaussianBlur", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomShear", "", {"x_factor": 0.2, "y_factor": 0.2}, PHOTOS, random=True)
_layer("RandomPerspective", "", {"scale": 0.3}, PHOTOS, random=True)
_layer("RandomElasticTransform", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("RandomColorJitter", "", {"value_range": (-1, 1), **_jitter}, PHOTOS, random=True)
_layer("RandAugment", "", {"value_range": (-1, 1)}, PHOTOS, random=True)
_layer("AugMix", "", {"value_range": (-1, 1)}, PHOTOS, random=True)

# --- activations, as the layer `Activation`, which is what makes the registry's list complete


def _activation(name):
    def make(keras, shape):
        return keras.layers.Activation(name)

    _add("activations", name, "", make, IMAGES, view=name == "linear")


for _name in activations.registry.names():
    _activation(_name)

# --- losses: the cross-entropies of logits, which is what models are trained with


def _loss(class_name, name, settings="", **arguments):
    def make(keras, shape):
        return getattr(keras.losses, class_name)(**arguments)

    _add("losses", name, settings, make, SCORES)


_loss("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", "", from_logits=True)
_loss("CategoricalCrossentropy", "categorical_crossentropy", "", from_logits=True)
_loss("BinaryCrossentropy", "binary_crossentropy", "", from_logits=True)
_loss("BinaryFocalCrossentropy", "binary_focal_crossentropy", "", from_logits=True)
_loss("CategoricalFocalCrossentropy", "categorical_focal_crossentropy", "", from_logits=True)
_loss("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy")
_loss("CategoricalHinge", "categorical_hinge")
_loss("Circle", "circle")
_loss("CosineSimilarity", "cosine_similarity")
_loss("Dice", "dice")
_loss("Hinge", "hinge")
_loss("Huber", "huber")
_loss("KLDivergence", "kl_divergence")
_loss("LogCosh", "log_cosh")
_loss("MeanAbsoluteError", "mean_absolute_error")
_loss("MeanAbsolutePercentageError", "mean_absolute_percentage_error")
_loss("MeanSquaredError", "mean_squared_error")
_loss("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error")
_loss("Poisson", "poisson")
_loss("SquaredHinge", "squared_hinge")
_loss("Tversky", "tversky")

# --- optimizers


def _optimizer(class_name, settings="", learning_rate=0.01, **arguments):
    def make(keras, shape):
        return getattr(keras.optimizers, class_name)(learning_rate, **arguments)

    _add("optimizers", class_name.lower(), settings, make, WEIGHTS)


_optimizer("SGD")
_optimizer("SGD", "momentum", momentum=0.9)
_optimizer("SGD", "nesterov", momentum=0.9, nesterov=True)
_optimizer("Adam")
_optimizer("Adam", "amsgrad", amsgrad=True)
_optimizer("Adam", "clipnorm", clipnorm=1.0)
_optimizer("Adam", "global_clipnorm", global_clipnorm=1.0)
_optimizer("Adam", "use_ema", use_ema=True)
_optimizer("AdamW")
_optimizer("Nadam")
_optimizer("Adamax")
_optimizer("Adadelta", learning_rate=1.0)
_optimizer("Adagrad")
_optimizer("RMSprop")
_optimizer("RMSprop", "momentum", momentum=0.9)
_optimizer("Lion")
_optimizer("Adafactor")
_optimizer("Ftrl")
_optimizer("Lamb")
_optimizer("Muon")
_optimizer("ScheduleFreeAdamW")


def missing(rows=None):
    """The registered names, as "kind: name", for which `rows` (default: all) have none."""
    named = {(row.kind, row.name) for row in (ROWS if rows is None else rows).values()}
    return [
        f"{kind}: {name}"
        for kind, registry in REGISTRIES.items()
        for name in registry.names()
        if (kind, name) not in named and name not in WITHOUT_ROW
    ]
