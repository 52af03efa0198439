# Convolutions by Winograd's F(2x2, 3x3): forward, with or without a 2x2 max-pool; the gradient of
# the image, which is a convolution of dy with the flipped filter; the gradient of the filter.
# Larger filters are sums of 3x3 subfilters, see csrc/tiles/winograd.inc.h.
# uses: team (Kernel, WORK_PER_THREAD, bound_of_relu, ceil_div, round_up), product (product_blocks,
#       sum_rows, vector_efficiency), geometry (pixel_distance, sum_tasks)

# Tiles in a block, at most: enough to fill the registers (12 tiles are two times six of 16 channels
# by AVX2), few enough for everything to stay in the first-level cache. A large transformed filter
# does not fit into it and is read once for each block, so it needs more of them; so do the sums of
# the filter's gradient, which are read and written for each block.
cdef Py_ssize_t WINOGRAD_TILES = 12, WINOGRAD_TILES_LARGE = 48, WINOGRAD_TILES_WEIGHTS = 96
cdef Py_ssize_t WINOGRAD_LARGE = 16384  # elements of a block of output channels of the filter
cdef Py_ssize_t CACHE_LINE = 16  # between planes: at powers of two they would evict each other
cdef enum:
    MAX_SUBFILTERS = 9  # of a 7x7 filter, the largest that choice.py selects Winograd for


cdef class WinogradTiles(Kernel):
    # Images (n, h, w, ic) as 4x4 patches, two rows and columns apart, that yield 2x2 tiles of an
    # output (n, oh, ow, oc); `top` and `left` are the rows and columns of zeros before the image.
    # Tiles are counted row by row.
    cdef const float[:, :, :, ::1] image
    cdef Py_ssize_t n, h, w, ic, oc, kh, kw, top, left, tiles_h, tiles_w
    cdef Py_ssize_t subfilters_h, subfilters_w
    cdef Py_ssize_t unit, units  # tiles that stay together: one, or a row of them; per image
    cdef Py_ssize_t tile_blocks, block_tiles  # blocks of an image, tiles in one at most
    cdef Py_ssize_t patches_size

    cdef set_tiles(self, image, w_shape, y_shape, step, pads):
        # A tile is `step` rows and columns of y.
        self.algorithm = "winograd"
        self.image = image
        self.n, self.h, self.w, self.ic = image.shape
        self.kh, self.kw = w_shape[:2]
        self.subfilters_h, self.subfilters_w = self.kh // 2, self.kw // 2
        self.oc = y_shape[3]
        self.tiles_h, self.tiles_w = ceil_div(y_shape[1], step), ceil_div(y_shape[2], step)
        self.top, self.left = pads
        self.work = <double>self.n * self.tiles_h * self.tiles_w * self.ic * self.oc
        products = (3 * self.subfilters_h + 1) * (3 * self.subfilters_w + 1)
        self.work *= products / vector_efficiency(self.table, self.oc)

    cdef set_blocks(self, bint in_rows, Py_ssize_t tiles):
        # Blocks of at most so many tiles, or a row.
        self.unit = max(self.tiles_w, <Py_ssize_t>1) if in_rows else 1
        self.units = self.tiles_h * self.tiles_w // self.unit
        self.tile_blocks = ceil_div(self.units, max(tiles // self.unit, <Py_ssize_t>1))
        self.tile_blocks = max(self.tile_blocks, <Py_ssize_t>1)
        if self.n < 32 and self.work >= 2 * WORK_PER_THREAD and self.tile_blocks < self.units:
            self.tile_blocks += self.n * self.tile_blocks % 2  # an even number of tasks
        self.block_tiles = ceil_div(self.units, self.tile_blocks) * self.unit
        self.patches_size = round_up(self.subfilters_w * 16 * self.plane_size(self.block_tiles), 16)

    cdef inline Py_ssize_t first_tile(self, Py_ssize_t block) noexcept nogil:
        return self.units * block // self.tile_blocks * self.unit

    cdef inline Py_ssize_t plane_size(self, Py_ssize_t tiles) noexcept nogil:
        # Elements in one of the 16 planes of the patches that so many tiles need.
        return (tiles + (self.subfilters_h - 1) * self.tiles_w) * self.ic + CACHE_LINE

    cdef void patches(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t tiles, float *v, Py_ssize_t plane
    ) noexcept nogil:
        # The transformed patches that tiles [first, first + tiles) of image n need: v
        # (subfilters_w, 16, tiles, ic), each subfilter's two columns further on; `plane` is the
        # distance of the 16.
        cdef Py_ssize_t tile = 0, subfilter, column
        cdef WinogradRun p
        p.x, p.height, p.width = &self.image[n, 0, 0, 0], self.h, self.w
        p.channels, p.pixel, p.plane = self.ic, self.ic, plane
        tiles += (self.subfilters_h - 1) * self.tiles_w
        while tile < tiles:
            column = (first + tile) % self.tiles_w
            p.tiles = min(self.tiles_w - column, tiles - tile)
            p.row = 2 * ((first + tile) // self.tiles_w) - self.top
            for subfilter in range(self.subfilters_w):
                p.column = 2 * (column + subfilter) - self.left
                p.planes = v + 16 * subfilter * plane + tile * self.ic
                self.table.winograd_input(&p)
            tile += p.tiles

    cdef Py_ssize_t plane_segments(
        self, Py_ssize_t k, Py_ssize_t plane, Py_ssize_t channels, Py_ssize_t *in_v,
        Py_ssize_t *in_u,
    ) noexcept nogil:
        # How many subfilters have products in plane k of the 16, and their segments: offsets from
        # that plane into v and into u (subfilters, 16, ic, channels).
        cdef Py_ssize_t sub_h, sub_w, count = 0
        for sub_h in range(self.subfilters_h if k >= 4 else 1):
            for sub_w in range(self.subfilters_w if k % 4 else 1):
                in_v[count] = 16 * sub_w * plane + sub_h * self.tiles_w * self.ic
                in_u[count] = 16 * (sub_h * self.subfilters_w + sub_w) * self.ic * channels
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
    # be None or the target. Both may be columns of a wider array.
    cdef const float[:, :, :, ::1] weights
    cdef const float[::1] b
    cdef const float[:, :, :, :] residual
    cdef float[:, :, :, :] target
    cdef Py_ssize_t pixel
    cdef unsigned char[:, :, :, ::1] argmax
    # the transformed filter: blocks of output channels, in each (subfilters, 16, ic, channels)
    cdef float[::1] u
    cdef Py_ssize_t subfilters
    cdef bint is_small  # whether all planes are multiplied by a block of u at once
    cdef bint relu, pool, flipped
    cdef float relu_max  # without `pool`

    def __init__(
        self, image, weights, b, residual, target, argmax, pads, relu, pool, flipped,
        relu_max=np.inf,
    ):
        self.weights, self.b, self.residual = weights, b, residual
        self.target, self.argmax, self.pixel = target, argmax, pixel_distance(target)
        self.relu, self.pool, self.flipped = relu, pool, flipped
        self.relu_max = bound_of_relu(relu_max)
        self.set_tiles(image, weights.shape, target.shape, 1 if pool else 2, pads)
        self.subfilters = self.subfilters_h * self.subfilters_w
        # the first block is not always the widest: nine vectors may be 3 + 4 + 2
        cdef Py_ssize_t done = 0, channels = 0
        while done < self.oc:
            channels = max(channels, self.block_channels(done))
            done += self.block_channels(done)
        self.is_small = self.subfilters == 1 and 16 * self.ic * channels <= WINOGRAD_LARGE
        tiles = WINOGRAD_TILES if self.is_small else WINOGRAD_TILES_LARGE
        self.set_blocks(self.subfilters > 1, tiles)
        self.u = aligned((self.subfilters * 16 * self.ic * self.oc,))
        self.preparations = ceil_div(self.ic, 16)
        self.prepares_weights = True
        self.tasks = self.n * self.tile_blocks
        size = 16 * (self.block_tiles * (channels if self.is_small else self.oc) + CACHE_LINE)
        self.allocate_scratch(max(self.patches_size + size, self.kh * self.kw * 16 * self.oc))

    cdef inline Py_ssize_t block_channels(self, Py_ssize_t first) noexcept nogil:
        # How many output channels the block from `first` on has.
        return min(self.table.product_block(self.oc - first), self.oc - first)

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t first = 16 * i, plane = self.ic * self.oc, k, done = 0, channels
        cdef Py_ssize_t count = min(<Py_ssize_t>16, self.ic - first)
        cdef const float *rows = &self.weights[0, 0, 0, 0]
        if self.flipped:
            # w is (kh, kw, oc, ic): transpose 16 of its columns into rows of `oc` elements
            for k in range(self.kh * self.kw):
                self.table.transpose(
                    rows + k * plane + first, self.ic, scratch + k * 16 * self.oc, self.oc,
                    self.oc, count,
                )
            rows, plane = scratch, 16 * self.oc
        else:
            rows += first * self.oc
        while done < self.oc:
            channels = self.block_channels(done)
            self.prepare_block(rows + done, plane, first, count, done, channels)
            done += channels

    cdef void prepare_block(
        self, const float *w, Py_ssize_t distance, Py_ssize_t first, Py_ssize_t count,
        Py_ssize_t done, Py_ssize_t channels,
    ) noexcept nogil:
        # The block of u from output channel `done` on, of `count` input channels from `first` on;
        # the taps of w are `distance` elements apart.
        cdef float *u = &self.u[0] + 16 * self.subfilters * self.ic * done
        cdef float *taps[9]
        cdef Py_ssize_t c, subfilter
        for c in range(count):
            for subfilter in range(self.subfilters):
                self.taps(subfilter, <float *>w + c * self.oc, distance, self.flipped, taps)
                self.table.winograd_filter(
                    <const float *const *>taps,
                    u + (16 * subfilter * self.ic + first + c) * channels, self.ic * channels,
                    channels,
                )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = i // self.tile_blocks, block = i % self.tile_blocks
        cdef Py_ssize_t first = self.first_tile(block), done = 0, channels
        cdef Py_ssize_t tiles = self.first_tile(block + 1) - first
        cdef Py_ssize_t plane = self.plane_size(tiles)
        cdef float *m = scratch + self.patches_size
        self.patches(n, first, tiles, scratch, plane)
        while done < self.oc:
            channels = self.block_channels(done) if self.is_small else self.oc
            self.products(scratch, plane, tiles, done, channels, m)
            self.outputs(n, first, tiles, done, channels, m)
            done += channels

    cdef void products(
        self, const float *v, Py_ssize_t plane, Py_ssize_t tiles, Py_ssize_t first,
        Py_ssize_t channels, float *m,
    ) noexcept nogil:
        # m (16, tiles, channels) = v * u for output channels [first, first + channels)
        cdef Py_ssize_t k = 0, done
        cdef Py_ssize_t in_v[MAX_SUBFILTERS]
        cdef Py_ssize_t in_u[MAX_SUBFILTERS]
        cdef Product q
        cdef Planes planes
        q.b, q.residual, q.x_segments, q.w_segments = NULL, NULL, in_v, in_u
        q.steps, q.accumulate, q.relu, q.pixels = self.ic, 0, 0, tiles
        q.x_pixel, q.x_step, q.y_pixel = self.ic, 1, channels
        planes.count = 16 if self.is_small else 1
        planes.x, planes.y = plane, tiles * channels + CACHE_LINE
        while k < 16:
            done = 0
            while done < channels:
                q.channels = q.w_step = self.block_channels(first + done)
                planes.w = self.ic * q.channels
                q.segments = self.plane_segments(k, plane, q.channels, in_v, in_u)
                q.x, q.y = v + k * plane, m + k * planes.y + done
                q.w = &self.u[0] + 16 * self.subfilters * self.ic * (first + done) + k * planes.w
                self.table.product_planes(&q, &planes)
                done += q.channels
            k += planes.count

    cdef void outputs(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t tiles, Py_ssize_t done,
        Py_ssize_t channels, float *m,
    ) noexcept nogil:
        # Tiles [first, first + tiles) of image n, output channels [done, done + channels)
        cdef Py_ssize_t tile = 0, column, step = 1 if self.pool else 2
        cdef WinogradRun p
        p.height, p.width, p.pixel = self.target.shape[1], self.target.shape[2], self.pixel
        p.channels, p.plane = channels, tiles * channels + CACHE_LINE
        p.relu, p.pool, p.relu_max = self.relu, self.pool, self.relu_max
        p.b = &self.b[done] if self.b is not None else NULL
        p.y = &self.target[n, 0, 0, done]
        p.residual = &self.residual[n, 0, 0, done] if self.residual is not None else NULL
        p.argmax = &self.argmax[n, 0, 0, done] if self.argmax is not None else NULL
        while tile < tiles:
            column = (first + tile) % self.tiles_w
            p.tiles = min(self.tiles_w - column, tiles - tile)
            p.row, p.column = step * ((first + tile) // self.tiles_w), step * column
            p.planes = m + tile * channels
            self.table.winograd_output(&p)
            tile += p.tiles


cdef class WinogradBackwardWeights(WinogradTiles):
    # dw = G' [ sum over tiles of (A dy A') . (B' x B) ] G, the forward product transposed. The sums
    # run over blocks: a block of rows of one image, or several small images. A task is some blocks;
    # the tasks' sums are added in order (see sum_tasks).
    cdef const float[:, :, :, ::1] dy
    cdef float[:, :, :, ::1] dw
    cdef float[::1] db
    cdef float[:, :, :, :, ::1] sums  # (task, subfilters, 16, ic, oc)
    cdef float[:, ::1] bias           # (task, oc)
    cdef Py_ssize_t images, sum_blocks  # images in a block (1 if it is rows of one), blocks
    cdef Py_ssize_t[::1] x_segments, dy_segments

    def __init__(self, x, dy, dw, db, pads):
        self.dy, self.dw, self.db = dy, dw, db
        self.gradients = dw.size
        self.set_tiles(x, dw.shape, dy.shape, 2, pads)
        self.set_blocks(True, WINOGRAD_TILES_WEIGHTS)
        tiles = self.block_tiles
        self.images = 1
        if self.tile_blocks == 1:
            images = WINOGRAD_TILES_WEIGHTS // max(tiles, <Py_ssize_t>1)
            images = max(min(images, ceil_div(self.n, 2)), <Py_ssize_t>1)
            self.images = ceil_div(self.n, ceil_div(self.n, images))  # blocks of equal size
        self.sum_blocks = ceil_div(self.n, self.images) * self.tile_blocks
        images = np.arange(self.images)
        self.x_segments = images * self.plane_size(tiles)
        self.dy_segments = images * tiles * self.oc
        subfilters = self.subfilters_h * self.subfilters_w
        self.tasks = sum_tasks(self.sum_blocks, subfilters * 16 * self.ic * self.oc)
        # two even for large sums: adding them takes less time than a second thread saves
        self.tasks = max(self.tasks, min(self.sum_blocks, <Py_ssize_t>2))
        self.sums = aligned((self.tasks, subfilters, 16, self.ic, self.oc))
        self.bias = aligned((self.tasks, self.oc))
        self.finishes = self.ic
        self.allocate_scratch(
            self.images * (self.patches_size + 16 * tiles * self.oc) + 16 * CACHE_LINE
        )

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t block, end = self.sum_blocks * (i + 1) // self.tasks
        memset(&self.sums[i, 0, 0, 0, 0], 0, self.sums.strides[0])
        memset(&self.bias[i, 0], 0, self.bias.strides[0])
        for block in range(self.sum_blocks * i // self.tasks, end):
            self.add_block(i, block, scratch)

    cdef void add_block(self, Py_ssize_t i, Py_ssize_t block, float *scratch) noexcept nogil:
        cdef Py_ssize_t n = block // self.tile_blocks * self.images
        cdef Py_ssize_t first = self.first_tile(block % self.tile_blocks)
        cdef Py_ssize_t tiles = self.first_tile(block % self.tile_blocks + 1) - first
        cdef Py_ssize_t images = min(self.images, self.n - n), image, rows, k, subfilter
        cdef Py_ssize_t patches = self.plane_size(tiles), plane = images * patches
        cdef Py_ssize_t d_plane = images * tiles * self.oc + CACHE_LINE
        cdef Py_ssize_t in_v[MAX_SUBFILTERS]
        cdef Py_ssize_t in_u[MAX_SUBFILTERS]
        cdef float *v = scratch
        cdef float *d = v + self.images * self.patches_size
        cdef Product q
        for image in range(images):
            self.patches(n + image, first, tiles, v + image * patches, plane)
            self.gradients_of(n + image, first, tiles, d + image * tiles * self.oc, d_plane)
        q.b, q.residual, q.relu, q.segments = NULL, NULL, 0, images
        q.x_segments, q.w_segments = &self.x_segments[0], &self.dy_segments[0]
        q.accumulate, q.w_step, q.y_pixel = 1, self.oc, self.oc
        q.x_pixel, q.x_step, q.pixels, q.steps = 1, self.ic, self.ic, tiles
        for k in range(16):
            q.w = d + k * d_plane
            for subfilter in range(self.plane_segments(k, plane, self.oc, in_v, in_u)):
                q.x = v + k * plane + in_v[subfilter]
                q.y = &self.sums[i, 0, k, 0, 0] + in_u[subfilter]
                product_blocks(self.table, &q, self.oc)
        if self.db is not None:  # the block's rows are contiguous in dy
            first = 2 * (first // self.unit)
            rows = min(2 * (tiles // self.unit), self.dy.shape[1] - first)
            sum_rows(
                self.table, &self.dy[n, first, 0, 0], images * rows * self.dy.shape[2], self.oc,
                &self.bias[i, 0], True,
            )

    cdef void gradients_of(
        self, Py_ssize_t n, Py_ssize_t first, Py_ssize_t tiles, float *d, Py_ssize_t plane
    ) noexcept nogil:
        # The transformed dy of whole rows of tiles of image n: d (16, tiles, oc)
        cdef Py_ssize_t tile = 0
        cdef WinogradRun p
        p.x, p.height, p.width = &self.dy[n, 0, 0, 0], self.dy.shape[1], self.dy.shape[2]
        p.channels, p.pixel, p.plane, p.tiles = self.oc, self.oc, plane, self.tiles_w
        p.column = 0
        while tile < tiles:
            p.row, p.planes = 2 * ((first + tile) // self.tiles_w), d + tile * self.oc
            self.table.winograd_gradient(&p)
            tile += self.tiles_w

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
