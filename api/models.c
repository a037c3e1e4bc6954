/* /v1/models: create, list, describe, remove. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "api/answer_query.h"
#include "api/handlers.h"
#include "api/model_answer.h"
#include "api/precondition.h"
#include "api/specification_json.h"

/* --- create ------------------------------------------------------------------------ */

/* The create body as a name and a complete specification, the caller's on success. */
static enum error_code read_body(const struct json_document *document, char name[MODEL_NAME_BYTES],
                                 struct specification *specification, struct error *error) {
    const enum error_code code = model_read_name(document->root, name, error);
    return code == ERROR_NONE ? specification_read(document->root, specification, error) : code;
}

static void answer_cost(struct call *call, const struct specification *specification) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "parameters");
    json_write_unsigned(&json, specification_parameters(specification));
    json_write_key(&json, "bytes");
    json_write_unsigned(&json, engine_model_bytes(specification));
    const struct engine_figures figures = engine_look(call->api->engine);
    json_write_key(&json, "bytes_left");
    json_write_unsigned(&json, figures.memory_bytes_max - figures.memory_bytes_reserved);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}

/* The model that a file has. */
static void start_importing(struct call *call, struct completion *completion) {
    struct model_intake *intake = call->model_intake;
    (void)engine_create_model(call->api->engine, call_read_text(call, PARAMETER_MODEL_NAME),
                              &intake->specification, intake->state, call->idempotency.record,
                              completion, &call->created, &call->repeated, &call->error);
    if (call->created == NULL) {
        completion_call(completion);
    }
}

static void start_creating(struct call *call, struct completion *completion) {
    struct json_document document;
    struct specification specification;
    char name[MODEL_NAME_BYTES];
    struct error *error = &call->error;
    if (json_document_parse(&document, &call->body, engine_ledger(call->api->engine), error) ==
        ERROR_NONE) {
        if (read_body(&document, name, &specification, error) == ERROR_NONE) {
            (void)engine_create_model(call->api->engine, name, &specification, NULL,
                                      call->idempotency.record, completion, &call->created,
                                      &call->repeated, error);
            specification_free(&specification); /* empty where the model has taken it over */
        }
        json_document_free(&document);
    }
    if (call->created == NULL) {
        completion_call(completion);
    }
}

static void resume_created(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        call_answer_error(call, &call->error);
        return;
    }
    if (call_answer_refusal(call, call->created->refusal)) {
        return;
    }
    if (call->repeated && model_look(call->created).deleted) {
        struct error error;
        model_gone(call->created, &error);
        call_answer_error(call, &error);
        return;
    }
    model_answer(call, 201, call->created, &(struct model_extras){0});
    call_add_header(call, "Location", "/v1/models/%s", call->created->name);
    if (call->repeated) {
        idempotency_note_repeat(call);
    }
}

/* What it would cost, and nothing made. */
static void dry_run(struct call *call) {
    struct json_document document;
    struct specification specification;
    char name[MODEL_NAME_BYTES];
    struct error error;
    if (json_document_parse(&document, &call->body, engine_ledger(call->api->engine), &error) !=
        ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    if (read_body(&document, name, &specification, &error) == ERROR_NONE) {
        answer_cost(call, &specification);
        specification_free(&specification);
    } else {
        call_answer_error(call, &error);
    }
    json_document_free(&document);
}

void models_create(struct call *call) {
    bool dry;
    if (!call_read_boolean(call, PARAMETER_DRY_RUN, &dry)) {
        return;
    }
    if (dry && call->model_intake != NULL) {
        answer_cost(call, &call->model_intake->specification);
    } else if (dry) {
        dry_run(call);
    } else {
        call_wait(call, call->model_intake != NULL ? start_importing : start_creating,
                  resume_created, INFINITY);
    }
}

/* --- list, describe, delete ---------------------------------------------------------- */

void models_list(struct call *call) {
    uint64_t limit;
    if (!call_read_integer(call, PARAMETER_LIST_LIMIT, &limit)) {
        return;
    }
    const char *after = call_read_text(call, PARAMETER_AFTER_MODEL);
    struct model *models[LIST_LIMIT_MAX];
    bool more;
    const size_t count = engine_list_models(call->api->engine, after, limit, models, &more);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "data");
    json_write_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        model_write_summary(&json, models[i]);
    }
    json_write_end_array(&json);
    json_write_key(&json, "has_more");
    json_write_bool(&json, more);
    json_write_key(&json, "next");
    json_write_string(&json, more ? models[count - 1]->name : NULL);
    json_write_end_object(&json);
    for (size_t i = 0; i < count; i++) {
        model_release(models[i]);
    }
    call_answer_json(call, 200, &json);
}

static void answer_hash(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (query_succeeded(call)) {
        model_answer(call, 200, call->model,
                     &(struct model_extras){.weights_hash = call->query->weights_hash});
    }
}

static void describe(struct call *call) {
    bool hash;
    if (!call_read_boolean(call, PARAMETER_WEIGHTS_SHA256, &hash)) {
        return;
    }
    if (hash) {
        answer_query(call, QUERY_WEIGHTS_HASH, NULL, answer_hash);
    } else {
        model_answer(call, 200, call->model, &(struct model_extras){0});
    }
}

static void resume_describing(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    if (model_look(call->model).deleted) {
        struct error error;
        model_gone(call->model, &error);
        call_answer_error(call, &error);
    } else {
        describe(call); /* as it is, when the time is over */
    }
}

#define WAIT_STEP_SECONDS_DEFAULT 30.0

void models_describe(struct call *call) {
    uint64_t step;
    if (!call_read_integer(call, PARAMETER_WAIT_STEP, &step)) {
        return;
    }
    if (step > 0) {
        if (call->prefers_wait) {
            call_apply_preference(call);
        }
        call_wait_for(call, waiter_create(WAIT_FOR_STEP, step, NULL), resume_describing,
                      call->prefers_wait ? call->wait_seconds : WAIT_STEP_SECONDS_DEFAULT);
    } else {
        describe(call);
    }
}

static void start_deleting(struct call *call, struct completion *completion) {
    if (engine_delete_model(call->api->engine, call->model, call->revision, completion,
                            &call->entry, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_deleted(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        precondition_answer_error(call, &call->error);
        return;
    }
    if (call->entry->refusal != ERROR_NONE) {
        call_answer_problem(call, 507, NULL,
                            "the model is gone, but the data directory has no room to say so: it "
                            "may be there again after a restart, unless there is room before");
        return;
    }
    entry_release(call->entry);
    call->entry = NULL;
    engine_release_deleted(call->api->engine, call->model);
    call->model = NULL;
    call_answer_empty(call, 204);
}

static void start_deleting_damaged(struct call *call, struct completion *completion) {
    if (engine_delete_damaged(call->api->engine, call->target.segments[2], completion,
                              &call->refusal, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_damaged_deleted(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        call_answer_error(call, &call->error);
    } else if (!call_answer_refusal(call, call->refusal)) {
        call_answer_empty(call, 204);
    }
}

void models_delete(struct call *call) {
    if (call->model != NULL) {
        call_wait(call, start_deleting, resume_deleted, INFINITY);
    } else { /* admission.c lets a damaged one through */
        call_wait(call, start_deleting_damaged, resume_damaged_deleted, INFINITY);
    }
}
