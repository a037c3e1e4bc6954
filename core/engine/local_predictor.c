/* Predictions of the thread that asks; see local_predictor.h. */
#include "core/engine/local_predictor.h"

#include "core/base/memory.h"
#include "core/engine/engine_internal.h"
#include "core/engine/predictor.h"
#include "core/maths/numerics.h"
#include "core/maths/product.h"

/* Computed when there are so many, even within a turn. */
#define GATHERED_MAX 64

struct local_predictor {
    struct engine *engine;
    struct local_predictor *next; /* of the engine's; fixed once it is listed */
    struct scratch scratch;       /* in the ledger */
    bool warm;                    /* the thread's BLAS buffers are touched */
    size_t asked, asked_before;   /* in this turn, in the one before */
    size_t gathered;
    size_t group_count;
    struct query_queue groups[GATHERED_MAX]; /* [group_count], each of one model */
    struct worker_statistics statistics;
};

struct local_predictor *local_predictor_create(struct engine *engine) {
    struct local_predictor *predictor = memory_allocate_zero(1, sizeof *predictor);
    if (predictor == NULL) {
        return NULL;
    }
    predictor->engine = engine;
    predictor->next = atomic_load_explicit(&engine->local_predictors, memory_order_relaxed);
    /* Release: whoever finds it in the list finds it whole. */
    while (!atomic_compare_exchange_weak_explicit(&engine->local_predictors, &predictor->next,
                                                  predictor, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    return predictor;
}

/* ---- memory ---- */

static void give_scratch_back(struct local_predictor *predictor) {
    memory_free(predictor->scratch.block);
    ledger_release(&predictor->engine->ledger, predictor->scratch.bytes);
    predictor->scratch = (struct scratch){0};
}

/* Nothing is kept in it from one computation to the next. */
static bool prepare_scratch(struct local_predictor *predictor, size_t bytes) {
    struct scratch *scratch = &predictor->scratch;
    if (scratch->bytes >= bytes) {
        return true;
    }
    give_scratch_back(predictor);
    if (ledger_reserve(&predictor->engine->ledger, bytes, "scratch to predict with", NULL) !=
        ERROR_NONE) {
        return false;
    }
    *scratch = (struct scratch){memory_allocate(bytes, 1), bytes};
    if (scratch->block == NULL) {
        give_scratch_back(predictor);
        return false;
    }
    return true;
}

/* ---- computing ---- */

static void finish(struct query_queue *group) {
    struct query *query;
    while ((query = query_queue_pop(group)) != NULL) {
        query->answered = true;
        query_release(query);
    }
}

static bool is_deleted(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const bool deleted = model->deleted;
    pthread_mutex_unlock(&model->lock);
    return deleted;
}

static void compute_group(struct local_predictor *predictor, struct query_queue *group) {
    struct model *model = group->first->model;
    if (!is_deleted(model)) {
        predictor_compute(model, group->first, predictor->scratch.block, &predictor->statistics);
        return;
    }
    for (struct query *query = group->first; query != NULL; query = query->next) {
        (void)model_gone(model, &query->error);
    }
}

static void compute(struct local_predictor *predictor) {
    if (predictor->gathered == 0) {
        return;
    }
    const numerics_state before = numerics_enter();
    if (!predictor->warm) {
        predictor->warm = true;
        product_warm_thread();
    }
    for (size_t i = 0; i < predictor->group_count; i++) {
        compute_group(predictor, &predictor->groups[i]);
    }
    numerics_leave(before);
    for (size_t i = 0; i < predictor->group_count; i++) {
        finish(&predictor->groups[i]);
    }
    predictor->gathered = predictor->group_count = 0;
}

/* ---- gathering ---- */

static void gather(struct local_predictor *predictor, struct query *query) {
    size_t i = predictor->group_count;
    while (i > 0 && predictor->groups[i - 1].first->model != query->model) {
        i--;
    }
    if (i == 0) {
        i = ++predictor->group_count;
        predictor->groups[i - 1] = (struct query_queue){0};
    }
    query_queue_push(&predictor->groups[i - 1], query_reference(query));
    predictor->gathered++;
}

bool local_predictor_take(struct local_predictor *predictor, struct query *query) {
    if (!query->small || engine_is_closed(predictor->engine) ||
        !prepare_scratch(predictor, predictor_scratch_bytes(&query->model->network))) {
        return false;
    }
    gather(predictor, query);
    const bool is_alone = ++predictor->asked == 1 && predictor->asked_before <= 1;
    if (is_alone || predictor->gathered == GATHERED_MAX) {
        compute(predictor);
    }
    return true;
}

void local_predictor_run(struct local_predictor *predictor) {
    compute(predictor);
    predictor->asked_before = predictor->asked;
    predictor->asked = 0;
}

/* ---- the engine's ---- */

void local_predictors_collect(struct engine *engine, struct statistics *all) {
    for (struct local_predictor *at =
             atomic_load_explicit(&engine->local_predictors, memory_order_acquire);
         at != NULL; at = at->next) {
        statistics_collect(&at->statistics, all);
    }
}

void local_predictors_destroy(struct engine *engine) {
    struct local_predictor *at =
        atomic_load_explicit(&engine->local_predictors, memory_order_acquire);
    while (at != NULL) {
        struct local_predictor *next = at->next;
        for (size_t i = 0; i < at->group_count; i++) {
            finish(&at->groups[i]); /* that nobody waits for any more */
        }
        give_scratch_back(at);
        memory_free(at);
        at = next;
    }
}
