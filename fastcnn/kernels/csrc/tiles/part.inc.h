/* A vector of which only a tail may be in memory; `whole` is a constant where these are inlined. */
TILE vec load_part(const float *p, tail t, const int whole) {
    return whole ? load(p) : load_tail(p, t);
}
TILE void store_part(float *p, vec a, tail t, const int whole) {
    if (whole) store(p, a);
    else store_tail(p, a, t);
}
