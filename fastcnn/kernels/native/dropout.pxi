# Dropout: the mask is a hash of the key and each element's index, and is never stored.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class Dropout(Kernel):
    cdef const float[::1] x
    cdef float[::1] y
    cdef const long long[::1] key
    cdef float rate, scale

    def __init__(self, x, key, y, rate):
        self.x, self.key, self.y = x.reshape(-1), key, y.reshape(-1)
        self.rate, self.scale = rate, 1 / (1 - rate) if rate < 1 else 0
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        self.work = 40. * self.x.shape[0]  # the hash

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef DropoutKey p
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        p.key[0], p.key[1] = <unsigned int>self.key[0], <unsigned int>self.key[1]
        p.first, p.rate, p.scale = <unsigned int>start, self.rate, self.scale
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        self.table.dropout(&self.x[start], &self.y[start], size, &p)


def dropout(x, key, y, *, rate):
    return Dropout(x, key, y, rate)
