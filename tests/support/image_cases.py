"""The rows of layer_cases.py for layers that change images at random, or by their histograms.

(make, shape, flags): see `Case`. With `seed=1` the draws repeat, so that gradients can be checked;
with a single possible draw real Keras's results can be recorded.
"""

ONE = (-1.5, 1.5)  # the range of the inputs of the Keras oracle

CASES = {
    "mix up": (lambda keras: keras.layers.MixUp(0.4, seed=1), (3, 4, 2), {"keras": False}),
    "cut mix": (lambda keras: keras.layers.CutMix(0.9, seed=1), (5, 4, 2), {"keras": False}),
    "auto contrast": (lambda keras: keras.layers.AutoContrast(ONE), (4, 5, 2), {}),
    "equalization": (
        lambda keras: keras.layers.Equalization((-1.5, 1.7), bins=7),
        (4, 5, 2),
        {"keras": False, "file": False},  # Keras's models skip it: see NOT_IN
    ),
    "clahe": (
        lambda keras: keras.layers.ContrastLimitedAdaptiveHistogramEqualization(ONE, 3.0, (2, 3)),
        (5, 7, 2),
        {"onnx": False},  # no ONNX operator counts
    ),
    "solarization": (
        lambda keras: keras.layers.Solarization(0.6, 0.7, ONE, seed=1),
        (3, 4, 2),
        {"keras": False},
    ),
    "solarization of everything": (
        lambda keras: keras.layers.Solarization(value_range=ONE),
        (3, 4, 2),
        {"protocol": False},
    ),
    "random posterization": (
        lambda keras: keras.layers.RandomPosterization((1, 5), ONE, seed=1),
        (3, 4, 2),
        {"keras": False},
    ),
    "random posterization of two bits": (
        lambda keras: keras.layers.RandomPosterization((2, 2), ONE),
        (3, 4, 2),
        {"protocol": False},
    ),
    "random invert": (
        lambda keras: keras.layers.RandomInvert((0.3, 0.7), ONE, seed=1),
        (3, 4, 2),
        {"keras": False},
    ),
    "random grayscale": (lambda keras: keras.layers.RandomGrayscale(1.0), (3, 4, 3), {}),
    "random grayscale of some": (
        lambda keras: keras.layers.RandomGrayscale(0.5, seed=1),
        (3, 4, 3),
        {"keras": False, "file": False},  # Keras forgets the seed
    ),
    "random color degeneration": (
        lambda keras: keras.layers.RandomColorDegeneration((0.3, 0.3), (-1, 1)),
        (3, 4, 3),
        {},
    ),
    "random hue": (
        lambda keras: keras.layers.RandomHue(0.6, ONE, seed=1),
        (3, 4, 3),
        {"keras": False},
    ),
    "random saturation": (
        lambda keras: keras.layers.RandomSaturation((0.2, 0.6), (0, 0.9), seed=1),
        (3, 4, 3),
        {"keras": False},
    ),
    "random sharpness": (
        lambda keras: keras.layers.RandomSharpness((0.8, 0.8), (-1, 1)),
        (4, 5, 2),
        {},
    ),
    "random gaussian blur": (
        lambda keras: keras.layers.RandomGaussianBlur(1.0, 3, 0.8, ONE, seed=1),
        (4, 5, 2),
        {"keras": False},
    ),
    "random gaussian blur of two sizes": (
        lambda keras: keras.layers.RandomGaussianBlur((1, 1), (3, 5), (0.7, 0.7), ONE),
        (6, 5, 2),
        {"protocol": False},
    ),
    "random shear": (
        lambda keras: keras.layers.RandomShear(0.4, (0.1, 0.3), fill_mode="wrap", seed=1),
        (4, 5, 2),
        {"keras": False},
    ),
    "random perspective": (
        lambda keras: keras.layers.RandomPerspective(1.0, 0.4, fill_value=0.5, seed=1),
        (5, 6, 2),
        {"keras": False},
    ),
    "random elastic": (
        lambda keras: keras.layers.RandomElasticTransform((0.8, 1), value_range=ONE, seed=1),
        (5, 6, 2),
        {"keras": False},
    ),
    "random elastic nearest": (
        lambda keras: keras.layers.RandomElasticTransform(
            0.9, 0.5, "nearest", "constant", 0.5, ONE, seed=1
        ),
        (5, 6, 1),
        {"keras": False},
    ),
    "color jitter": (
        lambda keras: keras.layers.RandomColorJitter(ONE, 0.2, 0.3, (0.3, 0.6), 0.2, seed=1),
        (3, 4, 3),
        {"keras": False},
    ),
    "rand augment": (
        lambda keras: keras.layers.RandAugment(ONE, factor=0.4, seed=3),
        (5, 6, 3),
        {"keras": False},
    ),
    "pipeline": (
        lambda keras: keras.layers.Pipeline(
            [keras.layers.Conv2D(2, 2), keras.layers.ReLU(), keras.layers.Conv2D(3, 1)]
        ),
        (4, 5, 2),
        {"keras": False},  # building it does not build its layers in Keras
    ),
    "pipeline without weights": (
        lambda keras: keras.layers.Pipeline(
            [keras.layers.AutoContrast(ONE), keras.layers.Rescaling(0.5)]
        ),
        (4, 5, 2),
        {"protocol": False},
    ),
    "pipeline of augmentations": (
        lambda keras: keras.layers.Pipeline(
            [keras.layers.RandomFlip(seed=1), keras.layers.RandomContrast(0.3, ONE, seed=2)]
        ),
        (4, 5, 2),
        {"keras": False, "protocol": False},
    ),
    "aug mix": (
        lambda keras: keras.layers.AugMix(ONE, 2, 2, all_ops=False, seed=1),
        (5, 6, 3),
        {"keras": False},
    ),
}
