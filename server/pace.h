/* Is a client too slow?
 *
 * libmicrohttpd's own timeout is about silence: one byte a minute holds a connection for
 * ever.  So connections are looked at about once a second, and each phase of a request
 * has a bound that a trickle does not move:
 *
 *   PHASE_OPEN, _IDLE   nothing of a request is known.  Once bytes have come it has begun,
 *                       and the bound of PHASE_HEADER counts from there; and in all it
 *                       lasts as long as silence may, and a header's time.
 *   PHASE_HEADER        its line has come: `header_seconds` for the rest
 *   PHASE_BODY          `body_seconds` in all, and, after a grace, a least rate
 *   PHASE_BUSY          the daemon's turn: the client cannot be slow
 *   PHASE_ANSWER        the least rate, over the time in which there was something to read
 *                       (a Unix socket does not count: there only silence ends it)
 *
 * The rate is kept as an account in seconds: it begins with the grace, bytes are paid in
 * for as long as the least rate would take for them, up to `pause_seconds`, and time is
 * paid out of it.  So who was quick may pause, but not for as long as what a kernel's
 * buffer swallows at once would pay for.
 *
 * Pure functions; a struct pace belongs to whoever looks. */
#ifndef MLPD_SERVER_PACE_H
#define MLPD_SERVER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/traffic.h"

enum connection_phase {
    PHASE_OPEN, /* connected, and nothing asked yet */
    PHASE_IDLE, /* between two requests */
    PHASE_HEADER,
    PHASE_BODY,
    PHASE_BUSY,
    PHASE_ANSWER,
    PHASE_OVER /* given up: to be closed */
};

struct pace_limits {
    double header_seconds;
    double body_seconds;
    double idle_seconds;     /* of silence; libmicrohttpd's */
    double grace_seconds;    /* before a rate is asked for */
    double pause_seconds;    /* that who was quick may do nothing */
    size_t bytes_per_second; /* 0: any */
};

enum pace_verdict {
    PACE_FINE,
    PACE_SILENT,      /* nothing has come that deserves an answer */
    PACE_SLOW_HEADER, /* 408 */
    PACE_SLOW_BODY,   /* 408 */
    PACE_SLOW_READER  /* within its answer */
};

/* What is remembered of a connection between two looks. */
struct pace {
    unsigned stage; /* which phase of which request: a new one has another number */
    enum connection_phase phase;
    double since;          /* first seen in this stage */
    double looked;         /* last */
    bool begun;            /* bytes of a request have come */
    double begun_at;       /* seen first */
    uint64_t received;     /* when the stage was first seen */
    uint64_t moved;        /* of the body, or taken of the answer, when it was looked at last */
    double credit_seconds; /* what the client has left of its account */
};

/* What is seen. */
struct pace_sight {
    unsigned stage;
    enum connection_phase phase;
    uint64_t body_bytes;    /* of the request, in PHASE_BODY */
    struct traffic traffic; /* in the phases that pace_counts names */
    bool encrypted;         /* TLS: bytes may be a handshake's */
    double now;
};

/* A connection has been opened. */
void pace_start(struct pace *pace, unsigned stage, double now);

/* Whether the verdict on that phase depends on what the kernel has counted. */
bool pace_counts(enum connection_phase phase);

enum pace_verdict pace_look(struct pace *pace, const struct pace_limits *limits,
                            const struct pace_sight *sight);

/* Whether so many bytes in so many seconds are less than the least rate. */
bool pace_is_below_rate(const struct pace_limits *limits, uint64_t bytes, double seconds);

#endif
