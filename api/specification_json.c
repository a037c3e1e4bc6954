/* Network specifications as JSON; see specification_json.h. */
#include "api/specification_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/checkpoint_policy_json.h"
#include "api/optimizer_json.h"
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

static const char *output_delta_name_at(size_t i) {
    return i < OUTPUT_DELTA_COUNT ? output_delta_rules[i].name : NULL;
}

static const char *normalization_name_at(size_t i) {
    return i < NORMALIZATION_COUNT ? normalization_kinds[i].name : NULL;
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
        code = json_read_name(value, "/activation", activation_name_at, &index, error);
        layer->activation = (enum activation)index;
    } else if (strcmp(name, "alpha") == 0) {
        layer->has_alpha = true;
        code = json_read_number(value, "/alpha", &layer->alpha, error);
    } else if (strcmp(name, "dropout") == 0) {
        code = json_read_number(value, "/dropout", &layer->dropout, error);
    } else if (strcmp(name, "initializer") == 0) {
        code = json_read_name(value, "/initializer", initializer_name_at, &index, error);
        layer->initializer = (enum initializer)index;
    } else {
        code = json_read_name(value, "/normalization", normalization_name_at, &index, error);
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
        code = json_read_name(value, "/loss", loss_name_at, &index, error);
        specification->loss = (enum loss)index;
    } else if (strcmp(name, "huber_delta") == 0) {
        specification->has_huber_delta = true;
        code = json_read_number(value, "/huber_delta", &specification->huber_delta, error);
    } else if (strcmp(name, "output_delta") == 0) {
        specification->has_output_delta = true;
        code = json_read_name(value, "/output_delta", output_delta_name_at, &index, error);
        specification->output_delta = (enum output_delta)index;
    } else if (strcmp(name, "optimizer") == 0) {
        code = optimizer_read(value, &specification->optimizer, error);
        if (code != ERROR_NONE) {
            error_prefix_pointer(error, "/optimizer");
        }
    } else if (strcmp(name, "seed") == 0) {
        code = specification_read_seed(value, &specification->seed, error);
    } else if (strcmp(name, "classes") == 0) {
        code = read_classes(value, specification, error);
    } else if (strcmp(name, "standardize") == 0) {
        code = json_read_boolean(value, "/standardize", &specification->standardize, error);
    } else if (strcmp(name, "checkpoints") == 0) {
        code = checkpoint_policy_read(value, &specification->checkpoints, error);
        if (code != ERROR_NONE) {
            error_prefix_pointer(error, "/checkpoints");
        }
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
        "class_weights checkpoints",
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
    enum error_code code =
        json_check_members(body, "optimizer output_delta class_weights checkpoints", error);
    const json_t *optimizer = json_object_get(body, "optimizer");
    if (code == ERROR_NONE && optimizer != NULL) {
        code = optimizer_change(optimizer, &changed->optimizer, error);
        if (code != ERROR_NONE) {
            error_prefix_pointer(error, "/optimizer");
        }
    }
    const json_t *delta = json_object_get(body, "output_delta");
    if (code == ERROR_NONE && delta != NULL) {
        code = read_member("output_delta", delta, changed, error);
    }
    const json_t *checkpoints = json_object_get(body, "checkpoints");
    if (code == ERROR_NONE && checkpoints != NULL) {
        code = read_member("checkpoints", checkpoints, changed, error);
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
    optimizer_write(json, &settings->optimizer);
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
    json_write_key(json, "checkpoints");
    checkpoint_policy_write(json, &settings->checkpoints);
}
