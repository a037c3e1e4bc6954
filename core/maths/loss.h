/* Losses: the number that training lowers, and its derivative.
 *
 * One row's loss is, with k outputs, activated output a, pre-activation z and
 * target c:
 *   categorical_crossentropy  -Σ c_j log softmax(z)_j = ln Σe^z·Σc - Σ c_j z_j   (the note)
 *   binary_crossentropy       1/k Σ softplus(z_j) - c_j z_j
 *   mse                       1/k Σ (a_j - c_j)²
 *   mae                       1/k Σ |a_j - c_j|
 *   huber                     1/k Σ ½e² for |e| ≤ δ, else δ(|e| - ½δ), e = a_j - c_j
 * The two cross entropies are computed from the logits, never from a rounded
 * probability.  A batch's loss is Σ w·loss / n over its n rows.
 *
 * Any thread may call; nothing is kept. */
#ifndef MLPD_CORE_MATHS_LOSS_H
#define MLPD_CORE_MATHS_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/maths/activation.h"

enum loss {
    LOSS_CATEGORICAL_CROSSENTROPY,
    LOSS_BINARY_CROSSENTROPY,
    LOSS_MSE,
    LOSS_MAE,
    LOSS_HUBER,
    LOSS_COUNT,
    LOSS_UNSET = LOSS_COUNT /* left out: follows the last activation */
};

/* How the softmax output's dE/dZ is computed. */
enum output_delta {
    OUTPUT_DELTA_EXACT,    /* A·Σc - c, the derivative */
    OUTPUT_DELTA_DIAGONAL, /* -c ⊙ (1 - A), the note's rule as printed */
    OUTPUT_DELTA_COUNT
};

struct output_delta_rule {
    const char *name;
    const char *documentation;
};

/* One row for each value of `enum output_delta`. */
extern const struct output_delta_rule output_delta_rules[OUTPUT_DELTA_COUNT];

/* Some rows of a batch, what is known about them, and what shall be computed.
 * All matrices are row-major, [rows × outputs], without gaps. */
struct loss_rows {
    size_t rows, outputs;
    const float *Z;              /* before the last activation; read by fused losses */
    float *A;                    /* after it; written by fused losses, read by the others */
    const int32_t *labels;       /* [rows] class indices, or NULL when there are targets */
    const float *targets;        /* [rows × outputs], or NULL when there are labels */
    const float *sample_weights; /* [rows], or NULL: 1 */
    const float *class_weights;  /* [classes], or NULL: 1 */
    size_t batch_rows;           /* n, by which the batch's loss divides */
    enum output_delta output_delta;
    float huber_delta;

    /* Written unless NULL: dE/dZ for fused losses, dE/dA for the others, E being
     * the batch's loss.  May be A itself, which is then lost. */
    float *gradient;
    float *row_losses; /* [rows], without weights, or NULL */

    double loss_sum; /* out: Σ w·loss over these rows */
    double hits;     /* out: what was right, of rows (or of rows·outputs, see below) */
};

struct loss_function {
    const char *name; /* Keras's */
    const char *documentation;
    bool classifies;       /* there is an accuracy */
    enum activation fused; /* the activation whose derivative is part of the loss, which
                              must be the last one; ACTIVATION_UNSET: any elementwise one */
    enum activation last;  /* the last activation when it is left out */
    void (*rows)(struct loss_rows *rows);
};

/* One row for each value of `enum loss`. */
extern const struct loss_function loss_functions[LOSS_COUNT];

/* The loss that follows from a last activation. */
enum loss loss_for_activation(enum activation last);

/* How many decisions one row is for accuracy = hits/(rows·decisions): several
 * sigmoid outputs are so many independent yes-or-no decisions. */
size_t loss_decisions_per_row(enum loss loss, size_t outputs);

/* The class that a row of outputs names: lowest index among the largest; one
 * output alone: 1 if strictly above 0.5. */
size_t loss_predicted_class(size_t outputs, const float *A_row);

#endif
