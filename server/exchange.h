/* One exchange: a request and its answer, from the request line to the last byte.
 *
 * exchange.c knows when to read, wait and answer; the transport (http.c) knows
 * how.  All functions of one exchange are called by the HTTP thread that owns its
 * connection; what other threads do is `completion` and the reaper, and both can
 * only make one change of one atomic state:
 *
 *                                completion ┌─► READY ───┐
 *   RUNNING ─► (suspended) WAITING ─────────┤  deadline  │
 *      ▲                             reaper ├─► EXPIRED ─┤
 *      │                                    │  no client │
 *      │                             reaper └─► GONE ────┤
 *      └────────────────────────────────────────────────┘
 *
 * RUNNING is everything that the HTTP thread does: the body is read, or the call has
 * heard how its wait ended and answers or waits again.  A call may wait before its
 * answer (exchange_end) and between two pieces of it (exchange_read); the rules are the
 * same for both.
 *
 * Suspend first, then WAITING, then call_start.  Who makes the change from WAITING
 * resumes the connection; who comes too late does nothing.  So a connection is
 * resumed exactly once for each time it was suspended.
 *
 * A wait that the reaper ended may have its completion still on the way, and there is
 * only one completion: until it has come the next wait is postponed, that is, the
 * connection is suspended for a tick of the reaper's and nothing is started.
 *
 * The reaper looks several times a second at those that wait and expires the ones
 * whose patience is over, or whose client has gone, which libmicrohttpd does not
 * notice of a suspended connection.  It also closes connections that linger.
 *
 * Memory: an exchange is counted by the transport (from exchange_create to
 * exchange_finish), by each completion that is outstanding (an expired call's
 * comes after its answer), and by the body of its answer while that is sent. */
#ifndef MLPD_SERVER_EXCHANGE_H
#define MLPD_SERVER_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/call.h"
#include "server/address.h"
#include "server/gate.h"
#include "server/refusal.h"

struct exchange;
struct exchanges;

/* What an exchange needs of its connection.  `suspend` is called by the owning
 * HTTP thread; `resume` by any thread, once for each `suspend`. */
struct transport {
    void (*suspend)(void *connection);
    void (*resume)(void *connection);
    int (*socket)(void *connection);
    /* Who is at the other end, as text. */
    void (*peer)(void *connection, char text[ADDRESS_TEXT_BYTES]);
    /* Called by the reaper about once a second; false lets it sleep until
     * exchanges_watch or until something waits. */
    bool (*sweep)(void *context);
    void *sweep_context;
};

/* What the transport does next. */
enum exchange_step {
    EXCHANGE_READ,   /* give more of the body, or its end */
    EXCHANGE_WAIT,   /* suspended; exchange_end is called again once resumed */
    EXCHANGE_AGAIN,  /* not suspended; exchange_end is called again in the next turn */
    EXCHANGE_ANSWER, /* send the answer; when this comes before the body's end,
                      * close and linger */
    EXCHANGE_ABORT   /* within the body: send the answer past libmicrohttpd, close, linger */
};

/* NULL when there is no memory.  `api` and `transport` outlive it. */
struct exchanges *exchanges_create(const struct api *api, const struct transport *transport);

/* From now on nothing waits any more: what waits expires, what wants to is
 * refused, and answers close their connections.  Returns once no connection is
 * suspended and every answer is sent, or `grace_seconds` after that. */
void exchanges_stop(struct exchanges *all, double grace_seconds);

/* After the transport has stopped and every completion has come, that is, after
 * engine_destroy. */
void exchanges_destroy(struct exchanges *all);

/* There is something to sweep. */
void exchanges_watch(struct exchanges *all);

/* From now on every answer closes its connection. */
void exchanges_drain(struct exchanges *all);

/* A request line has arrived; `target` is copied.  NULL when there is no memory. */
struct exchange *exchange_create(struct exchanges *all, const char *target);

const char *exchange_target(const struct exchange *exchange);

/* The headers are known: before exchange_begin or exchange_refuse.  `wanted_id` is what
 * the client calls its request, or NULL; `connection` is valid until exchange_finish. */
void exchange_identify(struct exchange *exchange, void *connection, const char *method,
                       const char *wanted_id);

/* What the answer has as X-Request-Id; "" before exchange_identify. */
const char *exchange_id(const struct exchange *exchange);

enum exchange_step exchange_begin(struct exchange *exchange, const struct request *request,
                                  struct framing framing);

/* Refused by the server itself, in place of exchange_begin or in place of the api's
 * answer. */
void exchange_refuse(struct exchange *exchange, enum refusal refusal);

/* Whether exchange_begin or exchange_refuse was called. */
bool exchange_has_begun(const struct exchange *exchange);

enum exchange_step exchange_feed(struct exchange *exchange, const char *data, size_t size);

/* The body is whole, or the connection was resumed. */
enum exchange_step exchange_end(struct exchange *exchange);

/* The answer: the api's, or NULL and the server's own in `refusal`.  Once.  A whole
 * body of the api's has moved to exchange_body; one that comes in pieces is read with
 * exchange_read. */
const struct response *exchange_response(struct exchange *exchange, enum refusal *refusal);

/* Lives as long as the exchange: see exchange_keep_body. */
const struct buffer *exchange_body(const struct exchange *exchange);

/* Up to `size` more bytes of an answer that comes in pieces: how many, or one of these. */
#define EXCHANGE_READ_SUSPENDED ((ptrdiff_t)0) /* read again once resumed */
#define EXCHANGE_READ_END ((ptrdiff_t)-1)
#define EXCHANGE_READ_BROKEN ((ptrdiff_t)-2) /* no memory to go on with */
ptrdiff_t exchange_read(struct exchange *exchange, char *bytes, size_t size);

/* Whether the answer closes the connection; after exchange_response. */
bool exchange_closes(const struct exchange *exchange);

/* The answer's body is being sent: the exchange stays until exchange_drop_body,
 * which any thread may call. */
void exchange_keep_body(struct exchange *exchange);
void exchange_drop_body(void *exchange);

/* The connection closes after this request while the client may still send. */
void exchange_linger(struct exchange *exchange);

/* The request is over, however it ended: count it and write its line in the log.  NULL
 * is allowed. */
void exchange_finish(struct exchange *exchange);

#endif
