/* The tile of elementwise losses (csrc/losses.h), against formulas in double precision. */

static double inside(double y, double low, double high) { return y < low || y > high ? 0 : 1; }
static double limited(double y, double low, double high) { return fmin(fmax(y, low), high); }

/* The focal factor of an entropy and its slope; q is the probability, `open` its derivative. */
static void focal_at(double t, double q, double open, const float *h, double out[2]) {
    const double rest = fmax(1 - (t * q + (1 - t) * (1 - q)), 0);
    const double weight = h[3] == h[3] ? t * h[3] + (1 - t) * (1 - h[3]) : 1;
    const double more = h[2] * pow(rest, h[2] - 1) * (1 - 2 * t) * open * out[0];
    out[1] = weight * (pow(rest, h[2]) * out[1] + more);
    out[0] *= weight * pow(rest, h[2]);
}
/* out = the loss of a prediction y with the target t, and its derivative */
static void loss_at(enum loss_function which, double t, double y, const float *h, double out[2]) {
    const double e = y - t, sign = (e > 0) - (e < 0), low = h[0], high = h[1];
    const double s = h[0] != 0 ? 2 * t - 1 : t, margin = fmax(1 - s * y, 0);
    double q = limited(y, low, high);
    switch (which) {
        case LOSS_squared:
            out[0] = e * e, out[1] = 2 * e;
            return;
        case LOSS_absolute:
            out[0] = fabs(e), out[1] = sign;
            return;
        case LOSS_percentage:
            out[0] = 100 * fabs(e) / fmax(fabs(t), low), out[1] = 100 * sign / fmax(fabs(t), low);
            return;
        case LOSS_logarithmic:
            q = log1p(fmax(y, low)) - log1p(fmax(t, low));
            out[0] = q * q, out[1] = y < low ? 0 : 2 * q / (1 + y);
            return;
        case LOSS_huber:
            out[0] = fabs(e) > low ? low * fabs(e) - low * low / 2 : e * e / 2;
            out[1] = limited(e, -low, low);
            return;
        case LOSS_log_cosh:
            out[0] = log(cosh(e)), out[1] = tanh(e);
            return;
        case LOSS_hinge:
            out[0] = margin, out[1] = 1 - s * y < 0 ? 0 : -s;
            return;
        case LOSS_squared_hinge:
            out[0] = margin * margin, out[1] = -2 * margin * s;
            return;
        case LOSS_poisson:
            out[0] = y - t * log(y + low), out[1] = 1 - t / (y + low);
            return;
        case LOSS_kl_divergence:
            q = limited(t, low, 1) / limited(y, low, 1);
            out[0] = limited(t, low, 1) * log(q), out[1] = -q * inside(y, low, 1);
            return;
        case LOSS_binary:
        case LOSS_binary_focal:
            out[0] = -(t * log(q) + (1 - t) * log(1 - q));
            out[1] = (q - t) / (q * (1 - q)) * inside(y, low, high);
            if (which == LOSS_binary_focal) focal_at(t, y, 1, h, out);
            return;
        case LOSS_binary_logits:
        case LOSS_binary_focal_logits:
            q = 1 / (1 + exp(-y));
            out[0] = log1p(exp(y)) - y * t, out[1] = q - t;
            if (which == LOSS_binary_focal_logits) focal_at(t, q, q * (1 - q), h, out);
            return;
        case LOSS_category:
            out[0] = -t * log(q), out[1] = -t / q * inside(y, low, high);
            return;
        case LOSS_category_focal:
            out[0] = -t * pow(1 - q, h[2]) * log(q);
            out[1] = pow(1 - q, h[2]) / q - h[2] * pow(1 - q, h[2] - 1) * log(q);
            out[1] *= -t * inside(y, low, high);
            return;
    }
}
static void elementwise_loss(void) {
    const int n = draw(0, 40), all = LOSS_squared_hinge + 1;
    struct loss p = {.function = (enum loss_function)draw(0, all - 1), .n = n, .factor = 0.5f};
    const float parameters[] = {0.0625f, 0.9375f, (float)draw(1, 3), often() ? 0.25f : NAN};
    memcpy(p.parameters, parameters, sizeof parameters);
    const int is_hinge = p.function == LOSS_hinge || p.function == LOSS_squared_hinge;
    p.keep = is_hinge ? 1 : 0.75f, p.offset = is_hinge ? 0 : 0.125f;
    float *t = floats(n), *y = floats(n);
    for (int i = 0; i < n; i++) t[i] = (float)draw(0, 1), y[i] = (float)draw(1, 31) / 32;
    p.t = t, p.p = y, p.values = floats(n), p.slopes = floats(n);
    p.probabilities = p.function == LOSS_binary_logits && often() ? floats(n) : NULL;
    k->elementwise_loss(&p);
    for (int i = 0; i < n; i++) {
        double out[2];
        loss_at(p.function, t[i] * p.keep + p.offset, y[i], parameters, out);
        absolutely(p.values, i, out[0], 4e-6 * (1 + fabs(out[0])));
        absolutely(p.slopes, i, 0.5 * out[1], 1e-5 * (1 + fabs(out[1])));
        if (p.probabilities) absolutely(p.probabilities, i, 1 / (1 + exp(-y[i])), 4e-7);
    }
}
