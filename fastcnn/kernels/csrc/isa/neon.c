/* The tiles for NEON, which every 64-bit ARM has. */
#include "isa.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#include "../vec/neon.h"
#include "../tiles/all.inc.h"
const struct kernels fastcnn_kernels_neon = TABLE("neon");
#endif
