/* Elementwise kernels: relu, conversions. */
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

static void from_uint8(const uint8_t *x, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)x[i];
}

static void from_float64(const double *x, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)x[i];
}
