/* One request's life; see exchange.h. */
#include "server/exchange.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/log.h"
#include "server/reaper.h"
#include "server/request_id.h"
#include "server/request_log.h"

#define STOP_POLL_SECONDS 0.005
#define STOP_WARNING_SECONDS 5.0

/* What still comes of a body whose call has its answer is dropped up to here, so
 * that the connection can go on. */
#define DISCARD_BYTES_MAX ((uint64_t)1 << 20)

enum exchange_state { RUNNING, WAITING, READY, EXPIRED, GONE };

/* Owned by the HTTP thread of its connection, except for the fields named
 * otherwise. */
struct exchange {
    struct exchanges *all;
    void *connection;
    struct call *call;          /* NULL before begin and when refused */
    enum call_state call_state; /* what the api said last */
    enum refusal refusal;       /* the server's own answer, if not REFUSAL_NONE */
    struct framing framing;
    uint64_t body_bytes;      /* that have come */
    uint64_t discarded_bytes; /* of them, after the call had its answer */
    size_t piece_bytes;       /* read of the answer's present piece */
    bool begun, answering, linger;
    double answered_at;      /* monotonic seconds: the answer was taken to be sent; 0: not yet */
    bool streamed;           /* the answer waited between two pieces */
    uint64_t response_bytes; /* of its body */
    double started_at;       /* monotonic seconds */
    char method[16];         /* cut */
    char id[REQUEST_ID_BYTES];
    bool late;      /* the completion of a wait that the reaper ended may still come */
    bool postponed; /* suspended, but nothing was started */
    bool submitted; /* something was: call_start */

    /* Any thread.  Only its release and acquire order what the completion's thread
     * wrote before what the HTTP thread reads after the resume. */
    _Atomic enum exchange_state state;
    /* Any thread.  Transport, completion, body; the last one frees. */
    atomic_uint references;
    struct completion completion; /* fixed; handed to the engine by call_start */
    struct buffer body;           /* of the answer, while it is sent */

    struct watched watched; /* the reaper's while it is watched */

    char target[]; /* as on the request line */
};

/* Needs no lock: what changes is atomic. */
struct exchanges {
    const struct api *api;
    const struct transport *transport;
    struct reaper *reaper;

    /* Connections that are suspended or about to be, or whose resume has not yet
     * returned.  Sequentially consistent together with `stopped`: a thread counts
     * itself, then looks at `stopped`; exchanges_stop sets `stopped`, then looks at
     * the count.  One of them sees the other. */
    atomic_size_t suspended;
    atomic_bool stopped;
    atomic_bool draining; /* relaxed: a hint to new answers */
    /* Requests whose body is whole and whose answer is not sent. Relaxed: polled. */
    atomic_size_t answering;
    atomic_size_t living; /* exchanges not yet freed; relaxed: for the check at the end */
};

static void release(struct exchange *exchange) {
    /* Release, then acquire: what others did with the exchange is done before it is
     * freed. */
    if (atomic_fetch_sub_explicit(&exchange->references, 1, memory_order_acq_rel) == 1) {
        struct exchanges *all = exchange->all;
        buffer_free(&exchange->body);
        memory_free(exchange);
        atomic_fetch_sub_explicit(&all->living, 1, memory_order_release);
    }
}

/* ---- waiting ---- */

/* The one way out of WAITING.  While the connection is suspended the transport's
 * reference stands, so the exchange lives until resume has been called; after it,
 * it may be gone, and only `all` is touched. */
static void end_wait(struct exchange *exchange, enum exchange_state next) {
    struct exchanges *all = exchange->all;
    enum exchange_state expected = WAITING;
    if (atomic_compare_exchange_strong_explicit(&exchange->state, &expected, next,
                                                memory_order_acq_rel, memory_order_relaxed)) {
        all->transport->resume(exchange->connection);
        atomic_fetch_sub_explicit(&all->api->http->waiting, 1, memory_order_relaxed);
        atomic_fetch_sub(&all->suspended, 1);
    }
}

static void complete(struct completion *completion) {
    struct exchange *exchange =
        (struct exchange *)((char *)completion - offsetof(struct exchange, completion));
    end_wait(exchange, READY);
    release(exchange);
}

static enum exchange_step answer_refusal(struct exchange *exchange, enum refusal refusal) {
    exchange_refuse(exchange, refusal);
    return EXCHANGE_ANSWER;
}

/* Acquire: a completion that has come is over. */
static bool completion_is_late(const struct exchange *exchange) {
    return exchange->late && atomic_load_explicit(&exchange->references, memory_order_acquire) > 1;
}

/* False: nothing waits any more. */
static bool begin_wait(struct exchange *exchange) {
    struct exchanges *all = exchange->all;
    atomic_fetch_add(&all->suspended, 1);
    if (atomic_load(&all->stopped)) {
        atomic_fetch_sub(&all->suspended, 1);
        return false;
    }
    atomic_fetch_add_explicit(&all->api->http->waiting, 1, memory_order_relaxed);
    exchange->late = completion_is_late(exchange);
    exchange->postponed = exchange->late;
    exchange->watched.deadline = clock_monotonic_seconds() +
                                 (exchange->postponed ? 0 : call_patience_seconds(exchange->call));
    all->transport->suspend(exchange->connection);
    if (!exchange->postponed) {
        atomic_fetch_add_explicit(&exchange->references, 1, memory_order_relaxed);
    }
    atomic_store_explicit(&exchange->state, WAITING, memory_order_release);
    reaper_watch(all->reaper, &exchange->watched);
    if (!exchange->postponed) {
        exchange->submitted = true;
        call_start(exchange->call, &exchange->completion);
    }
    return true;
}

/* Whether a wait is over of which the call has not heard yet. */
static bool has_waited(enum exchange_state state) {
    return state == READY || state == EXPIRED || state == GONE;
}

/* The api's next word after a wait is over. */
static enum call_state end_suspension(struct exchange *exchange, enum exchange_state state) {
    reaper_forget(exchange->all->reaper, &exchange->watched);
    atomic_store_explicit(&exchange->state, RUNNING, memory_order_relaxed);
    if (exchange->postponed) {
        exchange->postponed = false;
        return CALL_WAITING;
    }
    exchange->late = state != READY;
    return call_resume(exchange->call, state != READY);
}

static struct exchange *exchange_of(struct watched *watched) {
    return (struct exchange *)((char *)watched - offsetof(struct exchange, watched));
}

static void expire(struct watched *watched, bool gone) {
    end_wait(exchange_of(watched), gone ? GONE : EXPIRED);
}

/* Only of one that waits is the connection certainly there: and of one that has just
 * ceased to, because its HTTP thread has to get past reaper_forget first. */
static int socket_of_watched(struct watched *watched) {
    const struct exchange *exchange = exchange_of(watched);
    return atomic_load_explicit(&exchange->state, memory_order_acquire) == WAITING
               ? exchange->all->transport->socket(exchange->connection)
               : -1;
}

/* ---- all of them ---- */

struct exchanges *exchanges_create(const struct api *api, const struct transport *transport) {
    struct exchanges *all = memory_allocate_zero(1, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    const struct reaper_calls calls = {
        .expire = expire,
        .socket = socket_of_watched,
        .sweep = transport->sweep,
        .sweep_context = transport->sweep_context,
    };
    all->api = api;
    all->transport = transport;
    all->reaper = reaper_create(&calls);
    if (all->reaper == NULL) {
        memory_free(all);
        return NULL;
    }
    return all;
}

void exchanges_watch(struct exchanges *all) {
    reaper_wake(all->reaper);
}

void exchanges_drain(struct exchanges *all) {
    atomic_store_explicit(&all->draining, true, memory_order_relaxed);
}

static void pause_shortly(void) {
    const struct timespec pause = {.tv_nsec = (long)(STOP_POLL_SECONDS * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

void exchanges_stop(struct exchanges *all, double grace_seconds) {
    exchanges_drain(all);
    atomic_store(&all->stopped, true);
    reaper_expire_all(all->reaper);
    /* Without bound: libmicrohttpd ends the process if a connection is suspended
     * when it stops.  The reaper expires them all within a tick. */
    const double start = clock_monotonic_seconds();
    bool warned = false;
    while (atomic_load(&all->suspended) > 0) {
        if (!warned && clock_monotonic_seconds() - start > STOP_WARNING_SECONDS) {
            log_warning("connections are still suspended",
                        log_count("connections", atomic_load(&all->suspended)));
            warned = true;
        }
        pause_shortly();
    }
    const double until = clock_monotonic_seconds() + grace_seconds;
    while (atomic_load_explicit(&all->answering, memory_order_relaxed) > 0 &&
           clock_monotonic_seconds() < until) {
        pause_shortly();
    }
}

void exchanges_destroy(struct exchanges *all) {
    const size_t living = atomic_load_explicit(&all->living, memory_order_acquire);
    reaper_destroy(all->reaper);
    if (living > 0) { /* a completion that never came: a defect, and no reason to crash */
        log_error("exchanges are left at the end", log_count("exchanges", living));
        return;
    }
    memory_free(all);
}

/* ---- one of them ---- */

struct exchange *exchange_create(struct exchanges *all, const char *target) {
    const size_t bytes = strlen(target) + 1;
    struct exchange *exchange = memory_allocate_object(sizeof *exchange + bytes);
    if (exchange == NULL) {
        return NULL;
    }
    memset(exchange, 0, sizeof *exchange);
    exchange->all = all;
    exchange->completion.complete = complete;
    atomic_init(&exchange->state, RUNNING);
    atomic_init(&exchange->references, 1);
    exchange->started_at = clock_monotonic_seconds();
    memcpy(exchange->target, target, bytes);
    atomic_fetch_add_explicit(&all->living, 1, memory_order_relaxed);
    return exchange;
}

const char *exchange_target(const struct exchange *exchange) {
    return exchange->target;
}

void exchange_identify(struct exchange *exchange, void *connection, const char *method,
                       const char *wanted_id) {
    exchange->connection = connection;
    memcpy(exchange->method, method, strnlen(method, sizeof exchange->method - 1));
    request_id_choose(exchange->id, wanted_id);
}

const char *exchange_id(const struct exchange *exchange) {
    return exchange->id;
}

bool exchange_has_begun(const struct exchange *exchange) {
    return exchange->begun;
}

void exchange_refuse(struct exchange *exchange, enum refusal refusal) {
    exchange->begun = true;
    exchange->refusal = refusal;
}

/* Whether the rest of a body that nobody wants is worth reading to its end. */
static bool worth_discarding(const struct exchange *exchange) {
    if (exchange->framing.chunked) {
        return exchange->discarded_bytes <= DISCARD_BYTES_MAX;
    }
    return exchange->framing.content_length - exchange->body_bytes + exchange->discarded_bytes <=
           DISCARD_BYTES_MAX;
}

enum exchange_step exchange_begin(struct exchange *exchange, const struct request *request,
                                  struct framing framing) {
    exchange->begun = true;
    exchange->framing = framing;
    exchange->call = call_create(exchange->all->api);
    if (exchange->call == NULL) {
        return answer_refusal(exchange, REFUSAL_MEMORY);
    }
    exchange->call_state = call_begin(exchange->call, request);
    if (exchange->call_state == CALL_READING) {
        return EXCHANGE_READ;
    }
    /* The body, if any, is not wanted.  A client that waits for '100 Continue' has
     * not begun to send it. */
    const bool has_body = framing.chunked || framing.content_length > 0;
    if (!has_body || (!framing.expects_continue && worth_discarding(exchange))) {
        return EXCHANGE_READ;
    }
    return exchange->call_state == CALL_ANSWERED ? EXCHANGE_ANSWER
                                                 : answer_refusal(exchange, REFUSAL_BODY);
}

enum exchange_step exchange_feed(struct exchange *exchange, const char *data, size_t size) {
    exchange->body_bytes += size;
    if (exchange->call_state == CALL_READING) {
        if (call_feed(exchange->call, data, size)) {
            return EXCHANGE_READ;
        }
        exchange->call_state = CALL_ANSWERED;
    } else {
        exchange->discarded_bytes += size;
    }
    if (worth_discarding(exchange)) {
        return EXCHANGE_READ;
    }
    if (exchange->call_state == CALL_WAITING) {
        exchange_refuse(exchange, REFUSAL_BODY);
    }
    return EXCHANGE_ABORT;
}

/* From here to exchange_finish the client is owed an answer. */
static void count_answering(struct exchange *exchange) {
    if (!exchange->answering) {
        exchange->answering = true;
        atomic_fetch_add_explicit(&exchange->all->answering, 1, memory_order_relaxed);
    }
}

/* The process ends.  A call that has begun nothing is refused; one that has (batches that are
 * stored, and whose loss is waited for) is answered with what is known, lest its client repeat
 * it. */
static enum exchange_step answer_without_wait(struct exchange *exchange) {
    if (!exchange->submitted) {
        return answer_refusal(exchange, REFUSAL_STOPPING);
    }
    do {
        exchange->call_state = call_resume(exchange->call, true);
    } while (exchange->call_state == CALL_WAITING);
    return EXCHANGE_ANSWER;
}

enum exchange_step exchange_end(struct exchange *exchange) {
    const enum exchange_state state = atomic_load_explicit(&exchange->state, memory_order_acquire);
    if (state == WAITING) {
        return EXCHANGE_WAIT; /* still suspended: there is nothing to do */
    }
    count_answering(exchange);
    if (exchange->refusal != REFUSAL_NONE) {
        return EXCHANGE_ANSWER;
    }
    if (has_waited(state)) {
        exchange->call_state = end_suspension(exchange, state);
    } else if (exchange->call_state == CALL_READING || exchange->call_state == CALL_GATHERING) {
        exchange->call_state = call_end(exchange->call);
    }
    assert(exchange->call_state != CALL_READING);
    if (exchange->call_state == CALL_GATHERING) {
        return EXCHANGE_AGAIN;
    }
    if (exchange->call_state == CALL_WAITING) {
        return begin_wait(exchange) ? EXCHANGE_WAIT : answer_without_wait(exchange);
    }
    return EXCHANGE_ANSWER;
}

/* Of an answer to HEAD only the size is told. */
static void count_sent(struct exchange *exchange, size_t bytes) {
    exchange->response_bytes += strcmp(exchange->method, "HEAD") != 0 ? bytes : 0;
}

const struct response *exchange_response(struct exchange *exchange, enum refusal *refusal) {
    count_answering(exchange);
    exchange->answered_at = clock_monotonic_seconds();
    *refusal = exchange->refusal;
    if (exchange->refusal != REFUSAL_NONE) {
        count_sent(exchange, refusal_documents[exchange->refusal].body_bytes);
        return NULL;
    }
    struct response *response = call_response(exchange->call);
    if (response->next_piece == NULL) {
        count_sent(exchange, response->body.used);
        buffer_move(&exchange->body, &response->body);
    }
    return response;
}

const struct buffer *exchange_body(const struct exchange *exchange) {
    return &exchange->body;
}

/* The piece before is sent: CALL_ANSWERED, and the next one is there (an empty one: the
 * end), or CALL_WAITING, or CALL_BROKEN. */
static enum call_state next_piece(struct exchange *exchange, enum exchange_state state) {
    exchange->piece_bytes = 0;
    return has_waited(state) ? end_suspension(exchange, state) : call_next_piece(exchange->call);
}

ptrdiff_t exchange_read(struct exchange *exchange, char *bytes, size_t size) {
    const struct buffer *piece = &call_response(exchange->call)->body;
    if (exchange->piece_bytes == piece->used) {
        const enum exchange_state state =
            atomic_load_explicit(&exchange->state, memory_order_acquire);
        if (state == WAITING) {
            return EXCHANGE_READ_SUSPENDED; /* still: there is nothing to do */
        }
        exchange->call_state = next_piece(exchange, state);
        if (exchange->call_state == CALL_BROKEN) {
            return EXCHANGE_READ_BROKEN;
        }
        if (state == GONE) {
            return EXCHANGE_READ_END;
        }
        if (exchange->call_state == CALL_WAITING) {
            exchange->streamed = true;
            return begin_wait(exchange) ? EXCHANGE_READ_SUSPENDED : EXCHANGE_READ_END;
        }
        if (piece->used == 0) {
            return EXCHANGE_READ_END;
        }
    }
    const size_t count = size_min(size, piece->used - exchange->piece_bytes);
    memcpy(bytes, piece->data + exchange->piece_bytes, count);
    exchange->piece_bytes += count;
    count_sent(exchange, count);
    return (ptrdiff_t)count;
}

bool exchange_closes(const struct exchange *exchange) {
    return exchange->refusal != REFUSAL_NONE || call_response(exchange->call)->closes ||
           atomic_load_explicit(&exchange->all->draining, memory_order_relaxed);
}

void exchange_keep_body(struct exchange *exchange) {
    atomic_fetch_add_explicit(&exchange->references, 1, memory_order_relaxed);
}

void exchange_drop_body(void *exchange) {
    release(exchange);
}

void exchange_linger(struct exchange *exchange) {
    exchange->linger = true;
}

static unsigned status_of(const struct exchange *exchange) {
    if (exchange->answered_at == 0) {
        return 0;
    }
    return exchange->refusal != REFUSAL_NONE ? refusal_documents[exchange->refusal].status
                                             : call_response(exchange->call)->status;
}

/* How long the daemon took.  A stream lasts as long as its client likes, which says nothing
 * of the daemon: of that it is the time until the answer began. */
static double latency_of(const struct exchange *exchange, double seconds) {
    return exchange->streamed ? exchange->answered_at - exchange->started_at : seconds;
}

/* While the connection is still there. */
static void record(const struct exchange *exchange) {
    struct http_statistics *http = exchange->all->api->http;
    char client[ADDRESS_TEXT_BYTES] = "";
    struct request_record record = {
        .id = exchange->id,
        .method = exchange->method,
        .target = exchange->target,
        .client = client,
        .operation = call_operation(exchange->call),
        .status = status_of(exchange),
        .seconds = clock_monotonic_seconds() - exchange->started_at,
        .request_bytes = exchange->body_bytes,
        .response_bytes = exchange->response_bytes,
    };
    if (record.status != 0) {
        http_statistics_count(http, record.operation.number, record.status,
                              latency_of(exchange, record.seconds));
    } else {
        atomic_fetch_add_explicit(&http->aborted, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&http->received, record.request_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&http->sent, record.response_bytes, memory_order_relaxed);
    if (request_log_wants(&record)) {
        if (exchange->connection != NULL) {
            exchange->all->transport->peer(exchange->connection, client);
        }
        request_log_write(&record);
    }
}

void exchange_finish(struct exchange *exchange) {
    if (exchange == NULL) {
        return;
    }
    struct exchanges *all = exchange->all;
    record(exchange);
    if (exchange->linger) {
        reaper_linger(all->reaper, all->transport->socket(exchange->connection),
                      worth_discarding(exchange));
    }
    const enum exchange_state state = atomic_load_explicit(&exchange->state, memory_order_acquire);
    if (exchange->call != NULL) {
        /* Resumed, but the connection broke before the call heard of it.  A call
         * that expired has to know, since its completion is outstanding. */
        if (has_waited(state)) {
            (void)end_suspension(exchange, state);
        }
        call_destroy(exchange->call);
        exchange->call = NULL;
    }
    if (exchange->answering) {
        atomic_fetch_sub_explicit(&all->answering, 1, memory_order_relaxed);
    }
    release(exchange);
}
