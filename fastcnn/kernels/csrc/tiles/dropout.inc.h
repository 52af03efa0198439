/* Dropout: y[i] = x[i] / (1 - rate) where the hash of (key, i) is large enough, else 0.
 *
 * The hash is a bijection of 32 bits made of multiplications and shifts (the "lowbias32" form,
 * with the constants that C. Wellons's search found to leave the least bias), taken twice with one
 * half of the key each time. The result depends on the index and the key alone: the same bits for
 * any number of threads and any instruction set, and the backward pass needs the key but no mask.
 */
TILE ivec mixed(ivec h) {
    h = imultiply(exclusive_or(h, shift_right(h, 16)), ibroadcast(0x21f0aaad));
    h = imultiply(exclusive_or(h, shift_right(h, 15)), ibroadcast(0x735a2d97));
    return exclusive_or(h, shift_right(h, 15));
}

static void dropout(const float *x, float *y, ptrdiff_t n, const struct dropout *p) {
    const vec scale = broadcast(p->scale), bound = broadcast(1 + p->rate);
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const tail t = tail_of(n - i);
        ivec h = iadd(indices(), ibroadcast((int)(p->first + (uint32_t)i)));
        h = mixed(exclusive_or(h, ibroadcast((int)p->key[0])));
        h = mixed(exclusive_or(h, ibroadcast((int)p->key[1])));
        /* 23 random bits behind the exponent of 1: a float in [1, 2) */
        const vec chance = as_floats(iadd(shift_right(h, 9), ibroadcast(0x3f800000)));
        const vec kept = load_tail(x + i, t) * scale;
        store_tail(y + i, choose(less_equal(bound, chance), kept, broadcast(0)), t);
    }
}
