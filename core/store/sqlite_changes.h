/* The changes of a commit, one by one; for sqlite_commit.c.
 *
 * Each is made within the transaction that is open, and looks first whether it is made already, or
 * something else is in its place. */
#ifndef MLPD_CORE_STORE_SQLITE_CHANGES_H
#define MLPD_CORE_STORE_SQLITE_CHANGES_H

#include "core/store/sqlite_payload.h"

#define PAYLOADS_PER_CHANGE 2

/* A commit while it is made. */
struct sqlite_making {
    struct sqlite_store *store;
    const struct store_change *change;
    const uint64_t *spills; /* of the change's payloads, or 0 */
    struct error *error;
    /* Of the model of the last entry, so that one after the other costs one look. */
    const char *model;
    uint64_t number, end, covers;
};

/* sqlite_changes.c */
enum store_result sqlite_add_model(struct sqlite_making *making);
enum store_result sqlite_remove_model(struct sqlite_making *making);
enum store_result sqlite_append(struct sqlite_making *making);
enum store_result sqlite_add_key(struct sqlite_making *making);
enum store_result sqlite_prune_keys(struct sqlite_making *making);

/* sqlite_states.c */
enum store_result sqlite_add_chunk(struct sqlite_making *making);
enum store_result sqlite_remove_blob(struct sqlite_making *making);
enum store_result sqlite_put_snapshot(struct sqlite_making *making);
enum store_result sqlite_add_checkpoint(struct sqlite_making *making);
enum store_result sqlite_remove_checkpoint(struct sqlite_making *making);

/* What failed in SQLite. */
enum store_result sqlite_making_failed(const struct sqlite_making *making, int code);

/* STORE_OK after SQLITE_DONE or SQLITE_OK, or what failed. */
enum store_result sqlite_making_done(const struct sqlite_making *making, int code);

/* STORE_TAKEN: `what` `number` of the change's model is. */
enum store_result sqlite_making_taken(const struct sqlite_making *making, const char *what,
                                      uint64_t number);

/* The model's number in the tables; 0 for the keys of no model. */
enum store_result sqlite_making_find(const struct sqlite_making *making, int64_t *number);

#endif
