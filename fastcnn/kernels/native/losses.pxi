# Losses and their gradients. A task is a block of rows. Sums of single precision are those of fixed
# blocks, added up in double precision in their order.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div), softmax (MANY_CLASSES, exponentials, normalize)

cdef Py_ssize_t LOSS_ELEMENTS = 1024  # taken at a time: their values stay in the cache


cdef int loss_by_name(function):
    cdef int i = 0
    while fastcnn_loss_names[i].decode() != function:
        i += 1
    return i


cdef class RowLoss(Kernel):
    # Rows of predictions p with targets t, and what is written for each.
    cdef const float[:, ::1] t, p
    cdef const float[::1] scale
    cdef float[::1] losses
    cdef float[:, ::1] dp
    cdef LossElements elements  # the function and its parameters
    cdef Py_ssize_t rows, size, block_rows

    cdef set_rows(self, p, t, scale, losses, dp):
        self.p, self.t, self.scale, self.losses, self.dp = p, t, scale, losses, dp
        self.rows, self.size = p.shape
        self.block_rows = max(ELEMENTS_PER_TASK // (4 * self.size), <Py_ssize_t>1)
        self.tasks = ceil_div(self.rows, self.block_rows)
        self.work = 24. * p.size
        self.elements.probabilities = NULL
        self.elements.keep, self.elements.offset = 1, 0

    cdef set_function(self, function, parameters):
        cdef int i
        self.elements.function = loss_by_name(function)
        for i in range(4):
            self.elements.parameters[i] = parameters[i] if i < len(parameters) else NAN

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = i * self.block_rows
        self.block(first, min(first + self.block_rows, self.rows), scratch)

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        pass


cdef class ElementwiseLoss(RowLoss):
    # The mean over a row, or the sum for a divergence.
    cdef float[:, ::1] probabilities
    cdef unsigned char[::1] others  # of hinge losses: whether a task has targets but 0 and 1

    def __init__(self, p, t, scale, losses, dp, probabilities, function, parameters, smoothing):
        self.set_rows(p, t, scale, losses, dp)
        self.set_function(function, parameters)
        self.probabilities = probabilities
        self.elements.keep, self.elements.offset = 1 - smoothing, 0.5 * smoothing
        self.others = None
        if self.elements.function in (LOSS_hinge, LOSS_squared_hinge):
            self.elements.parameters[0] = 0
            if smoothing == 0:
                self.others = np.zeros(self.tasks, np.uint8)
                self.preparations = self.tasks
        self.allocate_scratch(LOSS_ELEMENTS)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = i * self.block_rows, k
        cdef Py_ssize_t count = (min(first + self.block_rows, self.rows) - first) * self.size
        cdef const float *t = &self.t[first, 0]
        cdef int others = 0
        for k in range(count):
            others |= (t[k] != 0) & (t[k] != 1)  # without branches, which are hard to predict
        self.others[i] = others

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        cdef LossElements e = self.elements
        cdef Py_ssize_t row, rows, k
        if self.others is not None:
            e.parameters[0] = 1
            for k in range(self.tasks):
                if self.others[k]:
                    e.parameters[0] = 0
                    break
        if self.size >= MANY_CLASSES:
            for row in range(first, last):
                self.one_row(&e, row, scratch)
            return
        while first < last:
            rows = min(LOSS_ELEMENTS // self.size, last - first)
            self.several_rows(&e, first, rows, scratch)
            first += rows

    cdef void run(self, LossElements *e, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
        e.t, e.p, e.slopes = &self.t[row, column], &self.p[row, column], &self.dp[row, column]
        if self.probabilities is not None and e.function == LOSS_binary_logits:
            e.probabilities = &self.probabilities[row, column]
        elif self.probabilities is not None:
            self.table.sigmoid_forward(e.p, &self.probabilities[row, column], e.n, 0)
        self.table.elementwise_loss(e)

    cdef void one_row(self, LossElements *e, Py_ssize_t row, float *scratch) noexcept nogil:
        cdef Py_ssize_t column = 0
        cdef double total = 0
        cdef float share = 1 if e.function == LOSS_kl_divergence else <float>(1. / self.size)
        e.values, e.factor = scratch, self.scale[row] * share
        while column < self.size:
            e.n = min(LOSS_ELEMENTS, self.size - column)
            self.run(e, row, column)
            total += self.table.row_sum(scratch, e.n)
            column += e.n
        self.losses[row] = <float>(total * share)

    cdef void several_rows(
        self, LossElements *e, Py_ssize_t first, Py_ssize_t rows, float *scratch
    ) noexcept nogil:
        cdef Py_ssize_t row, column
        cdef float total, scale
        cdef float share = 1 if e.function == LOSS_kl_divergence else <float>(1. / self.size)
        cdef float *dp
        e.values, e.factor, e.n = scratch, share, rows * self.size
        if self.size == 1:
            e.values = &self.losses[first]
        self.run(e, first, 0)
        if self.size == 1:
            self.table.multiply(
                &self.dp[first, 0], &self.scale[first], &self.dp[first, 0], rows, 0
            )
            return
        for row in range(rows):
            total, scale, dp = 0, self.scale[first + row], &self.dp[first + row, 0]
            for column in range(self.size):
                total += scratch[row * self.size + column]
                dp[column] *= scale
            self.losses[first + row] = total * share


cdef class CategoricalLoss(RowLoss):
    # Sums over classes of functions of the probabilities' shares q = p / sum of p:
    # dp = (f'(q) - sum of f'(q) q) / sum of p.
    cdef const float[::1] alpha
    cdef float smoothing

    def __init__(self, p, t, scale, alpha, losses, dp, function, parameters, smoothing):
        self.set_rows(p, t, scale, losses, dp)
        self.set_function(function, parameters)
        self.alpha, self.smoothing = alpha, smoothing
        self.block_rows = max(LOSS_ELEMENTS // self.size, <Py_ssize_t>1)
        self.tasks = ceil_div(self.rows, self.block_rows)
        self.allocate_scratch(self.block_rows * (3 * self.size + 1))

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.size, count = (last - first) * size, row, c
        cdef float *share = scratch
        cdef float *target = scratch + self.block_rows * size
        cdef float *value = target + self.block_rows * size
        cdef float *total = value + self.block_rows * size
        cdef const float *p
        cdef const float *t
        cdef float *dp = &self.dp[first, 0]
        cdef float along, sum, keep = 1 - self.smoothing, offset = self.smoothing / size
        cdef LossElements e = self.elements
        for row in range(last - first):
            p, t, sum = &self.p[first + row, 0], &self.t[first + row, 0], 0
            if size >= MANY_CLASSES:
                sum = self.table.row_sum(p, size)
            else:
                for c in range(size):
                    sum += p[c]
            total[row] = sum
            for c in range(size):
                share[row * size + c] = p[c] / sum
                target[row * size + c] = t[c] * keep + offset
            if self.alpha is not None:
                for c in range(size):
                    target[row * size + c] *= self.alpha[c]
        e.t, e.p, e.values, e.slopes, e.n, e.factor = target, share, value, dp, count, 1
        self.table.elementwise_loss(&e)
        for row in range(last - first):
            sum = along = 0
            if size >= MANY_CLASSES:
                sum = self.table.row_sum(value, size)
                along = self.table.row_product(dp, share, size)
            else:
                for c in range(size):
                    sum += value[c]
                    along += dp[c] * share[c]
            self.losses[first + row] = sum
            for c in range(size):
                dp[c] = (dp[c] - along) / total[row] * self.scale[first + row]
            value, share, dp = value + size, share + size, dp + size


cdef class SoftmaxCrossentropy(RowLoss):
    # losses = sum of t (log(sum of exp(x - max x)) - (x - max x))
    cdef float[:, ::1] probabilities
    cdef float smoothing

    def __init__(self, logits, t, scale, losses, probabilities, dlogits, smoothing):
        self.set_rows(logits, t, scale, losses, dlogits)
        self.probabilities, self.smoothing = probabilities, smoothing
        self.block_rows = max(LOSS_ELEMENTS // self.size, <Py_ssize_t>1)
        self.tasks = ceil_div(self.rows, self.block_rows)
        self.allocate_scratch(self.block_rows)

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.size, row, c
        cdef float *q = &self.probabilities[first, 0]
        cdef float *dz
        cdef const float *z
        cdef const float *t
        cdef float keep = 1 - self.smoothing, offset = self.smoothing / size
        cdef float target, total, value, logarithm, scale
        exponentials(self.table, &self.p[first, 0], q, scratch, last - first, size)
        for row in range(first, last):
            q, dz = &self.probabilities[row, 0], &self.dp[row, 0]
            z, t, scale = &self.p[row, 0], &self.t[row, 0], self.scale[row]
            logarithm = logf(normalize(self.table, q, size))
            total = value = 0
            for c in range(size):
                target = t[c] * keep + offset
                total += target
                value += target * (logarithm - (z[c] - scratch[row - first]))
            self.losses[row] = value
            for c in range(size):
                dz[c] = (q[c] * total - (t[c] * keep + offset)) * scale


cdef class SparseCrossentropy(Kernel):
    # Of probabilities, clipped and then divided by their sum; labels below 0 do not count.
    cdef const float[:, ::1] p
    cdef const long long[::1] labels
    cdef const float[::1] scale
    cdef float[::1] losses
    cdef float[:, ::1] dp
    cdef float low, high
    cdef Py_ssize_t block_rows

    def __init__(self, p, labels, scale, losses, dp, epsilon):
        self.p, self.labels, self.scale, self.losses, self.dp = p, labels, scale, losses, dp
        self.low, self.high = epsilon, 1 - epsilon
        self.block_rows = max(ELEMENTS_PER_TASK // (4 * p.shape[1]), <Py_ssize_t>1)
        self.tasks = ceil_div(p.shape[0], self.block_rows)
        self.work = 8. * p.size

    cdef inline float clipped(self, float p) noexcept nogil:
        return self.low if p < self.low else self.high if p > self.high else p

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t row, c, size = self.p.shape[1]
        cdef long long label
        cdef const float *p
        cdef float *dp
        cdef float total, q, slope
        for row in range(
            i * self.block_rows, min((i + 1) * self.block_rows, self.p.shape[0])
        ):
            label, p, dp = self.labels[row], &self.p[row, 0], &self.dp[row, 0]
            if label < 0:
                self.losses[row] = 0
                memset(dp, 0, size * sizeof(float))
                continue
            total = 0
            for c in range(size):
                total += self.clipped(p[c])
            q = self.clipped(p[label])
            self.losses[row] = -logf(q / total)
            slope = self.scale[row] / total
            for c in range(size):
                dp[c] = 0 if p[c] < self.low or p[c] > self.high else slope
            if not (p[label] < self.low or p[label] > self.high):
                dp[label] = (1 / total - 1 / q) * self.scale[row]


cdef class CosineLoss(RowLoss):
    # -cosine of the angle; lengths below `epsilon` count as epsilon.
    cdef float epsilon

    def __init__(self, p, t, scale, losses, dp, epsilon):
        self.set_rows(p, t, scale, losses, dp)
        self.epsilon = epsilon

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        cdef Py_ssize_t row, c, size = self.size
        cdef const float *p
        cdef const float *t
        cdef float squares, target, product, length, along, of_p, of_t
        cdef float least = self.epsilon * self.epsilon
        for row in range(first, last):
            p, t = &self.p[row, 0], &self.t[row, 0]
            squares = self.table.row_product(p, p, size)
            target = self.table.row_product(t, t, size)
            product = self.table.row_product(p, t, size)
            squares = least if squares < least else squares
            target = <float>sqrt(least if target < least else target)
            length = <float>sqrt(squares)
            along = product / target / length
            self.losses[row] = -along
            of_p, of_t = along / squares * self.scale[row], self.scale[row] / (target * length)
            for c in range(size):
                self.dp[row, c] = p[c] * of_p - t[c] * of_t


cdef inline float score_of_other(float t, float p) noexcept nogil:
    # Rounded in one way, as scores are compared.
    cdef float other = 1 - t
    return other * p


cdef class CategoricalHinge(RowLoss):
    # max(largest of (1 - t) p - sum of t p + 1, 0); equal largest ones share the gradient.
    def __init__(self, p, t, scale, losses, dp):
        self.set_rows(p, t, scale, losses, dp)

    cdef void block(self, Py_ssize_t first, Py_ssize_t last, float *scratch) noexcept nogil:
        cdef Py_ssize_t row, c, size = self.size, count
        cdef const float *p
        cdef const float *t
        cdef float other, most, loss, scale
        cdef double right
        for row in range(first, last):
            p, t, right, count = &self.p[row, 0], &self.t[row, 0], 0, 0
            most = score_of_other(t[0], p[0])
            for c in range(size):
                other = score_of_other(t[c], p[c])
                right += t[c] * p[c]
                if other == most:
                    count += 1
                elif other > most or other != other:
                    most, count = other, 1
            loss = <float>(most - right + 1)
            self.losses[row] = 0 if loss < 0 else loss
            scale = 0 if loss <= 0 else self.scale[row]
            for c in range(size):
                other = 1 - t[c]
                if most != most:
                    other = most
                elif score_of_other(t[c], p[c]) == most:
                    other = other / count
                else:
                    other = 0
                self.dp[row, c] = (other - t[c]) * scale


cdef class OverlapSums(Kernel):
    # Of t p, t and p over k, for each (m, q). A task is a block of k; a `finish` adds up a row m.
    cdef const float[:, :, ::1] t, p
    cdef double[:, :, ::1] sums      # (m, 3, q)
    cdef double[:, :, :, ::1] parts  # (m, block, 3, q)
    cdef Py_ssize_t block_rows, blocks

    def __init__(self, t, p, sums):
        self.t, self.p, self.sums = t, p, sums
        self.block_rows = max(ELEMENTS_PER_TASK // t.shape[2], <Py_ssize_t>1)
        self.blocks = ceil_div(t.shape[1], self.block_rows)
        self.tasks, self.finishes = t.shape[0] * self.blocks, t.shape[0]
        self.parts = np.empty((t.shape[0], self.blocks, 3, t.shape[2]))
        self.work = 12. * t.size

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t m = i // self.blocks, k, q, columns = self.t.shape[2], size
        cdef Py_ssize_t first = i % self.blocks * self.block_rows
        cdef Py_ssize_t last = min(first + self.block_rows, self.t.shape[1])
        cdef const float *t = &self.t[m, 0, 0]
        cdef const float *p = &self.p[m, 0, 0]
        cdef double *sums = &self.parts[m, i % self.blocks, 0, 0]
        memset(sums, 0, 3 * columns * sizeof(double))
        if columns == 1:
            while first < last:
                size = min(LOSS_ELEMENTS // 2, last - first)
                sums[0] += self.table.row_product(t + first, p + first, size)
                sums[1] += self.table.row_sum(t + first, size)
                sums[2] += self.table.row_sum(p + first, size)
                first += size
            return
        for k in range(first, last):
            for q in range(columns):
                sums[q] += <double>t[k * columns + q] * p[k * columns + q]
                sums[columns + q] += t[k * columns + q]
                sums[2 * columns + q] += p[k * columns + q]

    cdef void finish(self, Py_ssize_t m) noexcept nogil:
        cdef Py_ssize_t block, which, q
        cdef double total
        for which in range(3):
            for q in range(self.t.shape[2]):
                total = 0
                for block in range(self.blocks):
                    total += self.parts[m, block, which, q]
                self.sums[m, which, q] = total


cdef class OverlapGradient(Kernel):
    # dp = slope t + offset, with those of each (m, q). A task is a block of k.
    cdef const float[:, :, ::1] t
    cdef const float[:, ::1] slope, offset
    cdef float[:, :, ::1] dp
    cdef Py_ssize_t block_rows, blocks

    def __init__(self, t, slope, offset, dp):
        self.t, self.slope, self.offset, self.dp = t, slope, offset, dp
        self.block_rows = max(ELEMENTS_PER_TASK // t.shape[2], <Py_ssize_t>1)
        self.blocks = ceil_div(t.shape[1], self.block_rows)
        self.tasks = t.shape[0] * self.blocks
        self.work = 8. * t.size

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t m = i // self.blocks, k, q, columns = self.t.shape[2]
        cdef Py_ssize_t first = i % self.blocks * self.block_rows
        cdef Py_ssize_t last = min(first + self.block_rows, self.t.shape[1])
        cdef const float *t = &self.t[m, 0, 0]
        cdef const float *slope = &self.slope[m, 0]
        cdef const float *offset = &self.offset[m, 0]
        cdef float *dp = &self.dp[m, 0, 0]
        if columns == 1:
            for k in range(first, last):
                dp[k] = slope[0] * t[k] + offset[0]
            return
        for k in range(first, last):
            for q in range(columns):
                dp[k * columns + q] = slope[q] * t[k * columns + q] + offset[q]


def elementwise_loss(
    p, t, scale, losses, dp, probabilities, *, function, parameters=(), smoothing=0.0
):
    return ElementwiseLoss(
        p, t, scale, losses, dp, probabilities, function, parameters, smoothing
    )


def categorical_loss(p, t, scale, alpha, losses, dp, *, function, parameters, smoothing=0.0):
    return CategoricalLoss(p, t, scale, alpha, losses, dp, function, parameters, smoothing)


def softmax_crossentropy(logits, t, scale, losses, probabilities, dlogits, *, smoothing=0.0):
    return SoftmaxCrossentropy(logits, t, scale, losses, probabilities, dlogits, smoothing)


def sparse_crossentropy(p, labels, scale, losses, dp, *, epsilon):
    return SparseCrossentropy(p, labels, scale, losses, dp, epsilon)


def cosine_loss(p, t, scale, losses, dp, *, epsilon):
    return CosineLoss(p, t, scale, losses, dp, epsilon)


def categorical_hinge(p, t, scale, losses, dp):
    return CategoricalHinge(p, t, scale, losses, dp)


def overlap_sums(t, p, sums):
    return OverlapSums(t, p, sums)


def overlap_gradient(t, slope, offset, dp):
    return OverlapGradient(t, slope, offset, dp)
