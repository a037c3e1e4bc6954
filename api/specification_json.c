/* Network specifications as JSON; see specification_json.h. */
#include "api/specification_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/parameter.h"
#include "core/base/memory.h"

/* --- names out of tables ------------------------------------------------------ */

static const char *activation_name_at(size_t i) {
    return i < ACTIVATION_COUNT ? activation_functions[i].name : NULL;
}

static const char *loss_name_at(size_t i) {
    return i < LOSS_COUNT ? loss_functions[i].name : NULL;
}

static const char *initializer_name_at(size_t i) {
    return i < INITIALIZER_COUNT ? initializer_functions[i].name : NULL;
}

static const char *optimizer_name_at(size_t i) {
    return i < OPTIMIZER_COUNT ? optimizer_functions[i].name : NULL;
}

static const char *schedule_name_at(size_t i) {
    return i < SCHEDULE_COUNT ? schedule_functions[i].name : NULL;
}

static const char *output_delta_name_at(size_t i) {
    return i < OUTPUT_DELTA_COUNT ? output_delta_rules[i].name : NULL;
}

static const char *normalization_name_at(size_t i) {
    return i < NORMALIZATION_COUNT ? normalization_kinds[i].name : NULL;
}

/* Read a string that must be one of a table's names; *index is which. */
static enum error_code read_name(const json_t *value, const char *pointer,
                                 const char *(*name_at)(size_t), size_t *index,
                                 struct error *error) {
    const char *name;
    const enum error_code code = json_read_string(value, pointer, &name, error);
    if (code != ERROR_NONE) {
        return code;
    }
    char allowed[256] = "";
    for (size_t i = 0; name_at(i) != NULL; i++) {
        if (strcmp(name, name_at(i)) == 0) {
            *index = i;
            return ERROR_NONE;
        }
        const size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", name_at(i));
    }
    return error_set(error, ERROR_INVALID, pointer, "'%.60s' is not known here; allowed: %s", name,
                     allowed);
}

/* --- layers --------------------------------------------------------------------- */

static enum error_code read_units(const json_t *value, const char *pointer,
                                  struct layer_specification *layer, struct error *error) {
    uint64_t units;
    const enum error_code code = json_read_integer(value, pointer, 1, WIDTH_MAX, &units, error);
    layer->units = code == ERROR_NONE ? (size_t)units : 0;
    return code;
}

static enum error_code read_layer_member(const char *name, const json_t *value,
                                         struct layer_specification *layer, struct error *error) {
    size_t index = 0;
    enum error_code code = ERROR_NONE;
    if (strcmp(name, "units") == 0) {
        code = read_units(value, "/units", layer, error);
    } else if (strcmp(name, "activation") == 0) {
        code = read_name(value, "/activation", activation_name_at, &index, error);
        layer->activation = (enum activation)index;
    } else if (strcmp(name, "alpha") == 0) {
        layer->has_alpha = true;
        code = json_read_number(value, "/alpha", &layer->alpha, error);
    } else if (strcmp(name, "dropout") == 0) {
        code = json_read_number(value, "/dropout", &layer->dropout, error);
    } else if (strcmp(name, "initializer") == 0) {
        code = read_name(value, "/initializer", initializer_name_at, &index, error);
        layer->initializer = (enum initializer)index;
    } else {
        code = read_name(value, "/normalization", normalization_name_at, &index, error);
        layer->normalization = (enum normalization)index;
    }
    return code;
}

static enum error_code read_layer(const json_t *value, struct layer_specification *layer,
                                  struct error *error) {
    if (json_is_number(value)) {
        return read_units(value, "", layer, error);
    }
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "", "%s; a layer is a number of units or an object",
                         json_kind(value));
    }
    enum error_code code = json_check_members(
        value, "units activation alpha dropout normalization initializer", error);
    if (code == ERROR_NONE && json_object_get(value, "units") == NULL) {
        code = error_set(error, ERROR_INVALID, "/units", "a layer without units");
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member) {
        if (code == ERROR_NONE && !json_is_null(member)) {
            code = read_layer_member(name, member, layer, error);
        }
    }
    return code;
}

static enum error_code read_layers(const json_t *value, struct specification *specification,
                                   struct error *error) {
    if (!json_is_array(value)) {
        return error_set(error, ERROR_INVALID, "/layers", "%s; an array of layers is wanted",
                         json_kind(value));
    }
    const size_t count = json_array_size(value);
    if (count < 1 || count > LAYERS_MAX) {
        return error_set(error, ERROR_INVALID, "/layers", "%zu layers; allowed are 1 to %d", count,
                         LAYERS_MAX);
    }
    if (!specification_set_layers(specification, count)) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu layers", count);
    }
    for (size_t l = 0; l < count; l++) {
        const enum error_code code =
            read_layer(json_array_get(value, l), &specification->layers[l], error);
        if (code != ERROR_NONE) {
            char prefix[32];
            snprintf(prefix, sizeof prefix, "/layers/%zu", l);
            error_prefix_pointer(error, prefix);
            return code;
        }
    }
    return ERROR_NONE;
}

/* --- optimiser ------------------------------------------------------------------- */

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
    enum error_code code = read_name(name, "/name", schedule_name_at, &index, error);
    if (code != ERROR_NONE) {
        return code;
    }
    schedule->schedule = (enum schedule)index;
    const struct schedule_function *function = &schedule_functions[index];
    char allowed[96];
    snprintf(allowed, sizeof allowed, "name warmup_steps%s%s%s",
             function->takes_decay_rate ? " decay_rate" : "",
             function->takes_decay_steps ? " decay_steps" : "",
             function->takes_alpha ? " alpha" : "");
    code = json_check_members(value, allowed, error);
    schedule->decay_steps = function->takes_decay_steps ? 0 : 1;
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
        name != NULL ? read_name(name, "/name", optimizer_name_at, &index, error) : ERROR_NONE;
    if (code != ERROR_NONE) {
        return code;
    }
    optimizer_defaults(settings, (enum optimizer)index);
    return read_optimizer_members(value, settings, error);
}

static enum error_code read_optimizer(const json_t *value, struct specification *specification,
                                      struct error *error) {
    enum error_code code;
    if (json_is_string(value)) {
        size_t index = 0;
        code = read_name(value, "", optimizer_name_at, &index, error);
        optimizer_defaults(&specification->optimizer, (enum optimizer)index);
    } else if (json_is_object(value)) {
        code = read_optimizer_object(value, &specification->optimizer, error);
    } else {
        code = error_set(error, ERROR_INVALID, "", "%s; an optimizer is a name or an object",
                         json_kind(value));
    }
    if (code != ERROR_NONE) {
        error_prefix_pointer(error, "/optimizer");
    }
    return code;
}

/* --- classes ---------------------------------------------------------------------- */

static enum error_code read_classes(const json_t *value, struct specification *specification,
                                    struct error *error) {
    if (!json_is_array(value)) {
        return error_set(error, ERROR_INVALID, "/classes", "%s; an array of names is wanted",
                         json_kind(value));
    }
    const size_t count = json_array_size(value);
    if (count == 0) {
        return error_set(error, ERROR_INVALID, "/classes",
                         "no class names; leave the field out, or null, for none");
    }
    specification->classes = memory_allocate(count, sizeof *specification->classes);
    if (specification->classes == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu class names", count);
    }
    for (size_t c = 0; c < count; c++) {
        char pointer[32];
        const char *name;
        snprintf(pointer, sizeof pointer, "/classes/%zu", c);
        const enum error_code code =
            json_read_string(json_array_get(value, c), pointer, &name, error);
        if (code != ERROR_NONE) {
            return code;
        }
        specification->classes[c] = memory_copy_string(name);
        if (specification->classes[c] == NULL) {
            return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu class names", count);
        }
        specification->class_count++;
    }
    return ERROR_NONE;
}

/* The class that a member of class_weights names: by name, or by index where the
 * classes have no names; -1: none. */
static ptrdiff_t find_weighted_class(const struct specification *specification, const char *name) {
    const ptrdiff_t named = specification_find_class(specification, name);
    if (named >= 0 || specification->class_count > 0) {
        return named;
    }
    size_t index = 0;
    int used = 0;
    if (strlen(name) > 9 || name[0] < '0' || name[0] > '9' ||
        sscanf(name, "%zu%n", &index, &used) != 1 || name[used] != '\0') {
        return -1;
    }
    return index < specification_classes(specification) ? (ptrdiff_t)index : -1;
}

static enum error_code read_class_weights(const json_t *value, struct specification *specification,
                                          struct error *error) {
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "/class_weights",
                         "%s; an object of class names or indices and weights is wanted",
                         json_kind(value));
    }
    const size_t classes = specification_classes(specification);
    if (classes == 0) {
        return error_set(error, ERROR_INVALID, "/class_weights",
                         "class weights need exclusive classes: softmax, or one sigmoid output");
    }
    specification->class_weights = memory_allocate(classes, sizeof(float));
    if (specification->class_weights == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu class weights", classes);
    }
    for (size_t c = 0; c < classes; c++) {
        specification->class_weights[c] = 1.0f;
    }
    const char *name;
    json_t *weight;
    json_object_foreach((json_t *)value, name, weight) {
        char pointer[ERROR_POINTER_BYTES];
        json_member_pointer("/class_weights", name, pointer);
        const ptrdiff_t c = find_weighted_class(specification, name);
        double number = 0;
        if (c < 0) {
            return error_set(error, ERROR_INVALID, pointer, "there is no class '%.60s'", name);
        }
        const enum error_code code = json_read_number(weight, pointer, &number, error);
        if (code != ERROR_NONE) {
            return code;
        }
        if (!(number >= 0 && number <= CLASS_WEIGHT_MAX)) {
            return error_set(error, ERROR_INVALID, pointer, "the weight %g; allowed are 0 to %g",
                             number, CLASS_WEIGHT_MAX);
        }
        specification->class_weights[c] = (float)number;
    }
    return ERROR_NONE;
}

/* --- the whole --------------------------------------------------------------------- */

enum error_code specification_read_seed(const json_t *value, uint64_t *seed, struct error *error) {
    return json_read_integer(value, "/seed", 0, COUNT_MAX, seed, error);
}

static enum error_code read_member(const char *name, const json_t *value,
                                   struct specification *specification, struct error *error) {
    size_t index = 0;
    uint64_t number = 0;
    enum error_code code = ERROR_NONE;
    if (strcmp(name, "inputs") == 0) {
        code = json_read_integer(value, "/inputs", 1, WIDTH_MAX, &number, error);
        specification->inputs = (size_t)number;
    } else if (strcmp(name, "layers") == 0) {
        code = read_layers(value, specification, error);
    } else if (strcmp(name, "loss") == 0) {
        code = read_name(value, "/loss", loss_name_at, &index, error);
        specification->loss = (enum loss)index;
    } else if (strcmp(name, "huber_delta") == 0) {
        specification->has_huber_delta = true;
        code = json_read_number(value, "/huber_delta", &specification->huber_delta, error);
    } else if (strcmp(name, "output_delta") == 0) {
        specification->has_output_delta = true;
        code = read_name(value, "/output_delta", output_delta_name_at, &index, error);
        specification->output_delta = (enum output_delta)index;
    } else if (strcmp(name, "optimizer") == 0) {
        code = read_optimizer(value, specification, error);
    } else if (strcmp(name, "seed") == 0) {
        code = specification_read_seed(value, &specification->seed, error);
    } else if (strcmp(name, "classes") == 0) {
        code = read_classes(value, specification, error);
    } else if (strcmp(name, "standardize") == 0) {
        code = json_read_boolean(value, "/standardize", &specification->standardize, error);
    }
    return code;
}

/* A layer given as a bare number of units has no member "units" to point at. */
static void point_at_bare_layer(const json_t *body, struct error *error) {
    size_t layer;
    int used = 0;
    if (sscanf(error->pointer, "/layers/%zu/units%n", &layer, &used) == 1 && used > 0 &&
        json_is_number(json_array_get(json_object_get(body, "layers"), layer))) {
        *strrchr(error->pointer, '/') = '\0';
    }
}

enum error_code specification_read(const json_t *body, struct specification *specification,
                                   struct error *error) {
    specification_init(specification);
    enum error_code code = json_check_members(
        body,
        "name inputs layers loss huber_delta output_delta optimizer seed classes standardize "
        "class_weights",
        error);
    static const char *const required[] = {"inputs", "layers"};
    for (size_t i = 0; i < sizeof required / sizeof *required && code == ERROR_NONE; i++) {
        if (json_object_get(body, required[i]) == NULL) {
            char pointer[16];
            snprintf(pointer, sizeof pointer, "/%s", required[i]);
            code = error_set(error, ERROR_INVALID, pointer, "%s is missing", required[i]);
        }
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)body, name, value) {
        const bool optional = strcmp(name, "inputs") != 0 && strcmp(name, "layers") != 0;
        if (code == ERROR_NONE && !(json_is_null(value) && optional)) {
            code = read_member(name, value, specification, error);
        }
    }
    if (code == ERROR_NONE) {
        code = specification_complete(specification, error);
        if (code != ERROR_NONE) {
            point_at_bare_layer(body, error);
        }
    }
    /* Which classes there are is known only now. */
    const json_t *weights = json_object_get(body, "class_weights");
    if (code == ERROR_NONE && weights != NULL && !json_is_null(weights)) {
        code = read_class_weights(weights, specification, error);
    }
    if (code != ERROR_NONE) {
        specification_free(specification);
    }
    return code;
}

/* --- changing ---------------------------------------------------------------------- */

static enum error_code change_optimizer(const json_t *value, struct optimizer_settings *settings,
                                        struct error *error) {
    if (!json_is_object(value)) {
        return error_set(error, ERROR_INVALID, "/optimizer", "%s; an object is wanted",
                         json_kind(value));
    }
    const json_t *name = json_object_get(value, "name");
    const char *present = optimizer_functions[settings->optimizer].name;
    if (name != NULL && (!json_is_string(name) || strcmp(json_string_value(name), present) != 0)) {
        return error_set(error, ERROR_INVALID, "/optimizer/name",
                         "a model keeps its optimizer, which is %s; its settings can change",
                         present);
    }
    const enum error_code code = read_optimizer_members(value, settings, error);
    if (code != ERROR_NONE) {
        error_prefix_pointer(error, "/optimizer");
    }
    return code;
}

static enum error_code change_class_weights(const json_t *value,
                                            const struct specification *structure,
                                            struct specification *changed, struct error *error) {
    memory_free(changed->class_weights);
    changed->class_weights = NULL;
    if (json_is_null(value)) {
        return ERROR_NONE;
    }
    struct specification named = *structure; /* which knows the classes by name */
    named.class_weights = NULL;
    const enum error_code code = read_class_weights(value, &named, error);
    changed->class_weights = named.class_weights;
    return code;
}

static enum error_code read_change(const json_t *body, const struct specification *structure,
                                   struct specification *changed, struct error *error) {
    enum error_code code = json_check_members(body, "optimizer output_delta class_weights", error);
    const json_t *optimizer = json_object_get(body, "optimizer");
    if (code == ERROR_NONE && optimizer != NULL) {
        code = change_optimizer(optimizer, &changed->optimizer, error);
    }
    const json_t *delta = json_object_get(body, "output_delta");
    if (code == ERROR_NONE && delta != NULL) {
        code = read_member("output_delta", delta, changed, error);
    }
    const json_t *weights = json_object_get(body, "class_weights");
    if (code == ERROR_NONE && weights != NULL) {
        code = change_class_weights(weights, structure, changed, error);
    }
    return code == ERROR_NONE ? specification_check(changed, error) : code;
}

enum error_code specification_change(const json_t *body, const struct specification *structure,
                                     const struct specification *former,
                                     struct specification *changed, struct error *error) {
    enum error_code code = specification_copy_settings(changed, former, error);
    if (code == ERROR_NONE) {
        code = read_change(body, structure, changed, error);
        if (code != ERROR_NONE) {
            memory_free(changed->class_weights);
        }
    }
    return code;
}

/* --- writing ------------------------------------------------------------------------ */

static void write_layer(struct json_writer *json, const struct layer_specification *layer) {
    const struct activation_function *activation = &activation_functions[layer->activation];
    json_write_begin_object(json);
    json_write_key(json, "units");
    json_write_unsigned(json, layer->units);
    json_write_key(json, "activation");
    json_write_string(json, activation->name);
    if (activation->takes_alpha) {
        json_write_key(json, "alpha");
        json_write_double(json, layer->alpha);
    }
    json_write_key(json, "dropout");
    json_write_double(json, layer->dropout);
    json_write_key(json, "normalization");
    json_write_string(json, normalization_kinds[layer->normalization].name);
    json_write_key(json, "initializer");
    json_write_string(json, initializer_functions[layer->initializer].name);
    json_write_end_object(json);
}

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

static void write_optimizer(struct json_writer *json, const struct optimizer_settings *settings) {
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

static void write_class_weights(struct json_writer *json, const struct specification *specification,
                                const float *class_weights) {
    if (class_weights == NULL) {
        json_write_null(json);
        return;
    }
    json_write_begin_object(json);
    for (size_t c = 0; c < specification_classes(specification); c++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", c);
        json_write_key(json, specification->class_count > 0 ? specification->classes[c] : index);
        json_write_float(json, class_weights[c]);
    }
    json_write_end_object(json);
}

void specification_write(struct json_writer *json, const struct specification *specification,
                         const struct specification *settings) {
    json_write_key(json, "inputs");
    json_write_unsigned(json, specification->inputs);
    json_write_key(json, "layers");
    json_write_begin_array(json);
    for (size_t l = 0; l < specification->layer_count; l++) {
        write_layer(json, &specification->layers[l]);
    }
    json_write_end_array(json);
    json_write_key(json, "loss");
    json_write_string(json, loss_functions[specification->loss].name);
    if (specification->loss == LOSS_HUBER) {
        json_write_key(json, "huber_delta");
        json_write_double(json, specification->huber_delta);
    }
    if (specification->loss == LOSS_CATEGORICAL_CROSSENTROPY) {
        json_write_key(json, "output_delta");
        json_write_string(json, output_delta_name_at(settings->output_delta));
    }
    json_write_key(json, "optimizer");
    write_optimizer(json, &settings->optimizer);
    json_write_key(json, "seed");
    json_write_unsigned(json, settings->seed);
    json_write_key(json, "classes");
    if (specification->class_count > 0) {
        json_write_begin_array(json);
        for (size_t c = 0; c < specification->class_count; c++) {
            json_write_string(json, specification->classes[c]);
        }
        json_write_end_array(json);
    } else {
        json_write_null(json);
    }
    json_write_key(json, "standardize");
    json_write_bool(json, specification->standardize);
    json_write_key(json, "class_weights");
    write_class_weights(json, specification, settings->class_weights);
}
