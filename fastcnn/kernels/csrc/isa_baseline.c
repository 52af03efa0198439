/* The kernels for what every machine of the compiler's target has: SSE2, or NEON on 64-bit ARM. */
#include "isa.h"
#include "vec_generic.h"
#include "bodies.inc.h"
#if defined(__aarch64__)
const struct kernels fastcnn_kernels_baseline = TABLE("neon");
#else
const struct kernels fastcnn_kernels_baseline = TABLE("baseline");
#endif
