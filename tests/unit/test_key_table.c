/* core/engine/key_table.h: keys are found by their payload, leave by age and number, and
 * are in the ledger. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/unit/expect.h"
#include "tests/unit/keyed.h"
#include "tests/unit/suites.h"

struct shelf {
    struct ledger ledger;
    struct key_table table;
};

static void shelf_begin(struct shelf *shelf) {
    *shelf = (struct shelf){.table = {.count = 0}};
    ledger_init(&shelf->ledger, (size_t)1 << 30);
}

static void shelf_end(struct shelf *shelf) {
    key_table_free(&shelf->table);
    EXPECT_COUNT(ledger_reserved(&shelf->ledger), 0);
}

static void put(struct shelf *shelf, const char *key, uint64_t payload, size_t max, double now) {
    struct error error;
    struct key_record *record = keyed_record(&shelf->ledger, key, payload);
    record->last = payload;
    ck_assert(key_table_add(&shelf->table, record, max, now, &error) == ERROR_NONE);
    key_record_release(record);
}

/* The number that stands under the key, or 0. */
static uint64_t look(struct shelf *shelf, const char *key, uint64_t payload, double now) {
    struct key_record *former;
    struct error error;
    struct key_record *record = keyed_record(&shelf->ledger, key, payload);
    ck_assert_msg(key_table_find(&shelf->table, record, now, &former, &error) == ERROR_NONE, "%s",
                  error.message);
    const uint64_t number = former != NULL ? former->last : 0;
    key_record_release(former);
    key_record_release(record);
    return number;
}

START_TEST(test_a_key_is_found_with_its_own_payload_only) {
    struct shelf shelf;
    struct key_record *former;
    struct error error;
    shelf_begin(&shelf);
    put(&shelf, "a", 7, 10, 0);
    EXPECT_COUNT(look(&shelf, "a", 7, 1), 7);
    EXPECT_COUNT(look(&shelf, "b", 7, 1), 0);
    EXPECT_COUNT(look(&shelf, "A", 7, 1), 0);
    const struct payload_digest others[] = {{6, ~(uint64_t)7}, {7, ~(uint64_t)6}};
    for (size_t i = 0; i < 2; i++) {
        struct key_record *other = keyed_record(&shelf.ledger, "a", 7);
        other->payload = others[i];
        ck_assert(key_table_find(&shelf.table, other, 1, &former, &error) == ERROR_INVALID);
        ck_assert(former == NULL && strstr(error.message, "'a'") != NULL);
        key_record_release(other);
    }
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_the_oldest_keys_leave_when_there_are_too_many) {
    struct shelf shelf;
    char key[16];
    shelf_begin(&shelf);
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        put(&shelf, key, i, 100, 0);
        EXPECT_COUNT(shelf.table.count, i < 100 ? i : 100);
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        EXPECT_COUNT(look(&shelf, key, i, 0), i > 900 ? i : 0);
    }
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_keys_are_kept_for_a_day) {
    struct shelf shelf;
    shelf_begin(&shelf);
    put(&shelf, "a", 1, 10, 1000);
    put(&shelf, "b", 2, 10, 2000);
    EXPECT_COUNT(look(&shelf, "a", 1, 1000 + 86399), 1);
    EXPECT_COUNT(look(&shelf, "a", 1, 1000 + 86400), 0);
    EXPECT_COUNT(look(&shelf, "b", 2, 1000 + 86400), 2);
    EXPECT_COUNT(shelf.table.count, 1);
    EXPECT_COUNT(look(&shelf, "b", 2, 2000 + 86400), 0);
    EXPECT_COUNT(shelf.table.count, 0);
    put(&shelf, "a", 3, 10, 2000 + 86400); /* an expired key is free for anything */
    EXPECT_COUNT(look(&shelf, "a", 3, 2000 + 86400), 3);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_record_outlives_its_place_in_the_table) {
    struct shelf shelf;
    struct error error;
    shelf_begin(&shelf);
    struct key_record *record = keyed_record(&shelf.ledger, "a", 1);
    ck_assert(key_table_add(&shelf.table, record, 1, 0, &error) == ERROR_NONE);
    put(&shelf, "b", 2, 1, 0);
    EXPECT_COUNT(look(&shelf, "a", 1, 0), 0);
    ck_assert_str_eq(record->key, "a");
    key_record_release(record);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_key_can_be_taken_out_from_any_place) {
    for (size_t out = 0; out < 3; out++) {
        static const char *const keys[] = {"a", "b", "c"};
        struct shelf shelf;
        struct error error;
        struct key_record *records[3];
        shelf_begin(&shelf);
        for (size_t i = 0; i < 3; i++) {
            records[i] = keyed_record(&shelf.ledger, keys[i], i + 1);
            records[i]->last = i + 1;
            ck_assert(key_table_add(&shelf.table, records[i], 9, 0, &error) == ERROR_NONE);
        }
        key_table_remove(&shelf.table, records[out]);
        key_table_remove(&shelf.table, records[out]); /* not there: nothing happens */
        put(&shelf, "d", 4, 9, 0);
        for (size_t i = 0; i < 3; i++) {
            EXPECT_COUNT(look(&shelf, keys[i], i + 1, 0), i == out ? 0 : i + 1);
            key_record_release(records[i]);
        }
        EXPECT_COUNT(look(&shelf, "d", 4, 0), 4);
        EXPECT_COUNT(shelf.table.count, 3);
        shelf_end(&shelf);
    }
}
END_TEST

START_TEST(test_the_bytes_of_keys_are_in_the_ledger) {
    struct shelf shelf;
    char key[KEY_BYTES_MAX + 1];
    struct key_record *record;
    struct error error;
    shelf_begin(&shelf);
    memset(key, 'x', KEY_BYTES_MAX);
    key[KEY_BYTES_MAX] = '\0';
    put(&shelf, key, 1, 10, 0);
    ck_assert(ledger_reserved(&shelf.ledger) > KEY_BYTES_MAX + sizeof(struct key_record));
    shelf.ledger.limit_bytes = ledger_reserved(&shelf.ledger);
    ck_assert(key_record_create("a", &shelf.ledger, &record, &error) == ERROR_MEMORY);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_table_without_memory_to_grow_still_finds_its_keys) {
    struct shelf shelf;
    char key[16];
    struct error error;
    shelf_begin(&shelf);
    struct key_record *record = keyed_record(&shelf.ledger, "k", 1);
    memory_fail_after(0);
    ck_assert(key_table_add(&shelf.table, record, 10, 0, &error) == ERROR_MEMORY);
    memory_fail_after(-1);
    EXPECT_COUNT(shelf.table.count, 0);
    key_record_release(record);
    for (uint64_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        record = keyed_record(&shelf.ledger, key, i);
        record->last = i;
        memory_fail_after(shelf.table.count == 0 ? -1 : 0);
        ck_assert(key_table_add(&shelf.table, record, 1000, 0, &error) == ERROR_NONE);
        memory_fail_after(-1);
        key_record_release(record);
    }
    for (uint64_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        EXPECT_COUNT(look(&shelf, key, i, 0), i);
    }
    shelf_end(&shelf);
}
END_TEST

Suite *suite_key_table(void) {
    Suite *suite = suite_create("key_table");
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, test_a_key_is_found_with_its_own_payload_only);
    tcase_add_test(tests, test_the_oldest_keys_leave_when_there_are_too_many);
    tcase_add_test(tests, test_keys_are_kept_for_a_day);
    tcase_add_test(tests, test_a_record_outlives_its_place_in_the_table);
    tcase_add_test(tests, test_a_key_can_be_taken_out_from_any_place);
    tcase_add_test(tests, test_the_bytes_of_keys_are_in_the_ledger);
    tcase_add_test(tests, test_a_table_without_memory_to_grow_still_finds_its_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
