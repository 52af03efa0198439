/* The tiles that work on weights (csrc/weights.h), against formulas in double precision. */

/* One element of a rule: its arrays are v = {w, a, b, c}, h are its numbers. */
static void rule_at(enum update_rule rule, double v[4], double g, const float *h) {
    double *w = v, *a = v + 1, *b = v + 2, *c = v + 3, change, x;
    const double limit = h[1];
    switch (rule) {
        case RULE_keep:
            return;
        case RULE_copy:
            *a = g;
            return;
        case RULE_scale:
            *a = fmax(fmin(g * h[0], limit), -limit);
            return;
        case RULE_decay:
            *w -= *w * h[0];
            return;
        case RULE_average:
            *a = *a * h[0] + *w * h[1];
            return;
        case RULE_sgd:
            *w -= h[0] * g;
            return;
        case RULE_momentum:
            *a = *a * h[1] - h[0] * g, *w += *a;
            return;
        case RULE_nesterov:
            *a = *a * h[1] - h[0] * g, *w += h[1] * *a - h[0] * g;
            return;
        case RULE_rmsprop:
        case RULE_rmsprop_momentum:
        case RULE_rmsprop_centered:
        case RULE_rmsprop_centered_momentum:
            *a = *a * h[1] + g * g * h[2], x = *a;
            if (rule == RULE_rmsprop_centered || rule == RULE_rmsprop_centered_momentum)
                *b = *b * h[1] + g * h[2], x -= *b * *b;
            change = h[0] * g / sqrt(x + h[3]);
            if (rule == RULE_rmsprop_momentum) change = *b = *b * h[4] + change;
            if (rule == RULE_rmsprop_centered_momentum) change = *c = *c * h[4] + change;
            *w -= change;
            return;
        case RULE_adagrad:
            *a += g * g, *w -= h[0] * g / sqrt(*a + h[1]);
            return;
        case RULE_adadelta:
            *a = *a * h[1] + g * g * h[2];
            change = g * sqrt(*b + h[3]) / sqrt(*a + h[3]);
            *b = *b * h[1] + change * change * h[2];
            *w -= h[0] * change;
            return;
        case RULE_adam:
        case RULE_amsgrad:
        case RULE_lamb:
        case RULE_nadam:
            *a += (g - *a) * h[1], *b += (g * g - *b) * h[2];
            if (rule == RULE_amsgrad) *c = fmax(*b, *c);
            if (rule == RULE_adam) *w -= h[0] * *a / (sqrt(*b) + h[3]);
            if (rule == RULE_amsgrad) *w -= h[0] * *a / (sqrt(*c) + h[3]);
            if (rule == RULE_lamb) *c = h[0] * *a / (sqrt(h[4] * *b) + h[3]);
            if (rule == RULE_nadam) *w -= h[0] * (h[4] * *a + g) / (sqrt(h[5] * *b) + h[3]);
            return;
        case RULE_adamax:
            *a += (g - *a) * h[1], *b = fmax(*b * h[2], fabs(g));
            *w -= h[0] * *a / (*b + h[3]);
            return;
        case RULE_schedule_free:
            x = (*w - (1 - h[1]) * *a) / h[1];
            *b += (g * g - *b) * h[2];
            *a -= h[0] * g / (sqrt(*b * h[4]) + h[3]);
            *w = (1 - h[1]) * *a + h[1] * (x * (1 - h[5]) + *a * h[5]);
            return;
        case RULE_lion:
            x = *a * h[1] + g * h[2];
            *w -= h[0] * ((x > 0) - (x < 0));
            *a = *a * h[3] + g * h[4];
            return;
        case RULE_muon:
            *a = *a * h[0] + g, *b = g * h[1] + *a * h[2];
            return;
        case RULE_ftrl:
        case RULE_ftrl_power:
            x = rule == RULE_ftrl ? 0.5 : h[4];
            change = pow(*a + g * g, x);
            *b += g + h[2] * *w - (change - pow(*a, x)) * h[0] * *w;
            *a += g * g;
            *w = (fmax(fmin(*b, limit), -limit) - *b) / (change * h[0] + h[3]);
            return;
        case RULE_adafactor:
            *a = *a * h[0] + (g * g + h[2]) * h[1], *b = g / sqrt(*a);
            return;
        case RULE_factored:
            *a = *c * h[0], *b = g / sqrt(*a);
            return;
    }
}
static void update_weights(void) { /* powers of two: the sign that lion takes is exact */
    const int n = draw(0, 40), rules = RULE_sgd + 1;
    struct update p = {.rule = (enum update_rule)draw(0, rules - 1), .n = n};
    float *arrays[4], *g = floats(n), start[4][40];
    for (int k = 0; k < 6; k++) p.hyper[k] = 1.0f / (float)(1 << draw(1, 4));
    for (int k = 0; k < 4; k++) {
        arrays[k] = floats(n);
        for (int i = 0; i < n; i++) {
            if (k == 1 || k == 3) arrays[k][i] = 300 + arrays[k][i]; /* above the square of b */
            if (k == 2) arrays[k][i] = fabsf(arrays[k][i]);
            start[k][i] = arrays[k][i];
        }
    }
    p.w = arrays[0], p.a = arrays[1], p.b = arrays[2], p.c = arrays[3], p.g = g;
    k->update_weights(&p);
    for (int i = 0; i < n; i++) {
        double v[4] = {start[0][i], start[1][i], start[2][i], start[3][i]};
        rule_at(p.rule, v, g[i], p.hyper);
        for (int k = 0; k < 4; k++) absolutely(arrays[k], i, v[k], 1e-3 + 1e-5 * fabs(v[k]));
    }
}
static void add_squares(void) {
    const int rows = draw(0, 9), columns = draw(1, 40), row = columns + draw(0, 3);
    const float *x = floats(rows > 0 ? (rows - 1) * row + columns : 0);
    float *y = floats(columns), *expected = copy(y, columns);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) expected[c] += x[r * row + c] * x[r * row + c];
    k->add_squares(x, row, y, rows, columns);
    same(y, expected, columns);
}
static void penalize(void) {
    const int n = draw(0, 40);
    const float hyper[] = {0.5f, 0.25f}, *x = floats(n);
    float *dx = often() ? floats(n) : NULL, *expected = dx ? copy(dx, n) : floats(n);
    float sums[2], wanted[2] = {0, 0};
    for (int i = 0; i < n; i++) {
        expected[i] += hyper[1] * x[i] + hyper[0] * (float)((x[i] > 0) - (x[i] < 0));
        wanted[0] += fabsf(x[i]), wanted[1] += x[i] * x[i];
    }
    k->penalize(x, dx, n, hyper, sums);
    if (dx) same(dx, expected, n);
    same(sums, wanted, 2);
}
