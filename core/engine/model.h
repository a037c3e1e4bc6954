/* A live model: its network, its queue, its weights, its history.
 *
 * A model is made by engine_create_model, found by name in the registry, and
 * freed when the last reference goes: the registry has one, and each entry and
 * query has one.  What happens to its queue is in queue.h.  Fields are grouped by what guards them.
 *
 * Locks are taken in this order: registry, name table, model, scheduler; none is held across
 * arithmetic, parsing, I/O or a completion. */
#ifndef MLPD_CORE_ENGINE_MODEL_H
#define MLPD_CORE_ENGINE_MODEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/ledger.h"
#include "core/engine/backlog.h"
#include "core/engine/checkpoints.h"
#include "core/engine/entry.h"
#include "core/engine/history.h"
#include "core/engine/key_table.h"
#include "core/engine/query.h"
#include "core/engine/settings.h"
#include "core/engine/waiter.h"
#include "core/engine/weights.h"
#include "core/maths/network.h"

struct registry;
struct state;

#define MODEL_NAME_PATTERN "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
#define MODEL_NAME_BYTES 65 /* that and the end */
#define MODEL_ID_BYTES 17   /* 16 hexadecimal digits and the end */

/* What a model can be listed for in the scheduler. */
enum turn {
    TURN_PREDICTING, /* prompt queries */
    TURN_TRAINING,   /* entries */
    TURN_ANSWERING,  /* long queries */
    TURN_COUNT
};

/* Where a model is in the store. */
struct model_log {
    uint64_t place;    /* of the newest entry in its log */
    uint64_t number;   /* of the newest batch */
    uint64_t revision; /* of the newest settings */

    /* Since the snapshot, or the beginning (snapshot.h). */
    uint64_t bytes;
    double work;
    double since; /* monotonic seconds of the oldest; 0: there is none */
    bool in_snapshot;
    bool urgent;                 /* the next one is due at once */
    uint64_t stored_row;         /* the last row of the loss history that is stored */
    struct model *older, *newer; /* of those that have something, by `since` */
};

struct model {
    /* Written before the model is registered, then only read. */
    char name[MODEL_NAME_BYTES];
    char id[MODEL_ID_BYTES]; /* new at each creation: tells models of one name apart */
    struct specification specification;
    struct network network; /* its layers owned; but for block_rows, written before `ready` */
    struct ledger *ledger;
    struct backlog *backlog;
    struct registry *registry; /* which it is or was in */
    size_t bytes;              /* reserved in the ledger for the model itself */
    size_t queue_max;          /* entries that may wait */
    double created_at;
    struct state *initial; /* what it begins with, or NULL: fresh weights */

    atomic_uint references;

    /* It has its first weights: it can be found.  Set with the lock held, for those who wait
     * for it; read without by the registry, so that looking up waits for no model. */
    atomic_bool ready;

    pthread_mutex_t lock;        /* guards this group */
    pthread_cond_t readers_left; /* a version lost its last reader */
    bool deleted;                /* its name is gone: no new work, queued work is dropped */
    bool training;               /* a worker is at its entries: no other may be */
    struct entry_queue entries;  /* acknowledged, waiting for their turn */
    size_t pending;              /* entries submitted, queued or in their turn: bounded */
    size_t unfinished;           /* the same and those that were taken back */
    uint64_t last_number;        /* of the newest acknowledged batch */
    struct weights_set weights;  /* `published` and `readers` */
    struct settings *settings;   /* the newest handed in */
    struct settings *acknowledged_settings; /* the newest acknowledged: nearly always the same */
    enum error_code refusal;                /* why it was not made after all */
    uint64_t examples;                      /* trained so far */
    double updated_at;                      /* seconds since 1970 */
    double last_finish;                     /* monotonic seconds */
    double turn_at;       /* monotonic seconds: the beginning of the training turn,
                             or the end of the entry before in it */
    double entry_seconds; /* between two finished entries while the queue is not
                             empty, a running mean; 0: not known */
    struct history history;
    struct key_table keys; /* of batches */
    struct checkpoints checkpoints;
    struct query_queue prompt_queries, long_queries;
    struct waiter *waiters;

    /* Only the worker that set `training`. */
    struct settings *training_settings; /* in force at this place of the queue */
    float *first, *second;              /* the optimiser's slots, or NULL */
    size_t first_bytes;                 /* of a slot that came with changed settings */
    double last_automatic_at;           /* monotonic seconds: a checkpoint; 0: not looked yet */

    struct model_log log; /* the writer's alone */

    struct model *next_named; /* in a bucket; guarded by a part of the name table */

    /* Guarded by the scheduler's lock. */
    struct model *next[TURN_COUNT];
    bool listed[TURN_COUNT];
};

/* Is this a name that a model may have? */
bool model_name_is_valid(const char *name);

/* A model with one reference and no weights yet.  Takes over the specification
 * (complete) when it succeeds; the memory for its numbers is reserved and
 * allocated.  ERROR_MEMORY otherwise. */
enum error_code model_create(const char *name, struct specification *specification,
                             struct ledger *ledger, struct backlog *backlog, size_t queue_max,
                             struct model **model, struct error *error);

/* Bytes that a model of this network reserves, before any batch. */
size_t model_bytes_needed(const struct specification *specification, const struct network *network);

struct model *model_reference(struct model *model);
void model_release(struct model *model);

/* ERROR_STALE when the newest acknowledged settings are not of that revision; 0 is any.
 * With the lock held. */
enum error_code model_check_revision(const struct model *model, uint64_t revision,
                                     struct error *error);

/* ERROR_GONE: the model was deleted. */
enum error_code model_gone(const struct model *model, struct error *error);

/* --- queries ----------------------------------------------------------------- */

/* List a query for its turn; ERROR_GONE when the model was deleted meanwhile. */
enum error_code model_ask(struct model *model, struct query *query, struct completion *completion,
                          struct error *error);

/* The query is answered (query->error says how): call its completion, release
 * the list's reference. */
void model_finish_query(struct query *query);

/* --- looking ----------------------------------------------------------------- */

struct model_figures {
    uint64_t step, examples;
    size_t queue_depth; /* entries acknowledged or being acknowledged, not finished */
    bool deleted;
    double last_loss, running_loss, running_accuracy; /* NaN: none */
    double updated_at;
};

struct model_figures model_look(struct model *model);

/* The newest acknowledged settings, referenced. */
struct settings *model_settings(struct model *model);

/* What the history has, and could have. */
struct history_range {
    uint64_t oldest;        /* batch number of the oldest row that is kept; 0: there is none */
    uint64_t newest_number; /* of the newest acknowledged batch; 0: there is none */
    bool deleted;           /* the model: no row is added any more */
};

/* Copy up to `limit` rows whose batch number is above `after` into `rows`, oldest
 * first; returns how many.  `range` (or NULL) is of the same instant. */
size_t model_history(struct model *model, uint64_t after, size_t limit, struct history_row *rows,
                     struct history_range *range);

/* Mark the model as deleted, if its settings are of that revision (0: any): from now on
 * it takes no new work.  ERROR_GONE when it is deleted already, ERROR_STALE.  Whoever
 * succeeds takes it out of the registry and calls model_delete. */
enum error_code model_retire(struct model *model, uint64_t revision, struct error *error);

/* The name is gone: drop what is queued and answer what waits.  Returns how many
 * entries were dropped. */
size_t model_delete(struct model *model);

#endif
