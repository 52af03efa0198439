# Gradients behind a max-pool: only the pixels that won their window, and that relu did not set to
# 0, have one: at most one in four behind a 2x2 pool. The sums run over lists of these, in registers
# and in a fixed order (cf. Rippel & Adams 2014, who skipped the others with locks and private
# sums).
# uses: team (ceil_div, round_up), geometry (sum_tasks), conv_max_pool (Conv2DMaxPool2D)

cdef Py_ssize_t FILTER_BLOCK_BYTES = 40960  # of transposed filters: the first-level cache less dx
cdef Py_ssize_t WINDOW_BLOCK_SIZE = 5500  # elements of x in a block: half the first-level cache


cdef class SparseBackwardData(Conv2DMaxPool2D):
    # For each pixel that a window covers, the list of channels that are live there, then the sum of
    # their filters. The filters are transposed, in blocks that fit the first-level cache. A task is
    # an image.
    cdef const float[:, :, :, ::1] dy, weights
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dx
    cdef float[:, :, ::1] blocks  # (block of filter rows and columns, oc, rows * columns)
    cdef Py_ssize_t rows, columns, row_blocks, column_blocks, entries
    cdef int[::1] y_offsets  # of each window's positions: where the patch of dx begins

    def __init__(
        self, dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "sparse"
        self.dy, self.argmax, self.weights, self.dx = dy, argmax, w, dx
        self.set_pool_sizes(
            dx.shape, w.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.rows = min(<Py_ssize_t>3, self.kh)
        self.row_blocks = ceil_div(self.kh, self.rows)
        row = self.kw * self.ic
        lanes = self.table.lanes
        fits = max(FILTER_BLOCK_BYTES // (4 * self.oc * self.rows * lanes), 1) * lanes
        widest = min(self.table.sparse_sum_block(self.rows, 1), fits)
        self.column_blocks = ceil_div(row, widest)
        self.columns = round_up(ceil_div(row, self.column_blocks), lanes)
        self.column_blocks = ceil_div(row, self.columns)
        self.blocks = aligned(
            (self.row_blocks * self.column_blocks, self.oc, self.rows * self.columns)
        )
        self.preparations = self.row_blocks * self.column_blocks
        self.prepares_weights = True
        self.tasks = self.n
        self.work /= self.pool_stride_h * self.pool_stride_w
        lists = self.ph * self.pw * self.pool_h * self.pool_w
        self.entries = round_up(self.ph * self.pw * self.oc + lanes, 16)
        self.allocate_scratch(
            self.is_padded * self.padded_height * self.padded_width * self.ic
            + 2 * self.entries + 2 * lists
        )
        windows, positions, _ = self.pixels()
        self.y_offsets = (np.add.outer(windows, positions).ravel() * self.ic).astype(np.intc)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first_row = i // self.column_blocks * self.rows, r
        cdef Py_ssize_t first = i % self.column_blocks * self.columns
        cdef Py_ssize_t row = self.kw * self.ic
        for r in range(min(self.rows, self.kh - first_row)):
            self.table.transpose(
                &self.weights[0, 0, 0, 0] + ((first_row + r) * row + first) * self.oc, self.oc,
                &self.blocks[i, 0, r * self.columns], self.rows * self.columns,
                min(self.columns, row - first), self.oc,
            )

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.padded_height * self.padded_width * self.ic
        cdef float *dx = scratch if self.is_padded else &self.dx[n, 0, 0, 0]
        cdef float *values = scratch + (size if self.is_padded else 0)
        cdef int *offsets = <int *>(values + self.entries)
        cdef int *starts = offsets + self.entries
        cdef Py_ssize_t lists = self.y_offsets.shape[0], b, row, column
        cdef SparseSum p
        if self.ph * self.pw > 0:
            self.table.lists_by_position(
                &self.dy[n, 0, 0, 0], &self.argmax[n, 0, 0, 0], self.ph * self.pw, self.oc,
                <int>(self.pool_h * self.pool_w), <int>(self.rows * self.columns), values, offsets,
                starts, starts + lists,
            )
        memset(dx, 0, size * sizeof(float))
        p.values, p.offsets, p.starts, p.counts = values, offsets, starts, starts + lists
        p.y_offsets, p.lists = &self.y_offsets[0], lists
        p.data_row, p.y_row = self.columns, self.dilation_h * self.padded_width * self.ic
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
            self.crop_image(dx, &self.dx[n, 0, 0, 0], self.ic)


cdef class SparseBackwardWeights(Conv2DMaxPool2D):
    # For each output channel the list of its live windows, then the sum of the patches of x that
    # they cover. A task is some images, with sums of its own; the tasks' sums are added in order at
    # the end. How images are divided into tasks depends on their count alone, so the bits do not
    # depend on the threads, and each image stays on the core that wrote it.
    #
    # x is copied into blocks of channels, and windows are processed in blocks of rows, so that what
    # all output channels read stays in the first-level cache.
    cdef const float[:, :, :, ::1] x, dy
    cdef const unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef float[:, :, :, :, ::1] sums  # (task, block of channels, oc, kh * kw, channels of a block)
    cdef float[:, :, ::1] bias        # (task, oc, lanes)
    cdef Py_ssize_t channel_blocks, block_channels
    cdef Py_ssize_t taps, widest  # a filter row is `taps` taps, `widest` elements of each at a time
    cdef Py_ssize_t row_blocks, block_rows  # of windows
    cdef Py_ssize_t images        # whose entries share the lists
    cdef Py_ssize_t image_size    # of one block of channels
    cdef Py_ssize_t capacity      # of a list
    cdef int[::1] corners  # offset of the patch for a window's first position
    cdef int[::1] steps    # and from there for each value of argmax
    cdef int[::1] y_offsets, starts

    def __init__(
        self, x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides
    ):
        self.algorithm = "sparse"
        self.x, self.dy, self.argmax, self.dw, self.db = x, dy, argmax, dw, db
        self.set_pool_sizes(
            x.shape, dw.shape, dy.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.gradients = dw.size
        self.work /= self.pool_stride_h * self.pool_stride_w
        # Few channels leave vectors half empty: then the taps of a filter row, which are contiguous
        # in x, count as one long tap.
        long_row = self.ic < 2 * self.table.lanes and self.dilation_w == 1
        self.taps = 1 if long_row else self.kw
        rows, columns = min(<Py_ssize_t>3, self.kh), min(<Py_ssize_t>3, self.taps)
        self.widest = self.table.sparse_sum_block(rows, columns)
        all_channels = round_up(self.ic, self.table.lanes)
        # Nine sums hide the latency of a multiply-add. More of them would only make the blocks of
        # channels larger, which then hold fewer images.
        enough = ceil_div(9, rows * columns) * self.table.lanes
        self.block_channels = self.ic if long_row else min(self.widest, enough, all_channels)
        self.channel_blocks = ceil_div(self.ic, self.block_channels)
        self.image_size = self.padded_height * self.padded_width * self.block_channels
        size = self.channel_blocks * self.oc * self.kh * self.kw * self.block_channels
        self.tasks = sum_tasks(self.n, size)
        self.sums = aligned(
            (self.tasks, self.channel_blocks, self.oc, self.kh * self.kw, self.block_channels)
        )
        self.bias = aligned((self.tasks, self.oc, self.table.lanes))
        self.finishes = self.kh * self.kw
        windows, positions, _ = self.pixels()
        self.corners = (windows * self.block_channels).astype(np.intc)
        self.steps = np.zeros(256, np.intc)
        np.asarray(self.steps)[: positions.size] = positions * self.block_channels
        row = self.pool_stride_h * self.stride_h * self.padded_width * self.block_channels
        row = max(row, <Py_ssize_t>1)  # elements that a row of windows reads
        self.block_rows = min(
            max(WINDOW_BLOCK_SIZE // row, <Py_ssize_t>1), max(self.ph, <Py_ssize_t>1)
        )
        self.row_blocks = ceil_div(self.ph, self.block_rows)
        self.images = 1
        if self.row_blocks == 1:
            fits = WINDOW_BLOCK_SIZE // max(row * self.ph, <Py_ssize_t>1)
            self.images = min(max(fits, <Py_ssize_t>1), ceil_div(self.n, self.tasks) or 1)
        self.capacity = round_up(self.images * self.block_rows * self.pw + self.table.lanes, 16)
        self.y_offsets = (
            np.arange(self.oc) * self.kh * self.kw * self.block_channels
        ).astype(np.intc)
        self.starts = (np.arange(self.oc) * self.capacity).astype(np.intc)
        self.allocate_scratch(
            self.images * self.channel_blocks * self.image_size + self.oc * (2 * self.capacity + 1)
        )

    cdef void copy_image(self, Py_ssize_t n, float *to) noexcept nogil:
        # One padded image, one block of channels after the other.
        cdef Py_ssize_t block, row, first, count
        cdef float *at
        for block in range(self.channel_blocks):
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
        cdef Py_ssize_t image = self.channel_blocks * self.image_size
        cdef float *values = scratch + self.images * image
        cdef int *offsets = <int *>(values + self.oc * self.capacity)
        cdef int *counts = offsets + self.oc * self.capacity
        cdef Py_ssize_t m, row_block, window, count, block, last = self.n * (i + 1) // self.tasks
        cdef Py_ssize_t n = self.n * i // self.tasks, images
        cdef SparseSum p
        memset(&self.sums[i, 0, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0, 0], 0, self.bias.strides[0])
        p.values, p.offsets, p.starts, p.counts = values, offsets, &self.starts[0], counts
        p.y_offsets, p.lists = &self.y_offsets[0], self.oc
        p.data_row = self.dilation_h * self.padded_width * self.block_channels
        p.data_column = self.dilation_w * self.block_channels
        p.y_row, p.y_column = self.kw * self.block_channels, self.block_channels
        while n < last:
            images = min(self.images, last - n)
            for m in range(images):
                self.copy_image(n + m, scratch + m * image)
            for row_block in range(self.row_blocks):
                window = row_block * self.block_rows * self.pw
                count = min(self.block_rows, self.ph - row_block * self.block_rows) * self.pw
                memset(counts, 0, self.oc * sizeof(int))
                for m in range(images):
                    self.table.lists_by_channel(
                        &self.dy[n + m, 0, 0, 0] + window * self.oc,
                        &self.argmax[n + m, 0, 0, 0] + window * self.oc, count, self.oc,
                        &self.corners[window], &self.steps[0], <int>(self.pool_h * self.pool_w),
                        <int>(m * image), self.capacity, values, offsets, counts,
                        &self.bias[i, 0, 0],
                    )
                for block in range(self.channel_blocks):
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
        # One tap of the filter, for all channels: adds up the tasks' sums and transposes them.
        cdef Py_ssize_t block, task, o, c, count
        cdef float *total
        for block in range(self.channel_blocks):
            count = min(self.block_channels, self.ic - block * self.block_channels)
            for task in range(1, self.tasks):
                self.table.add_rows(
                    &self.sums[task, block, 0, tap, 0], &self.sums[0, block, 0, tap, 0],
                    self.kh * self.kw * self.block_channels, self.oc, count,
                )
            self.table.transpose(
                &self.sums[0, block, 0, tap, 0], self.kh * self.kw * self.block_channels,
                &self.dw[0, 0, 0, 0] + (tap * self.ic + block * self.block_channels) * self.oc,
                self.oc, self.oc, count,
            )
        if tap == 0 and self.db is not None:
            for o in range(self.oc):
                self.db[o] = 0
                for task in range(self.tasks):
                    for c in range(self.bias.shape[2]):
                        self.db[o] += self.bias[task, o, c]
