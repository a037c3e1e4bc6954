/* Payloads; see sqlite_payload.h. */
#include "core/store/sqlite_payload.h"

#include <string.h>
#include <xxhash.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

uint64_t sqlite_payload_bytes(const struct store_payload *payload) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < payload->count; i++) {
        bytes += payload->pieces[i].bytes;
    }
    return bytes;
}

/* `count` bytes of the payload, of STORE_CHUNK_BYTES_MAX at most, from `offset` on as one run:
 * where they are, or in the store's scratch. */
static const void *gather(struct sqlite_store *store, const struct store_payload *payload,
                          uint64_t offset, size_t count) {
    size_t i = 0;
    while (i < payload->count && offset >= payload->pieces[i].bytes) {
        offset -= payload->pieces[i].bytes;
        i++;
    }
    if (count == 0) {
        return "";
    }
    if (payload->pieces[i].bytes - offset >= count) {
        return (const char *)payload->pieces[i].data + offset;
    }
    for (size_t done = 0; done < count; i++, offset = 0) {
        const struct store_piece *piece = &payload->pieces[i];
        const size_t part = size_min(piece->bytes - offset, count - done);
        if (part > 0) { /* a piece of no bytes may have no data */
            memcpy(store->scratch + done, (const char *)piece->data + offset, part);
        }
        done += part;
    }
    return store->scratch;
}

static size_t part_bytes(uint64_t bytes, uint64_t offset) {
    return bytes - offset < STORE_CHUNK_BYTES_MAX ? (size_t)(bytes - offset)
                                                  : STORE_CHUNK_BYTES_MAX;
}

/* The hash of a payload of several chunks is one of their hashes. */
static XXH128_hash_t chain(XXH128_hash_t former, XXH128_hash_t next) {
    XXH128_canonical_t both[2];
    XXH128_canonicalFromHash(&both[0], former);
    XXH128_canonicalFromHash(&both[1], next);
    return XXH3_128bits(both, sizeof both);
}

/* Of a hash of the bytes and what they belong to.  Numbers as eight bytes, the lowest first. */
static void seal(const struct sqlite_identity *identity, uint64_t bytes, XXH128_hash_t hash,
                 unsigned char *checksum) {
    unsigned char seal[256];
    size_t used = 0;
    const char *texts[] = {identity->kind, identity->owner, identity->name};
    for (size_t i = 0; i < 3; i++) {
        const XXH64_hash_t part = XXH3_64bits(texts[i], strlen(texts[i]));
        for (int shift = 0; shift < 64; shift += 8) {
            seal[used++] = (unsigned char)(part >> shift);
        }
    }
    const uint64_t numbers[] = {identity->numbers[0], identity->numbers[1],
                                identity->numbers[2], bytes,
                                hash.low64,           hash.high64};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        for (int shift = 0; shift < 64; shift += 8) {
            seal[used++] = (unsigned char)(numbers[i] >> shift);
        }
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(seal, used));
    memcpy(checksum, canonical.digest, CHECKSUM_BYTES);
}

static void seal_chunk(uint64_t blob, uint64_t index, uint64_t bytes, XXH128_hash_t hash,
                       unsigned char *checksum) {
    const struct sqlite_identity identity = {
        .kind = "chunk", .owner = "", .name = "", .numbers = {blob, index}};
    seal(&identity, bytes, hash, checksum);
}

void sqlite_chunk_make(struct sqlite_store *store, uint64_t blob, uint64_t index,
                       const struct store_payload *payload, struct sqlite_record *record) {
    *record = (struct sqlite_record){.bytes = sqlite_payload_bytes(payload)};
    record->data = gather(store, payload, 0, (size_t)record->bytes);
    seal_chunk(blob, index, record->bytes, XXH3_128bits(record->data, (size_t)record->bytes),
               record->checksum);
}

bool sqlite_chunk_whole(uint64_t blob, uint64_t index, const void *data, size_t count,
                        const void *checksum) {
    unsigned char wanted[CHECKSUM_BYTES];
    seal_chunk(blob, index, count, XXH3_128bits(data, count), wanted);
    return memcmp(checksum, wanted, sizeof wanted) == 0;
}

int sqlite_spill(struct sqlite_store *store, uint64_t blob, const struct store_payload *payload) {
    const uint64_t total = sqlite_payload_bytes(payload);
    int code = sqlite_run(store, SQL_ADD_BLOB, VALUES(whole(blob)), NULL);
    uint64_t index = 0;
    for (uint64_t offset = 0; code == SQLITE_DONE && offset < total; index++) {
        const size_t count = part_bytes(total, offset);
        const void *data = gather(store, payload, offset, count);
        unsigned char checksum[CHECKSUM_BYTES];
        seal_chunk(blob, index, count, XXH3_128bits(data, count), checksum);
        code = sqlite_run(store, SQL_ADD_CHUNK,
                          VALUES(whole(blob), whole(index), whole(count),
                                 bytes(checksum, sizeof checksum), bytes(data, count)),
                          NULL);
        offset += count;
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

void sqlite_record_make(struct sqlite_store *store, const struct sqlite_identity *identity,
                        const struct store_payload *payload, uint64_t spill,
                        struct sqlite_record *record) {
    *record = (struct sqlite_record){.bytes = sqlite_payload_bytes(payload), .spill = spill};
    XXH128_hash_t hash = {0, 0};
    uint64_t offset = 0;
    do {
        const size_t count = part_bytes(record->bytes, offset);
        record->data = gather(store, payload, offset, count);
        const XXH128_hash_t part = XXH3_128bits(record->data, count);
        hash = offset == 0 ? part : chain(hash, part);
        offset += count;
    } while (offset < record->bytes);
    seal(identity, record->bytes, hash, record->checksum);
}

int sqlite_record_place(struct sqlite_store *store, const struct store_payload *payload,
                        struct sqlite_record *record) {
    int code = SQLITE_OK;
    if (record->spill == 0 && record->bytes > STORE_CHUNK_BYTES_MAX) {
        record->spill = store->next_blob++;
        code = sqlite_spill(store, record->spill, payload);
    }
    if (code == SQLITE_OK && record->spill != 0) {
        code = sqlite_run(store, SQL_USE_BLOB, VALUES(whole(record->spill)), NULL);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    return code;
}

bool sqlite_record_equals(const struct sqlite_record *record, sqlite3_stmt *row, int column) {
    return sqlite3_column_int64(row, column) == (int64_t)record->bytes &&
           sqlite3_column_bytes(row, column + 1) == CHECKSUM_BYTES &&
           memcmp(sqlite3_column_blob(row, column + 1), record->checksum, CHECKSUM_BYTES) == 0;
}

/* --- reading ------------------------------------------------------------------- */

static enum store_result damaged(const char *what, const char *how, struct error *error) {
    return store_fail(error, STORE_CORRUPT, "%s is damaged: %s", what, how);
}

/* The chunks of a blob behind each other into new memory, and the hash of all. */
static enum store_result assemble(struct sqlite_store *store, uint64_t blob, uint64_t total,
                                  const char *what, void **assembled, XXH128_hash_t *hash,
                                  struct error *error) {
    int64_t chunks = 0;
    const int counted = sqlite_run(store, SQL_COUNT_CHUNKS, VALUES(whole(blob)), &chunks);
    if (counted != SQLITE_ROW) {
        return sqlite_unread(store, counted, what, error);
    }
    /* What the row says is believed only as far as there are chunks. */
    if (total / STORE_CHUNK_BYTES_MAX + (total % STORE_CHUNK_BYTES_MAX != 0) != (uint64_t)chunks) {
        return damaged(what, "chunks of it are missing", error);
    }
    char *into = memory_allocate((size_t)total, 1);
    if (into == NULL) {
        return store_fail(error, STORE_FULL, "no memory to read %s", what);
    }
    enum store_result result = STORE_OK;
    uint64_t offset = 0;
    for (uint64_t index = 0; result == STORE_OK && index < (uint64_t)chunks; index++) {
        size_t count = 0;
        const size_t wanted = part_bytes(total, offset);
        result =
            sqlite_read_chunk(&store->store, blob, index, into + offset, wanted, &count, error);
        if (result == STORE_CORRUPT || (result == STORE_OK && count != wanted)) {
            result = damaged(what, "a chunk of it is missing or not what was written", error);
        } else if (result == STORE_OK) {
            const XXH128_hash_t part = XXH3_128bits(into + offset, count);
            *hash = offset == 0 ? part : chain(*hash, part);
            offset += count;
        }
    }
    if (result != STORE_OK) {
        memory_free(into);
        return result;
    }
    *assembled = into;
    return STORE_OK;
}

enum store_result sqlite_record_read(struct sqlite_store *store,
                                     const struct sqlite_identity *identity, sqlite3_stmt *row,
                                     int column, const char *what, const void **data, size_t *count,
                                     void **assembled, struct error *error) {
    const uint64_t total = (uint64_t)sqlite3_column_int64(row, column);
    const uint64_t spill = (uint64_t)sqlite3_column_int64(row, column + 2);
    XXH128_hash_t hash = {0, 0};
    *assembled = NULL;
    if (spill != 0) {
        const enum store_result result =
            assemble(store, spill, total, what, assembled, &hash, error);
        if (result != STORE_OK) {
            return result;
        }
        *data = *assembled;
    } else {
        /* The blob first: it is what may need memory. */
        *data = sqlite3_column_blob(row, column + 3);
        if ((uint64_t)sqlite3_column_bytes(row, column + 3) != total) {
            return sqlite3_errcode(store->database) == SQLITE_NOMEM
                       ? store_fail(error, STORE_FULL, "no memory to read %s", what)
                       : damaged(what, "its length is not what was written", error);
        }
        if (total == 0) {
            *data = "";
        }
        hash = XXH3_128bits(*data, (size_t)total);
    }
    unsigned char wanted[CHECKSUM_BYTES];
    seal(identity, total, hash, wanted);
    if (sqlite3_column_bytes(row, column + 1) != CHECKSUM_BYTES ||
        memcmp(sqlite3_column_blob(row, column + 1), wanted, CHECKSUM_BYTES) != 0) {
        memory_free(*assembled);
        *assembled = NULL;
        return damaged(what, "its checksum is another", error);
    }
    *count = (size_t)total;
    return STORE_OK;
}
