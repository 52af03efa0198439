# Copies: arrays with any strides, and images with a frame that is added or removed.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div, round_up)

cdef class Copy(Kernel):
    # y[...] = x for arrays of one shape and any strides; a stride of x may be 0. One call of a tile
    # covers two of the axes (see strides.py), or a block of them; a task is some calls.
    cdef object keeps  # the arrays
    cdef const float *x
    cdef float *y
    cdef Py_ssize_t[:, ::1] outer  # of each axis: size, strides of x and y
    cdef Py_ssize_t axes, rows, columns, x_row, y_row, x_column, y_column
    cdef Py_ssize_t block_rows, row_blocks, blocks, blocks_per_task
    cdef bint transposes

    def __init__(self, x, y):
        cdef Py_ssize_t x_address = x.ctypes.data, y_address = y.ctypes.data
        self.keeps, self.x, self.y = (x, y), <const float *>x_address, <float *>y_address
        axes, row, column, self.transposes = loops(x, y)
        self.rows, self.x_row, self.y_row = row
        self.columns, self.x_column, self.y_column = column
        self.axes, self.outer = len(axes), np.array([*axes, (1, 0, 0)], np.intp)
        self.block_rows = max(ELEMENTS_PER_TASK // (2 * self.columns), <Py_ssize_t>1)
        if self.transposes:  # whole cache lines of x
            self.block_rows = round_up(self.block_rows, 16)
        self.block_rows = min(self.block_rows, self.rows)
        self.row_blocks = ceil_div(self.rows, self.block_rows)
        self.blocks = self.row_blocks
        for axis in axes:
            self.blocks *= axis[0]
        self.blocks_per_task = max(
            ELEMENTS_PER_TASK // (2 * self.block_rows * self.columns), <Py_ssize_t>1
        )
        self.tasks = ceil_div(self.blocks, self.blocks_per_task)
        self.work = 8. * y.size  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t block, a, rest, index, first
        cdef const float *x
        cdef float *y
        for block in range(
            i * self.blocks_per_task, min((i + 1) * self.blocks_per_task, self.blocks)
        ):
            first = block % self.row_blocks * self.block_rows
            x, y = self.x + first * self.x_row, self.y + first * self.y_row
            rest = block // self.row_blocks
            for a in range(self.axes - 1, -1, -1):
                index = rest % self.outer[a, 0]
                rest //= self.outer[a, 0]
                x += index * self.outer[a, 1]
                y += index * self.outer[a, 2]
            self.copy(x, y, min(self.block_rows, self.rows - first))

    cdef void copy(self, const float *x, float *y, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t r, c
        if self.transposes:
            self.table.transpose(x, self.x_column, y, self.y_row, self.columns, rows)
        elif self.x_column != 1 or self.y_column != 1:
            for r in range(rows):
                for c in range(self.columns):
                    y[r * self.y_row + c * self.y_column] = x[r * self.x_row + c * self.x_column]
        elif self.columns <= 4 * self.table.lanes:
            self.table.copy_rows(x, self.x_row, y, self.y_row, rows, self.columns)
        else:
            for r in range(rows):
                memcpy(y + r * self.y_row, x + r * self.x_row, self.columns * sizeof(float))


cdef class Frame(Kernel):
    # y[n, top + i, left + j] = x[n, i, j] where both exist, `value` elsewhere. A task is a block of
    # rows of y.
    cdef const float[:, :, :, ::1] x
    cdef float[:, :, :, ::1] y
    cdef Py_ssize_t top, left, first, last, block_rows
    cdef float value

    def __init__(self, x, y, top, left, value):
        self.x, self.y, self.top, self.left, self.value = x, y, top, left, value
        self.first = min(max(self.left, <Py_ssize_t>0), self.y.shape[2])
        self.last = max(min(self.left + self.x.shape[2], self.y.shape[2]), self.first)
        self.block_rows = max(
            ELEMENTS_PER_TASK // (2 * self.y.shape[2] * self.y.shape[3]), <Py_ssize_t>1
        )
        self.tasks = ceil_div(self.y.shape[0] * self.y.shape[1], self.block_rows)
        self.work = 8. * y.size  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t row, n, h, channels = self.y.shape[3], wide = self.y.shape[2] * channels
        cdef Py_ssize_t first = self.first * channels, last = self.last * channels
        cdef float *y
        for row in range(
            i * self.block_rows, min((i + 1) * self.block_rows, self.y.shape[0] * self.y.shape[1])
        ):
            n, h = row // self.y.shape[1], row % self.y.shape[1] - self.top
            y = &self.y[n, h + self.top, 0, 0]
            if not 0 <= h < self.x.shape[1]:
                fill(y, wide, self.value)
                continue
            fill(y, first, self.value)
            if last > first:
                memcpy(
                    y + first, &self.x[n, h, self.first - self.left, 0],
                    (last - first) * sizeof(float),
                )
            fill(y + last, wide - last, self.value)


cdef void fill(float *y, Py_ssize_t size, float value) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        y[i] = value


def copy(x, y):
    return Copy(x, y)


def frame(x, y, *, top, left, value=0.0):
    return Frame(x, y, top, left, value)
