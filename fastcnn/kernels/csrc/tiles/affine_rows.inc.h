/* Rows whose columns have a linear function each, within bounds, and the gradient. */
static void affine_rows(const struct affine_rows *p) {
    const vec low = broadcast(p->low), high = broadcast(p->high), zero = broadcast(0);
    for (ptrdiff_t r = 0; r < p->rows; r++)
        for (ptrdiff_t c = 0; c < p->columns; c += LANES) {
            const ptrdiff_t at = r * p->columns + c;
            const tail t = tail_of(p->columns - c);
            const vec scale = load_tail(p->scale + c, t);
            vec y = load_tail(p->x + at, t) - load_tail(p->center + c, t);
            y = multiply_add(y, scale, load_tail(p->offset + c, t));
            if (p->dy) {
                const bvec inside = both(less_equal(low, y), less_equal(y, high));
                y = choose(inside, load_tail(p->dy + at, t) * scale, zero);
            } else {
                y = choose(greater(y, high), high, y); /* NaN stays NaN */
                y = choose(greater(low, y), low, y);
            }
            store_tail(p->out + at, y, t);
        }
}
