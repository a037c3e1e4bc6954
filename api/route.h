/* Routes: which address takes which methods, and who handles them. */
#ifndef MLPD_API_ROUTE_H
#define MLPD_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/access.h"
#include "api/parameter.h"
#include "api/request_header.h"
#include "api/target.h"

struct call;

enum body_kind {
    BODY_NONE,  /* what comes is discarded */
    BODY_JSON,  /* a small document, gathered and given to jansson */
    BODY_MODEL, /* the same, or a model's file, by a model_intake */
    BODY_BATCH, /* tensors, by an intake */
    BODY_PREDICTION,
    BODY_EVALUATION
};

/* An answer of a handler that is no problem document, for the OpenAPI document.  One
 * status may have several rows, of different media types. */
struct route_answer {
    unsigned status;        /* 0 ends a list */
    const char *schema;     /* its name in schema.c; NULL: there is no body */
    const char *media_type; /* NULL: application/json */
    const char *headers;    /* that it has beside Content-Type, separated by blanks; those of
                             * all rows of a status stand in its first */
    const char *when;       /* one sentence */
};

#define PARAMETERS_MAX_A_CALL 6
#define HEARS_MAX 4
#define ANSWERS_MAX 4
#define ERRORS_MAX 6

struct handler {
    const char *method;      /* NULL ends a list; GET serves HEAD too */
    const char *operation;   /* its name in the OpenAPI document: "createModel" */
    const char *summary;     /* one line */
    const char *description; /* more of it, in Markdown; NULL: nothing more */
    enum scope scope;        /* that it needs */
    enum body_kind body;
    const char *body_schema; /* of BODY_JSON: its name in schema.c */
    bool body_is_optional;
    enum parameter parameters[PARAMETERS_MAX_A_CALL + 1]; /* PARAMETER_NONE ends them */
    enum request_header hears[HEARS_MAX + 1];             /* HEADER_NONE ends them */
    struct route_answer answers[ANSWERS_MAX + 1];

    /* Statuses of problem documents, 0 ends them, beside those that follow from the
     * rest of the row; route_problem.c has the table. */
    unsigned errors[ERRORS_MAX + 1];
    bool is_polled; /* by machines, day and night: not in the log */
    void (*handle)(struct call *call);

    /* Of a document that is the same for all: its entity tag without quotes (NULL: none
     * just now), against which If-None-Match is judged. */
    const char *(*entity_tag)(void);
};

#define HANDLERS_MAX 4
#define MODEL_SEGMENT "{model}"
#define NUMBER_SEGMENT "{number}"

struct route {
    /* Segments; "{model}" is the name of a model, looked up before the handler
     * runs; "{number}" anything, for the handler. */
    const char *segments[TARGET_SEGMENTS_MAX];
    const char *tag; /* the group of the OpenAPI document that it is in */
    struct handler handlers[HANDLERS_MAX];
};

extern const struct route routes[];
extern const size_t route_count;

/* The route of a target, or NULL. */
const struct route *route_find(const struct target *target);

/* The handler of a method on it, or NULL. */
const struct handler *route_handler(const struct route *route, const char *method);

/* Whether a route's address has that segment: MODEL_SEGMENT, say. */
bool route_has_segment(const struct route *route, const char *segment);

/* Whether a handler's row names that header. */
bool route_hears(const struct handler *handler, enum request_header header);

/* Handlers are numbered from 0; the number of them all stands for none. */
size_t route_operation_count(void);
size_t route_operation(const struct handler *handler); /* NULL is allowed */
const char *route_operation_name(size_t operation);    /* NULL: none */

/* "GET, HEAD, OPTIONS, POST": what the route allows. */
#define ALLOW_BYTES 96
void route_allow(const struct route *route, char allow[ALLOW_BYTES]);

#endif
