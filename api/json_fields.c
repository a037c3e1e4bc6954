/* The table of fields; see json_fields.h. */
#include "api/json_fields.h"

#include <stdio.h>
#include <string.h>

#include "api/json_intake.h"
#include "api/schema.h"

const struct json_field json_fields[] = {
    {"inputs", FIELD_ROWS, INTAKE_INPUTS, INTAKE_OPTIONS,
     "an array of rows, each an array of numbers",
     "The rows, each of as many numbers as the model has inputs."},
    {"labels", FIELD_LABELS, INTAKE_LABELS, INTAKE_OPTIONS,
     "an array of class indices or class names, one a row",
     "The class of each row, by its index or its name."},
    {"targets", FIELD_ROWS, INTAKE_TARGETS, INTAKE_OPTIONS,
     "an array of rows, each an array of numbers",
     "What the outputs of each row are to be; of softmax probabilities that sum to 1."},
    {"sample_weights", FIELD_NUMBERS, INTAKE_SAMPLE_WEIGHTS, INTAKE_OPTIONS,
     "an array of numbers, one a row", "How much the loss of each row counts; left out: 1."},
    {"top_k", FIELD_POSITIVE, INTAKE_TENSORS, INTAKE_TOP_K, "a whole number",
     "How many classes, likeliest first, a prediction lists in place of all probabilities, or "
     "`top_k_accuracy` takes for right; at most as many as there are."},
    {"min_step", FIELD_WHOLE, INTAKE_TENSORS, INTAKE_MIN_STEP, "a whole number",
     "Answer with weights of this step or a later one: waited for as long as `Prefer: wait=S` "
     "says (504 when that is over), else 409."},
    {"confusion_matrix", FIELD_BOOLEAN, INTAKE_TENSORS, INTAKE_CONFUSION_MATRIX, "true or false",
     "Answer the confusion matrix of more than 100 classes, too."},
    {"per_example", FIELD_BOOLEAN, INTAKE_TENSORS, INTAKE_PER_EXAMPLE, "true or false",
     "Answer the loss of each row, too."},
};
enum { FIELDS = sizeof json_fields / sizeof *json_fields };

static bool has_field(enum intake_purpose purpose, const struct json_field *field) {
    return field->tensor != INTAKE_TENSORS ? intake_purpose_has_tensor(purpose, field->tensor)
                                           : intake_purpose_has_option(purpose, field->option);
}

const struct json_field *json_field_find(enum intake_purpose purpose, const char *name,
                                         size_t length) {
    for (const struct json_field *field = json_fields; field < json_fields + FIELDS; field++) {
        if (has_field(purpose, field) && strlen(field->name) == length &&
            memcmp(field->name, name, length) == 0) {
            return field;
        }
    }
    return NULL;
}

void json_fields_list(enum intake_purpose purpose, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < FIELDS && used < size; i++) {
        if (has_field(purpose, &json_fields[i])) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     json_fields[i].name);
        }
    }
}

/* ---- Documentation ---- */

bool json_intake_field(enum intake_purpose purpose, size_t i, struct json_intake_field *field) {
    static const char *const schemas[] = {
        [FIELD_ROWS] = "'type': ['array', 'null'], 'items': {'type': 'array', 'items': "
                       "{'type': 'number'}}",
        [FIELD_LABELS] = "'type': ['array', 'null'], 'items': {'anyOf': [{'type': 'integer', "
                         "'minimum': 0}, {'type': 'string'}]}",
        [FIELD_NUMBERS] = "'type': ['array', 'null'], 'items': {'type': 'number', 'minimum': 0, "
                          "'maximum': " JSON_OF(SAMPLE_WEIGHT_MAX) "}",
        [FIELD_POSITIVE] = "'type': ['integer', 'null'], 'minimum': 1",
        [FIELD_WHOLE] = "'type': ['integer', 'null'], 'minimum': 0",
        [FIELD_BOOLEAN] = "'type': ['boolean', 'null']",
    };
    for (size_t f = 0; f < FIELDS; f++) {
        if (!has_field(purpose, &json_fields[f]) || i-- > 0) {
            continue;
        }
        const bool required = json_fields[f].tensor == INTAKE_INPUTS;
        *field = (struct json_intake_field){
            .name = json_fields[f].name,
            .schema = required ? "'type': 'array', 'minItems': 1, 'items': {'type': 'array', "
                                 "'minItems': 1, 'items': {'type': 'number'}}"
                               : schemas[json_fields[f].kind],
            .documentation = json_fields[f].documentation,
            .required = required,
        };
        return true;
    }
    return false;
}
