/* Exchanges, on record; see exchange_log.h. */
#include "tests/integration/exchange_log.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)256 << 10) /* longer bodies are left out */

/* The text, or null where it is too long or no UTF-8. */
static json_t *text_or_null(const char *text, size_t bytes) {
    json_t *value = text != NULL && bytes <= TEXT_BYTES_MAX ? json_stringn(text, bytes) : NULL;
    return value != NULL ? value : json_null();
}

static json_t *request_text(const struct call *call) {
    const char *type = call->type;
    const bool is_json = type == NULL || *type == '\0' || strstr(type, "json") != NULL;
    return is_json ? text_or_null(call->body, call->bytes) : json_null();
}

static void append_line(const char *path, const json_t *exchange) {
    char *text = json_dumps(exchange, JSON_COMPACT);
    const size_t bytes = strlen(text);
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    text[bytes] = '\n'; /* in place of the NUL */
    const ssize_t written = file >= 0 ? write(file, text, bytes + 1) : -1;
    ck_assert_msg(written == (ssize_t)bytes + 1, "cannot append to %s", path);
    close(file);
    free(text);
}

void exchange_log_append(const struct call *call, const struct answer *answer) {
    const char *path = getenv("MLPD_EXCHANGES");
    if (path == NULL || answer->status == 0) {
        return;
    }
    const bool has_body = call->body != NULL;
    json_t *exchange = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:I}", "method", call->method, "target",
        call->path, "requestHeaders",
        call->headers != NULL ? json_string(call->headers) : json_string(""), "hasBody",
        json_boolean(has_body), "requestType",
        call->type != NULL ? json_string(call->type) : json_string("application/json"), "request",
        has_body ? request_text(call) : json_null(), "status", (int)answer->status, "headers",
        text_or_null(answer->headers, strlen(answer->headers)), "body",
        text_or_null(answer->body, answer->bytes), "bytes", (json_int_t)answer->bytes);
    if (exchange != NULL) { /* NULL: a target or header that is no UTF-8 */
        append_line(path, exchange);
        json_decref(exchange);
    }
}
