/* Predictions that the thread that asks computes itself.
 *
 * To hand a small prediction to a worker and back costs more than its arithmetic: threads
 * wake each other, and a connection leaves its event loop and comes back.  So each HTTP
 * thread has a local predictor.  What is asked within one turn of its loop gathers, and at
 * the turn's end is computed together, by the function of a worker's predicting turn: no
 * bit depends on who computes.  While a turn brings no more than one, it is computed at
 * once, since there is nobody to wait for.
 *
 * What is not small (query.h) is not taken, nor is anything when there is no memory: a
 * worker answers it.
 *
 * A local predictor is used by one thread; it belongs to the engine, which frees it. */
#ifndef MLPD_CORE_ENGINE_LOCAL_PREDICTOR_H
#define MLPD_CORE_ENGINE_LOCAL_PREDICTOR_H

#include <stdbool.h>

#include "core/engine/engine.h"

struct local_predictor;

/* Any thread; before engine_close.  NULL when there is no memory. */
struct local_predictor *local_predictor_create(struct engine *engine);

/* False: engine_ask it.  Otherwise `query->answered` tells when query->error or its answer
 * stands, after local_predictor_run or already now. */
bool local_predictor_take(struct local_predictor *predictor, struct query *query);

/* The thread's turn is over: compute what has gathered. */
void local_predictor_run(struct local_predictor *predictor);

#endif
