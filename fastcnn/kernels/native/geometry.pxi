# What the families with sliding windows share: sizes, padding, and how images are divided into
# tasks.
# uses: team (Kernel, WORK_PER_THREAD, ceil_div)

cdef class Windowed(Kernel):
    # x (n, h, w, ic) is the image side, y (n, oh, ow, ...) what the windows make of it.
    cdef Py_ssize_t n, h, w, ic, kh, kw, oh, ow
    cdef Py_ssize_t stride_h, stride_w, dilation_h, dilation_w, top, bottom, left, right
    cdef Py_ssize_t padded_height, padded_width  # of the image
    cdef bint is_padded
    # backward: rows and columns of zeros before dy, and the width with those after it
    cdef Py_ssize_t before_h, before_w, padded_dy_width
    cdef Py_ssize_t[::1] phase_start  # first tap of each phase (phase_h * stride_w + phase_w)

    cdef set_sizes(self, x_shape, w_shape, y_shape, strides, pads, dilation):
        self.n, self.h, self.w, self.ic = x_shape
        self.kh, self.kw = w_shape[:2]
        self.oh, self.ow = y_shape[1:3]
        self.top, self.bottom, self.left, self.right = pads
        self.is_padded = any(pads)
        self.padded_height = self.h + self.top + self.bottom
        self.padded_width = self.w + self.left + self.right
        # clamp the stride to the padded size: any larger one also yields exactly one output row
        self.stride_h = min(strides[0], max(self.padded_height, <Py_ssize_t>1))
        self.stride_w = min(strides[1], max(self.padded_width, <Py_ssize_t>1))
        self.dilation_h, self.dilation_w = dilation

    cdef set_phases(self):
        # dx at row ih gets dy at row (ih + top - kh * dilation_h) / stride_h where that is an
        # integer. So all rows of one phase, (ih + top) % stride_h, use the same taps at the same
        # distances in dy, and so do columns: each phase is a convolution of the padded dy with some
        # of the taps. Returns (rows, columns, taps): which rows and columns of the padded dy the
        # taps meet, and the taps, phase after phase.
        self.before_h = (self.kh - 1) * self.dilation_h // self.stride_h
        self.before_w = (self.kw - 1) * self.dilation_w // self.stride_w
        self.padded_dy_width = self.before_w + max(
            (self.w - 1 + self.left) // self.stride_w + 1, self.ow
        )
        rows, columns, taps, start = [], [], [], [0]
        for phase_h in range(self.stride_h):
            for phase_w in range(self.stride_w):
                for tap in range(self.kh * self.kw):
                    up = tap // self.kw * self.dilation_h - phase_h
                    left = tap % self.kw * self.dilation_w - phase_w
                    if up % self.stride_h == 0 and left % self.stride_w == 0:
                        rows.append(self.before_h - up // self.stride_h)
                        columns.append(self.before_w - left // self.stride_w)
                        taps.append(tap)
                start.append(len(taps))
        self.phase_start = np.array(start, np.intp)
        return np.array(rows, np.intp), np.array(columns, np.intp), np.array(taps, np.intp)

    cdef inline Py_ssize_t input_rows(self, Py_ssize_t rows) noexcept nogil:
        # How many rows of the padded image so many output rows need.
        return (rows - 1) * self.stride_h + (self.kh - 1) * self.dilation_h + 1

    cdef void pad_image(
        self, const float *image, float *padded, Py_ssize_t first, Py_ssize_t rows
    ) noexcept nogil:
        # Rows [first, first + rows) of the padded image.
        pad_rows(
            image, padded, self.h, self.w, self.ic, self.top, self.left, self.padded_width, first,
            rows,
        )

    cdef void crop_image(
        self, const float *padded, float *image, Py_ssize_t pixel
    ) noexcept nogil:
        # The image without its padding; `pixel` is the distance of its pixels.
        cdef Py_ssize_t r
        cdef const float *row
        for r in range(self.h):
            row = padded + ((r + self.top) * self.padded_width + self.left) * self.ic
            if pixel == self.ic:
                memcpy(image + r * self.w * pixel, row, self.w * pixel * sizeof(float))
            else:
                self.table.copy_rows(
                    row, self.ic, image + r * self.w * pixel, pixel, self.w, self.ic
                )


cdef Py_ssize_t pixel_distance(image) except? -1:
    # Elements from one pixel of an image (n, h, w, c) to the next: c, or the channels of the wider
    # array whose columns the image is.
    if not image.flags.c_contiguous:
        for axis in (2, 1, 0):  # the stride of an axis with one element means nothing
            if image.shape[axis] > 1:
                return image.strides[axis] // image.itemsize
    return image.shape[3]


cdef void pad_rows(
    const float *image, float *padded, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels,
    Py_ssize_t top, Py_ssize_t left, Py_ssize_t padded_width, Py_ssize_t first, Py_ssize_t rows,
) noexcept nogil:
    # Rows [first, first + rows) of the image padded with `top` rows and `left` columns of zeros
    # before it, and after it as many as padded_width and `rows` leave room for.
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


cdef Py_ssize_t image_blocks(Py_ssize_t n, Py_ssize_t rows, double work) noexcept:
    # Into how many blocks of rows, each a task, to divide every image: enough tasks for several
    # threads, and an even number of them.
    if work < 2 * WORK_PER_THREAD:
        return 1
    cdef Py_ssize_t blocks = ceil_div(16, max(n, <Py_ssize_t>1))
    blocks += blocks * n % 2 if n < 32 else 0
    return min(blocks, max(rows, <Py_ssize_t>1))


cdef Py_ssize_t sum_tasks(Py_ssize_t n, Py_ssize_t size) noexcept:
    # Into how many tasks to divide a sum of `size` elements over n images, or blocks of them. Each
    # task has partial sums, which must be added at the end, so no more than a few. It depends on
    # the shape alone, and so do the bits.
    cdef Py_ssize_t most = 4 if size <= 131072 else 2 if size <= 262144 else 1
    return max(min(n, 2 * most if n >= 64 else most), <Py_ssize_t>1)
