/* What the file of every instruction set starts with: system headers, which must stay outside the
 * target region, and the words that GCC and Clang spell differently. */
#ifndef FASTCNN_ISA_H
#define FASTCNN_ISA_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"

#define TILE static inline __attribute__((always_inline))
/* The compiler takes the pointer as it is here, and does not look through it. */
#define KEEP_POINTER(p) __asm__("" : "+r"(p))
#define PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define BEGIN_TARGET(isa)                                                                          \
    PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define END_TARGET _Pragma("clang attribute pop")
#define UNROLL_LOOP _Pragma("clang loop unroll(full)")
#else
#define BEGIN_TARGET(isa) _Pragma("GCC push_options") PRAGMA(GCC target(isa))
#define END_TARGET _Pragma("GCC pop_options")
#define UNROLL_LOOP _Pragma("GCC unroll 24")
#endif

/* for i = 0 ... n - 1, written out: n is a constant where a tile's body is inlined. */
#define UNROLLED(i, n) UNROLL_LOOP for (int i = 0; i < (n); i++)

#define TABLE(isa_name)                                                                            \
    {                                                                                              \
        .name = isa_name, .lanes = LANES, .product_block = product_block, .product = product,      \
        .product_max_pool_block = product_max_pool_block, .product_max_pool = product_max_pool,    \
        .winograd_filter = winograd_filter, .winograd_input = winograd_input,                      \
        .winograd_output = winograd_output, .winograd_gradient = winograd_gradient,                \
        .winograd_filter_gradient = winograd_filter_gradient,                                      \
        .sparse_sum_block = sparse_sum_block, .sparse_sum = sparse_sum, .quads = quads,            \
        .narrow_block = narrow_block, .narrow_sum = narrow_sum, .narrow_data = narrow_data,        \
        .narrow_windows = narrow_windows, .lists_by_place = lists_by_place,                        \
        .lists_by_channel = lists_by_channel, .copy_rows = copy_rows, .add_rows = add_rows,        \
        .add_patches = add_patches, .transpose = transpose,                                        \
        .max_pool2d_forward = max_pool2d_forward, .max_pool2d_backward = max_pool2d_backward,      \
        .average_pool2d_forward = average_pool2d_forward,                                          \
        .average_pool2d_backward = average_pool2d_backward, .relu_forward = relu_forward,          \
        .relu_backward = relu_backward, .exp_shifted = exp_shifted, .tanh_forward = tanh_forward,  \
        .tanh_backward = tanh_backward, .sigmoid_forward = sigmoid_forward,                        \
        .sigmoid_backward = sigmoid_backward, .elu_forward = elu_forward,                          \
        .elu_backward = elu_backward, .dropout = dropout,                                          \
        .batch_norm_moments = batch_norm_moments, .batch_norm_apply = batch_norm_apply,            \
        .batch_norm_sums = batch_norm_sums, .batch_norm_gradient = batch_norm_gradient,            \
        .depthwise = depthwise, .depthwise_weights = depthwise_weights, .from_uint8 = from_uint8,  \
        .from_float64 = from_float64, .adam_update = adam_update,                                  \
    }

#endif
