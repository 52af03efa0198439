# The Adam step.
# uses: team (ELEMENTS_PER_TASK, Kernel, ceil_div)

cdef class AdamUpdate(Kernel):
    cdef float[::1] w, m, v
    cdef const float[::1] g
    cdef const double[::1] hyper

    def __init__(self, w, g, m, v, hyper):
        self.w, self.g, self.m, self.v, self.hyper = w, g, m, v, hyper
        self.tasks = ceil_div(self.w.shape[0], ELEMENTS_PER_TASK)
        self.work = 32. * self.w.shape[0]  # bound by memory, not by arithmetic
        self.updates = True

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t at = i * ELEMENTS_PER_TASK
        cdef float hyper[4]
        hyper[0], hyper[3] = <float>self.hyper[0], <float>self.hyper[3]
        # 1 - beta is computed before rounding: float32's 0.999 is off by 1e-5 of 1 - 0.999
        hyper[1], hyper[2] = <float>(1 - self.hyper[1]), <float>(1 - self.hyper[2])
        self.table.adam_update(
            &self.w[at], &self.g[at], &self.m[at], &self.v[at],
            min(ELEMENTS_PER_TASK, self.w.shape[0] - at), hyper,
        )


def adam_update(w, g, m, v, hyper):
    return AdamUpdate(w, g, m, v, hyper)
