/* core/store/store.h, what is made of blobs: snapshots, checkpoints, large payloads; and that what
 * is not referred to goes.  For each backend. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define A "00000000000000aa"
#define B "00000000000000bb"

static enum store_result read_chunk(struct store_fixture *fixture, uint64_t blob, uint64_t index) {
    static char chunk[STORE_CHUNK_BYTES_MAX];
    size_t bytes;
    return store_read_chunk(fixture->store, blob, index, chunk, sizeof chunk, &bytes,
                            &fixture->error);
}

static void begin(struct store_fixture *fixture, int which) {
    store_fixture_begin(fixture, which);
    COMMIT(fixture, STORE_OK, add_model(A, "a", "h"));
}

/* --- blobs --------------------------------------------------------------------- */

START_TEST(test_numbers_of_blobs_are_never_given_twice) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    uint64_t last = 0;
    for (int life = 0; life < 3; life++) {
        for (int i = 0; i < 3; i++) {
            const uint64_t blob = store_new_blob(fixture.store);
            ck_assert(blob > last);
            last = blob;
        }
        store_fixture_reopen(&fixture);
    }
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_blob_is_written_over_several_commits_before_its_model_is_there) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 1, ""));
    COMMIT(&fixture, STORE_OK, add_chunk_bytes(A, blob, 2, STORE_CHUNK_BYTES_MAX, 1),
           add_model(A, "a", "h"), put_snapshot(A, 0, blob, "s"));
    store_fixture_reopen(&fixture);
    char *told = store_fixture_tell(&fixture);
    ck_assert_msg(strstr(told, " a h [0 s=zero++1048576:") != NULL, "%s", told);
    free(told);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_chunk_is_taken_once_and_a_blob_in_use_grows_no_more) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"));
    COMMIT(&fixture, STORE_TAKEN, add_chunk(A, blob, 0, "other"));
    COMMIT(&fixture, STORE_OK, put_snapshot(A, 0, blob, "s"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"));
    COMMIT(&fixture, STORE_TAKEN, add_chunk(A, blob, 1, "one"));
    COMMIT(&fixture, STORE_TAKEN, remove_blob(A, blob));
    EXPECT_TOLD(&fixture, A " a h [0 s=zero] 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_blob_that_is_not_whole_is_not_taken) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store), none = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"), add_chunk(A, blob, 2, "two"));
    COMMIT(&fixture, STORE_TAKEN, put_snapshot(A, 0, blob, "s"));
    COMMIT(&fixture, STORE_TAKEN, add_checkpoint(A, 1, blob, "s"));
    COMMIT(&fixture, STORE_FENCED, put_snapshot(A, 0, none, "s"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 1, "one"), put_snapshot(A, 0, blob, "s"));
    EXPECT_TOLD(&fixture, A " a h [0 s=zero+one+two] 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_blob_that_nothing_refers_to_goes_when_the_store_is_opened) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store), used = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"), add_chunk(A, used, 0, "used"),
           put_snapshot(A, 0, used, "s"));
    store_fixture_tidy(&fixture); /* it may be referred to yet */
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 0), STORE_OK);
    store_fixture_reopen(&fixture);
    store_fixture_tidy(&fixture);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 0), STORE_CORRUPT);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, used, 0), STORE_OK);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_blob_that_nothing_refers_to_is_removed) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, remove_blob(A, blob)); /* not there: removed */
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"), remove_blob(A, blob));
    COMMIT(&fixture, STORE_OK, remove_blob(A, blob));
    COMMIT(&fixture, STORE_FENCED, put_snapshot(A, 0, blob, "s"));
    store_fixture_tidy(&fixture);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 0), STORE_CORRUPT);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_chunk_that_does_not_fit_or_is_not_there_is_corrupt) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    char chunk[4] = "";
    size_t bytes = 0;
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "zero"));
    EXPECT_RESULT(&fixture,
                  store_read_chunk(fixture.store, blob, 0, chunk, 4, &bytes, &fixture.error),
                  STORE_OK);
    ck_assert(bytes == 4 && memcmp(chunk, "zero", 4) == 0);
    EXPECT_RESULT(&fixture,
                  store_read_chunk(fixture.store, blob, 0, chunk, 3, &bytes, &fixture.error),
                  STORE_CORRUPT);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 1), STORE_CORRUPT);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob + 1, 0), STORE_CORRUPT);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, UINT64_MAX, 0), STORE_CORRUPT);
    store_fixture_end(&fixture);
}
END_TEST

/* --- snapshots ----------------------------------------------------------------- */

START_TEST(test_a_snapshot_replaces_the_one_before_and_what_it_covers) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t old = store_new_blob(fixture.store), new = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, append(A, 1, "one"), append_several(A, 2, 3, "two to four"),
           append(A, 5, "five"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, old, 0, "old"), put_snapshot(A, 1, old, "s1"));
    EXPECT_TOLD(&fixture, A " a h [1 s1=old] 5: 2-4 two to four; 5-5 five; \n-: ");
    COMMIT(&fixture, STORE_OK, add_chunk(A, new, 0, "new"), put_snapshot(A, 3, new, "s3"));
    /* What reaches behind it stays. */
    EXPECT_TOLD(&fixture, A " a h [3 s3=new] 5: 2-4 two to four; 5-5 five; \n-: ");
    COMMIT(&fixture, STORE_TAKEN, put_snapshot(A, 2, 0, "s2")); /* not back */
    COMMIT(&fixture, STORE_OK, put_snapshot(A, 5, 0, "s5"));
    EXPECT_TOLD(&fixture, A " a h [5 s5] 5: \n-: ");
    COMMIT(&fixture, STORE_OK, append(A, 4, "covered: made, and gone"), append(A, 6, "six"));
    COMMIT(&fixture, STORE_TAKEN, append_several(A, 5, 3, "half covered"));
    for (int i = 0; i < 2; i++) {
        EXPECT_TOLD(&fixture, A " a h [5 s5] 6: 6-6 six; \n-: ");
        store_fixture_tidy(&fixture);
        EXPECT_RESULT(&fixture, read_chunk(&fixture, old, 0), STORE_CORRUPT);
        EXPECT_RESULT(&fixture, read_chunk(&fixture, new, 0), STORE_CORRUPT);
        store_fixture_reopen(&fixture);
    }
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_snapshot_at_the_same_place_replaces_too) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "c"), put_snapshot(A, 0, blob, "s"));
    COMMIT(&fixture, STORE_OK, put_snapshot(A, 0, blob, "t")); /* the same blob: it stays */
    store_fixture_tidy(&fixture);
    EXPECT_TOLD(&fixture, A " a h [0 t=c] 0: \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_the_history_grows_with_snapshots_and_is_cut_at_its_old_end) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, put_snapshot_rows(A, 0, 0, "s", 1, 3, 0, "1..3"));
    COMMIT(&fixture, STORE_OK, put_snapshot_rows(A, 0, 0, "t", 4, 6, 1, "4..6"));
    COMMIT(&fixture, STORE_TAKEN, put_snapshot_rows(A, 0, 0, "u", 6, 8, 1, "6..8"));
    COMMIT(&fixture, STORE_TAKEN, put_snapshot_rows(A, 0, 0, "u", 4, 6, 1, "other"));
    EXPECT_TOLD(&fixture, A " a h [0 t] 0: rows 1-3 1..3; rows 4-6 4..6; \n-: ");
    COMMIT(&fixture, STORE_OK, put_snapshot_rows(A, 0, 0, "u", 7, 9, 3, "7..9"));
    EXPECT_TOLD(&fixture, A " a h [0 u] 0: rows 1-3 1..3; rows 4-6 4..6; rows 7-9 7..9; \n-: ");
    COMMIT(&fixture, STORE_OK, put_snapshot_rows(A, 0, 0, "v", 0, 0, 4, ""));
    EXPECT_TOLD(&fixture, A " a h [0 v] 0: rows 4-6 4..6; rows 7-9 7..9; \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

/* --- checkpoints --------------------------------------------------------------- */

START_TEST(test_checkpoints_are_read_by_version_and_removed) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t one = store_new_blob(fixture.store), two = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, two, 0, "c2"), add_checkpoint(A, 2, two, "two"));
    COMMIT(&fixture, STORE_OK, add_chunk(A, one, 0, "c1"), add_checkpoint(A, 1, one, "one"),
           add_checkpoint(A, 10, 0, "ten"));
    COMMIT(&fixture, STORE_TAKEN, add_checkpoint(A, 2, two, "other"));
    COMMIT(&fixture, STORE_TAKEN, add_checkpoint(A, 2, one, "two"));
    EXPECT_TOLD(&fixture, A " a h 0: v1 one=c1; v2 two=c2; v10 ten; \n-: ");
    COMMIT(&fixture, STORE_OK, remove_checkpoint(A, 2), remove_checkpoint(A, 3));
    store_fixture_tidy(&fixture);
    EXPECT_TOLD(&fixture, A " a h 0: v1 one=c1; v10 ten; \n-: ");
    EXPECT_RESULT(&fixture, read_chunk(&fixture, two, 0), STORE_CORRUPT);
    COMMIT(&fixture, STORE_OK, add_checkpoint(A, 2, 0, "again"));
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, A " a h 0: v1 one=c1; v2 again; v10 ten; \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_blob_of_two_goes_with_the_second) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    COMMIT(&fixture, STORE_OK, add_chunk(A, blob, 0, "c"), put_snapshot(A, 0, blob, "s"),
           add_checkpoint(A, 1, blob, "v"));
    COMMIT(&fixture, STORE_OK, remove_checkpoint(A, 1));
    store_fixture_tidy(&fixture);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 0), STORE_OK);
    COMMIT(&fixture, STORE_OK, put_snapshot(A, 0, 0, "s"));
    store_fixture_tidy(&fixture);
    EXPECT_RESULT(&fixture, read_chunk(&fixture, blob, 0), STORE_CORRUPT);
    store_fixture_end(&fixture);
}
END_TEST

/* --- large payloads ------------------------------------------------------------ */

/* Of every kind of payload that may be large; sizes at the borders of chunks. */
START_TEST(test_a_payload_of_several_chunks_is_one_payload) {
    static const size_t sizes[] = {STORE_CHUNK_BYTES_MAX - 1, STORE_CHUNK_BYTES_MAX,
                                   STORE_CHUNK_BYTES_MAX + 1, 2 * STORE_CHUNK_BYTES_MAX,
                                   3 * STORE_CHUNK_BYTES_MAX + 5};
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct store_change all[] = {
            add_model(A, "a", ""),       append_bytes(A, 1, sizes[i], 1),
            add_key(A, "k", 1, ""),      put_snapshot_rows(A, 0, 0, "", 1, 1, 1, ""),
            add_checkpoint(A, 1, 0, ""), append_bytes(A, 2, sizes[i], 2)};
        all[0].add_model.head = payload_bytes(sizes[i], 3);
        all[2].add_key.payload = payload_bytes(sizes[i], 4);
        all[3].put_snapshot.head = payload_bytes(sizes[i], 5);
        all[3].put_snapshot.history = payload_bytes(sizes[i], 6);
        all[4].add_checkpoint.head = payload_bytes(sizes[i], 7);
        char *told = NULL;
        for (int round = 0; round < 2; round++) { /* again, too */
            EXPECT_RESULT(
                &fixture,
                store_commit(fixture.store, all, sizeof all / sizeof *all, &fixture.error),
                STORE_OK);
            store_fixture_reopen(&fixture);
            char *now = store_fixture_tell(&fixture);
            ck_assert_msg(strstr(now, "CORRUPT") == NULL, "%s", now);
            ck_assert_msg(told == NULL || strcmp(told, now) == 0, "%s\n%s", told, now);
            free(told);
            told = now;
        }
        free(told);
        all[1].append.payload = payload_bytes(sizes[i], 8);
        EXPECT_RESULT(&fixture, store_commit(fixture.store, all, 2, &fixture.error), STORE_TAKEN);
        COMMIT(&fixture, STORE_OK, remove_model(A));
        EXPECT_TOLD(&fixture, "-: ");
        store_fixture_tidy(&fixture);
    }
    store_fixture_end(&fixture);
}
END_TEST

/* More than a backend may want to write at once. */
START_TEST(test_a_very_large_set_of_changes_is_made_as_a_whole_or_not_at_all) {
    enum { ENTRIES = 100, BYTES = 700000 };
    struct store_fixture fixture;
    begin(&fixture, _i);
    const uint64_t blob = store_new_blob(fixture.store);
    struct store_change changes[ENTRIES + 4];
    size_t count = 0;
    changes[count++] = add_chunk_bytes(A, blob, 0, STORE_CHUNK_BYTES_MAX, 9);
    for (unsigned i = 1; i <= ENTRIES; i++) {
        changes[count++] = append_bytes(A, i, i % 10 == 0 ? 5 : BYTES, i);
    }
    changes[count++] = add_checkpoint(A, 1, blob, "v");
    changes[count++] = append_bytes(A, ENTRIES + 1, 20 << 20, 99);
    changes[count++] = append(A, ENTRIES + 3, "behind a gap");
    EXPECT_RESULT(&fixture, store_commit(fixture.store, changes, count, &fixture.error),
                  STORE_TAKEN);
    EXPECT_TOLD(&fixture, A " a h 0: \n-: ");
    const uint64_t bytes_after = store_look(fixture.store).bytes;
    ck_assert(bytes_after > 0);
    store_fixture_tidy(&fixture); /* what was written for nothing goes */
    store_fixture_tidy(&fixture); /* and where nothing else is done, its space */
    ck_assert_msg(store_look(fixture.store).bytes < (24u << 20), "%llu bytes are left",
                  (unsigned long long)store_look(fixture.store).bytes);
    count--;
    EXPECT_RESULT(&fixture, store_commit(fixture.store, changes, count, &fixture.error), STORE_OK);
    char *told = store_fixture_tell(&fixture);
    /* Handed over again, at once and in parts. */
    EXPECT_RESULT(&fixture, store_commit(fixture.store, changes, count, &fixture.error), STORE_OK);
    EXPECT_RESULT(&fixture, store_commit(fixture.store, changes + 1, 10, &fixture.error), STORE_OK);
    store_fixture_tidy(&fixture);
    EXPECT_TOLD(&fixture, told);
    store_fixture_reopen(&fixture);
    EXPECT_TOLD(&fixture, told);
    ck_assert_msg(strstr(told, "CORRUPT") == NULL && strstr(told, "101-101 20971520:") != NULL,
                  "%s", told);
    free(told);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_what_is_removed_gives_its_space_back) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    for (unsigned i = 1; i <= 10; i++) {
        COMMIT(&fixture, STORE_OK, append_bytes(A, i, 4 << 20, i));
    }
    COMMIT(&fixture, STORE_OK, add_model(B, "b", "h"), append(B, 1, "b1"));
    store_fixture_reopen(&fixture);
    const uint64_t full = store_look(fixture.store).bytes;
    ck_assert(full > (40u << 20));
    COMMIT(&fixture, STORE_OK, remove_model(A));
    store_fixture_tidy(&fixture);
    const uint64_t left = store_look(fixture.store).bytes;
    ck_assert_msg(left < full / 2, "%llu of %llu bytes are left", (unsigned long long)left,
                  (unsigned long long)full);
    EXPECT_TOLD(&fixture, B " b h 1: 1-1 b1; \n-: ");
    store_fixture_end(&fixture);
}
END_TEST

Suite *suite_store_blobs(void) {
    Suite *suite = suite_create("store_blobs");
    TCase *tests = tcase_create("blobs");
    tcase_set_timeout(tests, 120);
    const TTest *const all[] = {
        test_numbers_of_blobs_are_never_given_twice,
        test_a_blob_is_written_over_several_commits_before_its_model_is_there,
        test_a_chunk_is_taken_once_and_a_blob_in_use_grows_no_more,
        test_a_blob_that_is_not_whole_is_not_taken,
        test_a_blob_that_nothing_refers_to_goes_when_the_store_is_opened,
        test_a_blob_that_nothing_refers_to_is_removed,
        test_a_chunk_that_does_not_fit_or_is_not_there_is_corrupt,
        test_a_snapshot_replaces_the_one_before_and_what_it_covers,
        test_a_snapshot_at_the_same_place_replaces_too,
        test_the_history_grows_with_snapshots_and_is_cut_at_its_old_end,
        test_checkpoints_are_read_by_version_and_removed,
        test_a_blob_of_two_goes_with_the_second,
        test_a_payload_of_several_chunks_is_one_payload,
        test_a_very_large_set_of_changes_is_made_as_a_whole_or_not_at_all,
        test_what_is_removed_gives_its_space_back,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tcase_add_loop_test(tests, all[i], 0, store_backend_count);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
