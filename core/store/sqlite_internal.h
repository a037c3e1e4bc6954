/* The SQLite store from the inside: for the files sqlite_*.c of this folder, nobody else.
 *
 * The tables are in sqlite_schema.c.  What is removed is only marked in a commit, which so is
 * quick whatever the size: its number goes into the table `garbage`, readers pass it over, and
 * sqlite_tidy.c deletes the bytes in pieces.  Nothing here is shared between threads. */
#ifndef MLPD_CORE_STORE_SQLITE_INTERNAL_H
#define MLPD_CORE_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "core/store/sqlite_statements.h"
#include "core/store/sqlite_store.h"

#define SQLITE_PAGE_BYTES 8192
#define SQLITE_FRAME_BYTES (SQLITE_PAGE_BYTES + 24) /* a page in the write-ahead log */
#define CHECKSUM_BYTES 16
#define DATABASE_NAME "mlpd.db"

/* Where it lies, and whose it is; see sqlite_directory.h. */
struct sqlite_place {
    char *directory; /* without symbolic links */
    char *database;  /* the file's path */
    int lock;        /* the lock file; -1: none */
};

struct sqlite_backup {
    sqlite3 *copy; /* NULL: none is being made */
    sqlite3_backup *pages;
    char *name;
};

struct sqlite_store {
    struct store store; /* first: what callers have is a pointer to this */
    struct sqlite_place place;
    char *vfs; /* NULL: SQLite's own */
    enum store_durability durability;
    sqlite3 *database;
    sqlite3_stmt *statements[SQLITE_STATEMENTS];

    bool broken; /* STORE_FATAL from now on, for this reason: */
    struct error reason;

    uint64_t next_blob;
    uint64_t log_frames, log_frames_synced; /* pages in the write-ahead log */
    uint64_t log_frames_file;               /* for which its file has room */
    uint64_t log_frames_wanted;             /* from here on it is carried over */
    uint64_t commits, syncs;
    uint64_t transactions, transactions_tidied; /* up to now; when it was tidied last */

    char *scratch; /* [STORE_CHUNK_BYTES_MAX], where pieces are put together */
    struct sqlite_backup backup;

    /* Of a check: reading goes on behind what is damaged, which is told and counted. */
    void (*tell)(const char *problem);
    uint64_t damaged;
};

/* What a number in the table `garbage` is of. */
enum sqlite_garbage { GARBAGE_LOG = 1, GARBAGE_BLOB = 2, GARBAGE_MODEL = 3 };

/* --- values of statements ------------------------------------------------------ */

struct sqlite_value {
    enum { VALUE_WHOLE, VALUE_REAL, VALUE_TEXT, VALUE_BYTES } type;
    union {
        int64_t whole;
        double real;
        const char *text;
        struct {
            const void *data;
            size_t count;
        } bytes;
    };
};

static inline struct sqlite_value whole(uint64_t number) {
    return (struct sqlite_value){.type = VALUE_WHOLE, .whole = (int64_t)number};
}

static inline struct sqlite_value real(double number) {
    return (struct sqlite_value){.type = VALUE_REAL, .real = number};
}

static inline struct sqlite_value text(const char *string) {
    return (struct sqlite_value){.type = VALUE_TEXT, .text = string};
}

static inline struct sqlite_value bytes(const void *data, size_t count) {
    return (struct sqlite_value){.type = VALUE_BYTES, .bytes = {.data = data, .count = count}};
}

#define VALUES(...)                                                                                \
    (const struct sqlite_value[]){__VA_ARGS__},                                                    \
        sizeof((const struct sqlite_value[]){__VA_ARGS__}) / sizeof(struct sqlite_value)

/* The statement, ready to be stepped; the values must stay until it is reset.  Any of them that
 * cannot be bound shows as an error of the first step. */
sqlite3_stmt *sqlite_bind(struct sqlite_store *store, enum sqlite_statement which,
                          const struct sqlite_value *values, size_t count);

/* Step and reset a statement: SQLITE_DONE, SQLITE_ROW with the first column of the first row in
 * `*number` (which may be NULL), or what failed. */
int sqlite_run(struct sqlite_store *store, enum sqlite_statement which,
               const struct sqlite_value *values, size_t count, int64_t *number);

/* --- transactions and failures ------------------------------------------------- */

/* SQLITE_OK or what failed. */
int sqlite_begin(struct sqlite_store *store);

/* Commit the transaction and see after the write-ahead log. */
enum store_result sqlite_commit(struct sqlite_store *store, struct error *error);

/* Undo the transaction, if there is one. */
void sqlite_rollback(struct sqlite_store *store);

/* Carry the write-ahead log over into the database and begin it anew.  Its file stays as long as it
 * is, as it is quicker to write there again than to have a file grow; with `give_back` it is
 * emptied. */
enum store_result sqlite_carry_over(struct sqlite_store *store, bool give_back,
                                    struct error *error);

/* Of a change: what a failed call of SQLite means.  Rolls back. */
enum store_result sqlite_failed(struct sqlite_store *store, int code, struct error *error);

/* Of reading: the same.  `what` names what was read, as "the log of model m". */
enum store_result sqlite_unread(struct sqlite_store *store, int code, const char *what,
                                struct error *error);

/* A store that is broken answers this to everything. */
enum store_result sqlite_refuse(const struct sqlite_store *store, struct error *error);

/* Fill `error` and return `result`. */
enum store_result store_fail(struct error *error, enum store_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline struct sqlite_store *sqlite_of(struct store *store) {
    return (struct sqlite_store *)store;
}

/* --- the functions of a store, by file ----------------------------------------- */

/* sqlite_commit.c */
enum store_result sqlite_store_commit(struct store *store, const struct store_change *changes,
                                      size_t count, struct error *error);

/* sqlite_reading.c */
enum store_result sqlite_read_models(struct store *store, store_model_function *function,
                                     void *context, struct error *error);
enum store_result sqlite_read_entries(struct store *store, const char *model, uint64_t after,
                                      store_entry_function *function, void *context,
                                      struct error *error);
enum store_result sqlite_read_keys(struct store *store, const char *model,
                                   store_key_function *function, void *context,
                                   struct error *error);
enum store_result sqlite_read_history(struct store *store, const char *model,
                                      store_rows_function *function, void *context,
                                      struct error *error);
enum store_result sqlite_read_checkpoints(struct store *store, const char *model,
                                          store_checkpoint_function *function, void *context,
                                          struct error *error);
enum store_result sqlite_read_snapshot_head(struct store *store, const char *model, void **head,
                                            size_t *bytes, struct error *error);
enum store_result sqlite_read_chunk(struct store *store, uint64_t blob, uint64_t index, void *into,
                                    size_t room, size_t *bytes, struct error *error);
/* sqlite_notes.c */
enum store_result sqlite_read_note(struct store *store, const char *name, char *text, size_t room,
                                   struct error *error);
enum store_result sqlite_write_note(struct store *store, const char *name, const char *text,
                                    struct error *error);

/* sqlite_tidy.c */
enum store_result sqlite_tidy(struct store *store, bool *more, struct error *error);

/* sqlite_backup.c */
enum store_result sqlite_backup(struct store *store, const char *name, bool *more, uint64_t *bytes,
                                struct error *error);
void sqlite_backup_end(struct sqlite_store *store);

#endif
