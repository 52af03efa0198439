# Linear functions of each channel of each sample, within bounds. A task is a block of a sample's
# rows.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class ScaleRows(Kernel):
    # y[n,m,c] = (x[n,m,c] - center[n,c]) * scale[n,c] + offset[n,c] within [low, high]; with dy,
    # the gradient. Few channels are taken several rows at a time, as one row of `wide` columns.
    cdef const float[:, ::1] x, dy, center, scale, offset
    cdef float[:, ::1] out
    cdef Py_ssize_t size, channels, repeats, wide, block, blocks
    cdef float low, high

    def __init__(self, dy, x, center, scale, offset, out, low, high):
        n, rows, self.channels = x.shape
        self.size = rows * self.channels
        self.x, self.out = x.reshape(n, self.size), out.reshape(n, self.size)
        self.dy = None if dy is None else dy.reshape(n, self.size)
        self.center, self.scale, self.offset = center, scale, offset
        self.low, self.high = low, high
        self.repeats = ceil_div(8 * self.table.lanes, self.channels)
        self.wide = self.channels * self.repeats
        # whole rows in each block
        self.block = max(ELEMENTS_PER_TASK // self.wide, <Py_ssize_t>1) * self.wide
        self.blocks = ceil_div(self.size, self.block)
        self.tasks = n * self.blocks
        self.work = 8. * x.size  # bound by memory
        self.allocate_scratch(3 * self.wide)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef AffineRows p
        cdef Py_ssize_t n = i // self.blocks, start = i % self.blocks * self.block
        cdef Py_ssize_t size = min(self.block, self.size - start), whole = size // self.wide, k, c
        cdef float *center = scratch
        cdef float *scale = scratch + self.wide
        cdef float *offset = scratch + 2 * self.wide
        for c in range(self.channels):
            for k in range(self.repeats):
                center[k * self.channels + c] = (
                    self.center[n, c] if self.center is not None else 0
                )
                scale[k * self.channels + c] = self.scale[n, c]
                offset[k * self.channels + c] = (
                    self.offset[n, c] if self.offset is not None else 0
                )
        p.center, p.scale, p.offset, p.low, p.high = center, scale, offset, self.low, self.high
        p.x, p.out = &self.x[n, start], &self.out[n, start]
        p.dy = &self.dy[n, start] if self.dy is not None else NULL
        p.rows, p.columns = whole, self.wide
        self.table.affine_rows(&p)
        whole *= self.wide
        if whole < size:
            p.x, p.out, p.rows, p.columns = p.x + whole, p.out + whole, 1, size - whole
            p.dy = p.dy + whole if self.dy is not None else NULL
            self.table.affine_rows(&p)


def scale_rows_forward(x, scale, y, center=None, offset=None, *, low=-np.inf, high=np.inf):
    return ScaleRows(None, x, center, scale, offset, y, low, high)


def scale_rows_backward(
    dy, x, scale, dx, center=None, offset=None, *, low=-np.inf, high=np.inf
):
    return ScaleRows(dy, x, center, scale, offset, dx, low, high)
