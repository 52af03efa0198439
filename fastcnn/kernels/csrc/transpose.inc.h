/* y[c][r] = x[r][c], in square blocks that stay in the first cache. */
static void transpose(const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,
                      ptrdiff_t columns) {
    enum { BLOCK = 16 };
    for (ptrdiff_t r0 = 0; r0 < rows; r0 += BLOCK)
        for (ptrdiff_t c0 = 0; c0 < columns; c0 += BLOCK) {
            const ptrdiff_t r1 = r0 + BLOCK < rows ? r0 + BLOCK : rows;
            const ptrdiff_t c1 = c0 + BLOCK < columns ? c0 + BLOCK : columns;
            for (ptrdiff_t c = c0; c < c1; c++)
                for (ptrdiff_t r = r0; r < r1; r++) y[c * y_row + r] = x[r * x_row + c];
        }
}
