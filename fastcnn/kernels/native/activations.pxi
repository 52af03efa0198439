# Activations with an exponential in them: tanh, sigmoid, elu.

ctypedef void (*forward_tile)(const float *, float *, Py_ssize_t, float) noexcept nogil
ctypedef void (*backward_tile)(
    const float *, const float *, float *, Py_ssize_t, float
) noexcept nogil


cdef class Activation(Kernel):
    # Forward where dy is None; backward otherwise, x then is the activation's output.
    cdef const float[::1] dy, x
    cdef float[::1] out
    cdef float alpha
    cdef forward_tile forward
    cdef backward_tile backward

    cdef bind(self, dy, x, out, float alpha):
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.alpha = alpha
        self.tasks = chunks(self.x.shape[0], PIECE)
        # a curve has many steps; its gradient waits for memory
        self.work = (32. if dy is None else 8.) * self.x.shape[0]

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * PIECE
        cdef Py_ssize_t size = min(PIECE, self.x.shape[0] - start)
        if self.dy is None:
            self.forward(&self.x[start], &self.out[start], size, self.alpha)
        else:
            self.backward(&self.dy[start], &self.x[start], &self.out[start], size, self.alpha)


def tanh_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = table.tanh_forward
    return kernel


def tanh_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = table.tanh_backward
    return kernel


def sigmoid_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = table.sigmoid_forward
    return kernel


def sigmoid_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = table.sigmoid_backward
    return kernel


def elu_forward(x, y, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, alpha)
    kernel.forward = table.elu_forward
    return kernel


def elu_backward(dy, y, dx, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, alpha)
    kernel.backward = table.elu_backward
    return kernel
