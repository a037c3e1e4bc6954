/* Softmax of rows: e^(x_j - max) / Σ e^(x_i - max).
 *
 * The note prints e^(-x_j)/Σe^(-x_i); README, 'The mathematics', says why the
 * signs are ours.  With the row's maximum subtracted nothing overflows.  Pure
 * functions, any thread. */
#ifndef MLPD_CORE_MATHS_SOFTMAX_H
#define MLPD_CORE_MATHS_SOFTMAX_H

#include <stddef.h>

/* The largest of `count` ≥ 1 numbers and its lowest index. */
size_t row_argmax(size_t count, const float *row);

/* A = softmax(Z), both of `count` ≥ 1 numbers; A may be Z.  Returns
 * ln Σ e^Z in double: the loss of class c is that minus Z[c], whatever the size
 * of the logits. */
double softmax_row(size_t count, const float *Z, float *A);

/* The same for up to SOFTMAX_ROWS_MAX rows that lie behind each other, and which
 * class each of them names: to the bit what softmax_row and row_argmax make of A. */
#define SOFTMAX_ROWS_MAX 16
struct softmax_rows {
    double log_sums[SOFTMAX_ROWS_MAX];
    size_t classes[SOFTMAX_ROWS_MAX];
};
void softmax_rows(size_t rows, size_t count, const float *Z, float *A, struct softmax_rows *out);

#endif
