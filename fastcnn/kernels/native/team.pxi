# The instruction set in use, the number of threads, and `Kernel`, which runs them.
#
# A call is cut into `tasks`. A task writes output elements that no other task writes, each summed
# in one fixed order, so any number of threads gives the same bits.

cdef const Table *table = NULL
cdef int thread_count = 1
cdef bint thread_exact = False
cdef bint forked = False

# Below this many multiply-adds a second thread costs more than it brings.
cdef double WORK_PER_THREAD = 8.5e5

# Numbers of gradients that kernels wrote on one thread, and on several, since the last update.
# Where one core wrote most of them it updates the weights as well: all lie in its cache.
cdef double alone_gradients = 0, shared_gradients = 0

# A team of threads waits for its slowest member, and where another program has taken one's core
# away that is milliseconds, many times the kernel itself. So after a call that took LATE_SECONDS
# longer than its best, kernels run on one thread for a while. Results do not depend on it.
cdef double LATE_SECONDS = 1e-3
cdef double ALONE_SECONDS = 0.05
cdef double alone_until = 0  # on the clock of fastcnn_now()


def instruction_sets():
    """Names of the instruction sets that this build has and this machine runs, best first."""
    names = []
    cdef int i = 0
    while fastcnn_kernels_at(i) != NULL:
        if fastcnn_kernels_supported(fastcnn_kernels_at(i)):
            names.append(fastcnn_kernels_at(i).name.decode())
        i += 1
    return names


def instruction_set():
    """The name of the instruction set in use."""
    return table.name.decode()


def set_instruction_set(name):
    """Use the instruction set `name` from now on; ValueError where this machine cannot."""
    global table
    if name not in instruction_sets():
        raise ValueError(
            f"The instruction set must be one of {instruction_sets()} on this machine. "
            f"Received {name!r}."
        )
    cdef int i = 0
    while fastcnn_kernels_at(i).name.decode() != name:
        i += 1
    table = fastcnn_kernels_at(i)


def set_num_threads(int count, bint exact):
    """Use at most `count` threads, and no more than OpenMP grants unless `exact`."""
    global thread_count, thread_exact
    thread_count, thread_exact = count, exact


def set_work_per_thread(double work):
    """Let threads share a call from 2 `work` multiply-adds on; returns what it was. For tests."""
    global WORK_PER_THREAD
    before, WORK_PER_THREAD = WORK_PER_THREAD, work
    return before


cdef int grant() noexcept nogil:
    # How many threads a large kernel may use now.
    if forked or not fastcnn_has_openmp:
        return 1
    return thread_count if thread_exact else min(thread_count, fastcnn_max_threads())


def num_threads():
    """How many threads a large kernel uses now."""
    return grant()


def has_openmp():
    """Whether this build can use more than one thread."""
    return bool(fastcnn_has_openmp)


def _after_fork():
    # libgomp's threads do not survive a fork and waiting for them hangs (GCC bug 60035).
    global forked
    forked = True


os.register_at_fork(after_in_child=_after_fork)
set_instruction_set(os.environ.get("FASTCNN_ISA") or instruction_sets()[0])


cdef class Kernel:
    """A kernel bound to its arrays; a call runs it once.

    `version` tells whether the weights are those of the last call: copies of them in another
    layout are made again only when it differs, or is not given.
    """
    cdef const Table *table       # of the instruction set in use when it was bound
    cdef readonly str algorithm   # one of choice.ALGORITHMS, or None where there is no choice
    cdef Py_ssize_t preparations  # tasks that must be done before the others
    cdef bint prepares_weights    # and need not be repeated while the weights stay as they are
    cdef object version
    cdef Py_ssize_t tasks
    cdef Py_ssize_t finishes      # tasks that must be done after the others
    cdef double work              # multiply-adds of a call, or what takes as long
    cdef double gradients         # how many numbers of the weights' gradients it writes
    cdef bint updates             # whether it reads gradients and updates the weights
    cdef float[:, ::1] scratch    # one row a thread
    cdef double best              # seconds of the fastest call on several threads so far

    def __cinit__(self, *arguments):
        self.table = table
        self.scratch = None  # a memoryview that was never set is not None
        self.best = 1e9

    @property
    def instruction_set(self):
        """The name of the instruction set whose functions it calls."""
        return self.table.name.decode()

    def __reduce__(self):
        raise TypeError("A bound kernel cannot be copied: bind it to the other arrays.")

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        pass

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        pass

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        pass

    cdef allocate_scratch(self, Py_ssize_t size):
        rows = max(thread_count, 1)
        # whole cache lines, and one between rows, so that threads do not share any
        self.scratch = aligned((rows, chunks(size, 16) * 16 + 16), np.float32)

    def __call__(self, version=None):
        cdef Py_ssize_t preparations = self.preparations
        if self.prepares_weights:
            if version is not None and version == self.version:
                preparations = 0
            self.version = version
        cdef int threads = grant()
        threads = <int>min(<double>threads, max(self.work / WORK_PER_THREAD, 1.))
        if self.scratch is not None:
            threads = min(threads, <int>self.scratch.shape[0])
        if self.gradients > 0 or self.updates:
            threads = self.follow(threads)
        with nogil:
            if threads > 1:
                run_team(self, preparations, threads)
            else:
                run_alone(self, preparations)

    cdef int follow(self, int threads):
        # Keep account of who writes gradients; an update goes where most of them were written.
        global alone_gradients, shared_gradients
        if threads > 1:
            shared_gradients += self.gradients
        else:
            alone_gradients += self.gradients
        if self.updates:
            if alone_gradients > shared_gradients:
                threads = 1
            alone_gradients = shared_gradients = 0
        return threads


cdef void run_alone(Kernel kernel, Py_ssize_t preparations) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned long long state = fastcnn_flush_denormals()
    for i in range(preparations):
        kernel.prepare(i, scratch_of(kernel, 0))
    for i in range(kernel.tasks):
        kernel.task(i, scratch_of(kernel, 0))
    for i in range(kernel.finishes):
        kernel.finish(i)
    fastcnn_restore_denormals(state)


cdef void run_team(Kernel kernel, Py_ssize_t preparations, int threads) noexcept nogil:
    cdef double start = fastcnn_now(), seconds
    if not thread_exact and start < fastcnn_load(&alone_until):
        run_alone(kernel, preparations)
        return
    with parallel(num_threads=threads):
        run_share(kernel, preparations, fastcnn_thread(), fastcnn_team_size())
    seconds = fastcnn_now() - start
    if seconds > kernel.best + LATE_SECONDS:
        fastcnn_store(&alone_until, start + seconds + ALONE_SECONDS)
    kernel.best = min(kernel.best, seconds)


cdef void run_share(
    Kernel kernel, Py_ssize_t preparations, Py_ssize_t thread, Py_ssize_t threads
) noexcept nogil:
    # One thread's share of a call. The team meets between the phases, and at the region's end.
    cdef Py_ssize_t i
    cdef float *scratch = scratch_of(kernel, thread)
    cdef unsigned long long state = fastcnn_flush_denormals()
    if preparations > 0:
        for i in range(preparations * thread // threads, preparations * (thread + 1) // threads):
            kernel.prepare(i, scratch)
        fastcnn_barrier()
    for i in range(kernel.tasks * thread // threads, kernel.tasks * (thread + 1) // threads):
        kernel.task(i, scratch)
    if kernel.finishes > 0:
        fastcnn_barrier()
        for i in range(
            kernel.finishes * thread // threads, kernel.finishes * (thread + 1) // threads
        ):
            kernel.finish(i)
    fastcnn_restore_denormals(state)


cdef inline float *scratch_of(Kernel kernel, Py_ssize_t thread) noexcept nogil:
    return &kernel.scratch[thread, 0] if kernel.scratch is not None else NULL


cdef inline void product_blocks(
    const Table *table, Product *p, Py_ssize_t channels
) noexcept nogil:
    # The product for any number of channels, one register block of them after the other.
    cdef Product block = p[0]
    cdef Py_ssize_t done = 0
    while done < channels:
        block.channels = min(table.product_block(channels - done), channels - done)
        block.w = p.w + done
        block.b = p.b + done if p.b != NULL else NULL
        block.y = p.y + done
        table.product(&block)
        done += block.channels


cdef void sum_rows(
    const Table *table, const float *x, Py_ssize_t rows, Py_ssize_t columns, float *y,
    bint accumulate,
) noexcept nogil:
    # y = the sum of the rows of x, or that added to it: the product of ones and x.
    cdef float one = 1
    cdef Py_ssize_t zero = 0
    cdef Product p
    p.x, p.w, p.b, p.y = &one, x, NULL, y
    p.x_segments = p.w_segments = &zero
    p.segments, p.steps, p.accumulate, p.relu = 1, rows, accumulate, 0
    p.x_pixel, p.x_step, p.y_pixel, p.w_step, p.pixels = 0, 0, 0, columns, 1
    product_blocks(table, &p, columns)


cdef double filling(Py_ssize_t channels):
    # The share of a product's speed that is left when so many channels lie in vectors: one vector
    # alone has to load a number for each multiply-add.
    cdef Py_ssize_t vectors = chunks(channels, table.lanes)
    return channels / <double>(vectors * table.lanes) * (0.75 if vectors == 1 else 1.)


cdef Py_ssize_t chunks(Py_ssize_t items, Py_ssize_t most) noexcept nogil:
    # How many pieces of at most `most` items.
    return (items + most - 1) // most


cdef Py_ssize_t row_pieces(Py_ssize_t n, Py_ssize_t rows, double work) noexcept:
    # Into how many pieces each image is cut: enough tasks for several threads, and an even number.
    if work < 2 * WORK_PER_THREAD:
        return 1
    cdef Py_ssize_t pieces = chunks(16, max(n, <Py_ssize_t>1))
    pieces += pieces * n % 2 if n < 32 else 0
    return min(pieces, max(rows, <Py_ssize_t>1))
