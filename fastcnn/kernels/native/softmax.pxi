# Softmax, alone and followed by the cross-entropy. A task is a sample.
# uses: team (Kernel)

cdef float softmax(
    const Table *table, const float *x, float *y, Py_ssize_t classes, float *largest_x
) noexcept nogil:
    # Writes softmax(x) to y and the largest x to largest_x; returns log(sum over c of
    # exp(x[c] - largest_x)). They are not added: the logarithm would vanish beside a large x.
    cdef float largest = x[0], total = 0
    cdef Py_ssize_t c
    for c in range(1, classes):
        if x[c] > largest or x[c] != x[c]:
            largest = x[c]
    table.exp_shifted(x, largest, y, classes)
    for c in range(classes):
        total += y[c]
    for c in range(classes):
        y[c] /= total
    largest_x[0] = largest
    return logf(total)


cdef class Softmax(Kernel):
    # Forward if dy is None; otherwise backward, and x is softmax's output.
    cdef const float[:, ::1] dy, x
    cdef float[:, ::1] out

    cdef bind(self, dy, x, out):
        self.dy, self.x, self.out = dy, x, out
        self.tasks = x.shape[0]
        self.work = 8. * x.shape[0] * x.shape[1]

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t c, classes = self.x.shape[1]
        cdef float total = 0, largest
        if self.dy is None:
            softmax(self.table, &self.x[n, 0], &self.out[n, 0], classes, &largest)
            return
        for c in range(classes):
            total += self.dy[n, c] * self.x[n, c]
        for c in range(classes):
            self.out[n, c] = self.x[n, c] * (self.dy[n, c] - total)


cdef class SoftmaxSparseCrossentropy(Kernel):
    cdef const float[:, ::1] logits
    cdef const long long[::1] labels
    cdef const float[::1] scale
    cdef float[::1] losses
    cdef float[:, ::1] probabilities, dlogits

    def __init__(self, logits, labels, scale, losses, probabilities, dlogits):
        self.logits, self.labels, self.scale = logits, labels, scale
        self.losses, self.probabilities, self.dlogits = losses, probabilities, dlogits
        self.tasks = logits.shape[0]
        self.work = 8. * logits.shape[0] * logits.shape[1]

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t c, classes = self.logits.shape[1], label = self.labels[n]
        cdef float *p = &self.probabilities[n, 0]
        cdef float largest
        cdef float log_total = softmax(self.table, &self.logits[n, 0], p, classes, &largest)
        self.losses[n] = log_total - (self.logits[n, label] - largest)
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


def softmax_sparse_crossentropy(logits, labels, scale, losses, probabilities, dlogits):
    return SoftmaxSparseCrossentropy(logits, labels, scale, losses, probabilities, dlogits)
