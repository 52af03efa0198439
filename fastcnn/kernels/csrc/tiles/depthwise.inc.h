/* Depthwise convolution: every channel has its own filter, computed a vector of channels at a time
 * (struct depthwise in kernels.h). */
#if MAX_ACCUMULATORS >= 24
enum { DEPTHWISE_PIXELS = 8 };
#else
enum { DEPTHWISE_PIXELS = 4 };
#endif
enum { DEPTHWISE_TAPS = 9 }; /* the sums of a 3x3 filter stay in registers */

TILE void depthwise_pixels(const struct depthwise *p, ptrdiff_t pixel, ptrdiff_t c, const tail t,
                           const int pixels) {
    vec sum[DEPTHWISE_PIXELS];
    const vec start = p->b ? load_tail(p->b + c, t) : broadcast(0);
    UNROLLED (i, pixels) sum[i] = start;
    const float *x = p->x + pixel * p->x_pixel + c;
    for (ptrdiff_t k = 0; k < p->taps; k++) {
        const float *xs = x + p->x_taps[k];
        const vec weight = load_tail(p->w + p->w_taps[k] + c, t);
        UNROLLED (i, pixels)
            sum[i] = multiply_add(load_tail(xs + i * p->x_pixel, t), weight, sum[i]);
    }
    UNROLLED (i, pixels) {
        if (p->relu) sum[i] = bounded_relu(sum[i], broadcast(p->relu_max));
        store_tail(p->y + (pixel + i) * p->y_pixel + c, sum[i], t);
    }
}

static void depthwise(const struct depthwise *p) {
    for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
        const tail t = tail_of(p->channels - c);
        ptrdiff_t pixel = 0;
        for (; pixel + DEPTHWISE_PIXELS <= p->pixels; pixel += DEPTHWISE_PIXELS)
            depthwise_pixels(p, pixel, c, t, DEPTHWISE_PIXELS);
        for (; pixel < p->pixels; pixel++) depthwise_pixels(p, pixel, c, t, 1);
    }
}

TILE void depthwise_taps(const struct depthwise_weights *p, const tail t, const int taps) {
    vec sum[DEPTHWISE_TAPS], total = p->db ? load_tail(p->db, t) : broadcast(0);
    UNROLLED (k, taps) sum[k] = load_tail(p->dw + k * p->channels, t);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        const float *x = p->x + r * p->x_row, *dy = p->dy + r * p->pixels * p->channels;
        for (ptrdiff_t i = 0; i < p->pixels; i++) {
            const vec gradient = load_tail(dy, t);
            total += gradient;
            UNROLLED (k, taps)
                sum[k] = multiply_add(load_tail(x + p->x_taps[k], t), gradient, sum[k]);
            x += p->x_pixel;
            dy += p->channels;
        }
    }
    UNROLLED (k, taps) store_tail(p->dw + k * p->channels, sum[k], t);
    if (p->db) store_tail(p->db, total, t);
}

static void depthwise_weights(const struct depthwise_weights *p) {
    const tail t = tail_of(p->width);
    if (p->taps == DEPTHWISE_TAPS) {
        depthwise_taps(p, t, DEPTHWISE_TAPS);
        return;
    }
    struct depthwise_weights one = *p;
    for (ptrdiff_t k = 0; k < p->taps; k++) {
        one.x_taps = p->x_taps + k;
        one.dw = p->dw + k * p->channels;
        depthwise_taps(&one, t, 1);
        one.db = NULL;
    }
}
