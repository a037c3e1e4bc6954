/* HTTP over libmicrohttpd; see http.h.
 *
 * Traps of version 0.9.75 that this file is built around:
 *  - An answer that is queued at the first call of the handler closes the
 *    connection, even of a GET: so answers wait for the last call, which follows at
 *    once when there is no body.
 *  - Within the body no answer can be queued.  A refused body that is too long to be
 *    discarded is answered past libmicrohttpd, on the socket (`http_answer_past`).
 *  - The request's completion callback comes for every request whose request line was
 *    seen, which is where the exchange is made, but for some whose parameters did not fit
 *    into its memory: those are finished with their connection.
 *  - While a connection is suspended it is never closed: so whoever may resume it may
 *    also touch it. */
#include "server/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/target.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/acceptor.h"
#include "server/connections.h"
#include "server/exchange.h"
#include "server/http_answer.h"
#include "server/http_headers.h"
#include "server/http_loop.h"
#include "server/linger.h"
#include "server/log.h"
#include "server/tls.h"

#define HEADER_BYTES_MAX ((size_t)32 << 10) /* of the request line and all fields */
#define CONNECTION_BYTES ((size_t)40 << 10) /* for it and an answer's; cleared each request */
/* Where memory for them is short libmicrohttpd waits for ever for the header's end. */
#define QUERY_PARAMETERS_MAX 64
#define STOP_GRACE_SECONDS 2.0

/* One that speaks HTTP, with a daemon of libmicrohttpd's. */
struct http_thread {
    struct http *http;
    struct MHD_Daemon *daemon;
    struct http_loop *loop;
    struct local_predictor *predictor; /* the engine's */
};
_Static_assert(LISTENER_SOCKETS_MAX <= HTTP_LOOP_SOCKETS_MAX, "a loop looks after all sockets");

struct http {
    struct exchanges *exchanges;
    struct http_statistics *statistics; /* of the api */
    const struct guard *guard;
    bool tls;
    struct http_answers answers;
    size_t thread_count;
    struct http_thread *threads; /* [thread_count] */
    struct acceptor acceptor;    /* of the first thread */
    struct transport transport;
    struct connections connections;
};

/* ---- the log ---- */

/* What a client can cause at will is no warning. */
static bool is_caused_by_client(const char *text) {
    static const char *const rows[] = {
        "Connection socket is closed",
        "Socket has been disconnected",
        "Connection was closed",
        "Error processing request",
        "Application reported",
        "Failed to parse",
        "Too large value",
        "Received HTTP",
        "Too late to send",
        "Closing connection",
        "Error: received handshake message out of context",
        "Too late for error",
        "Failed to forward",
        "Failed to send",
        "Failed to push",
        "Server reached connection",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strncmp(text, rows[i], strlen(rows[i])) == 0) {
            return true;
        }
    }
    return false;
}

__attribute__((format(printf, 2, 0))) static void take_log(void *context, const char *format,
                                                           va_list arguments) {
    char text[LOG_VALUE_BYTES];
    (void)context;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    LOG_WRITE(is_caused_by_client(text) ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "libmicrohttpd",
              log_text("text", text));
}

static void panic(void *context, const char *file, unsigned line, const char *reason) {
    (void)context;
    log_error("libmicrohttpd gave up", log_text("reason", reason), log_text("file", file),
              log_count("line", line));
    abort();
}

/* ---- what an exchange needs of a connection ---- */

/* NULL when there was no memory for it. */
static struct connection *connection_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void suspend(void *connection) {
    MHD_suspend_connection(connection);
}

/* Once it is resumed the connection may be gone at any moment. */
static void resume(void *connection) {
    struct http_loop *loop = connections_owner(connection_of(connection));
    MHD_resume_connection(connection);
    http_loop_wake(loop);
}

static int socket_of(void *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static void write_peer(void *connection, char text[ADDRESS_TEXT_BYTES]) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr->sa_family == AF_UNIX) {
        snprintf(text, ADDRESS_TEXT_BYTES, "unix");
        return;
    }
    struct address address;
    const union socket_name *name = (const union socket_name *)(const void *)info->client_addr;
    address_of_socket(name, sizeof *name, &address);
    address_format(&address, text);
}

static bool sweep(void *connections) {
    return connections_sweep(connections, clock_monotonic_seconds());
}

/* ---- connections ---- */

static void note_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                            enum MHD_ConnectionNotificationCode code) {
    const struct http_thread *thread = context;
    struct http *http = thread->http;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = connections_open(&http->connections, socket_of(connection), thread->loop,
                                           clock_monotonic_seconds());
        http_loop_count(thread->loop, true);
        atomic_fetch_add_explicit(&http->statistics->connections, 1, memory_order_relaxed);
        exchanges_watch(http->exchanges);
    } else {
        exchange_finish(connections_request(*socket_context)); /* that was not completed */
        connections_close(&http->connections, *socket_context);
        http_loop_count(thread->loop, false);
        atomic_fetch_sub_explicit(&http->statistics->connections, 1, memory_order_relaxed);
    }
}

static enum MHD_Result accept_connection(void *context, const struct sockaddr *address,
                                         socklen_t address_bytes) {
    struct http *http = context;
    (void)address_bytes;
    if (!connections_accept(&http->connections, address)) {
        atomic_fetch_add_explicit(&http->statistics->refused, 1, memory_order_relaxed);
        return MHD_NO;
    }
    return MHD_YES;
}

/* Over a unix socket. */
static bool is_local(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL && info->client_addr != NULL && info->client_addr->sa_family == AF_UNIX;
}

/* Answer now and close, while the client may still send. */
static enum MHD_Result answer_early(const struct http *http, struct MHD_Connection *connection,
                                    const char *method, struct exchange *exchange) {
    if (!connections_enter(connection_of(connection), PHASE_ANSWER)) {
        return MHD_NO;
    }
    exchange_linger(exchange);
    return http_answer_queue(&http->answers, connection, method, exchange);
}

static enum MHD_Result answer_past(struct MHD_Connection *connection, struct exchange *exchange) {
    if (connections_enter(connection_of(connection), PHASE_ANSWER)) {
        http_answer_past(connection, socket_of(connection), exchange);
    }
    exchange_linger(exchange);
    return MHD_NO;
}

/* ---- requests ---- */

static bool has_too_many_parameters(const char *target) {
    size_t count = 0;
    for (const char *at = strchr(target, '&'); at != NULL; at = strchr(at + 1, '&')) {
        count++;
    }
    return count > QUERY_PARAMETERS_MAX;
}

/* The request line has arrived: the target is still as it was sent. */
static void *note_target(void *context, const char *target, struct MHD_Connection *connection) {
    struct http *http = context;
    struct connection *entry = connection_of(connection);
    (void)connections_enter(entry, PHASE_HEADER); /* begin() asks again */
    if (target != NULL && has_too_many_parameters(target)) {
        connections_refuse(&http->connections, entry, REFUSAL_TARGET_BYTES);
    }
    struct exchange *exchange = exchange_create(http->exchanges, target != NULL ? target : "");
    connections_keep_request(entry, exchange);
    return exchange;
}

static enum refusal check_request(struct MHD_Connection *connection, const char *method,
                                  const char *target, const char *version,
                                  struct framing *framing) {
    struct gate gate = {0};
    const struct connection *entry = connection_of(connection);
    if (entry == NULL) {
        return REFUSAL_CONNECTIONS;
    }
    if (connections_refusal(entry) != REFUSAL_NONE) {
        return connections_refusal(entry);
    }
    if (strlen(target) > TARGET_BYTES_MAX) {
        return REFUSAL_TARGET_BYTES;
    }
    if (http_headers_bytes(connection) > HEADER_BYTES_MAX) {
        return REFUSAL_HEADER_BYTES;
    }
    if (!http_headers_follow(method, target, version)) {
        return REFUSAL_TARGET;
    }
    if (!http_headers_show(connection, method, version, &gate)) {
        return REFUSAL_HEADER_FORM;
    }
    *framing = gate.framing;
    return gate_verdict(&gate, target, version);
}

static enum MHD_Result begin(const struct http_thread *thread, struct MHD_Connection *connection,
                             const char *method, const char *version, struct exchange *exchange) {
    struct http *http = thread->http;
    struct framing framing = {.chunked = false};
    const char *target = exchange_target(exchange);
    exchange_identify(exchange, connection, method,
                      http_headers_find(connection, REQUEST_ID_HEADER));
    if (!connections_enter(connection_of(connection), PHASE_BODY)) {
        return MHD_NO;
    }
    const enum refusal refusal = check_request(connection, method, target, version, &framing);
    if (refusal != REFUSAL_NONE) {
        log_debug("request refused", log_text("method", method), log_text("target", target),
                  log_count("status", refusal_documents[refusal].status));
        exchange_refuse(exchange, refusal);
        return answer_early(http, connection, method, exchange);
    }
    char objection[ORIGINS_OBJECTION_BYTES];
    const struct guard_request asked = {.header = http_headers_find,
                                        .header_context = connection,
                                        .target = target,
                                        .local = is_local(connection)};
    const struct request request = {
        .method = method,
        .target = target,
        .header = http_headers_find,
        .header_line = http_headers_find_line,
        .header_context = connection,
        .id = exchange_id(exchange),
        .access = guard_judge(http->guard, &asked, objection),
        .predictor = thread->predictor,
    };
    return exchange_begin(exchange, &request, framing) == EXCHANGE_ANSWER
               ? answer_early(http, connection, method, exchange)
               : MHD_YES;
}

/* Called with the headers, with each piece of the body, at its end, and again after
 * each resume, or in the next turn where it has neither answered nor suspended. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_bytes, void **request_context) {
    http_loop_note_work();
    const struct http_thread *thread = context;
    struct http *http = thread->http;
    struct exchange *exchange = *request_context;
    (void)url;
    if (exchange == NULL) { /* there was no memory for it */
        *data_bytes = 0;
        return http_answer_refuse(&http->answers, connection, REFUSAL_MEMORY, "");
    }
    if (!exchange_has_begun(exchange)) {
        return begin(thread, connection, method, version, exchange);
    }
    struct connection *entry = connection_of(connection);
    if (*data_bytes > 0) {
        const size_t size = *data_bytes;
        *data_bytes = 0;
        if (!connections_receive(entry, size)) {
            return MHD_YES; /* it has its answer, and is cut off in a moment */
        }
        return exchange_feed(exchange, data, size) == EXCHANGE_ABORT
                   ? answer_past(connection, exchange)
                   : MHD_YES;
    }
    if (!connections_enter(entry, PHASE_BUSY)) {
        return MHD_NO;
    }
    if (exchange_end(exchange) != EXCHANGE_ANSWER) {
        return MHD_YES;
    }
    (void)connections_enter(entry, PHASE_ANSWER); /* who is busy is not given up */
    return http_answer_queue(&http->answers, connection, method, exchange);
}

static void finish_request(void *context, struct MHD_Connection *connection, void **request_context,
                           enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)code; /* however it ended, the exchange is over */
    (void)connections_enter(connection_of(connection), PHASE_IDLE);
    connections_keep_request(connection_of(connection), NULL);
    exchange_finish(*request_context);
    *request_context = NULL;
}

/* ---- the daemon ---- */

/* Each has room for all connections, and accept_connection keeps the limit: threads
 * share connections unevenly. */
static struct MHD_Daemon *start_daemon(struct http_thread *thread) {
    struct http *http = thread->http;
    const unsigned limit = (unsigned)(http->connections.settings.max + 2 * CONNECTIONS_OVER);
    const unsigned idle = (unsigned)http->connections.settings.pace.idle_seconds;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)tls_give_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem no_tls[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                                MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
                                (http->tls ? MHD_USE_TLS : 0),
                            0, accept_connection, http, handle, thread,
                            /* first, so that what the others have to say comes through it */
                            MHD_OPTION_EXTERNAL_LOGGER, take_log, NULL,            /* */
                            MHD_OPTION_STRICT_FOR_CLIENT, 0,                       /* */
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,  /* */
                            MHD_OPTION_CONNECTION_TIMEOUT, idle,                   /* */
                            MHD_OPTION_CONNECTION_LIMIT, limit,                    /* */
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                  /* */
                            MHD_OPTION_URI_LOG_CALLBACK, note_target, http,        /* */
                            MHD_OPTION_NOTIFY_CONNECTION, note_connection, thread, /* */
                            MHD_OPTION_NOTIFY_COMPLETED, finish_request, http,     /* */
                            MHD_OPTION_ARRAY, http->tls ? tls : no_tls, MHD_OPTION_END);
}

static void end_turn(void *thread) {
    local_predictor_run(((struct http_thread *)thread)->predictor);
}

/* Everything that its thread needs.  False and errno when there is no memory or file. */
static bool prepare_thread(struct http *http, struct http_thread *thread, struct engine *engine) {
    thread->http = http;
    thread->predictor = local_predictor_create(engine);
    thread->loop = thread->predictor != NULL ? http_loop_create() : NULL;
    thread->daemon = thread->loop != NULL ? start_daemon(thread) : NULL;
    return thread->daemon != NULL;
}

/* False and errno when there is no thread. */
static bool start_thread(struct http *http, struct http_thread *thread) {
    const struct http_loop_calls calls = {.accept = acceptor_take,
                                          .accept_context = &http->acceptor,
                                          .end_turn = end_turn,
                                          .end_turn_context = thread};
    return http_loop_start(thread->loop, thread->daemon, &calls);
}

/* The first one last: it accepts connections for them all. */
static bool start_threads(struct http *http, const struct http_settings *settings) {
    for (; http->thread_count < settings->threads; http->thread_count++) {
        struct http_thread *thread = &http->threads[http->thread_count];
        if (!prepare_thread(http, thread, settings->api->engine)) {
            http->thread_count++; /* what it has got is stopped too */
            return false;
        }
        http->acceptor.loops[http->acceptor.count++] = thread->loop;
    }
    http_loop_listen(http->threads[0].loop, settings->listener->sockets, settings->listener->count);
    size_t started = http->thread_count;
    while (started > 0 && start_thread(http, &http->threads[started - 1])) {
        started--;
    }
    return started == 0;
}

static bool knows_tls(void) {
    return MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES &&
           MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK2) == MHD_YES;
}

enum error_code http_create(const struct http_settings *settings, struct http **result,
                            struct error *error) {
    struct http *http = memory_allocate_zero(1, sizeof *http);
    if (http == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the HTTP server");
    }
    if (settings->tls && !knows_tls()) {
        memory_free(http);
        return error_set(error, ERROR_INTERNAL, NULL,
                         "libmicrohttpd %s was built without TLS: --tls-cert cannot be served",
                         MHD_get_version());
    }
    http->guard = settings->guard;
    http->tls = settings->tls;
    http->statistics = settings->api->http;
    MHD_set_panic_func(panic, NULL);
    struct connections_settings connections = settings->connections;
    connections.encrypted = settings->tls;
    const bool ready = connections_init(&http->connections, &connections);
    http->transport = (struct transport){.suspend = suspend,
                                         .resume = resume,
                                         .socket = socket_of,
                                         .peer = write_peer,
                                         .sweep = sweep,
                                         .sweep_context = &http->connections};
    http->exchanges = exchanges_create(settings->api, &http->transport);
    http->threads = memory_allocate_zero(settings->threads, sizeof *http->threads);
    if (!ready || http->exchanges == NULL || http->threads == NULL ||
        !http_answers_init(&http->answers, settings->guard->origins)) {
        error_set(error, ERROR_MEMORY, NULL, "no memory or no thread for the HTTP server");
        goto failed;
    }
    if (!start_threads(http, settings)) {
        error_set(error, ERROR_INTERNAL, NULL, "libmicrohttpd %s cannot start with %zu threads: %s",
                  MHD_get_version(), settings->threads, strerror(errno));
        goto failed;
    }
    *result = http;
    return ERROR_NONE;
failed:
    http_stop(http);
    http_destroy(http);
    return error->code;
}

void http_drain(struct http *http) {
    exchanges_drain(http->exchanges);
}

void http_stop(struct http *http) {
    const size_t count = http->threads != NULL ? http->thread_count : 0;
    if (count > 0) {
        http_loop_deafen(http->threads[0].loop);
    }
    if (http->exchanges != NULL) {
        exchanges_stop(http->exchanges, STOP_GRACE_SECONDS);
    }
    for (size_t t = 0; t < count; t++) {
        struct http_thread *thread = &http->threads[t];
        http_loop_stop(thread->loop);
        if (thread->daemon != NULL) {
            MHD_stop_daemon(thread->daemon);
        }
        http_loop_destroy(thread->loop);
    }
    http->thread_count = 0;
}

void http_destroy(struct http *http) {
    http_answers_free(&http->answers);
    if (http->exchanges != NULL) {
        exchanges_destroy(http->exchanges);
    }
    connections_free(&http->connections);
    memory_free(http->threads);
    memory_free(http);
}

const char *http_library(void) {
    return MHD_get_version();
}

size_t http_open_files(size_t connections_max) {
    return connections_max + CONNECTIONS_OVER + LINGER_MAX;
}
