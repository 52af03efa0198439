/* Sums over lists of a few scattered entries (struct sparse_sum in kernels.h): the gradients behind
 * a max-pool.
 *
 * A list's rows x columns x vectors accumulators stay in registers while its entries are read.
 */
TILE void sparse_sum_tile(const struct sparse_sum *p, const int rows, const int columns,
                          const int vectors, const int whole) {
    const tail last = tail_of(p->channels - (vectors - 1) * LANES);
    const ptrdiff_t data_row = p->data_row, data_column = p->data_column;
    const ptrdiff_t y_row = p->y_row, y_column = p->y_column;
    const float *const values = p->values, *const data = p->data;
    const int32_t *const offsets = p->offsets;
    for (ptrdiff_t l = 0; l < p->lists; l++) {
        const ptrdiff_t from = p->starts[l], to = from + p->counts[l];
        if (from == to) continue;
        float *y = p->y + p->y_offsets[l];
        vec sum[MAX_ACCUMULATORS];
        UNROLLED (r, rows)
            UNROLLED (q, columns)
                UNROLLED (v, vectors) {
                    const float *at = y + r * y_row + q * y_column + v * LANES;
                    sum[(r * columns + q) * vectors + v] =
                        whole || v < vectors - 1 ? load(at) : load_tail(at, last);
                }
        for (ptrdiff_t e = from; e < to; e++) {
            const vec value = broadcast(values[e]);
            const float *row = data + offsets[e];
            UNROLLED (r, rows) {
                UNROLLED (q, columns)
                    UNROLLED (v, vectors) {
                        const float *at = row + q * data_column + v * LANES;
                        vec *sum_of = &sum[(r * columns + q) * vectors + v];
                        *sum_of = multiply_add(
                            value, whole || v < vectors - 1 ? load(at) : load_tail(at, last),
                            *sum_of);
                    }
                row += data_row;
                KEEP_POINTER(row); /* else each address is computed again */
            }
        }
        UNROLLED (r, rows)
            UNROLLED (q, columns)
                UNROLLED (v, vectors) {
                    float *at = y + r * y_row + q * y_column + v * LANES;
                    const vec total = sum[(r * columns + q) * vectors + v];
                    if (whole || v < vectors - 1) store(at, total);
                    else store_tail(at, total, last);
                }
    }
}

typedef void sparse_sum_instance(const struct sparse_sum *);
#define SPARSE_INSTANCE(vectors, rows, columns)                                                    \
    static void sparse_sum_##rows##x##columns##x##vectors(const struct sparse_sum *p) {            \
        if (p->channels == vectors * LANES) sparse_sum_tile(p, rows, columns, vectors, 1);         \
        else sparse_sum_tile(p, rows, columns, vectors, 0);                                        \
    }
#define SPARSE_NAME(vectors, rows, columns) sparse_sum_##rows##x##columns##x##vectors,
/* For kh <= 3 rows and kw <= 3 columns, up to as many vectors as the registers hold. */
/* clang-format off */
#define SPARSE_UP_TO_1(I, r, c) I(1, r, c)
#define SPARSE_UP_TO_2(I, r, c) SPARSE_UP_TO_1(I, r, c) I(2, r, c)
#define SPARSE_UP_TO_3(I, r, c) SPARSE_UP_TO_2(I, r, c) I(3, r, c)
#define SPARSE_UP_TO_4(I, r, c) SPARSE_UP_TO_3(I, r, c) I(4, r, c)
#define SPARSE_UP_TO_6(I, r, c) SPARSE_UP_TO_4(I, r, c) I(5, r, c) I(6, r, c)
#define SPARSE_UP_TO_8(I, r, c) SPARSE_UP_TO_6(I, r, c) I(7, r, c) I(8, r, c)
#define SPARSE_UP_TO_10(I, r, c) SPARSE_UP_TO_8(I, r, c) I(9, r, c) I(10, r, c)
#define SPARSE_UP_TO_12(I, r, c) SPARSE_UP_TO_10(I, r, c) I(11, r, c) I(12, r, c)
#if MAX_ACCUMULATORS >= 24
#define SPARSE_EACH(I, LIST)                                                                   \
    LIST(1, 1, SPARSE_UP_TO_12, I) LIST(1, 2, SPARSE_UP_TO_4, I) LIST(1, 3, SPARSE_UP_TO_4, I) \
    LIST(2, 1, SPARSE_UP_TO_12, I) LIST(2, 2, SPARSE_UP_TO_4, I) LIST(2, 3, SPARSE_UP_TO_3, I) \
    LIST(3, 1, SPARSE_UP_TO_8, I) LIST(3, 2, SPARSE_UP_TO_3, I) LIST(3, 3, SPARSE_UP_TO_2, I)
static const uint8_t sparse_sum_vectors[4][4] = {
    {0}, {0, 12, 4, 4}, {0, 12, 4, 3}, {0, 8, 3, 2}};
#else
#define SPARSE_EACH(I, LIST)                                                                   \
    LIST(1, 1, SPARSE_UP_TO_12, I) LIST(1, 2, SPARSE_UP_TO_4, I) LIST(1, 3, SPARSE_UP_TO_4, I) \
    LIST(2, 1, SPARSE_UP_TO_6, I) LIST(2, 2, SPARSE_UP_TO_3, I) LIST(2, 3, SPARSE_UP_TO_2, I)  \
    LIST(3, 1, SPARSE_UP_TO_4, I) LIST(3, 2, SPARSE_UP_TO_2, I) LIST(3, 3, SPARSE_UP_TO_1, I)
static const uint8_t sparse_sum_vectors[4][4] = {
    {0}, {0, 12, 4, 4}, {0, 6, 3, 2}, {0, 4, 2, 1}};
#endif
/* clang-format on */
#define SPARSE_DEFINE(r, c, UP_TO, I) UP_TO(I, r, c)
#define SPARSE_ENTRY(r, c, UP_TO, I) [r][c] = {NULL, UP_TO(I, r, c)},
SPARSE_EACH(SPARSE_INSTANCE, SPARSE_DEFINE)
static sparse_sum_instance *const sparse_sum_instances[4][4][13] = {
    SPARSE_EACH(SPARSE_NAME, SPARSE_ENTRY)};

static void sparse_sum(const struct sparse_sum *p) {
    sparse_sum_instances[p->rows][p->columns][(p->channels + LANES - 1) / LANES](p);
}

static ptrdiff_t sparse_sum_block(ptrdiff_t rows, ptrdiff_t columns) {
    return sparse_sum_vectors[rows][columns] * LANES;
}
