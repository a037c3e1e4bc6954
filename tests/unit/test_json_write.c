/* api/json_write.h */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "api/json_write.h"
#include "core/base/memory.h"
#include "tests/unit/suites.h"

static struct buffer out;
static struct json_writer writer;

static void begin(void) {
    buffer_init(&out, NULL, "a test");
    json_write_start(&writer, &out);
}

static void finish(void) {
    buffer_free(&out);
}

static void expect_written(const char *text) {
    struct error error;
    ck_assert_int_eq(json_write_finish(&writer, &error), ERROR_NONE);
    ck_assert_msg(out.used == strlen(text) && memcmp(out.data, text, out.used) == 0,
                  "found %.*s, wanted %s", (int)out.used, out.data, text);
}

START_TEST(test_commas_come_by_themselves) {
    json_write_begin_object(&writer);
    json_write_key(&writer, "a");
    json_write_begin_array(&writer);
    json_write_end_array(&writer);
    json_write_key(&writer, "b");
    json_write_begin_array(&writer);
    json_write_unsigned(&writer, 1);
    json_write_double(&writer, -2);
    json_write_begin_object(&writer);
    json_write_end_object(&writer);
    json_write_null(&writer);
    json_write_end_array(&writer);
    json_write_key(&writer, "c");
    json_write_bool(&writer, true);
    json_write_key(&writer, "d");
    json_write_bool(&writer, false);
    json_write_end_object(&writer);
    expect_written("{\"a\":[],\"b\":[1,-2,{},null],\"c\":true,\"d\":false}");
}
END_TEST

START_TEST(test_whole_numbers_keep_every_digit) {
    json_write_begin_array(&writer);
    json_write_unsigned(&writer, UINT64_MAX);
    json_write_end_array(&writer);
    expect_written("[18446744073709551615]");
}
END_TEST

START_TEST(test_what_is_not_finite_is_null) {
    json_write_begin_array(&writer);
    json_write_double(&writer, NAN);
    json_write_double(&writer, -INFINITY);
    json_write_float(&writer, NAN);
    json_write_float(&writer, INFINITY);
    json_write_double(&writer, 0.1);
    json_write_float(&writer, 0.1f);
    json_write_end_array(&writer);
    expect_written("[null,null,null,null,0.1,0.1]");
}
END_TEST

START_TEST(test_strings_are_escaped) {
    json_write_begin_array(&writer);
    json_write_string(&writer, "a\"b\\c\b\f\n\r\t\x01\x1f\x7f/");
    json_write_string(&writer, "caf\xC3\xA9 \xF0\x9F\x98\x80");
    json_write_string(&writer, "");
    json_write_string(&writer, NULL);
    json_write_string_bytes(&writer, "a\0b", 3);
    json_write_end_array(&writer);
    expect_written("[\"a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\","
                   "\"caf\xC3\xA9 \xF0\x9F\x98\x80\",\"\",null,\"a\\u0000b\"]");
}
END_TEST

START_TEST(test_what_is_no_utf8_is_replaced) {
    json_write_begin_array(&writer);
    json_write_string(&writer, "cut \xF0\x9F\x98");
    json_write_string(&writer, "\xC0\x80");
    json_write_string(&writer, "\xED\xA0\x80");
    json_write_string(&writer, "\xFF\"");
    json_write_end_array(&writer);
    expect_written("[\"cut \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\","
                   "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\xEF\xBF\xBD\\\"\"]");
}
END_TEST

/* Every string of two bytes is a string of JSON, whatever the bytes. */
START_TEST(test_any_two_bytes_are_written_as_json) {
    for (unsigned i = 0; i < 65536; i++) {
        const char bytes[2] = {(char)(i >> 8), (char)i};
        out.used = 0;
        json_write_start(&writer, &out);
        json_write_string_bytes(&writer, bytes, 2);
        json_t *value = json_loadb(out.data, out.used, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (value == NULL) {
            ck_abort_msg("bytes %04x as %.*s", i, (int)out.used, out.data);
        }
        json_decref(value);
    }
}
END_TEST

START_TEST(test_the_first_failure_sticks) {
    json_write_begin_array(&writer);
    memory_fail_after(0);
    for (int i = 0; i < 1000; i++) {
        json_write_unsigned(&writer, 7);
    }
    memory_fail_after(-1);
    json_write_end_array(&writer);
    struct error error;
    ck_assert_int_eq(json_write_finish(&writer, &error), ERROR_MEMORY);
    ck_assert_int_eq(error.code, ERROR_MEMORY);
}
END_TEST

Suite *suite_json_write(void) {
    Suite *suite = suite_create("json_write");
    TCase *tests = tcase_create("json_write");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_commas_come_by_themselves);
    tcase_add_test(tests, test_whole_numbers_keep_every_digit);
    tcase_add_test(tests, test_what_is_not_finite_is_null);
    tcase_add_test(tests, test_strings_are_escaped);
    tcase_add_test(tests, test_what_is_no_utf8_is_replaced);
    tcase_add_test(tests, test_any_two_bytes_are_written_as_json);
    tcase_add_test(tests, test_the_first_failure_sticks);
    suite_add_tcase(suite, tests);
    return suite;
}
