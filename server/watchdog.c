/* The watchdog; see watchdog.h. */
#include "server/watchdog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/probe.h"

struct watchdog {
    const struct notifier *notifier;
    double interval_seconds;
    size_t peer_count;
    struct stream_peer peers[LISTENER_SOCKETS_MAX];
    pthread_t thread;

    pthread_mutex_t lock; /* guards `ending`; never held while asking */
    pthread_cond_t changed;
    bool ending;
};

double watchdog_interval(const char *(*variable)(const char *name)) {
    const char *interval = variable("WATCHDOG_USEC");
    const char *process = variable("WATCHDOG_PID");
    char *end;
    if (interval == NULL || *interval < '0' || *interval > '9' ||
        (process != NULL && *process != '\0' && strtoll(process, NULL, 10) != getpid())) {
        return 0;
    }
    const unsigned long long microseconds = strtoull(interval, &end, 10);
    return *end == '\0' ? (double)microseconds * 1e-6 : 0;
}

/* Whoever listens on every address is asked on loopback. */
static void find_peer(int fd, bool tls, struct stream_peer *peer) {
    *peer = (struct stream_peer){.bytes = sizeof peer->name, .tls = tls};
    (void)getsockname(fd, &peer->name.any, &peer->bytes); /* of our own: it has one */
    if (peer->name.any.sa_family == AF_INET && peer->name.v4.sin_addr.s_addr == INADDR_ANY) {
        peer->name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (peer->name.any.sa_family == AF_INET6 &&
               IN6_IS_ADDR_UNSPECIFIED(&peer->name.v6.sin6_addr)) {
        peer->name.v6.sin6_addr = in6addr_loopback;
    }
}

/* ---- the thread ---- */

static bool lives(const struct stream_peer *peer, double deadline) {
    if (probe_ask(peer, "localhost", "/health/live", deadline) >= 0) {
        return true;
    }
    return errno != ETIMEDOUT && errno != ECONNREFUSED && errno != EAGAIN && errno != ENOENT;
}

static bool all_live(const struct watchdog *watchdog) {
    const double deadline = clock_monotonic_seconds() + watchdog->interval_seconds / 4;
    for (size_t i = 0; i < watchdog->peer_count; i++) {
        if (!lives(&watchdog->peers[i], deadline)) {
            return false;
        }
    }
    return true;
}

/* False when it ends. */
static bool wait_until(struct watchdog *watchdog, double until) {
    const struct timespec time = {.tv_sec = (time_t)until,
                                  .tv_nsec = (long)((until - floor(until)) * 1e9)};
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->ending && clock_monotonic_seconds() < until) {
        pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &time);
    }
    const bool ending = watchdog->ending;
    pthread_mutex_unlock(&watchdog->lock);
    return !ending;
}

static void *watch(void *context) {
    struct watchdog *watchdog = context;
    bool lived = true;
    pthread_setname_np(pthread_self(), "mlpd-watchdog");
    double next = clock_monotonic_seconds();
    do {
        const bool live = all_live(watchdog);
        if (live) {
            notifier_send(watchdog->notifier, "WATCHDOG=1");
        } else if (lived) {
            log_error(
                "the daemon does not answer itself, so that its watchdog is not told it lives");
        }
        lived = live;
        next = fmax(next + watchdog->interval_seconds / 2, clock_monotonic_seconds());
    } while (wait_until(watchdog, next));
    return NULL;
}

enum error_code watchdog_create(const struct watchdog_settings *settings, struct watchdog **result,
                                struct error *error) {
    struct watchdog *watchdog = memory_allocate_zero(1, sizeof *watchdog);
    if (watchdog == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the watchdog");
    }
    watchdog->notifier = settings->notifier;
    watchdog->interval_seconds = settings->interval_seconds;
    watchdog->peer_count = settings->socket_count;
    for (size_t i = 0; i < settings->socket_count; i++) {
        find_peer(settings->sockets[i], settings->tls, &watchdog->peers[i]);
    }
    pthread_condattr_t attributes;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    const int failure = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    if (failure != 0) {
        memory_free(watchdog);
        return error_set(error, ERROR_INTERNAL, NULL, "no thread for the watchdog: %s",
                         strerror(failure));
    }
    *result = watchdog;
    return ERROR_NONE;
}

void watchdog_destroy(struct watchdog *watchdog) {
    if (watchdog == NULL) {
        return;
    }
    pthread_mutex_lock(&watchdog->lock);
    watchdog->ending = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->lock);
    memory_free(watchdog);
}
