# Passes over weights: updates by optimizers, norms, constraints, penalties. Sums are those of fixed
# blocks, in single precision, added up in double precision in their order.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div), sums (SUMMED_AT_ONCE)

cdef Py_ssize_t UPDATED_AT_ONCE = 1024  # where a block is read several times: it stays in the cache
cdef Py_ssize_t SQUARED_AT_ONCE = 512   # in a sum of single precision


cdef double squares_of(const Table *table, const float *x, Py_ssize_t size) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i = 0
    while i < size:
        total += table.row_product(x + i, x + i, min(SQUARED_AT_ONCE, size - i))
        i += SQUARED_AT_ONCE
    return total


cdef class UpdateWeights(Kernel):
    # A task is a block of all elements; of segments, the part that is in the block.
    cdef float[::1] w, a, b, c, averages
    cdef const float[::1] g
    cdef const long long[:, ::1] segments
    cdef const double[:, ::1] factors
    cdef const double[::1] hyper
    cdef const long long[::1] first_segment  # of each task
    cdef int rule

    def __init__(self, w, g, a, b, c, averages, segments, factors, hyper, rule):
        self.rule = 0
        while fastcnn_rule_names[self.rule].decode() != rule:
            self.rule += 1
        self.w, self.g, self.a, self.b, self.c, self.averages = w, g, a, b, c, averages
        self.factors, self.hyper, self.segments = factors, hyper, None
        self.tasks = ceil_div(w.size, ELEMENTS_PER_TASK)
        if segments is not None:
            self.segments = segments.copy()
            starts = np.arange(self.tasks) * ELEMENTS_PER_TASK
            self.first_segment = np.searchsorted(segments.sum(1), starts, "right")
        self.work = 32. * w.size  # bound by memory, not by arithmetic
        self.updates = True
        self.allocate_scratch(UPDATED_AT_ONCE)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK, s, first, last
        cdef Py_ssize_t end = min(start + ELEMENTS_PER_TASK, self.w.shape[0])
        if self.segments is None:
            self.update(start, end, 1, 0, scratch)
            return
        for s in range(self.first_segment[i], self.segments.shape[0]):
            first = max(start, self.segments[s, 0])
            last = min(end, self.segments[s, 0] + self.segments[s, 1])
            if first >= end:
                return
            if self.factors is None:
                self.update(first, last, 1, 0, scratch)
            else:
                self.update(first, last, self.factors[s, 0], self.factors[s, 1], scratch)

    cdef void update(
        self, Py_ssize_t start, Py_ssize_t end, double scale, double decay, float *scratch
    ) noexcept nogil:
        cdef UpdateRule p
        cdef int i
        cdef double most = self.hyper[6], momentum = self.hyper[7]
        cdef bint is_scaled = scale != 1 or most < INFINITY  # also by NaN
        cdef Py_ssize_t size = end - start
        if is_scaled or decay != 0 or self.averages is not None:
            size = min(size, UPDATED_AT_ONCE)
        while start < end:
            p.n = min(size, end - start)
            p.w, p.g = &self.w[start], &self.g[start]
            if is_scaled:
                p.rule, p.a, p.hyper[0], p.hyper[1] = RULE_scale, scratch, <float>scale, <float>most
                self.table.update_weights(&p)
                p.g = scratch
            if decay != 0:
                p.rule, p.hyper[0] = RULE_decay, <float>decay
                self.table.update_weights(&p)
            p.rule = self.rule
            p.a = &self.a[start] if self.a is not None else NULL
            p.b = &self.b[start] if self.b is not None else NULL
            p.c = &self.c[start] if self.c is not None else NULL
            for i in range(6):
                p.hyper[i] = <float>self.hyper[i]
            self.table.update_weights(&p)
            if self.averages is not None:
                p.rule, p.a = RULE_average, &self.averages[start]
                p.hyper[0], p.hyper[1] = <float>momentum, <float>(1 - momentum)
                self.table.update_weights(&p)
            start += p.n


cdef class SumSquares(Kernel):
    # A task is a block of a segment; finishing a segment adds up its blocks.
    cdef const float[::1] x
    cdef double[::1] sums, parts
    cdef const long long[:, ::1] blocks   # (task, start and size)
    cdef const long long[::1] first_task  # of each segment, and the number of tasks

    def __init__(self, x, segments, sums):
        self.x, self.sums = x, sums
        counts = -(-segments[:, 1] // ELEMENTS_PER_TASK)
        ends = np.cumsum(counts)
        self.first_task = np.concatenate([[0], ends])
        self.tasks, self.finishes = counts.sum(), len(segments)
        self.parts = np.zeros(self.tasks)
        offsets = (np.arange(self.tasks) - np.repeat(ends - counts, counts)) * ELEMENTS_PER_TASK
        sizes = np.minimum(np.repeat(segments[:, 1], counts) - offsets, ELEMENTS_PER_TASK)
        starts = np.repeat(segments[:, 0], counts) + offsets
        self.blocks = np.ascontiguousarray(np.stack([starts, sizes], 1))
        self.work = 4. * segments[:, 1].sum()

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.parts[i] = squares_of(self.table, &self.x[self.blocks[i, 0]], self.blocks[i, 1])

    cdef void finish(self, Py_ssize_t s) noexcept nogil:
        cdef double total = 0
        cdef Py_ssize_t i
        for i in range(self.first_task[s], self.first_task[s + 1]):
            total += self.parts[i]
        self.sums[s] = total


cdef class FactoredMoments(Kernel):
    # Adafactor's moments of matrices. `prepare` squares a block of rows of a matrix, a task adds up
    # the sums of some columns, or the moments of a matrix's rows; `finish` does a block of rows.
    cdef const float[:, :, ::1] g
    cdef float[:, ::1] r, c
    cdef float[:, :, ::1] v, change, sums  # sums: (matrix, block, column)
    cdef double[::1] means
    cdef const double[::1] hyper
    cdef Py_ssize_t rows, columns, block_rows, row_blocks, column_blocks

    def __init__(self, g, r, c, v, change, hyper):
        self.g, self.r, self.c, self.v, self.change, self.hyper = g, r, c, v, change, hyper
        matrices, self.rows, self.columns = g.shape
        self.block_rows = max(8192 // self.columns, <Py_ssize_t>8)
        self.row_blocks = ceil_div(self.rows, self.block_rows)
        self.column_blocks = ceil_div(self.columns, SUMMED_AT_ONCE)
        self.preparations = self.finishes = matrices * self.row_blocks
        self.tasks = matrices * (self.column_blocks + 1)
        self.sums = np.empty((matrices, self.row_blocks, self.columns), np.float32)
        self.means = np.empty(matrices)
        self.work = 24. * g.size

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t matrix = i // self.row_blocks, block = i % self.row_blocks
        cdef Py_ssize_t first = block * self.block_rows, row
        cdef Py_ssize_t last = min(first + self.block_rows, self.rows)
        cdef double beta = self.hyper[0]
        cdef float *sums = &self.sums[matrix, block, 0]
        memset(sums, 0, self.columns * sizeof(float))
        self.table.add_squares(
            &self.g[matrix, first, 0], self.columns, sums, last - first, self.columns
        )
        for row in range(first, last):
            self.r[matrix, row] = <float>(beta * self.r[matrix, row] + (1 - beta) * (
                squares_of(self.table, &self.g[matrix, row, 0], self.columns) / self.columns
                + self.hyper[1]
            ))

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t matrix = i // (self.column_blocks + 1), k, column
        cdef Py_ssize_t start = i % (self.column_blocks + 1) * SUMMED_AT_ONCE
        cdef double total = 0, beta = self.hyper[0]
        if start >= self.columns:
            for k in range(self.rows):
                total += self.r[matrix, k]
            self.means[matrix] = total / self.rows
            return
        for column in range(start, min(start + SUMMED_AT_ONCE, self.columns)):
            total = 0
            for k in range(self.row_blocks):
                total += self.sums[matrix, k, column]
            self.c[matrix, column] = <float>(
                beta * self.c[matrix, column] + (1 - beta) * (total / self.rows + self.hyper[1])
            )

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef Py_ssize_t matrix = i // self.row_blocks, row
        cdef Py_ssize_t first = i % self.row_blocks * self.block_rows
        cdef UpdateRule p
        p.rule, p.n, p.w, p.c = RULE_factored, self.columns, NULL, &self.c[matrix, 0]
        for row in range(first, min(first + self.block_rows, self.rows)):
            p.hyper[0] = <float>(self.r[matrix, row] / self.means[matrix])
            p.g, p.a = &self.g[matrix, row, 0], &self.v[matrix, row, 0]
            p.b = &self.change[matrix, row, 0]
            self.table.update_weights(&p)


cdef class LimitNorms(Kernel):
    # Of each (m, q) the norm over k. A task is a row m, or a block of its columns q.
    cdef float[:, :, ::1] w
    cdef Py_ssize_t column_blocks
    cdef double least, most, rate, epsilon

    def __init__(self, w, least, most, rate, epsilon):
        self.w = w
        self.least, self.most, self.rate, self.epsilon = least, most, rate, epsilon
        self.column_blocks = ceil_div(w.shape[2], SUMMED_AT_ONCE)
        self.tasks = w.shape[0] * self.column_blocks
        self.work = 12. * w.size
        self.allocate_scratch(SUMMED_AT_ONCE)

    cdef double factor(self, double squares) noexcept nogil:
        cdef double norm = sqrt(squares), wanted
        wanted = self.least if norm < self.least else self.most if norm > self.most else norm
        return (self.rate * wanted + (1 - self.rate) * norm) / (self.epsilon + norm)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t m = i // self.column_blocks, q, k, columns = self.w.shape[2]
        cdef Py_ssize_t start = i % self.column_blocks * SUMMED_AT_ONCE
        cdef Py_ssize_t size = min(SUMMED_AT_ONCE, columns - start)
        cdef float *w = &self.w[m, 0, start]
        cdef UpdateRule p
        if columns == 1:
            p.rule, p.w, p.g, p.a, p.n = RULE_scale, NULL, w, w, self.w.shape[1]
            p.hyper[0] = <float>self.factor(squares_of(self.table, w, p.n))
            p.hyper[1] = INFINITY
            self.table.update_weights(&p)
            return
        memset(scratch, 0, size * sizeof(float))
        self.table.add_squares(w, columns, scratch, self.w.shape[1], size)
        for q in range(size):
            scratch[q] = <float>self.factor(scratch[q])
        for k in range(self.w.shape[1]):
            self.table.multiply(w + k * columns, scratch, w + k * columns, size, 0)


cdef class Penalize(Kernel):
    # A task is a block of elements; one `finish` adds up all blocks.
    cdef const float[::1] x
    cdef float[::1] dx
    cdef double[::1] total
    cdef double[:, ::1] parts
    cdef double l1, l2

    def __init__(self, x, dx, total, l1, l2):
        self.x, self.dx, self.total = x.reshape(-1), None, total
        if dx is not None:
            self.dx = dx.reshape(-1)
        self.l1, self.l2 = l1, l2
        self.tasks = ceil_div(x.size, ELEMENTS_PER_TASK)
        self.finishes = total is not None
        self.parts = np.empty((self.tasks, 2))
        self.work = 8. * x.size

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t k = i * ELEMENTS_PER_TASK, size
        cdef Py_ssize_t end = min(k + ELEMENTS_PER_TASK, self.x.shape[0])
        cdef float hyper[2]
        cdef float sums[2]
        hyper[0], hyper[1] = <float>self.l1, <float>(2 * self.l2)
        cdef float *dx = NULL
        self.parts[i, 0] = self.parts[i, 1] = 0
        while k < end:
            size = min(SQUARED_AT_ONCE, end - k)
            if self.dx is not None:
                dx = &self.dx[k]
            self.table.penalize(&self.x[k], dx, size, hyper, sums)
            self.parts[i, 0] += sums[0]
            self.parts[i, 1] += sums[1]
            k += size

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef double sizes = 0, squares = 0
        cdef Py_ssize_t k
        for k in range(self.tasks):
            sizes += self.parts[k, 0]
            squares += self.parts[k, 1]
        self.total[0] = (self.l1 * sizes if self.l1 else 0) + (self.l2 * squares if self.l2 else 0)


def update_weights(w, g, a, b, c, averages, segments, factors, hyper, *, rule):
    return UpdateWeights(w, g, a, b, c, averages, segments, factors, hyper, rule)


def sum_squares(x, segments, sums):
    return SumSquares(x, segments, sums)


def factored_moments(g, r, c, v, change, hyper):
    return FactoredMoments(g, r, c, v, change, hyper)


def limit_norms(w, *, least, most, rate, epsilon):
    return LimitNorms(w, least, most, rate, epsilon)


def penalize(x, dx, total, *, l1, l2):
    return Penalize(x, dx, total, l1, l2)
