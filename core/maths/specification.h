/* What a network is: the create call's fields as a struct, checked and made
 * whole.
 *
 * A specification is a plain value until `specification_complete` has accepted
 * it; from then on nobody changes it.  It owns its arrays, but see
 * specification_copy_settings. */
#ifndef MLPD_CORE_MATHS_SPECIFICATION_H
#define MLPD_CORE_MATHS_SPECIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/maths/activation.h"
#include "core/maths/initializer.h"
#include "core/maths/loss.h"
#include "core/maths/normalization.h"
#include "core/maths/optimizer.h"

#define LAYERS_MAX 64
#define WIDTH_MAX 1000000         /* inputs, or units of a layer */
#define PARAMETERS_MAX 1000000000 /* of one network; 4 GB as float32 */
#define CLASS_NAME_BYTES_MAX 256
#define CLASS_WEIGHT_MAX 1e6
#define HUBER_DELTA_MIN 1e-6
#define HUBER_DELTA_MAX 1e6
#define HUBER_DELTA_DEFAULT 1.0
#define SEED_DEFAULT 1

struct layer_specification {
    size_t units;
    enum activation activation; /* ACTIVATION_UNSET: by its place */
    bool has_alpha;             /* false: the activation's default */
    double alpha;
    enum normalization normalization;
    double dropout;               /* 0 ≤ p < 1 */
    enum initializer initializer; /* INITIALIZER_UNSET: by the activation */
};

/* By what the best of a model's automatic checkpoints is chosen. */
enum checkpoint_metric {
    CHECKPOINT_METRIC_NONE,
    CHECKPOINT_METRIC_LOSS,    /* the running loss, lower is better */
    CHECKPOINT_METRIC_ACCURACY /* the running accuracy */
};

#define CHECKPOINT_SECONDS_MIN 1.0
#define CHECKPOINT_SECONDS_MAX 1e9
#define CHECKPOINT_STEPS_MAX 1000000000000
#define CHECKPOINT_KEEP_MAX 10000
#define CHECKPOINT_KEEP_DEFAULT 5

/* When a model's numbers are kept by themselves. */
struct checkpoint_policy {
    uint64_t every_steps; /* 0: not by steps */
    double every_seconds; /* 0: not by time */
    size_t keep;          /* so many of them, beside the best */
    enum checkpoint_metric best;
};

struct specification {
    size_t inputs;
    size_t layer_count;
    struct layer_specification *layers; /* [layer_count], owned */
    enum loss loss;                     /* LOSS_UNSET: by the last activation */
    bool has_huber_delta;
    double huber_delta;
    bool has_output_delta;
    enum output_delta output_delta;
    struct optimizer_settings optimizer;
    uint64_t seed;
    bool standardize;
    size_t class_count;    /* names given; 0 or specification_classes() */
    char **classes;        /* [class_count], owned */
    uint32_t *class_order; /* [class_count] indices by name; made by specification_complete */
    float *class_weights;  /* [specification_classes()], owned, or NULL */
    struct checkpoint_policy checkpoints;
};

/* A specification without layers, every optional field at "left out". */
void specification_init(struct specification *specification);

/* Give it `count` layers in place of those it had, every optional field at "left
 * out"; false when there is no memory. */
bool specification_set_layers(struct specification *specification, size_t count);

/* Free what it owns. */
void specification_free(struct specification *specification);

/* Fill in what was left out and check everything.  ERROR_INVALID with a pointer
 * to the field ("/layers/1/units") when the network cannot be. */
enum error_code specification_complete(struct specification *specification, struct error *error);

/* Check a specification that has nothing left to fill in: one that was complete
 * and got other settings. */
enum error_code specification_check(const struct specification *specification, struct error *error);

/* `copy` becomes a specification of its own with the structure and classes of
 * `structure` and the optimiser, output delta, seed, class weights and checkpoints of
 * `settings`.  ERROR_MEMORY. */
enum error_code specification_copy(struct specification *copy,
                                   const struct specification *structure,
                                   const struct specification *settings, struct error *error);

/* `copy` becomes `settings` with class weights of its own; its layers and classes
 * stay those of `settings`, so it is not for specification_free.  ERROR_MEMORY. */
enum error_code specification_copy_settings(struct specification *copy,
                                            const struct specification *settings,
                                            struct error *error);

/* Does it make automatic checkpoints at all? */
static inline bool checkpoint_policy_is_on(const struct checkpoint_policy *policy) {
    return policy->every_steps > 0 || policy->every_seconds > 0;
}

/* Do the numbers of one mean the same in the other?  Inputs, layers, loss and classes; not
 * how they are trained.  ERROR_INVALID with the first difference, `a` against `b`.  Both
 * complete. */
enum error_code specification_check_alike(const struct specification *a,
                                          const struct specification *b, struct error *error);

/* Units of the last layer. */
size_t specification_outputs(const struct specification *specification);

/* How many classes its labels can name: one sigmoid output has two; 0 for
 * regression and for several sigmoid outputs. */
size_t specification_classes(const struct specification *specification);

/* The index of the class of that name, or -1.  A binary search. */
ptrdiff_t specification_find_class(const struct specification *specification, const char *name);

/* What is trained: weights, biases, γ and β, without padding.  The moving
 * statistics of batch normalisation do not count. */
size_t specification_parameters(const struct specification *specification);

#endif
