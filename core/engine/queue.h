/* A model's queue: admitting, acknowledging, finishing and taking back what
 * decides its weights.
 *
 *   admitted (a call) → acknowledged and queued (the writer) → in its turn (the
 *   trainer) → finished
 *
 * Every function takes the model's lock itself; any thread may call, except where
 * one is named. */
#ifndef MLPD_CORE_ENGINE_QUEUE_H
#define MLPD_CORE_ENGINE_QUEUE_H

#include "core/engine/batch_tally.h"
#include "core/engine/model.h"

/* Count entries in before they go to the writer, all or none.  ERROR_FULL (with in
 * *retry_after_seconds when there may be a place), ERROR_TOO_LARGE when there never
 * can be, ERROR_GONE or ERROR_MEMORY. */
enum error_code queue_admit(struct model *model, size_t count, double *retry_after_seconds,
                            struct error *error);

/* Count admitted entries out again that will not be submitted. */
void queue_withdraw(struct model *model, size_t count);

/* The writer: an admitted entry that has its place is queued.  Returns the completion to be
 * called, or NULL; `*queued` says whether a worker is wanted, or the entry is to be dropped. */
struct completion *queue_acknowledge(struct entry *entry, bool *queued);

/* The writer: an admitted entry is not accepted after all, as entry->refusal says then.  Returns
 * the completion to be called, or NULL. */
struct completion *queue_refuse(struct entry *entry, enum error_code refusal);

/* Entries that have their turn together: several batches, or one of anything. */
#define RUN_ENTRIES_MAX 64
struct run {
    size_t count;
    double work;
    struct entry *entries[RUN_ENTRIES_MAX];
    struct history_row results[RUN_ENTRIES_MAX]; /* for queue_finish_run */
};

/* How much a run may be: batches join it while its work is below `work`. */
struct run_limit {
    double work, work_of_batch, work_of_example;
    size_t entries; /* up to RUN_ENTRIES_MAX */
};

/* The trainer: the next entry, and if it is a batch those right behind it, which are in
 * their turn from now on.  False (and `training` ends) when there is none. */
bool queue_next_run(struct model *model, const struct run_limit *limit, struct run *run);

/* The same for one entry, or NULL. */
struct entry *queue_next(struct model *model);

/* The trainer's turn is over: `training` ends.  True when entries are left. */
bool queue_end_turn(struct model *model);

/* An entry is over: add a batch's row, complete who waits.  Releases the queue's
 * reference.  `worker` counts a batch that had its turn; NULL for one that had none. */
void queue_finish(struct model *model, struct entry *entry, const struct history_row *result,
                  struct worker_statistics *worker);

/* The same for every entry of a run, in one step: who waits sees all of them. */
void queue_finish_run(struct model *model, const struct run *run, struct worker_statistics *worker);

/* An entry whose turn does not come: finish it as cancelled where it was, else as
 * dropped. */
void queue_drop(struct model *model, struct entry *entry);

/* What an entry is now, as a history row whose `batch` is 0 while it has no
 * number. */
struct history_row queue_look(struct entry *entry);

/* The same for a batch by its number.  ERROR_NOT_FOUND for a number not given yet,
 * ERROR_GONE for one that the history has forgotten. */
enum error_code queue_find_batch(struct model *model, uint64_t number, struct history_row *row,
                                 struct error *error);

/* What became of the batches from number `first` to `last`, all of them given already. */
struct batch_tally queue_tally(struct model *model, uint64_t first, uint64_t last);

/* What was accepted under a key. */
struct accepted {
    uint64_t first, last; /* 0 when the model was deleted before it gave them */
    struct entry *entry;  /* the last batch, referenced; NULL once it is over */
    bool refused;         /* nothing was, after all */
};

struct accepted queue_look_accepted(struct model *model, const struct key_record *record);

/* The writer's own entry, behind all that are acknowledged: it has no place in the log, and no
 * bound keeps it out. */
void queue_put(struct entry *entry);

/* Taking back, by the writer: first those of the queued batches in the ticket's range
 * (ENTRY_CANCELLATION) are held, so that their turn cannot come, and their numbers noted in
 * ticket->cancelled; once that is stored, or was refused, they are cancelled or let go.  Rows
 * of cancelled ones enter the history in the order of the queue.  ERROR_MEMORY: none is held. */
enum error_code queue_hold(struct entry *ticket, struct error *error);
void queue_cancel_held(struct model *model);
void queue_let_go(struct model *model);

/* A batch that a cancellation in the log names is cancelled from the beginning. */
void queue_cancel_entry(struct entry *entry);

#endif
