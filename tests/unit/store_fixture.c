/* Stores for tests; see store_fixture.h. */
#include "tests/unit/store_fixture.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/memory.h"

#define BYTES_MAX ((size_t)80 << 20)

/* --- the store ----------------------------------------------------------------- */

void store_fixture_directory(char into[64]) {
    const char *parent = getenv("TMPDIR");
    snprintf(into, 64, "%.40s/mlpd-store-XXXXXX", parent != NULL ? parent : "/tmp");
    ck_assert(mkdtemp(into) != NULL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void store_fixture_remove(const char *directory) {
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void store_fixture_open(struct store_fixture *fixture) {
    const enum error_code code =
        fixture->backend->open(fixture->directory, STORE_ALWAYS, &fixture->store, &fixture->error);
    ck_assert_msg(code == ERROR_NONE, "%s", fixture->error.message);
}

void store_fixture_close(struct store_fixture *fixture) {
    store_close(fixture->store);
    fixture->store = NULL;
}

void store_fixture_begin(struct store_fixture *fixture, int which) {
    *fixture = (struct store_fixture){.backend = store_backends[which]};
    store_fixture_directory(fixture->directory);
    store_fixture_open(fixture);
}

void store_fixture_end(struct store_fixture *fixture) {
    store_fixture_close(fixture);
    store_fixture_remove(fixture->directory);
}

void store_fixture_reopen(struct store_fixture *fixture) {
    store_fixture_close(fixture);
    store_fixture_open(fixture);
}

void store_fixture_damage(struct store_fixture *fixture, enum store_damage damage,
                          const char *model, uint64_t number) {
    store_fixture_close(fixture);
    fixture->backend->damage(fixture->directory, damage, model, number);
    store_fixture_open(fixture);
}

void store_fixture_tidy(struct store_fixture *fixture) {
    bool more = true;
    for (int pieces = 0; more; pieces++) {
        ck_assert_msg(pieces < 10000, "tidying does not end");
        EXPECT_RESULT(fixture, store_tidy(fixture->store, &more, &fixture->error), STORE_OK);
    }
}

/* --- changes ------------------------------------------------------------------- */

struct store_payload payload_text(const char *text) {
    return (struct store_payload){.pieces = {{.data = text, .bytes = strlen(text)}}, .count = 1};
}

/* Bytes of a fixed random block, so that payloads of different seeds differ everywhere.  In three
 * pieces, of which one is empty. */
struct store_payload payload_bytes(size_t count, unsigned seed) {
    static unsigned char *block;
    if (block == NULL) {
        block = malloc(BYTES_MAX + 4096);
        ck_assert(block != NULL);
        uint32_t state = 1;
        for (size_t i = 0; i < BYTES_MAX + 4096; i++) {
            state = state * 1664525u + 1013904223u;
            block[i] = (unsigned char)(state >> 24);
        }
    }
    ck_assert(count <= BYTES_MAX);
    const unsigned char *from = block + seed % 4096;
    return (struct store_payload){
        .pieces = {{.data = from, .bytes = count / 3},
                   {.data = NULL, .bytes = 0},
                   {.data = from + count / 3, .bytes = count - count / 3}},
        .count = 3};
}

struct store_change add_model(const char *id, const char *name, const char *head) {
    return (struct store_change){.kind = STORE_ADD_MODEL,
                                 .model = id,
                                 .add_model = {.name = name, .head = payload_text(head)}};
}

struct store_change remove_model(const char *id) {
    return (struct store_change){.kind = STORE_REMOVE_MODEL, .model = id};
}

struct store_change append_several(const char *id, uint64_t first, uint64_t count,
                                   const char *text) {
    return (struct store_change){
        .kind = STORE_APPEND,
        .model = id,
        .append = {.first = first, .count = count, .kind = 7, .payload = payload_text(text)}};
}

struct store_change append(const char *id, uint64_t first, const char *text) {
    return append_several(id, first, 1, text);
}

struct store_change append_bytes(const char *id, uint64_t first, size_t count, unsigned seed) {
    struct store_change change = append(id, first, "");
    change.append.payload = payload_bytes(count, seed);
    return change;
}

struct store_change add_key(const char *id, const char *key, double accepted_at, const char *text) {
    return (struct store_change){
        .kind = STORE_ADD_KEY,
        .model = id,
        .add_key = {.key = key, .accepted_at = accepted_at, .payload = payload_text(text)}};
}

struct store_change prune_keys(const char *id, double accepted_before, uint64_t keep) {
    return (struct store_change){.kind = STORE_PRUNE_KEYS,
                                 .model = id,
                                 .prune_keys = {.accepted_before = accepted_before, .keep = keep}};
}

struct store_change add_chunk(const char *id, uint64_t blob, uint64_t index, const char *text) {
    return (struct store_change){
        .kind = STORE_ADD_CHUNK,
        .model = id,
        .add_chunk = {.blob = blob, .index = index, .payload = payload_text(text)}};
}

struct store_change add_chunk_bytes(const char *id, uint64_t blob, uint64_t index, size_t count,
                                    unsigned seed) {
    struct store_change change = add_chunk(id, blob, index, "");
    change.add_chunk.payload = payload_bytes(count, seed);
    return change;
}

struct store_change remove_blob(const char *id, uint64_t blob) {
    return (struct store_change){
        .kind = STORE_REMOVE_BLOB, .model = id, .remove_blob = {.blob = blob}};
}

struct store_change put_snapshot(const char *id, uint64_t covers, uint64_t blob, const char *head) {
    return put_snapshot_rows(id, covers, blob, head, 0, 0, 0, "");
}

struct store_change put_snapshot_rows(const char *id, uint64_t covers, uint64_t blob,
                                      const char *head, uint64_t first_row, uint64_t last_row,
                                      uint64_t oldest_row, const char *text) {
    return (struct store_change){.kind = STORE_PUT_SNAPSHOT,
                                 .model = id,
                                 .put_snapshot = {.covers = covers,
                                                  .blob = blob,
                                                  .head = payload_text(head),
                                                  .first_row = first_row,
                                                  .last_row = last_row,
                                                  .oldest_row = oldest_row,
                                                  .history = payload_text(text)}};
}

struct store_change add_checkpoint(const char *id, uint64_t version, uint64_t blob,
                                   const char *head) {
    return (struct store_change){
        .kind = STORE_ADD_CHECKPOINT,
        .model = id,
        .add_checkpoint = {.version = version, .blob = blob, .head = payload_text(head)}};
}

struct store_change remove_checkpoint(const char *id, uint64_t version) {
    return (struct store_change){
        .kind = STORE_REMOVE_CHECKPOINT, .model = id, .remove_checkpoint = {.version = version}};
}

/* --- what is there ------------------------------------------------------------- */

/* Writes the text of a store. */
struct teller {
    struct store_fixture *fixture;
    FILE *text;
    bool unreadable; /* the list of models, or all */
};

static void tell_payload(FILE *text, const void *data, size_t bytes) {
    if (bytes <= 32) {
        fprintf(text, "%.*s", (int)bytes, (const char *)data);
    } else {
        fprintf(text, "%zu:%016llx", bytes, (unsigned long long)XXH3_64bits(data, bytes));
    }
}

static void tell_result(struct teller *teller, enum store_result result) {
    if (result == STORE_CORRUPT) {
        fprintf(teller->text, "CORRUPT ");
        teller->fixture->problem = teller->fixture->error;
        return;
    }
    teller->unreadable |= result == STORE_FATAL;
    ck_assert_msg(result == STORE_OK || teller->unreadable, "%d: %s", result,
                  teller->fixture->error.message);
}

static bool tell_entry(const struct store_entry *entry, void *context) {
    struct teller *teller = context;
    ck_assert(entry->kind == 7);
    fprintf(teller->text, "%llu-%llu ", (unsigned long long)entry->first,
            (unsigned long long)(entry->first + entry->count - 1));
    tell_payload(teller->text, entry->data, entry->bytes);
    fprintf(teller->text, "; ");
    return true;
}

static bool tell_key(const struct store_key *key, void *context) {
    struct teller *teller = context;
    fprintf(teller->text, "%s@%g ", key->key, key->accepted_at);
    tell_payload(teller->text, key->data, key->bytes);
    fprintf(teller->text, "; ");
    return true;
}

static bool tell_rows(const struct store_rows *rows, void *context) {
    struct teller *teller = context;
    fprintf(teller->text, "rows %llu-%llu ", (unsigned long long)rows->first_row,
            (unsigned long long)rows->last_row);
    tell_payload(teller->text, rows->data, rows->bytes);
    fprintf(teller->text, "; ");
    return true;
}

static void tell_blob(struct teller *teller, uint64_t blob) {
    static char chunk[STORE_CHUNK_BYTES_MAX];
    struct store_fixture *fixture = teller->fixture;
    size_t bytes;
    for (uint64_t i = 0; blob != 0; i++) {
        const enum store_result result =
            store_read_chunk(fixture->store, blob, i, chunk, sizeof chunk, &bytes, &fixture->error);
        if (result == STORE_CORRUPT && i > 0 && strstr(fixture->error.message, "missing") != NULL) {
            return; /* that was its end */
        }
        if (result == STORE_CORRUPT) {
            tell_result(teller, result);
            return;
        }
        tell_result(teller, result);
        fprintf(teller->text, i == 0 ? "=" : "+");
        tell_payload(teller->text, chunk, bytes);
    }
}

static bool tell_checkpoint(const struct store_checkpoint *checkpoint, void *context) {
    struct teller *teller = context;
    fprintf(teller->text, "v%llu ", (unsigned long long)checkpoint->version);
    tell_payload(teller->text, checkpoint->head, checkpoint->head_bytes);
    tell_blob(teller, checkpoint->blob);
    fprintf(teller->text, "; ");
    return true;
}

static bool tell_model(const struct store_model *model, void *context) {
    struct teller *teller = context;
    struct store_fixture *fixture = teller->fixture;
    FILE *text = teller->text;
    fprintf(text, "%s %s ", model->id, model->name);
    if (model->corrupt) {
        fprintf(text, "CORRUPT\n");
        return true;
    }
    tell_payload(text, model->head, model->head_bytes);
    if (model->has_snapshot) {
        void *head;
        size_t bytes;
        fprintf(text, " [%llu ", (unsigned long long)model->covers);
        tell_result(teller, store_read_snapshot_head(fixture->store, model->id, &head, &bytes,
                                                     &fixture->error));
        tell_payload(text, head, bytes);
        memory_free(head);
        tell_blob(teller, model->snapshot_blob);
        fprintf(text, "]");
    }
    fprintf(text, " %llu: ", (unsigned long long)model->last_place);
    tell_result(teller, store_read_entries(fixture->store, model->id, 0, tell_entry, teller,
                                           &fixture->error));
    tell_result(teller,
                store_read_keys(fixture->store, model->id, tell_key, teller, &fixture->error));
    tell_result(teller,
                store_read_history(fixture->store, model->id, tell_rows, teller, &fixture->error));
    tell_result(teller, store_read_checkpoints(fixture->store, model->id, tell_checkpoint, teller,
                                               &fixture->error));
    fprintf(text, "\n");
    return true;
}

char *store_fixture_try_tell(struct store_fixture *fixture) {
    char *text = NULL;
    size_t bytes = 0;
    struct teller teller = {.fixture = fixture, .text = open_memstream(&text, &bytes)};
    ck_assert(teller.text != NULL);
    tell_result(&teller, store_read_models(fixture->store, tell_model, &teller, &fixture->error));
    fprintf(teller.text, "-: ");
    tell_result(&teller, store_read_keys(fixture->store, "", tell_key, &teller, &fixture->error));
    fclose(teller.text);
    if (teller.unreadable) {
        free(text);
        return NULL;
    }
    return text;
}

char *store_fixture_tell(struct store_fixture *fixture) {
    char *text = store_fixture_try_tell(fixture);
    ck_assert_msg(text != NULL, "%s", fixture->error.message);
    return text;
}

char *store_fixture_tell_entries(struct store_fixture *fixture, const char *id, uint64_t after) {
    char *text = NULL;
    size_t bytes = 0;
    struct teller teller = {.fixture = fixture, .text = open_memstream(&text, &bytes)};
    ck_assert(teller.text != NULL);
    tell_result(&teller, store_read_entries(fixture->store, id, after, tell_entry, &teller,
                                            &fixture->error));
    fclose(teller.text);
    return text;
}
