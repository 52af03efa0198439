# Dense layers: the same sums of products, cut so that a piece of the weights stays in cache.

cdef class DenseForward(Kernel):
    # A task does some rows for one block of columns. The blocks come first, so that a thread reads
    # its own part of w, and a piece of it stays in the first cache for all of the task's rows.
    cdef const float[:, ::1] x, w
    cdef const float[::1] b
    cdef float[:, ::1] y
    cdef bint relu
    cdef Py_ssize_t rows, steps, width, row_chunks

    def __init__(self, x, w, b, y, relu):
        self.x, self.w, self.b, self.y, self.relu = x, w, b, y, relu
        n, inputs, outputs = x.shape[0], w.shape[0], w.shape[1]
        self.work = <double>n * inputs * outputs
        self.width = table.product_block(outputs)
        if n >= 8 and outputs < 8 * self.width:
            self.width = table.product_block(2 * table.lanes)  # half as wide, for more tasks
        blocks = chunks(outputs, self.width)
        self.rows = max(chunks(n, chunks(8, blocks)), 32)
        self.row_chunks = chunks(n, self.rows)
        self.tasks = self.row_chunks * blocks
        self.steps = max(16, 6144 // self.width)  # 24 KB of weights

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i % self.row_chunks * self.rows
        cdef Py_ssize_t channel = i // self.row_chunks * self.width
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1], step = 0
        cdef Product p
        p.x_segments = p.w_segments = &zero
        p.segments = 1
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = inputs, 1, outputs, outputs
        p.pixels = min(self.rows, self.x.shape[0] - first)
        p.channels = min(self.width, outputs - channel)
        p.b = &self.b[0] + channel if self.b is not None else NULL
        p.y = &self.y[0, 0] + first * outputs + channel
        while step < inputs or step == 0:
            p.x = &self.x[0, 0] + first * inputs + step
            p.w = &self.w[0, 0] + step * outputs + channel
            p.steps = min(self.steps, inputs - step)
            p.accumulate = step > 0
            p.relu = self.relu and step + p.steps == inputs
            table.product(&p)
            step += self.steps


cdef class DenseBackwardData(Kernel):
    # A task writes some columns of dx for all samples, from its own transposed piece of w.
    cdef const float[:, ::1] dy, w
    cdef float[:, ::1] dx
    cdef Py_ssize_t width

    def __init__(self, dy, w, dx):
        self.dy, self.w, self.dx = dy, w, dx
        n, inputs, outputs = dy.shape[0], w.shape[0], w.shape[1]
        self.work = <double>n * inputs * outputs
        self.width = table.product_block(inputs)
        self.tasks = chunks(inputs, self.width)
        self.allocate_scratch(self.width * outputs)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, first = i * self.width
        cdef Py_ssize_t inputs = self.w.shape[0], outputs = self.w.shape[1]
        cdef Product p
        p.channels = min(self.width, inputs - first)
        table.transpose(
            &self.w[0, 0] + first * outputs, outputs, scratch, self.width, p.channels, outputs
        )
        p.x, p.w, p.b, p.y = &self.dy[0, 0], scratch, NULL, &self.dx[0, 0] + first
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.accumulate, p.relu = 1, outputs, 0, 0
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = outputs, 1, self.width, inputs
        p.pixels = self.dy.shape[0]
        table.product(&p)


cdef class DenseBackwardWeights(Kernel):
    # A task owns some rows of dw; the last one sums db.
    cdef const float[:, ::1] x, dy
    cdef float[:, ::1] dw
    cdef float[::1] db
    cdef Py_ssize_t rows

    def __init__(self, x, dy, dw, db):
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        n, inputs, outputs = dy.shape[0], dw.shape[0], dw.shape[1]
        self.work = <double>n * inputs * outputs
        self.rows = 48
        self.tasks = chunks(inputs, self.rows) + (db is not None)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef float one = 1
        cdef Py_ssize_t zero = 0, first = i * self.rows
        cdef Py_ssize_t inputs = self.dw.shape[0], outputs = self.dw.shape[1]
        cdef Product p
        p.w, p.b, p.accumulate, p.relu = &self.dy[0, 0], NULL, 0, 0
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps = 1, self.dy.shape[0]
        p.w_step = p.y_pixel = outputs
        if first >= inputs:  # db: the product of ones and dy
            p.x, p.y, p.x_pixel, p.x_step, p.pixels = &one, &self.db[0], 0, 0, 1
        else:
            p.x, p.y = &self.x[0, 0] + first, &self.dw[0, 0] + first * outputs
            p.x_pixel, p.x_step, p.pixels = 1, inputs, min(self.rows, inputs - first)
        product_blocks(&p, outputs)


def dense_forward(x, w, b, y, *, relu):
    return DenseForward(x, w, b, y, relu)


def dense_backward_data(dy, w, dx):
    return DenseBackwardData(dy, w, dx)


def dense_backward_weights(x, dy, dw, db):
    return DenseBackwardWeights(x, dy, dw, db)
