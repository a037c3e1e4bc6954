/* The options of an intake; see intake.h. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "api/intake.h"

enum { PREDICTION = 1 << INTAKE_PREDICTION, EVALUATION = 1 << INTAKE_EVALUATION };

static double top_k(const struct intake_options *options) {
    return (double)options->top_k;
}

static enum error_code set_top_k(struct intake *intake, double value, struct error *error) {
    const size_t classes = specification_classes(intake->request.specification);
    if (classes == 0) {
        return error_set(error, ERROR_INVALID, "/top_k",
                         "top_k needs exclusive classes: softmax, or one sigmoid output");
    }
    if (!(value >= 1 && value <= (double)classes) || value != floor(value)) {
        return error_set(error, ERROR_INVALID, "/top_k",
                         "top_k %.15g; allowed are whole numbers, 1 to %zu", value, classes);
    }
    intake->options.top_k = (size_t)value;
    return ERROR_NONE;
}

static double min_step(const struct intake_options *options) {
    return (double)options->min_step;
}

static enum error_code set_min_step(struct intake *intake, double value, struct error *error) {
    if (!(value >= 0 && value <= STEP_MAX) || value != floor(value)) {
        return error_set(error, ERROR_INVALID, "/min_step",
                         "min_step %.15g; allowed are whole numbers, 0 to %g", value, STEP_MAX);
    }
    intake->options.min_step = (uint64_t)value;
    return ERROR_NONE;
}

static double confusion_matrix(const struct intake_options *options) {
    return options->confusion_matrix;
}

static enum error_code set_confusion_matrix(struct intake *intake, double value,
                                            struct error *error) {
    if (value != 0 && specification_classes(intake->request.specification) == 0) {
        return error_set(error, ERROR_INVALID, "/confusion_matrix",
                         "a confusion matrix needs exclusive classes: softmax, or one sigmoid "
                         "output");
    }
    intake->options.confusion_matrix = value != 0;
    return ERROR_NONE;
}

static double per_example(const struct intake_options *options) {
    return options->per_example;
}

static enum error_code set_per_example(struct intake *intake, double value, struct error *error) {
    (void)error; /* there is a loss of every model */
    intake->options.per_example = value != 0;
    return ERROR_NONE;
}

static const struct {
    const char *name;
    unsigned purposes;
    double (*value)(const struct intake_options *options);
    enum error_code (*set)(struct intake *intake, double value, struct error *error);
} rows[INTAKE_OPTIONS] = {
    [INTAKE_TOP_K] = {"top_k", PREDICTION | EVALUATION, top_k, set_top_k},
    [INTAKE_MIN_STEP] = {"min_step", PREDICTION, min_step, set_min_step},
    [INTAKE_CONFUSION_MATRIX] = {"confusion_matrix", EVALUATION, confusion_matrix,
                                 set_confusion_matrix},
    [INTAKE_PER_EXAMPLE] = {"per_example", EVALUATION, per_example, set_per_example},
};

bool intake_purpose_has_option(enum intake_purpose purpose, enum intake_option option) {
    return (rows[option].purposes >> purpose & 1) != 0;
}

enum error_code intake_set_option(struct intake *intake, enum intake_option option, double value,
                                  struct error *error) {
    const double former = rows[option].value(&intake->options);
    const bool again = intake->options.given[option];
    const enum error_code code = rows[option].set(intake, value, error);
    if (code == ERROR_NONE && again && value != former) {
        char pointer[48];
        snprintf(pointer, sizeof pointer, "/%s", rows[option].name);
        return error_set(error, ERROR_INVALID, pointer,
                         "%s is %.15g in the body and %.15g in the query; say it once",
                         rows[option].name, value, former);
    }
    intake->options.given[option] = true;
    return code;
}
