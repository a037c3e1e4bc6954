/* The scheduler and its workers; see scheduler.h. */
#include "core/engine/scheduler.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/spin.h"
#include "core/maths/numerics.h"

/* Below the HTTP threads, which do little and should do it at once. */
#define WORKER_NICE 5

/* Less is not worth returning to the system. */
#define RETURN_BYTES_MIN ((size_t)16 << 20)

/* After so long without work more is returned, however small a share of the limit. */
#define QUIET_SECONDS 1

/* With the lock held: the list has a reference of its own.  False when the workers are to
 * stop. */
static bool list(struct scheduler *scheduler, struct model *model, enum turn turn) {
    if (!model->listed[turn] && !scheduler->stop) {
        model->listed[turn] = true;
        model->next[turn] = NULL;
        model_reference(model);
        if (scheduler->lists[turn].last == NULL) {
            scheduler->lists[turn].first = model;
        } else {
            scheduler->lists[turn].last->next[turn] = model;
        }
        scheduler->lists[turn].last = model;
        atomic_fetch_add_explicit(&scheduler->listed[turn], 1, memory_order_relaxed);
        pthread_cond_signal(&scheduler->work);
    }
    return model->listed[turn];
}

void scheduler_list(struct scheduler *scheduler, struct model *model, enum turn turn) {
    pthread_mutex_lock(&scheduler->lock);
    (void)list(scheduler, model, turn);
    pthread_mutex_unlock(&scheduler->lock);
}

void scheduler_release(struct scheduler *scheduler, struct model *model) {
    pthread_mutex_lock(&scheduler->lock);
    const bool listed = list(scheduler, model, TURN_ANSWERING);
    if (listed) {
        model_release(model); /* before a worker can: this is not the last one */
    }
    pthread_mutex_unlock(&scheduler->lock);
    if (!listed) {
        model_release(model);
    }
}

/* With the lock held: the head of a list, whose reference the caller gets, or
 * NULL. */
static struct model *take(struct scheduler *scheduler, enum turn turn) {
    struct model *model = scheduler->lists[turn].first;
    if (model == NULL) {
        return NULL;
    }
    scheduler->lists[turn].first = model->next[turn];
    if (scheduler->lists[turn].first == NULL) {
        scheduler->lists[turn].last = NULL;
    }
    model->listed[turn] = false;
    atomic_fetch_sub_explicit(&scheduler->listed[turn], 1, memory_order_relaxed);
    return model;
}

/* With the lock held: the worker's next turn, or NULL when there is no work. */
static struct model *take_next(struct worker *worker, enum turn *turn) {
    struct scheduler *scheduler = worker->scheduler;
    const enum turn other =
        worker->last_long_turn == TURN_TRAINING ? TURN_ANSWERING : TURN_TRAINING;
    enum turn order[TURN_COUNT] = {TURN_PREDICTING, other, worker->last_long_turn};
    if (worker->predicting_in_a_row >= PREDICTING_IN_A_ROW) {
        order[0] = other;
        order[1] = worker->last_long_turn;
        order[2] = TURN_PREDICTING;
    }
    for (size_t i = 0; i < TURN_COUNT; i++) {
        struct model *model = take(scheduler, order[i]);
        if (model != NULL) {
            *turn = order[i];
            if (order[i] == TURN_PREDICTING) {
                worker->predicting_in_a_row++;
            } else {
                worker->predicting_in_a_row = 0;
                worker->last_long_turn = order[i];
            }
            return model;
        }
    }
    return NULL;
}

/* --- teams ------------------------------------------------------------------------ */

static bool is_listed(const struct scheduler *scheduler, enum turn turn) {
    return atomic_load_explicit(&scheduler->listed[turn], memory_order_relaxed) > 0;
}

void scheduler_serve_predictions(struct worker *worker) {
    struct scheduler *scheduler = worker->scheduler;
    if (!is_listed(scheduler, TURN_PREDICTING)) {
        return;
    }
    pthread_mutex_lock(&scheduler->lock);
    struct model *model = take(scheduler, TURN_PREDICTING);
    pthread_mutex_unlock(&scheduler->lock);
    if (model != NULL) {
        scheduler->turns[TURN_PREDICTING](worker, model);
        model_release(model);
    }
}

static void serve_between_tiles(void *worker) {
    scheduler_serve_predictions(worker);
}

static void wake_idle(void *context) {
    struct scheduler *scheduler = ((struct worker *)context)->scheduler;
    if (atomic_load_explicit(&scheduler->idle, memory_order_relaxed) > 0) {
        pthread_mutex_lock(&scheduler->lock);
        pthread_cond_broadcast(&scheduler->work);
        pthread_mutex_unlock(&scheduler->lock);
    }
}

static bool turn_is_listed(const struct scheduler *scheduler) {
    return is_listed(scheduler, TURN_TRAINING) || is_listed(scheduler, TURN_ANSWERING);
}

static bool wanted_for_turn(void *context) {
    return turn_is_listed(((struct worker *)context)->scheduler);
}

static struct team_hooks hooks_of(struct worker *worker) {
    return (struct team_hooks){serve_between_tiles, wake_idle, wanted_for_turn, worker};
}

void scheduler_run_shared(struct worker *worker, struct pass *pass) {
    struct scheduler *scheduler = worker->scheduler;
    const struct team_hooks hooks = hooks_of(worker);
    struct team team;
    team_init(&team, pass);
    pthread_mutex_lock(&scheduler->lock);
    team.next_offer = scheduler->offers;
    scheduler->offers = &team;
    atomic_fetch_add_explicit(&scheduler->offers_made, 1, memory_order_relaxed);
    pthread_mutex_unlock(&scheduler->lock);

    const size_t helped = team_run(&team, &hooks);

    pthread_mutex_lock(&scheduler->lock);
    struct team **link = &scheduler->offers;
    while (*link != &team) {
        link = &(*link)->next_offer;
    }
    *link = team.next_offer;
    pthread_mutex_unlock(&scheduler->lock);
    team_wait_for_helpers(&team);
    team_destroy(&team);
    atomic_fetch_add_explicit(&scheduler->tiles_helped, helped, memory_order_relaxed);
}

static uint64_t offers_made(const struct scheduler *scheduler) {
    return atomic_load_explicit(&scheduler->offers_made, memory_order_relaxed);
}

/* With the lock held: join a team that has tiles to take, or NULL. */
static struct team *join_team(struct worker *worker) {
    struct scheduler *scheduler = worker->scheduler;
    struct team *team = scheduler->offers;
    worker->offers_seen = offers_made(scheduler);
    while (team != NULL && !team_has_tiles(team)) {
        team = team->next_offer;
    }
    if (team != NULL) {
        team_join(team);
    }
    return team;
}

/* --- workers ---------------------------------------------------------------------- */

/* Where much was given back, resident memory should follow the ledger down.  A
 * worker does it after a turn: predictions can go to the others meanwhile. */
static size_t much(const struct ledger *ledger) {
    return size_max(ledger->limit_bytes / 20, RETURN_BYTES_MIN);
}

static void return_memory(struct ledger *ledger) {
    if (ledger_fell(ledger, much(ledger))) {
        memory_return();
    }
}

bool scheduler_may_go_on(const struct worker *worker) {
    const struct scheduler *scheduler = worker->scheduler;
    return !turn_is_listed(scheduler) &&
           !atomic_load_explicit(&scheduler->stop, memory_order_relaxed) &&
           ledger_fall(scheduler->ledger) < much(scheduler->ledger);
}

/* With the lock held, which is given up meanwhile: one turn, or some tiles of
 * someone else's; false when there is nothing to do. */
static bool work_once(struct worker *worker) {
    struct scheduler *scheduler = worker->scheduler;
    enum turn turn;
    struct model *model = take_next(worker, &turn);
    struct team *team = model == NULL ? join_team(worker) : NULL;
    if (model == NULL && team == NULL) {
        return false;
    }
    pthread_mutex_unlock(&scheduler->lock);
    if (model != NULL) {
        worker->helped = false;
        scheduler->turns[turn](worker, model);
        model_release(model);
        return_memory(scheduler->ledger);
    } else {
        const struct team_hooks hooks = hooks_of(worker);
        worker->helped = team_help(team, &hooks);
    }
    pthread_mutex_lock(&scheduler->lock);
    return true;
}

/* With the lock held: no batch needs the scratch that was reserved. */
static void unreserve_training(struct scheduler *scheduler) {
    size_t *reserved = &scheduler->scratch_reserved[TURN_TRAINING];
    if (*reserved > SCRATCH_KEPT_BYTES && backlog_count(scheduler->backlog) == 0) {
        ledger_release(scheduler->ledger,
                       (*reserved - SCRATCH_KEPT_BYTES) * scheduler->worker_count);
        *reserved = SCRATCH_KEPT_BYTES;
        pthread_cond_broadcast(&scheduler->work); /* others that are idle have some too */
    }
}

/* With the lock held, which is given up meanwhile; an idle worker holds no more than
 * is reserved.  True when there was something to give back. */
static bool give_scratch_back(struct worker *worker) {
    struct scheduler *scheduler = worker->scheduler;
    struct scratch *scratch = &worker->scratch[TURN_TRAINING];
    unreserve_training(scheduler);
    if (scratch->bytes <=
        size_max(scheduler->scratch_reserved[TURN_TRAINING], SCRATCH_KEPT_BYTES)) {
        return false;
    }
    void *block = scratch->block;
    *scratch = (struct scratch){0};
    pthread_mutex_unlock(&scheduler->lock);
    memory_free(block);
    pthread_mutex_lock(&scheduler->lock);
    return true;
}

/* With the lock held, which is given up meanwhile: the worker looks for work without
 * sleeping.  What came at its very end is found by looking again with the lock held. */
static void spin_for_work(struct worker *worker) {
    struct scheduler *scheduler = worker->scheduler;
    bool found = false;
    pthread_mutex_unlock(&scheduler->lock);
    struct spin spin = spin_begin();
    do {
        found = offers_made(scheduler) != worker->offers_seen || turn_is_listed(scheduler) ||
                is_listed(scheduler, TURN_PREDICTING) ||
                atomic_load_explicit(&scheduler->stop, memory_order_relaxed);
    } while (!found && spin_on(&spin));
    pthread_mutex_lock(&scheduler->lock);
    worker->helped = found;
}

/* With the lock held, which is given up meanwhile.  What was freed, a large share or not,
 * goes back to the system once nothing happens. */
static void wait_for_work(struct scheduler *scheduler) {
    int outcome = 0;
    atomic_fetch_add_explicit(&scheduler->idle, 1, memory_order_relaxed);
    if (ledger_fall(scheduler->ledger) < RETURN_BYTES_MIN) {
        pthread_cond_wait(&scheduler->work, &scheduler->lock);
    } else {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += QUIET_SECONDS;
        outcome =
            pthread_cond_clockwait(&scheduler->work, &scheduler->lock, CLOCK_MONOTONIC, &until);
    }
    atomic_fetch_sub_explicit(&scheduler->idle, 1, memory_order_relaxed);
    if (outcome == ETIMEDOUT && ledger_fell(scheduler->ledger, RETURN_BYTES_MIN)) {
        pthread_mutex_unlock(&scheduler->lock);
        memory_return();
        pthread_mutex_lock(&scheduler->lock);
    }
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct scheduler *scheduler = worker->scheduler;
    numerics_enter_thread();
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);

    pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->stop) {
        if (work_once(worker) || give_scratch_back(worker)) {
            continue;
        }
        if (worker->helped) {
            spin_for_work(worker);
        } else {
            wait_for_work(scheduler);
        }
    }
    pthread_mutex_unlock(&scheduler->lock);
    return NULL;
}

enum error_code scheduler_reserve_scratch(struct scheduler *scheduler, enum turn turn, size_t bytes,
                                          struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&scheduler->lock);
    const size_t reserved = scheduler->scratch_reserved[turn];
    if (bytes > reserved) {
        size_t more;
        if (__builtin_mul_overflow(bytes - reserved, scheduler->worker_count, &more)) {
            code = error_set(error, ERROR_MEMORY, NULL, "scratch beyond the address space");
        } else {
            code = ledger_reserve(scheduler->ledger, more, "the workers' scratch for this request",
                                  error);
        }
        if (code == ERROR_NONE) {
            scheduler->scratch_reserved[turn] = bytes;
        }
    }
    pthread_mutex_unlock(&scheduler->lock);
    return code;
}

void *worker_scratch(struct worker *worker, enum turn turn, size_t bytes) {
    struct scratch *scratch = &worker->scratch[turn];
    while (scratch->bytes < bytes) {
        memory_free(scratch->block);
        scratch->block = memory_allocate(bytes, 1);
        scratch->bytes = scratch->block != NULL ? bytes : 0;
        if (scratch->block == NULL) {
            usleep(10000);
        }
    }
    return scratch->block;
}

enum error_code scheduler_start(struct scheduler *scheduler, size_t worker_count,
                                turn_function *const turns[TURN_COUNT], struct ledger *ledger,
                                struct backlog *backlog, struct error *error) {
    *scheduler = (struct scheduler){.ledger = ledger, .backlog = backlog};
    pthread_mutex_init(&scheduler->lock, NULL);
    pthread_cond_init(&scheduler->work, NULL);
    for (size_t turn = 0; turn < TURN_COUNT; turn++) {
        scheduler->turns[turn] = turns[turn];
    }
    scheduler->workers = memory_allocate_zero(worker_count, sizeof *scheduler->workers);
    if (scheduler->workers == NULL) {
        scheduler_stop(scheduler);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %zu workers", worker_count);
    }
    for (; scheduler->worker_count < worker_count; scheduler->worker_count++) {
        struct worker *worker = &scheduler->workers[scheduler->worker_count];
        worker->scheduler = scheduler;
        worker->last_long_turn = TURN_ANSWERING;
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            scheduler_stop(scheduler);
            return error_set(error, ERROR_INTERNAL, NULL, "the system starts no thread more");
        }
    }
    return ERROR_NONE;
}

void scheduler_stop(struct scheduler *scheduler) {
    pthread_mutex_lock(&scheduler->lock);
    scheduler->stop = true;
    pthread_cond_broadcast(&scheduler->work);
    pthread_mutex_unlock(&scheduler->lock);
    for (size_t i = 0; i < scheduler->worker_count; i++) {
        struct worker *worker = &scheduler->workers[i];
        pthread_join(worker->thread, NULL);
        for (size_t turn = 0; turn < TURN_COUNT; turn++) {
            memory_free(worker->scratch[turn].block);
        }
    }
    for (size_t turn = 0; turn < TURN_COUNT; turn++) {
        struct model *model;
        while ((model = take(scheduler, (enum turn)turn)) != NULL) {
            model_release(model);
        }
        ledger_release(scheduler->ledger,
                       scheduler->scratch_reserved[turn] * scheduler->worker_count);
    }
    memory_free(scheduler->workers);
    pthread_cond_destroy(&scheduler->work);
    pthread_mutex_destroy(&scheduler->lock);
}
