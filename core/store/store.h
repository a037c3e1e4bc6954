/* The store: what outlives the process.
 *
 * A store keeps, of each model: what it was made of; a log of the entries that decide its
 * weights, numbered in the model's order; one snapshot, which covers the log up to a place;
 * the loss history; the idempotency keys; and checkpoints.  To the store all payloads are
 * bytes, each kept with a checksum.
 *
 * One interface, several backends (sqlite_store.h); nothing above it knows which.  What is
 * handed over by store_commit is kept whole or not at all, and once it returned STORE_OK it
 * survives the end of the process and, as the durability says, of the machine.  Every change
 * may be handed over again: one that is there already, equal, is a change that is made.
 *
 * Every function may block on the disk.  One thread at a time uses a store: the writer, and
 * before it starts and after it has ended, whoever opens and closes. */
#ifndef MLPD_CORE_STORE_STORE_H
#define MLPD_CORE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

enum store_result {
    STORE_OK,
    STORE_TAKEN,       /* something else is there under this name, place or number */
    STORE_FENCED,      /* the model is not this process's: removed, or owned by another */
    STORE_UNAVAILABLE, /* nobody knows whether it was done: hand it over again, later */
    STORE_FULL,        /* no room; nothing was done; the store can be used */
    STORE_CORRUPT,     /* what was to be read is damaged; the rest may be whole */
    STORE_FATAL        /* it cannot be trusted any more: use it no further, end the process */
};

enum store_durability {
    STORE_ALWAYS,   /* store_commit returns when the disk has it */
    STORE_INTERVAL, /* the disk has it after the next store_sync: a crash of the process loses
                     * nothing, one of the machine what came since */
    STORE_NONE      /* as the system pleases */
};

#define STORE_ID_BYTES 17 /* of a model: 16 hexadecimal digits and the end */
#define STORE_CHUNK_BYTES_MAX 1048576

/* Bytes of a payload, which may lie in several pieces. */
struct store_piece {
    const void *data;
    size_t bytes;
};

#define STORE_PIECES_MAX 8

struct store_payload {
    struct store_piece pieces[STORE_PIECES_MAX];
    size_t count;
};

/* --- changes ------------------------------------------------------------------- */

enum store_change_kind {
    STORE_ADD_MODEL,
    STORE_REMOVE_MODEL,
    STORE_APPEND,
    STORE_ADD_KEY,
    STORE_PRUNE_KEYS,
    STORE_ADD_CHUNK,
    STORE_REMOVE_BLOB,
    STORE_PUT_SNAPSHOT,
    STORE_ADD_CHECKPOINT,
    STORE_REMOVE_CHECKPOINT
};

/* Each is of the model `model`, its id; of keys it may be "": those of no model. */
struct store_change {
    enum store_change_kind kind;
    const char *model;
    union {
        /* A new model.  STORE_TAKEN: another one has its name. */
        struct {
            const char *name;
            struct store_payload head;
        } add_model;

        /* STORE_REMOVE_MODEL: with all that is kept of it, its name free at once.  One that is
         * not there is removed. */

        /* An entry of its log, or `count` entries as one, at the places `first` to
         * `first + count - 1` of its order.  Places are in order, from 1, without gaps: STORE_TAKEN
         * also where `first` is behind the next one.  One that the snapshot covers is made. */
        struct {
            uint64_t first, count;
            uint32_t kind; /* the caller's */
            struct store_payload payload;
        } append;

        /* One that came back after it was forgotten stands for the newer. */
        struct {
            const char *key;
            double accepted_at; /* seconds since 1970 */
            struct store_payload payload;
        } add_key;

        /* Keys accepted before that time, and all but the `keep` newest. */
        struct {
            double accepted_before;
            uint64_t keep;
        } prune_keys;

        /* Chunk `index`, from 0, of a blob that nothing refers to yet (store_new_blob), of up
         * to STORE_CHUNK_BYTES_MAX bytes.  May be handed over long before what refers to it;
         * a blob that nothing refers to when the store is opened goes.  The model need not be
         * there yet.  STORE_FENCED: the blob was removed. */
        struct {
            uint64_t blob;
            uint64_t index;
            struct store_payload payload;
        } add_chunk;

        /* What there is of a blob that nothing refers to.  One that is not there is removed. */
        struct {
            uint64_t blob;
        } remove_blob;

        /* The model's snapshot, which covers the places up to `covers`: replaces the one before,
         * and entries of the log that end there or before go.  `history`, of rows `first_row` to
         * `last_row` (0: there are none), is added to the loss history; what of that ends before
         * `oldest_row` goes.  STORE_TAKEN: there is one that covers more, there are other rows, or
         * chunks of the blob are missing. */
        struct {
            uint64_t covers;
            uint64_t blob; /* 0: none */
            struct store_payload head;
            uint64_t first_row, last_row, oldest_row;
            struct store_payload history;
        } put_snapshot;

        /* STORE_TAKEN: there is another checkpoint of that version. */
        struct {
            uint64_t version;
            uint64_t blob;
            struct store_payload head;
        } add_checkpoint;

        /* One that is not there is removed. */
        struct {
            uint64_t version;
        } remove_checkpoint;
    };
};

/* --- reading ------------------------------------------------------------------- */

/* What a reader is shown, valid during the call of the function.  The function returns false to
 * end the reading, which is then STORE_OK.  It may read other things of the store, and changes
 * nothing. */
struct store_model {
    char id[STORE_ID_BYTES];
    const char *name;
    const void *head;
    size_t head_bytes;
    bool has_snapshot;
    uint64_t covers;        /* by the snapshot; 0: nothing */
    uint64_t snapshot_blob; /* 0: none */
    uint64_t last_place;    /* of the log; `covers` where there is none after it */
    /* Damaged: the head, or the row itself.  Only id and name stand, and what was found. */
    bool corrupt;
    const char *problem;
};

struct store_entry {
    uint64_t first, count;
    uint32_t kind;
    const void *data;
    size_t bytes;
};

struct store_key {
    const char *key;
    double accepted_at;
    const void *data;
    size_t bytes;
};

struct store_rows {
    uint64_t first_row, last_row;
    const void *data;
    size_t bytes;
};

struct store_checkpoint {
    uint64_t version;
    uint64_t blob;
    const void *head;
    size_t head_bytes;
};

typedef bool store_model_function(const struct store_model *model, void *context);
typedef bool store_entry_function(const struct store_entry *entry, void *context);
typedef bool store_key_function(const struct store_key *key, void *context);
typedef bool store_rows_function(const struct store_rows *rows, void *context);
typedef bool store_checkpoint_function(const struct store_checkpoint *checkpoint, void *context);

/* --- the store ----------------------------------------------------------------- */

struct store_figures {
    uint64_t bytes;          /* on disk, the log of the database with it */
    uint64_t bytes_unsynced; /* of that, what a crash of the machine could lose */
    uint64_t commits, syncs;
};

/* What --check found. */
struct store_check {
    uint64_t models, entries, keys, chunks, checkpoints; /* whole ones */
    uint64_t damaged;
};

struct store;

/* What a backend is: see the functions of the same names below. */
struct store_functions {
    enum store_result (*commit)(struct store *store, const struct store_change *changes,
                                size_t count, struct error *error);
    uint64_t (*new_blob)(struct store *store);
    enum store_result (*sync)(struct store *store, struct error *error);
    enum store_result (*tidy)(struct store *store, bool *more, struct error *error);
    enum store_result (*read_models)(struct store *store, store_model_function *function,
                                     void *context, struct error *error);
    enum store_result (*read_entries)(struct store *store, const char *model, uint64_t after,
                                      store_entry_function *function, void *context,
                                      struct error *error);
    enum store_result (*read_keys)(struct store *store, const char *model,
                                   store_key_function *function, void *context,
                                   struct error *error);
    enum store_result (*read_history)(struct store *store, const char *model,
                                      store_rows_function *function, void *context,
                                      struct error *error);
    enum store_result (*read_checkpoints)(struct store *store, const char *model,
                                          store_checkpoint_function *function, void *context,
                                          struct error *error);
    enum store_result (*read_snapshot_head)(struct store *store, const char *model, void **head,
                                            size_t *bytes, struct error *error);
    enum store_result (*read_chunk)(struct store *store, uint64_t blob, uint64_t index, void *into,
                                    size_t room, size_t *bytes, struct error *error);
    enum store_result (*read_note)(struct store *store, const char *name, char *text, size_t room,
                                   struct error *error);
    enum store_result (*write_note)(struct store *store, const char *name, const char *text,
                                    struct error *error);
    enum store_result (*backup)(struct store *store, const char *name, bool *more, uint64_t *bytes,
                                struct error *error);
    struct store_figures (*look)(const struct store *store);
    void (*close)(struct store *store);
};

struct store {
    const struct store_functions *functions;
};

/* Make changes, all or none, in their order.  Not STORE_OK: none is made (but see
 * STORE_UNAVAILABLE), and `error` says why. */
enum store_result store_commit(struct store *store, const struct store_change *changes,
                               size_t count, struct error *error);

/* A number for a blob, above all that were ever given. */
uint64_t store_new_blob(struct store *store);

/* What was committed is on the disk when it returns.  STORE_FATAL when it may not be. */
enum store_result store_sync(struct store *store, struct error *error);

/* A bounded piece of what can wait (some milliseconds): blobs and logs of removed models go,
 * space is given back.  `*more` says that there is more to do. */
enum store_result store_tidy(struct store *store, bool *more, struct error *error);

/* Every model, in the order in which they were added. */
enum store_result store_read_models(struct store *store, store_model_function *function,
                                    void *context, struct error *error);

/* The entries of a model's log that end behind place `after`, in their order.  STORE_CORRUPT
 * also when a place is missing. */
enum store_result store_read_entries(struct store *store, const char *model, uint64_t after,
                                     store_entry_function *function, void *context,
                                     struct error *error);

/* In the order in which they were accepted. */
enum store_result store_read_keys(struct store *store, const char *model,
                                  store_key_function *function, void *context, struct error *error);

/* In their order. */
enum store_result store_read_history(struct store *store, const char *model,
                                     store_rows_function *function, void *context,
                                     struct error *error);

/* By version. */
enum store_result store_read_checkpoints(struct store *store, const char *model,
                                         store_checkpoint_function *function, void *context,
                                         struct error *error);

/* The head of a model's snapshot, for memory_free; NULL where there is no snapshot. */
enum store_result store_read_snapshot_head(struct store *store, const char *model, void **head,
                                           size_t *bytes, struct error *error);

/* One chunk of a blob into `room` bytes.  STORE_CORRUPT where it is not there or does not
 * fit. */
enum store_result store_read_chunk(struct store *store, uint64_t blob, uint64_t index, void *into,
                                   size_t room, size_t *bytes, struct error *error);

/* A short text of the whole store by name; empty where there is none, cut to `room`. */
enum store_result store_read_note(struct store *store, const char *name, char *text, size_t room,
                                  struct error *error);
enum store_result store_write_note(struct store *store, const char *name, const char *text,
                                   struct error *error);

/* A consistent copy of the whole store, made in bounded pieces between commits: call again while
 * `*more`; the copy is of the instant in which it ends.  `name` becomes part of a file's name:
 * letters, digits, '.', '_' and '-'.  STORE_TAKEN when there is a copy of that name. */
enum store_result store_backup(struct store *store, const char *name, bool *more, uint64_t *bytes,
                               struct error *error);

struct store_figures store_look(const struct store *store);

/* NULL is allowed. */
void store_close(struct store *store);

#endif
