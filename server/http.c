/* HTTP over libmicrohttpd; see http.h.
 *
 * Traps of version 0.9.75 that this file is built around:
 *  - An answer that is queued at the first call of the handler closes the
 *    connection, even of a GET: so answers wait for the last call, which follows at
 *    once when there is no body.
 *  - Within the body no answer can be queued.  A refused body that is too long to be
 *    discarded is answered past libmicrohttpd, on the socket (`send_past`).
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
#include <strings.h>
#include <sys/socket.h>

#include "api/target.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/connections.h"
#include "server/exchange.h"
#include "server/http_loop.h"
#include "server/linger.h"
#include "server/log.h"
#include "server/tls.h"

#define HEADER_BYTES_MAX ((size_t)32 << 10) /* of the request line and all fields */
#define CONNECTION_BYTES ((size_t)40 << 10) /* for it and an answer's; cleared each request */
/* Where memory for them is short libmicrohttpd waits for ever for the header's end. */
#define QUERY_PARAMETERS_MAX 64
#define STOP_GRACE_SECONDS 2.0
#define HEAD_BYTES 2048
#define PIECE_BYTES ((size_t)16 << 10)
#define REQUEST_ID_HEADER "X-Request-Id"

/* One that speaks HTTP, and its share of libmicrohttpd: a daemon for each socket. */
struct http_thread {
    struct http *http;
    size_t daemon_count;
    struct MHD_Daemon *daemons[LISTENER_SOCKETS_MAX];
    struct http_loop *loop;
    struct local_predictor *predictor; /* the engine's */
};
_Static_assert(LISTENER_SOCKETS_MAX <= HTTP_LOOP_DAEMONS_MAX, "a loop runs all sockets");

struct http {
    struct exchanges *exchanges;
    struct http_statistics *statistics; /* of the api */
    const struct guard *guard;
    bool tls;
    struct MHD_Response *refusals[REFUSAL_COUNT]; /* made once: they need no memory later */
    size_t thread_count;
    struct http_thread *threads; /* [thread_count] */
    struct transport transport;
    struct connections connections;
};

/* Later versions refuse by themselves what struct section is for. */
#define PARSES_IN_PLACE (MHD_VERSION < 0x01000000)

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
        atomic_fetch_add_explicit(&http->statistics->connections, 1, memory_order_relaxed);
        exchanges_watch(http->exchanges);
    } else {
        exchange_finish(connections_request(*socket_context)); /* that was not completed */
        connections_close(&http->connections, *socket_context);
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

/* ---- headers ---- */

/* The header section as it lies in memory.  This version of libmicrohttpd cuts lines at
 * a NUL, takes bare line feeds, joins folded lines to the *name*, and ends the headers at
 * a line that begins with a colon, all without a word.  But it parses in place: in a
 * section of proper lines each name begins where the line before ended, and the last
 * line ends, with the empty one, where the section does. */
struct section {
    struct gate gate;
    const char *next; /* where the next name has to begin */
    bool broken;
};

static bool is_line(const struct section *section, const char *name, size_t name_bytes,
                    const char *value) {
    if (name != section->next || value <= name + name_bytes) {
        return false;
    }
    for (const char *at = name + name_bytes + 1; at < value; at++) {
        if (*at != ' ' && *at != '\t') {
            return false;
        }
    }
    return true;
}

static enum MHD_Result show_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_bytes, const char *value, size_t value_bytes) {
    struct section *section = context;
    (void)kind;
    if (value == NULL || (PARSES_IN_PLACE && !is_line(section, name, name_bytes, value))) {
        section->broken = true;
        return MHD_NO;
    }
    section->next = value + value_bytes + 2;
    gate_header(&section->gate, name, name_bytes, value, value_bytes);
    return MHD_YES;
}

static size_t header_bytes(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* Whether all of the section was shown. */
static bool is_whole(const struct section *section, struct MHD_Connection *connection,
                     const char *method) {
    return !section->broken &&
           (!PARSES_IN_PLACE || section->next + 2 == method + header_bytes(connection));
}

static const char *find_header(const void *context, const char *name) {
    /* libmicrohttpd takes no const connection, and does not change it here. */
    return MHD_lookup_connection_value((struct MHD_Connection *)context, MHD_HEADER_KIND, name);
}

/* Over a unix socket. */
static bool is_local(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL && info->client_addr != NULL && info->client_addr->sa_family == AF_UNIX;
}

struct line_search {
    const char *name;
    size_t lines_before;
    const char *value; /* NULL: not found yet */
};

static enum MHD_Result look_at_line(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    struct line_search *search = context;
    (void)kind;
    if (strcasecmp(name, search->name) != 0) {
        return MHD_YES;
    }
    search->value = search->lines_before == 0 ? value : NULL;
    return search->lines_before-- == 0 ? MHD_NO : MHD_YES;
}

static const char *find_header_line(const void *context, const char *name, size_t index) {
    struct line_search search = {.name = name, .lines_before = index};
    MHD_get_connection_values((struct MHD_Connection *)context, MHD_HEADER_KIND, look_at_line,
                              &search);
    return search.value;
}

/* ---- answers ---- */

/* Pages of another origin may read an answer only where it says so.  To ask whether they
 * may send a request, a browser sends OPTIONS first. */
static enum MHD_Result add_origin_headers(const struct http *http,
                                          struct MHD_Connection *connection, const char *method,
                                          struct MHD_Response *response) {
    static const char *const rows[][2] = {
        {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
        {"Access-Control-Allow-Headers",
         "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-Match, "
         "If-None-Match, Last-Event-ID, Prefer, X-Request-Id"},
        {"Access-Control-Max-Age", "600"},
    };
    const char *origin = find_header(connection, MHD_HTTP_HEADER_ORIGIN);
    if (origin == NULL || !origins_lists(http->guard->origins, origin)) {
        return MHD_YES;
    }
    enum MHD_Result result =
        MHD_add_response_header(response, "Access-Control-Allow-Origin", origin) == MHD_YES &&
                MHD_add_response_header(response, "Access-Control-Expose-Headers", "*") ==
                    MHD_YES &&
                MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin") == MHD_YES
            ? MHD_YES
            : MHD_NO;
    const bool asks = strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0 &&
                      find_header(connection, "Access-Control-Request-Method") != NULL;
    for (size_t i = 0; asks && result == MHD_YES && i < sizeof rows / sizeof *rows; i++) {
        result = MHD_add_response_header(response, rows[i][0], rows[i][1]);
    }
    return result;
}

/* NULL when there is no memory.  `id` may be empty. */
static struct MHD_Response *create_refusal(enum refusal refusal, const char *id) {
    const struct refusal_document *document = &refusal_documents[refusal];
    struct MHD_Response *response = MHD_create_response_from_buffer(
        document->body_bytes, (void *)document->body, MHD_RESPMEM_PERSISTENT);
    if (response != NULL &&
        (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                 "application/problem+json") != MHD_YES ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES ||
         (document->retry_after != NULL &&
          MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, document->retry_after) !=
              MHD_YES) ||
         (*id != '\0' && MHD_add_response_header(response, REQUEST_ID_HEADER, id) != MHD_YES))) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

/* Where there is no memory for one that has the id, the one without. */
static enum MHD_Result queue_refusal(const struct http *http, struct MHD_Connection *connection,
                                     enum refusal refusal, const char *id) {
    struct MHD_Response *own = refusal != REFUSAL_MEMORY ? create_refusal(refusal, id) : NULL;
    const enum MHD_Result result = MHD_queue_response(connection, refusal_documents[refusal].status,
                                                      own != NULL ? own : http->refusals[refusal]);
    if (own != NULL) {
        MHD_destroy_response(own);
    }
    return result;
}

/* A reader that has nothing may return 0 if it has suspended the connection; it is called
 * again after the resume. */
static ssize_t read_pieces(void *context, uint64_t position, char *bytes, size_t size) {
    http_loop_note_work();
    (void)position;
    const ptrdiff_t count = exchange_read(context, bytes, size);
    switch (count) {
    case EXCHANGE_READ_END:
        return MHD_CONTENT_READER_END_OF_STREAM;
    case EXCHANGE_READ_BROKEN:
        return MHD_CONTENT_READER_END_WITH_ERROR;
    default: /* or EXCHANGE_READ_SUSPENDED */
        return count;
    }
}

/* A body in pieces is read by the connection's own thread before the request's
 * completion, so it needs no reference to the exchange.  HTTP/1.0 has no way to send it
 * but up to the close, and that mode also keeps HEAD from being followed by the stray
 * end of a body that was not sent. */
static struct MHD_Response *create_in_pieces(const char *method, struct exchange *exchange) {
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES,
                                                                      read_pieces, exchange, NULL);
    if (response != NULL && strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    }
    return response;
}

/* The bytes stay where the api wrote them, and the exchange with them. */
static struct MHD_Response *create_whole(struct exchange *exchange) {
    const struct buffer *body = exchange_body(exchange);
    exchange_keep_body(exchange);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        body->used, body->data, exchange_drop_body, exchange);
    if (response == NULL) {
        exchange_drop_body(exchange);
    }
    return response;
}

static enum MHD_Result add_headers(struct MHD_Response *response, const struct response *answer,
                                   const char *id, bool close) {
    enum MHD_Result result = MHD_add_response_header(response, REQUEST_ID_HEADER, id);
    for (size_t i = 0; i < answer->header_count && result == MHD_YES; i++) {
        result =
            MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    }
    if (result == MHD_YES && close) {
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    return result;
}

static enum MHD_Result queue_answer(const struct http *http, struct MHD_Connection *connection,
                                    const char *method, struct exchange *exchange) {
    enum refusal refusal;
    const struct response *answer = exchange_response(exchange, &refusal);
    if (answer == NULL) {
        return queue_refusal(http, connection, refusal, exchange_id(exchange));
    }
    struct MHD_Response *response =
        answer->next_piece == NULL ? create_whole(exchange) : create_in_pieces(method, exchange);
    if (response == NULL) {
        exchange_refuse(exchange, REFUSAL_MEMORY);
        return queue_refusal(http, connection, REFUSAL_MEMORY, "");
    }
    enum MHD_Result result =
        add_headers(response, answer, exchange_id(exchange), exchange_closes(exchange));
    if (result == MHD_YES) {
        result = add_origin_headers(http, connection, method, response);
    }
    if (result == MHD_YES) {
        result = MHD_queue_response(connection, answer->status, response);
    } else {
        exchange_refuse(exchange, REFUSAL_MEMORY);
        result = queue_refusal(http, connection, REFUSAL_MEMORY, "");
    }
    MHD_destroy_response(response);
    return result;
}

/* Answer now and close, while the client may still send. */
static enum MHD_Result answer_early(const struct http *http, struct MHD_Connection *connection,
                                    const char *method, struct exchange *exchange) {
    if (!connections_enter(connection_of(connection), PHASE_ANSWER)) {
        return MHD_NO;
    }
    exchange_linger(exchange);
    return queue_answer(http, connection, method, exchange);
}

static size_t print_head(char *head, unsigned status, size_t body_bytes, const char *id,
                         const struct response *answer) {
    int used =
        snprintf(head, HEAD_BYTES,
                 "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n" REQUEST_ID_HEADER
                 ": %s\r\n",
                 status, MHD_get_reason_phrase_for(status), body_bytes, id);
    for (size_t i = 0; answer != NULL && i < answer->header_count && used < HEAD_BYTES; i++) {
        used += snprintf(head + used, (size_t)(HEAD_BYTES - used), "%s: %s\r\n",
                         answer->headers[i].name, answer->headers[i].value);
    }
    if (answer == NULL && used < HEAD_BYTES) {
        used += snprintf(head + used, (size_t)(HEAD_BYTES - used),
                         "Content-Type: application/problem+json\r\n");
    }
    if (used < HEAD_BYTES) {
        used += snprintf(head + used, (size_t)(HEAD_BYTES - used), "\r\n");
    }
    return used < HEAD_BYTES ? (size_t)used : 0;
}

/* As much as goes without waiting.  Under TLS in the session, which has nothing of its
 * own to send just then. */
static void send_parts(struct MHD_Connection *connection, struct iovec *parts, size_t count) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL) {
        tls_send(info->tls_session, parts, count);
    } else {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        (void)sendmsg(socket_of(connection), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* Within a body libmicrohttpd takes no answer, and nothing of one has been sent yet:
 * so the answer goes to the socket or TLS session directly, and MHD_NO closes the connection.  It
 * is a problem document, small enough for an empty send buffer; if it does not fit the client sees
 * a broken answer, as it would without. */
static enum MHD_Result send_past(struct MHD_Connection *connection, struct exchange *exchange) {
    enum refusal refusal;
    char head[HEAD_BYTES];
    const struct response *answer = exchange_response(exchange, &refusal);
    const struct buffer *body = exchange_body(exchange);
    struct iovec parts[2] = {{.iov_base = head}, {.iov_base = body->data, .iov_len = body->used}};
    unsigned status = answer != NULL ? answer->status : refusal_documents[refusal].status;
    if (answer == NULL) {
        parts[1].iov_base = (char *)refusal_documents[refusal].body;
        parts[1].iov_len = refusal_documents[refusal].body_bytes;
    }
    parts[0].iov_len = print_head(head, status, parts[1].iov_len, exchange_id(exchange), answer);
    if (parts[0].iov_len > 0 && connections_enter(connection_of(connection), PHASE_ANSWER)) {
        send_parts(connection, parts, 2);
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
    struct section section = {.next = version + strlen(version) + 2};
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
    if (header_bytes(connection) > HEADER_BYTES_MAX) {
        return REFUSAL_HEADER_BYTES;
    }
    /* A NUL in the target cuts it, and a DELETE would hit another model. */
    if (PARSES_IN_PLACE && method + strlen(method) + 1 + strlen(target) + 1 != version) {
        return REFUSAL_TARGET;
    }
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, show_header, &section);
    if (!is_whole(&section, connection, method)) {
        return REFUSAL_HEADER_FORM;
    }
    *framing = section.gate.framing;
    return gate_verdict(&section.gate, target, version);
}

static enum MHD_Result begin(const struct http_thread *thread, struct MHD_Connection *connection,
                             const char *method, const char *version, struct exchange *exchange) {
    struct http *http = thread->http;
    struct framing framing = {.chunked = false};
    const char *target = exchange_target(exchange);
    exchange_identify(exchange, connection, method, find_header(connection, REQUEST_ID_HEADER));
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
    const struct guard_request asked = {.header = find_header,
                                        .header_context = connection,
                                        .target = target,
                                        .local = is_local(connection)};
    const struct request request = {
        .method = method,
        .target = target,
        .header = find_header,
        .header_line = find_header_line,
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
        return queue_refusal(http, connection, REFUSAL_MEMORY, "");
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
                   ? send_past(connection, exchange)
                   : MHD_YES;
    }
    if (!connections_enter(entry, PHASE_BUSY)) {
        return MHD_NO;
    }
    if (exchange_end(exchange) != EXCHANGE_ANSWER) {
        return MHD_YES;
    }
    (void)connections_enter(entry, PHASE_ANSWER); /* who is busy is not given up */
    return queue_answer(http, connection, method, exchange);
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

static bool make_refusals(struct http *http) {
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        http->refusals[i] = create_refusal((enum refusal)i, "");
        if (http->refusals[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* Each has room for all connections, and accept_connection keeps the limit: threads
 * share connections unevenly. */
static struct MHD_Daemon *start_daemon(struct http_thread *thread, int socket) {
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
                                MHD_USE_ERROR_LOG | (http->tls ? MHD_USE_TLS : 0),
                            0, accept_connection, http, handle, thread,
                            /* first, so that what the others have to say comes through it */
                            MHD_OPTION_EXTERNAL_LOGGER, take_log, NULL,            /* */
                            MHD_OPTION_LISTEN_SOCKET, socket,                      /* */
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

/* False and errno when there is no memory, file or thread for it. */
static bool start_thread(struct http *http, struct http_thread *thread, struct engine *engine,
                         const struct listener *listener) {
    thread->http = http;
    thread->predictor = local_predictor_create(engine);
    thread->loop = thread->predictor != NULL ? http_loop_create() : NULL;
    for (size_t i = 0; thread->loop != NULL && i < listener->count; i++) {
        thread->daemons[i] = start_daemon(thread, listener->sockets[i]);
        if (thread->daemons[i] == NULL) {
            return false;
        }
        thread->daemon_count++;
    }
    return thread->loop != NULL &&
           http_loop_start(thread->loop, thread->daemons, thread->daemon_count, end_turn, thread);
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
    if (!ready || http->exchanges == NULL || http->threads == NULL || !make_refusals(http)) {
        error_set(error, ERROR_MEMORY, NULL, "no memory or no thread for the HTTP server");
        goto failed;
    }
    for (; http->thread_count < settings->threads; http->thread_count++) {
        if (!start_thread(http, &http->threads[http->thread_count], settings->api->engine,
                          settings->listener)) {
            error_set(error, ERROR_INTERNAL, NULL,
                      "libmicrohttpd %s cannot start with %zu threads: %s", MHD_get_version(),
                      settings->threads, strerror(errno));
            http->thread_count++; /* what it has got is stopped too */
            goto failed;
        }
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
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < http->threads[t].daemon_count; i++) {
            MHD_quiesce_daemon(http->threads[t].daemons[i]); /* the socket is the listener's */
        }
    }
    if (http->exchanges != NULL) {
        exchanges_stop(http->exchanges, STOP_GRACE_SECONDS);
    }
    for (size_t t = 0; t < count; t++) {
        struct http_thread *thread = &http->threads[t];
        http_loop_stop(thread->loop);
        for (size_t i = 0; i < thread->daemon_count; i++) {
            MHD_stop_daemon(thread->daemons[i]);
        }
        http_loop_destroy(thread->loop);
    }
    http->thread_count = 0;
}

void http_destroy(struct http *http) {
    for (size_t i = 0; i < REFUSAL_COUNT; i++) {
        if (http->refusals[i] != NULL) {
            MHD_destroy_response(http->refusals[i]);
        }
    }
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
