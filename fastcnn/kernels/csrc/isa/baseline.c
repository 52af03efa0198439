/* The kernels for what every machine of the compiler's target has, SSE2 on x86-64. */
#include "isa.h"
#include "../vec/generic.h"
#include "../tiles/all.inc.h"
const struct kernels fastcnn_kernels_baseline = TABLE("baseline");
