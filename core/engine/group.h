/* A group: entries that are stored in one commit.
 *
 * Filled with entries in their order, each of which gets its place; then it is the changes for a
 * store.  The writer's thread alone. */
#ifndef MLPD_CORE_ENGINE_GROUP_H
#define MLPD_CORE_ENGINE_GROUP_H

#include "core/engine/entry.h"
#include "core/engine/record.h"
#include "core/engine/snapshot.h"
#include "core/store/store.h"

#define GROUP_RECORDS_MAX 256
#define GROUP_BYTES_MAX 33554432                  /* beyond it no record joins */
#define GROUP_CHANGES_MAX (3 * GROUP_RECORDS_MAX) /* a creation makes three */

/* As the store has a model's head: this, then the create body. */
struct model_head {
    uint32_t version;
    uint32_t reserved;
    double created_at;
};

/* As the store has an idempotency key. */
struct key_head {
    struct payload_digest payload;
    uint64_t first, last, batches;
    char model_id[24]; /* of keys that made models */
};

struct group_record {
    struct entry *entry; /* the first */
    size_t entry_count;
    struct record_head head;
    struct model_head model;
    struct snapshot_head snapshot;
    struct key_head key;
    struct buffer text;
    size_t change, change_count; /* in the group's changes */
};

struct group {
    const struct specification_codec *codec; /* NULL: nothing is stored, only placed */
    struct entry_queue entries;              /* placed, referenced */
    size_t record_count, change_count, bytes;
    struct group_record records[GROUP_RECORDS_MAX];
    struct store_change changes[GROUP_CHANGES_MAX];
};

struct group *group_create(const struct specification_codec *codec);
void group_destroy(struct group *group);

/* Move entries from the front of `from` into the empty group and give them places, until it is
 * full.  What cannot be (no memory, settings built on refused ones) has entry->refusal. */
void group_fill(struct group *group, struct entry_queue *from);

/* Was an entry of its model refused after the record had got its place?  Then it must be too. */
bool group_record_is_out(const struct group_record *record);

/* A record was not stored: so its entries are refused. */
void group_refuse(const struct group_record *record, enum error_code refusal);

/* It is empty again; its entries belong to the caller. */
void group_clear(struct group *group);

#endif
