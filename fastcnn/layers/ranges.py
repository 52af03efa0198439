"""Arguments of layers that draw from a range: factors, and the values of pixels."""

import numpy as np


def without_numpy(value):
    """`value` as Python's own numbers; tuples and arrays become lists."""
    if isinstance(value, (tuple, list)):
        return [without_numpy(entry) for entry in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def check_range(value, name, lowest, highest, symmetric=False, open_below=False):
    """`value`, one or two numbers within [lowest, highest], as (lower, upper).

    A single number v stands for (lowest, v), or for (-v, v) if `symmetric`. `open_below` excludes
    `lowest` itself.
    """
    plain = without_numpy(value)
    is_list = isinstance(plain, list)
    numbers = plain if is_list else [plain]
    fits = len(numbers) in (1, 2) and all(
        isinstance(number, (int, float))
        and not isinstance(number, bool)
        and (lowest < number if open_below else lowest <= number)
        and number <= highest
        for number in numbers
    )
    if not fits or (len(numbers) == 1 and is_list):
        raise ValueError(
            f"The argument `{name}` must be a number or two numbers in "
            f"{'(' if open_below else '['}{lowest}, {highest}]. Received {name}={value!r}."
        )
    if len(numbers) == 2:
        return tuple(sorted(numbers))
    (number,) = numbers
    return (-abs(number), abs(number)) if symmetric else (lowest, number)


def check_value_range(value):
    """`value` as (lowest, highest) pixel value."""
    plain = without_numpy(value)
    numbers = plain if isinstance(plain, list) else []
    is_number = [isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers]
    if is_number != [True, True]:
        raise ValueError(
            "The argument `value_range` must be two numbers, the lowest and highest pixel value. "
            f"Received value_range={value!r}."
        )
    return tuple(sorted(numbers))
