# Convolutions with a max-pool behind them: the pool happens where the convolution's output is still
# in registers or in cache. The gradients are those of conv_sparse.pxi and
# conv_narrow.pxi, or `Expanded`.

cdef class Conv2DMaxPool2D(Conv2D):
    # What they share beside a convolution's sizes.
    cdef Py_ssize_t ph, pw, pool_h, pool_w, pool_sh, pool_sw  # pooled rows and columns; the pool
    cdef Py_ssize_t padded_height, padded_width
    cdef bint is_padded

    cdef pooled_sizes(
        self, x_shape, w_shape, y_shape, strides, pads, dilation, pool_size, pool_strides
    ):
        size = output_sizes(x_shape[1:3], w_shape[:2], strides, pads, dilation)
        self.sizes(x_shape, w_shape, (y_shape[0], *size, y_shape[3]), strides, pads, dilation)
        self.ph, self.pw = y_shape[1], y_shape[2]
        self.pool_h, self.pool_w = pool_size
        self.pool_sh, self.pool_sw = pool_strides
        self.padded_height = self.h + self.top + self.bottom
        self.padded_width = self.w + self.left + self.right
        self.is_padded = any(pads)

    cdef pixels(self):
        # (windows, places, taps), each flat: in pixels of the padded image, where the patch of each
        # window's first place begins, how far on that of each place, and where each tap lies in it.
        def grid(rows, columns, row_step, column_step):
            row, column = np.indices((rows, columns)).reshape(2, -1)
            return row * row_step * self.padded_width + column * column_step

        return (
            grid(self.ph, self.pw, self.pool_sh * self.sh, self.pool_sw * self.sw),
            grid(self.pool_h, self.pool_w, self.sh, self.sw),
            grid(self.kh, self.kw, self.dh, self.dw),
        )


cdef class Conv2DMaxPool2DForward(Conv2DMaxPool2D):
    # A piece is some rows of the pooled output of one image. "registers": 2x2 windows never leave
    # them; "rows": the convolution's rows that a piece needs lie in scratch.
    cdef const float[:, :, :, ::1] x, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] y
    cdef unsigned char[:, :, :, ::1] argmax
    cdef bint relu, in_registers
    cdef Py_ssize_t pieces, padded_size
    cdef Py_ssize_t[:, ::1] columns

    def __init__(
        self, x, w, b, y, argmax, strides, pads, dilation, relu, pool_size, pool_strides, algorithm
    ):
        self.algorithm = algorithm
        self.x, self.weights, self.b, self.y, self.argmax = x, w, b, y, argmax
        self.pooled_sizes(
            x.shape, w.shape, y.shape, strides, pads, dilation, pool_size, pool_strides
        )
        self.relu, self.in_registers = relu, algorithm == "registers"
        self.forward_segments(self.padded_width)
        self.weigh(self.oc, y.size)
        self.pieces = row_pieces(self.n, self.ph, self.work)
        self.tasks = self.n * self.pieces
        rows = max(chunks(self.ph, self.pieces), <Py_ssize_t>1)
        conv_rows = (rows - 1) * self.pool_sh + self.pool_h
        image_rows = (conv_rows - 1) * self.sh + (self.kh - 1) * self.dh + 1
        self.padded_size = 0
        if self.is_padded:
            self.padded_size = chunks(image_rows * self.padded_width * self.ic, 16) * 16
        size = self.padded_size
        if not self.in_registers:
            size += conv_rows * self.ow * self.oc
            start = np.arange(self.pw) * self.pool_sw
            self.columns = np.stack([start, start + self.pool_w], 1)
        if size:
            self.allocate_scratch(size)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces, ph
        cdef Py_ssize_t first = self.ph * piece // self.pieces
        cdef Py_ssize_t last = self.ph * (piece + 1) // self.pieces
        cdef Py_ssize_t conv_first = first * self.pool_sh
        cdef Py_ssize_t conv_rows = (last - 1 - first) * self.pool_sh + self.pool_h
        cdef const float *x = &self.x[n, 0, 0, 0] + conv_first * self.sh * self.w * self.ic
        if self.is_padded:
            pad_rows(
                &self.x[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, conv_first * self.sh,
                (conv_rows - 1) * self.sh + (self.kh - 1) * self.dh + 1,
            )
            x = scratch
        if self.in_registers:
            self.pool_in_registers(n, first, last, x)
            return
        cdef float *conv = scratch + self.padded_size
        cdef const float *b = &self.b[0] if self.b is not None else NULL
        cdef const float *w = &self.weights[0, 0, 0, 0]
        self.forward_rows(
            x, w, b, conv, conv_first, conv_first + conv_rows, self.padded_width, False
        )
        cdef Pool q
        q.columns, q.columns_out, q.channels = &self.columns[0, 0], self.pw, self.oc
        q.first_row, q.rows, q.row_size = 0, self.pool_h, self.ow * self.oc
        q.window_columns, q.stride, q.left = self.pool_w, self.pool_sw, 0
        q.relu, q.argmax8, q.argmax32 = self.relu, NULL, NULL
        for ph in range(first, last):
            q.x = conv + (ph - first) * self.pool_sh * q.row_size
            q.y = &self.y[n, ph, 0, 0]
            if self.argmax is not None:
                q.argmax8 = &self.argmax[n, ph, 0, 0]
            self.table.max_pool2d_forward(&q)

    cdef void pool_in_registers(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, const float *x
    ) noexcept nogil:
        cdef ProductMaxPool q
        self.forward_product(&q.sum, self.padded_width)
        q.x_row = self.sh * self.padded_width * self.ic
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


class Expanded:
    """The gradient that dy and argmax stand for, written out, and an ordinary kernel behind it."""

    algorithm = "expand"

    def __init__(self, dy, argmax, full, pool_size, pool_strides, inner):
        self.inner = inner
        self.unpool = max_pool2d_backward(
            dy, argmax, full, pool_size=pool_size, strides=pool_strides, pads=(0, 0, 0, 0)
        )
        self.instruction_set = inner.instruction_set

    def __call__(self, version=None):
        self.unpool()
        self.inner(version)


def conv2d_max_pool2d_forward(
    x, w, b, y, argmax, *, strides, pads, dilation, relu, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_forward", w.shape, x.shape, y.shape, strides, dilation,
        pool_size, pool_strides,
    )
    if algorithm == "winograd":
        return Winograd(x, w, b, y, argmax, (pads[0], pads[2]), relu, True, False)
    return Conv2DMaxPool2DForward(
        x, w, b, y, argmax, strides, pads, dilation, relu, pool_size, pool_strides, algorithm
    )


def conv2d_max_pool2d_backward_data(
    dy, argmax, w, dx, *, strides, pads, dilation, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation,
        pool_size, pool_strides,
    )
    if algorithm != "expand":
        kind = SparseBackwardData if algorithm == "sparse" else NarrowBackwardData
        return kind(dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides)
    size = output_sizes(dx.shape[1:3], w.shape[:2], strides, pads, dilation)
    full = aligned((len(dy), *size, w.shape[3]), np.float32)
    inner = conv2d_backward_data(full, w, dx, strides=strides, pads=pads, dilation=dilation)
    return Expanded(dy, argmax, full, pool_size, pool_strides, inner)


def conv2d_max_pool2d_backward_weights(
    x, dy, argmax, dw, db, *, strides, pads, dilation, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_backward_weights", dw.shape, x.shape, dy.shape, strides,
        dilation, pool_size, pool_strides,
    )
    if algorithm != "expand":
        kind = SparseBackwardWeights if algorithm == "sparse" else NarrowBackwardWeights
        return kind(x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides)
    size = output_sizes(x.shape[1:3], dw.shape[:2], strides, pads, dilation)
    full = aligned((len(dy), *size, dw.shape[3]), np.float32)
    inner = conv2d_backward_weights(
        x, full, dw, db, strides=strides, pads=pads, dilation=dilation
    )
    return Expanded(dy, argmax, full, pool_size, pool_strides, inner)
