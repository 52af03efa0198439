# Dense layers: the same sums of products, cut so that a piece of the weights stays in cache.

cdef double dense_work(Py_ssize_t n, Py_ssize_t inputs, Py_ssize_t outputs):
    # Few samples wait for the weights to come and go, which takes as long for one as for eight.
    return <double>max(n, 8) * inputs * outputs


cdef class DenseForward(Kernel):
    # A task does some columns of y from some rows of w. A large w is cut into `parts` of rows, in
    # the order in which the gradient and the optimizer's step go through it: so a core finds again
    # what it wrote there. The parts' sums are added in order; their number depends on w alone.
    cdef const float[:, ::1] x, w
    cdef const float[::1] b
    cdef float[:, ::1] y
    cdef float[:, :, ::1] sums  # (part, n, outputs) but the first, which goes to y
    cdef bint relu
    cdef Py_ssize_t parts, part_rows, steps, width, blocks

    def __init__(self, x, w, b, y, relu):
        self.x, self.w, self.b, self.y, self.relu = x, w, b, y, relu
        n, inputs, outputs = x.shape[0], w.shape[0], w.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.parts = 4 if inputs >= 512 and inputs * outputs >= 32768 else 1
        self.part_rows = chunks(inputs, self.parts)
        self.sums = aligned((self.parts - 1, n, outputs))
        self.width = self.table.product_block(outputs)
        self.blocks = chunks(outputs, self.width)
        self.tasks = self.parts * self.blocks
        self.finishes = 4 if self.parts > 1 else 0
        self.steps = max(16, 6144 // self.width)  # 24 KB of weights stay in cache for all rows of x

    def read(self, const float[:, ::1] x not None):
        """Take x from here from now on; its shape is that of the bound one."""
        self.x = x

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, part = i // self.blocks, step = part * self.part_rows
        cdef Py_ssize_t channel = i % self.blocks * self.width, first = step
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1]
        cdef Py_ssize_t last = min(step + self.part_rows, inputs)
        cdef Product p
        p.x_segments = p.w_segments = &zero
        p.segments = 1
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = inputs, 1, outputs, outputs
        p.pixels, p.channels = self.x.shape[0], min(self.width, outputs - channel)
        p.b = &self.b[0] + channel if self.b is not None and part == 0 else NULL
        p.y = (&self.y[0, 0] if part == 0 else &self.sums[part - 1, 0, 0]) + channel
        while step < last or step == first:
            p.x = &self.x[0, 0] + step
            p.w = &self.w[0, 0] + step * outputs + channel
            p.steps = min(self.steps, last - step)
            p.accumulate = step > first
            p.relu = self.relu and self.parts == 1 and step + p.steps == last
            self.table.product(&p)
            step += self.steps

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        # a quarter of y: add up the parts' sums
        cdef Py_ssize_t part, size = self.y.shape[0] * self.y.shape[1], at = size * i // 4
        cdef float *y = &self.y[0, 0] + at
        size = size * (i + 1) // 4 - at
        for part in range(self.parts - 1):
            self.table.add_rows(&self.sums[part, 0, 0] + at, y, 0, 1, size)
        if self.relu:
            self.table.relu_forward(y, y, size)


cdef class DenseBackwardData(Kernel):
    # A task writes some columns of dx for all samples, from its own transposed piece of w.
    cdef const float[:, ::1] dy, w
    cdef float[:, ::1] dx
    cdef Py_ssize_t width

    def __init__(self, dy, w, dx):
        self.dy, self.w, self.dx = dy, w, dx
        n, inputs, outputs = dy.shape[0], w.shape[0], w.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.width = self.table.product_block(inputs)
        self.tasks = chunks(inputs, self.width)
        self.allocate_scratch(self.width * outputs)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i * self.width
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1]
        cdef Product p
        p.channels = min(self.width, inputs - first)
        self.table.transpose(
            &self.w[0, 0] + first * outputs, outputs, scratch, self.width, p.channels, outputs
        )
        p.x, p.w, p.b, p.y = &self.dy[0, 0], scratch, NULL, &self.dx[0, 0] + first
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.accumulate, p.relu = 1, outputs, 0, 0
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = outputs, 1, self.width, inputs
        p.pixels = self.dy.shape[0]
        self.table.product(&p)


cdef class DenseBackwardWeights(Kernel):
    # A task owns some rows of dw; the last one sums db.
    cdef const float[:, ::1] x, dy
    cdef float[:, ::1] dw
    cdef float[::1] db
    cdef Py_ssize_t rows

    def __init__(self, x, dy, dw, db):
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        n, inputs, outputs = dy.shape[0], dw.shape[0], dw.shape[1]
        self.work = dense_work(n, inputs, outputs)
        self.gradients = <double>inputs * outputs
        self.rows = 48
        self.tasks = chunks(inputs, self.rows) + (db is not None)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i * self.rows, n = self.dy.shape[0]
        cdef Py_ssize_t inputs = self.dw.shape[0], outputs = self.dw.shape[1]
        cdef Product p
        if first >= inputs:
            sum_rows(self.table, &self.dy[0, 0], n, outputs, &self.db[0], False)
            return
        p.x, p.w, p.y = &self.x[0, 0] + first, &self.dy[0, 0], &self.dw[0, 0] + first * outputs
        p.b, p.accumulate, p.relu = NULL, 0, 0
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps = 1, n
        p.x_pixel, p.x_step, p.pixels = 1, inputs, min(self.rows, inputs - first)
        p.w_step = p.y_pixel = outputs
        product_blocks(self.table, &p, outputs)


def dense_forward(x, w, b, y, *, relu):
    return DenseForward(x, w, b, y, relu)


def dense_backward_data(dy, w, dx):
    return DenseBackwardData(dy, w, dx)


def dense_backward_weights(x, dy, dw, db):
    return DenseBackwardWeights(x, dy, dw, db)
