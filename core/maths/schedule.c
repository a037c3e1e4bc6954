/* Learning-rate schedules; see schedule.h. */
#include "core/maths/schedule.h"

#include "core/maths/elementary.h"

const struct schedule_function schedule_functions[SCHEDULE_COUNT] = {
    [SCHEDULE_CONSTANT] = {"constant", "the same rate for ever", false, false, false},
    [SCHEDULE_STEP] = {"step", "times decay_rate every decay_steps batches", true, true, false},
    [SCHEDULE_EXPONENTIAL] = {"exponential", "times decay_rate over decay_steps batches, smoothly",
                              true, true, false},
    [SCHEDULE_COSINE] = {"cosine", "down to alpha times the rate over decay_steps batches", false,
                         true, true},
};

double schedule_rate(const struct schedule_settings *settings, double rate, uint64_t t) {
    if (t < settings->warmup_steps) {
        return rate * (double)(t + 1) / (double)settings->warmup_steps;
    }
    const uint64_t u = t - settings->warmup_steps;
    const uint64_t steps = settings->decay_steps;
    switch (settings->schedule) {
    case SCHEDULE_STEP:
        return rate * double_integer_power(settings->decay_rate, u / steps);
    case SCHEDULE_EXPONENTIAL:
        return rate * double_power(settings->decay_rate, (double)u / (double)steps);
    case SCHEDULE_COSINE: {
        const double progress = u < steps ? (double)u / (double)steps : 1.0;
        const double alpha = settings->alpha;
        return rate * (alpha + (1 - alpha) * 0.5 * (1 + double_cos_pi(progress)));
    }
    default:
        return rate;
    }
}
