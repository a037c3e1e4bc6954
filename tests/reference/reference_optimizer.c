/* Optimisers in double precision; see reference_optimizer.h. */
#include "tests/reference/reference_optimizer.h"

#include <math.h>
#include <string.h>

double reference_rate(const struct reference_optimizer *optimizer, uint64_t t) {
    const double rate = optimizer->learning_rate;
    const double batch = (double)t;
    if (batch < optimizer->warmup_steps) {
        return rate * (batch + 1) / optimizer->warmup_steps;
    }
    const double u = (batch - optimizer->warmup_steps) / optimizer->decay_steps;
    if (strcmp(optimizer->schedule, "step") == 0) {
        return rate * pow(optimizer->decay_rate, floor(u));
    }
    if (strcmp(optimizer->schedule, "exponential") == 0) {
        return rate * pow(optimizer->decay_rate, u);
    }
    if (strcmp(optimizer->schedule, "cosine") == 0) {
        const double share = (1 + cos(acos(-1.0) * fmin(u, 1))) / 2;
        return rate * ((1 - optimizer->alpha) * share + optimizer->alpha);
    }
    return rate;
}

void reference_step(const struct reference_optimizer *optimizer, uint64_t t, size_t count,
                    const double *gradient, double *w, double *first, double *second) {
    const double rate = reference_rate(optimizer, t);
    double norm = 0;
    for (size_t i = 0; i < count; i++) {
        norm += gradient[i] * gradient[i];
    }
    norm = sqrt(norm);
    const double shrink = optimizer->clip_norm > 0 ? fmin(1, optimizer->clip_norm / norm) : 1;
    const double bound = optimizer->clip_value > 0 ? optimizer->clip_value : INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double g = fmax(-bound, fmin(bound, gradient[i] * shrink));
        w[i] -= rate * optimizer->weight_decay * w[i];
        if (strcmp(optimizer->name, "sgd") == 0) {
            first[i] = optimizer->momentum * first[i] - rate * g;
            w[i] += optimizer->nesterov ? optimizer->momentum * first[i] - rate * g : first[i];
        } else if (strcmp(optimizer->name, "rmsprop") == 0) {
            first[i] = optimizer->rho * first[i] + (1 - optimizer->rho) * g * g;
            w[i] -= rate * g / sqrt(first[i] + optimizer->epsilon);
        } else if (strcmp(optimizer->name, "adagrad") == 0) {
            first[i] += g * g;
            w[i] -= rate * g / sqrt(first[i] + optimizer->epsilon);
        } else {
            const double n = (double)t + 1;
            first[i] = optimizer->beta_1 * first[i] + (1 - optimizer->beta_1) * g;
            second[i] = optimizer->beta_2 * second[i] + (1 - optimizer->beta_2) * g * g;
            const double corrected =
                rate * sqrt(1 - pow(optimizer->beta_2, n)) / (1 - pow(optimizer->beta_1, n));
            w[i] -= corrected * first[i] / (sqrt(second[i]) + optimizer->epsilon);
        }
    }
}
