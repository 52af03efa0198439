"""Upper limits on what a file may contain.

Every reader in this package treats its input as hostile: each value is checked before it is used,
nothing in a file selects code or paths, and a violation raises a ValueError that names the file.
The limits are far above what the layers in this package can need. A model or a state beyond them
is not written either: a file that nobody could read would only be noticed when the model is gone.
"""

MAX_HEADER = 1 << 20  # bytes of a configuration, a directory or an array's description
MAX_TENSORS = 10_000  # arrays in a file
MAX_NODES = 50_000  # values in a configuration: each takes a few hundred bytes of memory
MAX_NESTING = 16  # levels of a configuration or of nested groups
MAX_OBJECTS = {  # in a configuration, by Keras module: bounds the total memory
    "keras.layers": 1_000,  # including those of nested models
    "keras.losses": 100,
    "keras.metrics": 200,
    "keras.optimizers": 10,
}
MAX_OTHERS = 10_000
MAX_LAYER_CALLS = 10_000  # in a model, including those in each call of a nested model
MAX_THRESHOLDS = 100_000  # of all metrics such as AUC, which allocate a few arrays of that size


class ObjectCount:
    """Counts the objects that a configuration describes, and the thresholds of its metrics."""

    def __init__(self):
        self._counts = {}
        self._thresholds = 0

    def add(self, module, class_name, config):
        """Count an object; raise ValueError if that makes too many."""
        count = self._counts[module] = self._counts.get(module, 0) + 1
        limit = MAX_OBJECTS.get(module, MAX_OTHERS)
        if count > limit:
            raise ValueError(f"it contains more than {limit} objects of {module}.")
        thresholds = config.get("num_thresholds")
        if isinstance(thresholds, (int, float)):
            self._thresholds += max(thresholds, 0)
            if self._thresholds > MAX_THRESHOLDS:
                raise ValueError(f"{class_name} has more than {MAX_THRESHOLDS} thresholds.")


def some(names, count=4):
    """The first few of `names` as text, for an error message."""
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "") if names else "none"
