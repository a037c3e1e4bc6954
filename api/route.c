/* The table of routes; see route.h. */
#include "api/route.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"

const struct route routes[] = {
    {{"v1", "models"},
     {{"POST", BODY_JSON, "dry_run", models_create, "create a model"},
      {"GET", BODY_NONE, "limit after", models_list, "list the models"}}},
    {{"v1", "models", MODEL_SEGMENT},
     {{"GET", BODY_NONE, "weights_sha256 wait_step", models_describe, "describe a model"},
      {"PATCH", BODY_JSON, "", changes_patch, "change settings, in the order of the batches"},
      {"DELETE", BODY_NONE, "", models_delete, "remove a model"}}},
    {{"v1", "models", MODEL_SEGMENT, "clone"},
     {{"POST", BODY_JSON, "", changes_clone, "copy a model with its optimizer's state"}}},
    {{"v1", "models", MODEL_SEGMENT, "reset"},
     {{"POST", BODY_JSON, "", changes_reset, "fresh weights, in the order of the batches"}}},
    {{"v1", "models", MODEL_SEGMENT, "batches"},
     {{"POST", BODY_BATCH, "scale offset batch_size", batches_post, "train on a batch"},
      {"DELETE", BODY_NONE, "", batches_cancel_all, "take all waiting batches back"}}},
    {{"v1", "models", MODEL_SEGMENT, "batches", NUMBER_SEGMENT},
     {{"GET", BODY_NONE, "", batches_describe, "what became of a batch"},
      {"DELETE", BODY_NONE, "", batches_cancel, "take a waiting batch back"}}},
    {{"v1", "models", MODEL_SEGMENT, "loss"},
     {{"GET", BODY_NONE, "after limit wait", loss_history_list, "the loss history"}}},
    {{"v1", "models", MODEL_SEGMENT, "predictions"},
     {{"POST", BODY_PREDICTION, "scale offset", predictions_post, "ask for predictions"}}},
    {{"v1", "models", MODEL_SEGMENT, "evaluations"},
     {{"POST", BODY_EVALUATION, "scale offset", evaluations_post, "loss and metrics"}}},
    {{"v1", "server"}, {{"GET", BODY_NONE, "", server_describe, "limits and figures"}}},
    {{"health", "live"}, {{"GET", BODY_NONE, "", health_live, "does the process answer"}}},
    {{"health", "ready"}, {{"GET", BODY_NONE, "", health_ready, "does it take work"}}},
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
