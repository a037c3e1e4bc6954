/* See commits.h. */
#include "tests/bench/commits.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/clock.h"
#include "core/store/sqlite_store.h"

#define PAYLOAD_BYTES 100000
#define GROUP_MAX ((size_t)16)
#define LOG_PAGES_MAX ((64 << 20) / (8192 + 24)) /* as the store carries its log over */

static const size_t groups[] = {1, 4, GROUP_MAX};
#define GROUPS (sizeof groups / sizeof *groups)

static const struct measurement *alone[GROUPS];
static char payload[PAYLOAD_BYTES];

static void fail(const char *what, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

void commits_directory(char into[64]) {
    snprintf(into, 64, "bench-store-XXXXXX");
    if (mkdtemp(into) == NULL) {
        fail(into, "cannot be made");
    }
}

void commits_remove(const char *directory) {
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- SQLite alone -------------------------------------------------------------- */

static void check(sqlite3 *database, int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE) {
        fail("SQLite", sqlite3_errmsg(database));
    }
}

static void run_statement(sqlite3 *database, sqlite3_stmt *statement) {
    check(database, sqlite3_step(statement));
    sqlite3_reset(statement);
}

static int carry_over(void *context, sqlite3 *database, const char *name, int pages) {
    (void)context;
    return pages < LOG_PAGES_MAX
               ? SQLITE_OK
               : sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

static sqlite3 *open_alone(const char *directory) {
    char path[128];
    sqlite3 *database;
    snprintf(path, sizeof path, "%s/alone.db", directory);
    check(NULL,
          sqlite3_open_v2(path, &database,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    check(database,
          sqlite3_exec(database,
                       "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;"
                       "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
                       "PRAGMA cache_size = -8192;"
                       "CREATE TABLE batches (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
                       NULL, NULL, NULL));
    sqlite3_wal_hook(database, carry_over, NULL);
    return database;
}

static double run_alone(const struct measurement *m, double seconds) {
    char directory[64];
    sqlite3_stmt *begin, *insert, *commit;
    commits_directory(directory);
    sqlite3 *database = open_alone(directory);
    check(database, sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, NULL));
    check(database, sqlite3_prepare_v2(database, "INSERT INTO batches (payload) VALUES (?1)", -1,
                                       &insert, NULL));
    check(database, sqlite3_prepare_v2(database, "COMMIT", -1, &commit, NULL));
    sqlite3_bind_blob(insert, 1, payload, sizeof payload, SQLITE_STATIC);
    size_t count = 0;
    const double start = clock_monotonic_seconds();
    double end;
    do {
        run_statement(database, begin);
        for (size_t i = 0; i < m->rows; i++) {
            run_statement(database, insert);
        }
        run_statement(database, commit);
        count += m->rows;
        end = clock_monotonic_seconds();
    } while (end - start < seconds);
    sqlite3_finalize(begin);
    sqlite3_finalize(insert);
    sqlite3_finalize(commit);
    sqlite3_close(database);
    commits_remove(directory);
    return (double)count / (end - start);
}

/* --- the store ----------------------------------------------------------------- */

#define MODEL "0123456789abcdef"

static double run_store(const struct measurement *m, double seconds) {
    char directory[64];
    struct store *store;
    struct error error;
    commits_directory(directory);
    const struct sqlite_store_settings settings = {.directory = directory,
                                                   .durability = STORE_ALWAYS};
    if (sqlite_store_open(&settings, &store, &error) != ERROR_NONE) {
        fail("the store", error.message);
    }
    const struct store_payload whole = {.pieces = {{.data = payload, .bytes = sizeof payload}},
                                        .count = 1};
    struct store_change changes[GROUP_MAX] = {
        {.kind = STORE_ADD_MODEL, .model = MODEL, .add_model = {.name = "m"}}};
    enum store_result result = store_commit(store, changes, 1, &error);
    uint64_t count = 0;
    const double start = clock_monotonic_seconds();
    double end = start;
    while (result == STORE_OK && end - start < seconds) {
        for (size_t i = 0; i < m->rows; i++) {
            changes[i] =
                (struct store_change){.kind = STORE_APPEND,
                                      .model = MODEL,
                                      .append = {.first = ++count, .count = 1, .payload = whole}};
        }
        result = store_commit(store, changes, m->rows, &error);
        end = clock_monotonic_seconds();
    }
    if (result != STORE_OK) {
        fail("the store", error.message);
    }
    store_close(store);
    commits_remove(directory);
    return (double)count / (end - start);
}

/* --- all ----------------------------------------------------------------------- */

void commits_measurements(void) {
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (char)(i * 2654435761u >> 13);
    }
    for (size_t i = 0; i < GROUPS; i++) {
        struct measurement *ceiling = measurement_add(
            "durable", "batches/s", run_alone, "100 KB, groups of %zu: SQLite alone", groups[i]);
        ceiling->rows = groups[i];
        alone[i] = ceiling;
        struct measurement *ours = measurement_add("durable", "batches/s", run_store,
                                                   "100 KB, groups of %zu: the store", groups[i]);
        ours->rows = groups[i];
        ours->ceiling = ceiling;
        ours->wanted = 0.9;
    }
}

const struct measurement *commits_ceiling(size_t rows) {
    for (size_t i = 0; i < GROUPS; i++) {
        if (groups[i] == rows) {
            return alone[i];
        }
    }
    return NULL;
}
