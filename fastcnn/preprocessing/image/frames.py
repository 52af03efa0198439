"""Batches of the images that the rows of a pandas DataFrame name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import warn
from fastcnn.preprocessing.image.files import FileIterator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from fastcnn.core.types import Path
    from fastcnn.preprocessing.image.generator import ImageDataGenerator

WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(FileIterator):
    """Batches of the image files in a column of a DataFrame, with labels of other columns.

    See `ImageDataGenerator.flow_from_dataframe` for the arguments.

    Attributes:
        samples: the number of files.
        filenames, filepaths: as in the column, and with `directory`.
        class_indices, classes: {class: label} and the label (or labels) of each file, unless the
            class mode is "input", "multi_output", "raw" or None.
    """

    modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: Path | None = None,
        image_data_generator: ImageDataGenerator | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: DTypeLike | None = "float32",
        validate_filenames: bool = True,
    ) -> None:
        if not hasattr(dataframe, "iloc"):
            raise TypeError(
                f"The argument `dataframe` must be a pandas DataFrame. Received {type(dataframe)}."
            )
        self._keep(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        self._keep_files(
            target_size, color_mode, class_mode, interpolation, keep_aspect_ratio, subset
        )
        self.directory = os.fspath(directory or "")
        self._check_columns(dataframe, x_col, y_col, weight_col, classes)
        rows = dataframe
        if validate_filenames:
            rows = self._with_files(rows, x_col)
        names = None
        if class_mode not in WITHOUT_CLASSES:
            rows, names = _of_classes(rows, y_col, classes)
            self.class_indices = {name: label for label, name in enumerate(names)}
        if subset is not None:
            rows = rows.iloc[self._part(len(rows))]
        if names is not None:
            self.classes = [self._label(value) for value in rows[y_col]]
        self.filenames = rows[x_col].tolist()
        self._weights = rows[weight_col].to_numpy() if weight_col else None
        if class_mode == "multi_output":
            self._targets: Any = [np.array(rows[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self._targets = rows[y_col].to_numpy()
        self.samples = len(self.filenames)
        checked = "validated" if validate_filenames else "non-validated"
        count = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {self.samples} {checked} image filenames{count}.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self) -> Any:
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> Any:
        return self._weights

    def _label(self, value):
        if isinstance(value, (list, tuple)):
            return [self.class_indices[name] for name in value]
        return self.class_indices[value]

    def _check_columns(self, rows, x_col, y_col, weight_col, classes):
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(
                "With `class_mode='multi_output'`, `y_col` must be a list of columns. "
                f"Received y_col={y_col!r}."
            )
        if mode not in WITHOUT_CLASSES and isinstance(y_col, list):
            raise TypeError(
                f"With `class_mode={mode!r}`, `y_col` must be one column. Received y_col={y_col!r}."
            )
        used = [x_col, *([weight_col] if weight_col else [])]
        if mode not in ("input", None):
            used += y_col if isinstance(y_col, list) else [y_col]
        missing = [column for column in used if column not in rows.columns]
        if missing:
            raise ValueError(
                f"The data frame has no columns {missing}. It has {rows.columns.tolist()}."
            )
        _check_kind(rows, x_col, str, "strings")
        if mode in ("binary", "sparse"):
            _check_kind(rows, y_col, str, "strings")
        if mode == "categorical":
            _check_kind(rows, y_col, (str, list, tuple), "strings, lists or tuples")
        if mode == "binary":
            count = len(set(classes)) if classes else rows[y_col].nunique()
            if count != 2:
                raise ValueError(f"`class_mode='binary'` requires two classes. Found {count}.")
        if classes and mode in WITHOUT_CLASSES:
            warn(f"`classes` has no effect with class_mode={mode!r}.")
        if weight_col and rows[weight_col].dtype.kind not in "fiu":
            raise TypeError(f"The column {weight_col!r} of weights must contain numbers.")

    def _with_files(self, rows, x_col):
        """The rows whose image file exists."""
        exist = [
            name.lower().endswith(self.white_list_formats)
            and os.path.isfile(os.path.join(self.directory, name))
            for name in rows[x_col]
        ]
        missing = len(exist) - sum(exist)
        if missing:
            warn(
                f"{missing} names in the column {x_col!r} are not those of image files: their rows "
                "are ignored."
            )
        return rows[np.array(exist, bool)]


def _check_kind(rows, column, kinds, text):
    if not all(isinstance(value, kinds) for value in rows[column]):
        raise TypeError(f"All values in the column {column!r} must be {text}.")


def _of_classes(rows, y_col, classes):
    """(the rows with one of these classes, without other classes; the classes)."""
    values = rows[y_col].tolist()
    if not classes:
        several = (value if isinstance(value, (list, tuple)) else [value] for value in values)
        return rows, sorted({name for names in several for name in names})
    classes = list(dict.fromkeys(classes))
    kept = [
        ([name for name in value if name in classes] or None)
        if isinstance(value, (list, tuple))
        else (value if value in classes else None)
        for value in values
    ]
    chosen = np.array([value is not None for value in kept], bool)
    rows = rows[chosen].copy()
    rows[y_col] = [value for value in kept if value is not None]
    return rows, classes
