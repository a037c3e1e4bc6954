/* A probe: does a daemon answer?  For `mlpd --health URL`, which containers run, and for
 * the watchdog, by which a daemon asks itself.
 *
 *   http://HOST[:PORT][/PATH]   https://HOST[:PORT][/PATH]   unix:SOCKET
 *
 * The path is /health/ready when none is given, and always over a unix socket.  HTTPS
 * checks no certificate.  No redirect is followed, and what matters is the status. */
#ifndef MLPD_SERVER_PROBE_H
#define MLPD_SERVER_PROBE_H

#include "core/base/error.h"
#include "server/stream.h"

#define PROBE_SECONDS 5.0
#define PROBE_PATH_BYTES 1024

struct probe_target {
    bool tls;
    struct address address; /* port 80 or 443 where none is given */
    char path[PROBE_PATH_BYTES];
};

/* What --health has; ERROR_INVALID. */
enum error_code probe_parse(const char *url, struct probe_target *target, struct error *error);

/* The status of the answer to GET `path`, or -1 and errno; 0 when what came is no HTTP or
 * nothing came before the end.  `host` is for the Host field. */
int probe_ask(const struct stream_peer *peer, const char *host, const char *path, double deadline);

/* Ask, with each of the addresses that the name has until one takes a connection: ERROR_NONE
 * for a 200, or a sentence.  Its time is bounded but for the name server's. */
enum error_code probe_run(const struct probe_target *target, struct error *error);

#endif
