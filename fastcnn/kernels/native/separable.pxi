# A depthwise convolution and the 1x1 convolution behind it, a few rows at a time.
# uses: team (Kernel, Sequence), conv_direct (Conv2DForward), depthwise_rows (BAND_SIZE,
#       RowsDepthwiseForward)

cdef class SeparableForward(Kernel):
    # A task is a block of rows of an image. The 1x1 convolution reads the rows that the depthwise
    # one has just written while they are in the first-level cache.
    cdef RowsDepthwiseForward depthwise
    cdef Conv2DForward pointwise
    cdef const float *b
    cdef Py_ssize_t band_rows
    cdef float relu_max

    def __init__(self, RowsDepthwiseForward depthwise, Conv2DForward pointwise):
        self.algorithm = "rows"
        self.depthwise = depthwise
        # the rows of the depthwise convolution; the kernel itself may have joined them
        middle = np.asarray(depthwise.y)
        w, y = np.asarray(pointwise.weights), np.asarray(pointwise.y)
        y = y.reshape(*middle.shape[:3], w.shape[3])
        b = None if pointwise.b is None else np.asarray(pointwise.b)
        self.relu_max = pointwise.relu_max
        self.pointwise = Conv2DForward(
            middle, w, b, y, None, (1, 1), (0, 0, 0, 0), (1, 1), pointwise.relu, self.relu_max
        )
        self.b = &self.pointwise.b[0] if b is not None else NULL
        self.tasks = self.pointwise.tasks
        self.work = depthwise.work + pointwise.work
        self.band_rows = max(BAND_SIZE // (middle.shape[2] * middle.shape[3]), 1)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t blocks = self.pointwise.row_blocks, rows = self.pointwise.oh, last
        cdef Py_ssize_t n = i // blocks, block = i % blocks
        cdef Py_ssize_t first = rows * block // blocks, end = rows * (block + 1) // blocks
        while first < end:
            last = min(first + self.band_rows, end)
            self.depthwise.output_rows(n, first, last)
            self.pointwise.forward_rows(
                &self.pointwise.x[n, first, 0, 0], &self.pointwise.weights[0, 0, 0, 0], self.b,
                NULL, &self.pointwise.y[n, first, 0, 0], first, last, self.pointwise.relu,
                self.relu_max,
            )
            first = last


def separable_conv2d_forward(depthwise, pointwise):
    """The bound kernels of both convolutions as one: row by row, where the first can."""
    if isinstance(depthwise, RowsDepthwiseForward) and isinstance(pointwise, Conv2DForward):
        return SeparableForward(depthwise, pointwise)
    return Sequence(depthwise, pointwise)
