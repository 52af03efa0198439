/* Filters of few elements: dw[tap][c] += sum over windows of x[patch that won][tap] * dy[c] (struct
 * narrow_sum in kernels.h).
 *
 * Each channel has its maximum at another position of the window, so each lane needs another x.
 * `quads` puts the x of four positions of a window side by side, and one permutation picks the
 * right one for every lane.
 */
#if MAX_ACCUMULATORS >= 24
enum { NARROW_VECTORS = 2 };
#else
enum { NARROW_VECTORS = 1 };
#endif
enum { NARROW_TAPS = 9 };

/* y[i][k] = x[i + offsets[k]], k < 4 */
static void quads(const float *x, const ptrdiff_t *offsets, ptrdiff_t n, float *y) {
    const float *const a = x + offsets[0], *const b = x + offsets[1];
    const float *const c = x + offsets[2], *const d = x + offsets[3];
    float *restrict to = y;
    for (ptrdiff_t i = 0; i < n; i++) {
        to[4 * i] = a[i];
        to[4 * i + 1] = b[i];
        to[4 * i + 2] = c[i];
        to[4 * i + 3] = d[i];
    }
}

TILE void narrow_sum_tile(const struct narrow_sum *p, const ptrdiff_t *taps_at, float *dw,
                          float *db, tail last, const int vectors, const int taps) {
    vec sum[NARROW_TAPS * NARROW_VECTORS], bias[NARROW_VECTORS];
    tail tails[NARROW_VECTORS];
    UNROLLED (v, vectors) tails[v] = v < vectors - 1 ? tail_of(LANES) : last;
    UNROLLED (k, taps)
        UNROLLED (v, vectors)
            sum[k * vectors + v] = load_tail(dw + k * p->oc + v * LANES, tails[v]);
    UNROLLED (v, vectors) bias[v] = broadcast(0);
    const ivec wanted = ibroadcast(p->quad);
    const float *dy = p->dy;
    const uint8_t *argmax = p->argmax;
    for (ptrdiff_t i = 0; i < p->windows_h; i++) {
        const float *x = p->x + i * p->x_row;
        for (ptrdiff_t j = p->windows_w; j > 0; j--) {
            vec won[NARROW_VECTORS];
            picks positions[NARROW_VECTORS];
            UNROLLED (v, vectors) {
                /* CLOSED, 255, belongs to no quad: there are fewer than 63 */
                const ivec position = load_u8_tail(argmax + v * LANES, tails[v]);
                won[v] = choose(equal(shift_right(position, 2), wanted),
                                load_tail(dy + v * LANES, tails[v]), broadcast(0));
                positions[v] = picks_of(position);
                bias[v] += won[v];
            }
            UNROLLED (k, taps) {
                const vec quad = load_quad(x + taps_at[k]);
                UNROLLED (v, vectors)
                    sum[k * vectors + v] =
                        multiply_add(pick(quad, positions[v]), won[v], sum[k * vectors + v]);
            }
            x += p->x_column;
            dy += p->oc;
            argmax += p->oc;
        }
    }
    UNROLLED (k, taps)
        UNROLLED (v, vectors)
            store_tail(dw + k * p->oc + v * LANES, sum[k * vectors + v], tails[v]);
    if (db)
        UNROLLED (v, vectors)
            store_tail(db + v * LANES, load_tail(db + v * LANES, tails[v]) + bias[v], tails[v]);
}

typedef void narrow_sum_instance(const struct narrow_sum *, const ptrdiff_t *, float *, float *,
                                 tail);
#define NARROW_INSTANCE(taps, vectors)                                                             \
    static void narrow_sum_##taps##x##vectors(                                                     \
        const struct narrow_sum *p, const ptrdiff_t *taps_at, float *dw, float *db, tail last) {   \
        narrow_sum_tile(p, taps_at, dw, db, last, vectors, taps);                                  \
    }
#define NARROW_NAME(taps, vectors) narrow_sum_##taps##x##vectors,
#define UP_TO_9(I, v) UP_TO_8(I, v) I(9, v)
UP_TO_9(NARROW_INSTANCE, 1)
#if MAX_ACCUMULATORS >= 24
UP_TO_9(NARROW_INSTANCE, 2)
#endif
static narrow_sum_instance *const narrow_sum_instances[][NARROW_TAPS + 1] = {
    {NULL},
    {NULL, UP_TO_9(NARROW_NAME, 1)},
#if MAX_ACCUMULATORS >= 24
    {NULL, UP_TO_9(NARROW_NAME, 2)},
#endif
};

static ptrdiff_t narrow_block(ptrdiff_t channels) {
    return channels < NARROW_VECTORS * LANES ? channels : NARROW_VECTORS * LANES;
}

static void narrow_sum(const struct narrow_sum *p) {
    const ptrdiff_t vectors = (p->channels + LANES - 1) / LANES;
    const tail last = tail_of(p->channels - (vectors - 1) * LANES);
    const ptrdiff_t passes = (p->tap_count + NARROW_TAPS - 1) / NARROW_TAPS;
    ptrdiff_t from = 0;
    for (ptrdiff_t pass = 0; pass < passes; pass++) {
        const ptrdiff_t to = p->tap_count * (pass + 1) / passes;
        narrow_sum_instances[vectors][to - from](p, p->taps + from, p->dw + from * p->oc,
                                                 pass ? NULL : p->db, last);
        from = to;
    }
}
