/* api/number.h */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/number.h"
#include "core/base/random.h"
#include "tests/unit/number_texts.h"
#include "tests/unit/suites.h"

#define RANDOM_TEXTS 300000
#define RANDOM_WRITES 200000

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double read_whole(const char *text) {
    double value = NAN;
    if (!number_read(text, strlen(text), &value)) {
        ck_abort_msg("'%s' was refused", text);
    }
    return value;
}

START_TEST(test_what_is_no_json_number_is_refused) {
    static const char *const texts[] = {"",    "-",   "+1",  "01",    "-01", ".5",       "1.",
                                        "1.e", "1e",  "1e+", "1e5.5", "0x1", "Infinity", "NaN",
                                        "1 ",  " 1",  "1,5", "--1",   "1-",  "1e--1",    "1_0",
                                        "nan", "inf", "1f",  "٣"};
    double value;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(!number_read(texts[i], strlen(texts[i]), &value), "'%s' was taken", texts[i]);
    }
}
END_TEST

START_TEST(test_known_numbers_are_read_to_the_bit) {
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"1", 1},
        {"-1.5", -1.5},
        {"1e0", 1},
        {"1E+2", 100},
        {"100e-2", 1},
        {"0.1", 0x1.999999999999ap-4},
        {"9007199254740993", 0x1p53},                                /* halfway, to even */
        {"9007199254740995", 0x1.0000000000002p53},                  /* halfway, to even */
        {"9007199254740993.0000000000000001", 0x1.0000000000001p53}, /* just above */
        {"4503599627370496.5", 0x1p52}, /* the same with places behind the point */
        {"4503599627370497.5", 0x1.0000000000002p52},
        {"2251799813685248.25", 0x1p51},
        {"2251799813685248.75", 0x1.0000000000002p51},
        {"1125899906842624.125", 0x1p50},
        {"1125899906842624.375", 0x1.0000000000002p50},
        {"562949953421312.0625", 0x1p49},
        {"562949953421312.1875", 0x1.0000000000002p49},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
        {"4.9e-324", 0x1p-1074},
        {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
        {"1e309", INFINITY},
        {"1e400", INFINITY},
        {"-1e99999999999999999999", -INFINITY},
        {"1e-99999999999999999999", 0},
        {"0e99999999999999999999", 0},
        {"0.000000000000000000000000000001e30", 1},
        {"123456789012345678", 123456789012345678.0},
        {"0.30000000000000004", 0x1.3333333333334p-2},
        {"8.5e22", 8.5e22},
        {"1e23", 0x1.52d02c7e14af6p76},
        {"7450580596923828125e27", 7450580596923828125e27},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double found = read_whole(cases[i].text);
        ck_assert_msg(bits_of(found) == bits_of(cases[i].value), "'%s' is %a, wanted %a",
                      cases[i].text, found, cases[i].value);
    }
    ck_assert(signbit(read_whole("-0")));
}
END_TEST

START_TEST(test_a_number_of_the_longest_length_is_read) {
    char text[NUMBER_BYTES_MAX + 2];
    memset(text, '1', sizeof text);
    text[1] = '.';
    text[NUMBER_BYTES_MAX] = 0;
    ck_assert(read_whole(text) == 10.0 / 9);
    double value;
    ck_assert(!number_read(text, NUMBER_BYTES_MAX + 1, &value));
}
END_TEST

/* Digits with their halfway case decided by the very last one. */
START_TEST(test_the_last_of_many_digits_decides) {
    char text[NUMBER_BYTES_MAX + 1] = "9007199254740993.";
    memset(text + strlen(text), '0', 900);
    ck_assert(read_whole(text) == 0x1p53);
    text[900] = '1';
    ck_assert(read_whole(text) == 0x1.0000000000001p53);
}
END_TEST

START_TEST(test_a_scan_tells_how_the_number_ended) {
    static const struct {
        const char *text;
        enum number_end end;
        ptrdiff_t next;
    } cases[] = {
        {"1,", NUMBER_WHOLE, 1},      {"1.5]", NUMBER_WHOLE, 3},    {"01", NUMBER_WHOLE, 1},
        {"1.5.2", NUMBER_WHOLE, 3},   {"1", NUMBER_UNFINISHED, 1},  {"-", NUMBER_UNFINISHED, 1},
        {"1.", NUMBER_UNFINISHED, 2}, {"1e", NUMBER_UNFINISHED, 2}, {"1e-", NUMBER_UNFINISHED, 3},
        {"-x", NUMBER_BROKEN, 1},     {"1.x", NUMBER_BROKEN, 2},    {"1ex", NUMBER_BROKEN, 2},
        {"1e+x", NUMBER_BROKEN, 3},   {"", NUMBER_UNFINISHED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text, *next;
        double value;
        const enum number_end end = number_scan(text, text + strlen(text), &next, &value);
        ck_assert_msg(end == cases[i].end, "'%s' ends as %d, wanted %d", text, end, cases[i].end);
        if (end == NUMBER_WHOLE || end == NUMBER_BROKEN) {
            ck_assert_int_eq(next - text, cases[i].next);
        }
    }
}
END_TEST

/* NUMBER_TEXTS in the environment: so many instead. */
START_TEST(test_texts_of_every_kind_are_read_like_strtod) {
    const char *many = getenv("NUMBER_TEXTS");
    const unsigned long long count = many != NULL ? strtoull(many, NULL, 10) : RANDOM_TEXTS;
    struct source source = {0};
    char text[NUMBER_TEXT_MAX + 1];
    for (unsigned long long i = 0; i < count; i++) {
        const size_t length = number_text(&source, text);
        double found;
        if (!number_read(text, length, &found)) {
            ck_abort_msg("'%s' was refused", text);
        }
        const double wanted = strtod(text, NULL);
        if (bits_of(found) != bits_of(wanted)) { /* a passed assertion costs a write */
            ck_abort_msg("'%s' is %a, wanted %a", text, found, wanted);
        }
    }
}
END_TEST

/* ---- Writing ---- */

START_TEST(test_numbers_are_written_in_their_shortest_form) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-17, "-17"},
                 {0.1, "0.1"},
                 {0.5, "0.5"},
                 {1.5, "1.5"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e15, "1000000000000000"},
                 {9007199254740992.0, "9007199254740992"},
                 {1e20, "1e20"},
                 {1e-5, "0.00001"},
                 {1.25e-5, "0.0000125"},
                 {1e-6, "1e-6"},
                 {-2.5e-9, "-2.5e-9"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {5e-324, "5e-324"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"}};
    char text[NUMBER_TEXT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_uint_eq(number_write_double(text, cases[i].value), strlen(cases[i].text));
        ck_assert_str_eq(text, cases[i].text);
    }
    static const struct {
        float value;
        const char *text;
    } floats[] = {{0.1f, "0.1"},
                  {0.3f, "0.3"},
                  {1.0f / 3, "0.33333334"},
                  {16777216, "16777216"},
                  {16777215, "16777215"},
                  {3.4028235e38f, "3.4028235e38"},
                  {1e-45f, "1e-45"},
                  {1.1754944e-38f, "1.1754944e-38"},
                  {0.9999999f, "0.9999999"},
                  {0.99999994f, "0.99999994"},
                  {1e-7f, "1e-7"},
                  {123456.7f, "123456.7"},
                  {-4194304.5f, "-4194304.5"}};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        ck_assert_uint_eq(number_write_float(text, floats[i].value), strlen(floats[i].text));
        ck_assert_str_eq(text, floats[i].text);
    }
}
END_TEST

static size_t digits_of(const char *text) {
    size_t count = 0, zeros = 0;
    for (; *text != 0 && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0')) {
            count++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    }
    return count - zeros;
}

START_TEST(test_written_doubles_read_back) {
    struct source source = {.block = 1u << 30};
    char text[NUMBER_TEXT_BYTES];
    for (int i = 0; i < RANDOM_WRITES; i++) {
        const double value = source_double(&source);
        if (number_write_double(text, value) != strlen(text) ||
            bits_of(strtod(text, NULL)) != bits_of(value) ||
            bits_of(read_whole(text)) != bits_of(value)) {
            ck_abort_msg("%a as '%s'", value, text);
        }
    }
}
END_TEST

static void expect_shortest_float(float value) {
    char text[NUMBER_TEXT_BYTES], shorter[64];
    if (number_write_float(text, value) != strlen(text) || strtof(text, NULL) != value ||
        (float)read_whole(text) != value) {
        ck_abort_msg("%a as '%s'", (double)value, text);
    }
    const size_t digits = digits_of(text);
    if (digits > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, (double)value);
        if (strtof(shorter, NULL) == value) {
            ck_abort_msg("%a as '%s', wanted '%s'", (double)value, text, shorter);
        }
    }
}

START_TEST(test_written_floats_read_back_and_are_shortest) {
    struct source source = {.block = 1u << 29};
    for (int i = 0; i < RANDOM_WRITES; i++) {
        const uint32_t bits = source_word(&source);
        float any;
        memcpy(&any, &bits, sizeof any);
        if (isfinite(any)) {
            expect_shortest_float(any);
        }
        const float unit = random_unit(source_word(&source));
        expect_shortest_float(unit);
        expect_shortest_float(unit * unit * unit * 1e-4f);
        expect_shortest_float((float)(source_word(&source) % 100000) / 1000);
        expect_shortest_float(unit * 0x1p24f);
    }
}
END_TEST

/* Says nothing where no locale with a decimal comma is installed. */
START_TEST(test_the_locale_changes_nothing) {
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "da_DK"};
    static const char long_text[] = "1234567890123456.78901234567890123e-10";
    const double wanted = strtod(long_text, NULL);
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
        if (setlocale(LC_ALL, locales[i]) != NULL) {
            break;
        }
    }
    char text[NUMBER_TEXT_BYTES];
    const double found = read_whole(long_text);
    number_write_double(text, 1.25e-310);
    setlocale(LC_ALL, "C");
    ck_assert(found == wanted);
    ck_assert_str_eq(text, "1.25e-310");
}
END_TEST

Suite *suite_number(void) {
    Suite *suite = suite_create("number");
    TCase *tests = tcase_create("number");
    tcase_set_timeout(tests, getenv("NUMBER_TEXTS") != NULL ? 3600 : 120);
    tcase_add_test(tests, test_what_is_no_json_number_is_refused);
    tcase_add_test(tests, test_known_numbers_are_read_to_the_bit);
    tcase_add_test(tests, test_a_number_of_the_longest_length_is_read);
    tcase_add_test(tests, test_the_last_of_many_digits_decides);
    tcase_add_test(tests, test_a_scan_tells_how_the_number_ended);
    tcase_add_test(tests, test_texts_of_every_kind_are_read_like_strtod);
    tcase_add_test(tests, test_numbers_are_written_in_their_shortest_form);
    tcase_add_test(tests, test_written_doubles_read_back);
    tcase_add_test(tests, test_written_floats_read_back_and_are_shortest);
    tcase_add_test(tests, test_the_locale_changes_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
