/* A thread that speaks HTTP: it waits for and runs some of libmicrohttpd's daemons.
 *
 * libmicrohttpd 0.9.75 has such threads of its own, but they can fall asleep over work:
 * it asks for at most 128 events at a time, and when it gets as many it asks again, and
 * waits there for more, before it looks at what it has.  With that many clients that
 * all have asked and wait for their answers, nothing more comes.  Run from outside, it
 * never waits: this thread does.
 *
 * create, stop and destroy are for one thread. */
#ifndef MLPD_SERVER_HTTP_LOOP_H
#define MLPD_SERVER_HTTP_LOOP_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Daemon;
struct http_loop;

#define HTTP_LOOP_DAEMONS_MAX 8

/* A loop that does not run yet.  NULL when there is no memory or no file. */
struct http_loop *http_loop_create(void);

/* Run these daemons from now on, at most HTTP_LOOP_DAEMONS_MAX, copied; each was started
 * without a thread, with MHD_USE_EPOLL, and belongs to this loop alone.  `end_turn` is
 * called by the thread each time they have run.  False when there is no thread. */
bool http_loop_start(struct http_loop *loop, struct MHD_Daemon *const *daemons, size_t count,
                     void (*end_turn)(void *context), void *context);

/* A connection of its daemons was resumed.  Any thread. */
void http_loop_wake(struct http_loop *loop);

/* The loop's own thread, within its daemons: something was done.  Where nothing is for
 * many turns that follow at once, the next ones come slowly (see http_loop.c). */
void http_loop_note_work(void);

/* End the thread; the daemons can be stopped then.  NULL is allowed. */
void http_loop_stop(struct http_loop *loop);

/* After its daemons were stopped.  NULL is allowed. */
void http_loop_destroy(struct http_loop *loop);

#endif
