# Depthwise convolutions with one filter of 3 or 5 columns per channel, row by row and without a
# padded copy of the image; then the functions that choose between these and depthwise.pxi.
# uses: team (WORK_PER_THREAD, bound_of_relu, ceil_div), geometry (Windowed, image_blocks),
#       depthwise (TapsDepthwiseBackwardData, TapsDepthwiseBackwardWeights, TapsDepthwiseForward)

cdef Py_ssize_t BAND_SIZE = 6144  # elements of x and dy that stay in the first-level cache


cdef class RowsDepthwise(Windowed):
    # What the three kernels share: a task is a block of rows.
    cdef float[::1] zeros  # where there is no bias

    cdef set_rows(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.algorithm = "rows"
        self.set_sizes(x_shape, w_shape, y_shape, strides, pads, dilation)
        self.zeros = aligned((self.ic,), zero=True)
        # a multiply-add here takes as long as two where values are used more than once
        self.work = 2. * self.n * self.oh * self.ow * self.kh * self.kw * self.ic


cdef class RowsDepthwiseForward(RowsDepthwise):
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef bint relu
    cdef float relu_max
    cdef Py_ssize_t row_blocks

    def __init__(self, x, w, b, y, strides, pads, dilation, relu, relu_max):
        self.relu_max = bound_of_relu(relu_max)
        self.x, self.weights, self.b, self.y, self.relu = x, w, b, y, relu
        self.set_rows(x.shape, w.shape, y.shape, strides, pads, dilation)
        self.row_blocks = image_blocks(self.n, self.oh, self.work)
        self.tasks = self.n * self.row_blocks

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks
        self.output_rows(
            n, self.oh * block // self.row_blocks, self.oh * (block + 1) // self.row_blocks
        )

    cdef void output_rows(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef Py_ssize_t oh, row, first
        cdef DepthwiseRow p
        p.b = &self.b[0] if self.b is not None else &self.zeros[0]
        p.columns, p.stride, p.left = self.kw, self.stride_w, self.left
        p.width, p.pixels, p.channels = self.w, self.ow, self.ic
        p.x_row, p.w_row, p.w_column = self.w * self.ic, self.kw * self.ic, self.ic
        p.spread, p.relu, p.relu_max = 0, self.relu, self.relu_max
        for oh in range(start, end):
            row = oh * self.stride_h - self.top
            first = max(-row, <Py_ssize_t>0)  # rows of the filter inside the image
            p.rows = min(self.kh, self.h - row) - first
            p.x = &self.x[n, 0, 0, 0] + (row + first) * p.x_row
            p.w = &self.weights[0, 0, 0, 0] + first * p.w_row
            p.y = &self.y[n, oh, 0, 0]
            self.table.depthwise_row(&p)


cdef class RowsDepthwiseBackwardData(RowsDepthwise):
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, ::1] dx
    cdef Py_ssize_t row_blocks

    def __init__(self, dy, w, dx, strides, pads, dilation):
        self.dy, self.weights, self.dx = dy, w, dx
        self.set_rows(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.row_blocks = image_blocks(self.n, self.h, self.work)
        self.tasks = self.n * self.row_blocks

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, ih, row, first
        cdef DepthwiseRow p
        cdef const float *w = &self.weights[0, 0, 0, 0]
        p.b, p.relu, p.relu_max = &self.zeros[0], 0, NAN
        p.columns, p.stride = self.kw, self.stride_w
        p.spread, p.left, p.w_column = self.stride_w == 2, self.left, self.ic
        if self.stride_w == 1:  # the same as the forward pass with a flipped filter
            p.left, p.w_column = self.kw - 1 - self.left, -self.ic
            w += (self.kw - 1) * self.ic
        p.width, p.pixels, p.channels = self.ow, self.w, self.ic
        # rows of the filter that are a stride apart meet rows of dy, from the last to the first
        p.x_row, p.w_row = -self.ow * self.ic, self.stride_h * self.kw * self.ic
        for ih in range(
            self.h * block // self.row_blocks, self.h * (block + 1) // self.row_blocks
        ):
            row, first = (ih + self.top) // self.stride_h, (ih + self.top) % self.stride_h
            p.rows = ceil_div(max(self.kh - first, <Py_ssize_t>0), self.stride_h)
            p.rows = min(p.rows, row + 1)  # up to the first row of dy
            if row >= self.oh:
                first += (row - self.oh + 1) * self.stride_h
                p.rows -= row - self.oh + 1
                row = self.oh - 1
            p.x = &self.dy[n, row, 0, 0]
            p.w = w + first * self.kw * self.ic
            p.y = &self.dx[n, ih, 0, 0]
            self.table.depthwise_row(&p)


cdef class RowsDepthwiseBackwardWeights(RowsDepthwise):
    # A task sums over a block of the rows of all images, and the blocks' sums are added in order.
    # Their number depends on the shape alone.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef float[:, ::1] sums  # (task, vector of channels x (db, dw) x lanes), see csrc/kernels.h
    cdef Py_ssize_t band_rows

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        self.set_rows(x.shape, dw.shape, dy.shape, strides, pads, dilation)
        self.gradients = dw.size
        rows = self.n * self.oh
        self.tasks = 1 if self.work < 2 * WORK_PER_THREAD else min(rows, 16)
        self.finishes = 1
        vectors = ceil_div(self.ic, self.table.lanes)
        self.sums = aligned((self.tasks, vectors * (self.kh * self.kw + 1) * self.table.lanes))
        row_size = (self.stride_h * self.w + self.ow) * self.ic
        self.band_rows = max(BAND_SIZE // row_size, 1)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t rows = self.n * self.oh, at = rows * i // self.tasks
        cdef Py_ssize_t end = rows * (i + 1) // self.tasks, oh, row, first, last
        cdef DepthwiseRowWeights p
        memset(&self.sums[i, 0], 0, self.sums.shape[1] * sizeof(float))
        p.columns, p.stride, p.left = self.kw, self.stride_w, self.left
        p.width, p.pixels, p.channels = self.w, self.ow, self.ic
        p.x_row = self.w * self.ic
        p.x_step = self.stride_h * p.x_row
        p.sums, p.filter_rows = &self.sums[i, 0], self.kh
        while at < end:
            oh = at % self.oh
            row = oh * self.stride_h - self.top
            first, last = max(-row, <Py_ssize_t>0), min(self.kh, self.h - row)
            p.rows = 1
            if first == 0 and last == self.kh:  # as long as all of the filter is in the image
                p.rows = min((self.h - self.kh - row) // self.stride_h + 1, self.band_rows)
                p.rows = min(min(p.rows, self.oh - oh), end - at)
            p.first_row, p.rows_inside = first, last - first
            p.x = &self.x[at // self.oh, 0, 0, 0] + (row + first) * p.x_row
            p.dy = &self.dy[at // self.oh, oh, 0, 0]
            self.table.depthwise_row_weights(&p)
            at += p.rows

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef Py_ssize_t lanes = self.table.lanes, taps = self.kh * self.kw, k, c = 0
        cdef float *sums = &self.sums[0, 0]
        for k in range(1, self.tasks):
            self.table.add_rows(&self.sums[k, 0], sums, 0, 1, self.sums.shape[1])
        while c < self.ic:
            c = min(c, self.ic - lanes)
            if self.db is not None:
                memcpy(&self.db[c], sums, lanes * sizeof(float))
            self.table.copy_rows(
                sums + lanes, lanes, &self.dw[0, 0, 0, 0] + c, self.ic, taps, lanes
            )
            sums += (taps + 1) * lanes
            c += lanes


def depthwise_conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu, relu_max=np.inf):
    algorithm = choice.choose(
        "depthwise_conv2d_forward", w.shape, x.shape, y.shape, strides, dilation
    )
    kind = RowsDepthwiseForward if algorithm == "rows" else TapsDepthwiseForward
    return kind(x, w, b, y, strides, pads, dilation, relu, relu_max)


def depthwise_conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    algorithm = choice.choose(
        "depthwise_conv2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation
    )
    kind = RowsDepthwiseBackwardData if algorithm == "rows" else TapsDepthwiseBackwardData
    return kind(dy, w, dx, strides, pads, dilation)


def depthwise_conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    algorithm = choice.choose(
        "depthwise_conv2d_backward_weights", dw.shape, x.shape, dy.shape, strides, dilation
    )
    kind = RowsDepthwiseBackwardWeights if algorithm == "rows" else TapsDepthwiseBackwardWeights
    return kind(x, dy, dw, db, strides, pads, dilation)
