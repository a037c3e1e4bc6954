/* The guard: who sends a request, and from where.
 *
 * It finds out what the api needs to judge a call (api/access.h): what the token in
 * Authorization grants, and whether the Host and the Origin are ones that this daemon
 * answers to.  The judgement itself is the api's, which knows what each call needs.
 *
 * Any thread, and nobody waits. */
#ifndef MLPD_SERVER_GUARD_H
#define MLPD_SERVER_GUARD_H

#include <stdbool.h>

#include "api/access.h"
#include "server/origins.h"
#include "server/tokens.h"

/* Fixed while requests come. */
struct guard {
    struct tokens *tokens; /* NULL: tokens are not asked for */
    struct origins *origins;
};

/* What a request says of itself. */
struct guard_request {
    /* A header's value by name, case-insensitive, or NULL. */
    const char *(*header)(const void *context, const char *name);
    const void *header_context;
    const char *target; /* as on the request line */
    bool local;         /* over a unix socket */
};

/* The objection, if any, is in `objection`. */
struct access guard_judge(const struct guard *guard, const struct guard_request *request,
                          char objection[ORIGINS_OBJECTION_BYTES]);

#endif
