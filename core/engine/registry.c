/* The registry of models; see registry.h. */
#include "core/engine/registry.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

#define CAPACITY_MIN 16

bool registry_init(struct registry *registry) {
    registry->models = NULL;
    registry->count = registry->capacity = 0;
    return name_table_init(&registry->names) && pthread_mutex_init(&registry->lock, NULL) == 0;
}

void registry_destroy(struct registry *registry) {
    /* Dropping what waits at one model can take another out: the target of a copy. */
    while (registry->count > 0) {
        struct model *model = model_reference(registry->models[registry->count - 1]);
        (void)registry_remove(model);
        (void)model_delete(model);
        model_release(model);
    }
    memory_free(registry->models);
    name_table_destroy(&registry->names);
    pthread_mutex_destroy(&registry->lock);
}

/* The index of the first model whose name is not before `name`. */
static size_t position(const struct registry *registry, const char *name) {
    size_t begin = 0;
    size_t end = registry->count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (strcmp(registry->models[middle]->name, name) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

static bool is_at(const struct registry *registry, size_t i, const char *name) {
    return i < registry->count && strcmp(registry->models[i]->name, name) == 0;
}

static bool make_room(struct registry *registry) {
    if (registry->count < registry->capacity) {
        return true;
    }
    const size_t capacity = size_max(2 * registry->capacity, CAPACITY_MIN);
    void *models = registry->models;
    if (!memory_resize(&models, registry->count * sizeof(struct model *), capacity,
                       sizeof(struct model *))) {
        return false;
    }
    registry->models = models;
    registry->capacity = capacity;
    return true;
}

enum error_code registry_add(struct registry *registry, struct model *model, struct error *error) {
    enum error_code code = ERROR_NONE;
    model->registry = registry; /* before anybody can find it */
    pthread_mutex_lock(&registry->lock);
    const size_t i = position(registry, model->name);
    if (is_at(registry, i, model->name)) {
        code = error_set(error, ERROR_EXISTS, "/name", "there is a model named %s already",
                         model->name);
    } else if (!make_room(registry) || !name_table_add(&registry->names, model)) {
        code = error_set(error, ERROR_MEMORY, NULL, "no memory for one model more");
    } else {
        memmove(registry->models + i + 1, registry->models + i,
                (registry->count - i) * sizeof *registry->models);
        registry->models[i] = model_reference(model);
        registry->count++;
    }
    pthread_mutex_unlock(&registry->lock);
    return code;
}

/* Acquire: who finds the model sees what its first weights were made with. */
static bool is_ready(const struct model *model) {
    return atomic_load_explicit(&model->ready, memory_order_acquire);
}

enum error_code registry_find(struct registry *registry, const char *name, struct model **model,
                              struct error *error) {
    *model = name_table_find(&registry->names, name);
    if (*model != NULL && !is_ready(*model)) {
        model_release(*model);
        *model = NULL;
    }
    return *model != NULL
               ? ERROR_NONE
               : error_set(error, ERROR_NOT_FOUND, NULL, "there is no model named %.64s", name);
}

struct model *registry_find_id(struct registry *registry, const char *name, const char *id) {
    struct model *model = name_table_find(&registry->names, name);
    if (model != NULL && strcmp(model->id, id) != 0) {
        model_release(model);
        model = NULL;
    }
    return model;
}

bool registry_remove(struct model *model) {
    struct registry *registry = model->registry;
    pthread_mutex_lock(&registry->lock);
    const size_t i = position(registry, model->name);
    const bool found = i < registry->count && registry->models[i] == model;
    if (found) {
        name_table_remove(&registry->names, model);
        memmove(registry->models + i, registry->models + i + 1,
                (registry->count - i - 1) * sizeof(*registry->models));
        registry->count--;
    }
    pthread_mutex_unlock(&registry->lock);
    if (found) {
        model_release(model);
    }
    return found;
}

size_t registry_list(struct registry *registry, const char *after, size_t limit,
                     struct model **models, bool *more) {
    size_t count = 0;
    *more = false;
    pthread_mutex_lock(&registry->lock);
    size_t i = position(registry, after);
    i += is_at(registry, i, after);
    for (; i < registry->count && !*more; i++) {
        if (!is_ready(registry->models[i])) {
            continue;
        }
        if (count == limit) {
            *more = true;
        } else {
            models[count++] = model_reference(registry->models[i]);
        }
    }
    pthread_mutex_unlock(&registry->lock);
    return count;
}

size_t registry_count(struct registry *registry) {
    pthread_mutex_lock(&registry->lock);
    const size_t count = registry->count;
    pthread_mutex_unlock(&registry->lock);
    return count;
}
