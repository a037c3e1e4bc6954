/* The log of requests: one line each, when its answer is sent or it has ended without.
 *
 *   {"time":…,"level":"info","message":"request","request_id":"4f0c…-0000002a",
 *    "method":"POST","target":"/v1/models/m/batches","operation":"trainBatch",
 *    "status":202,"seconds":0.000310,"request_bytes":2113,"response_bytes":32,
 *    "client":"127.0.0.1:51434"}
 *
 * A status of 500 or more is a warning, 0 a request that ended before its answer; what
 * machines poll (probes, /metrics) is debug.  Never logged: headers, bodies, tokens.  A
 * line is one write(2) (server/log.h).  Any thread; request_log_start is for main. */
#ifndef MLPD_SERVER_REQUEST_LOG_H
#define MLPD_SERVER_REQUEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "server/log.h"

enum request_log {
    REQUEST_LOG_AUTO, /* all as JSON, errors as text: a terminal is not flooded */
    REQUEST_LOG_NONE,
    REQUEST_LOG_ERRORS, /* of status 500 and more */
    REQUEST_LOG_ALL
};

/* What a request was.  Its texts are valid while the line is written. */
struct request_record {
    const char *id, *method, *target;
    const char *client; /* its address */
    struct call_operation operation;
    unsigned status;                        /* 0: it ended before its answer */
    double seconds;                         /* from its first line to the end of the answer */
    uint64_t request_bytes, response_bytes; /* of the bodies */
};

/* Until then nothing is logged. */
void request_log_start(enum request_log log, enum log_format format);

/* Whether there will be a line: for the address, which costs. */
bool request_log_wants(const struct request_record *record);

void request_log_write(const struct request_record *record);

#endif
