/* Updates of weights, by index (EACH_RULE in weights.h): a rule is what happens to one vector of
 * the weights w, their gradients g and the state a, b and c. `hyper` are its numbers h.
 * kernels/reference/optimizer.py has the formulas.
 */
typedef struct update update;
#define GET(array) load_part(p.array + i, t, whole)
#define PUT(array, value) store_part(p.array + i, value, t, whole)
#define H(k) broadcast(p.hyper[k])
#define DEFINE_RULE(name)                                                                          \
    TILE void name##_rule(const update p, const ptrdiff_t i, const tail t, const int whole)

/* Returns h a + k b^2, and stores it as a. */
#define MEAN_SQUARE(array, value, h, k)                                                            \
    const vec array = multiply_add(GET(array), h, (value) * (value) * (k));                        \
    PUT(array, array)

DEFINE_RULE(keep) { (void)p, (void)i, (void)t, (void)whole; }
DEFINE_RULE(copy) { PUT(a, GET(g)); }
/* a = g h0 within [-h1, h1]; NaN stays NaN */
DEFINE_RULE(scale) {
    vec a = GET(g) * H(0);
    a = choose(greater(a, H(1)), H(1), a);
    const vec least = broadcast(-p.hyper[1]);
    PUT(a, choose(greater(least, a), least, a));
}
DEFINE_RULE(decay) {
    const vec w = GET(w);
    PUT(w, w - w * H(0));
}
DEFINE_RULE(average) { PUT(a, GET(a) * H(0) + GET(w) * H(1)); }

DEFINE_RULE(sgd) { PUT(w, GET(w) - H(0) * GET(g)); }
DEFINE_RULE(momentum) {
    const vec a = GET(a) * H(1) - H(0) * GET(g);
    PUT(a, a);
    PUT(w, GET(w) + a);
}
DEFINE_RULE(nesterov) {
    const vec change = H(0) * GET(g), a = GET(a) * H(1) - change;
    PUT(a, a);
    PUT(w, (GET(w) - change) + H(1) * a);
}

/* h = rate, rho, 1 - rho, epsilon, momentum */
TILE void rmsprop(const update p, const ptrdiff_t i, const tail t, const int whole,
                  const int centered, const int has_momentum) {
    const vec g = GET(g);
    MEAN_SQUARE(a, g, H(1), H(2));
    vec square = a;
    if (centered) {
        const vec b = GET(b) * H(1) + g * H(2);
        PUT(b, b);
        square = square - b * b;
    }
    vec change = g / vsqrt(square + H(3)) * H(0);
    if (has_momentum && centered) {
        change = GET(c) * H(4) + change;
        PUT(c, change);
    } else if (has_momentum) {
        change = GET(b) * H(4) + change;
        PUT(b, change);
    }
    PUT(w, GET(w) - change);
}
DEFINE_RULE(rmsprop) { rmsprop(p, i, t, whole, 0, 0); }
DEFINE_RULE(rmsprop_momentum) { rmsprop(p, i, t, whole, 0, 1); }
DEFINE_RULE(rmsprop_centered) { rmsprop(p, i, t, whole, 1, 0); }
DEFINE_RULE(rmsprop_centered_momentum) { rmsprop(p, i, t, whole, 1, 1); }

/* h = rate, epsilon */
DEFINE_RULE(adagrad) {
    const vec g = GET(g), a = GET(a) + g * g;
    PUT(a, a);
    PUT(w, GET(w) - H(0) * (g / vsqrt(a + H(1))));
}

/* h = rate, rho, 1 - rho, epsilon */
DEFINE_RULE(adadelta) {
    const vec g = GET(g);
    MEAN_SQUARE(a, g, H(1), H(2));
    const vec change = g * vsqrt(GET(b) + H(3)) / vsqrt(a + H(3));
    MEAN_SQUARE(b, change, H(1), H(2));
    PUT(w, GET(w) - H(0) * change);
}

/* The moments of Adam, Lamb and Nadam: a += (g - a) h1, b += (g^2 - b) h2. */
#define MOMENTS                                                                                    \
    const vec g = GET(g);                                                                          \
    vec a = GET(a), b = GET(b);                                                                    \
    a += (g - a) * H(1);                                                                           \
    b += (g * g - b) * H(2);                                                                       \
    PUT(a, a);                                                                                     \
    PUT(b, b)

/* h = alpha, 1 - beta_1, 1 - beta_2, epsilon */
DEFINE_RULE(adam) {
    MOMENTS;
    PUT(w, GET(w) - H(0) * a / (vsqrt(b) + H(3)));
}
DEFINE_RULE(amsgrad) {
    MOMENTS;
    vec c = GET(c);
    c = choose(greater(c, b), c, b); /* a NaN of b stays */
    PUT(c, c);
    PUT(w, GET(w) - H(0) * a / (vsqrt(c) + H(3)));
}
/* Without an update of the weights. h0 = the factor of a, h4 = that of b */
DEFINE_RULE(lamb) {
    MOMENTS;
    PUT(c, a * H(0) / (vsqrt(b * H(4)) + H(3)));
}
/* h0 = the factor of the quotient, h4 = that of a, h5 = that of b */
DEFINE_RULE(nadam) {
    MOMENTS;
    PUT(w, GET(w) - H(0) * ((a * H(4) + g) / (vsqrt(b * H(5)) + H(3))));
}
/* h = rate / (1 - beta_1^t), 1 - beta_1, beta_2, epsilon */
DEFINE_RULE(adamax) {
    const vec g = GET(g), size = magnitude(g);
    vec a = GET(a), b = GET(b) * H(2);
    a += (g - a) * H(1);
    b = choose(greater(b, size), b, size);
    PUT(a, a);
    PUT(b, b);
    PUT(w, GET(w) - H(0) * (a / (b + H(3))));
}
/* The weights are y and a is z. h = rate, beta_1, 1 - beta_2, epsilon, 1 / (1 - beta_2^t), 1 / t */
DEFINE_RULE(schedule_free) {
    const vec g = GET(g), one = broadcast(1);
    vec z = GET(a), b = GET(b);
    vec x = (GET(w) - (one - H(1)) * z) / H(1);
    b += (g * g - b) * H(2);
    z -= H(0) * (g / (vsqrt(b * H(4)) + H(3)));
    PUT(a, z);
    PUT(b, b);
    x = x * (one - H(5)) + z * H(5);
    PUT(w, (one - H(1)) * z + H(1) * x);
}

/* h = rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2 */
DEFINE_RULE(lion) {
    const vec g = GET(g), a = GET(a), zero = broadcast(0), rate = H(0);
    const vec mean = a * H(1) + g * H(2);
    const vec change = choose(greater(mean, zero), rate,
                              choose(greater(zero, mean), broadcast(-p.hyper[0]), mean));
    PUT(a, a * H(3) + g * H(4));
    PUT(w, GET(w) - change); /* 0 and NaN are their own sign */
}

/* b = h1 g + h2 a, without an update of the weights; h0 = momentum */
DEFINE_RULE(muon) {
    const vec g = GET(g), a = GET(a) * H(0) + g;
    PUT(a, a);
    PUT(b, g * H(1) + a * H(2));
}

/* h = 1 / rate, l1, 2 shrinkage, 2 l2 + beta / rate, power */
TILE void ftrl(const update p, const ptrdiff_t i, const tail t, const int whole,
               const int is_root) {
    const vec g = GET(g), w = GET(w), a = GET(a), total = a + g * g;
    const vec before = is_root ? vsqrt(a) : vpower(a, p.hyper[4]);
    const vec after = is_root ? vsqrt(total) : vpower(total, p.hyper[4]);
    const vec b = GET(b) + g + H(2) * w - (after - before) * H(0) * w;
    vec within = choose(greater(b, H(1)), H(1), b);
    const vec least = broadcast(-p.hyper[1]);
    within = choose(greater(least, within), least, within);
    PUT(a, total);
    PUT(b, b);
    PUT(w, (within - b) / (after * H(0) + H(3)));
}
DEFINE_RULE(ftrl) { ftrl(p, i, t, whole, 1); }
DEFINE_RULE(ftrl_power) { ftrl(p, i, t, whole, 0); }

/* b = g / sqrt(a), without an update of the weights. h = beta, 1 - beta, epsilon */
DEFINE_RULE(adafactor) {
    const vec g = GET(g), a = GET(a) * H(0) + (g * g + H(2)) * H(1);
    PUT(a, a);
    PUT(b, g / vsqrt(a));
}
/* The same for a row of a matrix: a is the product of h0, which is the row's, and c. */
DEFINE_RULE(factored) {
    const vec a = GET(c) * H(0);
    PUT(a, a);
    PUT(b, GET(g) / vsqrt(a));
}

/* One loop for each rule, so that nothing is decided inside of it. */
#define LOOP(name)                                                                                 \
    case RULE_##name:                                                                              \
        for (; i + LANES <= p.n; i += LANES) name##_rule(p, i, t, 1);                              \
        if (i < p.n) name##_rule(p, i, t, 0);                                                      \
        break;

static void update_weights(const struct update *which) {
    const struct update p = *which; /* a copy that no array shares memory with */
    const tail t = tail_of(p.n % LANES);
    ptrdiff_t i = 0;
    switch (p.rule) { EACH_RULE(LOOP) }
}
#undef LOOP
#undef MOMENTS
#undef MEAN_SQUARE
#undef DEFINE_RULE
#undef GET
#undef PUT
#undef H

/* y[c] += sum over r of x[r][c]^2 */
static void add_squares(const float *x, ptrdiff_t row, float *y, ptrdiff_t rows,
                        ptrdiff_t columns) {
    for (ptrdiff_t c = 0; c < columns; c += LANES) {
        const tail t = tail_of(columns - c);
        vec sum = load_tail(y + c, t);
        for (ptrdiff_t r = 0; r < rows; r++) {
            const vec a = load_tail(x + r * row + c, t);
            sum = multiply_add(a, a, sum);
        }
        store_tail(y + c, sum, t);
    }
}

/* dx += 2 l2 x + l1 sign(x), and sums = sum of |x|, of x^2; hyper = l1, 2 l2 */
static void penalize(const float *x, float *dx, ptrdiff_t n, const float *hyper, float *sums) {
    const vec l1 = broadcast(hyper[0]), twice_l2 = broadcast(hyper[1]), zero = broadcast(0);
    vec total = zero, squares = zero;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec a = load_tail(x + i, t);
        total += magnitude(a);
        squares = multiply_add(a, a, squares);
        if (!dx) continue;
        const vec below = choose(greater(zero, a), zero - l1, a * l1); /* 0 or NaN, like a */
        const vec slope = choose(greater(a, zero), l1, below);
        store_tail(dx + i, load_tail(dx + i, t) + (twice_l2 * a + slope), t);
    }
    sums[0] = sum_of_lanes(total), sums[1] = sum_of_lanes(squares);
}
