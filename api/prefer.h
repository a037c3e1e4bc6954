/* The Prefer header (RFC 7240), as far as mlpd heeds it: wait=SECONDS and respond-async.
 * Other preferences are ignored, as the RFC wants, and so is a value that cannot be read.
 *
 * With both, the answer waits that long and is 202 when the time is over, so that
 * respond-async adds nothing.  Pure functions; a struct belongs to its call. */
#ifndef MLPD_API_PREFER_H
#define MLPD_API_PREFER_H

#include <stdbool.h>

struct preferences {
    bool has_wait, has_respond_async; /* whether it was named: the first time counts */
    bool wait;
    double wait_seconds; /* as long as it was asked for, perhaps infinite: the caller bounds it */
    bool respond_async;
};

/* Add what one header line prefers. */
void prefer_read(struct preferences *preferences, const char *line);

#endif
