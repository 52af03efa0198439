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

/* One row of tiles: v[i * v_plane + tile * channels + c]. */
static void winograd_input(const struct winograd *p) {
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++)
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const float *x = p->x + 2 * tile * p->channels + c;
            vec d[4][4], e[4][4];
            UNROLLED (r, 4)
                UNROLLED (s, 4) d[r][s] = load_tail(x + r * p->x_row + s * p->channels, t);
            UNROLLED (s, 4) {
                e[0][s] = d[0][s] - d[2][s];
                e[1][s] = d[1][s] + d[2][s];
                e[2][s] = d[2][s] - d[1][s];
                e[3][s] = d[1][s] - d[3][s];
            }
            float *v = p->planes + tile * p->channels + c;
            UNROLLED (r, 4) {
                store_tail(v + (4 * r + 0) * p->plane, e[r][0] - e[r][2], t);
                store_tail(v + (4 * r + 1) * p->plane, e[r][1] + e[r][2], t);
                store_tail(v + (4 * r + 2) * p->plane, e[r][2] - e[r][1], t);
                store_tail(v + (4 * r + 3) * p->plane, e[r][1] - e[r][3], t);
            }
        }
}

TILE void winograd_output_tile(const float *m, ptrdiff_t plane, vec bias, const tail t, vec y[4]) {
    vec p[4][4], q[2][4];
    UNROLLED (k, 16) p[k / 4][k % 4] = load_tail(m + k * plane, t);
    UNROLLED (k, 4) {
        q[0][k] = p[0][k] + p[1][k] + p[2][k];
        q[1][k] = p[1][k] - p[2][k] - p[3][k];
    }
    UNROLLED (r, 2) {
        y[2 * r] = q[r][0] + q[r][1] + q[r][2] + bias;
        y[2 * r + 1] = q[r][1] - q[r][2] - q[r][3] + bias;
    }
}

/* One row of tiles, stored as up to two rows of the output, or as one row of 2x2 maxima. */
static void winograd_output(const struct winograd *p) {
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++)
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const vec bias = p->b ? load_tail(p->b + c, t) : broadcast(0);
            vec y[4];
            winograd_output_tile(p->planes + tile * p->channels + c, p->plane, bias, t, y);
            if (p->pool) {
                const ptrdiff_t at = tile * p->channels + c;
                store_max_pool_2x2(y[0], y[1], y[2], y[3], p->relu, p->y + at,
                                   p->argmax ? p->argmax + at : NULL, t);
                continue;
            }
            UNROLLED (k, 4) {
                if (k / 2 >= p->rows || 2 * tile + k % 2 >= p->columns) continue;
                const ptrdiff_t at = k / 2 * p->y_row + (2 * tile + k % 2) * p->channels + c;
                if (p->residual) y[k] += load_tail(p->residual + at, t);
                if (p->relu) y[k] = bounded_relu(y[k], broadcast(p->relu_max));
                store_tail(p->y + at, y[k], t);
            }
        }
}

/* Backward: d = A dy A' for one row of tiles of dy, with zeros outside dy. */
static void winograd_gradient(const struct winograd *p) {
    for (ptrdiff_t tile = 0; tile < p->tiles; tile++)
        for (ptrdiff_t c = 0; c < p->channels; c += LANES) {
            const tail t = tail_of(p->channels - c);
            const float *dy = p->x + 2 * tile * p->channels + c;
            vec y[2][2], e[4][2];
            UNROLLED (k, 4) {
                const int inside = k / 2 < p->rows && 2 * tile + k % 2 < p->columns;
                y[k / 2][k % 2] = inside ? load_tail(dy + k / 2 * p->x_row + k % 2 * p->channels, t)
                                         : broadcast(0);
            }
            UNROLLED (s, 2) {
                e[0][s] = y[0][s];
                e[1][s] = y[0][s] + y[1][s];
                e[2][s] = y[0][s] - y[1][s];
                e[3][s] = broadcast(0) - y[1][s];
            }
            float *d = p->planes + tile * p->channels + c;
            UNROLLED (r, 4) {
                store_tail(d + (4 * r + 0) * p->plane, e[r][0], t);
                store_tail(d + (4 * r + 1) * p->plane, e[r][0] + e[r][1], t);
                store_tail(d + (4 * r + 2) * p->plane, e[r][0] - e[r][1], t);
                store_tail(d + (4 * r + 3) * p->plane, broadcast(0) - e[r][1], t);
            }
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
