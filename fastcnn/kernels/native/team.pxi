# What every family uses: the instruction set, the threads, and `Kernel`, which runs its tasks on
# them.
# uses: nothing

cdef const Table *table_in_use = NULL  # read by Kernel.__cinit__ alone; kernels use their own
cdef int thread_count = 1
cdef bint thread_exact = False
cdef bint forked = False

# Below this many multiply-adds a second thread costs more than it saves in a chain of kernels,
# whose threads still wait for the next one.
cdef double WORK_PER_THREAD = 3e5
# A kernel of less work, a few microseconds, keeps the GIL: threads of Python that train small nets
# at the same time would otherwise wait for each other at every kernel.
cdef double SHORT_WORK = 5e4

# How many gradients kernels wrote on one thread, and on several, since the last update of weights.
# If one core wrote most of them it also updates the weights: they are in its cache.
cdef double alone_gradients = 0, shared_gradients = 0

cdef Py_ssize_t ELEMENTS_PER_TASK = 16384  # of kernels that treat every element alone

# A team of threads waits for its slowest member. Where another program occupies that member's core,
# this takes milliseconds, many times the kernel itself. So after a call that took LATE_SECONDS
# longer than its best, kernels run on one thread for a while. Results do not depend on it.
cdef double LATE_SECONDS = 1e-3
cdef double ALONE_SECONDS = 0.05
cdef double alone_until = 0  # on the clock of fastcnn_now()


def instruction_sets():
    """Names of the instruction sets that this build has and this machine can run, best first."""
    names = []
    cdef int i = 0
    while fastcnn_kernels_at(i) != NULL:
        if fastcnn_kernels_supported(fastcnn_kernels_at(i)):
            names.append(fastcnn_kernels_at(i).name.decode())
        i += 1
    return names


def instruction_set():
    """The name of the instruction set in use."""
    return table_in_use.name.decode()


def set_instruction_set(name):
    """Use the instruction set `name` from now on; ValueError if this machine cannot run it."""
    global table_in_use
    if name not in instruction_sets():
        raise ValueError(
            f"The instruction set must be one of {instruction_sets()} on this machine. "
            f"Received {name!r}."
        )
    cdef int i = 0
    while fastcnn_kernels_at(i).name.decode() != name:
        i += 1
    table_in_use = fastcnn_kernels_at(i)


def set_num_threads(int count, bint exact):
    """Use at most `count` threads, and no more than OpenMP grants unless `exact`."""
    global thread_count, thread_exact
    thread_count, thread_exact = count, exact


def set_work_per_thread(double work):
    """Use several threads from 2 `work` multiply-adds on; returns the previous value. For tests."""
    global WORK_PER_THREAD
    before, WORK_PER_THREAD = WORK_PER_THREAD, work
    return before


cdef int grant() noexcept nogil:
    # How many threads a large kernel may use at the moment.
    if forked or not fastcnn_has_openmp:
        return 1
    return thread_count if thread_exact else min(thread_count, fastcnn_max_threads())


def num_threads():
    """How many threads a large kernel uses at the moment."""
    return grant()


def has_openmp():
    """Whether this build can use more than one thread."""
    return bool(fastcnn_has_openmp)


def _after_fork():
    # libgomp's threads do not survive a fork and waiting for them hangs (GCC bug 60035).
    global forked
    forked = True


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
set_instruction_set(os.environ.get("FASTCNN_ISA") or instruction_sets()[0])


cdef inline Py_ssize_t ceil_div(Py_ssize_t items, Py_ssize_t most) noexcept nogil:
    # How many blocks of at most `most` items.
    return (items + most - 1) // most


cdef float bound_of_relu(double relu_max):
    # What the tiles take: NaN is no bound. An output of infinity is below no bound at all.
    return <float>relu_max if relu_max < INFINITY else NAN


cdef inline Py_ssize_t round_up(Py_ssize_t items, Py_ssize_t multiple) noexcept nogil:
    return ceil_div(items, multiple) * multiple


cdef class Kernel:
    """A kernel bound to its arrays; a call runs it once.

    `version` identifies the state of the weights: copies of them in another layout are made again
    only if it differs from the last call's, or is not given.
    """
    cdef const Table *table       # of the instruction set in use when it was bound
    cdef readonly str algorithm   # one of choice.ALGORITHMS, or None where there is no choice
    cdef Py_ssize_t preparations  # calls of `prepare`, all of them before the first task
    cdef bint prepares_weights    # they depend on the weights alone: skip them while these stay
    cdef object version           # of the weights that were prepared
    cdef Py_ssize_t tasks         # calls of `task`
    cdef Py_ssize_t finishes      # calls of `finish`, after the last task
    cdef bint backwards           # from the last task to the first: its data may still be cached
    cdef double work              # multiply-adds of a call, or what takes as long
    cdef double gradients         # how many elements of weight gradients it writes
    cdef bint updates             # whether it reads gradients and updates the weights
    cdef float[:, ::1] scratch    # one row per thread
    cdef double best              # seconds of the fastest call on several threads so far

    def __cinit__(self, *arguments):
        self.table = table_in_use
        self.scratch = None  # a memoryview that was never assigned is not None
        self.best = 1e9

    @property
    def instruction_set(self):
        """The name of the instruction set that it was bound to."""
        return self.table.name.decode()

    def __reduce__(self):
        raise TypeError("A bound kernel cannot be copied: bind a new one to the other arrays.")

    cdef void prepare(self, Py_ssize_t i, float *scratch) noexcept nogil:
        pass

    cdef void task(self, Py_ssize_t i, float *scratch) noexcept nogil:
        pass

    cdef void finish(self, Py_ssize_t i) noexcept nogil:
        pass

    cdef allocate_scratch(self, Py_ssize_t size):
        rows = max(thread_count, 1)
        # whole cache lines, and one between rows, so that threads do not share any
        self.scratch = aligned((rows, round_up(size, 16) + 16))

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
            threads = self.threads_for_locality(threads)
        if threads == 1 and 0 < self.work < SHORT_WORK and preparations == 0:
            run_alone(self, 0)
            return
        with nogil:
            if threads > 1:
                run_team(self, preparations, threads)
            else:
                run_alone(self, preparations)

    cdef int threads_for_locality(self, int threads):
        # Keeps track of where gradients are written; an update runs where most of them were.
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


cdef void run_tasks(
    Kernel kernel, Py_ssize_t first, Py_ssize_t end, float *scratch
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(first, end):
        kernel.task(first + end - 1 - i if kernel.backwards else i, scratch)


cdef void run_alone(Kernel kernel, Py_ssize_t preparations) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned long long state = fastcnn_flush_denormals()
    for i in range(preparations):
        kernel.prepare(i, scratch_of(kernel, 0))
    run_tasks(kernel, 0, kernel.tasks, scratch_of(kernel, 0))
    for i in range(kernel.finishes):
        kernel.finish(i)
    fastcnn_restore_denormals(state)


cdef void run_team(Kernel kernel, Py_ssize_t preparations, int threads) noexcept nogil:
    cdef double start = fastcnn_now(), seconds
    cdef bint is_late = not thread_exact and start < fastcnn_load(&alone_until)
    if is_late or not fastcnn_can_start(threads):
        run_alone(kernel, preparations)
        return
    with parallel(num_threads=threads):
        run_member(kernel, preparations, fastcnn_thread(), fastcnn_team_size())
    seconds = fastcnn_now() - start
    if seconds > kernel.best + LATE_SECONDS:
        fastcnn_store(&alone_until, start + seconds + ALONE_SECONDS)
    kernel.best = min(kernel.best, seconds)


cdef void run_member(
    Kernel kernel, Py_ssize_t preparations, Py_ssize_t thread, Py_ssize_t threads
) noexcept nogil:
    # What one thread of the team does. The team waits between the phases, and at the region's end.
    cdef Py_ssize_t i
    cdef float *scratch = scratch_of(kernel, thread)
    cdef unsigned long long state = fastcnn_flush_denormals()
    if preparations > 0:
        for i in range(preparations * thread // threads, preparations * (thread + 1) // threads):
            kernel.prepare(i, scratch)
        fastcnn_barrier()
    run_tasks(
        kernel, kernel.tasks * thread // threads, kernel.tasks * (thread + 1) // threads, scratch
    )
    if kernel.finishes > 0:
        fastcnn_barrier()
        for i in range(
            kernel.finishes * thread // threads, kernel.finishes * (thread + 1) // threads
        ):
            kernel.finish(i)
    fastcnn_restore_denormals(state)


cdef inline float *scratch_of(Kernel kernel, Py_ssize_t thread) noexcept nogil:
    return &kernel.scratch[thread, 0] if kernel.scratch is not None else NULL


cdef class Sequence:
    """Bound kernels that run one after the other, called like a single one."""
    cdef readonly tuple calls
    cdef readonly str algorithm

    def __init__(self, *calls, algorithm=None):
        self.calls, self.algorithm = calls, algorithm

    @property
    def instruction_set(self):
        """The name of the instruction set that the kernels were bound to."""
        return self.calls[0].instruction_set

    def __call__(self, version=None):
        for call in self.calls:
            call(version)
