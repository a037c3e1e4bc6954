/* Taking checkpoints; see checkpointing.h. */
#include "core/engine/checkpointing.h"

#include <math.h>

#include "core/base/checked.h"
#include "core/engine/clock.h"
#include "core/engine/state.h"

static struct checkpoint_figures look(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const struct history *history = &model->history;
    const struct history_row *newest =
        history->count > 0 ? history_at(history, history->count - 1) : NULL;
    struct checkpoint_figures figures = {
        .step = weights_published(&model->weights)->step,
        .examples = model->examples,
        .batch = newest != NULL ? newest->batch : 0,
        .last_loss = newest != NULL ? newest->loss : NAN,
    };
    history_running(history, &figures.running_loss, &figures.running_accuracy);
    pthread_mutex_unlock(&model->lock);
    return figures;
}

static void count(atomic_uint_fast64_t *number) {
    atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

void checkpointing_take(struct model *model, struct checkpoint *checkpoint, struct pause pause) {
    checkpoint->figures = look(model);
    state_take(checkpoint->numbers, model, pause);
    checkpoints_keep(model, checkpoint);
}

/* --- by the settings --------------------------------------------------------------- */

size_t checkpointing_run_limit(struct model *model) {
    const uint64_t every = model->training_settings->specification.checkpoints.every_steps;
    return every > 0 ? every - weights_published(&model->weights)->step % every : SIZE_MAX;
}

static bool is_due(struct model *model) {
    const struct checkpoint_policy *policy = &model->training_settings->specification.checkpoints;
    const double now = clock_monotonic_seconds();
    if (model->last_automatic_at == 0) {
        model->last_automatic_at = now; /* time is counted from the first look */
    }
    return (policy->every_steps > 0 &&
            weights_published(&model->weights)->step % policy->every_steps == 0) ||
           (policy->every_seconds > 0 && now - model->last_automatic_at >= policy->every_seconds);
}

static enum error_code reserve(struct model *model, struct checkpoint **checkpoint) {
    struct state *numbers;
    struct checkpoint *former;
    const struct optimizer_settings *optimizer = &model->training_settings->specification.optimizer;
    const size_t slots = optimizer_functions[optimizer->optimizer].slots(optimizer);
    enum error_code code = state_create(&model->network, slots, model->ledger, &numbers, NULL);
    if (code != ERROR_NONE) {
        return code;
    }
    code =
        checkpoint_create(CHECKPOINT_AUTOMATIC, "", NULL, numbers, model->ledger, checkpoint, NULL);
    state_release(numbers);
    if (code == ERROR_NONE) {
        code = checkpoints_reserve(model, *checkpoint, &former, NULL);
        if (code != ERROR_NONE) {
            checkpoint_release(*checkpoint);
        }
    }
    return code;
}

void checkpointing_look(struct model *model, struct pause pause) {
    if (!checkpoint_policy_is_on(&model->training_settings->specification.checkpoints) ||
        !is_due(model)) {
        return;
    }
    if (checkpoints_has_automatic(model, look(model).batch)) {
        return; /* the store has it: the log is being trained again */
    }
    struct checkpoint *checkpoint;
    const enum error_code code = reserve(model, &checkpoint);
    if (code == ERROR_NONE) {
        checkpointing_take(model, checkpoint, pause);
        checkpoint_release(checkpoint);
    } else if (code != ERROR_GONE) {
        count(&model->backlog->outcomes.checkpoints_skipped);
    }
    model->last_automatic_at = clock_monotonic_seconds();
}
