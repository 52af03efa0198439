/* Depthwise convolution by filters of 3 or 5 columns, and its gradients, row by row (struct
 * depthwise_row and depthwise_row_weights in kernels.h).
 *
 * A block of neighboring pixels stays in registers, so that each pixel of x is loaded once for all
 * columns of the filter that read it. The last block of a row overlaps the one before it, as does
 * the last vector of channels, rather than being partly empty; what is written twice is the same
 * both times. Only blocks that reach into the padding ask where the image ends.
 */
/* How pixels of x and y correspond: strides 1 and 2, and the gradient of stride 2, where pixels of
 * y that are an odd number of columns away from those of x meet other taps. */
enum { FORWARD_1, FORWARD_2, SPREAD, SPREAD_ODD, DEPTHWISE_KINDS };

/* How many pixels of x a block reads, and how many of them only the gradient's first pixel does. */
TILE int pixels_before(const int columns, const int kind) {
    return kind < SPREAD ? 0 : (columns - 1 - (kind == SPREAD_ODD)) / 2;
}
TILE int pixels_read(const int pixels, const int columns, const int kind) {
    if (kind < SPREAD) return (pixels - 1) * (kind == FORWARD_1 ? 1 : 2) + columns;
    return pixels_before(columns, kind) + 1 + (pixels - 1 + (kind == SPREAD_ODD)) / 2;
}

/* A vector of channels of a block. x is in column `first` of the image, the first that is read. */
TILE void depthwise_block(const struct depthwise_row *p, const float *x, const ptrdiff_t first,
                          float *y, const ptrdiff_t c, const int pixels, const int columns,
                          const int kind, const int at_edge) {
    const int stride = kind == FORWARD_1 ? 1 : 2, odd = kind == SPREAD_ODD;
    const int before = pixels_before(columns, kind);
    const int count = pixels_read(pixels, columns, kind);
    const ptrdiff_t channels = p->channels, begin = -first, end = p->width - first;
    const float *w = p->w + c;
    const vec least = broadcast(p->relu ? 0 : -__builtin_inff());
    const vec most = broadcast(p->relu ? p->relu_max : __builtin_nanf(""));
    vec sum[6];
    UNROLLED (i, pixels) sum[i] = load(p->b + c);
    for (ptrdiff_t r = p->rows; r > 0; r--) {
        vec weight[5];
        UNROLLED (k, columns) weight[k] = load(w + k * p->w_column);
        UNROLLED (m, count) {
            /* there are fewer columns of padding than of the filter */
            if (at_edge && m < columns - 1 && m < begin) continue;
            if (at_edge && m > count - columns && m >= end) continue;
            const vec value = load(x + m * channels);
            UNROLLED (k, columns) {
                const int i = kind < SPREAD ? (m - k) / stride : (m - before) * stride + k - odd;
                const int meets = kind < SPREAD ? m >= k && i * stride == m - k : i >= 0;
                if (meets && i < pixels) sum[i] = multiply_add(value, weight[k], sum[i]);
            }
        }
        x += p->x_row;
        w += p->w_row;
    }
    UNROLLED (i, pixels) {
        sum[i] = choose(less_equal(sum[i], least), least, sum[i]);
        store(y + i * channels, choose(greater(sum[i], most), most, sum[i]));
    }
}

/* All channels of the block that begins at pixel i. The struct is copied because stores to y might
 * change it, as far as the compiler knows. */
TILE void depthwise_channels(const struct depthwise_row p, const ptrdiff_t i, const int pixels,
                             const int columns, const int kind) {
    const int stride = kind == FORWARD_1 ? 1 : 2, odd = kind == SPREAD_ODD;
    const ptrdiff_t channels = p.channels;
    const ptrdiff_t first = kind < SPREAD
                                ? i * stride - p.left
                                : (i + p.left - odd) / stride - pixels_before(columns, kind);
    const int inside = first >= 0 && first + pixels_read(pixels, columns, kind) <= p.width;
    const float *x = p.x + first * channels;
    float *y = p.y + i * channels;
    for (ptrdiff_t next = 0; next < channels; next += LANES) {
        const ptrdiff_t c = next <= channels - LANES ? next : channels - LANES;
        if (pixels > 1 && inside)
            depthwise_block(&p, x + c, first, y + c, c, pixels, columns, kind, 0);
        else depthwise_block(&p, x + c, first, y + c, c, pixels, columns, kind, 1);
    }
}

typedef void depthwise_instance(const struct depthwise_row *, ptrdiff_t);

#define EACH_BLOCK(I, columns, kind) I(1, columns, kind) I(4, columns, kind) I(6, columns, kind)
#define ROW_INSTANCE(pixels, columns, kind)                                                        \
    static void depthwise_##pixels##x##columns##_##kind(const struct depthwise_row *p,             \
                                                        ptrdiff_t i) {                             \
        depthwise_channels(*p, i, pixels, columns, kind);                                          \
    }
#define ROW_NAME(pixels, columns, kind) depthwise_##pixels##x##columns##_##kind,
#define EACH_KIND(E, I, columns)                                                                   \
    E(I, columns, FORWARD_1)                                                                       \
    E(I, columns, FORWARD_2) E(I, columns, SPREAD) E(I, columns, SPREAD_ODD)
#define ROW(I, columns, kind) {EACH_BLOCK(I, columns, kind)},
EACH_KIND(EACH_BLOCK, ROW_INSTANCE, 3)
EACH_KIND(EACH_BLOCK, ROW_INSTANCE, 5)
static depthwise_instance *const depthwise_instances[2][DEPTHWISE_KINDS][3] = {
    {EACH_KIND(ROW, ROW_NAME, 3)}, {EACH_KIND(ROW, ROW_NAME, 5)}};

static void depthwise_row(const struct depthwise_row *p) {
    const ptrdiff_t blocks = (p->pixels + 5) / 6;
    const int size = p->pixels < 4 ? 1 : p->pixels == 5 || p->pixels <= 4 * blocks ? 4 : 6;
    const ptrdiff_t last = p->pixels - size;
    for (ptrdiff_t next = 0; next < p->pixels; next += size) {
        const ptrdiff_t i = next < last ? next : last;
        const int kind = p->spread ? SPREAD + (int)(i + p->left) % 2 : p->stride - 1;
        depthwise_instances[p->columns == 5][kind][(size + 1) / 3](p, i);
    }
}
#undef EACH_BLOCK
#undef EACH_KIND
#undef ROW_INSTANCE
#undef ROW_NAME
#undef ROW

/* What some pixels of dy add to some rows of the filter's gradient, for a vector of channels. x is
 * in column `first`, which the first of these pixels meets with the filter's first column. */
TILE void depthwise_sums(const struct depthwise_row_weights *p, const float *x, const float *dy,
                         const ptrdiff_t first, vec *sum, vec *total, const int pixels,
                         const int columns, const int rows, const int stride, const int at_edge) {
    const int count = (pixels - 1) * stride + columns;
    const ptrdiff_t channels = p->channels, begin = -first, end = p->width - first;
    vec gradient[4];
    UNROLLED (i, pixels) gradient[i] = load(dy + i * channels);
    UNROLLED (i, pixels) *total += gradient[i];
    UNROLLED (m, count) {
        if (at_edge && m < columns - 1 && m < begin) continue;
        if (at_edge && m > count - columns && m >= end) continue;
        UNROLLED (r, rows) {
            const vec value = load(x + r * p->x_row + m * channels);
            UNROLLED (k, columns) {
                const int i = (m - k) / stride, at = r * columns + k;
                if (m >= k && i * stride == m - k && i < pixels)
                    sum[at] = multiply_add(value, gradient[i], sum[at]);
            }
        }
    }
}

/* The sums of one vector of channels stay in registers while rows of dy pass. */
TILE void depthwise_vector(const struct depthwise_row_weights p, const float *x_rows,
                           const float *dy, float *dw, float *db, const int columns, const int rows,
                           const int stride) {
    const ptrdiff_t channels = p.channels;
    vec sum[10], total = load(db);
    UNROLLED (k, rows * columns) sum[k] = load(dw + k * LANES);
    for (ptrdiff_t row = 0; row < p.rows; row++) {
        for (ptrdiff_t i = 0, count; i < p.pixels; i += count) {
            const ptrdiff_t first = i * stride - p.left, left = p.pixels - i;
            const int inside = first >= 0 && first + 3 * stride + columns <= p.width;
            const float *x = x_rows + first * channels;
            count = left >= 4 ? 4 : left >= 2 ? 2 : 1;
            if (count == 4 && inside)
                depthwise_sums(&p, x, dy, first, sum, &total, 4, columns, rows, stride, 0);
            else if (count == 4)
                depthwise_sums(&p, x, dy, first, sum, &total, 4, columns, rows, stride, 1);
            else if (count == 2)
                depthwise_sums(&p, x, dy, first, sum, &total, 2, columns, rows, stride, 1);
            else depthwise_sums(&p, x, dy, first, sum, &total, 1, columns, rows, stride, 1);
            dy += count * channels;
        }
        x_rows += p.x_step;
    }
    UNROLLED (k, rows * columns) store(dw + k * LANES, sum[k]);
    store(db, total);
}

#define SUMS(columns, rows, stride)                                                                \
    static void depthwise_sums_##columns##x##rows##_##stride(                                      \
        const struct depthwise_row_weights *p, const float *x, const float *dy, float *dw,         \
        float *db) {                                                                               \
        depthwise_vector(*p, x, dy, dw, db, columns, rows, stride);                                \
    }
#define EACH_SUMS(stride)                                                                          \
    SUMS(3, 1, stride) SUMS(3, 2, stride) SUMS(3, 3, stride) SUMS(5, 1, stride) SUMS(5, 2, stride)
EACH_SUMS(1)
EACH_SUMS(2)
#undef EACH_SUMS
#undef SUMS

static void depthwise_row_weights(const struct depthwise_row_weights *p) {
    typedef void instance(const struct depthwise_row_weights *, const float *, const float *,
                          float *, float *);
    static instance *const instances[2][2][3] = {
        {{depthwise_sums_3x1_1, depthwise_sums_3x2_1, depthwise_sums_3x3_1},
         {depthwise_sums_3x1_2, depthwise_sums_3x2_2, depthwise_sums_3x3_2}},
        {{depthwise_sums_5x1_1, depthwise_sums_5x2_1, NULL},
         {depthwise_sums_5x1_2, depthwise_sums_5x2_2, NULL}}};
    const int five = p->columns == 5, most = five ? 2 : 3; /* rows whose sums fit the registers */
    float *sums = p->sums, unused[LANES] = {0};
    for (ptrdiff_t next = 0; next < p->channels; next += LANES) {
        const ptrdiff_t c = next <= p->channels - LANES ? next : p->channels - LANES;
        for (ptrdiff_t r = 0; r < p->rows_inside; r += most) {
            const ptrdiff_t rows = p->rows_inside - r < most ? p->rows_inside - r : most;
            float *dw = sums + (1 + (p->first_row + r) * p->columns) * LANES;
            instances[five][p->stride == 2][rows - 1](p, p->x + r * p->x_row + c, p->dy + c, dw,
                                                      r == 0 ? sums : unused);
        }
        sums += (1 + p->filter_rows * p->columns) * LANES;
    }
}
