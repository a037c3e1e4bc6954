/* The state of a model; see state.h. */
#include "core/engine/state.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/model.h"

#define STATE_MAGIC "mlpdstat"
#define STATE_VERSION 1

_Static_assert(sizeof(struct state_head) == MEMORY_ALIGNMENT, "what follows it stays aligned");

static size_t slot_bytes(const struct network *network) {
    return network->parameter_floats * sizeof(float);
}

/* A network's sizes are bounded (PARAMETERS_MAX), so that no sum here can overflow. */
size_t state_bytes(const struct network *network, size_t slot_count) {
    return sizeof(struct state_head) + weights_bytes(network) + slot_count * slot_bytes(network);
}

enum error_code state_create_raw(size_t bytes, struct ledger *ledger, struct state **result,
                                 struct error *error) {
    const enum error_code code =
        ledger_reserve(ledger, bytes + sizeof(struct state), "the state of a model", error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct state *state = memory_allocate(1, sizeof *state);
    void *block = memory_allocate(bytes, 1);
    if (state == NULL || block == NULL) {
        memory_free(block);
        memory_free(state);
        ledger_release(ledger, bytes + sizeof *state);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the state of a model");
    }
    *state = (struct state){.ledger = ledger, .bytes = bytes, .head = block};
    atomic_init(&state->references, 1);
    *result = state;
    return ERROR_NONE;
}

enum error_code state_create(const struct network *network, size_t slot_count,
                             struct ledger *ledger, struct state **state, struct error *error) {
    const enum error_code code =
        state_create_raw(state_bytes(network, slot_count), ledger, state, error);
    if (code == ERROR_NONE) {
        struct state_head *head = (*state)->head;
        *head = (struct state_head){
            .version = STATE_VERSION,
            .slot_count = (uint32_t)slot_count,
            .weights_bytes = weights_bytes(network),
            .slot_bytes = slot_bytes(network),
        };
        memcpy(head->magic, STATE_MAGIC, sizeof head->magic);
    }
    return code;
}

enum error_code state_check(const struct state *state, const struct network *network,
                            struct error *error) {
    const struct state_head *head = state->head;
    if (state->bytes < sizeof *head || memcmp(head->magic, STATE_MAGIC, sizeof head->magic) != 0) {
        return error_set(error, ERROR_INVALID, NULL, "what is kept is not the state of a model");
    }
    if (head->version != STATE_VERSION) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the state is of layout %u; this mlpd reads layout %d",
                         (unsigned)head->version, STATE_VERSION);
    }
    if (head->slot_count > STATE_SLOTS_MAX || head->weights_bytes != weights_bytes(network) ||
        head->slot_bytes != slot_bytes(network) ||
        state->bytes != state_bytes(network, head->slot_count)) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the state has %zu bytes, which is not what this network needs",
                         state->bytes);
    }
    return ERROR_NONE;
}

struct state *state_reference(struct state *state) {
    /* Relaxed: who takes a reference has one already. */
    atomic_fetch_add_explicit(&state->references, 1, memory_order_relaxed);
    return state;
}

void state_release(struct state *state) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (state == NULL ||
        atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    ledger_release(state->ledger, state->bytes + sizeof *state);
    memory_free(state->head);
    memory_free(state);
}

static char *after_head(const struct state *state) {
    return (char *)(state->head + 1);
}

struct weights state_weights(const struct state *state, const struct network *network) {
    struct weights weights;
    weights_place(&weights, network, (float *)(void *)after_head(state));
    weights.step = state->head->step;
    weights.standardizer.count = state->head->standardizer_count;
    return weights;
}

float *state_slot(const struct state *state, size_t i) {
    const struct state_head *head = state->head;
    return (float *)(void *)(after_head(state) + head->weights_bytes + i * head->slot_bytes);
}

void state_drop_slots(struct state *state) {
    const size_t bytes = state->head->slot_count * state->head->slot_bytes;
    state->head->slot_count = 0;
    state->bytes -= bytes;
    ledger_release(state->ledger, bytes);
}

size_t state_slots_of(const struct model *model) {
    return (model->first != NULL) + (model->second != NULL);
}

void state_take(struct state *state, const struct model *model, struct pause pause) {
    const struct weights *published = &model->weights.versions[model->weights.published];
    struct state_head *head = state->head;
    const float *const slots[STATE_SLOTS_MAX] = {model->first, model->second};
    head->step = published->step;
    head->examples = model->examples;
    head->standardizer_count = published->standardizer.count;
    weights_copy_bytes(after_head(state), published->parameters, head->weights_bytes, pause);
    for (size_t i = 0; i < size_min(head->slot_count, STATE_SLOTS_MAX); i++) {
        if (slots[i] != NULL) {
            weights_copy_bytes(state_slot(state, i), slots[i], head->slot_bytes, pause);
        } else { /* the settings that would have brought it were refused */
            weights_fill(state_slot(state, i), head->slot_bytes / sizeof(float), 0, pause);
        }
    }
}

void state_put(const struct state *state, struct model *model, struct weights *weights,
               struct pause pause) {
    const struct state_head *head = state->head;
    const struct weights kept = state_weights(state, &model->network);
    const float initial =
        optimizer_initial_slot(&model->training_settings->specification.optimizer);
    float *const slots[STATE_SLOTS_MAX] = {model->first, model->second};
    weights_copy(weights, &kept, &model->network, pause);
    for (size_t i = 0; i < STATE_SLOTS_MAX && slots[i] != NULL; i++) {
        if (i < head->slot_count) {
            weights_copy_bytes(slots[i], state_slot(state, i), head->slot_bytes, pause);
        } else {
            weights_fill(slots[i], model->network.parameter_floats, initial, pause);
        }
    }
}
