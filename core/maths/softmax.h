/* Softmax of one row: e^(x_j - max) / Σ e^(x_i - max).
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

#endif
