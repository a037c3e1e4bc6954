/* Problem documents; see problem.h. */
#include "api/problem.h"

#include "api/json_write.h"

unsigned problem_status(enum error_code code) {
    switch (code) {
    case ERROR_NONE:
        return 200;
    case ERROR_SYNTAX:
        return 400;
    case ERROR_INVALID:
        return 422;
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_EXISTS:
        return 409;
    case ERROR_STALE:
        return 412;
    case ERROR_GONE:
        return 410;
    case ERROR_FULL:
        return 429;
    case ERROR_TOO_LARGE:
        return 413;
    case ERROR_MEMORY:
    case ERROR_STORAGE:
        return 507;
    case ERROR_DAMAGED:
        return 500;
    case ERROR_CLOSED:
        return 503;
    case ERROR_TIMEOUT:
        return 504;
    case ERROR_INTERNAL:
        return 500;
    }
    return 500;
}

const char *problem_title(unsigned status) {
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Internal Server Error";
}

void problem_write(struct response *response, unsigned status, const struct error *error,
                   const char *request_id) {
    /* Not in the ledger: an answer that says 'no memory' must not need any. */
    buffer_init(&response->body, NULL, "a problem document");
    struct json_writer json;
    json_write_start(&json, &response->body);
    json_write_begin_object(&json);
    json_write_key(&json, "type");
    json_write_string(&json, "about:blank");
    json_write_key(&json, "title");
    json_write_string(&json, problem_title(status));
    json_write_key(&json, "status");
    json_write_unsigned(&json, status);
    json_write_key(&json, "detail");
    json_write_string(&json, error->message);
    if (error->pointer[0] != '\0') {
        json_write_key(&json, "pointer");
        json_write_string(&json, error->pointer);
    }
    json_write_key(&json, "error");
    json_write_string(&json, error->message);
    if (request_id != NULL) {
        json_write_key(&json, "request_id");
        json_write_string(&json, request_id);
    }
    json_write_end_object(&json);
    (void)json_write_finish(&json, NULL); /* without memory the body stays empty */
    (void)buffer_append(&response->body, "\n", 1, NULL);
    response->status = status;
    response->header_count = 0;
}
