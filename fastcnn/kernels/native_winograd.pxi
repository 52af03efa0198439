# 3x3 convolutions by Winograd's F(2x2, 3x3): forward, with or without a 2x2 max-pool; the gradient
# for the image, which is a convolution of dy with the turned filter; the gradient for the filter.

cdef Py_ssize_t WINOGRAD_TILES = 32  # a task's wish: fill the registers, stay in the cache


cdef class WinogradTiles(Kernel):
    # Images (n, h, w, ic) as 4x4 patches, two rows and columns apart, that make 2x2 tiles of an
    # output; `top` and `left` are the rows and columns of zeros before the image.
    cdef const float[:, :, :, ::1] image
    cdef Py_ssize_t n, h, w, ic, top, left, tiles_h, tiles_w
    cdef Py_ssize_t rows, pieces  # an image is cut into pieces of so many rows of tiles
    cdef bint padded
    cdef Py_ssize_t padded_width, padded_size

    cdef cut(self, image, tiles_h, tiles_w, pads):
        self.algorithm = "winograd"
        self.image = image
        self.n, self.h, self.w, self.ic = image.shape
        self.tiles_h, self.tiles_w = tiles_h, tiles_w
        self.top, self.left = pads[0], pads[1]
        self.padded_width = 2 * self.tiles_w + 2
        self.padded = (
            self.top > 0 or self.left > 0
            or 2 * self.tiles_h + 2 > self.h or self.padded_width > self.w
        )
        # a tile reads 2 * tiles_w + 2 columns; a row of the image may be longer
        self.padded_width = max(self.padded_width, self.left + self.w) if self.padded else self.w
        wish = max(WINOGRAD_TILES // max(self.tiles_w, <Py_ssize_t>1), <Py_ssize_t>1)
        self.pieces = max(chunks(self.tiles_h, wish + wish // 2), <Py_ssize_t>1)
        self.rows = max(chunks(self.tiles_h, self.pieces), <Py_ssize_t>1)
        self.padded_size = chunks((2 * self.rows + 2) * self.padded_width * self.ic, 16) * 16

    cdef void patches(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t rows, float *scratch, float *v
    ) noexcept nogil:
        # The transformed patches of `rows` rows of tiles of image n: v (16, tiles, ic).
        cdef const float *x = &self.image[n, 0, 0, 0] + 2 * first * self.w * self.ic
        if self.padded:
            pad_rows(
                &self.image[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, 2 * first, 2 * rows + 2,
            )
            x = scratch
        cdef WinogradRow p
        cdef Py_ssize_t row
        p.tiles, p.x_row = self.tiles_w, self.padded_width * self.ic
        p.channels, p.plane = self.ic, rows * self.tiles_w * self.ic
        for row in range(rows):
            p.x = x + 2 * row * p.x_row
            p.planes = v + row * self.tiles_w * self.ic
            self.table.winograd_input(&p)


cdef class Winograd(WinogradTiles):
    # image (n, h, w, ic) -> target (n, oh, ow, oc)
    cdef const float[:, :, :, ::1] weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] target
    cdef unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, ::1] u  # (16, ic, oc)
    cdef Py_ssize_t oc
    cdef bint relu, pool, turned

    def __init__(self, image, weights, b, target, argmax, pads, relu, pool, turned):
        self.weights, self.b, self.target, self.argmax = weights, b, target, argmax
        self.relu, self.pool, self.turned = relu, pool, turned
        self.oc = target.shape[3]
        step = 1 if pool else 2
        self.cut(image, chunks(target.shape[1], step), chunks(target.shape[2], step), pads)
        self.u = aligned((16, self.ic, self.oc))
        self.preparations = chunks(self.ic, 16)
        self.prepares_weights = True
        self.work = 16. * self.n * self.tiles_h * self.tiles_w * self.ic * self.oc
        if self.n < 32 and self.work >= 2 * WORK_PER_THREAD and self.pieces < self.tiles_h:
            self.pieces += self.n * self.pieces % 2  # an even number of tasks
        self.tasks = self.n * self.pieces
        size = self.padded_size + 16 * self.rows * self.tiles_w * (self.ic + self.oc)
        self.allocate_scratch(max(size, 9 * 16 * self.oc))

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = 16 * i, plane = self.ic * self.oc, c, k
        cdef Py_ssize_t count = min(<Py_ssize_t>16, self.ic - first)
        cdef const float *w = &self.weights[0, 0, 0, 0]
        cdef const float *rows = scratch
        if self.turned:
            # w is (3, 3, oc, ic): turn 16 of its columns into rows of `oc` numbers
            for k in range(9):
                self.table.transpose(
                    w + k * plane + first, self.ic, scratch + k * 16 * self.oc, self.oc, self.oc,
                    count,
                )
        else:
            rows = w + first * self.oc
        cdef Py_ssize_t rows_plane = 16 * self.oc if self.turned else plane
        cdef float *u = &self.u[0, first, 0]
        for c in range(count):
            self.table.winograd_filter(
                rows + c * self.oc, rows_plane, u + c * self.oc, plane, self.oc, self.turned
            )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces, row, k
        cdef Py_ssize_t first = self.tiles_h * piece // self.pieces
        cdef Py_ssize_t rows = self.tiles_h * (piece + 1) // self.pieces - first
        cdef Py_ssize_t zero = 0, tiles = rows * self.tiles_w
        cdef float *v = scratch + self.padded_size
        cdef float *m = v + 16 * tiles * self.ic
        self.patches(n, first, rows, scratch, v)
        cdef Product q
        q.b, q.x_segments, q.w_segments, q.segments = NULL, &zero, &zero, 1
        q.steps, q.accumulate, q.relu, q.pixels = self.ic, 0, 0, tiles
        q.x_pixel, q.x_step, q.w_step, q.y_pixel = self.ic, 1, self.oc, self.oc
        for k in range(16):
            q.x, q.w, q.y = v + k * tiles * self.ic, &self.u[k, 0, 0], m + k * tiles * self.oc
            product_blocks(self.table, &q, self.oc)
        cdef WinogradRow p
        p.tiles, p.channels, p.plane = self.tiles_w, self.oc, tiles * self.oc
        p.b = &self.b[0] if self.b is not None else NULL
        p.relu, p.pool = self.relu, self.pool
        p.y_row, p.columns = self.target.shape[2] * self.oc, self.target.shape[2]
        for row in range(rows):
            p.planes = m + row * self.tiles_w * self.oc
            k = first + row if self.pool else 2 * (first + row)
            p.rows = min(<Py_ssize_t>2, self.target.shape[1] - k)
            p.y = &self.target[n, k, 0, 0]
            p.argmax = &self.argmax[n, k, 0, 0] if self.argmax is not None else NULL
            self.table.winograd_output(&p)


cdef class WinogradBackwardWeights(WinogradTiles):
    # dw = G' [ sum over tiles of (A dy A') . (B' x B) ] G, the forward product turned around. Tasks
    # are images; their sums are added in order (see image_tasks).
    cdef const float[:, :, :, ::1] dy
    cdef float[:, :, :, ::1] dw_
    cdef float[::1] db
    cdef float[:, :, :, ::1] sums  # (task, 16, ic, oc)
    cdef float[:, ::1] bias        # (task, oc)
    cdef Py_ssize_t oc

    def __init__(self, x, dy, dw, db, pads):
        self.dy, self.dw_, self.db = dy, dw, db
        self.gradients = dw.size
        self.oc = dy.shape[3]
        self.cut(x, chunks(dy.shape[1], 2), chunks(dy.shape[2], 2), pads)
        self.tasks = image_tasks(self.n, 16 * self.ic * self.oc)
        self.sums = aligned((self.tasks, 16, self.ic, self.oc))
        self.bias = aligned((self.tasks, self.oc))
        self.finishes = self.ic
        self.work = 16. * self.n * self.tiles_h * self.tiles_w * self.ic * self.oc
        tiles = self.rows * self.tiles_w
        self.allocate_scratch(self.padded_size + 16 * tiles * (self.ic + self.oc))

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef float one = 1
        cdef float *v = scratch + self.padded_size
        cdef float *d
        cdef Py_ssize_t zero = 0, n, piece, first, rows, row, k, tiles
        cdef WinogradRow p
        cdef Product q
        p.tiles, p.channels, p.x_row = self.tiles_w, self.oc, self.dy.shape[2] * self.oc
        p.columns = self.dy.shape[2]
        q.b, q.relu, q.x_segments, q.w_segments, q.segments = NULL, 0, &zero, &zero, 1
        memset(&self.sums[i, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0], 0, self.bias.strides[0])
        q.accumulate, q.w_step, q.y_pixel = 1, self.oc, self.oc
        for n in range(self.n * i // self.tasks, self.n * (i + 1) // self.tasks):
            for piece in range(self.pieces):
                first = piece * self.rows
                rows = min(self.rows, self.tiles_h - first)
                if rows <= 0:
                    break
                tiles = rows * self.tiles_w
                d = v + 16 * tiles * self.ic
                self.patches(n, first, rows, scratch, v)
                p.plane = tiles * self.oc
                for row in range(rows):
                    p.rows = min(<Py_ssize_t>2, self.dy.shape[1] - 2 * (first + row))
                    p.x = &self.dy[n, 2 * (first + row), 0, 0]
                    p.planes = d + row * self.tiles_w * self.oc
                    self.table.winograd_gradient(&p)
                q.x_pixel, q.x_step, q.pixels, q.steps = 1, self.ic, self.ic, tiles
                for k in range(16):
                    q.x, q.w = v + k * tiles * self.ic, d + k * tiles * self.oc
                    q.y = &self.sums[i, k, 0, 0]
                    product_blocks(self.table, &q, self.oc)
            if self.db is not None:  # the product of ones and dy
                q.x, q.w, q.y = &one, &self.dy[n, 0, 0, 0], &self.bias[i, 0]
                q.x_pixel, q.x_step, q.pixels = 0, 0, 1
                q.steps = self.dy.shape[1] * self.dy.shape[2]
                product_blocks(self.table, &q, self.oc)

    cdef void finish(self, Py_ssize_t c) noexcept nogil:
        # dw[:, :, c, :]
        cdef Py_ssize_t task, plane = self.ic * self.oc
        for task in range(1, self.tasks):
            self.table.add_rows(
                &self.sums[task, 0, c, 0], &self.sums[0, 0, c, 0], plane, 16, self.oc
            )
        self.table.winograd_filter_gradient(
            &self.sums[0, 0, c, 0], plane, &self.dw_[0, 0, c, 0], plane, self.oc
        )
        if c == 0 and self.db is not None:
            for task in range(1, self.tasks):
                self.table.add_rows(&self.bias[task, 0], &self.bias[0, 0], 0, 1, self.oc)
            memcpy(&self.db[0], &self.bias[0, 0], self.oc * sizeof(float))
