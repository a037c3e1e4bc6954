/* An engine to test with: started, given models and batches, asked and ended in a
 * line each.
 *
 * Everything here fails the test rather than wait longer than
 * FIXTURE_DEADLINE_SECONDS or return an error, except what has `try` in its name.
 * Batches and rows follow from their seeds, so that two models that were sent the
 * same seeds were sent the same numbers. */
#ifndef MLPD_TESTS_UNIT_ENGINE_FIXTURE_H
#define MLPD_TESTS_UNIT_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/engine/engine.h"

#define FIXTURE_DEADLINE_SECONDS 120

/* Plain loops under ThreadSanitizer take a hundred times as long: tests are smaller. */
#ifdef MLPD_PLAIN_PRODUCT
#define FIXTURE_IS_SLOW true
#else
#define FIXTURE_IS_SLOW false
#endif

/* --- waiting ------------------------------------------------------------------- */

/* Counts how often its completion was called.  Any thread may wait for it. */
struct latch {
    struct completion completion;
    unsigned calls;
};

void latch_init(struct latch *latch);
/* Wait until it was called that often. */
void latch_wait(struct latch *latch, unsigned calls);
unsigned latch_calls(struct latch *latch);

/* Keeps the worker that calls its completion until it is opened. */
struct gate {
    struct completion completion;
    struct query *query;
    bool entered, open;
};

/* Ask the model something whose answer holds its worker up; returns once a worker is
 * held.  For several workers use a gate and a model each. */
void gate_shut(struct gate *gate, struct engine *engine, struct model *model);
void gate_open(struct gate *gate);

/* Short pauses until the condition holds. */
#define AWAIT(condition)                                                                           \
    for (double until_ = fixture_deadline(); !(condition);) {                                      \
        fixture_pause(until_, #condition);                                                         \
    }
double fixture_deadline(void);
void fixture_pause(double deadline, const char *condition);

/* --- engines and models --------------------------------------------------------- */

#define FIXTURE_QUEUE_MAX 1000
/* With 4 GB and so many places in each queue. */
struct engine *fixture_engine(size_t workers);
/* Close, drain, destroy: nothing may be dropped, nothing may be left in the ledger. */
void fixture_end(struct engine *engine);

/* "16-256-26 optimizer=sgd momentum=0.9 dropout=0.2 seed=3 mse standardize", complete.
 * Numbers after the first are layers; options of optimisers have the names of
 * optimizer_options; dropout is that of every layer but the last; "normalized"
 * gives these batch and layer normalisation by turns.  "named" gives names
 * to the classes, "weighted" weights. */
void fixture_specify(struct specification *specification, const char *description);

/* Create it and wait until it can be found; referenced for the caller. */
struct model *fixture_model(struct engine *engine, const char *name, const char *description);
enum error_code fixture_try_model(struct engine *engine, const char *name, const char *description,
                                  struct model **model, struct error *error);

/* What a model needs where there is no engine: queue, registry and scheduler are tested
 * one by one. */
struct bare {
    struct ledger ledger;
    struct backlog backlog;
    size_t queue_max;
};

void bare_begin(struct bare *bare, size_t queue_max);
/* Nothing may be left of it. */
void bare_end(struct bare *bare);
/* "2-2" unless described; ready. */
struct model *bare_model(struct bare *bare, const char *name, const char *description);

/* --- batches --------------------------------------------------------------------- */

/* Rows of numbers within ±1, and labels or targets by the model's loss. */
void fixture_fill(struct examples *examples, struct model *model, size_t rows, uint64_t seed);

/* Hand it in and wait until it has its place; referenced for the caller. */
struct entry *fixture_post(struct engine *engine, struct model *model, size_t rows, uint64_t seed);
/* With this factor on all its numbers: 1e38 diverges. */
struct entry *fixture_post_scaled(struct engine *engine, struct model *model, size_t rows,
                                  uint64_t seed, float scale);
enum error_code fixture_try_post(struct engine *engine, struct model *model, size_t rows,
                                 uint64_t seed, struct entry **entry, double *retry_after_seconds,
                                 struct error *error);

/* Wait until it is finished; releases it. */
struct history_row fixture_finish(struct entry *entry);

/* Post batches of these rows, seeds `first` onwards, and wait for the last. */
void fixture_train(struct engine *engine, struct model *model, size_t batches, size_t rows,
                   uint64_t first);

/* Take back what still waits of those numbers; returns how many. */
size_t fixture_cancel(struct engine *engine, struct model *model, uint64_t first, uint64_t last);

/* Change settings: PATCH with this learning rate, and momentum where it is not
 * negative.  Referenced for the caller. */
struct entry *fixture_patch(struct engine *engine, struct model *model, double learning_rate,
                            double momentum);
struct entry *fixture_reset(struct engine *engine, struct model *model, uint64_t seed);
enum error_code fixture_try_change(struct engine *engine, struct model *model, enum entry_kind kind,
                                   double learning_rate, double momentum, uint64_t seed,
                                   struct entry **entry, struct error *error);

/* --- questions ------------------------------------------------------------------- */

#define FIXTURE_HASH_BYTES (WEIGHTS_HASH_DIGITS + 1)
/* The hash of the weights as they are now. */
void fixture_hash(struct engine *engine, struct model *model, char hash[FIXTURE_HASH_BYTES]);

/* Ask for predictions of `rows` rows at `inputs`; the completion is the latch's. */
struct query *fixture_ask(struct engine *engine, struct model *model, size_t rows,
                          const float *inputs, struct latch *latch);

#endif
