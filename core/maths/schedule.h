/* Learning-rate schedules: the rate of batch t (the first is t = 0).
 *
 * With warm-up of s steps: rate·(t+1)/s for t < s, no step wasted at rate 0
 * (differs from Keras); the decay counts u = t - s from the end of warm-up:
 *   constant     rate
 *   exponential  rate·decay_rate^(u/decay_steps)
 *   step         rate·decay_rate^⌊u/decay_steps⌋
 *   cosine       rate·(α + (1-α)·½(1 + cos(π·min(u, decay_steps)/decay_steps)))
 * Pure functions, any thread. */
#ifndef MLPD_CORE_MATHS_SCHEDULE_H
#define MLPD_CORE_MATHS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum schedule {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,
    SCHEDULE_EXPONENTIAL,
    SCHEDULE_COSINE,
    SCHEDULE_COUNT
};

#define SCHEDULE_STEPS_MAX 1e15

struct schedule_settings {
    enum schedule schedule;
    double decay_rate;     /* step, exponential */
    uint64_t decay_steps;  /* step, exponential, cosine; ≥ 1 */
    double alpha;          /* cosine: the share of the rate that stays at the end */
    uint64_t warmup_steps; /* all; 0: none */
};

struct schedule_function {
    const char *name;
    const char *documentation;
    bool takes_decay_rate, takes_decay_steps, takes_alpha;
};

extern const struct schedule_function schedule_functions[SCHEDULE_COUNT];

double schedule_rate(const struct schedule_settings *settings, double rate, uint64_t t);

#endif
