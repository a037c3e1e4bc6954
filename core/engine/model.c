/* Live models; see model.h. */
#include "core/engine/model.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/queue.h"
#include "core/engine/state.h"

_Static_assert(KEY_MODEL_ID_BYTES == MODEL_ID_BYTES, "key_table.h keeps ids of models");

/* --- making and freeing ------------------------------------------------------ */

static bool is_letter_or_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool model_name_is_valid(const char *name) {
    const size_t length = strnlen(name, MODEL_NAME_BYTES);
    if (length == MODEL_NAME_BYTES || !is_letter_or_digit(name[0])) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_letter_or_digit(name[i]) && strchr("._-", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool make_id(char id[MODEL_ID_BYTES]) {
    uint64_t random;
    ssize_t got;
    do {
        got = getrandom(&random, sizeof random, 0);
    } while (got < 0 && errno == EINTR);
    snprintf(id, MODEL_ID_BYTES, "%016llx", (unsigned long long)random);
    return got == (ssize_t)sizeof random;
}

static size_t slot_count(const struct specification *specification) {
    const struct optimizer_settings *settings = &specification->optimizer;
    return optimizer_functions[settings->optimizer].slots(settings);
}

/* The model, its settings, two arrays of layers, two versions, two slots. */
#define MODEL_BLOCKS 8

size_t model_bytes_needed(const struct specification *specification,
                          const struct network *network) {
    size_t bytes =
        sizeof(struct model) + sizeof(struct settings) + 2 * weights_bytes(network) +
        slot_count(specification) * network->parameter_floats * sizeof(float) +
        specification->layer_count * (sizeof *specification->layers + sizeof *network->layers) +
        MODEL_BLOCKS * MEMORY_BLOCK_OVERHEAD;
    for (size_t c = 0; c < specification->class_count; c++) {
        bytes += sizeof(char *) + sizeof(uint32_t) + strlen(specification->classes[c]) + 1;
    }
    return bytes;
}

static float *make_slot(const struct model *model) {
    return memory_allocate(model->network.parameter_floats, sizeof(float));
}

/* All undefined until a worker makes the first weights. */
static bool allocate_numbers(struct model *model) {
    const size_t slots = slot_count(&model->specification);
    return weights_allocate(&model->weights.versions[0], &model->network) &&
           weights_allocate(&model->weights.versions[1], &model->network) &&
           (slots < 1 || (model->first = make_slot(model)) != NULL) &&
           (slots < 2 || (model->second = make_slot(model)) != NULL);
}

enum error_code model_create(const char *name, struct specification *specification,
                             struct ledger *ledger, struct backlog *backlog, size_t queue_max,
                             struct model **result, struct error *error) {
    struct model *model = memory_allocate_zero(1, sizeof *model);
    if (model == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a model");
    }
    atomic_init(&model->references, 1);
    snprintf(model->name, sizeof model->name, "%s", name);
    model->ledger = ledger;
    model->backlog = backlog;
    model->queue_max = queue_max;
    model->created_at = model->updated_at = clock_wall_seconds();
    model->last_finish = clock_monotonic_seconds();
    pthread_mutex_init(&model->lock, NULL);
    pthread_cond_init(&model->readers_left, NULL);
    history_init(&model->history, ledger);
    struct network_layer *layers = memory_allocate(specification->layer_count, sizeof *layers);
    if (layers == NULL) {
        model_release(model);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a model's layers");
    }
    network_layout(&model->network, specification, layers);

    const size_t bytes = model_bytes_needed(specification, &model->network);
    enum error_code code = ledger_reserve(ledger, bytes, "the model", error);
    if (code == ERROR_NONE) {
        model->bytes = bytes;
        model->specification = *specification; /* lent until all has gone well */
        model->settings = settings_create(specification, 1);
        if (model->settings == NULL) {
            code = error_set(error, ERROR_MEMORY, NULL, "no memory for a model's settings");
        } else if (!make_id(model->id)) {
            code = error_set(error, ERROR_INTERNAL, NULL, "the system has no random numbers");
        } else if (!allocate_numbers(model)) {
            code =
                error_set(error, ERROR_MEMORY, NULL, "no memory for a model of %zu bytes", bytes);
        }
    }
    if (code != ERROR_NONE) {
        memset(&model->specification, 0, sizeof model->specification);
        if (model->settings != NULL) {
            model->settings->specification.class_weights = NULL;
        }
        model_release(model);
        return code;
    }
    /* The settings have the class weights from now on, the model all the rest. */
    model->specification.class_weights = NULL;
    model->training_settings = settings_reference(model->settings);
    model->acknowledged_settings = settings_reference(model->settings);
    model->log.revision = 1;
    memset(specification, 0, sizeof *specification);
    *result = model;
    return ERROR_NONE;
}

struct model *model_reference(struct model *model) {
    /* Relaxed: who takes a reference has one already, or the registry's lock. */
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

void model_release(struct model *model) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    weights_free(&model->weights.versions[0]);
    weights_free(&model->weights.versions[1]);
    memory_free(model->first);
    memory_free(model->second);
    memory_free(model->network.layers);
    state_release(model->initial);
    history_free(&model->history);
    key_table_free(&model->keys);
    checkpoints_free(&model->checkpoints);
    settings_release(model->settings);
    settings_release(model->acknowledged_settings);
    settings_release(model->training_settings);
    specification_free(&model->specification);
    pthread_cond_destroy(&model->readers_left);
    pthread_mutex_destroy(&model->lock);
    ledger_release(model->ledger, model->bytes + model->first_bytes);
    memory_free(model);
}

enum error_code model_check_revision(const struct model *model, uint64_t revision,
                                     struct error *error) {
    if (revision == 0 || model->settings->revision == revision) {
        return ERROR_NONE;
    }
    return error_set(error, ERROR_STALE, NULL, "the settings of %s were changed: revision %" PRIu64,
                     model->name, model->settings->revision);
}

enum error_code model_gone(const struct model *model, struct error *error) {
    return error_set(error, ERROR_GONE, NULL, "the model %s was deleted", model->name);
}

/* --- queries ------------------------------------------------------------------ */

enum error_code model_ask(struct model *model, struct query *query, struct completion *completion,
                          struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&model->lock);
    if (model->deleted) {
        code = model_gone(model, error);
    } else {
        query->completion = completion;
        query_queue_push(query->prompt ? &model->prompt_queries : &model->long_queries,
                         query_reference(query));
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

void model_finish_query(struct query *query) {
    completion_call(query->completion);
    query_release(query);
}

/* --- looking ------------------------------------------------------------------ */

struct model_figures model_look(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const struct history *history = &model->history;
    struct model_figures figures = {
        .step = weights_published(&model->weights)->step,
        .examples = model->examples,
        .queue_depth = model->pending,
        .deleted = model->deleted,
        .last_loss = history->count > 0 ? history_at(history, history->count - 1)->loss : NAN,
        .updated_at = model->updated_at,
    };
    history_running(history, &figures.running_loss, &figures.running_accuracy);
    pthread_mutex_unlock(&model->lock);
    return figures;
}

struct settings *model_settings(struct model *model) {
    pthread_mutex_lock(&model->lock);
    struct settings *settings = settings_reference(model->settings);
    pthread_mutex_unlock(&model->lock);
    return settings;
}

size_t model_history(struct model *model, uint64_t after, size_t limit, struct history_row *rows,
                     struct history_range *range) {
    pthread_mutex_lock(&model->lock);
    const struct history *history = &model->history;
    const size_t first = history_after(history, after);
    const size_t count = size_min(limit, history->count - first);
    for (size_t i = 0; i < count; i++) {
        rows[i] = *history_at(history, first + i);
    }
    if (range != NULL) {
        range->oldest = history->count > 0 ? history_at(history, 0)->batch : 0;
        range->newest_number = model->last_number;
        range->deleted = model->deleted;
    }
    pthread_mutex_unlock(&model->lock);
    return count;
}

/* --- deletion -------------------------------------------------------------------- */

enum error_code model_retire(struct model *model, uint64_t revision, struct error *error) {
    pthread_mutex_lock(&model->lock);
    const enum error_code code =
        model->deleted ? model_gone(model, error) : model_check_revision(model, revision, error);
    model->deleted |= code == ERROR_NONE;
    pthread_mutex_unlock(&model->lock);
    return code;
}

size_t model_delete(struct model *model) {
    pthread_mutex_lock(&model->lock);
    model->deleted = true;
    struct entry_queue entries = model->entries;
    struct query_queue queries[] = {model->prompt_queries, model->long_queries};
    model->entries = (struct entry_queue){0};
    model->prompt_queries = model->long_queries = (struct query_queue){0};
    struct waiter *waiters = waiters_take_all(model);
    pthread_mutex_unlock(&model->lock);

    size_t dropped = 0;
    struct entry *entry;
    while ((entry = entry_queue_pop(&entries)) != NULL) {
        dropped += entry->state == ENTRY_QUEUED;
        queue_drop(model, entry);
    }
    /* After the entries, so that who waits for one finds it dropped. */
    waiters_complete(waiters);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct query *query;
        while ((query = query_queue_pop(&queries[i])) != NULL) {
            (void)model_gone(model, &query->error);
            model_finish_query(query);
        }
    }
    return dropped;
}
