"""Checks of regular expressions that come from a file, which could take forever to match."""

MAX_LENGTH = 200
MAX_REPEATS = 2  # each multiplies the time by the length of what is matched


def check_patterns(patterns, argument):
    """Raise ValueError for expressions in a config that may be slow: groups, many repetitions."""
    if not isinstance(patterns, (list, tuple)) or len(patterns) > MAX_LENGTH:
        raise ValueError(f"The argument `{argument}` must be a list of at most {MAX_LENGTH} names.")
    for pattern in patterns:
        if not isinstance(pattern, str) or len(pattern) > MAX_LENGTH:
            raise ValueError(
                f"The argument `{argument}` must contain strings of at most {MAX_LENGTH} "
                "characters."
            )
        repeats = sum(pattern.count(mark) for mark in "*+?{")
        if "(" in pattern or repeats > MAX_REPEATS:
            raise ValueError(
                f"The argument `{argument}` of a config may have names with at most {MAX_REPEATS} "
                f"of the marks *, +, ? and {{, and no groups. Received {pattern!r}."
            )
