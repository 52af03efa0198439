# Convolutions by Winograd's F(2x2, 3x3): forward, with or without a 2x2 max-pool; the gradient for
# the image, which is a convolution of dy with the turned filter; the gradient for the filter.
# Larger filters are sums of 3x3 ones (see csrc/winograd.inc.h), here called parts.

# Tiles of one piece: they fill the registers and stay in the cache; sums for the filter's gradient,
# which are read and written for each piece, want more of them.
cdef Py_ssize_t WINOGRAD_TILES = 32, WINOGRAD_TILES_WEIGHTS = 64
cdef enum:
    MAX_PARTS = 9  # of a 7x7 filter, the largest that choice.py gives to it


cdef class WinogradTiles(Kernel):
    # Images (n, h, w, ic) as 4x4 patches, two rows and columns apart, that make 2x2 tiles of an
    # output (n, oh, ow, oc); `top` and `left` are the rows and columns of zeros before the image.
    cdef const float[:, :, :, ::1] image
    cdef Py_ssize_t n, h, w, ic, oc, kh, kw, top, left, tiles_h, tiles_w
    cdef Py_ssize_t parts_h, parts_w
    cdef Py_ssize_t rows, pieces  # an image is cut into pieces of so many rows of tiles
    cdef bint padded
    cdef Py_ssize_t padded_width, padded_size, patches_size

    cdef cut(self, image, w_shape, y_shape, step, pads, Py_ssize_t tiles):
        # A tile is `step` rows and columns of y, a piece about `tiles` of them.
        self.algorithm = "winograd"
        self.image = image
        self.n, self.h, self.w, self.ic = image.shape
        self.kh, self.kw = w_shape[:2]
        self.parts_h, self.parts_w = self.kh // 2, self.kw // 2
        self.oc = y_shape[3]
        self.tiles_h, self.tiles_w = chunks(y_shape[1], step), chunks(y_shape[2], step)
        self.top, self.left = pads[0], pads[1]
        # a tile reads kw - 1 columns more than it has; a row of the image may be longer
        self.padded_width = 2 * self.tiles_w + self.kw - 1
        self.padded = (
            self.top > 0 or self.left > 0
            or 2 * self.tiles_h + self.kh - 1 > self.h or self.padded_width > self.w
        )
        self.padded_width = max(self.padded_width, self.left + self.w) if self.padded else self.w
        self.work = <double>self.n * self.tiles_h * self.tiles_w * self.ic * self.oc
        self.work *= (3 * self.parts_h + 1) * (3 * self.parts_w + 1) / filling(self.oc)
        wish = max(tiles // max(self.tiles_w, <Py_ssize_t>1), <Py_ssize_t>1)
        self.pieces = max(chunks(self.tiles_h, wish + wish // 2), <Py_ssize_t>1)
        if self.n < 32 and self.work >= 2 * WORK_PER_THREAD and self.pieces < self.tiles_h:
            self.pieces += self.n * self.pieces % 2  # an even number of tasks
        self.rows = max(chunks(self.tiles_h, self.pieces), <Py_ssize_t>1)
        padded_height = 2 * self.rows + self.kh - 1
        self.padded_size = chunks(padded_height * self.padded_width * self.ic, 16) * 16
        self.patches_size = self.parts_w * 16 * self.patches_of(self.rows)

    cdef Py_ssize_t patches_of(self, Py_ssize_t rows) noexcept nogil:
        # How many numbers of patches at one of the 16 places meet so many rows of tiles.
        return (rows + self.parts_h - 1) * self.tiles_w * self.ic

    cdef void patches(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t rows, float *scratch, float *v,
        Py_ssize_t plane,
    ) noexcept nogil:
        # The transformed patches that `rows` rows of tiles of image n meet: v (parts_w, 16, tiles,
        # ic), each of the parts_w two columns further on; `plane` is the distance of the 16.
        cdef const float *x = &self.image[n, 0, 0, 0] + 2 * first * self.w * self.ic
        cdef WinogradRow p
        cdef Py_ssize_t row, part
        rows += self.parts_h - 1
        if self.padded:
            pad_rows(
                &self.image[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, 2 * first, 2 * rows + 2,
            )
            x = scratch
        p.tiles, p.x_row = self.tiles_w, self.padded_width * self.ic
        p.channels, p.plane = self.ic, plane
        for part in range(self.parts_w):
            for row in range(rows):
                p.x = x + 2 * row * p.x_row + 2 * part * self.ic
                p.planes = v + 16 * part * plane + row * self.tiles_w * self.ic
                self.table.winograd_input(&p)

    cdef Py_ssize_t meeting(
        self, Py_ssize_t place, Py_ssize_t plane, Py_ssize_t *in_v, Py_ssize_t *in_u
    ) noexcept nogil:
        # How many parts have products at one of the 16 places, and where the patches that they
        # meet lie in v and they themselves in u (parts, 16, ic, oc), from that place on.
        cdef Py_ssize_t part_h, part_w, count = 0
        for part_h in range(self.parts_h if place >= 4 else 1):
            for part_w in range(self.parts_w if place % 4 else 1):
                in_v[count] = 16 * part_w * plane + part_h * self.tiles_w * self.ic
                in_u[count] = 16 * (part_h * self.parts_w + part_w) * self.ic * self.oc
                count += 1
        return count

    cdef void taps(
        self, Py_ssize_t part, float *w, Py_ssize_t distance, bint turned, float **taps
    ) noexcept nogil:
        # The nine taps of a part, NULL for the zeros before the later ones' pairs.
        cdef Py_ssize_t part_h = part // self.parts_w, part_w = part % self.parts_w, k, tap
        for k in range(9):
            tap = (2 * part_h + k // 3) * self.kw + 2 * part_w + k % 3
            if turned:
                tap = self.kh * self.kw - 1 - tap
            taps[k] = w + tap * distance
            if (k < 3 and part_h > 0) or (k % 3 == 0 and part_w > 0):
                taps[k] = NULL


cdef class Winograd(WinogradTiles):
    # image (n, h, w, ic) -> target (n, oh, ow, oc)
    cdef const float[:, :, :, ::1] weights
    cdef const float[::1] b
    cdef float[:, :, :, ::1] target
    cdef unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] u  # (parts, 16, ic, oc)
    cdef bint relu, pool, turned

    def __init__(self, image, weights, b, target, argmax, pads, relu, pool, turned):
        self.weights, self.b, self.target, self.argmax = weights, b, target, argmax
        self.relu, self.pool, self.turned = relu, pool, turned
        self.cut(image, weights.shape, target.shape, 1 if pool else 2, pads, WINOGRAD_TILES)
        self.u = aligned((self.parts_h * self.parts_w, 16, self.ic, self.oc))
        self.preparations = chunks(self.ic, 16)
        self.prepares_weights = True
        self.tasks = self.n * self.pieces
        size = self.padded_size + self.patches_size + 16 * self.rows * self.tiles_w * self.oc
        self.allocate_scratch(max(size, self.kh * self.kw * 16 * self.oc))

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = 16 * i, plane = self.ic * self.oc, c, k, part
        cdef Py_ssize_t count = min(<Py_ssize_t>16, self.ic - first)
        cdef const float *w = &self.weights[0, 0, 0, 0]
        cdef const float *rows = scratch
        cdef float *taps[9]
        if self.turned:
            # w is (kh, kw, oc, ic): turn 16 of its columns into rows of `oc` numbers
            for k in range(self.kh * self.kw):
                self.table.transpose(
                    w + k * plane + first, self.ic, scratch + k * 16 * self.oc, self.oc, self.oc,
                    count,
                )
        else:
            rows = w + first * self.oc
        cdef Py_ssize_t distance = 16 * self.oc if self.turned else plane
        for c in range(count):
            for part in range(self.u.shape[0]):
                self.taps(part, <float *>rows + c * self.oc, distance, self.turned, taps)
                self.table.winograd_filter(
                    <const float *const *>taps, &self.u[part, 0, first + c, 0], plane, self.oc
                )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.pieces, piece = i % self.pieces, row, k
        cdef Py_ssize_t first = self.tiles_h * piece // self.pieces
        cdef Py_ssize_t rows = self.tiles_h * (piece + 1) // self.pieces - first
        cdef Py_ssize_t tiles = rows * self.tiles_w
        cdef Py_ssize_t in_v[MAX_PARTS]
        cdef Py_ssize_t in_u[MAX_PARTS]
        cdef float *v = scratch + self.padded_size
        cdef float *m = v + self.patches_size
        cdef Py_ssize_t plane = self.patches_of(rows)
        self.patches(n, first, rows, scratch, v, plane)
        cdef Product q
        q.b, q.x_segments, q.w_segments = NULL, in_v, in_u
        q.steps, q.accumulate, q.relu, q.pixels = self.ic, 0, 0, tiles
        q.x_pixel, q.x_step, q.w_step, q.y_pixel = self.ic, 1, self.oc, self.oc
        for k in range(16):
            q.segments = self.meeting(k, plane, in_v, in_u)
            q.x, q.w, q.y = v + k * plane, &self.u[0, k, 0, 0], m + k * tiles * self.oc
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
    # dw = G' [ sum over tiles of (A dy A') . (B' x B) ] G, the forward product turned around. Sums
    # are over groups: pieces of images, or as many small images as have the tiles of a piece. Tasks
    # are some groups each; their sums are added in order (see image_tasks).
    cdef const float[:, :, :, ::1] dy
    cdef float[:, :, :, ::1] dw_
    cdef float[::1] db
    cdef float[:, :, :, :, ::1] sums  # (task, parts, 16, ic, oc)
    cdef float[:, ::1] bias           # (task, oc)
    cdef Py_ssize_t images, groups    # how many images a group is, or a part of; how many groups
    cdef Py_ssize_t[::1] x_segments, dy_segments

    def __init__(self, x, dy, dw, db, pads):
        self.dy, self.dw_, self.db = dy, dw, db
        self.gradients = dw.size
        self.cut(x, dw.shape, dy.shape, 2, pads, WINOGRAD_TILES_WEIGHTS)
        tiles = self.rows * self.tiles_w
        self.images = 1
        if self.pieces == 1:
            images = max(min(WINOGRAD_TILES_WEIGHTS // tiles, chunks(self.n, 2)), <Py_ssize_t>1)
            self.images = chunks(self.n, chunks(self.n, images))  # as equal groups as can be
        self.groups = chunks(self.n, self.images) * self.pieces
        images = np.arange(self.images)
        self.x_segments = images * self.patches_of(self.rows)
        self.dy_segments = images * tiles * self.oc
        parts = self.parts_h * self.parts_w
        self.tasks = image_tasks(self.groups, parts * 16 * self.ic * self.oc)
        # however large the sums: adding up two takes less than a second thread saves
        self.tasks = max(self.tasks, min(self.groups, <Py_ssize_t>2))
        self.sums = aligned((self.tasks, parts, 16, self.ic, self.oc))
        self.bias = aligned((self.tasks, self.oc))
        self.finishes = self.ic
        size = self.images * (self.patches_size + 16 * tiles * self.oc)
        self.allocate_scratch(self.padded_size + size)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t group
        memset(&self.sums[i, 0, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0], 0, self.bias.strides[0])
        for group in range(self.groups * i // self.tasks, self.groups * (i + 1) // self.tasks):
            self.add_group(i, group, scratch)

    cdef void add_group(self, Py_ssize_t i, Py_ssize_t group, float *scratch) noexcept nogil:
        cdef Py_ssize_t piece = group % self.pieces, n = group // self.pieces * self.images
        cdef Py_ssize_t first = self.tiles_h * piece // self.pieces
        cdef Py_ssize_t rows = self.tiles_h * (piece + 1) // self.pieces - first
        cdef Py_ssize_t images = min(self.images, self.n - n), image, row, k, part
        cdef Py_ssize_t tiles = rows * self.tiles_w
        cdef Py_ssize_t patches = self.patches_of(rows), plane = images * patches
        cdef Py_ssize_t in_v[MAX_PARTS]
        cdef Py_ssize_t in_u[MAX_PARTS]
        cdef float *v = scratch + self.padded_size
        cdef float *d = v + self.images * self.patches_size
        cdef WinogradRow p
        cdef Product q
        p.tiles, p.channels, p.plane = self.tiles_w, self.oc, images * tiles * self.oc
        p.x_row, p.columns = self.dy.shape[2] * self.oc, self.dy.shape[2]
        for image in range(images):
            self.patches(n + image, first, rows, scratch, v + image * patches, plane)
            for row in range(rows):
                p.rows = min(<Py_ssize_t>2, self.dy.shape[1] - 2 * (first + row))
                p.x = &self.dy[n + image, 2 * (first + row), 0, 0]
                p.planes = d + (image * tiles + row * self.tiles_w) * self.oc
                self.table.winograd_gradient(&p)
        q.b, q.relu, q.segments = NULL, 0, images
        q.x_segments, q.w_segments = &self.x_segments[0], &self.dy_segments[0]
        q.accumulate, q.w_step, q.y_pixel = 1, self.oc, self.oc
        q.x_pixel, q.x_step, q.pixels, q.steps = 1, self.ic, self.ic, tiles
        for k in range(16):
            q.w = d + k * p.plane
            for part in range(self.meeting(k, plane, in_v, in_u)):
                q.x, q.y = v + k * plane + in_v[part], &self.sums[i, 0, k, 0, 0] + in_u[part]
                product_blocks(self.table, &q, self.oc)
        if self.db is not None:  # images follow each other
            rows = images * min(2 * rows, self.dy.shape[1] - 2 * first) * self.dy.shape[2]
            sum_rows(
                self.table, &self.dy[n, 2 * first, 0, 0], rows, self.oc, &self.bias[i, 0], True
            )

    cdef void finish(self, Py_ssize_t c) noexcept nogil:
        # dw[:, :, c, :]
        cdef Py_ssize_t parts = self.sums.shape[1], plane = self.ic * self.oc, task, part
        cdef float *taps[9]
        for task in range(1, self.tasks):
            self.table.add_rows(
                &self.sums[task, 0, 0, c, 0], &self.sums[0, 0, 0, c, 0], plane, 16 * parts, self.oc
            )
        for part in range(parts):
            self.taps(part, &self.dw_[0, 0, c, 0], plane, False, taps)
            self.table.winograd_filter_gradient(
                &self.sums[0, part, 0, c, 0], plane, taps, self.oc
            )
        if c == 0 and self.db is not None:
            for task in range(1, self.tasks):
                self.table.add_rows(&self.bias[task, 0], &self.bias[0, 0], 0, 1, self.oc)
            memcpy(&self.db[0], &self.bias[0, 0], self.oc * sizeof(float))
