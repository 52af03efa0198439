/* PReLU over rows of channels: a slope for each channel where x <= 0. */
static void prelu_forward(const struct prelu *p) {
    for (ptrdiff_t r = 0; r < p->rows; r++)
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const vec x = load_tail(p->x + r * p->channels + c, t);
            const vec y = choose(greater(x, broadcast(0)), x, x * load_tail(p->alpha + c, t));
            store_tail(p->out + r * p->channels + c, y, t);
        }
}

static void prelu_backward(const struct prelu *p) {
    for (ptrdiff_t r = 0; r < p->rows; r++)
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const ptrdiff_t at = r * p->channels + c;
            const tail t = tail_of(p->channels - c);
            const vec x = load_tail(p->x + at, t), dy = load_tail(p->dy + at, t);
            const bvec open = greater(x, broadcast(0));
            if (p->dalpha) {
                const vec product = choose(open, broadcast(0), dy * x);
                store_tail(p->dalpha + c, load_tail(p->dalpha + c, t) + product, t);
            }
            if (p->out)
                store_tail(p->out + at, choose(open, dy, dy * load_tail(p->alpha + c, t)), t);
        }
}
