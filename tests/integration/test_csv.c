/* Bodies in CSV: batches, evaluations, predictions, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define MODEL "/v1/models/m"
#define BATCHES MODEL "/batches"

static const struct answer *post_csv(const char *path, const char *headers, const char *body) {
    return request((struct call){.method = "POST",
                                 .path = path,
                                 .headers = headers,
                                 .type = "text/csv",
                                 .body = body,
                                 .bytes = strlen(body)});
}

static void create_small(void) {
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2], 'classes': ['no', 'yes']}");
}

/* ---- batches ---- */

START_TEST(test_csv_batch_trains_and_tells_rows_and_columns) {
    create_small();
    const struct answer *answer =
        want_status(post_csv(BATCHES, NULL, "width,height,kind\r\n1,2,yes\r\n3,4,0\r\n"), 202);
    want_json(answer, "/rows", "2");
    want_json(answer, "/columns", "3");
    want_json(answer, "/batch", "1");
    answer = want_status(post_csv(BATCHES "?batch_size=1", "Prefer: wait=30", "1,2,1\n3,4,0"), 200);
    want_json(answer, "/first", "2");
    want_json(answer, "/last", "3");
    want_json(answer, "/rows", "2");
    want_json(answer, "/columns", "3");
    want_json(answer, "/state", "'trained'");
    /* of a body that is no table there is nothing to tell */
    answer = want_status(post(BATCHES, "{'inputs': [[1, 2]], 'labels': [1]}"), 202);
    want_absent(answer, "/rows");
    want_absent(answer, "/columns");
}
END_TEST

START_TEST(test_repeated_csv_batch_tells_rows_and_columns_again) {
    create_small();
    const char *key = "Idempotency-Key: k";
    want_status(post_csv(BATCHES, key, "1,2,1\n"), 202);
    const struct answer *answer = post_csv(BATCHES, key, "1,2,1\n");
    want_header(answer, "Idempotent-Replayed", "true");
    want_json(answer, "/batch", "1");
    want_json(answer, "/rows", "1");
    want_json(answer, "/columns", "3");
}
END_TEST

/* Numbers that float32 rounds, at the edges, and in many forms. */
static const char *const numbers[] = {
    "0.1", "-2.5e-3", "16777217", "3.4028234e38", "1e-45", "0.30000000000000004", "1.17549435e-38",
    "-0.0"};
enum { ROWS = 4 };

static char *weights_after(struct call call) {
    create("{'name': 'm', 'inputs': 2, 'layers': [5, 2], 'seed': 3, "
           "'optimizer': {'name': 'sgd', 'learning_rate': 1e-30}}");
    call.method = "POST";
    call.path = BATCHES;
    call.headers = "Prefer: wait=30";
    want_status(request(call), 200);
    char *weights = strdup(weights_of("m"));
    want_status(delete (MODEL), 204);
    return weights;
}

START_TEST(test_same_numbers_train_alike_in_every_format) {
    char json[512] = "{\"inputs\": [", csv[512] = "";
    double doubles[2 * ROWS];
    float floats[2 * ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        sprintf(json + strlen(json), "%s[%s, %s]", i > 0 ? ", " : "", numbers[2 * i],
                numbers[2 * i + 1]);
        sprintf(csv + strlen(csv), "%s,%s,%zu\n", numbers[2 * i], numbers[2 * i + 1], i % 2);
    }
    strcat(json, "], \"labels\": [0, 1, 0, 1]}");
    for (size_t i = 0; i < 2 * ROWS; i++) {
        doubles[i] = strtod(numbers[i], NULL);
        floats[i] = (float)doubles[i];
    }
    static const unsigned char labels[ROWS] = {0, 1, 0, 1};
    char *found[4];
    found[0] = weights_after((struct call){.body = json, .bytes = strlen(json)});
    found[1] = weights_after((struct call){.type = "text/csv", .body = csv, .bytes = strlen(csv)});
    for (size_t i = 0; i < 2; i++) {
        const struct tensor tensors[] = {
            {"inputs", i == 0 ? "F64" : "F32", "[4, 2]", i == 0 ? (void *)doubles : (void *)floats,
             i == 0 ? sizeof doubles : sizeof floats},
            {"labels", "U8", "[4]", labels, sizeof labels},
        };
        size_t bytes;
        char *body = tensors_body(tensors, 2, NULL, &bytes);
        found[2 + i] =
            weights_after((struct call){.type = SAFETENSORS, .body = body, .bytes = bytes});
        free(body);
    }
    for (size_t i = 1; i < 4; i++) {
        want_equal_text(found[i], found[0]);
    }
    /* the hash tells batches apart */
    char *other =
        weights_after((struct call){.type = "text/csv", .body = "0.1,-2.4e-3,0\n", .bytes = 14});
    ck_assert_str_ne(other, found[0]);
    for (size_t i = 0; i < 4; i++) {
        free(found[i]);
    }
    free(other);
}
END_TEST

START_TEST(test_scale_applies_to_text_as_to_bytes) {
    create_line("m", 1);
    const struct answer *answer =
        want_status(post_csv(MODEL "/predictions?scale=0.5&offset=1", NULL, "4\n-2\n"), 200);
    want_json(answer, "/outputs", "[[4], [1]]");
    answer =
        want_status(post(MODEL "/predictions?scale=0.5&offset=1", "{'inputs': [[4], [-2]]}"), 200);
    want_json(answer, "/outputs", "[[4], [1]]");
    want_problem(post(MODEL "/predictions?scale=1e38", "{'inputs': [[4]]}"), 422, "/inputs/0");
    want_problem(post_csv(MODEL "/predictions?scale=1e38", NULL, "1\n4\n"), 422, "/inputs/1");
}
END_TEST

/* ---- the other calls ---- */

START_TEST(test_csv_predictions_have_the_inputs_alone) {
    create_line("m", 2);
    const struct answer *answer =
        want_status(post_csv(MODEL "/predictions", NULL, "x\n1\n\n3"), 200);
    want_json(answer, "/outputs", "[[4], [8]]");
    want_json(answer, "/rows", "2");
    want_json(answer, "/columns", "1");
    answer = want_problem(post_csv(MODEL "/predictions", NULL, "1,2\n"), 422, "/inputs/0");
    want_detail(answer, "line 1: 2 columns");
}
END_TEST

START_TEST(test_csv_evaluation_of_a_regression_has_its_targets_last) {
    create_line("m", 2);
    const struct answer *answer =
        want_status(post_csv(MODEL "/evaluations", NULL, "x,y\n1,4\n3,9\n"), 200);
    want_json(answer, "/examples", "2");
    want_json(answer, "/rows", "2");
    want_json(answer, "/columns", "2");
    want_near(answer, "/mae", 0.5);
}
END_TEST

START_TEST(test_csv_evaluation_takes_class_names) {
    create_pair("m");
    const struct answer *answer =
        want_status(post_csv(MODEL "/evaluations", NULL, "5,1\n-5,0\n5,0\n"), 200);
    want_near(answer, "/accuracy", 2.0 / 3);
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_bad_csv_is_refused_and_names_line_and_column) {
    static const struct {
        const char *body;
        int status;
        const char *pointer, *detail;
    } cases[] = {
        {"a,b,label\n1,,yes\n", 422, "/inputs/0", "line 2, column 2: '' is empty"},
        {"1,2,yes\n1,NA,yes\n", 422, "/inputs/1", "line 2, column 2: 'NA' is a missing value"},
        {"1,2,yes\nNaN,2,yes\n", 422, "/inputs/1", "line 2, column 1: 'NaN'"},
        {"1,\"2,5\",yes\n", 422, "/inputs/0", "not a comma"},
        {"1,2,yes\n1,2,5,yes\n", 422, "/inputs/1", "line 2: 4 columns"},
        {"1,2\n", 422, "/inputs/0", "line 1: 2 columns"},
        {"1,2,maybe\n", 422, "/labels/0", "no class is named 'maybe' (row 0)"},
        {"1,2,2\n", 422, "/labels/0", "the label 2 in row 0; allowed are 0 to 1"},
        {"1,1e39,yes\n", 422, "/inputs/0", "beyond float32"},
        {"1,\xFF\xFE\"", 400, NULL, "a quote inside a cell"},
        {"1,\xFF\xFE,yes\n", 422, "/inputs/0", "\xEF\xBF\xBD"},
        {"a,b,label\n", 422, "/inputs", "no rows"},
        {"", 422, "/inputs", "no rows"},
        {"1,2,\"yes", 400, NULL, "ends inside quotes"},
        {"1,2,yes\r3,4,no\r", 400, NULL, "carriage return"},
    };
    create_small();
    const struct answer *answer =
        want_problem(post_csv(BATCHES, NULL, cases[_i].body), cases[_i].status, cases[_i].pointer);
    want_detail(answer, cases[_i].detail);
    want_json(get(MODEL), "/queue_depth", "0");
    want_json(get(MODEL), "/step", "0");
}
END_TEST

START_TEST(test_csv_is_no_form_of_documents) {
    const struct answer *answer = want_problem(
        request((struct call){
            .method = "POST", .path = "/v1/models", .type = "text/csv", .body = "1", .bytes = 1}),
        415, NULL);
    want_detail(answer, "application/json");
}
END_TEST

START_TEST(test_csv_parameters_and_case_do_not_matter) {
    create_small();
    want_status(request((struct call){.method = "POST",
                                      .path = BATCHES,
                                      .type = "Text/CSV ; charset=utf-8; header=absent",
                                      .body = "1,2,no",
                                      .bytes = 6}),
                202);
}
END_TEST

START_TEST(test_csv_in_chunks_of_unknown_length_is_the_same) {
    enum { COUNT = 5000 };
    create_small();
    char *body = malloc(COUNT * 32 + 64);
    size_t used = (size_t)sprintf(body, "\xEF\xBB\xBF"
                                        "a,b,c\n");
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)sprintf(body + used, "%d,%.3f,%s\r\n", i, i / 7.0, i % 2 ? "yes" : "no");
    }
    const struct answer *answer = want_status(request((struct call){.method = "POST",
                                                                    .path = MODEL "/evaluations",
                                                                    .type = "text/csv",
                                                                    .body = body,
                                                                    .bytes = used,
                                                                    .chunked = true}),
                                              200);
    free(body);
    want_json(answer, "/rows", "5000");
    want_json(answer, "/examples", "5000");
}
END_TEST

Suite *csv_suite(void) {
    Suite *suite = suite_create("csv");
    TCase *tests = shared_case(suite, "csv");
    tcase_add_test(tests, test_csv_batch_trains_and_tells_rows_and_columns);
    tcase_add_test(tests, test_repeated_csv_batch_tells_rows_and_columns_again);
    tcase_add_test(tests, test_same_numbers_train_alike_in_every_format);
    tcase_add_test(tests, test_scale_applies_to_text_as_to_bytes);
    tcase_add_test(tests, test_csv_predictions_have_the_inputs_alone);
    tcase_add_test(tests, test_csv_evaluation_of_a_regression_has_its_targets_last);
    tcase_add_test(tests, test_csv_evaluation_takes_class_names);
    tcase_add_loop_test(tests, test_bad_csv_is_refused_and_names_line_and_column, 0, 15);
    tcase_add_test(tests, test_csv_is_no_form_of_documents);
    tcase_add_test(tests, test_csv_parameters_and_case_do_not_matter);
    tcase_add_test(tests, test_csv_in_chunks_of_unknown_length_is_the_same);
    return suite;
}
