"""Upper limits on what a file may contain.

Every reader in this package treats its input as hostile: each value is checked before it is used,
nothing in a file selects code or paths, and a violation raises a ValueError that names the file.
The limits are far above what the layers in this package can need.
"""

MAX_HEADER = 1 << 20  # bytes of a configuration, a directory or an array's description
MAX_TENSORS = 10_000  # arrays in a file
MAX_NODES = 50_000  # values in a configuration: each takes a few hundred bytes of memory
MAX_NESTING = 16  # levels of a configuration or of nested groups
MAX_OBJECTS = {  # in a configuration, by Keras module: bounds the total memory
    "keras.layers": 1_000,  # including those of nested models
    "keras.losses": 100,
    "keras.metrics": 20,
    "keras.optimizers": 10,
}
MAX_OTHERS = 10_000
MAX_THRESHOLDS = 10_000  # of a metric such as AUC, which allocates a few arrays of that size


def some(names, count=4):
    """The first few of `names` as text, for an error message."""
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "") if names else "none"
