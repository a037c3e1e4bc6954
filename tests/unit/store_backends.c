/* The backends whose contract is tested: how each is opened, and damaged. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>

#include "core/store/sqlite_store.h"
#include "tests/unit/store_fixture.h"

static enum error_code open_sqlite(const char *directory, enum store_durability durability,
                                   struct store **store, struct error *error) {
    const struct sqlite_store_settings settings = {.directory = directory,
                                                   .durability = durability};
    return sqlite_store_open(&settings, store, error);
}

#define OF_MODEL "model = (SELECT number FROM models WHERE id = ?1)"
#define DAMAGED "payload = CAST('x' || substr(payload, 2) AS BLOB)"

static const char *const damages[] = {
    [DAMAGE_HEAD] = "UPDATE heads SET " DAMAGED " WHERE " OF_MODEL,
    [DAMAGE_ENTRY] = "UPDATE log SET " DAMAGED " WHERE " OF_MODEL " AND last = ?2",
    [LOSE_ENTRY] = "DELETE FROM log WHERE " OF_MODEL " AND last = ?2",
    [COPY_ENTRY] = "UPDATE log SET (bytes, checksum, payload) = (SELECT bytes, checksum, payload "
                   "FROM log AS next WHERE next.model = log.model AND next.last = ?2 + 1) "
                   "WHERE " OF_MODEL " AND last = ?2",
    [DAMAGE_CHUNK] = "UPDATE chunks SET " DAMAGED " WHERE blob = ?2 AND position = 0",
    [LOSE_CHUNK] = "DELETE FROM chunks WHERE id = "
                   "(SELECT id FROM chunks WHERE blob = ?2 ORDER BY position DESC LIMIT 1)",
    [DAMAGE_SNAPSHOT] = "UPDATE snapshots SET " DAMAGED " WHERE " OF_MODEL,
    [DAMAGE_CHECKPOINT] = "UPDATE checkpoints SET " DAMAGED " WHERE " OF_MODEL " AND version = ?2",
    [DAMAGE_KEY] = "UPDATE keys SET " DAMAGED " WHERE " OF_MODEL,
    [DAMAGE_HISTORY] = "UPDATE history SET " DAMAGED " WHERE " OF_MODEL,
    [DAMAGE_NOTE] = "UPDATE notes SET " DAMAGED,
};

static void damage_sqlite(const char *directory, enum store_damage damage, const char *model,
                          uint64_t number) {
    char path[256];
    sqlite3 *database;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/mlpd.db", directory);
    ck_assert(sqlite3_open(path, &database) == SQLITE_OK);
    const int code = sqlite3_prepare_v2(database, damages[damage], -1, &statement, NULL);
    ck_assert_msg(code == SQLITE_OK, "%s", sqlite3_errmsg(database));
    sqlite3_bind_text(statement, 1, model, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (int64_t)number);
    ck_assert(sqlite3_step(statement) == SQLITE_DONE);
    ck_assert_msg(sqlite3_changes(database) > 0, "nothing was there to be damaged");
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void find_sqlite_backup(const char *directory, const char *name, char *into, size_t room) {
    snprintf(into, room, "%s/backups/%s", directory, name);
}

static const struct store_backend sqlite = {.name = "sqlite",
                                            .open = open_sqlite,
                                            .damage = damage_sqlite,
                                            .find_backup = find_sqlite_backup};

const struct store_backend *const store_backends[] = {&sqlite};
const int store_backend_count = sizeof store_backends / sizeof *store_backends;
