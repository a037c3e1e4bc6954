/* Lingering close; see linger.h. */
#include "server/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES 16384
#define RECEIVED_AHEAD_BYTES 32768

void linger_init(struct linger_set *linger) {
    pthread_mutex_init(&linger->lock, NULL);
    linger->count = 0;
}

void linger_add(struct linger_set *linger, int fd, bool reads, double now) {
    /* The kernel receives ahead of us; without this, megabytes. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVED_AHEAD_BYTES}, sizeof(int));
    pthread_mutex_lock(&linger->lock);
    if (linger->count < LINGER_MAX) {
        const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy >= 0) {
            linger->entries[linger->count++] =
                (struct linger_entry){.fd = copy,
                                      .bytes_left = reads ? LINGER_BYTES : 0,
                                      .deadline = now + LINGER_SECONDS};
        }
    }
    pthread_mutex_unlock(&linger->lock);
}

/* Read and drop, up to the entry's share; true when the client has closed. */
static bool drain(struct linger_entry *entry) {
    char chunk[CHUNK_BYTES];
    while (entry->bytes_left > 0) {
        const ssize_t got = recv(entry->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (got < 0) {
            return errno != EAGAIN && errno != EINTR;
        }
        if (got == 0) {
            return true;
        }
        entry->bytes_left -= (size_t)got < entry->bytes_left ? (size_t)got : entry->bytes_left;
    }
    return false;
}

/* The same of a client of which nothing more is read: its end may lie behind bytes. */
static bool has_gone(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0;
}

static bool is_over(struct linger_entry *entry, double now) {
    return drain(entry) || now >= entry->deadline ||
           (entry->bytes_left == 0 && has_gone(entry->fd));
}

bool linger_tick(struct linger_set *linger, double now) {
    pthread_mutex_lock(&linger->lock);
    for (size_t i = linger->count; i-- > 0;) {
        if (is_over(&linger->entries[i], now)) {
            close(linger->entries[i].fd);
            linger->entries[i] = linger->entries[--linger->count];
        }
    }
    const bool some = linger->count > 0;
    pthread_mutex_unlock(&linger->lock);
    return some;
}

void linger_free(struct linger_set *linger) {
    for (size_t i = 0; i < linger->count; i++) {
        close(linger->entries[i].fd);
    }
    linger->count = 0;
    pthread_mutex_destroy(&linger->lock);
}
