/* The scheduler: which model's work a worker does next.
 *
 * Three first-in first-out lists of models, one for each kind of turn, each
 * model at most once in each: predicting (short, first), training, answering
 * (long queries; by turns with training).  A worker takes a model from the head
 * of a list and runs one turn; if work is left, the model goes to the tail.
 *
 * A worker that finds no turn joins a team (team.h): another worker's batch that
 * is large enough to be shared.  It leaves as soon as a turn is listed.  After the
 * batch it looks for the next one for some microseconds before it sleeps: to be woken
 * would take longer than what comes between two batches.
 *
 * Fairness.  A training turn is small batches up to TRAINING_TURN_WORK, or one
 * batch, and more only while no other turn is listed.  So a model whose first batch is queued
 * behind n other models trains after at most ⌈n/W⌉ turns of the longest of them, W being the
 * workers; an evaluation between two turns can add its own length once a turn.  A prediction waits
 * at most for one tile of training (half a millisecond, pass.h) or one piece of a long query,
 * because workers look for prompt queries between those; and because they take a waiting training
 * turn after PREDICTING_IN_A_ROW predicting ones, a flood of predictions cannot stop training.
 *
 * Locks: the scheduler's is the last in the order registry, model, scheduler,
 * and is never held while a turn runs. */
#ifndef MLPD_CORE_ENGINE_SCHEDULER_H
#define MLPD_CORE_ENGINE_SCHEDULER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/engine/model.h"
#include "core/engine/statistics.h"
#include "core/engine/team.h"

#define PREDICTING_IN_A_ROW 8

struct scheduler;

/* Memory of a worker that lives from turn to turn: activations, gradients.
 * Grown by its worker only, up to what is reserved. */
struct scratch {
    void *block;
    size_t bytes;
};

struct worker {
    struct scheduler *scheduler;
    pthread_t thread;
    struct scratch scratch[TURN_COUNT]; /* one a kind: a predicting turn runs inside others */
    bool helped; /* it computed tiles of a team just now: the next batch may come at once */
    uint64_t offers_seen; /* `offers_made` when it looked */
    unsigned predicting_in_a_row;
    enum turn last_long_turn; /* training or answering: they alternate */
    struct worker_statistics statistics;
};

/* What a worker does in one turn with a model. */
typedef void turn_function(struct worker *worker, struct model *model);

struct scheduler {
    pthread_mutex_t lock; /* guards this group, and `next` and `listed` of the models */
    pthread_cond_t work;  /* a model was listed, a team's phase was opened, or stop */
    struct {
        struct model *first, *last;
    } lists[TURN_COUNT];
    size_t scratch_reserved[TURN_COUNT]; /* bytes a worker, in the ledger */
    struct team *offers;                 /* teams that may be joined */
    atomic_uint_fast64_t offers_made;    /* since the start; also read as a hint */
    atomic_bool stop;                    /* also read without the lock, as a hint */

    /* Relaxed: hints for workers that look between tiles; what they hint at is read
     * under the lock. */
    atomic_size_t listed[TURN_COUNT]; /* models in each list */
    atomic_size_t idle;               /* workers that wait for work */

    /* Relaxed: figures. */
    atomic_uint_fast64_t tiles_helped; /* computed by helpers of teams */

    /* Fixed before the workers start. */
    turn_function *turns[TURN_COUNT];
    struct ledger *ledger;
    struct backlog *backlog;
    struct worker *workers; /* [worker_count] */
    size_t worker_count;
};

/* Start the workers. */
enum error_code scheduler_start(struct scheduler *scheduler, size_t worker_count,
                                turn_function *const turns[TURN_COUNT], struct ledger *ledger,
                                struct backlog *backlog, struct error *error);

/* Let every worker finish its turn, then join them.  Models still listed are
 * released. */
void scheduler_stop(struct scheduler *scheduler);

/* List a model for a turn, unless it is listed for it already. */
void scheduler_list(struct scheduler *scheduler, struct model *model, enum turn turn);

/* Release a model that was deleted, so that not the caller but a worker frees it, if nobody
 * else has it: the model gets an answering turn, which finds no question. */
void scheduler_release(struct scheduler *scheduler, struct model *model);

/* Called by a worker between two pieces of a longer turn: when a prompt query
 * waits anywhere, one predicting turn runs inside. */
void scheduler_serve_predictions(struct worker *worker);

/* A hint: the worker's turn is over, but nothing else waits for one, so that it may go on
 * with its model.  Giving the model to another worker would cost time and its cache. */
bool scheduler_may_go_on(const struct worker *worker);

/* Run a pass with whoever is idle, serving predictions between tiles. */
void scheduler_run_shared(struct worker *worker, struct pass *pass);

/* Reserve for every worker what a turn of that kind needs, before the work is
 * submitted.  Scratch of training stays while the backlog is not empty, then idle
 * workers give back what is over SCRATCH_KEPT_BYTES.  ERROR_MEMORY. */
#define SCRATCH_KEPT_BYTES ((size_t)16 << 20)
enum error_code scheduler_reserve_scratch(struct scheduler *scheduler, enum turn turn, size_t bytes,
                                          struct error *error);

/* The worker's scratch for its turn, at least `bytes` long (which were reserved).
 * Waits and tries again while the system has no memory: what is acknowledged must
 * be done. */
void *worker_scratch(struct worker *worker, enum turn turn, size_t bytes);

#endif
