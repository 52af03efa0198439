# The compiled kernels: one extension, put together from one file per family of kernels.
#
# A kernel is an object that is bound once to its arrays and then called every step. The register
# tiles that do the arithmetic are in csrc/ and are reached through `Kernel.table`, the functions of
# one instruction set. Arrays are checked before they get here and never checked again.
#
#     Kernel (team)                     threads, scratch memory, the three phases of a call
#     |-- Windowed (geometry)           sizes, strides, dilation and padding of a sliding window
#     |   |-- Conv2D (conv_direct)      segments of the filter, rows of the output
#     |   |   |-- Conv2DForward
#     |   |   |-- Conv2DBackwardData, ColumnsBackwardData (conv_backward_data)
#     |   |   |-- Conv2DBackwardWeights (conv_backward_weights)
#     |   |   |   `-- RowsBackwardWeights, TapsBackwardWeights
#     |   |   `-- Conv2DMaxPool2D (conv_max_pool)
#     |   |       |-- Conv2DMaxPool2DForward
#     |   |       |-- SparseBackwardData, SparseBackwardWeights (conv_max_pool_backward_sparse)
#     |   |       `-- NarrowBackwardData, NarrowBackwardWeights (conv_max_pool_backward_narrow)
#     |   `-- DepthwiseConv2D (depthwise)
#     |       `-- DepthwiseForward, DepthwiseBackwardData, DepthwiseBackwardWeights
#     |-- WinogradTiles (conv_winograd)
#     |   `-- Winograd, WinogradBackwardWeights
#     `-- all others, one file a family: Dense*, Pool2D, Relu, Activation, Curve, Softmax*,
#         Dropout, BatchNorm*, LayerNorm, GroupNorm, PReLU, UpdateWeights, Gather, Resize,
#         AffineTransform,
#         Elementwise, ...
#     Sequence (team)                   several kernels called one after the other
#
# Three words for how work is divided:
#
#     task     what one thread computes at a time: output elements that no other task writes, or
#              partial sums that are added afterwards, in order
#     block    consecutive rows, channels, images or weights that are processed together because
#              they fit the registers or a cache; a task is one block or several
#     segment  a contiguous stretch of memory that a sum of products runs over, such as a row of a
#              filter (struct product in csrc/kernels.h)
#
# Neither tasks nor blocks depend on the number of threads, and so neither do the bits.
#
# A file may only use what files above it in the list of includes define. Its head says what that
# is; tests/kernels/test_native_files.py checks it.
"""Compiled kernels, bound to their arrays: the same names and arguments as `reference`."""

from cython.parallel cimport parallel
from libc.math cimport INFINITY, NAN, fabsf, floorf, logf, roundf, sqrt, truncf
from libc.string cimport memcpy, memset
from tiles cimport *

import os

import numpy as np

from fastcnn.kernels import choice
from fastcnn.core.memory import aligned
from fastcnn.kernels.shapes import neighbors_of, output_sizes
from fastcnn.kernels.strides import loops

include "team.pxi"
include "product.pxi"
include "geometry.pxi"
include "conv_direct.pxi"
include "conv_backward_data.pxi"
include "conv_backward_weights.pxi"
include "conv_winograd.pxi"
include "conv_max_pool.pxi"
include "conv_max_pool_backward_sparse.pxi"
include "conv_max_pool_backward_narrow.pxi"
include "depthwise.pxi"
include "depthwise_rows.pxi"
include "dense.pxi"
include "pool.pxi"
include "activations.pxi"
include "curves.pxi"
include "softmax.pxi"
include "losses.pxi"
include "dropout.pxi"
include "batch_norm.pxi"
include "sums.pxi"
include "layer_norm.pxi"
include "group_norm.pxi"
include "prelu.pxi"
include "optimizer.pxi"
include "gather.pxi"
include "resize.pxi"
include "affine.pxi"
include "merge.pxi"
include "moves.pxi"
include "resample.pxi"
include "noise.pxi"
include "affine_rows.pxi"
include "columns.pxi"
include "images.pxi"
include "separable.pxi"
include "conv_algorithms.pxi"
