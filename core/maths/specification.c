/* Network specifications; see specification.h. */
#include "core/maths/specification.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

void specification_init(struct specification *specification) {
    memset(specification, 0, sizeof *specification);
    specification->loss = LOSS_UNSET;
    specification->huber_delta = HUBER_DELTA_DEFAULT;
    specification->seed = SEED_DEFAULT;
    optimizer_defaults(&specification->optimizer, OPTIMIZER_ADAM);
}

bool specification_set_layers(struct specification *specification, size_t count) {
    memory_free(specification->layers);
    specification->layers = memory_allocate_zero(count, sizeof *specification->layers);
    specification->layer_count = specification->layers != NULL ? count : 0;
    for (size_t l = 0; l < specification->layer_count; l++) {
        specification->layers[l].activation = ACTIVATION_UNSET;
        specification->layers[l].initializer = INITIALIZER_UNSET;
    }
    return specification->layers != NULL;
}

void specification_free(struct specification *specification) {
    memory_free(specification->layers);
    for (size_t c = 0; c < specification->class_count; c++) {
        memory_free(specification->classes[c]);
    }
    memory_free(specification->classes);
    memory_free(specification->class_order);
    memory_free(specification->class_weights);
    specification->layers = NULL;
    specification->layer_count = 0;
    specification->classes = NULL;
    specification->class_order = NULL;
    specification->class_count = 0;
    specification->class_weights = NULL;
}

static void *copy_of(const void *block, size_t bytes) {
    void *copy = memory_allocate(bytes, 1);
    if (copy != NULL) {
        memcpy(copy, block, bytes);
    }
    return copy;
}

static bool copy_classes(struct specification *copy, const struct specification *from) {
    copy->classes = memory_allocate(from->class_count, sizeof *copy->classes);
    copy->class_order = copy_of(from->class_order, from->class_count * sizeof *from->class_order);
    for (size_t c = 0; copy->classes != NULL && c < from->class_count; c++) {
        copy->classes[c] = memory_copy_string(from->classes[c]);
        if (copy->classes[c] == NULL) {
            return false;
        }
        copy->class_count++;
    }
    return copy->classes != NULL && copy->class_order != NULL;
}

enum error_code specification_copy_settings(struct specification *copy,
                                            const struct specification *settings,
                                            struct error *error) {
    *copy = *settings;
    if (settings->class_weights == NULL) {
        return ERROR_NONE;
    }
    copy->class_weights =
        copy_of(settings->class_weights, specification_classes(settings) * sizeof(float));
    return copy->class_weights != NULL
               ? ERROR_NONE
               : error_set(error, ERROR_MEMORY, NULL, "no memory for class weights");
}

enum error_code specification_copy(struct specification *copy,
                                   const struct specification *structure,
                                   const struct specification *settings, struct error *error) {
    const enum error_code code = specification_copy_settings(copy, settings, error);
    copy->classes = NULL;
    copy->class_order = NULL;
    copy->class_count = 0;
    copy->layers = NULL;
    if (code != ERROR_NONE) {
        return code;
    }
    copy->layers = copy_of(structure->layers, structure->layer_count * sizeof *structure->layers);
    if (copy->layers == NULL || (structure->class_count > 0 && !copy_classes(copy, structure))) {
        specification_free(copy);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for layers and class names");
    }
    return ERROR_NONE;
}

size_t specification_outputs(const struct specification *specification) {
    return specification->layers[specification->layer_count - 1].units;
}

size_t specification_classes(const struct specification *specification) {
    const size_t outputs = specification_outputs(specification);
    switch (specification->loss) {
    case LOSS_CATEGORICAL_CROSSENTROPY:
        return outputs;
    case LOSS_BINARY_CROSSENTROPY:
        return outputs == 1 ? 2 : 0;
    default:
        return 0;
    }
}

ptrdiff_t specification_find_class(const struct specification *specification, const char *name) {
    size_t begin = 0;
    size_t end = specification->class_order != NULL ? specification->class_count : 0;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const uint32_t index = specification->class_order[middle];
        const int order = strcmp(name, specification->classes[index]);
        if (order == 0) {
            return (ptrdiff_t)index;
        }
        if (order < 0) {
            end = middle;
        } else {
            begin = middle + 1;
        }
    }
    return -1;
}

size_t specification_parameters(const struct specification *specification) {
    size_t parameters = 0;
    size_t fan_in = specification->inputs;
    for (size_t l = 0; l < specification->layer_count; l++) {
        const struct layer_specification *layer = &specification->layers[l];
        const size_t per_unit = layer->normalization != NORMALIZATION_NONE ? 3 : 1;
        parameters += (fan_in + per_unit) * layer->units;
        fan_in = layer->units;
    }
    return parameters;
}

/* "/layers/3/units" in a buffer of the caller. */
static const char *layer_pointer(char buffer[64], size_t layer, const char *field) {
    snprintf(buffer, 64, "/layers/%zu%s%s", layer, *field != '\0' ? "/" : "", field);
    return buffer;
}

static void fill_in(struct specification *s) {
    struct layer_specification *last = &s->layers[s->layer_count - 1];
    if (last->activation == ACTIVATION_UNSET) {
        last->activation =
            s->loss == LOSS_UNSET ? ACTIVATION_SOFTMAX : loss_functions[s->loss].last;
    }
    if (s->loss == LOSS_UNSET) {
        s->loss = loss_for_activation(last->activation);
    }
    for (size_t l = 0; l < s->layer_count; l++) {
        struct layer_specification *layer = &s->layers[l];
        if (layer->activation == ACTIVATION_UNSET) {
            layer->activation = ACTIVATION_RELU;
        }
        if (!layer->has_alpha) {
            layer->alpha = activation_functions[layer->activation].default_alpha;
        }
        if (layer->initializer == INITIALIZER_UNSET) {
            layer->initializer = initializer_default(layer->activation);
        }
    }
}

static enum error_code check_layer(const struct specification *s, size_t l, struct error *error) {
    const struct layer_specification *layer = &s->layers[l];
    const struct activation_function *activation = &activation_functions[layer->activation];
    char pointer[64];
    if (layer->units < 1 || layer->units > WIDTH_MAX) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "units"),
                         "a layer of %zu units; allowed are 1 to %d", layer->units, WIDTH_MAX);
    }
    if (layer->activation == ACTIVATION_SOFTMAX && l + 1 < s->layer_count) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "activation"),
                         "softmax in a hidden layer; it is for the last layer only");
    }
    if (layer->has_alpha && !activation->takes_alpha) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "alpha"),
                         "%s has no alpha; leaky_relu and elu have", activation->name);
    }
    if (!(fabs(layer->alpha) <= ALPHA_MAX)) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "alpha"),
                         "alpha %g; allowed are %g to %g", layer->alpha, -ALPHA_MAX, ALPHA_MAX);
    }
    if (!(layer->dropout >= 0 && layer->dropout < 1)) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "dropout"),
                         "dropout %g; allowed is from 0 to below 1", layer->dropout);
    }
    if (layer->dropout > 0 && l + 1 == s->layer_count) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "dropout"),
                         "dropout in the last layer would drop answers; it is for hidden layers");
    }
    if (layer->normalization != NORMALIZATION_NONE && l + 1 == s->layer_count) {
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, l, "normalization"),
                         "normalization in the last layer would bind the answers to one another; "
                         "it is for hidden layers");
    }
    return ERROR_NONE;
}

static enum error_code check_size(const struct specification *s, struct error *error) {
    /* Cannot overflow: at most 64 × (10⁶+3) × 10⁶. */
    const size_t parameters = specification_parameters(s);
    if (parameters > PARAMETERS_MAX) {
        return error_set(error, ERROR_INVALID, "/layers",
                         "a network of %zu parameters; allowed are %d", parameters, PARAMETERS_MAX);
    }
    return ERROR_NONE;
}

static enum error_code check_loss(const struct specification *s, struct error *error) {
    const struct loss_function *loss = &loss_functions[s->loss];
    const struct layer_specification *last = &s->layers[s->layer_count - 1];
    const char *activation = activation_functions[last->activation].name;
    if (loss->fused != ACTIVATION_UNSET && last->activation != loss->fused) {
        return error_set(error, ERROR_INVALID, "/loss",
                         "%s needs %s as the last activation, which is %s", loss->name,
                         activation_functions[loss->fused].name, activation);
    }
    if (loss->fused == ACTIVATION_UNSET && last->activation == ACTIVATION_SOFTMAX) {
        return error_set(error, ERROR_INVALID, "/loss",
                         "%s does not fit a softmax output; categorical_crossentropy does",
                         loss->name);
    }
    if (last->activation == ACTIVATION_SOFTMAX && last->units == 1) {
        char pointer[64];
        return error_set(error, ERROR_INVALID, layer_pointer(pointer, s->layer_count - 1, "units"),
                         "one softmax unit always answers 1: use one sigmoid unit, or two "
                         "softmax units");
    }
    if (s->has_huber_delta && s->loss != LOSS_HUBER) {
        return error_set(error, ERROR_INVALID, "/huber_delta",
                         "huber_delta belongs to the loss huber, and the loss is %s", loss->name);
    }
    if (!(s->huber_delta >= HUBER_DELTA_MIN && s->huber_delta <= HUBER_DELTA_MAX)) {
        return error_set(error, ERROR_INVALID, "/huber_delta",
                         "huber_delta %g; allowed are %g to %g", s->huber_delta, HUBER_DELTA_MIN,
                         HUBER_DELTA_MAX);
    }
    if (s->has_output_delta && s->output_delta == OUTPUT_DELTA_DIAGONAL &&
        s->loss != LOSS_CATEGORICAL_CROSSENTROPY) {
        return error_set(error, ERROR_INVALID, "/output_delta",
                         "diagonal is a rule for categorical_crossentropy, and the loss is %s",
                         loss->name);
    }
    return ERROR_NONE;
}

static enum error_code check_optimizer(const struct specification *s, struct error *error) {
    const struct optimizer_settings *o = &s->optimizer;
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        const struct optimizer_option *option = &optimizer_options[i];
        const double value = optimizer_option_get(o, option);
        if ((option->optimizers & (1u << o->optimizer)) &&
            !(value >= option->minimum && value <= option->maximum)) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/optimizer/%s", option->name);
            return error_set(error, ERROR_INVALID, pointer, "%s %g; allowed are %g to %.9g",
                             option->name, value, option->minimum, option->maximum);
        }
    }
    if (o->clip_norm > 0 && o->clip_value > 0) {
        return error_set(error, ERROR_INVALID, "/optimizer/clip_value",
                         "clip_norm and clip_value together; allowed is one of them");
    }
    if (o->nesterov && !(o->momentum > 0)) {
        return error_set(error, ERROR_INVALID, "/optimizer/nesterov",
                         "nesterov needs a momentum above 0");
    }
    return ERROR_NONE;
}

static enum error_code check_schedule(const struct specification *s, struct error *error) {
    const struct schedule_settings *schedule = &s->optimizer.schedule;
    const struct schedule_function *function = &schedule_functions[schedule->schedule];
    if (function->takes_decay_steps && schedule->decay_steps < 1) {
        return error_set(error, ERROR_INVALID, "/optimizer/schedule/decay_steps",
                         "the schedule %s needs decay_steps of at least 1", function->name);
    }
    if (function->takes_decay_rate && !(schedule->decay_rate > 0 && schedule->decay_rate <= 1)) {
        return error_set(error, ERROR_INVALID, "/optimizer/schedule/decay_rate",
                         "decay_rate %g; the schedule %s needs one above 0, up to 1",
                         schedule->decay_rate, function->name);
    }
    if (function->takes_alpha && !(schedule->alpha >= 0 && schedule->alpha <= 1)) {
        return error_set(error, ERROR_INVALID, "/optimizer/schedule/alpha",
                         "alpha %g; allowed are 0 to 1", schedule->alpha);
    }
    return ERROR_NONE;
}

static int compare_class_names(const void *a, const void *b, void *classes) {
    char *const *names = classes;
    return strcmp(names[*(const uint32_t *)a], names[*(const uint32_t *)b]);
}

/* Put the classes in the order of their names, and find two that are the same. */
static enum error_code order_classes(struct specification *s, struct error *error) {
    if (s->class_count == 0 || s->class_order != NULL) {
        return ERROR_NONE;
    }
    s->class_order = memory_allocate(s->class_count, sizeof *s->class_order);
    if (s->class_order == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu class names",
                         s->class_count);
    }
    for (size_t c = 0; c < s->class_count; c++) {
        s->class_order[c] = (uint32_t)c;
    }
    qsort_r(s->class_order, s->class_count, sizeof *s->class_order, compare_class_names,
            s->classes);
    for (size_t c = 0; c < s->class_count; c++) {
        const char *name = s->classes[s->class_order[c]];
        const size_t bytes = strlen(name);
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/classes/%u", s->class_order[c]);
        if (bytes < 1 || bytes > CLASS_NAME_BYTES_MAX) {
            return error_set(error, ERROR_INVALID, pointer,
                             "a class name of %zu bytes; allowed are 1 to %d", bytes,
                             CLASS_NAME_BYTES_MAX);
        }
        if (c > 0 && strcmp(name, s->classes[s->class_order[c - 1]]) == 0) {
            return error_set(error, ERROR_INVALID, pointer, "the class name '%.60s' twice", name);
        }
    }
    return ERROR_NONE;
}

static enum error_code check_classes(const struct specification *s, struct error *error) {
    const size_t classes = specification_classes(s);
    if (s->class_count > 0 && classes == 0) {
        /* Several sigmoid outputs: names of the outputs, not of exclusive classes. */
        const size_t outputs = specification_outputs(s);
        if (s->loss != LOSS_BINARY_CROSSENTROPY) {
            return error_set(error, ERROR_INVALID, "/classes",
                             "class names for a regression (loss %s)",
                             loss_functions[s->loss].name);
        }
        if (s->class_count != outputs) {
            return error_set(error, ERROR_INVALID, "/classes", "%zu class names for %zu outputs",
                             s->class_count, outputs);
        }
    } else if (s->class_count > 0 && s->class_count != classes) {
        return error_set(error, ERROR_INVALID, "/classes", "%zu class names for %zu classes",
                         s->class_count, classes);
    }
    if (s->class_weights != NULL && classes == 0) {
        return error_set(error, ERROR_INVALID, "/class_weights",
                         "class weights need exclusive classes: softmax, or one sigmoid output");
    }
    for (size_t c = 0; s->class_weights != NULL && c < classes; c++) {
        const double weight = (double)s->class_weights[c];
        if (!(weight >= 0 && weight <= CLASS_WEIGHT_MAX)) {
            return error_set(error, ERROR_INVALID, "/class_weights",
                             "the weight %g of class %zu; allowed are 0 to %g", weight, c,
                             CLASS_WEIGHT_MAX);
        }
    }
    return ERROR_NONE;
}

static enum error_code check_checkpoints(const struct specification *s, struct error *error) {
    const struct checkpoint_policy *policy = &s->checkpoints;
    if (!checkpoint_policy_is_on(policy)) {
        return ERROR_NONE;
    }
    if (policy->best == CHECKPOINT_METRIC_ACCURACY && !loss_functions[s->loss].classifies) {
        return error_set(error, ERROR_INVALID, "/checkpoints/best",
                         "a regression (loss %s) has no accuracy; allowed is loss",
                         loss_functions[s->loss].name);
    }
    if (policy->keep == 0 && policy->best == CHECKPOINT_METRIC_NONE) {
        return error_set(error, ERROR_INVALID, "/checkpoints/keep",
                         "keep 0 without best keeps none of the checkpoints");
    }
    return ERROR_NONE;
}

enum error_code specification_check(const struct specification *s, struct error *error) {
    enum error_code code = ERROR_NONE;
    for (size_t l = 0; l < s->layer_count && code == ERROR_NONE; l++) {
        code = check_layer(s, l, error);
    }
    static enum error_code (*const checks[])(const struct specification *, struct error *) = {
        check_size, check_loss, check_optimizer, check_schedule, check_classes, check_checkpoints};
    for (size_t i = 0; i < sizeof checks / sizeof *checks && code == ERROR_NONE; i++) {
        code = checks[i](s, error);
    }
    return code;
}

enum error_code specification_complete(struct specification *s, struct error *error) {
    if (s->inputs < 1 || s->inputs > WIDTH_MAX) {
        return error_set(error, ERROR_INVALID, "/inputs", "%zu inputs; allowed are 1 to %d",
                         s->inputs, WIDTH_MAX);
    }
    if (s->layer_count < 1 || s->layer_count > LAYERS_MAX) {
        return error_set(error, ERROR_INVALID, "/layers", "%zu layers; allowed are 1 to %d",
                         s->layer_count, LAYERS_MAX);
    }
    fill_in(s);
    const enum error_code code = specification_check(s, error);
    return code == ERROR_NONE ? order_classes(s, error) : code;
}
