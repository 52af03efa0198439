"""Images in folders, one folder per class, as batches for `fit`, `evaluate` and `predict`.

    train, test = keras.utils.image_dataset_from_directory(
        "flowers", image_size=(64, 64), validation_split=0.2, subset="both", seed=1
    )
    model.fit(train, validation_data=test, epochs=5)

Images are read in threads shortly before their batch is needed, so a data set may be larger than
memory and loads while the step before trains. Requires Pillow (`pip install 'fastcnn[images]'`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.arguments import check_count, check_data_format, refuse
from fastcnn.utils.image_batches import ImageFolder
from fastcnn.utils.image_file import CHANNELS
from fastcnn.utils.image_resize import INTERPOLATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Path

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
LABEL_MODES = ("int", "categorical", "binary", None)


def image_dataset_from_directory(
    directory: Path,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the images below a folder: BMP, GIF, JPEG and PNG files.

    Args:
        directory: a folder with one subfolder per class.
        labels: "inferred" from the subfolders, None, or a list of integers, one per file in
            alphabetical order.
        label_mode: "int", "categorical" (one-hot), "binary" (0.0 or 1.0, shape (n, 1)) or None.
        class_names: the subfolders to use as classes, in the order of their labels; by default all
            of them in alphabetical order.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: number of images per batch; None is single images.
        image_size: (height, width) to which all images are resized.
        shuffle: whether to use a new order in each pass.
        seed: an integer that determines all orders; the first order, and therefore the split, is
            the same as in Keras.
        validation_split: the fraction of images in the "validation" subset.
        subset: "training", "validation" or "both"; only with `validation_split`.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether links to folders are followed; each folder is read once.
        crop_to_aspect_ratio: whether to cut the middle out of an image rather than to distort it.
        pad_to_aspect_ratio: whether to put zeros around it rather than to distort it.
        format: "tf"; the batches are NumPy's arrays.
        verbose: whether to print what was found.

    Returns:
        An `ImageFolder`, or two of them with subset "both": a `data.Dataset` with the attributes
        `class_names` and `file_paths`. A batch is (images, labels), or only images if there are no
        labels; images are float32 from 0 to 255 of shape (n, height, width, channels).

    Raises:
        ValueError: incompatible arguments, or no images.
        ImportError: Pillow is not installed.
    """
    check_data_format(data_format)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True."
        )
    refuse(format, "format", "tf")
    if color_mode not in CHANNELS:
        raise ValueError(
            f"The argument `color_mode` must be one of {tuple(CHANNELS)}. "
            f"Received color_mode={color_mode!r}."
        )
    if label_mode not in LABEL_MODES:
        raise ValueError(
            f"The argument `label_mode` must be one of {LABEL_MODES}. "
            f"Received label_mode={label_mode!r}."
        )
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"The argument `interpolation` must be one of {INTERPOLATIONS}. "
            f"Received interpolation={interpolation!r}."
        )
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"`image_size` must be (height, width). Received {image_size!r}.")
    size = tuple(check_count(side, "image_size") for side in size)
    _check_split(validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    paths, labels, class_names = find_images(directory, labels, class_names, follow_links)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(f"`label_mode`='binary' requires two classes. Found {class_names}.")
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    order = np.arange(len(paths))
    if shuffle:  # with a seed in Keras's order, so that the subsets are the same as in Keras
        generator = random.generator() if seed is None else np.random.RandomState(seed)
        order = generator.permutation(len(paths))
    held_back = int((validation_split or 0) * len(paths))
    cut = len(paths) - held_back
    subsets = {None: order, "training": order[:cut], "validation": order[cut:]}
    wanted = ("training", "validation") if subset == "both" else (subset,)
    folders = []
    for name in wanted:
        indices = subsets[name]
        if verbose and name is not None:
            print(f"Using {len(indices)} files for {name}.")
        if not len(indices):
            raise ValueError(f"There are no images for {name or 'the data set'} in {directory}.")
        folders.append(
            ImageFolder(
                [paths[index] for index in indices],
                None if labels is None else labels[indices],
                class_names=class_names,
                label_mode=label_mode,
                color_mode=color_mode,
                batch_size=None if batch_size is None else check_count(batch_size, "batch_size"),
                image_size=size,
                shuffle=shuffle,
                seed=seed,
                interpolation=interpolation,
                aspect="crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None,
            )
        )
    return folders if subset == "both" else folders[0]


def _check_split(validation_split, subset, shuffle, seed):
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(
            "The argument `validation_split` must be between 0 and 1. "
            f"Received validation_split={validation_split!r}."
        )
    if (validation_split is None) != (subset is None):
        raise ValueError("`validation_split` and `subset` must be given together, or neither.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            'The argument `subset` must be "training", "validation" or "both". '
            f"Received subset={subset!r}."
        )
    if validation_split and shuffle and seed is None and subset != "both":
        raise ValueError(
            "With `validation_split` and `shuffle` a `seed` is required, so that the two subsets "
            "do not overlap."
        )


def find_images(directory, labels, class_names=None, follow_links=False):
    """Return (paths, int32 labels or None, class names or None) of the images in a folder."""
    directory = os.fspath(directory)
    if labels is not None and not isinstance(labels, str):
        paths = _walk(directory, follow_links)
        labels = np.asarray(labels, np.int32)
        if class_names is not None:
            raise ValueError("`class_names` can only be given with `labels`='inferred'.")
        if labels.shape != (len(paths),):
            raise ValueError(
                f"`labels` must contain one integer for each of the {len(paths)} images in "
                f"{directory}. Received shape {labels.shape}."
            )
        return paths, labels, [str(label) for label in sorted(set(labels.tolist()))]
    if labels is None:
        return _walk(directory, follow_links), None, None
    if labels != "inferred":
        raise ValueError(f"The argument `labels` must be 'inferred'. Received labels={labels!r}.")
    found = sorted(
        entry.name
        for entry in os.scandir(directory)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    class_names = found if class_names is None else list(class_names)
    if not set(class_names) <= set(found):
        raise ValueError(f"`class_names` must be folders of {directory}: {found}.")
    paths, labels = [], []
    for label, name in enumerate(class_names):
        images = _walk(os.path.join(directory, name), follow_links)
        paths += images
        labels += [label] * len(images)
    return paths, np.array(labels, np.int32), class_names


def _walk(folder, follow_links):
    """The images in a folder and its subfolders, in alphabetical order.

    Of several links to one folder only the first is followed: links may form loops.
    """
    paths, visited = [], set()
    for parent, folders, files in os.walk(folder, followlinks=follow_links):
        if follow_links:
            status = os.stat(parent)
            identity = status.st_dev, status.st_ino
            if identity in visited:
                folders.clear()
                continue
            visited.add(identity)
        folders.sort()
        paths += [os.path.join(parent, f) for f in sorted(files) if f.lower().endswith(EXTENSIONS)]
    return paths
