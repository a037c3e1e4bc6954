/* The document, kept, and its handler; see openapi.h. */
#include "api/openapi.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <xxhash.h>

#include "api/call_internal.h"
#include "api/handlers.h"

/* Written once, with `lock` held; only read afterwards, by whoever has held the lock
 * since. */
static struct {
    pthread_mutex_t lock;
    bool is_written;
    struct buffer text;
    char tag[17];
} document = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The text is of the process's own making and size, hence in no ledger. */
static bool write_document(void) {
    struct json_writer json;
    buffer_init(&document.text, NULL, "the OpenAPI document");
    json_write_start(&json, &document.text);
    openapi_write(&json);
    if (json_write_finish(&json, NULL) != ERROR_NONE ||
        buffer_append(&document.text, "\n", 1, NULL) != ERROR_NONE) {
        buffer_free(&document.text);
        return false;
    }
    buffer_trim(&document.text);
    snprintf(document.tag, sizeof document.tag, "%016" PRIx64,
             (uint64_t)XXH3_64bits(document.text.data, document.text.used));
    return true;
}

const char *openapi_tag(void) {
    pthread_mutex_lock(&document.lock);
    document.is_written = document.is_written || write_document();
    const bool is_written = document.is_written;
    pthread_mutex_unlock(&document.lock);
    return is_written ? document.tag : NULL;
}

void openapi_answer(struct call *call) {
    struct error error;
    const char *tag = openapi_tag();
    if (tag == NULL) {
        call_answer_problem(call, 507, NULL, "no memory to write the document");
        return;
    }
    if (buffer_append(&call->response.body, document.text.data, document.text.used, &error) !=
        ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call_answer_empty(call, 200);
    call_add_header(call, "Content-Type", "application/json");
    call_add_header(call, "ETag", "\"%s\"", tag);
    call_add_header(call, "Cache-Control", "no-cache"); /* keep it, but ask each time */
}
