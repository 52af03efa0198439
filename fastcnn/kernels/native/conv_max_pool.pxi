# Convolutions followed by a max-pool, which runs while the convolution's output is still in
# registers or in a cache.
# uses: team (ceil_div, round_up), geometry (image_blocks), conv_direct (Conv2D)

cdef class Conv2DMaxPool2D(Conv2D):
    # What the three kernels share in addition to a convolution's sizes.
    cdef Py_ssize_t ph, pw  # rows and columns of the pooled output
    cdef Py_ssize_t pool_h, pool_w, pool_stride_h, pool_stride_w

    cdef set_pool_sizes(
        self, x_shape, w_shape, y_shape, strides, pads, dilation, pool_size, pool_strides
    ):
        size = output_sizes(x_shape[1:3], w_shape[:2], strides, pads, dilation)
        conv_shape = y_shape[0], *size, y_shape[3]
        self.set_conv_sizes(x_shape, w_shape, conv_shape, strides, pads, dilation)
        self.ph, self.pw = y_shape[1], y_shape[2]
        self.pool_h, self.pool_w = pool_size
        self.pool_stride_h, self.pool_stride_w = pool_strides

    cdef pixels(self):
        # (windows, positions, taps), each flat, as offsets in pixels of the padded image: of each
        # window's patch for its first position, from there of the patches for its other positions,
        # and of each tap in a patch.
        def grid(rows, columns, row_step, column_step):
            row, column = np.indices((rows, columns)).reshape(2, -1)
            return row * row_step * self.padded_width + column * column_step

        return (
            grid(
                self.ph, self.pw, self.pool_stride_h * self.stride_h,
                self.pool_stride_w * self.stride_w,
            ),
            grid(self.pool_h, self.pool_w, self.stride_h, self.stride_w),
            grid(self.kh, self.kw, self.dilation_h, self.dilation_w),
        )


cdef class Conv2DMaxPool2DForward(Conv2DMaxPool2D):
    # A task is a block of rows of the pooled output of one image. "registers": 2x2 windows never
    # leave them; "rows": the rows of the convolution that the block needs are in scratch memory.
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef unsigned char[:, :, :, ::1] argmax
    cdef bint relu, in_registers
    cdef Py_ssize_t row_blocks, padded_size
    cdef Py_ssize_t[:, ::1] columns  # struct pool's

    def __init__(
        self, x, w, b, y, argmax, strides, pads, dilation, relu, pool_size, pool_strides, algorithm
    ):
        self.algorithm = algorithm
        self.x, self.weights, self.b, self.y, self.argmax = x, w, b, y, argmax
        self.relu, self.in_registers = relu, algorithm == "registers"
        self.set_pool_sizes(
            x.shape, w.shape, y.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.forward_segments()
        self.adjust_work(y.size, self.oc)
        self.row_blocks = image_blocks(self.n, self.ph, self.work)
        self.tasks = self.n * self.row_blocks
        conv_rows = self.conv_rows(max(ceil_div(self.ph, self.row_blocks), <Py_ssize_t>1))
        self.padded_size = 0
        if self.is_padded:
            rows = self.input_rows(conv_rows)
            self.padded_size = round_up(rows * self.padded_width * self.ic, 16)
        size = self.padded_size
        if not self.in_registers:
            size += conv_rows * self.ow * self.oc
            start = np.arange(self.pw) * self.pool_stride_w
            self.columns = np.stack([start, start + self.pool_w], 1)
        if size:
            self.allocate_scratch(size)

    cdef inline Py_ssize_t conv_rows(self, Py_ssize_t rows) noexcept nogil:
        # How many rows of the convolution so many pooled rows need.
        return (rows - 1) * self.pool_stride_h + self.pool_h

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks
        cdef Py_ssize_t first = self.ph * block // self.row_blocks
        cdef Py_ssize_t last = self.ph * (block + 1) // self.row_blocks
        cdef Py_ssize_t row = first * self.pool_stride_h * self.stride_h  # of the padded image
        cdef const float *x = &self.x[n, 0, 0, 0] + row * self.w * self.ic
        if self.is_padded:
            self.pad_image(
                &self.x[n, 0, 0, 0], scratch, row, self.input_rows(self.conv_rows(last - first))
            )
            x = scratch
        if self.in_registers:
            self.pool_in_registers(n, first, last, x)
        else:
            self.pool_rows(n, first, last, x, scratch + self.padded_size)

    cdef void pool_rows(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, const float *x, float *conv
    ) noexcept nogil:
        cdef Py_ssize_t conv_first = first * self.pool_stride_h, ph
        cdef const float *b = &self.b[0] if self.b is not None else NULL
        self.forward_rows(
            x, &self.weights[0, 0, 0, 0], b, NULL, conv, conv_first,
            conv_first + self.conv_rows(last - first), False, NAN,
        )
        cdef Pool q
        q.columns, q.columns_out, q.channels = &self.columns[0, 0], self.pw, self.oc
        q.first_row, q.rows, q.row_size, q.pixel = 0, self.pool_h, self.ow * self.oc, self.oc
        q.window_columns, q.stride, q.left = self.pool_w, self.pool_stride_w, 0
        q.relu, q.argmax8, q.argmax32 = self.relu, NULL, NULL
        for ph in range(first, last):
            q.x = conv + (ph - first) * self.pool_stride_h * q.row_size
            q.y = &self.y[n, ph, 0, 0]
            if self.argmax is not None:
                q.argmax8 = &self.argmax[n, ph, 0, 0]
            self.table.max_pool2d_forward(&q)

    cdef void pool_in_registers(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, const float *x
    ) noexcept nogil:
        cdef ProductMaxPool q
        self.forward_product(&q.sum)
        q.x_row = self.stride_h * self.padded_width * self.ic
        q.sum.pixels, q.sum.relu = self.pw, self.relu
        cdef Py_ssize_t done = 0, ph
        while done < self.oc:
            q.sum.channels = min(
                self.table.product_max_pool_block(self.pw, self.oc - done), self.oc - done
            )
            q.sum.w = &self.weights[0, 0, 0, 0] + done
            q.sum.b = &self.b[0] + done if self.b is not None else NULL
            for ph in range(first, last):
                q.sum.x = x + 2 * (ph - first) * q.x_row
                q.sum.y = &self.y[n, ph, 0, 0] + done
                q.argmax = &self.argmax[n, ph, 0, 0] + done if self.argmax is not None else NULL
                self.table.product_max_pool(&q)
            done += q.sum.channels
