/* Rows and columns of images at other sizes.
 *
 * Each product is rounded before it is added, also where the machine could fuse the two: results
 * are those of TensorFlow to the last bit, on every instruction set. */
typedef float four_channels __attribute__((vector_size(16)));

TILE four_channels load_four(const float *p) {
    four_channels a;
    __builtin_memcpy(&a, p, sizeof a);
    return a;
}

/* Stores four channels where the pixel may have fewer: the next pixel overwrites the others. */
static void resize_row(const float *x, const long long *neighbors, const float *weights, float *y,
                       ptrdiff_t pixels, ptrdiff_t channels) {
    for (ptrdiff_t p = 0; p < pixels; p++) {
        const float *left = x + neighbors[2 * p], *right = x + neighbors[2 * p + 1];
        for (ptrdiff_t c = 0; c < channels; c += 4) {
            const four_channels a = load_four(left + c);
            four_channels change = (load_four(right + c) - a) * weights[p];
            KEEP_VECTOR(change);
            const four_channels sum = a + change;
            __builtin_memcpy(y + p * channels + c, &sum, sizeof sum);
        }
    }
}

static void blend_rows(const float *a, const float *b, float weight, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec above = load_tail(a + i, t);
        vec change = (load_tail(b + i, t) - above) * broadcast(weight);
        KEEP_VECTOR(change);
        store_tail(y + i, above + change, t);
    }
}
