/* core/store/sqlite_store.h: the directory and its lock, whose database it is, damaged pages, the
 * check of a store at rest. */
#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/sqlite_store.h"
#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define A "00000000000000aa"
#define B "00000000000000bb"

static const char *in(const char *directory, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void expect_refused(const char *directory, const char *why) {
    struct store *store = NULL;
    struct error error = {.code = ERROR_NONE};
    const struct sqlite_store_settings settings = {.directory = directory};
    const enum error_code code = sqlite_store_open(&settings, &store, &error);
    ck_assert_msg(code == ERROR_INVALID, "%d", code);
    ck_assert_msg(strstr(error.message, why) != NULL, "'%s' does not say '%s'", error.message, why);
    ck_assert_msg(strchr(error.message, '\n') == NULL, "%s", error.message);
}

static void execute(const char *directory, const char *sql) {
    sqlite3 *database;
    ck_assert(sqlite3_open(in(directory, "mlpd.db"), &database) == SQLITE_OK);
    ck_assert_msg(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(database));
    sqlite3_close(database);
}

static int64_t ask(const char *directory, const char *sql) {
    sqlite3 *database;
    sqlite3_stmt *row;
    ck_assert(sqlite3_open(in(directory, "mlpd.db"), &database) == SQLITE_OK);
    ck_assert(sqlite3_prepare_v2(database, sql, -1, &row, NULL) == SQLITE_OK);
    ck_assert(sqlite3_step(row) == SQLITE_ROW);
    const int64_t number = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(database);
    return number;
}

/* --- the directory ------------------------------------------------------------- */

START_TEST(test_directory_and_files_are_their_owners_alone) {
    char parent[64], directory[80];
    struct stat status;
    struct store *store;
    struct error error;
    const mode_t mask = umask(0);
    store_fixture_directory(parent);
    snprintf(directory, sizeof directory, "%s/new", parent);
    const struct sqlite_store_settings settings = {.directory = directory};
    ck_assert(sqlite_store_open(&settings, &store, &error) == ERROR_NONE);
    umask(mask);
    ck_assert(stat(directory, &status) == 0 && (status.st_mode & 0777) == 0700);
    static const char *const files[] = {"mlpd.db", "mlpd.db-wal", "mlpd.lock"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(stat(in(directory, files[i]), &status) == 0, "%s", files[i]);
        ck_assert_msg((status.st_mode & 0777) == 0600, "%s: %o", files[i], status.st_mode);
    }
    ck_assert(access(in(directory, "mlpd.db-shm"), F_OK) != 0);
    store_close(store);
    ck_assert(access(in(directory, "mlpd.db-wal"), F_OK) != 0); /* one file is all */
    ck_assert(ask(directory, "PRAGMA page_size") == 8192);
    ck_assert(ask(directory, "PRAGMA auto_vacuum") == 2);
    ck_assert(ask(directory, "PRAGMA application_id") == 0x6d6c7064);
    store_fixture_remove(parent);
}
END_TEST

START_TEST(test_a_directory_has_one_daemon_and_the_second_is_told_which) {
    struct store_fixture fixture;
    char holder[64];
    store_fixture_begin(&fixture, 0);
    snprintf(holder, sizeof holder, "is in use by another mlpd, process %ld", (long)getpid());
    expect_refused(fixture.directory, holder); /* within a process, too */
    const pid_t child = fork();
    if (child == 0) {
        struct store *store;
        struct error error;
        const struct sqlite_store_settings settings = {.directory = fixture.directory};
        const bool refused = sqlite_store_open(&settings, &store, &error) == ERROR_INVALID;
        _exit(refused && strstr(error.message, holder) != NULL ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    expect_refused(fixture.directory, holder); /* and the lock is still held */
    store_fixture_reopen(&fixture);            /* it ends with its holder */
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_what_is_no_directory_or_cannot_be_made_is_said) {
    char parent[64], path[128];
    store_fixture_directory(parent);
    snprintf(path, sizeof path, "%s/file", parent);
    ck_assert(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    expect_refused(path, "is not a directory");
    snprintf(path, sizeof path, "%s/missing/new", parent);
    expect_refused(path, "No such file or directory");
    expect_refused("", "No such file or directory");
    store_fixture_remove(parent);
}
END_TEST

/* Root may write everywhere: then as somebody else, in a process of its own. */
START_TEST(test_a_directory_of_anothers_or_without_the_right_to_write_is_said) {
    char parent[64];
    store_fixture_directory(parent);
    const pid_t child = fork();
    if (child == 0) {
        struct store *store;
        struct error error = {.code = ERROR_NONE};
        const char *wanted = "cannot write into";
        const struct sqlite_store_settings settings = {.directory = parent};
        chmod(parent, 0555);
        if (geteuid() == 0) {
            wanted = "belongs to user 0, and mlpd, as user 4321, may not write into it";
            if (setuid(4321) != 0) {
                _exit(2);
            }
        }
        const bool refused = sqlite_store_open(&settings, &store, &error) == ERROR_INVALID;
        _exit(refused && strstr(error.message, wanted) != NULL ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    if (geteuid() == 0) {
        chmod(parent, 0755);
        ck_assert(chown(parent, 4321, 4321) == 0);
        expect_refused(parent, "belongs to user 4321: run mlpd as that user, not as root");
        ck_assert(chown(parent, 0, 0) == 0);
    }
    chmod(parent, 0755);
    store_fixture_remove(parent);
}
END_TEST

START_TEST(test_a_link_to_a_directory_is_followed_and_one_to_a_database_is_not) {
    char parent[64], link[80], target[80];
    struct store *store;
    struct error error;
    store_fixture_directory(parent);
    snprintf(target, sizeof target, "%s/target", parent);
    snprintf(link, sizeof link, "%s/link", parent);
    ck_assert(mkdir(target, 0700) == 0 && symlink(target, link) == 0);
    const struct sqlite_store_settings settings = {.directory = link};
    ck_assert_msg(sqlite_store_open(&settings, &store, &error) == ERROR_NONE, "%s", error.message);
    store_close(store);
    ck_assert(access(in(target, "mlpd.db"), F_OK) == 0);
    ck_assert(symlink(in(target, "mlpd.db"), "/dev/null") != 0);
    char database[128], moved[128];
    snprintf(database, sizeof database, "%s/mlpd.db", target);
    snprintf(moved, sizeof moved, "%s/moved.db", parent);
    ck_assert(rename(database, moved) == 0 && symlink(moved, database) == 0);
    expect_refused(target, "is a symbolic link");
    store_fixture_remove(parent);
}
END_TEST

/* --- whose database ------------------------------------------------------------ */

START_TEST(test_a_file_that_is_no_database_is_left_alone) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, 0);
    store_fixture_close(&fixture);
    FILE *file = fopen(in(fixture.directory, "mlpd.db"), "w");
    for (int i = 0; i < 1000; i++) {
        fprintf(file, "notes of mine, line %d\n", i);
    }
    fclose(file);
    expect_refused(fixture.directory, "is not a database of mlpd");
    struct stat status;
    ck_assert(stat(in(fixture.directory, "mlpd.db"), &status) == 0 && status.st_size > 20000);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_database_of_another_program_is_left_alone) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, 0);
    store_fixture_close(&fixture);
    ck_assert(unlink(in(fixture.directory, "mlpd.db")) == 0);
    execute(fixture.directory, "CREATE TABLE mine (x); PRAGMA user_version = 1");
    expect_refused(fixture.directory, "is a database, but not one of mlpd");
    ck_assert(ask(fixture.directory, "SELECT count(*) FROM sqlite_schema") == 1);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_newer_version_is_refused_and_stays_as_it_is) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, 0);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"));
    store_fixture_close(&fixture);
    const int64_t version = ask(fixture.directory, "PRAGMA user_version");
    execute(fixture.directory, "PRAGMA user_version = 99");
    expect_refused(fixture.directory, "was written by a newer mlpd: its version is 99");
    ck_assert(ask(fixture.directory, "PRAGMA user_version") == 99);
    char back[64];
    snprintf(back, sizeof back, "PRAGMA user_version = %lld", (long long)version);
    execute(fixture.directory, back);
    store_fixture_open(&fixture);
    EXPECT_TOLD(&fixture, A " a h 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_an_empty_file_becomes_a_store) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, 0);
    store_fixture_close(&fixture);
    ck_assert(truncate(in(fixture.directory, "mlpd.db"), 0) == 0);
    store_fixture_open(&fixture);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"));
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_database_that_another_program_has_open_is_said) {
    struct store_fixture fixture;
    sqlite3 *database;
    store_fixture_begin(&fixture, 0);
    store_fixture_close(&fixture);
    const pid_t child = fork(); /* locks of one process do not bar itself */
    if (child == 0) {
        const bool held = sqlite3_open(in(fixture.directory, "mlpd.db"), &database) == SQLITE_OK &&
                          sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
                                       NULL, NULL, NULL) == SQLITE_OK;
        struct store *store;
        struct error error = {.code = ERROR_NONE};
        const struct sqlite_store_settings settings = {.directory = fixture.directory};
        const bool refused = sqlite_store_open(&settings, &store, &error) == ERROR_INVALID;
        _exit(held && refused && strstr(error.message, "another program has") != NULL ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    store_fixture_open(&fixture);
    store_fixture_end(&fixture);
}
END_TEST

/* --- damaged pages, and the check ---------------------------------------------- */

static char told[8192];

static void keep_told(const char *problem) {
    const size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s\n", problem);
}

static struct store_check check(struct store_fixture *fixture) {
    struct store_check check;
    told[0] = '\0';
    const enum error_code code =
        sqlite_store_check(fixture->directory, keep_told, &check, &fixture->error);
    ck_assert_msg(code == ERROR_NONE, "%s", fixture->error.message);
    return check;
}

static void fill(struct store_fixture *fixture) {
    store_fixture_begin(fixture, 0);
    const char *ids[] = {A, B}, *names[] = {"digits", "other"};
    for (int i = 0; i < 2; i++) {
        const uint64_t blob = store_new_blob(fixture->store);
        COMMIT(fixture, STORE_OK, add_model(ids[i], names[i], "h"),
               append_bytes(ids[i], 1, 100000, 1), append_bytes(ids[i], 2, 100000, 2),
               append_bytes(ids[i], 3, 100000, 3), append_bytes(ids[i], 4, 3 << 20, 4),
               add_key(ids[i], "k", 1, "v"), add_chunk_bytes(ids[i], blob, 0, 100000, 5),
               add_chunk_bytes(ids[i], blob, 1, 100000, 6),
               put_snapshot_rows(ids[i], 1, blob, "s", 1, 1, 1, "r"),
               add_checkpoint(ids[i], 1, blob, "v"));
    }
    COMMIT(fixture, STORE_OK, add_key("", "k", 1, "v"));
}

START_TEST(test_a_whole_store_is_counted_and_stays_as_it_is) {
    struct store_fixture fixture;
    fill(&fixture);
    struct store_check refused;
    ck_assert(sqlite_store_check(fixture.directory, keep_told, &refused, &fixture.error) ==
              ERROR_INVALID);
    ck_assert_msg(strstr(fixture.error.message, "is in use by another mlpd, process") != NULL, "%s",
                  fixture.error.message);
    store_fixture_close(&fixture);
    struct stat before, after;
    ck_assert(stat(in(fixture.directory, "mlpd.db"), &before) == 0);
    const struct store_check found = check(&fixture);
    ck_assert_msg(found.damaged == 0, "%s", told);
    EXPECT_COUNT(found.models, 2);
    EXPECT_COUNT(found.entries, 6); /* the snapshots cover one each */
    EXPECT_COUNT(found.keys, 3);
    EXPECT_COUNT(found.checkpoints, 2);
    EXPECT_COUNT(found.chunks, 10);
    ck_assert(stat(in(fixture.directory, "mlpd.db"), &after) == 0);
    ck_assert(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
              before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_size == after.st_size);
    ck_assert(access(in(fixture.directory, "mlpd.db-wal"), F_OK) != 0);
    store_fixture_open(&fixture);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_the_check_goes_on_behind_what_is_damaged) {
    struct store_fixture fixture;
    fill(&fixture);
    store_fixture_damage(&fixture, DAMAGE_ENTRY, A, 2);
    store_fixture_damage(&fixture, LOSE_ENTRY, A, 3);
    store_fixture_damage(&fixture, DAMAGE_CHUNK, A, 1);
    store_fixture_damage(&fixture, LOSE_CHUNK, A, 1);
    store_fixture_damage(&fixture, DAMAGE_HEAD, B, 0);
    store_fixture_damage(&fixture, DAMAGE_CHECKPOINT, B, 1);
    store_fixture_close(&fixture);
    const struct store_check found = check(&fixture);
    static const char *const problems[] = {"entry 2 of model digits is damaged",
                                           "place 3 of model digits is missing",
                                           "chunk 0 is another",
                                           "of model digits: chunks of it are missing",
                                           "model other is damaged",
                                           "checkpoint 1 of model other is damaged"};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        ck_assert_msg(strstr(told, problems[i]) != NULL, "'%s' is not in:\n%s", problems[i], told);
    }
    EXPECT_COUNT(found.damaged, 6);
    EXPECT_COUNT(found.models, 1);
    EXPECT_COUNT(found.entries, 4);
    EXPECT_COUNT(found.checkpoints, 1);
    store_fixture_open(&fixture);
    store_fixture_end(&fixture);
}
END_TEST

/* Overwrite each page in turn: nothing crashes, nothing that is not what was written is told as
 * whole, and the check finds it. */
START_TEST(test_each_page_may_be_damaged) {
    struct store_fixture fixture;
    char copy[128], database[128], junk[8192];
    fill(&fixture);
    char *whole = store_fixture_tell(&fixture);
    char *line_of_a = strndup(whole, strcspn(whole, "\n"));
    char *line_of_b = strndup(strchr(whole, '\n') + 1, strcspn(strchr(whole, '\n') + 1, "\n"));
    store_fixture_close(&fixture);
    snprintf(database, sizeof database, "%s/mlpd.db", fixture.directory);
    snprintf(copy, sizeof copy, "%s/whole.db", fixture.directory);
    ck_assert(rename(database, copy) == 0);
    memset(junk, 0xa5, sizeof junk);
    struct stat status;
    ck_assert(stat(copy, &status) == 0);
    char *bytes = malloc((size_t)status.st_size);
    int from = open(copy, O_RDONLY);
    ck_assert(read(from, bytes, (size_t)status.st_size) == status.st_size);
    close(from);
    int quarantined = 0, refused = 0, pages = (int)(status.st_size / 8192);
    for (int page = 0; page < pages; page += page < 60 ? 1 : 13) {
        const int to = open(database, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        ck_assert(write(to, bytes, (size_t)status.st_size) == status.st_size);
        ck_assert(pwrite(to, junk, sizeof junk, (off_t)page * 8192) == sizeof junk);
        close(to);
        const struct sqlite_store_settings settings = {.directory = fixture.directory};
        if (sqlite_store_open(&settings, &fixture.store, &fixture.error) != ERROR_NONE) {
            refused++;
            continue;
        }
        struct error error;
        char *now = NULL;
        if (store_write_note(fixture.store, "n", "t", &error) != STORE_FATAL) {
            now = store_fixture_try_tell(&fixture);
        }
        if (now == NULL) {
            refused++;
        } else {
            /* Each line is whole or says that it is not. */
            const bool a = strstr(now, line_of_a) != NULL, b = strstr(now, line_of_b) != NULL;
            ck_assert_msg((a && b) || strstr(now, "CORRUPT") != NULL, "page %d:\n%s", page, now);
            quarantined += a != b;
        }
        free(now);
        store_fixture_close(&fixture);
    }
    ck_assert_msg(quarantined > 10, "%d of %d pages damaged one model only, %d refused",
                  quarantined, pages, refused);
    ck_assert_msg(refused < pages / 4, "%d of %d pages damaged all", refused, pages);
    free(bytes);
    free(whole);
    free(line_of_a);
    free(line_of_b);
    store_fixture_remove(fixture.directory);
}
END_TEST

START_TEST(test_a_directory_without_a_store_is_not_checked) {
    char directory[64];
    struct store_check found;
    struct error error;
    store_fixture_directory(directory);
    ck_assert(sqlite_store_check(directory, keep_told, &found, &error) == ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "there is no store in") != NULL, "%s", error.message);
    ck_assert(rmdir(directory) == 0); /* and none is made */
    ck_assert(sqlite_store_check(directory, keep_told, &found, &error) == ERROR_INVALID);
}
END_TEST

Suite *suite_store_sqlite(void) {
    Suite *suite = suite_create("store_sqlite");
    TCase *tests = tcase_create("sqlite");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_directory_and_files_are_their_owners_alone);
    tcase_add_test(tests, test_a_directory_has_one_daemon_and_the_second_is_told_which);
    tcase_add_test(tests, test_what_is_no_directory_or_cannot_be_made_is_said);
    tcase_add_test(tests, test_a_directory_of_anothers_or_without_the_right_to_write_is_said);
    tcase_add_test(tests, test_a_link_to_a_directory_is_followed_and_one_to_a_database_is_not);
    tcase_add_test(tests, test_a_file_that_is_no_database_is_left_alone);
    tcase_add_test(tests, test_a_database_of_another_program_is_left_alone);
    tcase_add_test(tests, test_a_newer_version_is_refused_and_stays_as_it_is);
    tcase_add_test(tests, test_an_empty_file_becomes_a_store);
    tcase_add_test(tests, test_a_database_that_another_program_has_open_is_said);
    tcase_add_test(tests, test_a_whole_store_is_counted_and_stays_as_it_is);
    tcase_add_test(tests, test_the_check_goes_on_behind_what_is_damaged);
    tcase_add_test(tests, test_each_page_may_be_damaged);
    tcase_add_test(tests, test_a_directory_without_a_store_is_not_checked);
    suite_add_tcase(suite, tests);
    return suite;
}
