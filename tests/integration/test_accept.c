/* The Accept header: 406 where nothing is wanted that there is; the loss as CSV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define LOSS "/v1/models/m/loss"

static const struct answer *ask(const char *method, const char *path, const char *accept,
                                const char *body) {
    char header[256];
    snprintf(header, sizeof header, "Accept: %s", accept);
    return request((struct call){.method = method,
                                 .path = path,
                                 .headers = header,
                                 .body = body,
                                 .bytes = body != NULL ? strlen(body) : 0});
}

/* ---- 406 ---- */

START_TEST(test_answer_that_nobody_wants_is_406) {
    static const char *const headers[] = {"text/html",
                                          "application/problem+json",
                                          "image/*, text/plain;q=0.5",
                                          "application/json;q=0",
                                          "*/*;q=0",
                                          "text/csv"};
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    const struct answer *answer =
        want_problem(ask("GET", "/v1/models/m", headers[_i], NULL), 406, NULL);
    want_detail(answer, "application/json");
    want_header(answer, "Vary", "Accept");
}
END_TEST

START_TEST(test_406_of_the_loss_lists_all_that_there_is) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_detail(want_problem(ask("GET", LOSS, "text/html", NULL), 406, NULL),
                "available: application/json, text/csv, text/event-stream");
}
END_TEST

START_TEST(test_answer_that_is_wanted_somehow_is_json) {
    static const char *const headers[] = {"application/json",
                                          "application/*",
                                          "*/*",
                                          "text/html, */*;q=0.1",
                                          "APPLICATION/JSON; charset=utf-8",
                                          "application/json;q=0.001"};
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_header(want_status(ask("GET", "/v1/models/m", headers[_i], NULL), 200), "Content-Type",
                "application/json");
    want_header(want_status(ask("GET", LOSS, headers[_i], NULL), 200), "Content-Type",
                "application/json");
}
END_TEST

/* Refused before anything is done. */
START_TEST(test_batch_whose_answer_is_not_wanted_is_not_trained) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_problem(
        ask("POST", "/v1/models/m/batches", "text/csv", "{\"inputs\":[[1]],\"labels\":[0]}"), 406,
        NULL);
    want_json(get("/v1/models/m"), "/step", "0");
    want_json(get("/v1/models/m"), "/queue_depth", "0");
    want_status(train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [0]}"), 200);
    want_json(get("/v1/models/m"), "/step", "1");
}
END_TEST

START_TEST(test_answer_without_a_body_is_for_everybody) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_status(ask("OPTIONS", "/v1/models/m", "text/html", NULL), 204);
    want_status(ask("DELETE", "/v1/models/m", "text/html", NULL), 204);
}
END_TEST

START_TEST(test_probes_are_for_everybody) {
    want_status(ask("GET", "/health/live", "text/html", NULL), 200);
    want_status(ask("GET", "/health/ready", "image/png", NULL), 200);
}
END_TEST

START_TEST(test_several_accept_lines_are_one) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    char answer[4096];
    const char *asked = "GET " LOSS " HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n"
                        "Accept: text/csv\r\n\r\n";
    ck_assert(raw_exchange(asked, strlen(asked), answer, sizeof answer) == 200);
    ck_assert_msg(strstr(answer, "text/csv") != NULL, "found %s; wanted CSV", answer);
}
END_TEST

/* ---- CSV ---- */

static const struct answer *get_table(const char *query) {
    char path[128];
    snprintf(path, sizeof path, LOSS "%s", query);
    return want_status(ask("GET", path, "text/csv", NULL), 200);
}

#define HEADER_LINE "batch,step,loss,accuracy,examples,time,diverged\r\n"

START_TEST(test_table_says_what_the_list_says) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    for (int i = 0; i < 3; i++) {
        want_status(train("/v1/models/m/batches", "{'inputs': [[1], [2]], 'labels': [0, 1]}"), 200);
    }
    const struct answer *list = get(LOSS), *table = get_table("");
    want_header(table, "Content-Type", "text/csv; charset=utf-8; header=present");
    want_header(table, "Vary", "Accept");
    want_header(list, "Vary", "Accept");
    const char *line = table->body;
    ck_assert_msg(strncmp(line, HEADER_LINE, strlen(HEADER_LINE)) == 0, "found %s", line);
    line += strlen(HEADER_LINE);
    for (int i = 0; i < 3; i++) {
        char pointer[48], wanted[256];
        snprintf(pointer, sizeof pointer, "/points/%d/time", i);
        const char *time = text_at(list, pointer);
        snprintf(pointer, sizeof pointer, "/points/%d/loss", i);
        const double loss = number_at(list, pointer);
        snprintf(wanted, sizeof wanted, "%d,%d,", i + 1, i + 1);
        ck_assert_msg(strncmp(line, wanted, strlen(wanted)) == 0, "found %s; wanted %s", line,
                      wanted);
        char *rest;
        const double found = strtod(line + strlen(wanted), &rest);
        ck_assert_msg(found == loss, "found the loss %.17g; wanted %.17g", found, loss);
        snprintf(pointer, sizeof pointer, "/points/%d/accuracy", i);
        ck_assert(*rest == ',' && strtod(rest + 1, &rest) == number_at(list, pointer));
        snprintf(wanted, sizeof wanted, ",2,%s,false\r\n", time);
        ck_assert_msg(strncmp(rest, wanted, strlen(wanted)) == 0, "found %s; wanted %s", rest,
                      wanted);
        line = rest + strlen(wanted);
    }
    ck_assert_msg(*line == '\0', "found %s behind the last line", line);
}
END_TEST

START_TEST(test_table_leaves_empty_what_is_not_there) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'identity'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 1000}}");
    const char *state = "";
    double batch = 0;
    while (strcmp(state, "diverged") != 0 && batch < 50) {
        const struct answer *answer = want_status(
            train("/v1/models/m/batches", "{'inputs': [[1e6]], 'targets': [[1]]}"), 200);
        state = text_at(answer, "/state");
        batch = number_at(answer, "/batch");
    }
    char query[32], wanted[32];
    snprintf(query, sizeof query, "?after=%.0f", batch - 1);
    snprintf(wanted, sizeof wanted, "%.0f,%.0f,,,1,", batch, batch - 1);
    const char *line = get_table(query)->body + strlen(HEADER_LINE);
    ck_assert_msg(strncmp(line, wanted, strlen(wanted)) == 0, "found %s; wanted %s", line, wanted);
    ck_assert_msg(strcmp(line + strlen(line) - 7, ",true\r\n") == 0, "found %s", line);
}
END_TEST

START_TEST(test_link_leads_through_all_points_once) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_status(train("/v1/models/m/batches?batch_size=1",
                      "{'inputs': [[1],[1],[1],[1],[1],[1],[1]], 'labels': [0,1,0,1,0,1,0]}"),
                200);
    char path[128] = LOSS "?limit=3";
    int seen = 0;
    for (int page = 0; page < 4; page++) {
        const struct answer *table = want_status(ask("GET", path, "text/csv", NULL), 200);
        for (const char *line = table->body + strlen(HEADER_LINE); *line != '\0';) {
            seen++;
            ck_assert_msg(atoi(line) == seen, "found %s; wanted batch %d", line, seen);
            line = strstr(line, "\r\n") + 2;
        }
        char next[128], wanted[160];
        snprintf(next, sizeof next, LOSS "?after=%d&limit=3", seen);
        snprintf(wanted, sizeof wanted, "<%s>; rel=\"next\"", next);
        want_header(table, "Link", wanted);
        snprintf(path, sizeof path, "%s", next);
    }
    ck_assert_msg(seen == 7, "found %d points; wanted 7", seen);
}
END_TEST

START_TEST(test_table_without_points_is_its_header) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    const struct answer *table = get_table("?wait=0.1");
    want_equal_text(table->body, HEADER_LINE);
    want_header(table, "Link", "</v1/models/m/loss?after=0&wait=0.1>; rel=\"next\"");
}
END_TEST

START_TEST(test_table_that_nobody_can_ask_for_is_422) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_problem(ask("GET", LOSS "?limit=0", "text/csv", NULL), 422, NULL);
}
END_TEST

Suite *accept_suite(void) {
    Suite *suite = suite_create("accept");
    TCase *tests = shared_case(suite, "accept");
    tcase_add_loop_test(tests, test_answer_that_nobody_wants_is_406, 0, 6);
    tcase_add_test(tests, test_406_of_the_loss_lists_all_that_there_is);
    tcase_add_loop_test(tests, test_answer_that_is_wanted_somehow_is_json, 0, 6);
    tcase_add_test(tests, test_batch_whose_answer_is_not_wanted_is_not_trained);
    tcase_add_test(tests, test_answer_without_a_body_is_for_everybody);
    tcase_add_test(tests, test_probes_are_for_everybody);
    tcase_add_test(tests, test_several_accept_lines_are_one);
    tcase_add_test(tests, test_table_says_what_the_list_says);
    tcase_add_test(tests, test_table_leaves_empty_what_is_not_there);
    tcase_add_test(tests, test_link_leads_through_all_points_once);
    tcase_add_test(tests, test_table_without_points_is_its_header);
    tcase_add_test(tests, test_table_that_nobody_can_ask_for_is_422);
    return suite;
}
