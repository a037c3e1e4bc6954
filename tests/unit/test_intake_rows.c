/* api/json_intake.c and csv_intake.c: rows so wide that their numbers are read as lists
 * (api/number_list.h), and narrow ones that are read several at once, with others among
 * them. */
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
#define NARROW 3
#define NARROW_ROWS 200

static const char *const names[] = {"a", " a", "  a"};
static struct specification named, regression, classes, outputs;
static struct intake_case json, csv, labelled;
static struct intake_case narrow_json, narrow_csv, narrow_answers, narrow_predictions;

static void begin(void) {
    model_softmax(&named, WIDTH, 3, names);
    model_regression(&regression, WIDTH, 1);
    json = (struct intake_case){
        .format = &intake_json, .purpose = INTAKE_PREDICTION, .model = &regression};
    csv = (struct intake_case){
        .format = &intake_csv, .purpose = INTAKE_PREDICTION, .model = &regression};
    labelled =
        (struct intake_case){.format = &intake_csv, .purpose = INTAKE_BATCH, .model = &named};
    model_softmax(&classes, NARROW, 3, NULL);
    model_regression(&outputs, NARROW, 2);
    narrow_json =
        (struct intake_case){.format = &intake_json, .purpose = INTAKE_BATCH, .model = &classes};
    narrow_csv = narrow_answers = narrow_predictions = narrow_json;
    narrow_csv.format = narrow_answers.format = narrow_predictions.format = &intake_csv;
    narrow_answers.model = &outputs;
    narrow_predictions.purpose = INTAKE_PREDICTION;
}

static void finish(void) {
    specification_free(&named);
    specification_free(&regression);
    specification_free(&classes);
    specification_free(&outputs);
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

/* ---- Narrow rows ---- */

/* What divides narrow rows in one body: mostly the first, now and then another. */
static const char *any_row_end(struct source *source, bool is_json) {
    static const char *const ends[2][6] = {{"\n", "\r\n", "\n\n", " \n", "\n ", "\t\r\n"},
                                           {"],[", "], [", "] ,[", "],[ ", " ],\n[", "],\t["}};
    return ends[is_json][source_word(source) % 8 == 0 ? source_word(source) % 6 : 0];
}

static void expect_numbers(const struct buffer *buffer, const void *wanted, size_t count) {
    ck_assert_uint_eq(buffer->used, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        if (memcmp(buffer->data + i * sizeof(float), (const char *)wanted + i * sizeof(float),
                   sizeof(float)) != 0) {
            ck_abort_msg("number %zu is another", i);
        }
    }
}

static size_t put_items(struct source *source, char *text, const char *key, const float *values) {
    size_t size = (size_t)sprintf(text, "],\"%s\":[", key);
    for (size_t i = 0; i < NARROW_ROWS; i++) {
        size += (size_t)sprintf(text + size, "%s%g", i > 0 ? any_mark(source, true) : "",
                                (double)values[i]);
    }
    return size;
}

START_TEST(test_narrow_rows_come_out_as_strtod_reads_them) {
    static float inputs[NARROW_ROWS * NARROW], weights[NARROW_ROWS], numbers[NARROW_ROWS];
    static int32_t labels[NARROW_ROWS];
    char *body = malloc(NARROW_ROWS * (NARROW + 2) * (NUMBER_TEXT_MAX + 8));
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct source source = {.step = seed};
        const bool is_json = seed % 2 == 0;
        size_t size = (size_t)sprintf(body, "%s", is_json ? "{\"inputs\":[[" : "");
        for (size_t row = 0; row < NARROW_ROWS; row++) {
            for (size_t column = 0; column < NARROW; column++) {
                size += (size_t)sprintf(body + size, "%s",
                                        column > 0 ? any_mark(&source, is_json)
                                        : row > 0  ? any_row_end(&source, is_json)
                                                   : "");
                size += put_number(&source, body + size, &inputs[row * NARROW + column]);
            }
            labels[row] = (int32_t)(source_word(&source) % 3);
            numbers[row] = (float)labels[row];
            weights[row] = (float)(source_word(&source) % 1000) / 8;
            size += is_json ? 0 : (size_t)sprintf(body + size, ",%d", labels[row]);
        }
        if (is_json) {
            size += (size_t)sprintf(body + size, "]");
            size += put_items(&source, body + size, "labels", numbers);
            size += put_items(&source, body + size, "sample_weights", weights);
            size += (size_t)sprintf(body + size, "]}");
        }
        const struct examples *examples =
            &expect_taken(is_json ? &narrow_json : &narrow_csv, body, size)->examples;
        ck_assert_uint_eq(examples->rows, NARROW_ROWS);
        expect_numbers(&examples->inputs, inputs, NARROW_ROWS * NARROW);
        expect_numbers(&examples->labels, labels, NARROW_ROWS);
        expect_numbers(&examples->sample_weights, weights, is_json ? NARROW_ROWS : 0);
    }
    free(body);
}
END_TEST

/* "1,2,3,0\n…", or "[1,2,3],…" without labels, one row another. */
static size_t put_narrow(char *text, bool is_json, size_t place, const char *other) {
    size_t size = 0;
    for (size_t i = 0; i < 40; i++) {
        size += (size_t)sprintf(text + size, "%s%s%s",
                                !is_json ? ""
                                : i == 0 ? "{\"inputs\":[["
                                         : ",[",
                                i == place ? other
                                : is_json  ? "1,2,3"
                                           : "1,2,3,0",
                                is_json ? "]" : "\n");
    }
    return size + (size_t)sprintf(text + size, "%s", is_json ? "]}" : "");
}

START_TEST(test_what_is_wrong_in_a_narrow_row_is_told_by_its_place) {
    static const struct {
        const char *row, *tensor, *csv; /* behind "line N" */
    } cases[] = {
        {"1,2,3,3", "labels", ", column 4: the label 3 in row"},
        {"1,2,3,0.5", "labels", ", column 4: the label 0.5 in row"},
        {"1,2,3,-1", "labels", ", column 4: the label -1 in row"},
        {"1,4,3,0", "inputs", ", column 2: '4' is beyond float32"},
        {"1,2,0", "inputs", ": 3 columns"},
        {"1,2,3,0,0", "inputs", ": 5 columns"},
        {"1,x,3,0", "inputs", ", column 2: 'x'"},
        {"1,,3,0", "inputs", ", column 2: ''"},
    };
    static const struct {
        const char *row, *words;
    } json_cases[] = {{"1,4,3", "number 1 of row %zu is infinite"},
                      {"1,2", "row %zu has 2 numbers"},
                      {"1,2,3,0", "row %zu has 4 or more numbers"},
                      {"", "row %zu has 0 numbers"},
                      {"1,\"x\",3", "a string at place 1 of row %zu"}};
    char body[1000], pointer[64], words[100];
    narrow_csv.scaling = narrow_json.scaling =
        (struct intake_scaling){.scale = 1e38, .offset = 0, .given = true};
    for (size_t place = 0; place < 40; place += 3) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            snprintf(pointer, sizeof pointer, "/%s/%zu", cases[i].tensor, place);
            snprintf(words, sizeof words, "line %zu%s", place + 1, cases[i].csv);
            expect_refused(&narrow_csv, body, put_narrow(body, false, place, cases[i].row),
                           ERROR_INVALID, pointer, words);
        }
        for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++) {
            snprintf(pointer, sizeof pointer, "/inputs/%zu", place);
            const char *row = strstr(json_cases[i].words, "%zu");
            snprintf(words, sizeof words, "%.*s%zu%s", (int)(row - json_cases[i].words),
                     json_cases[i].words, place, row + 3);
            expect_refused(&narrow_json, body, put_narrow(body, true, place, json_cases[i].row),
                           ERROR_INVALID, pointer, words);
        }
    }
}
END_TEST

/* Numbers that are all another, so that one in the wrong place is seen. */
static size_t put_counted(char *text, bool is_json, size_t rows, size_t width, size_t first) {
    size_t size = 0;
    for (size_t i = 0; i < rows * width; i++) {
        size += (size_t)sprintf(text + size, "%s%zu",
                                i % width > 0 ? ","
                                : i == 0      ? ""
                                : is_json     ? "],["
                                              : "\n",
                                first + i);
    }
    return size;
}

static void expect_counted(const struct buffer *buffer, size_t rows, size_t width, size_t columns,
                           size_t first) {
    const float *numbers = (const float *)(const void *)buffer->data;
    ck_assert_uint_eq(buffer->used, rows * width * sizeof(float));
    for (size_t i = 0; i < rows * width; i++) {
        ck_assert_uint_eq((size_t)numbers[i], first + i / width * columns + i % width);
    }
}

START_TEST(test_narrow_rows_with_targets_and_without_any_come_out) {
    char body[4000];
    size_t size = put_counted(body, false, 100, NARROW + 2, 0);
    const struct examples *examples = &expect_taken(&narrow_answers, body, size)->examples;
    expect_counted(&examples->inputs, 100, NARROW, NARROW + 2, 0);
    expect_counted(&examples->targets, 100, 2, NARROW + 2, NARROW);
    size = put_counted(body, false, 100, NARROW, 0);
    examples = &expect_taken(&narrow_predictions, body, size)->examples;
    expect_counted(&examples->inputs, 100, NARROW, NARROW, 0);
    narrow_json.model = &outputs;
    size = (size_t)sprintf(body, "{\"targets\":[[");
    size += put_counted(body + size, true, 100, 2, 1000);
    size += (size_t)sprintf(body + size, "]],\"inputs\":[[");
    size += put_counted(body + size, true, 100, NARROW, 0);
    size += (size_t)sprintf(body + size, "]]}");
    examples = &expect_taken(&narrow_json, body, size)->examples;
    expect_counted(&examples->inputs, 100, NARROW, NARROW, 0);
    expect_counted(&examples->targets, 100, 2, 2, 1000);
}
END_TEST

START_TEST(test_lines_are_counted_through_narrow_rows) {
    char body[1000];
    size_t size = (size_t)sprintf(body, "\"a\nb\",c,d,e\n1,2,3,0\n\n\"1\",2,3,1\r\n\r\n");
    size += put_narrow(body + size, false, 39, "1,x,3,0");
    expect_refused(&narrow_csv, body, size, ERROR_INVALID, "/inputs/41", "line 46, column 2: 'x'");
}
END_TEST

START_TEST(test_narrow_rows_without_memory_leave_none) {
    char body[1000];
    size_t size = put_narrow(body, false, 40, "");
    expect_clean_without_memory(&narrow_csv, body, size);
    narrow_json.purpose = INTAKE_PREDICTION;
    size = put_narrow(body, true, 40, "");
    expect_clean_without_memory(&narrow_json, body, size);
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
    tcase_add_test(tests, test_narrow_rows_come_out_as_strtod_reads_them);
    tcase_add_test(tests, test_what_is_wrong_in_a_narrow_row_is_told_by_its_place);
    tcase_add_test(tests, test_narrow_rows_with_targets_and_without_any_come_out);
    tcase_add_test(tests, test_lines_are_counted_through_narrow_rows);
    tcase_add_test(tests, test_narrow_rows_without_memory_leave_none);
    suite_add_tcase(suite, tests);
    return suite;
}
