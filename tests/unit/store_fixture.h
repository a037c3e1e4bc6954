/* A store on which its contract is tested, whatever its backend; and changes in few words.
 *
 * A backend that is added to `store_backends` is tested by the suites store_* as they are. */
#ifndef MLPD_TESTS_UNIT_STORE_FIXTURE_H
#define MLPD_TESTS_UNIT_STORE_FIXTURE_H

#include "core/store/store.h"

/* What a test damages behind the store's back. */
enum store_damage {
    DAMAGE_HEAD,       /* of the model `model` */
    DAMAGE_ENTRY,      /* of the model's log, that ends at place `number` */
    LOSE_ENTRY,        /* the same is not there any more */
    COPY_ENTRY,        /* the one at place `number` has become what is at the next */
    DAMAGE_CHUNK,      /* the first of the blob `number` */
    LOSE_CHUNK,        /* the last of the blob `number` */
    DAMAGE_SNAPSHOT,   /* the head of the model's */
    DAMAGE_CHECKPOINT, /* of version `number`, its head */
    DAMAGE_KEY,        /* all of the model's */
    DAMAGE_HISTORY,    /* all rows of the model's */
    DAMAGE_NOTE        /* all notes */
};

struct store_backend {
    const char *name;
    /* A store in a place that is named by `directory`, which is there. */
    enum error_code (*open)(const char *directory, enum store_durability durability,
                            struct store **store, struct error *error);
    /* The store is closed. */
    void (*damage)(const char *directory, enum store_damage damage, const char *model,
                   uint64_t number);
    /* The directory where the backup of that name can be opened as a store. */
    void (*find_backup)(const char *directory, const char *name, char *into, size_t room);
};

extern const struct store_backend *const store_backends[];
extern const int store_backend_count;

struct store_fixture {
    const struct store_backend *backend;
    char directory[64]; /* removed by store_fixture_end */
    struct store *store;
    struct error error;   /* of the last call */
    struct error problem; /* of the last CORRUPT that was told */
};

/* A new, empty store of store_backends[which]. */
void store_fixture_begin(struct store_fixture *fixture, int which);
void store_fixture_end(struct store_fixture *fixture);

/* Close the store and open it. */
void store_fixture_reopen(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);
void store_fixture_open(struct store_fixture *fixture);

/* Close it, damage it, open it. */
void store_fixture_damage(struct store_fixture *fixture, enum store_damage damage,
                          const char *model, uint64_t number);

/* Tidy until nothing is left to do. */
void store_fixture_tidy(struct store_fixture *fixture);

/* A directory that is not there yet but for its parent; and away with what is in one. */
void store_fixture_directory(char into[64]);
void store_fixture_remove(const char *directory);

/* Commit changes that are to give that result. */
#define COMMIT(fixture, wanted, ...)                                                               \
    do {                                                                                           \
        const struct store_change changes_[] = {__VA_ARGS__};                                      \
        const enum store_result found_ = store_commit(                                             \
            (fixture)->store, changes_, sizeof changes_ / sizeof *changes_, &(fixture)->error);    \
        ck_assert_msg(found_ == (wanted), "found %d, wanted %s: %s", found_, #wanted,              \
                      found_ != STORE_OK ? (fixture)->error.message : "");                         \
    } while (0)

#define EXPECT_RESULT(fixture, call, wanted)                                                       \
    do {                                                                                           \
        const enum store_result found_ = (call);                                                   \
        ck_assert_msg(found_ == (wanted), "%s: found %d, wanted %s: %s", #call, found_, #wanted,   \
                      found_ != STORE_OK ? (fixture)->error.message : "");                         \
    } while (0)

/* Payloads are texts, or so many bytes, of which `seed` makes each. */
struct store_payload payload_text(const char *text);
struct store_payload payload_bytes(size_t count, unsigned seed);

struct store_change add_model(const char *id, const char *name, const char *head);
struct store_change remove_model(const char *id);
struct store_change append(const char *id, uint64_t first, const char *text);
struct store_change append_several(const char *id, uint64_t first, uint64_t count,
                                   const char *text);
struct store_change append_bytes(const char *id, uint64_t first, size_t count, unsigned seed);
struct store_change add_key(const char *id, const char *key, double accepted_at, const char *text);
struct store_change prune_keys(const char *id, double accepted_before, uint64_t keep);
struct store_change add_chunk(const char *id, uint64_t blob, uint64_t index, const char *text);
struct store_change add_chunk_bytes(const char *id, uint64_t blob, uint64_t index, size_t count,
                                    unsigned seed);
struct store_change remove_blob(const char *id, uint64_t blob);
struct store_change put_snapshot(const char *id, uint64_t covers, uint64_t blob, const char *head);
/* The same with rows of the history, `text`; `oldest_row` and later are kept. */
struct store_change put_snapshot_rows(const char *id, uint64_t covers, uint64_t blob,
                                      const char *head, uint64_t first_row, uint64_t last_row,
                                      uint64_t oldest_row, const char *text);
struct store_change add_checkpoint(const char *id, uint64_t version, uint64_t blob,
                                   const char *head);
struct store_change remove_checkpoint(const char *id, uint64_t version);

/* All that can be read of the store as one text, of which a part may be wanted: models in the form
 * "id name head [covers blob head] last:", then the entries "first-last/kind payload;" and so on.
 * Payloads of more than 32 bytes stand as their length and hash.  For free. */
char *store_fixture_tell(struct store_fixture *fixture);

/* The same, or NULL where the store cannot be read at all. */
char *store_fixture_try_tell(struct store_fixture *fixture);

/* The same of the entries behind `after` alone: "1-1 a; 2-2 b; " */
char *store_fixture_tell_entries(struct store_fixture *fixture, const char *id, uint64_t after);

#define EXPECT_ENTRIES(fixture, id, after, wanted)                                                 \
    do {                                                                                           \
        char *told_ = store_fixture_tell_entries((fixture), (id), (after));                        \
        EXPECT_TEXT(told_, wanted);                                                                \
        free(told_);                                                                               \
    } while (0)

#define EXPECT_TOLD(fixture, wanted)                                                               \
    do {                                                                                           \
        char *told_ = store_fixture_tell(fixture);                                                 \
        EXPECT_TEXT(told_, wanted);                                                                \
        free(told_);                                                                               \
    } while (0)

#endif
