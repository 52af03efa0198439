# Convolutions: y = x * w and dx = dy * transposed w, as sums of products.

cdef Py_ssize_t WEIGHTS_SIZE = 6144  # numbers of the weights in a piece: half the first cache
cdef double WORK_PER_OUTPUT = 4  # to write a number takes as long as so many multiply-adds


cdef class Conv2D(Kernel):
    # The sizes that the three share, and one image with its padding around it.
    cdef Py_ssize_t n, h, w, ic, kh, kw, oc, oh, ow, sh, sw, dh, dw, top, left, bottom, right
    cdef Py_ssize_t[::1] x_segments, w_segments
    cdef Py_ssize_t[::1] segment_rows  # of the padded image, from the first that an output row asks

    cdef sizes(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.n, self.h, self.w, self.ic = x_shape[0], x_shape[1], x_shape[2], x_shape[3]
        self.kh, self.kw, self.oc = w_shape[0], w_shape[1], w_shape[3]
        self.oh, self.ow = y_shape[1], y_shape[2]
        # a stride beyond the padded image leaves one place, as does a stride of that size
        self.sh = min(strides[0], max(x_shape[1] + pads[0] + pads[1], 1))
        self.sw = min(strides[1], max(x_shape[2] + pads[2] + pads[3], 1))
        self.dh, self.dw = dilation
        self.top, self.bottom, self.left, self.right = pads
        self.work = <double>self.n * self.oh * self.ow * self.kh * self.kw * self.ic * self.oc

    cdef weigh(self, Py_ssize_t channels, Py_ssize_t outputs):
        # Vectors of so many channels may be partly empty, and each output has to be written.
        self.work = self.work / filling(channels) + WORK_PER_OUTPUT * outputs

    cdef forward_segments(self, Py_ssize_t width):
        # Without horizontal dilation a filter row meets one contiguous run of pixels.
        taps = np.arange(self.kh if self.dw == 1 else self.kh * self.kw)
        kh, kw = (taps, taps * 0) if self.dw == 1 else np.divmod(taps, self.kw)
        self.segment_rows = kh * self.dh
        self.x_segments = (kh * self.dh * width + kw * self.dw) * self.ic
        self.w_segments = (kh * self.kw + kw) * self.ic * self.oc

    cdef void forward_product(self, Product *p, Py_ssize_t width) noexcept nogil:
        # What all rows of the output share; `width` is that of the padded image.
        p.x_segments, p.w_segments = &self.x_segments[0], &self.w_segments[0]
        p.segments = self.x_segments.shape[0]
        p.steps = self.kw * self.ic if self.dw == 1 else self.ic
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = self.sw * self.ic, 1, self.oc, self.oc
        p.pixels, p.accumulate = self.ow, 0

    cdef void inside(
        self, Py_ssize_t row, Py_ssize_t before, Py_ssize_t height, Py_ssize_t *low,
        Py_ssize_t *high,
    ) noexcept nogil:
        # Of segments [low, high) those that meet one of the `height` rows of an image with `before`
        # rows of zeros before it: the first and the last of a filter may not. `row` is the first.
        cdef const Py_ssize_t *rows = &self.segment_rows[0]
        while low[0] < high[0] and not 0 <= rows[low[0]] + row - before < height:
            low[0] += 1
        while low[0] < high[0] and not 0 <= rows[high[0] - 1] + row - before < height:
            high[0] -= 1

    cdef void forward_rows(
        self, const float *x, const float *w, const float *b, float *y, Py_ssize_t first,
        Py_ssize_t last, Py_ssize_t width, bint relu,
    ) noexcept nogil:
        # Output rows [first, last) of one image to y; x is the padded image row that `first`
        # begins at.
        # A piece of the weights stays in the first cache for all rows.
        cdef Product p
        cdef Py_ssize_t done = 0, oh, segment, step, piece, count, low, high
        self.forward_product(&p, width)
        cdef Py_ssize_t segments = p.segments, steps = p.steps
        while done < self.oc:
            p.channels = min(self.table.product_block(self.oc - done), self.oc - done)
            # a little more than the first cache holds does no harm; reading x again does
            if segments * steps * p.channels <= 3 * WEIGHTS_SIZE or last - first == 1:
                count, piece = segments, steps
            else:
                count, piece = 1, max(WEIGHTS_SIZE // p.channels, <Py_ssize_t>16)
                piece = chunks(steps, chunks(steps, piece))
            p.b = b + done if b != NULL else NULL
            segment = step = 0
            while segment < segments:
                p.steps = min(piece, steps - step)
                p.w = w + step * self.oc + done
                for oh in range(first, last):
                    low, high = 0, segments
                    self.inside(oh * self.sh, self.top, self.h, &low, &high)
                    p.accumulate = segment > low or step > 0
                    p.relu = relu and (  # with the last sum; over zeros alone there is none
                        low == high or segment + count >= high and step + piece >= steps
                    )
                    low, high = max(low, segment), min(high, segment + count)
                    if low >= high and (segment > 0 or step > 0):
                        continue
                    p.segments = max(high - low, <Py_ssize_t>0)
                    p.x_segments = &self.x_segments[0] + low
                    p.w_segments = &self.w_segments[0] + low
                    p.x = x + (oh - first) * self.sh * width * self.ic + step
                    p.y = y + (oh - first) * self.ow * self.oc + done
                    self.table.product(&p)
                step += piece
                if step >= steps:
                    step, segment = 0, segment + count
            done += p.channels


cdef void pad_rows(
    const float *image, float *padded, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels,
    Py_ssize_t top, Py_ssize_t left, Py_ssize_t padded_width, Py_ssize_t first, Py_ssize_t rows,
) noexcept nogil:
    # Rows [first, first + rows) of the image with `top` rows and `left` columns of zeros before it
    # and as many after it as padded_width and the rows asked for leave.
    cdef Py_ssize_t row_size = padded_width * channels, width_size = width * channels
    cdef Py_ssize_t before = left * channels, r, source
    cdef float *row
    for r in range(rows):
        row = padded + r * row_size
        source = first + r - top
        if source < 0 or source >= height:
            memset(row, 0, row_size * sizeof(float))
            continue
        memset(row, 0, before * sizeof(float))
        memcpy(row + before, image + source * width_size, width_size * sizeof(float))
        memset(
            row + before + width_size, 0, (row_size - before - width_size) * sizeof(float)
        )


cdef void crop_rows(
    const float *padded, float *image, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels,
    Py_ssize_t top, Py_ssize_t left, Py_ssize_t padded_width,
) noexcept nogil:
    # The image without the rows and columns that pad_rows puts around it.
    cdef Py_ssize_t row_size = width * channels, r
    for r in range(height):
        memcpy(
            image + r * row_size, padded + ((r + top) * padded_width + left) * channels,
            row_size * sizeof(float),
        )


cdef class Conv2DForward(Conv2D):
    # A piece is some rows of the output of one image.
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef bint relu, padded
    cdef Py_ssize_t padded_width, pieces

    def __init__(self, x, w, b, y, strides, pads, dilation, relu):
        self.algorithm = "direct"
        self.x, self.weights, self.b, self.y = x, w, b, y
        self.sizes(x.shape, w.shape, y.shape, strides, pads, dilation)
        self.relu = relu
        self.padded = any(pads)
        self.padded_width = self.w + self.left + self.right
        self.forward_segments(self.padded_width)
        self.weigh(self.oc, y.size)
        self.pieces = row_pieces(self.n, self.oh, self.work)
        self.tasks = self.n * self.pieces
        if self.padded:
            rows = (chunks(self.oh, self.pieces) - 1) * self.sh + (self.kh - 1) * self.dh + 1
            self.allocate_scratch(rows * self.padded_width * self.ic)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces
        cdef Py_ssize_t first = self.oh * piece // self.pieces
        cdef Py_ssize_t last = self.oh * (piece + 1) // self.pieces
        cdef const float *x = &self.x[n, 0, 0, 0] + first * self.sh * self.w * self.ic
        if self.padded:
            pad_rows(
                &self.x[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, first * self.sh,
                (last - first - 1) * self.sh + (self.kh - 1) * self.dh + 1,
            )
            x = scratch
        cdef const float *b = &self.b[0] if self.b is not None else NULL
        cdef const float *w = &self.weights[0, 0, 0, 0]
        cdef float *y = &self.y[n, first, 0, 0]
        self.forward_rows(x, w, b, y, first, last, self.padded_width, self.relu)


cdef class Conv2DBackwardData(Conv2D):
    # dx at input row ih gets dy at row (ih + top - kh * dh) / sh where that is whole: the rows of
    # one phase, (ih + top) % sh, meet the same taps at the same distances, and dy is read
    # contiguously. So each phase is a convolution of the padded dy with some of the taps. A piece
    # is some rows of one image.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, ::1] dx
    cdef float[:, :, ::1] transposed  # (kh * kw, oc, ic)
    cdef Py_ssize_t[::1] segment_start  # of each phase (row phase * sw + column phase)
    cdef Py_ssize_t before_h, before_w, padded_width, pieces
    cdef bint padded

    def __init__(self, dy, w, dx, strides, pads, dilation):
        self.algorithm = "direct"
        self.dy, self.weights, self.dx = dy, w, dx
        self.sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.transposed = aligned((self.kh * self.kw, self.oc, self.ic), np.float32)
        self.preparations = self.kh * self.kw
        self.prepares_weights = True
        self.weigh(self.ic, dx.size)
        self.pieces = row_pieces(self.n, self.h, self.work)
        self.tasks = self.n * self.pieces
        self.before_h = (self.kh - 1) * self.dh // self.sh
        self.before_w = (self.kw - 1) * self.dw // self.sw
        self.padded_width = max(
            (self.w - 1 + self.left) // self.sw + 1, self.ow
        ) + self.before_w
        # else nothing beside dy or before it is asked for
        self.padded = self.before_h > 0 or self.padded_width > self.ow
        if self.padded:
            rows = (chunks(self.h, self.pieces) - 1) // self.sh + 2 + self.before_h
            self.allocate_scratch(rows * self.padded_width * self.oc)
        x_segments, w_segments, start, segment_rows = [], [], [0], []
        for phase_h in range(self.sh):
            for phase_w in range(self.sw):
                for kh in range(self.kh):
                    for kw in range(self.kw):
                        up, left = kh * self.dh - phase_h, kw * self.dw - phase_w
                        if up % self.sh or left % self.sw:
                            continue
                        row = self.before_h - up // self.sh
                        column = self.before_w - left // self.sw
                        x_segments.append((row * self.padded_width + column) * self.oc)
                        w_segments.append((kh * self.kw + kw) * self.oc * self.ic)
                        segment_rows.append(row)
                start.append(len(x_segments))
        self.x_segments = np.array(x_segments, np.intp)
        self.w_segments = np.array(w_segments, np.intp)
        self.segment_start = np.array(start, np.intp)
        self.segment_rows = np.array(segment_rows, np.intp)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.table.transpose(
            &self.weights[i // self.kw, i % self.kw, 0, 0], self.oc, &self.transposed[i, 0, 0],
            self.ic, self.ic, self.oc,
        )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces
        cdef Py_ssize_t first = self.h * piece // self.pieces
        cdef Py_ssize_t last = self.h * (piece + 1) // self.pieces
        # rows of dy that these rows ask for; those outside of it are passed over, see `inside`
        cdef Py_ssize_t dy_first = (first + self.top) // self.sh, phase, done = 0
        cdef Py_ssize_t dy_rows = (last - 1 + self.top) // self.sh + 1 + self.before_h - dy_first
        cdef const float *dy = &self.dy[n, 0, 0, 0] + dy_first * self.ow * self.oc
        if self.padded:
            pad_rows(
                &self.dy[n, 0, 0, 0], scratch, self.oh, self.ow, self.oc, self.before_h,
                self.before_w, self.padded_width, dy_first, dy_rows,
            )
            dy = scratch
        while done < self.ic:
            for phase in range(self.sh * self.sw):
                self.add_phase(n, dy, phase // self.sw, phase % self.sw, done, first, last)
            done += self.table.product_block(self.ic - done)

    cdef void add_phase(
        self, Py_ssize_t n, const float *dy, Py_ssize_t phase_h, Py_ssize_t phase_w,
        Py_ssize_t done, Py_ssize_t first, Py_ssize_t end,
    ) noexcept nogil:
        # A block of channels of all places of one phase in rows [first, end); some taps of the
        # weights at a time, which stay in the first cache for all rows.
        cdef Py_ssize_t dy_first = (first + self.top) // self.sh
        cdef Py_ssize_t skip = (phase_h - self.top - first) % self.sh
        cdef Py_ssize_t iw = (phase_w - self.left) % self.sw
        first += skip + self.sh if skip < 0 else skip
        iw += self.sw if iw < 0 else 0
        if iw >= self.w:
            return
        cdef Py_ssize_t start = self.segment_start[phase_h * self.sw + phase_w]
        cdef Py_ssize_t last = self.segment_start[phase_h * self.sw + phase_w + 1]
        cdef Py_ssize_t at = start, taps, ih, row, low, high
        cdef Product p
        p.channels = min(self.table.product_block(self.ic - done), self.ic - done)
        taps = max(WEIGHTS_SIZE // (p.channels * self.oc), <Py_ssize_t>1)
        p.b, p.steps, p.relu = NULL, self.oc, 0
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = self.oc, 1, self.ic, self.sw * self.ic
        p.w = &self.transposed[0, 0, 0] + done
        p.pixels = (self.w - 1 - iw) // self.sw + 1
        while at < last or at == start:
            ih = first
            while ih < end:
                row = (ih + self.top) // self.sh
                low, high = start, last
                self.inside(row, self.before_h, self.oh, &low, &high)
                p.accumulate = at > low
                low, high = max(low, at), min(high, at + taps)
                if low < high or at == start:
                    p.segments = max(high - low, 0)
                    p.x_segments = &self.x_segments[0] + low
                    p.w_segments = &self.w_segments[0] + low
                    p.x = dy + (
                        (row - dy_first) * self.padded_width + (iw + self.left) // self.sw
                    ) * self.oc
                    p.y = &self.dx[n, ih, iw, done]
                    self.table.product(&p)
                ih += self.sh
            at += taps


cdef class ColumnsBackwardData(Conv2D):
    # For few input channels, which would leave vectors empty: for a row of dy all products with the
    # filter's numbers at once, (ow) x (kh, kw, ic), then each added where it belongs.
    cdef const float[:, :, :, ::1] dy, weights
    cdef float[:, :, :, ::1] dx
    cdef float[:, ::1] transposed  # (oc, kh * kw * ic)
    cdef Py_ssize_t padded_height, padded_width, padded_size

    def __init__(self, dy, w, dx, strides, pads, dilation):
        self.algorithm = "columns"
        self.dy, self.weights, self.dx = dy, w, dx
        self.sizes(dx.shape, w.shape, dy.shape, strides, pads, dilation)
        self.transposed = aligned((self.oc, self.kh * self.kw * self.ic))
        self.weigh(self.transposed.shape[1], dx.size)
        self.preparations = 1
        self.prepares_weights = True
        self.tasks = self.n
        self.padded_height = self.h + self.top + self.bottom
        self.padded_width = self.w + self.left + self.right
        self.padded_size = chunks(self.padded_height * self.padded_width * self.ic, 16) * 16
        self.allocate_scratch(self.padded_size + self.ow * self.transposed.shape[1])

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t taps = self.transposed.shape[1]
        self.table.transpose(
            &self.weights[0, 0, 0, 0], self.oc, &self.transposed[0, 0], taps, taps, self.oc
        )

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t taps = self.transposed.shape[1], zero = 0, oh
        cdef Py_ssize_t row_size = self.padded_width * self.ic
        cdef float *columns = scratch + self.padded_size
        cdef Product p
        memset(scratch, 0, self.padded_size * sizeof(float))
        p.b, p.x_segments, p.w_segments, p.segments = NULL, &zero, &zero, 1
        p.steps, p.accumulate, p.relu = self.oc, 0, 0
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = self.oc, 1, taps, taps
        p.pixels, p.w, p.y = self.ow, &self.transposed[0, 0], columns
        for oh in range(self.oh):
            p.x = &self.dy[n, oh, 0, 0]
            product_blocks(self.table, &p, taps)
            self.table.add_patches(
                columns, self.ow, self.kh, self.kw * self.ic, scratch + oh * self.sh * row_size,
                self.dh * row_size, self.sw * self.ic,
            )
        crop_rows(
            scratch, &self.dx[n, 0, 0, 0], self.h, self.w, self.ic, self.top, self.left,
            self.padded_width,
        )


def conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    algorithm = choice.choose("conv2d_forward", w.shape, x.shape, y.shape, strides, dilation)
    if algorithm == "winograd":
        return Winograd(x, w, b, y, None, (pads[0], pads[2]), relu, False, False)
    return Conv2DForward(x, w, b, y, strides, pads, dilation, relu)


def conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    algorithm = choice.choose(
        "conv2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        pads = w.shape[0] - 1 - pads[0], w.shape[1] - 1 - pads[2]
        return Winograd(dy, w, None, dx, None, pads, False, False, True)
    if algorithm == "columns":
        return ColumnsBackwardData(dy, w, dx, strides, pads, dilation)
    return Conv2DBackwardData(dy, w, dx, strides, pads, dilation)
