/* The engine: models that train and answer, behind one face.
 *
 * Three kinds of threads: the callers', W workers (scheduler.h) that compute,
 * and one writer (writer.h) that numbers batches.  No thread, timer, socket or
 * file per model.
 *
 * Made once by the server before it listens, destroyed after the last request is
 * answered.  Every function may be called by any thread and none blocks on a
 * training step, BLAS or the disk: what takes time is submitted with a
 * completion. */
#ifndef MLPD_CORE_ENGINE_ENGINE_H
#define MLPD_CORE_ENGINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/ledger.h"
#include "core/engine/model.h"
#include "core/engine/queue.h"
#include "core/engine/specification_codec.h"
#include "core/engine/statistics.h"
#include "core/store/store.h"

struct engine;

/* What the engine tells its owner. */
struct engine_reports {
    /* The store failed, in a sentence: end the process, do not return. */
    void (*fatal)(const char *problem);
    /* A model's stored data are damaged; "" is what is of no model. */
    void (*damaged)(const char *name, const char *problem);
    /* What the store had is there again. */
    void (*recovered)(void);
};

struct engine_settings {
    size_t workers;                       /* threads that compute, ≥ 1 */
    size_t memory_bytes_max;              /* --max-memory */
    size_t queue_max;                     /* batches one model may have waiting, --max-queue */
    size_t keys_max;                      /* idempotency keys a model, --idempotency-keys */
    struct checkpoint_limits checkpoints; /* --max-checkpoints, --max-checkpoint-bytes */

    /* Where models outlive the process, or NULL; not closed by the engine.  With one the engine
     * begins by recovering what it has, and takes no work until that is done. */
    struct store *store;
    const struct specification_codec *codec; /* with a store */
    struct engine_reports reports;           /* with a store */
    bool accept_numerics_change;             /* go on although bits may differ */
};

/* After numerics_start.  ERROR_INTERNAL or ERROR_MEMORY, with a sentence for the
 * log; ERROR_INVALID when the store was written by a process with another fingerprint. */
enum error_code engine_create(const struct engine_settings *settings, struct engine **engine,
                              struct error *error);

/* Is what the store has not there yet? */
bool engine_is_recovering(const struct engine *engine);

/* Take no new work: from now on ERROR_CLOSED. */
void engine_close(struct engine *engine);
bool engine_is_closed(const struct engine *engine);

/* Train what is queued until nothing is left or the time is over.  Returns how many
 * acknowledged entries were then dropped, their waiters completed (a store has them all the
 * same).  After
 * engine_close.  A second call while one waits ends that one: the numbers add up. */
size_t engine_drain(struct engine *engine, double timeout_seconds);

/* Stop the threads and free everything; what still waits is completed first: batches
 * as dropped, queries as gone.  After engine_drain, when no call holds a model, batch
 * or query whose completion has come.  Returns the bytes that are left in the ledger:
 * 0, or something was not given back. */
size_t engine_destroy(struct engine *engine);

struct ledger *engine_ledger(struct engine *engine);

/* --- models ------------------------------------------------------------------- */

/* Make a model of a complete specification, which is empty afterwards: taken over, or
 * freed when this fails.  It begins with the state `initial`, which it references, or, where
 * that is NULL, with fresh weights; they are put there by a worker: `completion` is called when
 * it can be found by name; `*model` is referenced for the caller.
 *
 * `record` is of the key that the request came with, or NULL.  Where it is a repeat,
 * `*repeated` says so, and the model is the one that was made then, as it is now;
 * ERROR_GONE when that was deleted, ERROR_INVALID when the key came with another payload.
 * Else ERROR_EXISTS, ERROR_MEMORY, ERROR_CLOSED, ERROR_INVALID for a state of another
 * network: then nothing is called. */
enum error_code engine_create_model(struct engine *engine, const char *name,
                                    struct specification *specification, struct state *initial,
                                    struct key_record *record, struct completion *completion,
                                    struct model **model, bool *repeated, struct error *error);

/* The model of that name, referenced.  ERROR_NOT_FOUND, ERROR_DAMAGED. */
enum error_code engine_find_model(struct engine *engine, const char *name, struct model **model,
                                  struct error *error);

/* As registry_list. */
size_t engine_list_models(struct engine *engine, const char *after, size_t limit,
                          struct model **models, bool *more);

/* Take a model out: its name is free at once, queued batches are dropped, waiting
 * calls are completed, a prediction in progress finishes.  `stored` is called when it will not
 * come back, or has (*ticket)->refusal: then it is tried again until it is; `*ticket` (or NULL)
 * is referenced for the caller.  ERROR_GONE when someone else did it first, ERROR_STALE when its
 * newest settings are not of that `revision`; 0 is any, here and below.  ERROR_MEMORY. */
enum error_code engine_delete_model(struct engine *engine, struct model *model, uint64_t revision,
                                    struct completion *stored, struct entry **ticket,
                                    struct error *error);

/* Take out what is stored of a damaged model.  `stored` is called when it is gone, or could not
 * be, as *refusal says then, which stands until the call.  ERROR_NOT_FOUND, ERROR_MEMORY: then
 * nothing is called. */
enum error_code engine_delete_damaged(struct engine *engine, const char *name,
                                      struct completion *stored, enum error_code *refusal,
                                      struct error *error);

/* Release a model that was deleted.  A worker frees it, unless another call has it: to
 * give gigabytes back takes long. */
void engine_release_deleted(struct engine *engine, struct model *model);

/* Make a copy of a model under another name: weights, optimiser state, settings,
 * as they are at this place in the order of its entries.  `acknowledged` is called
 * when the copy has its place; once the entry is done, entry->target can be found.
 * The entry is dropped when the model is deleted, or its settings changed in this
 * instant.  `*entry` is referenced for the caller.  ERROR_EXISTS, ERROR_STALE, ERROR_MEMORY,
 * ERROR_FULL, ERROR_GONE, ERROR_CLOSED: then nothing is called. */
enum error_code engine_clone_model(struct engine *engine, struct model *model, const char *name,
                                   uint64_t revision, struct completion *acknowledged,
                                   struct entry **entry, double *retry_after_seconds,
                                   struct error *error);

/* What a model of a complete specification would reserve, before its first
 * batch. */
size_t engine_model_bytes(const struct specification *specification);

/* --- the queue ---------------------------------------------------------------- */

/* Batches that are handed in together. */
struct submission {
    struct entry *const *batches; /* [count], of one model; none has more rows than the first */
    size_t count;
    uint64_t revision;         /* that the newest settings must have; 0 is any */
    struct key_record *record; /* of the key that the request came with, or NULL */
};

/* Hand in one batch or several of one model, all or none: they are trained in this
 * order, and their numbers follow each other.  `acknowledged` is called when the last has
 * its number (or, where the model is deleted meanwhile, is dropped).
 *
 * Where the submission repeats one that was accepted under the same key, nothing is handed
 * in: `*former` is that one's record, referenced for the caller, and `acknowledged` is
 * called when *its* last batch has its number (queue_look_accepted); neither the queue's
 * bound nor the revision matter then.  Else `*former` is NULL.
 *
 * ERROR_INVALID when the key came with another payload, ERROR_STALE, ERROR_FULL with
 * *retry_after_seconds, ERROR_TOO_LARGE for more than the queue can ever hold, ERROR_MEMORY
 * when the scratch to train them does not fit, ERROR_GONE, ERROR_CLOSED: then nothing is
 * called and no key used up. */
enum error_code engine_submit_batches(struct engine *engine, const struct submission *submission,
                                      struct completion *acknowledged, struct key_record **former,
                                      double *retry_after_seconds, struct error *error);

/* Hand in changed settings (ENTRY_SETTINGS) or a reset to the seed in them
 * (ENTRY_RESET).  `specification` is `base`'s with the changes, complete; its class
 * weights are taken over when this succeeds.  `*entry` is referenced for the
 * caller.  ERROR_STALE when `base` is not the model's newest any more: build the
 * change again on the newest.  Else as engine_submit_batches. */
enum error_code engine_change_settings(struct engine *engine, struct model *model,
                                       enum entry_kind kind, const struct settings *base,
                                       struct specification *specification,
                                       struct completion *acknowledged, struct entry **entry,
                                       double *retry_after_seconds, struct error *error);

/* Take back the batches from number `first` to `last` that still wait for their turn.  `done` is
 * called when they are cancelled, (*ticket)->cancelled_count of them, or have
 * (*ticket)->refusal; `*ticket` is referenced for the caller.  ERROR_MEMORY, ERROR_CLOSED: then
 * nothing is called. */
enum error_code engine_cancel_batches(struct engine *engine, struct model *model, uint64_t first,
                                      uint64_t last, struct completion *done, struct entry **ticket,
                                      struct error *error);

/* --- states ------------------------------------------------------------------- */

/* Take the model's state at this place in the order of its entries: once the entry is done,
 * entry->numbers has it, and nobody writes it any more.  The model goes on as if nothing had
 * been.  `acknowledged` and `*entry` as above.  ERROR_STALE, ERROR_MEMORY, ERROR_FULL,
 * ERROR_GONE, ERROR_CLOSED: then nothing is called. */
enum error_code engine_take_state(struct engine *engine, struct model *model, uint64_t revision,
                                  struct completion *acknowledged, struct entry **entry,
                                  double *retry_after_seconds, struct error *error);

/* From this place on the model's numbers are those of `state` (its checkpoint `version`; 0: of
 * none, only without a store), its step and its count of examples with them; settings stay as they
 * are, under a new revision.  A slot of the optimizer that the state lacks begins anew.  Takes a
 * reference to the state. ERROR_INVALID when the state is not one of such a network; else as
 * engine_take_state, and ERROR_STALE also when others change the settings all the time. */
enum error_code engine_restore(struct engine *engine, struct model *model, struct state *state,
                               uint64_t version, uint64_t revision, struct completion *acknowledged,
                               struct entry **entry, double *retry_after_seconds,
                               struct error *error);

/* Keep what stands at this place in the order of the model's entries as a checkpoint
 * (checkpoints.h), with a note ("" for none).  `*checkpoint`, which has its version, is
 * referenced for the caller; WAIT_FOR_CHECKPOINT waits until it is kept.  `record` is of the
 * key that the request came with, or NULL; where it is a repeat, `*repeated` says so and the
 * checkpoint is the one that was made then.  A key is kept as long as its checkpoint.
 * ERROR_EXISTS or ERROR_MEMORY where the model may have no more of them, ERROR_INVALID when
 * the key came with another payload; else as engine_take_state. */
enum error_code engine_checkpoint(struct engine *engine, struct model *model, const char *note,
                                  struct key_record *record, uint64_t revision,
                                  struct completion *acknowledged, struct checkpoint **checkpoint,
                                  bool *repeated, double *retry_after_seconds, struct error *error);

/* Another model's numbers become a checkpoint of this one; `*checkpoint`, pending or kept, is
 * referenced for the caller.  ERROR_INVALID when they are not of such a network; ERROR_EXISTS or
 * ERROR_MEMORY where the model may have no more checkpoints; ERROR_GONE. */
enum error_code engine_adopt(struct model *model, struct state *numbers, const char *note,
                             struct checkpoint **checkpoint, struct error *error);

/* Restore an adopted checkpoint, and keep what stood before at that place of the model's order as
 * another (entry->checkpoint), with that note.  As engine_restore and engine_adopt. */
enum error_code engine_promote(struct engine *engine, struct model *model, struct state *numbers,
                               uint64_t version, const char *former_note,
                               struct completion *acknowledged, struct entry **entry,
                               double *retry_after_seconds, struct error *error);

/* --- queries ------------------------------------------------------------------ */

/* Ask a query; `completion` is called when query->error or its answer stands.
 * ERROR_GONE, ERROR_CLOSED: then nothing is called. */
enum error_code engine_ask(struct engine *engine, struct query *query,
                           struct completion *completion, struct error *error);

/* --- looking ------------------------------------------------------------------ */

/* Of the store, within the last second. */
struct engine_store_figures {
    uint64_t bytes;          /* on disk */
    uint64_t bytes_unsynced; /* of these, what a crash of the machine could lose */
    uint64_t commits, syncs, snapshots;
    uint64_t refused; /* entries for which there was no room */
};

/* False: there is none. */
bool engine_look_at_store(struct engine *engine, struct engine_store_figures *figures);

struct engine_figures {
    size_t workers, models, backlog;
    size_t workers_busy; /* that do not wait for work */
    size_t memory_bytes_max, memory_bytes_reserved;
    size_t queue_max, backlog_max, keys_max;
    struct checkpoint_limits checkpoints;
    size_t models_found, models_read; /* of the store, at the start */
    size_t models_damaged;
    uint64_t tiles_helped; /* of large batches, by workers other than the trainer's */
    double uptime_seconds;
};

struct engine_figures engine_look(struct engine *engine);

/* What it has done since its start; adds up the workers and the local predictors. */
struct statistics engine_statistics(struct engine *engine);

#endif
