/* What the Cython code asks of OpenMP; a serial build answers for one thread. */
#ifndef FASTCNN_THREADS_H
#define FASTCNN_THREADS_H
#ifdef _OPENMP
#include <omp.h>
enum { fastcnn_has_openmp = 1 };
static inline int fastcnn_max_threads(void) { return omp_get_max_threads(); }
static inline int fastcnn_thread(void) { return omp_get_thread_num(); }
#else
enum { fastcnn_has_openmp = 0 };
static inline int fastcnn_max_threads(void) { return 1; }
static inline int fastcnn_thread(void) { return 0; }
#endif
#endif
