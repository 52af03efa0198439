# Depthwise convolutions. With `depth` filters per channel, each channel of x is repeated that
# often; what remains is one filter per channel, for channels = ic * depth.
# uses: team (bound_of_relu, ceil_div), geometry (Windowed, image_blocks, pad_rows)

cdef class DepthwiseConv2D(Windowed):
    # What the three kernels share, and an image with padding around it and channels repeated.
    cdef Py_ssize_t depth, channels
    cdef Py_ssize_t[::1] x_taps, w_taps

    cdef set_depthwise_sizes(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.set_sizes(x_shape, w_shape, y_shape, strides, pads, dilation)
        self.depth = w_shape[3]
        self.channels = self.ic * self.depth
        # a multiply-add here takes as long as four where values are used more than once
        self.work = 4. * self.n * self.oh * self.ow * self.kh * self.kw * self.channels

    cdef forward_taps(self):
        kh, kw = np.divmod(np.arange(self.kh * self.kw), self.kw)
        self.x_taps = (
            kh * self.dilation_h * self.padded_width + kw * self.dilation_w
        ) * self.channels
        self.w_taps = np.arange(self.kh * self.kw) * self.channels

    cdef void pad_channels(
        self, const float *image, float *padded, Py_ssize_t first, Py_ssize_t rows
    ) noexcept nogil:
        # Rows [first, first + rows) of the padded image, channels repeated.
        cdef Py_ssize_t r, i, k, source
        cdef float *to
        if self.depth == 1:
            self.pad_image(image, padded, first, rows)
            return
        memset(padded, 0, rows * self.padded_width * self.channels * sizeof(float))
        for r in range(rows):
            source = first + r - self.top
            if source < 0 or source >= self.h:
                continue
            to = padded + (r * self.padded_width + self.left) * self.channels
            for i in range(self.w * self.ic):
                for k in range(self.depth):
                    to[i * self.depth + k] = image[source * self.w * self.ic + i]


cdef class TapsDepthwiseForward(DepthwiseConv2D):
    # A task is a block of output rows of one image.
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef bint relu, copied
    cdef float relu_max
    cdef Py_ssize_t row_blocks

    def __init__(self, x, w, b, y, strides, pads, dilation, relu, relu_max):
        self.relu_max = bound_of_relu(relu_max)
        self.algorithm = "taps"
        self.x, self.weights, self.b, self.y, self.relu = x, w, b, y, relu
        self.set_depthwise_sizes(x.shape, w.shape, y.shape, strides, pads, dilation)
        self.forward_taps()
        self.row_blocks = image_blocks(self.n, self.oh, self.work)
        self.tasks = self.n * self.row_blocks
        self.copied = self.is_padded or self.depth > 1
        if self.copied:
            rows = self.input_rows(ceil_div(self.oh, self.row_blocks))
            self.allocate_scratch(rows * self.padded_width * self.channels)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, oh
        cdef Py_ssize_t first = self.oh * block // self.row_blocks
        cdef Py_ssize_t last = self.oh * (block + 1) // self.row_blocks
        cdef DepthwiseTaps p
        cdef const float *x = &self.x[n, 0, 0, 0] + first * self.stride_h * self.w * self.ic
        if self.copied:
            self.pad_channels(
                &self.x[n, 0, 0, 0], scratch, first * self.stride_h, self.input_rows(last - first)
            )
            x = scratch
        p.w, p.b = &self.weights[0, 0, 0, 0], &self.b[0] if self.b is not None else NULL
        p.x_taps, p.w_taps = &self.x_taps[0], &self.w_taps[0]
        p.taps, p.pixels, p.channels = self.x_taps.shape[0], self.ow, self.channels
        p.x_pixel, p.y_pixel = self.stride_w * self.channels, self.channels
        p.relu, p.relu_max = self.relu, self.relu_max
        for oh in range(first, last):
            p.x = x + (oh - first) * self.stride_h * self.padded_width * self.channels
            p.y = &self.y[n, oh, 0, 0]
            self.table.depthwise(&p)


cdef class TapsDepthwiseBackwardData(DepthwiseConv2D):
    # Phase after phase, see Windowed.set_phases. A task is an image.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, ::1] dx
    cdef Py_ssize_t dy_rows, padded_size  # of the padded dy

    def __init__(self, dy, w, dx, strides, pads, dilation):
        self.algorithm = "taps"
        self.dy, self.weights, self.dx = dy, w, dx
        self.set_depthwise_sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.tasks = self.n
        rows, columns, taps = self.set_phases()
        self.x_taps = (rows * self.padded_dy_width + columns) * self.channels
        self.w_taps = taps * self.channels
        self.dy_rows = (self.h - 1 + self.top) // self.stride_h + 1 + self.before_h
        self.padded_size = self.dy_rows * self.padded_dy_width * self.channels
        self.allocate_scratch(self.padded_size + self.w * self.channels)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t ih, iw, phase_w, start, row, c, k
        cdef float *repeated = scratch + self.padded_size  # a row of dx before it is summed
        cdef float *dx
        cdef float total
        cdef DepthwiseTaps p
        pad_rows(
            &self.dy[i, 0, 0, 0], scratch, self.oh, self.ow, self.channels, self.before_h,
            self.before_w, self.padded_dy_width, 0, self.dy_rows,
        )
        p.w, p.b, p.relu, p.channels = &self.weights[0, 0, 0, 0], NULL, 0, self.channels
        p.x_pixel, p.y_pixel = self.channels, self.stride_w * self.channels
        for ih in range(self.h):
            row = (ih + self.top) // self.stride_h
            dx = repeated if self.depth > 1 else &self.dx[i, ih, 0, 0]
            for phase_w in range(self.stride_w):
                iw = (phase_w - self.left) % self.stride_w  # the first column of this phase
                if iw < 0:
                    iw += self.stride_w
                if iw >= self.w:
                    continue
                start = (ih + self.top) % self.stride_h * self.stride_w + phase_w
                p.taps = self.phase_start[start + 1] - self.phase_start[start]
                p.x_taps = &self.x_taps[0] + self.phase_start[start]
                p.w_taps = &self.w_taps[0] + self.phase_start[start]
                p.pixels = (self.w - 1 - iw) // self.stride_w + 1
                p.x = scratch + (
                    row * self.padded_dy_width + (iw + self.left) // self.stride_w
                ) * self.channels
                p.y = dx + iw * self.channels
                self.table.depthwise(&p)
            if self.depth > 1:
                for c in range(self.w * self.ic):
                    total = 0
                    for k in range(self.depth):
                        total += repeated[c * self.depth + k]
                    (&self.dx[i, ih, 0, 0])[c] = total


cdef class TapsDepthwiseBackwardWeights(DepthwiseConv2D):
    # A task owns a block of taps of one vector of channels and sums them over all images.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] dw, padded
    cdef float[::1] db
    cdef Py_ssize_t tap_blocks, block_taps

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.algorithm = "taps"
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        self.set_depthwise_sizes(x.shape, dw.shape, dy.shape, strides, pads, dilation)
        self.forward_taps()
        self.padded = None
        if self.is_padded or self.depth > 1:
            self.padded = aligned((self.n, self.padded_height, self.padded_width, self.channels))
            self.preparations = self.n
        self.block_taps = 9  # as many as the tile takes
        self.tap_blocks = ceil_div(self.kh * self.kw, self.block_taps)
        self.tasks = self.tap_blocks * ceil_div(self.channels, self.table.lanes)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.pad_channels(&self.x[i, 0, 0, 0], &self.padded[i, 0, 0, 0], 0, self.padded_height)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t c = i // self.tap_blocks * self.table.lanes, n, k
        cdef Py_ssize_t tap = i % self.tap_blocks * self.block_taps
        cdef DepthwiseWeights p
        p.channels, p.width = self.channels, min(self.channels - c, <Py_ssize_t>self.table.lanes)
        p.taps = min(self.block_taps, self.kh * self.kw - tap)
        p.x_taps, p.rows, p.pixels = &self.x_taps[tap], self.oh, self.ow
        p.x_row = self.stride_h * self.padded_width * self.channels
        p.x_pixel = self.stride_w * self.channels
        p.dw = &self.dw[0, 0, 0, 0] + tap * self.channels + c
        p.db = &self.db[c] if self.db is not None and tap == 0 else NULL
        for k in range(p.taps):
            memset(p.dw + k * self.channels, 0, p.width * sizeof(float))
        if p.db != NULL:
            memset(p.db, 0, p.width * sizeof(float))
        for n in range(self.n):
            p.x = &self.x[n, 0, 0, 0] if self.padded is None else &self.padded[n, 0, 0, 0]
            p.x = p.x + c
            p.dy = &self.dy[n, 0, 0, 0] + c
            self.table.depthwise_weights(&p)
