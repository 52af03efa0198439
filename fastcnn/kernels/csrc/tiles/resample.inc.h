/* Pixels that are weighted sums of other pixels (struct resample in kernels.h). */
TILE void resampled(const struct resample *p, ptrdiff_t i, ptrdiff_t c, const tail t,
                    const int whole) {
    const int32_t *pixels = p->sources + i * p->taps;
    const float *weights = p->weights + i * p->taps, *x = p->x + c;
    vec sum = broadcast(weights[0]) * load_part(x + pixels[0] * p->x_pixel, t, whole);
    for (ptrdiff_t k = 1; k < p->taps; k++) {
        const vec pixel = load_part(x + pixels[k] * p->x_pixel, t, whole);
        sum = multiply_add(broadcast(weights[k]), pixel, sum);
    }
    store_part(p->y + i * p->channels + c, sum, t, whole);
}

static void resample(const struct resample *p) {
    const ptrdiff_t channels = p->channels;
    if (channels < LANES) { /* what a vector has too much, the next pixels overwrite */
        const tail t = tail_of(channels);
        ptrdiff_t i = 0;
        for (; (p->pixels - i) * channels >= LANES; i++) resampled(p, i, 0, t, 1);
        for (; i < p->pixels; i++) resampled(p, i, 0, t, 0);
        return;
    }
    for (ptrdiff_t i = 0; i < p->pixels; i++) { /* the last vector may overlap the one before it */
        for (ptrdiff_t c = 0; c + LANES <= channels; c += LANES)
            resampled(p, i, c, tail_of(LANES), 1);
        if (channels % LANES) resampled(p, i, channels - LANES, tail_of(LANES), 1);
    }
}
