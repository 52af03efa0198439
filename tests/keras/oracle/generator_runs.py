"""Runs of `preprocessing.image` that record_generator.py records with real Keras.

Each function gets the module (Keras's or ours) and returns {name: array}.
"""

import os

import numpy as np

GENERATORS = {
    "nothing": {},
    "rotation": {"rotation_range": 40},
    "shifts": {"width_shift_range": 0.3, "height_shift_range": 0.2, "fill_mode": "reflect"},
    "whole shifts": {"width_shift_range": 3, "height_shift_range": [1, -2.5], "fill_mode": "wrap"},
    "large shifts": {"width_shift_range": 4.0, "fill_mode": "constant", "cval": 7.0},
    "shear": {"shear_range": 30, "fill_mode": "constant", "cval": -3.0},
    "zoom": {"zoom_range": 0.4, "interpolation_order": 0},
    "zoom of two": {"zoom_range": [0.5, 1.7], "fill_mode": "wrap"},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "channels": {"channel_shift_range": 50.0},
    "brightness": {"brightness_range": [0.3, 1.6]},
    "rescale": {"rescale": 1 / 255, "samplewise_center": True},
    "function": {"preprocessing_function": lambda x: x[::-1] + 1, "rescale": 0.5},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True},
    "whitening": {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 0.1},
    "all": {
        "rotation_range": 20,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 10,
        "zoom_range": 0.2,
        "horizontal_flip": True,
        "channel_shift_range": 20,
        "brightness_range": (0.8, 1.2),
        "fill_mode": "reflect",
        "rescale": 1 / 255,
    },
}


def images(shape=(5, 7, 6, 3)):
    """Images with values from 0 to 255."""
    return np.random.RandomState(3).randint(0, 256, shape).astype(np.float32)


def flows(image):
    """Batches of every generator with a seed, by `next` and by index."""
    x, y = images(), np.arange(5) % 2
    for name, arguments in GENERATORS.items():
        generator = image.ImageDataGenerator(**arguments)
        if {"featurewise_center", "zca_whitening"} & arguments.keys():
            generator.fit(x)
        for shuffle in (False, True):
            flow = generator.flow(x.copy(), y, batch_size=3, shuffle=shuffle, seed=4)
            batches = [next(flow) for _ in range(3)]
            yield f"{name} next {shuffle}", np.concatenate([batch[0] for batch in batches])
            yield f"{name} next {shuffle} y", np.concatenate([batch[1] for batch in batches])
        flow = generator.flow(x.copy(), y, batch_size=2, seed=9)
        batches = [flow[index] for index in range(len(flow))]
        yield f"{name} index", np.concatenate([batch[0] for batch in batches])
        yield f"{name} index y", np.concatenate([batch[1] for batch in batches])


def fits(image):
    """What `fit` computes, also of changed images."""
    x = images()
    generator = image.ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        rotation_range=30,
        rescale=0.1,
    )
    for augment in (False, True):
        generator.fit(x, augment, 2, seed=5)
        yield f"fit mean {augment}", generator.mean
        yield f"fit std {augment}", generator.std
    x = x[:, :4, :3]
    generator = image.ImageDataGenerator(True, zca_whitening=True, zca_epsilon=0.1)
    generator.fit(x)
    yield "fit whitening", generator.zca_whitening_matrix


def functions(image):
    """The functions of one image, with `np.random` seeded, channels first and last."""
    x = images((6, 5, 3))
    last = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    for fill in ("nearest", "constant", "reflect", "wrap"):
        for order in (0, 1):
            more = {**last, "fill_mode": fill, "cval": 5.0, "interpolation_order": order}
            np.random.seed(1)
            yield f"rotation {fill} {order}", image.random_rotation(x, 90, **more)
            yield f"shift {fill} {order}", image.random_shift(x, 0.5, 0.9, **more)
            yield f"shear {fill} {order}", image.random_shear(x, 60, **more)
            yield f"zoom {fill} {order}", image.random_zoom(x, (0.4, 2.5), **more)
    first = np.moveaxis(x, 2, 0)
    np.random.seed(2)
    yield "rotation first", image.random_rotation(first, 50)
    yield "shift first", image.random_shift(first, 0.3, 0.3)
    yield (
        "columns first",
        image.apply_affine_transform(first, theta=20, tx=1, zy=1.3, row_axis=2, col_axis=1),
    )
    yield "channel shift", image.random_channel_shift(x, 90, channel_axis=2)
    yield "channel shift first", image.apply_channel_shift(first, -40)
    for scale in (True, False):
        for values in (x, x - 100, np.full_like(x, 9)):
            yield (
                f"brightness {scale} {values[0, 0, 0]}",
                image.random_brightness(values, (0.2, 1.9), scale),
            )
    for size in ((4, 4), (7, 3), (3, 8)):
        for how in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
            yield f"smart resize {size} {how}", image.smart_resize(x, size, how)
    yield "smart resize batch", image.smart_resize(images(), (5, 5))


def parameters(image):
    """`get_random_transform` with a seed, as an array."""
    for name, arguments in GENERATORS.items():
        found = image.ImageDataGenerator(**arguments).get_random_transform((7, 6, 3), seed=11)
        yield (
            f"parameters {name}",
            np.array([np.nan if value is None else float(value) for value in found.values()]),
        )
        yield (
            f"transformed {name}",
            image.ImageDataGenerator(**arguments).random_transform(images()[0], seed=8),
        )


def sequences(pad_sequences):
    """Padded sequences."""
    ragged = [[1], [], [2, 3], [4, 5, 6, 7]]
    pairs = [[[1, 2]], [[3, 4], [5, 6], [7, 8]]]
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            for length in (None, 2, 6):
                how = {"maxlen": length, "padding": padding, "truncating": truncating}
                yield f"pad {how}", pad_sequences(ragged, value=-1, **how)
                yield f"pad pairs {how}", pad_sequences(pairs, dtype="float32", **how)


def write_files(folder):
    """Image files in two folders, some of other sizes and kinds."""
    from PIL import Image

    random = np.random.RandomState(6)
    for name in ("cats", "dogs/small", "dogs"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for index in range(4):
            size = (5 + index, 6, 3) if index else (6, 5)
            pixels = random.randint(0, 256, size).astype(np.uint8)
            Image.fromarray(pixels).save(os.path.join(folder, name, f"{index}.png"))


def files(image, folder):
    """Batches of the files that `write_files` wrote."""
    generator = image.ImageDataGenerator(horizontal_flip=True, validation_split=0.3)
    for mode in ("categorical", "binary", "sparse", "input"):
        flow = generator.flow_from_directory(
            folder, target_size=(6, 6), batch_size=5, class_mode=mode, seed=3
        )
        x, y = flow[0]
        yield f"directory {mode}", x
        yield f"directory {mode} y", y
    yield "directory classes", flow.classes
    yield "directory names", np.array([name.replace(os.sep, "/") for name in flow.filenames])
    for subset in ("training", "validation"):
        flow = generator.flow_from_directory(
            folder,
            target_size=(5, 7),
            color_mode="grayscale",
            classes=["dogs", "cats"],
            class_mode="sparse",
            batch_size=20,
            subset=subset,
            shuffle=False,
            seed=2,
            interpolation="bilinear",
            keep_aspect_ratio=True,
        )
        x, y = next(flow)
        yield f"directory {subset}", x
        yield f"directory {subset} y", y


def frames(image, folder, pandas):
    """Batches of the files that a DataFrame names."""
    names = [f"{kind}/{index}.png" for kind in ("cats", "dogs") for index in range(4)]
    frame = pandas.DataFrame(
        {
            "filename": [*names, "cats/9.png"],
            "class": ["a", "b", "a", "c", "a", "b", "b", "a", "a"],
            "several": [["a"], ["b", "c"], "a", ["c"], ["a", "b"], "b", ["c", "a"], "a", "a"],
            "size": np.arange(9) / 4,
            "weight": np.arange(9) + 1.0,
        }
    )
    generator = image.ImageDataGenerator(vertical_flip=True, validation_split=0.25)
    settings = {"target_size": (6, 6), "batch_size": 8, "seed": 1}

    def flow(**arguments):
        return generator.flow_from_dataframe(frame, folder, **settings, **arguments)[0]

    for name, arguments in {
        "categorical": {},
        "several": {"y_col": "several", "weight_col": "weight"},
        "classes": {"y_col": "several", "classes": ["c", "a"], "shuffle": False},
        "sparse": {"class_mode": "sparse", "classes": ["b", "a"]},
        "raw": {"class_mode": "raw", "y_col": "size"},
        "raw of two": {"class_mode": "raw", "y_col": ["size", "weight"], "subset": "training"},
        "validation": {"class_mode": "input", "subset": "validation"},
    }.items():
        for role, array in zip(("x", "y", "weights"), flow(**arguments), strict=False):
            yield f"frame {name} {role}", array
    x, y = flow(class_mode="multi_output", y_col=["size", "weight"])
    yield "frame outputs x", x
    yield "frame outputs y", np.stack(y)
