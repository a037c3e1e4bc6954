/* server/request_id.h */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/request_id.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static void setup(void) {
    ck_assert(request_id_start());
}

START_TEST(test_ids_that_clients_make_are_kept) {
    static const char *const rows[] = {
        "a",
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Root=1-67891233-abcdef012345678912345678",
        "SGVsbG8+/w==",
        "a.b_c~d:e@f,g",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[REQUEST_ID_BYTES];
        ck_assert_msg(request_id_is_valid(rows[i]), "%s", rows[i]);
        request_id_choose(id, rows[i]);
        EXPECT_TEXT(id, rows[i]);
    }
}
END_TEST

START_TEST(test_odd_ids_are_replaced) {
    static const char *const rows[] = {
        "",    " ",   "a b",  "a\tb",  "a\nb",   "a\rb", "\"a\"",       "a\\b",
        "a;b", "<a>", "{a}",  "a%20b", "a&b",    "a'b",  "a?b",         "a#b",
        "(a)", "é",   "\x80", "\x7f",  "a\x01z", "a|b",  "${jndi:ldap", "a`id`",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[REQUEST_ID_BYTES];
        ck_assert_msg(!request_id_is_valid(rows[i]), "%s", rows[i]);
        request_id_choose(id, rows[i]);
        ck_assert_msg(strcmp(id, rows[i]) != 0 && request_id_is_valid(id), "found %s", id);
    }
    ck_assert(!request_id_is_valid(NULL));
}
END_TEST

START_TEST(test_ids_have_up_to_128_characters) {
    char wanted[REQUEST_ID_LENGTH_MAX + 2], id[REQUEST_ID_BYTES];
    memset(wanted, 'a', sizeof wanted);
    wanted[REQUEST_ID_LENGTH_MAX + 1] = '\0';
    ck_assert(!request_id_is_valid(wanted));
    request_id_choose(id, wanted);
    ck_assert_uint_eq(strlen(id), 25);
    wanted[REQUEST_ID_LENGTH_MAX] = '\0';
    request_id_choose(id, wanted);
    EXPECT_TEXT(id, wanted);
}
END_TEST

#define THREADS 4
#define IDS 5000

static char ids[THREADS][IDS][REQUEST_ID_BYTES];

static void *make(void *own) {
    char(*mine)[REQUEST_ID_BYTES] = own;
    for (size_t i = 0; i < IDS; i++) {
        request_id_choose(mine[i], NULL);
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

START_TEST(test_no_two_are_the_same) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make, ids[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    char(*all)[REQUEST_ID_BYTES] = ids[0];
    qsort(all, (size_t)THREADS * IDS, sizeof *all, compare);
    for (size_t i = 1; i < (size_t)THREADS * IDS; i++) {
        ck_assert_msg(strcmp(all[i - 1], all[i]) != 0, "%s is there twice", all[i]);
    }
}
END_TEST

START_TEST(test_another_process_has_other_ids) {
    char first[REQUEST_ID_BYTES], second[REQUEST_ID_BYTES];
    request_id_choose(first, NULL);
    ck_assert(request_id_start());
    request_id_choose(second, NULL);
    ck_assert_msg(strncmp(first, second, 16) != 0, "both begin with %.16s", first);
}
END_TEST

Suite *suite_request_id(void) {
    Suite *suite = suite_create("request_id");
    TCase *tests = tcase_create("request_id");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_ids_that_clients_make_are_kept);
    tcase_add_test(tests, test_odd_ids_are_replaced);
    tcase_add_test(tests, test_ids_have_up_to_128_characters);
    tcase_add_test(tests, test_no_two_are_the_same);
    tcase_add_test(tests, test_another_process_has_other_ids);
    suite_add_tcase(suite, tests);
    return suite;
}
