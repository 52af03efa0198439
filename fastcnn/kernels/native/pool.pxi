# Pooling. A task is an image, a call of the tile an output row.
# uses: team (Kernel, round_up)

cdef class Pool2D(Kernel):
    # x is the larger image (x or dx), y the smaller one (y or dy).
    cdef const float[:, :, :, ::1] x, y
    cdef unsigned char[:, :, :, ::1] argmax8
    cdef int[:, :, :, ::1] argmax32
    cdef Py_ssize_t[:, ::1] columns  # struct pool's
    cdef Py_ssize_t height, stride_h, top
    cdef Pool row  # what the calls for all output rows share
    cdef bint backward
    cdef void (*tile)(const Pool *) noexcept nogil

    cdef bind(self, x, y, argmax, pool_size, strides, pads):
        self.x, self.y, self.argmax8, self.argmax32 = x, y, None, None
        if argmax is not None:
            if argmax.dtype == np.uint8:
                self.argmax8 = argmax
            else:
                self.argmax32 = argmax
        (self.height, width), (self.stride_h, stride) = pool_size, strides
        self.top, left = pads[0], pads[2]
        start = np.arange(y.shape[2]) * stride - left
        columns = np.stack([start, start + width], 1)
        self.columns = np.ascontiguousarray(np.clip(columns, 0, x.shape[2]))
        self.row.columns = &self.columns[0, 0]
        self.row.window_columns, self.row.stride, self.row.left = width, stride, left
        self.row.columns_out, self.row.channels = y.shape[2], y.shape[3]
        self.row.row_size = x.shape[2] * x.shape[3]
        self.row.overlap = self.stride_h < self.height or stride < width
        self.tasks = y.shape[0]
        # loading a vector takes as long as several multiply-adds
        lanes = round_up(x.shape[3], self.table.lanes)
        self.work = 8. * x.shape[0] * x.shape[1] * x.shape[2] * lanes

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Pool p = self.row
        cdef Py_ssize_t oh, first, at
        cdef float *x = <float *>&self.x[n, 0, 0, 0]
        if self.backward:
            memset(x, 0, self.x.shape[1] * p.row_size * sizeof(float))
        for oh in range(self.y.shape[1]):
            first = oh * self.stride_h - self.top
            p.first_row = max(-first, 0)
            p.rows = min(self.height, self.x.shape[1] - first) - p.first_row
            p.x = p.dx = x + (first + p.first_row) * p.row_size
            p.y = <float *>&self.y[n, oh, 0, 0]
            p.argmax8 = &self.argmax8[n, oh, 0, 0] if self.argmax8 is not None else NULL
            p.argmax32 = &self.argmax32[n, oh, 0, 0] if self.argmax32 is not None else NULL
            self.tile(&p)


def max_pool2d_forward(x, y, argmax, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, argmax, pool_size, strides, pads)
    kernel.tile = kernel.table.max_pool2d_forward
    return kernel


def max_pool2d_backward(dy, argmax, dx, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(dx, dy, argmax, pool_size, strides, pads)
    kernel.tile, kernel.backward = kernel.table.max_pool2d_backward, True
    return kernel


def average_pool2d_forward(x, y, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, None, pool_size, strides, pads)
    kernel.tile = kernel.table.average_pool2d_forward
    return kernel


def average_pool2d_backward(dy, dx, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(dx, dy, None, pool_size, strides, pads)
    kernel.tile, kernel.backward = kernel.table.average_pool2d_backward, True
    return kernel
