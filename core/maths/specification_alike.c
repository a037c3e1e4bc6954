/* Whether the numbers of one network mean the same in another; see specification.h. */
#include <string.h>

#include "core/maths/specification.h"

static enum error_code check_layers(const struct specification *a, const struct specification *b,
                                    struct error *error) {
    for (size_t l = 0; l < a->layer_count; l++) {
        const struct layer_specification *one = &a->layers[l], *other = &b->layers[l];
        if (one->units != other->units) {
            return error_set(error, ERROR_INVALID, NULL, "layer %zu has %zu units against %zu", l,
                             one->units, other->units);
        }
        if (one->activation != other->activation || one->alpha != other->alpha) {
            return error_set(error, ERROR_INVALID, NULL,
                             "layer %zu has the activation %s against %s (alpha %g against %g)", l,
                             activation_functions[one->activation].name,
                             activation_functions[other->activation].name, one->alpha,
                             other->alpha);
        }
        if (one->normalization != other->normalization) {
            return error_set(error, ERROR_INVALID, NULL,
                             "layer %zu has the normalization %s against %s", l,
                             normalization_kinds[one->normalization].name,
                             normalization_kinds[other->normalization].name);
        }
    }
    return ERROR_NONE;
}

static enum error_code check_classes(const struct specification *a, const struct specification *b,
                                     struct error *error) {
    if (a->class_count != b->class_count) {
        return error_set(error, ERROR_INVALID, NULL, "%zu class names against %zu", a->class_count,
                         b->class_count);
    }
    for (size_t c = 0; c < a->class_count; c++) {
        if (strcmp(a->classes[c], b->classes[c]) != 0) {
            return error_set(error, ERROR_INVALID, NULL, "class %zu is '%.60s' against '%.60s'", c,
                             a->classes[c], b->classes[c]);
        }
    }
    return ERROR_NONE;
}

enum error_code specification_check_alike(const struct specification *a,
                                          const struct specification *b, struct error *error) {
    if (a->inputs != b->inputs) {
        return error_set(error, ERROR_INVALID, NULL, "%zu inputs against %zu", a->inputs,
                         b->inputs);
    }
    if (a->layer_count != b->layer_count) {
        return error_set(error, ERROR_INVALID, NULL, "%zu layers against %zu", a->layer_count,
                         b->layer_count);
    }
    if (a->loss != b->loss || a->huber_delta != b->huber_delta) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the loss %s against %s (huber_delta %g against %g)",
                         loss_functions[a->loss].name, loss_functions[b->loss].name, a->huber_delta,
                         b->huber_delta);
    }
    if (a->standardize != b->standardize) {
        return error_set(error, ERROR_INVALID, NULL, "one standardizes its inputs, one does not");
    }
    const enum error_code code = check_layers(a, b, error);
    return code == ERROR_NONE ? check_classes(a, b, error) : code;
}
