/* Running libmicrohttpd; see http_loop.h. */
#include "server/http_loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/memory.h"

/* Fixed once the thread runs, but for the atomics, which any thread changes. */
struct http_loop {
    pthread_t thread;
    bool started;
    int bell; /* an eventfd: readable when something is wanted of the thread */
    /* A wake-up is under way: one is enough for many.  The thread clears it before it
     * looks at its daemons, so what was resumed after that rings again. */
    atomic_bool rung;
    atomic_bool ending;
    size_t count;
    struct MHD_Daemon *daemons[HTTP_LOOP_DAEMONS_MAX];
    void (*end_turn)(void *context);
    void *context;
    struct pollfd ready[HTTP_LOOP_DAEMONS_MAX + 1]; /* the thread's; the last is the bell */
};

/* Version 0.9.75 asks for a turn at once, again and again, for a connection whose buffer is
 * full of what it cannot yet parse: the extension of a chunk, without end.  After so many
 * turns for nothing a turn has to wait a moment; the client is cut off in its time. */
#define IDLE_TURNS 256
#define IDLE_MILLISECONDS 1

static _Thread_local unsigned idle_turns; /* in a row */

void http_loop_note_work(void) {
    idle_turns = 0;
}

/* Milliseconds until one of them wants to run whatever happens; -1: none does. */
static int timeout(const struct http_loop *loop) {
    int least = -1;
    for (size_t i = 0; i < loop->count; i++) {
        MHD_UNSIGNED_LONG_LONG own;
        if (MHD_get_timeout(loop->daemons[i], &own) == MHD_YES) {
            const int bounded = own < INT_MAX ? (int)own : INT_MAX;
            least = least < 0 || bounded < least ? bounded : least;
        }
    }
    return least == 0 && ++idle_turns > IDLE_TURNS ? IDLE_MILLISECONDS : least;
}

/* Quiet again, before the daemons are looked at. */
static void hear_bell(struct http_loop *loop) {
    uint64_t count;
    if (loop->ready[loop->count].revents != 0) {
        while (read(loop->bell, &count, sizeof count) < 0 && errno == EINTR) {
        }
        /* An exchange reads what the last ringer did before, so that it is seen. */
        (void)atomic_exchange(&loop->rung, false);
    }
}

static void *run(void *context) {
    struct http_loop *loop = context;
    pthread_setname_np(pthread_self(), "mlpd-http");
    while (!atomic_load(&loop->ending)) {
        (void)poll(loop->ready, loop->count + 1, timeout(loop)); /* EINTR: a turn for nothing */
        hear_bell(loop);
        for (size_t i = 0; i < loop->count; i++) {
            (void)MHD_run(loop->daemons[i]);
        }
        loop->end_turn(loop->context);
    }
    return NULL;
}

static int readable(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info != NULL ? info->epoll_fd : -1;
}

struct http_loop *http_loop_create(void) {
    struct http_loop *loop = memory_allocate_zero(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->bell < 0) {
        memory_free(loop);
        return NULL;
    }
    return loop;
}

bool http_loop_start(struct http_loop *loop, struct MHD_Daemon *const *daemons, size_t count,
                     void (*end_turn)(void *context), void *context) {
    assert(count <= HTTP_LOOP_DAEMONS_MAX);
    loop->count = count;
    loop->end_turn = end_turn;
    loop->context = context;
    for (size_t i = 0; i < count; i++) {
        loop->daemons[i] = daemons[i];
        loop->ready[i] = (struct pollfd){.fd = readable(daemons[i]), .events = POLLIN};
    }
    loop->ready[count] = (struct pollfd){.fd = loop->bell, .events = POLLIN};
    loop->started = pthread_create(&loop->thread, NULL, run, loop) == 0;
    return loop->started;
}

static void ring_bell(struct http_loop *loop) {
    const uint64_t one = 1;
    while (write(loop->bell, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void http_loop_wake(struct http_loop *loop) {
    if (!atomic_exchange(&loop->rung, true)) {
        ring_bell(loop);
    }
}

void http_loop_stop(struct http_loop *loop) {
    if (loop != NULL && loop->started) {
        atomic_store(&loop->ending, true);
        ring_bell(loop);
        pthread_join(loop->thread, NULL);
        loop->started = false;
    }
}

void http_loop_destroy(struct http_loop *loop) {
    if (loop != NULL) {
        close(loop->bell);
        memory_free(loop);
    }
}
