/* Answers through libmicrohttpd; see http_answer.h. */
#include "server/http_answer.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http_headers.h"
#include "server/http_loop.h"
#include "server/tls.h"

#define HEAD_BYTES 2048
#define PIECE_BYTES ((size_t)16 << 10)

/* Pages of another origin may read an answer only where it says so.  To ask whether they
 * may send a request, a browser sends OPTIONS first. */
static enum MHD_Result add_origin_headers(const struct http_answers *answers,
                                          struct MHD_Connection *connection, const char *method,
                                          struct MHD_Response *response) {
    static const char *const rows[][2] = {
        {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
        {"Access-Control-Allow-Headers",
         "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-Match, "
         "If-None-Match, Last-Event-ID, Prefer, X-Request-Id"},
        {"Access-Control-Max-Age", "600"},
    };
    const char *origin = http_headers_find(connection, MHD_HTTP_HEADER_ORIGIN);
    if (origin == NULL || !origins_lists(answers->origins, origin)) {
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
                      http_headers_find(connection, "Access-Control-Request-Method") != NULL;
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

enum MHD_Result http_answer_refuse(const struct http_answers *answers,
                                   struct MHD_Connection *connection, enum refusal refusal,
                                   const char *id) {
    struct MHD_Response *own = refusal != REFUSAL_MEMORY ? create_refusal(refusal, id) : NULL;
    const enum MHD_Result result =
        MHD_queue_response(connection, refusal_documents[refusal].status,
                           own != NULL ? own : answers->refusals[refusal]);
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
 * completion, so it needs no reference to the exchange.  Where its size is not known,
 * HTTP/1.0 has no way to send it but up to the close, and that mode also keeps HEAD from being
 * followed by the stray end of a body that was not sent. */
static struct MHD_Response *create_in_pieces(const char *method, const struct response *answer,
                                             struct exchange *exchange) {
    const bool is_known = answer->body_bytes > 0;
    struct MHD_Response *response = MHD_create_response_from_callback(
        is_known ? answer->body_bytes : MHD_SIZE_UNKNOWN, PIECE_BYTES, read_pieces, exchange, NULL);
    if (response != NULL && !is_known && strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
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

enum MHD_Result http_answer_queue(const struct http_answers *answers,
                                  struct MHD_Connection *connection, const char *method,
                                  struct exchange *exchange) {
    enum refusal refusal;
    const struct response *answer = exchange_response(exchange, &refusal);
    if (answer == NULL) {
        return http_answer_refuse(answers, connection, refusal, exchange_id(exchange));
    }
    struct MHD_Response *response = answer->next_piece == NULL
                                        ? create_whole(exchange)
                                        : create_in_pieces(method, answer, exchange);
    if (response == NULL) {
        exchange_refuse(exchange, REFUSAL_MEMORY);
        return http_answer_refuse(answers, connection, REFUSAL_MEMORY, "");
    }
    enum MHD_Result result =
        add_headers(response, answer, exchange_id(exchange), exchange_closes(exchange));
    if (result == MHD_YES) {
        result = add_origin_headers(answers, connection, method, response);
    }
    if (result == MHD_YES) {
        result = MHD_queue_response(connection, answer->status, response);
    } else {
        exchange_refuse(exchange, REFUSAL_MEMORY);
        result = http_answer_refuse(answers, connection, REFUSAL_MEMORY, "");
    }
    MHD_destroy_response(response);
    return result;
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
static void send_parts(struct MHD_Connection *connection, int socket, struct iovec *parts,
                       size_t count) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL) {
        tls_send(info->tls_session, parts, count);
    } else {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        (void)sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void http_answer_past(struct MHD_Connection *connection, int socket, struct exchange *exchange) {
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
    if (parts[0].iov_len > 0) {
        send_parts(connection, socket, parts, 2);
    }
}

bool http_answers_init(struct http_answers *answers, const struct origins *origins) {
    *answers = (struct http_answers){.origins = origins};
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        answers->refusals[i] = create_refusal((enum refusal)i, "");
        if (answers->refusals[i] == NULL) {
            return false;
        }
    }
    return true;
}

void http_answers_free(struct http_answers *answers) {
    for (size_t i = 0; i < REFUSAL_COUNT; i++) {
        if (answers->refusals[i] != NULL) {
            MHD_destroy_response(answers->refusals[i]);
        }
    }
}
