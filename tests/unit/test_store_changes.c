/* core/store/store.h, the changes: what each does, that it may be handed over again, and what it
 * answers where something else is there.  For each backend. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define A "00000000000000aa"
#define B "00000000000000bb"
#define C "00000000000000cc"

START_TEST(test_a_new_store_is_empty) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    EXPECT_TOLD(&fixture, "-: ");
    COMMIT(&fixture, STORE_OK, remove_model(A)); /* not there: removed */
    EXPECT_TOLD(&fixture, "-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_everything_is_there_after_reopening) {
    static const char wanted[] =
        A " a head-a [2 snap=c0+c1] 4: 3-3 three; 4-4 four; "
          "k1@10 one; k2@20 two; rows 1-2 ab; v1 cp=d0; \n" B " b head-b 0: \n-: none@5 x; ";
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store), other = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "head-a"), append(A, 1, "one"),
           append(A, 2, "two"), add_key(A, "k1", 10, "one"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "c0"), add_chunk(A, blob, 1, "c1"));
    COMMIT(&fixture, STORE_OK, add_model(B, "b", "head-b"), append(A, 3, "three"),
           add_key(A, "k2", 20, "two"), add_key("", "none", 5, "x"));
    COMMIT(&fixture, STORE_OK, put_snapshot_rows(A, 2, blob, "snap", 1, 2, 1, "ab"),
           append(A, 4, "four"), add_chunk(A, other, 0, "d0"), add_checkpoint(A, 1, other, "cp"));
    EXPECT_TOLD(&fixture, wanted);
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, wanted);
    store_fixture_tidy(&fixture);
    EXPECT_TOLD(&fixture, wanted);
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, wanted);
    store_fixture_end(&fixture);
}
END_TEST

/* --- a commit as a whole ------------------------------------------------------- */

START_TEST(test_of_changes_all_are_made_or_none) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"), append(A, 1, "one"));
    char *before = store_fixture_tell(&fixture);
    COMMIT(&fixture, STORE_TAKEN, append(A, 2, "two"), add_key(A, "k", 1, "k"),
           add_model(B, "b", "h"), put_snapshot(A, 1, 0, "s"), append(A, 2, "another"));
    EXPECT_TOLD(&fixture, before);
    COMMIT(&fixture, STORE_FENCED, append(A, 2, "two"), append(C, 1, "one"));
    EXPECT_TOLD(&fixture, before);
    COMMIT(&fixture, STORE_FENCED, remove_model(A), append(A, 2, "two"));
    EXPECT_TOLD(&fixture, before);
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, before);
    free(before);
    COMMIT(&fixture, STORE_OK, append(A, 2, "two")); /* and it goes on */
    EXPECT_ENTRIES(&fixture, A, 0, "1-1 one; 2-2 two; ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_all_changes_may_be_handed_over_again) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    for (int i = 0; i < 3; i++) {
        COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"), append(A, 1, "one"),
               append_several(A, 2, 3, "two to four"), add_key(A, "k", 1, "v"),
               add_key("", "none", 1, "v"), prune_keys(A, 0, 10), add_chunk(A, blob, 0, "c"),
               put_snapshot_rows(A, 1, blob, "s", 1, 3, 1, "rows"), add_checkpoint(A, 1, blob, "c"),
               add_checkpoint(A, 2, 0, "c"), remove_checkpoint(A, 2), add_model(B, "b", "h"),
               remove_model(B));
        EXPECT_TOLD(&fixture, A " a h [1 s=c] 4: 2-4 two to four; k@1 v; rows 1-3 rows; v1 c=c; \n"
                                "-: none@1 v; ");
        if (i == 1) {
            store_fixture_tidy(&fixture);
            store_fixture_reopen(&fixture);
        }
    }
    store_fixture_end(&fixture);
}
END_TEST

/* --- models -------------------------------------------------------------------- */

START_TEST(test_another_model_of_the_same_name_or_id_is_refused) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"));
    COMMIT(&fixture, STORE_TAKEN, add_model(B, "a", "h"));
    COMMIT(&fixture, STORE_TAKEN, add_model(A, "b", "h"));
    COMMIT(&fixture, STORE_TAKEN, add_model(A, "a", "other"));
    COMMIT(&fixture, STORE_OK, add_model(B, "A", "h")); /* names are what they are, to the bit */
    EXPECT_TOLD(&fixture, A " a h 0: \n" B " A h 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_removed_models_name_is_free_at_once_and_nothing_of_it_is_left) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"), append(A, 1, "one"), add_key(A, "k", 1, "v"),
           add_chunk(A, blob, 0, "c"), put_snapshot_rows(A, 1, blob, "s", 1, 1, 1, "r"),
           add_checkpoint(A, 1, blob, "c"), append(A, 2, "two"));
    COMMIT(&fixture, STORE_OK, remove_model(A), add_model(B, "a", "new"));
    EXPECT_TOLD(&fixture, B " a new 0: \n-: ");
    COMMIT(&fixture, STORE_FENCED, append(A, 3, "three"));
    COMMIT(&fixture, STORE_FENCED, add_key(A, "l", 1, "v"));
    COMMIT(&fixture, STORE_FENCED, put_snapshot(A, 2, 0, "s"));
    COMMIT(&fixture, STORE_FENCED, add_checkpoint(A, 2, 0, "s"));
    EXPECT_RESULT(&fixture, store_read_entries(fixture.store, A, 0, NULL, NULL, &fixture.error),
                  STORE_FENCED);
    store_fixture_tidy(&fixture);
    size_t bytes;
    char chunk[8];
    EXPECT_RESULT(
        &fixture,
        store_read_chunk(fixture.store, blob, 0, chunk, sizeof chunk, &bytes, &fixture.error),
        STORE_CORRUPT);
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, B " a new 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_models_are_read_in_the_order_in_which_they_were_added) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(C, "z", "1"));
    COMMIT(&fixture, STORE_OK, add_model(A, "y", "2"), add_model(B, "x", "3"));
    COMMIT(&fixture, STORE_OK, remove_model(C));
    COMMIT(&fixture, STORE_OK, add_model(C, "a", "4"));
    EXPECT_TOLD(&fixture, A " y 2 0: \n" B " x 3 0: \n" C " a 4 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

/* --- the log ------------------------------------------------------------------- */

START_TEST(test_places_are_taken_once_and_in_order) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"));
    COMMIT(&fixture, STORE_TAKEN, append(A, 2, "two")); /* a gap */
    COMMIT(&fixture, STORE_OK, append(A, 1, "one"), append_several(A, 2, 4, "two to five"));
    COMMIT(&fixture, STORE_TAKEN, append(A, 1, "another"));
    COMMIT(&fixture, STORE_TAKEN, append(A, 5, "five"));
    COMMIT(&fixture, STORE_TAKEN, append_several(A, 4, 2, "two to five"));
    COMMIT(&fixture, STORE_TAKEN, append_several(A, 2, 5, "two to five"));
    COMMIT(&fixture, STORE_TAKEN, append(A, 7, "seven")); /* a gap */
    COMMIT(&fixture, STORE_OK, append(A, 6, "six"));
    struct store_change other_kind = append(A, 6, "six");
    other_kind.append.kind = 8;
    COMMIT(&fixture, STORE_TAKEN, other_kind);
    EXPECT_ENTRIES(&fixture, A, 0, "1-1 one; 2-5 two to five; 6-6 six; ");
    EXPECT_ENTRIES(&fixture, A, 1, "2-5 two to five; 6-6 six; ");
    EXPECT_ENTRIES(&fixture, A, 2, "2-5 two to five; 6-6 six; "); /* it ends behind 2 */
    EXPECT_ENTRIES(&fixture, A, 5, "6-6 six; ");
    EXPECT_ENTRIES(&fixture, A, 6, "");
    EXPECT_ENTRIES(&fixture, A, UINT64_MAX, "");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_logs_of_models_are_apart) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"), add_model(B, "b", "h"), append(B, 1, "b1"),
           append(A, 1, "a1"), append(B, 2, "b2"));
    COMMIT(&fixture, STORE_OK, append(A, 2, "a2"), append(B, 3, "b3"));
    COMMIT(&fixture, STORE_OK, put_snapshot(B, 2, 0, "s"));
    EXPECT_ENTRIES(&fixture, A, 0, "1-1 a1; 2-2 a2; ");
    EXPECT_ENTRIES(&fixture, B, 0, "3-3 b3; ");
    store_fixture_end(&fixture);
}
END_TEST

/* --- keys ---------------------------------------------------------------------- */

START_TEST(test_keys_are_read_in_the_order_of_their_times_and_pruned_by_age_and_number) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"), add_key(A, "x", 30, "3"),
           add_key(A, "y", 10, "1"), add_key(A, "z", 20, "2"), add_key(A, "w", 40, "4"),
           add_key("", "x", 10, "0"));
    COMMIT(&fixture, STORE_OK, add_key(A, "x", 5, "other"));
    EXPECT_TOLD(&fixture, A " a h 0: x@5 other; y@10 1; z@20 2; w@40 4; \n-: x@10 0; ");
    COMMIT(&fixture, STORE_OK, add_key(A, "x", 30, "3"));
    EXPECT_TOLD(&fixture, A " a h 0: y@10 1; z@20 2; x@30 3; w@40 4; \n-: x@10 0; ");
    COMMIT(&fixture, STORE_OK, prune_keys(A, 20, 10));
    EXPECT_TOLD(&fixture, A " a h 0: z@20 2; x@30 3; w@40 4; \n-: x@10 0; ");
    COMMIT(&fixture, STORE_OK, prune_keys(A, 0, 1));
    EXPECT_TOLD(&fixture, A " a h 0: w@40 4; \n-: x@10 0; ");
    COMMIT(&fixture, STORE_OK, prune_keys("", 11, UINT64_MAX), add_key(A, "x", 50, "again"));
    EXPECT_TOLD(&fixture, A " a h 0: w@40 4; x@50 again; \n-: ");
    COMMIT(&fixture, STORE_OK, prune_keys(A, 0, 0));
    EXPECT_TOLD(&fixture, A " a h 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

Suite *suite_store_changes(void) {
    Suite *suite = suite_create("store_changes");
    TCase *tests = tcase_create("changes");
    tcase_set_timeout(tests, 60);
    const TTest *const all[] = {
        test_a_new_store_is_empty,
        test_everything_is_there_after_reopening,
        test_of_changes_all_are_made_or_none,
        test_all_changes_may_be_handed_over_again,
        test_another_model_of_the_same_name_or_id_is_refused,
        test_a_removed_models_name_is_free_at_once_and_nothing_of_it_is_left,
        test_models_are_read_in_the_order_in_which_they_were_added,
        test_places_are_taken_once_and_in_order,
        test_logs_of_models_are_apart,
        test_keys_are_read_in_the_order_of_their_times_and_pruned_by_age_and_number,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tcase_add_loop_test(tests, all[i], 0, store_backend_count);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
