/* Checkpoints as the trainer takes them: those that were asked for, at their place, and by the
 * model's settings after the batches that make one due.
 *
 * A checkpoint by steps is of the step that its number says: no run of batches goes over it.
 * One by time comes after the first batch that ends when it is due.  An automatic one that
 * there is no room for is left out, and counted.
 *
 * Only the worker that set `training`. */
#ifndef MLPD_CORE_ENGINE_CHECKPOINTING_H
#define MLPD_CORE_ENGINE_CHECKPOINTING_H

#include "core/engine/scheduler.h"

/* Take what stands now as the pending checkpoint, whose numbers have the room. */
void checkpointing_take(struct model *model, struct checkpoint *checkpoint, struct pause pause);

/* How many batches may be trained before it has to be looked whether one is due. */
size_t checkpointing_run_limit(struct model *model);

/* A run of batches has taken steps. */
void checkpointing_look(struct model *model, struct pause pause);

#endif
