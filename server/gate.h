/* The framing gate: is it certain where this request ends?
 *
 * libmicrohttpd before 1.0 accepts requests about whose end it and a proxy can
 * disagree (repeated lengths, a blank before a colon, unknown transfer codings):
 * the body of one then runs as the next.  Every header field is shown to the
 * gate before anything else is done with a request, and what is doubtful is
 * answered 400 and closed.  The walk also finds how the body is framed.
 *
 * A struct gate belongs to one thread. */
#ifndef MLPD_SERVER_GATE_H
#define MLPD_SERVER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/refusal.h"

/* How a body is framed. */
struct framing {
    bool chunked;
    uint64_t content_length; /* 0 when chunked, or without a body */
    bool expects_continue;   /* the client waits for '100 Continue' */
};

struct gate {
    enum refusal refusal; /* the first fault found */
    unsigned lengths, hosts, codings, authorizations;
    bool expects_other; /* than 100-continue */
    struct framing framing;
};

/* Start with `struct gate gate = {0}`; then show it each header field. */
void gate_header(struct gate *gate, const char *name, size_t name_bytes, const char *value,
                 size_t value_bytes);

/* All have been shown: REFUSAL_NONE, or why the request is refused.  `version`
 * is "HTTP/1.1" or the like. */
enum refusal gate_verdict(struct gate *gate, const char *target, const char *version);

#endif
