# Images whose pixels are weighted sums of other pixels, first of rows, then of columns: resizing,
# means over windows of any size, and their gradients. A task is a block of rows of an image.
# uses: team (Kernel, round_up), geometry (image_blocks)

cdef class Resample(Kernel):
    # y[n,p,q] = sum over k, l of row_weights[p,k] column_weights[q,l] x[n,rows[p,k],columns[q,l]]
    cdef const float[:, :, :, ::1] x
    cdef const unsigned char[:, :, :, ::1] bytes  # x, if it is uint8 or float64
    cdef const double[:, :, :, ::1] doubles
    cdef bint converts
    cdef float[:, :, :, ::1] y
    cdef const int[:, ::1] rows, columns
    cdef const float[:, ::1] row_weights, column_weights
    cdef const unsigned char[::1] is_copy, is_repeated  # of each output row: is it a row of x, or
    # the same as the row before it
    cdef bint keeps_columns
    cdef int[::1] taps  # 0, 1, ...: rows in scratch memory
    cdef Py_ssize_t height, row_size, row_blocks

    def __init__(self, x, rows, row_weights, columns, column_weights, y):
        self.x, self.bytes, self.doubles = None, None, None
        self.converts = x.dtype != np.float32
        if x.dtype == np.uint8:
            self.bytes = x
        elif self.converts:
            self.doubles = x
        else:
            self.x = x
        self.y, self.rows, self.columns = y, rows, columns
        self.row_weights, self.column_weights = row_weights, column_weights
        self.taps = np.arange(rows.shape[1], dtype=np.int32)
        self.is_copy = ((row_weights == 1).all(1) & (rows.shape[1] == 1)).astype(np.uint8)
        taps = np.concatenate([rows, row_weights], 1)
        same = (taps == np.roll(taps, 1, 0)).all(1)
        self.is_repeated = same.astype(np.uint8)
        self.keeps_columns = (
            columns.shape == (x.shape[2], 1)
            and bool((columns[:, 0] == np.arange(x.shape[2])).all())
            and bool((column_weights == 1).all())
        )
        self.height, self.row_size = x.shape[1], x.shape[2] * x.shape[3]
        # a row of sums, which tiles may read a vector beyond, and rows of x as floats
        size = round_up(self.row_size + self.table.lanes, 16)
        self.allocate_scratch(size * (1 + (rows.shape[1] if self.converts else 0)))
        lanes = round_up(x.shape[3], self.table.lanes)
        self.work = 4. * y.shape[0] * y.shape[1] * (
            rows.shape[1] * self.row_size + columns.shape[1] * y.shape[2] * lanes
        )
        self.row_blocks = image_blocks(y.shape[0], y.shape[1], self.work)
        self.tasks = y.shape[0] * self.row_blocks

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, p
        cdef Py_ssize_t first = self.y.shape[1] * block // self.row_blocks
        for p in range(first, self.y.shape[1] * (block + 1) // self.row_blocks):
            if self.is_repeated[p] and p > first:
                memcpy(
                    &self.y[n, p, 0, 0], &self.y[n, p - 1, 0, 0],
                    self.y.shape[2] * self.y.shape[3] * sizeof(float),
                )
            else:
                self.row(n, p, scratch)

    cdef void row(self, Py_ssize_t n, Py_ssize_t p, float *scratch) noexcept nogil:
        cdef ResampledPixels tile
        cdef Py_ssize_t k, distance = round_up(self.row_size + self.table.lanes, 16)
        cdef const float *x
        cdef float *sums = &self.y[n, p, 0, 0] if self.keeps_columns else scratch
        cdef const int *sources = &self.rows[p, 0]
        cdef Py_ssize_t x_row = self.row_size
        if self.converts:
            for k in range(self.rows.shape[1]):
                if self.bytes is not None:
                    self.table.from_uint8(
                        &self.bytes[n, self.rows[p, k], 0, 0], scratch + (k + 1) * distance, x_row
                    )
                else:
                    self.table.from_float64(
                        &self.doubles[n, self.rows[p, k], 0, 0], scratch + (k + 1) * distance, x_row
                    )
            x, x_row, sources = scratch + distance, distance, &self.taps[0]
        else:
            x = &self.x[n, 0, 0, 0]
        if self.is_copy[p]:
            memcpy(sums, x + sources[0] * x_row, self.row_size * sizeof(float))
        else:
            tile.x, tile.weights, tile.y, tile.sources = x, &self.row_weights[p, 0], sums, sources
            tile.pixels, tile.taps, tile.channels = 1, self.rows.shape[1], self.row_size
            tile.x_pixel = x_row
            self.table.resample(&tile)
        if self.keeps_columns:
            return
        tile.x, tile.weights, tile.y = scratch, &self.column_weights[0, 0], &self.y[n, p, 0, 0]
        tile.sources, tile.pixels = &self.columns[0, 0], self.y.shape[2]
        tile.taps, tile.channels = self.columns.shape[1], self.y.shape[3]
        tile.x_pixel = self.y.shape[3]
        self.table.resample(&tile)


def resample(x, rows, row_weights, columns, column_weights, y):
    return Resample(x, rows, row_weights, columns, column_weights, y)
