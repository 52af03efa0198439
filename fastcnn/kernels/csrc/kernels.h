/* The contract of the register tiles: what native.pyx asks of an instruction set.
 *
 * Each isa/*.c fills one `struct kernels` from the same bodies (tiles/*.inc.h), written once over a
 * vector type. A tile works on plain memory, knows nothing of Python and starts no thread. All
 * numbers are float32, all distances count elements, not bytes. Every output element is written
 * by one task, in one order that does not depend on how the work is cut: the same bits
 * for any number of threads.
 */
#ifndef FASTCNN_KERNELS_H
#define FASTCNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* y[p][c] = relu(b[c] + sum over s, k of x[x_segments[s] + p * x_pixel + k * x_step]
 *                                      * w[w_segments[s] + k * w_step + c])
 *
 * for p < pixels and c < channels <= widest block. One sum serves every dense kernel:
 *   conv2d forward           pixel = output column, segment = filter row, step = (kw, ic)
 *   conv2d backward_data     pixel = input column,  segment = filter tap, step = oc
 *   conv2d backward_weights  pixel = (kw, ic),      segment = output row, step = output column
 *   dense                    pixel = sample (or input), one segment
 */
struct product {
    const float *x, *w, *b; /* b may be NULL */
    float *y;
    const ptrdiff_t *x_segments, *w_segments;
    ptrdiff_t segments, steps;
    ptrdiff_t x_pixel, x_step, w_step, y_pixel;
    ptrdiff_t pixels, channels;
    int accumulate; /* y is the start of the sum, b is not looked at */
    int relu;       /* max(y, 0); NaN stays NaN */
};

/* The same sum for both rows of 2x2 windows, followed by max-pool and relu: `pixels` counts the
 * windows, y and argmax get one place for each. x_step must be 1, accumulate 0. */
struct product_max_pool {
    struct product sum;
    ptrdiff_t x_row; /* from a window's upper row to its lower one */
    uint8_t *argmax; /* may be NULL */
};

/* y[places[g] + r * y_row + q * y_column + c] += sum over the group's entries e of
 *     values[e] * data[offsets[e] + r * data_row + q * data_column + c]
 *
 * for g < groups, r < rows <= 3, q < columns <= 3, c < channels <= sparse_sum_block(rows, columns).
 * Behind a max-pool:
 *   backward_weights  group = output channel, entry = live window, data = the patch of x it meets
 *   backward_data     group = place in dx, entry = channel live there, data = its filter
 */
struct sparse_sum {
    const float *values, *data;
    const int32_t *offsets;
    const int32_t *starts, *counts; /* [groups] */
    const int32_t *places;          /* [groups] */
    float *y;
    ptrdiff_t groups, rows, columns, channels, data_row, data_column, y_row, y_column;
};

/* dw[k][c] += sum over windows (i, j) of dy[i][j][c] * x of the place that won, for tap k
 *
 * for c < channels <= narrow_block(channels); db[c] += sum of dy where one did. dy, argmax, dw
 * and db point at the first channel, `oc` is the distance from one window or tap to the next. Of
 * the window's places only those of one group take part, 4 * group + q for q < 4; x comes as their
 * `quads`, at i * x_row + j * x_column + taps[k] + q.
 */
struct narrow_sum {
    const float *x, *dy;
    const uint8_t *argmax;
    float *dw, *db; /* db may be NULL */
    const ptrdiff_t *taps;
    ptrdiff_t tap_count, channels, oc;
    ptrdiff_t windows_h, windows_w, x_row, x_column;
    int group;
};

/* sums[i][l] = sum over channels c of dy[c][l] * quads[c][i][places[c][l] mod 4]
 *
 * for i < numbers and the lanes l, which are windows: what each gives to the numbers of dx around
 * it. dy and places are those of narrow_windows, the places integers in the lanes of floats. */
struct narrow_data {
    const float *dy, *places, *quads;
    float *sums;
    ptrdiff_t channels, numbers;
};

/* One row of Winograd tiles, see winograd.inc.h. planes: the 16 of the image or of the products. */
struct winograd {
    const float *x; /* input: upper left corner of the first tile's patch */
    ptrdiff_t x_row;
    float *planes;
    ptrdiff_t plane, tiles, channels;
    const float *b; /* output: may be NULL */
    float *y;
    uint8_t *argmax;                /* may be NULL */
    ptrdiff_t y_row, rows, columns; /* without pool: how much of the tiles lies inside y */
    int relu, pool;
};

/* One output row of a pooling layer. The window's places that lie inside the image:
 * rows [0, rows) x columns [column_from(o), column_to(o)) clipped by the caller through the list
 * `columns` (two entries an output column: first and one past the last input column).
 */
struct pool {
    const float *x;   /* the first image row that the window meets */
    float *dx;        /* the same place, when it is written: x of a backward pass */
    float *y;         /* one output row (y or dy): columns_out x channels */
    uint8_t *argmax8; /* at most one of the two is not NULL */
    int32_t *argmax32;
    const ptrdiff_t *columns;  /* [columns_out][2] */
    ptrdiff_t first_row, rows; /* of the window, inside the image */
    ptrdiff_t window_columns, stride,
        left; /* where window column 0 of output o lies: o * stride - left */
    ptrdiff_t columns_out, channels,
        row_size; /* row_size: elements from one image row to the next */
    int relu;     /* behind the maximum; argmax of a window that it closes is 255 */
    int overlap;  /* backward: whether windows share places, which then add up */
};

/* Rows of channels to be normalised, or their gradient (batch_norm.inc.h). */
struct batch_norm {
    const float *x;
    const float *dy, *y;                        /* backward: y, relu's output, may be NULL */
    const float *mean, *scale, *offset, *slope; /* [channels] */
    float *out; /* [rows][channels], or two sums over the rows, at out and out + sum_distance */
    ptrdiff_t rows, channels, sum_distance;
    int relu;
};

/* y[p][c] = relu(b[c] + sum over k of x[x_taps[k] + p * x_pixel + c] * w[w_taps[k] + c]) */
struct depthwise {
    const float *x, *w, *b; /* b may be NULL */
    float *y;
    const ptrdiff_t *x_taps, *w_taps;
    ptrdiff_t taps, pixels, channels, x_pixel, y_pixel;
    int relu;
};

/* dw[k][c] += sum over r, i of x[r * x_row + i * x_pixel + x_taps[k] + c] * dy[r][i][c]; db += dy
 *
 * for k < taps <= 9 and c < width <= lanes; x, dy, dw and db point at the first of these channels.
 */
struct depthwise_weights {
    const float *x, *dy;
    float *dw, *db; /* db may be NULL */
    const ptrdiff_t *x_taps;
    ptrdiff_t taps, width, rows, pixels, channels, x_row, x_pixel;
};

struct dropout {
    uint32_t key[2];
    uint32_t first; /* place of the first number in the whole array */
    float rate, scale;
};

struct kernels {
    const char *name;
    int lanes; /* floats in a vector */
    /* Channels (a multiple of lanes) that the next block should take. */
    ptrdiff_t (*product_block)(ptrdiff_t channels);
    void (*product)(const struct product *p);
    ptrdiff_t (*product_max_pool_block)(ptrdiff_t windows, ptrdiff_t channels);
    void (*product_max_pool)(const struct product_max_pool *p);
    void (*winograd_filter)(const float *const taps[9], float *u, ptrdiff_t u_plane,
                            ptrdiff_t channels);
    void (*winograd_input)(const struct winograd *p);
    void (*winograd_output)(const struct winograd *p);
    void (*winograd_gradient)(const struct winograd *p); /* x is dy, rows and columns as in y */
    void (*winograd_filter_gradient)(const float *s, ptrdiff_t s_plane, float *const taps[9],
                                     ptrdiff_t channels);
    ptrdiff_t (*sparse_sum_block)(ptrdiff_t rows, ptrdiff_t columns);
    void (*sparse_sum)(const struct sparse_sum *p);
    /* y[i][k] = x[i + places[k]] for i < n, k < 4 */
    void (*quads)(const float *x, const ptrdiff_t *places, ptrdiff_t n, float *y);
    ptrdiff_t (*narrow_block)(ptrdiff_t channels);
    void (*narrow_sum)(const struct narrow_sum *p);
    void (*narrow_data)(const struct narrow_data *p);
    void (*narrow_windows)(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                           ptrdiff_t channels, float *turned, float *places);
    /* The entries of sparse sums, see lists.inc.h. */
    void (*lists_by_place)(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                           ptrdiff_t channels, int places, int32_t stride, float *values,
                           int32_t *offsets, int32_t *starts, int32_t *counts);
    void (*lists_by_channel)(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                             ptrdiff_t channels, const int32_t *corners, const int32_t *steps,
                             int places, int32_t image, ptrdiff_t capacity, float *values,
                             int32_t *offsets, int32_t *counts, float *bias);
    /* y[r][c] = x[r][c]; rows x columns, row distances x_row and y_row */
    void (*copy_rows)(const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,
                      ptrdiff_t columns);
    /* y[r][c] += x[r][c]; both have the row distance `row` */
    void (*add_rows)(const float *x, float *y, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t columns);
    /* Patches beside each other in x (pixels, rows, columns) to an image y, see transpose.inc.h. */
    void (*add_patches)(const float *x, ptrdiff_t pixels, ptrdiff_t rows, ptrdiff_t columns,
                        float *y, ptrdiff_t y_row, ptrdiff_t y_pixel);
    /* y[c][r] = x[r][c]; rows x columns, row distances x_row and y_row */
    void (*transpose)(const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,
                      ptrdiff_t columns);
    void (*max_pool2d_forward)(const struct pool *p);
    void (*average_pool2d_forward)(const struct pool *p);
    /* add to dx, which starts as zeros; y is dy */
    void (*max_pool2d_backward)(const struct pool *p);
    void (*average_pool2d_backward)(const struct pool *p);
    void (*relu_forward)(const float *x, float *y, ptrdiff_t n);
    void (*relu_backward)(const float *dy, const float *y, float *dx, ptrdiff_t n);
    /* y = exp(x - shift), where that is at most exp(88) */
    void (*exp_shifted)(const float *x, float shift, float *y, ptrdiff_t n);
    /* alpha is that of elu, the others do not look at it */
    void (*tanh_forward)(const float *x, float *y, ptrdiff_t n, float alpha);
    void (*tanh_backward)(const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha);
    void (*sigmoid_forward)(const float *x, float *y, ptrdiff_t n, float alpha);
    void (*sigmoid_backward)(const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha);
    void (*elu_forward)(const float *x, float *y, ptrdiff_t n, float alpha);
    void (*elu_backward)(const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha);
    void (*dropout)(const float *x, float *y, ptrdiff_t n, const struct dropout *p);
    void (*depthwise)(const struct depthwise *p);
    void (*depthwise_weights)(const struct depthwise_weights *p);
    /* out = mean of x, sum of (x - mean)^2 */
    void (*batch_norm_moments)(const struct batch_norm *p);
    /* out = (x - mean) * scale + offset, then relu */
    void (*batch_norm_apply)(const struct batch_norm *p);
    /* out = sum of dy, sum of dy * (x - mean); dy counts as 0 where y <= 0 */
    void (*batch_norm_sums)(const struct batch_norm *p);
    /* out = dy * scale + (x - mean) * slope + offset */
    void (*batch_norm_gradient)(const struct batch_norm *p);
    /* y[i] = (float)x[i] */
    void (*from_uint8)(const uint8_t *x, float *y, ptrdiff_t n);
    void (*from_float64)(const double *x, float *y, ptrdiff_t n);
    /* hyper = alpha, 1 - beta_1, 1 - beta_2, epsilon */
    void (*adam_update)(float *w, const float *g, float *m, float *v, ptrdiff_t n,
                        const float *hyper);
};

/* The tables of this build, best first. */
const struct kernels *fastcnn_kernels_at(int i); /* NULL past the last */
int fastcnn_kernels_supported(const struct kernels *table);

/* Denormals cost a hundred cycles each: tiles run with them flushed to zero, and the caller's
 * floating-point state comes back untouched. */
unsigned long long fastcnn_flush_denormals(void);
void fastcnn_restore_denormals(unsigned long long state);

#endif
