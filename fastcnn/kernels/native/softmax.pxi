# Softmax, alone and followed by the cross-entropy. A task is a block of samples, whose exponential
# functions are one call: few classes would leave most of a vector empty.
# uses: team (Kernel, ceil_div)

cdef Py_ssize_t SOFTMAX_ELEMENTS = 1024  # in a block of samples: they stay in the cache
cdef Py_ssize_t MANY_CLASSES = 32        # from here on a block is a sample


cdef inline float largest_of(const float *x, Py_ssize_t classes) noexcept nogil:
    # max(x), NaN if any x is NaN.
    cdef float largest = x[0]
    cdef Py_ssize_t c
    for c in range(1, classes):
        if x[c] > largest or x[c] != x[c]:
            largest = x[c]
    return largest


cdef void exponentials(
    const Table *table, const float *x, float *y, float *largest, Py_ssize_t samples,
    Py_ssize_t classes,
) noexcept nogil:
    # y = exp(x - max x) of each sample, whose max x goes to `largest`.
    cdef Py_ssize_t n, c
    if samples == 1:
        largest[0] = table.row_maximum(x, classes)
        table.exp_shifted(x, largest[0], y, classes)
        return
    for n in range(samples):
        largest[n] = largest_of(x + n * classes, classes)
    for n in range(samples):
        for c in range(classes):
            y[n * classes + c] = x[n * classes + c] - largest[n]
    table.exp_shifted(y, 0, y, samples * classes)


cdef inline float sum_of(const Table *table, const float *y, Py_ssize_t classes) noexcept nogil:
    cdef float total = 0
    cdef Py_ssize_t c
    if classes >= MANY_CLASSES:
        return table.row_sum(y, classes)
    for c in range(classes):
        total += y[c]
    return total


cdef inline float normalize(const Table *table, float *y, Py_ssize_t classes) noexcept nogil:
    # Divides y by its sum; returns the sum.
    cdef float total = sum_of(table, y, classes)
    cdef Py_ssize_t c
    for c in range(classes):
        y[c] /= total
    return total


cdef inline float product_of(
    const Table *table, const float *a, const float *b, Py_ssize_t classes
) noexcept nogil:
    cdef float total = 0
    cdef Py_ssize_t c
    if classes >= MANY_CLASSES:
        return table.row_product(a, b, classes)
    for c in range(classes):
        total += a[c] * b[c]
    return total


cdef void softmax_of_few(
    const Table *table, const float *x, float *y, Py_ssize_t samples, Py_ssize_t classes, int log,
    float *scratch,
) noexcept nogil:
    # Few classes would leave most of a vector empty: transposed, the vectors are of samples.
    cdef Columns p
    table.transpose(x, classes, scratch, samples, samples, classes)
    p.x, p.dy, p.most, p.out, p.log = scratch, NULL, NULL, scratch, log
    p.rows, p.columns, p.distance = classes, samples, samples
    table.softmax_columns(&p)
    table.transpose(scratch, samples, y, classes, classes, samples)


cdef class SampleBlocks(Kernel):
    cdef Py_ssize_t samples, classes, block

    cdef set_samples(self, shape):
        self.samples, self.classes = shape
        self.block = 1
        if 0 < self.classes < MANY_CLASSES:
            self.block = SOFTMAX_ELEMENTS // self.classes
        self.tasks = ceil_div(self.samples, self.block)
        self.work = 8. * self.samples * self.classes
        self.allocate_scratch(self.block)


cdef class Softmax(SampleBlocks):
    # Forward if dy is None; otherwise backward, and x is softmax's output.
    cdef const float[:, ::1] dy, x
    cdef float[:, ::1] out

    cdef bind(self, dy, x, out):
        self.dy, self.x, self.out = dy, x, out
        self.set_samples(x.shape)
        self.allocate_scratch(self.block * self.classes)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = i * self.block, c, n, classes = self.classes
        cdef Py_ssize_t last = min(first + self.block, self.samples)
        cdef float total
        if self.dy is None and classes < MANY_CLASSES:
            softmax_of_few(
                self.table, &self.x[first, 0], &self.out[first, 0], last - first, classes, 0,
                scratch,
            )
            return
        if self.dy is None:
            exponentials(
                self.table, &self.x[first, 0], &self.out[first, 0], scratch, last - first, classes
            )
            for n in range(first, last):
                normalize(self.table, &self.out[n, 0], classes)
            return
        for n in range(first, last):
            total = product_of(self.table, &self.dy[n, 0], &self.x[n, 0], classes)
            for c in range(classes):
                self.out[n, c] = self.x[n, c] * (self.dy[n, c] - total)


cdef class LogSoftmax(SampleBlocks):
    # Forward if dy is None; otherwise backward, and x is log_softmax's output.
    cdef const float[:, ::1] dy, x
    cdef float[:, ::1] out

    def __init__(self, dy, x, out):
        self.dy, self.x, self.out = dy, x, out
        self.set_samples(x.shape)
        self.work *= 2
        self.allocate_scratch(self.block * (1 + self.classes))

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = i * self.block, c, n, classes = self.classes
        cdef Py_ssize_t last = min(first + self.block, self.samples)
        cdef float *largest = scratch
        cdef float *exps = scratch + self.block  # out may be x
        if self.dy is None and classes < MANY_CLASSES:
            softmax_of_few(
                self.table, &self.x[first, 0], &self.out[first, 0], last - first, classes, 1,
                scratch,
            )
            return
        if self.dy is None:
            exponentials(self.table, &self.x[first, 0], exps, largest, last - first, classes)
        else:
            self.table.exp_shifted(&self.x[first, 0], 0, exps, (last - first) * classes)
        cdef float total
        for n in range(first, last):
            if self.dy is None:
                total = logf(sum_of(self.table, exps + (n - first) * classes, classes))
                for c in range(classes):
                    self.out[n, c] = (self.x[n, c] - largest[n - first]) - total
            else:
                total = sum_of(self.table, &self.dy[n, 0], classes)
                for c in range(classes):
                    self.out[n, c] = self.dy[n, c] - exps[(n - first) * classes + c] * total


cdef class SoftmaxSparseCrossentropy(SampleBlocks):
    # losses = log(sum over c of exp(x[c] - max x)) - (x[label] - max x). The maximum is not added
    # to the logarithm, which would vanish beside a large x. Labels below 0 do not count.
    cdef const float[:, ::1] logits
    cdef const long long[::1] labels
    cdef const float[::1] scale
    cdef float[::1] losses
    cdef float[:, ::1] probabilities, dlogits

    def __init__(self, logits, labels, scale, losses, probabilities, dlogits):
        self.logits, self.labels, self.scale = logits, labels, scale
        self.losses, self.probabilities, self.dlogits = losses, probabilities, dlogits
        self.set_samples(logits.shape)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = i * self.block, n, c, label, classes = self.classes
        cdef Py_ssize_t last = min(first + self.block, self.samples)
        cdef float *p = &self.probabilities[first, 0]
        cdef float total
        exponentials(self.table, &self.logits[first, 0], p, scratch, last - first, classes)
        for n in range(first, last):
            p = &self.probabilities[n, 0]
            label = self.labels[n]
            total = normalize(self.table, p, classes)
            if label < 0:
                self.losses[n] = 0
                memset(&self.dlogits[n, 0], 0, classes * sizeof(float))
                continue
            self.losses[n] = logf(total) - (self.logits[n, label] - scratch[n - first])
            for c in range(classes):
                self.dlogits[n, c] = p[c] * self.scale[n]
            self.dlogits[n, label] = (p[label] - 1) * self.scale[n]


def softmax_forward(x, y):
    cdef Softmax kernel = Softmax()
    kernel.bind(None, x, y)
    return kernel


def softmax_backward(dy, y, dx):
    cdef Softmax kernel = Softmax()
    kernel.bind(dy, y, dx)
    return kernel


def log_softmax_forward(x, y):
    return LogSoftmax(None, x, y)


def log_softmax_backward(dy, y, dx):
    return LogSoftmax(dy, y, dx)


def softmax_sparse_crossentropy(logits, labels, scale, losses, probabilities, dlogits):
    return SoftmaxSparseCrossentropy(logits, labels, scale, losses, probabilities, dlogits)
