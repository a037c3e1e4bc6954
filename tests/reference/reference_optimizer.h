/* The optimisers and schedules in double precision, from Keras 3's formulas as
 * conventions part A gives them; nothing taken from core. */
#ifndef MLPD_TESTS_REFERENCE_REFERENCE_OPTIMIZER_H
#define MLPD_TESTS_REFERENCE_REFERENCE_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reference_optimizer {
    const char *name; /* sgd rmsprop adagrad adam adamw */
    bool nesterov;
    double learning_rate, momentum, rho, beta_1, beta_2, epsilon;
    double weight_decay, clip_norm, clip_value; /* 0: none */
    const char *schedule;                       /* constant step exponential cosine */
    double decay_rate, decay_steps, alpha, warmup_steps;
};

/* The rate of batch t, the first being 0. */
double reference_rate(const struct reference_optimizer *optimizer, uint64_t t);

/* One step on `count` weights.  `first` and `second` are [count] each; before
 * the first step all 0, for adagrad `first` all initial_accumulator_value. */
void reference_step(const struct reference_optimizer *optimizer, uint64_t t, size_t count,
                    const double *gradient, double *w, double *first, double *second);

#endif
