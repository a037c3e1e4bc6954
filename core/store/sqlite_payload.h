/* Payloads: their checksums, and where they lie.
 *
 * The checksum is XXH3-128 over what the payload belongs to (struct sqlite_identity) and its
 * bytes: a row that turns up in another's place is damaged too. */
#ifndef MLPD_CORE_STORE_SQLITE_PAYLOAD_H
#define MLPD_CORE_STORE_SQLITE_PAYLOAD_H

#include "core/store/sqlite_internal.h"

/* What a payload belongs to: e.g. entry 7 of a model's log. */
struct sqlite_identity {
    const char *kind;
    const char *owner;   /* the model's id */
    const char *name;    /* "" where it has none */
    uint64_t numbers[3]; /* place, count, …: by the kind */
};

/* A record, as it goes into its row and comes from there; `data` of it are the payload unless
 * it is spilled. */
struct sqlite_record {
    uint64_t bytes, spill;
    unsigned char checksum[CHECKSUM_BYTES];
    const void *data;
};

uint64_t sqlite_payload_bytes(const struct store_payload *payload);

/* Make the record, of which `spill` (0: none) is the blob that has the payload already.  What
 * `data` points to stands until the next record is made. */
void sqlite_record_make(struct sqlite_store *store, const struct sqlite_identity *identity,
                        const struct store_payload *payload, uint64_t spill,
                        struct sqlite_record *record);

/* Before the record goes into its row: write the payload into a blob where it is too large for a
 * row, and count the reference.  SQLITE_OK or what failed. */
int sqlite_record_place(struct sqlite_store *store, const struct store_payload *payload,
                        struct sqlite_record *record);

/* The last four values of a statement that inserts a record. */
#define RECORD_VALUES(record)                                                                      \
    whole((record).bytes), bytes((record).checksum, CHECKSUM_BYTES), whole((record).spill),        \
        bytes((record).data, (record).spill == 0 ? (record).bytes : 0)

/* Is this the record whose bytes, checksum and spill are in the columns from `column` on?  Only
 * its bytes count, not where they lie. */
bool sqlite_record_equals(const struct sqlite_record *record, sqlite3_stmt *row, int column);

/* Write a payload as the chunks of the blob, which is new: SQLITE_OK or what failed. */
int sqlite_spill(struct sqlite_store *store, uint64_t blob, const struct store_payload *payload);

/* The same of a chunk; `spill` is 0. */
void sqlite_chunk_make(struct sqlite_store *store, uint64_t blob, uint64_t index,
                       const struct store_payload *payload, struct sqlite_record *record);

/* Is that checksum (of CHECKSUM_BYTES) of these bytes as this chunk? */
bool sqlite_chunk_whole(uint64_t blob, uint64_t index, const void *data, size_t count,
                        const void *checksum);

/* The payload whose record begins in the row's column `column`, checked.  STORE_OK: `*data` has
 * `*count` bytes and stands until the row is left; `*assembled`, for memory_free, is the memory
 * where it had to be put together, or NULL.  `what` names it in the error. */
enum store_result sqlite_record_read(struct sqlite_store *store,
                                     const struct sqlite_identity *identity, sqlite3_stmt *row,
                                     int column, const char *what, const void **data, size_t *count,
                                     void **assembled, struct error *error);

#endif
