/* The instruction sets of this build, best first, and whether this machine can run them. */
#include <stddef.h>

#include "kernels.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
extern const struct kernels fastcnn_kernels_avx512, fastcnn_kernels_avx2;
#elif defined(__aarch64__)
extern const struct kernels fastcnn_kernels_neon;
#endif
extern const struct kernels fastcnn_kernels_baseline;

static const struct kernels *const tables[] = {
#if defined(__x86_64__)
    &fastcnn_kernels_avx512,
    &fastcnn_kernels_avx2,
#elif defined(__aarch64__)
    &fastcnn_kernels_neon,
#endif
    &fastcnn_kernels_baseline,
};

#define NAME(name) #name,
const char *const fastcnn_curve_names[] = {EACH_CURVE(NAME) NULL};
const char *const fastcnn_loss_names[] = {EACH_LOSS(NAME) NULL};
const char *const fastcnn_rule_names[] = {EACH_RULE(NAME) NULL};

const struct kernels *fastcnn_kernels_at(int i) {
    return i < (int)(sizeof tables / sizeof *tables) ? tables[i] : NULL;
}

int fastcnn_kernels_supported(const struct kernels *table) {
#if defined(__x86_64__)
    __builtin_cpu_init(); /* it also checks that the operating system saves the registers */
    if (table == &fastcnn_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
               __builtin_cpu_supports("popcnt");
    if (table == &fastcnn_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
               __builtin_cpu_supports("popcnt");
#endif
    return table != NULL;
}

#if defined(__x86_64__)
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
unsigned long long fastcnn_flush_denormals(void) {
    const unsigned state = _mm_getcsr();
    _mm_setcsr(state | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return state;
}
void fastcnn_restore_denormals(unsigned long long state) {
    /* Also drops exception flags that a tile raised. */
    _mm_setcsr((unsigned)state);
}
#elif defined(__aarch64__)
enum { FLUSH_TO_ZERO = 1 << 24 };
unsigned long long fastcnn_flush_denormals(void) {
    unsigned long long state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    __asm__ volatile("msr fpcr, %0" ::"r"(state | FLUSH_TO_ZERO));
    return state;
}
void fastcnn_restore_denormals(unsigned long long state) {
    __asm__ volatile("msr fpcr, %0" ::"r"(state));
}
#elif defined(__arm__) && defined(__ARM_FP)
enum { FLUSH_TO_ZERO = 1 << 24 };
unsigned long long fastcnn_flush_denormals(void) {
    unsigned state;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(state));
    __asm__ volatile("vmsr fpscr, %0" ::"r"(state | FLUSH_TO_ZERO));
    return state;
}
void fastcnn_restore_denormals(unsigned long long state) {
    __asm__ volatile("vmsr fpscr, %0" ::"r"((unsigned)state));
}
#else
unsigned long long fastcnn_flush_denormals(void) { return 0; }
void fastcnn_restore_denormals(unsigned long long state) { (void)state; }
#endif
