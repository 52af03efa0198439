/* Winograd's F(2x2, 3x3) (Lavin & Gray 2015): a 2x2 tile of the output of a 3x3 convolution with
 * 16 products instead of 36:
 *
 *     Y = A' [ (G w G') . (B' x B) ] A,   x a 4x4 patch of the image, two columns and rows apart
 *
 *     B' = 1  0 -1  0      G = 1    0    0       A' = 1  1  1  0
 *          0  1  1  0          1/2  1/2  1/2          0  1 -1 -1
 *          0 -1  1  0          1/2 -1/2  1/2
 *          0  1  0 -1          0    0    1
 *
 * All constants are powers of two, so small whole numbers stay exact. The 16 products, each a
 * matrix product over the channels, are left to `product`; here are the transforms.
 *
 * A larger filter is a sum of 3x3 subfilters: its first three taps in each direction, then two at a
 * time behind a zero. The k-th pair meets the patch k tiles further on, and its zero makes the
 * first of four products vanish: 5 taps take 4 + 3 products for two outputs instead of 10.
 */

/* One row of a filter's channels: u[i * u_plane + c] for the 16 planes i. Taps that are NULL count
 * as zeros. */
static void winograd_filter(const float *const taps[9], float *u, ptrdiff_t u_plane,
                            ptrdiff_t channels) {
    const vec half = broadcast(0.5f);
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        vec g[3][3], h[4][3];
        UNROLLED (k, 9) g[k / 3][k % 3] = taps[k] ? load_tail(taps[k] + c, t) : broadcast(0);
        UNROLLED (k, 3) {
            const vec outer = (g[0][k] + g[2][k]) * half, inner = g[1][k] * half;
            h[0][k] = g[0][k];
            h[1][k] = outer + inner;
            h[2][k] = outer - inner;
            h[3][k] = g[2][k];
        }
        UNROLLED (k, 4) {
            const vec outer = (h[k][0] + h[k][2]) * half, inner = h[k][1] * half;
            float *to = u + 4 * k * u_plane + c;
            store_tail(to, h[k][0], t);
            store_tail(to + u_plane, outer + inner, t);
            store_tail(to + 2 * u_plane, outer - inner, t);
            store_tail(to + 3 * u_plane, h[k][2], t);
        }
    }
}

/* Where a vector of an image is read that may lie outside. */
static const float outside[LANES];

/* Which of four rows or columns from `first` on are in an image of this size: one bit each. */
TILE int inside(ptrdiff_t first, ptrdiff_t size) {
    int bits = 0;
    UNROLLED (k, 4) bits |= (first + k >= 0 && first + k < size) << k;
    return bits;
}

/* v[0..3] = e B: the columns of one row of B' x B */
TILE void winograd_input_columns(const vec e[4], float *v, ptrdiff_t plane, tail t,
                                 const int whole) {
    store_part(v, e[0] - e[2], t, whole);
    store_part(v + plane, e[1] + e[2], t, whole);
    store_part(v + 2 * plane, e[2] - e[1], t, whole);
    store_part(v + 3 * plane, e[1] - e[3], t, whole);
}

/* The middle rows come first: the others use them too, and all fit 16 registers. */
TILE void winograd_input_patch(const float *const x[4][4], float *v, ptrdiff_t plane, tail t,
                               const int whole) {
    vec upper[4], lower[4], e[4];
    UNROLLED (s, 4) {
        upper[s] = load_part(x[1][s], t, whole);
        lower[s] = load_part(x[2][s], t, whole);
    }
    UNROLLED (s, 4) e[s] = upper[s] + lower[s];
    winograd_input_columns(e, v + 4 * plane, plane, t, whole);
    UNROLLED (s, 4) e[s] = lower[s] - upper[s];
    winograd_input_columns(e, v + 8 * plane, plane, t, whole);
    UNROLLED (s, 4) e[s] = load_part(x[0][s], t, whole) - lower[s];
    winograd_input_columns(e, v, plane, t, whole);
    UNROLLED (s, 4) e[s] = upper[s] - load_part(x[3][s], t, whole);
    winograd_input_columns(e, v + 12 * plane, plane, t, whole);
}

/* `rows` and `columns` of the patch are inside the image, see `inside`. */
TILE void winograd_input_channels(const struct winograd *p, const float *x, float *v, int rows,
                                  int columns, tail t, const int whole) {
    const float *at[4][4];
    UNROLLED (k, 16) {
        const int r = k / 4, s = k % 4;
        const float *from = x + (r * p->width + s) * p->pixel;
        at[r][s] = rows >> r & columns >> s & 1 ? from : outside;
    }
    winograd_input_patch(at, v, p->plane, t, whole);
}

static void winograd_input(const struct winograd *p) {
    const int rows = inside(p->row, p->height);
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++) {
        const ptrdiff_t column = p->column + 2 * tile;
        const int columns = inside(column, p->width);
        const float *x = p->x + (p->row * p->width + column) * p->pixel;
        float *v = p->planes + tile * p->channels;
        const tail whole = tail_of(LANES);
        ptrdiff_t c = 0;
        if (rows == 15 && columns == 15)
            for (; c + LANES <= p->channels; c += LANES)
                winograd_input_channels(p, x + c, v + c, 15, 15, whole, 1);
        for (; c + LANES <= p->channels; c += LANES)
            winograd_input_channels(p, x + c, v + c, rows, columns, whole, 1);
        if (c < p->channels)
            winograd_input_channels(p, x + c, v + c, rows, columns, tail_of(p->channels - c), 0);
    }
}

/* y = A' m A + bias */
TILE void winograd_output_tile(const float *m, ptrdiff_t plane, vec bias, tail t, const int whole,
                               vec y[4]) {
    vec q[2][4];
    UNROLLED (s, 4) {
        const vec upper = load_part(m + (4 + s) * plane, t, whole);
        const vec lower = load_part(m + (8 + s) * plane, t, whole);
        q[0][s] = load_part(m + s * plane, t, whole) + upper + lower;
        q[1][s] = upper - lower - load_part(m + (12 + s) * plane, t, whole);
    }
    UNROLLED (r, 2) {
        y[2 * r] = q[r][0] + q[r][1] + q[r][2] + bias;
        y[2 * r + 1] = q[r][1] - q[r][2] - q[r][3] + bias;
    }
}

/* Channels of one tile, stored as the four pixels that lie in the image, or as their maximum. */
TILE void winograd_output_channels(const struct winograd *p, ptrdiff_t tile, ptrdiff_t c, int rows,
                                   int columns, tail t, const int whole) {
    const vec bias = p->b ? load_part(p->b + c, t, whole) : broadcast(0);
    const ptrdiff_t column = p->column + (p->pool ? tile : 2 * tile);
    const ptrdiff_t first = (p->row * p->width + column) * p->pixel + c;
    vec y[4];
    winograd_output_tile(p->planes + tile * p->channels + c, p->plane, bias, t, whole, y);
    if (p->pool) {
        store_max_pool_2x2(y[0], y[1], y[2], y[3], p->relu, p->y + first,
                           p->argmax ? p->argmax + first : NULL, t);
        return;
    }
    UNROLLED (k, 4) {
        if (!(rows >> k / 2 & columns >> k % 2 & 1)) continue;
        const ptrdiff_t at = first + (k / 2 * p->width + k % 2) * p->pixel;
        if (p->residual) y[k] += load_part(p->residual + at, t, whole);
        if (p->relu) y[k] = bounded_relu(y[k], broadcast(p->relu_max));
        store_part(p->y + at, y[k], t, whole);
    }
}

static void winograd_output(const struct winograd *p) {
    const int rows = p->pool ? 3 : inside(p->row, p->height) & 3;
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++) {
        const int columns = p->pool ? 3 : inside(p->column + 2 * tile, p->width) & 3;
        const tail whole = tail_of(LANES);
        ptrdiff_t c = 0;
        if (rows == 3 && columns == 3)
            for (; c + LANES <= p->channels; c += LANES)
                winograd_output_channels(p, tile, c, 3, 3, whole, 1);
        for (; c < p->channels; c += LANES)
            winograd_output_channels(p, tile, c, rows, columns, tail_of(p->channels - c), 0);
    }
}

/* d = A dy A' */
TILE void winograd_gradient_channels(const struct winograd *p, const float *dy, float *d, int rows,
                                     int columns, tail t, const int whole) {
    vec y[2][2], e[4][2];
    UNROLLED (k, 4) {
        const int r = k / 2, s = k % 2;
        const float *from = dy + (r * p->width + s) * p->pixel;
        y[r][s] = load_part(rows >> r & columns >> s & 1 ? from : outside, t, whole);
    }
    UNROLLED (s, 2) {
        e[0][s] = y[0][s];
        e[1][s] = y[0][s] + y[1][s];
        e[2][s] = y[0][s] - y[1][s];
        e[3][s] = broadcast(0) - y[1][s];
    }
    UNROLLED (r, 4) {
        float *to = d + 4 * r * p->plane;
        store_part(to, e[r][0], t, whole);
        store_part(to + p->plane, e[r][0] + e[r][1], t, whole);
        store_part(to + 2 * p->plane, e[r][0] - e[r][1], t, whole);
        store_part(to + 3 * p->plane, broadcast(0) - e[r][1], t, whole);
    }
}

static void winograd_gradient(const struct winograd *p) {
    const int rows = inside(p->row, p->height) & 3;
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++) {
        const ptrdiff_t column = p->column + 2 * tile;
        const int columns = inside(column, p->width) & 3;
        const float *dy = p->x + (p->row * p->width + column) * p->pixel;
        float *d = p->planes + tile * p->channels;
        ptrdiff_t c = 0;
        for (; c + LANES <= p->channels; c += LANES)
            winograd_gradient_channels(p, dy + c, d + c, rows, columns, tail_of(LANES), 1);
        if (c < p->channels)
            winograd_gradient_channels(p, dy + c, d + c, rows, columns, tail_of(p->channels - c),
                                       0);
    }
}

/* dw = G' s G for one row of channels: s[i * s_plane + c] for the 16 planes i. Taps that are NULL
 * are not written. */
static void winograd_filter_gradient(const float *s, ptrdiff_t s_plane, float *const taps[9],
                                     ptrdiff_t channels) {
    const vec half = broadcast(0.5f);
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const tail t = tail_of(channels - c);
        vec m[4][4], g[3][4], dw[9];
        UNROLLED (k, 16) m[k / 4][k % 4] = load_tail(s + k * s_plane + c, t);
        UNROLLED (k, 4) {
            const vec outer = (m[1][k] + m[2][k]) * half;
            g[0][k] = m[0][k] + outer;
            g[1][k] = (m[1][k] - m[2][k]) * half;
            g[2][k] = outer + m[3][k];
        }
        UNROLLED (r, 3) {
            const vec outer = (g[r][1] + g[r][2]) * half;
            dw[3 * r] = g[r][0] + outer;
            dw[3 * r + 1] = (g[r][1] - g[r][2]) * half;
            dw[3 * r + 2] = outer + g[r][3];
        }
        UNROLLED (k, 9)
            if (taps[k]) store_tail(taps[k] + c, dw[k], t);
    }
}
