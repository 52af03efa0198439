/* Elementwise kernels: relu, conversions, the Adam step. */
static void relu_forward(const float *x, float *y, ptrdiff_t n, float max) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        store_tail(y + i, bounded_relu(load_tail(x + i, t), broadcast(max)), t);
    }
}

static void relu_backward(const float *dy, const float *y, float *dx, ptrdiff_t n, float max) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec out = load_tail(y + i, t);
        store_tail(dx + i, open_gradient(load_tail(dy + i, t), out, broadcast(max)), t);
    }
}

static void adam_update(float *w, const float *g, float *m, float *v, ptrdiff_t n,
                        const float *hyper) {
    const vec alpha = broadcast(hyper[0]), rate_1 = broadcast(hyper[1]);
    const vec rate_2 = broadcast(hyper[2]), epsilon = broadcast(hyper[3]);
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec gradient = load_tail(g + i, t);
        vec first = load_tail(m + i, t), second = load_tail(v + i, t);
        first += (gradient - first) * rate_1;
        second += (gradient * gradient - second) * rate_2;
        store_tail(m + i, first, t);
        store_tail(v + i, second, t);
        store_tail(w + i, load_tail(w + i, t) - alpha * first / (vsqrt(second) + epsilon), t);
    }
}

static void from_uint8(const uint8_t *x, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)x[i];
}

static void from_float64(const double *x, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)x[i];
}
