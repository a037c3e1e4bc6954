/* What takes its place in the order of a model's batches without being one: PATCH
 * /v1/models/{model}, POST …/reset, POST …/clone, POST …/checkpoints/{number}/restore.
 *
 * Each is acknowledged like a batch, then waited for; when its turn has not come
 * after a while, the answer is 202 and the change will come all the same. */
#include <math.h>

#include "api/handlers.h"
#include "api/model_answer.h"
#include "api/precondition.h"
#include "api/specification_json.h"
#include "api/version.h"
#include "core/base/memory.h"

#define PATIENCE_SECONDS_DEFAULT 10.0
#define REBUILDS_MAX 100 /* against others who change the same settings */

static double patience(const struct call *call) {
    return call->prefers_wait ? call->wait_seconds : PATIENCE_SECONDS_DEFAULT;
}

/* Parse the body and hand it to `submit`, whose failure is in call->error. */
static void start_with_document(struct call *call, struct completion *completion,
                                void (*submit)(struct call *, const json_t *,
                                               struct completion *)) {
    struct json_document document;
    if (json_document_parse(&document, &call->body, engine_ledger(call->api->engine),
                            &call->error) == ERROR_NONE) {
        submit(call, document.root, completion);
        json_document_free(&document);
    }
    if (call->entry == NULL) {
        completion_call(completion);
    }
}

/* What was acknowledged and is not waited for any longer.  The tag is of the settings as
 * they will be, so that the next change can build on it. */
static void answer_accepted(struct call *call, enum entry_state state) {
    const struct entry *entry = call->entry;
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "state");
    json_write_string(&json, state == ENTRY_DONE ? "done" : "queued");
    json_write_end_object(&json);
    call_answer_json(call, 202, &json);
    if (entry->kind == ENTRY_CLONE) {
        call_add_header(call, "Location", "/v1/models/%s", entry->target->name);
    } else {
        char tag[MODEL_TAG_BYTES];
        model_tag_write(tag, entry->model, entry->settings->revision);
        call_add_header(call, "ETag", "\"%s\"", tag);
    }
}

/* Is the change in force, and its answer wanted?  If not, what is wrong is the call's
 * answer now; a change that is not waited for is answered 202. */
static bool change_is_done(struct call *call) {
    const struct history_row row = queue_look(call->entry);
    /* A clone in its turn is finished whatever becomes of its model. */
    const bool lost = !entry_state_is_final(row.state) && call->entry->kind != ENTRY_CLONE &&
                      model_look(call->model).deleted;
    if (call_answer_refusal(call, call->entry->refusal)) {
        return false;
    }
    if (row.state == ENTRY_DROPPED || lost) {
        struct error error;
        if (model_look(call->model).deleted) {
            model_gone(call->model, &error);
        } else {
            error_set(&error, call->revision != 0 ? ERROR_STALE : ERROR_EXISTS, NULL,
                      "the model's settings were changed in this instant; try again");
        }
        precondition_answer_error(call, &error);
        return false;
    }
    if (row.state != ENTRY_DONE || call->prefers_async || call->wait_refused) {
        answer_accepted(call, row.state);
        return false;
    }
    return true;
}

/* The entry has its place, or call->error says why not: wait for its turn. */
static void wait_for_turn(struct call *call, resume_function *resume) {
    if (call->error.code != ERROR_NONE) {
        precondition_answer_error(call, &call->error);
        return;
    }
    call_apply_preference(call);
    call->wait_refused = !call->prefers_async && !call_take_seat(call);
    if (call->prefers_async || call->wait_refused) {
        (void)change_is_done(call); /* 202 */
    } else {
        call_wait_for(call, waiter_create(WAIT_FOR_ENTRY, 0, call->entry), resume, patience(call));
    }
}

/* --- PATCH and reset ------------------------------------------------------------------ */

/* Make the changed specification of a body. */
typedef enum error_code change_function(const json_t *body, const struct model *model,
                                        const struct specification *former,
                                        struct specification *changed, struct error *error);

static void submit_change(struct call *call, const json_t *body, struct completion *completion,
                          enum entry_kind kind, change_function *change) {
    struct error *error = &call->error;
    error->code = ERROR_STALE;
    const int tries = call->revision == 0 ? REBUILDS_MAX : 1; /* by If-Match others win */
    for (int i = 0; i < tries && error->code == ERROR_STALE; i++) {
        struct specification changed;
        struct settings *base = model_settings(call->model);
        error->code = ERROR_NONE;
        if (call->revision != 0 && base->revision != call->revision) {
            error_set(error, ERROR_STALE, NULL, "the settings were changed by others");
        } else if (change(body, call->model, &base->specification, &changed, error) == ERROR_NONE) {
            (void)engine_change_settings(call->api->engine, call->model, kind, base, &changed,
                                         completion, &call->entry, &call->retry_after_seconds,
                                         error);
            memory_free(changed.class_weights); /* NULL where the settings have taken them over */
        }
        settings_release(base);
    }
    if (error->code == ERROR_STALE && call->revision == 0) {
        error_set(error, ERROR_EXISTS, NULL, "the settings are changed by others all the time");
    }
}

static void resume_changed(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    if (change_is_done(call)) {
        const uint64_t step = queue_look(call->entry).step;
        model_answer(
            call, 200, call->model,
            &(struct model_extras){.has_effective_step = true, .effective_step = step + 1});
    }
}

static void resume_change_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    wait_for_turn(call, resume_changed);
}

static enum error_code patch(const json_t *body, const struct model *model,
                             const struct specification *former, struct specification *changed,
                             struct error *error) {
    return specification_change(body, &model->specification, former, changed, error);
}

static void submit_patch(struct call *call, const json_t *body, struct completion *completion) {
    submit_change(call, body, completion, ENTRY_SETTINGS, patch);
}

static void start_patch(struct call *call, struct completion *completion) {
    start_with_document(call, completion, submit_patch);
}

void changes_patch(struct call *call) {
    call_wait(call, start_patch, resume_change_acknowledged, INFINITY);
}

static enum error_code reset(const json_t *body, const struct model *model,
                             const struct specification *former, struct specification *changed,
                             struct error *error) {
    (void)model;
    uint64_t seed = former->seed;
    const json_t *value = json_object_get(body, "seed");
    enum error_code code = json_check_members(body, "seed", error);
    if (code == ERROR_NONE && value != NULL && !json_is_null(value)) {
        code = specification_read_seed(value, &seed, error);
    }
    if (code == ERROR_NONE) {
        code = specification_copy_settings(changed, former, error);
    }
    if (code == ERROR_NONE) {
        changed->seed = seed;
    }
    return code;
}

static void submit_reset(struct call *call, const json_t *body, struct completion *completion) {
    submit_change(call, body, completion, ENTRY_RESET, reset);
}

static void start_reset(struct call *call, struct completion *completion) {
    start_with_document(call, completion, submit_reset);
}

void changes_reset(struct call *call) {
    struct error error;
    if (call->body.used == 0 &&
        buffer_append(&call->body, "{}", 2, &error) != ERROR_NONE) { /* the seed it has */
        call_answer_error(call, &error);
        return;
    }
    call_wait(call, start_reset, resume_change_acknowledged, INFINITY);
}

/* --- restore ---------------------------------------------------------------------------- */

static void start_restoring(struct call *call, struct completion *completion) {
    if (engine_restore(call->api->engine, call->model, call->numbers, call->checkpoint->version,
                       call->revision, completion, &call->entry, &call->retry_after_seconds,
                       &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void restore(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    call_wait(call, start_restoring, resume_change_acknowledged, INFINITY);
}

void changes_restore(struct call *call) {
    uint64_t version;
    if (version_read(call, &version)) {
        version_open(call, version, restore);
    }
}

/* --- clone ------------------------------------------------------------------------------ */

static void submit_clone(struct call *call, const json_t *body, struct completion *completion) {
    char name[MODEL_NAME_BYTES];
    if (json_check_members(body, "name", &call->error) == ERROR_NONE &&
        model_read_name(body, name, &call->error) == ERROR_NONE) {
        (void)engine_clone_model(call->api->engine, call->model, name, call->revision, completion,
                                 &call->entry, &call->retry_after_seconds, &call->error);
    }
}

static void start_clone(struct call *call, struct completion *completion) {
    start_with_document(call, completion, submit_clone);
}

static void resume_cloned(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    if (change_is_done(call)) {
        struct model *clone = call->entry->target;
        model_answer(call, 201, clone, &(struct model_extras){0});
        call_add_header(call, "Location", "/v1/models/%s", clone->name);
    }
}

static void resume_clone_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    wait_for_turn(call, resume_cloned);
}

void changes_clone(struct call *call) {
    call_wait(call, start_clone, resume_clone_acknowledged, INFINITY);
}
