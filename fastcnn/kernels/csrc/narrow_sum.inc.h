/* Filters of few numbers: dw[tap][c] += sum over windows of x[patch that won][tap] * dy[c] (struct
 * narrow_sum in kernels.h). For each place of the window, dy where it won and zero elsewhere.
 */
#if MAX_ACCUMULATORS >= 24
enum { NARROW_VECTORS = 2 };
#else
enum { NARROW_VECTORS = 1 };
#endif
enum { NARROW_TAPS = 9 };

TILE void narrow_sum_tile(const struct narrow_sum *p, const ptrdiff_t *offsets, float *dw,
                          float *db, const tail *tails, const int taps) {
    enum { V = NARROW_VECTORS };
    vec sum[NARROW_TAPS * V], bias[V];
    UNROLLED (k, taps)
        UNROLLED (v, V) sum[k * V + v] = load_tail(dw + k * p->oc + v * LANES, tails[v]);
    UNROLLED (v, V) bias[v] = broadcast(0);
    ptrdiff_t at = 0;
    for (ptrdiff_t i = 0; i < p->windows_h; i++)
        for (ptrdiff_t j = 0; j < p->windows_w; j++, at += p->oc) {
            vec dy[V];
            ivec place[V];
            UNROLLED (v, V) {
                dy[v] = load_tail(p->dy + at + v * LANES, tails[v]);
                place[v] = load_u8_tail(p->argmax + at + v * LANES, tails[v]);
            }
            const float *corner = p->x + i * p->stride_h * p->x_row + j * p->stride_w * p->x_column;
            int here = 0;
            for (ptrdiff_t r = 0; r < p->pool_h; r++)
                for (ptrdiff_t q = 0; q < p->pool_w; q++, here++) {
                    const float *x = corner + r * p->x_row + q * p->x_column;
                    vec won[V];
                    UNROLLED (v, V) {
                        won[v] = choose(equal(place[v], ibroadcast(here)), dy[v], broadcast(0));
                        bias[v] += won[v];
                    }
                    UNROLLED (k, taps) {
                        const vec value = broadcast(x[offsets[k]]);
                        UNROLLED (v, V)
                            sum[k * V + v] = multiply_add(value, won[v], sum[k * V + v]);
                    }
                }
        }
    UNROLLED (k, taps)
        UNROLLED (v, V) store_tail(dw + k * p->oc + v * LANES, sum[k * V + v], tails[v]);
    if (db)
        UNROLLED (v, V)
            store_tail(db + v * LANES, load_tail(db + v * LANES, tails[v]) + bias[v], tails[v]);
}

typedef void narrow_sum_instance(const struct narrow_sum *, const ptrdiff_t *, float *, float *,
                                 const tail *);
#define NARROW_INSTANCE(taps, _)                                                                   \
    static void narrow_sum_##taps(const struct narrow_sum *p, const ptrdiff_t *offsets, float *dw, \
                                  float *db, const tail *tails) {                                  \
        narrow_sum_tile(p, offsets, dw, db, tails, taps);                                          \
    }
#define NARROW_NAME(taps, _) narrow_sum_##taps,
UP_TO_8(NARROW_INSTANCE, _)
NARROW_INSTANCE(9, _)
static narrow_sum_instance *const narrow_sum_instances[] = {
    NULL, UP_TO_8(NARROW_NAME, _) NARROW_NAME(9, _)};

static ptrdiff_t narrow_block(ptrdiff_t channels) {
    return channels < NARROW_VECTORS * LANES ? channels : NARROW_VECTORS * LANES;
}

static void narrow_sum(const struct narrow_sum *p) {
    tail tails[NARROW_VECTORS];
    for (int v = 0; v < NARROW_VECTORS; v++) {
        const ptrdiff_t left = p->channels - v * LANES;
        tails[v] = tail_of(left > 0 ? left : 0);
    }
    const ptrdiff_t passes = (p->tap_count + NARROW_TAPS - 1) / NARROW_TAPS;
    ptrdiff_t from = 0;
    for (ptrdiff_t pass = 0; pass < passes; pass++) {
        const ptrdiff_t to = p->tap_count * (pass + 1) / passes;
        narrow_sum_instances[to - from](p, p->taps + from, p->dw + from * p->oc,
                                        pass ? NULL : p->db, tails);
        from = to;
    }
}
