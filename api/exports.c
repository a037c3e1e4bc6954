/* GET /v1/models/{model}/export: a model as a file.
 *
 * What is sent is the model's state at a place in the order of its batches
 * (engine_take_state): weights, statistics and the optimizer's state are of one step, and
 * whatever was acknowledged before is in them.  The state is a copy in the ledger, held by
 * the call's entry until the last piece is sent; training goes on meanwhile. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/model_export.h"
#include "api/precondition.h"
#include "core/base/memory.h"

#define PIECE_BYTES 65536
#define PATIENCE_SECONDS_DEFAULT 60.0
#define TRIES_MAX 100 /* against others who change the settings */

static const struct model_file_format *const formats[] = {&model_file_safetensors,
                                                          &model_file_onnx};

/* ---- what a call keeps ---- */

struct model_export *model_export_create(const struct model_file_format *format,
                                         bool with_optimizer, struct ledger *ledger) {
    struct model_export *export = memory_allocate_object(sizeof *export);
    if (export != NULL) {
        *export = (struct model_export){.format = format, .with_optimizer = with_optimizer};
        model_file_init(&export->file, ledger);
    }
    return export;
}

void model_export_destroy(struct model_export *export) {
    if (export != NULL) {
        settings_release(export->settings);
        model_file_free(&export->file);
        memory_free(export);
    }
}

/* ---- the answer ---- */

static bool next_piece(struct call *call) {
    struct buffer *body = &call->response.body;
    struct error error;
    if (buffer_reserve(body, PIECE_BYTES, &error) != ERROR_NONE) {
        return false;
    }
    body->used = model_file_read(&call->export->file, body->data, PIECE_BYTES);
    return true;
}

static void answer_file(struct call *call) {
    struct model_export *export = call->export;
    const struct model_source source = {
        .model = call->model,
        .settings = export->settings,
        .state = call->entry->numbers,
        .with_optimizer = export->with_optimizer,
    };
    struct error error;
    if (export->format->write(&export->file, &source, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call->response.next_piece = next_piece;
    call->response.body_bytes = export->file.bytes;
    call_answer_empty(call, 200);
    call_add_header(call, "Content-Type", "%s", export->format->media_type);
    call_add_header(call, "Content-Disposition", "attachment; filename=\"%s.%s\"",
                    call->model->name, export->format->name);
    call_add_header(call, "Cache-Control", "no-store");
}

/* ---- taking the state ---- */

/* Settings and state have to be of one place: by the revision the engine sees to it. */
static void start_taking(struct call *call, struct completion *completion) {
    struct error *error = &call->error;
    error->code = ERROR_STALE;
    const int tries = call->revision == 0 ? TRIES_MAX : 1; /* by If-Match others win */
    for (int i = 0; i < tries && error->code == ERROR_STALE; i++) {
        settings_release(call->export->settings);
        call->export->settings = model_settings(call->model);
        const uint64_t revision =
            call->revision != 0 ? call->revision : call->export->settings->revision;
        error->code = ERROR_NONE;
        (void)engine_take_state(call->api->engine, call->model, revision, completion, &call->entry,
                                &call->retry_after_seconds, error);
    }
    if (error->code == ERROR_STALE && call->revision == 0) {
        error_set(error, ERROR_EXISTS, NULL, "the settings are changed by others all the time");
    }
    if (call->entry == NULL) {
        completion_call(completion);
    }
}

static void resume_taken(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    const enum entry_state state = queue_look(call->entry).state;
    struct error error;
    if (state == ENTRY_DONE) {
        answer_file(call);
    } else if (model_look(call->model).deleted) {
        model_gone(call->model, &error);
        call_answer_error(call, &error);
    } else {
        call_answer_problem(call, 504, NULL,
                            "after %.15g seconds batches are still waiting that were there before; "
                            "Prefer: wait=S waits longer",
                            call->patience_seconds);
    }
}

static void resume_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        precondition_answer_error(call, &call->error);
        return;
    }
    if (call->prefers_wait) {
        call_apply_preference(call);
    }
    call_wait_for(call, waiter_create(WAIT_FOR_ENTRY, 0, call->entry), resume_taken,
                  call->prefers_wait ? call->wait_seconds : PATIENCE_SECONDS_DEFAULT);
}

/* ---- the query ---- */

static const struct model_file_format *read_format(struct call *call) {
    const char *name = call_read_text(call, PARAMETER_EXPORT_FORMAT);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(*name != '\0' ? name : formats[0]->name, formats[i]->name) == 0) {
            return formats[i];
        }
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter format is '%.40s'; allowed are safetensors and onnx",
                        name);
    return NULL;
}

void exports_show(struct call *call) {
    bool with_optimizer;
    const struct model_file_format *format = read_format(call);
    if (format == NULL || !call_read_boolean(call, PARAMETER_OPTIMIZER, &with_optimizer)) {
        return;
    }
    if (with_optimizer && format != &model_file_safetensors) {
        call_answer_problem(call, 422, NULL,
                            "optimizer=true with format=%s; only a safetensors file has an "
                            "optimizer's state",
                            format->name);
        return;
    }
    call->export = model_export_create(format, with_optimizer, engine_ledger(call->api->engine));
    if (call->export == NULL) {
        call_answer_problem(call, 507, NULL, "no memory for a model's file");
    } else if (!call_take_seat(call)) {
        call_answer_no_seat(call);
    } else {
        call_wait(call, start_taking, resume_acknowledged, INFINITY);
    }
}
