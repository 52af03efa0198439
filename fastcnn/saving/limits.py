"""What a file may hold at most, and the errors of one that holds something else.

Every reader of this package takes its input for hostile: each number is checked before it is
believed, nothing in a file chooses code or paths, and what does not fit is one ValueError that
names the file. The limits are far above what the layers here can need.
"""

MAX_HEADER = 1 << 20  # bytes of a configuration, a directory, an array's description
MAX_TENSORS = 10_000  # arrays in a file
MAX_NODES = 50_000  # values in a configuration: each costs some hundred bytes in memory
MAX_NESTING = 16  # levels of a configuration, of groups in groups
MAX_OBJECTS = {  # in a configuration, by Keras's module: none may cost much memory in all
    "keras.layers": 1_000,  # those of nested models included
    "keras.losses": 100,
    "keras.metrics": 20,
    "keras.optimizers": 10,
}
MAX_OTHERS = 10_000
MAX_THRESHOLDS = 10_000  # of a metric like AUC, which allocates some arrays of that size


def some(names, count=4):
    """The first of `names` as text, for an error message."""
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "") if names else "none"
