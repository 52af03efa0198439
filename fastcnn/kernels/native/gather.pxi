# Gathers the samples of a batch, as float32. A task is a sample.
# uses: team (Kernel)

cdef class Gather(Kernel):
    cdef const unsigned char[:, ::1] uint8
    cdef const float[:, ::1] float32
    cdef const double[:, ::1] float64
    cdef const long long[::1] indices
    cdef float[:, ::1] out

    def __init__(self, source, indices, out):
        flat = source.reshape(len(source), -1) if source.size else source.reshape(len(source), 0)
        self.uint8, self.float32, self.float64 = None, None, None
        if source.dtype == np.uint8:
            self.uint8 = flat
        elif source.dtype == np.float32:
            self.float32 = flat
        else:
            self.float64 = flat
        self.indices, self.out = indices, out.reshape(len(out), flat.shape[1])
        self.tasks = self.out.shape[0]
        self.work = 32. * self.out.size  # samples are scattered in memory

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        cdef Py_ssize_t size = self.out.shape[1], row = self.indices[i]
        if self.uint8 is not None:
            self.table.from_uint8(&self.uint8[row, 0], &self.out[i, 0], size)
        elif self.float32 is not None:
            memcpy(&self.out[i, 0], &self.float32[row, 0], size * sizeof(float))
        else:
            self.table.from_float64(&self.float64[row, 0], &self.out[i, 0], size)


def gather(source, indices, out):
    return Gather(source, indices, out)
