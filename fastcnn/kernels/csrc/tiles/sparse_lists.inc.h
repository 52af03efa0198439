/* The lists that sparse sums run over, of live windows: those whose argmax is not CLOSED. */

/* By window and position: lists [windows][positions] of entries stored back to back, value = dy,
 * offset = channel * stride. values and offsets have room for LANES elements more than dy. */
static void lists_by_position(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                              ptrdiff_t channels, int positions, int32_t stride, float *values,
                              int32_t *offsets, int32_t *starts, int32_t *counts) {
    int32_t n = 0;
    const ivec lanes = imultiply(indices(), ibroadcast(stride));
    for (ptrdiff_t w = 0; w < windows; w++)
        for (int k = 0; k < positions; k++) {
            const int32_t start = n;
            for (ptrdiff_t c = 0; c < channels; c += LANES) {
                const tail t = tail_of(channels - c);
                const ivec position = load_u8_tail(argmax + w * channels + c, t);
                const bvec matches = both(equal(position, ibroadcast(k)), in_tail(t));
                const ivec offset = iadd(lanes, ibroadcast((int32_t)c * stride));
                n += compress(values + n, offsets + n, matches, load_tail(dy + w * channels + c, t),
                              offset);
            }
            *starts++ = start;
            *counts++ = n - start;
        }
}

/* Transposes (windows, channels), as they lie in memory, to one vector of windows per channel, for
 * at most LANES of either. Positions are integers stored in the lanes of floats. */
TILE void transpose_windows(const float *dy, const uint8_t *argmax, ptrdiff_t channels,
                            ptrdiff_t high, ptrdiff_t wide, vec gradient[LANES],
                            vec position[LANES]) {
    const tail across = tail_of(wide);
    for (ptrdiff_t i = 0; i < LANES; i++) {
        gradient[i] = i < high ? load_tail(dy + i * channels, across) : broadcast(0);
        position[i] =
            as_floats(i < high ? load_u8_tail(argmax + i * channels, across) : ibroadcast(0));
    }
    transpose_square(gradient);
    transpose_square(position);
}

/* By channel: appends one image's entries to each channel's list, value = dy, offset = start of the
 * patch of x, and adds dy to bias[channel][lane], LANES sums per channel. A list has room for LANES
 * elements more than the entries it can get. */
static void lists_by_channel(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                             ptrdiff_t channels, const int32_t *corners, const int32_t *steps,
                             int positions, int32_t image, ptrdiff_t capacity, float *values,
                             int32_t *offsets, int32_t *counts, float *bias) {
    for (ptrdiff_t w = 0; w < windows; w += LANES)
        for (ptrdiff_t c = 0; c < channels; c += LANES) {
            const ptrdiff_t high = windows - w < LANES ? windows - w : LANES;
            const ptrdiff_t wide = channels - c < LANES ? channels - c : LANES;
            const tail down = tail_of(high);
            const ivec corner = iadd(load_i32_tail(corners + w, down), ibroadcast(image));
            vec gradient[LANES], position[LANES];
            transpose_windows(dy + w * channels + c, argmax + w * channels + c, channels, high,
                              wide, gradient, position);
            for (ptrdiff_t i = 0; i < wide; i++) {
                const ivec won = as_ints(position[i]);
                const bvec live = both(in_tail(down), below(won, ibroadcast(positions)));
                const ptrdiff_t at = (c + i) * capacity + counts[c + i];
                counts[c + i] += compress(values + at, offsets + at, live, gradient[i],
                                          iadd(corner, lookup(steps, won)));
                float *sum = bias + (c + i) * LANES;
                store(sum, load(sum) + choose(live, gradient[i], broadcast(0)));
            }
        }
}
