/* Included in driver.c: copies, pooling, elementwise tiles, merging, batch normalization. */

static void copy_rows(void) {
    const int rows = draw(0, 5), columns = draw(0, 19);
    const ptrdiff_t x_row = columns + draw(0, 3), y_row = columns + draw(0, 3);
    const float *x = floats(rows ? (rows - 1) * x_row + columns : 0);
    const ptrdiff_t size = rows ? (rows - 1) * y_row + columns : 0;
    float *y = floats(size), *expected = copy(y, size);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) expected[r * y_row + c] = x[r * x_row + c];
    k->copy_rows(x, x_row, y, y_row, rows, columns);
    same(y, expected, size);
}
static void open_rows(void) {
    const int rows = draw(0, 5), columns = draw(0, 70);
    const ptrdiff_t x_row = columns + draw(0, 3), y_row = columns + draw(0, 3);
    const ptrdiff_t x_size = rows ? (rows - 1) * x_row + columns : 0;
    const ptrdiff_t size = rows ? (rows - 1) * y_row + columns : 0;
    const float *x = floats(x_size), *result = floats(x_size);
    float *y = floats(size), *expected = copy(y, size);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            expected[r * y_row + c] = result[r * x_row + c] > 0 ? x[r * x_row + c] : 0;
    k->open_rows(x, x_row, result, y, y_row, rows, columns);
    same(y, expected, size);
}
static void add_rows(void) {
    const int rows = draw(0, 5), columns = draw(0, 19);
    const ptrdiff_t row = columns + draw(0, 3), size = rows ? (rows - 1) * row + columns : 0;
    const float *x = floats(size);
    float *y = floats(size), *expected = copy(y, size);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) expected[r * row + c] += x[r * row + c];
    k->add_rows(x, y, row, rows, columns);
    same(y, expected, size);
}
static void add_patches(void) {
    const int pixels = draw(1, 5), rows = draw(1, 3), columns = draw(1, 19);
    const ptrdiff_t y_row = draw(0, 40), y_pixel = draw(0, 20);
    const ptrdiff_t size = (pixels - 1) * y_pixel + (rows - 1) * y_row + columns;
    const float *x = floats(pixels * rows * columns);
    float *y = floats(size), *expected = copy(y, size);
    for (int p = 0; p < pixels; p++)
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                expected[p * y_pixel + r * y_row + c] += x[(p * rows + r) * columns + c];
    k->add_patches(x, pixels, rows, columns, y, y_row, y_pixel);
    same(y, expected, size);
}
static void transpose(void) {
    const int rows = draw(1, 19), columns = draw(1, 19);
    const ptrdiff_t x_row = columns + draw(0, 3), y_row = rows + draw(0, 3);
    const float *x = floats((rows - 1) * x_row + columns);
    const ptrdiff_t size = (columns - 1) * y_row + rows;
    float *y = floats(size), *expected = copy(y, size);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) expected[c * y_row + r] = x[r * x_row + c];
    k->transpose(x, x_row, y, y_row, rows, columns);
    same(y, expected, size);
}

/* ------------------------------------------------------------------------------------- pooling */

/* A row of windows over an image of `height` rows, some of them cut off by padding. */
static struct pool a_pool(int *height, int *width) {
    struct pool p = {
        .window_columns = draw(1, 4), .stride = draw(1, 3), .channels = channel_count()};
    const int rows = draw(1, 4);
    p.first_row = draw(0, rows - 1), p.rows = draw(1, rows - (int)p.first_row);
    p.left = draw(0, (int)p.window_columns - 1), p.columns_out = draw(1, 6);
    const int last = (int)((p.columns_out - 1) * p.stride - p.left); /* start of the last window */
    *height = (int)p.rows;
    *width = last + (int)p.window_columns;
    *width -= draw(0, (last < 0 ? *width : (int)p.window_columns) - 1); /* no window is empty */
    p.pixel = p.channels + draw(0, 1) * draw(0, 9); /* columns of a wider array */
    p.row_size = *width * p.pixel;
    p.overlap = 1;
    ptrdiff_t *columns = offsets_to(2 * p.columns_out, 0);
    for (int o = 0; o < p.columns_out; o++) {
        const ptrdiff_t start = o * p.stride - p.left;
        columns[2 * o] = start < 0 ? 0 : start;
        columns[2 * o + 1] = least(start + p.window_columns, *width);
    }
    p.columns = columns;
    return p;
}
static int position_of(const struct pool *p, int o, int r, int q) {
    return (int)((p->first_row + r) * p->window_columns + q - o * p->stride + p->left);
}
static void max_pool2d_forward(void) {
    int height, width;
    struct pool p = a_pool(&height, &width);
    const ptrdiff_t size = p.columns_out * p.channels;
    float *x = floats(height * p.row_size);
    if (draw(0, 4) == 0) x[draw(0, (int)(height * p.row_size) - 1)] = NAN;
    p.x = x, p.y = floats(size), p.relu = draw(0, 1);
    const int kind = draw(0, 2);
    uint8_t *argmax8 = bytes(size, 3);
    int32_t *argmax32 = ints(size, 0, 0), *expected_argmax = ints(size, 0, 0);
    float *expected = copy(p.y, size);
    p.argmax8 = kind == 1 ? argmax8 : NULL, p.argmax32 = kind == 2 ? argmax32 : NULL;
    for (int o = 0; o < p.columns_out; o++)
        for (int c = 0; c < p.channels; c++) {
            float best = 0;
            int position = -1;
            for (int r = 0; r < p.rows; r++)
                for (int q = (int)p.columns[2 * o]; q < p.columns[2 * o + 1]; q++) {
                    const float v = x[r * p.row_size + q * p.pixel + c];
                    if (position < 0 || v > best || (isnan(v) && !isnan(best)))
                        best = v, position = position_of(&p, o, r, q);
                }
            expected[o * p.channels + c] = p.relu ? relu(best) : best;
            const int closed = kind == 2 ? -1 : 255;
            expected_argmax[o * p.channels + c] = p.relu && best <= 0 ? closed : position;
        }
    k->max_pool2d_forward(&p);
    same(p.y, expected, size);
    for (ptrdiff_t i = 0; i < size; i++)
        if (kind && expected_argmax[i] != (kind == 1 ? argmax8[i] : argmax32[i]))
            fail(i, kind == 1 ? argmax8[i] : argmax32[i], expected_argmax[i]);
}
static void average_pool2d_forward(void) {
    int height, width;
    struct pool p = a_pool(&height, &width);
    const ptrdiff_t size = p.columns_out * p.channels;
    p.x = floats(height * p.row_size), p.y = floats(size);
    float *expected = copy(p.y, size);
    for (int o = 0; o < p.columns_out; o++)
        for (int c = 0; c < p.channels; c++) {
            float sum = 0, count = 0;
            for (int r = 0; r < p.rows; r++)
                for (int q = (int)p.columns[2 * o]; q < p.columns[2 * o + 1]; q++, count++)
                    sum += p.x[r * p.row_size + q * p.pixel + c];
            expected[o * p.channels + c] = sum / count;
        }
    k->average_pool2d_forward(&p);
    same(p.y, expected, size);
}
/* Where windows do not overlap, dx is only written. */
static void average_pool2d_backward(void) {
    int height, width;
    struct pool p = a_pool(&height, &width);
    const ptrdiff_t size = p.columns_out * p.channels, x_size = height * p.row_size;
    p.overlap = p.stride < p.window_columns || draw(0, 1);
    p.y = floats(size), p.dx = floats(x_size);
    for (ptrdiff_t i = 0; i < size; i++)
        p.y[i] *= 144; /* divisible by the pixel counts of these windows */
    if (!p.overlap) memset(p.dx, 0, (size_t)x_size * sizeof(float));
    float *expected = copy(p.dx, x_size);
    for (int o = 0; o < p.columns_out; o++)
        for (int c = 0; c < p.channels; c++)
            for (int r = 0; r < p.rows; r++)
                for (int q = (int)p.columns[2 * o]; q < p.columns[2 * o + 1]; q++) {
                    const float count = (float)(p.rows * (p.columns[2 * o + 1] - p.columns[2 * o]));
                    expected[r * p.row_size + q * p.pixel + c] += p.y[o * p.channels + c] / count;
                }
    k->average_pool2d_backward(&p);
    same(p.dx, expected, x_size);
}
/* One row of an image, at `up` in the first row of windows that contain it. */
static void max_pool2d_backward(void) {
    int height, width;
    const struct pool windows = a_pool(&height, &width);
    const int columns = (int)windows.window_columns, stride = (int)windows.stride;
    const int out = (int)windows.columns_out, stride_h = draw(1, 3), up = draw(0, 6);
    struct max_pool_gradient p = {.rows = draw(0, up / stride_h + 1), .columns = width};
    p.channels = windows.channels, p.stride = stride, p.left = windows.left;
    p.first_position = up * columns, p.row_step = stride_h * columns;
    p.row_size = out * p.channels, p.accumulate = draw(0, 1);
    const ptrdiff_t size = p.rows * p.row_size, dx_size = width * p.channels;
    const int small = draw(0, 1), most = (up + 1) * columns - 1;
    const float *dy = floats(size);
    const uint8_t *argmax8 = bytes(size, most);
    const int32_t *argmax32 = ints(size, 0, most);
    p.dy = dy, p.argmax8 = small ? argmax8 : NULL, p.argmax32 = small ? NULL : argmax32;
    p.dx = floats(dx_size);
    ptrdiff_t *range = offsets_to(2 * width, 0);
    float *expected = copy(p.dx, dx_size);
    for (int q = 0; q < width; q++) {
        int first = 0, last = out;
        while (first < out && first * stride - p.left + columns <= q) first++;
        while (last > first && (last - 1) * stride - p.left > q) last--;
        range[2 * q] = first, range[2 * q + 1] = last;
        for (int c = 0; c < p.channels; c++) {
            float sum = p.accumulate ? p.dx[q * p.channels + c] : 0;
            for (int r = 0; r < p.rows; r++)
                for (int o = first; o < last; o++) {
                    const ptrdiff_t at = (r * out + o) * p.channels + c;
                    const ptrdiff_t position =
                        (up - r * stride_h) * columns + q + p.left - o * stride;
                    if ((small ? argmax8[at] : argmax32[at]) == position) sum += dy[at];
                }
            expected[q * p.channels + c] = sum;
        }
    }
    p.windows = range;
    k->max_pool2d_backward(&p);
    same(p.dx, expected, dx_size);
}

/* --------------------------------------------------------------------------------- elementwise */

static void relu_forward(void) {
    const int n = draw(0, 40);
    const float *x = floats(n);
    float *y = floats(n);
    const float max = a_bound();
    k->relu_forward(x, y, n, max);
    for (int i = 0; i < n; i++)
        if (y[i] != bounded_relu(x[i], max) || signbit(y[i])) fail(i, y[i], x[i]);
}
static void relu_backward(void) {
    const int n = draw(0, 40);
    const float *dy = floats(n), *y = floats(n);
    float *dx = floats(n);
    const float max = a_bound();
    k->relu_backward(dy, y, dx, n, max);
    for (int i = 0; i < n; i++) {
        const float expected = is_closed(y[i], max) ? 0 : dy[i];
        if (dx[i] != expected) fail(i, dx[i], expected);
    }
}
static float *spread(int n) { /* values of every magnitude, infinities and NaN */
    static const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f};
    float *x = floats(n);
    for (int i = 0; i < n; i++)
        x[i] = often() ? (float)draw(-100000, 100000) / (float)(1 << draw(0, 20))
                       : special[draw(0, 6)];
    return x;
}
static void within(const float *found, int i, double expected, double ulps) {
    if (isnan(expected) && isnan(found[i])) return;
    const double size = fabs(expected) < 1.2e-38 ? 1.2e-38 : fabs(expected);
    const double ulp = ldexp(1, ilogb(size) - 23);
    if (found[i] == (float)expected) return;
    if (!(fabs(found[i] - expected) <= ulps * ulp + 2.4e-38)) fail(i, found[i], expected);
}
static void exp_shifted(void) {
    const int n = draw(0, 40);
    const float *x = spread(n), shift = (float)draw(-8, 8);
    float *y = floats(n);
    k->exp_shifted(x, shift, y, n);
    for (int i = 0; i < n; i++) within(y, i, exp(x[i] - shift > 88 ? 88 : x[i] - shift), 2);
}
static void row_maximum(void) {
    const int n = draw(1, 40);
    const float *x = spread(n);
    double expected = -INFINITY;
    for (int i = 0; i < n; i++)
        if (x[i] > expected) expected = x[i];
    const float found = k->row_maximum(x, n);
    within(&found, 0, expected, 0);
}
static void row_sum(void) { /* of integers, exact in any order */
    const int n = draw(0, 40);
    const float *x = floats(n);
    double expected = 0;
    for (int i = 0; i < n; i++) expected += x[i];
    const float found = k->row_sum(x, n);
    within(&found, 0, expected, 0);
}
static void row_product(void) {
    const int n = draw(0, 40);
    const float *a = floats(n), *b = floats(n);
    double expected = 0;
    for (int i = 0; i < n; i++) expected += (double)a[i] * b[i];
    const float found = k->row_product(a, b, n);
    within(&found, 0, expected, 0);
}
static void tanh_forward(void) {
    const int n = draw(0, 40);
    const float *x = spread(n);
    float *y = floats(n);
    k->tanh_forward(x, y, n, 0);
    for (int i = 0; i < n; i++) within(y, i, tanh(x[i]), 3);
}
static void sigmoid_forward(void) {
    const int n = draw(0, 40);
    const float *x = spread(n);
    float *y = floats(n);
    k->sigmoid_forward(x, y, n, 0);
    for (int i = 0; i < n; i++) within(y, i, 1 / (1 + exp(-(double)x[i])), 3);
}
static void elu_forward(void) {
    const int n = draw(0, 40);
    const float *x = spread(n);
    float *y = floats(n);
    k->elu_forward(x, y, n, 0.5f);
    for (int i = 0; i < n; i++) within(y, i, x[i] > 0 ? x[i] : 0.5 * expm1(x[i]), 2);
}
static void activation_backward(int which) {
    const int n = draw(0, 40);
    const float *dy = floats(n),
                *y = floats(n); /* y is not such an output, but the formula holds */
    float *dx = floats(n);
    void (*run[])(const float *, const float *, float *, ptrdiff_t, float) = {
        k->tanh_backward, k->sigmoid_backward, k->elu_backward};
    run[which](dy, y, dx, n, 2);
    for (int i = 0; i < n; i++) {
        const float slope[] = {1 - y[i] * y[i], y[i] * (1 - y[i]), y[i] > 0 ? 1 : y[i] + 2};
        if (dx[i] != dy[i] * slope[which]) fail(i, dx[i], dy[i] * slope[which]);
    }
}
static void tanh_backward(void) { activation_backward(0); }
static void sigmoid_backward(void) { activation_backward(1); }
static void elu_backward(void) { activation_backward(2); }

/* A curve and its slope at x; for those whose gradient is computed from y, the slope at x = y. */
static double logistic(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double normal_cdf(double x) { return 0.5 * erfc(-x * 0.7071067811865476); }
static double between(double x, double low, double high) { return fmin(fmax(x, low), high); }
static double gelu_exponent(double x) { return 1.5957691216057308 * (x + 0.044715 * x * x * x); }
static double curve_at(enum curve_function f, double x) {
    switch (f) {
        case CURVE_celu:
            return x > 0 ? x : 0.5 * expm1(x / 0.5);
        case CURVE_exponential:
            return exp(x);
        case CURVE_gelu:
            return x * normal_cdf(x);
        case CURVE_gelu_approximate:
            return x * logistic(gelu_exponent(x));
        case CURVE_hard_shrink:
            return fabs(x) > 0.5 ? x : 0;
        case CURVE_hard_sigmoid:
            return between(x / 6 + 0.5, 0, 1);
        case CURVE_hard_silu:
            return x * between(x / 6 + 0.5, 0, 1);
        case CURVE_hard_tanh:
            return between(x, -1, 1);
        case CURVE_log_sigmoid:
            return -softplus(-x);
        case CURVE_mish:
            return x * tanh(softplus(x));
        case CURVE_relu:
            return x <= 0.25 ? 0.5 * (x - 0.25) : fmin(x, 2);
        case CURVE_selu:
            return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
        case CURVE_silu:
            return x * logistic(x);
        case CURVE_soft_shrink:
            return x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0;
        case CURVE_softplus:
            return softplus(x);
        case CURVE_softsign:
            return x / (1 + fabs(x));
        case CURVE_sparse_plus:
            return x <= -1 ? 0 : x >= 1 ? x : 0.25 * (x + 1) * (x + 1);
        case CURVE_sparse_sigmoid:
            return between(0.5 * (x + 1), 0, 1);
        case CURVE_squareplus:
            return 0.5 * (x + sqrt(x * x + 0.5));
        case CURVE_tanh_shrink:
            return x - tanh(x);
    }
    return NAN;
}
static double curve_slope(enum curve_function f, double x) {
    const double gate = logistic(x), tanh_x = tanh(x), gate_of_gelu = logistic(gelu_exponent(x));
    const double mish_gate = tanh(softplus(x)), root = sqrt(x * x + 0.5);
    switch (f) {
        case CURVE_celu:
            return x > 0 ? 1 : x / 0.5 + 1;
        case CURVE_exponential:
            return x;
        case CURVE_gelu:
            return normal_cdf(x) + x * 0.3989422804014327 * exp(-0.5 * x * x);
        case CURVE_gelu_approximate:
            return gate_of_gelu + x * gate_of_gelu * (1 - gate_of_gelu) * 1.5957691216057308 *
                                      (1 + 3 * 0.044715 * x * x);
        case CURVE_hard_shrink:
        case CURVE_soft_shrink:
            return fabs(x) > 0.5;
        case CURVE_hard_sigmoid:
            return fabs(x) < 3 ? 1 / 6. : 0;
        case CURVE_hard_silu:
            return between(x / 6 + 0.5, 0, 1) + (fabs(x) < 3 ? x / 6 : 0);
        case CURVE_hard_tanh:
            return fabs(x) <= 1;
        case CURVE_log_sigmoid:
            return 1 - gate;
        case CURVE_mish:
            return mish_gate + x * (1 - mish_gate * mish_gate) * gate;
        case CURVE_relu:
            return x <= 0.25 ? 0.5 : x <= 2;
        case CURVE_selu:
            return x > 0 ? 1.0507009873554805 : x + 1.7580993408473766;
        case CURVE_silu:
            return gate * (1 + x * (1 - gate));
        case CURVE_softplus:
            return gate;
        case CURVE_softsign:
            return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
        case CURVE_sparse_plus:
            return between(0.5 * (x + 1), 0, 1);
        case CURVE_sparse_sigmoid:
            return fabs(x) < 1 ? 0.5 : 0;
        case CURVE_squareplus:
            return 0.5 * (1 + x / root);
        case CURVE_tanh_shrink:
            return tanh_x * tanh_x;
    }
    return NAN;
}
static struct curve a_curve(void) {
    int count = 0;
    while (fastcnn_curve_names[count]) count++;
    struct curve p = {.function = (enum curve_function)draw(0, count - 1), .parameters = {0.5f}};
    if (p.function == CURVE_relu) p.parameters[1] = 2, p.parameters[2] = 0.25f;
    return p;
}
static float *moderate(int n) { /* multiples of 1/32 from -12 to 12 */
    float *x = floats(n);
    for (int i = 0; i < n; i++) x[i] = (float)draw(-384, 384) / 32;
    return x;
}
static void absolutely(const float *found, int i, double expected, double bound) {
    if (!(fabs(found[i] - expected) <= bound)) fail(i, found[i], expected);
}
static void curve_forward(void) {
    const int n = draw(0, 40);
    const struct curve p = a_curve();
    const float *x = moderate(n);
    float *y = floats(n);
    k->curve_forward(x, y, n, &p);
    for (int i = 0; i < n; i++) {
        const double expected = curve_at(p.function, x[i]);
        absolutely(y, i, expected, 4e-7 * (1 + fabs(expected)));
    }
}
static void curve_backward(void) {
    const int n = draw(0, 40);
    const struct curve p = a_curve();
    const float *x = moderate(n), *dy = floats(n);
    float *dx = floats(n);
    k->curve_backward(dy, x, dx, n, &p);
    for (int i = 0; i < n; i++) {
        const double expected = dy[i] * curve_slope(p.function, x[i]);
        absolutely(dx, i, expected, 2e-6 * (1 + fabs(expected)));
    }
}

static struct layer_norm a_norm(ptrdiff_t *size) {
    struct layer_norm p = {.rows = draw(1, 9), .channels = draw(1, 40), .epsilon = 0.5f};
    p.uncentered = draw(0, 1);
    *size = p.rows * p.channels;
    p.x = floats(*size), p.mean = floats(p.rows), p.inverse = floats(p.rows);
    p.gamma = often() ? floats(p.channels) : NULL;
    p.out = floats(*size);
    return p;
}
static void layer_norm_forward(void) {
    ptrdiff_t size;
    struct layer_norm p = a_norm(&size);
    p.beta = often() ? floats(p.channels) : NULL;
    k->layer_norm_forward(&p);
    for (int r = 0; r < p.rows; r++) {
        const float *x = p.x + r * p.channels;
        double mean = 0, squares = 0;
        for (int c = 0; c < p.channels; c++) mean += x[c];
        mean = p.uncentered ? 0 : mean / (double)p.channels;
        for (int c = 0; c < p.channels; c++) squares += (x[c] - mean) * (x[c] - mean);
        const double inverse = 1 / sqrt(squares / (double)p.channels + 0.5);
        absolutely(p.mean, r, mean, 1e-5), absolutely(p.inverse, r, inverse, 1e-5);
        for (int c = 0; c < p.channels; c++) {
            const double scaled = (x[c] - mean) * inverse * (p.gamma ? p.gamma[c] : 1);
            absolutely(p.out + r * p.channels, c, scaled + (p.beta ? p.beta[c] : 0), 1e-4);
        }
    }
}
static void layer_norm_backward(void) {
    ptrdiff_t size;
    struct layer_norm p = a_norm(&size);
    p.dy = floats(size);
    p.dgamma = often() ? floats(p.channels) : NULL, p.dbeta = often() ? floats(p.channels) : NULL;
    float *dgamma = p.dgamma ? copy(p.dgamma, p.channels) : floats(p.channels);
    float *dbeta = p.dbeta ? copy(p.dbeta, p.channels) : floats(p.channels);
    float *expected = copy(p.out, size);
    if (!often()) p.out = NULL;
    for (int r = 0; r < p.rows; r++) {
        double mean = 0, along = 0;
        for (int c = 0; c < p.channels; c++) {
            const ptrdiff_t at = r * p.channels + c;
            const float h = (p.x[at] - p.mean[r]) * p.inverse[r];
            const double d = p.dy[at] * (p.gamma ? p.gamma[c] : 1);
            mean += d / (double)p.channels, along += d * h / (double)p.channels;
            dgamma[c] += p.dy[at] * h, dbeta[c] += p.dy[at];
        }
        for (int c = 0; c < p.channels; c++) {
            const ptrdiff_t at = r * p.channels + c;
            const float h = (p.x[at] - p.mean[r]) * p.inverse[r];
            const double d = p.dy[at] * (p.gamma ? p.gamma[c] : 1);
            expected[at] = (float)(p.inverse[r] * (d - (p.uncentered ? 0 : mean) - h * along));
        }
    }
    k->layer_norm_backward(&p);
    for (int i = 0; p.out && i < size; i++)
        absolutely(p.out, i, expected[i], 1e-2 + 1e-5 * fabs(expected[i]));
    if (p.dgamma) same(p.dgamma, dgamma, p.channels);
    if (p.dbeta) same(p.dbeta, dbeta, p.channels);
}
static struct prelu a_prelu(ptrdiff_t *size) {
    struct prelu p = {.rows = draw(1, 9), .channels = draw(1, 40)};
    *size = p.rows * p.channels;
    p.x = floats(*size), p.alpha = floats(p.channels), p.out = floats(*size);
    return p;
}
static void prelu_forward(void) {
    ptrdiff_t size;
    const struct prelu p = a_prelu(&size);
    k->prelu_forward(&p);
    for (int i = 0; i < size; i++) {
        const float x = p.x[i], expected = x > 0 ? x : x * p.alpha[i % p.channels];
        if (p.out[i] != expected) fail(i, p.out[i], expected);
    }
}
static void prelu_backward(void) {
    ptrdiff_t size;
    struct prelu p = a_prelu(&size);
    p.dy = floats(size), p.dalpha = often() ? floats(p.channels) : NULL;
    float *expected = copy(p.out, size);
    float *dalpha = p.dalpha ? copy(p.dalpha, p.channels) : floats(p.channels);
    if (!often()) p.out = NULL;
    for (int i = 0; i < size; i++) {
        expected[i] = p.x[i] > 0 ? p.dy[i] : p.dy[i] * p.alpha[i % p.channels];
        if (!(p.x[i] > 0)) dalpha[i % p.channels] += p.dy[i] * p.x[i];
    }
    k->prelu_backward(&p);
    if (p.out) same(p.out, expected, size);
    if (p.dalpha) same(p.dalpha, dalpha, p.channels);
}

static uint32_t mixed(uint32_t h) {
    h = (h ^ h >> 16) * 0x21f0aaadu;
    h = (h ^ h >> 15) * 0x735a2d97u;
    return h ^ h >> 15;
}
static void dropout(void) {
    const int n = draw(0, 40);
    struct dropout p = {.first = (uint32_t)draw(0, 1 << 30) * 4, .rate = 0.25f, .scale = 2};
    p.key[0] = (uint32_t)draw(0, 1 << 30) * 5, p.key[1] = (uint32_t)draw(0, 1 << 30) * 7;
    const float *x = floats(n);
    float *y = floats(n);
    k->dropout(x, y, n, &p);
    for (int i = 0; i < n; i++) {
        const uint32_t h = mixed(mixed((p.first + (uint32_t)i) ^ p.key[0]) ^ p.key[1]);
        const float chance = 1 + (float)(h >> 9) / 8388608.0f;
        const float expected = chance >= 1 + p.rate ? x[i] * p.scale : 0;
        if (y[i] != expected) fail(i, y[i], expected);
    }
}
static void from_uint8(void) {
    const int n = draw(0, 40);
    const uint8_t *x = bytes(n, 254);
    float *y = floats(n);
    k->from_uint8(x, y, n);
    for (int i = 0; i < n; i++)
        if (y[i] != (float)x[i]) fail(i, y[i], x[i]);
}
static void from_float64(void) {
    const int n = draw(0, 40);
    double *x = guarded(n * (ptrdiff_t)sizeof *x);
    for (int i = 0; i < n; i++) x[i] = draw(-1000000, 1000000) / 7.0;
    float *y = floats(n);
    k->from_float64(x, y, n);
    for (int i = 0; i < n; i++)
        if (y[i] != (float)x[i]) fail(i, y[i], x[i]);
}
static void resize_row(void) {
    const int pixels = draw(1, 9), channels = draw(1, 9), size = draw(channels, 40);
    const ptrdiff_t n = pixels * channels;
    const float *x = floats(size + 3);
    float *weights = floats(pixels), *y = floats(n + 3);
    long long *neighbors = guarded(2 * pixels * (ptrdiff_t)sizeof *neighbors);
    for (int i = 0; i < 2 * pixels; i++) neighbors[i] = draw(0, size - channels);
    k->resize_row(x, neighbors, weights, y, pixels, channels);
    for (int i = 0; i < n; i++) {
        const int p = i / channels, c = i % channels;
        const float a = x[neighbors[2 * p] + c], b = x[neighbors[2 * p + 1] + c];
        const float expected = a + (b - a) * weights[p];
        if (y[i] != expected) fail(i, y[i], expected);
    }
}
static void blend_rows(void) {
    const int n = draw(0, 40);
    const float *a = floats(n), *b = floats(n);
    float *y = floats(n);
    k->blend_rows(a, b, 0.25f, y, n);
    for (int i = 0; i < n; i++)
        if (y[i] != a[i] + (b[i] - a[i]) * 0.25f) fail(i, y[i], a[i] + (b[i] - a[i]) * 0.25f);
}

/* ------------------------------------------------------------------------------------- merging */

typedef void (*merge_tile)(const float *, const float *, float *, ptrdiff_t, float);

/* value(a[i], b[i]) on integers and now and then NaN; y is one of the arrays sometimes. */
static void merge(merge_tile run, float (*value)(float, float)) {
    const int n = draw(0, 70), which = draw(0, 2);
    float *a = floats(n), *b = floats(n), *y = floats(n), *expected = floats(n);
    for (int i = 0; i < n; i++)
        if (draw(0, 9) == 0) (draw(0, 1) ? a : b)[i] = NAN;
    for (int i = 0; i < n; i++) expected[i] = value(a[i], b[i]);
    y = which == 0 ? a : which == 1 ? b : y;
    run(a, b, y, n, 3);
    same(y, expected, n);
}
static float sum_of(float a, float b) { return a + b; }
static float relu_of_sum(float a, float b) { return relu(a + b); }
static float difference(float a, float b) { return a - b; }
static float product_of(float a, float b) { return a * b; }
static float mean_of(float a, float b) { return (a + b) / 3; }
static float largest(float a, float b) { return b > a || isnan(b) ? b : a; }
static float smallest(float a, float b) { return b < a || isnan(b) ? b : a; }
static void add(void) { merge(k->add, sum_of); }
static void add_relu(void) { merge(k->add_relu, relu_of_sum); }
static void subtract(void) { merge(k->subtract, difference); }
static void multiply(void) { merge(k->multiply, product_of); }
static void average(void) { merge(k->average, mean_of); }
static void maximum_forward(void) { merge(k->maximum_forward, largest); }
static void minimum_forward(void) { merge(k->minimum_forward, smallest); }
static void divide(void) {
    const int n = draw(0, 40);
    const float *x = floats(n);
    float *y = floats(n);
    k->divide(x, y, n, 3);
    for (int i = 0; i < n; i++)
        if (y[i] != x[i] / 3) fail(i, y[i], x[i] / 3);
}
static void split_gradient(int is_maximum) {
    const int n = draw(0, 40);
    const float *dy = floats(n), *a = floats(n), *b = floats(n);
    float *da = often() ? floats(n) : NULL, *db = often() ? floats(n) : NULL;
    (is_maximum ? k->maximum_backward : k->minimum_backward)(dy, a, b, da, db, n);
    for (int i = 0; i < n; i++) {
        const int first = is_maximum ? a[i] >= b[i] : a[i] <= b[i];
        if (da && da[i] != (first ? dy[i] : 0)) fail(i, da[i], first ? dy[i] : 0);
        if (db && db[i] != (first ? 0 : dy[i])) fail(i, db[i], first ? 0 : dy[i]);
    }
}
static void maximum_backward(void) { split_gradient(1); }
static void minimum_backward(void) { split_gradient(0); }

/* ------------------------------------------------------------------------- batch normalization */

static struct batch_norm some_rows(void) {
    struct batch_norm p = {.rows = 1 << draw(0, 5), .channels = channel_count()};
    p.x = floats(p.rows * p.channels), p.dy = floats(p.rows * p.channels);
    p.y = often() ? floats(p.rows * p.channels) : NULL;
    p.mean = floats(p.channels), p.scale = floats(p.channels);
    p.offset = floats(p.channels), p.slope = floats(p.channels);
    p.beta = often() ? floats(p.channels) : NULL;
    p.sum_distance = p.channels + draw(0, 3), p.relu = draw(0, 1);
    p.relu_max = a_bound();
    p.residual = often() ? floats(p.rows * p.channels) : NULL;
    p.dresidual = often() ? floats(p.rows * p.channels) : NULL;
    return p;
}
static void batch_norm(int which) {
    struct batch_norm p = some_rows();
    const ptrdiff_t sums = p.sum_distance + p.channels, all = p.rows * p.channels;
    const ptrdiff_t size = which % 2 ? all : sums;
    p.out = floats(size);
    float *expected = copy(p.out, size);
    float *dresidual = p.dresidual ? copy(p.dresidual, all) : NULL;
    for (int c = 0; c < p.channels; c++) {
        float sum = 0, product = 0, squares = 0, total = 0;
        for (int r = 0; r < p.rows; r++) total += p.x[r * p.channels + c];
        const float mean = total / (float)p.rows;
        for (int r = 0; r < p.rows; r++) {
            const ptrdiff_t at = r * p.channels + c;
            const float deviation = p.x[at] - p.mean[c];
            const float y = p.y      ? p.y[at]
                            : p.beta ? deviation * p.scale[c] + p.beta[c]
                                     : NAN; /* which is not closed */
            const float dy = is_closed(y, p.relu_max) ? 0 : p.dy[at];
            const float added = p.residual ? p.residual[at] : 0;
            const float out = deviation * p.scale[c] + p.offset[c] + added;
            if (which == 2 && dresidual) dresidual[at] = dy;
            sum += dy, product += dy * deviation, squares += (p.x[at] - mean) * (p.x[at] - mean);
            if (which == 1) expected[at] = p.relu ? bounded_relu(out, p.relu_max) : out;
            if (which == 3) expected[at] = dy * p.scale[c] + deviation * p.slope[c] + p.offset[c];
        }
        if (which == 0) expected[c] = mean, expected[p.sum_distance + c] = squares;
        if (which == 2) expected[c] = sum, expected[p.sum_distance + c] = product;
    }
    void (*run[])(const struct batch_norm *) = {k->batch_norm_moments, k->batch_norm_apply,
                                                k->batch_norm_sums, k->batch_norm_gradient};
    run[which](&p);
    same(p.out, expected, size);
    if (dresidual) same(p.dresidual, dresidual, all);
}
static void batch_norm_moments(void) { batch_norm(0); }
static void batch_norm_apply(void) { batch_norm(1); }
static void batch_norm_sums(void) { batch_norm(2); }
static void batch_norm_gradient(void) { batch_norm(3); }
