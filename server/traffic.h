/* What the kernel knows of a connection: how much has come, how much has been taken.
 *
 * libmicrohttpd tells of a request's line, its headers and its body, not of the bytes
 * between; TCP counts them.  A Unix socket counts nothing, and only what its other side
 * has not read yet is known.  Any thread, while the descriptor is open. */
#ifndef MLPD_SERVER_TRAFFIC_H
#define MLPD_SERVER_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct traffic {
    bool counted;      /* TCP: the first two are known, else 0 */
    uint64_t received; /* bytes, since the connection began */
    uint64_t taken;    /* bytes sent that the other side's kernel has confirmed */
    size_t untaken;    /* sent, and not yet confirmed or (Unix) read */
};

struct traffic traffic_look(int fd);

#endif
