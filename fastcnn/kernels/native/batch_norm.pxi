# Batch normalization over (rows, channels): passes that sum over the rows or map them, and in
# between the arithmetic per channel. Each kernel is a Sequence of these.
#
# How rows are divided into blocks depends on the shape alone. Each block has sums of its own, which
# are combined in double precision, one block after the other: the same bits for any number of
# threads. The variance is that of two passes (each block's deviations are taken from its own mean
# while it is in the cache), and blocks are combined as in Chan, Golub & LeVeque (1979).
# uses: team (Kernel, Sequence, bound_of_relu, ceil_div)

cdef Py_ssize_t NARROW = 16        # with fewer channels, this many rows are treated as one
cdef Py_ssize_t BLOCK_SIZE = 8192  # elements: 32 KB


cdef class BatchNormPass(Kernel):
    # Two sums over the rows of each block if `out` is None, otherwise a map of all rows to `out`. A
    # task is a block.
    cdef const float[:, ::1] x, dy, y, residual
    cdef float[:, ::1] out, dresidual
    cdef float[:, :, ::1] sums       # (block, 2, width)
    cdef double[:, ::1] totals       # (2, channels)
    cdef float[:, ::1] by_channel    # mean, scale, offset, slope, beta, each `repeat` times
    cdef Py_ssize_t repeat, width    # rows that are treated as one, and their size
    cdef Py_ssize_t block_rows, blocks
    cdef Py_ssize_t whole            # rows in blocks; fewer than `repeat` may remain
    cdef bint relu, recomputes       # recomputes: relu's output, which is not in y
    cdef float relu_max
    cdef void (*tile)(const BatchNormRows *) noexcept nogil

    cdef bind(self, x, dy, y, out, bint relu, relu_max):
        self.relu_max = bound_of_relu(relu_max)
        rows, channels = x.shape
        self.x, self.dy, self.y, self.out, self.relu = x, dy, y, out, relu
        self.residual = self.dresidual = None
        self.repeat = NARROW if channels < NARROW and rows >= NARROW else 1
        self.width = channels * self.repeat
        self.whole = rows - rows % self.repeat
        self.block_rows = max(BLOCK_SIZE // self.width, 16) * self.repeat
        self.blocks = ceil_div(self.whole, self.block_rows)
        self.tasks = self.blocks + (self.whole < rows)
        self.work = 16. * rows * channels  # bound by memory
        self.sums = None
        if out is None:
            self.sums = np.empty((self.tasks, 2, self.width), np.float32)
            self.totals = np.empty((2, channels))
        self.by_channel = aligned((5, self.width), zero=True)

    cdef Py_ssize_t first_row(self, Py_ssize_t i) noexcept nogil:
        return i * self.block_rows if i < self.blocks else self.whole

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef BatchNormRows p
        cdef Py_ssize_t first = self.first_row(i)
        p.channels = p.sum_distance = self.width
        p.rows = min(self.block_rows, self.whole - first) // self.repeat
        if i == self.blocks:  # the rows that remain, one by one
            p.channels, p.rows = self.x.shape[1], self.x.shape[0] - self.whole
        p.x = &self.x[first, 0]
        p.dy = &self.dy[first, 0] if self.dy is not None else NULL
        p.y = &self.y[first, 0] if self.y is not None else NULL
        p.residual = &self.residual[first, 0] if self.residual is not None else NULL
        p.dresidual = &self.dresidual[first, 0] if self.dresidual is not None else NULL
        p.mean, p.scale = &self.by_channel[0, 0], &self.by_channel[1, 0]
        p.offset, p.slope = &self.by_channel[2, 0], &self.by_channel[3, 0]
        p.beta = &self.by_channel[4, 0] if self.recomputes else NULL
        p.out = &self.out[first, 0] if self.out is not None else &self.sums[i, 0, 0]
        p.relu, p.relu_max = self.relu, self.relu_max
        self.tile(&p)

    cdef void spread(self) noexcept nogil:
        # Repeats the first copy of `by_channel`.
        cdef Py_ssize_t i, k, channels = self.x.shape[1]
        for i in range(5):
            for k in range(1, self.repeat):
                memcpy(&self.by_channel[i, k * channels], &self.by_channel[i, 0],
                       channels * sizeof(float))

    cdef Py_ssize_t rows_of(self, Py_ssize_t i) noexcept nogil:
        # How many rows each column of block i sums.
        if i == self.blocks:
            return self.x.shape[0] - self.whole
        return min(self.block_rows, self.whole - self.first_row(i)) // self.repeat

    cdef void add_up(self) noexcept nogil:
        # totals = both sums over all rows.
        cdef Py_ssize_t i, k, which, c, channels = self.x.shape[1]
        self.totals[:, :] = 0
        for i in range(self.tasks):
            for k in range(1 if i == self.blocks else self.repeat):
                for which in range(2):
                    for c in range(channels):
                        self.totals[which, c] += self.sums[i, which, k * channels + c]

    cdef void join_moments(self) noexcept nogil:
        # totals = mean and variance over all rows, from those of the blocks.
        cdef Py_ssize_t i, k, c, channels = self.x.shape[1]
        cdef double count, deviation, rows = max(self.x.shape[0], 1)
        self.totals[:, :] = 0
        for i in range(self.tasks):
            count = self.rows_of(i)
            for k in range(1 if i == self.blocks else self.repeat):
                for c in range(channels):
                    self.totals[0, c] += count * self.sums[i, 0, k * channels + c]
        for c in range(channels):
            self.totals[0, c] /= rows
        for i in range(self.tasks):
            count = self.rows_of(i)
            for k in range(1 if i == self.blocks else self.repeat):
                for c in range(channels):
                    deviation = self.sums[i, 0, k * channels + c] - self.totals[0, c]
                    self.totals[1, c] += (
                        self.sums[i, 1, k * channels + c] + count * deviation * deviation
                    )
        for c in range(channels):
            self.totals[1, c] /= rows


cdef void move(float[::1] moving, float[::1] value, double momentum) noexcept nogil:
    # moving = momentum * moving + (1 - momentum) * value, rounded as float32 arithmetic does.
    cdef Py_ssize_t c
    cdef double keep = <float>momentum, rest = <float>(1 - momentum)
    for c in range(value.shape[0]):
        moving[c] = <float>(<double><float>(moving[c] * keep) + <float>(value[c] * rest))


cdef class BatchNormScales(Kernel):
    # Between the passes of a forward kernel: mean, scale and offset of each channel for `apply`.
    # With `moments`, mean and variance are the batch's and are written; otherwise they are read.
    cdef BatchNormPass moments, apply
    cdef float[::1] mean, variance
    cdef float[::1] moving_mean, moving_variance  # averages that are updated, or None
    cdef const float[::1] given_mean, given_variance, gamma, beta
    cdef double epsilon, momentum

    def __init__(
        self, BatchNormPass moments, BatchNormPass apply, gamma, beta, mean, variance, epsilon
    ):
        self.moments, self.apply = moments, apply
        self.gamma, self.beta, self.epsilon = gamma, beta, epsilon
        self.given_mean, self.given_variance = mean, variance
        self.moving_mean = self.moving_variance = None
        if moments is not None:
            self.mean, self.variance = mean, variance

    def __call__(self, version=None):
        with nogil:
            self.compute()

    cdef void compute(self) noexcept nogil:
        cdef float[:, ::1] by_channel = self.apply.by_channel
        cdef Py_ssize_t c
        cdef double scale
        if self.moments is not None:
            self.moments.join_moments()
            for c in range(self.mean.shape[0]):
                self.mean[c] = <float>self.moments.totals[0, c]
                self.variance[c] = <float>self.moments.totals[1, c]
            if self.moving_mean is not None:
                move(self.moving_mean, self.mean, self.momentum)
            if self.moving_variance is not None:
                move(self.moving_variance, self.variance, self.momentum)
        for c in range(self.given_mean.shape[0]):
            scale = 1 / sqrt(self.given_variance[c] + self.epsilon)
            if self.gamma is not None:
                scale *= self.gamma[c]
            by_channel[0, c], by_channel[1, c] = self.given_mean[c], <float>scale
            by_channel[2, c] = self.beta[c] if self.beta is not None else 0
        self.apply.spread()


cdef class BatchNormMeans(Kernel):
    # Before the sums of a backward kernel: what they need of each channel.
    cdef BatchNormPass sums
    cdef const float[::1] gamma, beta, mean, variance
    cdef double epsilon

    def __init__(self, BatchNormPass sums, gamma, beta, mean, variance, epsilon):
        self.sums, self.gamma, self.beta = sums, gamma, beta
        self.mean, self.variance, self.epsilon = mean, variance, epsilon

    def __call__(self, version=None):
        cdef float[:, ::1] by_channel = self.sums.by_channel
        cdef Py_ssize_t c
        cdef double scale
        for c in range(self.mean.shape[0]):
            by_channel[0, c] = self.mean[c]
            scale = 1 / sqrt(self.variance[c] + self.epsilon)
            if self.gamma is not None:
                scale *= self.gamma[c]
            by_channel[1, c] = <float>scale
            by_channel[4, c] = self.beta[c] if self.beta is not None else 0
        self.sums.spread()


cdef class BatchNormGradients(Kernel):
    # Between the passes of a backward kernel: dgamma and dbeta, and for each channel the scale,
    # offset and slope of
    #
    #     dx = scale * (dy - sum(dy) / rows - (x - mean) * sum(dy * (x - mean)) / (v * rows)),
    #     v = variance + epsilon
    cdef BatchNormPass sums, gradient  # gradient is None if dx is not wanted
    cdef const float[::1] gamma, mean, variance
    cdef float[::1] dgamma, dbeta
    cdef double epsilon

    def __init__(
        self, BatchNormPass sums, BatchNormPass gradient, gamma, mean, variance, dgamma, dbeta,
        epsilon,
    ):
        self.sums, self.gradient = sums, gradient
        self.gamma, self.mean, self.variance, self.epsilon = gamma, mean, variance, epsilon
        self.dgamma, self.dbeta = dgamma, dbeta

    def __call__(self, version=None):
        with nogil:
            self.compute()

    cdef void compute(self) noexcept nogil:
        cdef float[:, ::1] by_channel
        cdef Py_ssize_t c
        cdef double total, product, inverse, scale, rows = max(self.sums.x.shape[0], 1)
        self.sums.add_up()
        for c in range(self.mean.shape[0]):
            total, product = self.sums.totals[0, c], self.sums.totals[1, c]
            scale = inverse = 1 / sqrt(self.variance[c] + self.epsilon)
            if self.dgamma is not None:
                self.dgamma[c] = <float>(product * inverse)
            if self.dbeta is not None:
                self.dbeta[c] = <float>total
            if self.gradient is None:
                continue
            if self.gamma is not None:
                scale *= self.gamma[c]
            by_channel = self.gradient.by_channel
            by_channel[0, c], by_channel[1, c] = self.mean[c], <float>scale
            by_channel[2, c] = <float>(-scale * total / rows)
            by_channel[3, c] = <float>(-scale * inverse * inverse * product / rows)
            by_channel[4, c] = self.sums.by_channel[4, c]
        if self.gradient is not None:
            self.gradient.spread()


cdef BatchNormPass batch_norm_pass(x, dy, y, out, bint relu, relu_max):
    cdef BatchNormPass kernel = BatchNormPass()
    kernel.bind(x, dy, y, out, relu, relu_max)
    return kernel


def batch_norm_forward(
    x, gamma, beta, mean, variance, y, residual=None, *, epsilon, relu, relu_max=np.inf
):
    cdef BatchNormPass apply = batch_norm_pass(x, None, None, y, relu, relu_max)
    apply.tile, apply.residual = apply.table.batch_norm_apply, residual
    return Sequence(BatchNormScales(None, apply, gamma, beta, mean, variance, epsilon), apply)


def batch_norm_forward_training(
    x, gamma, beta, mean, variance, y, residual=None, moving_mean=None, moving_variance=None, *,
    epsilon, relu, momentum=0.99, relu_max=np.inf
):
    cdef BatchNormPass moments = batch_norm_pass(x, None, None, None, False, np.inf)
    cdef BatchNormPass apply = batch_norm_pass(x, None, None, y, relu, relu_max)
    moments.tile = moments.table.batch_norm_moments
    apply.tile, apply.residual = apply.table.batch_norm_apply, residual
    apply.backwards = True
    cdef BatchNormScales scales
    scales = BatchNormScales(moments, apply, gamma, beta, mean, variance, epsilon)
    scales.moving_mean, scales.moving_variance = moving_mean, moving_variance
    scales.momentum = momentum
    return Sequence(moments, scales, apply)


def batch_norm_backward(
    x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, dresidual=None, beta=None, *, epsilon,
    relu=False, relu_max=np.inf
):
    if relu and y is None and dresidual is not None:
        raise ValueError(
            "`batch_norm_backward`: y is needed if relu followed the sum with a residual."
        )
    cdef BatchNormPass sums = batch_norm_pass(x, dy, y, None, False, relu_max), gradient = None
    sums.tile, sums.dresidual = sums.table.batch_norm_sums, dresidual
    sums.recomputes = relu and y is None
    if dresidual is not None:  # what the first pass has written
        dy, y, relu = dresidual, None, False
    if dx is not None:
        gradient = batch_norm_pass(x, dy, y, dx, False, relu_max)
        gradient.tile, gradient.backwards = gradient.table.batch_norm_gradient, True
        gradient.recomputes = relu and y is None
    means = BatchNormMeans(sums, gamma, beta, mean, variance, epsilon)
    gradients = BatchNormGradients(sums, gradient, gamma, mean, variance, dgamma, dbeta, epsilon)
    last = () if gradient is None else (gradient,)
    return Sequence(means, sums, gradients, *last)
