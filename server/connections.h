/* The open connections: how many there may be, and which of them have to go.
 *
 * The limits.  In all there may be `max`, and `max_per_address` of one address
 * (peers.h).  One too many is taken all the same, if it is one of a few
 * (CONNECTIONS_OVER), told so in answer to its request, and closed; those beyond are
 * closed at once.  But when all are taken, one that only holds its place makes room for a
 * new one: first who has not sent a whole header, the oldest first, then the body below
 * the least rate, then the idle one that was used longest ago; never one whose request is
 * whole, nor one that moved within the last second.
 *
 * The sweep.  All connections are looked at about once a second.  A client that is too
 * slow (pace.h) is told so with a 408, where an answer may still be sent, and cut off a
 * look later.  And libmicrohttpd 0.9.75 listens to its sockets by edges and stops reading
 * after a short read: when a client's last bytes and its end arrive together, within a
 * request that is not whole, the end is never seen, and the connection, with what it
 * holds, stays for the whole idle time.  One that has ended, has nothing left to read and
 * has not moved since the look before is shut down, which libmicrohttpd does see.  One
 * that waits for its answer or receives it may have ended: a client may close its sending
 * half and still read.
 *
 * Who writes to the socket.  The HTTP thread announces each phase of a request with
 * connections_enter; a connection is given up by the same atomic word.  So from the
 * moment in which that has happened the HTTP thread writes nothing more.
 *
 * Any thread; the lock is inside. */
#ifndef MLPD_SERVER_CONNECTIONS_H
#define MLPD_SERVER_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/pace.h"
#include "server/peers.h"
#include "server/refusal.h"

#define CONNECTIONS_OVER 64 /* beyond the limits: taken, told so, closed */

struct connection;

struct connections_settings {
    size_t max;
    /* 0: half of `max`, but of this machine's own addresses as many as `max`. */
    size_t max_per_address;
    struct pace_limits pace;
    bool encrypted; /* TLS: nothing can be written past libmicrohttpd */
};

struct connections {
    struct connections_settings settings;
    atomic_size_t count; /* changed under the lock; read without it, as a hint */

    pthread_mutex_t lock;            /* guards the list and what follows; a leaf, held for a look at
                                      * a few sockets */
    struct connection *first, *last; /* in the order of the sweep, then the oldest first */
    struct peers peers;
    size_t admitted; /* within the limits, and not given up */
    size_t over;     /* too many, and not given up */
    unsigned sweep;  /* the number of the present one */
};

/* How many one address may have. */
size_t connections_limit(const struct connections_settings *settings, bool loopback);

/* False when there is no memory. */
bool connections_init(struct connections *all, const struct connections_settings *settings);

/* Whether a connection from there is taken at all. */
bool connections_accept(struct connections *all, const struct sockaddr *name);

/* `fd` stays open until connections_close; `owner` is the transport's.  `now` is of the
 * monotonic clock.  NULL when there is no memory; the connection is then not looked
 * after. */
struct connection *connections_open(struct connections *all, int fd, void *owner, double now);

void *connections_owner(const struct connection *connection);

/* REFUSAL_NONE, or what is to be answered to its request. */
enum refusal connections_refusal(const struct connection *connection);

/* The HTTP thread's: a phase begins.  False when the connection has been given up: then
 * nothing may be written to it any more.  NULL is allowed. */
bool connections_enter(struct connection *connection, enum connection_phase phase);

/* The HTTP thread's own: the request that is under way, or NULL.  A connection of NULL has
 * none. */
void connections_keep_request(struct connection *connection, void *request);
void *connections_request(const struct connection *connection);

/* The HTTP thread's: part of a body has come.  False as above. */
bool connections_receive(struct connection *connection, size_t bytes);

/* The HTTP thread's, where libmicrohttpd takes no answer: send this one past it, and give
 * the connection up.  NULL is allowed. */
void connections_refuse(struct connections *all, struct connection *connection,
                        enum refusal refusal);

/* NULL is allowed. */
void connections_close(struct connections *all, struct connection *connection);

/* Once a second or so.  Returns whether any connection is open. */
bool connections_sweep(struct connections *all, double now);

void connections_free(struct connections *all);

#endif
