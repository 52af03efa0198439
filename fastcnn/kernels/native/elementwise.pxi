# relu, softmax, the Adam step, and the gathering of a batch.

cdef Py_ssize_t PIECE = 16384  # elements a task of the flat kernels


cdef class Relu(Kernel):
    cdef const float[::1] dy, x
    cdef float[::1] out

    cdef bind(self, dy, x, out):
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.tasks = chunks(self.x.shape[0], PIECE)
        self.work = 8. * self.x.shape[0]  # memory is slower than arithmetic

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * PIECE
        cdef Py_ssize_t size = min(PIECE, self.x.shape[0] - start)
        if self.dy is None:
            self.table.relu_forward(&self.x[start], &self.out[start], size)
        else:
            self.table.relu_backward(&self.dy[start], &self.x[start], &self.out[start], size)


cdef class Softmax(Kernel):
    # Forward where dy is None; backward otherwise, x then is softmax's output.
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


cdef float softmax(
    const Table *table, const float *x, float *y, Py_ssize_t classes, float *largest_x
) noexcept nogil:
    # Writes softmax(x) to y and the largest x to largest_x; returns log(sum over c of
    # exp(x[c] - largest_x)). The two are not added: a large x would swallow the logarithm.
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


cdef class AdamUpdate(Kernel):
    cdef float[::1] w, m, v
    cdef const float[::1] g
    cdef const double[::1] hyper

    def __init__(self, w, g, m, v, hyper):
        self.w, self.g, self.m, self.v, self.hyper = w, g, m, v, hyper
        self.tasks = chunks(self.w.shape[0], PIECE)
        self.work = 32. * self.w.shape[0]  # memory is slower than arithmetic
        self.updates = True

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t at = i * PIECE
        cdef float hyper[4]
        hyper[0], hyper[3] = <float>self.hyper[0], <float>self.hyper[3]
        # 1 - beta is taken before it is rounded: float32's 0.999 is off by 1e-5 of 1 - 0.999
        hyper[1], hyper[2] = <float>(1 - self.hyper[1]), <float>(1 - self.hyper[2])
        self.table.adam_update(
            &self.w[at], &self.g[at], &self.m[at], &self.v[at],
            min(PIECE, self.w.shape[0] - at), hyper,
        )


cdef class Gather(Kernel):
    cdef const unsigned char[:, ::1] uint8
    cdef const float[:, ::1] float32
    cdef const double[:, ::1] float64
    cdef const long long[::1] indices
    cdef float[:, ::1] out

    def __init__(self, source, indices, out):
        flat = source.reshape(len(source), -1) if source.size else source.reshape(len(source), 0)
        self.uint8, self.float32, self.float64 = None, None, None
        if source.dtype == np.uint8:
            self.uint8 = flat
        elif source.dtype == np.float32:
            self.float32 = flat
        else:
            self.float64 = flat
        self.indices, self.out = indices, out.reshape(len(out), flat.shape[1])
        self.tasks = self.out.shape[0]
        self.work = 32. * self.out.size  # samples come from anywhere in memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.out.shape[1], row = self.indices[i]
        if self.uint8 is not None:
            self.table.from_uint8(&self.uint8[row, 0], &self.out[i, 0], size)
        elif self.float32 is not None:
            memcpy(&self.out[i, 0], &self.float32[row, 0], size * sizeof(float))
        else:
            self.table.from_float64(&self.float64[row, 0], &self.out[i, 0], size)


def relu_forward(x, y):
    cdef Relu kernel = Relu()
    kernel.bind(None, x, y)
    return kernel


def relu_backward(dy, y, dx):
    cdef Relu kernel = Relu()
    kernel.bind(dy, y, dx)
    return kernel


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


def adam_update(w, g, m, v, hyper):
    return AdamUpdate(w, g, m, v, hyper)


def gather(source, indices, out):
    return Gather(source, indices, out)
