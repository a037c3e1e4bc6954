/* Writing the OpenAPI document; see openapi.h. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "api/content_coding.h"
#include "api/media_type.h"
#include "api/openapi.h"
#include "api/problem.h"
#include "api/route.h"
#include "api/route_problem.h"
#include "api/schema.h"

/* --- texts ---------------------------------------------------------------------------- */

static const char introduction[] =
    "mlpd trains and serves multi-layer perceptrons: create a model, post batches as data "
    "arrives, watch the loss fall, ask for predictions.\n\n"
    "HEAD is answered wherever GET is, and OPTIONS everywhere, with 204 and `Allow`; a method "
    "that an address does not have is 405.  Every error is a problem document (RFC 9457).  "
    "Unknown fields and query parameters are refused by name.  Bodies of JSON may come as "
    "`application/json`, `text/json`, any `+json` or without a Content-Type.  Times are RFC "
    "3339 in UTC, durations seconds.  To a web page whose Origin --allowed-origins allows, "
    "answers carry the headers of CORS.";

static const char bearer[] =
    "A token out of --token-file, with the scopes read, train or admin; the one that a call "
    "needs stands with it.  An mlpd that was started without tokens asks for none.";

static const struct {
    const char *name, *documentation;
} tags[] = {
    {"models", "Networks: made, described, changed, copied, removed."},
    {"batches", "Training, and what became of it."},
    {"loss", "The loss of each batch."},
    {"predictions", "Asking a model, and measuring it."},
    {"versions", "Keeping a model's numbers, and going back to them."},
    {"server", "The process: its limits, health, figures and interface."},
};

/* --- components ------------------------------------------------------------------------ */

/* Components are written where something refers to them. */

typedef bool handler_test(const struct route *route, const struct handler *handler, size_t row);

static bool any_handler(handler_test *test, size_t row) {
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = 0; j < HANDLERS_MAX && routes[i].handlers[j].method != NULL; j++) {
            if (test(&routes[i], &routes[i].handlers[j], row)) {
                return true;
            }
        }
    }
    return false;
}

static bool has_problem(const struct route *route, const struct handler *handler, size_t row) {
    return route_has_problem(route, handler, &route_problems[row]);
}

/* What the table of routes says, and what follows from the rest of a row. */
static bool hears(const struct route *route, const struct handler *handler, size_t header) {
    (void)route;
    return header == HEADER_REQUEST_ID ||
           (header == HEADER_CONTENT_ENCODING && handler->body != BODY_NONE) ||
           route_hears(handler, (enum request_header)header);
}

/* --- small things ---------------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key, const char *text) {
    json_write_key(json, key);
    json_write_string(json, text);
}

static void write_constant(struct json_writer *json, const char *key, const char *text) {
    json_write_key(json, key);
    json_write_constant(json, text);
}

static void begin(struct json_writer *json, const char *key) {
    json_write_key(json, key);
    json_write_begin_object(json);
}

/* {"$ref": "#/components/KIND/NAME"} */
static void write_reference(struct json_writer *json, const char *kind, const char *name) {
    char text[128];
    snprintf(text, sizeof text, "#/components/%s/%s", kind, name);
    json_write_begin_object(json);
    write_text(json, "$ref", text);
    json_write_end_object(json);
}

/* A status' title as the name of a component: "NotFound". */
static void name_problem(char name[48], unsigned status) {
    size_t used = 0;
    for (const char *at = problem_title(status); *at != '\0' && used < 47; at++) {
        if (*at != ' ') {
            name[used++] = *at;
        }
    }
    name[used] = '\0';
}

/* --- headers ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *keywords, *documentation;
} response_headers[] = {
    {"Accept-Encoding", SCHEMA_CONST(CONTENT_CODINGS), "The codings that a body may come in."},
    {"Cache-Control", SCHEMA_TEXT, "How long it may be kept."},
    {"Content-Disposition", SCHEMA_TEXT, "What a file of it is to be called (RFC 6266)."},
    {"ETag", SCHEMA_TEXT, "The entity tag, for If-Match or If-None-Match."},
    {"Idempotent-Replayed", "'type': 'string', 'const': 'true'",
     "It is the answer to a repeat: nothing was done again."},
    {"Link", SCHEMA_TEXT, "Where the next page is: `<…>; rel=\"next\"` (RFC 8288)."},
    {"Location", "'type': 'string', 'format': 'uri-reference'", "Where it is from now on."},
    {"Preference-Applied", SCHEMA_TEXT, "What of Prefer was heeded."},
    {"X-Accel-Buffering", SCHEMA_CONST("no"), "Proxies are not to hold the stream back."},
    {"Retry-After", "'type': 'integer', " SCHEMA_RANGE(1, 60), "Seconds after which to try again."},
    {"Vary", SCHEMA_TEXT, "The request headers that the answer depends on."},
    {"X-Request-Id", SCHEMA_TEXT, "The id of the request, as it stands in the log."},
    {"WWW-Authenticate", SCHEMA_TEXT, "Which token is wanted (RFC 6750)."},
};

static void write_response_headers(struct json_writer *json) {
    begin(json, "headers");
    for (size_t i = 0; i < sizeof response_headers / sizeof *response_headers; i++) {
        begin(json, response_headers[i].name);
        write_text(json, "description", response_headers[i].documentation);
        begin(json, "schema");
        json_write_constant(json, response_headers[i].keywords);
        json_write_end_object(json);
        json_write_end_object(json);
    }
    json_write_end_object(json);
}

/* References to the headers of an answer, which blanks separate, and to the one that all
 * have. */
static void write_header_references(struct json_writer *json, const char *names) {
    begin(json, "headers");
    json_write_key(json, "X-Request-Id");
    write_reference(json, "headers", "X-Request-Id");
    while (names != NULL && *names != '\0') {
        char name[48];
        const size_t length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        json_write_key(json, name);
        write_reference(json, "headers", name);
        names += length;
        names += strspn(names, " ");
    }
    json_write_end_object(json);
}

static void write_request_header(struct json_writer *json,
                                 const struct request_header_description *header) {
    begin(json, header->name);
    write_text(json, "name", header->name);
    write_text(json, "in", "header");
    write_text(json, "description", header->documentation);
    write_constant(json, "schema", "{" SCHEMA_TEXT "}");
    write_text(json, "example", header->example);
    json_write_end_object(json);
}

/* --- parameters --------------------------------------------------------------------------- */

static void write_parameters_of_address(struct json_writer *json) {
    begin(json, "model");
    json_write_constant(json, "'name': 'model', 'in': 'path', 'required': true, 'schema': "
                              "{" SCHEMA_NAME "}, 'example': 'iris'");
    write_text(json, "description", "The name of the model.");
    json_write_end_object(json);
    begin(json, "number");
    json_write_constant(json, "'name': 'number', 'in': 'path', 'required': true, 'schema': "
                              "{'type': 'integer', 'minimum': 1}, 'example': 1");
    write_text(json, "description", "The number of the batch, or the version of the checkpoint.");
    json_write_end_object(json);
}

static void write_number(struct json_writer *json, const char *key, double number) {
    json_write_key(json, key);
    json_write_double(json, number);
}

static void write_bounds(struct json_writer *json, const struct parameter_description *row) {
    if (row->maximum < DBL_MAX) { /* any number is within the others */
        write_number(json, "minimum", row->minimum);
        write_number(json, "maximum", row->maximum);
    }
}

static void write_default(struct json_writer *json, const struct parameter_description *row) {
    if (row->yields || row->type == PARAMETER_TEXT) {
        return;
    }
    if (row->type == PARAMETER_BOOLEAN) {
        write_constant(json, "default", "false");
    } else if (row->fallback >= row->minimum && row->fallback <= row->maximum) {
        write_number(json, "default", row->fallback);
    }
}

static void write_parameter(struct json_writer *json, const struct parameter_description *row) {
    static const char *const keywords[] = {
        [PARAMETER_INTEGER] = "'type': 'integer'",
        [PARAMETER_NUMBER] = SCHEMA_NUMBER,
        [PARAMETER_BOOLEAN] = SCHEMA_BOOLEAN,
        [PARAMETER_TEXT] = SCHEMA_TEXT,
    };
    json_write_begin_object(json);
    write_text(json, "name", row->name);
    write_text(json, "in", "query");
    if (row->required) {
        write_constant(json, "required", "true");
    }
    write_text(json, "description", row->documentation);
    begin(json, "schema");
    json_write_constant(json, keywords[row->type]);
    if (row->type == PARAMETER_INTEGER || row->type == PARAMETER_NUMBER) {
        write_bounds(json, row);
    }
    write_default(json, row);
    json_write_end_object(json);
    if (row->example != NULL) {
        write_text(json, "example", row->example);
    }
    json_write_end_object(json);
}

static void write_parameters(struct json_writer *json, const struct handler *handler) {
    json_write_key(json, "parameters");
    json_write_begin_array(json);
    for (const enum parameter *at = handler->parameters; *at != PARAMETER_NONE; at++) {
        write_parameter(json, &parameter_descriptions[*at]);
    }
    for (size_t i = HEADER_NONE + 1; i < HEADER_COUNT; i++) {
        if (hears(NULL, handler, i)) {
            write_reference(json, "parameters", request_header_descriptions[i].name);
        }
    }
    json_write_end_array(json);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* The media type's object of a schema by name, with its example. */
static void write_content(struct json_writer *json, const char *media_type, const char *name) {
    const struct schema *schema = schema_find(name);
    begin(json, media_type);
    json_write_key(json, "schema");
    write_reference(json, "schemas", name);
    if (schema != NULL && schema->example != NULL) {
        write_constant(json, "example", schema->example);
    }
    json_write_end_object(json);
}

/* Tables about the model of the JSON examples; a prediction's has no labels. */
static const char *const csv_examples[] = {
    [BODY_BATCH] = "5.1,3.5,1.4,0.2,setosa\n6.3,3.3,6.0,2.5,virginica\n",
    [BODY_PREDICTION] = "6.1,2.8,4.7,1.2\n",
    [BODY_EVALUATION] = "4.9,3.0,1.4,0.2,setosa\n5.8,2.7,5.1,1.9,virginica\n",
};

static void write_format(struct json_writer *json, const struct intake_format *format,
                         enum body_kind kind) {
    const bool is_text = format == &intake_csv;
    begin(json, format->media_type);
    begin(json, "schema");
    json_write_constant(json, is_text ? SCHEMA_TEXT : SCHEMA_BINARY);
    write_text(json, "description", format->documentation);
    json_write_end_object(json);
    if (is_text) {
        write_text(json, "example", csv_examples[kind]);
    }
    json_write_end_object(json);
}

static void write_body(struct json_writer *json, const struct handler *handler) {
    static const char *const tensors[] = {[BODY_BATCH] = "BatchBody",
                                          [BODY_PREDICTION] = "PredictionBody",
                                          [BODY_EVALUATION] = "EvaluationBody"};
    if (handler->body == BODY_NONE) {
        return;
    }
    begin(json, "requestBody");
    json_write_key(json, "required");
    json_write_bool(json, !handler->body_is_optional);
    begin(json, "content");
    if (handler->body == BODY_JSON || handler->body == BODY_MODEL) {
        write_content(json, "application/json", handler->body_schema);
        if (handler->body == BODY_MODEL) {
            write_content(json, MEDIA_TYPE_SAFETENSORS, "ModelFile");
        }
    } else {
        write_content(json, media_type_formats[0]->media_type, tensors[handler->body]);
        for (size_t i = 1; i < media_type_format_count; i++) {
            write_format(json, media_type_formats[i], handler->body);
        }
    }
    json_write_end_object(json);
    json_write_end_object(json);
}

/* --- answers --------------------------------------------------------------------------------- */

/* The media type's object of a problem, with a document as problem_write makes it. */
static void write_problem_content(struct json_writer *json, const struct route_problem *problem) {
    begin(json, "application/problem+json");
    json_write_key(json, "schema");
    write_reference(json, "schemas", "Problem");
    begin(json, "example");
    write_text(json, "type", "about:blank");
    write_text(json, "title", problem_title(problem->status));
    write_number(json, "status", problem->status);
    write_text(json, "detail", problem->detail);
    write_text(json, "error", problem->detail);
    json_write_end_object(json);
    json_write_end_object(json);
}

static const struct route_answer *find_answer(const struct handler *handler, unsigned status) {
    const struct route_answer *answer = handler->answers;
    while (answer->status != 0 && answer->status != status) {
        answer++;
    }
    return answer->status != 0 ? answer : NULL;
}

static const struct route_problem *find_problem(const struct route *route,
                                                const struct handler *handler, unsigned status) {
    for (size_t i = 0; i < route_problem_count; i++) {
        if (route_problems[i].status == status) {
            return route_has_problem(route, handler, &route_problems[i]) ? &route_problems[i]
                                                                         : NULL;
        }
    }
    return NULL;
}

/* The answers of one status, which has a problem document too where `problem` says so. */
static void write_answer(struct json_writer *json, const struct handler *handler,
                         const struct route_answer *answer, const struct route_problem *problem) {
    json_write_begin_object(json);
    write_text(json, "description", answer->when);
    write_header_references(json, answer->headers);
    if (answer->schema != NULL || problem != NULL) {
        begin(json, "content");
        for (const struct route_answer *at = handler->answers; at->status != 0; at++) {
            if (at->status == answer->status && at->schema != NULL) {
                write_content(json, at->media_type != NULL ? at->media_type : "application/json",
                              at->schema);
            }
        }
        if (problem != NULL) {
            write_problem_content(json, problem);
        }
        json_write_end_object(json);
    }
    json_write_end_object(json);
}

static void write_answers(struct json_writer *json, const struct route *route,
                          const struct handler *handler) {
    begin(json, "responses");
    for (unsigned status = 200; status < 600; status++) {
        const struct route_answer *answer = find_answer(handler, status);
        const struct route_problem *problem = find_problem(route, handler, status);
        char text[48];
        if (answer == NULL && problem == NULL) {
            continue;
        }
        snprintf(text, sizeof text, "%u", status);
        json_write_key(json, text);
        if (answer != NULL) {
            write_answer(json, handler, answer, problem);
        } else {
            name_problem(text, status);
            write_reference(json, "responses", text);
        }
    }
    json_write_end_object(json);
}

static void write_problem_responses(struct json_writer *json) {
    begin(json, "responses");
    for (size_t i = 0; i < route_problem_count; i++) {
        char name[48];
        if (!any_handler(has_problem, i)) {
            continue;
        }
        name_problem(name, route_problems[i].status);
        begin(json, name);
        write_text(json, "description", route_problems[i].when);
        write_header_references(json, route_problems[i].headers);
        begin(json, "content");
        write_problem_content(json, &route_problems[i]);
        json_write_end_object(json);
        json_write_end_object(json);
    }
    json_write_end_object(json);
}

/* --- paths ----------------------------------------------------------------------------- */

static void write_security(struct json_writer *json, enum scope scope) {
    json_write_key(json, "security");
    json_write_begin_array(json);
    if (scope != SCOPE_NONE) {
        json_write_begin_object(json);
        json_write_key(json, "bearer");
        json_write_begin_array(json);
        json_write_string(json, scope_name(scope));
        json_write_end_array(json);
        json_write_end_object(json);
    }
    json_write_end_array(json);
}

static void write_operation(struct json_writer *json, const struct route *route,
                            const struct handler *handler) {
    char method[16];
    size_t length = 0;
    for (; handler->method[length] != '\0' && length < sizeof method - 1; length++) {
        method[length] = (char)(handler->method[length] | 0x20); /* letters, as lower case */
    }
    method[length] = '\0';
    begin(json, method);
    write_text(json, "operationId", handler->operation);
    write_text(json, "summary", handler->summary);
    if (handler->description != NULL) {
        write_text(json, "description", handler->description);
    }
    json_write_key(json, "tags");
    json_write_begin_array(json);
    json_write_string(json, route->tag);
    json_write_end_array(json);
    write_security(json, handler->scope);
    write_parameters(json, handler);
    write_body(json, handler);
    write_answers(json, route, handler);
    json_write_end_object(json);
}

static void write_path(struct json_writer *json, const struct route *route) {
    char path[256] = "";
    for (size_t i = 0; i < TARGET_SEGMENTS_MAX && route->segments[i] != NULL; i++) {
        const size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, "/%s", route->segments[i]);
    }
    begin(json, path);
    if (route_has_segment(route, MODEL_SEGMENT)) {
        json_write_key(json, "parameters");
        json_write_begin_array(json);
        write_reference(json, "parameters", "model");
        if (route_has_segment(route, NUMBER_SEGMENT)) {
            write_reference(json, "parameters", "number");
        }
        json_write_end_array(json);
    }
    for (size_t i = 0; i < HANDLERS_MAX && route->handlers[i].method != NULL; i++) {
        write_operation(json, route, &route->handlers[i]);
    }
    json_write_end_object(json);
}

/* --- the whole ------------------------------------------------------------------------- */

static void write_info(struct json_writer *json) {
    begin(json, "info");
    write_text(json, "title", "mlpd");
    write_text(json, "version", MLPD_VERSION);
    write_text(json, "summary", "Train and serve multi-layer perceptrons over HTTP.");
    write_text(json, "description", introduction);
    write_constant(json, "license", "{'name': 'MIT', 'identifier': 'MIT'}");
    json_write_end_object(json);
}

static void write_tags(struct json_writer *json) {
    json_write_key(json, "tags");
    json_write_begin_array(json);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        json_write_begin_object(json);
        write_text(json, "name", tags[i].name);
        write_text(json, "description", tags[i].documentation);
        json_write_end_object(json);
    }
    json_write_end_array(json);
}

static void write_components(struct json_writer *json) {
    begin(json, "components");
    begin(json, "securitySchemes");
    begin(json, "bearer");
    json_write_constant(json, "'type': 'http', 'scheme': 'bearer'");
    write_text(json, "description", bearer);
    json_write_end_object(json);
    json_write_end_object(json);
    begin(json, "parameters");
    write_parameters_of_address(json);
    for (size_t i = HEADER_NONE + 1; i < HEADER_COUNT; i++) {
        if (any_handler(hears, i)) {
            write_request_header(json, &request_header_descriptions[i]);
        }
    }
    json_write_end_object(json);
    write_response_headers(json);
    write_problem_responses(json);
    json_write_key(json, "schemas");
    schema_write_all(json);
    json_write_end_object(json);
}

void openapi_write(struct json_writer *json) {
    json_write_begin_object(json);
    write_text(json, "openapi", "3.1.0");
    write_info(json);
    write_constant(json, "servers", "[{'url': '/', 'description': 'Where this came from.'}]");
    write_tags(json);
    begin(json, "paths");
    for (size_t i = 0; i < route_count; i++) {
        write_path(json, &routes[i]);
    }
    json_write_end_object(json);
    write_components(json);
    json_write_end_object(json);
}
