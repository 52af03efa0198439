# Convolutions: dw = x' * dy, the gradient for the filter, as sums of products.

cdef Py_ssize_t image_tasks(Py_ssize_t n, Py_ssize_t size) noexcept:
    # Into how many sums of `size` numbers n images, or groups of them, are shared out: each has to
    # be added up at the end, so no more than a few. It depends on the shape alone, as do the bits.
    cdef Py_ssize_t most = 4 if size <= 131072 else 2 if size <= 262144 else 1
    return max(min(n, 2 * most if n >= 64 else most), <Py_ssize_t>1)


# Numbers of x and dy that are read for one pass over dw: a small dw leaves them most of the first
# cache; reading and writing a large one costs more than reading x and dy from the second.
cdef Py_ssize_t ROWS_SIZE = 6000, ROWS_SIZE_LARGE = 16000, LARGE = 61440


cdef class Conv2DBackwardWeights(Conv2D):
    # A run is the numbers of a filter that lie contiguously in x: those of one kh, or of one tap
    # where columns are dilated. Small filters: a task is some rows of all images', and the tasks'
    # sums are added in order; where a run fills vectors better than the output channels do, the
    # sums lie turned, (oc, run). Large filters: a task is a piece of a run, for all images.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] dw_, padded
    cdef float[:, ::1] sums  # (task, dw and db)
    cdef float[::1] db
    cdef Py_ssize_t padded_height, padded_width, runs, run_size, pieces, rows, size
    cdef bint is_padded, by_rows, turned

    def __init__(self, x, dy, dw, db, strides, pads, dilation):
        self.algorithm = "direct"
        self.x, self.dy, self.dw_, self.db = x, dy, dw, db
        self.sizes(x.shape, dw.shape, dy.shape, strides, pads, dilation)
        self.gradients = dw.size
        self.padded_height = self.h + self.top + self.bottom
        self.padded_width = self.w + self.left + self.right
        self.is_padded = any(pads)
        self.padded = None
        self.runs = self.kh if self.dw == 1 else self.kh * self.kw
        self.run_size = self.kw * self.ic if self.dw == 1 else self.ic
        self.size = self.runs * self.run_size * self.oc
        row = self.padded_width * self.ic + self.ow * self.oc
        rows_size = ROWS_SIZE if self.size < LARGE else ROWS_SIZE_LARGE
        self.rows = max(min(rows_size // max(row, <Py_ssize_t>1), self.oh), <Py_ssize_t>1)
        rows = np.arange(self.rows)
        self.x_segments = rows * self.sh * self.padded_width * self.ic
        self.w_segments = rows * self.ow * self.oc
        self.tasks = image_tasks(self.n, self.size)
        if self.n < 4 and self.size > 16384:
            self.tasks = 1
        self.by_rows = self.tasks > 1
        self.turned = self.by_rows and filling(self.run_size) > filling(self.oc)
        self.work /= filling(self.run_size if self.turned else self.oc)
        self.sums = aligned((self.tasks * self.by_rows, self.size + self.oc))
        if self.by_rows:
            self.finishes = self.runs + 1
            if self.is_padded:
                self.allocate_scratch(self.padded_height * self.padded_width * self.ic)
            return
        self.pieces = chunks(self.run_size, max(24576 // self.oc, <Py_ssize_t>12))
        self.pieces += self.runs * self.pieces % 2  # an even number of tasks
        self.tasks = self.runs * self.pieces
        self.finishes = db is not None
        if self.is_padded:
            self.padded = aligned((self.n, self.padded_height, self.padded_width, self.ic))
            self.preparations = self.n

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        self.pad_image(i, &self.padded[i, 0, 0, 0])

    cdef void pad_image(self, Py_ssize_t n, float *to) noexcept nogil:
        pad_rows(
            &self.x[n, 0, 0, 0], to, self.h, self.w, self.ic, self.top, self.left,
            self.padded_width, 0, self.padded_height,
        )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n, run, first, count, row, last
        cdef const float *x
        if not self.by_rows:
            run = i // self.pieces
            first = self.run_size * (i % self.pieces) // self.pieces
            count = self.run_size * (i % self.pieces + 1) // self.pieces - first
            for n in range(self.n):
                x = &self.x[n, 0, 0, 0] if self.padded is None else &self.padded[n, 0, 0, 0]
                self.add_run(n, x, 0, self.oh, run, first, count, n > 0, &self.dw_[0, 0, 0, 0])
            return
        first = row = self.n * self.oh * i // self.tasks
        last = self.n * self.oh * (i + 1) // self.tasks
        if first == last:
            memset(&self.sums[i, 0], 0, self.sums.strides[0])
        while row < last:
            n = row // self.oh
            count = min(last - row, self.oh - row % self.oh)
            x = &self.x[n, 0, 0, 0]
            if self.is_padded:
                self.pad_image(n, scratch)
                x = scratch
            for run in range(self.runs):
                self.add_run(
                    n, x, row % self.oh, count, run, 0, self.run_size, row > first,
                    &self.sums[i, 0],
                )
            row += count
        self.add_bias(first, last, &self.sums[i, self.size])

    cdef void add_run(
        self, Py_ssize_t n, const float *x, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t run,
        Py_ssize_t first, Py_ssize_t count, bint accumulate, float *dw,
    ) noexcept nogil:
        # `count` numbers of the run from `first` on, summed over `rows` rows of image n from `row`
        # on; some of them at a time, so that they stay in the first cache for all numbers
        cdef Py_ssize_t kh = run if self.dw == 1 else run // self.kw
        cdef Py_ssize_t outside = self.top - kh * self.dh  # rows before the image; then those in it
        cdef Py_ssize_t end = min(row + rows, chunks(outside + self.h, self.sh))
        row = max(row, chunks(outside, self.sh)) if outside > 0 else row
        cdef Py_ssize_t at, start = row
        cdef Product p
        if self.dw == 1:
            x += run * self.dh * self.padded_width * self.ic + first
        else:
            x += (
                run // self.kw * self.dh * self.padded_width + run % self.kw * self.dw
            ) * self.ic + first
        p.b, p.relu, p.steps, p.x_pixel = NULL, 0, self.ow, 1
        p.y = dw + (run * self.run_size + first) * self.oc
        while row < end or row == start:
            p.segments = max(min(self.rows, end - row), <Py_ssize_t>0)
            p.accumulate = accumulate or row > start
            at = min(row, self.oh - 1)  # where no row lies in the image none is read
            p.x, p.w = x + at * self.sh * self.padded_width * self.ic, &self.dy[n, at, 0, 0]
            p.x_segments, p.w_segments = &self.x_segments[0], &self.w_segments[0]
            p.x_step, p.w_step = self.sw * self.ic, self.oc
            if self.turned:
                p.x, p.w, p.x_step, p.w_step = p.w, p.x, p.w_step, p.x_step
                p.x_segments, p.w_segments = p.w_segments, p.x_segments
                p.pixels, p.y_pixel = self.oc, count
                product_blocks(self.table, &p, count)
            else:
                p.pixels, p.y_pixel = count, self.oc
                product_blocks(self.table, &p, self.oc)
            row += self.rows

    cdef void add_bias(self, Py_ssize_t first, Py_ssize_t last, float *db) noexcept nogil:
        # over rows [first, last) of all images'
        cdef const float *dy = &self.dy[0, 0, 0, 0] + first * self.ow * self.oc
        sum_rows(self.table, dy, (last - first) * self.ow, self.oc, db, False)

    cdef void finish(self, Py_ssize_t run) noexcept nogil:
        # one run of dw, or db: add up the tasks' sums
        cdef Py_ssize_t size = self.run_size * self.oc, at = run * size, task
        cdef float *to
        if not self.by_rows:
            self.add_bias(0, self.n * self.oh, &self.db[0])
            return
        if run == self.runs:
            if self.db is None:
                return
            size, to = self.oc, &self.db[0]
        else:
            to = &self.dw_[0, 0, 0, 0] + at
        for task in range(1, self.tasks):
            self.table.add_rows(&self.sums[task, at], &self.sums[0, at], 0, 1, size)
        if self.turned and run < self.runs:
            self.table.transpose(
                &self.sums[0, at], self.run_size, to, self.oc, self.oc, self.run_size
            )
        else:
            memcpy(to, &self.sums[0, at], size * sizeof(float))


def conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    algorithm = choice.choose(
        "conv2d_backward_weights", dw.shape, x.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        return WinogradBackwardWeights(x, dy, dw, db, (pads[0], pads[2]))
    return Conv2DBackwardWeights(x, dy, dw, db, strides, pads, dilation)
