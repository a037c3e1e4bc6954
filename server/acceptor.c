/* Dealing out connections; see acceptor.h. */
#include "server/acceptor.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* In one go; the first loop empties its inbox after each of its turns. */
#define ACCEPTED_MAX (HTTP_LOOP_INBOX / HTTP_LOOP_SOCKETS_MAX)

/* The first loop is one of those that have room. */
static struct http_loop *choose(const struct acceptor *acceptor) {
    struct http_loop *chosen = acceptor->loops[0];
    for (size_t i = 1; i < acceptor->count; i++) {
        struct http_loop *loop = acceptor->loops[i];
        if (http_loop_load(loop) < http_loop_load(chosen) && !http_loop_is_full(loop)) {
            chosen = loop;
        }
    }
    return chosen;
}

/* Nobody there, or one that has left already.  Anything else (no file, no memory, or a
 * socket that listens no longer) would be the same in the next turn, at once. */
static bool is_passing(int code) {
    return code == EAGAIN || code == EINTR || code == ECONNABORTED || code == EPROTO ||
           code == EPERM;
}

bool acceptor_take(void *context, int listening) {
    const struct acceptor *acceptor = context;
    for (size_t i = 0; i < ACCEPTED_MAX; i++) {
        const int socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0) {
            return is_passing(errno);
        }
        struct http_loop *loop = choose(acceptor);
        if (!http_loop_give(loop, socket)) {
            close(socket);
        } else if (loop != acceptor->loops[0]) { /* whose thread this is */
            http_loop_wake(loop);
        }
    }
    return true;
}
