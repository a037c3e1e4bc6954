/* The schemas of answers; see schema.h. */
#include "api/schema.h"
#include "core/engine/model.h"
#include "core/maths/specification.h"

/* --- models ------------------------------------------------------------------------- */

static const struct schema_field layer_fields[] = {
    {"units", "'type': 'integer', " SCHEMA_RANGE(1, WIDTH_MAX), NULL, ALWAYS},
    {"activation", SCHEMA_REF("Activation"), NULL, ALWAYS},
    {"alpha", SCHEMA_NUMBER, "Of activations that have one.", SOMETIMES},
    {"dropout", "'type': 'number', 'minimum': 0, 'exclusiveMaximum': 1", NULL, ALWAYS},
    {"normalization", SCHEMA_REF("Normalization"), NULL, ALWAYS},
    {"initializer", SCHEMA_REF("Initializer"), NULL, ALWAYS},
    {0},
};

/* Rows that several lists have. */
/* clang-format off */
#define SIZES                                                                                      \
    {"outputs", SCHEMA_COUNT, "Units of the last layer.", ALWAYS},                                 \
    {"parameters", SCHEMA_COUNT, "What is trained.", ALWAYS}
#define FIGURES                                                                                    \
    {"step", SCHEMA_COUNT, "Batches trained so far.", ALWAYS},                                     \
    {"examples", SCHEMA_COUNT, "Rows trained so far.", ALWAYS},                                    \
    {"queue_depth", SCHEMA_COUNT, "Batches that wait.", ALWAYS},                                   \
    {"last_loss", SCHEMA_FIGURE, "Of the last trained batch.", ALWAYS},                            \
    {"running_loss", SCHEMA_FIGURE,                                                                \
     "Mean over the last " JSON_OF(HISTORY_RUNNING_ROWS) " batches.", ALWAYS},                     \
    {"running_accuracy", SCHEMA_FIGURE, "The same of the accuracy; null for regression.", ALWAYS}, \
    {"bytes", SCHEMA_COUNT, "Memory it has reserved.", ALWAYS},                                    \
    {"state", "'type': 'string', 'enum': ['idle', 'training']", NULL, ALWAYS},                     \
    {"created_at", SCHEMA_TIME, NULL, ALWAYS},                                                     \
    {"updated_at", SCHEMA_TIME, NULL, ALWAYS}
#define MODEL_AND_STEP                                                                             \
    {"model", SCHEMA_NAME, NULL, ALWAYS},                                                          \
    {"step", SCHEMA_COUNT, "The step of the weights that answered.", ALWAYS}
#define EVALUATED                                                                                  \
    MODEL_AND_STEP,                                                                                \
    {"loss", SCHEMA_FIGURE, NULL, ALWAYS},                                                         \
    {"examples", SCHEMA_COUNT, NULL, ALWAYS}
#define ROW_LOSSES                                                                                 \
    {"losses", SCHEMA_LIST(SCHEMA_NUMBER), "With `per_example`: of each row; `loss` is their mean.",\
     SOMETIMES}
/* clang-format on */

static const struct schema_field model_fields[] = {
    {"name", SCHEMA_NAME, NULL, ALWAYS},
    {"id", SCHEMA_TEXT, "New at each creation, also under the same name.", ALWAYS},
    {"revision", SCHEMA_COUNT, "Grows with every change of settings.", ALWAYS},
    {"inputs", "'type': 'integer', " SCHEMA_RANGE(1, WIDTH_MAX), NULL, ALWAYS},
    {"layers", SCHEMA_LIST(SCHEMA_REF("Layer")), NULL, ALWAYS},
    {"loss", SCHEMA_REF("LossFunction"), NULL, ALWAYS},
    {"huber_delta", SCHEMA_NUMBER, "Of the loss huber.", SOMETIMES},
    {"output_delta", SCHEMA_REF("OutputDelta"), "Of the loss categorical_crossentropy.", SOMETIMES},
    {"optimizer", SCHEMA_REF("Optimizer"), NULL, ALWAYS},
    {"seed", SCHEMA_COUNT, NULL, ALWAYS},
    {"classes", "'type': ['array', 'null'], 'items': {'type': 'string'}", NULL, ALWAYS},
    {"standardize", SCHEMA_BOOLEAN, NULL, ALWAYS},
    {"class_weights", "'type': ['object', 'null'], 'additionalProperties': {'type': 'number'}",
     NULL, ALWAYS},
    {"checkpoints", SCHEMA_OR_NULL(SCHEMA_REF("CheckpointPolicy")),
     "When they are taken by themselves; null: never.", ALWAYS},
    SIZES,
    FIGURES,
    {"weights_sha256", "'type': 'string', 'pattern': '^[0-9a-f]{64}$'", "Where it was asked for.",
     SOMETIMES},
    {"effective_step", SCHEMA_COUNT, "After a change: the first step that is trained with it.",
     SOMETIMES},
    {0},
};

static const struct schema_field summary_fields[] = {
    {"name", SCHEMA_NAME, NULL, ALWAYS},
    {"id", SCHEMA_TEXT, NULL, ALWAYS},
    {"inputs", SCHEMA_COUNT, NULL, ALWAYS},
    SIZES,
    FIGURES,
    {0},
};

static const struct schema_field list_fields[] = {
    {"data", SCHEMA_LIST(SCHEMA_REF("ModelSummary")), NULL, ALWAYS},
    {"has_more", SCHEMA_BOOLEAN, NULL, ALWAYS},
    {"next", "'type': ['string', 'null']", "For `after`.", ALWAYS},
    {0},
};

static const struct schema_field cost_fields[] = {
    {"parameters", SCHEMA_COUNT, "What would be trained.", ALWAYS},
    {"bytes", SCHEMA_COUNT, "What it would reserve before its first batch.", ALWAYS},
    {"bytes_left", SCHEMA_COUNT, "What --max-memory leaves at present.", ALWAYS},
    {0},
};

static const struct schema_field waiting_fields[] = {
    {"state", "'type': 'string', 'enum': ['queued', 'done']",
     "`done` where it was preferred not to wait, and its turn has come all the same.", ALWAYS},
    {0},
};

/* To a body that is a table. */
#define TABLE                                                                                      \
    {"rows", SCHEMA_COUNT, "Of a CSV body: rows of numbers that were found.", SOMETIMES}, {        \
        "columns", SCHEMA_COUNT, "Of a CSV body.", SOMETIMES                                       \
    }

/* --- batches ------------------------------------------------------------------------ */

#define FINISHED_STATE "'type': 'string', 'enum': ['trained', 'diverged', 'cancelled']"

static const struct schema_field waiting_batch_fields[] = {
    {"batch", SCHEMA_COUNT, "Its number, never given again.", ALWAYS},
    {"state", SCHEMA_CONST("queued"), NULL, ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field finished_batch_fields[] = {
    {"batch", SCHEMA_COUNT, "Its number, never given again.", ALWAYS},
    {"state", FINISHED_STATE,
     "diverged: its loss or gradients were not finite, and it changed nothing.", ALWAYS},
    {"step", SCHEMA_COUNT, "The model's after it.", ALWAYS},
    {"loss", SCHEMA_FIGURE, NULL, ALWAYS},
    {"accuracy", SCHEMA_FIGURE, "null for regression.", ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field forgotten_batch_fields[] = {
    {"batch", SCHEMA_COUNT, "Its number, never given again.", ALWAYS},
    {"state", SCHEMA_CONST("finished"), NULL, ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field forgotten_batches_fields[] = {
    {"first", SCHEMA_COUNT, "The number of the first batch.", ALWAYS},
    {"last", SCHEMA_COUNT, "The number of the last batch.", ALWAYS},
    {"state", SCHEMA_CONST("finished"), NULL, ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field waiting_batches_fields[] = {
    {"first", SCHEMA_COUNT, "The number of the first batch.", ALWAYS},
    {"last", SCHEMA_COUNT, "The number of the last batch.", ALWAYS},
    {"state", SCHEMA_CONST("queued"), NULL, ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field finished_batches_fields[] = {
    {"first", SCHEMA_COUNT, "The number of the first batch.", ALWAYS},
    {"last", SCHEMA_COUNT, "The number of the last batch.", ALWAYS},
    {"state", FINISHED_STATE, "trained: one of them at least.", ALWAYS},
    {"step", SCHEMA_COUNT, "The model's after the last.", ALWAYS},
    {"loss", SCHEMA_FIGURE, "Mean over the rows of the trained ones.", ALWAYS},
    {"accuracy", SCHEMA_FIGURE, "Mean over the rows of the trained ones.", ALWAYS},
    {"trained", SCHEMA_COUNT, NULL, ALWAYS},
    {"diverged", SCHEMA_COUNT, NULL, ALWAYS},
    {"cancelled", SCHEMA_COUNT, NULL, ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field cancelled_fields[] = {
    {"cancelled", SCHEMA_COUNT, "How many.", ALWAYS},
    {0},
};

/* --- loss --------------------------------------------------------------------------- */

static const struct schema_field point_fields[] = {
    {"batch", SCHEMA_COUNT, NULL, ALWAYS},
    {"step", SCHEMA_COUNT, NULL, ALWAYS},
    {"loss", SCHEMA_FIGURE, NULL, ALWAYS},
    {"accuracy", SCHEMA_FIGURE, "null for regression.", ALWAYS},
    {"examples", SCHEMA_COUNT, "Rows of the batch.", ALWAYS},
    {"time", SCHEMA_TIME, NULL, ALWAYS},
    {"diverged", "'type': 'boolean', 'const': true",
     "Its loss or gradients were not finite: the step stayed.", SOMETIMES},
    {0},
};

static const struct schema_field loss_fields[] = {
    {"points", SCHEMA_LIST(SCHEMA_REF("LossPoint")), NULL, ALWAYS},
    {"next", SCHEMA_COUNT, "For `after`.", ALWAYS},
    {0},
};

/* --- predictions and evaluations ----------------------------------------------------- */

#define CLASS_LABEL                                                                                \
    "'type': ['integer', 'string'], 'description': 'The name of the class, or its index "          \
    "where the classes have no names.'"
#define PROBABILITY "'type': 'number', " SCHEMA_RANGE(0, 1)

static const struct schema_field class_fields[] = {
    {"label", CLASS_LABEL, NULL, ALWAYS},
    {"index", SCHEMA_COUNT, NULL, ALWAYS},
    {"probability", PROBABILITY, NULL, ALWAYS},
    {0},
};

static const struct schema_field class_prediction_fields[] = {
    {"label", CLASS_LABEL, NULL, ALWAYS},
    {"index", SCHEMA_COUNT, NULL, ALWAYS},
    {"probability", PROBABILITY, NULL, ALWAYS},
    {"probabilities", SCHEMA_LIST(PROBABILITY), "Of all classes.", ALWAYS},
    {0},
};

static const struct schema_field top_prediction_fields[] = {
    {"label", CLASS_LABEL, NULL, ALWAYS},
    {"index", SCHEMA_COUNT, NULL, ALWAYS},
    {"probability", PROBABILITY, NULL, ALWAYS},
    {"top", SCHEMA_LIST(SCHEMA_REF("ClassProbability")), "Likeliest first.", ALWAYS},
    {0},
};

static const struct schema_field multi_label_prediction_fields[] = {
    {"probabilities", SCHEMA_LIST(PROBABILITY), "Of all outputs.", ALWAYS},
    {"labels", SCHEMA_LIST(CLASS_LABEL), "Those above one half.", ALWAYS},
    {0},
};

static const struct schema_field classification_answer_fields[] = {
    MODEL_AND_STEP,
    {"predictions",
     SCHEMA_LIST("'oneOf': [{" SCHEMA_REF("ClassPrediction") "}, {" SCHEMA_REF(
         "TopPrediction") "}, {" SCHEMA_REF("MultiLabelPrediction") "}]"),
     "One a row.", ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field regression_answer_fields[] = {
    MODEL_AND_STEP,
    {"outputs", SCHEMA_LIST(SCHEMA_LIST(SCHEMA_NUMBER)), "One row a row.", ALWAYS},
    TABLE,
    {0},
};

static const struct schema_field class_metrics_fields[] = {
    {"class", CLASS_LABEL, NULL, ALWAYS},
    {"precision", SCHEMA_FIGURE, NULL, ALWAYS},
    {"recall", SCHEMA_FIGURE, NULL, ALWAYS},
    {"f1", SCHEMA_FIGURE, NULL, ALWAYS},
    {"support", SCHEMA_COUNT, "Rows of this class.", ALWAYS},
    {0},
};

static const struct schema_field classification_evaluation_fields[] = {
    EVALUATED,
    {"accuracy", SCHEMA_FIGURE, NULL, ALWAYS},
    {"top_k_accuracy", SCHEMA_FIGURE, "With `top_k`.", SOMETIMES},
    {"precision", SCHEMA_FIGURE, "Mean over the classes, as recall and f1.", ALWAYS},
    {"recall", SCHEMA_FIGURE, NULL, ALWAYS},
    {"f1", SCHEMA_FIGURE, NULL, ALWAYS},
    {"roc_auc", SCHEMA_FIGURE, "null where only one class occurs.", ALWAYS},
    {"per_class", SCHEMA_LIST(SCHEMA_REF("ClassMetrics")), NULL, ALWAYS},
    {"confusion_matrix", SCHEMA_LIST(SCHEMA_LIST(SCHEMA_COUNT)),
     "Row: true class, column: predicted class.  With more than " JSON_OF(
         CONFUSION_CLASSES_DEFAULT) " classes only where asked for.",
     SOMETIMES},
    TABLE,
    ROW_LOSSES,
    {0},
};

static const struct schema_field regression_evaluation_fields[] = {
    EVALUATED,
    {"mae", SCHEMA_FIGURE, NULL, ALWAYS},
    {"rmse", SCHEMA_FIGURE, NULL, ALWAYS},
    {"r2", SCHEMA_FIGURE, NULL, ALWAYS},
    TABLE,
    ROW_LOSSES,
    {0},
};

/* --- versions --------------------------------------------------------------------------- */

static const struct schema_field checkpoint_policy_fields[] = {
    {"every_steps", "'type': ['integer', 'null'], 'minimum': 1", NULL, ALWAYS},
    {"every_seconds", SCHEMA_FIGURE, NULL, ALWAYS},
    {"keep", SCHEMA_COUNT, "The newest so many stay, beside the best.", ALWAYS},
    {"best", "'type': ['string', 'null'], 'enum': ['loss', 'accuracy', null]", NULL, ALWAYS},
    {0},
};

static const struct schema_field checkpoint_fields[] = {
    {"version", "'type': 'integer', 'minimum': 1", "Its number, never given again.", ALWAYS},
    {"kind", "'type': 'string', 'enum': ['manual', 'automatic', 'best', 'promotion']",
     "best: the automatic one that the settings spare.", ALWAYS},
    {"note", "'type': ['string', 'null']", NULL, ALWAYS},
    {"step", SCHEMA_COUNT, "The model's.", ALWAYS},
    {"examples", SCHEMA_COUNT, "Rows trained until then.", ALWAYS},
    {"batch", SCHEMA_COUNT, "The last batch that was over; 0: none.", ALWAYS},
    {"last_loss", SCHEMA_FIGURE, "The model's, as running_loss and running_accuracy.", ALWAYS},
    {"running_loss", SCHEMA_FIGURE, NULL, ALWAYS},
    {"running_accuracy", SCHEMA_FIGURE, NULL, ALWAYS},
    {"bytes", SCHEMA_COUNT, "Of its numbers.", ALWAYS},
    {"created_at", SCHEMA_TIME, NULL, ALWAYS},
    {0},
};

static const struct schema_field checkpoint_list_fields[] = {
    {"data", SCHEMA_LIST(SCHEMA_REF("Checkpoint")), NULL, ALWAYS},
    {"has_more", SCHEMA_BOOLEAN, NULL, ALWAYS},
    {"next", "'type': ['integer', 'null']", "For `after`.", ALWAYS},
    {0},
};

static const struct schema_field compared_fields[] = {
    {"model", SCHEMA_NAME, NULL, ALWAYS},
    {"step", SCHEMA_COUNT, "The step of the weights that were evaluated.", ALWAYS},
    {"value", SCHEMA_FIGURE, "Of the metric.", ALWAYS},
    {0},
};

static const struct schema_field promotion_fields[] = {
    {"promoted", SCHEMA_BOOLEAN, NULL, ALWAYS},
    {"metric", SCHEMA_TEXT, "What was compared.", ALWAYS},
    {"min_delta", SCHEMA_NUMBER, NULL, ALWAYS},
    {"examples", SCHEMA_COUNT, "Rows that were evaluated.", ALWAYS},
    {"candidate", SCHEMA_REF("ComparedModel"), NULL, ALWAYS},
    {"target", SCHEMA_REF("ComparedModel"), "The model that it was to be promoted into.", ALWAYS},
    {"effective_step", SCHEMA_COUNT, "The first step of the target that is trained from there.",
     SOMETIMES},
    {"version", SCHEMA_COUNT, "The checkpoint of the target that has the promoted numbers.",
     SOMETIMES},
    {"former_version", SCHEMA_COUNT, "The checkpoint of the target that has what stood before.",
     SOMETIMES},
    TABLE,
    {0},
};

/* --- the process ---------------------------------------------------------------------- */

static const struct schema_field limits_fields[] = {
    {"memory_bytes", SCHEMA_COUNT, "--max-memory", ALWAYS},
    {"body_bytes", SCHEMA_COUNT, "--max-body", ALWAYS},
    {"queue", SCHEMA_COUNT, "--max-queue: batches of one model that wait.", ALWAYS},
    {"queue_of_all_models", SCHEMA_COUNT, NULL, ALWAYS},
    {"idempotency_keys", SCHEMA_COUNT, "Of a model that are remembered.", ALWAYS},
    {"checkpoints", SCHEMA_COUNT, "--max-checkpoints: of one model.", ALWAYS},
    {"checkpoint_bytes", SCHEMA_COUNT, "--max-checkpoint-bytes: of one model.", ALWAYS},
    {"layers", SCHEMA_COUNT, NULL, ALWAYS},
    {"width", SCHEMA_COUNT, "Inputs, or units of a layer.", ALWAYS},
    {"parameters", SCHEMA_COUNT, "Of one model.", ALWAYS},
    {"history", SCHEMA_COUNT, "Batches of a model that are remembered.", ALWAYS},
    {"waiting", SCHEMA_COUNT, "--max-waiting", ALWAYS},
    {"wait_seconds", SCHEMA_NUMBER, "What a wait may last at most.", ALWAYS},
    {"connections", SCHEMA_COUNT, "--max-connections", ALWAYS},
    {"connections_per_address", SCHEMA_COUNT, "--max-connections-per-address", ALWAYS},
    {"connections_of_loopback", SCHEMA_COUNT, "The same of this machine itself.", ALWAYS},
    {"idle_seconds", SCHEMA_NUMBER, "How long a connection may be silent.", ALWAYS},
    {"header_seconds", SCHEMA_NUMBER, "--header-timeout", ALWAYS},
    {"body_seconds", SCHEMA_NUMBER, "--body-timeout", ALWAYS},
    {"bytes_per_second", SCHEMA_COUNT, "--min-rate", ALWAYS},
    {0},
};

static const struct schema_field build_fields[] = {
    {"compiler", SCHEMA_TEXT, NULL, ALWAYS},
    {"sanitizers", "'type': ['string', 'null']", "null: none.", ALWAYS},
    {"commit", "'type': ['string', 'null']", "null: the build was not told.", ALWAYS},
    {0},
};

static const struct schema_field libraries_fields[] = {
    {"libmicrohttpd", SCHEMA_TEXT, NULL, ALWAYS},
    {"jansson", SCHEMA_TEXT, NULL, ALWAYS},
    {"nettle", SCHEMA_TEXT, NULL, ALWAYS},
    {"xxhash", SCHEMA_TEXT, NULL, ALWAYS},
    {0},
};

static const struct schema_field http_fields[] = {
    {"connections", SCHEMA_COUNT, "Open at present.", ALWAYS},
    {"waiting", SCHEMA_COUNT, "Requests that wait for something.", ALWAYS},
    {"held_open", SCHEMA_COUNT, "Waits that clients asked for, and streams: see `limits`.", ALWAYS},
    {0},
};

#define SCHEMA_STORE "'type': 'string', 'enum': ['sqlite', 'memory']"

static const struct schema_field server_fields[] = {
    {"name", SCHEMA_CONST("mlpd"), NULL, ALWAYS},
    {"version", SCHEMA_TEXT, NULL, ALWAYS},
    {"build", SCHEMA_REF("Build"), NULL, ALWAYS},
    {"libraries", SCHEMA_REF("Libraries"), NULL, ALWAYS},
    {"arithmetic", SCHEMA_TEXT, "The BLAS and its core type.", ALWAYS},
    {"core_type", SCHEMA_TEXT, "The kind of CPU that it computes for.", ALWAYS},
    {"numerics_fingerprint", SCHEMA_TEXT, "Equal ones compute equal bits.", ALWAYS},
    {"store", SCHEMA_STORE, "`memory`: nothing survives the process.", ALWAYS},
    {"started_at", SCHEMA_TIME, NULL, ALWAYS},
    {"uptime_seconds", SCHEMA_NUMBER, NULL, ALWAYS},
    {"workers", SCHEMA_COUNT, NULL, ALWAYS},
    {"workers_busy", SCHEMA_COUNT, "Those of them that are at work.", ALWAYS},
    {"models", SCHEMA_COUNT, NULL, ALWAYS},
    {"queue_depth", SCHEMA_COUNT, "Batches that wait, of all models.", ALWAYS},
    {"memory_bytes", SCHEMA_COUNT, "Reserved at present.", ALWAYS},
    {"tiles_helped", SCHEMA_COUNT, "Parts of batches done by a second worker.", ALWAYS},
    {"http", SCHEMA_REF("Http"), NULL, ALWAYS},
    {"limits", SCHEMA_REF("Limits"), NULL, ALWAYS},
    {"options",
     "'type': 'object', 'additionalProperties': {'type': ['number', 'string', 'boolean', 'null']}",
     "Every option and what it is set to; of a file only whether it was given.", ALWAYS},
    {"operations", SCHEMA_LIST(SCHEMA_TEXT), "The calls of this document.", ALWAYS},
    {0},
};

static const struct schema_field backup_fields[] = {
    {"name", SCHEMA_TEXT, NULL, ALWAYS},
    {"bytes", SCHEMA_COUNT, "Of the copy.", ALWAYS},
    {0},
};

static const struct schema_field live_fields[] = {
    {"live", "'type': 'boolean', 'const': true", NULL, ALWAYS},
    {0},
};

static const struct schema_field recovery_fields[] = {
    {"models", SCHEMA_COUNT, "That are stored.", ALWAYS},
    {"models_read", SCHEMA_COUNT, NULL, ALWAYS},
    {"batches_left", SCHEMA_COUNT, "To be trained again.", ALWAYS},
    {0},
};

static const struct schema_field ready_fields[] = {
    {"ready", SCHEMA_BOOLEAN, NULL, ALWAYS},
    {"state", "'type': 'string', 'enum': ['serving', 'recovering', 'draining']", NULL, ALWAYS},
    {"store", SCHEMA_STORE, "`memory`: nothing survives the process.", ALWAYS},
    {"recovery", SCHEMA_REF("Recovery"), "While it recovers.", SOMETIMES},
    {"models_damaged", SCHEMA_COUNT, "Whose stored data cannot be read; none: left out.",
     SOMETIMES},
    {0},
};

static const struct schema_field problem_fields[] = {
    {"type", "'type': 'string', 'format': 'uri-reference'", NULL, ALWAYS},
    {"title", SCHEMA_TEXT, NULL, ALWAYS},
    {"status", "'type': 'integer', " SCHEMA_RANGE(400, 599), NULL, ALWAYS},
    {"detail", SCHEMA_TEXT, "What was found, and what is allowed.", ALWAYS},
    {"pointer", "'type': 'string', 'format': 'json-pointer'",
     "The field that is at fault, where it is one.", SOMETIMES},
    {"error", SCHEMA_TEXT, "The same as `detail`.", ALWAYS},
    {"request_id", SCHEMA_TEXT, "The same as X-Request-Id.", SOMETIMES},
    {0},
};

/* clang-format off */
#define POSTED_BATCHES                                                                             \
    "'oneOf': [{" SCHEMA_REF("WaitingBatch") "}, {" SCHEMA_REF("FinishedBatch") "}, "              \
    "{" SCHEMA_REF("ForgottenBatch") "}, {" SCHEMA_REF("WaitingBatches") "}, "                     \
    "{" SCHEMA_REF("FinishedBatches") "}, {" SCHEMA_REF("ForgottenBatches") "}]"
/* clang-format on */

const struct schema answer_schemas[] = {
    {"Model", "A model: its create body made whole, and its figures.", .fields = model_fields},
    {"Layer", "A layer of a model.", .fields = layer_fields},
    {"ModelSummary", "A model in a list.", .fields = summary_fields},
    {"ModelList", "A page of models.", .fields = list_fields},
    {"Cost", "What a model would cost.", .fields = cost_fields},
    {"Waiting", "It has its place in the order of the batches.", .fields = waiting_fields},
    {"Batch", "What became of a batch.",
     .keywords = SCHEMA_ONE_OF_TWO("WaitingBatch", "FinishedBatch")},
    {"WaitingBatch", "A batch before its turn, or in it.", .fields = waiting_batch_fields},
    {"FinishedBatch", "A batch that is over.", .fields = finished_batch_fields},
    {"PostedBatch", "One batch, or with `batch_size` the batches that the rows were cut into.",
     .keywords = POSTED_BATCHES},
    {"ForgottenBatch", "To a repeat: a batch that is over, and older than what is kept.",
     .fields = forgotten_batch_fields},
    {"ForgottenBatches", "To a repeat: batches that are over, and older than what is kept.",
     .fields = forgotten_batches_fields},
    {"WaitingBatches", "Batches of one request, some of them not over.",
     .fields = waiting_batches_fields},
    {"FinishedBatches", "Batches of one request, all of them over.",
     .fields = finished_batches_fields},
    {"CancelledBatches", "How many batches were taken back.", .fields = cancelled_fields},
    {"Loss", "A piece of the loss history.", .fields = loss_fields},
    {"LossTable",
     "A header line, then a line a point.  A figure that is not finite, or that there is "
     "none of, is an empty cell.",
     .keywords = SCHEMA_TEXT,
     .example = "'batch,step,loss,accuracy,examples,time,diverged\\r\\n1,1,0.69,0.5,32,"
                "2026-01-01T00:00:00.000Z,false\\r\\n'"},
    {"LossEvents",
     "Server-sent events: a point is a message with the batch as its id and a LossPoint "
     "as its data; `gap` ({after, oldest}) stands where points are no longer kept; "
     "`deleted` ({model}) is the last one.",
     .keywords = SCHEMA_TEXT},
    {"LossPoint", "The loss of one batch.", .fields = point_fields},
    {"Predictions", "Of a classification or of a regression.",
     .keywords = SCHEMA_ONE_OF_TWO("Classification", "Regression")},
    {"Classification", "Predicted classes.", .fields = classification_answer_fields},
    {"Regression", "Predicted numbers.", .fields = regression_answer_fields},
    {"ClassPrediction", "The likeliest class.", .fields = class_prediction_fields},
    {"TopPrediction", "The likeliest classes, with `top_k`.", .fields = top_prediction_fields},
    {"MultiLabelPrediction", "Independent yes-or-no outputs.",
     .fields = multi_label_prediction_fields},
    {"ClassProbability", "A class and its probability.", .fields = class_fields},
    {"Evaluation", "Of a classification or of a regression.",
     .keywords = SCHEMA_ONE_OF_TWO("ClassificationEvaluation", "RegressionEvaluation")},
    {"ClassificationEvaluation", "The loss and the metrics of a classification.",
     .fields = classification_evaluation_fields},
    {"RegressionEvaluation", "The loss and the metrics of a regression.",
     .fields = regression_evaluation_fields},
    {"ClassMetrics", "The metrics of one class.", .fields = class_metrics_fields},
    {"ModelFile",
     "A safetensors file: tensors as PyTorch's nn.Sequential names them, `__metadata__.config` "
     "the create body.",
     .keywords = SCHEMA_BINARY},
    {"OnnxFile",
     "An ONNX file (IR 7, operators 13): `inputs` [batch, inputs] float32 to `outputs`, and the "
     "create body in metadata_props.",
     .keywords = SCHEMA_BINARY},
    {"CheckpointPolicy", "When checkpoints are taken by themselves, made whole.",
     .fields = checkpoint_policy_fields},
    {"Checkpoint", "A version of a model.", .fields = checkpoint_fields},
    {"CheckpointList", "A page of checkpoints.", .fields = checkpoint_list_fields},
    {"ComparedModel", "One of two models and its figure.", .fields = compared_fields},
    {"Promotion", "What a comparison of two models came to.", .fields = promotion_fields},
    {"Server", "This process.", .fields = server_fields},
    {"Build", "How the program was built.", .fields = build_fields},
    {"Libraries", "The versions of the libraries that run.", .fields = libraries_fields},
    {"Http", "What the server is at.", .fields = http_fields},
    {"Limits", "What is allowed.", .fields = limits_fields},
    {"Metrics", "Prometheus's text format 0.0.4.", .keywords = SCHEMA_TEXT},
    {"Live", "The process answers.", .fields = live_fields},
    {"Backup", "A copy of what is stored.", .fields = backup_fields},
    {"Recovery", "How far it is with what was stored.", .fields = recovery_fields},
    {"Ready", "Whether it takes work.", .fields = ready_fields},
    {"Document", "An OpenAPI 3.1 document.",
     .keywords = "'type': 'object', 'required': ['openapi', 'info', 'paths']"},
    {"Problem", "What went wrong (RFC 9457).", .fields = problem_fields,
     .example = "{'type': 'about:blank', 'title': 'Unprocessable Content', 'status': 422, "
                "'detail': 'units -1; allowed are 1 to " JSON_OF(
                    WIDTH_MAX) "', 'pointer': "
                               "'/layers/0/units', 'error': 'units -1; allowed are 1 to " JSON_OF(
                                   WIDTH_MAX) "'}"},
};

const size_t answer_schema_count = sizeof answer_schemas / sizeof *answer_schemas;
