/* What the HTTP server has seen, in numbers: requests by call and status, how long they
 * took, what is open and what waits.
 *
 * The server counts, /metrics and /v1/server show.  Calls are those of the route table
 * (api/route.h) and one for all that matched none of them, so that no client can make a
 * new label.  Any thread, and nobody waits: all is atomic and relaxed. */
#ifndef MLPD_API_HTTP_STATISTICS_H
#define MLPD_API_HTTP_STATISTICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/histogram.h"

/* More statuses than HTTP has. */
#define HTTP_STATUSES_MAX 64

struct operation_statistics {
    atomic_uint_fast64_t requests[HTTP_STATUSES_MAX]; /* as `statuses` of the whole */
    struct histogram seconds; /* of the same requests; a stream's to its beginning */
};

struct http_statistics {
    /* Of the server, changed by it. */
    atomic_size_t connections;     /* open */
    atomic_uint_fast64_t refused;  /* connections closed at once: too many were open */
    atomic_size_t waiting;         /* requests that wait for something */
    atomic_uint_fast64_t aborted;  /* requests that ended without an answer */
    atomic_uint_fast64_t received; /* bytes of bodies */
    atomic_uint_fast64_t sent;     /* the same of answers */

    atomic_uint statuses[HTTP_STATUSES_MAX]; /* in the order in which they came; 0: none yet */
    size_t operation_count;
    struct operation_statistics operations[]; /* the last is for what is no call */
};

/* NULL when there is no memory. */
struct http_statistics *http_statistics_create(void);
void http_statistics_destroy(struct http_statistics *http); /* NULL is allowed */

/* A request of the call of that number (route_operation) was answered. */
void http_statistics_count(struct http_statistics *http, size_t operation, unsigned status,
                           double seconds);

#endif
