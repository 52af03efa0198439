# Activations: relu, and those with an exponential in them.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class Relu(Kernel):
    cdef const float[::1] dy, x
    cdef float[::1] out

    cdef bind(self, dy, x, out):
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        self.work = 8. * self.x.shape[0]  # bound by memory, not by arithmetic

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        if self.dy is None:
            self.table.relu_forward(&self.x[start], &self.out[start], size)
        else:
            self.table.relu_backward(&self.dy[start], &self.x[start], &self.out[start], size)


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
