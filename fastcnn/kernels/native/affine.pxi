# Affine maps of images: each output pixel looks up where it comes from. A task is an image.
# uses: team (Kernel)

cdef enum:
    CONSTANT, NEAREST, REFLECT, WRAP

FILL_MODES = {"constant": CONSTANT, "nearest": NEAREST, "reflect": REFLECT, "wrap": WRAP}


cdef inline float inside(float at, Py_ssize_t size, int mode) noexcept nogil:
    # The coordinate `at` of an axis, moved into [0, size - 1] as the fill mode requires.
    cdef float length = <float>size
    if mode == CONSTANT:
        return at
    if mode == REFLECT:  # d c b a | a b c d | d c b a
        if size <= 1:
            return 0
        if at < 0:
            if at < 2 * length:
                at += 2 * length * truncf(-at / (2 * length))
            at = at + 2 * length if at < -length else -at - 1
        elif at > length - 1:
            at -= 2 * length * truncf(at / (2 * length))
            if at >= length:
                at = 2 * length - at - 1
    elif mode == WRAP:  # a b c d | a b c d | a b c d
        if size <= 1:
            return 0
        if at < 0:
            at += length * (truncf(-at / (length - 1)) + 1)
        elif at > length - 1:
            at -= length * truncf(at / (length - 1))
    return min(max(at, 0), length - 1)


cdef class AffineTransform(Kernel):
    # Forward writes y; backward writes dx from dy, the gradient of y.
    cdef const float[:, :, :, ::1] x, dy
    cdef float[:, :, :, ::1] y, dx
    cdef const float[:, ::1] transforms
    cdef bint bilinear, backward
    cdef int fill_mode
    cdef float fill_value

    cdef bind(self, transforms, interpolation, fill_mode, float fill_value, shape):
        self.x, self.dy, self.y, self.dx = None, None, None, None
        self.transforms = transforms
        self.bilinear, self.fill_mode = interpolation == "bilinear", FILL_MODES[fill_mode]
        self.fill_value = fill_value
        self.tasks = shape[0]
        self.work = 100. * shape[0] * shape[1] * shape[2] + 4. * np.prod(shape)

    cdef void task(self, Py_ssize_t n, float *scratch) noexcept nogil:
        cdef const float[:, :, :, ::1] images = self.dy if self.backward else self.x
        cdef Py_ssize_t height = images.shape[1], width = images.shape[2]
        cdef Py_ssize_t channels = images.shape[3], oh, ow
        cdef const float *t = &self.transforms[n, 0]
        cdef float x, y, row, column, scale
        if self.backward:
            memset(&self.dx[n, 0, 0, 0], 0, height * width * channels * sizeof(float))
        for oh in range(height):
            for ow in range(width):
                x, y = <float>ow, <float>oh
                scale = t[6] * x + t[7] * y + 1
                column = inside((t[0] * x + t[1] * y + t[2]) / scale, width, self.fill_mode)
                row = inside((t[3] * x + t[4] * y + t[5]) / scale, height, self.fill_mode)
                if not (scale != 0 and fabsf(row) < 1e9 and fabsf(column) < 1e9):
                    row = column = -2  # outside: the fill value
                self.pixel(n, oh, ow, row, column)

    cdef void pixel(
        self, Py_ssize_t n, Py_ssize_t oh, Py_ssize_t ow, float row, float column
    ) noexcept nogil:
        cdef Py_ssize_t top, left, c, channels
        cdef float down, right
        if self.bilinear:
            top, left = <Py_ssize_t>floorf(row), <Py_ssize_t>floorf(column)
            down, right = row - <float>top, column - <float>left
        else:
            top, left, down, right = <Py_ssize_t>roundf(row), <Py_ssize_t>roundf(column), 0, 0
        if self.backward:
            self.add_to_image(n, oh, ow, top, left, (1 - down) * (1 - right))
            if self.bilinear:
                self.add_to_image(n, oh, ow, top, left + 1, (1 - down) * right)
                self.add_to_image(n, oh, ow, top + 1, left, down * (1 - right))
                self.add_to_image(n, oh, ow, top + 1, left + 1, down * right)
            return
        channels = self.x.shape[3]
        if self.bilinear and top >= 0 and left >= 0 and (
            top + 1 < self.x.shape[1] and left + 1 < self.x.shape[2]
        ):
            self.pixel_inside(&self.x[n, top, left, 0], &self.y[n, oh, ow, 0], down, right)
            return
        for c in range(channels):
            if not self.bilinear:
                self.y[n, oh, ow, c] = self.read(n, top, left, c)
                continue
            self.y[n, oh, ow, c] = (1 - down) * (
                (1 - right) * self.read(n, top, left, c) + right * self.read(n, top, left + 1, c)
            ) + down * (
                (1 - right) * self.read(n, top + 1, left, c)
                + right * self.read(n, top + 1, left + 1, c)
            )

    cdef inline void pixel_inside(
        self, const float *x, float *y, float down, float right
    ) noexcept nogil:
        # x points at the pixel above and left of the position; all four are in the image.
        cdef Py_ssize_t c, channels = self.x.shape[3]
        cdef const float *below = x + self.x.shape[2] * channels
        for c in range(channels):
            y[c] = (1 - down) * ((1 - right) * x[c] + right * x[channels + c]) + down * (
                (1 - right) * below[c] + right * below[channels + c]
            )

    cdef inline float read(
        self, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column, Py_ssize_t c
    ) noexcept nogil:
        if 0 <= row < self.x.shape[1] and 0 <= column < self.x.shape[2]:
            return self.x[n, row, column, c]
        return self.fill_value

    cdef inline void add_to_image(
        self, Py_ssize_t n, Py_ssize_t oh, Py_ssize_t ow, Py_ssize_t row, Py_ssize_t column,
        float weight
    ) noexcept nogil:
        cdef Py_ssize_t c
        if 0 <= row < self.dx.shape[1] and 0 <= column < self.dx.shape[2]:
            for c in range(self.dx.shape[3]):
                self.dx[n, row, column, c] += weight * self.dy[n, oh, ow, c]


def affine_transform_forward(x, transforms, y, *, interpolation, fill_mode, fill_value):
    cdef AffineTransform kernel = AffineTransform()
    kernel.bind(transforms, interpolation, fill_mode, fill_value, x.shape)
    kernel.x, kernel.y = x, y
    return kernel


def affine_transform_backward(dy, transforms, dx, *, interpolation, fill_mode, fill_value):
    cdef AffineTransform kernel = AffineTransform()
    kernel.bind(transforms, interpolation, fill_mode, fill_value, dx.shape)
    kernel.dy, kernel.dx, kernel.backward = dy, dx, True
    return kernel
