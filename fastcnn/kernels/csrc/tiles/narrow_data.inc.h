/* The gradient of an image of few channels behind a max-pool (struct narrow_data in kernels.h).
 *
 * Lanes are windows here. An element of the image near a window gets dy times one element of the
 * filter. Which one depends on the position that won: a permutation picks the right one of four for
 * every lane. Where the filter does not reach from a position, the quad holds a zero; with an
 * infinite dy it yields NaN, where a sum over just the elements in reach would not.
 */
enum { NARROW_ELEMENTS = 8 };

TILE void narrow_data_tile(const struct narrow_data *p, ptrdiff_t first, const int elements) {
    const float *quads = p->quads + 4 * first, *dy = p->dy, *positions = p->positions;
    vec sum[NARROW_ELEMENTS];
    UNROLLED (i, elements) sum[i] = broadcast(0);
    for (ptrdiff_t c = p->channels; c > 0; c--) {
        const vec won = load(dy);
        const picks position = picks_of(as_ints(load(positions)));
        UNROLLED (i, elements)
            sum[i] = multiply_add(pick(load_quad(quads + 4 * i), position), won, sum[i]);
        quads += 4 * p->elements;
        dy += LANES;
        positions += LANES;
    }
    UNROLLED (i, elements) store(p->sums + (first + i) * LANES, sum[i]);
}

typedef void narrow_data_instance(const struct narrow_data *, ptrdiff_t);
#define NARROW_DATA_INSTANCE(elements, _)                                                          \
    static void narrow_data_##elements(const struct narrow_data *p, ptrdiff_t first) {             \
        narrow_data_tile(p, first, elements);                                                      \
    }
#define NARROW_DATA_NAME(elements, _) narrow_data_##elements,
UP_TO_8(NARROW_DATA_INSTANCE, _)
static narrow_data_instance *const narrow_data_instances[] = {NULL, UP_TO_8(NARROW_DATA_NAME, _)};

static void narrow_data(const struct narrow_data *p) {
    for (ptrdiff_t first = 0; first < p->elements; first += NARROW_ELEMENTS) {
        const ptrdiff_t left = p->elements - first;
        narrow_data_instances[left < NARROW_ELEMENTS ? left : NARROW_ELEMENTS](p, first);
    }
}

/* dy and positions of at most LANES windows in the layout of narrow_data; dy is 0 where no position
 * won. */
static void narrow_windows(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                           ptrdiff_t channels, float *transposed, float *positions) {
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const ptrdiff_t wide = channels - c < LANES ? channels - c : LANES;
        vec gradient[LANES], position[LANES];
        transpose_windows(dy + c, argmax + c, channels, windows, wide, gradient, position);
        for (ptrdiff_t i = 0; i < wide; i++) {
            const bvec won = below(as_ints(position[i]), ibroadcast(4));
            store(transposed + (c + i) * LANES, choose(won, gradient[i], broadcast(0)));
            store(positions + (c + i) * LANES, position[i]);
        }
    }
}
