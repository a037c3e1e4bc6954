/* An exchange's answer, as libmicrohttpd sends it, or past it.  For http.c, in the thread of
 * the connection. */
#ifndef MLPD_SERVER_HTTP_ANSWER_H
#define MLPD_SERVER_HTTP_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "server/exchange.h"
#include "server/origins.h"

#define REQUEST_ID_HEADER "X-Request-Id"

/* What all answers share; fixed once it is made. */
struct http_answers {
    const struct origins *origins;                /* whose pages may read them */
    struct MHD_Response *refusals[REFUSAL_COUNT]; /* made once: they need no memory later */
};

/* `origins` outlives them.  False when there is no memory; http_answers_free all the same. */
bool http_answers_init(struct http_answers *answers, const struct origins *origins);
void http_answers_free(struct http_answers *answers);

/* Queue the exchange's answer; where there is no memory for it, a refusal that says so.
 * MHD_NO closes the connection. */
enum MHD_Result http_answer_queue(const struct http_answers *answers,
                                  struct MHD_Connection *connection, const char *method,
                                  struct exchange *exchange);

/* Queue a refusal that names the request; where there is no memory for one that has the id,
 * or `id` is empty, one without. */
enum MHD_Result http_answer_refuse(const struct http_answers *answers,
                                   struct MHD_Connection *connection, enum refusal refusal,
                                   const char *id);

/* Within a body libmicrohttpd takes no answer, and nothing of one has been sent yet: so the
 * answer goes to the socket or TLS session directly; the caller closes the connection.  It
 * is a problem document, small enough for an empty send buffer; if it does not fit the
 * client sees a broken answer, as it would without. */
void http_answer_past(struct MHD_Connection *connection, int socket, struct exchange *exchange);

#endif
