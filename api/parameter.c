/* The table of query parameters; see parameter.h. */
#include "api/parameter.h"

#include <float.h>
#include <stdint.h>

#include "api/intake.h"

/* One field a line: rows grow. */
const struct parameter_description parameter_descriptions[PARAMETER_COUNT] = {
    [PARAMETER_DRY_RUN] =
        {
            .name = "dry_run",
            .type = PARAMETER_BOOLEAN,
            .documentation = "Make nothing; answer 200 with what the model would cost.",
        },
    [PARAMETER_LIST_LIMIT] =
        {
            .name = "limit",
            .type = PARAMETER_INTEGER,
            .minimum = 1,
            .maximum = LIST_LIMIT_MAX,
            .fallback = 20,
            .documentation = "How many to answer at most.",
        },
    [PARAMETER_AFTER_MODEL] =
        {
            .name = "after",
            .type = PARAMETER_TEXT,
            .documentation = "Begin behind this name: the `next` of the page before.",
        },
    [PARAMETER_WEIGHTS_SHA256] =
        {
            .name = "weights_sha256",
            .type = PARAMETER_BOOLEAN,
            .documentation = "Answer also the SHA-256 of all weights and biases, layer by layer, "
                             "float32 little-endian, row-major [out, in].",
        },
    [PARAMETER_WAIT_STEP] =
        {
            .name = "wait_step",
            .type = PARAMETER_INTEGER,
            .minimum = 0,
            .maximum = COUNT_MAX,
            .fallback = 0,
            .documentation = "Wait until the model has taken this step, at most for the time that "
                             "`Prefer: wait=S` gives (30 seconds without it), then answer.",
        },
    [PARAMETER_SCALE] =
        {
            .name = "scale",
            .type = PARAMETER_NUMBER,
            .minimum = -DBL_MAX,
            .maximum = DBL_MAX,
            .fallback = 1,
            .yields = true,
            .documentation = "Each input x is taken as x·scale + offset, in whatever form the body "
                             "comes; left out: 1.  With neither of the two in the query, the "
                             "metadata of a safetensors body may give them.",
        },
    [PARAMETER_OFFSET] =
        {
            .name = "offset",
            .type = PARAMETER_NUMBER,
            .minimum = -DBL_MAX,
            .maximum = DBL_MAX,
            .fallback = 0,
            .yields = true,
            .documentation = "See `scale`; left out: 0.",
        },
    [PARAMETER_BATCH_SIZE] =
        {
            .name = "batch_size",
            .type = PARAMETER_INTEGER,
            .minimum = 1,
            .maximum = INT32_MAX,
            .fallback = 0,
            .documentation = "Cut the n rows of the body into ⌈n/batch_size⌉ batches in order, all "
                             "of them accepted or none.",
        },
    [PARAMETER_PER_EXAMPLE] =
        {
            .name = "per_example",
            .type = PARAMETER_BOOLEAN,
            .yields = true,
            .documentation = "The field `per_example` of a JSON body, for every body: the loss of "
                             "each row, too.",
        },
    [PARAMETER_CHECKPOINT] =
        {
            .name = "checkpoint",
            .type = PARAMETER_INTEGER,
            .minimum = 1,
            .maximum = COUNT_MAX,
            .fallback = 0,
            .documentation = "Answer from this version of the model; left out: from its newest "
                             "weights.",
        },
    [PARAMETER_AFTER_VERSION] =
        {
            .name = "after",
            .type = PARAMETER_INTEGER,
            .minimum = 0,
            .maximum = COUNT_MAX,
            .fallback = 0,
            .documentation = "Begin behind this version: the `next` of the page before.",
        },
    [PARAMETER_INTO] =
        {
            .name = "into",
            .type = PARAMETER_TEXT,
            .required = true,
            .example = "iris-2",
            .documentation = "The name of the model that takes the numbers over.",
        },
    [PARAMETER_METRIC] =
        {
            .name = "metric",
            .type = PARAMETER_TEXT,
            .documentation = "What is compared: `loss` (the default); of classifications also "
                             "`accuracy`, `precision`, `recall`, `f1`, `roc_auc`; of regressions "
                             "`mae`, `rmse`, `r2`.",
        },
    [PARAMETER_MIN_DELTA] =
        {
            .name = "min_delta",
            .type = PARAMETER_NUMBER,
            .minimum = 0,
            .maximum = 1e9,
            .fallback = 0,
            .documentation = "The candidate must be better by more than this.",
        },
    [PARAMETER_AFTER_BATCH] =
        {
            .name = "after",
            .type = PARAMETER_INTEGER,
            .minimum = 0,
            .maximum = COUNT_MAX,
            .fallback = 0,
            .documentation = "Begin behind this batch: the `next` of the answer before.",
        },
    [PARAMETER_LOSS_LIMIT] =
        {
            .name = "limit",
            .type = PARAMETER_INTEGER,
            .minimum = 1,
            .maximum = LOSS_LIMIT_MAX,
            .fallback = LOSS_LIMIT_MAX,
            .documentation = "How many points to answer at most.",
        },
    [PARAMETER_LOSS_WAIT] =
        {
            .name = "wait",
            .type = PARAMETER_NUMBER,
            .minimum = 0,
            .maximum = WAIT_SECONDS_MAX,
            .fallback = 0,
            .documentation = "Where there is no point yet, wait so many seconds for the first.",
        },
    [PARAMETER_TOP_K] =
        {
            .name = "top_k",
            .type = PARAMETER_INTEGER,
            .minimum = 1,
            .maximum = WIDTH_MAX,
            .fallback = 0,
            .yields = true,
            .documentation = "The field `top_k` of a JSON body, for every body: of the likeliest "
                             "classes so many.",
        },
    [PARAMETER_MIN_STEP] =
        {
            .name = "min_step",
            .type = PARAMETER_INTEGER,
            .minimum = 0,
            .maximum = STEP_MAX,
            .fallback = 0,
            .yields = true,
            .documentation = "The field `min_step` of a JSON body, for every body: weights of "
                             "this step or a later one.",
        },
    [PARAMETER_CONFUSION_MATRIX] =
        {
            .name = "confusion_matrix",
            .type = PARAMETER_BOOLEAN,
            .yields = true,
            .documentation = "The field `confusion_matrix` of a JSON body, for every body: the "
                             "matrix also of very many classes.",
        },
    [PARAMETER_EXPORT_FORMAT] =
        {
            .name = "format",
            .type = PARAMETER_TEXT,
            .documentation = "`safetensors`, which is what comes without it, or `onnx`.",
        },
    [PARAMETER_OPTIMIZER] =
        {
            .name = "optimizer",
            .type = PARAMETER_BOOLEAN,
            .documentation = "The optimizer's state, too, so that training can go on to the same "
                             "bits; of a safetensors file.",
        },
    [PARAMETER_MODEL_NAME] =
        {
            .name = "name",
            .type = PARAMETER_TEXT,
            .documentation = "What a model that comes as a file is to be called; a JSON body has "
                             "a field for it.",
        },
};
