/* The checkpoints of a model; see checkpoints.h. */
#include "core/engine/checkpoints.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/checkpoint_store.h"
#include "core/engine/clock.h"
#include "core/engine/model.h"
#include "core/engine/state.h"

/* Without the lock. */
static void let_leave(struct model *model, struct checkpoint *left) {
    while (left != NULL) {
        struct checkpoint *checkpoint = left;
        left = checkpoint->next;
        checkpoint->next = NULL;
        if (checkpoint->blob != 0) {
            (void)checkpoint_store_remove(model, checkpoint->version, NULL);
        }
        checkpoint_release(checkpoint);
    }
}

void checkpoints_free(struct checkpoints *checkpoints) {
    for (size_t i = 0; i < checkpoints->count; i++) {
        checkpoint_release(checkpoints->list[i]);
    }
    memory_free(checkpoints->list);
}

/* --- the list, with the lock held -------------------------------------------------- */

/* Take number i of the list out, in front of `*left`. */
static void take_out(struct checkpoints *checkpoints, size_t i, struct checkpoint **left) {
    struct checkpoint *checkpoint = checkpoints->list[i];
    checkpoints->count--;
    checkpoints->bytes -= checkpoint->bytes;
    memmove(checkpoints->list + i, checkpoints->list + i + 1,
            (checkpoints->count - i) * sizeof *checkpoints->list);
    checkpoint->status = CHECKPOINT_LOST;
    checkpoint->next = *left;
    *left = checkpoint;
}

/* The index of a checkpoint, or of that version; `count` where it is not there. */
static size_t index_of(const struct checkpoints *checkpoints, uint64_t version) {
    size_t i = 0;
    while (i < checkpoints->count && checkpoints->list[i]->version != version) {
        i++;
    }
    return i;
}

static bool is_kept_automatic(const struct checkpoint *checkpoint) {
    return checkpoint->kind == CHECKPOINT_AUTOMATIC && checkpoint->status == CHECKPOINT_KEPT;
}

/* Smaller is better. */
static double badness(const struct checkpoint *checkpoint, enum checkpoint_metric metric) {
    return metric == CHECKPOINT_METRIC_LOSS ? checkpoint->figures.running_loss
                                            : -checkpoint->figures.running_accuracy;
}

/* The best of those that are automatic; NULL: there is none. */
static const struct checkpoint *find_best(const struct checkpoints *checkpoints,
                                          enum checkpoint_metric metric) {
    const struct checkpoint *best = NULL;
    for (size_t i = 0; i < checkpoints->count && metric != CHECKPOINT_METRIC_NONE; i++) {
        const struct checkpoint *checkpoint = checkpoints->list[i];
        const double figure = badness(checkpoint, metric);
        /* Of equals the first stays: NaN is never below. */
        if (is_kept_automatic(checkpoint) && !isnan(figure) &&
            (best == NULL || figure < badness(best, metric))) {
            best = checkpoint;
        }
    }
    return best;
}

/* It is named by an entry that the store does not have, or would have to replay. */
static bool is_pinned(const struct checkpoints *checkpoints, const struct checkpoint *checkpoint) {
    return checkpoint->restoring > 0 || checkpoint->restored_at > checkpoints->covered;
}

/* Let the oldest automatic checkpoint leave, `spared` only where `even_spared`.  False where
 * there is none. */
static bool leave_oldest(struct checkpoints *checkpoints, const struct checkpoint *spared,
                         bool even_spared, struct checkpoint **left) {
    size_t found = checkpoints->count;
    for (size_t i = checkpoints->count; i > 0; i--) {
        const struct checkpoint *checkpoint = checkpoints->list[i - 1];
        if (is_kept_automatic(checkpoint) && checkpoint != spared &&
            !is_pinned(checkpoints, checkpoint)) {
            found = i - 1;
        }
    }
    if (found == checkpoints->count && even_spared && spared != NULL &&
        !is_pinned(checkpoints, spared)) {
        found = index_of(checkpoints, spared->version);
    }
    if (found < checkpoints->count) {
        take_out(checkpoints, found, left);
        return true;
    }
    return false;
}

static const struct checkpoint_limits *limits_of(const struct checkpoints *checkpoints) {
    return checkpoints->keeping != NULL ? &checkpoints->keeping->limits : NULL;
}

static bool is_full(const struct checkpoints *checkpoints, size_t bytes) {
    const struct checkpoint_limits *limits = limits_of(checkpoints);
    return limits == NULL || checkpoints->count >= limits->count_max || bytes > limits->bytes_max ||
           checkpoints->bytes > limits->bytes_max - bytes;
}

static enum error_code refuse(const struct model *model, size_t bytes, struct error *error) {
    const struct checkpoints *checkpoints = &model->checkpoints;
    const struct checkpoint_limits *limits = limits_of(checkpoints);
    if (limits == NULL || checkpoints->count >= limits->count_max) {
        return error_set(error, ERROR_EXISTS, NULL,
                         "%s has %zu checkpoints; --max-checkpoints allows %zu, and only automatic "
                         "ones leave by themselves: remove some",
                         model->name, checkpoints->count, limits != NULL ? limits->count_max : 0);
    }
    return error_set(error, ERROR_MEMORY, NULL,
                     "a checkpoint of %zu bytes beside %zu bytes of others; "
                     "--max-checkpoint-bytes allows %zu a model",
                     bytes, checkpoints->bytes, limits->bytes_max);
}

/* A best one is given up for what a client asked for, not for another automatic one. */
static enum error_code make_room(struct model *model, const struct checkpoint *checkpoint,
                                 struct checkpoint **left, struct error *error) {
    struct checkpoints *checkpoints = &model->checkpoints;
    const struct checkpoint *best =
        find_best(checkpoints, model->settings->specification.checkpoints.best);
    const bool automatic = checkpoint->kind == CHECKPOINT_AUTOMATIC;
    while (is_full(checkpoints, checkpoint->bytes)) {
        if (!leave_oldest(checkpoints, best, !automatic, left)) {
            return refuse(model, checkpoint->bytes, error);
        }
    }
    return ERROR_NONE;
}

/* There is room. */
static void put_by_version(struct checkpoints *checkpoints, struct checkpoint *checkpoint) {
    size_t at = checkpoints->count++;
    while (at > 0 && checkpoints->list[at - 1]->version > checkpoint->version) {
        checkpoints->list[at] = checkpoints->list[at - 1];
        at--;
    }
    checkpoints->list[at] = checkpoint;
    checkpoints->bytes += checkpoint->bytes;
}

static enum error_code grow(struct checkpoints *checkpoints, struct error *error) {
    if (checkpoints->count < checkpoints->capacity) {
        return ERROR_NONE;
    }
    const size_t capacity = checkpoints->capacity > 0 ? 2 * checkpoints->capacity : 4;
    void *list = checkpoints->list;
    if (!memory_resize(&list, checkpoints->count * sizeof *checkpoints->list, capacity,
                       sizeof *checkpoints->list)) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a list of checkpoints");
    }
    checkpoints->list = list;
    checkpoints->capacity = capacity;
    return ERROR_NONE;
}

/* The checkpoint that was made under the same key, or NULL. */
static struct checkpoint *find_repeated(const struct checkpoints *checkpoints,
                                        const struct key_record *record) {
    for (size_t i = 0; i < checkpoints->count && record != NULL; i++) {
        const struct key_record *former = checkpoints->list[i]->record;
        if (former != NULL && strcmp(former->key, record->key) == 0) {
            return checkpoints->list[i];
        }
    }
    return NULL;
}

static enum error_code adopt(struct checkpoint *repeated, const struct key_record *record,
                             struct checkpoint **former, struct error *error) {
    const struct payload_digest *before = &repeated->record->payload;
    if (before->low != record->payload.low || before->high != record->payload.high) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the Idempotency-Key '%.60s' came before, with another body", record->key);
    }
    *former = checkpoint_reference(repeated);
    return ERROR_NONE;
}

/* `*former` is what was made under the record's key, or NULL. */
static enum error_code look_for_repeated(const struct checkpoints *checkpoints,
                                         const struct key_record *record,
                                         struct checkpoint **former, struct error *error) {
    struct checkpoint *repeated = find_repeated(checkpoints, record);
    *former = NULL;
    return repeated != NULL ? adopt(repeated, record, former, error) : ERROR_NONE;
}

/* --- the face ---------------------------------------------------------------------- */

static enum error_code put_in(struct model *model, struct checkpoint *checkpoint,
                              struct checkpoint **left, struct error *error) {
    struct checkpoints *checkpoints = &model->checkpoints;
    enum error_code code = model->deleted ? model_gone(model, error) : grow(checkpoints, error);
    if (code == ERROR_NONE) {
        code = make_room(model, checkpoint, left, error);
    }
    if (code == ERROR_NONE) {
        checkpoint->version = ++checkpoints->last_version;
        put_by_version(checkpoints, checkpoint_reference(checkpoint));
    }
    return code;
}

enum error_code checkpoints_reserve(struct model *model, struct checkpoint *checkpoint,
                                    struct checkpoint **former, struct error *error) {
    struct checkpoint *left = NULL;
    pthread_mutex_lock(&model->lock);
    enum error_code code =
        look_for_repeated(&model->checkpoints, checkpoint->record, former, error);
    if (code == ERROR_NONE && *former == NULL) {
        code = put_in(model, checkpoint, &left, error);
    }
    pthread_mutex_unlock(&model->lock);
    let_leave(model, left);
    return code;
}

enum error_code checkpoints_find_repeated(struct model *model, const struct key_record *record,
                                          struct checkpoint **former, struct error *error) {
    pthread_mutex_lock(&model->lock);
    const enum error_code code = look_for_repeated(&model->checkpoints, record, former, error);
    pthread_mutex_unlock(&model->lock);
    return code;
}

/* With the lock held: automatic ones beyond what the policy keeps, the best apart. */
static void thin(struct checkpoints *checkpoints, const struct checkpoint_policy *policy,
                 struct checkpoint **left) {
    const struct checkpoint *best = find_best(checkpoints, policy->best);
    size_t automatic = 0;
    for (size_t i = 0; i < checkpoints->count; i++) {
        automatic += is_kept_automatic(checkpoints->list[i]) && checkpoints->list[i] != best;
    }
    while (automatic > policy->keep && leave_oldest(checkpoints, best, false, left)) {
        automatic--;
    }
}

/* With the lock held: how many there are, by what became of them. */
static void count(struct model *model, const struct checkpoint *checkpoint) {
    struct shared_statistics *outcomes = &model->backlog->outcomes;
    if (checkpoint->status == CHECKPOINT_KEPT) {
        atomic_fetch_add_explicit(&outcomes->checkpoints[checkpoint->kind], 1,
                                  memory_order_relaxed);
    } else if (checkpoint->kind == CHECKPOINT_AUTOMATIC && !model->deleted) {
        atomic_fetch_add_explicit(&outcomes->checkpoints_skipped, 1, memory_order_relaxed);
    }
}

void checkpoints_settle(struct model *model, struct checkpoint *checkpoint, enum error_code refusal,
                        uint64_t blob) {
    struct checkpoint *left = NULL;
    struct state *stored = NULL;
    pthread_mutex_lock(&model->lock);
    struct checkpoints *checkpoints = &model->checkpoints;
    const struct checkpoint_policy *policy = &model->settings->specification.checkpoints;
    checkpoint->refusal = refusal;
    if (refusal == ERROR_NONE) {
        checkpoint->status = CHECKPOINT_KEPT;
        checkpoint->blob = blob;
        if (blob != 0) {
            stored = checkpoint->numbers;
            checkpoint->numbers = NULL;
        }
    } else {
        take_out(checkpoints, index_of(checkpoints, checkpoint->version), &left);
    }
    count(model, checkpoint);
    if (checkpoint->kind == CHECKPOINT_AUTOMATIC && checkpoint_policy_is_on(policy)) {
        thin(checkpoints, policy, &left);
    }
    struct waiter *satisfied = waiters_take_satisfied(model);
    pthread_mutex_unlock(&model->lock);
    waiters_complete(satisfied);
    state_release(stored);
    let_leave(model, left);
}

void checkpoints_keep(struct model *model, struct checkpoint *checkpoint) {
    checkpoint->created_at = clock_wall_seconds();
    if (model->checkpoints.keeping->writer == NULL) {
        checkpoints_settle(model, checkpoint, ERROR_NONE, 0);
    } else {
        checkpoint_store_keep(model, checkpoint);
    }
}

enum error_code checkpoints_add(struct model *model, struct checkpoint *checkpoint,
                                enum checkpoint_status status, struct error *error) {
    pthread_mutex_lock(&model->lock);
    struct checkpoints *checkpoints = &model->checkpoints;
    const enum error_code code = grow(checkpoints, error);
    if (code == ERROR_NONE) {
        checkpoint->status = status;
        put_by_version(checkpoints, checkpoint_reference(checkpoint));
        if (checkpoint->version > checkpoints->last_version) {
            checkpoints->last_version = checkpoint->version;
        }
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

static enum error_code no_such(const struct model *model, uint64_t version, struct error *error) {
    return error_set(error, ERROR_NOT_FOUND, NULL, "there is no checkpoint %" PRIu64 " of %s",
                     version, model->name);
}

enum error_code checkpoints_find(struct model *model, uint64_t version, struct checkpoint **found,
                                 struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&model->lock);
    const struct checkpoints *checkpoints = &model->checkpoints;
    const size_t i = index_of(checkpoints, version);
    if (i == checkpoints->count) {
        code = no_such(model, version, error);
    } else if (checkpoints->list[i]->status == CHECKPOINT_PENDING) {
        code = error_set(error, ERROR_NOT_FOUND, NULL,
                         "checkpoint %" PRIu64 " of %s is not taken yet: it waits for its turn",
                         version, model->name);
    } else {
        *found = checkpoint_reference(checkpoints->list[i]);
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

uint64_t checkpoints_best_version(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const struct checkpoint *best =
        find_best(&model->checkpoints, model->settings->specification.checkpoints.best);
    const uint64_t version = best != NULL ? best->version : 0;
    pthread_mutex_unlock(&model->lock);
    return version;
}

enum checkpoint_status checkpoints_look(struct model *model, const struct checkpoint *checkpoint) {
    pthread_mutex_lock(&model->lock);
    const enum checkpoint_status status = checkpoint->status;
    pthread_mutex_unlock(&model->lock);
    return status;
}

size_t checkpoints_list(struct model *model, uint64_t after, size_t limit, struct checkpoint **list,
                        bool *more) {
    size_t count = 0;
    *more = false;
    pthread_mutex_lock(&model->lock);
    const struct checkpoints *checkpoints = &model->checkpoints;
    for (size_t i = 0; i < checkpoints->count && !*more; i++) {
        struct checkpoint *checkpoint = checkpoints->list[i];
        if (checkpoint->version > after && checkpoint->status == CHECKPOINT_KEPT) {
            *more = count == limit;
            if (!*more) {
                list[count++] = checkpoint_reference(checkpoint);
            }
        }
    }
    pthread_mutex_unlock(&model->lock);
    return count;
}

struct state *checkpoints_numbers(struct model *model, struct checkpoint *checkpoint) {
    pthread_mutex_lock(&model->lock);
    struct state *numbers =
        checkpoint->numbers != NULL ? state_reference(checkpoint->numbers) : NULL;
    pthread_mutex_unlock(&model->lock);
    return numbers;
}

/* With the lock held: the kept checkpoint's index. */
static enum error_code find_kept(const struct model *model, uint64_t version, size_t *i,
                                 struct error *error) {
    const struct checkpoints *checkpoints = &model->checkpoints;
    *i = index_of(checkpoints, version);
    return *i < checkpoints->count && checkpoints->list[*i]->status == CHECKPOINT_KEPT
               ? ERROR_NONE
               : no_such(model, version, error);
}

enum error_code checkpoints_remove(struct model *model, uint64_t version,
                                   struct completion *removed, struct error *error) {
    struct checkpoint *left = NULL;
    size_t i;
    pthread_mutex_lock(&model->lock);
    struct checkpoints *checkpoints = &model->checkpoints;
    enum error_code code = find_kept(model, version, &i, error);
    if (code == ERROR_NONE && is_pinned(checkpoints, checkpoints->list[i])) {
        code = error_set(error, ERROR_EXISTS, NULL,
                         "checkpoint %" PRIu64 " of %s was restored, and a restart would need it "
                         "until the model's next snapshot is stored: try again in a moment",
                         version, model->name);
    }
    if (code == ERROR_NONE) {
        take_out(checkpoints, i, &left);
    }
    pthread_mutex_unlock(&model->lock);
    if (code != ERROR_NONE) {
        return code;
    }
    const bool stored = left->blob != 0;
    checkpoint_release(left);
    if (stored) {
        return checkpoint_store_remove(model, version, removed);
    }
    completion_call(removed);
    return ERROR_NONE;
}

enum error_code checkpoints_pin(struct model *model, uint64_t version,
                                struct checkpoint **checkpoint, struct error *error) {
    size_t i;
    pthread_mutex_lock(&model->lock);
    const enum error_code code = find_kept(model, version, &i, error);
    if (code == ERROR_NONE) {
        *checkpoint = checkpoint_reference(model->checkpoints.list[i]);
        (*checkpoint)->restoring++;
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

void checkpoints_unpin(struct model *model, struct checkpoint *checkpoint, uint64_t place) {
    pthread_mutex_lock(&model->lock);
    checkpoint->restoring--;
    if (place > checkpoint->restored_at) {
        checkpoint->restored_at = place;
    }
    pthread_mutex_unlock(&model->lock);
}

void checkpoints_cover(struct model *model, uint64_t place) {
    pthread_mutex_lock(&model->lock);
    model->checkpoints.covered = place;
    pthread_mutex_unlock(&model->lock);
}

bool checkpoints_has_newer(const struct checkpoints *checkpoints, uint64_t version) {
    for (size_t i = 0; i < checkpoints->count; i++) {
        const struct checkpoint *checkpoint = checkpoints->list[i];
        if (checkpoint->version > version && checkpoint->blob != 0) {
            return true;
        }
    }
    return false;
}

bool checkpoints_has_automatic(struct model *model, uint64_t batch) {
    bool has = false;
    pthread_mutex_lock(&model->lock);
    const struct checkpoints *checkpoints = &model->checkpoints;
    for (size_t i = 0; i < checkpoints->count; i++) {
        const struct checkpoint *checkpoint = checkpoints->list[i];
        has |= is_kept_automatic(checkpoint) && checkpoint->figures.batch >= batch;
    }
    pthread_mutex_unlock(&model->lock);
    return has;
}
