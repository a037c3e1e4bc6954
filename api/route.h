/* Routes: which address takes which methods, and who handles them. */
#ifndef MLPD_API_ROUTE_H
#define MLPD_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/access.h"
#include "api/target.h"

struct call;

enum body_kind {
    BODY_NONE,  /* what comes is discarded */
    BODY_JSON,  /* a small document, gathered and given to jansson */
    BODY_BATCH, /* tensors, by an intake */
    BODY_PREDICTION,
    BODY_EVALUATION
};

struct handler {
    const char *method;    /* NULL ends a list; GET serves HEAD too */
    const char *operation; /* its name in the OpenAPI document: "createModel" */
    const char *summary;   /* one line */
    enum scope scope;      /* that it needs */
    enum body_kind body;
    const char *parameters; /* query parameters it takes, separated by blanks; NULL: none */
    void (*handle)(struct call *call);
};

#define HANDLERS_MAX 4
#define MODEL_SEGMENT "{model}"
#define NUMBER_SEGMENT "{number}"

struct route {
    /* Segments; "{model}" is the name of a model, looked up before the handler
     * runs; "{number}" anything, for the handler. */
    const char *segments[TARGET_SEGMENTS_MAX];
    struct handler handlers[HANDLERS_MAX];
};

extern const struct route routes[];
extern const size_t route_count;

/* The route of a target, or NULL. */
const struct route *route_find(const struct target *target);

/* The handler of a method on it, or NULL. */
const struct handler *route_handler(const struct route *route, const char *method);

/* "GET, HEAD, OPTIONS, POST": what the route allows. */
#define ALLOW_BYTES 96
void route_allow(const struct route *route, char allow[ALLOW_BYTES]);

#endif
