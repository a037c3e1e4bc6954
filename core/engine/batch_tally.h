/* What became of several batches: how many of each kind, and the sums over the rows of
 * the trained ones.  Belongs to whoever counts. */
#ifndef MLPD_CORE_ENGINE_BATCH_TALLY_H
#define MLPD_CORE_ENGINE_BATCH_TALLY_H

#include <stdint.h>

#include "core/engine/history.h"

struct batch_tally {
    uint64_t waiting, trained, diverged, cancelled;
    uint64_t forgotten; /* over, and older than what is kept */
    double examples, loss, accuracy;
};

/* Count a batch more. */
void batch_tally_add(struct batch_tally *tally, const struct history_row *row);

#endif
