/* server/log.h */
#include <check.h>
#include <jansson.h>
#include <string.h>

#include "server/log.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* 2026-11-25T02:00:00.123Z */
static const struct timespec moment = {.tv_sec = 1795572000, .tv_nsec = 123999999};

/* The line, without its newline, which must be there. */
static const char *line_of(enum log_format format, const char *message,
                           const struct log_field *fields) {
    static char line[LOG_LINE_BYTES + 1];
    const size_t length = log_format_line(line, format, moment, LOG_LEVEL_WARNING, message, fields);
    ck_assert_uint_le(length, LOG_LINE_BYTES);
    ck_assert_int_eq(line[length - 1], '\n');
    line[length - 1] = '\0';
    ck_assert_uint_eq(strlen(line), length - 1);
    ck_assert_ptr_null(strchr(line, '\n'));
    return line;
}

static const char *text_line(struct log_field field) {
    return line_of(LOG_FORMAT_TEXT, "m", (const struct log_field[]){field, {.name = NULL}});
}

/* The value of key "k" after the line was read by a JSON parser, which refuses what is
 * not UTF-8 or not escaped. */
static const char *json_value(const char *text) {
    static char value[LOG_LINE_BYTES];
    const char *line = line_of(LOG_FORMAT_JSON, "m",
                               (const struct log_field[]){log_text("k", text), {.name = NULL}});
    json_t *object = json_loads(line, 0, NULL);
    ck_assert_msg(object != NULL, "no JSON: %s", line);
    strcpy(value, json_string_value(json_object_get(object, "k")));
    json_decref(object);
    return value;
}

START_TEST(test_text_line) {
    EXPECT_TEXT(line_of(LOG_FORMAT_TEXT, "it listens",
                        (const struct log_field[]){log_text("address", "127.0.0.1:80"),
                                                   log_count("bytes", 18446744073709551615u),
                                                   log_seconds("time", 0.25),
                                                   {.name = NULL}}),
                "2026-11-25T02:00:00.123Z warning it listens address=127.0.0.1:80 "
                "bytes=18446744073709551615 time=0.250000");
}
END_TEST

START_TEST(test_json_line) {
    EXPECT_TEXT(line_of(LOG_FORMAT_JSON, "it listens",
                        (const struct log_field[]){log_text("address", "127.0.0.1:80"),
                                                   log_count("bytes", 3),
                                                   log_seconds("time", 0.25),
                                                   {.name = NULL}}),
                "{\"time\":\"2026-11-25T02:00:00.123Z\",\"level\":\"warning\","
                "\"message\":\"it listens\",\"address\":\"127.0.0.1:80\",\"bytes\":3,"
                "\"time\":0.250000}");
}
END_TEST

START_TEST(test_a_line_cannot_be_forged) {
    EXPECT_TEXT(text_line(log_text("k", "a\n2026 error b")),
                "2026-11-25T02:00:00.123Z warning m k=\"a\\u000a2026 error b\"");
    EXPECT_TEXT(text_line(log_text("k", "\x1b[2J\x7f")),
                "2026-11-25T02:00:00.123Z warning m k=\"\\u001b[2J\\u007f\"");
    EXPECT_TEXT(text_line(log_text("k", "a=b")), "2026-11-25T02:00:00.123Z warning m k=\"a=b\"");
    EXPECT_TEXT(text_line(log_text("k", "\"\\")),
                "2026-11-25T02:00:00.123Z warning m k=\"\\\"\\\\\"");
}
END_TEST

START_TEST(test_nothing_is_an_empty_text) {
    EXPECT_TEXT(text_line(log_text("k", NULL)), "2026-11-25T02:00:00.123Z warning m k=\"\"");
    EXPECT_TEXT(json_value(NULL), "");
}
END_TEST

START_TEST(test_json_is_always_utf8) {
    EXPECT_TEXT(json_value("a\"\\\n\x01"), "a\"\\\n\x01");
    EXPECT_TEXT(json_value("é€😀"), "é€😀");
    EXPECT_TEXT(json_value("\xff"
                           "a\xc3"),
                "\uFFFDa\uFFFD");                                  /* no UTF-8, a cut end */
    EXPECT_TEXT(json_value("\xc0\xaf"), "\uFFFD\uFFFD");           /* an overlong slash */
    EXPECT_TEXT(json_value("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD"); /* a surrogate */
    EXPECT_TEXT(json_value("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD"); /* too high */
}
END_TEST

START_TEST(test_long_values_are_cut) {
    char text[2 * LOG_VALUE_BYTES];
    memset(text, 'a', sizeof text);
    text[LOG_VALUE_BYTES] = '\0';
    ck_assert_uint_eq(strlen(json_value(text)), LOG_VALUE_BYTES);
    text[LOG_VALUE_BYTES] = 'a';
    text[LOG_VALUE_BYTES + 1] = '\0';
    ck_assert_uint_eq(strlen(json_value(text)), LOG_VALUE_BYTES + strlen("…"));
}
END_TEST

START_TEST(test_a_cut_does_not_split_a_character) {
    char text[LOG_VALUE_BYTES + 8];
    memset(text, 'a', sizeof text);
    strcpy(text + LOG_VALUE_BYTES - 1, "€");
    const char *value = json_value(text);
    ck_assert_ptr_nonnull(value);
    ck_assert_ptr_null(strstr(value, "\uFFFD"));
}
END_TEST

/* Every byte of six values takes six bytes once escaped: the line has room for one. */
START_TEST(test_fields_that_do_not_fit_are_left_out) {
    char text[LOG_VALUE_BYTES + 1];
    memset(text, 1, LOG_VALUE_BYTES);
    text[LOG_VALUE_BYTES] = '\0';
    const struct log_field fields[] = {log_text("a", text), log_text("b", text), {.name = NULL}};
    const char *line = line_of(LOG_FORMAT_JSON, "m", fields);
    json_t *object = json_loads(line, 0, NULL);
    ck_assert_msg(object != NULL, "no JSON: %s", line);
    ck_assert_ptr_nonnull(json_object_get(object, "a"));
    ck_assert_ptr_null(json_object_get(object, "b"));
    json_decref(object);
}
END_TEST

START_TEST(test_levels_below_the_chosen_one_are_off) {
    log_start(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);
    ck_assert(!log_enabled(LOG_LEVEL_DEBUG));
    ck_assert(!log_enabled(LOG_LEVEL_INFO));
    ck_assert(log_enabled(LOG_LEVEL_WARNING));
    ck_assert(log_enabled(LOG_LEVEL_ERROR));
    log_start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
}
END_TEST

Suite *suite_log(void) {
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, test_text_line);
    tcase_add_test(tests, test_json_line);
    tcase_add_test(tests, test_a_line_cannot_be_forged);
    tcase_add_test(tests, test_nothing_is_an_empty_text);
    tcase_add_test(tests, test_json_is_always_utf8);
    tcase_add_test(tests, test_long_values_are_cut);
    tcase_add_test(tests, test_a_cut_does_not_split_a_character);
    tcase_add_test(tests, test_fields_that_do_not_fit_are_left_out);
    tcase_add_test(tests, test_levels_below_the_chosen_one_are_off);
    suite_add_tcase(suite, tests);
    return suite;
}
