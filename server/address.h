/* Where mlpd listens: the value of --listen.
 *
 *   127.0.0.1:8080   [::1]:8080   localhost:8080   unix:/run/mlpd.sock
 *
 * mlpd has no authentication yet, so only loopback addresses and unix sockets
 * are allowed.  Pure functions, any thread. */
#ifndef MLPD_SERVER_ADDRESS_H
#define MLPD_SERVER_ADDRESS_H

#include <stdint.h>

#include "core/base/error.h"

enum address_kind {
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_LOCALHOST, /* both 127.0.0.1 and, where there is IPv6, ::1 */
    ADDRESS_UNIX
};

#define ADDRESS_PATH_BYTES 108 /* of sockaddr_un */
#define ADDRESS_TEXT_BYTES 128

struct address {
    enum address_kind kind;
    uint16_t port;                 /* 0: a free one */
    char host[ADDRESS_PATH_BYTES]; /* without brackets; the path of a unix socket */
};

/* ERROR_INVALID with what was found and what is allowed. */
enum error_code address_parse(const char *text, struct address *address, struct error *error);

/* As it is written on the command line, into `text` of ADDRESS_TEXT_BYTES. */
void address_format(const struct address *address, char *text);

#endif
