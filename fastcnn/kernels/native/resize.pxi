# Resizes an image of bytes, as it was decoded. There is one task: threads of Python resize several
# images at a time.
# uses: team (Kernel, WORK_PER_THREAD)

cdef class Resize(Kernel):
    cdef const unsigned char[:, :, ::1] pixels
    cdef float[:, :, ::1] y
    cdef const long long[:, ::1] rows, columns  # the two neighbors of each, see shapes.neighbors_of
    cdef const float[::1] row_weights, column_weights
    cdef Py_ssize_t source_size, row_size  # of a row of pixels and of y, with room for 3 elements

    def __init__(self, pixels, y, nearest):
        height, width, channels = pixels.shape
        self.pixels, self.y = pixels, y
        self.rows, self.row_weights = neighbors_of(height, y.shape[0], 1, nearest)
        self.columns, self.column_weights = neighbors_of(width, y.shape[1], channels, nearest)
        self.source_size, self.row_size = width * channels + 3, y.shape[1] * y.shape[2] + 3
        self.scratch = np.empty((1, self.source_size + 2 * self.row_size), np.float32)
        self.tasks = 1
        self.work = WORK_PER_THREAD  # one thread, without the GIL

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t r, size = self.y.shape[1] * self.y.shape[2]
        cdef float *rows[2]  # of pixels, resized, and which they are
        cdef Py_ssize_t held[2]
        cdef int above, below
        rows[0], rows[1] = scratch + self.source_size, scratch + self.source_size + self.row_size
        held[0] = held[1] = -1
        for r in range(self.y.shape[0]):
            above = self.hold(self.rows[r, 0], self.rows[r, 1], rows, held, scratch)
            below = self.hold(self.rows[r, 1], self.rows[r, 0], rows, held, scratch)
            self.table.blend_rows(
                rows[above], rows[below], self.row_weights[r], &self.y[r, 0, 0], size
            )

    cdef int hold(
        self, Py_ssize_t row, Py_ssize_t other, float **rows, Py_ssize_t *held, float *scratch
    ) noexcept nogil:
        # The index of `row` in `rows`; if need be it is written there, and `other` kept.
        cdef int i = held[1] == row
        if held[i] != row:
            i = held[0] == other
            held[i] = row
            self.table.from_uint8(
                &self.pixels[row, 0, 0], scratch, self.pixels.shape[1] * self.pixels.shape[2]
            )
            self.table.resize_row(
                scratch, &self.columns[0, 0], &self.column_weights[0], rows[i], self.y.shape[1],
                self.y.shape[2]
            )
        return i


def resize(pixels, y, *, nearest):
    return Resize(pixels, y, nearest)
