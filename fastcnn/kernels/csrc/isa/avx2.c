/* The tiles for AVX2 with FMA (Haswell, Zen and later). */
#include "isa.h"
#if defined(__x86_64__)
#include <immintrin.h>
BEGIN_TARGET("avx2,fma,bmi,bmi2,popcnt")
#include "../vec/avx2.h"
#include "../tiles/all.inc.h"
END_TARGET
const struct kernels fastcnn_kernels_avx2 = TABLE("avx2");
#endif
