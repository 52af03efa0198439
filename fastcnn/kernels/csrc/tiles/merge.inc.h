/* Elementwise functions of two arrays, and their gradients. The result may be one of the arrays. */

/* A tile that stores `value`, an expression in the vectors u of a, v of b and c. */
#define ELEMENTWISE(name, value)                                                                   \
    static void name(const float *a, const float *b, float *y, ptrdiff_t n, float count) {         \
        const vec c = broadcast(count);                                                            \
        ptrdiff_t i = 0;                                                                           \
        (void)c;                                                                                   \
        for (; i + LANES <= n; i += LANES) {                                                       \
            const vec u = load(a + i), v = load(b + i);                                            \
            store(y + i, value);                                                                   \
        }                                                                                          \
        if (i < n) {                                                                               \
            const tail t = tail_of(n - i);                                                         \
            const vec u = load_tail(a + i, t), v = load_tail(b + i, t);                            \
            store_tail(y + i, value, t);                                                           \
        }                                                                                          \
    }

TILE vec positive(vec a) { return choose(less_equal(a, broadcast(0)), broadcast(0), a); }
/* b where `wins`, or where it is NaN; a NaN in a stays, as it does not compare */
TILE vec winner(bvec wins, vec a, vec b) { return choose(either(wins, unordered(b, b)), b, a); }

ELEMENTWISE(add, u + v)
ELEMENTWISE(add_relu, positive(u + v))
ELEMENTWISE(subtract, u - v)
ELEMENTWISE(multiply, u *v)
ELEMENTWISE(average, (u + v) / c)
ELEMENTWISE(maximum_forward, winner(greater(v, u), u, v))
ELEMENTWISE(minimum_forward, winner(greater(u, v), u, v))
#undef ELEMENTWISE

static void divide(const float *x, float *y, ptrdiff_t n, float divisor) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        store_tail(y + i, load_tail(x + i, t) / broadcast(divisor), t);
    }
}

/* da = dy where first >= second, else 0; db = the rest */
TILE void split_gradient(const float *dy, const float *first, const float *second, float *da,
                         float *db, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const bvec keeps = less_equal(load_tail(second + i, t), load_tail(first + i, t));
        const vec gradient = load_tail(dy + i, t);
        if (da) store_tail(da + i, choose(keeps, gradient, broadcast(0)), t);
        if (db) store_tail(db + i, choose(keeps, broadcast(0), gradient), t);
    }
}

static void maximum_backward(const float *dy, const float *a, const float *b, float *da, float *db,
                             ptrdiff_t n) {
    split_gradient(dy, a, b, da, db, n);
}

/* a <= b: the same with a and b exchanged */
static void minimum_backward(const float *dy, const float *a, const float *b, float *da, float *db,
                             ptrdiff_t n) {
    split_gradient(dy, b, a, da, db, n);
}
