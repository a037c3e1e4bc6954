/* The table of routes; see route.h. */
#include "api/handlers.h"
#include "api/media_type.h"
#include "api/openapi.h"
#include "api/route.h"

/* One field a line: rows grow. */
const struct route routes[] = {
    {.segments = {"v1", "models"},
     .tag = "models",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "createModel",
                 .summary = "Create a model",
                 .description =
                     "Or take one in: a safetensors file as `export` writes it, or PyTorch's "
                     "`save_file` with `config`, the create body, added to its metadata.  Every "
                     "tensor of the network has to be there, and no other; the optimizer's are "
                     "all there, then training goes on at the file's step, or none, then it "
                     "begins anew.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_MODEL,
                 .body_schema = "CreateModel",
                 .parameters = {PARAMETER_DRY_RUN, PARAMETER_MODEL_NAME},
                 .hears = {HEADER_IDEMPOTENCY_KEY},
                 .answers =
                     {
                         {.status = 201,
                          .schema = "Model",
                          .headers = "Location ETag Idempotent-Replayed",
                          .when = "The model, its fields made whole."},
                         {.status = 200,
                          .schema = "Cost",
                          .when = "With `dry_run`: what it would cost."},
                     },
                 .errors = {409, 410},
                 .handle = models_create,
             },
             {
                 .method = "GET",
                 .operation = "listModels",
                 .summary = "List the models",
                 .description = "By name, a page at a time: while `has_more`, ask again with "
                                "`after` set to `next`.",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .parameters = {PARAMETER_LIST_LIMIT, PARAMETER_AFTER_MODEL},
                 .answers =
                     {
                         {.status = 200, .schema = "ModelList", .when = "A page of the list."},
                     },
                 .handle = models_list,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT},
     .tag = "models",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "describeModel",
                 .summary = "Describe a model",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .parameters = {PARAMETER_WEIGHTS_SHA256, PARAMETER_WAIT_STEP},
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Model",
                          .headers = "ETag Preference-Applied",
                          .when = "The model as it is."},
                     },
                 .errors = {410, 412},
                 .handle = models_describe,
             },
             {
                 .method = "PATCH",
                 .operation = "changeModel",
                 .summary = "Change settings, in the order of the batches",
                 .description = "Optimizer settings, class weights, the output delta and when "
                                "checkpoints are taken can change.  The change takes its place in "
                                "the order of the batches; "
                                "`effective_step` is the first step that is trained with it.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_JSON,
                 .body_schema = "ChangeModel",
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Model",
                          .headers = "ETag Preference-Applied",
                          .when = "The change is in force."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "ETag Preference-Applied",
                          .when = "The change has its place in the order and waits for its turn."},
                     },
                 .errors = {409, 410, 412},
                 .handle = changes_patch,
             },
             {
                 .method = "DELETE",
                 .operation = "deleteModel",
                 .summary = "Remove a model",
                 .description =
                     "At once: queued batches are dropped, a prediction in progress finishes.",
                 .scope = SCOPE_ADMIN,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 204, .when = "It is gone."},
                     },
                 .errors = {410, 412},
                 .handle = models_delete,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "clone"},
     .tag = "models",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "cloneModel",
                 .summary = "Copy a model with its optimizer's state",
                 .description = "The copy is taken in the order of the batches.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_JSON,
                 .body_schema = "CloneModel",
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 201,
                          .schema = "Model",
                          .headers = "Location ETag Preference-Applied",
                          .when = "The copy."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "Location Preference-Applied",
                          .when = "The copy waits for its turn."},
                     },
                 .errors = {409, 410, 412},
                 .handle = changes_clone,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "reset"},
     .tag = "models",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "resetModel",
                 .summary = "Fresh weights, in the order of the batches",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_JSON,
                 .body_schema = "ResetModel",
                 .body_is_optional = true,
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Model",
                          .headers = "ETag Preference-Applied",
                          .when = "The weights are fresh."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "ETag Preference-Applied",
                          .when = "The reset waits for its turn."},
                     },
                 .errors = {409, 410, 412},
                 .handle = changes_reset,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "export"},
     .tag = "models",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "exportModel",
                 .summary = "Take the model away as a file",
                 .description =
                     "In the order of the batches: what was acknowledged before is in it.  A "
                     "safetensors file has the names that PyTorch's `nn.Sequential` gives its "
                     "parameters and buffers, which begin with a digit, and where inputs are "
                     "standardised `standardizer.mean` and `.scale` (the inputs are (x − mean)·"
                     "scale), and can be made a model again.  An ONNX file has the whole of "
                     "inference.",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .parameters = {PARAMETER_EXPORT_FORMAT, PARAMETER_OPTIMIZER},
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "ModelFile",
                          .media_type = MEDIA_TYPE_SAFETENSORS,
                          .headers = "Content-Disposition Cache-Control Preference-Applied",
                          .when = "The file."},
                         {.status = 200,
                          .schema = "OnnxFile",
                          .media_type = MEDIA_TYPE_BYTES,
                          .when = "With `format=onnx`."},
                     },
                 .errors = {409, 410, 412, 504},
                 .handle = exports_show,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "batches"},
     .tag = "batches",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "trainBatch",
                 .summary = "Train on a batch",
                 .description = "Batches are trained in the order of their acknowledgement.  With "
                                "`batch_size` one body becomes several batches.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_BATCH,
                 .parameters = {PARAMETER_SCALE, PARAMETER_OFFSET, PARAMETER_BATCH_SIZE},
                 .hears = {HEADER_PREFER, HEADER_IDEMPOTENCY_KEY, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 202,
                          .schema = "PostedBatch",
                          .headers = "Location Preference-Applied Idempotent-Replayed",
                          .when = "Acknowledged, and waiting for its turn."},
                         {.status = 200,
                          .schema = "PostedBatch",
                          .headers = "Location Preference-Applied Idempotent-Replayed",
                          .when = "Waited for with `Prefer: wait=S`: what became of it."},
                     },
                 .errors = {410, 412},
                 .handle = batches_post,
             },
             {
                 .method = "DELETE",
                 .operation = "cancelBatches",
                 .summary = "Take all waiting batches back",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "CancelledBatches",
                          .when = "How many were taken back."},
                     },
                 .errors = {412},
                 .handle = batches_cancel_all,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "batches", NUMBER_SEGMENT},
     .tag = "batches",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "describeBatch",
                 .summary = "What became of a batch",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200, .schema = "Batch", .when = "Its state."},
                     },
                 .errors = {410, 412},
                 .handle = batches_describe,
             },
             {
                 .method = "DELETE",
                 .operation = "cancelBatch",
                 .summary = "Take a waiting batch back",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200, .schema = "Batch", .when = "It is cancelled."},
                     },
                 .errors = {409, 410, 412},
                 .handle = batches_cancel,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "loss"},
     .tag = "loss",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "listLoss",
                 .summary = "The loss history",
                 .description =
                     "Oldest batch first: ask again with `after` set to `next`, or, of a table, "
                     "follow the `Link`.  With `wait` an answer without points waits for the first "
                     "(long poll).  As `text/event-stream` the points that are kept come at once "
                     "and new ones as they are made: messages whose id is the batch, `gap` where "
                     "points are no longer kept, `deleted` at the end.",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .parameters = {PARAMETER_AFTER_BATCH, PARAMETER_LOSS_LIMIT, PARAMETER_LOSS_WAIT},
                 .hears = {HEADER_IF_MATCH, HEADER_LAST_EVENT_ID},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Loss",
                          .headers = "Cache-Control Link Vary X-Accel-Buffering",
                          .when = "The points behind `after`."},
                         {.status = 200,
                          .schema = "LossTable",
                          .media_type = MEDIA_TYPE_CSV,
                          .when = "The same as a table with a header line."},
                         {.status = 200,
                          .schema = "LossEvents",
                          .media_type = MEDIA_TYPE_EVENTS,
                          .when = "The points as they come."},
                     },
                 .errors = {412},
                 .handle = loss_history_list,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "predictions"},
     .tag = "predictions",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "predict",
                 .summary = "Ask for predictions",
                 .description = "A prediction depends on its row and the step only, and never "
                                "waits for training.",
                 .scope = SCOPE_READ,
                 .body = BODY_PREDICTION,
                 .parameters = {PARAMETER_SCALE, PARAMETER_OFFSET, PARAMETER_TOP_K,
                                PARAMETER_MIN_STEP, PARAMETER_CHECKPOINT},
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Predictions",
                          .headers = "Preference-Applied",
                          .when = "One prediction a row, in the order of the rows."},
                     },
                 .errors = {409, 410, 412, 504},
                 .handle = predictions_post,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "evaluations"},
     .tag = "predictions",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "evaluate",
                 .summary = "Loss and metrics",
                 .scope = SCOPE_READ,
                 .body = BODY_EVALUATION,
                 .parameters = {PARAMETER_SCALE, PARAMETER_OFFSET, PARAMETER_TOP_K,
                                PARAMETER_CONFUSION_MATRIX, PARAMETER_PER_EXAMPLE,
                                PARAMETER_CHECKPOINT},
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Evaluation",
                          .when = "The loss and every metric that fits it."},
                     },
                 .errors = {410, 412},
                 .handle = evaluations_post,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "checkpoints"},
     .tag = "versions",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "createCheckpoint",
                 .summary = "Keep the model as it is",
                 .description =
                     "Weights, statistics and the optimizer's state, at this place in the order "
                     "of the batches.  Versions are numbers that never repeat in a model.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_JSON,
                 .body_schema = "CreateCheckpoint",
                 .body_is_optional = true,
                 .hears = {HEADER_PREFER, HEADER_IDEMPOTENCY_KEY, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 201,
                          .schema = "Checkpoint",
                          .headers = "Location Preference-Applied Idempotent-Replayed",
                          .when = "It is kept."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "Location Preference-Applied Idempotent-Replayed",
                          .when = "It waits for its turn."},
                     },
                 .errors = {409, 410, 412},
                 .handle = checkpoints_post,
             },
             {
                 .method = "GET",
                 .operation = "listCheckpoints",
                 .summary = "List the checkpoints",
                 .description = "By version, a page at a time: while `has_more`, ask again with "
                                "`after` set to `next`.",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .parameters = {PARAMETER_LIST_LIMIT, PARAMETER_AFTER_VERSION},
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200, .schema = "CheckpointList", .when = "A page of the list."},
                     },
                 .errors = {412},
                 .handle = checkpoints_get_list,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "checkpoints", NUMBER_SEGMENT},
     .tag = "versions",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "describeCheckpoint",
                 .summary = "Describe a checkpoint",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200, .schema = "Checkpoint", .when = "What is kept."},
                     },
                 .errors = {412},
                 .handle = checkpoints_describe,
             },
             {
                 .method = "DELETE",
                 .operation = "removeCheckpoint",
                 .summary = "Remove a checkpoint",
                 .description = "What is being answered from it is answered.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 204, .when = "It is gone."},
                     },
                 .errors = {409, 412},
                 .handle = checkpoints_delete,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "checkpoints", NUMBER_SEGMENT, "restore"},
     .tag = "versions",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "restoreCheckpoint",
                 .summary = "Go back to a version, in the order of the batches",
                 .description =
                     "Weights, statistics, the optimizer's state and the step become those of the "
                     "version; settings stay as they are, under a new revision.  "
                     "`effective_step` is the first step that is trained from there.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_NONE,
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Model",
                          .headers = "ETag Preference-Applied",
                          .when = "The model is that version."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "ETag Preference-Applied",
                          .when = "The restore waits for its turn."},
                     },
                 .errors = {409, 410, 412},
                 .handle = changes_restore,
             },
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "promote"},
     .tag = "versions",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "promoteModel",
                 .summary = "Make a better model's numbers another's",
                 .description =
                     "The model of the address is the candidate.  It and the model `into` are "
                     "evaluated on the rows of the body; if the candidate is better, the other "
                     "model gets its weights, statistics, optimizer's state and step, at one "
                     "place in the order of its batches, and what stood there is kept as a "
                     "checkpoint.  Inputs, layers, loss and classes of the two must be the same.",
                 .scope = SCOPE_TRAIN,
                 .body = BODY_EVALUATION,
                 .parameters = {PARAMETER_INTO, PARAMETER_METRIC, PARAMETER_MIN_DELTA,
                                PARAMETER_SCALE, PARAMETER_OFFSET},
                 .hears = {HEADER_PREFER, HEADER_IF_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Promotion",
                          .headers = "Preference-Applied",
                          .when = "Both figures, and whether it was promoted."},
                         {.status = 202,
                          .schema = "Waiting",
                          .headers = "Preference-Applied",
                          .when = "It is better, and its numbers wait for their turn."},
                     },
                 .errors = {409, 410, 412, 504},
                 .handle = promotions_post,
             },
         }},
    {.segments = {"v1", "server"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "describeServer",
                 .summary = "Limits and figures",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .answers =
                     {
                         {.status = 200, .schema = "Server", .when = "This process."},
                     },
                 .handle = server_describe,
             },
         }},
    {.segments = {"v1", "admin", "backup"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "POST",
                 .operation = "backUp",
                 .summary = "Copy all that is stored",
                 .description =
                     "A consistent copy in `DIR/backups/NAME` of the data directory, made while "
                     "everything goes on: itself a directory for `--data`.  Without a name it is "
                     "called by the time.  Answers when the copy is on the disk.",
                 .scope = SCOPE_ADMIN,
                 .body = BODY_JSON,
                 .body_schema = "BackupRequest",
                 .body_is_optional = true,
                 .answers =
                     {
                         {.status = 201, .schema = "Backup", .when = "The copy is there."},
                     },
                 .errors = {404, 409, 422, 507},
                 .handle = backups_post,
             },
         }},
    {.segments = {"metrics"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "showMetrics",
                 .summary = "Figures for Prometheus",
                 .description = "Prometheus's text format 0.0.4.  With `--open-metrics` no token "
                                "is asked for.",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Metrics",
                          .media_type = "text/plain",
                          .when = "Counters, gauges and histograms."},
                     },
                 .is_polled = true,
                 .handle = metrics_show,
             },
         }},
    {.segments = {"openapi.json"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "describeInterface",
                 .summary = "This document",
                 .scope = SCOPE_READ,
                 .body = BODY_NONE,
                 .hears = {HEADER_IF_NONE_MATCH},
                 .answers =
                     {
                         {.status = 200,
                          .schema = "Document",
                          .headers = "ETag Cache-Control",
                          .when = "The interface as an OpenAPI 3.1 document."},
                         {.status = 304,
                          .headers = "ETag Cache-Control",
                          .when = "It is the one that If-None-Match names."},
                     },
                 .handle = openapi_answer,
                 .entity_tag = openapi_tag,
             },
         }},
    {.segments = {"health", "live"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "isLive",
                 .summary = "Does the process answer",
                 .scope = SCOPE_NONE,
                 .body = BODY_NONE,
                 .answers =
                     {
                         {.status = 200, .schema = "Live", .when = "It does."},
                     },
                 .is_polled = true,
                 .handle = health_live,
             },
         }},
    {.segments = {"health", "ready"},
     .tag = "server",
     .handlers =
         {
             {
                 .method = "GET",
                 .operation = "isReady",
                 .summary = "Does it take work",
                 .scope = SCOPE_NONE,
                 .body = BODY_NONE,
                 .answers =
                     {
                         {.status = 200, .schema = "Ready", .when = "It does."},
                         {.status = 503,
                          .schema = "Ready",
                          .when = "It is recovering, or draining."},
                     },
                 .is_polled = true,
                 .handle = health_ready,
             },
         }},
};

const size_t route_count = sizeof routes / sizeof *routes;
