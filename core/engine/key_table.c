/* Idempotency keys; see key_table.h. */
#include "core/engine/key_table.h"

#include <string.h>
#include <xxhash.h>

#include "core/base/memory.h"

#define BUCKETS_MIN 8
#define KEY_SHOWN_BYTES 60

static size_t record_bytes(size_t key_bytes) {
    return sizeof(struct key_record) + key_bytes + 1;
}

enum error_code key_record_create(const char *key, struct ledger *ledger,
                                  struct key_record **result, struct error *error) {
    const size_t bytes = record_bytes(strlen(key));
    const enum error_code code =
        ledger_reserve(ledger, bytes + MEMORY_BLOCK_OVERHEAD, "an idempotency key", error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct key_record *record = memory_allocate_zero(1, bytes);
    if (record == NULL) {
        ledger_release(ledger, bytes + MEMORY_BLOCK_OVERHEAD);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for an idempotency key");
    }
    atomic_init(&record->references, 1);
    record->ledger = ledger;
    memcpy(record->key, key, strlen(key));
    *result = record;
    return ERROR_NONE;
}

struct key_record *key_record_reference(struct key_record *record) {
    /* Relaxed: who takes a reference has one already, or the table's lock. */
    atomic_fetch_add_explicit(&record->references, 1, memory_order_relaxed);
    return record;
}

void key_record_release(struct key_record *record) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (record != NULL &&
        atomic_fetch_sub_explicit(&record->references, 1, memory_order_acq_rel) == 1) {
        ledger_release(record->ledger, record_bytes(strlen(record->key)) + MEMORY_BLOCK_OVERHEAD);
        memory_free(record);
    }
}

/* --- buckets ------------------------------------------------------------------- */

/* Seeded by the table's address, which nobody outside knows: keys that are made to meet
 * in one bucket do not. */
static struct key_record **bucket_of(const struct key_table *table, const char *key) {
    const uint64_t hash = XXH3_64bits_withSeed(key, strlen(key), (XXH64_hash_t)(uintptr_t)table);
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static size_t buckets_bytes(size_t count) {
    return count * sizeof(struct key_record *) + MEMORY_BLOCK_OVERHEAD;
}

static void put_in_bucket(struct key_table *table, struct key_record *record) {
    struct key_record **bucket = bucket_of(table, record->key);
    record->next = *bucket;
    *bucket = record;
}

static enum error_code grow(struct key_table *table, struct ledger *ledger, struct error *error) {
    const size_t count = table->bucket_count > 0 ? 2 * table->bucket_count : BUCKETS_MIN;
    const enum error_code code =
        ledger_reserve(ledger, buckets_bytes(count), "idempotency keys", error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct key_record **buckets = memory_allocate_zero(count, sizeof(struct key_record *));
    if (buckets == NULL) {
        ledger_release(ledger, buckets_bytes(count));
        return error_set(error, ERROR_MEMORY, NULL, "no memory for idempotency keys");
    }
    if (table->buckets != NULL) {
        memory_free(table->buckets);
        ledger_release(ledger, buckets_bytes(table->bucket_count));
    }
    table->buckets = buckets;
    table->bucket_count = count;
    table->ledger = ledger;
    for (struct key_record *record = table->oldest; record != NULL; record = record->newer) {
        put_in_bucket(table, record);
    }
    return ERROR_NONE;
}

static struct key_record *look_up(const struct key_table *table, const char *key) {
    struct key_record *record = table->buckets != NULL ? *bucket_of(table, key) : NULL;
    while (record != NULL && strcmp(record->key, key) != 0) {
        record = record->next;
    }
    return record;
}

static void take_from_bucket(struct key_table *table, struct key_record *record) {
    struct key_record **link = bucket_of(table, record->key);
    while (*link != record) {
        link = &(*link)->next;
    }
    *link = record->next;
}

/* --- age ----------------------------------------------------------------------- */

static void forget_oldest(struct key_table *table) {
    struct key_record *record = table->oldest;
    take_from_bucket(table, record);
    table->oldest = record->newer;
    if (table->oldest == NULL) {
        table->newest = NULL;
    }
    table->count--;
    key_record_release(record);
}

static void forget_expired(struct key_table *table, double now) {
    while (table->oldest != NULL && now - table->oldest->accepted_at >= KEY_SECONDS) {
        forget_oldest(table);
    }
}

/* --- the table ------------------------------------------------------------------- */

enum error_code key_table_find(struct key_table *table, const struct key_record *record, double now,
                               struct key_record **former, struct error *error) {
    forget_expired(table, now);
    *former = look_up(table, record->key);
    /* Acquire: who sees that it was refused sees all that was written before. */
    if (*former != NULL && atomic_load_explicit(&(*former)->refused, memory_order_acquire)) {
        key_table_remove(table, *former);
        *former = NULL;
    }
    if (*former == NULL) {
        return ERROR_NONE;
    }
    const struct payload_digest *payload = &(*former)->payload;
    if (payload->low != record->payload.low || payload->high != record->payload.high) {
        *former = NULL;
        return error_set(error, ERROR_INVALID, NULL,
                         "the Idempotency-Key '%.*s' came with another body, media type or query "
                         "before; another request needs another key",
                         KEY_SHOWN_BYTES, record->key);
    }
    key_record_reference(*former);
    return ERROR_NONE;
}

enum error_code key_table_add(struct key_table *table, struct key_record *record,
                              size_t records_max, double now, struct error *error) {
    if (table->count >= table->bucket_count) {
        const enum error_code code = grow(table, record->ledger, error);
        if (code != ERROR_NONE && table->buckets == NULL) {
            return code; /* else the buckets are longer for want of memory */
        }
    }
    record->accepted_at = now;
    record->newer = NULL;
    if (table->newest != NULL) {
        table->newest->newer = key_record_reference(record);
    } else {
        table->oldest = key_record_reference(record);
    }
    table->newest = record;
    table->count++;
    put_in_bucket(table, record);
    while (table->count > records_max) {
        forget_oldest(table);
    }
    return ERROR_NONE;
}

void key_table_remove(struct key_table *table, struct key_record *record) {
    struct key_record *older = NULL;
    struct key_record *at = table->oldest;
    while (at != NULL && at != record) {
        older = at;
        at = at->newer;
    }
    if (at == NULL) {
        return;
    }
    take_from_bucket(table, record);
    if (older != NULL) {
        older->newer = record->newer;
    } else {
        table->oldest = record->newer;
    }
    if (table->newest == record) {
        table->newest = older;
    }
    table->count--;
    key_record_release(record);
}

void key_table_free(struct key_table *table) {
    while (table->oldest != NULL) {
        forget_oldest(table);
    }
    if (table->buckets != NULL) {
        memory_free(table->buckets);
        ledger_release(table->ledger, buckets_bytes(table->bucket_count));
    }
    *table = (struct key_table){0};
}
