/* The Prefer header (RFC 7240), as far as mlpd heeds it: wait=SECONDS.  Other
 * preferences are ignored, as the RFC wants. */
#ifndef MLPD_API_PREFER_H
#define MLPD_API_PREFER_H

#include <stdbool.h>

/* True when the header (or NULL) asks to wait, with the seconds. */
bool prefer_wait(const char *header, double *seconds);

#endif
