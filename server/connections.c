/* Open connections; see connections.h. */
#include "server/connections.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "core/base/memory.h"

#define BATCH 64 /* sockets looked at in one system call */

void connections_init(struct connections *all, size_t max) {
    all->max = max;
    atomic_init(&all->count, 0);
    pthread_mutex_init(&all->lock, NULL);
    all->first = NULL;
}

struct connection *connections_open(struct connections *all, int fd) {
    struct connection *connection = memory_allocate_zero(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->fd = fd;
    pthread_mutex_lock(&all->lock);
    connection->over_limit =
        atomic_fetch_add_explicit(&all->count, 1, memory_order_relaxed) >= all->max;
    connection->next = all->first;
    if (all->first != NULL) {
        all->first->previous = connection;
    }
    all->first = connection;
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void connections_close(struct connections *all, struct connection *connection) {
    if (connection == NULL) {
        return;
    }
    pthread_mutex_lock(&all->lock);
    atomic_fetch_sub_explicit(&all->count, 1, memory_order_relaxed);
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        all->first = connection->next;
    }
    pthread_mutex_unlock(&all->lock);
    memory_free(connection);
}

void connections_note(struct connection *connection, bool busy) {
    if (connection != NULL) {
        atomic_fetch_add_explicit(&connection->moves, 1, memory_order_relaxed);
        atomic_store_explicit(&connection->busy, busy, memory_order_relaxed);
    }
}

static bool has_nothing_to_read(int fd) {
    char byte;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void look(struct connection *connection, short events) {
    const unsigned moves = atomic_load_explicit(&connection->moves, memory_order_relaxed);
    const bool ended = (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0 &&
                       !atomic_load_explicit(&connection->busy, memory_order_relaxed) &&
                       has_nothing_to_read(connection->fd);
    if (ended && connection->ended && moves == connection->moves_then) {
        shutdown(connection->fd, SHUT_RDWR);
    }
    connection->ended = ended;
    connection->moves_then = moves;
}

/* Under the lock no connection is closed, so every descriptor is still its own. */
bool connections_sweep(struct connections *all) {
    struct pollfd sockets[BATCH];
    struct connection *looked_at[BATCH];
    pthread_mutex_lock(&all->lock);
    const bool some = all->first != NULL;
    for (struct connection *at = all->first; at != NULL;) {
        nfds_t count = 0;
        for (; at != NULL && count < BATCH; at = at->next) {
            looked_at[count] = at;
            sockets[count++] = (struct pollfd){.fd = at->fd, .events = POLLRDHUP};
        }
        if (poll(sockets, count, 0) < 0) {
            break;
        }
        for (nfds_t i = 0; i < count; i++) {
            look(looked_at[i], sockets[i].revents);
        }
    }
    pthread_mutex_unlock(&all->lock);
    return some;
}

void connections_free(struct connections *all) {
    pthread_mutex_destroy(&all->lock);
}
