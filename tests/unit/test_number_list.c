/* api/number_list.h: against number_scan, which reads the same numbers one by one. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/number.h"
#include "api/number_list.h"
#include "tests/unit/number_texts.h"
#include "tests/unit/suites.h"

#define RANDOM_TEXTS 1000000 /* numbers, about */
#define LIST_NUMBERS 200
#define LIST_BYTES (LIST_NUMBERS * (NUMBER_TEXT_MAX + 8))

/* Where lists are left to number_scan. */
static bool reads_nothing(void) {
#if defined __x86_64__ && !defined MLPD_ONE_VARIANT
    return !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
           !__builtin_cpu_supports("bmi2");
#else
    return true;
#endif
}

/* One number, a blank before it or none and a comma right behind it, as number_scan reads
 * it; behind the comma, or NULL. */
static const char *read_one(const char *text, const char *end, double *value) {
    const char *next;
    text += text < end && *text == ' ';
    return number_scan(text, end, &next, value) == NUMBER_WHOLE && *next == ',' ? next + 1 : NULL;
}

/* Whatever is read is what number_scan reads; how many. */
static size_t expect_the_same(const char *begin, const char *text, const char *end, size_t count) {
    static double values[LIST_NUMBERS];
    const char *at = text, *wanted_at = text;
    ck_assert_uint_le(count, LIST_NUMBERS);
    const size_t taken = number_list_scan(begin, &at, end, values, count);
    ck_assert_uint_le(taken, count);
    for (size_t i = 0; i < taken; i++) {
        double wanted;
        const char *next = read_one(wanted_at, end, &wanted);
        if (next == NULL || memcmp(&wanted, &values[i], sizeof wanted) != 0) {
            ck_abort_msg("number %zu at '%.60s' is %a%s", i, wanted_at, values[i],
                         next == NULL ? "" : ", and number_scan reads another");
        }
        wanted_at = next;
    }
    ck_assert_ptr_eq(at, wanted_at);
    return taken;
}

/* The same in a copy with nothing around it, so that a sanitizer sees a byte too many. */
static size_t expect_the_same_alone(const char *text, size_t front, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    const size_t taken = expect_the_same(copy, copy + front, copy + size, LIST_NUMBERS);
    free(copy);
    return taken;
}

/* ---- Rows ---- */

static const char *skip(const char *at, const char *end, const char *characters) {
    for (; at != NULL && *characters != 0; characters++) {
        at = at < end && *at == *characters ? at + 1 : NULL;
    }
    return at;
}

/* Behind what divides rows, or NULL. */
static const char *skip_row_end(const char *at, const char *end, enum number_rows rows) {
    if (rows == NUMBER_ROWS_CSV) {
        return skip(at + (at < end && *at == '\r'), end, "\n");
    }
    at = skip(at, end, "],");
    return at == NULL ? NULL : skip(at + (at < end && *at == ' '), end, "[");
}

/* One number as number_scan reads it, the last of its row or not; behind what divides it
 * from the next, or NULL. */
static const char *read_one_of_row(const char *text, const char *end, enum number_rows rows,
                                   bool last, double *value) {
    const char *next;
    text += text < end && *text == ' ';
    if (number_scan(text, end, &next, value) != NUMBER_WHOLE) {
        return NULL;
    }
    return last ? skip_row_end(next, end, rows) : skip(next, end, ",");
}

/* Whatever is read of rows is what number_scan reads; how many. */
static size_t expect_the_same_rows(const char *begin, const char *text, const char *end,
                                   enum number_rows rows, size_t width, size_t *left) {
    static double values[LIST_NUMBERS];
    const char *at = text, *wanted_at = text;
    size_t wanted_left = *left;
    const size_t taken = number_rows_scan(begin, &at, end, values, LIST_NUMBERS, rows, width, left);
    ck_assert_uint_le(taken, LIST_NUMBERS);
    for (size_t i = 0; i < taken; i++) {
        double wanted;
        const char *next = read_one_of_row(wanted_at, end, rows, wanted_left == 1, &wanted);
        if (next == NULL || memcmp(&wanted, &values[i], sizeof wanted) != 0) {
            ck_abort_msg("number %zu of rows of %zu at '%.60s' is %a%s", i, width, wanted_at,
                         values[i], next == NULL ? "" : ", and number_scan reads another");
        }
        wanted_at = next;
        wanted_left = wanted_left == 1 ? width : wanted_left - 1;
    }
    ck_assert_ptr_eq(at, wanted_at);
    ck_assert_uint_eq(*left, wanted_left);
    return taken;
}

/* ---- What is plain ---- */

#define FRONT "[0.5, 0.25, 0.125, 17, 18, 19, 20"
#define BEHIND "21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48"

START_TEST(test_plain_numbers_are_read_and_others_left) {
    static const struct {
        const char *text;
        size_t numbers; /* that are read before what is left */
    } cases[] = {
        {"1,", 1},
        {" 1,", 1},
        {"0,-0,0.0,-0.0,", 4},
        {"1, 2,3, -4,", 4},
        {"0.5,10.25,-123456.789012,", 3},
        {"999999999999999,9999999999999999,9999999999999999999,", 3},
        {"0.123456789012345,0.1234567890123456,0.12345678901234567,0.123456789012345678,", 4},
        {"12345678901234.567,123456789012345.67,1234567890123456.7,1.234567890123456789,", 4},
        {"7,12345678901234567890,", 1},
        {"7,0.1234567890123456789,", 1}, /* 20 digits, the zero counted */
        {"7,1e5,", 1},
        {"7,1E5,", 1},
        {"7,1 ,", 1},
        {"7,  1,", 1},
        {"7,\n1,", 1},
        {"7,\t1,", 1},
        {"7,,", 1},
        {"7, ,", 1},
        {"7,01,", 1},
        {"7,-01,", 1},
        {"7,00,", 1},
        {"7,1.,", 1},
        {"7,.5,", 1},
        {"7,-.5,", 1},
        {"7,-,", 1},
        {"7,--1,", 1},
        {"7,1-2,", 1},
        {"7,1-,", 1},
        {"7,+1,", 1},
        {"7,1+2,", 1},
        {"7,1/2,", 1},
        {"7,1..2,", 1},
        {"7,1.2.3,", 1},
        {"7,1.2.,", 1},
        {"7,NaN,", 1},
        {"7,\"1\",", 1},
        {"7,1]", 1},
        {"7,1\xE2\x88\x92,", 1},
        {"\xFF\xFF,", 0},
        {",", 0},
        {"]", 0},
    };
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t front = strlen(FRONT ",");
        const size_t size = (size_t)sprintf(text, FRONT ",%s" BEHIND, cases[i].text);
        const size_t all = expect_the_same_alone(text, front, size);
        const bool stops = strchr(cases[i].text, '7') == cases[i].text || cases[i].numbers == 0;
        ck_assert_msg(reads_nothing() || (stops ? all == cases[i].numbers : all > cases[i].numbers),
                      "of '%s' %zu are read", cases[i].text, all);
        char *const first = text + front;
        if (!reads_nothing() && cases[i].numbers > 0) {
            ck_assert_uint_eq(expect_the_same(text, first, text + size, 1), 1);
        }
    }
}
END_TEST

START_TEST(test_rows_are_read_as_far_as_they_are_plain) {
    static const struct {
        const char *text;
        enum number_rows rows;
        size_t width, left, numbers;
    } cases[] = {
        {"1,2],[3,4], [5,-6.5],[7]", NUMBER_ROWS_JSON, 2, 2, 6},
        {"2],[3,4],[5, 6],[7]", NUMBER_ROWS_JSON, 2, 1, 5},
        {"1],[2],[3], [4],\n[5]", NUMBER_ROWS_JSON, 1, 1, 3},
        {"1,2,[3,4]", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2],3,4]", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2][3,4]", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2,],[3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2],,[3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2]],[3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2],[,3", NUMBER_ROWS_JSON, 2, 2, 2},
        {"1,2],[[3", NUMBER_ROWS_JSON, 2, 2, 2},
        {"1,2],[]", NUMBER_ROWS_JSON, 2, 2, 2},
        {"1,2],[ 3,4],[5,6", NUMBER_ROWS_JSON, 2, 2, 5},
        {"1,2] ,[3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2 ],[3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2],  [3", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2],[3],[4,5", NUMBER_ROWS_JSON, 2, 2, 2},
        {"1,2],[3,4,5],[6", NUMBER_ROWS_JSON, 2, 2, 3},
        {"1,2]]}", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2\n3,4\n5,6\n7 ", NUMBER_ROWS_JSON, 2, 2, 1},
        {"1,2\n3,-4\r\n5, 6.5\n7 ", NUMBER_ROWS_CSV, 2, 2, 6},
        {"1\n2\r\n3\n\n", NUMBER_ROWS_CSV, 1, 1, 3},
        {"1,2\r3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
        {"1,2\r\r\n3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
        {"1,2\n\r\n3,4\n", NUMBER_ROWS_CSV, 2, 2, 2},
        {"1,2,\n3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
        {"1,\n3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
        {"1,2 \n3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
        {"1,2\n3\n4,5\n", NUMBER_ROWS_CSV, 2, 2, 2},
        {"1,2\n3,4,5\n6", NUMBER_ROWS_CSV, 2, 2, 3},
        {"1,2],[3,4\n", NUMBER_ROWS_CSV, 2, 2, 1},
    };
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t size = (size_t)sprintf(text, FRONT ",%s" BEHIND, cases[i].text);
        char *copy = malloc(size);
        memcpy(copy, text, size);
        size_t left = cases[i].left;
        const size_t found = expect_the_same_rows(copy, copy + strlen(FRONT ","), copy + size,
                                                  cases[i].rows, cases[i].width, &left);
        free(copy);
        ck_assert_msg(reads_nothing() || found == cases[i].numbers, "of '%s' %zu are read",
                      cases[i].text, found);
    }
}
END_TEST

/* Each number at every place of the window, and the bytes' ends at every place. */
START_TEST(test_lists_are_read_wherever_they_begin_and_end) {
    static const char *const numbers[] = {"7",       "-7",         "0.5",
                                          "-12.625", "0.12345678", "-0.12345678901234567"};
    char text[1000];
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        size_t size = 0;
        while (size < 300) {
            size += (size_t)sprintf(text + size, "%s,", numbers[n]);
        }
        size_t most = 0;
        for (size_t end = 0; end < size; end++) {
            for (size_t front = 0; front < 80 && front <= end; front++) {
                const size_t taken = expect_the_same_alone(text, front, end);
                most = taken > most ? taken : most;
            }
        }
        ck_assert_uint_ge(most, reads_nothing() ? 0 : 100 / strlen(numbers[n]));
    }
}
END_TEST

/* ---- Pseudo-random lists ---- */

static size_t make_list(struct source *source, char *list) {
    static const char *const marks[] = {",",  ",",  ",", ", ", ", ",  ",", ",", ",",
                                        " ,", ",,", "]", "\n", ",\n", "",  "-", ",  "};
    const uint32_t plain = source_word(source) % 64; /* one of so many is of another kind */
    size_t size = 0;
    for (size_t i = 0; i < LIST_NUMBERS; i++) {
        const bool odd = source_word(source) % 64 < plain / 4;
        size += odd ? number_text(source, list + size) : number_text_plain(source, list + size);
        const size_t mark = source_word(source) % (odd ? sizeof marks / sizeof *marks : 8);
        size += (size_t)sprintf(list + size, "%s", marks[mark]);
    }
    if (source_word(source) % 4 == 0) {
        list[source_word(source) % size] = "0123456789.,- eE\n]x"[source_word(source) % 19];
    }
    return size;
}

/* NUMBER_TEXTS in the environment: so many instead. */
START_TEST(test_lists_of_every_kind_are_read_like_their_numbers) {
    const char *many = getenv("NUMBER_TEXTS");
    const unsigned long long count = many != NULL ? strtoull(many, NULL, 10) : RANDOM_TEXTS;
    struct source source = {.step = 1};
    char *list = malloc(LIST_BYTES);
    unsigned long long met = 0, taken = 0;
    while (met < count) {
        const size_t size = make_list(&source, list);
        const char *const end = list + size, *at = list;
        while (at < end) {
            const size_t part =
                expect_the_same(list, at, end, 1 + source_word(&source) % LIST_NUMBERS);
            taken += part;
            met += part + 1; /* and one, of whatever kind, is left out */
            for (size_t i = 0; i <= part && at < end; i++) {
                const char *comma = memchr(at, ',', (size_t)(end - at));
                at = comma != NULL ? comma + 1 : end;
            }
        }
    }
    free(list);
    ck_assert_msg(reads_nothing() || taken > met / 2, "%llu of %llu were read", taken, met);
}
END_TEST

/* Rows of that width; one number of so many is odd, or what is behind it. */
static size_t make_rows(struct source *source, char *text, enum number_rows rows, size_t width) {
    static const char *const ends[][4] = {[NUMBER_ROWS_JSON] = {"],[", "],[", "], [", "], ["},
                                          [NUMBER_ROWS_CSV] = {"\n", "\n", "\n", "\r\n"}};
    static const char *const odd_marks[] = {"]",    "[",   "],\n[", "]], [[", "\r",  "\n\n",
                                            "\n\r", ",\n", "],[",   "\n",     ",,[", ",  "};
    const uint32_t odd_ones = source_word(source) % 16;
    size_t size = 0;
    for (size_t i = 0; i < LIST_NUMBERS; i++) {
        const bool odd = source_word(source) % 256 < odd_ones;
        size += odd ? number_text(source, text + size) : number_text_plain(source, text + size);
        size += (size_t)sprintf(text + size, "%s",
                                odd                    ? odd_marks[source_word(source) % 12]
                                : (i + 1) % width == 0 ? ends[rows][source_word(source) % 4]
                                                       : ",");
    }
    return size;
}

START_TEST(test_rows_of_every_kind_are_read_like_their_numbers) {
    const char *many = getenv("NUMBER_TEXTS");
    const unsigned long long count = many != NULL ? strtoull(many, NULL, 10) : RANDOM_TEXTS;
    struct source source = {.step = 2};
    char *text = malloc(LIST_BYTES);
    unsigned long long met = 0, taken = 0;
    while (met < count) {
        const enum number_rows rows =
            source_word(&source) % 2 == 0 ? NUMBER_ROWS_JSON : NUMBER_ROWS_CSV;
        const size_t width = 1 + source_word(&source) % 9;
        const size_t size = make_rows(&source, text, rows, width);
        const char *const end = text + size, *at = text;
        size_t left = width;
        while (at < end) {
            const size_t before = left;
            const size_t part = expect_the_same_rows(text, at, end, rows, width, &left);
            taken += part;
            met += part + 1; /* and one, of whatever kind, is left out */
            size_t next_left = before;
            for (size_t i = 0; i <= part && at < end; i++) {
                at += strcspn(at, ",\n[]");
                at += strspn(at, ",\n[] \r");
                next_left = next_left == 1 ? width : next_left - 1;
            }
            left = next_left;
        }
    }
    free(text);
    ck_assert_msg(reads_nothing() || taken > met / 2, "%llu of %llu were read", taken, met);
}
END_TEST

Suite *suite_number_list(void) {
    Suite *suite = suite_create("number_list");
    TCase *tests = tcase_create("number_list");
    tcase_set_timeout(tests, getenv("NUMBER_TEXTS") != NULL ? 3600 : 120);
    tcase_add_test(tests, test_plain_numbers_are_read_and_others_left);
    tcase_add_test(tests, test_lists_are_read_wherever_they_begin_and_end);
    tcase_add_test(tests, test_lists_of_every_kind_are_read_like_their_numbers);
    tcase_add_test(tests, test_rows_are_read_as_far_as_they_are_plain);
    tcase_add_test(tests, test_rows_of_every_kind_are_read_like_their_numbers);
    suite_add_tcase(suite, tests);
    return suite;
}
