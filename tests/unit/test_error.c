/* core/base/error.h */
#include <check.h>
#include <string.h>

#include "core/base/error.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_set_fills_code_pointer_and_message) {
    struct error error;
    ck_assert(error_set(&error, ERROR_INVALID, "/inputs", "%d of %s", 3, "x") == ERROR_INVALID);
    ck_assert(error.code == ERROR_INVALID);
    EXPECT_TEXT(error.pointer, "/inputs");
    EXPECT_TEXT(error.message, "3 of x");
}
END_TEST

START_TEST(test_set_without_a_pointer_leaves_it_empty) {
    struct error error;
    memset(&error, 'x', sizeof error);
    error_set(&error, ERROR_MEMORY, NULL, "no");
    EXPECT_TEXT(error.pointer, "");
    ck_assert(error_set(NULL, ERROR_FULL, NULL, "no") == ERROR_FULL);
}
END_TEST

START_TEST(test_texts_that_do_not_fit_are_cut) {
    char text[2 * ERROR_MESSAGE_BYTES];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    struct error error;
    error_set(&error, ERROR_INVALID, text, "%s", text);
    EXPECT_COUNT(strlen(error.pointer), ERROR_POINTER_BYTES - 1);
    EXPECT_COUNT(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
    error_prefix_pointer(&error, text);
    EXPECT_COUNT(strlen(error.pointer), ERROR_POINTER_BYTES - 1);
}
END_TEST

START_TEST(test_prefix_goes_before_the_pointer) {
    struct error error;
    error_set(&error, ERROR_INVALID, "/units", "no");
    error_prefix_pointer(&error, "/layers/1");
    EXPECT_TEXT(error.pointer, "/layers/1/units");
    error_prefix_pointer(&error, "");
    EXPECT_TEXT(error.pointer, "/layers/1/units");
}
END_TEST

Suite *suite_error(void) {
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, test_set_fills_code_pointer_and_message);
    tcase_add_test(tests, test_set_without_a_pointer_leaves_it_empty);
    tcase_add_test(tests, test_texts_that_do_not_fit_are_cut);
    tcase_add_test(tests, test_prefix_goes_before_the_pointer);
    suite_add_tcase(suite, tests);
    return suite;
}
