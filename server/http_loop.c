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
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "server/address.h"

enum { DAEMON, BELL, LISTENING }; /* of what is polled; the listening sockets are the last */

/* Fixed once the thread runs, but for the inbox and the atomics, which any thread changes. */
struct http_loop {
    pthread_t thread;
    bool started;
    int bell; /* an eventfd: readable when something is wanted of the thread */
    /* A wake-up is under way: one is enough for many.  The thread clears it before it
     * looks at its inbox and its daemon, so what was given or resumed after that rings
     * again. */
    atomic_bool rung;
    atomic_bool ending, deaf;
    struct MHD_Daemon *daemon;
    struct http_loop_calls calls;
    size_t socket_count;
    int sockets[HTTP_LOOP_SOCKETS_MAX]; /* that listen */

    /* The thread's. */
    struct pollfd ready[LISTENING + HTTP_LOOP_SOCKETS_MAX];
    double listens_from; /* seconds, monotonic */

    atomic_size_t load; /* relaxed: for who compares */
    pthread_mutex_t lock;
    size_t waiting; /* under the lock, as is the inbox */
    int inbox[HTTP_LOOP_INBOX];
};

/* Version 0.9.75 asks for a turn at once, again and again, for a connection whose buffer is
 * full of what it cannot yet parse: the extension of a chunk, without end.  After so many
 * turns for nothing a turn has to wait a moment; the client is cut off in its time. */
#define IDLE_TURNS 256
#define IDLE_MILLISECONDS 1

/* Where files or memory are short, so long until the next look at who wants to connect. */
#define SHORTAGE_MILLISECONDS 100

static _Thread_local unsigned idle_turns; /* in a row */

void http_loop_note_work(void) {
    idle_turns = 0;
}

/* ---- waiting ---- */

static int least_of(int a, int b) {
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds until the daemon wants to run whatever happens; -1: it does not. */
static int timeout_of_daemon(struct MHD_Daemon *daemon) {
    MHD_UNSIGNED_LONG_LONG own;
    if (MHD_get_timeout(daemon, &own) != MHD_YES) {
        return -1;
    }
    return own == 0 && ++idle_turns > IDLE_TURNS ? IDLE_MILLISECONDS
           : own < INT_MAX                       ? (int)own
                                                 : INT_MAX;
}

/* What is polled of the listening sockets: nothing while there is a shortage.  Returns the
 * milliseconds until that is over, or -1. */
static int prepare_listening(struct http_loop *loop) {
    const bool deaf = atomic_load_explicit(&loop->deaf, memory_order_relaxed);
    const double left =
        loop->listens_from > 0 && !deaf ? loop->listens_from - clock_monotonic_seconds() : 0;
    loop->listens_from = left > 0 ? loop->listens_from : 0;
    for (size_t i = 0; i < loop->socket_count; i++) {
        loop->ready[LISTENING + i].fd = deaf || left > 0 ? -1 : loop->sockets[i];
    }
    return left > 0 ? (int)(1e3 * left) + 1 : -1;
}

static void await_turn(struct http_loop *loop) {
    const int timeout = least_of(timeout_of_daemon(loop->daemon), prepare_listening(loop));
    /* EINTR: a turn for nothing */
    if (poll(loop->ready, LISTENING + loop->socket_count, timeout) < 0) {
        for (size_t i = 0; i < LISTENING + loop->socket_count; i++) {
            loop->ready[i].revents = 0;
        }
    }
}

/* Quiet again, before anything is looked at. */
static void hear_bell(struct http_loop *loop) {
    uint64_t count;
    if (loop->ready[BELL].revents != 0) {
        while (read(loop->bell, &count, sizeof count) < 0 && errno == EINTR) {
        }
        /* An exchange reads what the last ringer did before, so that it is seen. */
        (void)atomic_exchange(&loop->rung, false);
    }
}

/* ---- new connections ---- */

static void accept_connections(struct http_loop *loop) {
    for (size_t i = 0; i < loop->socket_count; i++) {
        const struct pollfd *socket = &loop->ready[LISTENING + i];
        if (socket->revents != 0 && !loop->calls.accept(loop->calls.accept_context, socket->fd)) {
            loop->listens_from = clock_monotonic_seconds() + SHORTAGE_MILLISECONDS / 1e3;
        }
    }
}

/* libmicrohttpd closes the socket of a connection that it does not take. */
static void add_connection(struct http_loop *loop, int socket) {
    union socket_name name = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t bytes = sizeof name;
    if (getpeername(socket, &name.any, &bytes) != 0) { /* its client has left already */
        close(socket);
        return;
    }
    (void)MHD_add_connection(loop->daemon, socket, &name.any, bytes);
}

static size_t empty_inbox(struct http_loop *loop, int sockets[HTTP_LOOP_INBOX]) {
    pthread_mutex_lock(&loop->lock);
    const size_t count = loop->waiting;
    memcpy(sockets, loop->inbox, count * sizeof *sockets);
    loop->waiting = 0;
    pthread_mutex_unlock(&loop->lock);
    return count;
}

static void take_connections(struct http_loop *loop) {
    int sockets[HTTP_LOOP_INBOX];
    const size_t count = empty_inbox(loop, sockets);
    for (size_t i = 0; i < count; i++) {
        add_connection(loop, sockets[i]);
        http_loop_count(loop, false); /* as one that waits */
    }
}

bool http_loop_give(struct http_loop *loop, int socket) {
    pthread_mutex_lock(&loop->lock);
    const bool taken = loop->waiting < HTTP_LOOP_INBOX;
    if (taken) {
        loop->inbox[loop->waiting++] = socket;
        http_loop_count(loop, true);
    }
    pthread_mutex_unlock(&loop->lock);
    return taken;
}

bool http_loop_is_full(struct http_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    const bool full = loop->waiting == HTTP_LOOP_INBOX;
    pthread_mutex_unlock(&loop->lock);
    return full;
}

size_t http_loop_load(const struct http_loop *loop) {
    return atomic_load_explicit(&loop->load, memory_order_relaxed);
}

void http_loop_count(struct http_loop *loop, bool opened) {
    if (opened) {
        atomic_fetch_add_explicit(&loop->load, 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&loop->load, 1, memory_order_relaxed);
    }
}

/* ---- the thread ---- */

static void *run(void *context) {
    struct http_loop *loop = context;
    pthread_setname_np(pthread_self(), "mlpd-http");
    while (!atomic_load(&loop->ending)) {
        await_turn(loop);
        hear_bell(loop);
        accept_connections(loop);
        take_connections(loop);
        (void)MHD_run(loop->daemon);
        loop->calls.end_turn(loop->calls.end_turn_context);
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
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

void http_loop_listen(struct http_loop *loop, const int *sockets, size_t count) {
    assert(count <= HTTP_LOOP_SOCKETS_MAX);
    loop->socket_count = count;
    memcpy(loop->sockets, sockets, count * sizeof *sockets);
}

bool http_loop_start(struct http_loop *loop, struct MHD_Daemon *daemon,
                     const struct http_loop_calls *calls) {
    loop->daemon = daemon;
    loop->calls = *calls;
    loop->ready[DAEMON].fd = readable(daemon);
    loop->ready[BELL].fd = loop->bell;
    for (size_t i = 0; i < LISTENING + HTTP_LOOP_SOCKETS_MAX; i++) {
        loop->ready[i].events = POLLIN;
    }
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

void http_loop_deafen(struct http_loop *loop) {
    if (loop != NULL) {
        atomic_store_explicit(&loop->deaf, true, memory_order_relaxed);
        http_loop_wake(loop);
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
    if (loop == NULL) {
        return;
    }
    for (size_t i = 0; i < loop->waiting; i++) {
        close(loop->inbox[i]);
    }
    pthread_mutex_destroy(&loop->lock);
    close(loop->bell);
    memory_free(loop);
}
