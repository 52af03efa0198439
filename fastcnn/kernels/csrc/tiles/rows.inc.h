/* The maximum and sums of a row, lane by lane, then over the lanes. */

/* The lanes of a, added in pairs: the first half to the second, and so on. */
TILE float sum_of_lanes(vec a) {
    float lane[LANES];
    store(lane, a);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

/* NaN is not larger than anything, so that only a row of nothing else has -inf. */
static float row_maximum(const float *x, ptrdiff_t n) {
    vec most = broadcast(-__builtin_inff());
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec a = choose(in_tail(t), load_tail(x + i, t), most);
        most = choose(greater(a, most), a, most);
    }
    float lane[LANES];
    store(lane, most);
    for (int i = 1; i < LANES; i++)
        if (lane[i] > lane[0]) lane[0] = lane[i];
    return lane[0];
}

static float row_sum(const float *x, ptrdiff_t n) {
    vec sum = broadcast(0);
    for (ptrdiff_t i = 0; i < n; i += LANES) sum += load_tail(x + i, tail_of(n - i));
    return sum_of_lanes(sum);
}

static float row_product(const float *a, const float *b, ptrdiff_t n) {
    vec sum = broadcast(0);
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        sum = multiply_add(load_tail(a + i, t), load_tail(b + i, t), sum);
    }
    return sum_of_lanes(sum);
}
