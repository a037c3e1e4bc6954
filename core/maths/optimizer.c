/* The optimisers; see optimizer.h. */
#include "core/maths/optimizer.h"

#include <math.h>
#include <string.h>

#include "core/maths/elementary.h"
#include "core/maths/vectorised.h"

/* The gradient after clipping, and the weight after decay: the same for all.
 * Unclipped, both are exact: ·1 and bounds of infinity change no bit. */
static inline float clipped(const struct optimizer_step *step, float gradient) {
    const float scaled = gradient * step->gradient_scale;
    const float capped = scaled > step->clip_value ? step->clip_value : scaled;
    return capped < -step->clip_value ? -step->clip_value : capped;
}

static inline float decayed(const struct optimizer_step *step, float w) {
    return w - step->decay * w;
}

VECTORISED
static void plain_sgd_update(const struct optimizer_step *step, size_t count, const float *gradient,
                             const float *w, float *w_new) {
    const struct optimizer_step s = *step;
    INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        w_new[i] = decayed(&s, w[i]) - s.learning_rate * clipped(&s, gradient[i]);
    }
}

VECTORISED
static void momentum_update(const struct optimizer_step *step, size_t count, const float *gradient,
                            const float *w, float *w_new, float *velocity) {
    const struct optimizer_step s = *step;
    INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const float move = s.learning_rate * clipped(&s, gradient[i]);
        const float v = s.momentum * velocity[i] - move;
        velocity[i] = v;
        w_new[i] = decayed(&s, w[i]) + (s.nesterov ? s.momentum * v - move : v);
    }
}

static void sgd_update(const struct optimizer_step *step, size_t count, const float *gradient,
                       const float *w, float *w_new, float *first, float *second) {
    (void)second;
    if (first == NULL) {
        plain_sgd_update(step, count, gradient, w, w_new);
    } else {
        momentum_update(step, count, gradient, w, w_new, first);
    }
}

VECTORISED
static void rmsprop_update(const struct optimizer_step *step, size_t count, const float *gradient,
                           const float *w, float *w_new, float *first, float *second) {
    (void)second;
    const struct optimizer_step s = *step;
    INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const float g = clipped(&s, gradient[i]);
        const float v = s.rho * first[i] + s.rest_of_rho * (g * g);
        first[i] = v;
        w_new[i] = decayed(&s, w[i]) - s.learning_rate * g / float_sqrt(v + s.epsilon);
    }
}

VECTORISED
static void adagrad_update(const struct optimizer_step *step, size_t count, const float *gradient,
                           const float *w, float *w_new, float *first, float *second) {
    (void)second;
    const struct optimizer_step s = *step;
    INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const float g = clipped(&s, gradient[i]);
        const float v = first[i] + g * g;
        first[i] = v;
        w_new[i] = decayed(&s, w[i]) - s.learning_rate * g / float_sqrt(v + s.epsilon);
    }
}

VECTORISED
static void adam_update(const struct optimizer_step *step, size_t count, const float *gradient,
                        const float *w, float *w_new, float *first, float *second) {
    const struct optimizer_step s = *step;
    INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const float g = clipped(&s, gradient[i]);
        const float m = first[i] + s.rest_of_beta_1 * (g - first[i]);
        const float v = second[i] + s.rest_of_beta_2 * (g * g - second[i]);
        first[i] = m;
        second[i] = v;
        w_new[i] = decayed(&s, w[i]) - s.learning_rate * m / (float_sqrt(v) + s.epsilon);
    }
}

static size_t sgd_slots(const struct optimizer_settings *settings) {
    return settings->momentum > 0 ? 1 : 0;
}

static size_t one_slot(const struct optimizer_settings *settings) {
    (void)settings;
    return 1;
}

static size_t two_slots(const struct optimizer_settings *settings) {
    (void)settings;
    return 2;
}

const struct optimizer_function optimizer_functions[OPTIMIZER_COUNT] = {
    [OPTIMIZER_SGD] = {"sgd", "gradient descent, with momentum if asked", 0.01, 0, sgd_slots,
                       sgd_update},
    [OPTIMIZER_RMSPROP] = {"rmsprop", "rates scaled by a running mean of squared gradients", 0.001,
                           0, one_slot, rmsprop_update},
    [OPTIMIZER_ADAGRAD] = {"adagrad", "rates scaled by the sum of squared gradients", 0.001, 0,
                           one_slot, adagrad_update},
    [OPTIMIZER_ADAM] = {"adam", "running means of the gradient and of its square", 0.001, 0,
                        two_slots, adam_update},
    [OPTIMIZER_ADAMW] = {"adamw", "adam with weight decay", 0.001, 0.004, two_slots, adam_update},
};

#define BIT(optimizer) (1u << (optimizer))
#define ADAMS (BIT(OPTIMIZER_ADAM) | BIT(OPTIMIZER_ADAMW))
#define ALL (BIT(OPTIMIZER_COUNT) - 1)
#define FIELD(name) #name, offsetof(struct optimizer_settings, name)
#define ALMOST_ONE 0.9999999

const struct optimizer_option optimizer_options[OPTIMIZER_OPTION_COUNT] = {
    {FIELD(learning_rate), 0, LEARNING_RATE_MAX, -1, ALL, false, "the size of a step"},
    {FIELD(momentum), 0, 0.9999, 0, BIT(OPTIMIZER_SGD), false, "the share of the last step kept"},
    {FIELD(rho), 0, ALMOST_ONE, 0.9, BIT(OPTIMIZER_RMSPROP), false,
     "decay of the mean of squared gradients"},
    {FIELD(beta_1), 0, ALMOST_ONE, 0.9, ADAMS, false, "decay of the mean of gradients"},
    {FIELD(beta_2), 0, ALMOST_ONE, 0.999, ADAMS, false, "decay of the mean of squared gradients"},
    {FIELD(epsilon), 1e-12, 1, 1e-7, ALL & ~BIT(OPTIMIZER_SGD), false,
     "keeps the division from zero"},
    {FIELD(initial_accumulator_value), 0, 1e6, 0.1, BIT(OPTIMIZER_ADAGRAD), false,
     "the sum of squared gradients before the first batch"},
    {FIELD(weight_decay), 0, 1, -1, ALL, false, "w -= learning_rate·weight_decay·w each batch"},
    {FIELD(clip_norm), 0, 1e18, 0, ALL, true, "bound on the norm of all gradients together"},
    {FIELD(clip_value), 0, 1e18, 0, ALL, true, "bound on each gradient"},
};

double optimizer_option_get(const struct optimizer_settings *settings,
                            const struct optimizer_option *option) {
    double value;
    memcpy(&value, (const char *)settings + option->offset, sizeof value);
    return value;
}

void optimizer_option_set(struct optimizer_settings *settings,
                          const struct optimizer_option *option, double value) {
    memcpy((char *)settings + option->offset, &value, sizeof value);
}

void optimizer_defaults(struct optimizer_settings *settings, enum optimizer optimizer) {
    *settings = (struct optimizer_settings){.optimizer = optimizer, .schedule.decay_steps = 1};
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        const struct optimizer_option *option = &optimizer_options[i];
        if ((option->optimizers & BIT(optimizer)) && option->default_value >= 0) {
            optimizer_option_set(settings, option, option->default_value);
        }
    }
    settings->learning_rate = optimizer_functions[optimizer].default_learning_rate;
    settings->weight_decay = optimizer_functions[optimizer].default_weight_decay;
}

struct optimizer_step optimizer_prepare(const struct optimizer_settings *settings, uint64_t t,
                                        double squared_norm) {
    const double rate = schedule_rate(&settings->schedule, settings->learning_rate, t);
    double corrected = rate;
    if (settings->optimizer == OPTIMIZER_ADAM || settings->optimizer == OPTIMIZER_ADAMW) {
        corrected *= sqrt(1 - double_integer_power(settings->beta_2, t + 1)) /
                     (1 - double_integer_power(settings->beta_1, t + 1));
    }
    const double norm = sqrt(squared_norm);
    const bool too_long = settings->clip_norm > 0 && norm > settings->clip_norm;
    return (struct optimizer_step){
        .learning_rate = (float)corrected,
        /* No more than the whole weight: beyond that it would change its sign and
         * grow each batch, to infinity even without a gradient. */
        .decay = (float)fmin(rate * settings->weight_decay, 1),
        .gradient_scale = too_long ? (float)(settings->clip_norm / norm) : 1.0f,
        .clip_value = settings->clip_value > 0 ? (float)settings->clip_value : INFINITY,
        .momentum = (float)settings->momentum,
        .rho = (float)settings->rho,
        .epsilon = (float)settings->epsilon,
        .rest_of_rho = (float)(1 - settings->rho),
        .rest_of_beta_1 = (float)(1 - settings->beta_1),
        .rest_of_beta_2 = (float)(1 - settings->beta_2),
        .nesterov = settings->nesterov,
    };
}

float optimizer_initial_slot(const struct optimizer_settings *settings) {
    return settings->optimizer == OPTIMIZER_ADAGRAD ? (float)settings->initial_accumulator_value
                                                    : 0.0f;
}
