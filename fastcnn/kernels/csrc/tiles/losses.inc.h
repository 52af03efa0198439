/* Elementwise losses, by index (EACH_LOSS in losses.h): for vectors of targets t and predictions p,
 * the loss and its derivative by p. kernels/reference/losses.py has the formulas.
 */
typedef struct loss loss;
struct loss_at {
    vec value, slope;
};
#define PARAMETER(i) broadcast(p.parameters[i])
#define DEFINE_LOSS(name) TILE struct loss_at name##_loss(const loss p, vec t, vec y)
#define LOSS_IS(value, slope)                                                                      \
    return (struct loss_at) { value, slope }

TILE vec sign_of(vec a) { /* 0 and NaN are their own */
    const vec zero = broadcast(0), below = choose(greater(zero, a), broadcast(-1), a);
    return choose(greater(a, zero), broadcast(1), below);
}
TILE vec at_least(vec a, vec least) { return choose(greater(least, a), least, a); }
TILE vec at_most(vec a, vec most) { return choose(greater(a, most), most, a); }
/* log(1 + x) for x >= 0: what 1 + x lost of x is added to the logarithm */
TILE vec vlog1p_large(vec x) {
    const vec one = broadcast(1), u = one + x, lost = (x - (u - one)) / u;
    return vlog(u) + choose(greater(x, broadcast(1e9f)), broadcast(0), lost);
}
/* a where low <= y <= high, or y is NaN; else 0 */
TILE vec where_inside(vec y, vec low, vec high, vec a) {
    return choose(either(greater(low, y), greater(y, high)), broadcast(0), a);
}

DEFINE_LOSS(squared) {
    const vec e = y - t;
    (void)p;
    LOSS_IS(e * e, e + e);
}
DEFINE_LOSS(absolute) {
    const vec e = y - t;
    (void)p;
    LOSS_IS(magnitude(e), sign_of(e));
}
/* epsilon */
DEFINE_LOSS(percentage) {
    const vec hundred = broadcast(100), size = at_least(magnitude(t), PARAMETER(0)), e = y - t;
    LOSS_IS(hundred * magnitude(e / size), sign_of(e) * hundred / size);
}
/* epsilon */
DEFINE_LOSS(logarithmic) {
    const vec least = PARAMETER(0), zero = broadcast(0), one = broadcast(1);
    const vec e = vlog1p_large(at_least(y, least)) - vlog1p_large(at_least(t, least));
    LOSS_IS(e * e, choose(greater(least, y), zero, (e + e) / (one + y)));
}
/* delta */
DEFINE_LOSS(huber) {
    const vec delta = PARAMETER(0), e = y - t, a = magnitude(e), half = broadcast(0.5f);
    const vec line = delta * a - half * delta * delta;
    LOSS_IS(choose(greater(a, delta), line, half * (e * e)),
            at_least(at_most(e, delta), broadcast(0) - delta));
}
DEFINE_LOSS(log_cosh) {
    const vec e = y - t, a = magnitude(e);
    (void)p;
    LOSS_IS(a + vlog1p(vexp_small(broadcast(-2) * a)) - broadcast(0.6931471806f), vtanh(e));
}
/* whether targets of 0 are -1 */
TILE vec signs_of(const loss p, vec t) {
    if (p.parameters[0] != 0) t = t + t - broadcast(1);
    return t;
}
DEFINE_LOSS(hinge) {
    const vec zero = broadcast(0), s = signs_of(p, t), margin = broadcast(1) - s * y;
    const bvec done = greater(zero, margin);
    LOSS_IS(choose(done, zero, margin), choose(done, zero, zero - s));
}
DEFINE_LOSS(squared_hinge) {
    const vec s = signs_of(p, t), margin = at_least(broadcast(1) - s * y, broadcast(0));
    LOSS_IS(margin * margin, broadcast(-2) * (margin * s));
}
/* epsilon */
DEFINE_LOSS(poisson) {
    const vec sum = y + PARAMETER(0);
    LOSS_IS(y - t * vlog(sum), broadcast(1) - t / sum);
}
/* epsilon */
DEFINE_LOSS(kl_divergence) {
    const vec low = PARAMETER(0), one = broadcast(1), zero = broadcast(0);
    const vec target = at_most(at_least(t, low), one), q = at_most(at_least(y, low), one);
    const vec ratio = target / q;
    LOSS_IS(target * vlog(ratio), where_inside(y, low, one, zero - ratio));
}

/* The cross-entropy of probabilities, which are clipped to [low, high]. */
TILE struct loss_at binary_entropy(vec t, vec y, vec low, vec high) {
    const vec zero = broadcast(0), one = broadcast(1), q = at_most(at_least(y, low), high);
    const vec rest = one - q;
    LOSS_IS(zero - (t * vlog(q) + (one - t) * vlog(rest)),
            where_inside(y, low, high, (q - t) / (q * rest)));
}
/* That of logits, and their sigmoid: from exp(-|y|), which cannot overflow. */
struct loss_of_logit {
    struct loss_at entropy;
    vec sigmoid;
};
TILE struct loss_of_logit logit_entropy(vec t, vec y) {
    const vec zero = broadcast(0), one = broadcast(1), e = vexp_small(zero - magnitude(y));
    const vec inverse = one / (one + e), q = choose(greater(zero, y), e * inverse, inverse);
    const vec value = at_least(y, zero) - y * t + vlog1p(e);
    return (struct loss_of_logit){{value, q - t}, q};
}
/* epsilon, 1 - epsilon */
DEFINE_LOSS(binary) { return binary_entropy(t, y, PARAMETER(0), PARAMETER(1)); }
DEFINE_LOSS(binary_logits) {
    (void)p;
    return logit_entropy(t, y).entropy;
}

/* x^power and x^(power - 1) for x in [0, 1]; what is below 0 counts as 0. */
struct powers {
    vec power, lower;
};
TILE struct powers powers(vec x, float power) {
    const vec log = vlog(x), zero = broadcast(0), one = broadcast(1);
    const bvec none = less_equal(x, zero);
    const vec at_zero = power == 0 ? one : zero;
    const vec lower_at_zero = power == 1 ? one : power > 1 ? zero : broadcast(__builtin_inff());
    return (struct powers){choose(none, at_zero, vexp(broadcast(power) * log)),
                           choose(none, lower_at_zero, vexp(broadcast(power - 1) * log))};
}
/* The focal factor of an entropy, with the probability q and its derivative `open` by y. */
TILE struct loss_at focal(const loss p, vec t, vec q, vec open, struct loss_at entropy) {
    const vec one = broadcast(1), rest = one - (t * q + (one - t) * (one - q));
    const float gamma = p.parameters[2], alpha = p.parameters[3];
    const struct powers f = powers(rest, gamma);
    vec slope = f.power * entropy.slope, value = f.power * entropy.value;
    if (gamma != 0) slope += broadcast(gamma) * f.lower * ((one - (t + t)) * open) * entropy.value;
    if (alpha == alpha) { /* NaN for none */
        const vec weight = t * broadcast(alpha) + (one - t) * broadcast(1 - alpha);
        value = value * weight, slope = slope * weight;
    }
    LOSS_IS(value, slope);
}
/* epsilon, 1 - epsilon, gamma, alpha */
DEFINE_LOSS(binary_focal) {
    const struct loss_at entropy = binary_entropy(t, y, PARAMETER(0), PARAMETER(1));
    return focal(p, t, y, broadcast(1), entropy);
}
DEFINE_LOSS(binary_focal_logits) {
    const struct loss_of_logit of = logit_entropy(t, y);
    return focal(p, t, of.sigmoid, of.sigmoid * (broadcast(1) - of.sigmoid), of.entropy);
}

/* One class of several: t log(y) with y clipped. epsilon, 1 - epsilon */
DEFINE_LOSS(category) {
    const vec low = PARAMETER(0), high = PARAMETER(1), q = at_most(at_least(y, low), high);
    const vec zero = broadcast(0);
    LOSS_IS(zero - t * vlog(q), where_inside(y, low, high, zero - t / q));
}
/* epsilon, 1 - epsilon, gamma */
DEFINE_LOSS(category_focal) {
    const vec low = PARAMETER(0), high = PARAMETER(1), q = at_most(at_least(y, low), high);
    const float gamma = p.parameters[2];
    const vec log = vlog(q), zero = broadcast(0);
    const struct powers f = powers(broadcast(1) - q, gamma);
    vec slope = f.power / q;
    if (gamma != 0) slope = slope - broadcast(gamma) * f.lower * log;
    LOSS_IS(zero - t * (f.power * log), where_inside(y, low, high, zero - t * slope));
}

TILE vec target(const loss p, ptrdiff_t i, const tail t) {
    return load_tail(p.t + i, t) * broadcast(p.keep) + broadcast(p.offset);
}

/* One loop for each function, so that nothing is decided inside of it. */
#define LOOP(name)                                                                                 \
    case LOSS_##name:                                                                              \
        for (; i < p.n; i += LANES) {                                                              \
            const tail t = tail_of(p.n - i);                                                       \
            const struct loss_at at = name##_loss(p, target(p, i, t), load_tail(p.p + i, t));      \
            store_tail(p.values + i, at.value, t);                                                 \
            store_tail(p.slopes + i, at.slope * broadcast(p.factor), t);                           \
        }                                                                                          \
        break;

static void elementwise_loss(const struct loss *which) {
    const struct loss p = *which; /* a copy that no array shares memory with */
    ptrdiff_t i = 0;
    if (p.probabilities)
        for (; i < p.n; i += LANES) {
            const tail t = tail_of(p.n - i);
            const struct loss_of_logit at = logit_entropy(target(p, i, t), load_tail(p.p + i, t));
            store_tail(p.values + i, at.entropy.value, t);
            store_tail(p.slopes + i, at.entropy.slope * broadcast(p.factor), t);
            store_tail(p.probabilities + i, at.sigmoid, t);
        }
    switch (p.function) { EACH_LOSS(LOOP) }
}
#undef LOOP
#undef LOSS_IS
#undef DEFINE_LOSS
#undef PARAMETER
