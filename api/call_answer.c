/* The answers of a call; see call_internal.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/call_internal.h"
#include "api/problem.h"

void call_add_header(struct call *call, const char *name, const char *format, ...) {
    struct response *response = &call->response;
    if (response->header_count == RESPONSE_HEADERS_MAX) {
        return;
    }
    struct response_header *header = &response->headers[response->header_count++];
    header->name = name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(header->value, sizeof header->value, format, arguments);
    va_end(arguments);
}

void call_apply_preference(struct call *call) {
    call->preference_applied = true;
}

static void add_preference(struct call *call) {
    if (call->preference_applied && call->prefers_wait && !call->wait_refused) {
        call_add_header(call, "Preference-Applied", "wait=%.15g", call->wait_seconds);
    } else if (call->preference_applied && call->prefers_async) {
        call_add_header(call, "Preference-Applied", "respond-async");
    }
}

struct json_writer call_json(struct call *call) {
    struct json_writer writer;
    json_write_start(&writer, &call->response.body);
    return writer;
}

void call_answer_json(struct call *call, unsigned status, struct json_writer *writer) {
    struct error error;
    if (json_write_finish(writer, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    if (call->response.next_piece == NULL) {
        (void)buffer_append(&call->response.body, "\n", 1, NULL); /* for terminals */
    }
    call->response.status = status;
    call_add_header(call, "Content-Type", "application/json");
    add_preference(call);
    call->state = CALL_ANSWERED;
}

void call_write_table(const struct call *call, struct json_writer *json) {
    const struct intake_table *table = &call->intake->table;
    if (table->rows > 0) {
        json_write_key(json, "rows");
        json_write_unsigned(json, table->rows);
        json_write_key(json, "columns");
        json_write_unsigned(json, table->columns);
    }
}

void call_answer_empty(struct call *call, unsigned status) {
    call->response.status = status;
    call->state = CALL_ANSWERED;
}

/* A first retry soon, a later one late: whole seconds, as HTTP has them. */
static unsigned retry_after(const struct call *call) {
    return (unsigned)fmin(fmax(ceil(call->retry_after_seconds), 1), 60);
}

static void answer_problem(struct call *call, unsigned status, const struct error *error) {
    buffer_free(&call->response.body);
    call->response.next_piece = NULL; /* of an answer that failed */
    problem_write(&call->response, status, error, call->request_id);
    call_add_header(call, "Content-Type", "application/problem+json");
    if (status == 429 || status == 503) {
        call_add_header(call, "Retry-After", "%u", retry_after(call));
    }
    add_preference(call);
    call->state = CALL_ANSWERED;
}

void call_answer_error(struct call *call, const struct error *error) {
    answer_problem(call, problem_status(error->code), error);
}

void call_answer_problem(struct call *call, unsigned status, const char *pointer,
                         const char *format, ...) {
    struct error error = {.code = ERROR_INVALID};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.message, sizeof error.message, format, arguments);
    va_end(arguments);
    snprintf(error.pointer, sizeof error.pointer, "%s", pointer != NULL ? pointer : "");
    answer_problem(call, status, &error);
}

#define SEAT_RETRY_SECONDS 5

bool call_answer_refusal(struct call *call, enum error_code refusal) {
    if (refusal != ERROR_NONE) {
        struct error error;
        error_set(&error, refusal == ERROR_STALE ? ERROR_STORAGE : refusal, NULL,
                  "it cannot be stored: there is no %s; nothing was changed, try again when there "
                  "is",
                  refusal == ERROR_MEMORY ? "memory" : "room in the data directory");
        call_answer_error(call, &error);
    }
    return refusal != ERROR_NONE;
}

void call_answer_no_seat(struct call *call) {
    call->retry_after_seconds = SEAT_RETRY_SECONDS;
    call_answer_problem(call, 503, NULL,
                        "%zu connections wait or stream already, which is what --max-waiting "
                        "allows; without a wait the answer comes at once",
                        call->api->waiting->seats);
}
