/* Workloads; see store_workload.h. */
#include "tests/fault/store_workload.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/sqlite_store.h"

#define CHANGES_MAX 24

/* A step while it is made up: nothing of the workload changes before it is done. */
struct step {
    struct workload next; /* what the workload is then */
    struct store_change changes[CHANGES_MAX];
    size_t count;
    char texts[CHANGES_MAX][32];
};

static uint64_t below(struct step *step, uint64_t bound) {
    return vfs_random(&step->next.random) % bound;
}

void workload_begin(struct workload *workload, const char *directory, const char *vfs,
                    uint64_t seed) {
    *workload = (struct workload){.vfs = vfs, .random = seed};
    snprintf(workload->fixture.directory, sizeof workload->fixture.directory, "%s", directory);
}

static enum error_code open_store(const char *directory, const char *vfs,
                                  enum store_durability durability, struct store **store,
                                  struct error *error) {
    const struct sqlite_store_settings settings = {
        .directory = directory, .durability = durability, .vfs = vfs};
    return sqlite_store_open(&settings, store, error);
}

void workload_close(struct workload *workload) {
    store_close(workload->fixture.store);
    workload->fixture.store = NULL;
}

char *workload_read(const char *directory, const char *vfs, struct error *error) {
    struct store_fixture fixture = {.store = NULL};
    if (open_store(directory, vfs, STORE_ALWAYS, &fixture.store, error) != ERROR_NONE) {
        return NULL;
    }
    char *text = store_fixture_try_tell(&fixture);
    if (text == NULL) {
        *error = fixture.error;
    }
    store_close(fixture.store);
    return text;
}

/* --- changes ------------------------------------------------------------------- */

static void put(struct step *step, struct store_change change) {
    ck_assert(step->count < CHANGES_MAX);
    step->changes[step->count++] = change;
}

static const char *number(struct step *step, const char *what, uint64_t value) {
    snprintf(step->texts[step->count], sizeof step->texts[0], "%s%llu", what,
             (unsigned long long)value);
    return step->texts[step->count];
}

static size_t some_bytes(struct step *step) {
    const uint64_t kind = below(step, 20);
    return kind < 10                        ? below(step, 200)
           : kind < 17                      ? below(step, 9000)
           : kind < 19 || !step->next.large ? below(step, 60000)
                                            : STORE_CHUNK_BYTES_MAX + below(step, 300000);
}

static void make_model(struct step *step, struct workload_model *model) {
    const uint64_t n = ++step->next.models_made;
    *model = (struct workload_model){.there = true};
    snprintf(model->id, sizeof model->id, "%016llx", (unsigned long long)n);
    /* The name of the one before in its place. */
    snprintf(model->name, sizeof model->name, "name-%td", model - step->next.models);
    put(step, add_model(model->id, model->name, "head"));
}

static void append_some(struct step *step, struct workload_model *model) {
    const uint64_t count = 1 + below(step, 4);
    for (uint64_t i = 0; i < count; i++) {
        put(step,
            append_bytes(model->id, ++model->last, some_bytes(step), (unsigned)below(step, 4096)));
        if (below(step, 3) == 0) {
            const uint64_t n = ++step->next.keys;
            put(step, add_key(model->id, number(step, "key-", n), (double)n, "payload of the key"));
        }
    }
}

/* With the chunks in the same commit, or some of them in one before. */
static uint64_t make_blob(struct step *step, const struct workload_model *model) {
    const uint64_t blob = store_new_blob(step->next.fixture.store);
    const uint64_t chunks = 1 + below(step, WORKLOAD_BLOBS);
    for (uint64_t i = 0; i < chunks; i++) {
        put(step, add_chunk_bytes(model->id, blob, i, some_bytes(step) % STORE_CHUNK_BYTES_MAX,
                                  (unsigned)below(step, 4096)));
    }
    if (below(step, 2) == 0 && step->count == chunks) {
        struct store_fixture *fixture = &step->next.fixture;
        if (store_commit(fixture->store, step->changes, step->count - 1, &fixture->error) ==
            STORE_OK) {
            step->changes[0] = step->changes[step->count - 1];
            step->count = 1;
        }
    }
    return blob;
}

static void take_snapshot(struct step *step, struct workload_model *model) {
    const uint64_t blob = make_blob(step, model);
    const uint64_t first = model->rows + 1;
    model->covers += below(step, model->last - model->covers + 1);
    model->rows += 1 + below(step, 5);
    put(step, put_snapshot_rows(model->id, model->covers, blob,
                                number(step, "snapshot-", model->covers), first, model->rows,
                                model->rows > 20 ? model->rows - 20 : 0, "some rows"));
    put(step, prune_keys(model->id, 0, 5));
}

static void change_checkpoints(struct step *step, struct workload_model *model) {
    const uint64_t blob = make_blob(step, model);
    model->versions++;
    put(step, add_checkpoint(model->id, model->versions, blob,
                             number(step, "version-", model->versions)));
    if (model->versions > 2) {
        put(step, remove_checkpoint(model->id, model->versions - 2));
    }
}

static struct workload_model *some_model(struct step *step) {
    struct workload_model *model = &step->next.models[below(step, WORKLOAD_MODELS)];
    if (!model->there) {
        make_model(step, model);
    }
    return model;
}

static enum store_result change(struct step *step) {
    struct workload_model *model = some_model(step);
    switch (below(step, 12)) {
    case 0:
    case 1:
        take_snapshot(step, model);
        break;
    case 2:
        change_checkpoints(step, model);
        break;
    case 3:
        if (step->count == 0) {
            snprintf(step->texts[0], sizeof step->texts[0], "%s", model->id);
            put(step, remove_model(step->texts[0]));
            make_model(step, model);
        }
        break;
    default:
        append_some(step, model);
        append_some(step, some_model(step));
        break;
    }
    struct store_fixture *fixture = &step->next.fixture;
    return store_commit(fixture->store, step->changes, step->count, &fixture->error);
}

/* --- steps --------------------------------------------------------------------- */

static enum store_result back_up(struct step *step) {
    struct store_fixture *fixture = &step->next.fixture;
    char name[32];
    snprintf(name, sizeof name, "b%llu", (unsigned long long)++step->next.backups);
    bool more = true;
    uint64_t bytes;
    enum store_result result = STORE_OK;
    while (more && result == STORE_OK) {
        result = store_backup(fixture->store, name, &more, &bytes, &fixture->error);
    }
    return result;
}

static enum store_result tidy(struct step *step) {
    struct store_fixture *fixture = &step->next.fixture;
    bool more = true;
    enum store_result result = STORE_OK;
    for (uint64_t pieces = 1 + below(step, 5); more && pieces > 0 && result == STORE_OK; pieces--) {
        result = store_tidy(fixture->store, &more, &fixture->error);
    }
    return result;
}

static enum store_result write_note(struct step *step) {
    struct store_fixture *fixture = &step->next.fixture;
    char note[16], found[16];
    snprintf(note, sizeof note, "%llu", (unsigned long long)step->next.steps);
    enum store_result result = store_write_note(fixture->store, "note", note, &fixture->error);
    if (result == STORE_OK) {
        result = store_read_note(fixture->store, "note", found, sizeof found, &fixture->error);
        ck_assert(result != STORE_OK || strcmp(found, note) == 0);
    }
    return result;
}

static enum store_result open_anew(struct step *step) {
    struct store_fixture *fixture = &step->next.fixture;
    store_close(fixture->store);
    fixture->store = NULL;
    step->next.synced = true;
    return open_store(fixture->directory, step->next.vfs, step->next.durability, &fixture->store,
                      &fixture->error) == ERROR_NONE
               ? STORE_OK
               : STORE_FATAL;
}

enum store_result workload_step(struct workload *workload) {
    struct step step = {.next = *workload};
    step.next.steps++;
    step.next.synced = false;
    enum store_result result;
    if (workload->fixture.store == NULL) {
        result = open_anew(&step);
    } else {
        switch (below(&step, 24)) {
        case 0:
            result = open_anew(&step);
            break;
        case 1:
            result = write_note(&step);
            break;
        case 6:
            step.next.synced = true;
            result = store_sync(step.next.fixture.store, &step.next.fixture.error);
            break;
        case 2:
            result = step.next.backups < 2 ? back_up(&step) : STORE_OK;
            break;
        case 3:
        case 4:
        case 5:
            result = tidy(&step);
            break;
        default:
            result = change(&step);
            break;
        }
    }
    if (result == STORE_OK) {
        *workload = step.next;
    } else { /* again, but for what stands in the process */
        workload->fixture = step.next.fixture;
    }
    return result;
}
