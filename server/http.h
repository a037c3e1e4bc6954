/* HTTP: what knows libmicrohttpd, together with http_loop.c, http_headers.c and
 * http_answer.c.
 *
 * It starts libmicrohttpd on the listener's sockets, shows every request to the
 * framing gate, and then drives an exchange with it.  For main, except that
 * the threads of http_loop.c run everything inside.
 *
 * Order at the end: http_drain, engine_drain, http_stop, engine_destroy,
 * http_destroy.  Completions may come until engine_destroy has returned, and
 * answers are in the engine's ledger until http_stop has. */
#ifndef MLPD_SERVER_HTTP_H
#define MLPD_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "api/call.h"
#include "core/base/error.h"
#include "server/connections.h"
#include "server/guard.h"
#include "server/listener.h"

struct http;

struct http_settings {
    const struct api *api; /* outlives it */
    const struct listener *listener;
    const struct guard *guard; /* outlives it */
    bool tls;                  /* with what tls_load has read */
    size_t threads;            /* each serves all sockets of the listener */
    struct connections_settings connections;
};

/* Answers requests from now on.  ERROR_MEMORY or ERROR_INTERNAL, with a sentence. */
enum error_code http_create(const struct http_settings *settings, struct http **http,
                            struct error *error);

/* Answers close their connections from now on; new connections are still taken. */
void http_drain(struct http *http);

/* Take no new connections, let everything that waits expire, send what is to be
 * sent, and stop the threads. */
void http_stop(struct http *http);

void http_destroy(struct http *http);

/* The version of libmicrohttpd that runs: "0.9.75". */
const char *http_library(void);

/* What a connection limit of N needs of open files, beyond what the process
 * already has. */
size_t http_open_files(size_t connections_max);

#endif
