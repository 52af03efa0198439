# Gradients of weights that are sums over rows: each task has sums of its own, which are added up
# in double precision, one task after the other.
# uses: team (Kernel, ceil_div)

cdef Py_ssize_t SUMMED_AT_ONCE = 64  # sums that one `finish` adds up


cdef class RowSums(Kernel):
    # Up to two gradients, each (channels,); a task is a block of rows.
    cdef float[:, :, ::1] sums        # (task, 2, channels)
    cdef float[::1] first, second     # what they add up to; may be None
    cdef Py_ssize_t rows, channels, block_rows

    cdef allocate_sums(self, Py_ssize_t rows, Py_ssize_t channels, first, second):
        # At least 8 rows a task: the sums are small beside the rows.
        self.rows, self.channels = rows, channels
        self.block_rows = max(8192 // channels, <Py_ssize_t>8)
        self.tasks = ceil_div(rows, self.block_rows)
        self.work = 24. * rows * channels  # bound by memory
        self.first, self.second, self.sums = first, second, None
        if first is None and second is None:
            return
        self.sums = np.zeros((self.tasks, 2, channels), np.float32)
        self.finishes = ceil_div(channels, SUMMED_AT_ONCE)
        self.gradients = channels * ((first is not None) + (second is not None))

    cdef float *sum_of_task(self, Py_ssize_t i, int which) noexcept nogil:
        # Where the task adds to its sum, which is 0 at first; NULL if it is not wanted.
        if (self.second if which else self.first) is None:
            return NULL
        memset(&self.sums[i, which, 0], 0, self.channels * sizeof(float))
        return &self.sums[i, which, 0]

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        cdef Py_ssize_t c, k
        cdef double total
        for c in range(i * SUMMED_AT_ONCE, min((i + 1) * SUMMED_AT_ONCE, self.channels)):
            if self.first is not None:
                total = 0
                for k in range(self.tasks):
                    total += self.sums[k, 0, c]
                self.first[c] = <float>total
            if self.second is not None:
                total = 0
                for k in range(self.tasks):
                    total += self.sums[k, 1, c]
                self.second[c] = <float>total
