/* The lists of live windows that sparse sums run over; argmax CLOSED is not live. */

/* By window and place in it: groups [windows][places] of entries one behind the other, value = dy,
 * offset = channel * stride. values and offsets have LANES places more than dy has numbers. */
static void lists_by_place(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                           ptrdiff_t channels, int places, int32_t stride, float *values,
                           int32_t *offsets, int32_t *starts, int32_t *counts) {
    int32_t n = 0;
    const ivec lanes = imultiply(indices(), ibroadcast(stride));
    for (ptrdiff_t w = 0; w < windows; w++)
        for (int k = 0; k < places; k++) {
            const int32_t start = n;
            for (ptrdiff_t c = 0; c < channels; c += LANES) {
                const tail t = tail_of(channels - c);
                const ivec place = load_u8_tail(argmax + w * channels + c, t);
                const bvec here = both(equal(place, ibroadcast(k)), in_tail(t));
                const ivec offset = iadd(lanes, ibroadcast((int32_t)c * stride));
                n += compress(values + n, offsets + n, here,
                              load_tail(dy + w * channels + c, t), offset);
            }
            *starts++ = start;
            *counts++ = n - start;
        }
}

/* By channel: adds one image's entries to each channel's list, value = dy, offset = start of the
 * patch of x, and dy to the channel's bias gradient. */
static void lists_by_channel(const float *dy, const uint8_t *argmax, ptrdiff_t windows,
                             ptrdiff_t channels, ptrdiff_t row, const int32_t *corners,
                             const int32_t *steps, int32_t image, ptrdiff_t capacity,
                             float *values, int32_t *offsets, int32_t *counts, float *bias) {
    for (ptrdiff_t w = 0; w < windows; w++)
        for (ptrdiff_t c = 0; c < channels; c++) {
            const int place = argmax[w * row + c];
            const float value = dy[w * row + c];
            const ptrdiff_t at = c * capacity + counts[c];
            values[at] = value; /* is written over where it is not live: no branch to guess */
            offsets[at] = image + corners[w] + steps[place];
            counts[c] += place != CLOSED;
            bias[c] += place != CLOSED ? value : 0;
        }
}
