/* Optimisers: how a gradient g changes a weight w.  Names, defaults and
 * formulas are Keras 3's (keras/src/optimizers):
 *   sgd            w += -lr·g
 *   sgd, momentum  v = μv - lr·g;  w += v   (nesterov: w += μv - lr·g)
 *   rmsprop        v = ρv + (1-ρ)g²;  w -= lr·g/√(v + ε)
 *   adagrad        v = v + g²;  w -= lr·g/√(v + ε), v from initial_accumulator_value
 *   adam, adamw    m += (1-β₁)(g - m);  v += (1-β₂)(g² - v);
 *                  w -= lr·√(1-β₂ᵗ)/(1-β₁ᵗ) · m/(√v + ε), t counting from 1
 * Before that, with every optimiser, decoupled weight decay: w -= lr·decay·w.
 * `lr` is the schedule's rate for this batch.
 *
 * Pure functions over caller's arrays, any thread. */
#ifndef MLPD_CORE_MATHS_OPTIMIZER_H
#define MLPD_CORE_MATHS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/maths/schedule.h"

enum optimizer {
    OPTIMIZER_SGD,
    OPTIMIZER_RMSPROP,
    OPTIMIZER_ADAGRAD,
    OPTIMIZER_ADAM,
    OPTIMIZER_ADAMW,
    OPTIMIZER_COUNT
};

#define LEARNING_RATE_MAX 1000.0 /* with it, finite gradients cannot make infinite weights */

struct optimizer_settings {
    enum optimizer optimizer;
    bool nesterov;
    double learning_rate;
    double momentum;
    double rho;
    double beta_1, beta_2;
    double epsilon;
    double initial_accumulator_value;
    double weight_decay;
    double clip_norm;  /* bound on the norm of all gradients together; 0: none */
    double clip_value; /* bound on each gradient; 0: none.  Not both. */
    struct schedule_settings schedule;
};

/* What one batch's update needs, the same for every weight. */
struct optimizer_step {
    float learning_rate;  /* of this batch, for adam with its bias correction */
    float decay;          /* lr·weight_decay */
    float gradient_scale; /* of clip_norm; 1: not clipped */
    float clip_value;     /* infinity: none */
    float momentum, rho, epsilon;
    float rest_of_rho, rest_of_beta_1, rest_of_beta_2; /* 1-ρ …, subtracted in double */
    bool nesterov;
};

struct optimizer_function {
    const char *name;
    const char *documentation;
    double default_learning_rate;
    double default_weight_decay;
    size_t (*slots)(const struct optimizer_settings *settings); /* arrays it keeps, 0 to 2 */

    /* w_new = the updated w, for `count` weights; w_new may be w.  `first` and
     * `second` are the kept arrays, NULL where slots says there are fewer. */
    void (*update)(const struct optimizer_step *step, size_t count, const float *gradient,
                   const float *w, float *w_new, float *first, float *second);
};

extern const struct optimizer_function optimizer_functions[OPTIMIZER_COUNT];

/* The settings that are numbers, as clients name them: one table for reading,
 * describing, checking and documenting them. */
struct optimizer_option {
    const char *name;
    size_t offset;           /* of a double in struct optimizer_settings */
    double minimum, maximum; /* allowed, both included */
    double default_value;    /* negative: the optimiser's own */
    unsigned optimizers;     /* bit (1 << enum optimizer): which have it */
    bool nullable;           /* JSON null says 0, none */
    const char *documentation;
};

#define OPTIMIZER_OPTION_COUNT 10
extern const struct optimizer_option optimizer_options[OPTIMIZER_OPTION_COUNT];

double optimizer_option_get(const struct optimizer_settings *settings,
                            const struct optimizer_option *option);
void optimizer_option_set(struct optimizer_settings *settings,
                          const struct optimizer_option *option, double value);

/* Every setting of that optimiser at its default, schedule constant. */
void optimizer_defaults(struct optimizer_settings *settings, enum optimizer optimizer);

/* The step for batch t (from 0) whose gradients have the squared norm given. */
struct optimizer_step optimizer_prepare(const struct optimizer_settings *settings, uint64_t t,
                                        double squared_norm);

/* What the kept arrays hold before the first batch. */
float optimizer_initial_slot(const struct optimizer_settings *settings);

#endif
