/* See client.h. */
#include "tests/demo/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/demo/interrupt.h"

#define ANSWER_BYTES_MAX (16u << 20)
#define CALL_SECONDS_MAX 60L
#define CONNECT_SECONDS_MAX 5L
#define REFUSALS_MAX 30 /* 429 in a row, until it is a failure after all */

struct client {
    CURL *curl;
    char origin[64];
    struct body request; /* the safetensors body, used again by every call */
    struct body answer;
};

/* One call to make. */
struct call {
    const char *path;
    const void *body; /* NULL: GET */
    size_t bytes;
    const char *type; /* the body's media type */
    unsigned wait_seconds;
};

static size_t take_answer(char *data, size_t size, size_t count, void *context) {
    struct body *answer = context;
    const size_t bytes = size * count;
    if (bytes > ANSWER_BYTES_MAX - answer->bytes) {
        return 0;
    }
    if (answer->bytes + bytes > answer->capacity) {
        const size_t capacity = 2 * (answer->bytes + bytes);
        uint8_t *grown = realloc(answer->data, capacity);
        if (!grown) {
            return 0;
        }
        answer->data = grown;
        answer->capacity = capacity;
    }
    memcpy(answer->data + answer->bytes, data, bytes);
    answer->bytes += bytes;
    return bytes;
}

/* curl calls this all along a transfer; not 0 ends it. */
static int look_for_interrupt(void *context, curl_off_t download_total, curl_off_t download,
                              curl_off_t upload_total, curl_off_t upload) {
    (void)context, (void)download_total, (void)download, (void)upload_total, (void)upload;
    return interrupt_pending();
}

struct client *client_create(const char *origin, struct failure *failure) {
    struct client *client = calloc(1, sizeof *client);
    CURL *curl = curl_easy_init();
    if (!client || !curl) {
        fail(failure, "no memory for an HTTP client");
        curl_easy_cleanup(curl);
        free(client);
        return NULL;
    }
    client->curl = curl;
    snprintf(client->origin, sizeof client->origin, "%s", origin);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, CALL_SECONDS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS_MAX);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &client->answer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_interrupt);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    return client;
}

void client_destroy(struct client *client) {
    if (client) {
        curl_easy_cleanup(client->curl);
        free(client->request.data);
        free(client->answer.data);
        free(client);
    }
}

/* NULL when there is no memory. */
static struct curl_slist *headers_of(const struct call *call) {
    char type[96];
    char prefer[48];
    snprintf(type, sizeof type, "Content-Type: %s", call->type ? call->type : "");
    snprintf(prefer, sizeof prefer, "Prefer: wait=%u", call->wait_seconds);
    /* "Expect:" keeps curl from asking before it sends a large body. */
    const char *lines[] = {
        "Accept: application/json, application/problem+json",
        "Expect:",
        call->type ? type : NULL,
        call->wait_seconds > 0 ? prefer : NULL,
    };
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i]) {
            struct curl_slist *longer = curl_slist_append(headers, lines[i]);
            if (!longer) {
                curl_slist_free_all(headers);
                return NULL;
            }
            headers = longer;
        }
    }
    return headers;
}

/* Make the call once; the answer's bytes are in client->answer. */
static bool call_once(struct client *client, const struct call *call, long *status,
                      struct failure *failure) {
    char url[256];
    CURL *curl = client->curl;
    struct curl_slist *headers = headers_of(call);
    if (!headers) {
        return fail(failure, "%s: no memory for the call", call->path);
    }
    snprintf(url, sizeof url, "%s%s", client->origin, call->path);
    client->answer.bytes = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, call->body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    if (call->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return fail(failure, "interrupted");
    }
    return code == CURLE_OK || fail(failure, "%s: %s", call->path, curl_easy_strerror(code));
}

/* As often as the daemon says that its queue is full, later again. */
static bool call_patiently(struct client *client, const struct call *call, long *status,
                           struct failure *failure) {
    for (int refusals = 0; refusals < REFUSALS_MAX; refusals++) {
        if (!call_once(client, call, status, failure)) {
            return false;
        }
        if (*status != 429) {
            return true;
        }
        curl_off_t retry_after_seconds = 0;
        curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &retry_after_seconds);
        if (!interrupt_pause(retry_after_seconds > 0 ? (double)retry_after_seconds : 0.1)) {
            return fail(failure, "interrupted");
        }
    }
    return fail(failure, "%s: the daemon's queue stayed full", call->path);
}

static json_t *make_call(struct client *client, const struct call *call, struct failure *failure) {
    long status = 0;
    if (!call_patiently(client, call, &status, failure)) {
        return NULL;
    }
    json_t *answer = json_loadb((const char *)client->answer.data, client->answer.bytes, 0, NULL);
    if (status / 100 == 2 && answer) {
        return answer;
    }
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    fail(failure, "%s: %ld %s", call->path, status,
         detail ? detail : (answer ? "(without a detail)" : "(not JSON)"));
    json_decref(answer);
    return NULL;
}

json_t *client_get(struct client *client, const char *path, struct failure *failure) {
    return make_call(client, &(struct call){.path = path}, failure);
}

json_t *client_post(struct client *client, const char *path, const json_t *body,
                    struct failure *failure) {
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text) {
        fail(failure, "%s: no memory for the body", path);
        return NULL;
    }
    const struct call call = {
        .path = path,
        .body = text,
        .bytes = strlen(text),
        .type = "application/json",
    };
    json_t *answer = make_call(client, &call, failure);
    free(text);
    return answer;
}

json_t *client_post_rows(struct client *client, const char *path, const struct rows *rows,
                         unsigned wait_seconds, struct failure *failure) {
    if (!safetensors_encode(&client->request, rows)) {
        fail(failure, "%s: no memory for the body", path);
        return NULL;
    }
    const struct call call = {
        .path = path,
        .body = client->request.data,
        .bytes = client->request.bytes,
        .type = "application/vnd.safetensors",
        .wait_seconds = wait_seconds,
    };
    return make_call(client, &call, failure);
}

bool answer_number(const json_t *answer, const char *field, double *number,
                   struct failure *failure) {
    const json_t *value = json_object_get(answer, field);
    if (!json_is_number(value)) {
        return fail(failure, "the daemon's answer has no number \"%s\"", field);
    }
    *number = json_number_value(value);
    return true;
}
