# Activations: relu, and those with an exponential in them.
# uses: team (ELEMENTS_PER_TASK, Kernel, bound_of_relu, ceil_div)

cdef class Relu(Kernel):
    cdef const float[::1] dy, x
    cdef float[::1] out
    cdef float relu_max

    cdef bind(self, dy, x, out, relu_max):
        self.relu_max = bound_of_relu(relu_max)
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        self.work = 8. * self.x.shape[0]  # bound by memory, not by arithmetic

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        if self.dy is None:
            self.table.relu_forward(&self.x[start], &self.out[start], size, self.relu_max)
        else:
            self.table.relu_backward(
                &self.dy[start], &self.x[start], &self.out[start], size, self.relu_max
            )


ctypedef void (*forward_tile)(const float *, float *, Py_ssize_t, float) noexcept nogil
ctypedef void (*backward_tile)(
    const float *, const float *, float *, Py_ssize_t, float
) noexcept nogil


cdef class Activation(Kernel):
    # Forward if dy is None; otherwise backward, and x is the activation's output.
    cdef const float[::1] dy, x
    cdef float[::1] out
    cdef float alpha
    cdef forward_tile forward
    cdef backward_tile backward

    cdef bind(self, dy, x, out, float alpha):
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.alpha = alpha
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        # a curve has many steps; its gradient is bound by memory
        self.work = (32. if dy is None else 8.) * self.x.shape[0]

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        if self.dy is None:
            self.forward(&self.x[start], &self.out[start], size, self.alpha)
        else:
            self.backward(&self.dy[start], &self.x[start], &self.out[start], size, self.alpha)


def relu_forward(x, y, *, relu_max=np.inf):
    cdef Relu kernel = Relu()
    kernel.bind(None, x, y, relu_max)
    return kernel


def relu_backward(dy, y, dx, *, relu_max=np.inf):
    cdef Relu kernel = Relu()
    kernel.bind(dy, y, dx, relu_max)
    return kernel


def tanh_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = kernel.table.tanh_forward
    return kernel


def tanh_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = kernel.table.tanh_backward
    return kernel


def sigmoid_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = kernel.table.sigmoid_forward
    return kernel


def sigmoid_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = kernel.table.sigmoid_backward
    return kernel


def elu_forward(x, y, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, alpha)
    kernel.forward = kernel.table.elu_forward
    return kernel


def elu_backward(dy, y, dx, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, alpha)
    kernel.backward = kernel.table.elu_backward
    return kernel
