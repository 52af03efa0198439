/* Elementary functions of vectors: exp, expm1, log, log(1 + x), tanh and the normal distribution.
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
 * coefficients rounded to float one after the other; so were the other polynomials). ln 2 is
 * subtracted in two parts (Cody & Waite 1980): the first has 10 bits, so that n times it is exact
 * even without a fused multiply-add.
 *
 * NaN stays NaN. Denormals count as 0, as in all tiles. docs/trust.md has the errors of the
 * activations that are made of these functions, over all floats.
 */
struct exponential {
    vec scale, q;
    ivec n; /* n + 0x4b400000, the bits of n + 1.5 * 2^23 */
};

/* Of x + *rest, where rest, which may be NULL, is a small part that x has no room for. */
TILE struct exponential exponential_of_sum(vec x, const vec *rest) {
    const vec rounder = broadcast(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    const vec shifted = multiply_add(x, broadcast(1.442695041f), rounder);
    const vec n = shifted - rounder;
    vec r = multiply_add(n, broadcast(-0.693359375f), x);
    r = multiply_add(n, broadcast(2.12194440e-4f), r);
    if (rest) r += *rest;
    vec p = broadcast(0x1.6b8cbep-10f);
    p = multiply_add(p, r, broadcast(0x1.1226a6p-7f));
    p = multiply_add(p, r, broadcast(0x1.555702p-5f));
    p = multiply_add(p, r, broadcast(0x1.5554b2p-3f));
    p = multiply_add(p, r, broadcast(0x1.fffffep-2f));
    const vec q = multiply_add(p, r * r, r);
    /* the integer's low bits become the exponent of 2^n */
    const ivec bits = shift_left(iadd(as_ints(shifted), ibroadcast(127)), 23);
    return (struct exponential){as_floats(bits), q, as_ints(shifted)};
}
TILE struct exponential exponential(vec x) { return exponential_of_sum(x, NULL); }

/* x within [low, high]; NaN stays NaN. */
TILE vec clamp(vec x, float low, float high) {
    x = choose(greater(x, broadcast(high)), broadcast(high), x);
    return choose(greater(broadcast(low), x), broadcast(low), x);
}
TILE vec magnitude(vec x) { return as_floats(shift_right(shift_left(as_ints(x), 1), 1)); }

/* exp(x), clamped at x = 88: above, the factor 2^128 would overflow. Results below 1.2e-38 are 0.
 */
TILE vec vexp_small(vec x) {
    const struct exponential e = exponential(clamp(x, -88.0f, 88.0f));
    return multiply_add(e.scale, e.q, e.scale);
}

/* exp(x): 2^n, which may be too large for a float, is the product of two factors. */
TILE vec vexp(vec x) {
    const struct exponential e = exponential(clamp(x, -88.0f, 89.0f));
    const ivec half = shift_right(iadd(e.n, ibroadcast(254 - 0x4b400000)), 1);
    const ivec rest =
        iadd(iadd(e.n, ibroadcast(255 - 0x4b400000)), exclusive_or(half, ibroadcast(-1)));
    const vec first = as_floats(shift_left(half, 23)), second = as_floats(shift_left(rest, 23));
    return ((broadcast(1) + e.q) * first) * second;
}

TILE vec vexpm1(vec x) {
    const struct exponential e = exponential(clamp(x, -20.0f, 88.0f));
    return multiply_add(e.scale, e.q, e.scale - broadcast(1));
}

TILE vec vtanh(vec x) {
    x = clamp(x, -9.1f, 9.1f); /* beyond, the result is 1 */
    const vec e = vexpm1(x + x);
    return e / (e + broadcast(2));
}

/* 1 / (1 + exp(-x)), and 0 below -88. */
TILE vec vsigmoid(vec x) { return broadcast(1) / (broadcast(1) + vexp_small(broadcast(0) - x)); }

/* 2 atanh(s) = log((1 + s) / (1 - s)) for |s| <= 1/3, an odd series that ends at s^11. */
TILE vec twice_atanh(vec s) {
    const vec w = s * s;
    vec p = broadcast(0x1.f090acp-3f);
    p = multiply_add(p, w, broadcast(0x1.b72ad8p-3f));
    p = multiply_add(p, w, broadcast(0x1.250514p-2f));
    p = multiply_add(p, w, broadcast(0x1.9996d8p-2f));
    p = multiply_add(p, w, broadcast(0x1.555558p-1f));
    return multiply_add(s * w, p, s + s);
}

/* log(1 + e) for e in [0, 1]. */
TILE vec vlog1p(vec e) { return twice_atanh(e / (e + broadcast(2))); }

/* log(x): -inf of 0, NaN below. With x = 2^n (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)] it is
 * n ln 2 + log(1 + f), where log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + r)) with s = f / (2 + f) and
 * the odd series of atanh in r: f itself is exact. ln 2 is split as above. */
TILE vec vlog(vec x) {
    const ivec bits = iadd(as_ints(x), ibroadcast(0x3f800000 - 0x3f3504f3));
    const ivec exponent = shift_right(bits, 23);
    const ivec fraction = shift_right(shift_left(bits, 9), 9);
    const vec n = as_floats(iadd(exponent, ibroadcast(0x4b400000 - 127))) - broadcast(12582912.0f);
    const vec f = as_floats(iadd(fraction, ibroadcast(0x3f3504f3))) - broadcast(1);
    const vec s = f / (f + broadcast(2)), w = s * s, half = broadcast(0.5f) * (f * f);
    vec r = broadcast(0.2222222222f);
    r = multiply_add(r, w, broadcast(0.2857142857f));
    r = multiply_add(r, w, broadcast(0.4f));
    r = multiply_add(r, w, broadcast(0.6666666667f)) * w;
    const vec rest = multiply_add(s, half + r, n * broadcast(-2.12194440e-4f));
    vec y = multiply_add(n, broadcast(0.693359375f), f - (half - rest));
    const vec lowest = broadcast(-__builtin_inff()), none = broadcast(__builtin_nanf(""));
    y = choose(greater(broadcast(0x1p-126f), x), choose(greater(broadcast(0), x), none, lowest), y);
    return choose(either(greater(x, broadcast(0x1.fffffep127f)), unordered(x, x)), x, y);
}

/* x^p for x >= 0: a relative error of |p log(x)| ulps. */
TILE vec vpower(vec x, float p) {
    const vec y = vexp(broadcast(p) * vlog(x));
    return choose(less_equal(x, broadcast(0)),
                  broadcast(p > 0   ? 0
                            : p < 0 ? __builtin_inff()
                                    : 1),
                  y);
}

/* The normal distribution: cdf = P(X <= x) and its derivative, with the same relative precision in
 * the lower tail. */
struct normal {
    vec cdf, density;
};

/* P(X <= -a) = exp(-a^2 / 2) u p(u) with u = 1 / (1 + 0.3 a), where p is of degree 9 in a multiple
 * of u that covers [-1, 1]. a^2 is split, as its rounding error would become one of the exponent:
 * the square of the upper half of a's bits is exact. */
TILE struct normal normal(vec x) {
    vec a = magnitude(x);
    a = choose(greater(a, broadcast(13.25f)), broadcast(13.25f), a); /* the tail beyond is 0 */
    const vec upper = as_floats(shift_left(shift_right(as_ints(a), 12), 12));
    const vec half = broadcast(0.5f), rest = (upper - a) * ((upper + a) * half);
    const struct exponential e = exponential_of_sum(broadcast(-0.5f) * (upper * upper), &rest);
    const vec bell = (broadcast(1) + e.q) * e.scale;
    const vec u = broadcast(1) / multiply_add(a, broadcast(0.3f), broadcast(1));
    const vec s = multiply_add(u, broadcast(0x1.3ad9c0p+1f), broadcast(-0x1.75b37ep+0f));
    vec p = broadcast(-0x1.6c51e4p-18f);
    p = multiply_add(p, s, broadcast(0x1.bff466p-19f));
    p = multiply_add(p, s, broadcast(0x1.4ceb76p-14f));
    p = multiply_add(p, s, broadcast(-0x1.8576a0p-15f));
    p = multiply_add(p, s, broadcast(-0x1.07d40ap-10f));
    p = multiply_add(p, s, broadcast(-0x1.34ab06p-12f));
    p = multiply_add(p, s, broadcast(0x1.f0e16cp-7f));
    p = multiply_add(p, s, broadcast(0x1.15188ap-4f));
    p = multiply_add(p, s, broadcast(0x1.4cd53ap-3f));
    p = multiply_add(p, s, broadcast(0x1.06151cp-2f));
    const vec tail = bell * (u * p);
    return (struct normal){choose(greater(x, broadcast(0)), broadcast(1) - tail, tail),
                           bell * broadcast(0.398942280f)};
}
