/* What the Cython code needs of OpenMP (a serial build reports one thread), and the time. */
#ifndef FASTCNN_THREADS_H
#define FASTCNN_THREADS_H
#include <time.h>

/* Seconds on a monotonic clock. */
static inline double fastcnn_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A value that several Python threads may read and write at once. */
static inline double fastcnn_load(const double *from) {
    double value;
    __atomic_load(from, &value, __ATOMIC_RELAXED);
    return value;
}
static inline void fastcnn_store(double *to, double value) {
    __atomic_store(to, &value, __ATOMIC_RELAXED);
}

#ifdef _OPENMP
#include <omp.h>
enum { fastcnn_has_openmp = 1 };
static inline int fastcnn_max_threads(void) { return omp_get_max_threads(); }
static inline int fastcnn_thread(void) { return omp_get_thread_num(); }
static inline int fastcnn_team_size(void) { return omp_get_num_threads(); }
/* Wait until every thread of the team arrives. */
static inline void fastcnn_barrier(void) {
#pragma omp barrier
}
#else
enum { fastcnn_has_openmp = 0 };
static inline int fastcnn_max_threads(void) { return 1; }
static inline int fastcnn_thread(void) { return 0; }
static inline int fastcnn_team_size(void) { return 1; }
static inline void fastcnn_barrier(void) {}
#endif
#endif
