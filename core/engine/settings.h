/* A version of what a client may change of a model: optimiser settings, class
 * weights, the output delta, and the seed, which a reset may change.
 *
 * Versions are immutable and counted: the model has the newest acknowledged one
 * (what it answers when it is described), the trainer the one in force at its
 * place in the order of the batches. */
#ifndef MLPD_CORE_ENGINE_SETTINGS_H
#define MLPD_CORE_ENGINE_SETTINGS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/maths/specification.h"

struct settings {
    atomic_uint references;
    uint64_t revision; /* 1 at creation, one more with each change */
    /* The whole specification with the changes in it.  Its layers and classes
     * belong to the model, its class weights to these settings. */
    struct specification specification;
};

/* Settings that take over the class weights of `specification`; NULL when there
 * is no memory. */
struct settings *settings_create(const struct specification *specification, uint64_t revision);

/* Settings for a model of that structure with what can be changed of `changed`, which stays the
 * caller's; NULL when there is no memory. */
struct settings *settings_of(const struct specification *structure,
                             const struct specification *changed, uint64_t revision);

struct settings *settings_reference(struct settings *settings);

/* NULL is allowed. */
void settings_release(struct settings *settings);

#endif
