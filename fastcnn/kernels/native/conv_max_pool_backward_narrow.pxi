# Gradients behind a max-pool for filters of few elements, such as a first layer's. Each channel of
# a window has its maximum at another position: a quad holds side by side what four positions need,
# and a permutation picks the right value for every lane. No lists are needed, as they are in
# conv_max_pool_backward_sparse.pxi.
# uses: team (ceil_div), geometry (sum_tasks), conv_max_pool (Conv2DMaxPool2D)

cdef Py_ssize_t QUADS_SIZE = 5000  # elements of a block's quads: the first-level cache less dy


cdef class NarrowBackwardWeights(Conv2DMaxPool2D):
    # Window after window, with the output channels in vectors. Windows are processed in blocks of
    # rows, whose x is first laid out in quads, for four positions of each window at a time. A task
    # is some images, as in SparseBackwardWeights.
    cdef const float[:, :, :, ::1] x, dy
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef float[:, :, ::1] sums  # (task, taps and then the bias, oc)
    cdef Py_ssize_t block_rows  # of windows
    cdef Py_ssize_t row_step    # elements of x from one row of windows to the next
    cdef Py_ssize_t quad_count  # of a block
    cdef Py_ssize_t[::1] taps          # offsets in the quads
    cdef Py_ssize_t[:, ::1] positions  # offsets in x of a window's positions, by four

    def __init__(
        self, x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "narrow"
        self.x, self.dy, self.argmax, self.dw, self.db = x, dy, argmax, dw, db
        self.set_pool_sizes(
            x.shape, dw.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.gradients = dw.size
        row = self.padded_width * self.ic
        _, positions, taps = self.pixels()
        taps = np.add.outer(taps * self.ic, np.arange(self.ic)).ravel()
        self.taps = 4 * taps
        self.tasks = sum_tasks(self.n, self.taps.shape[0] * self.oc)
        self.sums = aligned((self.tasks, self.taps.shape[0] + 1, self.oc))
        self.finishes = 1
        # the last four may repeat positions; argmax never holds the repeated ones
        self.positions = np.resize(positions * self.ic, (ceil_div(positions.size, 4), 4))
        self.row_step = self.pool_stride_h * self.stride_h * row
        last = taps.max() + (self.pw - 1) * self.pool_stride_w * self.stride_w * self.ic
        fits = max(QUADS_SIZE // 4 - last, 0) // self.row_step
        self.block_rows = min(fits + 1, self.ph)
        self.quad_count = last + 1 + (self.block_rows - 1) * self.row_step
        self.allocate_scratch(self.is_padded * self.padded_height * row + 4 * self.quad_count)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t padded = self.padded_height * self.padded_width * self.ic, n, row, quad
        cdef const float *x
        cdef float *quads = scratch + (padded if self.is_padded else 0)
        cdef NarrowSum p
        memset(&self.sums[i, 0, 0], 0, self.sums.strides[0])
        p.taps, p.tap_count, p.oc = &self.taps[0], self.taps.shape[0], self.oc
        p.x, p.windows_w = quads, self.pw
        p.x_row = 4 * self.row_step
        p.x_column = 4 * self.pool_stride_w * self.stride_w * self.ic
        for n in range(self.n * i // self.tasks, self.n * (i + 1) // self.tasks):
            x = &self.x[n, 0, 0, 0]
            if self.is_padded:
                self.pad_image(x, scratch, 0, self.padded_height)
                x = scratch
            row = 0
            while row < self.ph:
                p.windows_h = min(self.block_rows, self.ph - row)
                for quad in range(self.positions.shape[0]):
                    p.quad = <int>quad
                    self.table.quads(
                        x + row * self.row_step, &self.positions[quad, 0],
                        self.quad_count - (self.block_rows - p.windows_h) * self.row_step, quads,
                    )
                    self.sum_block(&p, i, n, row)
                row += p.windows_h

    cdef void sum_block(
        self, NarrowSum *p, Py_ssize_t i, Py_ssize_t n, Py_ssize_t row
    ) noexcept nogil:
        cdef Py_ssize_t first = 0
        while first < self.oc:
            p.channels = self.table.narrow_block(self.oc - first)
            p.dy, p.argmax = &self.dy[n, row, 0, first], &self.argmax[n, row, 0, first]
            p.dw, p.db = &self.sums[i, 0, first], &self.sums[i, p.tap_count, first]
            self.table.narrow_sum(p)
            first += p.channels

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef Py_ssize_t task, rows = self.taps.shape[0]
        for task in range(1, self.tasks):
            self.table.add_rows(
                &self.sums[task, 0, 0], &self.sums[0, 0, 0], self.oc, rows + 1, self.oc
            )
        memcpy(&self.dw[0, 0, 0, 0], &self.sums[0, 0, 0], rows * self.oc * sizeof(float))
        if self.db is not None:
            memcpy(&self.db[0], &self.sums[0, rows, 0], self.oc * sizeof(float))


cdef class NarrowBackwardData(Conv2DMaxPool2D):
    # A vector of windows at a time: what they add to each element of dx around them is summed over
    # the channels, then added to dx window after window. For windows of at most four positions;
    # the quads hold the filter elements that belong to these. A task is an image.
    cdef const float[:, :, :, ::1] dy, weights
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dx
    cdef float[:, :, :, ::1] quads  # (ic, oc, elements, 4)
    cdef Py_ssize_t elements         # of dx around a window, per channel
    cdef Py_ssize_t[:, ::1] element  # which of them a position and a tap belong to
    cdef Py_ssize_t[::1] corners     # offset of a window's first element in dx
    cdef Py_ssize_t[::1] distances   # and from there of the others

    def __init__(
        self, dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "narrow"
        self.dy, self.argmax, self.weights, self.dx = dy, argmax, w, dx
        self.set_pool_sizes(
            dx.shape, w.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        windows, positions, taps = self.pixels()
        distances, element = np.unique(np.add.outer(positions, taps), return_inverse=True)
        self.element = element.reshape(positions.size, taps.size)
        self.distances, self.corners = distances * self.ic, windows * self.ic
        self.elements = distances.size
        self.quads = aligned((self.ic, self.oc, self.elements, 4), zero=True)
        self.preparations = self.ic
        self.prepares_weights = True
        self.tasks = self.n
        self.work = <double>self.n * self.ph * self.pw * self.elements * self.ic * self.oc
        self.allocate_scratch(
            (2 * self.oc + self.elements) * self.table.lanes
            + self.is_padded * self.padded_height * self.padded_width * self.ic
        )

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t position, tap, o
        for tap in range(self.kh * self.kw):
            for position in range(self.pool_h * self.pool_w):
                for o in range(self.oc):
                    self.quads[i, o, self.element[position, tap], position] = self.weights[
                        tap // self.kw, tap % self.kw, i, o
                    ]

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t lanes = self.table.lanes, windows = self.ph * self.pw, first = 0, count, i
        cdef float *dy = scratch  # transposed
        cdef float *positions = dy + self.oc * lanes
        cdef float *sums = positions + self.oc * lanes
        cdef float *dx = sums + self.elements * lanes if self.is_padded else &self.dx[n, 0, 0, 0]
        cdef NarrowData p
        p.dy, p.positions, p.sums = dy, positions, sums
        p.channels, p.elements = self.oc, self.elements
        memset(dx, 0, self.padded_height * self.padded_width * self.ic * sizeof(float))
        while first < windows:
            count = min(lanes, windows - first)
            self.table.narrow_windows(
                &self.dy[n, 0, 0, 0] + first * self.oc, &self.argmax[n, 0, 0, 0] + first * self.oc,
                count, self.oc, dy, positions,
            )
            for i in range(self.ic):
                p.quads = &self.quads[i, 0, 0, 0]
                self.table.narrow_data(&p)
                self.add_windows(sums, &self.corners[first], count, dx + i)
            first += count
        if self.is_padded:
            self.crop_image(dx, &self.dx[n, 0, 0, 0], self.ic)

    cdef void add_windows(
        self, const float *sums, const Py_ssize_t *corners, Py_ssize_t count, float *dx
    ) noexcept nogil:
        cdef Py_ssize_t lanes = self.table.lanes, window, i
        cdef float *corner
        for window in range(count):
            corner = dx + corners[window]
            for i in range(self.elements):
                corner[self.distances[i]] += sums[i * lanes + window]
