/* /v1/models/{model}/loss: one point a batch, paged by batch numbers. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/suites.h"

static void train_batches(int count) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    for (int i = 0; i < count; i++) {
        want_status(train("/v1/models/m/batches", "{'inputs': [[1], [2]], 'labels': [0, 1]}"), 200);
    }
}

START_TEST(test_new_model_has_no_points) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_json(want_status(get("/v1/models/m/loss"), 200), "", "{'points': [], 'next': 0}");
}
END_TEST

START_TEST(test_point_has_all_of_a_batch) {
    create_line("m", 2);
    const struct answer *answer = get("/v1/models/m/loss");
    want_json(answer, "/points/0/batch", "1");
    want_json(answer, "/points/0/step", "1");
    want_json(answer, "/points/0/loss", "4");
    want_json(answer, "/points/0/accuracy", "null");
    want_json(answer, "/points/0/examples", "1");
    const char *time = text_at(answer, "/points/0/time");
    ck_assert_msg(strlen(time) == 24 && time[10] == 'T' && time[23] == 'Z',
                  "found the time '%s'; wanted one as 2026-01-01T00:00:00.000Z", time);
    want_json(answer, "/next", "1");
}
END_TEST

START_TEST(test_points_of_classification_have_an_accuracy) {
    create_pair("m"); /* from equal logits: the lower class is predicted, class 1 is true */
    want_json(get("/v1/models/m/loss"), "/points/0/accuracy", "0");
}
END_TEST

START_TEST(test_next_leads_through_all_points_once) {
    train_batches(10);
    int seen = 0;
    double after = 0;
    for (;;) {
        const struct answer *page =
            want_status(get("/v1/models/m/loss?limit=3&after=%.0f", after), 200);
        const size_t count = json_array_size(json_at(page, "/points"));
        for (size_t i = 0; i < count; i++) {
            char pointer[48];
            snprintf(pointer, sizeof pointer, "/points/%zu/batch", i);
            seen++;
            ck_assert_msg(number_at(page, pointer) == seen, "%s is %g; wanted %d", pointer,
                          number_at(page, pointer), seen);
        }
        if (count == 0) {
            break;
        }
        ck_assert_msg(count <= 3, "found %zu points; wanted at most 3", count);
        after = number_at(page, "/next");
    }
    ck_assert_msg(seen == 10 && after == 10, "found %d points, next %g; wanted 10", seen, after);
}
END_TEST

START_TEST(test_after_the_newest_there_is_nothing_yet) {
    train_batches(2);
    want_json(get("/v1/models/m/loss?after=2"), "", "{'points': [], 'next': 2}");
    want_json(get("/v1/models/m/loss?after=7"), "", "{'points': [], 'next': 7}");
}
END_TEST

START_TEST(test_parameters_out_of_range_are_422) {
    static const char *const queries[] = {"limit=0",  "limit=10001", "limit=x",
                                          "after=-1", "after=1.5",   "after="};
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_problem(get("/v1/models/m/loss?%s", queries[_i]), 422, NULL);
}
END_TEST

START_TEST(test_running_loss_is_the_mean_of_the_points) {
    train_batches(3);
    const struct answer *points = get("/v1/models/m/loss");
    const double mean = (number_at(points, "/points/0/loss") + number_at(points, "/points/1/loss") +
                         number_at(points, "/points/2/loss")) /
                        3;
    want_near(get("/v1/models/m"), "/running_loss", mean);
}
END_TEST

Suite *loss_suite(void) {
    Suite *suite = suite_create("loss");
    TCase *tests = shared_case(suite, "loss");
    tcase_add_test(tests, test_new_model_has_no_points);
    tcase_add_test(tests, test_point_has_all_of_a_batch);
    tcase_add_test(tests, test_points_of_classification_have_an_accuracy);
    tcase_add_test(tests, test_next_leads_through_all_points_once);
    tcase_add_test(tests, test_after_the_newest_there_is_nothing_yet);
    tcase_add_loop_test(tests, test_parameters_out_of_range_are_422, 0, 6);
    tcase_add_test(tests, test_running_loss_is_the_mean_of_the_points);
    return suite;
}
