/* The reaper; see reaper.h. */
#include "server/reaper.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/linger.h"

#define TICK_SECONDS 0.1
#define SLOW_SECONDS 1.0   /* a tick when there are connections but nothing waits */
#define IDLE_TICKS 50      /* without anything that waits, before ticks are slow */
#define SWEEP_SECONDS 0.95 /* between two looks after clients that have gone */
#define GONE_BATCH 64      /* sockets looked at in one system call */

/* The lock comes before libmicrohttpd's own, which `expire` takes inside; no callback of
 * libmicrohttpd's comes under that one, so the order never turns. */
struct reaper {
    struct reaper_calls calls; /* fixed */
    struct linger_set linger;  /* has its own lock, never taken under this one */
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct watched *first;
    bool expires_all;
    bool lingering; /* some connection lingers, perhaps */
    bool connected; /* some connection is open, perhaps */
    bool asleep;    /* the thread waits for `changed` for long */
    bool ending;
};

void reaper_watch(struct reaper *reaper, struct watched *watched) {
    pthread_mutex_lock(&reaper->lock);
    const bool asleep = reaper->asleep;
    watched->previous = NULL;
    watched->next = reaper->first;
    if (reaper->first != NULL) {
        reaper->first->previous = watched;
    }
    reaper->first = watched;
    watched->listed = true;
    pthread_mutex_unlock(&reaper->lock);
    if (asleep) {
        pthread_cond_signal(&reaper->changed);
    }
}

void reaper_forget(struct reaper *reaper, struct watched *watched) {
    pthread_mutex_lock(&reaper->lock);
    if (watched->listed) {
        if (watched->next != NULL) {
            watched->next->previous = watched->previous;
        }
        if (watched->previous != NULL) {
            watched->previous->next = watched->next;
        } else {
            reaper->first = watched->next;
        }
        watched->listed = false;
    }
    pthread_mutex_unlock(&reaper->lock);
}

static void expire_late(struct reaper *reaper, double now) {
    for (struct watched *at = reaper->first; at != NULL; at = at->next) {
        if (reaper->expires_all || at->deadline <= now) {
            reaper->calls.expire(at, false);
        }
    }
}

/* A closed connection shows as a hang-up; one whose client only said that it has no
 * more to send shows the same readable end, and is treated alike: of a client that has
 * gone nothing else is ever seen. */
static void expire_gone(struct reaper *reaper) {
    struct pollfd sockets[GONE_BATCH];
    struct watched *looked_at[GONE_BATCH];
    for (struct watched *at = reaper->first; at != NULL;) {
        nfds_t count = 0;
        for (; at != NULL && count < GONE_BATCH; at = at->next) {
            looked_at[count] = at;
            /* poll passes over a descriptor of -1 */
            sockets[count++] = (struct pollfd){.fd = reaper->calls.socket(at), .events = POLLRDHUP};
        }
        const int ready = poll(sockets, count, 0);
        for (nfds_t i = 0; ready > 0 && i < count; i++) {
            if ((sockets[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
                reaper->calls.expire(looked_at[i], true);
            }
        }
    }
}

static void wait_at_most(struct reaper *reaper, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)((seconds - floor(seconds)) * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&reaper->changed, &reaper->lock, &until);
}

/* A tick, a slow one while nothing waits, or sleep while nothing is open either.  The
 * reaper slows down only some seconds after the last wait, so that waking it is no part
 * of a request's time. */
static void wait_for_work(struct reaper *reaper, unsigned idle_ticks) {
    if (idle_ticks <= IDLE_TICKS) {
        wait_at_most(reaper, TICK_SECONDS);
        return;
    }
    reaper->asleep = true;
    if (reaper->connected) {
        wait_at_most(reaper, SLOW_SECONDS);
    } else {
        pthread_cond_wait(&reaper->changed, &reaper->lock);
    }
    reaper->asleep = false;
}

/* What takes locks of its own is done without ours.  The flags are cleared before the
 * look: who comes after it sets them again. */
static void look_at_sockets(struct reaper *reaper, double now, bool sweeps) {
    const bool lingering = reaper->lingering;
    bool connected = false, some = false;
    if (!lingering && !sweeps) {
        return;
    }
    reaper->lingering = false;
    reaper->connected = reaper->connected && !sweeps;
    pthread_mutex_unlock(&reaper->lock);
    if (sweeps) {
        connected = reaper->calls.sweep(reaper->calls.sweep_context);
    }
    if (lingering) {
        some = linger_tick(&reaper->linger, now);
    }
    pthread_mutex_lock(&reaper->lock);
    reaper->connected |= connected;
    reaper->lingering |= some;
}

/* Holding the lock while it walks keeps everyone it meets in the list. */
static void *reap(void *context) {
    struct reaper *reaper = context;
    pthread_setname_np(pthread_self(), "mlpd-reaper");
    unsigned idle_ticks = 0;
    double swept = 0;
    pthread_mutex_lock(&reaper->lock);
    while (!reaper->ending) {
        wait_for_work(reaper, idle_ticks);
        const double now = clock_monotonic_seconds();
        const bool sweeps = now - swept >= SWEEP_SECONDS;
        expire_late(reaper, now);
        if (sweeps) {
            swept = now;
            expire_gone(reaper);
        }
        look_at_sockets(reaper, now, sweeps);
        idle_ticks = reaper->first != NULL || reaper->lingering ? 0 : idle_ticks + 1;
    }
    pthread_mutex_unlock(&reaper->lock);
    return NULL;
}

static void free_reaper(struct reaper *reaper) {
    pthread_cond_destroy(&reaper->changed);
    pthread_mutex_destroy(&reaper->lock);
    linger_free(&reaper->linger);
    memory_free(reaper);
}

struct reaper *reaper_create(const struct reaper_calls *calls) {
    struct reaper *reaper = memory_allocate_zero(1, sizeof *reaper);
    if (reaper == NULL) {
        return NULL;
    }
    reaper->calls = *calls;
    linger_init(&reaper->linger);
    pthread_mutex_init(&reaper->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reaper->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&reaper->thread, NULL, reap, reaper) != 0) {
        free_reaper(reaper);
        return NULL;
    }
    return reaper;
}

void reaper_expire_all(struct reaper *reaper) {
    pthread_mutex_lock(&reaper->lock);
    reaper->expires_all = true;
    pthread_cond_signal(&reaper->changed);
    pthread_mutex_unlock(&reaper->lock);
}

void reaper_linger(struct reaper *reaper, int fd, bool reads) {
    linger_add(&reaper->linger, fd, reads, clock_monotonic_seconds());
    pthread_mutex_lock(&reaper->lock);
    reaper->lingering = true;
    pthread_cond_signal(&reaper->changed);
    pthread_mutex_unlock(&reaper->lock);
}

void reaper_wake(struct reaper *reaper) {
    pthread_mutex_lock(&reaper->lock);
    if (reaper->asleep && !reaper->connected) {
        pthread_cond_signal(&reaper->changed);
    }
    reaper->connected = true;
    pthread_mutex_unlock(&reaper->lock);
}

void reaper_destroy(struct reaper *reaper) {
    pthread_mutex_lock(&reaper->lock);
    reaper->ending = true;
    pthread_cond_signal(&reaper->changed);
    pthread_mutex_unlock(&reaper->lock);
    pthread_join(reaper->thread, NULL);
    free_reaper(reaper);
}
