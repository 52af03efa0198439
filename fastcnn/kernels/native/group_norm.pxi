# Group normalization with the tiles of batch normalization, sample by sample: sums over the rows
# of a sample for each channel, which are added up for the channels of a group.
# uses: team (Kernel, ceil_div), sums (SUMMED_AT_ONCE)

cdef class GroupNorm(Kernel):
    # Forward if dy is None. A task is a sample; x is (sample, row, channel), with `members`
    # channels in each group.
    cdef const float[:, :, ::1] x, dy
    cdef const float[::1] gamma, beta
    cdef float[:, :, ::1] out
    cdef const float[:, ::1] given_mean, given_inverse
    cdef float[:, ::1] mean, inverse
    cdef float[::1] dgamma, dbeta
    cdef float[:, :, ::1] sums  # (sample, 2, channel), of dy and of dy (x - mean)
    cdef Py_ssize_t members
    cdef double epsilon

    def __init__(self, x, dy, gamma, beta, mean, inverse, out, dgamma, dbeta, epsilon):
        samples, rows, groups, self.members = x.shape
        shape = samples, rows, groups * self.members
        self.x, self.dy = x.reshape(shape), None if dy is None else dy.reshape(shape)
        self.gamma = None if gamma is None else gamma.reshape(-1)
        self.beta = None if beta is None else beta.reshape(-1)
        self.dgamma = None if dgamma is None else dgamma.reshape(-1)
        self.dbeta = None if dbeta is None else dbeta.reshape(-1)
        self.given_mean, self.given_inverse, self.epsilon = mean, inverse, epsilon
        self.mean = self.inverse = self.out = self.sums = None
        if out is not None:
            self.out = out.reshape(shape)
        self.tasks = samples
        self.work = 24. * x.size  # bound by memory
        self.allocate_scratch(4 * shape[2])
        if dy is None:
            self.mean, self.inverse = mean, inverse
            return
        self.sums = np.empty((samples, 2, shape[2]), np.float32)
        self.gradients = shape[2] * ((dgamma is not None) + (dbeta is not None))
        if self.gradients:
            self.finishes = ceil_div(shape[2], SUMMED_AT_ONCE)

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef BatchNormRows p
        cdef Py_ssize_t channels = self.x.shape[2]
        p.x, p.rows, p.channels = &self.x[n, 0, 0], self.x.shape[1], channels
        p.y, p.beta, p.residual, p.dresidual, p.relu = NULL, NULL, NULL, NULL, 0
        p.relu_max = NAN
        p.mean, p.scale, p.offset = scratch, scratch + channels, scratch + 2 * channels
        p.slope = scratch + 3 * channels
        if self.dy is None:
            self.forward(n, &p, scratch)
        else:
            p.dy = &self.dy[n, 0, 0]
            self.backward(n, &p, scratch)

    cdef void forward(self, Py_ssize_t n, BatchNormRows *p, float *scratch) noexcept nogil:
        cdef Py_ssize_t g, c, first, channels = p.channels, members = self.members
        cdef double mean, deviation, squares, inverse
        cdef float *means = scratch
        cdef float *scale = scratch + channels  # at first, sums of squares
        cdef float *offset = scratch + 2 * channels
        p.out, p.sum_distance = scratch, channels
        self.table.batch_norm_moments(p)
        for g in range(self.mean.shape[1]):
            first, mean, squares = g * members, 0, 0
            for c in range(first, first + members):
                mean += means[c]
            mean /= members
            for c in range(first, first + members):
                deviation = means[c] - mean
                squares += scale[c] + p.rows * deviation * deviation
            inverse = 1 / sqrt(squares / (p.rows * members) + self.epsilon)
            self.mean[n, g], self.inverse[n, g] = <float>mean, <float>inverse
            for c in range(first, first + members):
                means[c] = <float>mean
                scale[c] = <float>(inverse * self.gamma[c] if self.gamma is not None else inverse)
                offset[c] = self.beta[c] if self.beta is not None else 0
        p.out = &self.out[n, 0, 0]
        self.table.batch_norm_apply(p)

    cdef void backward(self, Py_ssize_t n, BatchNormRows *p, float *scratch) noexcept nogil:
        cdef Py_ssize_t g, c, first, channels = p.channels, members = self.members
        cdef double total, products, inverse, weight, count = p.rows * members
        cdef float *sums = &self.sums[n, 0, 0]
        for c in range(channels):
            scratch[c] = self.given_mean[n, c // members]
        p.out, p.sum_distance = sums, channels
        self.table.batch_norm_sums(p)
        if self.out is None:
            return
        for g in range(self.given_mean.shape[1]):
            first, total, products, inverse = g * members, 0, 0, self.given_inverse[n, g]
            for c in range(first, first + members):
                weight = self.gamma[c] if self.gamma is not None else 1
                total += weight * sums[c]
                products += weight * sums[channels + c]
            for c in range(first, first + members):
                weight = self.gamma[c] if self.gamma is not None else 1
                scratch[channels + c] = <float>(weight * inverse)
                scratch[2 * channels + c] = <float>(-inverse * total / count)
                scratch[3 * channels + c] = <float>(
                    -inverse * inverse * inverse * products / count
                )
        p.out = &self.out[n, 0, 0]
        self.table.batch_norm_gradient(p)

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef Py_ssize_t c, n, channels = self.x.shape[2]
        cdef double total, products
        for c in range(i * SUMMED_AT_ONCE, min((i + 1) * SUMMED_AT_ONCE, channels)):
            total = products = 0
            for n in range(self.sums.shape[0]):
                total += self.sums[n, 0, c]
                products += (
                    <double>self.sums[n, 1, c] * self.given_inverse[n, c // self.members]
                )
            if self.dgamma is not None:
                self.dgamma[c] = <float>products
            if self.dbeta is not None:
                self.dbeta[c] = <float>total


def group_norm_forward(x, gamma, beta, y, mean, inverse, *, epsilon):
    return GroupNorm(x, None, gamma, beta, mean, inverse, y, None, None, epsilon)


def group_norm_backward(dy, x, gamma, mean, inverse, dx, dgamma, dbeta):
    return GroupNorm(x, dy, gamma, None, mean, inverse, dx, dgamma, dbeta, 0)
