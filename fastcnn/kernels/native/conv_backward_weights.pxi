# Convolutions: dw = x transposed * dy, the gradient of the filter, as sums of products.
# uses: team (ceil_div), product (product_blocks, sum_rows, vector_efficiency), geometry
#       (sum_tasks), conv_direct (Conv2D)

# Elements of x and dy that are read in one pass over dw: a small dw leaves them most of the
# first-level cache; reading and writing a large one costs more than reading x and dy from the
# second.
cdef Py_ssize_t ROWS_SIZE = 6000, ROWS_SIZE_LARGE = 16000, LARGE = 61440


cdef class Conv2DBackwardWeights(Conv2D):
    # A filter segment is a part of the filter that is contiguous in x: a row of it, or a single tap
    # where columns are dilated. Its gradient is a product, with the output's rows as segments.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef Py_ssize_t filter_segments, segment_size
    cdef Py_ssize_t size   # of dw
    cdef Py_ssize_t rows   # output rows of one product
    cdef bint transposed   # whether the sums are (oc, filter segment)

    cdef set_arrays(self, x, dy, dw, db, strides, pads, dilation):
        self.x, self.dy, self.dw, self.db = x, dy, dw, db
        self.set_conv_sizes(x.shape, dw.shape, dy.shape, strides, pads, dilation)
        self.gradients = self.size = dw.size
        self.filter_segments = self.kh if self.dilation_w == 1 else self.kh * self.kw
        self.segment_size = self.kw * self.ic if self.dilation_w == 1 else self.ic
        row = self.padded_width * self.ic + self.ow * self.oc
        rows_size = ROWS_SIZE if self.size < LARGE else ROWS_SIZE_LARGE
        self.rows = max(min(rows_size // max(row, <Py_ssize_t>1), self.oh), <Py_ssize_t>1)
        rows = np.arange(self.rows)
        self.x_segments = rows * self.stride_h * self.padded_width * self.ic
        self.w_segments = rows * self.ow * self.oc  # of dy

    cdef void add_segment(
        self, Py_ssize_t n, const float *x, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t segment,
        Py_ssize_t first, Py_ssize_t count, bint accumulate, float *dw,
    ) noexcept nogil:
        # `count` elements of a filter segment, from `first` on, summed over output rows
        # [row, row + rows) of image n. A block of rows at a time, which stay in the first-level
        # cache for all elements.
        cdef Py_ssize_t kh = segment if self.dilation_w == 1 else segment // self.kw
        cdef Py_ssize_t kw = 0 if self.dilation_w == 1 else segment % self.kw
        # skips output rows whose row of x is padding; `outside` counts those above the image
        cdef Py_ssize_t outside = self.top - kh * self.dilation_h
        cdef Py_ssize_t end = min(row + rows, ceil_div(outside + self.h, self.stride_h))
        row = max(row, ceil_div(outside, self.stride_h)) if outside > 0 else row
        cdef Py_ssize_t at, start = row
        cdef Product p
        x += (kh * self.dilation_h * self.padded_width + kw * self.dilation_w) * self.ic + first
        p.b, p.residual, p.relu, p.steps, p.x_pixel = NULL, NULL, 0, self.ow, 1
        p.y = dw + (segment * self.segment_size + first) * self.oc
        while row < end or row == start:
            p.segments = max(min(self.rows, end - row), <Py_ssize_t>0)
            p.accumulate = accumulate or row > start
            at = min(row, self.oh - 1)  # if no row lies inside the image, none is read
            p.x = x + at * self.stride_h * self.padded_width * self.ic
            p.w = &self.dy[n, at, 0, 0]
            p.x_segments, p.w_segments = &self.x_segments[0], &self.w_segments[0]
            p.x_step, p.w_step = self.stride_w * self.ic, self.oc
            if self.transposed:
                p.x, p.w, p.x_step, p.w_step = p.w, p.x, p.w_step, p.x_step
                p.x_segments, p.w_segments = p.w_segments, p.x_segments
                p.pixels, p.y_pixel = self.oc, count
                product_blocks(self.table, &p, count)
            else:
                p.pixels, p.y_pixel = count, self.oc
                product_blocks(self.table, &p, self.oc)
            row += self.rows

    cdef void sum_bias(self, Py_ssize_t first, Py_ssize_t last, float *db) noexcept nogil:
        # db over rows [first, last) of all images' outputs, one image after the other.
        cdef const float *dy = &self.dy[0, 0, 0, 0] + first * self.ow * self.oc
        sum_rows(self.table, dy, (last - first) * self.ow, self.oc, db, False)


cdef class RowsBackwardWeights(Conv2DBackwardWeights):
    # For small filters: a task sums over some of the output rows of all images; the sums of the
    # tasks are added in order. They are transposed where a filter segment fills vectors better than
    # the output channels do.
    cdef float[:, ::1] sums  # (task, dw and db)

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.algorithm = "rows"
        self.set_arrays(x, dy, dw, db, strides, pads, dilation)
        efficiency = vector_efficiency(self.table, self.oc)
        efficiency_transposed = vector_efficiency(self.table, self.segment_size)
        self.transposed = efficiency_transposed > efficiency
        self.work /= max(efficiency, efficiency_transposed)
        self.tasks = sum_tasks(self.n, self.size)
        self.sums = aligned((self.tasks, self.size + self.oc))
        self.finishes = self.filter_segments + 1
        if self.is_padded:
            self.allocate_scratch(self.padded_height * self.padded_width * self.ic)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t row = self.n * self.oh * i // self.tasks, first = row, n, segment, count
        cdef Py_ssize_t last = self.n * self.oh * (i + 1) // self.tasks
        cdef const float *x
        if first == last:
            memset(&self.sums[i, 0], 0, self.sums.strides[0])
        while row < last:
            n = row // self.oh
            count = min(last - row, self.oh - row % self.oh)
            x = &self.x[n, 0, 0, 0]
            if self.is_padded:
                self.pad_image(x, scratch, 0, self.padded_height)
                x = scratch
            for segment in range(self.filter_segments):
                self.add_segment(
                    n, x, row % self.oh, count, segment, 0, self.segment_size, row > first,
                    &self.sums[i, 0],
                )
            row += count
        self.sum_bias(first, last, &self.sums[i, self.size])

    cdef void finish(self, Py_ssize_t segment) noexcept nogil:
        # One filter segment of dw, or db after the last: adds up the tasks' sums.
        cdef Py_ssize_t size = self.segment_size * self.oc, at = segment * size, task
        cdef float *to
        if segment == self.filter_segments:
            if self.db is None:
                return
            size, to = self.oc, &self.db[0]
        else:
            to = &self.dw[0, 0, 0, 0] + at
        for task in range(1, self.tasks):
            self.table.add_rows(&self.sums[task, at], &self.sums[0, at], 0, 1, size)
        if self.transposed and segment < self.filter_segments:
            self.table.transpose(
                &self.sums[0, at], self.segment_size, to, self.oc, self.oc, self.segment_size
            )
        else:
            memcpy(to, &self.sums[0, at], size * sizeof(float))


cdef class TapsBackwardWeights(Conv2DBackwardWeights):
    # For large filters, or a single image: a task owns a block of a filter segment's elements and
    # sums them over all images.
    cdef float[:, :, :, ::1] padded
    cdef Py_ssize_t blocks  # of a filter segment

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.algorithm = "taps"
        self.set_arrays(x, dy, dw, db, strides, pads, dilation)
        self.work /= vector_efficiency(self.table, self.oc)
        self.blocks = ceil_div(self.segment_size, max(24576 // self.oc, <Py_ssize_t>12))
        self.blocks += self.filter_segments * self.blocks % 2  # an even number of tasks
        self.tasks = self.filter_segments * self.blocks
        self.finishes = db is not None
        self.padded = None
        if self.is_padded:
            self.padded = aligned((self.n, self.padded_height, self.padded_width, self.ic))
            self.preparations = self.n

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.pad_image(&self.x[i, 0, 0, 0], &self.padded[i, 0, 0, 0], 0, self.padded_height)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t segment = i // self.blocks, block = i % self.blocks, n
        cdef Py_ssize_t first = self.segment_size * block // self.blocks
        cdef Py_ssize_t count = self.segment_size * (block + 1) // self.blocks - first
        cdef const float *x
        for n in range(self.n):
            x = &self.x[n, 0, 0, 0] if self.padded is None else &self.padded[n, 0, 0, 0]
            self.add_segment(
                n, x, 0, self.oh, segment, first, count, n > 0, &self.dw[0, 0, 0, 0]
            )

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        self.sum_bias(0, self.n * self.oh, &self.db[0])
