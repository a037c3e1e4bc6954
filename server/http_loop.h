/* A thread that speaks HTTP: it waits for and runs a daemon of libmicrohttpd's.
 *
 * libmicrohttpd 0.9.75 has such threads of its own, but they can fall asleep over work:
 * it asks for at most 128 events at a time, and when it gets as many it asks again, and
 * waits there for more, before it looks at what it has.  With that many clients that
 * all have asked and wait for their answers, nothing more comes.  Run from outside, it
 * never waits: this thread does.
 *
 * Connections come to it by http_loop_give: libmicrohttpd adds one only in the thread that
 * runs it, so they wait in an inbox until that thread's next turn.  One loop may look
 * after listening sockets (acceptor.h).
 *
 * create, stop and destroy are for one thread. */
#ifndef MLPD_SERVER_HTTP_LOOP_H
#define MLPD_SERVER_HTTP_LOOP_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Daemon;
struct http_loop;

#define HTTP_LOOP_SOCKETS_MAX 8
#define HTTP_LOOP_INBOX 256 /* connections that wait for a loop's next turn, at most */

/* What a loop does beside running its daemon. */
struct http_loop_calls {
    /* A listening socket is ready.  False: there is no memory or file for another
     * connection; it is asked again a moment later.  Only called where there are such
     * sockets. */
    bool (*accept)(void *context, int socket);
    void *accept_context;
    void (*end_turn)(void *context); /* each time the daemon has run */
    void *end_turn_context;
};

/* A loop that does not run yet.  NULL when there is no memory or no file. */
struct http_loop *http_loop_create(void);

/* Look after these sockets, too: at most HTTP_LOOP_SOCKETS_MAX, copied.  Before
 * http_loop_start. */
void http_loop_listen(struct http_loop *loop, const int *sockets, size_t count);

/* Run this daemon from now on: it was started without a thread, with MHD_USE_EPOLL, and
 * belongs to this loop alone.  False when there is no thread. */
bool http_loop_start(struct http_loop *loop, struct MHD_Daemon *daemon,
                     const struct http_loop_calls *calls);

/* A connection that was accepted is the loop's from now on; http_loop_wake makes it look.
 * False: its inbox is full.  Any thread. */
bool http_loop_give(struct http_loop *loop, int socket);

/* Whether the inbox is full, and how many connections the loop has, those in the inbox
 * included.  Any thread; later ones may have come meanwhile. */
bool http_loop_is_full(struct http_loop *loop);
size_t http_loop_load(const struct http_loop *loop);

/* The loop's own thread, within its daemon: a connection was opened, or closed. */
void http_loop_count(struct http_loop *loop, bool opened);

/* A connection of its daemon was resumed, or one was given.  Any thread. */
void http_loop_wake(struct http_loop *loop);

/* The loop's own thread, within its daemon: something was done.  Where nothing is for
 * many turns that follow at once, the next ones come slowly (see http_loop.c). */
void http_loop_note_work(void);

/* Look after listening sockets no longer.  Any thread; a turn that has begun may still
 * accept.  NULL is allowed. */
void http_loop_deafen(struct http_loop *loop);

/* End the thread; the daemon can be stopped then.  NULL is allowed. */
void http_loop_stop(struct http_loop *loop);

/* After its daemon was stopped.  NULL is allowed. */
void http_loop_destroy(struct http_loop *loop);

#endif
