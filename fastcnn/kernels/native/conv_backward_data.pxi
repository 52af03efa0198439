# Convolutions: dx = dy * w transposed, the gradient of the image, as sums of products.
# uses: team (ceil_div, round_up), product (product_blocks), geometry (image_blocks, pad_rows,
#       pixel_distance),
#       conv_direct (Conv2D, WEIGHTS_SIZE)

cdef class Conv2DBackwardData(Conv2D):
    # Phase after phase, see Windowed.set_phases. A task is a block of rows of one image. dx may be
    # columns of a wider array.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, :] dx
    cdef Py_ssize_t dx_pixel
    cdef float[:, :, ::1] transposed  # (kh * kw, oc, ic)
    cdef const float[::1] b
    cdef Py_ssize_t row_blocks
    cdef bint pads_dy, accumulate, relu

    def __init__(self, dy, w, dx, b, strides, pads, dilation, accumulate, relu):
        self.algorithm = "direct"
        self.dy, self.weights, self.dx, self.b = dy, w, dx, b
        self.accumulate, self.relu, self.dx_pixel = accumulate, relu, pixel_distance(dx)
        self.set_conv_sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.transposed = aligned((self.kh * self.kw, self.oc, self.ic))
        self.preparations = self.kh * self.kw
        self.prepares_weights = True
        self.adjust_work(dx.size, self.ic)
        self.row_blocks = image_blocks(self.n, self.h, self.work)
        self.tasks = self.n * self.row_blocks
        rows, columns, taps = self.set_phases()
        self.segment_rows = rows
        self.x_segments = (rows * self.padded_dy_width + columns) * self.oc
        self.w_segments = taps * self.oc * self.ic
        # otherwise no column before or after dy is read
        self.pads_dy = self.before_h > 0 or self.padded_dy_width > self.ow
        if self.pads_dy:
            dy_rows = (ceil_div(self.h, self.row_blocks) - 1) // self.stride_h + 2 + self.before_h
            self.allocate_scratch(dy_rows * self.padded_dy_width * self.oc)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.table.transpose(
            &self.weights[i // self.kw, i % self.kw, 0, 0], self.oc, &self.transposed[i, 0, 0],
            self.ic, self.ic, self.oc,
        )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks
        cdef Py_ssize_t first = self.h * block // self.row_blocks
        cdef Py_ssize_t last = self.h * (block + 1) // self.row_blocks
        # the rows of dy that these rows need; `segments_inside` skips those outside of dy
        cdef Py_ssize_t dy_first = (first + self.top) // self.stride_h, phase, done = 0
        cdef Py_ssize_t dy_last = (last - 1 + self.top) // self.stride_h + 1 + self.before_h
        cdef const float *dy = &self.dy[n, 0, 0, 0] + dy_first * self.ow * self.oc
        if self.pads_dy:
            pad_rows(
                &self.dy[n, 0, 0, 0], scratch, self.oh, self.ow, self.oc, self.before_h,
                self.before_w, self.padded_dy_width, dy_first, dy_last - dy_first,
            )
            dy = scratch
        while done < self.ic:
            for phase in range(self.stride_h * self.stride_w):
                self.add_phase(n, dy, phase, done, first, last)
            done += self.table.product_block(self.ic - done)

    cdef void add_phase(
        self, Py_ssize_t n, const float *dy, Py_ssize_t phase, Py_ssize_t done, Py_ssize_t first,
        Py_ssize_t end,
    ) noexcept nogil:
        # A block of channels of all pixels of one phase in rows [first, end), and a block of taps
        # at a time, whose weights stay in the first-level cache for all rows.
        cdef Py_ssize_t phase_h = phase // self.stride_w, phase_w = phase % self.stride_w
        cdef Py_ssize_t dy_first = (first + self.top) // self.stride_h
        cdef Py_ssize_t skip = (phase_h - self.top - first) % self.stride_h
        cdef Py_ssize_t iw = (phase_w - self.left) % self.stride_w
        first += skip + self.stride_h if skip < 0 else skip
        iw += self.stride_w if iw < 0 else 0
        if iw >= self.w:
            return
        cdef Py_ssize_t start = self.phase_start[phase], last = self.phase_start[phase + 1]
        cdef Py_ssize_t at = start, taps, ih, row, low, high
        cdef Product p
        p.channels = min(self.table.product_block(self.ic - done), self.ic - done)
        taps = max(WEIGHTS_SIZE // (p.channels * self.oc), <Py_ssize_t>1)
        p.b = &self.b[done] if self.b is not None else NULL
        p.residual, p.steps, p.relu_max = NULL, self.oc, NAN
        p.x_pixel, p.x_step, p.w_step = self.oc, 1, self.ic
        p.y_pixel = self.stride_w * self.dx_pixel
        p.w = &self.transposed[0, 0, 0] + done
        p.pixels = (self.w - 1 - iw) // self.stride_w + 1
        while at < last or at == start:
            ih = first
            while ih < end:
                row = (ih + self.top) // self.stride_h
                low, high = start, last
                self.segments_inside(row, self.before_h, self.oh, &low, &high)
                p.accumulate = self.accumulate or at > low
                p.relu = self.relu and (low == high or at + taps >= high)  # with the last sum
                low, high = max(low, at), min(high, at + taps)
                if low < high or at == start:
                    p.segments = max(high - low, 0)
                    p.x_segments = &self.x_segments[0] + low
                    p.w_segments = &self.w_segments[0] + low
                    p.x = dy + (
                        (row - dy_first) * self.padded_dy_width
                        + (iw + self.left) // self.stride_w
                    ) * self.oc
                    p.y = &self.dx[n, ih, iw, done]
                    self.table.product(&p)
                ih += self.stride_h
            at += taps


cdef class ColumnsBackwardData(Conv2D):
    # For few input channels, which would leave vectors mostly empty: computes all products of a row
    # of dy with the filter at once, (ow) x (kh, kw, ic), and adds each where it belongs in dx. A
    # task is an image. dx may be columns of a wider array unless gradients are added to it.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, :] dx
    cdef Py_ssize_t dx_pixel
    cdef float[:, ::1] transposed  # (oc, kh * kw * ic)
    cdef const float[::1] b
    cdef Py_ssize_t padded_size
    cdef bint accumulate, relu

    def __init__(self, dy, w, dx, b, strides, pads, dilation, accumulate, relu):
        self.algorithm = "columns"
        self.dy, self.weights, self.dx, self.b = dy, w, dx, b
        self.accumulate, self.relu, self.dx_pixel = accumulate, relu, pixel_distance(dx)
        self.set_conv_sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.transposed = aligned((self.oc, self.kh * self.kw * self.ic))
        self.adjust_work(dx.size, self.transposed.shape[1])
        self.preparations = 1
        self.prepares_weights = True
        self.tasks = self.n
        self.padded_size = round_up(self.padded_height * self.padded_width * self.ic, 16)
        self.allocate_scratch(self.padded_size + self.ow * self.transposed.shape[1])

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t taps = self.transposed.shape[1]
        self.table.transpose(
            &self.weights[0, 0, 0, 0], self.oc, &self.transposed[0, 0], taps, taps, self.oc
        )

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t taps = self.transposed.shape[1], zero = 0, oh, size
        cdef Py_ssize_t row_size = self.padded_width * self.ic
        cdef float *columns = scratch + self.padded_size
        cdef Product p
        if self.accumulate:
            self.pad_image(&self.dx[n, 0, 0, 0], scratch, 0, self.padded_height)
        else:
            memset(scratch, 0, self.padded_size * sizeof(float))
        p.b, p.residual, p.x_segments, p.w_segments, p.segments = NULL, NULL, &zero, &zero, 1
        p.steps, p.accumulate, p.relu = self.oc, 0, 0
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = self.oc, 1, taps, taps
        p.pixels, p.w, p.y = self.ow, &self.transposed[0, 0], columns
        for oh in range(self.oh):
            p.x = &self.dy[n, oh, 0, 0]
            product_blocks(self.table, &p, taps)
            self.table.add_patches(
                columns, self.ow, self.kh, self.kw * self.ic,
                scratch + oh * self.stride_h * row_size, self.dilation_h * row_size,
                self.stride_w * self.ic,
            )
        if not self.accumulate and self.b is not None:
            self.add_bias(scratch)
        if self.relu:
            size = self.padded_height * row_size
            self.table.relu_forward(scratch, scratch, size, NAN)
        self.crop_image(scratch, &self.dx[n, 0, 0, 0], self.dx_pixel)

    cdef void add_bias(self, float *dx) noexcept nogil:
        cdef Py_ssize_t pixel, c
        for pixel in range(self.padded_height * self.padded_width):
            for c in range(self.ic):
                dx[pixel * self.ic + c] += self.b[c]
