/* A question to a model that a worker answers: a prediction, an evaluation, the
 * hash of its weights; and, because it too is unbounded work, the making of its
 * first weights.
 *
 * References are counted: the model's list has one, the call that asks another.
 * A query is written by its maker until it is submitted, then by one worker until
 * its completion is called, then only read. */
#ifndef MLPD_CORE_ENGINE_QUERY_H
#define MLPD_CORE_ENGINE_QUERY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/engine/completion.h"
#include "core/engine/examples.h"
#include "core/engine/weights.h"
#include "core/maths/metric.h"

struct model;
struct state;

enum query_kind { QUERY_INITIALIZATION, QUERY_PREDICTION, QUERY_EVALUATION, QUERY_WEIGHTS_HASH };

#define WEIGHTS_HASH_DIGITS 64 /* SHA-256, hexadecimal */

struct query {
    atomic_uint references;
    enum query_kind kind;
    bool prompt;           /* short enough to be answered between two tiles of training */
    bool small;            /* and to be computed by the HTTP thread that asks (local_predictor.h) */
    bool answered;         /* there; the asking thread's */
    struct model *model;   /* referenced */
    struct state *numbers; /* referenced: a version of the model that answers; NULL: the newest */
    struct examples examples;
    struct evaluation_request evaluation_request;
    struct completion *completion;
    struct query *next; /* in one of the model's lists */

    /* The answer. */
    struct error error;    /* code ERROR_NONE: what follows stands */
    uint64_t step;         /* of the weights that answered */
    struct buffer outputs; /* float [rows × outputs], row-major */
    struct evaluation evaluation;
    char weights_hash[WEIGHTS_HASH_DIGITS + 1];

    /* What a long query works with; in the ledger. */
    struct buffer workspace;
    struct weights copy; /* of the newest weights, or those of `numbers` themselves */
    size_t copy_bytes;   /* 0: it is none of its own */
};

/* A query of that kind, with everything that its answer needs reserved and
 * allocated.  Takes over `examples` (NULL where the kind has none) when it
 * succeeds.  ERROR_MEMORY otherwise. */
enum error_code query_create(struct model *model, enum query_kind kind, struct examples *examples,
                             const struct evaluation_request *request, struct query **query,
                             struct error *error);

/* The same of a version of the model, one of its states; takes a reference to it. */
enum error_code query_create_of_version(struct model *model, enum query_kind kind,
                                        struct state *numbers, struct examples *examples,
                                        const struct evaluation_request *request,
                                        struct query **query, struct error *error);

struct query *query_reference(struct query *query);
void query_release(struct query *query);

/* A first-in first-out list of queries, guarded by the model's lock. */
struct query_queue {
    struct query *first, *last;
};

void query_queue_push(struct query_queue *queue, struct query *query);
struct query *query_queue_pop(struct query_queue *queue); /* NULL when empty */

#endif
