# 3x3 convolutions by Winograd's F(2x2, 3x3): forward, with or without a 2x2 max-pool, and the
# gradient for the image, which is a convolution of dy with the turned filter.

cdef Py_ssize_t WINOGRAD_TILES = 32  # a task's wish: enough to fill the registers, few for the cache


cdef class Winograd(Kernel):
    # source (n, h, w, ic) -> target (n, oh, ow, oc), `top` and `left` rows of zeros before source.
    cdef const float[:, :, :, ::1] source, weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] target
    cdef unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, ::1] u  # (16, ic, oc)
    cdef bint relu, pool, turned, padded
    cdef Py_ssize_t h, w, ic, oc, top, left, tiles_h, tiles_w, rows, pieces
    cdef Py_ssize_t padded_width, padded_size

    def __init__(self, source, weights, b, target, argmax, pads, relu, pool, turned):
        self.algorithm = "winograd"
        self.source, self.weights, self.b = source, weights, b
        self.target, self.argmax = target, argmax
        self.relu, self.pool, self.turned = relu, pool, turned
        self.h, self.w, self.ic = source.shape[1], source.shape[2], source.shape[3]
        self.oc = target.shape[3]
        self.top, self.left = pads
        step = 1 if pool else 2
        self.tiles_h, self.tiles_w = chunks(target.shape[1], step), chunks(target.shape[2], step)
        self.u = aligned((16, self.ic, self.oc), np.float32)
        self.preparations = chunks(self.ic, 16)
        self.prepares_weights = True
        self.padded_width = 2 * self.tiles_w + 2
        self.padded = (
            self.top > 0 or self.left > 0
            or 2 * self.tiles_h + 2 > self.h or self.padded_width > self.w
        )
        if not self.padded:
            self.padded_width = self.w
        wish = max(WINOGRAD_TILES // max(self.tiles_w, 1), 1)
        self.pieces = max(chunks(self.tiles_h, wish + wish // 2), 1)
        self.rows = max(chunks(self.tiles_h, self.pieces), 1)
        self.tasks = source.shape[0] * self.pieces
        self.work = 16. * source.shape[0] * self.tiles_h * self.tiles_w * self.ic * self.oc
        tiles = self.rows * self.tiles_w
        self.padded_size = chunks((2 * self.rows + 2) * self.padded_width * self.ic, 16) * 16
        size = self.padded_size + 16 * tiles * (self.ic + self.oc)
        self.allocate_scratch(max(size, 9 * 16 * self.oc))

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = 16 * i, plane = self.ic * self.oc, c, k
        cdef Py_ssize_t count = min(<Py_ssize_t>16, self.ic - first)
        cdef const float *w = &self.weights[0, 0, 0, 0]
        if self.turned:
            # w is (3, 3, oc, ic): turn 16 of its columns into rows of `oc` numbers
            for k in range(9):
                table.transpose(
                    w + k * plane + first, self.ic, scratch + k * 16 * self.oc, self.oc, self.oc,
                    count,
                )
        cdef const float *rows = scratch
        if not self.turned:
            rows = w + first * self.oc
        cdef Py_ssize_t rows_plane = 16 * self.oc if self.turned else plane
        cdef float *u = &self.u[0, first, 0]
        for c in range(count):
            table.winograd_filter(
                rows + c * self.oc, rows_plane, u + c * self.oc, plane, self.oc, self.turned
            )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, first = i % self.pieces * self.rows
        cdef Py_ssize_t rows = min(self.rows, self.tiles_h - first), row, k
        if rows <= 0:
            return
        cdef const float *x = &self.source[n, 0, 0, 0] + 2 * first * self.w * self.ic
        if self.padded:
            pad_rows(
                &self.source[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, 2 * first, 2 * rows + 2,
            )
            x = scratch
        cdef Py_ssize_t tiles = rows * self.tiles_w
        cdef float *v = scratch + self.padded_size
        cdef float *m = v + 16 * tiles * self.ic
        cdef WinogradRow p
        p.tiles, p.x_row = self.tiles_w, self.padded_width * self.ic
        p.channels, p.plane = self.ic, tiles * self.ic
        for row in range(rows):
            p.x = x + 2 * row * p.x_row
            p.planes = v + row * self.tiles_w * self.ic
            table.winograd_input(&p)
        cdef Py_ssize_t zero = 0
        cdef Product q
        q.b, q.x_segments, q.w_segments, q.segments = NULL, &zero, &zero, 1
        q.steps, q.accumulate, q.relu, q.pixels = self.ic, 0, 0, tiles
        q.x_pixel, q.x_step, q.w_step, q.y_pixel = self.ic, 1, self.oc, self.oc
        for k in range(16):
            q.x, q.w, q.y = v + k * tiles * self.ic, &self.u[k, 0, 0], m + k * tiles * self.oc
            product_blocks(&q, self.oc)
        p.channels, p.plane = self.oc, tiles * self.oc
        p.b = &self.b[0] if self.b is not None else NULL
        p.relu, p.pool = self.relu, self.pool
        p.y_row, p.columns = self.target.shape[2] * self.oc, self.target.shape[2]
        for row in range(rows):
            p.planes = m + row * self.tiles_w * self.oc
            k = first + row if self.pool else 2 * (first + row)
            p.rows = min(<Py_ssize_t>2, self.target.shape[1] - k)
            p.y = &self.target[n, k, 0, 0]
            p.argmax = &self.argmax[n, k, 0, 0] if self.argmax is not None else NULL
            table.winograd_output(&p)
