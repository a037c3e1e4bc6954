/* One HTTP call, as the server sees the api: begin with the headers, feed the
 * body, wait if it must, take the answer.
 *
 * The server drives a call from one thread at a time:
 *
 *   call_create → call_begin ─┬─ CALL_READING → call_feed … → call_end ─┐
 *                             │                                         │
 *                             ├──────── CALL_ANSWERED ◄─────────────────┤
 *                             └──────── CALL_WAITING ◄──────────────────┤
 *                                       CALL_GATHERING ◄────────────────┘
 *
 * CALL_WAITING means: suspend the connection, and only then call `call_start`
 * with a completion.  The completion is called exactly once (perhaps before
 * call_start returns) unless the call is answered at its deadline; then
 * call_resume says what comes next: CALL_ANSWERED, or CALL_WAITING again.
 *
 * CALL_GATHERING means: the thread itself computes what the call waits for, at the end of
 * its turn (core/engine/local_predictor.h); call call_end again after that.
 *
 * An answer may come in pieces, and a call may wait between two of them, by the same
 * rules: call_next_piece says CALL_ANSWERED (the piece is there) or CALL_WAITING.
 *
 * No function blocks, and none does more than a chunk's worth of work. */
#ifndef MLPD_API_CALL_H
#define MLPD_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/access.h"
#include "api/http_statistics.h"
#include "api/option_value.h"
#include "api/waiting_room.h"
#include "core/base/buffer.h"
#include "core/engine/completion.h"
#include "core/engine/engine.h"
#include "core/engine/local_predictor.h"

/* What the server allows connections, to be told to who asks. */
struct connection_limits {
    size_t connections;
    size_t connections_per_address;
    size_t connections_of_loopback; /* of one of its addresses */
    double idle_seconds;
    double header_seconds;
    double body_seconds;
    size_t bytes_per_second; /* the least; 0: any */
};

/* What the api needs to know of the process.  Filled by the server, then only
 * read: any thread. */
struct api {
    struct engine *engine;
    size_t body_bytes_max;        /* --max-body */
    struct waiting_room *waiting; /* --max-waiting */
    struct connection_limits connections;
    size_t metrics_models_max; /* --metrics-models */
    bool open_metrics;         /* --open-metrics: no token is asked for them */

    struct http_statistics *http;       /* the server counts in them */
    double started_at;                  /* seconds since 1970 */
    const char *http_library;           /* the version of libmicrohttpd */
    const char *store;                  /* "sqlite", or "memory": nothing survives the process */
    const struct option_value *options; /* [option_count], all there are */
    size_t option_count;
};

struct call;

/* What HTTP has told of a request.  Valid during call_create and call_begin. */
struct request {
    const char *method;
    const char *target; /* as on the request line: undecoded, with the query */
    /* A header's value by name, case-insensitive, or NULL. */
    const char *(*header)(const void *context, const char *name);
    /* The same of the header's line `index`, from 0: some come in several. */
    const char *(*header_line)(const void *context, const char *name, size_t index);
    const void *header_context;
    struct access access;
    const char *id; /* X-Request-Id, for problem documents; NULL: none; outlives the call */
    /* Of the thread that drives the call, where small predictions gather; NULL: workers
     * compute them all. */
    struct local_predictor *predictor;
};

#define RESPONSE_HEADERS_MAX 8

struct response_header {
    const char *name; /* a constant */
    char value[192];
};

struct response {
    unsigned status;
    size_t header_count;
    struct response_header headers[RESPONSE_HEADERS_MAX]; /* Content-Type is one of them */
    struct buffer body;

    bool closes; /* the connection, after it */

    /* NULL: the body is whole.  Otherwise it is the first piece of a long one, and
     * this makes the next, for call_next_piece, in the emptied body: an empty one is the
     * end.  It may let the call wait, and then the call's resume makes the piece.
     * False when there was no memory to go on with. */
    bool (*next_piece)(struct call *call);
    uint64_t body_bytes; /* of all pieces together; 0: not known */
};

enum call_state {
    CALL_READING,
    CALL_WAITING,
    CALL_GATHERING,
    CALL_ANSWERED,
    CALL_BROKEN /* within an answer: no memory to go on with */
};

/* NULL when there is no memory. */
struct call *call_create(const struct api *api);

/* Which call of the table of routes it is, from call_begin on. */
struct call_operation {
    size_t number;    /* for http_statistics_count */
    const char *name; /* "none" for what matched no call */
    bool is_polled;   /* by machines, day and night */
};

/* NULL is allowed: none. */
struct call_operation call_operation(const struct call *call);

/* The headers are known.  CALL_READING: feed the body, if any, then call_end. */
enum call_state call_begin(struct call *call, const struct request *request);

/* Part of the body.  False when nothing more is wanted: the call has its answer,
 * and call_end is not called. */
bool call_feed(struct call *call, const char *data, size_t size);

/* The body is whole; or, of a call that gathers, the turn is over. */
enum call_state call_end(struct call *call);

/* The connection is suspended: begin to wait. */
void call_start(struct call *call, struct completion *completion);

/* Seconds from call_start until the call wants to be resumed whatever happened;
 * infinity: it waits for its completion alone.  Asked just before call_start. */
double call_patience_seconds(const struct call *call);

/* The completion was called, or (`expired`) the patience was over or the client gone
 * first: then the completion may still come, even after call_destroy, and the call
 * answers now, unless it knows that the completion has come. */
enum call_state call_resume(struct call *call, bool expired);

/* The answer, once CALL_ANSWERED; the body may be moved out of it.  Belongs to
 * the call. */
struct response *call_response(struct call *call);

/* The next piece of an answer that comes in pieces.  CALL_ANSWERED: it is in the
 * response's body, an empty one is the end; CALL_WAITING: call_resume will say;
 * CALL_BROKEN. */
enum call_state call_next_piece(struct call *call);

/* At any time when no completion is outstanding or the call has expired. */
void call_destroy(struct call *call);

#endif
