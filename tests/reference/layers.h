/* Layers for the specifications of tests, which are copied and changed as plain
 * values: they lie in static storage, need not be freed, and are used again after
 * so many other specifications.  Not for specification_free. */
#ifndef MLPD_TESTS_REFERENCE_LAYERS_H
#define MLPD_TESTS_REFERENCE_LAYERS_H

#include "core/maths/specification.h"

/* As specification_set_layers, with layers of that storage. */
void lend_layers(struct specification *specification, size_t count);

/* Layers of its own for a copy, with the same in them. */
void lend_copied_layers(struct specification *specification);

#endif
