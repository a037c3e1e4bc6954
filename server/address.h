/* Where mlpd listens: the value of --listen.
 *
 *   127.0.0.1:8080   [::1]:8080   localhost:8080   unix:/run/mlpd.sock
 *   0.0.0.0:8080     [::]:8080    mlpd.example.org:8080
 *
 * The addresses of the second line can be reached from other machines, which needs
 * tokens (options.c).  [::] takes IPv4 too.  Pure functions, any thread. */
#ifndef MLPD_SERVER_ADDRESS_H
#define MLPD_SERVER_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "core/base/error.h"

enum address_kind {
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_LOCALHOST, /* both 127.0.0.1 and, where there is IPv6, ::1 */
    ADDRESS_NAME,      /* every address that the name has when the daemon starts */
    ADDRESS_UNIX
};

#define ADDRESS_PATH_BYTES 108 /* of sockaddr_un */
#define ADDRESS_TEXT_BYTES 128

struct address {
    enum address_kind kind;
    uint16_t port;                 /* 0: a free one */
    char host[ADDRESS_PATH_BYTES]; /* without brackets; the path of a unix socket */
};

/* Room for the name of any socket that mlpd can have. */
union socket_name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* ERROR_INVALID with what was found and what is allowed. */
enum error_code address_parse(const char *text, struct address *address, struct error *error);

/* As it is written on the command line, into `text` of ADDRESS_TEXT_BYTES. */
void address_format(const struct address *address, char *text);

/* Whether only this machine can reach it.  Of a name that is not localhost nobody
 * knows. */
bool address_is_local(const struct address *address);

/* Whether it stands for every address of the machine: 0.0.0.0 or ::. */
bool address_is_any(const struct address *address);

/* The address of a socket's name of `bytes` bytes. */
void address_of_socket(const union socket_name *name, size_t bytes, struct address *address);

#endif
