/* Every tile once: T(result, name, parameters).
 *
 * The list expands to the members of `struct kernels` (kernels.h, which explains the structs), to
 * the table of each instruction set (isa/isa.h) and to the tests of tests/kernels/neon/driver.c: a
 * tile without a body or without a test does not compile. native/tiles.pxd repeats it for Cython.
 */
#ifndef FASTCNN_TILE_LIST_H
#define FASTCNN_TILE_LIST_H

#define EACH_TILE(T)                                                                               \
    /* Sums of products: */                                                                        \
    /* how many channels (a multiple of lanes) the next block should take */                       \
    T(ptrdiff_t, product_block, (ptrdiff_t channels))                                              \
    T(void, product, (const struct product *p))                                                    \
    T(void, product_planes, (const struct product *p, const struct planes *planes))                \
    T(ptrdiff_t, product_max_pool_block, (ptrdiff_t windows, ptrdiff_t channels))                  \
    T(void, product_max_pool, (const struct product_max_pool *p))                                  \
    /* Winograd: */                                                                                \
    T(void, winograd_filter,                                                                       \
      (const float *const taps[9], float *u, ptrdiff_t u_plane, ptrdiff_t channels))               \
    T(void, winograd_input, (const struct winograd *p))                                            \
    T(void, winograd_output, (const struct winograd *p))                                           \
    /* x is dy */                                                                                  \
    T(void, winograd_gradient, (const struct winograd *p))                                         \
    T(void, winograd_filter_gradient,                                                              \
      (const float *s, ptrdiff_t s_plane, float *const taps[9], ptrdiff_t channels))               \
    /* Gradients behind a max-pool: */                                                             \
    T(ptrdiff_t, sparse_sum_block, (ptrdiff_t rows, ptrdiff_t columns))                            \
    T(void, sparse_sum, (const struct sparse_sum *p))                                              \
    /* the entries of sparse sums, see sparse_lists.inc.h */                                       \
    T(void, lists_by_position,                                                                     \
      (const float *dy, const uint8_t *argmax, ptrdiff_t windows, ptrdiff_t channels,              \
       int positions, int32_t stride, float *values, int32_t *offsets, int32_t *starts,            \
       int32_t *counts))                                                                           \
    T(void, lists_by_channel,                                                                      \
      (const float *dy, const uint8_t *argmax, ptrdiff_t windows, ptrdiff_t channels,              \
       const int32_t *corners, const int32_t *steps, int positions, int32_t image,                 \
       ptrdiff_t capacity, float *values, int32_t *offsets, int32_t *counts, float *bias))         \
    /* y[i][k] = x[i + offsets[k]] for i < n, k < 4 */                                             \
    T(void, quads, (const float *x, const ptrdiff_t *offsets, ptrdiff_t n, float *y))              \
    T(ptrdiff_t, narrow_block, (ptrdiff_t channels))                                               \
    T(void, narrow_sum, (const struct narrow_sum *p))                                              \
    T(void, narrow_data, (const struct narrow_data *p))                                            \
    T(void, narrow_windows,                                                                        \
      (const float *dy, const uint8_t *argmax, ptrdiff_t windows, ptrdiff_t channels,              \
       float *transposed, float *positions))                                                       \
    /* Copies of matrices: */                                                                      \
    /* y[r][c] = x[r][c]; rows x columns, row distances x_row and y_row */                         \
    T(void, copy_rows,                                                                             \
      (const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,                 \
       ptrdiff_t columns))                                                                         \
    /* y[r][c] = x[r][c], or 0 where `result`, that of relu, is; `result` is like x */             \
    T(void, open_rows,                                                                             \
      (const float *x, ptrdiff_t x_row, const float *result, float *y, ptrdiff_t y_row,            \
       ptrdiff_t rows, ptrdiff_t columns))                                                         \
    /* y[r][c] += x[r][c]; both have the row distance `row` */                                     \
    T(void, add_rows,                                                                              \
      (const float *x, float *y, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t columns))                \
    /* adjacent patches x (pixels, rows, columns) to an image y, see transpose.inc.h */            \
    T(void, add_patches,                                                                           \
      (const float *x, ptrdiff_t pixels, ptrdiff_t rows, ptrdiff_t columns, float *y,              \
       ptrdiff_t y_row, ptrdiff_t y_pixel))                                                        \
    /* y[c][r] = x[r][c]; rows x columns, row distances x_row and y_row */                         \
    T(void, transpose,                                                                             \
      (const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,                 \
       ptrdiff_t columns))                                                                         \
    /* Pooling: */                                                                                 \
    T(void, max_pool2d_forward, (const struct pool *p))                                            \
    T(void, average_pool2d_forward, (const struct pool *p))                                        \
    T(void, max_pool2d_backward, (const struct max_pool_gradient *p))                              \
    /* y is dy; with `overlap` adds to dx, which starts as zeros */                                \
    T(void, average_pool2d_backward, (const struct pool *p))                                       \
    /* Activations: */                                                                             \
    /* max: relu's upper bound, or NaN */                                                          \
    T(void, relu_forward, (const float *x, float *y, ptrdiff_t n, float max))                      \
    T(void, relu_backward, (const float *dy, const float *y, float *dx, ptrdiff_t n, float max))   \
    /* y = exp(x - shift), at most exp(88) */                                                      \
    T(void, exp_shifted, (const float *x, float shift, float *y, ptrdiff_t n))                     \
    /* of n elements; the maximum ignores NaN */                                                   \
    T(float, row_maximum, (const float *x, ptrdiff_t n))                                           \
    T(float, row_sum, (const float *x, ptrdiff_t n))                                               \
    T(float, row_product, (const float *a, const float *b, ptrdiff_t n))                           \
    /* alpha is elu's; the others ignore it */                                                     \
    T(void, tanh_forward, (const float *x, float *y, ptrdiff_t n, float alpha))                    \
    T(void, tanh_backward, (const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha)) \
    T(void, sigmoid_forward, (const float *x, float *y, ptrdiff_t n, float alpha))                 \
    T(void, sigmoid_backward,                                                                      \
      (const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha))                      \
    T(void, elu_forward, (const float *x, float *y, ptrdiff_t n, float alpha))                     \
    T(void, elu_backward, (const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha))  \
    T(void, curve_forward, (const float *x, float *y, ptrdiff_t n, const struct curve *which))     \
    /* kept: y for some functions, x for the others */                                             \
    T(void, curve_backward,                                                                        \
      (const float *dy, const float *kept, float *dx, ptrdiff_t n, const struct curve *which))     \
    T(void, dropout, (const float *x, float *y, ptrdiff_t n, const struct dropout *p))             \
    /* Merging; y may be a or b. count is average's; the others ignore it */                       \
    T(void, add, (const float *a, const float *b, float *y, ptrdiff_t n, float count))             \
    /* max(a + b, 0); NaN stays NaN */                                                             \
    T(void, add_relu, (const float *a, const float *b, float *y, ptrdiff_t n, float count))        \
    T(void, subtract, (const float *a, const float *b, float *y, ptrdiff_t n, float count))        \
    T(void, multiply, (const float *a, const float *b, float *y, ptrdiff_t n, float count))        \
    /* (a + b) / count */                                                                          \
    T(void, average, (const float *a, const float *b, float *y, ptrdiff_t n, float count))         \
    /* y = x / divisor */                                                                          \
    T(void, divide, (const float *x, float *y, ptrdiff_t n, float divisor))                        \
    /* of equal values a; NaN where either is NaN */                                               \
    T(void, maximum_forward, (const float *a, const float *b, float *y, ptrdiff_t n, float count)) \
    T(void, minimum_forward, (const float *a, const float *b, float *y, ptrdiff_t n, float count)) \
    /* da = dy where a >= b (a <= b), else 0; db = the rest; either may be NULL */                 \
    T(void, maximum_backward,                                                                      \
      (const float *dy, const float *a, const float *b, float *da, float *db, ptrdiff_t n))        \
    T(void, minimum_backward,                                                                      \
      (const float *dy, const float *a, const float *b, float *da, float *db, ptrdiff_t n))        \
    /* Channel by channel: */                                                                      \
    T(void, depthwise, (const struct depthwise *p))                                                \
    T(void, depthwise_weights, (const struct depthwise_weights *p))                                \
    T(void, depthwise_row, (const struct depthwise_row *p))                                        \
    T(void, depthwise_row_weights, (const struct depthwise_row_weights *p))                        \
    /* out = mean of x, sum of (x - mean)^2 */                                                     \
    T(void, batch_norm_moments, (const struct batch_norm *p))                                      \
    /* out = (x - mean) * scale + offset + residual, then relu */                                  \
    T(void, batch_norm_apply, (const struct batch_norm *p))                                        \
    /* out = sum of dy, sum of dy * (x - mean); dy counts as 0 where relu is closed */             \
    T(void, batch_norm_sums, (const struct batch_norm *p))                                         \
    /* out = dy * scale + (x - mean) * slope + offset */                                           \
    T(void, batch_norm_gradient, (const struct batch_norm *p))                                     \
    T(void, layer_norm_forward, (const struct layer_norm *p))                                      \
    T(void, layer_norm_backward, (const struct layer_norm *p))                                     \
    T(void, prelu_forward, (const struct prelu *p))                                                \
    T(void, prelu_backward, (const struct prelu *p))                                               \
    T(void, gaussian, (const float *x, float *y, ptrdiff_t n, const struct gaussian *p))           \
    T(void, resample, (const struct resample *p))                                                  \
    T(void, affine_rows, (const struct affine_rows *p))                                            \
    T(void, softmax_columns, (const struct columns *p))                                            \
    T(void, softmax_columns_gradient, (const struct columns *p))                                   \
    T(void, share_columns, (const struct columns *p))                                              \
    /* Batches: */                                                                                 \
    /* y[i] = (float)x[i] */                                                                       \
    T(void, from_uint8, (const uint8_t *x, float *y, ptrdiff_t n))                                 \
    T(void, from_float64, (const double *x, float *y, ptrdiff_t n))                                \
    /* y[p][c] = a + (b - a) * weights[p], with a, b = x[neighbors[p][0, 1] + c]; behind what they \
       need, x and y have room for 3 more elements */                                              \
    T(void, resize_row,                                                                            \
      (const float *x, const long long *neighbors, const float *weights, float *y,                 \
       ptrdiff_t pixels, ptrdiff_t channels))                                                      \
    /* y = a + (b - a) * weight */                                                                 \
    T(void, blend_rows, (const float *a, const float *b, float weight, float *y, ptrdiff_t n))     \
    /* Losses and weights: */                                                                      \
    T(void, elementwise_loss, (const struct loss *p))                                              \
    /* one rule of weights.h */                                                                    \
    T(void, update_weights, (const struct update *p))                                              \
    /* y[c] += sum over r of x[r][c]^2; rows x columns, row distance `row` */                      \
    T(void, add_squares,                                                                           \
      (const float *x, ptrdiff_t row, float *y, ptrdiff_t rows, ptrdiff_t columns))                \
    /* dx += 2 l2 x + l1 sign(x), or NULL; sums = sum of |x|, of x^2; hyper = l1, 2 l2 */          \
    T(void, penalize, (const float *x, float *dx, ptrdiff_t n, const float *hyper, float *sums))

#endif
