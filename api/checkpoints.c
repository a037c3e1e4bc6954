/* /v1/models/{model}/checkpoints: versions of a model are kept, listed, described, removed.
 * To restore one is in changes.c. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "api/handlers.h"
#include "api/json_document.h"
#include "api/precondition.h"
#include "api/timestamp.h"
#include "api/version.h"
#include "core/engine/state.h"

#define PATIENCE_SECONDS_DEFAULT 10.0

/* --- writing ----------------------------------------------------------------------- */

static void write_figures(struct json_writer *json, const struct checkpoint_figures *figures) {
    json_write_key(json, "step");
    json_write_unsigned(json, figures->step);
    json_write_key(json, "examples");
    json_write_unsigned(json, figures->examples);
    json_write_key(json, "batch");
    json_write_unsigned(json, figures->batch);
    json_write_key(json, "last_loss");
    json_write_double(json, figures->last_loss);
    json_write_key(json, "running_loss");
    json_write_double(json, figures->running_loss);
    json_write_key(json, "running_accuracy");
    json_write_double(json, figures->running_accuracy);
}

static void write_checkpoint(struct json_writer *json, const struct checkpoint *checkpoint,
                             uint64_t best) {
    char time[TIMESTAMP_BYTES];
    timestamp_write(time, checkpoint->created_at);
    json_write_begin_object(json);
    json_write_key(json, "version");
    json_write_unsigned(json, checkpoint->version);
    json_write_key(json, "kind");
    json_write_string(json, checkpoint->version == best ? "best"
                                                        : checkpoint_kind_name(checkpoint->kind));
    json_write_key(json, "note");
    json_write_string(json, checkpoint->note[0] != '\0' ? checkpoint->note : NULL);
    write_figures(json, &checkpoint->figures);
    json_write_key(json, "bytes");
    json_write_unsigned(json, checkpoint->bytes);
    json_write_key(json, "created_at");
    json_write_string(json, time);
    json_write_end_object(json);
}

static void answer_checkpoint(struct call *call, unsigned status) {
    struct json_writer json = call_json(call);
    write_checkpoint(&json, call->checkpoint, checkpoints_best_version(call->model));
    call_answer_json(call, status, &json);
}

static void add_location(struct call *call) {
    call_add_header(call, "Location", "/v1/models/%s/checkpoints/%" PRIu64, call->model->name,
                    call->checkpoint->version);
    if (call->repeated) {
        idempotency_note_repeat(call);
    }
}

/* --- take --------------------------------------------------------------------------- */

static void answer_waiting(struct call *call) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "state");
    json_write_string(&json, "queued");
    json_write_end_object(&json);
    call_answer_json(call, 202, &json);
    add_location(call);
}

static void answer_lost(struct call *call) {
    struct error error;
    const enum error_code refusal = call->checkpoint->refusal;
    if (model_look(call->model).deleted) {
        model_gone(call->model, &error);
        call_answer_error(call, &error);
    } else if (refusal == ERROR_STORAGE || refusal == ERROR_MEMORY) {
        error_set(&error, refusal, NULL, "there is no room to store a checkpoint of %zu bytes",
                  call->checkpoint->bytes);
        call_answer_error(call, &error);
    } else {
        call_answer_problem(call, 410, NULL, "checkpoint %" PRIu64 " of %s was removed",
                            call->checkpoint->version, call->model->name);
    }
}

static void answer_taken(struct call *call) {
    const enum checkpoint_status status = checkpoints_look(call->model, call->checkpoint);
    if (status == CHECKPOINT_LOST || model_look(call->model).deleted) {
        answer_lost(call);
    } else if (status == CHECKPOINT_PENDING || call->prefers_async) {
        answer_waiting(call);
    } else {
        answer_checkpoint(call, 201);
        add_location(call);
    }
}

static void resume_taken(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer_taken(call);
}

/* It has its place, or call->error says why not: wait for its turn. */
static void resume_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        precondition_answer_error(call, &call->error);
        return;
    }
    call_apply_preference(call);
    call->wait_refused = !call->prefers_async && !call_take_seat(call);
    if (call->prefers_async || call->wait_refused) {
        answer_taken(call);
    } else {
        call_wait_for(call, waiter_create_for_checkpoint(call->checkpoint), resume_taken,
                      call->prefers_wait ? call->wait_seconds : PATIENCE_SECONDS_DEFAULT);
    }
}

static enum error_code read_note(const json_t *body, const char **note, struct error *error) {
    enum error_code code = json_check_members(body, "note", error);
    const json_t *value = json_object_get(body, "note");
    if (code == ERROR_NONE && value != NULL && !json_is_null(value)) {
        code = json_read_string(value, "/note", note, error);
    }
    if (code == ERROR_NONE && strlen(*note) > CHECKPOINT_NOTE_BYTES_MAX) {
        return error_set(error, ERROR_INVALID, "/note", "a note of %zu bytes; allowed are %d",
                         strlen(*note), CHECKPOINT_NOTE_BYTES_MAX);
    }
    return code;
}

static void start_taking(struct call *call, struct completion *completion) {
    struct json_document document = {0};
    struct error *error = &call->error;
    const char *note = "";
    enum error_code code = ERROR_NONE;
    if (call->body.used > 0) {
        code = json_document_parse(&document, &call->body, engine_ledger(call->api->engine), error);
        if (code != ERROR_NONE) {
            completion_call(completion);
            return;
        }
        code = read_note(document.root, &note, error);
    }
    if (code == ERROR_NONE) {
        code = engine_checkpoint(call->api->engine, call->model, note, call->idempotency.record,
                                 call->revision, completion, &call->checkpoint, &call->repeated,
                                 &call->retry_after_seconds, error);
    }
    if (call->body.used > 0) {
        json_document_free(&document);
    }
    if (code != ERROR_NONE) {
        completion_call(completion);
    }
}

void checkpoints_post(struct call *call) {
    call_wait(call, start_taking, resume_acknowledged, INFINITY);
}

/* --- list, describe, remove ---------------------------------------------------------- */

void checkpoints_get_list(struct call *call) {
    uint64_t limit, after;
    if (!call_read_integer(call, PARAMETER_LIST_LIMIT, &limit) ||
        !call_read_integer(call, PARAMETER_AFTER_VERSION, &after)) {
        return;
    }
    struct checkpoint *list[LIST_LIMIT_MAX];
    bool more;
    const size_t count = checkpoints_list(call->model, after, (size_t)limit, list, &more);
    const uint64_t best = checkpoints_best_version(call->model);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "data");
    json_write_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        write_checkpoint(&json, list[i], best);
    }
    json_write_end_array(&json);
    json_write_key(&json, "has_more");
    json_write_bool(&json, more);
    json_write_key(&json, "next");
    if (more) {
        json_write_unsigned(&json, list[count - 1]->version);
    } else {
        json_write_null(&json);
    }
    json_write_end_object(&json);
    for (size_t i = 0; i < count; i++) {
        checkpoint_release(list[i]);
    }
    call_answer_json(call, 200, &json);
}

void checkpoints_describe(struct call *call) {
    uint64_t version;
    if (version_read(call, &version) && version_find(call, version)) {
        answer_checkpoint(call, 200);
    }
}

static void start_removing(struct call *call, struct completion *completion) {
    if (checkpoints_remove(call->model, call->first, completion, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_removed(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        call_answer_error(call, &call->error);
    } else {
        call_answer_empty(call, 204);
    }
}

void checkpoints_delete(struct call *call) {
    if (version_read(call, &call->first)) {
        call_wait(call, start_removing, resume_removed, INFINITY);
    }
}
