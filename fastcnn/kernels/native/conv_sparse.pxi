# Gradients behind a max-pool: only the places that won their window (and that relu left open) have
# one, at most one in four behind a 2x2 pool. The sums run over lists of them, in registers and in a
# fixed order (cf. Rippel & Adams 2014, who skipped the rest with locks and private sums).

cdef class SparseBackwardData(Conv2DMaxPool2D):
    # An image a task: for each place of dx's patches, the list of channels that are live there,
    # then the sum of their filters. The filters lie transposed, in blocks that fit the first cache.
    cdef const float[:, :, :, ::1] dy, weights
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dx
    cdef float[:, :, ::1] blocks  # (block of rows and columns of the filter, oc, rows * columns)
    cdef Py_ssize_t rows, columns, row_blocks, column_blocks, entries
    cdef int[::1] places

    def __init__(
        self, dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "sparse"
        self.dy, self.argmax, self.weights, self.dx = dy, argmax, w, dx
        self.pooled_sizes(
            dx.shape, w.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.rows = min(<Py_ssize_t>3, self.kh)
        self.row_blocks = chunks(self.kh, self.rows)
        run = self.kw * self.ic
        lanes = self.table.lanes
        fits = max(BLOCK_BYTES // (4 * self.oc * self.rows * lanes), 1) * lanes
        widest = min(self.table.sparse_sum_block(self.rows, 1), fits)
        self.column_blocks = chunks(run, widest)
        self.columns = chunks(chunks(run, self.column_blocks), lanes) * lanes
        self.column_blocks = chunks(run, self.columns)
        self.blocks = aligned(
            (self.row_blocks * self.column_blocks, self.oc, self.rows * self.columns), np.float32
        )
        self.preparations = self.row_blocks * self.column_blocks
        self.prepares_weights = True
        self.tasks = self.n
        self.work /= self.pool_sh * self.pool_sw
        groups = self.ph * self.pw * self.pool_h * self.pool_w
        self.entries = chunks(self.ph * self.pw * self.oc + lanes, 16) * 16
        self.allocate_scratch(
            self.is_padded * self.padded_height * self.padded_width * self.ic
            + 2 * self.entries + 2 * groups
        )
        # where the patch begins, for each window and each place in it
        windows, places, _ = self.pixels()
        self.places = (np.add.outer(windows, places).ravel() * self.ic).astype(np.intc)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first_row = i // self.column_blocks * self.rows, r
        cdef Py_ssize_t first = i % self.column_blocks * self.columns
        cdef Py_ssize_t run = self.kw * self.ic
        for r in range(min(self.rows, self.kh - first_row)):
            self.table.transpose(
                &self.weights[0, 0, 0, 0] + ((first_row + r) * run + first) * self.oc, self.oc,
                &self.blocks[i, 0, r * self.columns], self.rows * self.columns,
                min(self.columns, run - first), self.oc,
            )

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.padded_height * self.padded_width * self.ic
        cdef float *dx = scratch if self.is_padded else &self.dx[n, 0, 0, 0]
        cdef float *values = scratch + (size if self.is_padded else 0)
        cdef int *offsets = <int *>(values + self.entries)
        cdef int *starts = offsets + self.entries
        cdef Py_ssize_t groups = self.places.shape[0], b, row, column
        cdef SparseSum p
        if self.ph * self.pw > 0:
            self.table.lists_by_position(
                &self.dy[n, 0, 0, 0], &self.argmax[n, 0, 0, 0], self.ph * self.pw, self.oc,
                <int>(self.pool_h * self.pool_w), <int>(self.rows * self.columns), values, offsets,
                starts, starts + groups,
            )
        memset(dx, 0, size * sizeof(float))
        p.values, p.offsets, p.starts, p.counts = values, offsets, starts, starts + groups
        p.y_offsets, p.lists = &self.places[0], groups
        p.data_row, p.y_row = self.columns, self.dh * self.padded_width * self.ic
        p.data_column = p.y_column = 0
        for b in range(self.blocks.shape[0]):
            row = b // self.column_blocks * self.rows
            column = b % self.column_blocks * self.columns
            p.rows = min(self.rows, self.kh - row)
            p.columns, p.channels = 1, min(self.columns, self.kw * self.ic - column)
            p.data = &self.blocks[b, 0, 0]
            p.y = dx + row * p.y_row + column
            self.table.sparse_sum(&p)
        if self.is_padded:
            crop_rows(
                dx, &self.dx[n, 0, 0, 0], self.h, self.w, self.ic, self.top, self.left,
                self.padded_width,
            )


cdef Py_ssize_t BLOCK_BYTES = 40960  # of transposed filters: what the first cache holds beside dx
cdef Py_ssize_t BAND = 5500  # numbers of x in a band: half the first cache


cdef class SparseBackwardWeights(Conv2DMaxPool2D):
    # For each output channel the list of its live windows, then the sum of the patches of x that
    # they meet. A task does some images and sums them by itself; the sums of all tasks are added in
    # order at the end. How the images are shared out depends on their number alone, so the bits do
    # not depend on the threads, and each image stays with the core that made it.
    #
    # x is copied into blocks of channels, and the windows are taken in bands of rows, so that what
    # the output channels read again and again stays in the first cache.
    cdef const float[:, :, :, ::1] x, dy
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dw_
    cdef float[::1] db
    cdef float[:, :, :, :, ::1] sums  # (task, block of channels, oc, kh * kw, its channels)
    cdef float[:, :, ::1] bias        # (task, oc, lanes)
    cdef Py_ssize_t block_count, block_channels
    cdef Py_ssize_t taps, widest  # a filter row is `taps` taps, `widest` numbers of each at once
    cdef Py_ssize_t bands, band_rows, images, image_size, capacity
    cdef int[::1] corners  # where the patch of a window's first place begins
    cdef int[::1] steps    # and how far on it begins for each value of argmax
    cdef int[::1] places, starts

    def __init__(
        self, x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "sparse"
        self.x, self.dy, self.argmax, self.dw_, self.db = x, dy, argmax, dw, db
        self.pooled_sizes(
            x.shape, dw.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.gradients = dw.size
        self.work /= self.pool_sh * self.pool_sw
        # Few channels leave vectors half empty: then the taps of a filter row, which are one
        # contiguous run of x, count as one long tap.
        long_row = self.ic < 2 * self.table.lanes and self.dw == 1
        self.taps = 1 if long_row else self.kw
        rows, columns = min(<Py_ssize_t>3, self.kh), min(<Py_ssize_t>3, self.taps)
        self.widest = self.table.sparse_sum_block(rows, columns)
        whole = chunks(self.ic, self.table.lanes) * self.table.lanes
        # Nine sums hide the latency of a multiply-add. More of them would only make the blocks
        # larger, which then hold fewer images.
        enough = chunks(9, rows * columns) * self.table.lanes
        self.block_channels = self.ic if long_row else min(self.widest, enough, whole)
        self.block_count = chunks(self.ic, self.block_channels)
        self.image_size = self.padded_height * self.padded_width * self.block_channels
        size = self.block_count * self.oc * self.kh * self.kw * self.block_channels
        self.tasks = image_tasks(self.n, size)
        self.sums = aligned(
            (self.tasks, self.block_count, self.oc, self.kh * self.kw, self.block_channels)
        )
        self.bias = aligned((self.tasks, self.oc, self.table.lanes))
        self.finishes = self.kh * self.kw
        windows, places, _ = self.pixels()
        self.corners = (windows * self.block_channels).astype(np.intc)
        self.steps = np.zeros(256, np.intc)
        np.asarray(self.steps)[: places.size] = places * self.block_channels
        # numbers that one row of windows reads
        row = max(self.pool_sh * self.sh * self.padded_width * self.block_channels, <Py_ssize_t>1)
        self.band_rows = min(max(BAND // row, <Py_ssize_t>1), max(self.ph, <Py_ssize_t>1))
        self.bands = chunks(self.ph, self.band_rows)
        self.images = 1
        if self.bands == 1:
            fits = BAND // max(row * self.ph, <Py_ssize_t>1)
            self.images = min(max(fits, <Py_ssize_t>1), chunks(self.n, self.tasks) or 1)
        self.capacity = chunks(self.images * self.band_rows * self.pw + self.table.lanes, 16) * 16
        self.places = (
            np.arange(self.oc) * self.kh * self.kw * self.block_channels
        ).astype(np.intc)
        self.starts = (np.arange(self.oc) * self.capacity).astype(np.intc)
        self.allocate_scratch(
            self.images * self.block_count * self.image_size + self.oc * (2 * self.capacity + 1)
        )

    cdef void copy_image(self, Py_ssize_t n, float *to) noexcept nogil:
        # one padded image, one block of channels after the other
        cdef Py_ssize_t block, row, first, count
        cdef float *at
        for block in range(self.block_count):
            first = block * self.block_channels
            count = min(self.block_channels, self.ic - first)
            if self.is_padded or count < self.block_channels:
                memset(to, 0, self.image_size * sizeof(float))
            at = to + (self.top * self.padded_width + self.left) * self.block_channels
            for row in range(self.h):
                self.table.copy_rows(
                    &self.x[n, row, 0, first], self.ic, at, self.block_channels, self.w, count
                )
                at += self.padded_width * self.block_channels
            to += self.image_size

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t image = self.block_count * self.image_size
        cdef float *values = scratch + self.images * image
        cdef int *offsets = <int *>(values + self.oc * self.capacity)
        cdef int *counts = offsets + self.oc * self.capacity
        cdef Py_ssize_t m, band, window, count, block, last = self.n * (i + 1) // self.tasks
        cdef Py_ssize_t n = self.n * i // self.tasks, images
        cdef SparseSum p
        memset(&self.sums[i, 0, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0, 0], 0, self.bias.strides[0])
        p.values, p.offsets, p.starts, p.counts = values, offsets, &self.starts[0], counts
        p.y_offsets, p.lists = &self.places[0], self.oc
        p.data_row = self.dh * self.padded_width * self.block_channels
        p.data_column = self.dw * self.block_channels
        p.y_row, p.y_column = self.kw * self.block_channels, self.block_channels
        while n < last:
            images = min(self.images, last - n)
            for m in range(images):
                self.copy_image(n + m, scratch + m * image)
            for band in range(self.bands):
                window = band * self.band_rows * self.pw
                count = min(self.band_rows, self.ph - band * self.band_rows) * self.pw
                memset(counts, 0, self.oc * sizeof(int))
                for m in range(images):
                    self.table.lists_by_channel(
                        &self.dy[n + m, 0, 0, 0] + window * self.oc,
                        &self.argmax[n + m, 0, 0, 0] + window * self.oc, count, self.oc,
                        &self.corners[window], &self.steps[0], <int>(self.pool_h * self.pool_w),
                        <int>(m * image), self.capacity, values, offsets, counts,
                        &self.bias[i, 0, 0],
                    )
                for block in range(self.block_count):
                    self.sum_block(
                        &p, scratch + block * self.image_size, &self.sums[i, block, 0, 0, 0]
                    )
            n += images

    cdef void sum_block(self, SparseSum *p, const float *x, float *sums) noexcept nogil:
        cdef Py_ssize_t size = p.y_row // self.taps  # of a tap
        cdef Py_ssize_t row = 0, column = 0, channel = 0
        while row < self.kh:
            p.rows = min(<Py_ssize_t>3, self.kh - row)
            p.columns = min(<Py_ssize_t>3, self.taps - column)
            p.channels = min(self.widest, size - channel)
            p.data = x + row * p.data_row + column * p.data_column + channel
            p.y = sums + row * p.y_row + column * p.y_column + channel
            self.table.sparse_sum(p)
            channel += self.widest
            if channel >= size:
                channel, column = 0, column + 3
            if column >= self.taps:
                column, row = 0, row + 3

    cdef void finish(self, Py_ssize_t tap) noexcept nogil:
        # one tap of the filter, for all channels: add up the tasks' sums, and turn them around
        cdef Py_ssize_t block, task, o, c, count
        cdef float *total
        for block in range(self.block_count):
            count = min(self.block_channels, self.ic - block * self.block_channels)
            for task in range(1, self.tasks):
                self.table.add_rows(
                    &self.sums[task, block, 0, tap, 0], &self.sums[0, block, 0, tap, 0],
                    self.kh * self.kw * self.block_channels, self.oc, count,
                )
            self.table.transpose(
                &self.sums[0, block, 0, tap, 0], self.kh * self.kw * self.block_channels,
                &self.dw_[0, 0, 0, 0] + (tap * self.ic + block * self.block_channels) * self.oc,
                self.oc, self.oc, count,
            )
        if tap == 0 and self.db is not None:
            for o in range(self.oc):
                self.db[o] = 0
                for task in range(self.tasks):
                    for c in range(self.bias.shape[2]):
                        self.db[o] += self.bias[task, o, c]
