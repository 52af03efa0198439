/* What the Cython code needs of OpenMP (a serial build reports one thread), and the time. */
#ifndef FASTCNN_THREADS_H
#define FASTCNN_THREADS_H

/* Seconds on a monotonic clock. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
static inline double fastcnn_now(void) {
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}
#else
#include <time.h>
static inline double fastcnn_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
#endif

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

#if defined(_OPENMP) && defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libgomp ends the process when it cannot create a thread (a limit on the processes of a user or of
   a container, or on memory). So before a thread starts its first team, or a larger one than
   before, as many threads are created as the team will need. */
struct fastcnn_probe {
    pthread_t thread;
    pthread_mutex_t *gate;
    long id;
};
static void *fastcnn_wait_at_gate(void *argument) {
    struct fastcnn_probe *probe = argument;
    probe->id = syscall(SYS_gettid);
    pthread_mutex_lock(probe->gate);
    pthread_mutex_unlock(probe->gate);
    return NULL;
}
static inline int fastcnn_can_create(int threads) {
    struct fastcnn_probe *probes = calloc(threads, sizeof *probes);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int created = 0;
    if (probes == NULL) return 0;
    pthread_mutex_lock(&gate);
    for (; created < threads; created++) {
        struct fastcnn_probe *probe = &probes[created];
        probe->gate = &gate;
        if (pthread_create(&probe->thread, NULL, fastcnn_wait_at_gate, probe) != 0) break;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < created; i++) {
        pthread_join(probes[i].thread, NULL);
        /* The system counts a thread until it is gone, which is a little later. */
        for (int tries = 0; tries < 10000; tries++) {
            if (syscall(SYS_tgkill, getpid(), probes[i].id, 0) != 0) break;
            sched_yield();
        }
    }
    free(probes);
    return created == threads;
}

/* Whether the calling thread can run a team of this size; after a failure, not for a second. */
static inline int fastcnn_can_start(int threads) {
    static __thread int proven = 1;
    static double retry_at = 0;
    if (threads <= proven) return 1;
    if (fastcnn_now() < fastcnn_load(&retry_at)) return 0;
    if (!fastcnn_can_create(threads - 1)) {
        fastcnn_store(&retry_at, fastcnn_now() + 1);
        return 0;
    }
    proven = threads;
    return 1;
}
#else
static inline int fastcnn_can_start(int threads) { return fastcnn_has_openmp || threads == 1; }
#endif
#endif
