/* core/store/store.h, what is damaged: it is told of the model that it belongs to, and the others
 * are read.  For each backend. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define A "00000000000000aa"
#define B "00000000000000bb"

#define B_TOLD B " other h [1 s=c] 2: 2-2 two; k@1 v; rows 1-1 r; v1 v=c; \n-: "

static uint64_t blob_of_a;

/* Two models alike. */
static void begin(struct store_fixture *fixture, int which) {
    store_fixture_begin(fixture, which);
    const char *ids[] = {A, B}, *names[] = {"digits", "other"};
    for (int i = 0; i < 2; i++) {
        const uint64_t blob = store_new_blob(fixture->store);
        COMMIT(fixture, STORE_OK, add_model(ids[i], names[i], "h"), append(ids[i], 1, "one"),
               append(ids[i], 2, "two"), add_key(ids[i], "k", 1, "v"),
               add_chunk(ids[i], blob, 0, "c"),
               put_snapshot_rows(ids[i], 1, blob, "s", 1, 1, 1, "r"),
               add_checkpoint(ids[i], 1, blob, "v"));
        blob_of_a = i == 0 ? blob : blob_of_a;
    }
}

/* What is told of both, and that the last error names the model. */
static void expect_told(struct store_fixture *fixture, const char *of_a) {
    char wanted[512];
    snprintf(wanted, sizeof wanted, "%s\n%s", of_a, B_TOLD);
    fixture->problem.message[0] = '\0';
    EXPECT_TOLD(fixture, wanted);
    ck_assert_msg(strstr(of_a, "digits CORRUPT") != NULL ||
                      strstr(fixture->problem.message, "digits") != NULL,
                  "'%s' does not name the model", fixture->problem.message);
}

static bool see_problem(const struct store_model *model, void *context) {
    struct store_fixture *fixture = context;
    if (model->corrupt) {
        ck_assert_msg(strstr(model->problem, model->name) != NULL, "%s", model->problem);
        fixture->error.code = ERROR_INTERNAL;
    }
    return true;
}

START_TEST(test_a_model_whose_head_is_damaged_is_told_and_can_be_removed) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    store_fixture_damage(&fixture, DAMAGE_HEAD, A, 0);
    expect_told(&fixture, A " digits CORRUPT");
    fixture.error.code = ERROR_NONE;
    EXPECT_RESULT(&fixture, store_read_models(fixture.store, see_problem, &fixture, &fixture.error),
                  STORE_OK);
    ck_assert(fixture.error.code == ERROR_INTERNAL);
    COMMIT(&fixture, STORE_TAKEN, add_model("00000000000000cc", "digits", "h"));
    COMMIT(&fixture, STORE_OK, remove_model(A), append(B, 3, "three"));
    COMMIT(&fixture, STORE_OK, add_model("00000000000000cc", "digits", "h"));
    store_fixture_tidy(&fixture);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_damaged_entry_is_told_when_it_is_read) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, append(A, 3, "three"), append(A, 4, "four"));
    store_fixture_damage(&fixture, DAMAGE_ENTRY, A, 3);
    expect_told(&fixture, A " digits h [1 s=c] 4: 2-2 two; CORRUPT k@1 v; rows 1-1 r; v1 v=c; ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_missing_entry_is_told) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, append(A, 3, "three"), append(A, 4, "four"));
    store_fixture_damage(&fixture, LOSE_ENTRY, A, 3);
    expect_told(&fixture, A " digits h [1 s=c] 4: 2-2 two; CORRUPT k@1 v; rows 1-1 r; v1 v=c; ");
    store_fixture_damage(&fixture, LOSE_ENTRY, A, 2); /* the first one */
    expect_told(&fixture, A " digits h [1 s=c] 4: CORRUPT k@1 v; rows 1-1 r; v1 v=c; ");
    EXPECT_ENTRIES(&fixture, A, 3, "4-4 four; ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_whole_payload_in_anothers_place_is_damage) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, append(A, 3, "x"), append(A, 4, "y"));
    store_fixture_damage(&fixture, COPY_ENTRY, A, 3);
    expect_told(&fixture, A " digits h [1 s=c] 4: 2-2 two; CORRUPT k@1 v; rows 1-1 r; v1 v=c; ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_damaged_or_missing_chunk_is_told) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    char chunk[8];
    size_t bytes;
    store_fixture_damage(&fixture, DAMAGE_CHUNK, A, blob_of_a);
    EXPECT_RESULT(
        &fixture,
        store_read_chunk(fixture.store, blob_of_a, 0, chunk, sizeof chunk, &bytes, &fixture.error),
        STORE_CORRUPT);
    store_fixture_damage(&fixture, LOSE_CHUNK, A, blob_of_a);
    EXPECT_RESULT(
        &fixture,
        store_read_chunk(fixture.store, blob_of_a, 0, chunk, sizeof chunk, &bytes, &fixture.error),
        STORE_CORRUPT);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_large_payload_with_a_missing_chunk_is_told) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, append_bytes(A, 3, 3 << 20, 1), append(A, 4, "four"));
    uint64_t blob = blob_of_a;
    char chunk[1];
    size_t bytes;
    /* Its blob is one of the next numbers, if the backend makes blobs of large payloads. */
    while (strstr((store_read_chunk(fixture.store, ++blob, 2, chunk, 1, &bytes, &fixture.error),
                   fixture.error.message),
                  "missing") != NULL) {
        ck_assert(blob < blob_of_a + 100);
    }
    store_fixture_damage(&fixture, LOSE_CHUNK, A, blob);
    expect_told(&fixture, A " digits h [1 s=c] 4: 2-2 two; CORRUPT k@1 v; rows 1-1 r; v1 v=c; ");
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_other_damaged_payloads_are_told) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    store_fixture_damage(&fixture, DAMAGE_KEY, A, 0);
    expect_told(&fixture, A " digits h [1 s=c] 2: 2-2 two; CORRUPT rows 1-1 r; v1 v=c; ");
    store_fixture_damage(&fixture, DAMAGE_HISTORY, A, 0);
    expect_told(&fixture, A " digits h [1 s=c] 2: 2-2 two; CORRUPT CORRUPT v1 v=c; ");
    store_fixture_damage(&fixture, DAMAGE_CHECKPOINT, A, 1);
    expect_told(&fixture, A " digits h [1 s=c] 2: 2-2 two; CORRUPT CORRUPT CORRUPT ");
    store_fixture_damage(&fixture, DAMAGE_SNAPSHOT, A, 0);
    void *head = NULL;
    size_t bytes;
    EXPECT_RESULT(&fixture,
                  store_read_snapshot_head(fixture.store, A, &head, &bytes, &fixture.error),
                  STORE_CORRUPT);
    ck_assert(head == NULL && strstr(fixture.error.message, "digits") != NULL);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_notes_are_kept_replaced_cut_and_checked) {
    struct store_fixture fixture;
    char text[64];
    store_fixture_begin(&fixture, _i);
    EXPECT_RESULT(&fixture, store_read_note(fixture.store, "n", text, sizeof text, &fixture.error),
                  STORE_OK);
    EXPECT_TEXT(text, "");
    EXPECT_RESULT(&fixture, store_write_note(fixture.store, "n", "first", &fixture.error),
                  STORE_OK);
    EXPECT_RESULT(&fixture, store_write_note(fixture.store, "n", "the second", &fixture.error),
                  STORE_OK);
    EXPECT_RESULT(&fixture, store_write_note(fixture.store, "m", "other", &fixture.error),
                  STORE_OK);
    store_fixture_reopen(&fixture);
    EXPECT_RESULT(&fixture, store_read_note(fixture.store, "n", text, sizeof text, &fixture.error),
                  STORE_OK);
    EXPECT_TEXT(text, "the second");
    EXPECT_RESULT(&fixture, store_read_note(fixture.store, "n", text, 4, &fixture.error), STORE_OK);
    EXPECT_TEXT(text, "the");
    store_fixture_damage(&fixture, DAMAGE_NOTE, "", 0);
    EXPECT_RESULT(&fixture, store_read_note(fixture.store, "n", text, sizeof text, &fixture.error),
                  STORE_CORRUPT);
    store_fixture_end(&fixture);
}
END_TEST

/* --- readers ------------------------------------------------------------------- */

static bool count_to_one(const struct store_entry *entry, void *context) {
    (void)entry;
    return ++*(int *)context < 1;
}

static bool count_models_to_one(const struct store_model *model, void *context) {
    (void)model;
    return ++*(int *)context < 1;
}

START_TEST(test_a_reader_that_has_enough_ends_the_reading) {
    struct store_fixture fixture;
    begin(&fixture, _i);
    COMMIT(&fixture, STORE_OK, append(A, 3, "three"));
    int entries = 0, models = 0;
    EXPECT_RESULT(&fixture,
                  store_read_entries(fixture.store, A, 0, count_to_one, &entries, &fixture.error),
                  STORE_OK);
    EXPECT_RESULT(&fixture,
                  store_read_models(fixture.store, count_models_to_one, &models, &fixture.error),
                  STORE_OK);
    ck_assert(entries == 1 && models == 1);
    COMMIT(&fixture, STORE_OK, append(A, 4, "four")); /* nothing is left open */
    bool more;
    EXPECT_RESULT(&fixture, store_tidy(fixture.store, &more, &fixture.error), STORE_OK);
    store_fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_model_without_a_snapshot_has_no_head_of_one) {
    struct store_fixture fixture;
    store_fixture_begin(&fixture, _i);
    void *head = &fixture;
    size_t bytes = 1;
    COMMIT(&fixture, STORE_OK, add_model(A, "a", "h"));
    EXPECT_RESULT(&fixture,
                  store_read_snapshot_head(fixture.store, A, &head, &bytes, &fixture.error),
                  STORE_OK);
    ck_assert(head == NULL && bytes == 0);
    store_fixture_end(&fixture);
}
END_TEST

Suite *suite_store_damage(void) {
    Suite *suite = suite_create("store_damage");
    TCase *tests = tcase_create("damage");
    tcase_set_timeout(tests, 60);
    const TTest *const all[] = {
        test_a_model_whose_head_is_damaged_is_told_and_can_be_removed,
        test_a_damaged_entry_is_told_when_it_is_read,
        test_a_missing_entry_is_told,
        test_a_whole_payload_in_anothers_place_is_damage,
        test_a_damaged_or_missing_chunk_is_told,
        test_a_large_payload_with_a_missing_chunk_is_told,
        test_other_damaged_payloads_are_told,
        test_notes_are_kept_replaced_cut_and_checked,
        test_a_reader_that_has_enough_ends_the_reading,
        test_a_model_without_a_snapshot_has_no_head_of_one,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tcase_add_loop_test(tests, all[i], 0, store_backend_count);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
