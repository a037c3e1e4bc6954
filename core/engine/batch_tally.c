/* Counting batches; see batch_tally.h. */
#include "core/engine/batch_tally.h"

void batch_tally_add(struct batch_tally *tally, const struct history_row *row) {
    tally->waiting += !entry_state_is_final(row->state);
    tally->diverged += row->state == ENTRY_DIVERGED;
    tally->cancelled += row->state == ENTRY_CANCELLED || row->state == ENTRY_DROPPED;
    if (row->state == ENTRY_DONE) {
        tally->trained++;
        tally->examples += row->examples;
        tally->loss += row->loss * row->examples;
        tally->accuracy += row->accuracy * row->examples;
    }
}
