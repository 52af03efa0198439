# Gradients behind a max-pool for filters of few numbers, such as a first layer's. Another place won
# each channel's window: "quads" hold side by side what four places would take, and a permutation
# picks every lane's own. No lists are needed (cf. conv_sparse.pxi).

cdef Py_ssize_t BAND_OF_QUADS = 5000  # numbers in them: what the first cache holds beside dy


cdef class NarrowBackwardWeights(Conv2DMaxPool2D):
    # Window after window, with the output channels in vectors. The windows are taken in bands of
    # rows, whose x is laid out in quads before, four places of each window at a time. Tasks are
    # images, as in SparseBackwardWeights.
    cdef const float[:, :, :, ::1] x, dy
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dw_
    cdef float[::1] db
    cdef float[:, :, ::1] sums  # (task, tap and last the bias, oc)
    cdef Py_ssize_t band_rows, band_step, quad_count
    cdef Py_ssize_t[::1] taps       # in the quads
    cdef Py_ssize_t[:, ::1] places  # of a window, in x, four a group

    def __init__(
        self, x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "narrow"
        self.x, self.dy, self.argmax, self.dw_, self.db = x, dy, argmax, dw, db
        self.pooled_sizes(
            x.shape, dw.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.gradients = dw.size
        row = self.padded_width * self.ic
        _, places, taps = self.pixels()
        taps = np.add.outer(taps * self.ic, np.arange(self.ic)).ravel()
        self.taps = 4 * taps
        self.tasks = image_tasks(self.n, self.taps.shape[0] * self.oc)
        self.sums = aligned((self.tasks, self.taps.shape[0] + 1, self.oc))
        self.finishes = 1
        # a last group that is not full repeats places, which argmax never names
        self.places = np.resize(places * self.ic, (chunks(places.size, 4), 4))
        self.band_step = self.pool_sh * self.sh * row
        last = taps.max() + (self.pw - 1) * self.pool_sw * self.sw * self.ic
        fits = max(BAND_OF_QUADS // 4 - last, 0) // self.band_step
        self.band_rows = min(fits + 1, self.ph)
        self.quad_count = last + 1 + (self.band_rows - 1) * self.band_step
        self.allocate_scratch(self.is_padded * self.padded_height * row + 4 * self.quad_count)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t padded = self.padded_height * self.padded_width * self.ic, n, row, group
        cdef const float *x
        cdef float *quads = scratch + (padded if self.is_padded else 0)
        cdef NarrowSum p
        memset(&self.sums[i, 0, 0], 0, self.sums.strides[0])
        p.taps, p.tap_count, p.oc = &self.taps[0], self.taps.shape[0], self.oc
        p.x, p.windows_w = quads, self.pw
        p.x_row, p.x_column = 4 * self.band_step, 4 * self.pool_sw * self.sw * self.ic
        for n in range(self.n * i // self.tasks, self.n * (i + 1) // self.tasks):
            x = &self.x[n, 0, 0, 0]
            if self.is_padded:
                pad_rows(
                    x, scratch, self.h, self.w, self.ic, self.top, self.left,
                    self.padded_width, 0, self.padded_height,
                )
                x = scratch
            row = 0
            while row < self.ph:
                p.windows_h = min(self.band_rows, self.ph - row)
                for group in range(self.places.shape[0]):
                    p.quad = <int>group
                    self.table.quads(
                        x + row * self.band_step, &self.places[group, 0],
                        self.quad_count - (self.band_rows - p.windows_h) * self.band_step, quads,
                    )
                    self.sum_band(&p, i, n, row)
                row += p.windows_h

    cdef void sum_band(
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
        memcpy(&self.dw_[0, 0, 0, 0], &self.sums[0, 0, 0], rows * self.oc * sizeof(float))
        if self.db is not None:
            memcpy(&self.db[0], &self.sums[0, rows, 0], self.oc * sizeof(float))


cdef class NarrowBackwardData(Conv2DMaxPool2D):
    # An image a task, a vector of windows at a time: what they give to each number of dx around
    # them is summed over the channels, then added to dx window after window. For at most four
    # places; their numbers of the filter are the quads.
    cdef const float[:, :, :, ::1] dy, weights
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dx
    cdef float[:, :, :, ::1] quads  # (ic, oc, numbers, 4)
    cdef Py_ssize_t numbers
    cdef Py_ssize_t[:, ::1] number  # which of them a place and a tap meet
    cdef Py_ssize_t[::1] corners    # where a window's first number lies
    cdef Py_ssize_t[::1] distances  # and from there the others

    def __init__(
        self, dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "narrow"
        self.dy, self.argmax, self.weights, self.dx = dy, argmax, w, dx
        self.pooled_sizes(
            dx.shape, w.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        windows, places, taps = self.pixels()
        distances, number = np.unique(np.add.outer(places, taps), return_inverse=True)
        self.number = number.reshape(places.size, taps.size)
        self.distances, self.corners = distances * self.ic, windows * self.ic
        self.numbers = distances.size
        self.quads = aligned((self.ic, self.oc, self.numbers, 4), zero=True)
        self.preparations = self.ic
        self.prepares_weights = True
        self.tasks = self.n
        self.work = <double>self.n * self.ph * self.pw * self.numbers * self.ic * self.oc
        self.allocate_scratch(
            (2 * self.oc + self.numbers) * self.table.lanes
            + self.is_padded * self.padded_height * self.padded_width * self.ic
        )

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t place, tap, o
        for tap in range(self.kh * self.kw):
            for place in range(self.pool_h * self.pool_w):
                for o in range(self.oc):
                    self.quads[i, o, self.number[place, tap], place] = self.weights[
                        tap // self.kw, tap % self.kw, i, o
                    ]

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t lanes = self.table.lanes, windows = self.ph * self.pw, first = 0, count, i
        cdef float *turned = scratch
        cdef float *places = turned + self.oc * lanes
        cdef float *sums = places + self.oc * lanes
        cdef float *dx = sums + self.numbers * lanes if self.is_padded else &self.dx[n, 0, 0, 0]
        cdef NarrowData p
        p.dy, p.positions, p.sums = turned, places, sums
        p.channels, p.elements = self.oc, self.numbers
        memset(dx, 0, self.padded_height * self.padded_width * self.ic * sizeof(float))
        while first < windows:
            count = min(lanes, windows - first)
            self.table.narrow_windows(
                &self.dy[n, 0, 0, 0] + first * self.oc, &self.argmax[n, 0, 0, 0] + first * self.oc,
                count, self.oc, turned, places,
            )
            for i in range(self.ic):
                p.quads = &self.quads[i, 0, 0, 0]
                self.table.narrow_data(&p)
                self.add_windows(sums, &self.corners[first], count, dx + i)
            first += count
        if self.is_padded:
            crop_rows(
                dx, &self.dx[n, 0, 0, 0], self.h, self.w, self.ic, self.top, self.left,
                self.padded_width,
            )

    cdef void add_windows(
        self, const float *sums, const Py_ssize_t *corners, Py_ssize_t count, float *dx
    ) noexcept nogil:
        cdef Py_ssize_t lanes = self.table.lanes, window, i
        cdef float *corner
        for window in range(count):
            corner = dx + corners[window]
            for i in range(self.numbers):
                corner[self.distances[i]] += sums[i * lanes + window]
