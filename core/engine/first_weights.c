/* First weights; see first_weights.h. */
#include "core/engine/first_weights.h"

static void from_seed(struct model *model, struct weights *weights, struct pause pause) {
    const struct specification *specification = &model->training_settings->specification;
    const float slot = optimizer_initial_slot(&specification->optimizer);
    float *const slots[] = {model->first, model->second};
    weights_clear(weights, &model->network, pause);
    network_initialize(&model->network, specification, weights->parameters, pause);
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (slots[i] != NULL) {
            weights_fill(slots[i], model->network.parameter_floats, slot, pause);
        }
    }
}

void first_weights_make(struct model *model, const struct state *initial, float *rows,
                        struct pause pause) {
    struct weights *first = weights_published(&model->weights);
    network_probe(&model->network, first->parameters, rows);
    weights_clear(weights_spare(&model->weights), &model->network, pause);
    if (initial != NULL) {
        state_put(initial, model, first, pause);
        model->examples = initial->head->examples;
    } else {
        from_seed(model, first, pause);
    }
    pthread_mutex_lock(&model->lock);
    atomic_store_explicit(&model->ready, true, memory_order_release);
    struct waiter *satisfied = waiters_take_satisfied(model); /* repeats of what made it */
    pthread_mutex_unlock(&model->lock);
    waiters_complete(satisfied);
}
