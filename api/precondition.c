/* If-Match; see precondition.h. */
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

bool precondition_check(struct call *call, const struct request *request) {
    const char *line = request->header_line(request->header_context, "If-Match", 0);
    if (call->model == NULL || line == NULL || !route_hears(call->handler, HEADER_IF_MATCH)) {
        return true;
    }
    char tag[MODEL_TAG_BYTES];
    bool found = false, broken = false;
    const uint64_t revision = newest_revision(call->model);
    model_tag_write(tag, call->model, revision);
    for (size_t i = 0; line != NULL && i < LINES_MAX; i++) {
        precondition_read(line, tag, &found, &broken);
        line = request->header_line(request->header_context, "If-Match", i + 1);
    }
    if (broken || line != NULL) {
        call_answer_problem(call, 400, NULL,
                            "If-Match is not a list of entity tags in double quotes, such as "
                            "\"%s\", nor *",
                            tag);
        return false;
    }
    if (!found && call->idempotency.record == NULL) {
        answer_stale(call, revision);
        return false;
    }
    call->revision = found ? revision : REVISION_STALE;
    return true;
}
