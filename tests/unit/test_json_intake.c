/* api/json_intake.c: the grammar, wherever the chunks end. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/random.h"
#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/suites.h"

static const char *const names[] = {"a", "b\"", "\xC3\xA9"};
static struct specification model; /* two inputs, three classes */
static struct intake_case body_case;

static void begin(void) {
    model_softmax(&model, 2, 3, names);
    body_case =
        (struct intake_case){.format = &intake_json, .purpose = INTAKE_BATCH, .model = &model};
}

static void finish(void) {
    specification_free(&model);
}

static void refused(const char *body, enum error_code code, const char *pointer,
                    const char *words) {
    expect_refused(&body_case, body, strlen(body), code, pointer, words);
}

static void taken(const char *body) {
    (void)expect_taken(&body_case, body, strlen(body));
}

START_TEST(test_white_space_and_order_are_free) {
    taken("{\"inputs\":[[1,2]],\"labels\":[0]}");
    taken(" \t\r\n{ \"labels\" : [ 0 , 1 ]\n,\r\"inputs\"\t: [ [ 1 , 2 ] , [ 3 ,4 ] ] } \n");
    taken("\xEF\xBB\xBF{\"inputs\":[[1,2]],\"labels\":[0]}");
    taken("{\"\\u0069nputs\":[[1,2]],\"lab\\u0065ls\":[\"\\u00e9\"]}");
    taken("{\"inputs\":[[1,2]],\"labels\":[\"b\\\"\"],\"sample_weights\":null}");
}
END_TEST

START_TEST(test_broken_grammar_is_a_syntax_error) {
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"", "empty"},
        {" \n", "empty"},
        {"\xEF\xBB\xBF", "empty"},
        {"\xEF\xBB{}", "byte 2"},
        {"{", "ends early"},
        {"{\"inputs\":[[1,2]],\"labels\":[0]", "ends early, after 30 bytes"},
        {"{\"inputs\":[[1,2", "ends early"},
        {"{\"inp", "ends early"},
        {"{\"inputs\":nul", "ends early"},
        {"x", "byte 0: found 'x'"},
        {"{}}", "byte 2: found '}'; expected the end"},
        {"{} x", "byte 3"},
        {"{}{}", "byte 2"},
        {"{,}", "byte 1"},
        {"{\"labels\":[0],}", "byte 14"},
        {"{\"labels\" [0]}", "expected ':'"},
        {"{\"labels\"::[0]}", "byte 10"},
        {"{\"labels\":}", "expected a value"},
        {"{\"labels\":[0}", "expected ',' or ']'"},
        {"{\"labels\":[0]]", "byte 13"},
        {"{\"labels\":[0,]}", "byte 13: found ']'"},
        {"{\"labels\":[,0]}", "byte 11"},
        {"{\"labels\":[0 1]}", "byte 13"},
        {"{\"labels\":[0,,1]}", "byte 13"},
        {"{labels:[0]}", "name in quotes"},
        {"{'labels':[0]}", "name in quotes"},
        {"{1:[0]}", "name in quotes"},
        {"{null:[0]}", "name in quotes"},
        {"{\"labels\":[0]\"inputs\":[]}", "byte 13"},
        {"{\"inputs\":[[1,2] [3,4]]}", "byte 17"},
        {"{\"inputs\":[[1,2],]}", "byte 17"},
        {"{\"inputs\":[[1,2,]]}", "byte 16"},
        {"{\"inputs\":[[1,2}]", "byte 15"},
        {"{\"inputs\":[[,1]]}", "byte 12"},
        {"{\"inputs\":[[1;2]]}", "byte 13: found ';'"},
        {"{\"inputs\":[[1,2]]/**/}", "byte 17"},
        {"{\"inputs\":tru}", "found '}'"},
        {"{\"inputs\":nulL}", "found 'L'"},
        {"{\"inputs\":True}", "found 'T'"},
        {"{\"inputs\":[[1,2]],\"labels\":[0]}\x01", "0x01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(cases[i].body, ERROR_SYNTAX, "", cases[i].words);
    }
    expect_refused(&body_case, "{}\0", 3, ERROR_SYNTAX, "", "0x00");
}
END_TEST

START_TEST(test_numbers_follow_the_grammar) {
    static const char *const good[] = {"0",     "-0",     "1.5",  "1e5",  "1E+5",
                                       "1e-05", "-0.0e0", "10.0", "0.10", "1e-999"};
    static const char *const bad[] = {"01",  "+1",  ".5",       "1.",        "1.e5", "1e",  "1e+",
                                      "-",   "--1", "1.5.2",    "1e5e5",     "1-2",  "0x1", "1_0",
                                      "-.5", "NaN", "Infinity", "-Infinity", "-NaN", "1f"};
    char body[128];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(body, sizeof body, "{\"inputs\":[[%s,%s]],\"labels\":[0]}", good[i], good[i]);
        taken(body);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int place = 0; place < 2; place++) {
            snprintf(body, sizeof body, "{\"inputs\":[[%s%s]],\"labels\":[0]}",
                     place == 1 ? "1," : "", bad[i]);
            refused(body, ERROR_SYNTAX, "", "byte ");
        }
        snprintf(body, sizeof body, "{\"sample_weights\":[1, %s ]}", bad[i]);
        refused(body, ERROR_SYNTAX, "", "byte ");
    }
}
END_TEST

START_TEST(test_a_number_may_be_long_but_not_without_bound) {
    static char body[4096];
    strcpy(body, "{\"labels\":[0],\"inputs\":[[0.");
    memset(body + strlen(body), '1', 1022);
    strcat(body, ",2]]}");
    taken(body);
    strcpy(body, "{\"labels\":[0],\"inputs\":[[0.");
    memset(body + strlen(body), '1', 1023);
    body[27 + 1023] = 0;
    strcat(body, ",2]]}");
    refused(body, ERROR_SYNTAX, "", "1024 characters");
}
END_TEST

START_TEST(test_strings_follow_the_grammar) {
    static const struct {
        const char *string, *words;
    } cases[] = {
        {"\\x", "escape"},
        {"\\u12g4", "hexadecimal"},
        {"\\ud800", "surrogate"},
        {"\\ud800x", "surrogate"},
        {"\\ud800\\n", "surrogate"},
        {"\\ud800\\u0041", "surrogate"},
        {"\\udc00", "surrogate"},
        {"a\nb", "control"},
        {"\t", "control"},
        {"\xFF", "UTF-8"},
        {"\xC0\x80", "UTF-8"},
        {"\xC3", "UTF-8"},
        {"\xC3x", "UTF-8"},
        {"\xE0\x80\x80", "UTF-8"},
        {"\xED\xA0\x80", "UTF-8"},
        {"\xF4\x90\x80\x80", "UTF-8"},
        {"\xF5\x80\x80\x80", "UTF-8"},
        {"\x80", "UTF-8"},
    };
    char body[128];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{\"labels\":[\"%s\"]}", cases[i].string);
        refused(body, ERROR_SYNTAX, "", cases[i].words);
        snprintf(body, sizeof body, "{\"%s\":1}", cases[i].string);
        refused(body, ERROR_SYNTAX, "", cases[i].words);
    }
    static const char *const good[] = {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\\u0000", "\\uD83D\\uDE00",
                                       "\xF4\x8F\xBF\xBF",           "\x7F",    "\xED\x9F\xBF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(body, sizeof body, "{\"labels\":[\"%s\"]}", good[i]);
        refused(body, ERROR_INVALID, "/labels/0", "no class");
    }
}
END_TEST

START_TEST(test_duplicate_keys_are_a_syntax_error) {
    refused("{\"labels\":[0],\"labels\":[0]}", ERROR_SYNTAX, "", "'labels' comes twice");
    refused("{\"labels\":null,\"l\\u0061bels\":[0]}", ERROR_SYNTAX, "", "byte 15");
}
END_TEST

START_TEST(test_unknown_fields_are_refused_by_name) {
    refused("{\"input\":[[1,2]]}", ERROR_INVALID, "/input",
            "'input' is unknown; allowed are inputs, labels, targets, sample_weights");
    refused("{\"a/b~c\":1}", ERROR_INVALID, "/a~1b~0c", "unknown");
    refused("{\"\":1}", ERROR_INVALID, "/", "unknown");
    refused("{\"inputs\\u0000\":1}", ERROR_INVALID, "/inputs", "unknown");
    static char body[4096];
    strcpy(body, "{\"");
    memset(body + 2, 'k', 3000);
    strcat(body, "\":1}");
    ck_assert_int_eq(outcome_of(&body_case, body, strlen(body))->code, ERROR_INVALID);
}
END_TEST

START_TEST(test_wrong_types_are_told) {
    static const struct {
        const char *body, *pointer, *words;
    } cases[] = {
        {"[[1,2]]", "", "the body is an array"},
        {"\"x\"", "", "a string"},
        {"5", "", "a number"},
        {"5 ", "", "a number"},
        {"null", "", "null"},
        {"true", "", "true"},
        {"{\"inputs\":5}", "/inputs", "a number; allowed is an array"},
        {"{\"inputs\":\"x\"}", "/inputs", "a string"},
        {"{\"inputs\":{}}", "/inputs", "an object"},
        {"{\"inputs\":true}", "/inputs", "true"},
        {"{\"inputs\":null}", "/inputs", "null"},
        {"{\"inputs\":[1,2]}", "/inputs/0", "\"inputs\": [[1, 2], ...]"},
        {"{\"inputs\":[[1,2],3]}", "/inputs/1", "a number where a row is needed"},
        {"{\"inputs\":[null]}", "/inputs/0", "null"},
        {"{\"inputs\":[{}]}", "/inputs/0", "an object"},
        {"{\"inputs\":[[1,\"2\"]]}", "/inputs/0", "a string at place 1"},
        {"{\"inputs\":[[1,2],[null,1]]}", "/inputs/1", "null at place 0"},
        {"{\"inputs\":[[1,false]]}", "/inputs/0", "false"},
        {"{\"inputs\":[[[1,2]]]}", "/inputs/0", "a nested array"},
        {"{\"inputs\":[[{}]]}", "/inputs/0", "an object"},
        {"{\"labels\":5}", "/labels", "a number"},
        {"{\"labels\":[0,null]}", "/labels/1", "null"},
        {"{\"labels\":[[0]]}", "/labels/0", "an array in row 0"},
        {"{\"labels\":[true]}", "/labels/0", "true"},
        {"{\"sample_weights\":[1,\"1\"]}", "/sample_weights/1", "a string"},
        {"{\"targets\":[0,1]}", "/targets/0", "3 numbers a row"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(cases[i].body, ERROR_INVALID, cases[i].pointer, cases[i].words);
    }
}
END_TEST

START_TEST(test_rows_must_have_the_width) {
    refused("{\"inputs\":[[]]}", ERROR_INVALID, "/inputs/0", "has 0 numbers; the model has 2");
    refused("{\"inputs\":[[1,2],[1]]}", ERROR_INVALID, "/inputs/1", "has 1 numbers");
    refused("{\"inputs\":[[1,2],[1,2,null]]}", ERROR_INVALID, "/inputs/1", "place 2 of row 1");
    refused("{\"inputs\":[[1,2],[1,2],[1,2,3", ERROR_INVALID, "/inputs/2", "3 or more");
}
END_TEST

START_TEST(test_deep_nesting_is_refused_at_once) {
    static char body[10000];
    memset(body, '[', sizeof body);
    expect_refused(&body_case, body, sizeof body, ERROR_INVALID, "", "an array");
    body[snprintf(body, sizeof body, "{\"inputs\":")] = '[';
    expect_refused(&body_case, body, sizeof body, ERROR_INVALID, "/inputs/0", "nested");
}
END_TEST

/* Many rows of numbers of all shapes, cut at random places, against jansson. */
START_TEST(test_large_bodies_come_out_the_same_however_they_are_cut) {
    enum { ROWS = 400, WIDTH = 2, BYTES = ROWS * 100 };
    char *body = malloc(BYTES);
    size_t used = (size_t)sprintf(body, "{\"inputs\":[");
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t words[4];
        random_block((struct random_key){3, 0, 0}, row, words);
        used += (size_t)sprintf(body + used, "%s[%.*g%s,%s%.*e]", row > 0 ? "," : "",
                                (int)(words[0] % 17 + 1), (double)random_unit(words[1]),
                                row % 3 == 0 ? " " : "", row % 5 == 0 ? "\n" : "",
                                (int)(words[2] % 20), (double)random_unit(words[3]) - 0.5);
    }
    used += (size_t)sprintf(body + used, "]}");
    body_case.purpose = INTAKE_PREDICTION;
    const struct outcome *out = expect_taken(&body_case, body, used);
    ck_assert_uint_eq(out->examples.rows, ROWS);
    json_t *tree = json_loadb(body, used, JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *rows = json_object_get(tree, "inputs");
    const float *found = (const float *)(const void *)out->examples.inputs.data;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        const json_t *number = json_array_get(json_array_get(rows, i / WIDTH), i % WIDTH);
        ck_assert(found[i] == (float)json_real_value(number));
    }
    json_decref(tree);
    free(body);
}
END_TEST

START_TEST(test_every_allocation_may_fail) {
    static char body[4000];
    strcpy(body, "{\"labels\":[\"a\"");
    for (int i = 1; i < 100; i++) {
        strcat(body, ",1");
    }
    strcat(body, "],\"inputs\":[[1,2]");
    for (int i = 1; i < 100; i++) {
        strcat(body, ",[3,4.5]");
    }
    strcat(body, "]}");
    expect_clean_without_memory(&body_case, body, strlen(body));
}
END_TEST

Suite *suite_json_intake(void) {
    Suite *suite = suite_create("json_intake");
    TCase *tests = tcase_create("json_intake");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_white_space_and_order_are_free);
    tcase_add_test(tests, test_broken_grammar_is_a_syntax_error);
    tcase_add_test(tests, test_numbers_follow_the_grammar);
    tcase_add_test(tests, test_a_number_may_be_long_but_not_without_bound);
    tcase_add_test(tests, test_strings_follow_the_grammar);
    tcase_add_test(tests, test_duplicate_keys_are_a_syntax_error);
    tcase_add_test(tests, test_unknown_fields_are_refused_by_name);
    tcase_add_test(tests, test_wrong_types_are_told);
    tcase_add_test(tests, test_rows_must_have_the_width);
    tcase_add_test(tests, test_deep_nesting_is_refused_at_once);
    tcase_add_test(tests, test_large_bodies_come_out_the_same_however_they_are_cut);
    tcase_add_test(tests, test_every_allocation_may_fail);
    suite_add_tcase(suite, tests);
    return suite;
}
