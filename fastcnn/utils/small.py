"""Small helpers of Keras that training loops and layers of one's own use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastcnn.data.arrays import unpack
from fastcnn.layers.symbolic import KerasTensor

if TYPE_CHECKING:
    from typing import Any

DTYPES = (
    *("float16", "float32", "float64", "uint8", "uint16", "uint32", "uint64", "int8", "int16"),
    *("int32", "int64", "bfloat16", "bool", "string", "float8_e4m3fn", "float8_e5m2"),
    *("complex64", "complex128"),
)
PYTHON_TYPES = {bool: "bool", int: "int32", float: "float32", str: "string", "int": "int32"}


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) from x, (x,), (x, y) or (x, y, sample_weight), with None for the rest.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    return unpack(data, "`data`")


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """x, (x, y) or (x, y, sample_weight), without None at the end; a list or tuple x is (x,).

    >>> pack_x_y_sample_weight([1, 2])
    ([1, 2],)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def is_keras_tensor(x: Any) -> bool:
    """Whether x is a symbolic tensor, as `Input` returns it."""
    return isinstance(x, KerasTensor)


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype of NumPy, Python or another library; None is "float32".

    >>> standardize_dtype(float)
    'float32'

    Raises:
        ValueError: Keras has no such dtype.
    """
    from fastcnn import backend

    if dtype is None:
        return backend.floatx()
    name = PYTHON_TYPES.get(dtype, dtype)
    name = getattr(name, "name", None) or getattr(name, "__name__", None) or str(name)
    name = name.rpartition(".")[2]
    if name not in DTYPES:
        raise ValueError(f"Invalid dtype: {dtype!r}.")
    return name


class Config:
    """Named values that are read and written as attributes or by key, and can be frozen.

    >>> config = Config(rate=0.1)
    >>> config.epochs = 5
    >>> config["rate"], config.epochs
    (0.1, 5)
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether changes raise a ValueError."""
        return self._frozen

    def freeze(self) -> None:
        """Do not allow changes from here on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """The values as a new dictionary."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> Any:
        """The names."""
        return self._config.keys()

    def values(self) -> Any:
        """The values."""
        return self._config.values()

    def items(self) -> Any:
        """(name, value) pairs."""
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value of a name, or `value` if there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Remove a name and return its value, as a dictionary does."""
        return self._changeable().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, as a dictionary does."""
        self._changeable().update(*args, **kwargs)

    def _changeable(self):
        if self._frozen:
            raise ValueError("The config is frozen: call `unfreeze()` before you change it.")
        return self._config

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_config")[name]
        except KeyError:
            raise AttributeError(f"The config has no value {name!r}.", name=name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._changeable()[name] = value

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._changeable()[key] = item

    def __delitem__(self, key: str) -> None:
        del self._changeable()[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._config

    def __iter__(self) -> Any:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
