/* /v1/admin/backup: a copy of all that is stored, while everything goes on. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/call_internal.h"
#include "api/handlers.h"
#include "api/json_document.h"
#include "core/engine/backup.h"
#include "core/engine/clock.h"

/* By the time where no name is given: 20261125T181500Z. */
static void default_name(char name[BACKUP_NAME_BYTES]) {
    const time_t now = (time_t)clock_wall_seconds();
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(name, BACKUP_NAME_BYTES, "%Y%m%dT%H%M%SZ", &utc);
}

static enum error_code read_name(const struct json_document *document, char name[BACKUP_NAME_BYTES],
                                 struct error *error) {
    const json_t *value = json_object_get(document->root, "name");
    const char *given;
    enum error_code code = json_check_members(document->root, "name", error);
    if (code != ERROR_NONE || value == NULL) {
        return code;
    }
    code = json_read_string(value, "/name", &given, error);
    if (code == ERROR_NONE && strlen(given) >= BACKUP_NAME_BYTES) {
        code = error_set(error, ERROR_INVALID, "/name", "a name of %zu bytes; at most %d",
                         strlen(given), BACKUP_NAME_BYTES - 1);
    }
    if (code == ERROR_NONE) {
        snprintf(name, BACKUP_NAME_BYTES, "%s", given);
    }
    return code;
}

static enum error_code read_body(struct call *call, char name[BACKUP_NAME_BYTES]) {
    struct json_document document;
    if (call->body.used == 0) {
        return ERROR_NONE;
    }
    enum error_code code =
        json_document_parse(&document, &call->body, engine_ledger(call->api->engine), &call->error);
    if (code == ERROR_NONE) {
        code = read_name(&document, name, &call->error);
        json_document_free(&document);
    }
    return code;
}

static void start_backup(struct call *call, struct completion *completion) {
    char name[BACKUP_NAME_BYTES];
    default_name(name);
    if (read_body(call, name) != ERROR_NONE ||
        backup_begin(call->api->engine, name, completion, &call->backup, &call->error) !=
            ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_backup(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    const struct backup *backup = call->backup;
    if (backup == NULL || backup->error.code != ERROR_NONE) {
        call_answer_error(call, backup == NULL ? &call->error : &backup->error);
        return;
    }
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "name");
    json_write_string(&json, backup->name);
    json_write_key(&json, "bytes");
    json_write_unsigned(&json, backup->bytes);
    json_write_end_object(&json);
    call_answer_json(call, 201, &json);
}

void backups_post(struct call *call) {
    call_wait(call, start_backup, resume_backup, INFINITY);
}
