/* Elementwise activations by index (EACH_CURVE in kernels.h): y = f(x), and dx = dy f'(x).
 *
 * For each there are two functions of vectors, `<name>_at` and `<name>_gradient`, which any other
 * tile may call: the values are the same wherever a curve is computed. `kept` is what the forward
 * pass keeps for the gradient: its output y for selu, celu and exponential, and x for all others.
 */
#define PARAMETER(i) broadcast(p.parameters[i])
typedef struct curve curve;

/* y = slope (x - threshold) where x <= threshold, else x between 0 and `most`; slope, most (or NaN,
 * and then x has no bounds) and threshold are the parameters. */
TILE vec relu_at(vec x, const curve p) {
    const vec zero = broadcast(0), most = PARAMETER(1);
    vec above = x;
    if (p.parameters[1] == p.parameters[1]) {
        above = choose(greater(above, most), most, above);
        above = choose(less_equal(above, zero), zero, above);
    }
    vec below = zero;
    if (p.parameters[0] != 0) below = PARAMETER(0) * (x - PARAMETER(2));
    return choose(less_equal(x, PARAMETER(2)), below, above);
}
/* As in Keras the gradient at `most` is 0 if that is 6, but 1 if it is any other. */
TILE vec relu_gradient(vec dy, vec x, const curve p) {
    const vec zero = broadcast(0), threshold = PARAMETER(2), most = PARAMETER(1);
    vec slope = choose(less_equal(x, threshold), PARAMETER(0), broadcast(1));
    if (p.parameters[1] == p.parameters[1]) {
        const int closes = p.parameters[1] == 6 && p.parameters[2] == 0;
        const bvec beyond = closes ? less_equal(most, x) : greater(x, most);
        const bvec clipped = both(greater(x, threshold), greater(zero, x));
        slope = choose(either(beyond, clipped), zero, slope);
    }
    return dy * slope;
}

TILE vec selu_at(vec x, const curve p) {
    (void)p;
    const vec below = broadcast(1.758099341f) * vexpm1(clamp(x, -88.0f, 0.0f));
    return choose(less_equal(x, broadcast(0)), below, broadcast(1.050700987f) * x);
}
TILE vec selu_gradient(vec dy, vec y, const curve p) {
    (void)p;
    const vec scale = broadcast(1.050700987f);
    return dy * choose(greater(y, broadcast(0)), scale, y + broadcast(1.758099341f));
}

TILE vec celu_at(vec x, const curve p) {
    const vec zero = broadcast(0), least = choose(greater(x, zero), zero, x);
    return choose(greater(x, zero), x, PARAMETER(0) * vexpm1(least / PARAMETER(0)));
}
TILE vec celu_gradient(vec dy, vec y, const curve p) {
    const vec below = y / PARAMETER(0) + broadcast(1);
    return dy * choose(greater(y, broadcast(0)), broadcast(1), below);
}

TILE vec exponential_at(vec x, const curve p) {
    (void)p;
    return vexp(x);
}
TILE vec exponential_gradient(vec dy, vec y, const curve p) {
    (void)p;
    return dy * y;
}

/* x / (1 + exp(-a)): beyond the range of exp it is 0 or x. */
TILE vec gated(vec x, vec a) { return x / (broadcast(1) + vexp(broadcast(0) - a)); }

TILE vec silu_at(vec x, const curve p) {
    (void)p;
    return gated(x, x);
}
TILE vec silu_gradient(vec dy, vec x, const curve p) {
    (void)p;
    x = clamp(x, -88.0f, 88.0f);
    const vec one = broadcast(1), e = vexp_small(broadcast(0) - x), gate = one / (one + e);
    return dy * (gate * multiply_add(x, e * gate, one));
}

/* sqrt(2 / pi) (x + 0.044715 x^3), twice */
TILE vec gelu_exponent(vec x) {
    return x * multiply_add(x * x, broadcast(0.07135481283f), broadcast(1.595769122f));
}
TILE vec gelu_approximate_at(vec x, const curve p) {
    (void)p;
    return gated(x, gelu_exponent(x));
}
TILE vec gelu_approximate_gradient(vec dy, vec x, const curve p) {
    (void)p;
    x = clamp(x, -12.0f, 12.0f); /* the gate is 0 or 1 beyond */
    const vec one = broadcast(1), e = vexp_small(broadcast(0) - gelu_exponent(x));
    const vec gate = one / (one + e);
    const vec slope = multiply_add(x * x, broadcast(0.2140644385f), broadcast(1.595769122f));
    return dy * (gate * multiply_add(x * slope, e * gate, one));
}

TILE vec gelu_at(vec x, const curve p) {
    (void)p;
    return x * normal(x).cdf;
}
TILE vec gelu_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const struct normal n = normal(x);
    /* the density is 0 beyond, but 0 times infinity would not be */
    return dy * multiply_add(clamp(x, -14.0f, 14.0f), n.density, n.cdf);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
TILE vec softplus_at(vec x, const curve p) {
    (void)p;
    const vec above = choose(less_equal(x, broadcast(0)), broadcast(0), x);
    return above + vlog1p(vexp_small(broadcast(0) - magnitude(x)));
}
TILE vec softplus_gradient(vec dy, vec x, const curve p) {
    (void)p;
    return dy * vsigmoid(x);
}

TILE vec log_sigmoid_at(vec x, const curve p) {
    return broadcast(0) - softplus_at(broadcast(0) - x, p);
}
TILE vec log_sigmoid_gradient(vec dy, vec x, const curve p) {
    (void)p;
    return dy * vsigmoid(broadcast(0) - x);
}

/* With e = exp(x) and w = e (e + 2), tanh(log(1 + e)) = w / (w + 2), and its derivative is
 * 4 e (e + 1) / (w + 2)^2. From x = 20 on they are 1 and 0. */
TILE vec mish_at(vec x, const curve p) {
    (void)p;
    const vec e = vexp(clamp(x, -88.0f, 20.0f)), w = e * (e + broadcast(2));
    return x * (w / (w + broadcast(2)));
}
TILE vec mish_gradient(vec dy, vec x, const curve p) {
    (void)p;
    x = clamp(x, -88.0f, 20.0f);
    const vec e = vexp_small(x), w = e * (e + broadcast(2)), d = w + broadcast(2);
    const vec slope = (broadcast(4) * e) * ((e + broadcast(1)) / d) / d;
    return dy * multiply_add(x, slope, w / d);
}

TILE vec tanh_shrink_at(vec x, const curve p) {
    (void)p;
    return x - vtanh(x);
}
TILE vec tanh_shrink_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const vec y = vtanh(x);
    return dy * (y * y);
}

TILE vec softsign_at(vec x, const curve p) {
    (void)p;
    return x / (broadcast(1) + magnitude(x));
}
TILE vec softsign_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const vec d = broadcast(1) + magnitude(x);
    return dy / (d * d);
}

/* (x + root) / 2 with root = sqrt(x^2 + b); for x < 0 it is b / 2 / (root - x), without the loss of
 * digits. Where x^2 may overflow, the root is |x|. */
TILE vec squareplus_root(vec x, const curve p) {
    const vec a = magnitude(x);
    const vec root = vsqrt(multiply_add(x, x, PARAMETER(0)));
    return choose(greater(a, broadcast(1e18f)), a, root);
}
TILE vec squareplus_at(vec x, const curve p) {
    const vec half = broadcast(0.5f), root = squareplus_root(x, p);
    const vec below = (PARAMETER(0) * half) / (root - x);
    return choose(greater(broadcast(0), x), below, x * half + root * half);
}
TILE vec squareplus_gradient(vec dy, vec x, const curve p) {
    const vec half = broadcast(0.5f), root = squareplus_root(x, p);
    const vec below = (PARAMETER(0) * half) / (root - x) / root;
    return dy * choose(greater(broadcast(0), x), below, half + (x / root) * half);
}

/* Piecewise linear, or quadratic: the same bits as the reference. */

TILE vec hard_gate(vec x) { return clamp(x / broadcast(6) + broadcast(0.5f), 0, 1); }

TILE vec hard_sigmoid_at(vec x, const curve p) {
    (void)p;
    return hard_gate(x);
}
TILE vec hard_sigmoid_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const bvec open = both(greater(x, broadcast(-3)), greater(broadcast(3), x));
    return choose(open, dy / broadcast(6), broadcast(0));
}

TILE vec hard_silu_at(vec x, const curve p) {
    (void)p;
    return x * hard_gate(x);
}
TILE vec hard_silu_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const bvec open = greater(broadcast(3), magnitude(x));
    return dy * (hard_gate(x) + choose(open, x / broadcast(6), broadcast(0)));
}

TILE vec hard_tanh_at(vec x, const curve p) {
    (void)p;
    return clamp(x, -1, 1);
}
TILE vec hard_tanh_gradient(vec dy, vec x, const curve p) {
    (void)p;
    return choose(greater(magnitude(x), broadcast(1)), broadcast(0), dy);
}

TILE vec sparse_sigmoid_at(vec x, const curve p) {
    (void)p;
    return clamp(broadcast(0.5f) * (x + broadcast(1)), 0, 1);
}
TILE vec sparse_sigmoid_gradient(vec dy, vec x, const curve p) {
    (void)p;
    const bvec open = greater(broadcast(1), magnitude(x));
    return choose(open, broadcast(0.5f) * dy, broadcast(0));
}

TILE vec sparse_plus_at(vec x, const curve p) {
    (void)p;
    const vec least = broadcast(-1), t = choose(greater(least, x), least, x) + broadcast(1);
    return choose(greater(broadcast(1), x), broadcast(0.25f) * (t * t), x);
}
TILE vec sparse_plus_gradient(vec dy, vec x, const curve p) { return dy * sparse_sigmoid_at(x, p); }

TILE bvec is_shrunk(vec x, const curve p) {
    return both(less_equal(x, PARAMETER(0)), less_equal(broadcast(-p.parameters[0]), x));
}
TILE vec soft_shrink_at(vec x, const curve p) {
    const vec t = PARAMETER(0);
    return choose(is_shrunk(x, p), broadcast(0), choose(greater(x, t), x - t, x + t));
}
TILE vec soft_shrink_gradient(vec dy, vec x, const curve p) {
    return choose(is_shrunk(x, p), broadcast(0), dy);
}

TILE vec hard_shrink_at(vec x, const curve p) { return choose(is_shrunk(x, p), broadcast(0), x); }
TILE vec hard_shrink_gradient(vec dy, vec x, const curve p) {
    return choose(is_shrunk(x, p), broadcast(0), dy);
}

/* One loop for each curve, so that nothing is decided inside of it. */
#define FORWARD(name)                                                                              \
    case CURVE_##name:                                                                             \
        for (; i + LANES <= n; i += LANES) store(y + i, name##_at(load(x + i), p));                \
        if (i < n) store_tail(y + i, name##_at(load_tail(x + i, t), p), t);                        \
        break;
#define BACKWARD(name)                                                                             \
    case CURVE_##name:                                                                             \
        for (; i + LANES <= n; i += LANES)                                                         \
            store(dx + i, name##_gradient(load(dy + i), load(kept + i), p));                       \
        if (i < n)                                                                                 \
            store_tail(dx + i, name##_gradient(load_tail(dy + i, t), load_tail(kept + i, t), p),   \
                       t);                                                                         \
        break;

static void curve_forward(const float *x, float *y, ptrdiff_t n, const struct curve *which) {
    const struct curve p = *which; /* a copy that y does not share memory with */
    const tail t = tail_of(n % LANES);
    ptrdiff_t i = 0;
    switch (p.function) { EACH_CURVE(FORWARD) }
}

static void curve_backward(const float *dy, const float *kept, float *dx, ptrdiff_t n,
                           const struct curve *which) {
    const struct curve p = *which;
    const tail t = tail_of(n % LANES);
    ptrdiff_t i = 0;
    switch (p.function) { EACH_CURVE(BACKWARD) }
}
#undef FORWARD
#undef BACKWARD
#undef PARAMETER
