/* The problem documents that calls can answer with, for the OpenAPI document: one row a
 * status, and which calls have it.  What follows from the rest of a call's row in the table
 * of routes is not said again there.  Constants and pure functions: any thread. */
#ifndef MLPD_API_ROUTE_PROBLEM_H
#define MLPD_API_ROUTE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "api/route.h"

/* Which calls have a problem. */
enum route_problem_occurrence {
    AS_LISTED, /* those whose row in the table of routes says so */
    ON_EVERY_CALL,
    WITH_A_SCOPE,
    BELOW_A_MODEL,
    WITH_A_BODY,
    WITH_A_NEEDED_BODY,
    WITH_AN_ANSWER,
    WITH_IF_MATCH
};

struct route_problem {
    unsigned status;
    enum route_problem_occurrence occurrence;
    const char *headers; /* separated by blanks, or NULL */
    const char *when;    /* one sentence */
    const char *detail;  /* of such a document, for example */
};

extern const struct route_problem route_problems[];
extern const size_t route_problem_count;

bool route_has_problem(const struct route *route, const struct handler *handler,
                       const struct route_problem *problem);

#endif
