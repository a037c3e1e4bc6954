/* If-Match and If-None-Match; see precondition.h. */
#include "api/precondition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"
#define LINES_MAX 64

void model_tag_write(char tag[MODEL_TAG_BYTES], const struct model *model, uint64_t revision) {
    snprintf(tag, MODEL_TAG_BYTES, "%s.%" PRIu64, model->id, revision);
}

/* The length of an entity tag's inside: up to the quote that ends it. */
static size_t tag_length(const char *inside) {
    size_t length = 0;
    while (inside[length] != '"' && (unsigned char)inside[length] > ' ' && inside[length] != 0x7F) {
        length++;
    }
    return length;
}

void precondition_read(const char *line, const char *current, bool *found, bool *broken) {
    size_t count = 0;
    line += strspn(line, BLANKS);
    if (line[0] == '*' && line[1 + strspn(line + 1, BLANKS)] == '\0') {
        *found = true;
        return;
    }
    for (line += strspn(line, BLANKS ","); *line != '\0'; line += strspn(line, BLANKS ",")) {
        line += strncmp(line, "W/", 2) == 0 ? 2 : 0;
        const size_t length = *line == '"' ? tag_length(line + 1) : 0;
        if (*line != '"' || line[1 + length] != '"') {
            *broken = true;
            return;
        }
        *found |= length == strlen(current) && memcmp(line + 1, current, length) == 0;
        line += length + 2;
        count++;
        line += strspn(line, BLANKS);
        if (*line != '\0' && *line != ',') {
            *broken = true;
            return;
        }
    }
    *broken |= count == 0;
}

static void answer_stale(struct call *call, uint64_t revision) {
    char tag[MODEL_TAG_BYTES];
    model_tag_write(tag, call->model, revision);
    call_answer_problem(call, 412, NULL,
                        "the ETag of the model %s is \"%s\", and If-Match names another",
                        call->model->name, tag);
    call_add_header(call, "ETag", "\"%s\"", tag);
}

static uint64_t newest_revision(struct model *model) {
    struct settings *settings = model_settings(model);
    const uint64_t revision = settings->revision;
    settings_release(settings);
    return revision;
}

void precondition_answer_error(struct call *call, const struct error *error) {
    if (error->code == ERROR_STALE) {
        answer_stale(call, newest_revision(call->model));
    } else {
        call_answer_error(call, error);
    }
}

/* The lines of a header that holds a list of tags: is `tag` in it?  False after answering
 * 400 where it is no such list. */
static bool read_lines(struct call *call, const struct request *request, const char *name,
                       const char *tag, bool *found) {
    const char *line = request->header_line(request->header_context, name, 0);
    bool broken = false;
    for (size_t i = 0; line != NULL && i < LINES_MAX; i++) {
        precondition_read(line, tag, found, &broken);
        line = request->header_line(request->header_context, name, i + 1);
    }
    if (broken || line != NULL) {
        call_answer_problem(call, 400, NULL,
                            "%s is not a list of entity tags in double quotes, such as "
                            "\"%s\", nor *",
                            name, tag);
    }
    return !broken && line == NULL;
}

/* If-Match on a model. */
static bool check_match(struct call *call, const struct request *request) {
    char tag[MODEL_TAG_BYTES];
    bool found = false;
    const uint64_t revision = newest_revision(call->model);
    model_tag_write(tag, call->model, revision);
    if (!read_lines(call, request, "If-Match", tag, &found)) {
        return false;
    }
    if (!found && call->idempotency.record == NULL) {
        answer_stale(call, revision);
        return false;
    }
    call->revision = found ? revision : REVISION_STALE;
    return true;
}

/* What was answered with 200 becomes 304: the server sends no body with it, but the length
 * that the body has, and no other length may be told. */
static void make_not_modified(struct response *response) {
    size_t kept = 0;
    if (response->status != 200) {
        return; /* no memory */
    }
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "Content-Type") != 0) {
            response->headers[kept++] = response->headers[i];
        }
    }
    response->header_count = kept;
    response->status = 304;
}

/* If-None-Match on a document that is the same for all. */
static bool check_none_match(struct call *call, const struct request *request) {
    const char *tag = call->handler->entity_tag();
    bool found = false;
    if (tag == NULL || !read_lines(call, request, "If-None-Match", tag, &found)) {
        return tag == NULL; /* the handler finds no memory either */
    }
    if (found) {
        call->handler->handle(call);
        make_not_modified(&call->response);
    }
    return !found;
}

bool precondition_check(struct call *call, const struct request *request) {
    if (call->handler->entity_tag != NULL &&
        request->header(request->header_context, "If-None-Match") != NULL) {
        return check_none_match(call, request);
    }
    if (call->model != NULL && route_hears(call->handler, HEADER_IF_MATCH) &&
        request->header(request->header_context, "If-Match") != NULL) {
        return check_match(call, request);
    }
    return true;
}
