"""Nested inputs and outputs: how lists, tuples and dictionaries of arrays correspond to flat lists.

Plans, batches and losses only know flat lists, in Keras's order: dictionaries are sorted by key. A
`Structure` describes all inputs or all outputs of a model. It flattens what users pass (data,
losses, metrics, weights) and packs what they get.
"""

import numpy as np

from fastcnn.core.nested import replace


class Structure:
    """The inputs or the outputs of a model.

    Args:
        nesting: what the model was made of, with the flat index as leaf: 0 for a single tensor,
            [0, 1], {"a": 0, "b": 1}, or a deeper one.
        names: the name of each tensor, in flat order.
        kind: "input" or "output", for error messages.

    Attributes:
        size: number of tensors.
        labels: what users call each tensor: its key where the nesting is one dictionary, else its
            name.
    """

    def __init__(self, nesting=0, names=(None,), kind="input"):
        self.nesting = nesting
        self.names = list(names)
        self.kind = kind
        self.size = len(self.names)
        self.labels = self.names
        if isinstance(nesting, dict) and self.is_flat:
            self.labels = [None] * self.size
            for key, index in nesting.items():
                self.labels[index] = key

    @property
    def is_flat(self):
        """Whether the nesting is a single tensor, or one list, tuple or dictionary of tensors."""
        return all(isinstance(item, int) for item in _items(self.nesting))

    @property
    def order(self):
        """The flat indices in the order in which the nesting contains them."""
        return _leaves(self.nesting)

    # ---------------------------------------------------------------------------------- flattening

    def flatten(self, value, argument, optional=(), extra=False):
        """The entries of `value` as a flat list with one entry for each tensor.

        A dictionary is matched by the keys of the nesting or, where that is a list or a single
        tensor, by the names; a list by its order, also where the nesting is a dictionary.

        Args:
            value: nested like the model. None has None for each tensor.
            argument: the name of the argument, for error messages.
            optional: flat indices that may be missing, which makes them None.
            extra: whether a dictionary may have more keys.

        Raises:
            ValueError: missing or unknown entries.
        """
        if self.size == 1 and not isinstance(value, dict):
            return [value]  # [array] and an array as a list of numbers: `as_array` decides
        flat = [None] * self.size
        if value is None:
            return flat
        required = [index for index in range(self.size) if index not in optional]
        is_list = isinstance(value, (list, tuple))
        if isinstance(value, dict):
            nesting = self.nesting
            if not isinstance(nesting, dict):
                nesting = dict(zip(self.names, range(self.size), strict=True))
            self._fill(flat, value, nesting, argument, required, extra)
        elif is_list and not isinstance(self.nesting, dict) and len(value) == len(self.nesting):
            self._fill(flat, value, self.nesting, argument, required, extra)
        elif is_list and len(value) == self.size:
            flat = list(value)
        elif is_list and len(value) == len(required) and is_nested(value):
            for index, item in zip(required, value, strict=True):
                flat[index] = item
        elif len(required) == 1 and not is_nested(value):
            flat[required[0]] = value
        else:
            raise self._mismatch(value, argument)
        return flat

    def _fill(self, flat, value, nesting, argument, required, extra):
        """Write the entries of `value`, which must be nested like `nesting`, to the list `flat`."""
        if isinstance(nesting, int):
            flat[nesting] = value
        elif isinstance(nesting, dict) and isinstance(value, dict):
            unknown = [key for key in value if key not in nesting]
            if unknown and not extra:
                raise ValueError(
                    f"`{argument}` has entries for unknown {self.kind}s: {unknown}. The model's "
                    f"{self.kind}s are {list(nesting)}."
                )
            for key, inner in nesting.items():
                if key in value:
                    self._fill(flat, value[key], inner, argument, required, extra)
                elif any(index in required for index in _leaves(inner)):
                    raise ValueError(
                        f"`{argument}` has no entry for the {self.kind} {key!r}. The model's "
                        f"{self.kind}s are {list(nesting)}. Received the keys {list(value)}."
                    )
        elif (
            isinstance(nesting, (list, tuple))
            and isinstance(value, (list, tuple))
            and len(nesting) == len(value)
        ):
            for item, inner in zip(value, nesting, strict=True):
                self._fill(flat, item, inner, argument, required, extra)
        else:
            raise self._mismatch(value, argument)

    def _mismatch(self, value, argument):
        if self.is_flat:
            wanted = f"a list of {self.size}, or a dictionary with these keys"
        else:
            wanted = f"nested like {self.nest(self.names)}"
        return ValueError(
            f"The model has the {self.kind}s {self.labels}: `{argument}` must be {wanted}. "
            f"Received {describe(value)}."
        )

    # ------------------------------------------------------------------------------------- packing

    def nest(self, flat):
        """The entries of a flat list, nested like the model."""
        return replace(self.nesting, lambda index: flat[index])

    def pack(self, flat):
        """`nest`, but without a list or tuple around a single entry: what `predict` returns."""
        if isinstance(self.nesting, (list, tuple)) and self.size == 1 and self.is_flat:
            return flat[0]
        return self.nest(flat)

    # ------------------------------------------------------------------------------------- showing

    def entry(self, argument, index):
        """What error messages call the entry `index` of an argument."""
        return argument if self.size == 1 else f"{argument}[{self.labels[index]!r}]"

    def paths(self):
        """The keys and positions that lead to each tensor, as Keras writes them: "a/0/b".

        A position at the end of a path is replaced by the tensor's name.
        """
        paths = [None] * self.size
        for path, index in _walk(self.nesting):
            if not path or isinstance(path[-1], int):
                path = (*path[:-1], self.names[index])
            paths[index] = "/".join(map(str, path))
        return paths


def is_nested(value):
    """Whether `value` holds several entries, as opposed to an array given as a list of numbers."""
    if isinstance(value, dict):
        return True
    return isinstance(value, (list, tuple)) and any(
        item is None or isinstance(item, dict) or getattr(item, "ndim", 0) > 0 for item in value
    )


def describe(value):
    """What an argument is, for error messages."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return f"a {kind} with the keys {list(value)}"
    if isinstance(value, (list, tuple)):
        return f"a {kind} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return repr(value) if isinstance(value, (str, int, float)) else f"an object of type {kind}"


def _items(nesting):
    """The values of one level of a nesting; of a leaf, itself."""
    if isinstance(nesting, dict):
        return list(nesting.values())
    return nesting if isinstance(nesting, (list, tuple)) else [nesting]


def _walk(nesting, path=()):
    """Yield (path, flat index) of each leaf."""
    if isinstance(nesting, dict):
        inner = nesting.items()
    elif isinstance(nesting, (list, tuple)):
        inner = enumerate(nesting)
    else:
        yield path, nesting
        return
    for key, value in inner:
        yield from _walk(value, (*path, key))


def _leaves(nesting):
    return [index for _, index in _walk(nesting)]
