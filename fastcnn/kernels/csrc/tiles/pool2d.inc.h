/* Pooling, one row at a time (struct pool and max_pool_gradient in kernels.h). A block of channels
 * of one pixel stays in registers while its window passes. */
enum { POOL_VECTORS = 4 };

/* tile(p, i, c, tail, vectors, whole, option) for all blocks of channels c of pixel i. All but the
 * first three are constants; `whole` says that all vectors are full. Unless `adds`, the last vector
 * overlaps the one before it rather than being cut off: both write the same. */
#define EACH_BLOCK_OF_CHANNELS(tile, p, i, option, adds)                                           \
    do {                                                                                           \
        const ptrdiff_t n_ = (p)->channels;                                                        \
        ptrdiff_t c_ = 0;                                                                          \
        for (; c_ + POOL_VECTORS * LANES <= n_; c_ += POOL_VECTORS * LANES)                        \
            tile(p, i, c_, tail_of(LANES), POOL_VECTORS, 1, option);                               \
        for (; c_ + 2 * LANES <= n_; c_ += 2 * LANES)                                              \
            tile(p, i, c_, tail_of(LANES), 2, 1, option);                                          \
        if (c_ + LANES <= n_) {                                                                    \
            tile(p, i, c_, tail_of(LANES), 1, 1, option);                                          \
            c_ += LANES;                                                                           \
        }                                                                                          \
        if (c_ == n_) break;                                                                       \
        if (c_ > 0 && !(adds)) tile(p, i, n_ - LANES, tail_of(LANES), 1, 1, option);               \
        else tile(p, i, c_, tail_of(n_ - c_), 1, 0, option);                                       \
    } while (0)

TILE void max_pool_block(const struct pool *p, const ptrdiff_t o, const ptrdiff_t c, const tail t,
                         const int vectors, const int whole, const int positions) {
    const ptrdiff_t at = o * p->channels + c;
    const ptrdiff_t from = p->columns[2 * o], columns = p->columns[2 * o + 1] - from;
    const float *row = p->x + from * p->pixel + c;
    ptrdiff_t first = p->first_row * p->window_columns + from - (o * p->stride - p->left);
    vec best[POOL_VECTORS];
    ivec position[POOL_VECTORS];
    UNROLLED (v, vectors) {
        best[v] = load_part(row + v * LANES, t, whole);
        position[v] = ibroadcast((int)first);
    }
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        for (ptrdiff_t q = 0; q < columns; q++) {
            const ivec current = ibroadcast((int)(first + q));
            UNROLLED (v, vectors) {
                const vec value = load_part(row + q * p->pixel + v * LANES, t, whole);
                /* the first NaN stays: it is the maximum */
                const bvec stays = either(less_equal(value, best[v]), unordered(best[v], best[v]));
                best[v] = choose(stays, best[v], value);
                if (positions) position[v] = ichoose(stays, position[v], current);
            }
        }
        row += p->row_size;
        first += p->window_columns;
    }
    UNROLLED (v, vectors) {
        if (p->relu) {
            const bvec closed = less_equal(best[v], broadcast(0));
            best[v] = choose(closed, broadcast(0), best[v]);
            position[v] = ichoose(closed, ibroadcast(p->argmax32 ? -1 : CLOSED), position[v]);
        }
        store_part(p->y + at + v * LANES, best[v], t, whole);
        if (positions && p->argmax8) store_u8_tail(p->argmax8 + at + v * LANES, position[v], t);
        if (positions && p->argmax32) store_i32_tail(p->argmax32 + at + v * LANES, position[v], t);
    }
}

TILE void max_pool_2x2_block(const struct pool *p, const ptrdiff_t o, const ptrdiff_t c,
                             const tail t, const int vectors, const int whole, const int unused) {
    (void)unused;
    const ptrdiff_t at = o * p->channels + c;
    const float *x = p->x + p->columns[2 * o] * p->pixel + c, *below = x + p->row_size;
    UNROLLED (v, vectors) {
        const ptrdiff_t k = v * LANES;
        store_max_pool_2x2(load_part(x + k, t, whole), load_part(x + p->pixel + k, t, whole),
                           load_part(below + k, t, whole),
                           load_part(below + p->pixel + k, t, whole), p->relu, p->y + at + k,
                           p->argmax8 ? p->argmax8 + at + k : NULL, t);
    }
}

static void max_pool2d_forward(const struct pool *p) {
    const int two_rows = p->window_columns == 2 && p->first_row == 0 && p->rows == 2;
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        if (two_rows && !p->argmax32 && p->columns[2 * o + 1] - p->columns[2 * o] == 2)
            EACH_BLOCK_OF_CHANNELS(max_pool_2x2_block, p, o, 0, 0);
        else if (p->argmax8 || p->argmax32) EACH_BLOCK_OF_CHANNELS(max_pool_block, p, o, 1, 0);
        else EACH_BLOCK_OF_CHANNELS(max_pool_block, p, o, 0, 0);
    }
}

TILE void average_pool_block(const struct pool *p, const ptrdiff_t o, const ptrdiff_t c,
                             const tail t, const int vectors, const int whole, const int is_2x2) {
    const ptrdiff_t from = p->columns[2 * o], columns = p->columns[2 * o + 1] - from;
    const float *row = p->x + from * p->pixel + c;
    const vec count = broadcast((float)(p->rows * columns));
    vec sum[POOL_VECTORS];
    UNROLLED (v, vectors) sum[v] = broadcast(0);
    for (ptrdiff_t r = 0; r < (is_2x2 ? 2 : p->rows); r++) {
        for (ptrdiff_t q = 0; q < (is_2x2 ? 2 : columns); q++)
            UNROLLED (v, vectors) sum[v] += load_part(row + q * p->pixel + v * LANES, t, whole);
        row += p->row_size;
    }
    UNROLLED (v, vectors) {
        const vec mean = is_2x2 ? sum[v] * broadcast(0.25f) : sum[v] / count;
        store_part(p->y + o * p->channels + c + v * LANES, mean, t, whole);
    }
}

static void average_pool2d_forward(const struct pool *p) {
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        if (p->rows == 2 && p->columns[2 * o + 1] - p->columns[2 * o] == 2)
            EACH_BLOCK_OF_CHANNELS(average_pool_block, p, o, 1, 0);
        else EACH_BLOCK_OF_CHANNELS(average_pool_block, p, o, 0, 0);
    }
}

/* Each pixel of dx collects from the windows that contain it, the first window first. */
TILE void max_pool_gradient_block(const struct max_pool_gradient *p, const ptrdiff_t q,
                                  const ptrdiff_t c, const tail t, const int vectors,
                                  const int whole, const int bytes) {
    const ptrdiff_t channels = p->channels;
    const ptrdiff_t from = p->windows[2 * q], windows = p->windows[2 * q + 1] - from;
    ptrdiff_t row = from * channels + c;
    ptrdiff_t first = p->first_position + q + p->left - from * p->stride;
    vec sum[POOL_VECTORS];
    float *dx = p->dx + q * channels + c;
    UNROLLED (v, vectors)
        sum[v] = p->accumulate ? load_part(dx + v * LANES, t, whole) : broadcast(0);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        for (ptrdiff_t o = 0; o < windows; o++) {
            const ivec current = ibroadcast((int)(first - o * p->stride));
            UNROLLED (v, vectors) {
                const ptrdiff_t at = row + o * channels + v * LANES;
                const ivec position =
                    bytes ? load_u8_tail(p->argmax8 + at, t) : load_i32_tail(p->argmax32 + at, t);
                const vec gradient = load_part(p->dy + at, t, whole);
                sum[v] += choose(equal(position, current), gradient, broadcast(0));
            }
        }
        row += p->row_size;
        first -= p->row_step;
    }
    UNROLLED (v, vectors) store_part(dx + v * LANES, sum[v], t, whole);
}

static void max_pool2d_backward(const struct max_pool_gradient *p) {
    for (ptrdiff_t q = 0; q < p->columns; q++) {
        if (p->argmax8) EACH_BLOCK_OF_CHANNELS(max_pool_gradient_block, p, q, 1, p->accumulate);
        else EACH_BLOCK_OF_CHANNELS(max_pool_gradient_block, p, q, 0, p->accumulate);
    }
}

enum { SPREAD_MEAN, ADD_MEAN, SPREAD_MEAN_2X2 };

TILE void average_pool_gradient_block(const struct pool *p, const ptrdiff_t o, const ptrdiff_t c,
                                      const tail t, const int vectors, const int whole,
                                      const int kind) {
    const ptrdiff_t from = p->columns[2 * o];
    const ptrdiff_t rows = kind == SPREAD_MEAN_2X2 ? 2 : p->rows;
    const ptrdiff_t columns = kind == SPREAD_MEAN_2X2 ? 2 : p->columns[2 * o + 1] - from;
    const vec count = broadcast((float)(rows * columns));
    float *row = p->dx + from * p->pixel + c;
    vec gradient[POOL_VECTORS];
    UNROLLED (v, vectors)
        gradient[v] = load_part(p->y + o * p->channels + c + v * LANES, t, whole) / count;
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t q = 0; q < columns; q++)
            UNROLLED (v, vectors) {
                float *dx = row + q * p->pixel + v * LANES;
                vec sum = gradient[v];
                if (kind == ADD_MEAN) sum += load_part(dx, t, whole);
                store_part(dx, sum, t, whole);
            }
        row += p->row_size;
    }
}

static void average_pool2d_backward(const struct pool *p) {
    for (ptrdiff_t o = 0; o < p->columns_out; o++) {
        if (p->overlap) EACH_BLOCK_OF_CHANNELS(average_pool_gradient_block, p, o, ADD_MEAN, 1);
        else if (p->rows == 2 && p->columns[2 * o + 1] - p->columns[2 * o] == 2)
            EACH_BLOCK_OF_CHANNELS(average_pool_gradient_block, p, o, SPREAD_MEAN_2X2, 0);
        else EACH_BLOCK_OF_CHANNELS(average_pool_gradient_block, p, o, SPREAD_MEAN, 0);
    }
}
#undef EACH_BLOCK_OF_CHANNELS
