# Functions over one axis that is not the last: softmax, sparsemax, and the gradient of a maximum. A
# task is a block of a sample's columns.
# uses: team (Kernel, ceil_div)

cdef Py_ssize_t COLUMNS_AT_ONCE = 128


cdef class ColumnBlocks(Kernel):
    # Of arrays (n, k, q), over k.
    cdef const float[:, :, ::1] dy, x
    cdef float[:, :, ::1] out
    cdef Py_ssize_t blocks

    cdef bind(self, dy, x, out, double work):
        self.dy, self.x, self.out = dy, x, out
        self.blocks = ceil_div(self.out.shape[2], COLUMNS_AT_ONCE)
        self.tasks = self.out.shape[0] * self.blocks
        self.work = work * out.size

    cdef Columns columns_of(self, Py_ssize_t i) noexcept nogil:
        cdef Columns p
        cdef Py_ssize_t n = i // self.blocks, first = i % self.blocks * COLUMNS_AT_ONCE
        p.rows, p.distance = self.out.shape[1], self.out.shape[2]
        p.columns = min(COLUMNS_AT_ONCE, p.distance - first)
        p.x, p.out = &self.x[n, 0, first], &self.out[n, 0, first]
        p.dy = &self.dy[n, 0, first] if self.dy is not None else NULL
        p.most, p.log = NULL, 0
        return p


cdef class SoftmaxColumns(ColumnBlocks):
    # Forward if dy is None; otherwise backward, and x is the output.
    cdef bint log

    def __init__(self, dy, x, out, log):
        self.bind(dy, x, out, 32)
        self.log = log

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Columns p = self.columns_of(i)
        p.log = self.log
        if self.dy is None:
            self.table.softmax_columns(&p)
        else:
            self.table.softmax_columns_gradient(&p)


cdef class GlobalMaxBackward(ColumnBlocks):
    # dy and y (n, 1, q): the maxima share the gradient.
    cdef const float[:, :, ::1] y

    def __init__(self, dy, x, y, dx):
        self.bind(dy.reshape(len(dy), 1, -1), x, dx, 12)
        self.y = y.reshape(len(y), 1, -1)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Columns p = self.columns_of(i)
        p.most = &self.y[i // self.blocks, 0, i % self.blocks * COLUMNS_AT_ONCE]
        self.table.share_columns(&p)


cdef class Sparsemax(ColumnBlocks):
    # Forward if dy is None; otherwise backward, and x is the output. Those above tau are found as
    # in Michelot's projection: tau from all, from those above it, and so on until all are above it.
    def __init__(self, dy, x, out):
        self.bind(dy, x, out, 32)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Columns p = self.columns_of(i)
        cdef Py_ssize_t c
        for c in range(p.columns):
            if self.dy is None:
                sparsemax_of(p.x + c, p.out + c, p.rows, p.distance)
            else:
                sparsemax_gradient(p.dy + c, p.x + c, p.out + c, p.rows, p.distance)


cdef void sparsemax_of(
    const float *x, float *y, Py_ssize_t rows, Py_ssize_t distance
) noexcept nogil:
    cdef Py_ssize_t r, count = rows + 1, before = rows + 2
    cdef float most = -INFINITY, tau = -INFINITY, z
    cdef double total
    for r in range(rows):
        z = x[r * distance]
        if z > most or z != z:  # NaN stays
            most = z
    while count < before:  # rounding may let one that was below tau be above it again
        before, count, total = count, 0, 0
        for r in range(rows):
            z = x[r * distance] - most  # more precise, and it is the same projection
            if z > tau:
                total += z
                count += 1
        tau = <float>((total - 1) / count) if count else NAN
    for r in range(rows):
        z = (x[r * distance] - most) - tau
        y[r * distance] = 0 if z < 0 else z


cdef void sparsemax_gradient(
    const float *dy, const float *y, float *dx, Py_ssize_t rows, Py_ssize_t distance
) noexcept nogil:
    cdef Py_ssize_t r, count = 0
    cdef float total = 0, mean
    for r in range(rows):
        if y[r * distance] > 0:
            total += dy[r * distance]
            count += 1
    mean = total / count if count else 0
    for r in range(rows):
        dx[r * distance] = dy[r * distance] - mean if y[r * distance] > 0 else 0


def softmax_columns_forward(x, y, *, log):
    return SoftmaxColumns(None, x, y, log)


def softmax_columns_backward(dy, y, dx, *, log):
    return SoftmaxColumns(dy, y, dx, log)


def global_max_backward(dy, x, y, dx):
    return GlobalMaxBackward(dy, x, y, dx)


def sparsemax_forward(x, y):
    return Sparsemax(None, x, y)


def sparsemax_backward(dy, y, dx):
    return Sparsemax(dy, y, dx)
