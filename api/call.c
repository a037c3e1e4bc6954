/* One HTTP call; see call.h and call_internal.h. */
#include "api/call.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/call_internal.h"
#include "api/media_type.h"
#include "api/number.h"
#include "api/prefer.h"
#include "api/problem.h"
#include "api/words.h"
#include "core/base/memory.h"

/* What BLAS counts with. */
#define ROWS_MAX INT32_MAX

#define JSON_DOCUMENT_BYTES_MAX (1024 * 1024)

/* --- answering ------------------------------------------------------------------- */

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
    call->state = CALL_ANSWERED;
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
    problem_write(&call->response, status, error);
    call_add_header(call, "Content-Type", "application/problem+json");
    if (status == 429 || status == 503) {
        call_add_header(call, "Retry-After", "%u", retry_after(call));
    }
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

void call_wait_for(struct call *call, struct waiter *waiter, resume_function *resume,
                   double patience_seconds) {
    if (waiter == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to wait");
        return;
    }
    call->waiter = waiter;
    call_wait(call, start_waiting, resume, patience_seconds);
}

void call_stop_waiting(struct call *call, bool expired) {
    if (expired && waiter_stop(call->model, call->waiter)) {
        completion_call(call->waiter->completion); /* nobody else will */
    }
    waiter_release(call->waiter);
    call->waiter = NULL;
}

/* --- the headers ------------------------------------------------------------------ */

static void answer_nothing_here(struct call *call) {
    const struct target *target = &call->target;
    if (!target->trailing_slash || target->matches_nothing) {
        call_answer_problem(call, 404, NULL, "there is nothing at this address");
        return;
    }
    char path[256] = "";
    for (size_t i = 0; i < target->segment_count; i++) {
        const size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, "/%.64s", target->segments[i]);
    }
    call_answer_problem(call, 404, NULL,
                        "there is nothing at an address that ends in a slash; try %s", path);
}

static bool find_handler(struct call *call, const char *method) {
    if (call->route == NULL) {
        answer_nothing_here(call);
        return false;
    }
    char allow[ALLOW_BYTES];
    route_allow(call->route, allow);
    if (strcmp(method, "OPTIONS") == 0) {
        call_answer_empty(call, 204);
        call_add_header(call, "Allow", "%s", allow);
        return false;
    }
    call->handler = route_handler(call->route, method);
    if (call->handler == NULL) {
        call_answer_problem(call, 405, NULL, "%.32s is not allowed here; allowed are %s", method,
                            allow);
        call_add_header(call, "Allow", "%s", allow);
        return false;
    }
    return true;
}

static bool check_parameters(struct call *call) {
    const struct target *target = &call->target;
    if (target->bad_query) {
        call_answer_problem(call, 400, NULL,
                            "the query has a broken %%-escape or more than %d parameters",
                            TARGET_PARAMETERS_MAX);
        return false;
    }
    for (size_t i = 0; i < target->parameter_count; i++) {
        const char *name = target->parameters[i].name;
        if (!words_contain(call->handler->parameters, name)) {
            const char *allowed = call->handler->parameters;
            call_answer_problem(call, 422, NULL, "unknown query parameter '%.60s'; allowed: %s",
                                name, *allowed != '\0' ? allowed : "none");
            return false;
        }
        if (target_parameter(target, name) != target->parameters[i].value) {
            call_answer_problem(call, 422, NULL, "the query parameter '%.60s' twice", name);
            return false;
        }
    }
    return true;
}

static bool find_model(struct call *call) {
    for (size_t i = 0; i < call->target.segment_count; i++) {
        if (strcmp(call->route->segments[i], MODEL_SEGMENT) == 0) {
            struct error error;
            if (engine_find_model(call->api->engine, call->target.segments[i], &call->model,
                                  &error) != ERROR_NONE) {
                call_answer_error(call, &error);
                return false;
            }
        }
    }
    return true;
}

/* The Content-Length, when there is one that says more than --max-body. */
static bool check_length(struct call *call, const struct request *request) {
    const char *length = request->header(request->header_context, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > call->api->body_bytes_max) {
        call_answer_problem(call, 413, NULL, "a body of %.20s bytes; --max-body allows %zu", length,
                            call->api->body_bytes_max);
        return false;
    }
    const char *encoding = request->header(request->header_context, "Content-Encoding");
    if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        call_answer_problem(call, 415, NULL,
                            "Content-Encoding %.40s; bodies are taken uncompressed", encoding);
        return false;
    }
    return true;
}

static void answer_media_type(struct call *call, const char *type, const char *allowed) {
    if (media_type_is_forms(type)) {
        call_answer_problem(call, 415, NULL,
                            "Content-Type %.80s; with curl, send JSON by --json '…' and files "
                            "by --data-binary @file with -H 'Content-Type: …' (%s)",
                            type, allowed);
    } else {
        call_answer_problem(call, 415, NULL, "Content-Type %.80s; allowed: %s", type, allowed);
    }
}

static bool read_scaling(struct call *call, struct intake_scaling *scaling) {
    scaling->given = target_parameter(&call->target, "scale") != NULL ||
                     target_parameter(&call->target, "offset") != NULL;
    return call_read_number(call, "scale", -DBL_MAX, DBL_MAX, 1, &scaling->scale) &&
           call_read_number(call, "offset", -DBL_MAX, DBL_MAX, 0, &scaling->offset);
}

static bool begin_intake(struct call *call, const struct request *request) {
    const char *type = request->header(request->header_context, "Content-Type");
    const struct intake_format *format = media_type_intake(type);
    if (format == NULL) {
        answer_media_type(call, type, "application/json, application/vnd.safetensors");
        return false;
    }
    static const enum intake_purpose purposes[] = {[BODY_BATCH] = INTAKE_BATCH,
                                                   [BODY_PREDICTION] = INTAKE_PREDICTION,
                                                   [BODY_EVALUATION] = INTAKE_EVALUATION};
    const char *length = request->header(request->header_context, "Content-Length");
    struct intake_request intake = {
        .purpose = purposes[call->handler->body],
        .specification = &call->model->specification,
        .ledger = engine_ledger(call->api->engine),
        .body_bytes = length != NULL ? strtoull(length, NULL, 10) : 0,
    };
    if (!read_scaling(call, &intake.scaling)) {
        return false;
    }
    call->intake = intake_create(format, &intake);
    if (call->intake == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to read a body");
        return false;
    }
    return true;
}

static bool prepare_body(struct call *call, const struct request *request) {
    if (call->handler->body == BODY_NONE) {
        return true;
    }
    if (call->handler->body != BODY_JSON) {
        return begin_intake(call, request);
    }
    const char *type = request->header(request->header_context, "Content-Type");
    if (!media_type_is_json(type)) {
        answer_media_type(call, type, "application/json");
        return false;
    }
    return true;
}

enum call_state call_begin(struct call *call, const struct request *request) {
    target_parse(&call->target, request->target);
    if (strcmp(request->method, "OPTIONS") == 0 &&
        (strcmp(request->target, "*") == 0 || strcmp(request->target, "/") == 0)) {
        call_answer_empty(call, 204);
        call_add_header(call, "Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST");
        return call->state;
    }
    call->route = call->target.trailing_slash ? NULL : route_find(&call->target);
    if (find_handler(call, request->method) && check_parameters(call) && find_model(call) &&
        check_length(call, request) && prepare_body(call, request)) {
        const char *prefer = request->header(request->header_context, "Prefer");
        call->prefers_wait = prefer_wait(prefer, &call->wait_seconds);
        call->wait_seconds = fmin(call->wait_seconds, WAIT_SECONDS_MAX);
    }
    return call->state;
}

/* --- the body --------------------------------------------------------------------- */

bool call_feed(struct call *call, const char *data, size_t size) {
    if (call->state != CALL_READING) {
        return false;
    }
    call->body_bytes += size; /* each chunk is within memory, so this cannot overflow */
    struct error error = {.code = ERROR_NONE};
    if (call->body_bytes > call->api->body_bytes_max) {
        error_set(&error, ERROR_TOO_LARGE, NULL,
                  "a body of more than %zu bytes, which is what "
                  "--max-body allows",
                  call->api->body_bytes_max);
    } else if (call->intake != NULL) {
        intake_feed(call->intake, data, size, &error);
    } else if (call->handler->body == BODY_JSON) {
        if (call->body_bytes > JSON_DOCUMENT_BYTES_MAX) {
            error_set(&error, ERROR_TOO_LARGE, NULL, "a document of more than %d bytes",
                      JSON_DOCUMENT_BYTES_MAX);
        } else {
            buffer_append(&call->body, data, size, &error);
        }
    }
    if (error.code != ERROR_NONE) {
        call_answer_error(call, &error);
    }
    return call->state == CALL_READING;
}

enum call_state call_end(struct call *call) {
    if (call->state != CALL_READING) {
        return call->state;
    }
    struct error error;
    if (call->intake != NULL && intake_end(call->intake, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else if (call->intake != NULL && call->intake->examples.rows > ROWS_MAX) {
        call_answer_problem(call, 413, NULL, "%zu rows in one request; allowed are %d",
                            call->intake->examples.rows, ROWS_MAX);
    } else {
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

/* --- reading ---------------------------------------------------------------------- */

bool call_read_integer(struct call *call, const char *parameter, uint64_t minimum, uint64_t maximum,
                       uint64_t fallback, uint64_t *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = fallback;
    if (text == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < minimum ||
        number > maximum) {
        call_answer_problem(call, 422, NULL,
                            "the query parameter %s is '%.40s'; a whole number from %" PRIu64
                            " to %" PRIu64 " is wanted",
                            parameter, text, minimum, maximum);
        return false;
    }
    *value = number;
    return true;
}

bool call_read_boolean(struct call *call, const char *parameter, bool *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = text != NULL && strcmp(text, "true") == 0;
    if (text == NULL || *value || strcmp(text, "false") == 0) {
        return true;
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; true or false is wanted", parameter,
                        text);
    return false;
}

bool call_read_number(struct call *call, const char *parameter, double minimum, double maximum,
                      double fallback, double *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = fallback;
    if (text == NULL ||
        (number_read(text, strlen(text), value) && *value >= minimum && *value <= maximum)) {
        return true;
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; a number from %.15g to %.15g is "
                        "wanted",
                        parameter, text, minimum, maximum);
    return false;
}

/* --- life ------------------------------------------------------------------------- */

struct call *call_create(const struct api *api) {
    struct call *call = memory_allocate_zero(1, sizeof *call);
    if (call != NULL) {
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
    if (call->intake != NULL) {
        intake_destroy(call->intake);
    }
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
    settings_release(call->base);
    if (call->query != NULL) {
        query_release(call->query);
    }
    if (call->created != NULL) {
        model_release(call->created);
    }
    if (call->model != NULL) {
        model_release(call->model);
    }
    buffer_free(&call->body);
    buffer_free(&call->row_order);
    buffer_free(&call->response.body);
    memory_free(call);
}
