/* The reaper: one thread that looks after what nobody else will.
 *
 * It watches those who wait, each with a deadline, ten times a second, and expires those whose
 * deadline is over or whose client has gone, which libmicrohttpd does not notice of a
 * suspended connection.  It drops what lingering connections still send (linger.h), and
 * about once a second it lets its owner sweep the open connections.  While there is
 * nothing of all this it sleeps.
 *
 * Every function may be called by any thread, but for create and destroy. */
#ifndef MLPD_SERVER_REAPER_H
#define MLPD_SERVER_REAPER_H

#include <stdbool.h>

struct reaper;

/* Embedded in what waits.  The reaper's, but for `deadline`, which is set before
 * reaper_watch. */
struct watched {
    double deadline; /* of the monotonic clock; infinity: none */
    bool listed;
    struct watched *previous, *next;
};

/* What its owner does for it. */
struct reaper_calls {
    /* The deadline is over, or the client has `gone`.  May come again and again until
     * reaper_forget; must not wait, nor call the reaper. */
    void (*expire)(struct watched *watched, bool gone);
    /* The socket of one that still waits, or -1. */
    int (*socket)(struct watched *watched);
    /* Look at the open connections; false: there are none, sleep until reaper_wake. */
    bool (*sweep)(void *context);
    void *sweep_context;
};

/* NULL when there is no memory or no thread.  `calls` is copied. */
struct reaper *reaper_create(const struct reaper_calls *calls);

/* Until reaper_forget has returned, `watched` has to stay. */
void reaper_watch(struct reaper *reaper, struct watched *watched);

/* Also of one that is not watched. */
void reaper_forget(struct reaper *reaper, struct watched *watched);

/* From now on all of them expire at once. */
void reaper_expire_all(struct reaper *reaper);

/* `fd` is about to be closed while its client may still send; `reads` as in linger.h. */
void reaper_linger(struct reaper *reaper, int fd, bool reads);

/* There is something to sweep. */
void reaper_wake(struct reaper *reaper);

/* With none left that is watched.  Ends the thread and closes what lingers. */
void reaper_destroy(struct reaper *reaper);

#endif
