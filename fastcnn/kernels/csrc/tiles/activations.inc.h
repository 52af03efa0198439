/* Activations that need the exponential function, and softmax's exponentials.
 *
 * exp(x) = 2^n * exp(r) with n = round(x / ln 2) and r = x - n ln 2, |r| <= ln(2) / 2. All of them
 * are computed from scale = 2^n and q = expm1(r):
 *
 *     exp(x)   = scale * q + scale
 *     expm1(x) = scale * q + (scale - 1)      as accurate near 0 as elsewhere
 *     tanh(x)  = expm1(2 x) / (expm1(2 x) + 2)
 *
 * q is r + r^2 p(r), p of degree 4 the minimax polynomial of the relative error of q, which is
 * below 1.4e-8, a quarter of an ulp (by Lawson's reweighted least squares in extended precision,
 * coefficients rounded to float one after the other). ln 2 is subtracted in two parts (Cody & Waite
 * 1980): the first has 10 bits, so that n times it is exact even without a fused multiply-add.
 * Measured over every 37th float, on each instruction set: elu to 1.0 ulp, sigmoid to 2.3, tanh to
 * 2.6.
 */
struct exponential {
    vec scale, q;
};

TILE struct exponential exponential(vec x) {
    const vec rounder = broadcast(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    const vec shifted = multiply_add(x, broadcast(1.442695041f), rounder);
    const vec n = shifted - rounder;
    vec r = multiply_add(n, broadcast(-0.693359375f), x);
    r = multiply_add(n, broadcast(2.12194440e-4f), r);
    vec p = broadcast(0x1.6b8cbep-10f);
    p = multiply_add(p, r, broadcast(0x1.1226a6p-7f));
    p = multiply_add(p, r, broadcast(0x1.555702p-5f));
    p = multiply_add(p, r, broadcast(0x1.5554b2p-3f));
    p = multiply_add(p, r, broadcast(0x1.fffffep-2f));
    const vec q = multiply_add(p, r * r, r);
    /* the integer's low bits become the exponent of 2^n */
    const ivec bits = shift_left(iadd(as_ints(shifted), ibroadcast(127)), 23);
    return (struct exponential){as_floats(bits), q};
}

/* x within [low, high]; NaN stays NaN. */
TILE vec clamp(vec x, float low, float high) {
    x = choose(greater(x, broadcast(high)), broadcast(high), x);
    return choose(greater(broadcast(low), x), broadcast(low), x);
}

/* exp(x), clamped at x = 88: above, the factor 2^128 would overflow. Results below 1.2e-38 are 0.
 */
TILE vec vexp_small(vec x) {
    const struct exponential e = exponential(clamp(x, -88.0f, 88.0f));
    return multiply_add(e.scale, e.q, e.scale);
}

TILE vec vexpm1(vec x) {
    const struct exponential e = exponential(clamp(x, -20.0f, 88.0f));
    return multiply_add(e.scale, e.q, e.scale - broadcast(1));
}

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
        const vec a = clamp(load_tail(x + i, t), -9.1f, 9.1f); /* beyond, the result is 1 */
        const vec e = vexpm1(a + a);
        store_tail(y + i, e / (e + broadcast(2)), t);
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
        const vec e = vexp_small(broadcast(0) - load_tail(x + i, t));
        store_tail(y + i, broadcast(1) / (broadcast(1) + e), t);
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
