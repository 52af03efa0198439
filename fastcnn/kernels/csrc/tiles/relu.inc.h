/* relu, and what it does to a gradient. */

/* min(max(a, 0), max); NaN stays NaN, and a `max` of NaN is no bound. */
TILE vec bounded_relu(vec a, vec max) {
    a = choose(less_equal(a, broadcast(0)), broadcast(0), a);
    return choose(greater(a, max), max, a);
}
/* dy, or 0 where y, the result of `bounded_relu`, is at a bound. */
TILE vec open_gradient(vec dy, vec y, vec max) {
    const bvec closed = either(less_equal(y, broadcast(0)), less_equal(max, y));
    return choose(closed, broadcast(0), dy);
}
