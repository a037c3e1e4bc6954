/* A call from the inside: what the handlers of the api share.
 *
 * A handler runs when the body is whole (or there is none).  It either answers
 * (call_answer_…) or says what it waits for (call_wait).  A call is used by one
 * thread at a time; what it waits for is read after its completion. */
#ifndef MLPD_API_CALL_INTERNAL_H
#define MLPD_API_CALL_INTERNAL_H

#include "api/call.h"
#include "api/content_coding.h"
#include "api/idempotency.h"
#include "api/intake.h"
#include "api/json_write.h"
#include "api/loss_stream.h"
#include "api/model_export.h"
#include "api/model_intake.h"
#include "api/route.h"
#include "api/target.h"
#include "core/engine/checkpoint_store.h"
#include "core/engine/state.h"

/* Begins what is waited for: hands `completion` to the engine, or, where that
 * fails, leaves call->error and calls the completion itself. */
typedef void start_function(struct call *call, struct completion *completion);

/* It happened, or the patience is over: answer, or wait for something else. */
typedef void resume_function(struct call *call, bool expired);

struct call {
    const struct api *api;
    enum call_state state;
    struct response response;
    const char *request_id;            /* or NULL */
    struct local_predictor *predictor; /* or NULL */

    /* From the headers. */
    const struct route *route;
    const struct handler *handler;
    struct model *model; /* of the address, referenced, or NULL */
    bool is_head;
    const char *media_type; /* of the route's answers, what the client wants; NULL: no body */
    bool prefers_wait;
    double wait_seconds;
    bool prefers_async;      /* respond-async, and no wait */
    bool preference_applied; /* the answer says which */
    uint64_t revision;       /* of the model's settings by If-Match; 0: any */
    struct idempotency idempotency;

    /* The body. */
    struct decoder *decoder;           /* of a compressed body, else NULL */
    size_t body_bytes;                 /* so far, decompressed */
    struct buffer body;                /* of handlers that take a small JSON document */
    struct intake *intake;             /* of handlers that take tensors */
    struct model_intake *model_intake; /* of a model's file */

    /* Waiting. */
    start_function *start;
    resume_function *resume;
    double patience_seconds;
    bool has_seat;     /* in the waiting room */
    bool wait_refused; /* there was none: what was accepted is answered without a wait */

    /* What the handlers keep, released with the call. */
    struct error error; /* of what was started */
    double retry_after_seconds;
    struct entry *entry;     /* what was submitted; of several batches the last */
    enum error_code refusal; /* of what has no entry */
    struct entry **batches;  /* [batch_count] of a request cut into batches */
    size_t batch_count;
    bool is_cut; /* so it is answered, also as a repeat */
    struct waiter *waiter;
    struct query *query;
    struct backup *backup;       /* referenced, or NULL */
    struct model *created;       /* the model that a create call makes */
    bool repeated;               /* or that an earlier one made */
    struct model_export *export; /* or NULL */
    uint64_t first, last;        /* numbers from the address or the query */

    /* Versions of models. */
    struct checkpoint *checkpoint;      /* referenced: that is taken, or that the call names */
    struct checkpoint_opening *opening; /* referenced, or NULL */
    resume_function *opened;            /* what goes on then */
    struct state *numbers;              /* referenced: of that version */
    struct model *into;                 /* referenced: the model that a promotion is for */
    struct query *rival;                /* of a promotion: what the candidate answered */

    /* A long answer that is written piece by piece. */
    struct json_writer stream;
    size_t stream_row;       /* the next row to write */
    size_t stream_work;      /* of the present piece, beside its bytes */
    struct buffer row_order; /* uint32_t [outputs], for top_k */
    struct loss_stream loss_stream;

    /* Last, and whole only from call_begin on: it is large, and not cleared before. */
    struct target target;
};

/* --- answering ------------------------------------------------------------------ */

/* Answer with a document that was written into `writer`, which is finished here. */
void call_answer_json(struct call *call, unsigned status, struct json_writer *writer);

/* Begin the document of an answer: writes into the response's body, accounted in
 * the engine's ledger. */
struct json_writer call_json(struct call *call);

/* Into an answer's open object: "rows" and "columns" of a body that was a table. */
void call_write_table(const struct call *call, struct json_writer *json);

/* Answer with no body. */
void call_answer_empty(struct call *call, unsigned status);

/* Answer with a problem document for an error of core or of the request. */
void call_answer_error(struct call *call, const struct error *error);

/* Answer with a problem document of that status. */
void call_answer_problem(struct call *call, unsigned status, const char *pointer,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Was what was handed in refused by the store?  Then that is the answer. */
bool call_answer_refusal(struct call *call, enum error_code refusal);

/* Answer with 503: so many wait already. */
void call_answer_no_seat(struct call *call);

/* Add a header to the answer; `name` is a constant. */
void call_add_header(struct call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A preference was heeded, if there is one: the answer will say so. */
void call_apply_preference(struct call *call);

/* --- waiting -------------------------------------------------------------------- */

void call_wait(struct call *call, start_function *start, resume_function *resume,
               double patience_seconds);

/* A seat in the waiting room, until call_leave_seat or the end of the call: false when
 * there is none.  A call that has one may ask again. */
bool call_take_seat(struct call *call);
void call_leave_seat(struct call *call);

/* Wait for a condition of a model, at most so long.  An expired wait must be ended
 * with call_stop_waiting.  Without memory, or without a seat in the waiting room, the
 * call is answered. */
void call_wait_for(struct call *call, struct waiter *waiter, resume_function *resume,
                   double patience_seconds);

/* First thing in the resume function of call_wait_for.  A call that streams keeps its
 * seat. */
void call_stop_waiting(struct call *call, bool expired);

/* The body comes in this coding.  False after answering that there is no memory. */
bool call_decode(struct call *call, enum content_coding coding);

/* --- reading -------------------------------------------------------------------- */

/* The value of a query parameter, as its row in the table says: its fallback where it is
 * not given.  False after answering 422 when it is not what the row allows.  The
 * function is the one of the row's type. */
bool call_read_integer(struct call *call, enum parameter parameter, uint64_t *value);
bool call_read_number(struct call *call, enum parameter parameter, double *value);
bool call_read_boolean(struct call *call, enum parameter parameter, bool *value);
const char *call_read_text(const struct call *call, enum parameter parameter);

#endif
