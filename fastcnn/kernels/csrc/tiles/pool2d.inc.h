/* Pooling, one output row at a time, channels in vectors (struct pool in kernels.h). */
static void max_pool2d_forward(const struct pool *p) {
    const int two_rows =
        p->window_columns == 2 && p->first_row == 0 && p->rows == 2 && !p->argmax32;
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        const ptrdiff_t from = p->columns[2 * o], to = p->columns[2 * o + 1];
        const ptrdiff_t window_start = o * p->stride - p->left;
        if (two_rows && to - from == 2) {
            for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
                const tail t = tail_of(p->channels - c);
                const float *x = p->x + from * p->channels + c;
                const ptrdiff_t at = o * p->channels + c;
                store_max_pool_2x2(load_tail(x, t), load_tail(x + p->channels, t),
                                   load_tail(x + p->row_size, t),
                                   load_tail(x + p->row_size + p->channels, t), p->relu, p->y + at,
                                   p->argmax8 ? p->argmax8 + at : NULL, t);
            }
            continue;
        }
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const float *corner = p->x + from * p->channels + c;
            vec best = load_tail(corner, t);
            ivec position =
                ibroadcast((int)(p->first_row * p->window_columns + from - window_start));
            for (ptrdiff_t r = 0; r < p->rows; r++)
                for (ptrdiff_t q = from; q < to; q++) {
                    const vec value = load_tail(p->x + r * p->row_size + q * p->channels + c, t);
                    const bvec better =
                        either(greater(value, best),
                               but_not(unordered(value, value), unordered(best, best)));
                    const int current =
                        (int)((p->first_row + r) * p->window_columns + q - window_start);
                    best = choose(better, value, best);
                    position = ichoose(better, ibroadcast(current), position);
                }
            if (p->relu) {
                const bvec closed = less_equal(best, broadcast(0));
                best = choose(closed, broadcast(0), best);
                position = ichoose(closed, ibroadcast(CLOSED), position);
            }
            const ptrdiff_t at = o * p->channels + c;
            store_tail(p->y + at, best, t);
            if (p->argmax8) store_u8_tail(p->argmax8 + at, position, t);
            if (p->argmax32) store_i32_tail(p->argmax32 + at, position, t);
        }
    }
}

static void average_pool2d_forward(const struct pool *p) {
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        const ptrdiff_t from = p->columns[2 * o], to = p->columns[2 * o + 1];
        if (p->rows == 2 && to - from == 2) {
            for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
                const tail t = tail_of(p->channels - c);
                const float *x = p->x + from * p->channels + c, *below = x + p->row_size;
                const vec sum = load_tail(x, t) + load_tail(x + p->channels, t) +
                                load_tail(below, t) + load_tail(below + p->channels, t);
                store_tail(p->y + o * p->channels + c, sum * broadcast(0.25f), t);
            }
            continue;
        }
        const vec count = broadcast((float)(p->rows * (to - from)));
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            vec sum = broadcast(0);
            for (ptrdiff_t r = 0; r < p->rows; r++)
                for (ptrdiff_t q = from; q < to; q++)
                    sum += load_tail(p->x + r * p->row_size + q * p->channels + c, t);
            store_tail(p->y + o * p->channels + c, sum / count, t);
        }
    }
}

TILE vec plus(vec a, vec b) { return a + b; }

static void max_pool2d_backward(const struct pool *p) {
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        const ptrdiff_t from = p->columns[2 * o], to = p->columns[2 * o + 1];
        const ptrdiff_t window_start = o * p->stride - p->left;
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const ptrdiff_t at = o * p->channels + c;
            const vec dy = load_tail(p->y + at, t);
            const ivec position =
                p->argmax8 ? load_u8_tail(p->argmax8 + at, t) : load_i32_tail(p->argmax32 + at, t);
            for (ptrdiff_t r = 0; r < p->rows; r++)
                for (ptrdiff_t q = from; q < to; q++) {
                    const int current =
                        (int)((p->first_row + r) * p->window_columns + q - window_start);
                    float *dx = p->dx + r * p->row_size + q * p->channels + c;
                    const vec gradient =
                        choose(equal(position, ibroadcast(current)), dy, broadcast(0));
                    store_tail(dx, p->overlap ? plus(load_tail(dx, t), gradient) : gradient, t);
                }
        }
    }
}

static void average_pool2d_backward(const struct pool *p) {
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        const ptrdiff_t from = p->columns[2 * o], to = p->columns[2 * o + 1];
        if (p->rows == 2 && to - from == 2 && !p->overlap) {
            for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
                const tail t = tail_of(p->channels - c);
                const vec gradient = load_tail(p->y + o * p->channels + c, t) * broadcast(0.25f);
                float *dx = p->dx + from * p->channels + c, *below = dx + p->row_size;
                store_tail(dx, gradient, t);
                store_tail(dx + p->channels, gradient, t);
                store_tail(below, gradient, t);
                store_tail(below + p->channels, gradient, t);
            }
            continue;
        }
        const vec count = broadcast((float)(p->rows * (to - from)));
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const vec gradient = load_tail(p->y + o * p->channels + c, t) / count;
            for (ptrdiff_t r = 0; r < p->rows; r++)
                for (ptrdiff_t q = from; q < to; q++) {
                    float *dx = p->dx + r * p->row_size + q * p->channels + c;
                    store_tail(dx, p->overlap ? plus(load_tail(dx, t), gradient) : gradient, t);
                }
        }
    }
}
