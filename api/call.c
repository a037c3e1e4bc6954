/* The life of one HTTP call; see call.h and call_internal.h. */
#include "api/call.h"

#include <math.h>
#include <string.h>

#include "api/admission.h"
#include "api/call_internal.h"
#include "core/base/memory.h"
#include "core/engine/backup.h"

/* What BLAS counts with. */
#define ROWS_MAX INT32_MAX

#define JSON_DOCUMENT_BYTES_MAX (1024 * 1024)

enum call_state call_begin(struct call *call, const struct request *request) {
    call->request_id = request->id;
    call->predictor = request->predictor;
    admission_decide(call, request);
    return call->state;
}

struct call_operation call_operation(const struct call *call) {
    const struct handler *handler = call != NULL ? call->handler : NULL;
    return (struct call_operation){
        .number = route_operation(handler),
        .name = handler != NULL ? handler->operation : "none",
        .is_polled = handler != NULL && handler->is_polled,
    };
}

/* --- the body --------------------------------------------------------------------- */

/* A piece of the body, no longer compressed. */
static enum error_code take_piece(void *context, const char *data, size_t size,
                                  struct error *error) {
    struct call *call = context;
    call->body_bytes += size; /* each piece is within memory, so this cannot overflow */
    if (call->body_bytes > call->api->body_bytes_max) {
        return error_set(error, ERROR_TOO_LARGE, NULL,
                         "a body of more than %zu bytes%s, which is what --max-body allows",
                         call->api->body_bytes_max,
                         call->decoder != NULL ? " when it is decompressed" : "");
    }
    const bool is_document = call->intake == NULL && call->model_intake == NULL;
    if (is_document && call->handler->body != BODY_JSON && call->handler->body != BODY_MODEL) {
        return ERROR_NONE;
    }
    if (is_document && call->body_bytes > JSON_DOCUMENT_BYTES_MAX) {
        return error_set(error, ERROR_TOO_LARGE, NULL, "a document of more than %d bytes",
                         JSON_DOCUMENT_BYTES_MAX);
    }
    idempotency_feed(call, data, size);
    return call->intake != NULL         ? intake_feed(call->intake, data, size, error)
           : call->model_intake != NULL ? model_intake_feed(call->model_intake, data, size, error)
                                        : buffer_append(&call->body, data, size, error);
}

bool call_feed(struct call *call, const char *data, size_t size) {
    if (call->state != CALL_READING) {
        return false;
    }
    struct error error;
    const enum error_code code = call->decoder != NULL
                                     ? decoder_feed(call->decoder, data, size, &error)
                                     : take_piece(call, data, size, &error);
    if (code != ERROR_NONE) {
        call_answer_error(call, &error);
    }
    return call->state == CALL_READING;
}

bool call_decode(struct call *call, enum content_coding coding) {
    struct error error;
    call->decoder =
        decoder_create(coding, engine_ledger(call->api->engine), take_piece, call, &error);
    if (call->decoder == NULL) {
        call_answer_error(call, &error);
    }
    return call->decoder != NULL;
}

enum call_state call_end(struct call *call) {
    if (call->state == CALL_GATHERING && call->query->answered) {
        call->resume(call, false);
    }
    if (call->state != CALL_READING) {
        return call->state;
    }
    struct error error;
    if (call->decoder != NULL && decoder_end(call->decoder, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else if (call->intake != NULL && intake_end(call->intake, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else if (call->model_intake != NULL &&
               model_intake_end(call->model_intake, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else if (call->intake != NULL && call->intake->examples.rows > ROWS_MAX) {
        call_answer_problem(call, 413, NULL, "%zu rows in one request; allowed are %d",
                            call->intake->examples.rows, ROWS_MAX);
    } else {
        idempotency_end(call);
        call->handler->handle(call);
    }
    return call->state;
}

/* --- waiting ---------------------------------------------------------------------- */

void call_start(struct call *call, struct completion *completion) {
    call->error.code = ERROR_NONE;
    call->start(call, completion);
}

double call_patience_seconds(const struct call *call) {
    return call->patience_seconds;
}

enum call_state call_resume(struct call *call, bool expired) {
    if (expired && isinf(call->patience_seconds)) {
        /* The client has gone or the process ends; what was waited for is not there. */
        call_answer_problem(call, 504, NULL,
                            "the wait was ended; what was asked may be done all the same");
    } else {
        call->resume(call, expired);
    }
    return call->state;
}

void call_wait(struct call *call, start_function *start, resume_function *resume,
               double patience_seconds) {
    call->start = start;
    call->resume = resume;
    call->patience_seconds = patience_seconds;
    call->state = CALL_WAITING;
}

static void start_waiting(struct call *call, struct completion *completion) {
    if (!waiter_start(call->model, call->waiter, completion)) {
        completion_call(completion);
    }
}

bool call_take_seat(struct call *call) {
    call->has_seat = call->has_seat || waiting_room_enter(call->api->waiting);
    return call->has_seat;
}

void call_leave_seat(struct call *call) {
    if (call->has_seat) {
        call->has_seat = false;
        waiting_room_leave(call->api->waiting);
    }
}

void call_wait_for(struct call *call, struct waiter *waiter, resume_function *resume,
                   double patience_seconds) {
    if (waiter == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to wait");
        return;
    }
    call->waiter = waiter;
    if (!call_take_seat(call)) {
        call_answer_no_seat(call);
        return;
    }
    call_wait(call, start_waiting, resume, patience_seconds);
}

void call_stop_waiting(struct call *call, bool expired) {
    if (expired && waiter_stop(call->model, call->waiter)) {
        completion_call(call->waiter->completion); /* nobody else will */
    }
    waiter_release(call->waiter);
    call->waiter = NULL;
    if (call->response.next_piece == NULL) {
        call_leave_seat(call);
    }
}

/* --- pieces ----------------------------------------------------------------------- */

enum call_state call_next_piece(struct call *call) {
    call->response.body.used = 0;
    if (!call->response.next_piece(call)) {
        call->state = CALL_BROKEN;
    }
    return call->state;
}

/* --- life ------------------------------------------------------------------------- */

struct call *call_create(const struct api *api) {
    struct call *call = memory_allocate_object(sizeof *call);
    if (call != NULL) {
        memset(call, 0, offsetof(struct call, target));
        call->api = api;
        call->state = CALL_READING;
        buffer_init(&call->body, engine_ledger(api->engine), "a request body");
        buffer_init(&call->response.body, engine_ledger(api->engine), "an answer");
        buffer_init(&call->row_order, engine_ledger(api->engine), "the order of a row's outputs");
    }
    return call;
}

struct response *call_response(struct call *call) {
    return &call->response;
}

void call_destroy(struct call *call) {
    decoder_destroy(call->decoder);
    if (call->intake != NULL) {
        intake_destroy(call->intake);
    }
    model_intake_destroy(call->model_intake);
    if (call->waiter != NULL) {
        waiter_release(call->waiter);
    }
    for (size_t i = 0; i < call->batch_count; i++) {
        entry_release(call->batches[i]);
    }
    memory_free(call->batches);
    if (call->entry != NULL) {
        entry_release(call->entry);
    }
    idempotency_free(&call->idempotency);
    backup_release(call->backup);
    if (call->query != NULL) {
        query_release(call->query);
    }
    if (call->rival != NULL) {
        query_release(call->rival);
    }
    checkpoint_opening_release(call->opening);
    checkpoint_release(call->checkpoint);
    state_release(call->numbers);
    if (call->into != NULL) {
        model_release(call->into);
    }
    if (call->created != NULL) {
        model_release(call->created);
    }
    model_export_destroy(call->export);
    if (call->model != NULL) {
        model_release(call->model);
    }
    call_leave_seat(call);
    buffer_free(&call->body);
    buffer_free(&call->row_order);
    buffer_free(&call->response.body);
    memory_free(call);
}
