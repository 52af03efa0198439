# Merging layers: elementwise functions, concatenation, repetition, products of samples.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div), product (product_blocks)

ctypedef void (*elementwise_tile)(
    const float *, const float *, float *, Py_ssize_t, float
) noexcept nogil
ctypedef void (*split_tile)(
    const float *, const float *, const float *, float *, float *, Py_ssize_t
) noexcept nogil


cdef class Elementwise(Kernel):
    # y = tile(a, b); y may be a or b. Without b, y = a / value.
    cdef const float[::1] a, b
    cdef float[::1] y
    cdef float value
    cdef elementwise_tile tile

    cdef bind(self, a, b, y, float value):
        self.a, self.y, self.value = a.reshape(-1), y.reshape(-1), value
        self.b = None if b is None else b.reshape(-1)
        self.tasks = ceil_div(self.y.shape[0], ELEMENTS_PER_TASK)
        self.work = 8. * self.y.shape[0]  # bound by memory, not by arithmetic

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.y.shape[0] - start)
        if self.b is None:
            self.table.divide(&self.a[start], &self.y[start], size, self.value)
        else:
            self.tile(&self.a[start], &self.b[start], &self.y[start], size, self.value)


cdef class SplitGradient(Kernel):
    # dy goes to the inputs that were the maximum or the minimum.
    cdef const float[::1] dy, a, b
    cdef float[::1] da, db
    cdef split_tile tile

    cdef bind(self, dy, a, b, da, db):
        self.dy, self.a, self.b = dy.reshape(-1), a.reshape(-1), b.reshape(-1)
        self.da = None if da is None else da.reshape(-1)
        self.db = None if db is None else db.reshape(-1)
        self.tasks = ceil_div(self.dy.shape[0], ELEMENTS_PER_TASK)
        self.work = 12. * self.dy.shape[0]  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.dy.shape[0] - start)
        cdef float *da = &self.da[start] if self.da is not None else NULL
        cdef float *db = &self.db[start] if self.db is not None else NULL
        self.tile(&self.dy[start], &self.a[start], &self.b[start], da, db, size)


cdef class CopyColumns(Kernel):
    # Copies columns of a matrix.
    cdef const float[:, :] source
    cdef const float[:, ::1] result  # None, or relu's, like the source: 0 is copied where it is 0
    cdef float[:, ::1] target
    cdef Py_ssize_t source_start, target_start, columns, block_rows

    cdef bind(self, source, Py_ssize_t source_start, target, Py_ssize_t target_start):
        self.result = None
        self.source, self.source_start = source, source_start
        self.target, self.target_start = target, target_start
        self.columns = min(self.source.shape[1], self.target.shape[1])
        self.block_rows = max(ELEMENTS_PER_TASK // (4 * self.columns), <Py_ssize_t>1)
        self.tasks = ceil_div(self.source.shape[0], self.block_rows)
        self.work = 8. * self.source.shape[0] * self.columns  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t row = i * self.block_rows, r
        cdef Py_ssize_t rows = min(self.block_rows, self.source.shape[0] - row)
        cdef Py_ssize_t source_row = self.source.strides[0] // sizeof(float)
        cdef Py_ssize_t target_row = self.target.shape[1]
        cdef const float *x = &self.source[row, 0] + self.source_start
        cdef float *y = &self.target[row, 0] + self.target_start
        if self.result is not None:
            self.table.open_rows(
                x, source_row, &self.result[row, 0] + self.source_start, y, target_row, rows,
                self.columns,
            )
            return
        if self.columns <= 2 * self.table.lanes:  # a call for each row would take longer
            self.table.copy_rows(x, source_row, y, target_row, rows, self.columns)
            return
        for r in range(rows):
            memcpy(y + r * target_row, x + r * source_row, self.columns * sizeof(float))


cdef class Repeat(Kernel):
    # Forward: writes each row of x (n, c) h times. A task is a block of rows.
    cdef const float[:, ::1] x
    cdef float[:, :, ::1] y
    cdef Py_ssize_t block_rows

    def __init__(self, x, y):
        self.x, self.y = x, y
        self.block_rows = max(
            ELEMENTS_PER_TASK // (self.y.shape[1] * self.y.shape[2]), <Py_ssize_t>1
        )
        self.tasks = ceil_div(self.x.shape[0], self.block_rows)
        self.work = 8. * y.size  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n, done, size = self.x.shape[1], all = self.y.shape[1] * size
        cdef float *y
        for n in range(i * self.block_rows, min((i + 1) * self.block_rows, self.x.shape[0])):
            y = &self.y[n, 0, 0]
            memcpy(y, &self.x[n, 0], size * sizeof(float))
            done = size
            while done < all:  # twice as much each time
                memcpy(y + done, y, min(done, all - done) * sizeof(float))
                done += min(done, all - done)


cdef class RepeatBackward(Kernel):
    # Adds up the h copies of each row of dx (n, c). A task is a block of rows, or a row's columns.
    cdef const float[:, :, ::1] dy
    cdef float[:, ::1] dx
    cdef Py_ssize_t block_rows, block_columns, column_blocks

    def __init__(self, dy, dx):
        self.dy, self.dx = dy, dx
        self.block_rows = max(
            ELEMENTS_PER_TASK // (self.dy.shape[1] * self.dy.shape[2]), <Py_ssize_t>1
        )
        self.block_columns = self.table.product_block(self.dx.shape[1])
        self.column_blocks = ceil_div(self.dx.shape[1], self.block_columns)
        self.tasks = ceil_div(self.dx.shape[0], self.block_rows) * self.column_blocks
        self.work = 4. * dy.size  # bound by memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t zero = 0, row = i // self.column_blocks * self.block_rows
        cdef Py_ssize_t column = i % self.column_blocks * self.block_columns
        cdef Py_ssize_t rows = min(self.block_rows, self.dx.shape[0] - row)
        cdef float one = 1
        cdef Product p
        # the sum of the rows of dy is the product of ones and dy
        p.x, p.w, p.b, p.y = &one, NULL, NULL, NULL
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.relu = 1, self.dy.shape[1], 0
        p.accumulate, p.residual = 0, NULL
        p.x_pixel, p.x_step, p.y_pixel, p.w_step, p.pixels = 0, 0, 0, self.dx.shape[1], 1
        p.channels = min(self.block_columns, self.dx.shape[1] - column)
        for row in range(row, row + rows):
            p.w, p.y = &self.dy[row, 0, column], &self.dx[row, column]
            self.table.product(&p)


cdef class Dot(Kernel):
    # Products of a (n, p, k, q) and b (n, r, k, s), summed over k. A task is a sample. In scratch
    # memory, one of them becomes the matrix w whose rows the products run over.
    cdef const float[:, :, :, ::1] a, b
    cdef Py_ssize_t P, Q, R, S, K

    cdef set_sizes(self, a, b):
        self.a, self.b = a, b
        n, self.P, self.K, self.Q = a.shape
        self.R, self.S = b.shape[1], b.shape[3]
        self.tasks = n
        self.work = <double>n * self.P * self.Q * self.K * self.R * self.S


cdef class DotForward(Dot):
    cdef float[:, ::1] y  # (n, p * q * r * s)

    def __init__(self, a, b, y):
        self.set_sizes(a, b)
        self.y = y.reshape(len(y), -1)
        self.allocate_scratch(self.K * self.R * self.S)

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        # y[(p,q),(r,s)] = sum over k of a[p,k,q] * w[k,(r,s)]
        cdef Py_ssize_t zero = 0, wide = self.R * self.S, i
        cdef Product p
        if self.S == 1:
            self.table.transpose(&self.b[n, 0, 0, 0], self.K, scratch, wide, self.R, self.K)
        else:
            for i in range(self.R):
                self.table.copy_rows(
                    &self.b[n, i, 0, 0], self.S, scratch + i * self.S, wide, self.K, self.S
                )
        p.b, p.w = NULL, scratch
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.relu = 1, self.K, 0
        p.accumulate, p.residual = 0, NULL
        p.x_step, p.w_step, p.y_pixel = self.Q, wide, wide
        if self.Q == 1:  # the pixels are p, otherwise q
            p.x, p.y, p.x_pixel, p.pixels = &self.a[n, 0, 0, 0], &self.y[n, 0], self.K, self.P
            product_blocks(self.table, &p, wide)
            return
        p.x_pixel, p.pixels = 1, self.Q
        for i in range(self.P):
            p.x, p.y = &self.a[n, i, 0, 0], &self.y[n, 0] + i * self.Q * wide
            product_blocks(self.table, &p, wide)


cdef class DotBackward(Dot):
    cdef const float[:, ::1] dy  # (n, p * q * r * s)
    cdef float[:, :, :, ::1] da, db

    def __init__(self, dy, a, b, da, db):
        self.set_sizes(a, b)
        self.work *= (da is not None) + (db is not None)
        self.dy, self.da, self.db = dy.reshape(len(dy), -1), da, db
        size = self.K * max(self.P * self.Q + self.S, self.R * self.S + self.Q)
        self.allocate_scratch(size)

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t rows = self.P * self.Q, columns = self.R * self.S
        if self.da is not None:
            self.gradient(
                &self.dy[n, 0], columns, 1, self.P, self.Q, &self.b[n, 0, 0, 0], self.R, self.S,
                &self.da[n, 0, 0, 0], scratch,
            )
        if self.db is not None:
            self.gradient(
                &self.dy[n, 0], 1, columns, self.R, self.S, &self.a[n, 0, 0, 0], self.P, self.Q,
                &self.db[n, 0, 0, 0], scratch,
            )

    cdef void gradient(
        self, const float *dy, Py_ssize_t dy_pixel, Py_ssize_t dy_step, Py_ssize_t P, Py_ssize_t Q,
        const float *b, Py_ssize_t R, Py_ssize_t S, float *da, float *scratch,
    ) noexcept nogil:
        # da[p,k,q] = sum over (r,s) of dy[(p,q),(r,s)] * w[(r,s),k], for either input
        cdef Py_ssize_t zero = 0, i
        cdef float *sums = scratch + R * S * self.K  # (q, k), to be transposed
        cdef Product p
        for i in range(R):
            self.table.transpose(
                b + i * self.K * S, S, scratch + i * S * self.K, self.K, self.K, S
            )
        p.b, p.w = NULL, scratch
        p.x_segments = p.w_segments = &zero
        p.segments, p.steps, p.relu = 1, R * S, 0
        p.accumulate, p.residual = 0, NULL
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = dy_pixel, dy_step, self.K, self.K
        if Q == 1:
            p.x, p.y, p.pixels = dy, da, P
            product_blocks(self.table, &p, self.K)
            return
        p.y, p.pixels = sums, Q
        for i in range(P):
            p.x = dy + i * Q * dy_pixel
            product_blocks(self.table, &p, self.K)
            self.table.transpose(sums, self.K, da + i * self.K * Q, Q, Q, self.K)


cdef class UnitNorm(Kernel):
    # Forward if dy is None. A task is a sample; its k are divided by their Euclidean norm.
    cdef const float[:, :, ::1] x, dy
    cdef float[:, :, ::1] out
    cdef float[:, ::1] factor
    cdef float most

    def __init__(self, dy, x, factor, out, most):
        self.dy, self.x, self.factor, self.out, self.most = dy, x, factor, out, most
        self.tasks = x.shape[0]
        self.work = 8. * x.size

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t k, q
        cdef float total, factor
        for q in range(self.x.shape[2]):
            total = 0
            for k in range(self.x.shape[1]):
                total += self.x[n, k, q] * (
                    self.x[n, k, q] if self.dy is None else self.dy[n, k, q]
                )
            if self.dy is None:
                factor = 1 / <float>sqrt(total)
                factor = self.most if factor > self.most else factor
                self.factor[n, q] = factor
                for k in range(self.x.shape[1]):
                    self.out[n, k, q] = self.x[n, k, q] * factor
            else:  # x is the output
                factor = self.factor[n, q]
                total = 0 if factor == self.most else total
                for k in range(self.x.shape[1]):
                    self.out[n, k, q] = (self.dy[n, k, q] - self.x[n, k, q] * total) * factor


def add(a, b, y, *, relu):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, 0)
    kernel.tile = kernel.table.add_relu if relu else kernel.table.add
    return kernel


def subtract(a, b, y):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, 0)
    kernel.tile = kernel.table.subtract
    return kernel


def multiply(a, b, y):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, 0)
    kernel.tile = kernel.table.multiply
    return kernel


def average(a, b, y, *, count):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, count)
    kernel.tile = kernel.table.average
    return kernel


def divide(x, y, *, divisor):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(x, None, y, divisor)
    return kernel


def maximum_forward(a, b, y):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, 0)
    kernel.tile = kernel.table.maximum_forward
    return kernel


def maximum_backward(dy, a, b, da, db):
    cdef SplitGradient kernel = SplitGradient()
    kernel.bind(dy, a, b, da, db)
    kernel.tile = kernel.table.maximum_backward
    return kernel


def minimum_forward(a, b, y):
    cdef Elementwise kernel = Elementwise()
    kernel.bind(a, b, y, 0)
    kernel.tile = kernel.table.minimum_forward
    return kernel


def minimum_backward(dy, a, b, da, db):
    cdef SplitGradient kernel = SplitGradient()
    kernel.bind(dy, a, b, da, db)
    kernel.tile = kernel.table.minimum_backward
    return kernel


def concatenate_forward(x, y, *, start):
    cdef CopyColumns kernel = CopyColumns()
    kernel.bind(x, 0, y, start)
    return kernel


def concatenate_backward(dy, dx, result=None, *, start):
    cdef CopyColumns kernel = CopyColumns()
    kernel.bind(dy, start, dx, 0)
    kernel.result = result
    return kernel


def repeat_forward(x, y):
    return Repeat(x, y)


def repeat_backward(dy, dx):
    return RepeatBackward(dy, dx)


def dot_forward(a, b, y):
    return DotForward(a, b, y)


def dot_backward(dy, a, b, da, db):
    return DotBackward(dy, a, b, da, db)


def unit_norm_forward(x, y, factor, *, most):
    return UnitNorm(None, x, factor, y, most)


def unit_norm_backward(dy, y, factor, dx, *, most):
    return UnitNorm(dy, y, factor, dx, most)
