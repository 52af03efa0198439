/* Normal noise: y[i] = x[i] + s z[i], or x[i] (1 + s z[i]), where z[i] is a function of (key, i).
 *
 * The hash of dropout.inc.h gives 32 bits: a sign and t in (0, 1), of 31 bits. z is where the
 * normal distribution function is t / 2 or 1 - t / 2: sqrt(2) erfinv(1 - t), by the two polynomials
 * in w = -log(t (2 - t)) of M. Giles, Approximating the erfinv function (GPU Computing Gems, 2010),
 * to within 1e-6. Its largest value is 6.3. Each element depends on its index and the key alone:
 * the same bits for any number of threads, and the backward pass needs no copy of the noise.
 */
TILE ivec hash_of(ptrdiff_t index, uint32_t first, const uint32_t key[2]) {
    ivec h = iadd(indices(), ibroadcast((int)(first + (uint32_t)index)));
    h = mixed(exclusive_or(h, ibroadcast((int)key[0])));
    return mixed(exclusive_or(h, ibroadcast((int)key[1])));
}

/* of integers in [0, 2^23) */
TILE vec to_floats(ivec a) {
    return as_floats(iadd(a, ibroadcast(0x4b000000))) - broadcast(8388608.0f);
}

/* log(a) for normal a > 0: a = 2^n m with m in [sqrt(1/2), sqrt(2)). n + 127 is the exponent of
 * a / sqrt(1/2). */
TILE vec log_of_normal(vec a) {
    const ivec bits = as_ints(a);
    const ivec exponent = shift_right(iadd(bits, ibroadcast(0x3f800000 - 0x3f3504f3)), 23);
    const ivec minus_n = iadd(exclusive_or(exponent, ibroadcast(-1)), ibroadcast(128));
    const vec m = as_floats(iadd(bits, shift_left(minus_n, 23)));
    const vec n = to_floats(exponent) - broadcast(127);
    return multiply_add(n, broadcast(0.6931471806f),
                        twice_atanh((m - broadcast(1)) / (m + broadcast(1))));
}

TILE vec polynomial(vec x, const float *coefficients) { /* of degree 8 */
    vec sum = broadcast(coefficients[0]);
    UNROLLED (i, 8) sum = multiply_add(sum, x, broadcast(coefficients[i + 1]));
    return sum;
}

TILE vec normal_of(ivec h) {
    static const float near[9] = {2.81022636e-08f,  3.43273939e-07f, -3.5233877e-06f,
                                  -4.39150654e-06f, 0.00021858087f,  -0.00125372503f,
                                  -0.00417768164f,  0.246640727f,    1.50140941f};
    static const float far[9] = {-0.000200214257f, 0.000100950558f, 0.00134934322f,
                                 -0.00367342844f,  0.00573950773f,  -0.0076224613f,
                                 0.00943887047f,   1.00167406f,     2.83297682f};
    const vec high = to_floats(shift_right(shift_left(h, 1), 16)); /* 16 bits */
    const vec low = to_floats(shift_right(shift_left(h, 17), 17)); /* 15 bits */
    const vec t =
        multiply_add(high, broadcast(0x1p-16f), (low + broadcast(0.5f)) * broadcast(0x1p-31f));
    const vec w = broadcast(0) - log_of_normal(t * (broadcast(2) - t));
    const bvec is_far = less_equal(broadcast(5), w);
    const vec root = vsqrt(choose(is_far, w, broadcast(9))) - broadcast(3);
    const vec slope = choose(is_far, polynomial(root, far), polynomial(w - broadcast(2.5f), near));
    const vec z = slope * ((broadcast(1) - t) * broadcast(1.414213562f));
    const ivec sign = shift_left(shift_right(h, 31), 31);
    return as_floats(exclusive_or(as_ints(z), sign));
}

static void gaussian(const float *x, float *y, ptrdiff_t n, const struct gaussian *p) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        const vec noise = normal_of(hash_of(i, p->first, p->key)) * broadcast(p->stddev);
        vec a = load_tail(x + i, t);
        if (p->multiplies) a = multiply_add(a, noise, a);
        else a += noise;
        store_tail(y + i, a, t);
    }
}
