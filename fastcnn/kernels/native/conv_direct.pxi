# Convolutions y = x * w as sums of products.
# uses: team (bound_of_relu, ceil_div), product (vector_efficiency), geometry (Windowed,
#       image_blocks, pixel_distance)

cdef Py_ssize_t WEIGHTS_SIZE = 6144  # weights in a block: half the first-level cache
cdef double WORK_PER_OUTPUT = 4  # writing an element takes as long as so many multiply-adds


cdef class Conv2D(Windowed):
    # What all kernels of a convolution share, and the rows of a forward pass.
    cdef Py_ssize_t oc
    cdef Py_ssize_t y_pixel  # elements from one pixel that `forward_rows` writes to the next
    cdef Py_ssize_t[::1] x_segments, w_segments
    cdef Py_ssize_t[::1] segment_rows  # of the padded image, counted from an output row's first

    cdef set_conv_sizes(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.set_sizes(x_shape, w_shape, y_shape, strides, pads, dilation)
        self.oc = self.y_pixel = w_shape[3]
        self.work = <double>self.n * self.oh * self.ow * self.kh * self.kw * self.ic * self.oc

    cdef adjust_work(self, Py_ssize_t outputs, Py_ssize_t channels):
        # Vectors of so many channels may be partly empty, and each output has to be written.
        self.work = self.work / vector_efficiency(self.table, channels) + WORK_PER_OUTPUT * outputs

    cdef forward_segments(self):
        # Without horizontal dilation a filter row covers contiguous pixels: it is one segment.
        taps = np.arange(self.kh if self.dilation_w == 1 else self.kh * self.kw)
        kh, kw = (taps, taps * 0) if self.dilation_w == 1 else np.divmod(taps, self.kw)
        self.segment_rows = kh * self.dilation_h
        self.x_segments = (
            kh * self.dilation_h * self.padded_width + kw * self.dilation_w
        ) * self.ic
        self.w_segments = (kh * self.kw + kw) * self.ic * self.oc

    cdef void forward_product(self, Product *p) noexcept nogil:
        # What all rows of the output share.
        p.x_segments, p.w_segments = &self.x_segments[0], &self.w_segments[0]
        p.segments = self.x_segments.shape[0]
        p.steps = self.kw * self.ic if self.dilation_w == 1 else self.ic
        p.x_pixel, p.x_step, p.w_step, p.y_pixel = self.stride_w * self.ic, 1, self.oc, self.y_pixel
        p.pixels, p.accumulate, p.residual, p.relu_max = self.ow, 0, NULL, NAN

    cdef void segments_inside(
        self, Py_ssize_t row, Py_ssize_t before, Py_ssize_t height, Py_ssize_t *low,
        Py_ssize_t *high,
    ) noexcept nogil:
        # Shrinks [low, high) to the segments in one of the `height` rows of an image with
        # `before` rows of zeros before it. Segments start at `row` of the padded image; the first
        # and last rows of a filter may lie outside.
        cdef const Py_ssize_t *rows = &self.segment_rows[0]
        while low[0] < high[0] and not 0 <= rows[low[0]] + row - before < height:
            low[0] += 1
        while low[0] < high[0] and not 0 <= rows[high[0] - 1] + row - before < height:
            high[0] -= 1

    cdef void forward_rows(
        self, const float *x, const float *w, const float *b, const float *residual, float *y,
        Py_ssize_t first, Py_ssize_t last, bint relu, float relu_max,
    ) noexcept nogil:
        # Output rows [first, last) of one image to y, with those of the residual added, unless it
        # is NULL; x is the row of the padded image where `first` begins. A block of weights stays
        # in the first-level cache for all rows: a block of output channels and either all segments
        # or `block` steps of one.
        cdef Product p
        cdef Py_ssize_t done = 0, oh, segment, step, block, count, low, high, at
        self.forward_product(&p)
        p.relu_max = relu_max
        cdef Py_ssize_t segments = p.segments, steps = p.steps
        while done < self.oc:
            p.channels = min(self.table.product_block(self.oc - done), self.oc - done)
            # exceeding the cache a little does no harm; reading x again does
            if segments * steps * p.channels <= 3 * WEIGHTS_SIZE or last - first == 1:
                count, block = segments, steps
            else:
                count, block = 1, max(WEIGHTS_SIZE // p.channels, <Py_ssize_t>16)
                block = ceil_div(steps, ceil_div(steps, block))
            p.b = b + done if b != NULL else NULL
            segment = step = 0
            while segment < segments:
                p.steps = min(block, steps - step)
                p.w = w + step * self.oc + done
                for oh in range(first, last):
                    low, high = 0, segments
                    self.segments_inside(oh * self.stride_h, self.top, self.h, &low, &high)
                    p.accumulate = segment > low or step > 0
                    p.relu = relu and (  # with the last sum, or if all segments lie outside
                        low == high or segment + count >= high and step + block >= steps
                    )
                    low, high = max(low, segment), min(high, segment + count)
                    if low >= high and (segment > 0 or step > 0):
                        continue
                    p.segments = max(high - low, <Py_ssize_t>0)
                    p.x_segments = &self.x_segments[0] + low
                    p.w_segments = &self.w_segments[0] + low
                    p.x = x + (oh - first) * self.stride_h * self.padded_width * self.ic + step
                    at = (oh - first) * self.ow * self.y_pixel + done
                    p.residual = residual + at if residual != NULL else NULL
                    p.y = y + at
                    self.table.product(&p)
                step += block
                if step >= steps:
                    step, segment = 0, segment + count
            done += p.channels


cdef class Conv2DForward(Conv2D):
    # A task is a block of output rows of one image. `residual` is added; it may be None, or y. Both
    # may be columns of a wider array.
    cdef const float[:, :, :, ::1] x, weights  # `w` is the width
    cdef const float[:, :, :, :] residual
    cdef const float[::1] b
    cdef float[:, :, :, :] y
    cdef bint relu
    cdef float relu_max
    cdef Py_ssize_t row_blocks

    def __init__(self, x, w, b, y, residual, strides, pads, dilation, relu, relu_max):
        self.algorithm = "direct"
        self.x, self.weights, self.b, self.residual = x, w, b, residual
        self.y, self.relu, self.relu_max = y, relu, bound_of_relu(relu_max)
        self.set_conv_sizes(x.shape, w.shape, y.shape, strides, pads, dilation)
        self.y_pixel = pixel_distance(y)
        self.forward_segments()
        self.adjust_work(y.size, self.oc)
        self.row_blocks = image_blocks(self.n, self.oh, self.work)
        self.tasks = self.n * self.row_blocks
        if self.is_padded:
            rows = self.input_rows(ceil_div(self.oh, self.row_blocks))
            self.allocate_scratch(rows * self.padded_width * self.ic)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks
        cdef Py_ssize_t first = self.oh * block // self.row_blocks
        cdef Py_ssize_t last = self.oh * (block + 1) // self.row_blocks
        cdef const float *x = &self.x[n, 0, 0, 0] + first * self.stride_h * self.w * self.ic
        if self.is_padded:
            self.pad_image(
                &self.x[n, 0, 0, 0], scratch, first * self.stride_h, self.input_rows(last - first)
            )
            x = scratch
        cdef const float *b = &self.b[0] if self.b is not None else NULL
        cdef const float *w = &self.weights[0, 0, 0, 0]
        cdef const float *residual = NULL
        if self.residual is not None:
            residual = &self.residual[n, first, 0, 0]
        self.forward_rows(
            x, w, b, residual, &self.y[n, first, 0, 0], first, last, self.relu, self.relu_max
        )
