/* Open connections; see connections.h. */
#include "server/connections.h"

#include <errno.h>
#include <poll.h>

#include "core/base/memory.h"

#define BATCH 64          /* sockets looked at in one system call and under one lock */
#define SETTLED_SECONDS 1 /* without a move, before one makes room for another */
#define OVER_SECONDS 2    /* to ask for something and be told that there are too many */

/* The phase, and a number that grows with each phase. */
#define PHASE_BITS 3

struct connection {
    int fd;
    void *owner;          /* fixed; the transport's */
    peer peer;            /* fixed; 0: not counted by its address */
    enum refusal refusal; /* fixed: which limit it is over, if any */
    void *request;        /* the HTTP thread's */

    /* Written by the HTTP thread and, to give it up, under the lock.  Release and acquire:
     * a stage is seen with the count of bytes that it began with. */
    atomic_uint stage;
    atomic_uint_fast64_t body_bytes; /* of the request, so far */

    /* Under the lock. */
    struct pace pace;
    double opened;
    unsigned sweep;        /* that has looked at it last */
    bool ended;            /* when it was looked at last */
    uint64_t bytes_looked; /* the same: of the body */
    struct connection *previous, *next;
};

static enum connection_phase phase_of(unsigned stage) {
    return stage & ((1u << PHASE_BITS) - 1);
}

static unsigned next_stage(unsigned stage, enum connection_phase phase) {
    return ((stage >> PHASE_BITS) + 1) << PHASE_BITS | phase;
}

static unsigned number_of(unsigned stage) {
    return stage >> PHASE_BITS;
}

bool connections_init(struct connections *all, const struct connections_settings *settings) {
    *all = (struct connections){.settings = *settings};
    atomic_init(&all->count, 0);
    pthread_mutex_init(&all->lock, NULL);
    return peers_init(&all->peers, settings->max);
}

/* ---- the list, under the lock ---- */

static void append(struct connections *all, struct connection *connection) {
    connection->previous = all->last;
    connection->next = NULL;
    if (all->last != NULL) {
        all->last->next = connection;
    } else {
        all->first = connection;
    }
    all->last = connection;
}

static void take_out(struct connections *all, struct connection *connection) {
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    } else {
        all->last = connection->previous;
    }
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        all->first = connection->next;
    }
}

/* It no longer counts against the limits: it is closed, or about to be. */
static void discount(struct connections *all, const struct connection *connection) {
    if (connection->refusal != REFUSAL_NONE) {
        all->over--;
    } else {
        all->admitted--;
        if (connection->peer != 0) {
            peers_remove(&all->peers, connection->peer);
        }
    }
}

/* False when it has moved since `stage` was seen. */
static bool give_up(struct connections *all, struct connection *connection, unsigned stage) {
    const bool given_up = atomic_compare_exchange_strong_explicit(
        &connection->stage, &stage, next_stage(stage, PHASE_OVER), memory_order_acq_rel,
        memory_order_relaxed);
    if (given_up) {
        discount(all, connection);
    }
    return given_up;
}

/* ---- the limits ---- */

size_t connections_limit(const struct connections_settings *settings, bool loopback) {
    if (settings->max_per_address > 0) {
        return settings->max_per_address;
    }
    return loopback ? settings->max : (settings->max + 1) / 2;
}

/* The address has as many as it may have. */
static bool is_crowded(const struct connections *all, peer peer, bool loopback) {
    return peer != 0 &&
           peers_count(&all->peers, peer) >= connections_limit(&all->settings, loopback);
}

/* One address may take half of the places that are for being told. */
bool connections_accept(struct connections *all, const struct sockaddr *name) {
    if (atomic_load_explicit(&all->count, memory_order_relaxed) >=
        all->settings.max + CONNECTIONS_OVER) {
        return false;
    }
    bool loopback;
    const peer peer = peer_of(name, &loopback);
    pthread_mutex_lock(&all->lock);
    const bool accepted = all->over < CONNECTIONS_OVER / 2 || !is_crowded(all, peer, loopback);
    pthread_mutex_unlock(&all->lock);
    return accepted;
}

static bool has_something_to_read(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* How much rather than others it goes; 0: it stays. */
static unsigned rank(const struct connections *all, const struct connection *connection,
                     double now) {
    const unsigned stage = atomic_load_explicit(&connection->stage, memory_order_acquire);
    const double seconds = now - connection->pace.since;
    if (number_of(stage) != connection->pace.stage || seconds < SETTLED_SECONDS) {
        return 0;
    }
    switch (phase_of(stage)) {
    case PHASE_OPEN:
        return has_something_to_read(connection->fd) ? 0 : 3;
    case PHASE_HEADER:
        return 3;
    case PHASE_BODY:
        return pace_is_below_rate(
                   &all->settings.pace,
                   atomic_load_explicit(&connection->body_bytes, memory_order_relaxed), seconds)
                   ? 2
                   : 0;
    case PHASE_IDLE:
        return has_something_to_read(connection->fd) ? 0 : 1;
    default:
        return 0;
    }
}

/* `peer` 0: of every address. */
static struct connection *choose_to_go(const struct connections *all, peer peer, double now) {
    struct connection *chosen = NULL;
    unsigned highest = 0;
    for (struct connection *at = all->first; at != NULL && highest < 3; at = at->next) {
        if (at->refusal != REFUSAL_NONE || (peer != 0 && at->peer != peer)) {
            continue;
        }
        const unsigned ranked = rank(all, at, now);
        if (ranked > highest ||
            (ranked > 0 && ranked == highest && at->pace.since < chosen->pace.since)) {
            chosen = at;
            highest = ranked;
        }
    }
    return chosen;
}

static void tell(const struct connections *all, const struct connection *connection,
                 enum refusal refusal) {
    if (refusal != REFUSAL_NONE && !all->settings.encrypted) {
        refusal_send(connection->fd, refusal);
    }
}

/* One that is told keeps its reading half until the next look, so that what it still
 * sends does not take the answer away. */
static void refuse(struct connections *all, struct connection *connection, unsigned stage,
                   enum refusal refusal) {
    if (give_up(all, connection, stage)) {
        tell(all, connection, refusal);
        shutdown(connection->fd, refusal != REFUSAL_NONE ? SHUT_WR : SHUT_RDWR);
    }
}

static bool make_room(struct connections *all, peer peer, double now) {
    struct connection *chosen = choose_to_go(all, peer, now);
    if (chosen == NULL) {
        return false;
    }
    const unsigned stage = atomic_load_explicit(&chosen->stage, memory_order_acquire);
    if (number_of(stage) != chosen->pace.stage || !give_up(all, chosen, stage)) {
        return false;
    }
    tell(all, chosen,
         phase_of(stage) == PHASE_HEADER ? REFUSAL_HEADER_TIME
         : phase_of(stage) == PHASE_BODY ? REFUSAL_BODY_TIME
                                         : REFUSAL_NONE);
    shutdown(chosen->fd, SHUT_RDWR); /* at once: its place is taken */
    return true;
}

static peer peer_of_socket(int fd, bool *loopback) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } name = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t bytes = sizeof name;
    if (getpeername(fd, &name.any, &bytes) != 0) {
        name.any.sa_family = AF_UNSPEC;
    }
    return peer_of(&name.any, loopback);
}

static void admit(struct connections *all, struct connection *connection, double now) {
    bool loopback;
    const peer peer = peer_of_socket(connection->fd, &loopback);
    const bool full = all->admitted >= all->settings.max;
    const bool crowded = is_crowded(all, peer, loopback);
    if ((full || crowded) && !make_room(all, crowded ? peer : 0, now)) {
        connection->refusal = full ? REFUSAL_CONNECTIONS : REFUSAL_ADDRESS;
        all->over++;
        return;
    }
    connection->peer = peers_add(&all->peers, peer) ? peer : 0;
    all->admitted++;
}

/* ---- the life of one ---- */

struct connection *connections_open(struct connections *all, int fd, void *owner, double now) {
    struct connection *connection = memory_allocate_zero(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->fd = fd;
    connection->owner = owner;
    connection->opened = now;
    atomic_init(&connection->stage, PHASE_OPEN);
    atomic_init(&connection->body_bytes, 0);
    pace_start(&connection->pace, 0, now);
    pthread_mutex_lock(&all->lock);
    connection->sweep = all->sweep;
    admit(all, connection, now);
    append(all, connection);
    atomic_fetch_add_explicit(&all->count, 1, memory_order_relaxed);
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void *connections_owner(const struct connection *connection) {
    return connection->owner;
}

enum refusal connections_refusal(const struct connection *connection) {
    return connection->refusal;
}

bool connections_enter(struct connection *connection, enum connection_phase phase) {
    if (connection == NULL) {
        return true;
    }
    if (phase == PHASE_BODY) {
        atomic_store_explicit(&connection->body_bytes, 0, memory_order_relaxed);
    }
    unsigned stage = atomic_load_explicit(&connection->stage, memory_order_relaxed);
    if (phase_of(stage) == phase) {
        return true; /* called again within it */
    }
    return phase_of(stage) != PHASE_OVER &&
           atomic_compare_exchange_strong_explicit(&connection->stage, &stage,
                                                   next_stage(stage, phase), memory_order_release,
                                                   memory_order_relaxed);
}

void connections_keep_request(struct connection *connection, void *request) {
    if (connection != NULL) {
        connection->request = request;
    }
}

void *connections_request(const struct connection *connection) {
    return connection != NULL ? connection->request : NULL;
}

bool connections_receive(struct connection *connection, size_t bytes) {
    if (connection == NULL) {
        return true;
    }
    atomic_fetch_add_explicit(&connection->body_bytes, bytes, memory_order_relaxed);
    return phase_of(atomic_load_explicit(&connection->stage, memory_order_relaxed)) != PHASE_OVER;
}

void connections_refuse(struct connections *all, struct connection *connection,
                        enum refusal refusal) {
    if (connection == NULL) {
        return;
    }
    pthread_mutex_lock(&all->lock);
    const unsigned stage = atomic_load_explicit(&connection->stage, memory_order_relaxed);
    if (phase_of(stage) != PHASE_OVER) {
        refuse(all, connection, stage, refusal);
    }
    pthread_mutex_unlock(&all->lock);
}

void connections_close(struct connections *all, struct connection *connection) {
    if (connection == NULL) {
        return;
    }
    pthread_mutex_lock(&all->lock);
    if (phase_of(atomic_load_explicit(&connection->stage, memory_order_relaxed)) != PHASE_OVER) {
        discount(all, connection);
    }
    atomic_fetch_sub_explicit(&all->count, 1, memory_order_relaxed);
    take_out(all, connection);
    pthread_mutex_unlock(&all->lock);
    memory_free(connection);
}

/* ---- the sweep ---- */

static bool has_nothing_to_read(int fd) {
    char byte;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* Its client has gone, and libmicrohttpd has not noticed since the look before. */
static bool has_ended(struct connection *connection, enum connection_phase phase, bool moved,
                      short events) {
    const bool before = connection->ended;
    connection->ended = (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0 && phase != PHASE_BUSY &&
                        phase != PHASE_ANSWER && has_nothing_to_read(connection->fd);
    return connection->ended && before && !moved;
}

static enum pace_verdict judge(const struct connections *all, struct connection *connection,
                               unsigned stage, double now) {
    struct pace_sight sight = {
        .stage = number_of(stage),
        .phase = phase_of(stage),
        .body_bytes = atomic_load_explicit(&connection->body_bytes, memory_order_relaxed),
        .encrypted = all->settings.encrypted,
        .now = now,
    };
    if (pace_counts(sight.phase)) {
        sight.traffic = traffic_look(connection->fd);
    }
    const enum pace_verdict verdict = pace_look(&connection->pace, &all->settings.pace, &sight);
    return verdict == PACE_FINE && connection->refusal != REFUSAL_NONE &&
                   sight.phase <= PHASE_HEADER && now - connection->opened >= OVER_SECONDS
               ? PACE_SILENT
               : verdict;
}

static void cut_off(struct connections *all, struct connection *connection, unsigned stage,
                    enum pace_verdict verdict) {
    static const enum refusal refusals[] = {[PACE_SILENT] = REFUSAL_NONE,
                                            [PACE_SLOW_HEADER] = REFUSAL_HEADER_TIME,
                                            [PACE_SLOW_BODY] = REFUSAL_BODY_TIME,
                                            [PACE_SLOW_READER] = REFUSAL_NONE};
    refuse(all, connection, stage, refusals[verdict]);
}

static void look(struct connections *all, struct connection *connection, short events, double now) {
    const unsigned stage = atomic_load_explicit(&connection->stage, memory_order_acquire);
    const uint64_t bytes = atomic_load_explicit(&connection->body_bytes, memory_order_relaxed);
    const bool moved =
        number_of(stage) != connection->pace.stage || bytes != connection->bytes_looked;
    connection->bytes_looked = bytes;
    if (phase_of(stage) == PHASE_OVER || has_ended(connection, phase_of(stage), moved, events)) {
        shutdown(connection->fd, SHUT_RDWR);
        return;
    }
    const enum pace_verdict verdict = judge(all, connection, stage, now);
    if (verdict != PACE_FINE) {
        cut_off(all, connection, stage, verdict);
    }
}

/* Under the lock no connection is closed, so every descriptor is still its own.  Who has
 * been looked at goes to the end of the list: a sweep is over when the first one has its
 * number, and between two batches others may have the lock.  False: it is over. */
static bool sweep_some(struct connections *all, double now) {
    struct pollfd sockets[BATCH];
    struct connection *looked_at[BATCH];
    nfds_t count = 0;
    for (; all->first != NULL && all->first->sweep != all->sweep && count < BATCH; count++) {
        struct connection *connection = all->first;
        looked_at[count] = connection;
        sockets[count] = (struct pollfd){.fd = connection->fd, .events = POLLRDHUP};
        take_out(all, connection);
        append(all, connection);
        connection->sweep = all->sweep;
    }
    if (count > 0 && poll(sockets, count, 0) >= 0) {
        for (nfds_t i = 0; i < count; i++) {
            look(all, looked_at[i], sockets[i].revents, now);
        }
    }
    return count > 0;
}

bool connections_sweep(struct connections *all, double now) {
    bool goes_on = true;
    pthread_mutex_lock(&all->lock);
    all->sweep++;
    while (goes_on) {
        goes_on = sweep_some(all, now);
        pthread_mutex_unlock(&all->lock);
        pthread_mutex_lock(&all->lock);
    }
    const bool some = all->first != NULL;
    pthread_mutex_unlock(&all->lock);
    return some;
}

void connections_free(struct connections *all) {
    pthread_mutex_destroy(&all->lock);
    peers_free(&all->peers);
}
