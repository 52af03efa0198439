# Noise in training that is not stored: it is a hash of the key and each element's index.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class Noise(Kernel):
    # Each element alone, in tasks of ELEMENTS_PER_TASK.
    cdef const float[::1] x
    cdef float[::1] y
    cdef const long long[::1] key

    cdef bind(self, x, key, y):
        self.x, self.key, self.y = x.reshape(-1), key, y.reshape(-1)
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        self.work = 60. * self.x.shape[0]


cdef class GaussianNoise(Noise):
    cdef float stddev
    cdef bint multiplies

    def __init__(self, x, key, y, stddev, multiplies):
        self.bind(x, key, y)
        self.stddev, self.multiplies = stddev, multiplies

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Gaussian p
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        p.key[0], p.key[1] = <unsigned int>self.key[0], <unsigned int>self.key[1]
        p.first, p.stddev, p.multiplies = <unsigned int>start, self.stddev, self.multiplies
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        self.table.gaussian(&self.x[start], &self.y[start], size, &p)


cdef Py_ssize_t AT_ONCE = 256  # elements that alpha_dropout takes through its tiles


cdef class AlphaDropout(Noise):
    # y = (x - dropped) * mask * scale + offset, by blocks of AT_ONCE elements. The mask is what
    # dropout makes of ones: a product with it keeps NaN.
    cdef float rate
    cdef float[:, ::1] constants  # (6, AT_ONCE): center, scale, offset before and after the mask
    cdef float[::1] ones

    def __init__(self, x, key, y, rate, dropped, scale, offset):
        self.bind(x, key, y)
        self.rate = rate
        columns = np.ones((6, AT_ONCE), np.float32)
        columns *= np.array([dropped, 1, 0, 0, scale, offset], np.float32)[:, None]
        self.constants, self.ones = columns, columns[1].copy()
        self.allocate_scratch(AT_ONCE)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef DropoutKey p
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t end = min(start + ELEMENTS_PER_TASK, self.x.shape[0]), size
        cdef float *y
        p.key[0], p.key[1] = <unsigned int>self.key[0], <unsigned int>self.key[1]
        p.rate, p.scale = self.rate, 1
        while start < end:
            size, y = min(AT_ONCE, end - start), &self.y[start]
            p.first = <unsigned int>start
            self.table.dropout(&self.ones[0], scratch, size, &p)
            self.apply(&self.x[start], y, size, 0)
            self.table.multiply(y, scratch, y, size, 0)
            self.apply(y, y, size, 3)
            start += size

    cdef void apply(self, const float *x, float *y, Py_ssize_t size, int first) noexcept nogil:
        cdef AffineRows p
        p.x, p.dy, p.out, p.center = x, NULL, y, &self.constants[first, 0]
        p.scale, p.offset = &self.constants[first + 1, 0], &self.constants[first + 2, 0]
        p.rows, p.columns, p.low, p.high = 1, size, -INFINITY, INFINITY
        self.table.affine_rows(&p)


def gaussian_noise(x, key, y, *, stddev, multiplies):
    return GaussianNoise(x, key, y, stddev, multiplies)


def alpha_dropout(x, key, y, *, rate, dropped, scale, offset):
    return AlphaDropout(x, key, y, rate, dropped, scale, offset)
