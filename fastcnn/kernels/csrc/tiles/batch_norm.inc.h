/* Batch normalization over rows of channels (struct batch_norm in kernels.h): a vector of channels
 * at a time. Sums run over the rows in `CHAINS` interleaved chains, which are added in order. */
enum { CHAINS = 4 };

TILE vec total(const vec sum[CHAINS]) { return (sum[0] + sum[1]) + (sum[2] + sum[3]); }

static void batch_norm_moments(const struct batch_norm *p) {
    const ptrdiff_t channels = p->channels;
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        vec sum[CHAINS], squares[CHAINS];
        UNROLLED (k, CHAINS) sum[k] = squares[k] = broadcast(0);
        ptrdiff_t r = 0;
        for (; r + CHAINS <= p->rows; r += CHAINS) {
            UNROLLED (k, CHAINS) sum[k] += load_tail(p->x + (r + k) * channels + c, t);
        }
        for (; r < p->rows; r++) sum[0] += load_tail(p->x + r * channels + c, t);
        const vec mean = total(sum) / broadcast((float)p->rows);
        for (r = 0; r + CHAINS <= p->rows; r += CHAINS) {
            UNROLLED (k, CHAINS) {
                const vec deviation = load_tail(p->x + (r + k) * channels + c, t) - mean;
                squares[k] = multiply_add(deviation, deviation, squares[k]);
            }
        }
        for (; r < p->rows; r++) {
            const vec deviation = load_tail(p->x + r * channels + c, t) - mean;
            squares[0] = multiply_add(deviation, deviation, squares[0]);
        }
        store_tail(p->out + c, mean, t);
        store_tail(p->out + p->sum_distance + c, total(squares), t);
    }
}

static void batch_norm_apply(const struct batch_norm *p) {
    const ptrdiff_t channels = p->channels;
    const vec zero = broadcast(0);
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        const vec mean = load_tail(p->mean + c, t), scale = load_tail(p->scale + c, t);
        const vec offset = load_tail(p->offset + c, t);
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const ptrdiff_t at = r * channels + c;
            vec out = multiply_add(load_tail(p->x + at, t) - mean, scale, offset);
            if (p->relu) out = choose(less_equal(out, zero), zero, out);
            store_tail(p->out + at, out, t);
        }
    }
}

/* dy, or 0 where relu set y to 0. */
TILE vec open_gradient(const struct batch_norm *p, ptrdiff_t at, tail t) {
    const vec dy = load_tail(p->dy + at, t);
    if (!p->y) return dy;
    return choose(less_equal(load_tail(p->y + at, t), broadcast(0)), broadcast(0), dy);
}

static void batch_norm_sums(const struct batch_norm *p) {
    const ptrdiff_t channels = p->channels;
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        const vec mean = load_tail(p->mean + c, t);
        vec sum[CHAINS], products[CHAINS];
        UNROLLED (k, CHAINS) sum[k] = products[k] = broadcast(0);
        ptrdiff_t r = 0;
        for (; r + CHAINS <= p->rows; r += CHAINS) {
            UNROLLED (k, CHAINS) {
                const ptrdiff_t at = (r + k) * channels + c;
                const vec dy = open_gradient(p, at, t);
                sum[k] += dy;
                products[k] = multiply_add(dy, load_tail(p->x + at, t) - mean, products[k]);
            }
        }
        for (; r < p->rows; r++) {
            const ptrdiff_t at = r * channels + c;
            const vec dy = open_gradient(p, at, t);
            sum[0] += dy;
            products[0] = multiply_add(dy, load_tail(p->x + at, t) - mean, products[0]);
        }
        store_tail(p->out + c, total(sum), t);
        store_tail(p->out + p->sum_distance + c, total(products), t);
    }
}

static void batch_norm_gradient(const struct batch_norm *p) {
    const ptrdiff_t channels = p->channels;
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        const vec mean = load_tail(p->mean + c, t), scale = load_tail(p->scale + c, t);
        const vec offset = load_tail(p->offset + c, t), slope = load_tail(p->slope + c, t);
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const ptrdiff_t at = r * channels + c;
            const vec along = multiply_add(load_tail(p->x + at, t) - mean, slope, offset);
            store_tail(p->out + at, multiply_add(open_gradient(p, at, t), scale, along), t);
        }
    }
}
