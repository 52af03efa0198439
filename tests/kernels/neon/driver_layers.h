/* The driver's tests of the tiles of single layers: noise, resizing, functions of columns. */

static double normal_of(uint32_t h) { /* as in gaussian.inc.h, in double precision */
    static const double near[9] = {2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                   -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                   -0.00417768164,  0.246640727,    1.50140941};
    static const double far[9] = {-0.000200214257, 0.000100950558, 0.00134934322,
                                  -0.00367342844,  0.00573950773,  -0.0076224613,
                                  0.00943887047,   1.00167406,     2.83297682};
    const double t = ((h & 0x7fffffff) + 0.5) / 2147483648.0, w = -log(t * (2 - t));
    const double *coefficients = w < 5 ? near : far, x = w < 5 ? w - 2.5 : sqrt(w) - 3;
    double sum = 0;
    for (int i = 0; i < 9; i++) sum = sum * x + coefficients[i];
    return (h >> 31 ? -1 : 1) * sum * (1 - t) * sqrt(2);
}
static void gaussian(void) {
    const int n = draw(0, 40);
    struct gaussian p = {.first = (uint32_t)draw(0, 1 << 30) * 4, .stddev = 0.5f};
    p.key[0] = (uint32_t)draw(0, 1 << 30) * 5, p.key[1] = (uint32_t)draw(0, 1 << 30) * 7;
    p.multiplies = draw(0, 1);
    const float *x = floats(n);
    float *y = floats(n);
    k->gaussian(x, y, n, &p);
    for (int i = 0; i < n; i++) {
        const uint32_t h = mixed(mixed((p.first + (uint32_t)i) ^ p.key[0]) ^ p.key[1]);
        const double noise = 0.5 * normal_of(h);
        absolutely(y, i, p.multiplies ? x[i] * (1 + noise) : x[i] + noise, 2e-5);
    }
}

static void resample(void) {
    struct resample p = {.pixels = draw(1, 9), .taps = draw(1, 4), .channels = draw(1, 40)};
    const int sources = draw(1, 9);
    const ptrdiff_t size = p.pixels * p.channels;
    p.x_pixel = p.channels + draw(0, 3);
    /* with few channels, a vector is read at each pixel */
    p.x = floats((sources - 1) * p.x_pixel + (p.channels < k->lanes ? k->lanes : p.channels));
    p.weights = floats(p.pixels * p.taps);
    p.sources = ints(p.pixels * p.taps, 0, sources - 1);
    p.y = floats(size);
    float *expected = copy(p.y, size);
    for (ptrdiff_t i = 0; i < p.pixels; i++)
        for (ptrdiff_t c = 0; c < p.channels; c++) {
            float sum = 0;
            for (ptrdiff_t tap = i * p.taps; tap < (i + 1) * p.taps; tap++)
                sum += p.weights[tap] * p.x[p.sources[tap] * p.x_pixel + c];
            expected[i * p.channels + c] = sum;
        }
    k->resample(&p);
    same(p.y, expected, size);
}

static void affine_rows(void) {
    struct affine_rows p = {.rows = draw(0, 5), .columns = draw(1, 40), .low = -9, .high = 9};
    const ptrdiff_t size = p.rows * p.columns;
    p.x = floats(size), p.dy = often() ? floats(size) : NULL, p.out = floats(size);
    p.center = floats(p.columns), p.scale = floats(p.columns), p.offset = floats(p.columns);
    float *expected = copy(p.out, size);
    for (ptrdiff_t i = 0; i < size; i++) {
        const ptrdiff_t c = i % p.columns;
        const float y = (p.x[i] - p.center[c]) * p.scale[c] + p.offset[c];
        expected[i] = y < p.low ? p.low : y > p.high ? p.high : y;
        if (p.dy) expected[i] = y == expected[i] ? p.dy[i] * p.scale[c] : 0;
    }
    k->affine_rows(&p);
    same(p.out, expected, size);
}

static struct columns some_columns(ptrdiff_t *size) {
    struct columns p = {.rows = draw(1, 9), .columns = draw(1, 40), .log = draw(0, 1)};
    p.distance = p.columns + draw(0, 3);
    *size = (p.rows - 1) * p.distance + p.columns;
    p.x = floats(*size), p.out = floats(*size);
    return p;
}
/* In p.out: the results of a column in double precision, and what is between the columns. */
static void check_columns(const struct columns *p, const float *before, const double *expected,
                          ptrdiff_t size) {
    for (ptrdiff_t i = 0; i < size; i++) {
        if (i % p->distance < p->columns)
            absolutely(p->out, (int)i, expected[i], 1e-5 * (1 + fabs(expected[i])));
        else if (p->out[i] != before[i]) fail(i, p->out[i], before[i]);
    }
}
static void softmax_columns(void) {
    ptrdiff_t size;
    struct columns p = some_columns(&size);
    double expected[9 * 43];
    for (ptrdiff_t c = 0; c < p.columns; c++) {
        double sum = 0;
        for (ptrdiff_t r = 0; r < p.rows; r++) sum += exp(p.x[r * p.distance + c]);
        for (ptrdiff_t i = c; i < size; i += p.distance)
            expected[i] = p.log ? p.x[i] - log(sum) : exp(p.x[i]) / sum;
    }
    const float *before = copy(p.out, size);
    k->softmax_columns(&p);
    check_columns(&p, before, expected, size);
}
static void softmax_columns_gradient(void) {
    ptrdiff_t size;
    struct columns p = some_columns(&size);
    double expected[9 * 43];
    p.dy = floats(size);
    for (ptrdiff_t c = 0; c < p.columns; c++) {
        double sum = 0;
        for (ptrdiff_t i = c; i < size; i += p.distance) sum += p.dy[i] * (p.log ? 1 : p.x[i]);
        for (ptrdiff_t i = c; i < size; i += p.distance)
            expected[i] = p.log ? p.dy[i] - exp(p.x[i]) * sum : p.x[i] * (p.dy[i] - sum);
    }
    const float *before = copy(p.out, size);
    k->softmax_columns_gradient(&p);
    check_columns(&p, before, expected, size);
}
static void share_columns(void) {
    ptrdiff_t size;
    struct columns p = some_columns(&size);
    double expected[9 * 43];
    p.dy = floats(p.columns), p.most = floats(p.columns);
    for (ptrdiff_t c = 0; c < p.columns; c++) {
        int count = 0;
        for (ptrdiff_t i = c; i < size; i += p.distance) count += p.x[i] == p.most[c];
        for (ptrdiff_t i = c; i < size; i += p.distance)
            expected[i] = p.x[i] == p.most[c] ? (double)p.dy[c] / count : 0;
    }
    const float *before = copy(p.out, size);
    k->share_columns(&p);
    check_columns(&p, before, expected, size);
}
