/* What the tiles of optimizers and regularizers take (tiles/update.inc.h). */
#ifndef FASTCNN_WEIGHTS_H
#define FASTCNN_WEIGHTS_H

#include <stddef.h>

/* The rules by which one pass updates weights, and what surrounds them. */
#define EACH_RULE(F)                                                                               \
    F(adadelta)                                                                                    \
    F(adafactor)                                                                                   \
    F(adagrad)                                                                                     \
    F(adam)                                                                                        \
    F(adamax)                                                                                      \
    F(amsgrad)                                                                                     \
    F(average)                                                                                     \
    F(copy)                                                                                        \
    F(decay)                                                                                       \
    F(factored)                                                                                    \
    F(ftrl)                                                                                        \
    F(ftrl_power)                                                                                  \
    F(keep)                                                                                        \
    F(lamb)                                                                                        \
    F(lion)                                                                                        \
    F(momentum)                                                                                    \
    F(muon)                                                                                        \
    F(nadam)                                                                                       \
    F(nesterov)                                                                                    \
    F(rmsprop)                                                                                     \
    F(rmsprop_centered)                                                                            \
    F(rmsprop_centered_momentum)                                                                   \
    F(rmsprop_momentum)                                                                            \
    F(scale)                                                                                       \
    F(schedule_free)                                                                               \
    F(sgd)

#define RULE(name) RULE_##name,
enum update_rule { EACH_RULE(RULE) };
#undef RULE
extern const char *const fastcnn_rule_names[]; /* by index; NULL after the last */

/* n elements of the weights w, their gradients g and up to three arrays of state. */
struct update {
    enum update_rule rule;
    float *w, *a, *b, *c; /* those that the rule does not use are not read */
    const float *g;
    ptrdiff_t n;
    float hyper[6]; /* of the rule */
};

#endif
