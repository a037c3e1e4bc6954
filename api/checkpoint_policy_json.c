/* Settings of checkpoints as JSON; see checkpoint_policy_json.h. */
#include "api/checkpoint_policy_json.h"

#include "api/json_document.h"

/* By the metric's place behind CHECKPOINT_METRIC_NONE. */
const char *checkpoint_metric_name_at(size_t index) {
    static const char *const names[] = {"loss", "accuracy"};
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

static bool has(const json_t *object, const char *name, const json_t **value) {
    *value = json_object_get(object, name);
    return *value != NULL && !json_is_null(*value);
}

static enum error_code read_seconds(const json_t *value, double *seconds, struct error *error) {
    const enum error_code code = json_read_number(value, "/every_seconds", seconds, error);
    if (code == ERROR_NONE &&
        !(*seconds >= CHECKPOINT_SECONDS_MIN && *seconds <= CHECKPOINT_SECONDS_MAX)) {
        return error_set(error, ERROR_INVALID, "/every_seconds",
                         "every_seconds %.15g; allowed are %g to %g", *seconds,
                         CHECKPOINT_SECONDS_MIN, CHECKPOINT_SECONDS_MAX);
    }
    return code;
}

static enum error_code read_members(const json_t *value, struct checkpoint_policy *policy,
                                    struct error *error) {
    const json_t *member;
    uint64_t keep = CHECKPOINT_KEEP_DEFAULT;
    size_t metric;
    enum error_code code = json_check_members(value, "every_steps every_seconds keep best", error);
    if (code == ERROR_NONE && has(value, "every_steps", &member)) {
        code = json_read_integer(member, "/every_steps", 1, CHECKPOINT_STEPS_MAX,
                                 &policy->every_steps, error);
    }
    if (code == ERROR_NONE && has(value, "every_seconds", &member)) {
        code = read_seconds(member, &policy->every_seconds, error);
    }
    if (code == ERROR_NONE && has(value, "keep", &member)) {
        code = json_read_integer(member, "/keep", 0, CHECKPOINT_KEEP_MAX, &keep, error);
    }
    policy->keep = (size_t)keep;
    if (code == ERROR_NONE && has(value, "best", &member)) {
        code = json_read_name(member, "/best", checkpoint_metric_name_at, &metric, error);
        if (code == ERROR_NONE) {
            policy->best = (enum checkpoint_metric)(CHECKPOINT_METRIC_NONE + 1 + metric);
        }
    }
    return code;
}

enum error_code checkpoint_policy_read(const json_t *value, struct checkpoint_policy *policy,
                                       struct error *error) {
    *policy = (struct checkpoint_policy){0};
    if (json_is_null(value)) {
        return ERROR_NONE;
    }
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "",
                         "%s; an object such as {\"every_steps\": 1000} is wanted",
                         json_kind(value));
    }
    const enum error_code code = read_members(value, policy, error);
    if (code == ERROR_NONE && !checkpoint_policy_is_on(policy)) {
        return error_set(error, ERROR_INVALID, "",
                         "neither every_steps nor every_seconds: one of them is wanted, or null "
                         "for no checkpoints");
    }
    return code;
}

void checkpoint_policy_write(struct json_writer *json, const struct checkpoint_policy *policy) {
    if (!checkpoint_policy_is_on(policy)) {
        json_write_null(json);
        return;
    }
    json_write_begin_object(json);
    json_write_key(json, "every_steps");
    if (policy->every_steps > 0) {
        json_write_unsigned(json, policy->every_steps);
    } else {
        json_write_null(json);
    }
    json_write_key(json, "every_seconds");
    if (policy->every_seconds > 0) {
        json_write_double(json, policy->every_seconds);
    } else {
        json_write_null(json);
    }
    json_write_key(json, "keep");
    json_write_unsigned(json, policy->keep);
    json_write_key(json, "best");
    json_write_string(json, policy->best != CHECKPOINT_METRIC_NONE
                                ? checkpoint_metric_name_at((size_t)policy->best - 1)
                                : NULL);
    json_write_end_object(json);
}
