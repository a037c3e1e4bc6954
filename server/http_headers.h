/* The header section of a request, as libmicrohttpd has it: what the gate has to see, and
 * what a call looks up.  For http.c and http_answer.c, in the thread of the connection,
 * while the request lasts. */
#ifndef MLPD_SERVER_HTTP_HEADERS_H
#define MLPD_SERVER_HTTP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/gate.h"

struct MHD_Connection;

/* Of the request line and all fields. */
size_t http_headers_bytes(struct MHD_Connection *connection);

/* Whether the target reaches up to the version, as they lie in memory: a NUL in it would
 * cut it, and a DELETE would hit another model. */
bool http_headers_follow(const char *method, const char *target, const char *version);

/* Show every field to the gate.  False when the section is not of proper lines: then some
 * were not what was sent. */
bool http_headers_show(struct MHD_Connection *connection, const char *method, const char *version,
                       struct gate *gate);

/* The value of the first field of that name, or NULL; of the one `index` such fields
 * after it.  `connection` is a struct MHD_Connection. */
const char *http_headers_find(const void *connection, const char *name);
const char *http_headers_find_line(const void *connection, const char *name, size_t index);

#endif
