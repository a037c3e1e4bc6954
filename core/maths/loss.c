/* The losses and their derivatives; see loss.h. */
#include "core/maths/loss.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/maths/elementary.h"
#include "core/maths/softmax.h"
#include "core/maths/vectorised.h"

size_t loss_predicted_class(size_t outputs, const float *A_row) {
    return outputs == 1 ? A_row[0] > 0.5f : row_argmax(outputs, A_row);
}

/* The class that row r is of, to look up its weight: its label, or what its
 * targets name. */
static size_t true_class(const struct loss_rows *in, size_t r) {
    return in->labels != NULL ? (size_t)in->labels[r]
                              : loss_predicted_class(in->outputs, in->targets + r * in->outputs);
}

static float row_weight(const struct loss_rows *in, size_t r) {
    const float sample = in->sample_weights != NULL ? in->sample_weights[r] : 1.0f;
    return in->class_weights != NULL ? sample * in->class_weights[true_class(in, r)] : sample;
}

static void finish_row(struct loss_rows *in, size_t r, double loss, float weight) {
    if (in->row_losses != NULL) {
        in->row_losses[r] = (float)loss;
    }
    /* A weight of zero takes the row out, even where its loss is not finite. */
    in->loss_sum += weight != 0 ? (double)weight * loss : 0.0;
}

/* --- categorical cross entropy on softmax ---------------------------------
 * E = ln Σe^z·Σc - Σ c_j z_j, so dE/dz_j = A_j Σc - c_j (the note's (i), made
 * exact); the diagonal rule as printed keeps -c_j (1 - A_j). */

VECTORISED
static void categorical_gradient(size_t k, float sum, const float *A, const float *c, float factor,
                                 float *gradient) {
    INDEPENDENT
    for (size_t j = 0; j < k; j++) {
        gradient[j] = (A[j] * sum - c[j]) * factor;
    }
}

VECTORISED
static void categorical_label_gradient(size_t k, const float *A, float factor, float *gradient) {
    INDEPENDENT
    for (size_t j = 0; j < k; j++) {
        gradient[j] = A[j] * factor;
    }
}

VECTORISED
static void diagonal_gradient(size_t k, const float *A, const float *c, float factor,
                              float *gradient) {
    INDEPENDENT
    for (size_t j = 0; j < k; j++) {
        gradient[j] = -c[j] * (1.0f - A[j]) * factor;
    }
}

/* Rows that have labels, and one factor. */
static void categorical_label_rows(const struct loss_rows *in, size_t rows, const float *A,
                                   const int32_t *labels, float factor, float *gradient) {
    const size_t k = in->outputs;
    float own[SOFTMAX_ROWS_MAX]; /* at the labels; A may be the gradient's memory */
    const bool diagonal = in->output_delta == OUTPUT_DELTA_DIAGONAL;
    for (size_t r = 0; r < rows; r++) {
        own[r] = (A[r * k + (size_t)labels[r]] - 1.0f) * factor;
    }
    if (diagonal) {
        memset(gradient, 0, rows * k * sizeof *gradient);
    } else {
        categorical_label_gradient(rows * k, A, factor, gradient);
    }
    for (size_t r = 0; r < rows; r++) {
        gradient[r * k + (size_t)labels[r]] = own[r];
    }
}

/* A row that has targets: its loss, and its gradient unless that is NULL. */
static double categorical_target_row(const struct loss_rows *in, const float *Z, const float *A,
                                     const float *c, double log_sum, float factor,
                                     float *gradient) {
    double loss = 0, sum = 0;
    for (size_t j = 0; j < in->outputs; j++) {
        /* Not c·log_sum - c·z in two sums: at large logits they would cancel. */
        loss += c[j] != 0 ? (double)c[j] * (log_sum - (double)Z[j]) : 0.0;
        sum += (double)c[j];
    }
    if (gradient != NULL && in->output_delta == OUTPUT_DELTA_DIAGONAL) {
        diagonal_gradient(in->outputs, A, c, factor, gradient);
    } else if (gradient != NULL) {
        categorical_gradient(in->outputs, (float)sum, A, c, factor, gradient);
    }
    return loss;
}

/* The rows from `start` on, at most SOFTMAX_ROWS_MAX. */
static void categorical_some_rows(struct loss_rows *in, size_t start, size_t rows) {
    const size_t k = in->outputs;
    const float scale = 1.0f / (float)in->batch_rows;
    const bool weighted = in->sample_weights != NULL || in->class_weights != NULL;
    const float *Z = in->Z + start * k;
    float *A = in->A + start * k;
    float *gradient = in->gradient != NULL ? in->gradient + start * k : NULL;
    struct softmax_rows softmax;
    softmax_rows(rows, k, Z, A, &softmax);
    for (size_t i = 0; i < rows; i++) {
        const size_t r = start + i;
        const float weight = row_weight(in, r);
        const float factor = scale * weight;
        in->hits += softmax.classes[i] == true_class(in, r);
        if (in->labels == NULL) {
            const double loss = categorical_target_row(
                in, Z + i * k, A + i * k, in->targets + r * k, softmax.log_sums[i], factor,
                gradient != NULL ? gradient + i * k : NULL);
            finish_row(in, r, loss, weight);
            continue;
        }
        finish_row(in, r, softmax.log_sums[i] - (double)Z[i * k + (size_t)in->labels[r]], weight);
        if (gradient != NULL && weighted) {
            categorical_label_rows(in, 1, A + i * k, in->labels + r, factor, gradient + i * k);
        }
    }
    if (gradient != NULL && in->labels != NULL && !weighted) {
        categorical_label_rows(in, rows, A, in->labels + start, scale, gradient);
    }
}

static void categorical_rows(struct loss_rows *in) {
    for (size_t start = 0; start < in->rows; start += SOFTMAX_ROWS_MAX) {
        categorical_some_rows(in, start, size_min(SOFTMAX_ROWS_MAX, in->rows - start));
    }
}

/* --- elementwise losses ----------------------------------------------------
 * Each is two expressions of one output: its loss and its derivative, by z for
 * the binary cross entropy, by a for the others.  LANES partial sums a row, as
 * vectorised.h wants them. */

struct elementwise {
    size_t count;
    const float *Z;
    float *A;
    const float *c;
    float factor;    /* w / (n·k) */
    float *gradient; /* or NULL */
    float huber_delta;
};

#define ELEMENTWISE_LOSS(name, activate, value, derivative)                                        \
    VECTORISED                                                                                     \
    static double name##_row(const struct elementwise *e) {                                        \
        float lanes[LANES] = {0};                                                                  \
        const float delta = e->huber_delta;                                                        \
        (void)delta;                                                                               \
        for (size_t start = 0; start < e->count; start += LANES) {                                 \
            const size_t left = e->count - start;                                                  \
            const size_t width = left < LANES ? left : LANES;                                      \
            INDEPENDENT                                                                            \
            for (size_t lane = 0; lane < width; lane++) {                                          \
                const size_t j = start + lane;                                                     \
                const float z = e->Z[j];                                                           \
                const float c = e->c[j];                                                           \
                const float a = (activate);                                                        \
                const float error = a - c;                                                         \
                const float magnitude = error < 0 ? -error : error;                                \
                (void)z, (void)magnitude;                                                          \
                e->A[j] = a;                                                                       \
                lanes[lane] += (value);                                                            \
                if (e->gradient != NULL) {                                                         \
                    e->gradient[j] = (derivative)*e->factor;                                       \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        double sum = 0;                                                                            \
        for (size_t lane = 0; lane < LANES; lane++) {                                              \
            sum += (double)lanes[lane];                                                            \
        }                                                                                          \
        return sum / (double)e->count;                                                             \
    }

/* softplus(z) - c·z; derivative σ(z) - c.  As max(z, 0) - c·z + softplus(-|z|),
 * so that the small loss of a sure and right answer is no difference of two large
 * numbers. */
ELEMENTWISE_LOSS(binary, float_sigmoid(z),
                 ((z > 0 ? z : 0.0f) - c * z) + float_softplus(z > 0 ? -z : z), error)

/* (a-c)²; derivative 2(a-c). */
ELEMENTWISE_LOSS(mse, e->A[j], error *error, 2.0f * error)

/* |a-c|; derivative its sign, 0 at 0. */
ELEMENTWISE_LOSS(mae, e->A[j], magnitude, (float)((error > 0) - (error < 0)))

/* ½e² inside δ, δ(|e|-½δ) outside; derivative e inside, ±δ outside. */
ELEMENTWISE_LOSS(huber, e->A[j],
                 magnitude <= delta ? 0.5f * error * error : delta * (magnitude - 0.5f * delta),
                 magnitude <= delta ? error : (error > 0 ? delta : -delta))

static void elementwise_rows(struct loss_rows *in, double (*row)(const struct elementwise *)) {
    const size_t k = in->outputs;
    const float scale = 1.0f / ((float)in->batch_rows * (float)k);
    for (size_t r = 0; r < in->rows; r++) {
        const float weight = row_weight(in, r);
        const float label = in->labels != NULL ? (float)in->labels[r] : 0.0f;
        const struct elementwise elements = {
            .count = k,
            .Z = in->Z + r * k,
            .A = in->A + r * k,
            .c = in->labels != NULL ? &label : in->targets + r * k,
            .factor = scale * weight,
            .gradient = in->gradient != NULL ? in->gradient + r * k : NULL,
            .huber_delta = in->huber_delta,
        };
        finish_row(in, r, row(&elements), weight);
    }
}

static void binary_rows(struct loss_rows *in) {
    /* The gradient may take A's place, so what was right is counted from Z: a
     * sigmoid is above ½ exactly where z is above 0. */
    for (size_t r = 0; r < in->rows; r++) {
        for (size_t j = 0; j < in->outputs; j++) {
            const float c =
                in->labels != NULL ? (float)in->labels[r] : in->targets[r * in->outputs + j];
            in->hits += (in->Z[r * in->outputs + j] > 0) == (c > 0.5f);
        }
    }
    elementwise_rows(in, binary_row);
}

static void mse_rows(struct loss_rows *in) {
    elementwise_rows(in, mse_row);
}

static void mae_rows(struct loss_rows *in) {
    elementwise_rows(in, mae_row);
}

static void huber_rows(struct loss_rows *in) {
    elementwise_rows(in, huber_row);
}

const struct loss_function loss_functions[LOSS_COUNT] = {
    [LOSS_CATEGORICAL_CROSSENTROPY] = {"categorical_crossentropy",
                                       "one class of several; needs softmax", true,
                                       ACTIVATION_SOFTMAX, ACTIVATION_SOFTMAX, categorical_rows},
    [LOSS_BINARY_CROSSENTROPY] = {"binary_crossentropy",
                                  "independent yes-or-no outputs; needs sigmoid", true,
                                  ACTIVATION_SIGMOID, ACTIVATION_SIGMOID, binary_rows},
    [LOSS_MSE] = {"mse", "mean squared error", false, ACTIVATION_UNSET, ACTIVATION_IDENTITY,
                  mse_rows},
    [LOSS_MAE] = {"mae", "mean absolute error", false, ACTIVATION_UNSET, ACTIVATION_IDENTITY,
                  mae_rows},
    [LOSS_HUBER] = {"huber", "squared up to huber_delta, absolute beyond", false, ACTIVATION_UNSET,
                    ACTIVATION_IDENTITY, huber_rows},
};

const struct output_delta_rule output_delta_rules[OUTPUT_DELTA_COUNT] = {
    [OUTPUT_DELTA_EXACT] = {"exact", "the derivative of categorical_crossentropy, A·Σc - c"},
    [OUTPUT_DELTA_DIAGONAL] = {"diagonal", "its diagonal alone, -c·(1 - A)"},
};

enum loss loss_for_activation(enum activation last) {
    switch (last) {
    case ACTIVATION_UNSET:
    case ACTIVATION_SOFTMAX:
        return LOSS_CATEGORICAL_CROSSENTROPY;
    case ACTIVATION_SIGMOID:
        return LOSS_BINARY_CROSSENTROPY;
    default:
        return LOSS_MSE;
    }
}

size_t loss_decisions_per_row(enum loss loss, size_t outputs) {
    return loss == LOSS_BINARY_CROSSENTROPY ? outputs : 1;
}
