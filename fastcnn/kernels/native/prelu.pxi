# PReLU of rows of channels. A task is a block of rows.
# uses: sums (RowSums)

cdef class PReLU(RowSums):
    # Forward if dy is None.
    cdef const float[:, ::1] x, dy
    cdef const float[::1] alpha
    cdef float[:, ::1] out

    def __init__(self, x, dy, alpha, out, dalpha):
        self.x, self.dy, self.alpha, self.out = x, dy, alpha, out
        self.allocate_sums(x.shape[0], x.shape[1], dalpha, None)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef PReLURows p
        cdef Py_ssize_t first = i * self.block_rows
        p.rows, p.channels = min(self.block_rows, self.rows - first), self.channels
        p.x, p.alpha = &self.x[first, 0], &self.alpha[0]
        p.out = &self.out[first, 0] if self.out is not None else NULL
        p.dy, p.dalpha = NULL, NULL
        if self.dy is None:
            self.table.prelu_forward(&p)
        else:
            p.dy, p.dalpha = &self.dy[first, 0], self.sum_of_task(i, 0)
            self.table.prelu_backward(&p)


def prelu_forward(x, alpha, y):
    return PReLU(x, None, alpha, y, None)


def prelu_backward(dy, x, alpha, dx, dalpha):
    return PReLU(x, dy, alpha, dx, dalpha)
