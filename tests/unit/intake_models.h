/* Models that bodies are meant for, in tests and fuzzers of intake.  Each is
 * complete; specification_free when done.  They abort on failure: they are given
 * sizes that are right. */
#ifndef MLPD_TESTS_UNIT_INTAKE_MODELS_H
#define MLPD_TESTS_UNIT_INTAKE_MODELS_H

#include "core/maths/specification.h"

/* One softmax layer; `names` (one a class) may be NULL. */
void model_softmax(struct specification *model, size_t inputs, size_t classes,
                   const char *const *names);
/* One sigmoid layer, binary_crossentropy. */
void model_sigmoid(struct specification *model, size_t inputs, size_t outputs);
/* One identity layer, mse. */
void model_regression(struct specification *model, size_t inputs, size_t outputs);

#endif
