/* Several workers at one pass; see team.h. */
#include "core/engine/team.h"

#include "core/engine/spin.h"

/* A ticket has the phase above, then two counts of tiles. */
#define COUNT_BITS 27
#define COUNT_MASK (((uint64_t)1 << COUNT_BITS) - 1)
#define PHASE_OVER (((size_t)1 << (64 - 2 * COUNT_BITS)) - 1) /* there are no more phases */

_Static_assert(PHASES_MAX < PHASE_OVER, "a phase fits a ticket");

enum end { FRONT, BACK };

static const uint64_t taken_one[] = {[FRONT] = (uint64_t)1 << COUNT_BITS, [BACK] = 1};

static uint64_t ticket_of(size_t phase) {
    return (uint64_t)phase << 2 * COUNT_BITS;
}

static size_t ticket_phase(uint64_t ticket) {
    return ticket >> 2 * COUNT_BITS;
}

static size_t ticket_taken(uint64_t ticket, enum end end) {
    return (end == FRONT ? ticket >> COUNT_BITS : ticket) & COUNT_MASK;
}

void team_init(struct team *team, struct pass *pass) {
    team->pass = pass;
    atomic_init(&team->ticket, ticket_of(0));
    atomic_init(&team->done, 0);
    atomic_init(&team->helpers, 0);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->change, NULL);
}

void team_destroy(struct team *team) {
    pthread_cond_destroy(&team->change);
    pthread_mutex_destroy(&team->lock);
}

static bool has_tile(const struct team *team, uint64_t ticket) {
    return ticket_phase(ticket) != PHASE_OVER &&
           ticket_taken(ticket, FRONT) + ticket_taken(ticket, BACK) <
               pass_phase_tiles(team->pass, ticket_phase(ticket));
}

bool team_has_tiles(const struct team *team) {
    return has_tile(team, atomic_load_explicit(&team->ticket, memory_order_relaxed));
}

/* Take a tile of the phase that is open; false when all of its tiles are taken or
 * the pass is over. */
static bool take_tile(struct team *team, enum end end, size_t *phase, size_t *tile) {
    uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    while (has_tile(team, ticket)) {
        if (atomic_compare_exchange_weak_explicit(&team->ticket, &ticket, ticket + taken_one[end],
                                                  memory_order_acquire, memory_order_acquire)) {
            const size_t taken = ticket_taken(ticket, end);
            *phase = ticket_phase(ticket);
            *tile = end == FRONT ? taken : pass_phase_tiles(team->pass, *phase) - 1 - taken;
            return true;
        }
    }
    *phase = ticket_phase(ticket);
    return false;
}

/* --- the owner ------------------------------------------------------------------ */

static bool all_done(struct team *team, size_t tiles) {
    return atomic_load_explicit(&team->done, memory_order_acquire) == tiles;
}

/* No tile is left to take: wait for those that helpers are at. */
static void wait_for_tiles(struct team *team, size_t tiles) {
    struct spin spin = spin_begin();
    do {
        if (all_done(team, tiles)) {
            return;
        }
    } while (spin_on(&spin));
    pthread_mutex_lock(&team->lock);
    while (!all_done(team, tiles)) {
        pthread_cond_wait(&team->change, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
}

static void open_phase(struct team *team, size_t phase) {
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    /* Release: the end of the former phase, and `done`, come before the ticket. */
    atomic_store_explicit(&team->ticket, ticket_of(phase), memory_order_release);
}

size_t team_run(struct team *team, const struct team_hooks *hooks) {
    size_t helped = 0;
    size_t phase = 0;
    for (;;) {
        const size_t tiles = pass_phase_tiles(team->pass, phase);
        if (tiles > 1) {
            hooks->phase_opened(hooks->context);
        }
        size_t own = 0;
        size_t same_phase, tile;
        while (take_tile(team, FRONT, &same_phase, &tile)) {
            pass_run_tile(team->pass, phase, tile);
            atomic_fetch_add_explicit(&team->done, 1, memory_order_acq_rel);
            own++;
            hooks->between_tiles(hooks->context);
        }
        wait_for_tiles(team, tiles);
        helped += tiles - own;
        if (!pass_end_phase(team->pass, phase)) {
            break;
        }
        open_phase(team, ++phase);
    }
    open_phase(team, PHASE_OVER);
    return helped;
}

void team_wait_for_helpers(struct team *team) {
    pthread_mutex_lock(&team->lock);
    /* Acquire: all that the helpers did with the team is done. */
    while (atomic_load_explicit(&team->helpers, memory_order_acquire) > 0) {
        pthread_cond_wait(&team->change, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
}

/* --- helpers -------------------------------------------------------------------- */

void team_join(struct team *team) {
    atomic_fetch_add_explicit(&team->helpers, 1, memory_order_relaxed);
}

static void wake_owner(struct team *team) {
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->change);
    pthread_mutex_unlock(&team->lock);
}

static void help_with_tile(struct team *team, size_t phase, size_t tile) {
    const size_t tiles = pass_phase_tiles(team->pass, phase);
    pass_run_tile(team->pass, phase, tile);
    /* After the last one the owner may go on, but not out of the pass while this
     * thread is counted in `helpers`. */
    if (atomic_fetch_add_explicit(&team->done, 1, memory_order_acq_rel) + 1 == tiles) {
        wake_owner(team);
    }
}

bool team_help(struct team *team, const struct team_hooks *hooks) {
    size_t phase = 0, tile;
    bool helped = false;
    bool stays = true;
    struct spin spin = spin_begin();
    while (stays && phase != PHASE_OVER) {
        if (take_tile(team, BACK, &phase, &tile)) {
            help_with_tile(team, phase, tile);
            helped = true;
            spin = spin_begin();
        } else {
            stays = spin_on(&spin);
        }
        hooks->between_tiles(hooks->context);
        stays = stays && !hooks->wanted_elsewhere(hooks->context);
    }
    pthread_mutex_lock(&team->lock);
    /* Under the lock, so that the owner cannot see 0 and free the team before this
     * thread has let go of it. */
    atomic_fetch_sub_explicit(&team->helpers, 1, memory_order_release);
    pthread_cond_broadcast(&team->change);
    pthread_mutex_unlock(&team->lock);
    return helped;
}
