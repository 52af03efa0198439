"""Tables of named runs, for Keras or fastcnn, and the comparison of what they return."""

import warnings

import numpy as np


class Runs(dict):
    """{name: function of the module (`keras` or `fastcnn`) and a folder for files}.

    A run returns its outcome as plain values: history, results, files, the order of the hooks.
    """

    def case(self, function):
        """Add a function under its name."""
        self[function.__name__] = function
        return function

    def run(self, keras, name, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self[name](keras, folder)


def assert_same(result, wanted, path=""):
    """Same structure and strings; floats within float32's rounding over a few dozen steps.

    `wanted` was read from a JSON file: a list stands for an array or tuple.
    """
    if isinstance(wanted, dict):
        assert list(result) == list(wanted), path
        for key, value in wanted.items():
            assert_same(result[key], value, f"{path}[{key!r}]")
    elif isinstance(wanted, list) and all(isinstance(v, (int, float)) for v in wanted):
        # rounding errors spread over all weights: the bound is relative to the largest
        bound = max(2e-5 * np.abs(wanted).max(initial=0), 3e-6)
        np.testing.assert_allclose(result, wanted, rtol=0, atol=bound, err_msg=path)
    elif isinstance(wanted, list):
        assert len(result) == len(wanted), f"{path}: {result} instead of {wanted}"
        for index, value in enumerate(wanted):
            assert_same(result[index], value, f"{path}[{index}]")
    elif isinstance(wanted, float):
        bound = max(2e-5 * abs(wanted), 3e-6)
        assert result == wanted or abs(result - wanted) <= bound, f"{path}: {result} not {wanted}"
    else:
        assert result == wanted, path
