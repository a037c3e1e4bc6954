/* Names to models; see name_table.h. */
#include "core/engine/name_table.h"

#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "core/engine/model.h"

#define BUCKETS_MIN 8

bool name_table_init(struct name_table *table) {
    pthread_rwlockattr_t attributes;
    bool made = pthread_rwlockattr_init(&attributes) == 0 &&
                pthread_rwlockattr_setkind_np(&attributes,
                                              PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0;
    for (size_t i = 0; i < NAME_TABLE_PARTS && made; i++) {
        struct name_table_part *part = &table->parts[i];
        part->buckets = NULL;
        part->bucket_count = part->count = 0;
        made = pthread_rwlock_init(&part->lock, &attributes) == 0;
    }
    pthread_rwlockattr_destroy(&attributes);
    return made;
}

void name_table_destroy(struct name_table *table) {
    for (size_t i = 0; i < NAME_TABLE_PARTS; i++) {
        memory_free(table->parts[i].buckets);
        pthread_rwlock_destroy(&table->parts[i].lock);
    }
}

/* Seeded by the table's address, which nobody outside knows: names that are made to meet
 * in one bucket do not. */
static uint64_t hash_of(const struct name_table *table, const char *name) {
    return XXH3_64bits_withSeed(name, strlen(name), (XXH64_hash_t)(uintptr_t)table);
}

static struct name_table_part *part_of(struct name_table *table, uint64_t hash) {
    return &table->parts[hash % NAME_TABLE_PARTS];
}

/* Of bits of the hash that do not choose the part.  With the part's lock held. */
static struct model **bucket_of(struct model **buckets, size_t count, uint64_t hash) {
    return &buckets[hash / NAME_TABLE_PARTS & (count - 1)];
}

static void put(struct model **bucket, struct model *model) {
    model->next_named = *bucket;
    *bucket = model;
}

/* With the part's lock held. */
static bool grow(const struct name_table *table, struct name_table_part *part) {
    const size_t count = part->bucket_count > 0 ? 2 * part->bucket_count : BUCKETS_MIN;
    struct model **buckets = memory_allocate_zero(count, sizeof(struct model *));
    if (buckets == NULL) {
        return false;
    }
    for (size_t i = 0; i < part->bucket_count; i++) {
        for (struct model *model = part->buckets[i], *next; model != NULL; model = next) {
            next = model->next_named;
            put(bucket_of(buckets, count, hash_of(table, model->name)), model);
        }
    }
    memory_free(part->buckets);
    part->buckets = buckets;
    part->bucket_count = count;
    return true;
}

bool name_table_add(struct name_table *table, struct model *model) {
    const uint64_t hash = hash_of(table, model->name);
    struct name_table_part *part = part_of(table, hash);
    pthread_rwlock_wrlock(&part->lock);
    /* Without memory the buckets are longer, but of the first there must be some. */
    const bool room =
        part->count < part->bucket_count || grow(table, part) || part->bucket_count > 0;
    if (room) {
        put(bucket_of(part->buckets, part->bucket_count, hash), model);
        part->count++;
    }
    pthread_rwlock_unlock(&part->lock);
    return room;
}

void name_table_remove(struct name_table *table, struct model *model) {
    const uint64_t hash = hash_of(table, model->name);
    struct name_table_part *part = part_of(table, hash);
    pthread_rwlock_wrlock(&part->lock);
    struct model **link = bucket_of(part->buckets, part->bucket_count, hash);
    while (*link != model) {
        link = &(*link)->next_named;
    }
    *link = model->next_named;
    part->count--;
    pthread_rwlock_unlock(&part->lock);
}

struct model *name_table_find(struct name_table *table, const char *name) {
    const uint64_t hash = hash_of(table, name);
    struct name_table_part *part = part_of(table, hash);
    pthread_rwlock_rdlock(&part->lock);
    struct model *model =
        part->count > 0 ? *bucket_of(part->buckets, part->bucket_count, hash) : NULL;
    while (model != NULL && strcmp(model->name, name) != 0) {
        model = model->next_named;
    }
    if (model != NULL) {
        model_reference(model); /* before it can be removed and freed */
    }
    pthread_rwlock_unlock(&part->lock);
    return model;
}
