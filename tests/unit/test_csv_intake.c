/* api/csv_intake.c: rows and cells, wherever the chunks end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/random.h"
#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/suites.h"

static const char *const names[] = {"no", "yes", "a,\"b\"\n", "1"};
static struct specification named, plain, multi, regression;
static struct intake_case batch, indexed, targets, prediction;

static void begin(void) {
    model_softmax(&named, 2, 4, names);
    model_softmax(&plain, 2, 3, NULL);
    model_sigmoid(&multi, 1, 2);
    model_regression(&regression, 2, 1);
    batch = (struct intake_case){.format = &intake_csv, .purpose = INTAKE_BATCH, .model = &named};
    indexed = (struct intake_case){.format = &intake_csv, .purpose = INTAKE_BATCH, .model = &plain};
    targets =
        (struct intake_case){.format = &intake_csv, .purpose = INTAKE_EVALUATION, .model = &multi};
    prediction = (struct intake_case){
        .format = &intake_csv, .purpose = INTAKE_PREDICTION, .model = &regression};
}

static void finish(void) {
    specification_free(&named);
    specification_free(&plain);
    specification_free(&multi);
    specification_free(&regression);
}

static void expect_rows(const struct intake_case *c, const char *body, size_t rows,
                        const float *inputs, const int32_t *labels) {
    const struct examples *examples = &expect_taken(c, body, strlen(body))->examples;
    ck_assert_msg(examples->rows == rows, "%zu rows, wanted %zu: %s", examples->rows, rows, body);
    ck_assert_uint_eq(examples->inputs.used, rows * c->model->inputs * sizeof *inputs);
    ck_assert(memcmp(examples->inputs.data, inputs, examples->inputs.used) == 0);
    if (labels != NULL) {
        ck_assert_uint_eq(examples->labels.used, rows * sizeof *labels);
        ck_assert(memcmp(examples->labels.data, labels, examples->labels.used) == 0);
    }
}

static void refused(const struct intake_case *c, const char *body, enum error_code code,
                    const char *pointer, const char *words) {
    expect_refused(c, body, strlen(body), code, pointer, words);
}

/* ---- what is taken ---- */

START_TEST(test_rows_are_the_same_in_every_dress) {
    static const char *const bodies[] = {
        "1,2,0\n-3,4.5e1,2\n",
        "1,2,0\r\n-3,4.5e1,2\r\n",
        "1,2,0\n-3,4.5e1,2",
        "1,2,0\r\n-3,4.5e1,2",
        "1,2,0\n-3,4.5e1,2\r\n",
        "\357\273\2771,2,0\n-3,4.5e1,2\n", /* the mark in octal, which ends by itself */
        " 1 ,\t2\t, 0 \n -3,4.5e1 ,2 \n",
        "\"1\",\"2\",\"0\"\n\"-3\",\"45\",\"2\"\n",
        " \"1\" ,\"2\"\t,\"0\"  \r\n-3,45.0,\" 2 \"",
        "\n\n1,2,0\n\n \t\n-3,45,2\n\r\n\n",
        "1,2,0.0\n-3,45,2e0",
        "a,b,label\n1,2,0\n-3,45,2\n",
        "\xEF\xBB\xBF\"x 1\",\"x,2\",\"y\"\r\n1,2,0\r\n-3,45,2\r\n",
        "\"two\nlines\",b,label\n1,2,0\n-3,45,2\n",
        "a,,label\n1,2,0\n-3,45,2\n",
        "e,-,1\n1,2,0\n-3,45,2\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        expect_rows(&indexed, bodies[i], 2, (const float[]){1, 2, -3, 45}, (const int32_t[]){0, 2});
    }
}
END_TEST

START_TEST(test_label_is_a_class_name_first_and_an_index_else) {
    expect_rows(&batch, "1,2,yes\n1,2,0\n1,2,1\n1,2,2\n1,2, no \n1,2,\"a,\"\"b\"\"\n\"\n1,2,3.0", 7,
                (const float[]){1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2},
                (const int32_t[]){1, 0, 3, 2, 0, 2, 3});
}
END_TEST

START_TEST(test_last_columns_are_the_targets_of_a_model_trained_on_them) {
    const char *body = "x,cat,dog\n1,0,1\n2,0.25,1\n";
    const struct examples *examples = &expect_taken(&targets, body, strlen(body))->examples;
    const float wanted[] = {0, 1, 0.25f, 1};
    ck_assert_uint_eq(examples->rows, 2);
    ck_assert_uint_eq(examples->labels.used, 0);
    ck_assert_uint_eq(examples->targets.used, sizeof wanted);
    ck_assert_mem_eq(examples->targets.data, wanted, sizeof wanted);
}
END_TEST

START_TEST(test_prediction_has_the_inputs_alone) {
    expect_rows(&prediction, "1,2\n3,4", 2, (const float[]){1, 2, 3, 4}, NULL);
    expect_rows(&prediction, "width,height\n3,4", 1, (const float[]){3, 4}, NULL);
    refused(&prediction, "1,2,3\n", ERROR_INVALID, "/inputs/0",
            "line 1: 3 columns, divided by commas; the model needs 2: 2 inputs");
}
END_TEST

START_TEST(test_scale_applies_to_inputs_and_not_to_targets) {
    targets.scaling = (struct intake_scaling){.scale = 0.5, .offset = 1, .given = true};
    expect_rows(&targets, "4,1,0\n6,0,1\n", 2, (const float[]){3, 4}, NULL);
    const struct examples *examples = &expect_taken(&targets, "4,1,0\n", 6)->examples;
    ck_assert_mem_eq(examples->targets.data, ((const float[]){1, 0}), 2 * sizeof(float));
}
END_TEST

START_TEST(test_numbers_are_read_as_in_json) {
    expect_rows(&prediction, "0.1,-0\n1e-999,16777217\n", 2,
                (const float[]){0.1f, -0.0f, 0.0f, 16777216.0f}, NULL);
}
END_TEST

START_TEST(test_random_tables_come_out_the_same_however_they_are_cut) {
    char body[4096];
    float inputs[64];
    int32_t labels[32];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t used = (size_t)sprintf(body, seed % 2 == 0 ? "left,right,label\r\n" : "");
        const size_t rows = 1 + seed;
        for (size_t i = 0; i < rows; i++) {
            uint32_t draw[4];
            random_block((struct random_key){seed, 0, 0}, i, draw);
            const double left = draw[0] / 1e3, right = -(double)draw[1] / 4096;
            inputs[2 * i] = (float)left;
            inputs[2 * i + 1] = (float)right;
            labels[i] = (int32_t)(draw[2] % 3);
            const char *quote = draw[3] % 3 == 0 ? "\"" : "";
            used +=
                (size_t)sprintf(body + used, "%s%.17g%s,%*.17g%s,%d%s", quote, left, quote,
                                (int)(draw[3] % 30), right, draw[3] % 5 == 0 ? " " : "", labels[i],
                                i + 1 == rows ? ""
                                : draw[3] % 2 ? "\n"
                                              : "\r\n");
        }
        expect_rows(&indexed, body, rows, inputs, labels);
    }
}
END_TEST

/* ---- what is refused ---- */

START_TEST(test_bad_cell_names_its_line_column_and_row) {
    static const struct {
        const char *body, *pointer, *words;
    } cases[] = {
        {"1,2,0\n3,,1\n", "/inputs/1", "line 2, column 2: '' is empty"},
        {"a,b,c\n1,2,0\n3,NA,1\n", "/inputs/1", "line 3, column 2: 'NA' is a missing value"},
        {"1,2,0\n\n\nNaN,2,1\n", "/inputs/1", "line 4, column 1: 'NaN' is a missing value"},
        {"1,nan,0", "/inputs/0", "column 2: 'nan' is a missing value"},
        {"1,\"2,5\",0", "/inputs/0", "line 1, column 2: '2,5' is no number; the decimal mark"},
        {"\"1,5\",\"2,5\",0\n", "/inputs/0", "line 1, column 1: '1,5' is no number; the decimal"},
        {"1,two,0\n", "/inputs/0", "line 1, column 2: 'two' is no number"},
        {"one,2,0\n", "/inputs/0", "line 1, column 1: 'one' is no number"},
        {"a,b,c\nd,e,f\n", "/inputs/0", "line 2, column 1: 'd' is no number"},
        {"NA,NA,0\n1,2,0\n", "/inputs/0", "line 1, column 1: 'NA' is a missing value"},
        {",,0\n1,2,0\n", "/inputs/0", "line 1, column 1: '' is empty"},
        {"1,+2,0", "/inputs/0", "'+2' is no number"},
        {"1,.5,0", "/inputs/0", "'.5' is no number"},
        {"1,5.,0", "/inputs/0", "'5.' is no number"},
        {"1,05,0", "/inputs/0", "'05' is no number"},
        {"1,0x10,0", "/inputs/0", "'0x10' is no number"},
        {"1,1 2,0", "/inputs/0", "'1 2' is no number"},
        {"1,inf,0", "/inputs/0", "'inf' is no number; allowed are finite ones"},
        {"1,-Infinity,0", "/inputs/0", "'-Infinity' is no number; allowed are finite ones"},
        {"1,1e39,0", "/inputs/0", "line 1, column 2: '1e39' is beyond float32"},
        {"1,2,0\n-1e400,2,1", "/inputs/1", "line 2, column 1: '-1e400' is beyond float32"},
        {"1,2\n", "/inputs/0",
         "line 1: 2 columns, divided by commas; the model needs 3: 2 inputs "
         "and a label"},
        {"1,2,0\n1,2,0,\n", "/inputs/1", "line 2: 4 columns"},
        {"1,2,0\n1,2,0,4,5,6\n", "/inputs/1", "line 2: 6 columns"},
        {"1,2,0\n7\n", "/inputs/1", "line 2: 1 column, "},
        {"a,b\n1,2,0\n", "/inputs/0", "line 1: 2 columns"},
        {"a,b,c,d\n1,2,0\n", "/inputs/0", "line 1: 4 columns"},
        {"a;b;c\n1;2;0\n", "/inputs/0", "line 1: 1 column, divided by commas"},
        {"1;2;0\n", "/inputs/0", "line 1: 1 column, divided by commas"},
        {"1,2,3\n", "/labels/0", "line 1, column 3: the label 3 in row 0; allowed are 0 to 2"},
        {"1,2,0\n1,2,-1\n", "/labels/1", "line 2, column 3: the label -1 in row 1"},
        {"1,2,0.5\n", "/labels/0", "whole numbers"},
        {"1,2,cat\n", "/labels/0", "the label 'cat' in row 0 is a name"},
        {"1,2,\n", "/labels/0", "line 1, column 3: the label is empty"},
        {"1,2,\"\"\n", "/labels/0", "the label is empty"},
        {"\"a\n\nb\",c,d\n1,2,0\n1,x,0", "/inputs/1", "line 5, column 2: 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(&indexed, cases[i].body, ERROR_INVALID, cases[i].pointer, cases[i].words);
    }
    refused(&batch, "1,2,maybe\n", ERROR_INVALID, "/labels/0",
            "line 1, column 3: no class is named 'maybe' (row 0); the classes are 'no', 'yes'");
    refused(&batch, "1,2,4\n", ERROR_INVALID, "/labels/0", "allowed are 0 to 3");
}
END_TEST

START_TEST(test_bad_target_names_its_line) {
    refused(&targets, "1,0,1\n1,0,2\n", ERROR_INVALID, "/targets/1", "line 2: a target of 2");
    refused(&targets, "1,0,\n", ERROR_INVALID, "/targets/0", "line 1, column 3: '' is empty");
    refused(&targets, "1,0\n", ERROR_INVALID, "/inputs/0", "1 input and 2 targets");
}
END_TEST

START_TEST(test_broken_quotes_and_returns_are_syntax_errors) {
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"1,2,\"0", "line 1, column 3: the body ends inside quotes"},
        {"\"", "line 1, column 1: the body ends inside quotes"},
        {"1,2,0\n1,2\"3\",0\n", "line 2, column 2: a quote inside a cell"},
        {"1,\"2\"3,0\n", "line 1, column 2: a character between a quoted cell and the next comma"},
        {"1,\"2\" \"3\",0\n", "line 1, column 2: a character between"},
        {"1,2,0\r1,2,0\r", "a carriage return without a line feed"},
        {"1,2,0\r", "a carriage return without a line feed"},
        {"1,2\r,0\n", "a carriage return without a line feed"},
        {"1,2,\"0\"\r\r\n", "a carriage return without a line feed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(&indexed, cases[i].body, ERROR_SYNTAX, "", cases[i].words);
    }
}
END_TEST

START_TEST(test_no_rows_are_refused) {
    static const char *const bodies[] = {"",      "\n",      "\r\n \n",      "\xEF\xBB\xBF",
                                         "a,b,c", "a,b,c\n", "a,b,c\r\n\r\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        refused(&indexed, bodies[i], ERROR_INVALID, "/inputs", "no rows");
    }
    refused(&indexed, "\xEF\xBB", ERROR_INVALID, "/inputs/0", "1 column");
    refused(&indexed,
            "\xEF\xBB"
            "1,2,0",
            ERROR_INVALID, "/inputs/0", "column 1");
    expect_refused(&indexed, "1,2\0,0", 7, ERROR_INVALID, "/inputs/0", "line 1, column 2");
}
END_TEST

START_TEST(test_cell_is_bounded) {
    enum { MOST = 1024 };
    char body[2 * MOST];
    for (int quoted = 0; quoted < 2; quoted++) {
        const char *mark = quoted ? "\"" : "";
        sprintf(body, "1,%s2.%0*d%s,0\n", mark, MOST - 2, 0, mark);
        (void)expect_taken(&indexed, body, strlen(body));
        sprintf(body, "1,%s2.%0*d%s,0\n", mark, MOST - 1, 0, mark);
        refused(&indexed, body, ERROR_INVALID, "", "line 1, column 2: a cell of more than 1024");
        /* blanks count */
        sprintf(body, "1,%s2%*s%s,0\n", mark, MOST - 1, "", mark);
        (void)expect_taken(&indexed, body, strlen(body));
        sprintf(body, "1,%s2%*s%s,0\n", mark, MOST, "", mark);
        refused(&indexed, body, ERROR_INVALID, "", "line 1, column 2: a cell of more than 1024");
        sprintf(body, "1,%s%*s2%s,0\n", mark, MOST, "", mark);
        refused(&indexed, body, ERROR_INVALID, "", "line 1, column 2: a cell of more than 1024");
    }
}
END_TEST

START_TEST(test_without_memory_it_ends_cleanly) {
    const char *body = "a,b,label\n1,2,yes\n\"3\",4,no\n5,6,0\n";
    expect_clean_without_memory(&batch, body, strlen(body));
    expect_clean_without_memory(&targets, "1,0,1\n2,1,0\n", 12);
}
END_TEST

Suite *suite_csv_intake(void) {
    Suite *suite = suite_create("csv_intake");
    TCase *tests = tcase_create("csv_intake");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_rows_are_the_same_in_every_dress);
    tcase_add_test(tests, test_label_is_a_class_name_first_and_an_index_else);
    tcase_add_test(tests, test_last_columns_are_the_targets_of_a_model_trained_on_them);
    tcase_add_test(tests, test_prediction_has_the_inputs_alone);
    tcase_add_test(tests, test_scale_applies_to_inputs_and_not_to_targets);
    tcase_add_test(tests, test_numbers_are_read_as_in_json);
    tcase_add_test(tests, test_random_tables_come_out_the_same_however_they_are_cut);
    tcase_add_test(tests, test_bad_cell_names_its_line_column_and_row);
    tcase_add_test(tests, test_bad_target_names_its_line);
    tcase_add_test(tests, test_broken_quotes_and_returns_are_syntax_errors);
    tcase_add_test(tests, test_no_rows_are_refused);
    tcase_add_test(tests, test_cell_is_bounded);
    tcase_add_test(tests, test_without_memory_it_ends_cleanly);
    suite_add_tcase(suite, tests);
    return suite;
}
