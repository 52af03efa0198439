/* Included in driver.c: sparse sums and their lists, narrow and depthwise sums. */

static void sparse_sum_block(void) {
    for (int r = 1; r <= 3; r++)
        for (int q = 1; q <= 3; q++) {
            const ptrdiff_t block = k->sparse_sum_block(r, q);
            if (block < 1 || block % k->lanes) fail(r, block, k->lanes);
        }
}
static void sparse_sum(void) {
    struct sparse_sum p = {.lists = draw(0, 4), .rows = draw(1, 3), .columns = draw(1, 3)};
    p.channels = draw(1, (int)k->sparse_sum_block(p.rows, p.columns));
    p.y_column = p.channels + draw(0, 3), p.y_row = 3 * p.y_column;
    p.data_column = draw(0, 5), p.data_row = draw(0, 9);
    const int entries = 7;
    p.values = floats(p.lists * entries);
    p.offsets = ints(p.lists * entries, 0, 30);
    p.data =
        floats(31 + (p.rows - 1) * p.data_row + (p.columns - 1) * p.data_column + p.channels - 1);
    int32_t *starts = ints(p.lists, 0, 0), *counts = ints(p.lists, 0, entries);
    for (int l = 0; l < p.lists; l++) starts[l] = entries * l;
    p.starts = starts, p.counts = counts;
    p.y_offsets = ints(p.lists, 0, 10);
    const ptrdiff_t size =
        11 + (p.rows - 1) * p.y_row + (p.columns - 1) * p.y_column + p.channels - 1;
    p.y = floats(size);
    float *expected = copy(p.y, size);
    for (int l = 0; l < p.lists; l++)
        for (int e = starts[l]; e < starts[l] + counts[l]; e++)
            for (int r = 0; r < p.rows; r++)
                for (int q = 0; q < p.columns; q++)
                    for (int c = 0; c < p.channels; c++)
                        expected[p.y_offsets[l] + r * p.y_row + q * p.y_column + c] +=
                            p.values[e] *
                            p.data[p.offsets[e] + r * p.data_row + q * p.data_column + c];
    k->sparse_sum(&p);
    same(p.y, expected, size);
}
static void narrow_block(void) {
    for (int c = 1; c < 100; c++)
        if (k->narrow_block(c) < 1 || k->narrow_block(c) > c) fail(c, k->narrow_block(c), c);
}
static void quads(void) {
    const ptrdiff_t n = draw(0, 70), *at = offsets_to(4, 30);
    const float *x = floats(31 + n);
    float *y = guarded(4 * n * (ptrdiff_t)sizeof(float));
    float *expected = guarded(4 * n * (ptrdiff_t)sizeof(float));
    for (ptrdiff_t i = 0; i < 4 * n; i++) y[i] = NAN, expected[i] = x[i / 4 + at[i % 4]];
    k->quads(x, at, n, y);
    same(y, expected, 4 * n);
}
static void narrow_sum(void) {
    struct narrow_sum p = {.tap_count = draw(1, 27), .oc = channel_count(), .quad = draw(0, 2)};
    p.channels = k->narrow_block(p.oc);
    p.windows_h = draw(0, 3), p.windows_w = draw(0, 3);
    p.x_row = draw(0, 40), p.x_column = draw(0, 3);
    p.taps = offsets_to(p.tap_count, 30);
    const ptrdiff_t dy_size = least(p.windows_h * p.windows_w - 1, 99) * p.oc + p.channels;
    const ptrdiff_t windows = p.windows_h * p.windows_w;
    p.dy = floats(windows ? dy_size : 0);
    p.argmax = bytes(windows ? dy_size : 0, 8);
    p.x = floats(31 + 2 * p.x_row + 2 * p.x_column + 3);
    const ptrdiff_t size = (p.tap_count - 1) * p.oc + p.channels;
    p.dw = floats(size);
    float *db = floats(p.channels), *expected_db = copy(db, p.channels);
    p.db = often() ? db : NULL;
    float *expected = copy(p.dw, size);
    for (int i = 0; i < p.windows_h; i++)
        for (int j = 0; j < p.windows_w; j++)
            for (int c = 0; c < p.channels; c++) {
                const ptrdiff_t at = (i * p.windows_w + j) * p.oc + c;
                const int position = p.argmax[at] - 4 * p.quad;
                if (position < 0 || position > 3) continue;
                const float *x = p.x + i * p.x_row + j * p.x_column + position;
                for (int t = 0; t < p.tap_count; t++)
                    expected[t * p.oc + c] += p.dy[at] * x[p.taps[t]];
                if (p.db) expected_db[c] += p.dy[at];
            }
    k->narrow_sum(&p);
    same(p.dw, expected, size);
    same(db, expected_db, p.channels);
}
static void narrow_data(void) {
    struct narrow_data p = {.channels = draw(0, 9), .elements = draw(1, 37)};
    const ptrdiff_t lanes = k->lanes, size = p.elements * lanes;
    const int32_t *positions = ints(p.channels * lanes, 0, 255);
    p.dy = floats(p.channels * lanes);
    p.positions = (const float *)positions;
    p.quads = floats(4 * p.channels * p.elements);
    p.sums = guarded(size * (ptrdiff_t)sizeof(float));
    float *expected = guarded(size * (ptrdiff_t)sizeof(float));
    for (ptrdiff_t i = 0; i < size; i++) {
        p.sums[i] = NAN, expected[i] = 0;
        for (int c = 0; c < p.channels; c++) {
            const ptrdiff_t at = c * lanes + i % lanes;
            const float *quad = p.quads + 4 * (c * p.elements + i / lanes);
            expected[i] += p.dy[at] * quad[positions[at] % 4];
        }
    }
    k->narrow_data(&p);
    same(p.sums, expected, size);
}
static void narrow_windows(void) {
    const int lanes = k->lanes, windows = draw(1, lanes), channels = channel_count();
    const float *dy = floats(windows * channels);
    const uint8_t *argmax = bytes(windows * channels, 5);
    const ptrdiff_t size = channels * (ptrdiff_t)lanes;
    float *transposed = guarded(size * (ptrdiff_t)sizeof(float));
    float *expected = guarded(size * (ptrdiff_t)sizeof(float));
    int32_t *positions = guarded(size * (ptrdiff_t)sizeof(int32_t));
    for (ptrdiff_t i = 0; i < size; i++) transposed[i] = NAN, expected[i] = 0;
    for (int w = 0; w < windows; w++)
        for (int c = 0; c < channels; c++)
            if (argmax[w * channels + c] < 4) expected[c * lanes + w] = dy[w * channels + c];
    k->narrow_windows(dy, argmax, windows, channels, transposed, (float *)positions);
    same(transposed, expected, size);
    for (int w = 0; w < windows; w++)
        for (int c = 0; c < channels; c++)
            if (positions[c * lanes + w] != argmax[w * channels + c])
                fail(c * lanes + w, positions[c * lanes + w], argmax[w * channels + c]);
}
static void lists_by_position(void) {
    const int windows = draw(0, 6), channels = channel_count(), count = draw(1, 5);
    const int stride = draw(1, 9), size = windows * channels, lists = windows * count;
    const float *dy = floats(size);
    const uint8_t *argmax = bytes(size, count - 1);
    float *values = floats(size + k->lanes);
    int32_t *offsets = ints(size + k->lanes, 0, 0), *starts = ints(lists, 0, 0);
    int32_t *counts = ints(lists, 0, 0);
    k->lists_by_position(dy, argmax, windows, channels, count, stride, values, offsets, starts,
                         counts);
    int32_t n = 0;
    for (int l = 0; l < lists; l++) {
        if (starts[l] != n) fail(l, starts[l], n);
        for (int c = 0; c < channels; c++) {
            const int at = l / count * channels + c;
            if (argmax[at] != l % count) continue;
            same(values + n, dy + at, 1);
            if (offsets[n] != c * stride) fail(n, offsets[n], c * stride);
            n++;
        }
        if (counts[l] != n - starts[l]) fail(l, counts[l], n - starts[l]);
    }
}
static void lists_by_channel(void) {
    const int windows = draw(0, 40), channels = channel_count(), lanes = k->lanes;
    const int capacity = windows + 5 + lanes, before = draw(0, 5), image = draw(0, 99);
    const int count = draw(1, 4); /* positions in a window; argmax may hold others */
    const float *dy = floats(windows * channels);
    const uint8_t *argmax = bytes(windows * channels, 3);
    const int32_t *corners = ints(windows, 0, 99), *steps = ints(256, 0, 99);
    const ptrdiff_t size = channels * capacity;
    float *values = floats(size), *bias = floats(channels * lanes);
    float *expected_bias = guarded(channels * (ptrdiff_t)sizeof(float));
    int32_t *offsets = ints(size, 0, 0), *counts = ints(channels, before, before);
    for (int c = 0; c < channels; c++) {
        expected_bias[c] = 0;
        for (int i = 0; i < lanes; i++) expected_bias[c] += bias[c * lanes + i];
    }
    k->lists_by_channel(dy, argmax, windows, channels, corners, steps, count, image, capacity,
                        values, offsets, counts, bias);
    for (int c = 0; c < channels; c++) {
        int n = before;
        for (int w = 0; w < windows; w++) {
            const int at = w * channels + c, position = argmax[at];
            if (position >= count) continue;
            same(values + c * capacity + n, dy + at, 1);
            const int32_t offset = corners[w] + image + steps[position];
            same_ints(offsets + c * capacity + n, &offset, 1);
            expected_bias[c] += dy[at];
            n++;
        }
        same_ints(counts + c, &n, 1);
        float sum = 0;
        for (int i = 0; i < lanes; i++) sum += bias[c * lanes + i];
        same(&sum, expected_bias + c, 1);
    }
}
static float relu_below(float a, float max) { return relu(a) > max ? max : relu(a); }
static void depthwise(void) {
    struct depthwise p = {.taps = draw(0, 12), .pixels = draw(1, 20), .channels = channel_count()};
    p.x_pixel = draw(0, 9), p.y_pixel = p.channels + draw(0, 3), p.relu = draw(0, 1);
    p.relu_max = often() ? 6 : NAN;
    p.x_taps = offsets_to(p.taps, 30), p.w_taps = offsets_to(p.taps, 30);
    p.x = floats(30 + (p.pixels - 1) * p.x_pixel + p.channels), p.w = floats(30 + p.channels);
    p.b = often() ? floats(p.channels) : NULL;
    const ptrdiff_t size = (p.pixels - 1) * p.y_pixel + p.channels;
    p.y = floats(size);
    float *expected = copy(p.y, size);
    for (int i = 0; i < p.pixels; i++)
        for (int c = 0; c < p.channels; c++) {
            float sum = p.b ? p.b[c] : 0;
            for (int t = 0; t < p.taps; t++)
                sum += p.x[p.x_taps[t] + i * p.x_pixel + c] * p.w[p.w_taps[t] + c];
            expected[i * p.y_pixel + c] = p.relu ? relu_below(sum, p.relu_max) : sum;
        }
    k->depthwise(&p);
    same(p.y, expected, size);
}
static void depthwise_weights(void) {
    struct depthwise_weights p = {.taps = draw(1, 9), .rows = draw(0, 4), .pixels = draw(0, 4)};
    p.width = draw(1, k->lanes), p.channels = p.width + draw(0, 9);
    p.x_row = draw(0, 20), p.x_pixel = draw(0, 9), p.x_taps = offsets_to(p.taps, 30);
    p.x = floats(30 + 3 * p.x_row + 3 * p.x_pixel + p.width);
    const ptrdiff_t pixels_of_dy = p.rows * p.pixels, size = (p.taps - 1) * p.channels + p.width;
    p.dy = floats(pixels_of_dy ? (pixels_of_dy - 1) * p.channels + p.width : 0);
    p.dw = floats(size);
    float *db = floats(p.width), *expected_db = copy(db, p.width), *expected = copy(p.dw, size);
    p.db = often() ? db : NULL;
    for (int r = 0; r < p.rows; r++)
        for (int i = 0; i < p.pixels; i++)
            for (int c = 0; c < p.width; c++) {
                const float dy = p.dy[(r * p.pixels + i) * p.channels + c];
                for (int t = 0; t < p.taps; t++)
                    expected[t * p.channels + c] +=
                        dy * p.x[r * p.x_row + i * p.x_pixel + p.x_taps[t] + c];
                if (p.db) expected_db[c] += dy;
            }
    k->depthwise_weights(&p);
    same(p.dw, expected, size);
    same(db, expected_db, p.width);
}
/* The column of x that pixel i of y meets with column t of the filter, or a negative number. */
static ptrdiff_t depthwise_column(const struct depthwise_row *p, ptrdiff_t i, ptrdiff_t t) {
    if (!p->spread) return i * p->stride + t - p->left;
    return (i + p->left - t) % 2 ? -1 : (i + p->left - t) / 2;
}
static void depthwise_row(void) {
    struct depthwise_row p = {.rows = draw(0, 4), .pixels = draw(1, 20), .relu = draw(0, 1)};
    p.relu_max = often() ? 6 : NAN;
    p.columns = often() ? 3 : 5, p.spread = draw(0, 1), p.stride = p.spread ? 2 : draw(1, 2);
    p.left = draw(0, (int)p.columns - 1), p.channels = k->lanes + draw(0, 3 * k->lanes);
    /* the padding has fewer columns than the filter */
    const ptrdiff_t right = draw(0, (int)p.columns - 1);
    p.width = (p.pixels - 1) * p.stride + p.columns - p.left - right;
    if (p.spread) p.width = (p.pixels + p.left + right - p.columns) / 2 + 1;
    if (p.width < 1 || (p.spread && p.pixels + p.left + right < p.columns)) return;
    p.x_row = p.width * p.channels, p.w_row = p.columns * p.channels, p.w_column = p.channels;
    p.x = floats(p.rows * p.x_row), p.w = floats(p.rows * p.w_row), p.b = floats(p.channels);
    const ptrdiff_t size = p.pixels * p.channels;
    p.y = floats(size);
    float *expected = copy(p.y, size);
    for (ptrdiff_t i = 0; i < p.pixels; i++)
        for (ptrdiff_t c = 0; c < p.channels; c++) {
            float sum = p.b[c];
            for (ptrdiff_t r = 0; r < p.rows; r++)
                for (ptrdiff_t t = 0; t < p.columns; t++) {
                    const ptrdiff_t j = depthwise_column(&p, i, t);
                    if (j >= 0 && j < p.width)
                        sum += p.x[r * p.x_row + j * p.channels + c] *
                               p.w[r * p.w_row + t * p.channels + c];
                }
            expected[i * p.channels + c] = p.relu ? relu_below(sum, p.relu_max) : sum;
        }
    k->depthwise_row(&p);
    same(p.y, expected, size);
}
static void depthwise_row_weights(void) {
    struct depthwise_row_weights p = {.rows = draw(0, 3), .pixels = draw(1, 15)};
    const ptrdiff_t lanes = k->lanes;
    p.columns = often() ? 3 : 5, p.stride = draw(1, 2), p.left = draw(0, (int)p.columns - 1);
    p.filter_rows = draw(1, 6), p.first_row = draw(0, (int)p.filter_rows - 1);
    p.rows_inside = draw(0, (int)(p.filter_rows - p.first_row)), p.channels = lanes + draw(0, 20);
    p.width = (p.pixels - 1) * p.stride + p.columns - p.left - draw(0, (int)p.columns - 1);
    if (p.width < 1) return;
    p.x_row = p.width * p.channels, p.x_step = draw(1, 2) * p.x_row;
    p.x = floats(3 * p.x_step + p.filter_rows * p.x_row), p.dy = floats(3 * p.pixels * p.channels);
    const ptrdiff_t vectors = (p.channels + lanes - 1) / lanes;
    const ptrdiff_t vector_size = (1 + p.filter_rows * p.columns) * lanes;
    p.sums = floats(vectors * vector_size);
    float *expected = copy(p.sums, vectors * vector_size);
    for (ptrdiff_t v = 0; v < vectors; v++)
        for (ptrdiff_t l = 0; l < lanes; l++) {
            const ptrdiff_t c = (v == vectors - 1 ? p.channels - lanes : v * lanes) + l;
            float *sums = expected + v * vector_size + l;
            for (ptrdiff_t q = 0; q < p.rows; q++)
                for (ptrdiff_t i = 0; i < p.pixels; i++) {
                    const float dy = p.dy[(q * p.pixels + i) * p.channels + c];
                    if (p.rows_inside) sums[0] += dy;
                    for (ptrdiff_t r = 0; r < p.rows_inside; r++)
                        for (ptrdiff_t t = 0; t < p.columns; t++) {
                            const ptrdiff_t j = i * p.stride + t - p.left;
                            if (j < 0 || j >= p.width) continue;
                            sums[(1 + (p.first_row + r) * p.columns + t) * lanes] +=
                                dy * p.x[q * p.x_step + r * p.x_row + j * p.channels + c];
                        }
                }
        }
    k->depthwise_row_weights(&p);
    same(p.sums, expected, vectors * vector_size);
}
