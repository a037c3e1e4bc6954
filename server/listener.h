/* The sockets on which mlpd listens.  It binds them itself, not libmicrohttpd,
 * so that what goes wrong is told precisely; or systemd has (activation.h).  For main. */
#ifndef MLPD_SERVER_LISTENER_H
#define MLPD_SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "server/address.h"

#define LISTENER_SOCKETS_MAX 8 /* addresses of one name */

struct listener {
    struct address address; /* with the port that was taken */
    size_t count;
    int sockets[LISTENER_SOCKETS_MAX];
    struct address bound[LISTENER_SOCKETS_MAX]; /* each socket's own */
    dev_t device; /* of the unix socket's file, so that only ours is removed */
    ino_t inode;
};

/* All of the address's sockets, or ERROR_INTERNAL with a sentence that says what is in
 * the way. */
enum error_code listener_open(const struct address *address, struct listener *listener,
                              struct error *error);

/* Sockets that are open already, `count` from `first` on: each must be one that listens,
 * over TCP or a unix socket, else ERROR_INTERNAL.  The address is the first one's. */
enum error_code listener_adopt(int first, size_t count, struct listener *listener,
                               struct error *error);

/* Whether only this machine can reach it. */
bool listener_is_local(const struct listener *listener);

/* Close the sockets and remove the file of a unix socket. */
void listener_close(struct listener *listener);

#endif
