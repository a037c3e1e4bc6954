/* HTTP calls and wants; see client.h. */
#include "tests/integration/client.h"

#include <check.h>
#include <curl/curl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/integration/daemon.h"
#include "tests/integration/exchange_log.h"

#define SHOWN_BYTES 600
#define TRAIN_HEADER "Prefer: wait=60"

/* Texts that live as answers do. */
struct text {
    struct text *next;
    char text[];
};

static _Thread_local struct answer *answers;
static _Thread_local struct text *texts;
static _Thread_local CURL *handle;

void answers_free(void) {
    while (answers != NULL) {
        struct answer *next = answers->next;
        json_decref(answers->json);
        free(answers->headers);
        free(answers->body);
        free(answers);
        answers = next;
    }
    while (texts != NULL) {
        struct text *next = texts->next;
        free(texts);
        texts = next;
    }
    curl_easy_cleanup(handle);
    handle = NULL;
}

static char *keep_text(const char *from, size_t bytes) {
    struct text *kept = malloc(sizeof *kept + bytes + 1);
    kept->next = texts;
    texts = kept;
    memcpy(kept->text, from, bytes);
    kept->text[bytes] = '\0';
    return kept->text;
}

static const char *format_text(const char *format, va_list arguments) {
    char *text;
    const int bytes = vasprintf(&text, format, arguments);
    const char *kept = keep_text(text, (size_t)bytes);
    free(text);
    return kept;
}

static const char *format_json(const char *format, va_list arguments) {
    char *text = (char *)format_text(format, arguments);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return text;
}

const char *json_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_json(format, arguments);
    va_end(arguments);
    return text;
}

/* ---- calls ---- */

static size_t take(char *from, size_t one, size_t bytes, void *stream) {
    (void)one;
    return fwrite(from, 1, bytes, stream);
}

struct source {
    const char *at;
    size_t left;
};

static size_t give(char *to, size_t one, size_t bytes, void *context) {
    struct source *source = context;
    const size_t count = one * bytes < source->left ? one * bytes : source->left;
    memcpy(to, source->at, count);
    source->at += count;
    source->left -= count;
    return count;
}

static struct curl_slist *list_headers(const struct call *call) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char line[300];
    if (call->body != NULL) {
        const char *type = call->type != NULL ? call->type : "application/json";
        snprintf(line, sizeof line, "Content-Type:%s%s", *type != '\0' ? " " : "", type);
        list = curl_slist_append(list, line);
    }
    if (call->chunked) {
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    }
    for (const char *at = call->headers; at != NULL && *at != '\0';) {
        const size_t length = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, at);
        list = curl_slist_append(list, line);
        at += length + (at[length] == '\n');
    }
    return list;
}

static void set_up(const struct call *call, struct source *source) {
    const double deadline = call->deadline_seconds > 0 ? call->deadline_seconds : DEADLINE_SECONDS;
    char url[4096];
    snprintf(url, sizeof url, "%s%s", daemon_origin(), call->path);
    curl_easy_reset(handle); /* keeps connections */
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)(deadline * 1000));
    if (daemon_socket_path() != NULL) {
        curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, daemon_socket_path());
    }
    if (daemon_certificate() != NULL) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, daemon_certificate());
    }
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    } else if (call->body != NULL && call->chunked) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(handle, CURLOPT_READDATA, source);
    } else if (call->body != NULL) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->bytes);
    }
}

const struct answer *request(struct call call) {
    struct answer *answer = calloc(1, sizeof *answer);
    struct source source = {call.body, call.bytes};
    size_t header_bytes;
    answer->next = answers;
    answers = answer;
    if (handle == NULL) {
        handle = curl_easy_init();
    }
    FILE *headers = open_memstream(&answer->headers, &header_bytes);
    FILE *body = open_memstream(&answer->body, &answer->bytes);
    struct curl_slist *list = list_headers(&call);
    char why[CURL_ERROR_SIZE] = "";
    set_up(&call, &source);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, why);
    const double start = now_seconds();
    const CURLcode code = curl_easy_perform(handle);
    answer->seconds = now_seconds() - start;
    fclose(headers);
    fclose(body);
    curl_slist_free_all(list);
    if (code == CURLE_OK) {
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
        curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &answer->connects);
        answer->json = json_loadb(answer->body, answer->bytes, JSON_REJECT_DUPLICATES, NULL);
    } else {
        snprintf(answer->reason, sizeof answer->reason, "%.200s",
                 *why != '\0' ? why : curl_easy_strerror(code));
    }
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    exchange_log_append(&call, answer);
    return answer;
}

const struct answer *get(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *path = format_text(format, arguments);
    va_end(arguments);
    return request((struct call){.method = "GET", .path = path});
}

const struct answer *delete (const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *path = format_text(format, arguments);
    va_end(arguments);
    return request((struct call){.method = "DELETE", .path = path});
}

const struct answer *post_raw(const char *path, const char *body, size_t bytes) {
    return request((struct call){.method = "POST", .path = path, .body = body, .bytes = bytes});
}

const struct answer *post(const char *path, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *body = format_json(format, arguments);
    va_end(arguments);
    return post_raw(path, body, strlen(body));
}

static const struct answer *post_text(const char *headers, const char *path, const char *body) {
    return request((struct call){
        .method = "POST", .path = path, .headers = headers, .body = body, .bytes = strlen(body)});
}

const struct answer *post_with(const char *headers, const char *path, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *body = format_json(format, arguments);
    va_end(arguments);
    return post_text(headers, path, body);
}

const struct answer *train(const char *path, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *body = format_json(format, arguments);
    va_end(arguments);
    return post_text(TRAIN_HEADER, path, body);
}

const struct answer *create(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *body = format_json(format, arguments);
    va_end(arguments);
    return want_status(post_raw("/v1/models", body, strlen(body)), 201);
}

const char *weights_of(const char *model) {
    const struct answer *answer = want_status(get("/v1/models/%s?weights_sha256=true", model), 200);
    const char *hash = text_at(answer, "/weights_sha256");
    ck_assert_msg(strlen(hash) == 64, "weights_sha256 is '%s'; wanted 64 digits", hash);
    return hash;
}

/* ---- reading ---- */

const json_t *json_at(const struct answer *answer, const char *pointer) {
    const json_t *value = answer->json;
    while (value != NULL && *pointer == '/') {
        char key[128];
        const size_t length = strcspn(pointer + 1, "/");
        snprintf(key, sizeof key, "%.*s", (int)length, pointer + 1);
        value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
                                     : json_object_get(value, key);
        pointer += 1 + length;
    }
    return value;
}

double number_at(const struct answer *answer, const char *pointer) {
    const json_t *value = json_at(answer, pointer);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

const char *text_at(const struct answer *answer, const char *pointer) {
    const char *text = json_string_value(json_at(answer, pointer));
    return text != NULL ? text : "";
}

const char *header_of(const struct answer *answer, const char *name) {
    const size_t length = strlen(name);
    for (const char *line = answer->headers; line != NULL && *line != '\0';) {
        const char *end = line + strcspn(line, "\r\n");
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            return keep_text(line, (size_t)(end - line));
        }
        line = end + strspn(end, "\r\n");
    }
    return "";
}

/* ---- wants ---- */

#define fail_at(file, line, ...) _ck_assert_failed(file, line, "wanted", __VA_ARGS__)

/* "status 422: {…}" */
static const char *describe(const struct answer *answer) {
    static char text[SHOWN_BYTES + 300];
    if (answer->status == 0) {
        snprintf(text, sizeof text, "no answer (%s)", answer->reason);
    } else {
        snprintf(text, sizeof text, "status %ld: %.*s", answer->status, SHOWN_BYTES, answer->body);
    }
    return text;
}

const struct answer *want_status_at(const char *file, int line, const struct answer *answer,
                                    long status) {
    if (answer->status != status) {
        fail_at(file, line, "found %s; wanted status %ld", describe(answer), status);
    }
    return answer;
}

const struct answer *want_header_at(const char *file, int line, const struct answer *answer,
                                    const char *name, const char *value) {
    const char *found = header_of(answer, name);
    if (strcmp(found, value) != 0) {
        fail_at(file, line, "found the header %s: '%s'; wanted '%s' (%s)", name, found, value,
                describe(answer));
    }
    return answer;
}

const struct answer *want_problem_at(const char *file, int line, const struct answer *answer,
                                     long status, const char *pointer) {
    want_status_at(file, line, answer, status);
    want_header_at(file, line, answer, "Content-Type", "application/problem+json");
    const char *found = text_at(answer, "/pointer");
    const char *wanted = pointer != NULL ? pointer : "";
    if (strcmp(found, wanted) != 0) {
        fail_at(file, line, "found the pointer '%s'; wanted '%s' (%s)", found, wanted,
                describe(answer));
    }
    if (number_at(answer, "/status") != (double)status || *text_at(answer, "/title") == '\0' ||
        *text_at(answer, "/detail") == '\0' || *text_at(answer, "/type") == '\0' ||
        strcmp(text_at(answer, "/detail"), text_at(answer, "/error")) != 0) {
        fail_at(file, line,
                "found %s; wanted a problem document with type, title, status, detail, error",
                describe(answer));
    }
    return answer;
}

const struct answer *want_detail_at(const char *file, int line, const struct answer *answer,
                                    const char *part) {
    if (strstr(text_at(answer, "/detail"), part) == NULL) {
        fail_at(file, line, "found %s; wanted '%s' in its detail", describe(answer), part);
    }
    return answer;
}

static char *dump(const json_t *value) {
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    return text != NULL ? text : strdup("nothing");
}

/* As json_equal, but 1 and 1.0 are the same number. */
static bool is_same(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_value(a) == json_number_value(b);
    }
    if (json_is_array(a) && json_is_array(b)) {
        bool same = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; same && i < json_array_size(a); i++) {
            same = is_same(json_array_get(a, i), json_array_get(b, i));
        }
        return same;
    }
    if (json_is_object(a) && json_is_object(b)) {
        bool same = json_object_size(a) == json_object_size(b);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)a, key, value) {
            same = same && is_same(value, json_object_get(b, key));
        }
        return same;
    }
    return json_equal(a, b);
}

static bool is_json(const struct answer *answer, const char *pointer, const char *value) {
    json_t *wanted = json_loads(json_text("%s", value), JSON_DECODE_ANY, NULL);
    ck_assert_msg(wanted != NULL, "the test's own JSON is broken: %s", value);
    const json_t *found = json_at(answer, pointer);
    const bool same = found != NULL && is_same(found, wanted);
    json_decref(wanted);
    return same;
}

const struct answer *want_json_at(const char *file, int line, const struct answer *answer,
                                  const char *pointer, const char *value) {
    if (!is_json(answer, pointer, value)) {
        fail_at(file, line, "found %s at %s; wanted %s (%s)", dump(json_at(answer, pointer)),
                pointer, value, describe(answer));
    }
    return answer;
}

const struct answer *want_near_at(const char *file, int line, const struct answer *answer,
                                  const char *pointer, double value) {
    const double found = number_at(answer, pointer);
    if (!(fabs(found - value) <= 1e-5 * fmax(1, fabs(value)))) {
        fail_at(file, line, "found %.9g at %s; wanted %.9g (%s)", found, pointer, value,
                describe(answer));
    }
    return answer;
}

const struct answer *want_absent_at(const char *file, int line, const struct answer *answer,
                                    const char *pointer) {
    if (json_at(answer, pointer) != NULL) {
        fail_at(file, line, "found %s at %s; wanted nothing there", dump(json_at(answer, pointer)),
                pointer);
    }
    return answer;
}

void want_equal_text_at(const char *file, int line, const char *found, const char *wanted) {
    if (strcmp(found, wanted) != 0) {
        fail_at(file, line, "found '%s'; wanted '%s'", found, wanted);
    }
}

const struct answer *await_json(const char *path, const char *pointer, const char *value) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    const struct answer *answer = get("%s", path);
    while (!is_json(answer, pointer, value)) {
        ck_assert_msg(now_seconds() < until, "%s: %s did not become %s in time; found %s", path,
                      pointer, value, describe(answer));
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        answer = get("%s", path);
    }
    return answer;
}

void await_memory(double bytes_max) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    double bytes;
    while (!((bytes = number_at(get("/v1/server"), "/memory_bytes")) <= bytes_max)) {
        ck_assert_msg(now_seconds() < until, "the ledger holds %.0f bytes; wanted at most %.0f",
                      bytes, bytes_max);
        answers_free();
    }
}
