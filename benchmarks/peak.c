/* Peak float32 operations per second of the FMA units.
 *
 * Each thread keeps ACCUMULATORS vectors in registers and performs a multiply-add on each of them:
 * enough independent ones to hide the latency. BYTES (the vector width) and the flags that enable
 * the instructions are set on the compiler's command line.
 *
 *     peak THREADS SECONDS    prints operations per second of all threads together
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ACCUMULATORS 12 /* with the two factors they fit the 16 registers of AVX2 */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define REPEATS 20000

/* Separate variables, because an array would be kept in memory. The inline assembly prevents the
 * compiler from reordering the products or moving them out of their registers. */
#define DECLARE(i) vec acc##i = step * (float)i;
#define MULTIPLY_ADD(i)            \
    acc##i = acc##i * shrink + step; \
    __asm__ volatile("" : "+" REGISTER(acc##i));
#define COLLECT(i) total += acc##i;

typedef float vec __attribute__((vector_size(BYTES)));

static int threads;
static double seconds;
static pthread_barrier_t start;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct result {
    double rate;
    float sum; /* used by main, so that the loop is not optimized away */
};

static void *run(void *argument) {
    struct result *result = argument;
    vec shrink, step, total;
    for (int lane = 0; lane < BYTES / 4; ++lane) {
        shrink[lane] = 0.999f;
        step[lane] = 1e-3f;
    }
    total = step * 0.0f;
    EACH(DECLARE)
    pthread_barrier_wait(&start);
    double begin = now(), end = begin, rounds = 0;
    while (end < begin + seconds) {
        for (int repeat = 0; repeat < REPEATS; ++repeat) {
            EACH(MULTIPLY_ADD)
        }
        rounds += REPEATS;
        end = now();
    }
    EACH(COLLECT)
    result->sum = total[0];
    result->rate = rounds * ACCUMULATORS * (BYTES / 4) * 2 / (end - begin);
    return NULL;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    threads = atoi(words[1]);
    seconds = atof(words[2]);
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    struct result *results = calloc((size_t)threads, sizeof *results);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; ++i) pthread_create(&ids[i], NULL, run, &results[i]);
    double rate = 0;
    float sum = 0;
    for (int i = 0; i < threads; ++i) {
        pthread_join(ids[i], NULL);
        rate += results[i].rate;
        sum += results[i].sum;
    }
    printf("%.6e\n", sum == sum ? rate : 0.0);
    return 0;
}
