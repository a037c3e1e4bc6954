/* Versions of a model's settings; see settings.h. */
#include "core/engine/settings.h"

#include "core/base/memory.h"

struct settings *settings_create(const struct specification *specification, uint64_t revision) {
    struct settings *settings = memory_allocate(1, sizeof *settings);
    if (settings != NULL) {
        atomic_init(&settings->references, 1);
        settings->revision = revision;
        settings->specification = *specification;
    }
    return settings;
}

struct settings *settings_of(const struct specification *structure,
                             const struct specification *changed, uint64_t revision) {
    struct specification own;
    struct error error;
    if (specification_copy_settings(&own, changed, &error) != ERROR_NONE) {
        return NULL;
    }
    own.layers = structure->layers;
    own.classes = structure->classes;
    own.class_order = structure->class_order;
    struct settings *settings = settings_create(&own, revision);
    if (settings == NULL) {
        memory_free(own.class_weights);
    }
    return settings;
}

struct settings *settings_reference(struct settings *settings) {
    /* Relaxed: who takes a reference has one already, or the model's lock. */
    atomic_fetch_add_explicit(&settings->references, 1, memory_order_relaxed);
    return settings;
}

void settings_release(struct settings *settings) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (settings != NULL &&
        atomic_fetch_sub_explicit(&settings->references, 1, memory_order_acq_rel) == 1) {
        memory_free(settings->specification.class_weights);
        memory_free(settings);
    }
}
