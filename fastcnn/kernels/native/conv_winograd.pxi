# Convolutions by Winograd's F(2x2, 3x3): forward, with or without a 2x2 max-pool; the gradient of
# the image, which is a convolution of dy with the flipped filter; the gradient of the filter.
# Larger filters are sums of 3x3 subfilters, see csrc/tiles/winograd.inc.h.
# uses: team (Kernel, WORK_PER_THREAD, bound_of_relu, ceil_div, round_up), product (product_blocks,
#       sum_rows, vector_efficiency), geometry (pad_rows, sum_tasks)

# Tiles in a block: enough to fill the registers, few enough to stay in the cache. The sums of the
# filter's gradient, which are read and written for each block, need more of them.
cdef Py_ssize_t WINOGRAD_TILES = 32, WINOGRAD_TILES_WEIGHTS = 64
cdef enum:
    MAX_SUBFILTERS = 9  # of a 7x7 filter, the largest that choice.py selects Winograd for


cdef class WinogradTiles(Kernel):
    # Images (n, h, w, ic) as 4x4 patches, two rows and columns apart, that yield 2x2 tiles of an
    # output (n, oh, ow, oc); `top` and `left` are the rows and columns of zeros before the image.
    cdef const float[:, :, :, ::1] image
    cdef Py_ssize_t n, h, w, ic, oc, kh, kw, top, left, tiles_h, tiles_w
    cdef Py_ssize_t subfilters_h, subfilters_w
    cdef Py_ssize_t row_blocks, block_rows  # blocks of an image, rows of tiles in each at most
    cdef bint padded
    cdef Py_ssize_t padded_width, padded_size, patches_size

    cdef set_tiles(self, image, w_shape, y_shape, step, pads, Py_ssize_t tiles):
        # A tile is `step` rows and columns of y, a block about `tiles` of them.
        self.algorithm = "winograd"
        self.image = image
        self.n, self.h, self.w, self.ic = image.shape
        self.kh, self.kw = w_shape[:2]
        self.subfilters_h, self.subfilters_w = self.kh // 2, self.kw // 2
        self.oc = y_shape[3]
        self.tiles_h, self.tiles_w = ceil_div(y_shape[1], step), ceil_div(y_shape[2], step)
        self.top, self.left = pads[0], pads[1]
        # a tile reads kw - 1 columns more than it writes; a row of the image may be longer
        self.padded_width = 2 * self.tiles_w + self.kw - 1
        self.padded = (
            self.top > 0 or self.left > 0
            or 2 * self.tiles_h + self.kh - 1 > self.h or self.padded_width > self.w
        )
        self.padded_width = max(self.padded_width, self.left + self.w) if self.padded else self.w
        self.work = <double>self.n * self.tiles_h * self.tiles_w * self.ic * self.oc
        products = (3 * self.subfilters_h + 1) * (3 * self.subfilters_w + 1)
        self.work *= products / vector_efficiency(self.table, self.oc)
        rows = max(tiles // max(self.tiles_w, <Py_ssize_t>1), <Py_ssize_t>1)
        self.row_blocks = max(ceil_div(self.tiles_h, rows + rows // 2), <Py_ssize_t>1)
        if self.n < 32 and self.work >= 2 * WORK_PER_THREAD and self.row_blocks < self.tiles_h:
            self.row_blocks += self.n * self.row_blocks % 2  # an even number of tasks
        self.block_rows = max(ceil_div(self.tiles_h, self.row_blocks), <Py_ssize_t>1)
        padded_height = 2 * self.block_rows + self.kh - 1
        self.padded_size = round_up(padded_height * self.padded_width * self.ic, 16)
        self.patches_size = self.subfilters_w * 16 * self.plane_size(self.block_rows)

    cdef Py_ssize_t plane_size(self, Py_ssize_t rows) noexcept nogil:
        # Elements in one of the 16 planes of the patches that so many rows of tiles need.
        return (rows + self.subfilters_h - 1) * self.tiles_w * self.ic

    cdef void patches(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t rows, float *scratch, float *v,
        Py_ssize_t plane,
    ) noexcept nogil:
        # The transformed patches that `rows` rows of tiles of image n need: v (subfilters_w, 16,
        # tiles, ic), each subfilter's two columns further on; `plane` is the distance of the 16.
        cdef const float *x = &self.image[n, 0, 0, 0] + 2 * first * self.w * self.ic
        cdef WinogradRow p
        cdef Py_ssize_t row, subfilter
        rows += self.subfilters_h - 1
        if self.padded:
            pad_rows(
                &self.image[n, 0, 0, 0], scratch, self.h, self.w, self.ic, self.top, self.left,
                self.padded_width, 2 * first, 2 * rows + 2,
            )
            x = scratch
        p.tiles, p.x_row = self.tiles_w, self.padded_width * self.ic
        p.channels, p.plane = self.ic, plane
        for subfilter in range(self.subfilters_w):
            for row in range(rows):
                p.x = x + 2 * row * p.x_row + 2 * subfilter * self.ic
                p.planes = v + 16 * subfilter * plane + row * self.tiles_w * self.ic
                self.table.winograd_input(&p)

    cdef Py_ssize_t plane_segments(
        self, Py_ssize_t k, Py_ssize_t plane, Py_ssize_t *in_v, Py_ssize_t *in_u
    ) noexcept nogil:
        # How many subfilters have products in plane k of the 16, and their segments: offsets from
        # that plane into v and into u (subfilters, 16, ic, oc).
        cdef Py_ssize_t sub_h, sub_w, count = 0
        for sub_h in range(self.subfilters_h if k >= 4 else 1):
            for sub_w in range(self.subfilters_w if k % 4 else 1):
                in_v[count] = 16 * sub_w * plane + sub_h * self.tiles_w * self.ic
                in_u[count] = 16 * (sub_h * self.subfilters_w + sub_w) * self.ic * self.oc
                count += 1
        return count

    cdef void taps(
        self, Py_ssize_t subfilter, float *w, Py_ssize_t distance, bint flipped, float **taps
    ) noexcept nogil:
        # The nine taps of a subfilter, NULL for the zeros before a pair.
        cdef Py_ssize_t sub_h = subfilter // self.subfilters_w, k, tap
        cdef Py_ssize_t sub_w = subfilter % self.subfilters_w
        for k in range(9):
            tap = (2 * sub_h + k // 3) * self.kw + 2 * sub_w + k % 3
            if flipped:
                tap = self.kh * self.kw - 1 - tap
            taps[k] = w + tap * distance
            if (k < 3 and sub_h > 0) or (k % 3 == 0 and sub_w > 0):
                taps[k] = NULL


cdef class Winograd(WinogradTiles):
    # image (n, h, w, ic) -> target (n, oh, ow, oc); without `pool`, `residual` is added, which may
    # be None or the target
    cdef const float[:, :, :, ::1] weights
    cdef const float[::1] b
    cdef const float[:, :, :, ::1] residual
    cdef float[:, :, :, ::1] target
    cdef unsigned char[:, :, :, ::1] argmax
    cdef float[:, :, :, ::1] u  # (subfilters, 16, ic, oc)
    cdef bint relu, pool, flipped
    cdef float relu_max  # without `pool`

    def __init__(
        self, image, weights, b, residual, target, argmax, pads, relu, pool, flipped,
        relu_max=np.inf,
    ):
        self.weights, self.b, self.residual = weights, b, residual
        self.target, self.argmax = target, argmax
        self.relu, self.pool, self.flipped = relu, pool, flipped
        self.relu_max = bound_of_relu(relu_max)
        self.set_tiles(image, weights.shape, target.shape, 1 if pool else 2, pads, WINOGRAD_TILES)
        self.u = aligned((self.subfilters_h * self.subfilters_w, 16, self.ic, self.oc))
        self.preparations = ceil_div(self.ic, 16)
        self.prepares_weights = True
        self.tasks = self.n * self.row_blocks
        size = self.padded_size + self.patches_size + 16 * self.block_rows * self.tiles_w * self.oc
        self.allocate_scratch(max(size, self.kh * self.kw * 16 * self.oc))

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = 16 * i, plane = self.ic * self.oc, c, k, subfilter
        cdef Py_ssize_t count = min(<Py_ssize_t>16, self.ic - first)
        cdef const float *w = &self.weights[0, 0, 0, 0]
        cdef const float *rows = scratch
        cdef float *taps[9]
        if self.flipped:
            # w is (kh, kw, oc, ic): transpose 16 of its columns into rows of `oc` elements
            for k in range(self.kh * self.kw):
                self.table.transpose(
                    w + k * plane + first, self.ic, scratch + k * 16 * self.oc, self.oc, self.oc,
                    count,
                )
        else:
            rows = w + first * self.oc
        cdef Py_ssize_t distance = 16 * self.oc if self.flipped else plane
        for c in range(count):
            for subfilter in range(self.u.shape[0]):
                self.taps(subfilter, <float *>rows + c * self.oc, distance, self.flipped, taps)
                self.table.winograd_filter(
                    <const float *const *>taps, &self.u[subfilter, 0, first + c, 0], plane, self.oc
                )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.row_blocks, block = i % self.row_blocks, row, k
        cdef Py_ssize_t first = self.tiles_h * block // self.row_blocks
        cdef Py_ssize_t rows = self.tiles_h * (block + 1) // self.row_blocks - first
        cdef Py_ssize_t tiles = rows * self.tiles_w
        cdef Py_ssize_t in_v[MAX_SUBFILTERS]
        cdef Py_ssize_t in_u[MAX_SUBFILTERS]
        cdef float *v = scratch + self.padded_size
        cdef float *m = v + self.patches_size
        cdef Py_ssize_t plane = self.plane_size(rows)
        self.patches(n, first, rows, scratch, v, plane)
        cdef Product q
        q.b, q.residual, q.x_segments, q.w_segments = NULL, NULL, in_v, in_u
        q.steps, q.accumulate, q.relu, q.pixels = self.ic, 0, 0, tiles
        q.x_pixel, q.x_step, q.w_step, q.y_pixel = self.ic, 1, self.oc, self.oc
        for k in range(16):
            q.segments = self.plane_segments(k, plane, in_v, in_u)
            q.x, q.w, q.y = v + k * plane, &self.u[0, k, 0, 0], m + k * tiles * self.oc
            product_blocks(self.table, &q, self.oc)
        cdef WinogradRow p
        p.tiles, p.channels, p.plane = self.tiles_w, self.oc, tiles * self.oc
        p.b = &self.b[0] if self.b is not None else NULL
        p.relu, p.pool, p.relu_max = self.relu, self.pool, self.relu_max
        p.y_row, p.columns = self.target.shape[2] * self.oc, self.target.shape[2]
        for row in range(rows):
            p.planes = m + row * self.tiles_w * self.oc
            k = first + row if self.pool else 2 * (first + row)
            p.rows = min(<Py_ssize_t>2, self.target.shape[1] - k)
            p.y = &self.target[n, k, 0, 0]
            p.residual = &self.residual[n, k, 0, 0] if self.residual is not None else NULL
            p.argmax = &self.argmax[n, k, 0, 0] if self.argmax is not None else NULL
            self.table.winograd_output(&p)


cdef class WinogradBackwardWeights(WinogradTiles):
    # dw = G' [ sum over tiles of (A dy A') . (B' x B) ] G, the forward product transposed. The sums
    # run over blocks: a block of rows of one image, or several small images. A task is some blocks;
    # the tasks' sums are added in order (see sum_tasks).
    cdef const float[:, :, :, ::1] dy
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef float[:, :, :, :, ::1] sums  # (task, subfilters, 16, ic, oc)
    cdef float[:, ::1] bias           # (task, oc)
    cdef Py_ssize_t images, blocks    # images in a block (1 if it is rows of one), blocks
    cdef Py_ssize_t[::1] x_segments, dy_segments

    def __init__(self, x, dy, dw, db, pads):
        self.dy, self.dw, self.db = dy, dw, db
        self.gradients = dw.size
        self.set_tiles(x, dw.shape, dy.shape, 2, pads, WINOGRAD_TILES_WEIGHTS)
        tiles = self.block_rows * self.tiles_w
        self.images = 1
        if self.row_blocks == 1:
            images = max(min(WINOGRAD_TILES_WEIGHTS // tiles, ceil_div(self.n, 2)), <Py_ssize_t>1)
            self.images = ceil_div(self.n, ceil_div(self.n, images))  # blocks of equal size
        self.blocks = ceil_div(self.n, self.images) * self.row_blocks
        images = np.arange(self.images)
        self.x_segments = images * self.plane_size(self.block_rows)
        self.dy_segments = images * tiles * self.oc
        subfilters = self.subfilters_h * self.subfilters_w
        self.tasks = sum_tasks(self.blocks, subfilters * 16 * self.ic * self.oc)
        # two even for large sums: adding them takes less time than a second thread saves
        self.tasks = max(self.tasks, min(self.blocks, <Py_ssize_t>2))
        self.sums = aligned((self.tasks, subfilters, 16, self.ic, self.oc))
        self.bias = aligned((self.tasks, self.oc))
        self.finishes = self.ic
        size = self.images * (self.patches_size + 16 * tiles * self.oc)
        self.allocate_scratch(self.padded_size + size)

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t block
        memset(&self.sums[i, 0, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0], 0, self.bias.strides[0])
        for block in range(self.blocks * i // self.tasks, self.blocks * (i + 1) // self.tasks):
            self.add_block(i, block, scratch)

    cdef void add_block(self, Py_ssize_t i, Py_ssize_t block, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = block // self.row_blocks * self.images
        cdef Py_ssize_t row_block = block % self.row_blocks
        cdef Py_ssize_t first = self.tiles_h * row_block // self.row_blocks
        cdef Py_ssize_t rows = self.tiles_h * (row_block + 1) // self.row_blocks - first
        cdef Py_ssize_t images = min(self.images, self.n - n), image, row, k, subfilter
        cdef Py_ssize_t tiles = rows * self.tiles_w
        cdef Py_ssize_t patches = self.plane_size(rows), plane = images * patches
        cdef Py_ssize_t in_v[MAX_SUBFILTERS]
        cdef Py_ssize_t in_u[MAX_SUBFILTERS]
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
        q.b, q.residual, q.relu, q.segments = NULL, NULL, 0, images
        q.x_segments, q.w_segments = &self.x_segments[0], &self.dy_segments[0]
        q.accumulate, q.w_step, q.y_pixel = 1, self.oc, self.oc
        q.x_pixel, q.x_step, q.pixels, q.steps = 1, self.ic, self.ic, tiles
        for k in range(16):
            q.w = d + k * p.plane
            for subfilter in range(self.plane_segments(k, plane, in_v, in_u)):
                q.x = v + k * plane + in_v[subfilter]
                q.y = &self.sums[i, 0, k, 0, 0] + in_u[subfilter]
                product_blocks(self.table, &q, self.oc)
        if self.db is not None:  # the block's rows are contiguous in dy
            rows = images * min(2 * rows, self.dy.shape[1] - 2 * first) * self.dy.shape[2]
            sum_rows(
                self.table, &self.dy[n, 2 * first, 0, 0], rows, self.oc, &self.bias[i, 0], True
            )

    cdef void finish(self, Py_ssize_t c) noexcept nogil:
        # dw[:, :, c, :]
        cdef Py_ssize_t subfilters = self.sums.shape[1], plane = self.ic * self.oc, task, subfilter
        cdef float *taps[9]
        for task in range(1, self.tasks):
            self.table.add_rows(
                &self.sums[task, 0, 0, c, 0], &self.sums[0, 0, 0, c, 0], plane, 16 * subfilters,
                self.oc,
            )
        for subfilter in range(subfilters):
            self.taps(subfilter, &self.dw[0, 0, c, 0], plane, False, taps)
            self.table.winograd_filter_gradient(
                &self.sums[0, subfilter, 0, c, 0], plane, taps, self.oc
            )
        if c == 0 and self.db is not None:
            for task in range(1, self.tasks):
                self.table.add_rows(&self.bias[task, 0], &self.bias[0, 0], 0, 1, self.oc)
            memcpy(&self.db[0], &self.bias[0, 0], self.oc * sizeof(float))
