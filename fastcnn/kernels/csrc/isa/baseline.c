/* The tiles for the compiler's default target, which every such machine runs: SSE2 on x86-64. */
#include "isa.h"
#include "../vec/generic.h"
#include "../tiles/all.inc.h"
const struct kernels fastcnn_kernels_baseline = TABLE("baseline");
