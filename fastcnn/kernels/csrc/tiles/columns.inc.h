/* Functions over the columns of a matrix (struct columns in kernels.h): softmax and log_softmax,
 * and the gradient of the largest value. One vector of columns at a time. */
TILE vec log_of_lanes(vec a) {
    float lane[LANES];
    store(lane, a);
    for (int i = 0; i < LANES; i++) lane[i] = __builtin_logf(lane[i]);
    return load(lane);
}

TILE void softmax_of_columns(const struct columns *p, ptrdiff_t c, const tail t, const int whole) {
    const float *x = p->x + c;
    float *y = p->out + c;
    vec most = broadcast(-__builtin_inff()), sum = broadcast(0);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        const vec a = load_part(x + r * p->distance, t, whole);
        most = choose(greater(a, most), a, most); /* ignores NaN, which the sum does not */
    }
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        const vec e = vexp_small(load_part(x + r * p->distance, t, whole) - most);
        sum += e;
        if (!p->log) store_part(y + r * p->distance, e, t, whole);
    }
    if (p->log) sum = log_of_lanes(sum);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        const ptrdiff_t at = r * p->distance;
        const vec result =
            p->log ? (load_part(x + at, t, whole) - most) - sum : load_part(y + at, t, whole) / sum;
        store_part(y + at, result, t, whole);
    }
}

static void softmax_columns(const struct columns *p) {
    ptrdiff_t c = 0;
    for (; c + LANES <= p->columns; c += LANES) softmax_of_columns(p, c, tail_of(LANES), 1);
    if (c < p->columns) softmax_of_columns(p, c, tail_of(p->columns - c), 0);
}

/* x is softmax's output: dx = x (dy - sum of dy x), or log_softmax's: dx = dy - exp(x) sum of dy */
static void softmax_columns_gradient(const struct columns *p) {
    for (ptrdiff_t c = 0; c < p->columns; c += LANES) {
        const tail t = tail_of(p->columns - c);
        vec sum = broadcast(0);
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const ptrdiff_t at = r * p->distance + c;
            const vec dy = load_tail(p->dy + at, t);
            if (p->log) sum += dy;
            else sum = multiply_add(dy, load_tail(p->x + at, t), sum);
        }
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const ptrdiff_t at = r * p->distance + c;
            const vec dy = load_tail(p->dy + at, t), x = load_tail(p->x + at, t);
            store_tail(p->out + at, p->log ? dy - vexp_small(x) * sum : x * (dy - sum), t);
        }
    }
}

/* dx = dy / count where x is `most`, which count elements of the column are; 0 elsewhere */
static void share_columns(const struct columns *p) {
    const vec zero = broadcast(0), one = broadcast(1);
    for (ptrdiff_t c = 0; c < p->columns; c += LANES) {
        const tail t = tail_of(p->columns - c);
        const vec most = load_tail(p->most + c, t);
        vec count = zero;
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const vec x = load_tail(p->x + r * p->distance + c, t);
            count += choose(both(less_equal(x, most), less_equal(most, x)), one, zero);
        }
        const vec share = load_tail(p->dy + c, t) / choose(greater(one, count), one, count);
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const ptrdiff_t at = r * p->distance + c;
            const vec x = load_tail(p->x + at, t);
            const bvec chosen = both(less_equal(x, most), less_equal(most, x));
            store_tail(p->out + at, choose(chosen, one, zero) * share, t); /* NaN spreads */
        }
    }
}
