/* Batch normalization over rows of channels (struct batch_norm in kernels.h): two vectors of
 * channels at a time, a cache line of most instruction sets. Sums run over the rows in `CHAINS`
 * interleaved chains, which are added in order. */
enum { CHAINS = 4, NORM_VECTORS = 2 };
enum { CHUNK = 64 }; /* rows of three arrays that stay in the first-level cache, by cache lines */

/* The tile for all channels. `whole` is a constant: whether all vectors are full. */
#define FOR_ALL_CHANNELS(tile)                                                                     \
    static void tile(const struct batch_norm *p) {                                                 \
        ptrdiff_t c = 0;                                                                           \
        for (; c + NORM_VECTORS * LANES <= p->channels; c += NORM_VECTORS * LANES)                 \
            tile##_of(p, c, tail_of(LANES), NORM_VECTORS, 1);                                      \
        for (; c < p->channels; c += LANES) tile##_of(p, c, tail_of(p->channels - c), 1, 0);       \
    }

TILE vec total(const vec sum[CHAINS]) { return (sum[0] + sum[1]) + (sum[2] + sum[3]); }

TILE void batch_norm_moments_of(const struct batch_norm *p, ptrdiff_t c, const tail t,
                                const int vectors, const int whole) {
    const ptrdiff_t channels = p->channels, rows = p->rows;
    const float *x = p->x + c;
    vec sum[NORM_VECTORS][CHAINS], mean[NORM_VECTORS];
    UNROLLED (v, vectors)
        UNROLLED (k, CHAINS) sum[v][k] = broadcast(0);
    ptrdiff_t r = 0;
    for (; r + CHAINS <= rows; r += CHAINS)
        UNROLLED (k, CHAINS)
            UNROLLED (v, vectors)
                sum[v][k] += load_part(x + (r + k) * channels + v * LANES, t, whole);
    for (; r < rows; r++)
        UNROLLED (v, vectors) sum[v][0] += load_part(x + r * channels + v * LANES, t, whole);
    UNROLLED (v, vectors) {
        mean[v] = total(sum[v]) / broadcast((float)rows);
        UNROLLED (k, CHAINS) sum[v][k] = broadcast(0); /* of squares from here on */
    }
    for (r = 0; r + CHAINS <= rows; r += CHAINS)
        UNROLLED (k, CHAINS)
            UNROLLED (v, vectors) {
                const vec deviation =
                    load_part(x + (r + k) * channels + v * LANES, t, whole) - mean[v];
                sum[v][k] = multiply_add(deviation, deviation, sum[v][k]);
            }
    for (; r < rows; r++)
        UNROLLED (v, vectors) {
            const vec deviation = load_part(x + r * channels + v * LANES, t, whole) - mean[v];
            sum[v][0] = multiply_add(deviation, deviation, sum[v][0]);
        }
    UNROLLED (v, vectors) {
        store_part(p->out + c + v * LANES, mean[v], t, whole);
        store_part(p->out + p->sum_distance + c + v * LANES, total(sum[v]), t, whole);
    }
}
FOR_ALL_CHANNELS(batch_norm_moments)

TILE void batch_norm_apply_of(const struct batch_norm *p, ptrdiff_t c, const tail t,
                              const int vectors, const int whole) {
    const ptrdiff_t channels = p->channels, end = p->rows * channels;
    const float *x = p->x + c, *residual = p->residual ? p->residual + c : NULL;
    float *y = p->out + c;
    const int relu = p->relu;
    const vec max = broadcast(p->relu_max);
    vec mean[NORM_VECTORS], scale[NORM_VECTORS], offset[NORM_VECTORS];
    UNROLLED (v, vectors) {
        mean[v] = load_part(p->mean + c + v * LANES, t, whole);
        scale[v] = load_part(p->scale + c + v * LANES, t, whole);
        offset[v] = load_part(p->offset + c + v * LANES, t, whole);
    }
    for (ptrdiff_t row = 0; row < end; row += channels)
        UNROLLED (v, vectors) {
            const ptrdiff_t at = row + v * LANES;
            vec out = multiply_add(load_part(x + at, t, whole) - mean[v], scale[v], offset[v]);
            if (residual) out += load_part(residual + at, t, whole);
            if (relu) out = bounded_relu(out, max);
            store_part(y + at, out, t, whole);
        }
}
FOR_ALL_CHANNELS(batch_norm_apply)

/* Constants of one vector of channels in the backward pass. */
struct norm_channels {
    vec mean, scale, beta, max;
};

TILE struct norm_channels norm_channels(const struct batch_norm *p, ptrdiff_t c, tail t,
                                        const int whole) {
    const vec zero = broadcast(0);
    return (struct norm_channels){
        load_part(p->mean + c, t, whole), p->beta ? load_part(p->scale + c, t, whole) : zero,
        p->beta ? load_part(p->beta + c, t, whole) : zero, broadcast(p->relu_max)};
}

/* dy where relu is open. Its result y is read, or computed again, which is less to read. */
TILE vec gradient_at(const struct batch_norm *p, ptrdiff_t at, vec deviation,
                     const struct norm_channels by, tail t, const int whole) {
    const vec gradient = load_part(p->dy + at, t, whole);
    if (p->y) return open_gradient(gradient, load_part(p->y + at, t, whole), by.max);
    if (!p->beta) return gradient;
    return open_gradient(gradient, multiply_add(deviation, by.scale, by.beta), by.max);
}

/* Adds one vector of channels of row r to both sums. */
TILE void add_gradient(const struct batch_norm *p, ptrdiff_t r, ptrdiff_t c,
                       const struct norm_channels by, vec *sum, vec *products, const tail t,
                       const int whole) {
    const ptrdiff_t at = r * p->channels + c;
    const vec deviation = load_part(p->x + at, t, whole) - by.mean;
    const vec gradient = gradient_at(p, at, deviation, by, t, whole);
    if (p->dresidual) store_part(p->dresidual + at, gradient, t, whole);
    *sum += gradient;
    *products = multiply_add(gradient, deviation, *products);
}

/* The struct is copied because stores might change it, as far as the compiler knows. */
TILE void batch_norm_sums_of(const struct batch_norm *all, ptrdiff_t c, const tail t,
                             const int vectors, const int whole) {
    const struct batch_norm p = *all;
    struct norm_channels by[NORM_VECTORS];
    vec sum[NORM_VECTORS][CHAINS], products[NORM_VECTORS][CHAINS];
    UNROLLED (v, vectors) {
        by[v] = norm_channels(&p, c + v * LANES, t, whole);
        UNROLLED (k, CHAINS) sum[v][k] = products[v][k] = broadcast(0);
    }
    /* one vector's sums fill the registers: the other one finds the cache lines of a chunk */
    for (ptrdiff_t first = 0; first < p.rows; first += CHUNK) {
        const ptrdiff_t last = p.rows - first < CHUNK ? p.rows : first + CHUNK;
        UNROLLED (v, vectors) {
            ptrdiff_t r = first;
            for (; r + CHAINS <= last; r += CHAINS)
                UNROLLED (k, CHAINS)
                    add_gradient(&p, r + k, c + v * LANES, by[v], &sum[v][k], &products[v][k], t,
                                 whole);
            for (; r < last; r++)
                add_gradient(&p, r, c + v * LANES, by[v], &sum[v][0], &products[v][0], t, whole);
        }
    }
    UNROLLED (v, vectors) {
        store_part(p.out + c + v * LANES, total(sum[v]), t, whole);
        store_part(p.out + p.sum_distance + c + v * LANES, total(products[v]), t, whole);
    }
}
FOR_ALL_CHANNELS(batch_norm_sums)

TILE void batch_norm_gradient_of(const struct batch_norm *all, ptrdiff_t c, const tail t,
                                 const int vectors, const int whole) {
    const struct batch_norm p = *all;
    struct norm_channels by[NORM_VECTORS];
    vec scale[NORM_VECTORS], offset[NORM_VECTORS], slope[NORM_VECTORS];
    UNROLLED (v, vectors) {
        by[v] = norm_channels(&p, c + v * LANES, t, whole);
        scale[v] = load_part(p.scale + c + v * LANES, t, whole);
        offset[v] = load_part(p.offset + c + v * LANES, t, whole);
        slope[v] = load_part(p.slope + c + v * LANES, t, whole);
    }
    for (ptrdiff_t r = 0; r < p.rows; r++)
        UNROLLED (v, vectors) {
            const ptrdiff_t at = r * p.channels + c + v * LANES;
            const vec deviation = load_part(p.x + at, t, whole) - by[v].mean;
            const vec along = multiply_add(deviation, slope[v], offset[v]);
            const vec gradient = gradient_at(&p, at, deviation, by[v], t, whole);
            store_part(p.out + at, multiply_add(gradient, scale[v], along), t, whole);
        }
}
FOR_ALL_CHANNELS(batch_norm_gradient)
