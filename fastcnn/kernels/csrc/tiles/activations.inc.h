/* Activations that need the exponential function, and softmax's exponentials. */
static void exp_shifted(const float *x, float shift, float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        store_tail(y + i, vexp_small(load_tail(x + i, t) - broadcast(shift)), t);
    }
}

static void tanh_forward(const float *x, float *y, ptrdiff_t n, float unused) {
    (void)unused;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        store_tail(y + i, vtanh(load_tail(x + i, t)), t);
    }
}

static void tanh_backward(const float *dy, const float *y, float *dx, ptrdiff_t n, float unused) {
    (void)unused;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec out = load_tail(y + i, t);
        store_tail(dx + i, load_tail(dy + i, t) * (broadcast(1) - out * out), t);
    }
}

static void sigmoid_forward(const float *x, float *y, ptrdiff_t n, float unused) {
    (void)unused;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        store_tail(y + i, vsigmoid(load_tail(x + i, t)), t);
    }
}

static void sigmoid_backward(const float *dy, const float *y, float *dx, ptrdiff_t n,
                             float unused) {
    (void)unused;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec out = load_tail(y + i, t);
        store_tail(dx + i, load_tail(dy + i, t) * (out * (broadcast(1) - out)), t);
    }
}

static void elu_forward(const float *x, float *y, ptrdiff_t n, float alpha) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec a = load_tail(x + i, t);
        const vec below =
            broadcast(alpha) * vexpm1(choose(greater(a, broadcast(0)), broadcast(0), a));
        store_tail(y + i, choose(greater(a, broadcast(0)), a, below), t);
    }
}

static void elu_backward(const float *dy, const float *y, float *dx, ptrdiff_t n, float alpha) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec out = load_tail(y + i, t), gradient = load_tail(dy + i, t);
        const vec below = gradient * (out + broadcast(alpha));
        store_tail(dx + i, choose(greater(out, broadcast(0)), gradient, below), t);
    }
}
