/* Copies of matrices from one layout to another. */
static void copy_rows(const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,
                      ptrdiff_t columns) {
    for (ptrdiff_t c = 0; c < columns; c += LANES) {
        const tail t = tail_of(columns - c);
        for (ptrdiff_t r = 0; r < rows; r++)
            store_tail(y + r * y_row + c, load_tail(x + r * x_row + c, t), t);
    }
}

TILE void open_vectors(const float *x, const float *result, float *y, const tail t,
                       const int vectors, const int whole) {
    UNROLLED (v, vectors) {
        const ptrdiff_t at = v * LANES;
        const vec gradient = load_part(x + at, t, whole), relu = load_part(result + at, t, whole);
        store_part(y + at, open_gradient(gradient, relu, broadcast(__builtin_nanf(""))), t, whole);
    }
}

static void open_rows(const float *x, ptrdiff_t x_row, const float *result, float *y,
                      ptrdiff_t y_row, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t c = 0;
        for (; c + 2 * LANES <= columns; c += 2 * LANES)
            open_vectors(x + c, result + c, y + c, tail_of(LANES), 2, 1);
        for (; c < columns; c += LANES)
            open_vectors(x + c, result + c, y + c, tail_of(columns - c), 1, 0);
        x += x_row;
        result += x_row;
        y += y_row;
    }
}

static void add_rows(const float *x, float *y, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c += LANES) {
            const tail t = tail_of(columns - c);
            float *to = y + r * row + c;
            store_tail(to, load_tail(to, t) + load_tail(x + r * row + c, t), t);
        }
}

/* Adds the patch of each pixel p of x to y:
 *
 *     y[p * y_pixel + r * y_row + c] += x[p][r][c]    for r < rows, c < columns
 *
 * The patches of adjacent pixels overlap in y; a patch's other rows give the stores of one pixel
 * time to finish before the next pixel loads them. */
static void add_patches(const float *x, ptrdiff_t pixels, ptrdiff_t rows, ptrdiff_t columns,
                        float *y, ptrdiff_t y_row, ptrdiff_t y_pixel) {
    for (ptrdiff_t p = 0; p < pixels; p++, y += y_pixel)
        for (ptrdiff_t r = 0; r < rows; r++, x += columns)
            for (ptrdiff_t c = 0; c < columns; c += LANES) {
                const tail t = tail_of(columns - c);
                float *to = y + r * y_row + c;
                store_tail(to, load_tail(to, t) + load_tail(x + c, t), t);
            }
}

/* y[c][r] = x[r][c], in squares that fit the registers. */
static void transpose(const float *x, ptrdiff_t x_row, float *y, ptrdiff_t y_row, ptrdiff_t rows,
                      ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r += LANES)
        for (ptrdiff_t c = 0; c < columns; c += LANES) {
            const ptrdiff_t high = rows - r < LANES ? rows - r : LANES;
            const ptrdiff_t wide = columns - c < LANES ? columns - c : LANES;
            const tail across = tail_of(wide), down = tail_of(high);
            vec square[LANES];
            for (ptrdiff_t i = 0; i < LANES; i++)
                square[i] = i < high ? load_tail(x + (r + i) * x_row + c, across) : broadcast(0);
            transpose_square(square);
            for (ptrdiff_t i = 0; i < wide; i++)
                store_tail(y + (c + i) * y_row + r, square[i], down);
        }
}
