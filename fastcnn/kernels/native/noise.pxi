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


cdef Py_ssize_t AT_ONCE = 256  # elements that alpha_dropout takes through its two tiles


cdef class AlphaDropout(Noise):
    # y = (x - dropped) * mask + offset, by blocks of AT_ONCE elements. The mask is what dropout
    # makes of ones: a product with it keeps NaN.
    cdef float rate, scale
    cdef float[:, ::1] constants  # (3, AT_ONCE): ones, dropped, offset

    def __init__(self, x, key, y, rate, dropped, scale, offset):
        self.bind(x, key, y)
        self.rate, self.scale = rate, scale
        columns = np.ones((3, AT_ONCE), np.float32)
        columns *= np.array([1, dropped, offset], np.float32)[:, None]
        self.constants = columns
        self.allocate_scratch(AT_ONCE)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef DropoutKey key
        cdef AffineRows p
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t end = min(start + ELEMENTS_PER_TASK, self.x.shape[0])
        key.key[0], key.key[1] = <unsigned int>self.key[0], <unsigned int>self.key[1]
        key.rate, key.scale = self.rate, self.scale
        p.center, p.scale, p.offset = &self.constants[1, 0], scratch, &self.constants[2, 0]
        p.dy, p.rows, p.low, p.high = NULL, 1, -INFINITY, INFINITY
        while start < end:
            p.columns, key.first = min(AT_ONCE, end - start), <unsigned int>start
            self.table.dropout(&self.constants[0, 0], scratch, p.columns, &key)
            p.x, p.out = &self.x[start], &self.y[start]
            self.table.affine_rows(&p)
            start += p.columns


def gaussian_noise(x, key, y, *, stddev, multiplies):
    return GaussianNoise(x, key, y, stddev, multiplies)


def alpha_dropout(x, key, y, *, rate, dropped, scale, offset):
    return AlphaDropout(x, key, y, rate, dropped, scale, offset)
