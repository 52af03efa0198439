# Dense layers: sums of products, in blocks of weights that stay in the first-level cache.
# uses: team (Kernel, bound_of_relu, ceil_div), product (product_blocks, sum_rows)

cdef double dense_work(Py_ssize_t n, Py_ssize_t inputs, Py_ssize_t outputs):
    # Few samples are bound by the memory traffic of the weights, the same for one as for eight.
    return <double>max(n, 8) * inputs * outputs


cdef class DenseForward(Kernel):
    # A task computes a block of columns of y from a block of rows of w. A large w is divided into
    # several blocks of rows, in the order in which the gradient and the optimizer's step go through
    # it: so a core finds in its cache what it wrote there. The sums of the row blocks are added in
    # order; their count depends on w alone.
    cdef const float[:, ::1] x, w
    cdef const float[::1] b
    cdef float[:, ::1] y
    cdef float[:, :, ::1] sums  # (row block, n, outputs) except the first, which is y
    cdef bint relu
    cdef float relu_max
    cdef Py_ssize_t row_blocks, block_rows, column_blocks, block_columns
    cdef Py_ssize_t steps  # rows of w at a time

    def __init__(self, x, w, b, y, relu, relu_max):
        self.x, self.w, self.b, self.y, self.relu = x, w, b, y, relu
        self.relu_max = bound_of_relu(relu_max)
        n, inputs, outputs = x.shape[0], w.shape[0], w.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.row_blocks = 4 if inputs >= 512 and inputs * outputs >= 32768 else 1
        self.block_rows = ceil_div(inputs, self.row_blocks)
        self.sums = aligned((self.row_blocks - 1, n, outputs))
        self.block_columns = self.table.product_block(outputs)
        self.column_blocks = ceil_div(outputs, self.block_columns)
        self.tasks = self.row_blocks * self.column_blocks
        self.finishes = 4 if self.row_blocks > 1 else 0
        self.steps = max(16, 6144 // self.block_columns)  # 24 KB stay in the cache for all of x

    def read(self, const float[:, ::1] x not None):
        """Use this x from now on; its shape must be that of the bound one."""
        self.x = x

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, block = i // self.column_blocks, step = block * self.block_rows
        cdef Py_ssize_t channel = i % self.column_blocks * self.block_columns, first = step
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1]
        cdef Py_ssize_t last = min(step + self.block_rows, inputs)
        cdef Product p
        p.x_segments = p.w_segments = &zero
        p.segments = 1
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = inputs, 1, outputs, outputs
        p.pixels, p.channels = self.x.shape[0], min(self.block_columns, outputs - channel)
        p.b = &self.b[0] + channel if self.b is not None and block == 0 else NULL
        p.residual, p.relu_max = NULL, self.relu_max
        p.y = (&self.y[0, 0] if block == 0 else &self.sums[block - 1, 0, 0]) + channel
        while step < last or step == first:
            p.x = &self.x[0, 0] + step
            p.w = &self.w[0, 0] + step * outputs + channel
            p.steps = min(self.steps, last - step)
            p.accumulate = step > first
            p.relu = self.relu and self.row_blocks == 1 and step + p.steps == last
            self.table.product(&p)
            step += self.steps

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        # A quarter of y: adds up the sums of the row blocks.
        cdef Py_ssize_t block, size = self.y.shape[0] * self.y.shape[1], at = size * i // 4
        cdef float *y = &self.y[0, 0] + at
        size = size * (i + 1) // 4 - at
        for block in range(self.row_blocks - 1):
            self.table.add_rows(&self.sums[block, 0, 0] + at, y, 0, 1, size)
        if self.relu:
            self.table.relu_forward(y, y, size, self.relu_max)


cdef class DenseBackwardData(Kernel):
    # A task is a block of columns of dx for all samples, from a block of w that it transposes.
    cdef const float[:, ::1] dy, w
    cdef float[:, ::1] dx
    cdef bint accumulate
    cdef Py_ssize_t block_columns

    def __init__(self, dy, w, dx, accumulate):
        self.dy, self.w, self.dx, self.accumulate = dy, w, dx, accumulate
        n, inputs, outputs = dy.shape[0], w.shape[0], w.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.block_columns = self.table.product_block(inputs)
        self.tasks = ceil_div(inputs, self.block_columns)
        self.allocate_scratch(self.block_columns * outputs)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i * self.block_columns
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1]
        cdef Product p
        p.channels = min(self.block_columns, inputs - first)
        self.table.transpose(
            &self.w[0, 0] + first * outputs, outputs, scratch, self.block_columns, p.channels,
            outputs,
        )
        p.x, p.w, p.b, p.y = &self.dy[0, 0], scratch, NULL, &self.dx[0, 0] + first
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.relu = 1, outputs, 0
        p.accumulate, p.residual = self.accumulate, NULL
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = outputs, 1, self.block_columns, inputs
        p.pixels = self.dy.shape[0]
        self.table.product(&p)


cdef class DenseBackwardWeights(Kernel):
    # A task is a block of rows of dw; the last one is db.
    cdef const float[:, ::1] x, dy
    cdef float[:, ::1] dw
    cdef float[::1] db
    cdef Py_ssize_t block_rows

    def __init__(self, x, dy, dw, db):
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        n, inputs, outputs = dy.shape[0], dw.shape[0], dw.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.gradients = <double>inputs * outputs
        self.block_rows = 48
        self.tasks = ceil_div(inputs, self.block_rows) + (db is not None)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i * self.block_rows, n = self.dy.shape[0]
        cdef Py_ssize_t inputs = self.dw.shape[0], outputs = self.dw.shape[1]
        cdef Product p
        if first >= inputs:
            sum_rows(self.table, &self.dy[0, 0], n, outputs, &self.db[0], False)
            return
        p.x, p.w, p.y = &self.x[0, 0] + first, &self.dy[0, 0], &self.dw[0, 0] + first * outputs
        p.b, p.residual, p.accumulate, p.relu = NULL, NULL, 0, 0
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps = 1, n
        p.x_pixel, p.x_step, p.pixels = 1, inputs, min(self.block_rows, inputs - first)
        p.w_step = p.y_pixel = outputs
        product_blocks(self.table, &p, outputs)


def dense_forward(x, w, b, y, *, relu, relu_max=np.inf):
    return DenseForward(x, w, b, y, relu, relu_max)


def dense_backward_data(dy, w, dx, *, accumulate=False):
    return DenseBackwardData(dy, w, dx, accumulate)


def dense_backward_weights(x, dy, dw, db):
    return DenseBackwardWeights(x, dy, dw, db)
