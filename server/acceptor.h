/* New connections, dealt to the threads that speak HTTP: each to the one that has the
 * fewest, the first of them where several have as few.
 *
 * Where every thread accepts for itself, whoever wakes first takes most of what comes:
 * with two threads one had up to all of a client's connections, and the other slept.
 *
 * Its calls are made by the thread of the first loop, which looks after the listening
 * sockets, so that a client that comes alone wakes one thread only. */
#ifndef MLPD_SERVER_ACCEPTOR_H
#define MLPD_SERVER_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "server/http_loop.h"

#define ACCEPTOR_LOOPS_MAX 64

/* Fixed before the first loop runs. */
struct acceptor {
    size_t count;
    struct http_loop *loops[ACCEPTOR_LOOPS_MAX];
};

/* Take some of the connections that wait at a listening socket; the accept function of the
 * first loop. */
bool acceptor_take(void *acceptor, int socket);

#endif
