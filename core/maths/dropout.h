/* Inverted dropout (Srivastava et al., JMLR 2014, as Keras does it): during
 * training a unit is set to 0 with probability p and divided by 1-p otherwise;
 * prediction does nothing.
 *
 * The mask is not stored: whether row r, unit u of layer l lives at step t is a
 * pure function of (seed, t, l, r, u), so that backward makes it again.  Its
 * word is element r·width + u of the key's stream (random.h), where width is the
 * layer's units rounded up to a multiple of 4: every row starts a block. */
#ifndef MLPD_CORE_MATHS_DROPOUT_H
#define MLPD_CORE_MATHS_DROPOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/random.h"
#include "core/maths/activation.h"

struct dropout {
    struct random_key key; /* seed, step, random_stream(RANDOM_DROPOUT, layer) */
    size_t units;          /* of the layer */
    double rate;           /* p, 0 ≤ p < 1 */
};

/* A unit lives when its word is at least this. */
uint32_t dropout_threshold(double rate);

/* out = in ⊙ mask / (1-p) on a block whose first number is row `row`, unit
 * `unit` (a multiple of 4) of the layer.  Forward with A, backward with dA: the
 * derivative of a product by a constant is the same product.  out may be in. */
void dropout_apply(const struct dropout *dropout, size_t row, size_t unit,
                   struct activation_block block, const float *in, float *out);

#endif
