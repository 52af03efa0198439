/* Layer normalization (struct layer_norm in kernels.h): each row has its own moments. The second
 * and third look at a row find it in the first-level cache. */

static void layer_norm_forward(const struct layer_norm *p) {
    const ptrdiff_t channels = p->channels, whole = channels - channels % LANES;
    const tail t = tail_of(channels - whole);
    const vec zero = broadcast(0), one = broadcast(1);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        const float *x = p->x + r * channels;
        float *y = p->out + r * channels;
        vec sum = load_tail(x + whole, t), squares = zero;
        for (ptrdiff_t c = 0; c < whole; c += LANES) sum += load(x + c);
        const float mean = p->uncentered ? 0 : sum_of_lanes(sum) / (float)channels;
        const vec shift = broadcast(mean);
        for (ptrdiff_t c = 0; c < whole; c += LANES) {
            const vec deviation = load(x + c) - shift;
            squares = multiply_add(deviation, deviation, squares);
        }
        const vec last = choose(in_tail(t), load_tail(x + whole, t) - shift, zero);
        const float variance = sum_of_lanes(multiply_add(last, last, squares)) / (float)channels;
        const float inverse = 1 / __builtin_sqrtf(variance + p->epsilon);
        p->mean[r] = mean, p->inverse[r] = inverse;
        for (ptrdiff_t c = 0; c < whole; c += LANES) {
            const vec scale = p->gamma ? load(p->gamma + c) : one;
            const vec offset = p->beta ? load(p->beta + c) : zero;
            store(y + c, multiply_add((load(x + c) - shift) * broadcast(inverse), scale, offset));
        }
        const vec scale = p->gamma ? load_tail(p->gamma + whole, t) : one;
        const vec offset = p->beta ? load_tail(p->beta + whole, t) : zero;
        store_tail(y + whole, multiply_add(last * broadcast(inverse), scale, offset), t);
    }
}

TILE vec times_gamma(const struct layer_norm *p, ptrdiff_t c, vec dy, const tail t,
                     const int whole) {
    if (p->gamma) dy = dy * load_part(p->gamma + c, t, whole);
    return dy;
}

/* One vector of a row: the normalized x and dy gamma; adds to dgamma and dbeta. */
struct layer_norm_part {
    vec normalized, scaled;
};
TILE struct layer_norm_part layer_norm_part(const struct layer_norm *p, ptrdiff_t r, ptrdiff_t c,
                                            const tail t, const int whole) {
    const ptrdiff_t at = r * p->channels + c;
    const vec dy = load_part(p->dy + at, t, whole);
    const vec deviation = load_part(p->x + at, t, whole) - broadcast(p->mean[r]);
    const vec normalized = deviation * broadcast(p->inverse[r]);
    const vec scaled = times_gamma(p, c, dy, t, whole);
    if (p->dgamma) {
        const vec sum = load_part(p->dgamma + c, t, whole);
        store_part(p->dgamma + c, multiply_add(dy, normalized, sum), t, whole);
    }
    if (p->dbeta) store_part(p->dbeta + c, load_part(p->dbeta + c, t, whole) + dy, t, whole);
    return (struct layer_norm_part){normalized, scaled};
}
/* The same vector of dx, from the means of scaled and of scaled * normalized. */
TILE void layer_norm_gradient(const struct layer_norm *p, ptrdiff_t r, ptrdiff_t c, vec mean,
                              vec along, const tail t, const int whole) {
    const ptrdiff_t at = r * p->channels + c;
    const vec inverse = broadcast(p->inverse[r]);
    const vec dy = load_part(p->dy + at, t, whole);
    const vec scaled = times_gamma(p, c, dy, t, whole);
    const vec normalized = (load_part(p->x + at, t, whole) - broadcast(p->mean[r])) * inverse;
    store_part(p->out + at, (scaled - mean - normalized * along) * inverse, t, whole);
}

static void layer_norm_backward(const struct layer_norm *p) {
    const ptrdiff_t channels = p->channels, whole = channels - channels % LANES;
    const tail t = tail_of(channels - whole);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        vec sum = broadcast(0), products = broadcast(0);
        for (ptrdiff_t c = 0; c < whole; c += LANES) {
            const struct layer_norm_part part = layer_norm_part(p, r, c, t, 1);
            sum += part.scaled;
            products = multiply_add(part.scaled, part.normalized, products);
        }
        if (whole < channels) { /* dy, and with it `scaled`, is 0 beyond the tail */
            const struct layer_norm_part part = layer_norm_part(p, r, whole, t, 0);
            sum += part.scaled;
            products += choose(in_tail(t), part.scaled * part.normalized, broadcast(0));
        }
        if (!p->out) continue;
        const float average = sum_of_lanes(sum) / (float)channels;
        const vec mean = broadcast(p->uncentered ? 0 : average);
        const vec along = broadcast(sum_of_lanes(products) / (float)channels);
        for (ptrdiff_t c = 0; c < whole; c += LANES)
            layer_norm_gradient(p, r, c, mean, along, t, 1);
        if (whole < channels) layer_norm_gradient(p, r, whole, mean, along, t, 0);
    }
}
