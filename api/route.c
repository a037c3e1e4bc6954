/* The table of routes; see route.h. */
#include "api/route.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"

/* One field a line: rows grow. */
const struct route routes[] = {
    {.segments = {"v1", "models"},
     .handlers =
         {
             {.method = "POST",
              .operation = "createModel",
              .summary = "Create a model",
              .scope = SCOPE_TRAIN,
              .body = BODY_JSON,
              .parameters = "dry_run",
              .handle = models_create},
             {.method = "GET",
              .operation = "listModels",
              .summary = "List the models",
              .scope = SCOPE_READ,
              .body = BODY_NONE,
              .parameters = "limit after",
              .handle = models_list},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT},
     .handlers =
         {
             {.method = "GET",
              .operation = "describeModel",
              .summary = "Describe a model",
              .scope = SCOPE_READ,
              .body = BODY_NONE,
              .parameters = "weights_sha256 wait_step",
              .handle = models_describe},
             {.method = "PATCH",
              .operation = "changeModel",
              .summary = "Change settings, in the order of the batches",
              .scope = SCOPE_TRAIN,
              .body = BODY_JSON,
              .handle = changes_patch},
             {.method = "DELETE",
              .operation = "deleteModel",
              .summary = "Remove a model",
              .scope = SCOPE_ADMIN,
              .body = BODY_NONE,
              .handle = models_delete},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "clone"},
     .handlers =
         {
             {.method = "POST",
              .operation = "cloneModel",
              .summary = "Copy a model with its optimizer's state",
              .scope = SCOPE_TRAIN,
              .body = BODY_JSON,
              .handle = changes_clone},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "reset"},
     .handlers =
         {
             {.method = "POST",
              .operation = "resetModel",
              .summary = "Fresh weights, in the order of the batches",
              .scope = SCOPE_TRAIN,
              .body = BODY_JSON,
              .handle = changes_reset},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "batches"},
     .handlers =
         {
             {.method = "POST",
              .operation = "trainBatch",
              .summary = "Train on a batch",
              .scope = SCOPE_TRAIN,
              .body = BODY_BATCH,
              .parameters = "scale offset batch_size",
              .handle = batches_post},
             {.method = "DELETE",
              .operation = "cancelBatches",
              .summary = "Take all waiting batches back",
              .scope = SCOPE_TRAIN,
              .body = BODY_NONE,
              .handle = batches_cancel_all},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "batches", NUMBER_SEGMENT},
     .handlers =
         {
             {.method = "GET",
              .operation = "describeBatch",
              .summary = "What became of a batch",
              .scope = SCOPE_READ,
              .body = BODY_NONE,
              .handle = batches_describe},
             {.method = "DELETE",
              .operation = "cancelBatch",
              .summary = "Take a waiting batch back",
              .scope = SCOPE_TRAIN,
              .body = BODY_NONE,
              .handle = batches_cancel},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "loss"},
     .handlers =
         {
             {.method = "GET",
              .operation = "listLoss",
              .summary = "The loss history",
              .scope = SCOPE_READ,
              .body = BODY_NONE,
              .parameters = "after limit wait",
              .handle = loss_history_list},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "predictions"},
     .handlers =
         {
             {.method = "POST",
              .operation = "predict",
              .summary = "Ask for predictions",
              .scope = SCOPE_READ,
              .body = BODY_PREDICTION,
              .parameters = "scale offset",
              .handle = predictions_post},
         }},
    {.segments = {"v1", "models", MODEL_SEGMENT, "evaluations"},
     .handlers =
         {
             {.method = "POST",
              .operation = "evaluate",
              .summary = "Loss and metrics",
              .scope = SCOPE_READ,
              .body = BODY_EVALUATION,
              .parameters = "scale offset",
              .handle = evaluations_post},
         }},
    {.segments = {"v1", "server"},
     .handlers =
         {
             {.method = "GET",
              .operation = "describeServer",
              .summary = "Limits and figures",
              .scope = SCOPE_READ,
              .body = BODY_NONE,
              .handle = server_describe},
         }},
    {.segments = {"health", "live"},
     .handlers =
         {
             {.method = "GET",
              .operation = "isLive",
              .summary = "Does the process answer",
              .scope = SCOPE_NONE,
              .body = BODY_NONE,
              .handle = health_live},
         }},
    {.segments = {"health", "ready"},
     .handlers =
         {
             {.method = "GET",
              .operation = "isReady",
              .summary = "Does it take work",
              .scope = SCOPE_NONE,
              .body = BODY_NONE,
              .handle = health_ready},
         }},
};

const size_t route_count = sizeof routes / sizeof *routes;

static bool segment_matches(const char *pattern, const char *segment) {
    return pattern[0] == '{' || strcmp(pattern, segment) == 0;
}

static bool matches(const struct route *route, const struct target *target) {
    size_t i = 0;
    while (i < target->segment_count && route->segments[i] != NULL &&
           segment_matches(route->segments[i], target->segments[i])) {
        i++;
    }
    return i == target->segment_count && (i == TARGET_SEGMENTS_MAX || route->segments[i] == NULL);
}

const struct route *route_find(const struct target *target) {
    for (size_t i = 0; i < route_count && !target->matches_nothing; i++) {
        if (matches(&routes[i], target)) {
            return &routes[i];
        }
    }
    return NULL;
}

const struct handler *route_handler(const struct route *route, const char *method) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < HANDLERS_MAX && route->handlers[i].method != NULL; i++) {
        if (strcmp(wanted, route->handlers[i].method) == 0) {
            return &route->handlers[i];
        }
    }
    return NULL;
}

void route_allow(const struct route *route, char allow[ALLOW_BYTES]) {
    snprintf(allow, ALLOW_BYTES, "OPTIONS");
    for (size_t i = 0; i < HANDLERS_MAX && route->handlers[i].method != NULL; i++) {
        const char *method = route->handlers[i].method;
        const size_t used = strlen(allow);
        snprintf(allow + used, ALLOW_BYTES - used, ", %s%s", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
    }
}
