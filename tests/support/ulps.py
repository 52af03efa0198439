"""Errors of the activations over all floats: `python -m tests.support.ulps` (an hour).

An error is measured in ulps of the exact result in float64, or of 2^-98 where that is larger:
smaller results may come from denormals, which count as 0.

    python -m tests.support.ulps --stride 37 gelu tanh     # every 37th float, two functions
"""

import argparse

import numpy as np

from fastcnn import activations, kernels
from fastcnn.kernels import reference

TOTAL = 2**32
CHUNK = 2**20
SMALLEST = 2.0**-98
# Largest error in ulps. tanh_shrink's is relative to x, which is what it subtracts from; the
# exponent of the approximate gelu is a rounded polynomial, whose error grows with x.
BOUNDS = {
    "celu": 1.5,
    "elu": 1.5,
    "exponential": 1.5,
    "gelu": 8,
    "gelu_approximate": 150,
    "log_sigmoid": 4,
    "mish": 8,
    "selu": 3,
    "sigmoid": 3,
    "silu": 4,
    "softplus": 4,
    "softsign": 2,
    "squareplus": 4,
    "tanh": 3,
    "tanh_shrink": 3,
}


def activation_of(name):
    """The activation of that name in BOUNDS."""
    if name == "gelu_approximate":
        return type(activations.gelu)(approximate=True)
    return activations.get(name)


def exact(name, x):
    """The activation of float64."""
    y = np.empty_like(x)
    if name in reference.curves.FUNCTIONS:
        reference.curve_forward(x, y, **activation_of(name).settings)
    else:
        settings = activation_of(name).settings
        getattr(reference, f"{name}_forward")(x, y, **settings)
    return y


def errors(name, x):
    """The errors of the native kernel at the float32 values x, in ulps."""
    y = np.empty_like(x)
    activation_of(name).bind_forward(x, y)()
    with np.errstate(all="ignore"):
        wanted = exact(name, x.astype(np.float64))
        size = np.maximum(np.abs(x if name == "tanh_shrink" else wanted), SMALLEST)
        distance = np.abs(y - wanted) / 2.0 ** (np.frexp(size)[1] - 24)
        same = (y == wanted.astype(np.float32)) | (np.isnan(y) & np.isnan(wanted))
    return np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))


def floats_from(first, stride):
    """Up to CHUNK floats by their bits, from number `first` on; denormals are left out."""
    bits = np.arange(first, min(first + CHUNK * stride, TOTAL), stride, dtype=np.uint64)
    x = bits.astype(np.uint32).view(np.float32)
    return x[(x == 0) | ~(np.abs(x) < np.finfo(np.float32).tiny)]


def worst(name, stride=1):
    """(the largest error in ulps, where it occurs)"""
    largest, where = 0.0, 0.0
    for first in range(0, TOTAL, CHUNK * stride):
        x = floats_from(first, stride)
        found = errors(name, x)
        if found.size and found.max() > largest:
            largest, where = float(found.max()), float(x[found.argmax()])
    return largest, where


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=sorted(BOUNDS))
    parser.add_argument("--stride", type=int, default=1, help="look at one in so many floats")
    options = parser.parse_args()
    for name in options.names:
        largest, where = worst(name, options.stride)
        print(f"{kernels.instruction_set()} {name}: {largest:.2f} ulp at {where!r}", flush=True)
        assert largest <= BOUNDS[name], f"more than {BOUNDS[name]} ulp"


if __name__ == "__main__":
    main()
