/* The maximum of a 2x2 window held in four registers, its position and relu: how the fused
 * convolutions end. The result has the same bits as a convolution, a max-pool and relu in turn.
 */
enum { CLOSED = 255 }; /* argmax of a window whose maximum relu set to 0 */

TILE void store_max_pool_2x2(const vec a, const vec b, const vec c, const vec d, const int relu,
                             float *y, uint8_t *argmax, const tail t) {
    vec best = a;
    ivec position = ibroadcast(0);
    bvec better = greater(b, best);
    best = choose(better, b, best);
    position = ichoose(better, ibroadcast(1), position);
    better = greater(c, best);
    best = choose(better, c, best);
    position = ichoose(better, ibroadcast(2), position);
    better = greater(d, best);
    best = choose(better, d, best);
    position = ichoose(better, ibroadcast(3), position);
    if (__builtin_expect(any(either(unordered(a, b), unordered(c, d))), 0)) {
        /* The first NaN of a window is its maximum: search from the last position to the first. */
        const vec window[4] = {a, b, c, d};
        for (int k = 3; k >= 0; k--) {
            const bvec nan = unordered(window[k], window[k]);
            best = choose(nan, window[k], best);
            position = ichoose(nan, ibroadcast(k), position);
        }
    }
    if (relu) {
        const bvec closed = less_equal(best, broadcast(0));
        best = choose(closed, broadcast(0), best);
        position = ichoose(closed, ibroadcast(CLOSED), position);
    }
    store_tail(y, best, t);
    if (argmax) store_u8_tail(argmax, position, t);
}
