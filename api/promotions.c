/* POST /v1/models/{model}/promote?into=…: a candidate's numbers become another model's, if
 * they are better on the rows of the body.
 *
 *   take the candidate's state → evaluate it → evaluate the other model → better?  → keep what
 *   stands there as a checkpoint and restore the candidate's numbers, at one place of its order
 *
 * What was evaluated of the candidate is what is promoted.  The other model trains on
 * meanwhile; what it had become is in the checkpoint. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/answer_query.h"
#include "api/handlers.h"
#include "api/precondition.h"
#include "core/engine/state.h"

#define PATIENCE_SECONDS_DEFAULT 30.0

/* --- metrics ----------------------------------------------------------------------- */

struct rated_metric {
    const char *name;
    bool higher_is_better;
    bool of_classification, of_regression;
    size_t offset; /* of a double in struct evaluation */
};

#define FIGURE(field) offsetof(struct evaluation, field)

static const struct rated_metric metrics[] = {
    {"loss", false, true, true, FIGURE(loss)},
    {"accuracy", true, true, false, FIGURE(accuracy)},
    {"precision", true, true, false, FIGURE(precision)},
    {"recall", true, true, false, FIGURE(recall)},
    {"f1", true, true, false, FIGURE(f1)},
    {"roc_auc", true, true, false, FIGURE(roc_auc)},
    {"mae", false, false, true, FIGURE(mae)},
    {"rmse", false, false, true, FIGURE(rmse)},
    {"r2", true, false, true, FIGURE(r2)},
};

static bool fits(const struct rated_metric *metric, const struct model *model) {
    return loss_functions[model->network.loss].classifies ? metric->of_classification
                                                          : metric->of_regression;
}

/* The metric that the query names; NULL after answering 422. */
static const struct rated_metric *find_metric(struct call *call) {
    const char *name = call_read_text(call, PARAMETER_METRIC);
    char names[128] = "";
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        const size_t used = strlen(names);
        if (!fits(&metrics[i], call->into)) {
            continue;
        }
        if (name[0] == '\0' || strcmp(name, metrics[i].name) == 0) {
            return &metrics[i];
        }
        snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", metrics[i].name);
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter metric is '%.40s'; of this model it is one of %s",
                        name, names);
    return NULL;
}

static double figure_of(const struct query *query, const struct rated_metric *metric) {
    double figure;
    memcpy(&figure, (const char *)&query->evaluation + metric->offset, sizeof figure);
    return figure;
}

/* What is not a number is not better. */
static bool is_better(double candidate, double other, const struct rated_metric *metric,
                      double min_delta) {
    return metric->higher_is_better ? candidate > other + min_delta : candidate < other - min_delta;
}

/* --- the answer -------------------------------------------------------------------- */

static void write_side(struct json_writer *json, const char *key, const struct query *query,
                       const struct rated_metric *metric) {
    json_write_key(json, key);
    json_write_begin_object(json);
    json_write_key(json, "model");
    json_write_string(json, query->model->name);
    json_write_key(json, "step");
    json_write_unsigned(json, query->step);
    json_write_key(json, "value");
    json_write_double(json, figure_of(query, metric));
    json_write_end_object(json);
}

static void write_promoted(struct json_writer *json, struct entry *entry) {
    json_write_key(json, "effective_step");
    json_write_unsigned(json, queue_look(entry).step + 1);
    json_write_key(json, "version");
    json_write_unsigned(json, entry->restored);
    if (checkpoints_look(entry->model, entry->checkpoint) == CHECKPOINT_KEPT) {
        json_write_key(json, "former_version");
        json_write_unsigned(json, entry->checkpoint->version);
    }
}

static void answer(struct call *call, bool promoted) {
    const struct rated_metric *metric = find_metric(call);
    double min_delta;
    (void)call_read_number(call, PARAMETER_MIN_DELTA, &min_delta); /* it was read before */
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "promoted");
    json_write_bool(&json, promoted);
    json_write_key(&json, "metric");
    json_write_string(&json, metric->name);
    json_write_key(&json, "min_delta");
    json_write_double(&json, min_delta);
    json_write_key(&json, "examples");
    json_write_unsigned(&json, call->query->evaluation.examples);
    call_write_table(call, &json);
    write_side(&json, "candidate", call->rival, metric);
    write_side(&json, "target", call->query, metric);
    if (promoted) {
        write_promoted(&json, call->entry);
    }
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}

static double patience(const struct call *call) {
    return call->prefers_wait ? call->wait_seconds : PATIENCE_SECONDS_DEFAULT;
}

static void answer_gone(struct call *call, const struct model *model) {
    struct error error;
    model_gone(model, &error);
    call_answer_error(call, &error);
}

/* --- promoting --------------------------------------------------------------------- */

/* From here on the call is about the other model, which is in call->model; the candidate is
 * in call->into. */
static void exchange_models(struct call *call) {
    struct model *candidate = call->model;
    call->model = call->into;
    call->into = candidate;
}

static void start_promoting(struct call *call, struct completion *completion) {
    char note[CHECKPOINT_NOTE_BYTES_MAX + 1];
    snprintf(note, sizeof note, "before the promotion of %s", call->into->name);
    if (engine_promote(call->api->engine, call->model, call->numbers, call->checkpoint->version,
                       note, completion, &call->entry, &call->retry_after_seconds,
                       &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void answer_waiting(struct call *call) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "state");
    json_write_string(&json, "queued");
    json_write_end_object(&json);
    call_answer_json(call, 202, &json);
}

/* Also where what stood before is not stored yet, or could not be: then it is not named. */
static void resume_former_kept(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer(call, true);
}

static void resume_promoted(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    const enum entry_state state = queue_look(call->entry).state;
    if (state == ENTRY_DROPPED || model_look(call->model).deleted) {
        answer_gone(call, call->model);
    } else if (state == ENTRY_DONE) {
        call_wait_for(call, waiter_create_for_checkpoint(call->entry->checkpoint),
                      resume_former_kept, patience(call));
    } else {
        answer_waiting(call);
    }
}

static void resume_submitted(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code == ERROR_STALE) {
        call->error.code = ERROR_EXISTS; /* settings that change all the time, not If-Match */
    }
    if (call->error.code != ERROR_NONE) {
        struct error ignored; /* what was not promoted is not kept */
        (void)checkpoints_remove(call->model, call->checkpoint->version, NULL, &ignored);
        call_answer_error(call, &call->error);
        return;
    }
    call->wait_refused = !call_take_seat(call);
    if (call->wait_refused) {
        answer_waiting(call);
    } else {
        call_wait_for(call, waiter_create(WAIT_FOR_ENTRY, 0, call->entry), resume_promoted,
                      patience(call));
    }
}

/* The candidate's numbers are a checkpoint of the model that they are for. */
static void resume_adopted(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    switch (checkpoints_look(call->model, call->checkpoint)) {
    case CHECKPOINT_KEPT:
        call_wait(call, start_promoting, resume_submitted, INFINITY);
        break;
    case CHECKPOINT_LOST:
        if (model_look(call->model).deleted) {
            answer_gone(call, call->model);
        } else {
            call_answer_problem(call, 507, NULL,
                                "there is no room to store a checkpoint of %zu "
                                "bytes; nothing is changed",
                                call->checkpoint->bytes);
        }
        break;
    case CHECKPOINT_PENDING:
        call_answer_problem(call, 504, NULL,
                            "the candidate's numbers were not stored in %g seconds; nothing is "
                            "changed",
                            patience(call));
    }
}

static void adopt(struct call *call) {
    char note[CHECKPOINT_NOTE_BYTES_MAX + 1];
    struct error error;
    snprintf(note, sizeof note, "promoted from %s at step %" PRIu64, call->into->name,
             call->rival->step);
    if (engine_adopt(call->model, call->numbers, note, &call->checkpoint, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else {
        call_wait_for(call, waiter_create_for_checkpoint(call->checkpoint), resume_adopted,
                      patience(call));
    }
}

/* --- evaluating -------------------------------------------------------------------- */

static void start_asking(struct call *call, struct completion *completion) {
    if (engine_ask(call->api->engine, call->query, completion, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_compared(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    const struct rated_metric *metric = find_metric(call);
    double min_delta;
    if (!query_succeeded(call) || !call_read_number(call, PARAMETER_MIN_DELTA, &min_delta)) {
        return;
    }
    if (is_better(figure_of(call->rival, metric), figure_of(call->query, metric), metric,
                  min_delta)) {
        exchange_models(call);
        adopt(call);
    } else {
        answer(call, false);
    }
}

/* The other model answers for the same rows. */
static void resume_evaluated(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    const struct evaluation_request request = {0};
    struct error error;
    if (!query_succeeded(call)) {
        return;
    }
    call->rival = call->query;
    call->query = NULL;
    if (query_create(call->into, QUERY_EVALUATION, &call->rival->examples, &request, &call->query,
                     &error) != ERROR_NONE) {
        call_answer_error(call, &error);
    } else {
        call_wait(call, start_asking, resume_compared, INFINITY);
    }
}

/* --- the candidate ------------------------------------------------------------------ */

/* The moments of one optimizer mean nothing to another. */
static void drop_foreign_slots(struct call *call, struct state *numbers) {
    const enum optimizer one = call->model->specification.optimizer.optimizer;
    if (one != call->into->specification.optimizer.optimizer) {
        state_drop_slots(numbers);
    }
}

static void resume_taken(struct call *call, bool expired) {
    const struct evaluation_request request = {0};
    call_stop_waiting(call, expired);
    const enum entry_state state = queue_look(call->entry).state;
    if (state == ENTRY_DROPPED || model_look(call->model).deleted) {
        answer_gone(call, call->model);
    } else if (state != ENTRY_DONE) {
        call_answer_problem(call, 504, NULL,
                            "the batches of %s that came first were not over in %g seconds; "
                            "nothing is changed",
                            call->model->name, patience(call));
    } else {
        call->numbers = state_reference(call->entry->numbers);
        entry_release(call->entry);
        call->entry = NULL;
        drop_foreign_slots(call, call->numbers);
        answer_query(call, QUERY_EVALUATION, &request, resume_evaluated);
    }
}

static void start_taking(struct call *call, struct completion *completion) {
    if (engine_take_state(call->api->engine, call->model, call->revision, completion, &call->entry,
                          &call->retry_after_seconds, &call->error) != ERROR_NONE) {
        completion_call(completion);
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
                  patience(call));
}

/* The model that the query names, as call->into.  False after answering. */
static bool find_into(struct call *call) {
    struct error error;
    const char *name = call_read_text(call, PARAMETER_INTO);
    if (name[0] == '\0') {
        call_answer_problem(call, 422, NULL,
                            "the query parameter into is missing: the model to promote into");
        return false;
    }
    if (engine_find_model(call->api->engine, name, &call->into, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return false;
    }
    if (call->into == call->model) {
        call_answer_problem(call, 422, NULL, "%s cannot be promoted into itself", name);
        return false;
    }
    if (specification_check_alike(&call->model->specification, &call->into->specification,
                                  &error) != ERROR_NONE) {
        call_answer_problem(call, 422, NULL, "%s does not fit %s: %s", call->model->name, name,
                            error.message);
        return false;
    }
    return true;
}

void promotions_post(struct call *call) {
    double min_delta;
    if (find_into(call) && find_metric(call) != NULL &&
        call_read_number(call, PARAMETER_MIN_DELTA, &min_delta)) {
        call_wait(call, start_taking, resume_acknowledged, INFINITY);
    }
}
