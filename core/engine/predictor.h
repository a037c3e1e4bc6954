/* The predictor: what a worker does in a predicting and in an answering turn, and what
 * local predictors do.
 *
 * A predicting turn takes the prompt queries that have gathered at a model, and
 * computes them together from one version of the weights: coalescing without a
 * timer, since what comes meanwhile gathers for the next turn.  Bits do not
 * depend on the company (network_predict).
 *
 * An answering turn takes one long query, copies the weights (or waits for no
 * one, where it makes them), and lets predictions in between bounded pieces. */
#ifndef MLPD_CORE_ENGINE_PREDICTOR_H
#define MLPD_CORE_ENGINE_PREDICTOR_H

#include "core/engine/scheduler.h"

/* Scratch that the two kinds of turns need for a model; the same for both. */
size_t predictor_scratch_bytes(const struct network *network);

/* Answer prompt queries of one model, a list, from one version of its weights; `scratch`
 * is as large as predictor_scratch_bytes. */
void predictor_compute(struct model *model, struct query *list, void *scratch,
                       struct worker_statistics *statistics);

void predictor_predicting_turn(struct worker *worker, struct model *model);
void predictor_answering_turn(struct worker *worker, struct model *model);

#endif
