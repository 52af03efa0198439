# Random changes of images, with numbers of their own for each. A task is an image or a block of it.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class Flip(Kernel):
    # Mirrors the images whose flag is set. A task is an image.
    cdef const float[:, :, :, ::1] x
    cdef const unsigned char[::1] flags
    cdef float[:, :, :, ::1] y
    cdef bint vertical, horizontal

    def __init__(self, x, flags, y, vertical, horizontal):
        self.x, self.flags, self.y = x, flags, y
        self.vertical, self.horizontal = vertical, horizontal
        self.tasks = x.shape[0]
        self.work = 8. * x.size  # bound by memory

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef Py_ssize_t height = self.x.shape[1], width = self.x.shape[2], c = self.x.shape[3], h
        cdef const float *x
        cdef float *y
        if not self.flags[n]:
            memcpy(&self.y[n, 0, 0, 0], &self.x[n, 0, 0, 0], height * width * c * sizeof(float))
            return
        for h in range(height):
            x = &self.x[n, height - 1 - h if self.vertical else h, 0, 0]
            y = &self.y[n, h, 0, 0]
            if self.horizontal:
                self.table.copy_rows(x + (width - 1) * c, -c, y, c, width, c)
            else:
                memcpy(y, x, width * c * sizeof(float))


cdef class ImageBlocks(Kernel):
    # Of arrays (n, size) whose images are cut into blocks of whole pixels.
    cdef Py_ssize_t size, block, blocks

    cdef set_sizes(self, shape, Py_ssize_t channels, double work):
        self.size = np.prod(shape[1:], dtype=np.intp)
        self.block = max(ELEMENTS_PER_TASK // channels, <Py_ssize_t>1) * channels
        self.blocks = ceil_div(self.size, self.block)
        self.tasks = shape[0] * self.blocks
        self.work = work * shape[0] * self.size

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i % self.blocks * self.block
        self.change(i // self.blocks, start, min(start + self.block, self.size))

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        pass


cdef object image_rows(images):
    # Images as rows; there is at least one element.
    return images.reshape(images.shape[0], -1)


cdef inline float within(float value, float low, float high) noexcept nogil:
    # NaN stays NaN.
    value = high if value > high else value
    return low if value < low else value


cdef void to_bytes(
    const float *x, float *y, Py_ssize_t start, Py_ssize_t end, float lowest, float extent
) noexcept nogil:
    # Values from lowest to lowest + extent as values from 0 to 255.
    cdef Py_ssize_t i
    for i in range(start, end):
        y[i] = (x[i] - lowest) / extent * 255


cdef void from_bytes(
    float *y, Py_ssize_t start, Py_ssize_t end, float lowest, float extent
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(start, end):
        y[i] = y[i] / 255 * extent + lowest


cdef class Mix(ImageBlocks):
    # y[n] = share[n] * x[n] + rest[n] * other[partner[n]], within [low, high]
    cdef const float[:, ::1] x, other
    cdef const long long[::1] partner
    cdef const float[::1] share, rest
    cdef float[:, ::1] y
    cdef float low, high

    def __init__(self, x, other, partner, share, rest, y, low, high):
        self.x, self.other, self.y = image_rows(x), image_rows(other), image_rows(y)
        self.partner, self.share, self.rest, self.low, self.high = partner, share, rest, low, high
        self.set_sizes(x.shape, 1, 12)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef float share = self.share[n], rest = self.rest[n], low = self.low, high = self.high
        cdef const float *x = &self.x[n, 0]
        cdef const float *other = &self.other[self.partner[n], 0]
        cdef float *y = &self.y[n, 0]
        cdef Py_ssize_t i
        for i in range(start, end):
            y[i] = within(share * x[i] + rest * other[i], low, high)


cdef class Select(ImageBlocks):
    # y[n] = other[partner[n]] where the mask of the pixel is set, else x[n]
    cdef const float[:, :, ::1] x, other
    cdef const long long[::1] partner
    cdef const unsigned char[:, ::1] mask
    cdef float[:, :, ::1] y

    def __init__(self, x, other, partner, mask, y):
        self.x, self.other, self.partner, self.mask, self.y = x, other, partner, mask, y
        self.set_sizes(x.shape, x.shape[2], 12)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef Py_ssize_t channels = self.x.shape[2], p = start // channels, first, last, i
        cdef const float *source
        last = end // channels
        while p < last:  # runs of pixels from one of the two
            first = p
            while p < last and self.mask[n, p] == self.mask[n, first]:
                p += 1
            source = (
                &self.other[self.partner[n], first, 0] if self.mask[n, first]
                else &self.x[n, first, 0]
            )
            memcpy(&self.y[n, first, 0], source, (p - first) * channels * sizeof(float))


cdef class Solarize(ImageBlocks):
    # s = x + addition[n] within [0, 255]; y = s where s < threshold[n], else 255 - s. x and y are
    # scaled from and to lowest, lowest + extent.
    cdef const float[:, ::1] x
    cdef const float[::1] addition, threshold
    cdef float[:, ::1] y
    cdef float lowest, extent

    def __init__(self, x, addition, threshold, y, lowest, extent):
        self.x, self.y = image_rows(x), image_rows(y)
        self.addition, self.threshold = addition, threshold
        self.lowest, self.extent = lowest, extent
        self.set_sizes(x.shape, 1, 16)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef float addition = self.addition[n], threshold = self.threshold[n], s
        cdef const float *x = &self.x[n, 0]
        cdef float *y = &self.y[n, 0]
        cdef Py_ssize_t i
        if self.lowest != 0 or self.extent != 255:
            to_bytes(x, y, start, end, self.lowest, self.extent)
            x = y
        for i in range(start, end):
            s = within(x[i] + addition, 0, 255)
            y[i] = s if s < threshold else 255 - s
        if self.lowest != 0 or self.extent != 255:
            from_bytes(y, start, end, self.lowest, self.extent)


cdef class Posterize(ImageBlocks):
    # Clears the lowest bits[n] bits of x as a byte. x and y are scaled as in Solarize.
    cdef const float[:, ::1] x
    cdef const unsigned char[::1] bits
    cdef float[:, ::1] y
    cdef float lowest, extent

    def __init__(self, x, bits, y, lowest, extent):
        self.x, self.bits, self.y = image_rows(x), bits, image_rows(y)
        self.lowest, self.extent = lowest, extent
        self.set_sizes(x.shape, 1, 16)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef int mask = 255 >> self.bits[n] << self.bits[n]
        cdef float s
        cdef const float *x = &self.x[n, 0]
        cdef float *y = &self.y[n, 0]
        cdef Py_ssize_t i
        if self.lowest != 0 or self.extent != 255:
            to_bytes(x, y, start, end, self.lowest, self.extent)
            x = y
        for i in range(start, end):
            s = 0 if x[i] != x[i] else within(x[i], -2147483648, 2147483520)  # largest below 2^31
            y[i] = <float>(<int>s & mask)
        if self.lowest != 0 or self.extent != 255:
            from_bytes(y, start, end, self.lowest, self.extent)


cdef class ColorMatrix(ImageBlocks):
    # y[n,m,d] = sum over c of x[n,m,c] * matrix[n,c,d], within [low, high], of three colors; with
    # dy the gradient.
    cdef const float[:, ::1] dy, x
    cdef const float[:, :, ::1] matrix
    cdef float[:, ::1] out
    cdef float low, high

    def __init__(self, dy, x, matrix, out, low, high):
        self.x, self.out = image_rows(x), image_rows(out)
        self.dy = None if dy is None else image_rows(dy)
        self.matrix, self.low, self.high = matrix, low, high
        self.set_sizes(x.shape, 3, 8)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef float low = self.low, high = self.high, r, g, b
        cdef float m[9]
        cdef float y[3]
        cdef const float *x = &self.x[n, 0]
        cdef const float *dy = &self.dy[n, 0] if self.dy is not None else NULL
        cdef float *out = &self.out[n, 0]
        cdef Py_ssize_t i, c
        for c in range(9):
            m[c] = self.matrix[n, c // 3, c % 3]
        for i in range(start, end, 3):
            r, g, b = x[i], x[i + 1], x[i + 2]
            y[0] = r * m[0] + g * m[3] + b * m[6]
            y[1] = r * m[1] + g * m[4] + b * m[7]
            y[2] = r * m[2] + g * m[5] + b * m[8]
            if dy == NULL:
                for c in range(3):
                    out[i + c] = within(y[c], low, high)
            else:
                r = dy[i] if low <= y[0] <= high else 0
                g = dy[i + 1] if low <= y[1] <= high else 0
                b = dy[i + 2] if low <= y[2] <= high else 0
                for c in range(3):
                    out[i + c] = m[3 * c] * r + m[3 * c + 1] * g + m[3 * c + 2] * b


cdef class ChangeHue(ImageBlocks):
    # Hue and saturation of RGB images: see `change_hue` of the reference.
    cdef const float[:, ::1] x
    cdef const float[::1] turn, factor
    cdef float[:, ::1] y
    cdef float low, high, lowest, extent
    cdef bint bounded

    def __init__(self, x, turn, factor, y, low, high, lowest, extent, bounded):
        self.x, self.y = image_rows(x), image_rows(y)
        self.turn, self.factor, self.low, self.high = turn, factor, low, high
        self.lowest, self.extent, self.bounded = lowest, extent, bounded
        self.set_sizes(x.shape, 3, 16)

    cdef void change(self, Py_ssize_t n, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef float turn = self.turn[n], factor = self.factor[n], hue, value, k
        cdef float lowest, extent
        cdef float rgb[3]
        cdef float least, spread, saturation, unit
        cdef Py_ssize_t i, c
        cdef bint scaled = self.lowest != 0 or self.extent != 1
        lowest, extent = self.lowest, self.extent
        for i in range(start, end, 3):
            for c in range(3):
                rgb[c] = self.x[n, i + c]
                if scaled:
                    rgb[c] = (rgb[c] - lowest) / extent
            value = least = rgb[0]
            for c in range(1, 3):
                value = value if value >= rgb[c] or value != value else rgb[c]
                least = least if least <= rgb[c] or least != least else rgb[c]
            spread = value - least
            saturation = spread / value if value > 0 else 0
            hue = 0
            if spread > 0:
                unit = 1 / (6 * spread)
                if rgb[0] == value:
                    hue = unit * (rgb[1] - rgb[2])
                elif rgb[1] == value:
                    hue = unit * (rgb[2] - rgb[0]) + <float>(2. / 6)
                else:
                    hue = unit * (rgb[0] - rgb[1]) + <float>(4. / 6)
            hue = hue + 1 if hue < 0 else hue
            hue = hue + turn
            hue = hue - 1 if hue > 1 else hue
            hue = 6 * (hue + 1 if hue < 0 else hue)
            saturation = within(saturation * factor, self.low, self.high)
            rgb[0] = fabsf(hue - 3) - 1
            rgb[1] = 2 - fabsf(hue - 2)
            rgb[2] = 2 - fabsf(hue - 4)
            for c in range(3):
                k = ((1 - saturation) + saturation * within(rgb[c], 0, 1)) * value
                if self.bounded:
                    k = within(k, 0, 1)
                self.y[n, i + c] = k * extent + lowest if scaled else k


def flip(x, flags, y, *, vertical, horizontal):
    return Flip(x, flags, y, vertical, horizontal)


def mix(x, other, partner, share, rest, y, *, low=-np.inf, high=np.inf):
    return Mix(x, other, partner, share, rest, y, low, high)


def select(x, other, partner, mask, y):
    return Select(x, other, partner, mask, y)


def solarize(x, addition, threshold, y, *, lowest, extent):
    return Solarize(x, addition, threshold, y, lowest, extent)


def posterize(x, bits, y, *, lowest, extent):
    return Posterize(x, bits, y, lowest, extent)


def color_matrix_forward(x, matrix, y, *, low=-np.inf, high=np.inf):
    return ColorMatrix(None, x, matrix, y, low, high)


def color_matrix_backward(dy, x, matrix, dx, *, low=-np.inf, high=np.inf):
    return ColorMatrix(dy, x, matrix, dx, low, high)


def change_hue(x, turn, factor, y, *, low, high, lowest=0.0, extent=1.0, bounded=False):
    return ChangeHue(x, turn, factor, y, low, high, lowest, extent, bounded)
