/* api/json_intake.h and csv_intake.c: rows so wide that their numbers are read as lists
 * (api/number_list.h), with others among them. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/number_texts.h"
#include "tests/unit/suites.h"

#define WIDTH 50
#define ROWS 20
#define BODY_BYTES ((size_t)WIDTH * ROWS * (NUMBER_TEXT_MAX + 8))

static const char *const names[] = {"a", " a", "  a"};
static struct specification named, regression;
static struct intake_case json, csv, labelled;

static void begin(void) {
    model_softmax(&named, WIDTH, 3, names);
    model_regression(&regression, WIDTH, 1);
    json = (struct intake_case){
        .format = &intake_json, .purpose = INTAKE_PREDICTION, .model = &regression};
    csv = (struct intake_case){
        .format = &intake_csv, .purpose = INTAKE_PREDICTION, .model = &regression};
    labelled =
        (struct intake_case){.format = &intake_csv, .purpose = INTAKE_BATCH, .model = &named};
}

static void finish(void) {
    specification_free(&named);
    specification_free(&regression);
}

/* Numbers that a float32 can hold, and what they are. */
static size_t put_number(struct source *source, char *text, float *value) {
    size_t size;
    do {
        size = source_word(source) % 8 == 0 ? number_text(source, text)
                                            : number_text_plain(source, text);
        *value = (float)strtod(text, NULL);
    } while (!isfinite(*value));
    return size;
}

static const char *any_mark(struct source *source, bool lines) {
    static const char *const marks[] = {",", ",", ",", ", ", ", ", " ,", ",  ", " \t, \t", ",\n"};
    return marks[source_word(source) % (lines ? 9 : 8)];
}

static void expect_inputs(const struct intake_case *c, const char *body, size_t size,
                          const float *wanted) {
    const struct examples *examples = &expect_taken(c, body, size)->examples;
    ck_assert_uint_eq(examples->rows, ROWS);
    const float *found = (const float *)(const void *)examples->inputs.data;
    for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) {
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0) {
            ck_abort_msg("number %zu is %a, wanted %a", i, (double)found[i], (double)wanted[i]);
        }
    }
}

START_TEST(test_wide_rows_come_out_as_strtod_reads_them) {
    static float wanted[ROWS * WIDTH];
    char *body = malloc(BODY_BYTES);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct source source = {.step = seed};
        const bool is_json = seed % 2 == 0;
        size_t size = (size_t)sprintf(body, "%s", is_json ? "{\"inputs\":[" : "");
        for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) {
            const bool first = i % WIDTH == 0;
            size += (size_t)sprintf(body + size, "%s",
                                    !first    ? any_mark(&source, is_json)
                                    : is_json ? (i > 0 ? "],[" : "[")
                                              : (i > 0 ? "\n" : ""));
            size += put_number(&source, body + size, &wanted[i]);
        }
        size += (size_t)sprintf(body + size, "%s", is_json ? "]]}" : "\n");
        expect_inputs(is_json ? &json : &csv, body, size, wanted);
    }
    free(body);
}
END_TEST

/* "0.5,0.5,…" with one number in place of another. */
static size_t put_row(char *text, size_t place, const char *other) {
    size_t size = 0;
    for (size_t i = 0; i < WIDTH; i++) {
        size += (size_t)sprintf(text + size, "%s%s", i > 0 ? "," : "", i == place ? other : "0.5");
    }
    return size;
}

START_TEST(test_number_that_scaling_makes_infinite_is_told_by_its_place) {
    char body[WIDTH * 8], pointer[64];
    csv.scaling = json.scaling = (struct intake_scaling){.scale = 1e38, .offset = 0, .given = true};
    for (size_t place = 0; place < WIDTH; place++) {
        size_t size = put_row(body, place, "4");
        snprintf(pointer, sizeof pointer, "line 1, column %zu: '4' is beyond float32", place + 1);
        expect_refused(&csv, body, size, ERROR_INVALID, "/inputs/0", pointer);
        size = (size_t)sprintf(body, "{\"inputs\":[[");
        size += put_row(body + size, place, "4");
        size += (size_t)sprintf(body + size, "]]}");
        snprintf(pointer, sizeof pointer, "number %zu of row 0 is infinite", place);
        expect_refused(&json, body, size, ERROR_INVALID, "/inputs/0", pointer);
    }
}
END_TEST

START_TEST(test_rows_of_another_width_are_told) {
    char body[WIDTH * 8 + 32];
    size_t size = put_row(body, 0, "1");
    expect_refused(&csv, body, size - 4, ERROR_INVALID, "/inputs/0", "line 1: 49 columns");
    size += (size_t)sprintf(body + size, ",0.5");
    expect_refused(&csv, body, size, ERROR_INVALID, "/inputs/0", "line 1: 51 columns");
    size += (size_t)sprintf(body + size, ",");
    expect_refused(&csv, body, size, ERROR_INVALID, "/inputs/0", "line 1: 52 columns");
    for (size_t more = 0; more < 3; more++) {
        static const char *const ends[] = {",0.5]]}", ",]]}", ",,"};
        static const char *const words[] = {"row 0 has 51 or more numbers", "expected a number",
                                            "expected a number"};
        size = (size_t)sprintf(body, "{\"inputs\":[[");
        size += put_row(body + size, 0, "1");
        size += (size_t)sprintf(body + size, "%s", ends[more]);
        expect_refused(&json, body, size, more == 0 ? ERROR_INVALID : ERROR_SYNTAX,
                       more == 0 ? "/inputs/0" : "", words[more]);
    }
}
END_TEST

/* A list must not swallow what belongs to the next cell. */
START_TEST(test_blanks_before_a_label_may_be_of_its_name) {
    char body[WIDTH * 8 + 32];
    for (size_t name = 0; name < 3; name++) {
        size_t size = put_row(body, 0, "1");
        size += (size_t)sprintf(body + size, ",%s\n", names[name]);
        const struct examples *examples = &expect_taken(&labelled, body, size)->examples;
        const int32_t *found = (const int32_t *)(const void *)examples->labels.data;
        ck_assert_int_eq(found[0], (int)name);
    }
}
END_TEST

Suite *suite_intake_rows(void) {
    Suite *suite = suite_create("intake_rows");
    TCase *tests = tcase_create("intake_rows");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_wide_rows_come_out_as_strtod_reads_them);
    tcase_add_test(tests, test_number_that_scaling_makes_infinite_is_told_by_its_place);
    tcase_add_test(tests, test_rows_of_another_width_are_told);
    tcase_add_test(tests, test_blanks_before_a_label_may_be_of_its_name);
    suite_add_tcase(suite, tests);
    return suite;
}
