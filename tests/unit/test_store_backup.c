/* core/store/store.h, the store as a whole: backups, durability, figures.  For each backend. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define A "00000000000000aa"

/* What the backup of that name holds, opened as a store of its own. */
static char *tell_backup(struct store_fixture *fixture, const char *name) {
    struct store_fixture copy = {.backend = fixture->backend};
    char path[256];
    fixture->backend->find_backup(fixture->directory, name, path, sizeof path);
    const enum error_code code = copy.backend->open(path, STORE_ALWAYS, &copy.store, &copy.error);
    ck_assert_msg(code == ERROR_NONE, "%s", copy.error.message);
    char *told = store_fixture_tell(&copy);
    store_close(copy.store);
    return told;
}

static void fill(struct store_fixture *fixture, unsigned entries) {
    const uint64_t blob = store_new_blob(fixture->store);
    COMMIT(fixture, STORE_OK, add_model(A, "a", "h"), add_chunk(A, blob, 0, "c"),
           put_snapshot_rows(A, 0, blob, "s", 1, 1, 1, "r"), add_key(A, "k", 1, "v"),
           add_checkpoint(A, 1, blob, "v"));
    for (unsigned i = 1; i <= entries; i++) {
        COMMIT(fixture, STORE_OK, append_bytes(A, i, 1 << 20, i));
    }
}

START_TEST(test_a_backup_opens_and_holds_the_same) {
    struct store_fixture fixture;
    bool more = true;
    uint64_t bytes = 0;
    store_fixture_begin(&fixture, _i);
    fill(&fixture, 20);
    int pieces = 0;
    for (; more; pieces++) {
        EXPECT_RESULT(&fixture,
                      store_backup(fixture.store, "first.1", &more, &bytes, &fixture.error),
                      STORE_OK);
    }
    ck_assert_msg(pieces > 2, "%d pieces", pieces);
    ck_assert_msg(bytes > (20u << 20), "%llu bytes", (unsigned long long)bytes);
    char *told = store_fixture_tell(&fixture), *copied = tell_backup(&fixture, "first.1");
    EXPECT_TEXT(copied, told);
    EXPECT_RESULT(&fixture, store_backup(fixture.store, "first.1", &more, &bytes, &fixture.error),
                  STORE_TAKEN);
    EXPECT_TOLD(&fixture, told);
    free(told);
    free(copied);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_backup_is_of_the_instant_in_which_it_ends) {
    struct store_fixture fixture;
    bool more = true;
    uint64_t bytes, place = 20;
    store_fixture_begin(&fixture, _i);
    fill(&fixture, (unsigned)place);
    while (true) {
        EXPECT_RESULT(&fixture, store_backup(fixture.store, "b", &more, &bytes, &fixture.error),
                      STORE_OK);
        if (!more) {
            break;
        }
        place++; /* what has been copied changes, too */
        COMMIT(&fixture, STORE_OK, append_bytes(A, place, 300000, (unsigned)place),
               put_snapshot(A, place - 10, 0, "t"));
        bool tidied;
        EXPECT_RESULT(&fixture, store_tidy(fixture.store, &tidied, &fixture.error), STORE_OK);
    }
    char *told = store_fixture_tell(&fixture), *copied = tell_backup(&fixture, "b");
    EXPECT_TEXT(copied, told);
    free(told);
    free(copied);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_backup_that_was_given_up_is_made_anew) {
    struct store_fixture fixture;
    bool more = true;
    uint64_t bytes;
    store_fixture_begin(&fixture, _i);
    fill(&fixture, 20);
    for (int i = 0; i < 2; i++) {
        EXPECT_RESULT(&fixture, store_backup(fixture.store, "b", &more, &bytes, &fixture.error),
                      STORE_OK);
    }
    ck_assert(more);
    EXPECT_RESULT(&fixture, store_backup(fixture.store, "c", &more, &bytes, &fixture.error),
                  STORE_OK);
    store_fixture_reopen(&fixture);
    COMMIT(&fixture, STORE_OK, append(A, 21, "more"));
    do {
        EXPECT_RESULT(&fixture, store_backup(fixture.store, "b", &more, &bytes, &fixture.error),
                      STORE_OK);
    } while (more);
    char *told = store_fixture_tell(&fixture), *copied = tell_backup(&fixture, "b");
    EXPECT_TEXT(copied, told);
    free(told);
    free(copied);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_backups_name_is_no_path) {
    static const char *const names[] = {"", ".", "..", "a/b", "../a", "a b", ".hidden", "ä"};
    struct store_fixture fixture;
    bool more;
    uint64_t bytes;
    store_fixture_begin(&fixture, _i);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        EXPECT_RESULT(&fixture,
                      store_backup(fixture.store, names[i], &more, &bytes, &fixture.error),
                      STORE_TAKEN);
    }
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_each_durability_keeps_what_was_committed_over_an_orderly_end) {
    for (int durability = STORE_ALWAYS; durability <= STORE_NONE; durability++) {
        struct store_fixture fixture = {.backend = store_backends[_i]};
        store_fixture_directory(fixture.directory);
        ck_assert(fixture.backend->open(fixture.directory, durability, &fixture.store,
                                        &fixture.error) == ERROR_NONE);
        fill(&fixture, 2);
        const struct store_figures before = store_look(fixture.store);
        ck_assert((before.bytes_unsynced == 0) == (durability == STORE_ALWAYS));
        ck_assert(before.commits == 3 && before.bytes > (2u << 20));
        EXPECT_RESULT(&fixture, store_sync(fixture.store, &fixture.error), STORE_OK);
        const struct store_figures after = store_look(fixture.store);
        ck_assert(after.bytes_unsynced == 0 && after.syncs > before.syncs);
        char *told = store_fixture_tell(&fixture);
        store_fixture_reopen(&fixture);
        EXPECT_TOLD(&fixture, told);
        free(told);
        store_fixture_end(&fixture);
    }
}
END_TEST

Suite *suite_store_backup(void) {
    Suite *suite = suite_create("store_backup");
    TCase *tests = tcase_create("backup");
    tcase_set_timeout(tests, 60);
    const TTest *const all[] = {
        test_a_backup_opens_and_holds_the_same,
        test_a_backup_is_of_the_instant_in_which_it_ends,
        test_a_backup_that_was_given_up_is_made_anew,
        test_a_backups_name_is_no_path,
        test_each_durability_keeps_what_was_committed_over_an_orderly_end,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tcase_add_loop_test(tests, all[i], 0, store_backend_count);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
