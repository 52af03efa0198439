/* The tiles for AVX-512 (Skylake-X and later). */
#include "isa.h"
#if defined(__x86_64__)
#include <immintrin.h>
BEGIN_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2,popcnt")
#include "../vec/avx512.h"
#include "../tiles/all.inc.h"
END_TARGET
const struct kernels fastcnn_kernels_avx512 = TABLE("avx512");
#endif
