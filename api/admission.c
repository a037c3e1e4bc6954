/* From headers to a call that knows what it is; see admission.h. */
#include "api/admission.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/accept.h"
#include "api/handlers.h"
#include "api/media_type.h"
#include "api/model_answer.h"
#include "api/precondition.h"
#include "api/prefer.h"

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

static bool find_route(struct call *call) {
    call->route = call->target.trailing_slash ? NULL : route_find(&call->target);
    if (call->route == NULL) {
        answer_nothing_here(call);
    }
    return call->route != NULL;
}

static bool find_handler(struct call *call, const char *method) {
    char allow[ALLOW_BYTES];
    call->handler = route_handler(call->route, method);
    if (call->handler != NULL) {
        return true;
    }
    route_allow(call->route, allow);
    if (strcmp(method, "OPTIONS") == 0) {
        call_answer_empty(call, 204);
    } else {
        call_answer_problem(call, 405, NULL, "%.32s is not allowed here; allowed are %s", method,
                            allow);
    }
    call_add_header(call, "Allow", "%s", allow);
    return false;
}

/* What the call needs.  --open-metrics makes /metrics one for everybody: a scraper sends
 * the address of a pod as Host. */
static enum scope scope_of(const struct call *call, const struct handler *handler) {
    return call->api->open_metrics && handler->handle == metrics_show ? SCOPE_NONE : handler->scope;
}

/* A call without a scope is for everybody, and from everywhere. */
static bool check_origin(struct call *call, const struct access *access) {
    const bool allowed =
        access->objection == NULL || scope_of(call, &call->route->handlers[0]) == SCOPE_NONE;
    if (!allowed) {
        call_answer_problem(call, 403, NULL, "%s", access->objection);
    }
    return allowed;
}

static bool check_token(struct call *call, const struct access *access, bool has_token) {
    const enum scope scope = scope_of(call, call->handler);
    if (scope == SCOPE_NONE || (access->known && (access->scopes & scope) != 0)) {
        return true;
    }
    if (access->known) {
        call_answer_problem(call, 403, NULL, "this call needs a token of scope %s",
                            scope_name(scope));
        call_add_header(call, "WWW-Authenticate",
                        "Bearer realm=\"mlpd\", error=\"insufficient_scope\", scope=\"%s\"",
                        scope_name(scope));
    } else if (has_token) {
        call_answer_problem(call, 401, NULL, "the token is not one of those that mlpd was given");
        call_add_header(call, "WWW-Authenticate", "Bearer realm=\"mlpd\", error=\"invalid_token\"");
    } else {
        call_answer_problem(call, 401, NULL,
                            "this call needs a token: Authorization: Bearer TOKEN");
        call_add_header(call, "WWW-Authenticate", "Bearer realm=\"mlpd\"");
    }
    return false;
}

static bool takes_parameter(const struct handler *handler, const char *name) {
    const enum parameter *allowed = handler->parameters;
    while (*allowed != PARAMETER_NONE && strcmp(parameter_descriptions[*allowed].name, name) != 0) {
        allowed++;
    }
    return *allowed != PARAMETER_NONE;
}

static void answer_unknown_parameter(struct call *call, const char *name) {
    char allowed[160] = "";
    for (const enum parameter *at = call->handler->parameters; *at != PARAMETER_NONE; at++) {
        const size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "",
                 parameter_descriptions[*at].name);
    }
    call_answer_problem(call, 422, NULL, "unknown query parameter '%.60s'; allowed: %s", name,
                        *allowed != '\0' ? allowed : "none");
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
        if (!takes_parameter(call->handler, name)) {
            answer_unknown_parameter(call, name);
            return false;
        }
        if (target_parameter(target, name) != target->parameters[i].value) {
            call_answer_problem(call, 422, NULL, "the query parameter '%.60s' twice", name);
            return false;
        }
    }
    return true;
}

/* The models are not there yet: not even who asks for a list may be told that there is none. */
static bool is_too_early(struct call *call) {
    const struct target *target = &call->target;
    const bool early = engine_is_recovering(call->api->engine) && target->segment_count > 1 &&
                       strcmp(target->segments[1], "models") == 0;
    if (early) {
        call_answer_problem(call, 503, NULL,
                            "mlpd is recovering what was stored; GET /health/ready says how far it "
                            "is");
        call_add_header(call, "Retry-After", "1");
    }
    return early;
}

static bool find_model(struct call *call) {
    if (is_too_early(call)) {
        return false;
    }
    for (size_t i = 0; i < call->target.segment_count; i++) {
        if (strcmp(call->route->segments[i], MODEL_SEGMENT) == 0) {
            struct error error;
            const enum error_code code = engine_find_model(
                call->api->engine, call->target.segments[i], &call->model, &error);
            const bool may_be_damaged = call->handler->handle == models_delete;
            if (code != ERROR_NONE && !(code == ERROR_DAMAGED && may_be_damaged)) {
                call_answer_error(call, &error);
                return false;
            }
        }
    }
    return true;
}

/* The media types of the route's answers, each once: the first is the default. */
static void offer_answers(struct accept *accept, const struct handler *handler) {
    for (const struct route_answer *answer = handler->answers; answer->status != 0; answer++) {
        const char *type = answer->media_type != NULL ? answer->media_type : MEDIA_TYPE_JSON;
        size_t i = 0;
        while (i < accept->count && strcmp(accept->types[i], type) != 0) {
            i++;
        }
        if (i == accept->count && answer->schema != NULL) {
            accept_offer(accept, type);
        }
    }
}

static void answer_not_acceptable(struct call *call, const struct accept *accept,
                                  const char *found) {
    char available[256] = "";
    for (size_t i = 0; i < accept->count; i++) {
        const size_t used = strlen(available);
        snprintf(available + used, sizeof available - used, "%s%s", used > 0 ? ", " : "",
                 accept->types[i]);
    }
    call_answer_problem(call, 406, NULL, "Accept: %.80s; available: %s", found, available);
    call_add_header(call, "Vary", "Accept");
}

#define ACCEPT_LINES_MAX 16

/* Probes ask with whatever they have, and calls without a body answer anybody. */
static bool check_accept(struct call *call, const struct request *request) {
    struct accept accept = {.count = 0};
    const char *first = request->header_line(request->header_context, "Accept", 0);
    offer_answers(&accept, call->handler);
    const char *line = first;
    for (size_t i = 1; line != NULL && i <= ACCEPT_LINES_MAX; i++) {
        accept_read(&accept, line);
        line = request->header_line(request->header_context, "Accept", i);
    }
    call->media_type = accept_choose(&accept);
    if (call->media_type == NULL && accept.count > 0 && call->handler->scope != SCOPE_NONE) {
        answer_not_acceptable(call, &accept, first);
        return false;
    }
    return true;
}

/* No Content-Length where there has to be a body, or one that says more than --max-body. */
static bool check_length(struct call *call, const struct request *request) {
    const char *length = request->header(request->header_context, "Content-Length");
    if (call->handler->body != BODY_NONE && !call->handler->body_is_optional && length == NULL &&
        request->header(request->header_context, "Transfer-Encoding") == NULL) {
        call_answer_problem(call, 411, NULL,
                            "this call needs a body: send it with Content-Length or with "
                            "Transfer-Encoding: chunked (with curl: --json '…' or "
                            "--data-binary @file)");
        return false;
    }
    if (length != NULL && strtoull(length, NULL, 10) > call->api->body_bytes_max) {
        call_answer_problem(call, 413, NULL, "a body of %.20s bytes; --max-body allows %zu", length,
                            call->api->body_bytes_max);
        return false;
    }
    return true;
}

/* One coding at most: its bytes are then decoded as they arrive. */
static bool begin_decoding(struct call *call, const struct request *request) {
    const char *value = request->header_line(request->header_context, "Content-Encoding", 0);
    const char *second = request->header_line(request->header_context, "Content-Encoding", 1);
    const enum content_coding coding = second == NULL ? content_coding_find(value) : CODING_UNKNOWN;
    if (coding == CODING_UNKNOWN) {
        call_answer_problem(call, 415, NULL, "Content-Encoding %.40s%s%.40s; allowed is one of %s",
                            value, second != NULL ? ", " : "", second != NULL ? second : "",
                            CONTENT_CODINGS);
        call_add_header(call, "Accept-Encoding", "%s", CONTENT_CODINGS);
        return false;
    }
    return coding == CODING_IDENTITY || call_decode(call, coding);
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
    return call_read_number(call, PARAMETER_SCALE, &scaling->scale) &&
           call_read_number(call, PARAMETER_OFFSET, &scaling->offset);
}

/* The options of a body that the query gives; the table of routes says which. */
static bool read_options(struct call *call) {
    static const enum parameter parameters[INTAKE_OPTIONS] = {
        [INTAKE_TOP_K] = PARAMETER_TOP_K,
        [INTAKE_MIN_STEP] = PARAMETER_MIN_STEP,
        [INTAKE_CONFUSION_MATRIX] = PARAMETER_CONFUSION_MATRIX,
        [INTAKE_PER_EXAMPLE] = PARAMETER_PER_EXAMPLE,
    };
    for (enum intake_option option = 0; option < INTAKE_OPTIONS; option++) {
        const struct parameter_description *row = &parameter_descriptions[parameters[option]];
        uint64_t number = 0;
        bool flag = false;
        if (target_parameter(&call->target, row->name) == NULL) {
            continue;
        }
        if (!(row->type == PARAMETER_BOOLEAN
                  ? call_read_boolean(call, parameters[option], &flag)
                  : call_read_integer(call, parameters[option], &number))) {
            return false;
        }
        struct error error;
        const double value = row->type == PARAMETER_BOOLEAN ? flag : (double)number;
        if (intake_set_option(call->intake, option, value, &error) != ERROR_NONE) {
            call_answer_problem(call, 422, NULL, "the query parameter %s: %s", row->name,
                                error.message); /* no pointer: it is not in the body */
            return false;
        }
    }
    return true;
}

static size_t length_of(const struct call *call, const struct request *request) {
    const char *length = request->header(request->header_context, "Content-Length");
    return length != NULL && call->decoder == NULL ? strtoull(length, NULL, 10) : 0;
}

static bool begin_intake(struct call *call, const struct request *request) {
    const char *type = request->header(request->header_context, "Content-Type");
    const struct intake_format *format = media_type_intake(type);
    if (format == NULL) {
        answer_media_type(call, type, "application/json, text/csv, application/vnd.safetensors");
        return false;
    }
    static const enum intake_purpose purposes[] = {[BODY_BATCH] = INTAKE_BATCH,
                                                   [BODY_PREDICTION] = INTAKE_PREDICTION,
                                                   [BODY_EVALUATION] = INTAKE_EVALUATION};
    struct intake_request intake = {
        .purpose = purposes[call->handler->body],
        .specification = &call->model->specification,
        .ledger = engine_ledger(call->api->engine),
        .body_bytes = length_of(call, request),
    };
    if (!read_scaling(call, &intake.scaling)) {
        return false;
    }
    call->intake = intake_create(format, &intake);
    if (call->intake == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to read a body");
        return false;
    }
    return read_options(call);
}

/* A model's file needs a name beside it, and a document has one in it.  A large file whose
 * name cannot be is refused at once. */
static bool begin_model(struct call *call, const struct request *request) {
    const char *type = request->header(request->header_context, "Content-Type");
    const char *name = call_read_text(call, PARAMETER_MODEL_NAME);
    struct error error;
    if (media_type_is_json(type)) {
        if (*name != '\0') {
            call_answer_problem(call, 422, NULL,
                                "the query parameter name is for a model's file; a JSON body has "
                                "the field name");
        }
        return *name == '\0';
    }
    if (!media_type_is_safetensors(type)) {
        answer_media_type(call, type, "application/json, application/vnd.safetensors");
        return false;
    }
    if (model_check_name(name, &error) != ERROR_NONE) {
        call_answer_problem(call, 422, NULL, "the query parameter name: %s", error.message);
        return false;
    }
    call->model_intake =
        model_intake_create(engine_ledger(call->api->engine), length_of(call, request));
    if (call->model_intake == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to read a body");
    }
    return call->model_intake != NULL;
}

static bool prepare_body(struct call *call, const struct request *request) {
    if (call->handler->body == BODY_NONE) {
        return true;
    }
    if (!begin_decoding(call, request)) {
        return false;
    }
    if (call->handler->body == BODY_MODEL) {
        return begin_model(call, request);
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

#define PREFER_LINES_MAX 16

static void read_preferences(struct call *call, const struct request *request) {
    struct preferences preferences = {0};
    const char *line = request->header_line(request->header_context, "Prefer", 0);
    for (size_t i = 1; line != NULL && i <= PREFER_LINES_MAX; i++) {
        prefer_read(&preferences, line);
        line = request->header_line(request->header_context, "Prefer", i);
    }
    call->prefers_wait = preferences.wait;
    call->wait_seconds = fmin(preferences.wait_seconds, WAIT_SECONDS_MAX);
    call->prefers_async = preferences.respond_async && !preferences.wait;
}

/* OPTIONS of the server itself, and what only a proxy would do. */
static bool is_answered_by_method(struct call *call, const struct request *request) {
    const struct target *target = &call->target;
    const bool is_root = target->segment_count == 0 && !target->matches_nothing;
    if (strcmp(request->method, "CONNECT") == 0) {
        call_answer_problem(call, 405, NULL, "CONNECT asks for a proxy; this is none");
    } else if (strcmp(request->method, "OPTIONS") == 0 &&
               (is_root || strcmp(request->target, "*") == 0)) {
        call_answer_empty(call, 204);
    } else {
        return false;
    }
    call_add_header(call, "Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST");
    return true;
}

void admission_decide(struct call *call, const struct request *request) {
    target_parse(&call->target, request->target);
    call->is_head = strcmp(request->method, "HEAD") == 0;
    if (is_answered_by_method(call, request)) {
        return;
    }
    const char *authorization = request->header(request->header_context, "Authorization");
    const bool has_token = authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0;
    if (find_route(call) && check_origin(call, &request->access) &&
        find_handler(call, request->method) && check_token(call, &request->access, has_token) &&
        check_parameters(call) && find_model(call) && check_accept(call, request) &&
        idempotency_begin(call, request) && precondition_check(call, request) &&
        check_length(call, request) && prepare_body(call, request)) {
        read_preferences(call, request);
        loss_stream_read_cursor(call, request);
    }
}
