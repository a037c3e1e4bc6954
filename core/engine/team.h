/* A team: several workers at one training pass.
 *
 * The trainer that has a batch large enough to be shared offers a team; idle
 * workers join by taking tile numbers.  The tiles and the order of every sum
 * follow from shapes alone (pass.h), so that who computes which tile changes no
 * bit.  The owner takes tiles from the front of a phase and helpers from its back, so
 * that a core mostly gets the same rows and weights in each phase and batch, which its
 * cache may still hold.  The owner alone goes from phase to phase: when all tiles of one are done
 * it ends it and opens the next.  Helpers come and go between any two tiles; one
 * that finds no tile for some microseconds leaves rather than sleep here.
 *
 * The owner waits for tiles that helpers are at, a fraction of a millisecond, and
 * at the end for helpers to leave. */
#ifndef MLPD_CORE_ENGINE_TEAM_H
#define MLPD_CORE_ENGINE_TEAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/maths/pass.h"

struct team {
    struct pass *pass;

    /* The phase, and how many of its tiles are taken from the front and from the back.
     * Who takes a tile acquires what the owner wrote before it opened the phase. */
    atomic_uint_fast64_t ticket;
    /* Tiles of the phase that are done: released by who computed them, acquired by
     * the owner. */
    atomic_size_t done;
    /* Threads inside team_help.  Joining is under the scheduler's lock, so that it
     * ends when the offer is withdrawn. */
    atomic_uint helpers;

    pthread_mutex_t lock;  /* only for the owner's sleeping and waking */
    pthread_cond_t change; /* the last tile of a phase is done, or a helper left */

    struct team *next_offer; /* guarded by the scheduler's lock */
};

/* What a member of a team does besides its tiles. */
struct team_hooks {
    void (*between_tiles)(void *context);
    void (*phase_opened)(void *context);     /* the owner: there are tiles to take */
    bool (*wanted_elsewhere)(void *context); /* a helper: leave? */
    void *context;
};

void team_init(struct team *team, struct pass *pass);
void team_destroy(struct team *team);

/* The owner: run the pass to its end.  Returns how many tiles helpers computed. */
size_t team_run(struct team *team, const struct team_hooks *hooks);

/* The owner, after it has withdrawn its offer: wait until the last helper left. */
void team_wait_for_helpers(struct team *team);

/* Is there a tile to take?  Any thread, while the offer stands. */
bool team_has_tiles(const struct team *team);

/* Somebody joins: with the scheduler's lock held, while the offer stands. */
void team_join(struct team *team);

/* Who has joined: take tiles until there are none for a while, or it is wanted
 * elsewhere; then leave.  Returns whether there were any. */
bool team_help(struct team *team, const struct team_hooks *hooks);

#endif
