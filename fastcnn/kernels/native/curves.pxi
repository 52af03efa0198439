# Elementwise activations that one pair of tiles computes, by the name of the function.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class Curve(Kernel):
    # Forward if dy is None; otherwise backward, and x is what the forward pass kept.
    cdef const float[::1] dy, x
    cdef float[::1] out
    cdef CurveFunction function

    def __init__(self, dy, x, out, function, parameters):
        cdef int i = 0
        while fastcnn_curve_names[i].decode() != function:
            i += 1
        self.function.function = i
        for i, parameter in enumerate(parameters):
            self.function.parameters[i] = parameter
        self.x, self.out = x.reshape(-1), out.reshape(-1)
        self.dy = None if dy is None else dy.reshape(-1)
        self.tasks = ceil_div(self.x.shape[0], ELEMENTS_PER_TASK)
        self.work = 32. * self.x.shape[0]  # of most of them

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t start = i * ELEMENTS_PER_TASK
        cdef Py_ssize_t size = min(ELEMENTS_PER_TASK, self.x.shape[0] - start)
        if self.dy is None:
            self.table.curve_forward(&self.x[start], &self.out[start], size, &self.function)
        else:
            self.table.curve_backward(
                &self.dy[start], &self.x[start], &self.out[start], size, &self.function
            )


def curve_forward(x, y, *, function, parameters=()):
    return Curve(None, x, y, function, parameters)


def curve_backward(dy, kept, dx, *, function, parameters=()):
    return Curve(dy, kept, dx, function, parameters)
