/* A convolution followed by a 2x2 max-pool, in registers (struct product_max_pool in kernels.h):
 * windows x 4 pixels x vectors accumulators.
 */
TILE void product_max_pool_tile(const struct product_max_pool *q, const float *x, float *y,
                                uint8_t *argmax, const tail last, const int windows,
                                const int vectors) {
    const struct product *p = &q->sum;
    const int columns = 2 * windows;
    const ptrdiff_t x_pixel = p->x_pixel, x_row = q->x_row, w_step = p->w_step;
    vec sum[MAX_ACCUMULATORS]; /* [row of the window][column][vector] */
    UNROLLED (v, vectors) {
        const vec start = !p->b              ? broadcast(0)
                          : v == vectors - 1 ? load_tail(p->b + v * LANES, last)
                                             : load(p->b + v * LANES);
        UNROLLED (i, 2 * columns) sum[i * vectors + v] = start;
    }
    for (ptrdiff_t s = 0; s < p->segments; s++) {
        const float *xs = x + p->x_segments[s];
        const float *ws = p->w + p->w_segments[s];
        for (ptrdiff_t k = p->steps; k > 0; k--) {
            vec weight[MAX_VECTORS];
            UNROLLED (v, vectors)
                weight[v] =
                    v == vectors - 1 ? load_tail(ws + v * LANES, last) : load(ws + v * LANES);
            UNROLLED (r, 2)
                UNROLLED (i, columns) {
                    const vec value = broadcast(xs[r * x_row + i * x_pixel]);
                    UNROLLED (v, vectors) {
                        vec *to = &sum[(r * columns + i) * vectors + v];
                        *to = multiply_add(value, weight[v], *to);
                    }
                }
            xs += 1;
            ws += w_step;
        }
    }
    UNROLLED (i, windows)
        UNROLLED (v, vectors) {
            const vec *top = &sum[2 * i * vectors + v], *bottom = top + columns * vectors;
            const ptrdiff_t at = i * p->y_pixel + v * LANES;
            store_max_pool_2x2(top[0], top[vectors], bottom[0], bottom[vectors], p->relu, y + at,
                               argmax ? argmax + at : NULL,
                               v == vectors - 1 ? last : tail_of(LANES));
        }
}

typedef void product_max_pool_instance(const struct product_max_pool *, const float *, float *,
                                       uint8_t *, tail);

#define POOL_INSTANCE(windows, vectors)                                                            \
    static void product_max_pool_##windows##x##vectors(                                            \
        const struct product_max_pool *q, const float *x, float *y, uint8_t *argmax, tail last) {  \
        product_max_pool_tile(q, x, y, argmax, last, windows, vectors);                            \
    }
#define POOL_NAME(windows, vectors) product_max_pool_##windows##x##vectors,
/* clang-format off */
#if MAX_ACCUMULATORS >= 24
UP_TO_6(POOL_INSTANCE, 1)
UP_TO_3(POOL_INSTANCE, 2)
POOL_INSTANCE(1, 3) POOL_INSTANCE(2, 3) POOL_INSTANCE(1, 4)
static product_max_pool_instance *const product_max_pool_instances[][7] = {
    {NULL},
    {NULL, UP_TO_6(POOL_NAME, 1)},
    {NULL, UP_TO_3(POOL_NAME, 2)},
    {NULL, POOL_NAME(1, 3) POOL_NAME(2, 3)},
    {NULL, POOL_NAME(1, 4)},
};
static const int most_windows[] = {0, 6, 3, 2, 1};
#else
UP_TO_3(POOL_INSTANCE, 1)
POOL_INSTANCE(1, 2) POOL_INSTANCE(1, 3)
static product_max_pool_instance *const product_max_pool_instances[][4] = {
    {NULL},
    {NULL, UP_TO_3(POOL_NAME, 1)},
    {NULL, POOL_NAME(1, 2)},
    {NULL, POOL_NAME(1, 3)},
};
static const int most_windows[] = {0, 3, 1, 1};
#endif
/* clang-format on */

static ptrdiff_t product_max_pool_block(ptrdiff_t windows, ptrdiff_t channels) {
    const ptrdiff_t vectors = (channels + LANES - 1) / LANES;
#if MAX_ACCUMULATORS >= 24
    const ptrdiff_t wish = windows == 1 ? 4 : 2;
#else
    const ptrdiff_t wish = 3;
#endif
    return (vectors < wish || vectors == 3 ? vectors : wish) * LANES;
}

static void product_max_pool(const struct product_max_pool *q) {
    const struct product *p = &q->sum;
    const int vectors = (int)((p->channels + LANES - 1) / LANES);
    const tail last = tail_of(p->channels - (vectors - 1) * LANES);
    const ptrdiff_t tiles = (p->pixels + most_windows[vectors] - 1) / most_windows[vectors];
    ptrdiff_t from = 0;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const ptrdiff_t to = p->pixels * (t + 1) / tiles;
        product_max_pool_instances[vectors][to - from](
            q, p->x + 2 * from * p->x_pixel, p->y + from * p->y_pixel,
            q->argmax ? q->argmax + from * p->y_pixel : NULL, last);
        from = to;
    }
}
