/* The sum of products behind convolutions and dense layers (struct product in kernels.h).
 *
 * pixels x vectors accumulators stay in registers while the sum runs; each step loads the weights'
 * vectors once and broadcasts one x for every pixel. The sizes are constants in each instance, so
 * the loops over them are unrolled. A plain sum has whole vectors and nothing else to add or do.
 */
TILE void product_tile(const struct product *p, const float *x, const float *w, float *y,
                       const tail last, const int pixels, const int vectors, const int plain) {
    const ptrdiff_t x_pixel = p->x_pixel, x_step = p->x_step, w_step = p->w_step;
    const ptrdiff_t y_pixel = p->y_pixel, start_pixel = p->accumulate ? y_pixel : 0;
    const float *start = p->accumulate ? y : p->b;
    const float *residual = p->accumulate || !p->residual ? NULL : p->residual + (y - p->y);
    const int relu = p->relu;
    vec sum[MAX_ACCUMULATORS];
    UNROLLED (i, pixels * vectors) sum[i] = broadcast(0);
    if (!plain && start)
        UNROLLED (i, pixels)
            UNROLLED (v, vectors) {
                const float *from = start + i * start_pixel + v * LANES;
                sum[i * vectors + v] = v == vectors - 1 ? load_tail(from, last) : load(from);
            }
    if (!plain && residual)
        UNROLLED (i, pixels)
            UNROLLED (v, vectors) {
                const float *from = residual + i * y_pixel + v * LANES;
                sum[i * vectors + v] += v == vectors - 1 ? load_tail(from, last) : load(from);
            }
    for (ptrdiff_t s = 0; s < p->segments; s++) {
        const float *xs = x + p->x_segments[s], *xs8 = xs + 8 * x_pixel, *xs16 = xs + 16 * x_pixel;
        const float *ws = w + p->w_segments[s];
        for (ptrdiff_t k = p->steps; k > 0; k--) {
            vec weight[MAX_VECTORS];
            UNROLLED (v, vectors)
                weight[v] = load_part(ws + v * LANES, last, plain || v < vectors - 1);
            UNROLLED (i, pixels) {
                const vec value = broadcast(i < 8    ? xs[i * x_pixel]
                                            : i < 16 ? xs8[(i - 8) * x_pixel]
                                                     : xs16[(i - 16) * x_pixel]);
                UNROLLED (v, vectors)
                    sum[i * vectors + v] = multiply_add(value, weight[v], sum[i * vectors + v]);
            }
            xs += x_step;
            xs8 += x_step;
            xs16 += x_step;
            ws += w_step;
        }
    }
    if (!plain && relu)
        UNROLLED (i, pixels * vectors) sum[i] = bounded_relu(sum[i], broadcast(p->relu_max));
    UNROLLED (i, pixels)
        UNROLLED (v, vectors)
            store_part(y + i * y_pixel + v * LANES, sum[i * vectors + v], last,
                       plain || v < vectors - 1);
}

/* One pair of functions for each (pixels, vectors) whose accumulators fit the registers. The second
 * one runs through planes: a sum over a few channels takes no longer than finding its function.
 * They are two functions, as a single one would keep strides of the inner loop in memory: 15 %
 * slower. */
struct product_instance {
    void (*one)(const struct product *, const float *, float *, tail);
    void (*planes)(const struct product *, const struct planes *, const float *, float *, tail);
};

#define INSTANCE(pixels, vectors)                                                                  \
    static void product_##pixels##x##vectors(const struct product *p, const float *x, float *y,    \
                                             tail last) {                                          \
        product_tile(p, x, p->w, y, last, pixels, vectors, 0);                                     \
    }                                                                                              \
    static void planes_##pixels##x##vectors(const struct product *p, const struct planes *planes,  \
                                            const float *x, float *y, tail last) {                 \
        for (ptrdiff_t k = 0; k < planes->count; k++)                                              \
            product_tile(p, x + k * planes->x, p->w + k * planes->w, y + k * planes->y, last,      \
                         pixels, vectors, 1);                                                      \
    }
#define UP_TO_3(I, v) I(1, v) I(2, v) I(3, v)
#define UP_TO_4(I, v) UP_TO_3(I, v) I(4, v)
#define UP_TO_6(I, v) UP_TO_4(I, v) I(5, v) I(6, v)
#define UP_TO_8(I, v) UP_TO_6(I, v) I(7, v) I(8, v)
#define UP_TO_12(I, v) UP_TO_8(I, v) I(9, v) I(10, v) I(11, v) I(12, v)
#define UP_TO_16(I, v) UP_TO_12(I, v) I(13, v) I(14, v) I(15, v) I(16, v)
#define UP_TO_20(I, v) UP_TO_16(I, v) I(17, v) I(18, v) I(19, v) I(20, v)
#define UP_TO_24(I, v) UP_TO_20(I, v) I(21, v) I(22, v) I(23, v) I(24, v)
#define NAME(pixels, vectors) {product_##pixels##x##vectors, planes_##pixels##x##vectors},
#if MAX_ACCUMULATORS >= 24
#define EACH(I) UP_TO_24(I, 1) UP_TO_12(I, 2) UP_TO_8(I, 3) UP_TO_6(I, 4)
EACH(INSTANCE)
static const struct product_instance product_1[] = {{NULL, NULL}, UP_TO_24(NAME, 1)};
static const struct product_instance product_2[] = {{NULL, NULL}, UP_TO_12(NAME, 2)};
static const struct product_instance product_3[] = {{NULL, NULL}, UP_TO_8(NAME, 3)};
static const struct product_instance product_4[] = {{NULL, NULL}, UP_TO_6(NAME, 4)};
static const int most_pixels[] = {0, 24, 12, 8, 6};
enum { WIDEST = 4 }; /* by six pixels: ten loads for 24 multiply-adds */
#else
#define EACH(I) UP_TO_12(I, 1) UP_TO_6(I, 2) UP_TO_4(I, 3) UP_TO_3(I, 4)
EACH(INSTANCE)
static const struct product_instance product_1[] = {{NULL, NULL}, UP_TO_12(NAME, 1)};
static const struct product_instance product_2[] = {{NULL, NULL}, UP_TO_6(NAME, 2)};
static const struct product_instance product_3[] = {{NULL, NULL}, UP_TO_4(NAME, 3)};
static const struct product_instance product_4[] = {{NULL, NULL}, UP_TO_3(NAME, 4)};
static const int most_pixels[] = {0, 12, 6, 4, 3};
enum {
    WIDEST = 2
}; /* four weights, a pixel and twelve accumulators would be one register too many */
#endif
static const struct product_instance *const product_instances[] = {NULL, product_1, product_2,
                                                                   product_3, product_4};

/* Five vectors are 3 + 2, not 4 + 1: a single one needs a load for each multiply-add. */
static ptrdiff_t product_block(ptrdiff_t channels) {
    const ptrdiff_t vectors = (channels + LANES - 1) / LANES;
    if (vectors <= WIDEST) return vectors * LANES;
    return (vectors % WIDEST == 1 ? 3 : WIDEST) * LANES;
}

/* The tiles of one row have sizes as equal as possible: 13 pixels are 7 + 6, not 12 + 1. */
static void product_in_tiles(const struct product *p, const struct planes *planes) {
    const int vectors = (int)((p->channels + LANES - 1) / LANES);
    const tail last = tail_of(p->channels - (vectors - 1) * LANES);
    const ptrdiff_t tiles = (p->pixels + most_pixels[vectors] - 1) / most_pixels[vectors];
    ptrdiff_t from = 0;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const ptrdiff_t to = p->pixels * (t + 1) / tiles;
        const struct product_instance *instance = product_instances[vectors] + (to - from);
        const float *x = p->x + from * p->x_pixel;
        float *y = p->y + from * p->y_pixel;
        if (planes) instance->planes(p, planes, x, y, last);
        else instance->one(p, x, y, last);
        from = to;
    }
}

static void product(const struct product *p) { product_in_tiles(p, NULL); }

static void product_planes(const struct product *p, const struct planes *planes) {
    if (p->channels % LANES == 0) {
        product_in_tiles(p, planes);
        return;
    }
    struct product plane = *p;
    plane.b = plane.residual = NULL;
    plane.accumulate = plane.relu = 0;
    for (ptrdiff_t k = 0; k < planes->count; k++) {
        product(&plane);
        plane.x += planes->x;
        plane.w += planes->w;
        plane.y += planes->y;
    }
}
