# Depthwise convolutions. With `depth` filters a channel, x is read with each channel repeated as
# often; what remains is one filter a channel, for channels = ic * depth.

cdef class DepthwiseConv2D(Kernel):
    # The sizes that the three share, and an image with padding around it and channels repeated.
    cdef Py_ssize_t n, h, w, ic, depth, channels, kh, kw, oh, ow, sh, sw, dh, dw
    cdef Py_ssize_t top, left, bottom, right
    cdef Py_ssize_t[::1] x_taps, w_taps

    cdef sizes(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.n, self.h, self.w, self.ic = x_shape[0], x_shape[1], x_shape[2], x_shape[3]
        self.kh, self.kw, self.depth = w_shape[0], w_shape[1], w_shape[3]
        self.channels = self.ic * self.depth
        self.oh, self.ow = y_shape[1], y_shape[2]
        # a stride beyond the padded image leaves one place, as does a stride of that size
        self.sh = min(strides[0], max(x_shape[1] + pads[0] + pads[1], 1))
        self.sw = min(strides[1], max(x_shape[2] + pads[2] + pads[3], 1))
        self.dh, self.dw = dilation
        self.top, self.bottom, self.left, self.right = pads
        # a multiply-add here takes as long as four where numbers are used more than once
        self.work = 4. * self.n * self.oh * self.ow * self.kh * self.kw * self.channels

    cdef every_tap(self, Py_ssize_t width):
        # All taps; `width` is that of the padded image.
        kh, kw = np.divmod(np.arange(self.kh * self.kw), self.kw)
        self.x_taps = (kh * self.dh * width + kw * self.dw) * self.channels
        self.w_taps = np.arange(self.kh * self.kw) * self.channels

    cdef void pad(
        self, const float *image, float *padded, Py_ssize_t width, Py_ssize_t first, Py_ssize_t rows
    ) noexcept nogil:
        # Rows [first, first + rows) of the padded image.
        cdef Py_ssize_t r, i, k, source
        cdef float *to
        if self.depth == 1:
            pad_rows(
                image, padded, self.h, self.w, self.ic, self.top, self.left, width, first, rows
            )
            return
        memset(padded, 0, rows * width * self.channels * sizeof(float))
        for r in range(rows):
            source = first + r - self.top
            if source < 0 or source >= self.h:
                continue
            to = padded + (r * width + self.left) * self.channels
            for i in range(self.w * self.ic):
                for k in range(self.depth):
                    to[i * self.depth + k] = image[source * self.w * self.ic + i]


cdef class DepthwiseForward(DepthwiseConv2D):
    # A task is some output rows of one image.
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef bint relu, copied
    cdef Py_ssize_t padded_width, pieces

    def __init__(self, x, w, b, y, strides, pads, dilation, relu):
        self.x, self.weights, self.b, self.y, self.relu = x, w, b, y, relu
        self.sizes(x.shape, w.shape, y.shape, strides, pads, dilation)
        self.padded_width = self.w + self.left + self.right
        self.every_tap(self.padded_width)
        self.pieces = row_pieces(self.n, self.oh, self.work)
        self.tasks = self.n * self.pieces
        self.copied = any(pads) or self.depth > 1
        if self.copied:
            rows = (chunks(self.oh, self.pieces) - 1) * self.sh + (self.kh - 1) * self.dh + 1
            self.allocate_scratch(rows * self.padded_width * self.channels)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces, oh
        cdef Py_ssize_t first = self.oh * piece // self.pieces
        cdef Py_ssize_t last = self.oh * (piece + 1) // self.pieces
        cdef DepthwiseRow p
        cdef const float *x = &self.x[n, 0, 0, 0] + first * self.sh * self.w * self.ic
        if self.copied:
            self.pad(
                &self.x[n, 0, 0, 0], scratch, self.padded_width, first * self.sh,
                (last - first - 1) * self.sh + (self.kh - 1) * self.dh + 1,
            )
            x = scratch
        p.w, p.b = &self.weights[0, 0, 0, 0], &self.b[0] if self.b is not None else NULL
        p.x_taps, p.w_taps = &self.x_taps[0], &self.w_taps[0]
        p.taps, p.pixels, p.channels = self.x_taps.shape[0], self.ow, self.channels
        p.x_pixel, p.y_pixel, p.relu = self.sw * self.channels, self.channels, self.relu
        for oh in range(first, last):
            p.x = x + (oh - first) * self.sh * self.padded_width * self.channels
            p.y = &self.y[n, oh, 0, 0]
            self.table.depthwise(&p)


cdef class DepthwiseBackwardData(DepthwiseConv2D):
    # As Conv2DBackwardData: the rows of one phase, (ih + top) % sh, meet the same taps of dy.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, ::1] dx
    cdef Py_ssize_t[::1] phase_start  # of each phase (row phase * sw + column phase)
    cdef Py_ssize_t before_h, before_w, padded_height, padded_width, padded_size

    def __init__(self, dy, w, dx, strides, pads, dilation):
        self.dy, self.weights, self.dx = dy, w, dx
        self.sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.tasks = self.n
        self.before_h = (self.kh - 1) * self.dh // self.sh
        self.before_w = (self.kw - 1) * self.dw // self.sw
        self.padded_height = (self.h - 1 + self.top) // self.sh + 1 + self.before_h
        self.padded_width = max(
            (self.w - 1 + self.left) // self.sw + 1, self.ow
        ) + self.before_w
        self.padded_size = self.padded_height * self.padded_width * self.channels
        self.allocate_scratch(self.padded_size + self.w * self.channels)
        x_taps, w_taps, start = [], [], [0]
        for phase_h in range(self.sh):
            for phase_w in range(self.sw):
                for kh in range(self.kh):
                    for kw in range(self.kw):
                        up, left = kh * self.dh - phase_h, kw * self.dw - phase_w
                        if up % self.sh or left % self.sw:
                            continue
                        row = self.before_h - up // self.sh
                        column = self.before_w - left // self.sw
                        x_taps.append((row * self.padded_width + column) * self.channels)
                        w_taps.append((kh * self.kw + kw) * self.channels)
                start.append(len(x_taps))
        self.x_taps, self.w_taps = np.array(x_taps, np.intp), np.array(w_taps, np.intp)
        self.phase_start = np.array(start, np.intp)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t ih, iw, phase_w, start, row, c, k
        cdef float *repeated = scratch + self.padded_size  # one row of dx before it is summed
        cdef float *dx
        cdef float total
        cdef DepthwiseRow p
        pad_rows(
            &self.dy[i, 0, 0, 0], scratch, self.oh, self.ow, self.channels, self.before_h,
            self.before_w, self.padded_width, 0, self.padded_height,
        )
        p.w, p.b, p.relu, p.channels = &self.weights[0, 0, 0, 0], NULL, 0, self.channels
        p.x_pixel, p.y_pixel = self.channels, self.sw * self.channels
        for ih in range(self.h):
            row = (ih + self.top) // self.sh
            dx = repeated if self.depth > 1 else &self.dx[i, ih, 0, 0]
            for phase_w in range(self.sw):
                iw = (phase_w - self.left) % self.sw  # the first column of this phase
                if iw < 0:
                    iw += self.sw
                if iw >= self.w:
                    continue
                start = (ih + self.top) % self.sh * self.sw + phase_w
                p.taps = self.phase_start[start + 1] - self.phase_start[start]
                p.x_taps = &self.x_taps[0] + self.phase_start[start]
                p.w_taps = &self.w_taps[0] + self.phase_start[start]
                p.pixels = (self.w - 1 - iw) // self.sw + 1
                p.x = scratch + (
                    row * self.padded_width + (iw + self.left) // self.sw
                ) * self.channels
                p.y = dx + iw * self.channels
                self.table.depthwise(&p)
            if self.depth > 1:
                for c in range(self.w * self.ic):
                    total = 0
                    for k in range(self.depth):
                        total += repeated[c * self.depth + k]
                    (&self.dx[i, ih, 0, 0])[c] = total


cdef class DepthwiseBackwardWeights(DepthwiseConv2D):
    # A task owns some taps of one vector of channels and sums them over all images.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] dw_, padded
    cdef float[::1] db
    cdef Py_ssize_t padded_width, padded_height, tap_groups, group

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.x, self.dy, self.dw_, self.db = x, dy, dw, db
        self.sizes(x.shape, dw.shape, dy.shape, strides, pads, dilation)
        self.padded_width = self.w + self.left + self.right
        self.padded_height = self.h + self.top + self.bottom
        self.every_tap(self.padded_width)
        self.padded = None
        if any(pads) or self.depth > 1:
            self.padded = aligned(
                (self.n, self.padded_height, self.padded_width, self.channels), np.float32
            )
            self.preparations = self.n
        self.group = 9  # taps a task
        self.tap_groups = chunks(self.kh * self.kw, self.group)
        self.tasks = self.tap_groups * chunks(self.channels, self.table.lanes)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.pad(
            &self.x[i, 0, 0, 0], &self.padded[i, 0, 0, 0], self.padded_width, 0, self.padded_height
        )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t c = i // self.tap_groups * self.table.lanes, n, k
        cdef Py_ssize_t tap = i % self.tap_groups * self.group
        cdef DepthwiseWeights p
        p.channels, p.width = self.channels, min(self.channels - c, <Py_ssize_t>self.table.lanes)
        p.taps = min(self.group, self.kh * self.kw - tap)
        p.x_taps, p.rows, p.pixels = &self.x_taps[tap], self.oh, self.ow
        p.x_row = self.sh * self.padded_width * self.channels
        p.x_pixel = self.sw * self.channels
        p.dw = &self.dw_[0, 0, 0, 0] + tap * self.channels + c
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


def depthwise_conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    return DepthwiseForward(x, w, b, y, strides, pads, dilation, relu)


def depthwise_conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    return DepthwiseBackwardData(dy, w, dx, strides, pads, dilation)


def depthwise_conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    return DepthwiseBackwardWeights(x, dy, dw, db, strides, pads, dilation)
