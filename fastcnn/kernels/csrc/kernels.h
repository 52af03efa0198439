/* The contract of the tiles: what the Cython code asks of an instruction set.
 *
 * Each file of isa/ fills one `struct kernels` with the functions that tile_list.h names, compiled
 * from the same bodies (tiles/) over a vector type of its own (vec/). A tile works on plain memory,
 * knows nothing of Python and starts no thread. Values are float32 and distances count elements,
 * not bytes, unless the type says otherwise. Every output element is written by one task and summed
 * in one order that does not depend on how the work is divided, so the bits are the same for any
 * number of threads.
 *
 * A window's position is an index into the window, row by row; argmax holds the position of the
 * maximum, or CLOSED (255) where relu set the maximum to 0. Windows that are not closed are live.
 */
#ifndef FASTCNN_KERNELS_H
#define FASTCNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* y[p][c] = relu(b[c] + residual[p][c] + sum over s, k of
 *                x[x_segments[s] + p * x_pixel + k * x_step] * w[w_segments[s] + k * w_step + c])
 *
 * for p < pixels and c < channels <= widest block. One sum serves every dense kernel:
 *   conv2d forward           pixel = output column, segment = filter row, step = (kw, ic)
 *   conv2d backward_data     pixel = input column,  segment = filter tap, step = oc
 *   conv2d backward_weights  pixel = (kw, ic),      segment = output row, step = output column
 *   dense                    pixel = sample (or input), one segment
 */
struct product {
    const float *x, *w, *b; /* b may be NULL */
    const float *residual;  /* with the distances of y; may be NULL, or y */
    float *y;
    const ptrdiff_t *x_segments, *w_segments;
    ptrdiff_t segments, steps;
    ptrdiff_t x_pixel, x_step, w_step, y_pixel;
    ptrdiff_t pixels, channels;
    int accumulate; /* add to y; b and residual are ignored */
    int relu;       /* max(y, 0); NaN stays NaN */
    float relu_max; /* with relu: then min(y, relu_max), or nothing if it is NaN */
};

/* A sum without b, residual, accumulate and relu that is repeated for so many planes; x, w and y:
 * from one plane to the next. */
struct planes {
    ptrdiff_t count, x, w, y;
};

/* The same sum for both rows of 2x2 windows, followed by max-pool and relu: `pixels` counts the
 * windows, and y and argmax get one element per window. x_step must be 1, accumulate 0; residual is
 * ignored. */
struct product_max_pool {
    struct product sum;
    ptrdiff_t x_row; /* from a window's upper row to its lower one */
    uint8_t *argmax; /* may be NULL */
};

/* y[y_offsets[l] + r * y_row + q * y_column + c] += sum over the entries e of list l of
 *     values[e] * data[offsets[e] + r * data_row + q * data_column + c]
 *
 * for l < lists, r < rows <= 3, q < columns <= 3, c < channels <= sparse_sum_block(rows, columns).
 * Behind a max-pool:
 *   backward_weights  list = output channel, entry = live window, data = the patch of x it covers
 *   backward_data     list = pixel of dx, entry = channel that is live there, data = its filter
 */
struct sparse_sum {
    const float *values, *data;
    const int32_t *offsets;
    const int32_t *starts, *counts; /* [lists] */
    const int32_t *y_offsets;       /* [lists] */
    float *y;
    ptrdiff_t lists, rows, columns, channels, data_row, data_column, y_row, y_column;
};

/* dw[k][c] += sum over windows (i, j) of dy[i][j][c] * x at tap k of the position that won
 *
 * for c < channels <= narrow_block(channels); db[c] += sum of the dy that took part. dy, argmax, dw
 * and db point at the first channel, `oc` is the distance from one window or tap to the next. Only
 * the window positions of one quad take part, 4 * quad + q for q < 4. x holds their values side by
 * side, as the tile `quads` lays them out: at i * x_row + j * x_column + taps[k] + q.
 */
struct narrow_sum {
    const float *x, *dy;
    const uint8_t *argmax;
    float *dw, *db; /* db may be NULL */
    const ptrdiff_t *taps;
    ptrdiff_t tap_count, channels, oc;
    ptrdiff_t windows_h, windows_w, x_row, x_column;
    int quad;
};

/* sums[i][l] = sum over channels c of dy[c][l] * quads[c][i][positions[c][l] mod 4]
 *
 * for i < elements and the lanes l, which are windows: what each window adds to the elements of dx
 * around it. dy and positions are what narrow_windows writes; positions are integers stored in the
 * lanes of floats. */
struct narrow_data {
    const float *dy, *positions, *quads;
    float *sums;
    ptrdiff_t channels, elements;
};

/* A run of Winograd tiles in one row of an image, see winograd.inc.h: those of channel c are at
 * planes[i * plane + tile * channels + c] for i < 16. */
struct winograd {
    const float *x;          /* input, gradient: the image; zeros surround it */
    float *y;                /* output: the image; what is outside is not written */
    const float *residual;   /* output without pool: added before relu; like y; may be NULL, or y */
    uint8_t *argmax;         /* output with pool: like y; may be NULL */
    ptrdiff_t height, width; /* of the image */
    ptrdiff_t pixel;         /* from one pixel of the image to the next */
    ptrdiff_t row, column;   /* of the first tile's (or patch's) upper left corner in the image */
    float *planes;
    ptrdiff_t plane, tiles, channels;
    const float *b; /* output: may be NULL */
    int relu, pool;
    float relu_max; /* without pool, as in struct product */
};

/* One output row of a pooling layer. Of each window, the part inside the image: rows [0, rows) from
 * x on, and the columns that the caller lists in `columns`.
 */
struct pool {
    const float *x;   /* the first image row inside the window */
    float *dx;        /* the same row where average's backward pass writes it */
    float *y;         /* one output row (y or dy): columns_out x channels */
    uint8_t *argmax8; /* at most one of the two is not NULL */
    int32_t *argmax32;
    const ptrdiff_t *columns;  /* [columns_out][2]: first input column and one past the last */
    ptrdiff_t first_row, rows; /* of the window, inside the image */
    ptrdiff_t window_columns, stride, left; /* output o's window starts at o * stride - left */
    ptrdiff_t columns_out, channels;
    ptrdiff_t row_size, pixel; /* elements from one row and one pixel of x to the next */
    int relu;                  /* after the maximum, see CLOSED; argmax32 gets -1 instead */
    int overlap; /* average's backward: windows share pixels, whose gradients then add up */
};

/* One row of the gradient of a max-pool's input:
 *
 *     dx[q][c] (+)= sum over r, o of dy[r * row_size + o * channels + c] where argmax is
 *                first_position + q + left - o * stride - r * row_step
 *
 * for q < columns and c < channels, over the windows that contain the pixel: r < rows, and o in
 * [windows[q][0], windows[q][1]).
 */
struct max_pool_gradient {
    const float *dy;        /* the first output row whose windows contain pixels of this row */
    const uint8_t *argmax8; /* one of the two is not NULL */
    const int32_t *argmax32;
    float *dx;
    const ptrdiff_t *windows; /* [columns][2] */
    ptrdiff_t rows, columns, channels, stride, left;
    ptrdiff_t first_position, row_step, row_size;
    int accumulate; /* add to dx */
};

/* Rows of channels to be normalized, or their gradient (batch_norm.inc.h). */
struct batch_norm {
    const float *x;
    const float *dy, *y;   /* backward: y, relu's output, may be NULL */
    const float *beta;     /* [channels]; without y: y = (x - mean) * scale + beta; may be NULL */
    const float *residual; /* forward: added before relu; may be NULL, or out */
    float *dresidual;      /* sums: gets dy, or 0 where y <= 0; may be NULL, or dy */
    const float *mean, *scale, *offset, *slope; /* [channels] */
    float *out; /* [rows][channels], or two sums over the rows, at out and out + sum_distance */
    ptrdiff_t rows, channels, sum_distance;
    int relu;
    float relu_max; /* as in struct product; of y in the backward tiles */
};

/* Rows of channels, each normalized by itself, or their gradient (layer_norm.inc.h). */
struct layer_norm {
    const float *x, *dy;
    const float *gamma, *beta; /* [channels]; may be NULL */
    float *mean, *inverse;     /* [rows]: of x, and 1 / sqrt(variance + epsilon) */
    float *out;                /* y or dx [rows][channels]; dx may be NULL */
    float *dgamma, *dbeta;     /* [channels]: sums that are added to; may be NULL */
    ptrdiff_t rows, channels;
    float epsilon;
    int uncentered; /* mean counts as 0 */
};

struct prelu {
    const float *x, *dy, *alpha; /* alpha: [channels] */
    float *out;                  /* y or dx [rows][channels]; dx may be NULL */
    float *dalpha;               /* [channels]: sums that are added to; may be NULL */
    ptrdiff_t rows, channels;
};

/* y[p][c] = relu(b[c] + sum over k of x[x_taps[k] + p * x_pixel + c] * w[w_taps[k] + c]) */
struct depthwise {
    const float *x, *w, *b; /* b may be NULL */
    float *y;
    const ptrdiff_t *x_taps, *w_taps;
    ptrdiff_t taps, pixels, channels, x_pixel, y_pixel;
    int relu;
    float relu_max; /* with relu: then min(y, relu_max), or nothing if it is NaN */
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

/* A row of a depthwise convolution by filters of 3 or 5 columns, with stride 1 or 2:
 *
 *     y[i][c] = relu(b[c] + sum over r, k of x[r][j][c] * w[r][k][c]) with j = i * stride + k -
 * left
 *
 * for i < pixels and c < channels, where r < rows, k < columns, and pixels of x outside [0, width)
 * count as 0. With `spread`, the gradient of the image for stride 2: j = (i + left - k) / 2, where
 * that is an integer. There must be at least one vector of channels.
 */
struct depthwise_row {
    const float *x, *w, *b;
    float *y;
    ptrdiff_t rows, columns, w_row, w_column; /* of the filter */
    ptrdiff_t x_row; /* from the pixels of one row of w to the next one's */
    ptrdiff_t stride, left, width, pixels, channels;
    int spread, relu;
    float relu_max; /* as in struct depthwise */
};

/* What some rows of dy add to the gradient of the filter, and to that of the bias:
 *
 *     dw[first_row + r][k][c] += sum over q, i of x[q * x_step + r * x_row][j][c] * dy[q][i][c]
 *     db[c] += sum over q, i of dy[q][i][c]
 *
 * for r < rows_inside, where q < rows, and the rest is as in struct depthwise_row. `sums` holds,
 * for one vector of channels after the other, db and then dw (filter_rows, columns); the last
 * vector overlaps the one before it where channels are not a multiple of lanes.
 */
struct depthwise_row_weights {
    const float *x, *dy;
    float *sums;
    ptrdiff_t first_row, rows_inside, filter_rows, columns, x_row, x_step;
    ptrdiff_t stride, left, width, rows, pixels, channels;
};

struct dropout {
    uint32_t key[2];
    uint32_t first; /* index of the first element in the whole array */
    float rate, scale;
};

struct gaussian {
    uint32_t key[2];
    uint32_t first; /* index of the first element in the whole array */
    float stddev;
    int multiplies; /* x by 1 + noise, instead of adding to it */
};

/* y[i][c] = sum over k of weights[i][k] * x[sources[i][k] * x_pixel + c]
 *
 * for i < pixels, k < taps, c < channels. Where there are fewer channels than lanes and several
 * pixels, x is read up to a vector from the start of a pixel.
 */
struct resample {
    const float *x, *weights;
    float *y;
    const int32_t *sources;
    ptrdiff_t pixels, taps, channels, x_pixel;
};

/* out[r][c] = (x[r][c] - center[c]) * scale[c] + offset[c], moved into [low, high]; with dy:
 * dy[r][c] * scale[c] where that is inside, 0 elsewhere. */
struct affine_rows {
    const float *x, *dy; /* dy may be NULL */
    float *out;
    const float *center, *scale, *offset; /* [columns] */
    ptrdiff_t rows, columns;
    float low, high;
};

/* A matrix and others of the same shape; `distance` is that between rows (columns.inc.h). */
struct columns {
    const float *x, *dy;
    const float *most; /* [columns], of share_columns alone, as is dy there */
    float *out;
    ptrdiff_t rows, columns, distance;
    int log; /* log_softmax */
};

/* Elementwise activations that one tile computes, see curves.inc.h. */
#define EACH_CURVE(F)                                                                              \
    F(celu)                                                                                        \
    F(exponential)                                                                                 \
    F(gelu)                                                                                        \
    F(gelu_approximate)                                                                            \
    F(hard_shrink)                                                                                 \
    F(hard_sigmoid)                                                                                \
    F(hard_silu)                                                                                   \
    F(hard_tanh)                                                                                   \
    F(log_sigmoid)                                                                                 \
    F(mish)                                                                                        \
    F(relu)                                                                                        \
    F(selu)                                                                                        \
    F(silu)                                                                                        \
    F(soft_shrink)                                                                                 \
    F(softplus)                                                                                    \
    F(softsign)                                                                                    \
    F(sparse_plus)                                                                                 \
    F(sparse_sigmoid)                                                                              \
    F(squareplus)                                                                                  \
    F(tanh_shrink)

#define CURVE(name) CURVE_##name,
enum curve_function { EACH_CURVE(CURVE) };
#undef CURVE

struct curve {
    enum curve_function function;
    float parameters[3]; /* of the function; the rest is not read */
};
extern const char *const fastcnn_curve_names[]; /* by index; NULL after the last */

#include "losses.h"
#include "weights.h"
#include "tile_list.h"

#define MEMBER(result, tile, parameters) result(*tile) parameters;
struct kernels {
    const char *name;
    int lanes; /* floats in a vector */
    EACH_TILE(MEMBER)
};
#undef MEMBER

/* The tables of this build, best first. */
const struct kernels *fastcnn_kernels_at(int i); /* NULL past the last */
int fastcnn_kernels_supported(const struct kernels *table);

/* Denormals cost a hundred cycles each: tiles run with them flushed to zero, and the caller's
 * floating-point state is restored afterwards. */
unsigned long long fastcnn_flush_denormals(void);
void fastcnn_restore_denormals(unsigned long long state);

#endif
