/* The schemas of request bodies, and of what they share with answers; see schema.h. */
#include <math.h>
#include <stdio.h>

#include "api/json_intake.h"
#include "api/parameter.h"
#include "api/schema.h"
#include "api/specification_json.h"
#include "core/engine/model.h"
#include "core/maths/specification.h"

/* --- names out of tables ------------------------------------------------------------- */

/* A name of row i and what it is; false behind the last row. */
typedef bool row_function(size_t i, const char **name, const char **documentation);

/* A row_function over a table whose rows have a name and a documentation. */
#define ROWS(function, table, count)                                                               \
    static bool function(size_t i, const char **name, const char **documentation) {                \
        if (i < (count)) {                                                                         \
            *name = (table)[i].name;                                                               \
            *documentation = (table)[i].documentation;                                             \
        }                                                                                          \
        return i < (count);                                                                        \
    }

ROWS(activation_row, activation_functions, ACTIVATION_COUNT)
ROWS(loss_row, loss_functions, LOSS_COUNT)
ROWS(initializer_row, initializer_functions, INITIALIZER_COUNT)
ROWS(normalization_row, normalization_kinds, NORMALIZATION_COUNT)
ROWS(optimizer_row, optimizer_functions, OPTIMIZER_COUNT)
ROWS(output_delta_row, output_delta_rules, OUTPUT_DELTA_COUNT)

/* The names as an enum, and a line of Markdown about each. */
static void write_rows(struct json_writer *json, row_function *row) {
    const char *name, *documentation;
    char text[1024] = "";
    size_t used = 0;
    json_write_constant(json, "'type': 'string'");
    json_write_key(json, "enum");
    json_write_begin_array(json);
    for (size_t i = 0; row(i, &name, &documentation); i++) {
        json_write_string(json, name);
        if (used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s- `%s`: %s",
                                     i > 0 ? "\n" : "", name, documentation);
        }
    }
    json_write_end_array(json);
    json_write_key(json, "description");
    json_write_string(json, text);
}

static void write_activation(struct json_writer *json) {
    write_rows(json, activation_row);
}

static void write_loss(struct json_writer *json) {
    write_rows(json, loss_row);
}

static void write_initializer(struct json_writer *json) {
    write_rows(json, initializer_row);
}

static void write_normalization(struct json_writer *json) {
    write_rows(json, normalization_row);
}

static void write_optimizer_name(struct json_writer *json) {
    write_rows(json, optimizer_row);
}

static void write_output_delta(struct json_writer *json) {
    write_rows(json, output_delta_row);
}

static void write_number(struct json_writer *json, const char *key, double number) {
    json_write_key(json, key);
    json_write_double(json, number);
}

static void write_name(struct json_writer *json, const char *name) {
    json_write_key(json, "name");
    json_write_begin_object(json);
    json_write_constant(json, "'type': 'string'");
    json_write_key(json, "const");
    json_write_string(json, name);
    json_write_end_object(json);
}

/* --- schedules and optimizers --------------------------------------------------------- */

/* What a variant is for: which of its fields must be there. */
enum usage {
    TO_CREATE, /* what has no default */
    TO_CHANGE, /* none */
    ANSWERED   /* all */
};

static const struct schema_field decay_rate = {
    "decay_rate", "'type': 'number', 'exclusiveMinimum': 0, 'maximum': 1", NULL, ALWAYS};
static const struct schema_field decay_steps = {
    "decay_steps", "'type': 'integer', " SCHEMA_RANGE(1, SCHEDULE_STEPS_MAX), NULL, ALWAYS};
static const struct schema_field final_share = {
    "alpha", "'type': 'number', 'default': 0, " SCHEMA_RANGE(0, 1),
    "The share of the rate that stays at the end.", ALWAYS};
static const struct schema_field warmup_steps = {
    "warmup_steps", "'type': 'integer', 'default': 0, " SCHEMA_RANGE(0, SCHEDULE_STEPS_MAX),
    "The rate rises to its full size over so many batches.", ALWAYS};

static void write_schedule(struct json_writer *json, const struct schedule_function *function,
                           bool answered) {
    const struct {
        const struct schema_field *field;
        bool taken, required;
    } fields[] = {{&decay_rate, function->takes_decay_rate, true},
                  {&decay_steps, function->takes_decay_steps, true},
                  {&final_share, function->takes_alpha, answered},
                  {&warmup_steps, true, answered}};
    const char *required[5] = {"name"};
    size_t count = 1;
    json_write_begin_object(json);
    json_write_key(json, "description");
    json_write_string(json, function->documentation);
    schema_begin_object(json, function->name);
    write_name(json, function->name);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].taken) {
            schema_write_field(json, fields[i].field);
        }
        if (fields[i].taken && fields[i].required) {
            required[count++] = fields[i].field->name;
        }
    }
    schema_end_object(json, required, count);
    json_write_end_object(json);
}

static void write_schedules(struct json_writer *json, bool answered) {
    json_write_key(json, "oneOf");
    json_write_begin_array(json);
    for (size_t i = 0; i < SCHEDULE_COUNT; i++) {
        write_schedule(json, &schedule_functions[i], answered);
    }
    json_write_end_array(json);
}

static void write_answered_schedules(struct json_writer *json) {
    write_schedules(json, true);
}

static void write_wanted_schedules(struct json_writer *json) {
    write_schedules(json, false);
}

/* Generated clients may send every default that they are told.  In a change that would
 * undo what is not to change, so `value` is NULL there. */
static void write_option(struct json_writer *json, const struct optimizer_option *option,
                         const double *value) {
    json_write_key(json, option->name);
    json_write_begin_object(json);
    json_write_constant(json, option->nullable ? SCHEMA_FIGURE : SCHEMA_NUMBER);
    write_number(json, option->nullable ? "exclusiveMinimum" : "minimum", option->minimum);
    write_number(json, "maximum", option->maximum);
    if (value != NULL) {
        /* What is nullable and 0 is none: not finite, which is written as null. */
        write_number(json, "default", option->nullable && *value == 0 ? (double)INFINITY : *value);
    }
    json_write_key(json, "description");
    json_write_string(json, option->documentation);
    json_write_end_object(json);
}

static void write_optimizer(struct json_writer *json, enum optimizer optimizer, enum usage usage) {
    const char *required[OPTIMIZER_OPTION_COUNT + 3];
    struct optimizer_settings defaults;
    size_t count = 0;
    optimizer_defaults(&defaults, optimizer);
    json_write_begin_object(json);
    json_write_key(json, "description");
    json_write_string(json, optimizer_functions[optimizer].documentation);
    schema_begin_object(json, optimizer_functions[optimizer].name);
    write_name(json, optimizer_functions[optimizer].name);
    required[count++] = "name";
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        const struct optimizer_option *option = &optimizer_options[i];
        if (option->optimizers & (1u << optimizer)) {
            const double value = optimizer_option_get(&defaults, option);
            write_option(json, option, usage == TO_CREATE ? &value : NULL);
            required[count++] = option->name;
        }
    }
    if (optimizer == OPTIMIZER_SGD) {
        json_write_constant(json, usage == TO_CREATE ? "'nesterov': {" SCHEMA_BOOLEAN
                                                       ", 'default': false}"
                                                     : "'nesterov': {" SCHEMA_BOOLEAN "}");
        required[count++] = "nesterov";
    }
    json_write_constant(json, usage == ANSWERED ? "'schedule': {" SCHEMA_REF("Schedule") "}"
                                                : "'schedule': {" SCHEMA_OR_NULL(
                                                      SCHEMA_REF("ScheduleSettings")) "}");
    required[count++] = "schedule";
    /* adam is what no name means. */
    const size_t wanted = optimizer == OPTIMIZER_ADAM ? 0 : 1;
    const size_t counts[] = {[TO_CREATE] = wanted, [TO_CHANGE] = 0, [ANSWERED] = count};
    schema_end_object(json, required, counts[usage]);
    json_write_end_object(json);
}

static void write_optimizers(struct json_writer *json, enum usage usage) {
    for (enum optimizer optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        write_optimizer(json, optimizer, usage);
    }
}

static void write_wanted_optimizer(struct json_writer *json) {
    json_write_key(json, "oneOf");
    json_write_begin_array(json);
    json_write_constant(json, "{" SCHEMA_REF("OptimizerName") "}");
    write_optimizers(json, TO_CREATE);
    json_write_end_array(json);
}

/* Without a name, settings may fit several. */
static void write_changed_optimizer(struct json_writer *json) {
    json_write_key(json, "anyOf");
    json_write_begin_array(json);
    write_optimizers(json, TO_CHANGE);
    json_write_end_array(json);
}

static void write_answered_optimizer(struct json_writer *json) {
    json_write_key(json, "oneOf");
    json_write_begin_array(json);
    write_optimizers(json, ANSWERED);
    json_write_end_array(json);
}

/* --- models ----------------------------------------------------------------------------- */

#define WIDTH "'type': 'integer', " SCHEMA_RANGE(1, WIDTH_MAX)
#define SEED "'type': ['integer', 'null'], " SCHEMA_RANGE(0, COUNT_MAX)
#define CLASS_WEIGHTS                                                                              \
    "'type': ['object', 'null'], 'additionalProperties': {'type': 'number', " SCHEMA_RANGE(        \
        0, CLASS_WEIGHT_MAX) "}"

static const struct schema_field layer_fields[] = {
    {"units", WIDTH, NULL, ALWAYS},
    {"activation", SCHEMA_OR_NULL(SCHEMA_REF("Activation")),
     "Left out: relu; in the last layer what the loss needs.", SOMETIMES},
    {"alpha", "'type': ['number', 'null'], " SCHEMA_RANGE(-ALPHA_MAX, ALPHA_MAX),
     "Of activations that have one.", SOMETIMES},
    {"dropout", "'type': ['number', 'null'], 'minimum': 0, 'exclusiveMaximum': 1, 'default': 0",
     "The share of units dropped at training; not in the last layer.", SOMETIMES},
    {"normalization", SCHEMA_OR_NULL(SCHEMA_REF("Normalization")),
     "Between the product and the activation; not in the last layer.", SOMETIMES},
    {"initializer", SCHEMA_OR_NULL(SCHEMA_REF("Initializer")),
     "Left out: he_normal before relu and its kin, else glorot_uniform.", SOMETIMES},
    {0},
};

#define CHECKPOINTS SCHEMA_OR_NULL(SCHEMA_REF("CheckpointSettings"))

static const struct schema_field checkpoint_settings_fields[] = {
    {"every_steps", "'type': ['integer', 'null'], " SCHEMA_RANGE(1, CHECKPOINT_STEPS_MAX),
     "One after each so many steps; this or `every_seconds`, or both.", SOMETIMES},
    {"every_seconds",
     "'type': ['number', 'null'], " SCHEMA_RANGE(CHECKPOINT_SECONDS_MIN, CHECKPOINT_SECONDS_MAX),
     "One after the first batch that ends so long after the one before.", SOMETIMES},
    {"keep",
     "'type': ['integer', 'null'], 'default': " JSON_OF(CHECKPOINT_KEEP_DEFAULT) ", " SCHEMA_RANGE(
         0, CHECKPOINT_KEEP_MAX),
     "The newest so many stay, beside the best.", SOMETIMES},
    {"best", "'type': ['string', 'null'], 'enum': ['loss', 'accuracy', null]",
     "The one with the best running loss or running accuracy stays, too.", SOMETIMES},
    {0},
};

static const struct schema_field create_checkpoint_fields[] = {
    {"note", "'type': ['string', 'null'], 'maxLength': " JSON_OF(CHECKPOINT_NOTE_BYTES_MAX),
     "What it is kept for.", SOMETIMES},
    {0},
};

static const struct schema_field create_fields[] = {
    {"name", SCHEMA_NAME, NULL, ALWAYS},
    {"inputs", WIDTH, "Numbers of a row.", ALWAYS},
    {"layers",
     "'type': 'array', 'minItems': 1, 'maxItems': " JSON_OF(
         LAYERS_MAX) ", 'items': {'oneOf': [{" WIDTH "}, {" SCHEMA_REF("LayerSettings") "}]}",
     "A bare number is a layer of so many units.  At most " JSON_OF(
         PARAMETERS_MAX) " parameters in all.",
     ALWAYS},
    {"loss", SCHEMA_OR_NULL(SCHEMA_REF("LossFunction")),
     "Left out: it follows from the last activation.", SOMETIMES},
    {"huber_delta",
     "'type': ['number', 'null'], 'default': " JSON_OF(HUBER_DELTA_DEFAULT) ", " SCHEMA_RANGE(
         HUBER_DELTA_MIN, HUBER_DELTA_MAX),
     "Of the loss huber.", SOMETIMES},
    {"output_delta", SCHEMA_OR_NULL(SCHEMA_REF("OutputDelta")), NULL, SOMETIMES},
    {"optimizer", SCHEMA_OR_NULL(SCHEMA_REF("OptimizerSettings")), "Left out: adam.", SOMETIMES},
    {"seed", SEED ", 'default': " JSON_OF(SEED_DEFAULT),
     "The same seed and batches give the same weights to the bit.", SOMETIMES},
    {"classes",
     "'type': ['array', 'null'], 'minItems': 1, 'uniqueItems': true, 'items': {'type': 'string', "
     "'minLength': 1, 'maxLength': " JSON_OF(CLASS_NAME_BYTES_MAX) "}",
     "The names of the classes, or of several sigmoid outputs.", SOMETIMES},
    {"standardize", "'type': ['boolean', 'null'], 'default': false",
     "Learn mean and variance of each input on line, and standardize by them.", SOMETIMES},
    {"class_weights", CLASS_WEIGHTS,
     "By class name, or by index where there are no names; one left out is 1.", SOMETIMES},
    {"checkpoints", CHECKPOINTS, "When checkpoints are taken by themselves; left out: never.",
     SOMETIMES},
    {0},
};

static const struct schema_field change_fields[] = {
    {"optimizer", SCHEMA_REF("OptimizerChange"), "Settings of the optimizer that the model has.",
     SOMETIMES},
    {"output_delta", SCHEMA_REF("OutputDelta"), NULL, SOMETIMES},
    {"class_weights", CLASS_WEIGHTS, "All of them anew; null: none.", SOMETIMES},
    {"checkpoints", CHECKPOINTS, "All of it anew; null: never.", SOMETIMES},
    {0},
};

static const struct schema_field clone_fields[] = {
    {"name", SCHEMA_NAME, "Of the copy.", ALWAYS},
    {0},
};

static const struct schema_field backup_fields[] = {
    {"name", "'type': 'string', 'pattern': '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$'",
     "By default the time.", SOMETIMES},
    {0},
};

static const struct schema_field reset_fields[] = {
    {"seed", SEED, "Left out: the seed that the model has.", SOMETIMES},
    {0},
};

/* --- bodies of tensors --------------------------------------------------------------------- */

static void write_body(struct json_writer *json, enum intake_purpose purpose) {
    struct json_intake_field row;
    const char *required[INTAKE_TENSORS];
    size_t count = 0;
    schema_begin_object(json, NULL);
    for (size_t i = 0; json_intake_field(purpose, i, &row); i++) {
        schema_write_field(
            json, &(struct schema_field){row.name, row.schema, .documentation = row.documentation});
        if (row.required) {
            required[count++] = row.name;
        }
    }
    schema_end_object(json, required, count);
}

static void write_batch_body(struct json_writer *json) {
    write_body(json, INTAKE_BATCH);
}

static void write_prediction_body(struct json_writer *json) {
    write_body(json, INTAKE_PREDICTION);
}

static void write_evaluation_body(struct json_writer *json) {
    write_body(json, INTAKE_EVALUATION);
}

/* --- the rows -------------------------------------------------------------------------------- */

/* The examples belong together: a model, what it is trained with, asked and changed. */
const struct schema request_schemas[] = {
    {"CreateModel", "A network and how it learns.", .fields = create_fields,
     .example = "{'name': 'iris', 'inputs': 4, 'layers': [{'units': 16, 'activation': 'relu'}, "
                "{'units': 3, 'activation': 'softmax'}], 'optimizer': {'name': 'adam', "
                "'learning_rate': 0.01}, 'classes': ['setosa', 'versicolor', 'virginica'], "
                "'standardize': true}"},
    {"LayerSettings", "A layer; what is left out has a default.", .fields = layer_fields},
    {"CheckpointSettings", "When checkpoints are taken by themselves.",
     .fields = checkpoint_settings_fields},
    {"CreateCheckpoint", "A note.", .fields = create_checkpoint_fields,
     .example = "{'note': 'before the new sensors'}"},
    {"Activation", .write = write_activation},
    {"Normalization", .write = write_normalization},
    {"Initializer", .write = write_initializer},
    {"LossFunction", .write = write_loss},
    {"OutputDelta", .write = write_output_delta},
    {"OptimizerName", .write = write_optimizer_name},
    {"OptimizerSettings", "An optimizer by its name, or with settings.",
     .write = write_wanted_optimizer},
    {"OptimizerChange", "Settings of the optimizer that the model has.",
     .write = write_changed_optimizer},
    {"Optimizer", "An optimizer with all its settings.", .write = write_answered_optimizer},
    {"ScheduleSettings", "How the learning rate goes on.", .write = write_wanted_schedules},
    {"Schedule", "How the learning rate goes on, with all settings.",
     .write = write_answered_schedules},
    {"ChangeModel", "What shall change.", .fields = change_fields,
     .example = "{'optimizer': {'learning_rate': 0.001}}"},
    {"CloneModel", "A copy's name.", .fields = clone_fields, .example = "{'name': 'iris-2'}"},
    {"BackupRequest", "A name.", .fields = backup_fields, .example = "{'name': 'before-2.0'}"},
    {"ResetModel", "A seed.", .fields = reset_fields, .example = "{'seed': 7}"},
    {"BatchBody", "Rows, and either labels or targets for each.", .write = write_batch_body,
     .example = "{'inputs': [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]], 'labels': ['setosa', "
                "'virginica']}"},
    {"PredictionBody", "Rows.", .write = write_prediction_body,
     .example = "{'inputs': [[6.1, 2.8, 4.7, 1.2]], 'top_k': 2}"},
    {"EvaluationBody", "Rows, and either labels or targets for each.",
     .write = write_evaluation_body,
     .example = "{'inputs': [[4.9, 3.0, 1.4, 0.2], [5.8, 2.7, 5.1, 1.9]], 'labels': [0, 2]}"},
};

const size_t request_schema_count = sizeof request_schemas / sizeof *request_schemas;
