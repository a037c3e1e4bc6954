/* A hash table from names to models, for look-ups that do not wait for each other.
 *
 * Every request looks a name up, while other threads create and delete models.  So the
 * table is in parts, chosen by the name's hash, each under a read-write lock of its own
 * that is held for some tens of nanoseconds: look-ups do not wait for each other, and who
 * adds or removes a model bars one part of many.  Writers go first there: by default
 * readers that follow closely on each other would keep a creation out for seconds.
 *
 * Owned by the registry (registry.h), which decides what is in it and has the
 * references; any thread may look up. */
#ifndef MLPD_CORE_ENGINE_NAME_TABLE_H
#define MLPD_CORE_ENGINE_NAME_TABLE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/memory.h"

#define NAME_TABLE_PARTS 64 /* a power of two; many more than there are threads at once */

struct model;

struct name_table_part {
    /* Guards this struct and `next_named` of the models in it; a leaf.  In a cache line
     * of its own, or its neighbours would wait with it. */
    alignas(MEMORY_ALIGNMENT) pthread_rwlock_t lock;
    struct model **buckets; /* [bucket_count], a power of two; NULL: none yet */
    size_t bucket_count, count;
};

struct name_table {
    struct name_table_part parts[NAME_TABLE_PARTS];
};

/* False when the system has no room for a lock. */
bool name_table_init(struct name_table *table);

/* Of an empty table, when no other thread is left. */
void name_table_destroy(struct name_table *table);

/* Put a model in whose name is not there.  False when there is no memory. */
bool name_table_add(struct name_table *table, struct model *model);

/* Take a model out that is there. */
void name_table_remove(struct name_table *table, struct model *model);

/* The model of that name, referenced, or NULL. */
struct model *name_table_find(struct name_table *table, const char *name);

#endif
