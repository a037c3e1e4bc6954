/* The first weights of a model that nobody can find yet: those of its seed, or of a state that
 * it came with.  Unbounded work: a worker's, or of the writer while it recovers. */
#ifndef MLPD_CORE_ENGINE_FIRST_WEIGHTS_H
#define MLPD_CORE_ENGINE_FIRST_WEIGHTS_H

#include "core/engine/model.h"
#include "core/engine/state.h"

/* Make them, in bounded pieces; from then on the model is ready, and who waited for it is told.
 * `initial` is a state of its network, or NULL.  `rows` is scratch [predictor_scratch_bytes]. */
void first_weights_make(struct model *model, const struct state *initial, float *rows,
                        struct pause pause);

#endif
