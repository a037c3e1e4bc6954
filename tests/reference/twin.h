/* A network of mlpd and its twin in double precision, trained side by side.
 *
 * twin_create makes both with the same parameters; twin_run gives one batch to
 * mlpd's pass; twin_reference prepares the same batch for the reference (mask,
 * standardisation, conversion).  Neither side's results reach the other. */
#ifndef MLPD_TESTS_REFERENCE_TWIN_H
#define MLPD_TESTS_REFERENCE_TWIN_H

#include "core/maths/pass.h"
#include "tests/reference/reference.h"
#include "tests/reference/reference_optimizer.h"

struct twin {
    struct specification specification;
    /* mlpd's side */
    struct network network;
    struct network_layer layers[LAYERS_MAX]; /* of `network` */
    float *parameters, *first, *second;
    struct standardizer standardizers[2]; /* before and after the batch, by turns */
    uint64_t step;
    struct pass pass; /* pass.gradient stands until the next batch */
    void *scratch;
    /* the other's: parameters without padding */
    struct reference_network reference;
    struct reference_optimizer optimizer;
    struct reference_standardizer reference_standardizer;
    double *weights, *slots[2];
    struct reference_batch batch; /* owned arrays, see twin_reference */
    double *masks[REFERENCE_LAYERS_MAX];
};

/* Complete the specification and make both sides.  The twin copies its layers and
 * takes over the rest.
 * Parameters: the initialisers', with biases and β of up to ±0.1, γ of 1 ± 0.5. */
void twin_create(struct twin *twin, const struct specification *specification);
void twin_destroy(struct twin *twin);

/* mlpd's step on the batch; the weights change in place. */
struct pass_result twin_run(struct twin *twin, const struct pass_batch *batch);

/* Make `twin->batch` and the masks: what the reference needs to compute the
 * batch that twin_run would train next. */
void twin_reference(struct twin *twin, const struct pass_batch *batch);

/* The reference's step on the batch; returns its loss.  Call before twin_run. */
double twin_reference_run(struct twin *twin, const struct pass_batch *batch);

/* mlpd's numbers, laid out as `parameters`, without padding. */
void twin_compact(const struct twin *twin, const float *from, double *to);

/* The worst relative error of a tensor: for W, b, γ and β of each layer,
 * ‖found - wanted‖/‖wanted‖.  A tensor whose size is a thousandth of all or less
 * (as where the derivatives of |e| cancel) is measured by that thousandth.  Both
 * without padding. */
double twin_worst_error(const struct twin *twin, const double *found, const double *wanted);

/* The same for the moving statistics of both sides: means, and variances. */
double twin_moving_error(const struct twin *twin);

/* Reproducible numbers in [-1, 1), with no help of core. */
float twin_random(uint64_t *state);

#endif
