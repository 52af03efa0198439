/* The gradient for an image of few channels, behind a max-pool (struct narrow_data in kernels.h).
 *
 * Lanes are windows here. A number of the image near a window gets dy times one number of the
 * filter, which one depends on the place that won: of the four that may be it, a permutation picks
 * every lane's own. Where a place meets no number of the filter the quad has a zero: an infinite dy
 * makes NaN of it, which a sum over the places that count does not.
 */
enum { NARROW_NUMBERS = 8 };

TILE void narrow_data_tile(const struct narrow_data *p, ptrdiff_t first, const int numbers) {
    const float *quads = p->quads + 4 * first, *dy = p->dy, *places = p->places;
    vec sum[NARROW_NUMBERS];
    UNROLLED (i, numbers) sum[i] = broadcast(0);
    for (ptrdiff_t c = p->channels; c > 0; c--) {
        const vec won = load(dy);
        const picks place = picks_of(as_ints(load(places)));
        UNROLLED (i, numbers)
            sum[i] = multiply_add(pick(load_quad(quads + 4 * i), place), won, sum[i]);
        quads += 4 * p->numbers;
        dy += LANES;
        places += LANES;
    }
    UNROLLED (i, numbers) store(p->sums + (first + i) * LANES, sum[i]);
}

typedef void narrow_data_instance(const struct narrow_data *, ptrdiff_t);
#define NARROW_DATA_INSTANCE(numbers, _)                                                           \
    static void narrow_data_##numbers(const struct narrow_data *p, ptrdiff_t first) {              \
        narrow_data_tile(p, first, numbers);                                                       \
    }
#define NARROW_DATA_NAME(numbers, _) narrow_data_##numbers,
UP_TO_8(NARROW_DATA_INSTANCE, _)
static narrow_data_instance *const narrow_data_instances[] = {NULL, UP_TO_8(NARROW_DATA_NAME, _)};

static void narrow_data(const struct narrow_data *p) {
    for (ptrdiff_t first = 0; first < p->numbers; first += NARROW_NUMBERS) {
        const ptrdiff_t left = p->numbers - first;
        narrow_data_instances[left < NARROW_NUMBERS ? left : NARROW_NUMBERS](p, first);
    }
}

/* dy and places of at most LANES windows as narrow_data wants them: 0 where no place won. */
static void narrow_windows(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                           ptrdiff_t channels, float *turned, float *places) {
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const ptrdiff_t wide = channels - c < LANES ? channels - c : LANES;
        vec gradient[LANES], place[LANES];
        turn_windows(dy + c, argmax + c, channels, windows, wide, gradient, place);
        for (ptrdiff_t i = 0; i < wide; i++) {
            const bvec won = below(as_ints(place[i]), ibroadcast(4));
            store(turned + (c + i) * LANES, choose(won, gradient[i], broadcast(0)));
            store(places + (c + i) * LANES, place[i]);
        }
    }
}
