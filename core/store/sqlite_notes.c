/* Notes: short texts of the whole store, by name. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/store/sqlite_payload.h"

static struct sqlite_identity note_identity(const char *name) {
    return (struct sqlite_identity){.kind = "note", .owner = "", .name = name};
}

enum store_result sqlite_read_note(struct store *base, const char *name, char *into, size_t room,
                                   struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    into[0] = '\0';
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    char what[128];
    snprintf(what, sizeof what, "the note %s", name);
    const struct sqlite_identity identity = note_identity(name);
    sqlite3_stmt *row = sqlite_bind(store, SQL_READ_NOTE, VALUES(text(name)));
    const int code = sqlite3_step(row);
    enum store_result result = STORE_OK;
    if (code == SQLITE_ROW) {
        const void *data;
        size_t count;
        void *assembled;
        result =
            sqlite_record_read(store, &identity, row, 0, what, &data, &count, &assembled, error);
        if (result == STORE_OK) {
            snprintf(into, room, "%.*s", (int)count, (const char *)data);
            memory_free(assembled);
        }
    } else if (code != SQLITE_DONE) {
        result = sqlite_unread(store, code, what, error);
    }
    sqlite3_reset(row);
    return result;
}

enum store_result sqlite_write_note(struct store *base, const char *name, const char *string,
                                    struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    const struct store_payload payload = {
        .pieces = {{.data = string, .bytes = strnlen(string, STORE_CHUNK_BYTES_MAX)}}, .count = 1};
    const struct sqlite_identity identity = note_identity(name);
    struct sqlite_record record;
    sqlite_record_make(store, &identity, &payload, 0, &record);
    int code = sqlite_begin(store);
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_WRITE_NOTE,
                          VALUES(text(name), whole(record.bytes),
                                 bytes(record.checksum, CHECKSUM_BYTES),
                                 bytes(record.data, record.bytes)),
                          NULL);
    }
    return code == SQLITE_DONE ? sqlite_commit(store, error) : sqlite_failed(store, code, error);
}
