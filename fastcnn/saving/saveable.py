"""The methods of a model that read and write files; the modules they use are imported on demand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastcnn.core import ranks

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from typing import Any

    from fastcnn.core.types import Config, LossLike, Path
    from fastcnn.models import Model


OLD_ENDINGS = (".h5", ".hdf5")


class Saveable:
    """Mixin with a model's methods for saving, loading and exporting."""

    if TYPE_CHECKING:  # from the other bases of a model
        name: str
        built: bool
        compile: Callable[..., None]
        compiled: bool
        optimizer: Any
        loss: LossLike
        loss_weights: Any
        objectives: Any
        _lock: threading.RLock

    def save(
        self, filepath: Path, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Save the whole model to a .keras file that Keras can load: layers, weights, optimizer.

        The file is written completely or not at all: on an error an existing file is unchanged.

        Args:
            filepath: a path that ends in .keras, or in .h5 for the old format of Keras 2.
            overwrite: whether an existing file may be replaced.
            zipped: None or True.
            kwargs: `include_optimizer`, for .h5 files only.

        Raises:
            ValueError: another file extension, something that cannot be serialized, or a model so
                large that `load_model` would refuse its file.
            FileExistsError: the file exists and `overwrite` is False.
            OSError: the file cannot be written.
        """
        from fastcnn.core.arguments import warn
        from fastcnn.saving import keras_file

        include_optimizer = bool(kwargs.pop("include_optimizer", True))
        save_format = kwargs.pop("save_format", None)
        if save_format is not None:
            warn("The argument `save_format` is deprecated: the extension of the file says it.")
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to save: {kwargs}")
        path = _path(filepath, overwrite, (".keras", *OLD_ENDINGS), "Models", "save")
        if zipped is False:
            raise ValueError("The argument `zipped` must be None or True. Received zipped=False.")
        if ranks.is_main():
            with self._lock:
                if path.endswith(OLD_ENDINGS):
                    from fastcnn.saving import h5_file

                    h5_file.save_model(path, self, include_optimizer)
                else:
                    keras_file.save_model(path, self)

    def save_weights(
        self, filepath: Path, overwrite: bool = True, max_shard_size: int | None = None
    ) -> None:
        """Write all weights to a file, completely or not at all.

        Args:
            filepath: a path that ends in .weights.h5 (Keras's layout, including the optimizer state
                of a compiled model) or .npz (NumPy's format, only the weights).
            overwrite: whether an existing file may be replaced.
            max_shard_size: None.

        Raises:
            ValueError: another file extension, the model is not built, or it is so large that
                `load_weights` would refuse its file.
            FileExistsError: the file exists and `overwrite` is False.
            OSError: the file cannot be written.
        """
        from fastcnn.core.arguments import refuse
        from fastcnn.saving import h5_weights, npz

        refuse(max_shard_size, "max_shard_size")
        path = _path(filepath, overwrite, (".weights.h5", ".npz"), "Weights", "save_weights")
        self._require_built("has no weights yet")
        if ranks.is_main():
            with self._lock:
                (npz if path.endswith(".npz") else h5_weights).save_weights(path, self)

    def load_weights(self, filepath: Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Load weights from a file; nothing is assigned unless all of them match.

        Args:
            filepath: a .weights.h5, .npz or .keras file, or an .h5 file of Keras 2. A .weights.h5
                or .keras file also restores the optimizer of a compiled model, if it contains a
                matching state.
            skip_mismatch: whether layers whose weights are not in the file, or have other shapes
                there, are skipped with a warning.
            kwargs: `by_name`, for .h5 files of Keras 2: whether layers are matched by their names
                instead of by their order.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is damaged or contains the weights of another model.
        """
        from fastcnn.core.arguments import refuse
        from fastcnn.saving import h5_weights, keras_file, npz

        by_name = bool(kwargs.pop("by_name", False))
        for name, value in kwargs.items():
            refuse(value, name)
        endings = (".weights.h5", ".npz", ".keras", *OLD_ENDINGS)
        path = _path(filepath, True, endings, "Weights", "load_weights")
        self._require_built("cannot load weights")
        if path.endswith(OLD_ENDINGS) and not path.endswith(".weights.h5"):
            from fastcnn.saving import h5_file

            with self._lock:
                h5_file.load_weights(path, self, bool(skip_mismatch), by_name)
            return
        if by_name:
            raise ValueError(f"`by_name=True` is only for .h5 files of Keras 2. Received {path!r}.")
        readers = {".npz": npz, ".keras": keras_file}
        reader = readers.get(os.path.splitext(path)[1], h5_weights)
        with self._lock:
            if reader.load_weights(path, self, bool(skip_mismatch)) is False:
                keras_file.warn_about_state(path, self.optimizer)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture and the compile configuration as JSON that Keras can read.

        `keras.models.model_from_json` creates a newly initialized model from it. `kwargs` are
        passed to `json.dumps`.
        """
        from fastcnn.saving import keras_file

        return keras_file.model_to_json(self, **kwargs)

    def export(
        self,
        filepath: Path,
        format: str = "onnx",
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Export the model for inference to an ONNX file. Requires the package `onnx`.

        Args:
            filepath: a path that ends in .onnx.
            format: "onnx".
            verbose, input_signature: accepted and ignored.
            kwargs: `opset_version`, an integer.

        Raises:
            ValueError: another format, or a layer that cannot be exported.
            ImportError: `onnx` is not installed.
        """
        from fastcnn.saving import onnx

        if format != "onnx":
            raise ValueError(f'The argument `format` must be "onnx". Received format={format!r}.')
        path = _path(filepath, True, (".onnx",), "Exported models", "export")
        self._require_built("cannot be exported")
        if ranks.is_main():
            with self._lock:
                onnx.export_model(path, self, **kwargs)

    def get_compile_config(self) -> Config:
        """The arguments of `compile` as plain values; empty if the model is not compiled."""
        from fastcnn.saving import serialization

        if not self.compiled:
            return {}
        return serialization.serialize(
            {
                "optimizer": self.optimizer,
                "loss": self.loss,
                "loss_weights": self.loss_weights,
                "metrics": self.objectives.metrics,
                "weighted_metrics": self.objectives.weighted_metrics,
                "run_eagerly": False,
                "steps_per_execution": 1,
                "jit_compile": "auto",
            }
        )

    def compile_from_config(self, config: Config) -> None:
        """Compile the model with what `get_compile_config`, here or in Keras, returned."""
        from fastcnn.saving import serialization

        config = serialization.Deserializer("the compile configuration").make(config)
        self.compile(**config)

    def __reduce__(self):
        """Support copying and pickling: the model is recreated from the bytes of a .keras file."""
        from fastcnn.saving import keras_file

        return keras_file.from_bytes, (keras_file.to_bytes(self), keras_file.custom_objects(self))

    def _require_built(self, consequence):
        if not self.built:
            raise ValueError(
                f"The model {self.name!r} {consequence}: it is not built. Give it an `Input`, or "
                "call it on data."
            )


def save_model(
    model: Model,
    filepath: Path,
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """`model.save(filepath)`."""
    model.save(filepath, overwrite, zipped, **kwargs)


def save_weights(
    model: Model,
    filepath: Path,
    overwrite: bool = True,
    max_shard_size: int | None = None,
    **kwargs: Any,
) -> None:
    """`model.save_weights(filepath)`."""
    model.save_weights(filepath, overwrite, max_shard_size, **kwargs)


def load_weights(model: Model, filepath: Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """`model.load_weights(filepath)`."""
    model.load_weights(filepath, skip_mismatch, **kwargs)


def _path(filepath, overwrite, endings, what, method):
    """Check `filepath` and return it as a string."""
    path = os.fspath(filepath)
    path = path.decode() if isinstance(path, bytes) else path
    if not path.endswith(endings):
        raise ValueError(
            f"{what} are stored in {' or '.join(endings)} files: the argument `filepath` of "
            f"`{method}` must have this extension. Received filepath={path!r}."
        )
    if not overwrite and ranks.is_main() and os.path.exists(path):
        raise FileExistsError(f"{path} already exists and `overwrite` is False.")
    return path
