/* The registry: name to model.
 *
 * The same models in two orders: a hash table for look-ups, which come with every request
 * and must not wait (name_table.h), and an array sorted by name for listings, under a lock
 * that only listings, creations and deletions take.  It holds one reference to each model
 * in it. */
#ifndef MLPD_CORE_ENGINE_REGISTRY_H
#define MLPD_CORE_ENGINE_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/engine/model.h"
#include "core/engine/name_table.h"

struct registry {
    struct name_table names; /* the same models; changed with the lock held */
    pthread_mutex_t lock;    /* guards what follows */
    struct model **models;   /* by name */
    size_t count, capacity;
};

bool registry_init(struct registry *registry);

/* Delete every model, ready or not: what waits at it is completed, so that nothing
 * holds it any more.  Then free the registry's memory.  No other thread is left. */
void registry_destroy(struct registry *registry);

/* Put a model in under its name, and reference it.  ERROR_EXISTS, ERROR_MEMORY. */
enum error_code registry_add(struct registry *registry, struct model *model, struct error *error);

/* The model of that name, referenced, once it is ready.  ERROR_NOT_FOUND. */
enum error_code registry_find(struct registry *registry, const char *name, struct model **model,
                              struct error *error);

/* The model of that name if it has that id, referenced, ready or not; NULL: there is
 * none. */
struct model *registry_find_id(struct registry *registry, const char *name, const char *id);

/* Take a model out of the registry it is in, which gives up its reference.  False
 * when it was taken out already. */
bool registry_remove(struct model *model);

/* Up to `limit` ready models whose names come after `after` ("" for all), each
 * referenced, in the order of their names; returns how many.  `*more` says
 * whether others follow. */
size_t registry_list(struct registry *registry, const char *after, size_t limit,
                     struct model **models, bool *more);

/* How many models there are. */
size_t registry_count(struct registry *registry);

#endif
