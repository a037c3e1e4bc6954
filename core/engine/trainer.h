/* The trainer: what a worker does in a training turn.
 *
 * One worker at a time is at a model's entries (`training` in struct model), in
 * their order.  A turn is small entries up to an amount of work computed from
 * shapes, or one; and as many more while no other turn waits.  A run of batches reads the published
 * weights and writes the spare version, batch after batch, which is published when the last of them
 * is done; between two tiles the worker lets predictions in, and a batch above SHARED_WORK is
 * offered to idle workers. */
#ifndef MLPD_CORE_ENGINE_TRAINER_H
#define MLPD_CORE_ENGINE_TRAINER_H

#include "core/engine/scheduler.h"

/* Additions and multiplications after which a turn takes no further entry. */
#define TRAINING_TURN_WORK 20000000.0

/* A batch of less is not worth the waking of a helper. */
#define SHARED_WORK 20000000.0

void trainer_turn(struct worker *worker, struct model *model);

#endif
