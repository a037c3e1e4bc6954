/* The statements of the SQLite store: prepared once, kept, one row each. */
#ifndef MLPD_CORE_STORE_SQLITE_STATEMENTS_H
#define MLPD_CORE_STORE_SQLITE_STATEMENTS_H

#include <sqlite3.h>

/* STATEMENT(name, SQL).  A record, wherever it stands, is: bytes, checksum, spill, payload. */
#define SQLITE_STATEMENT_LIST(STATEMENT)                                                           \
    STATEMENT(BEGIN, "BEGIN IMMEDIATE")                                                            \
    STATEMENT(COMMIT, "COMMIT")                                                                    \
    STATEMENT(ROLLBACK, "ROLLBACK")                                                                \
    STATEMENT(COUNT_PAGES, "PRAGMA page_count")                                                    \
    STATEMENT(COUNT_FREE_PAGES, "PRAGMA freelist_count")                                           \
                                                                                                   \
    STATEMENT(FIND_MODEL, "SELECT number FROM models WHERE id = ?1")                               \
    STATEMENT(FIND_NAME, "SELECT number FROM models WHERE name = ?1")                              \
    STATEMENT(ADD_MODEL, "INSERT INTO models (id, name) VALUES (?1, ?2)")                          \
    STATEMENT(REMOVE_MODEL, "DELETE FROM models WHERE number = ?1")                                \
    STATEMENT(LIST_MODELS, "SELECT number, id, name FROM models INDEXED BY models_listed "         \
                           "ORDER BY number")                                                      \
    STATEMENT(LIST_MODELS_ITSELF, "SELECT number, id, name FROM models NOT INDEXED "               \
                                  "WHERE number > ?1 ORDER BY number")                             \
    STATEMENT(NAME_OF_MODEL, "SELECT name FROM models INDEXED BY models_listed "                   \
                             "WHERE number = ?1")                                                  \
                                                                                                   \
    STATEMENT(ADD_HEAD, "INSERT INTO heads VALUES (?1, ?2, ?3, ?4, ?5)")                           \
    STATEMENT(FIND_HEAD, "SELECT bytes, checksum, spill, payload FROM heads WHERE model = ?1")     \
                                                                                                   \
    STATEMENT(FIND_END, "SELECT number, (SELECT max(last) FROM log WHERE model = number), "        \
                        "(SELECT covers FROM snapshots WHERE model = number) "                     \
                        "FROM models WHERE id = ?1")                                               \
    STATEMENT(FIND_ENTRY, "SELECT bytes, checksum, spill, count, kind FROM log "                   \
                          "WHERE model = ?1 AND last = ?2")                                        \
    STATEMENT(ADD_ENTRY, "INSERT INTO log (model, last, count, kind, bytes, checksum, spill, "     \
                         "payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                       \
    STATEMENT(LIST_ENTRIES, "SELECT last, count, kind, bytes, checksum, spill, payload FROM log "  \
                            "WHERE model = ?1 AND last > ?2 ORDER BY last")                        \
    STATEMENT(LAST_ENTRY, "SELECT max(last) FROM log WHERE model = ?1")                            \
                                                                                                   \
    STATEMENT(ADD_KEY, "INSERT INTO keys (model, key, accepted_at, bytes, checksum, spill, "       \
                       "payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                             \
    STATEMENT(FIND_KEY, "SELECT bytes, checksum, spill, accepted_at FROM keys "                    \
                        "WHERE model = ?1 AND key = ?2")                                           \
    STATEMENT(REMOVE_KEY, "DELETE FROM keys WHERE model = ?1 AND key = ?2")                        \
    STATEMENT(PRUNE_KEYS_BY_AGE, "DELETE FROM keys WHERE model = ?1 AND accepted_at < ?2")         \
    STATEMENT(PRUNE_KEYS_BY_COUNT, "DELETE FROM keys WHERE id IN (SELECT id FROM keys "            \
                                   "WHERE model = ?1 ORDER BY accepted_at DESC, id DESC "          \
                                   "LIMIT -1 OFFSET ?2)")                                          \
    STATEMENT(LIST_KEYS, "SELECT key, accepted_at, bytes, checksum, spill, payload FROM keys "     \
                         "WHERE model = ?1 ORDER BY accepted_at, id")                              \
                                                                                                   \
    STATEMENT(FIND_SNAPSHOT, "SELECT bytes, checksum, spill, payload, covers, blob "               \
                             "FROM snapshots WHERE model = ?1")                                    \
    STATEMENT(REMOVE_SNAPSHOT, "DELETE FROM snapshots WHERE model = ?1")                           \
    STATEMENT(ADD_SNAPSHOT, "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")           \
                                                                                                   \
    STATEMENT(ADD_ROWS, "INSERT INTO history (model, last, first, bytes, checksum, spill, "        \
                        "payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                            \
    STATEMENT(FIND_ROWS, "SELECT bytes, checksum, spill, first FROM history "                      \
                         "WHERE model = ?1 AND last = ?2")                                         \
    STATEMENT(LAST_ROW, "SELECT max(last) FROM history WHERE model = ?1")                          \
    STATEMENT(PRUNE_ROWS, "DELETE FROM history WHERE model = ?1 AND last < ?2")                    \
    STATEMENT(LIST_ROWS, "SELECT last, first, bytes, checksum, spill, payload FROM history "       \
                         "WHERE model = ?1 ORDER BY last")                                         \
                                                                                                   \
    STATEMENT(ADD_CHECKPOINT, "INSERT INTO checkpoints (model, version, blob, bytes, checksum, "   \
                              "spill, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")               \
    STATEMENT(FIND_CHECKPOINT, "SELECT bytes, checksum, spill, blob FROM checkpoints "             \
                               "WHERE model = ?1 AND version = ?2")                                \
    STATEMENT(REMOVE_CHECKPOINT, "DELETE FROM checkpoints WHERE model = ?1 AND version = ?2")      \
    STATEMENT(LIST_CHECKPOINTS, "SELECT version, blob, bytes, checksum, spill, payload "           \
                                "FROM checkpoints WHERE model = ?1 ORDER BY version")              \
                                                                                                   \
    STATEMENT(FIND_BLOB, "SELECT uses, EXISTS (SELECT 1 FROM garbage WHERE kind = 2 "              \
                         "AND garbage.number = blobs.number) FROM blobs WHERE number = ?1")        \
    STATEMENT(ADD_BLOB, "INSERT INTO blobs VALUES (?1, 0, 0)")                                     \
    STATEMENT(USE_BLOB, "UPDATE blobs SET uses = uses + 1, chunks = (SELECT count(*) "             \
                        "FROM chunks WHERE blob = ?1) WHERE number = ?1")                          \
    STATEMENT(TAKE_BLOB, "DELETE FROM blobs WHERE number = ?1 RETURNING 0")                        \
    STATEMENT(FIND_UNUSED_BLOBS, "INSERT OR IGNORE INTO garbage SELECT 2, number FROM blobs "      \
                                 "WHERE uses = 0")                                                 \
    STATEMENT(DROP_UNUSED_BLOB, "INSERT OR IGNORE INTO garbage SELECT 2, number FROM blobs "       \
                                "WHERE number = ?1 AND uses = 0")                                  \
    STATEMENT(ADD_CHUNK, "INSERT INTO chunks (blob, position, bytes, checksum, payload) "          \
                         "VALUES (?1, ?2, ?3, ?4, ?5)")                                            \
    STATEMENT(FIND_CHUNK, "SELECT bytes, checksum, payload FROM chunks "                           \
                          "WHERE blob = ?1 AND position = ?2")                                     \
    STATEMENT(COUNT_CHUNKS, "SELECT count(*), max(position) FROM chunks WHERE blob = ?1")          \
                                                                                                   \
    STATEMENT(ADD_GARBAGE, "INSERT OR IGNORE INTO garbage VALUES (?1, ?2)")                        \
    STATEMENT(FIND_GARBAGE, "SELECT kind, number FROM garbage LIMIT 1")                            \
    STATEMENT(REMOVE_GARBAGE, "DELETE FROM garbage WHERE kind = ?1 AND number = ?2")               \
    STATEMENT(TAKE_CHUNK, "DELETE FROM chunks WHERE id = (SELECT id FROM chunks "                  \
                          "WHERE blob = ?1 ORDER BY position LIMIT 1) RETURNING bytes")            \
    STATEMENT(TAKE_COVERED_ENTRY, "DELETE FROM log WHERE id = (SELECT id FROM log "                \
                                  "WHERE model = ?1 AND last <= (SELECT covers FROM snapshots "    \
                                  "WHERE model = ?1) ORDER BY last LIMIT 1) RETURNING bytes")      \
    STATEMENT(TAKE_ENTRY, "DELETE FROM log WHERE id = (SELECT id FROM log WHERE model = ?1 "       \
                          "ORDER BY last LIMIT 1) RETURNING bytes")                                \
    STATEMENT(TAKE_ROWS, "DELETE FROM history WHERE id = (SELECT id FROM history "                 \
                         "WHERE model = ?1 ORDER BY last LIMIT 1) RETURNING bytes")                \
    STATEMENT(TAKE_KEY, "DELETE FROM keys WHERE id = (SELECT id FROM keys "                        \
                        "WHERE model = ?1 ORDER BY accepted_at LIMIT 1) RETURNING bytes")          \
    STATEMENT(TAKE_CHECKPOINT, "DELETE FROM checkpoints WHERE id = (SELECT id FROM checkpoints "   \
                               "WHERE model = ?1 ORDER BY version LIMIT 1) RETURNING bytes")       \
    STATEMENT(TAKE_SNAPSHOT, "DELETE FROM snapshots WHERE model = ?1 RETURNING bytes")             \
    STATEMENT(TAKE_HEAD, "DELETE FROM heads WHERE model = ?1 RETURNING bytes")                     \
    STATEMENT(GIVE_PAGES_BACK, "PRAGMA incremental_vacuum(256)")                                   \
                                                                                                   \
    STATEMENT(READ_NOTE, "SELECT bytes, checksum, 0, payload FROM notes WHERE name = ?1")          \
    STATEMENT(WRITE_NOTE, "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3, ?4)")                  \
    STATEMENT(READ_COUNTER, "SELECT value FROM counters WHERE name = ?1")                          \
    STATEMENT(WRITE_COUNTER, "INSERT OR REPLACE INTO counters VALUES (?1, ?2)")

#define SQLITE_STATEMENT_NAME(name, sql) SQL_##name,
enum sqlite_statement { SQLITE_STATEMENT_LIST(SQLITE_STATEMENT_NAME) SQLITE_STATEMENTS };
#undef SQLITE_STATEMENT_NAME

/* Prepare all: SQLITE_OK, or what failed, and then none is. */
int sqlite_prepare_all(sqlite3 *database, sqlite3_stmt **statements);

/* NULLs are allowed. */
void sqlite_finalize_all(sqlite3_stmt **statements);

#endif
