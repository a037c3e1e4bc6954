/* Optimizers as JSON; see optimizer_json.h. */
#include "api/optimizer_json.h"

#include <stdio.h>
#include <string.h>

static const char *optimizer_name_at(size_t i) {
    return i < OPTIMIZER_COUNT ? optimizer_functions[i].name : NULL;
}

static const char *schedule_name_at(size_t i) {
    return i < SCHEDULE_COUNT ? schedule_functions[i].name : NULL;
}

/* --- reading ------------------------------------------------------------------------ */

static enum error_code read_schedule(const json_t *value, struct schedule_settings *schedule,
                                     struct error *error) {
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "", "%s; a schedule is an object", json_kind(value));
    }
    const json_t *name = json_object_get(value, "name");
    if (name == NULL) {
        return error_set(error, ERROR_INVALID, "/name", "a schedule without a name");
    }
    size_t index = 0;
    enum error_code code = json_read_name(name, "/name", schedule_name_at, &index, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const struct schedule_function *function = &schedule_functions[index];
    *schedule = (struct schedule_settings){
        .schedule = (enum schedule)index,
        .decay_steps = function->takes_decay_steps ? 0 : 1, /* 0: missing, so far */
    };
    char allowed[96];
    snprintf(allowed, sizeof allowed, "name warmup_steps%s%s%s",
             function->takes_decay_rate ? " decay_rate" : "",
             function->takes_decay_steps ? " decay_steps" : "",
             function->takes_alpha ? " alpha" : "");
    code = json_check_members(value, allowed, error);
    static const struct {
        const char *name, *pointer;
        double minimum;
    } steps[] = {{"warmup_steps", "/warmup_steps", 0}, {"decay_steps", "/decay_steps", 1}};
    uint64_t *const counts[] = {&schedule->warmup_steps, &schedule->decay_steps};
    for (size_t i = 0; i < 2 && code == ERROR_NONE; i++) {
        const json_t *member = json_object_get(value, steps[i].name);
        if (member != NULL) {
            code = json_read_integer(member, steps[i].pointer, steps[i].minimum, SCHEDULE_STEPS_MAX,
                                     counts[i], error);
        }
    }
    const json_t *rate = json_object_get(value, "decay_rate");
    if (code == ERROR_NONE && rate != NULL) {
        code = json_read_number(rate, "/decay_rate", &schedule->decay_rate, error);
    }
    const json_t *alpha = json_object_get(value, "alpha");
    if (code == ERROR_NONE && alpha != NULL) {
        code = json_read_number(alpha, "/alpha", &schedule->alpha, error);
    }
    return code;
}

static const struct optimizer_option *find_option(const char *name, enum optimizer optimizer) {
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        if (strcmp(name, optimizer_options[i].name) == 0 &&
            (optimizer_options[i].optimizers & (1u << optimizer))) {
            return &optimizer_options[i];
        }
    }
    return NULL;
}

/* "name schedule learning_rate …": what an optimiser's object may hold. */
static void list_options(enum optimizer optimizer, char *text, size_t size) {
    snprintf(text, size, "name schedule%s", optimizer == OPTIMIZER_SGD ? " nesterov" : "");
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        if (optimizer_options[i].optimizers & (1u << optimizer)) {
            const size_t used = strlen(text);
            snprintf(text + used, size - used, " %s", optimizer_options[i].name);
        }
    }
}

static enum error_code read_option(const char *name, const json_t *value,
                                   struct optimizer_settings *settings, struct error *error) {
    const struct optimizer_option *option = find_option(name, settings->optimizer);
    if (option == NULL) {
        return ERROR_NONE; /* name, schedule and nesterov are read apart */
    }
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s", name);
    double number = 0;
    if (!(json_is_null(value) && option->nullable)) {
        const enum error_code code = json_read_number(value, pointer, &number, error);
        if (code != ERROR_NONE) {
            return code;
        }
        if (option->nullable && number <= 0) {
            return error_set(error, ERROR_INVALID, pointer,
                             "%s %.15g; a number above 0, or null for none, is wanted", name,
                             number);
        }
    }
    optimizer_option_set(settings, option, number);
    return ERROR_NONE;
}

/* The members of an optimiser's object, over settings that it has already. */
static enum error_code read_optimizer_members(const json_t *value,
                                              struct optimizer_settings *settings,
                                              struct error *error) {
    enum error_code code;
    char allowed[256];
    list_options(settings->optimizer, allowed, sizeof allowed);
    code = json_check_members(value, allowed, error);
    const char *member_name;
    json_t *member;
    json_object_foreach((json_t *)value, member_name, member) {
        if (code == ERROR_NONE) {
            code = read_option(member_name, member, settings, error);
        }
    }
    const json_t *nesterov = json_object_get(value, "nesterov");
    if (code == ERROR_NONE && nesterov != NULL) {
        code = json_read_boolean(nesterov, "/nesterov", &settings->nesterov, error);
    }
    const json_t *schedule = json_object_get(value, "schedule");
    if (code == ERROR_NONE && schedule != NULL && !json_is_null(schedule)) {
        code = read_schedule(schedule, &settings->schedule, error);
        if (code != ERROR_NONE) {
            error_prefix_pointer(error, "/schedule");
        }
    }
    return code;
}

static enum error_code read_optimizer_object(const json_t *value,
                                             struct optimizer_settings *settings,
                                             struct error *error) {
    size_t index = OPTIMIZER_ADAM;
    const json_t *name = json_object_get(value, "name");
    const enum error_code code =
        name != NULL ? json_read_name(name, "/name", optimizer_name_at, &index, error) : ERROR_NONE;
    if (code != ERROR_NONE) {
        return code;
    }
    optimizer_defaults(settings, (enum optimizer)index);
    return read_optimizer_members(value, settings, error);
}

enum error_code optimizer_read(const json_t *value, struct optimizer_settings *settings,
                               struct error *error) {
    if (json_is_string(value)) {
        size_t index = 0;
        const enum error_code code = json_read_name(value, "", optimizer_name_at, &index, error);
        optimizer_defaults(settings, (enum optimizer)index);
        return code;
    }
    return json_is_object(value)
               ? read_optimizer_object(value, settings, error)
               : error_set(error, ERROR_INVALID, "", "%s; an optimizer is a name or an object",
                           json_kind(value));
}

enum error_code optimizer_change(const json_t *value, struct optimizer_settings *settings,
                                 struct error *error) {
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "", "%s; an object is wanted", json_kind(value));
    }
    const json_t *name = json_object_get(value, "name");
    const char *present = optimizer_functions[settings->optimizer].name;
    if (name != NULL && (!json_is_string(name) || strcmp(json_string_value(name), present) != 0)) {
        return error_set(error, ERROR_INVALID, "/name",
                         "a model keeps its optimizer, which is %s; its settings can change",
                         present);
    }
    return read_optimizer_members(value, settings, error);
}

/* --- writing ------------------------------------------------------------------------ */

static void write_schedule(struct json_writer *json, const struct schedule_settings *schedule) {
    const struct schedule_function *function = &schedule_functions[schedule->schedule];
    json_write_begin_object(json);
    json_write_key(json, "name");
    json_write_string(json, function->name);
    if (function->takes_decay_rate) {
        json_write_key(json, "decay_rate");
        json_write_double(json, schedule->decay_rate);
    }
    if (function->takes_decay_steps) {
        json_write_key(json, "decay_steps");
        json_write_unsigned(json, schedule->decay_steps);
    }
    if (function->takes_alpha) {
        json_write_key(json, "alpha");
        json_write_double(json, schedule->alpha);
    }
    json_write_key(json, "warmup_steps");
    json_write_unsigned(json, schedule->warmup_steps);
    json_write_end_object(json);
}

void optimizer_write(struct json_writer *json, const struct optimizer_settings *settings) {
    json_write_begin_object(json);
    json_write_key(json, "name");
    json_write_string(json, optimizer_functions[settings->optimizer].name);
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        const struct optimizer_option *option = &optimizer_options[i];
        if (!(option->optimizers & (1u << settings->optimizer))) {
            continue;
        }
        const double value = optimizer_option_get(settings, option);
        json_write_key(json, option->name);
        if (option->nullable && value == 0) {
            json_write_null(json);
        } else {
            json_write_double(json, value);
        }
    }
    if (settings->optimizer == OPTIMIZER_SGD) {
        json_write_key(json, "nesterov");
        json_write_bool(json, settings->nesterov);
    }
    json_write_key(json, "schedule");
    write_schedule(json, &settings->schedule);
    json_write_end_object(json);
}
