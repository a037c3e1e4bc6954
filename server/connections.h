/* The open connections: how many there are, and which of them are dead.
 *
 * libmicrohttpd 0.9.75 listens to its sockets by edges and stops reading after a short
 * read: when a client's last bytes and its end arrive together, within a request that
 * is not whole, the end is never seen, and the connection, with what it holds, stays
 * for the whole idle time.  So all connections are looked at once a second: one that
 * has ended, has nothing left to read and has not moved since the look before is shut
 * down, which libmicrohttpd does see.  One that waits for its answer or receives it is
 * left alone: a client may close its sending half and still read.
 *
 * Any thread; the lock is inside. */
#ifndef MLPD_SERVER_CONNECTIONS_H
#define MLPD_SERVER_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct connection {
    int fd;
    bool over_limit; /* more were open than may be; fixed */

    /* Written by the HTTP thread that owns the connection, read by the sweep, which
     * acts a second later: relaxed. */
    atomic_uint moves; /* counts what happens on it */
    atomic_bool busy;  /* a request is whole and its answer not yet sent */

    /* The sweep's, and under the lock. */
    bool ended;          /* when it looked last */
    unsigned moves_then; /* when it looked last */
    struct connection *previous, *next;
};

struct connections {
    size_t max;
    atomic_size_t count;  /* changed under the lock; read without it, as a hint */
    pthread_mutex_t lock; /* guards the list; a leaf, held for a look at all sockets */
    struct connection *first;
};

void connections_init(struct connections *all, size_t max);

/* `fd` stays open until connections_close.  NULL when there is no memory; the
 * connection is then not looked after. */
struct connection *connections_open(struct connections *all, int fd);

/* NULL is allowed. */
void connections_close(struct connections *all, struct connection *connection);

/* Something happened; `busy` is whether a whole request waits for its answer. */
void connections_note(struct connection *connection, bool busy);

/* Once a second or so.  Returns whether any connection is open. */
bool connections_sweep(struct connections *all);

void connections_free(struct connections *all);

#endif
