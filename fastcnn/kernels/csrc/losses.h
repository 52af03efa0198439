/* What the tile of elementwise losses takes (tiles/losses.inc.h). */
#ifndef FASTCNN_LOSSES_H
#define FASTCNN_LOSSES_H

#include <stddef.h>

#define EACH_LOSS(F)                                                                               \
    F(absolute)                                                                                    \
    F(binary)                                                                                      \
    F(binary_focal)                                                                                \
    F(binary_focal_logits)                                                                         \
    F(binary_logits)                                                                               \
    F(category)                                                                                    \
    F(category_focal)                                                                              \
    F(hinge)                                                                                       \
    F(huber)                                                                                       \
    F(kl_divergence)                                                                               \
    F(log_cosh)                                                                                    \
    F(logarithmic)                                                                                 \
    F(percentage)                                                                                  \
    F(poisson)                                                                                     \
    F(squared)                                                                                     \
    F(squared_hinge)

#define LOSS(name) LOSS_##name,
enum loss_function { EACH_LOSS(LOSS) };
#undef LOSS
extern const char *const fastcnn_loss_names[]; /* by index; NULL after the last */

/* The losses of n predictions p with targets t, and their derivatives times a factor. */
struct loss {
    enum loss_function function;
    const float *t, *p;
    float *values, *slopes;
    float *probabilities; /* of binary_logits alone: the sigmoid of p; may be NULL */
    ptrdiff_t n;
    float factor;        /* of the slopes */
    float keep, offset;  /* targets become keep t + offset */
    float parameters[4]; /* of the function */
};

#endif
