# Pooling. A task is an image or a block of its rows, a call of a tile one row.
# uses: team (Kernel, ceil_div, round_up), geometry (image_blocks, pixel_distance)

# Comparing or adding a vector takes as long as several multiply-adds.
cdef double WORK_PER_LOAD = 8


cdef class Pool2D(Kernel):
    # x is the larger image (x or dx), y the smaller one (y or dy). x may be columns of a wider
    # array.
    cdef const float[:, :, :, :] x
    cdef const float[:, :, :, ::1] y
    cdef unsigned char[:, :, :, ::1] argmax8
    cdef int[:, :, :, ::1] argmax32
    cdef Py_ssize_t[:, ::1] columns  # struct pool's
    cdef Py_ssize_t height, stride_h, top, row_blocks
    cdef Pool row  # what the calls for all output rows share
    cdef bint clears  # dx, because not every pixel is written, or because gradients are added
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
        self.row.pixel = pixel_distance(x)
        self.row.row_size = x.shape[2] * self.row.pixel
        self.row.overlap = self.stride_h < self.height or stride < width
        lanes = round_up(x.shape[3], self.table.lanes)
        loads = max(x.shape[1] * x.shape[2], y.shape[1] * y.shape[2] * self.height * width)
        self.work = WORK_PER_LOAD * x.shape[0] * loads * lanes
        self.row_blocks = image_blocks(y.shape[0], y.shape[1], self.work)
        self.tasks = y.shape[0] * self.row_blocks

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Pool p = self.row
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, oh, first
        cdef float *x = <float *>&self.x[n, 0, 0, 0]
        if self.clears:
            memset(x, 0, self.x.shape[1] * p.row_size * sizeof(float))
        for oh in range(
            self.y.shape[1] * block // self.row_blocks,
            self.y.shape[1] * (block + 1) // self.row_blocks,
        ):
            first = oh * self.stride_h - self.top
            p.first_row = max(-first, 0)
            p.rows = min(self.height, self.x.shape[1] - first) - p.first_row
            p.x = p.dx = x + (first + p.first_row) * p.row_size
            p.y = <float *>&self.y[n, oh, 0, 0]
            p.argmax8 = &self.argmax8[n, oh, 0, 0] if self.argmax8 is not None else NULL
            p.argmax32 = &self.argmax32[n, oh, 0, 0] if self.argmax32 is not None else NULL
            self.tile(&p)


cdef class MaxPool2DBackward(Kernel):
    # Each row of dx collects from the windows that contain it.
    cdef const float[:, :, :, ::1] dy
    cdef const unsigned char[:, :, :, ::1] argmax8
    cdef const int[:, :, :, ::1] argmax32
    cdef float[:, :, :, ::1] dx
    cdef Py_ssize_t[:, ::1] windows  # struct max_pool_gradient's
    cdef Py_ssize_t height, width, stride_h, top, row_blocks
    cdef MaxPoolGradient row  # what the calls for all rows share

    def __init__(self, dy, argmax, dx, pool_size, strides, pads, accumulate):
        self.dy, self.dx, self.argmax8, self.argmax32 = dy, dx, None, None
        if argmax.dtype == np.uint8:
            self.argmax8 = argmax
        else:
            self.argmax32 = argmax
        (self.height, self.width), (self.stride_h, stride) = pool_size, strides
        self.top, left = pads[0], pads[2]
        at = np.arange(dx.shape[2]) + left
        first = -(-np.maximum(at - self.width + 1, 0) // stride)
        last = np.maximum(np.minimum(at // stride + 1, dy.shape[2]), first)
        self.windows = np.ascontiguousarray(np.stack([first, last], 1))
        self.row.windows, self.row.accumulate = &self.windows[0, 0], accumulate
        self.row.columns, self.row.channels = dx.shape[2], dx.shape[3]
        self.row.stride, self.row.left = stride, left
        self.row.row_step = self.stride_h * self.width
        self.row.row_size = dy.shape[2] * dy.shape[3]
        lanes = round_up(dx.shape[3], self.table.lanes)
        loads = max(dx.shape[1] * dx.shape[2], dy.shape[1] * dy.shape[2] * self.height * self.width)
        self.work = WORK_PER_LOAD * dx.shape[0] * loads * lanes
        self.row_blocks = image_blocks(dx.shape[0], dx.shape[1], self.work)
        self.tasks = dx.shape[0] * self.row_blocks

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef MaxPoolGradient p = self.row
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, ih, at, first
        for ih in range(
            self.dx.shape[1] * block // self.row_blocks,
            self.dx.shape[1] * (block + 1) // self.row_blocks,
        ):
            at = ih + self.top
            first = ceil_div(max(at - self.height + 1, <Py_ssize_t>0), self.stride_h)
            p.rows = min(at // self.stride_h + 1, self.dy.shape[1]) - first
            p.first_position = (at - first * self.stride_h) * self.width
            p.dx = &self.dx[n, ih, 0, 0]
            if p.rows > 0:
                p.dy = &self.dy[n, first, 0, 0]
                p.argmax8 = &self.argmax8[n, first, 0, 0] if self.argmax8 is not None else NULL
                p.argmax32 = &self.argmax32[n, first, 0, 0] if self.argmax32 is not None else NULL
            self.table.max_pool2d_backward(&p)


def max_pool2d_forward(x, y, argmax, *, pool_size, strides, pads, relu=False):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, argmax, pool_size, strides, pads)
    kernel.row.relu = relu
    kernel.tile = kernel.table.max_pool2d_forward
    return kernel


def max_pool2d_backward(dy, argmax, dx, *, pool_size, strides, pads, accumulate=False):
    return MaxPool2DBackward(dy, argmax, dx, pool_size, strides, pads, accumulate)


def average_pool2d_forward(x, y, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, None, pool_size, strides, pads)
    kernel.tile = kernel.table.average_pool2d_forward
    return kernel


def average_pool2d_backward(dy, dx, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(dx, dy, None, pool_size, strides, pads)
    kernel.tile = kernel.table.average_pool2d_backward
    (height, width), (stride_h, stride_w), sizes = pool_size, strides, dx.shape[1:3]
    covered = dy.shape[1] * height, dy.shape[2] * width  # by windows side by side
    kernel.clears = kernel.row.overlap or (stride_h, stride_w) != (height, width)
    kernel.clears = kernel.clears or any(pads) or covered != sizes
    # blocks of output rows would write to the same rows of dx
    kernel.row_blocks, kernel.tasks = 1, dx.shape[0]
    return kernel
