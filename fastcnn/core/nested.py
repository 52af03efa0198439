"""Nested lists, tuples and dictionaries as flat lists, in Keras's order: dictionaries by key."""


def flatten(nested):
    """The leaves, from first to last; a dictionary's in the order of its sorted keys."""
    if isinstance(nested, dict):
        return [leaf for key in sorted(nested) for leaf in flatten(nested[key])]
    if isinstance(nested, (list, tuple)):
        return [leaf for item in nested for leaf in flatten(item)]
    return [nested]


def replace(nested, function):
    """The same nesting with `function(leaf)` in place of each leaf, called in flat order."""
    if isinstance(nested, dict):
        new = {key: replace(nested[key], function) for key in sorted(nested)}
        return {key: new[key] for key in nested}
    if isinstance(nested, (list, tuple)):
        return type(nested)([replace(item, function) for item in nested])
    return function(nested)
