# Layer normalization of rows. A task is a block of rows.
# uses: sums (RowSums)

cdef class LayerNorm(RowSums):
    # Forward if dy is None.
    cdef const float[:, ::1] x, dy
    cdef const float[::1] gamma, beta
    cdef float[:, ::1] out
    cdef const float[::1] mean, inverse  # forward writes them
    cdef float epsilon
    cdef bint uncentered  # the mean counts as 0

    def __init__(self, x, dy, gamma, beta, mean, inverse, out, dgamma, dbeta, epsilon):
        self.x, self.dy, self.gamma, self.beta = x, dy, gamma, beta
        self.mean, self.inverse, self.out, self.epsilon = mean, inverse, out, epsilon
        self.allocate_sums(x.shape[0], x.shape[1], dgamma, dbeta)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef LayerNormRows p
        cdef Py_ssize_t first = i * self.block_rows
        p.rows, p.channels = min(self.block_rows, self.rows - first), self.channels
        p.epsilon, p.uncentered = self.epsilon, self.uncentered
        p.x = &self.x[first, 0]
        p.dy = &self.dy[first, 0] if self.dy is not None else NULL
        p.gamma = &self.gamma[0] if self.gamma is not None else NULL
        p.beta = &self.beta[0] if self.beta is not None else NULL
        p.mean, p.inverse = <float *>&self.mean[first], <float *>&self.inverse[first]
        p.out = &self.out[first, 0] if self.out is not None else NULL
        if self.dy is None:
            p.dgamma = p.dbeta = NULL
            self.table.layer_norm_forward(&p)
        else:
            p.dgamma, p.dbeta = self.sum_of_task(i, 0), self.sum_of_task(i, 1)
            self.table.layer_norm_backward(&p)


def layer_norm_forward(x, gamma, beta, y, mean, inverse, *, epsilon):
    return LayerNorm(x, None, gamma, beta, mean, inverse, y, None, None, epsilon)


def layer_norm_backward(dy, x, gamma, mean, inverse, dx, dgamma, dbeta):
    return LayerNorm(x, dy, gamma, None, mean, inverse, dx, dgamma, dbeta, 0)


def rms_norm_forward(x, gamma, y, inverse, *, epsilon):
    zeros = np.zeros_like(inverse)  # what the tile writes as the means
    cdef LayerNorm kernel = LayerNorm(x, None, gamma, None, zeros, inverse, y, None, None, epsilon)
    kernel.uncentered = True
    return kernel


def rms_norm_backward(dy, x, gamma, inverse, dx, dgamma):
    zeros = np.zeros_like(inverse)
    cdef LayerNorm kernel = LayerNorm(x, dy, gamma, None, zeros, inverse, dx, dgamma, None, 0)
    kernel.uncentered = True
    return kernel
