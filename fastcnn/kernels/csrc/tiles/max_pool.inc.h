/* The maximum of a 2x2 window that lies in four registers, its place and relu: how the fused
 * convolutions end. Gives the bits that a convolution, a max-pool and relu give one after the
 * other.
 */
enum { CLOSED = 255 }; /* argmax of a window that relu closed */

TILE void store_max_pool_2x2(const vec a, const vec b, const vec c, const vec d, const int relu,
                             float *y, uint8_t *argmax, const tail t) {
    vec best = a;
    ivec place = ibroadcast(0);
    bvec better = greater(b, best);
    best = choose(better, b, best);
    place = ichoose(better, ibroadcast(1), place);
    better = greater(c, best);
    best = choose(better, c, best);
    place = ichoose(better, ibroadcast(2), place);
    better = greater(d, best);
    best = choose(better, d, best);
    place = ichoose(better, ibroadcast(3), place);
    if (__builtin_expect(any(either(unordered(a, b), unordered(c, d))), 0)) {
        /* The first NaN of a window is its maximum: look from the last place to the first. */
        const vec window[4] = {a, b, c, d};
        for (int k = 3; k >= 0; k--) {
            const bvec nan = unordered(window[k], window[k]);
            best = choose(nan, window[k], best);
            place = ichoose(nan, ibroadcast(k), place);
        }
    }
    if (relu) {
        const bvec closed = less_equal(best, broadcast(0));
        best = choose(closed, broadcast(0), best);
        place = ichoose(closed, ibroadcast(CLOSED), place);
    }
    store_tail(y, best, t);
    if (argmax) store_u8_tail(argmax, place, t);
}
