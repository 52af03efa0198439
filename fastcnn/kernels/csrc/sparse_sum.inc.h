/* Sums of few, scattered rows (struct sparse_sum in kernels.h): the gradients behind a max-pool.
 *
 * A group's rows x vectors accumulators stay in registers while its entries stream by.
 */
TILE void sparse_sum_tile(const struct sparse_sum *p, const int rows, const int vectors) {
    const tail last = tail_of(p->columns - (vectors - 1) * LANES);
    const ptrdiff_t row = p->data_row, y_row = p->y_row;
    for (ptrdiff_t g = 0; g < p->groups; g++) {
        const int32_t from = p->starts[g], to = p->starts[g] + p->counts[g];
        if (from == to) continue;
        float *y = p->y + p->places[g];
        vec sum[MAX_ACCUMULATORS];
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++) sum[r * vectors + v] =
                v == vectors - 1 ? load_tail(y + r * y_row + v * LANES, last)
                                 : load(y + r * y_row + v * LANES);
        for (int32_t e = from; e < to; e++) {
            const vec value = broadcast(p->values[e]);
            const float *data = p->data + p->offsets[e];
            UNROLL for (int r = 0; r < rows; r++)
                UNROLL for (int v = 0; v < vectors; v++) sum[r * vectors + v] = multiply_add(
                    value,
                    v == vectors - 1 ? load_tail(data + r * row + v * LANES, last)
                                     : load(data + r * row + v * LANES),
                    sum[r * vectors + v]);
        }
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++) {
                float *at = y + r * y_row + v * LANES;
                if (v == vectors - 1)
                    store_tail(at, sum[r * vectors + v], last);
                else
                    store(at, sum[r * vectors + v]);
            }
    }
}

typedef void sparse_sum_instance(const struct sparse_sum *);
#define SPARSE_INSTANCE(vectors, rows)                                      \
    static void sparse_sum_##vectors##x##rows(const struct sparse_sum *p) { \
        sparse_sum_tile(p, rows, vectors);                                  \
    }
#define SPARSE_NAME(vectors, rows) sparse_sum_##vectors##x##rows,
#if MAX_ACCUMULATORS >= 24
UP_TO_12(SPARSE_INSTANCE, 1)
UP_TO_12(SPARSE_INSTANCE, 2)
UP_TO_8(SPARSE_INSTANCE, 3)
static sparse_sum_instance *const sparse_sum_1[] = {NULL, UP_TO_12(SPARSE_NAME, 1)};
static sparse_sum_instance *const sparse_sum_2[] = {NULL, UP_TO_12(SPARSE_NAME, 2)};
static sparse_sum_instance *const sparse_sum_3[] = {NULL, UP_TO_8(SPARSE_NAME, 3)};
static const int sparse_vectors[] = {0, 12, 12, 8};
#else
UP_TO_12(SPARSE_INSTANCE, 1)
UP_TO_6(SPARSE_INSTANCE, 2)
UP_TO_4(SPARSE_INSTANCE, 3)
static sparse_sum_instance *const sparse_sum_1[] = {NULL, UP_TO_12(SPARSE_NAME, 1)};
static sparse_sum_instance *const sparse_sum_2[] = {NULL, UP_TO_6(SPARSE_NAME, 2)};
static sparse_sum_instance *const sparse_sum_3[] = {NULL, UP_TO_4(SPARSE_NAME, 3)};
static const int sparse_vectors[] = {0, 12, 6, 4};
#endif
static sparse_sum_instance *const *const sparse_sum_instances[] = {NULL, sparse_sum_1,
                                                                   sparse_sum_2, sparse_sum_3};

/* rows <= 3; columns <= sparse_sum_columns(rows) */
static void sparse_sum(const struct sparse_sum *p) {
    sparse_sum_instances[p->rows][(p->columns + LANES - 1) / LANES](p);
}

static ptrdiff_t sparse_sum_columns(ptrdiff_t rows) { return sparse_vectors[rows] * LANES; }
