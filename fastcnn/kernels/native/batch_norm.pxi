# Batch normalisation over (rows, channels): one pass that sums over the rows, one that maps them.
#
# The rows are cut into pieces by the shape alone. Each piece has sums of its own, which are put
# together in double precision, one piece after the other: the same bits for any number of threads.
# The variance is that of two passes (each piece's deviations are taken from its own mean while it
# lies in cache) and the pieces meet as Chan, Golub & LeVeque (1979) say.

cdef Py_ssize_t NARROW = 16       # with fewer channels, as many rows are taken as one
cdef Py_ssize_t PIECE_SIZE = 8192  # numbers a piece: 32 KB


cdef class BatchNormPass(Kernel):
    # A sum over the rows of each piece (`sums` is not None), or a map of all rows to `out`.
    cdef const float[:, ::1] x, dy, y
    cdef float[:, ::1] out
    cdef float[:, :, ::1] sums       # (piece, 2, width)
    cdef double[:, ::1] totals       # (2, channels)
    cdef float[:, ::1] by_channel    # mean, scale, offset, slope, `repeat` times side by side
    cdef Py_ssize_t repeat, width, piece_rows, pieces, whole
    cdef bint relu
    cdef void (*tile)(const BatchNormRows *) noexcept nogil

    cdef bind(self, x, dy, y, out, bint relu):
        rows, channels = x.shape
        self.x, self.dy, self.y, self.out, self.relu = x, dy, y, out, relu
        self.repeat = NARROW if channels < NARROW and rows >= NARROW else 1
        self.width = channels * self.repeat
        self.whole = rows - rows % self.repeat
        self.piece_rows = max(PIECE_SIZE // self.width, 16) * self.repeat
        self.pieces = chunks(self.whole, self.piece_rows)
        self.tasks = self.pieces + (self.whole < rows)
        self.work = 16. * rows * channels  # memory is what it waits for
        self.sums = None
        if out is None:
            self.sums = np.empty((self.tasks, 2, self.width), np.float32)
            self.totals = np.empty((2, channels))
        self.by_channel = aligned((4, self.width), np.float32, zero=True)

    cdef Py_ssize_t first_row(self, Py_ssize_t i) noexcept nogil:
        return i * self.piece_rows if i < self.pieces else self.whole

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef BatchNormRows p
        cdef Py_ssize_t first = self.first_row(i)
        p.channels = p.sum_distance = self.width
        p.rows = min(self.piece_rows, self.whole - first) // self.repeat
        if i == self.pieces:  # the rows that do not fill the width, one by one
            p.channels, p.rows = self.x.shape[1], self.x.shape[0] - self.whole
        p.x = &self.x[first, 0]
        p.dy = &self.dy[first, 0] if self.dy is not None else NULL
        p.y = &self.y[first, 0] if self.y is not None else NULL
        p.mean, p.scale = &self.by_channel[0, 0], &self.by_channel[1, 0]
        p.offset, p.slope = &self.by_channel[2, 0], &self.by_channel[3, 0]
        p.out = &self.out[first, 0] if self.out is not None else &self.sums[i, 0, 0]
        p.relu = self.relu
        self.tile(&p)

    cdef void spread(self) noexcept nogil:
        # The first copy of `by_channel` to the others.
        cdef Py_ssize_t i, k, channels = self.x.shape[1]
        for i in range(4):
            for k in range(1, self.repeat):
                memcpy(&self.by_channel[i, k * channels], &self.by_channel[i, 0],
                       channels * sizeof(float))

    cdef Py_ssize_t rows_of(self, Py_ssize_t i) noexcept nogil:
        # How many rows each column of piece i has summed.
        if i == self.pieces:
            return self.x.shape[0] - self.whole
        return min(self.piece_rows, self.whole - self.first_row(i)) // self.repeat

    cdef void add_up(self) noexcept nogil:
        # totals = both sums over all rows.
        cdef Py_ssize_t i, k, which, c, channels = self.x.shape[1]
        self.totals[:, :] = 0
        for i in range(self.tasks):
            for k in range(1 if i == self.pieces else self.repeat):
                for which in range(2):
                    for c in range(channels):
                        self.totals[which, c] += self.sums[i, which, k * channels + c]

    cdef void join_moments(self) noexcept nogil:
        # totals = mean and variance over all rows, from those of the pieces.
        cdef Py_ssize_t i, k, c, channels = self.x.shape[1]
        cdef double count, apart, rows = max(self.x.shape[0], 1)
        self.totals[:, :] = 0
        for i in range(self.tasks):
            count = self.rows_of(i)
            for k in range(1 if i == self.pieces else self.repeat):
                for c in range(channels):
                    self.totals[0, c] += count * self.sums[i, 0, k * channels + c]
        for c in range(channels):
            self.totals[0, c] /= rows
        for i in range(self.tasks):
            count = self.rows_of(i)
            for k in range(1 if i == self.pieces else self.repeat):
                for c in range(channels):
                    apart = self.sums[i, 0, k * channels + c] - self.totals[0, c]
                    self.totals[1, c] += self.sums[i, 1, k * channels + c] + count * apart * apart
        for c in range(channels):
            self.totals[1, c] /= rows


cdef class BatchNormForward:
    # With `training`, mean and variance are the batch's and are written; else they are read.
    cdef BatchNormPass statistics, normalise
    cdef float[::1] mean, variance
    cdef const float[::1] given_mean, given_variance, gamma, beta
    cdef double epsilon

    cdef bind(self, x, gamma, beta, mean, variance, y, double epsilon, bint relu, bint training):
        self.gamma, self.beta, self.epsilon = gamma, beta, epsilon
        self.given_mean, self.given_variance = mean, variance
        self.normalise = BatchNormPass()
        self.normalise.bind(x, None, None, y, relu)
        self.normalise.tile = table.batch_norm_apply
        if training:
            self.mean, self.variance = mean, variance
            self.statistics = BatchNormPass()
            self.statistics.bind(x, None, None, None, False)
            self.statistics.tile = table.batch_norm_moments

    @property
    def instruction_set(self):
        return self.normalise.instruction_set

    def __call__(self, version=None):
        if self.statistics is not None:
            self.statistics()
        with nogil:
            self.prepare()
        self.normalise()

    cdef void prepare(self) noexcept nogil:
        cdef float[:, ::1] by_channel = self.normalise.by_channel
        cdef Py_ssize_t c
        cdef double scale
        if self.statistics is not None:
            self.statistics.join_moments()
            for c in range(self.mean.shape[0]):
                self.mean[c] = <float>self.statistics.totals[0, c]
                self.variance[c] = <float>self.statistics.totals[1, c]
        for c in range(self.given_mean.shape[0]):
            scale = 1 / sqrt(self.given_variance[c] + self.epsilon)
            if self.gamma is not None:
                scale *= self.gamma[c]
            by_channel[0, c], by_channel[1, c] = self.given_mean[c], <float>scale
            by_channel[2, c] = self.beta[c] if self.beta is not None else 0
        self.normalise.spread()


cdef class BatchNormBackward:
    cdef BatchNormPass sums, gradient
    cdef const float[::1] gamma, mean, variance
    cdef float[::1] dgamma, dbeta
    cdef double epsilon

    def __init__(self, x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, epsilon):
        self.gamma, self.mean, self.variance, self.epsilon = gamma, mean, variance, epsilon
        self.dgamma, self.dbeta = dgamma, dbeta
        self.sums = BatchNormPass()
        self.sums.bind(x, dy, y, None, False)
        self.sums.tile = table.batch_norm_sums
        if dx is not None:
            self.gradient = BatchNormPass()
            self.gradient.bind(x, dy, y, dx, False)
            self.gradient.tile = table.batch_norm_gradient

    @property
    def instruction_set(self):
        return self.sums.instruction_set

    def __call__(self, version=None):
        with nogil:
            self.prepare()
        self.sums()
        with nogil:
            self.finish()
        if self.gradient is not None:
            self.gradient()

    cdef void prepare(self) noexcept nogil:
        cdef float[:, ::1] by_channel = self.sums.by_channel
        cdef Py_ssize_t c
        for c in range(self.mean.shape[0]):
            by_channel[0, c] = self.mean[c]
        self.sums.spread()

    cdef void finish(self) noexcept nogil:
        # dx = scale * (dy - sum(dy) / rows - (x - mean) * sum(dy * (x - mean)) / (v * rows)),
        # v = variance + epsilon
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
        if self.gradient is not None:
            self.gradient.spread()


def batch_norm_forward(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    cdef BatchNormForward kernel = BatchNormForward()
    kernel.bind(x, gamma, beta, mean, variance, y, epsilon, relu, False)
    return kernel


def batch_norm_forward_training(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    cdef BatchNormForward kernel = BatchNormForward()
    kernel.bind(x, gamma, beta, mean, variance, y, epsilon, relu, True)
    return kernel


def batch_norm_backward(x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, *, epsilon):
    return BatchNormBackward(x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, epsilon)
