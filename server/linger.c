/* Lingering close; see linger.h. */
#include "server/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES 16384

void linger_init(struct linger_set *linger) {
    pthread_mutex_init(&linger->lock, NULL);
    linger->count = 0;
}

void linger_add(struct linger_set *linger, int fd, double now) {
    pthread_mutex_lock(&linger->lock);
    if (linger->count < LINGER_MAX) {
        const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy >= 0) {
            linger->entries[linger->count++] = (struct linger_entry){
                .fd = copy, .bytes_left = LINGER_BYTES, .deadline = now + LINGER_SECONDS};
        }
    }
    pthread_mutex_unlock(&linger->lock);
}

/* True when the connection is over or has had its share. */
static bool drain(struct linger_entry *entry, double now) {
    char chunk[CHUNK_BYTES];
    while (entry->bytes_left > 0) {
        const ssize_t got = recv(entry->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return true;
        }
        if (got < 0) {
            return now >= entry->deadline;
        }
        entry->bytes_left -= (size_t)got < entry->bytes_left ? (size_t)got : entry->bytes_left;
    }
    return true;
}

bool linger_tick(struct linger_set *linger, double now) {
    pthread_mutex_lock(&linger->lock);
    for (size_t i = linger->count; i-- > 0;) {
        if (drain(&linger->entries[i], now)) {
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
