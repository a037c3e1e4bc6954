/* Idempotency keys: what was accepted under which, so that a repeat is known for one.
 *
 * A record is a key, a digest of what came with it, and what was made of it: the numbers
 * of batches, or the id of a model.  A table keeps records for KEY_SECONDS, or until so
 * many others have come; the oldest leave first.  Each model has a table for its batches,
 * the engine one for the models that are created.
 *
 * A table and the changing fields of its records are guarded by the lock of whoever has
 * it.  Records are counted: the table has a reference, the batch that gets its number,
 * and the call that brought the key or repeats it.  They know no model, so that keys
 * hold none back.
 *
 * A key is taken in the instant in which its request is accepted, never earlier: what is
 * refused uses up none, and none is ever 'in progress'. */
#ifndef MLPD_CORE_ENGINE_KEY_TABLE_H
#define MLPD_CORE_ENGINE_KEY_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/ledger.h"

struct entry;

#define KEY_BYTES_MAX 255
#define KEY_SECONDS (24 * 60 * 60)
#define KEY_MODEL_ID_BYTES 17 /* MODEL_ID_BYTES of model.h, which includes this */

/* Of a payload: its decoded bytes, media type and query. */
struct payload_digest {
    uint64_t low, high;
};

struct key_record {
    atomic_uint references;
    struct ledger *ledger;         /* has its bytes */
    struct payload_digest payload; /* written before the record is submitted */
    atomic_bool refused; /* what came with it was not stored after all: it stands for nothing */

    /* Guarded as the table. */
    double accepted_at;                /* monotonic seconds: setting the clock forgets no key */
    size_t batches;                    /* how many were accepted as one */
    uint64_t first, last;              /* their numbers; 0 until the last has its own */
    struct entry *entry;               /* the last of them, not counted; NULL once it is over */
    char model_id[KEY_MODEL_ID_BYTES]; /* of the model that was made */
    struct key_record *newer;          /* in the table, by age */
    struct key_record *next;           /* in its bucket */

    char key[]; /* ends in a NUL */
};

/* A record of a key of 1 to KEY_BYTES_MAX bytes, in the ledger.  ERROR_MEMORY. */
enum error_code key_record_create(const char *key, struct ledger *ledger,
                                  struct key_record **record, struct error *error);

struct key_record *key_record_reference(struct key_record *record);

/* NULL is allowed. */
void key_record_release(struct key_record *record);

/* Zeroed, and it is empty. */
struct key_table {
    struct key_record **buckets; /* [bucket_count], a power of two; NULL: none yet */
    size_t bucket_count, count;
    struct key_record *oldest, *newest;
    struct ledger *ledger; /* has the bytes of the buckets */
};

/* The record that stands under the key (one that was refused does not, and goes) of `record`,
 * referenced, or NULL in `*former`. ERROR_INVALID when it came with another payload.  `now` is in
 * monotonic seconds. */
enum error_code key_table_find(struct key_table *table, const struct key_record *record, double now,
                               struct key_record **former, struct error *error);

/* Add a record whose key is not there; the oldest leave while there are more than
 * `records_max`.  ERROR_MEMORY, and nothing is added. */
enum error_code key_table_add(struct key_table *table, struct key_record *record,
                              size_t records_max, double now, struct error *error);

/* Take a record out again, if it is still there. */
void key_table_remove(struct key_table *table, struct key_record *record);

void key_table_free(struct key_table *table);

#endif
