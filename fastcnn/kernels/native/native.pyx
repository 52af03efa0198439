# The compiled kernels: loops over images, output rows and channel blocks, and all threads.
#
# Each kernel is a class that is bound once to its arrays and then called. The register tiles that
# do the arithmetic are in csrc/ and are reached through `table`, one instruction set's functions.
# Arrays are checked by the door, kernels/__init__.py; nothing here checks them again.
"""Compiled kernels, bound to their arrays: the same names and arguments as `reference`."""

from cython.parallel cimport parallel
from libc.math cimport fabsf, floorf, logf, roundf, sqrt, truncf
from libc.string cimport memcpy, memset
from tiles cimport *

import os

import numpy as np

from fastcnn.kernels import choice
from fastcnn.core.memory import aligned
from fastcnn.kernels.shapes import output_sizes


include "team.pxi"
include "conv_direct.pxi"
include "conv_gradient.pxi"
include "conv_winograd.pxi"
include "conv_max_pool.pxi"
include "conv_sparse.pxi"
include "conv_narrow.pxi"
include "dense.pxi"
include "pool.pxi"
include "elementwise.pxi"
include "activations.pxi"
include "dropout.pxi"
include "batch_norm.pxi"
include "depthwise.pxi"
include "affine.pxi"
