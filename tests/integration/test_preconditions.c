/* ETag and If-Match: who changes a model changes the one that was seen. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [4, 2]}"
#define BATCH "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"
#define PATCH_BODY "{'optimizer': {'learning_rate': 0.5}}"

/* One call of each kind that addresses a model; `body` NULL: none.  It must not remove
 * the model m for good: what does comes last. */
static const struct {
    const char *method, *path, *body;
    long status;
} calls[] = {
    {"GET", "/v1/models/m", NULL, 200},
    {"HEAD", "/v1/models/m", NULL, 200},
    {"GET", "/v1/models/m/loss", NULL, 200},
    {"POST", "/v1/models/m/predictions", "{'inputs': [[1, 2]]}", 200},
    {"POST", "/v1/models/m/evaluations", BATCH, 200},
    {"POST", "/v1/models/m/batches", BATCH, 202},
    {"DELETE", "/v1/models/m/batches", NULL, 200},
    {"POST", "/v1/models/m/clone", "{'name': 'n'}", 201},
    {"POST", "/v1/models/m/reset", "{}", 200},
    {"PATCH", "/v1/models/m", PATCH_BODY, 200},
    {"DELETE", "/v1/models/m", NULL, 204},
};
#define CALLS ((int)(sizeof calls / sizeof *calls))

static const struct answer *call_with(int i, const char *headers) {
    const char *body = calls[i].body != NULL ? json_text("%s", calls[i].body) : NULL;
    return request((struct call){.method = calls[i].method,
                                 .path = calls[i].path,
                                 .headers = headers,
                                 .body = body,
                                 .bytes = body != NULL ? strlen(body) : 0});
}

static const struct answer *patch(const char *headers) {
    return call_with(CALLS - 2, headers);
}

/* The tag of m without its quotes; lives as answers do. */
static const char *tag_of(const struct answer *answer) {
    static char tag[64];
    const char *header = header_of(answer, "ETag");
    ck_assert_msg(header[0] == '"' && strlen(header) > 2 && strlen(header) < sizeof tag,
                  "found ETag %s; wanted one in quotes", header);
    snprintf(tag, sizeof tag, "%.*s", (int)strlen(header) - 2, header + 1);
    return tag;
}

/* The tag at each T of the header. */
static const char *with_tag(const char *pattern, const char *tag) {
    static char header[256];
    size_t used = 0;
    for (const char *at = pattern; *at != '\0' && used < sizeof header; at++) {
        used += (size_t)snprintf(header + used, sizeof header - used, "%.*s",
                                 *at == 'T' ? (int)strlen(tag) : 1, *at == 'T' ? tag : at);
    }
    return header;
}

START_TEST(test_every_answer_with_a_model_has_its_tag) {
    char wanted[64];
    const struct answer *answer = want_status(post("/v1/models", MODEL), 201);
    snprintf(wanted, sizeof wanted, "\"%s.1\"", text_at(answer, "/id"));
    want_header(answer, "ETag", wanted);
    want_header(get("/v1/models/m"), "ETag", wanted);
    want_header(want_status(call_with(1, NULL), 200), "ETag", wanted);
    want_header(get("/v1/models/m?weights_sha256=true"), "ETag", wanted);
    want_header(get("/v1/models/m?wait_step=0"), "ETag", wanted);
    want_status(train("/v1/models/m/batches", BATCH), 200);
    want_header(get("/v1/models/m"), "ETag", wanted); /* training changes no settings */
    answer = want_status(patch(NULL), 200);
    snprintf(wanted, sizeof wanted, "\"%s.2\"", text_at(answer, "/id"));
    want_header(answer, "ETag", wanted);
    answer = want_status(post("/v1/models/m/reset", "{}"), 200);
    snprintf(wanted, sizeof wanted, "\"%s.3\"", text_at(answer, "/id"));
    want_header(answer, "ETag", wanted);
    want_header(get("/v1/models/m"), "ETag", wanted);
    answer = want_status(post("/v1/models/m/clone", "{'name': 'n'}"), 201);
    snprintf(wanted, sizeof wanted, "\"%s.1\"", text_at(answer, "/id"));
    want_header(answer, "ETag", wanted);
    want_header(get("/v1/models/n"), "ETag", wanted);
}
END_TEST

START_TEST(test_current_tag_lets_every_call_pass) {
    char tag[64];
    snprintf(tag, sizeof tag, "%s", tag_of(create(MODEL)));
    want_status(call_with(_i, with_tag("If-Match: \"T\"", tag)), calls[_i].status);
}
END_TEST

START_TEST(test_stale_tag_is_412_and_changes_nothing) {
    char stale[64], now[64], before[4096];
    snprintf(stale, sizeof stale, "%s", tag_of(create(MODEL)));
    want_status(patch(NULL), 200);
    snprintf(before, sizeof before, "%s", get("/v1/models/m?weights_sha256=true")->body);
    snprintf(now, sizeof now, "%s", header_of(get("/v1/models/m"), "ETag"));
    const struct answer *answer =
        want_status(call_with(_i, with_tag("If-Match: \"T\"", stale)), 412);
    want_header(answer, "ETag", now);
    if (strcmp(calls[_i].method, "HEAD") != 0) {
        want_detail(want_problem(answer, 412, NULL), now);
    }
    want_equal_text(get("/v1/models/m?weights_sha256=true")->body, before);
    want_problem(get("/v1/models/n"), 404, NULL);
}
END_TEST

START_TEST(test_tag_counts_in_lists_in_weak_form_and_as_star) {
    static const char *const formats[] = {
        "If-Match: W/\"T\"",
        "If-Match: *",
        "If-Match: \"other\", \"T\"",
        "If-Match: W/\"other\",W/\"T\" , \"third\"",
        "If-Match: \"other\"\nIf-Match: \"T\"",
        "If-Match: \"T\"\nIf-Match: \"other\"",
        "if-match:\"T\"",
    };
    if (strchr(formats[_i], '\n') != NULL) {
        SKIP_BEHIND("nginx", "nginx answers 400 to two lines of If-Match");
    }
    char tag[64];
    snprintf(tag, sizeof tag, "%s", tag_of(create(MODEL)));
    want_status(patch(with_tag(formats[_i], tag)), 200);
}
END_TEST

START_TEST(test_what_is_no_tag_is_400) {
    static const char *const formats[] = {
        "If-Match: T",           "If-Match: \"T",     "If-Match: 'T'",
        "If-Match: \"a\" \"T\"", "If-Match: w/\"T\"", "If-Match: *, \"T\"",
        "If-Match: \"T\", b",    "If-Match;",         "If-Match: \"T\"\nIf-Match: T",
    };
    if (strchr(formats[_i], '\n') != NULL) {
        SKIP_BEHIND("nginx", "nginx answers 400 to two lines of If-Match");
    }
    char tag[64];
    snprintf(tag, sizeof tag, "%s", tag_of(create(MODEL)));
    want_problem(patch(with_tag(formats[_i], tag)), 400, NULL);
    want_json(get("/v1/models/m"), "/revision", "1");
}
END_TEST

START_TEST(test_tag_of_a_deleted_model_is_stale_for_a_new_one_of_its_name) {
    char tag[64];
    snprintf(tag, sizeof tag, "%s", tag_of(create(MODEL)));
    want_status(delete ("/v1/models/m"), 204);
    want_problem(patch(with_tag("If-Match: \"T\"", tag)), 404, NULL);
    const char *next = tag_of(create(MODEL));
    ck_assert_msg(strcmp(next, tag) != 0, "both have the tag %s", tag);
    want_problem(patch(with_tag("If-Match: \"T\"", tag)), 412, NULL);
}
END_TEST

START_TEST(test_tag_of_an_accepted_change_lets_the_next_one_build_on_it) {
    slow_create();
    want_status(slow_post(NULL), 202); /* so that no change is in force at once */
    const char *body = json_text(PATCH_BODY);
    char header[128] = "Prefer: respond-async";
    for (int i = 2; i < 6; i++) {
        const struct answer *answer = want_status(request((struct call){.method = "PATCH",
                                                                        .path = "/v1/models/slow",
                                                                        .headers = header,
                                                                        .body = body,
                                                                        .bytes = strlen(body)}),
                                                  202);
        snprintf(header, sizeof header, "Prefer: respond-async\nIf-Match: \"%s\"", tag_of(answer));
    }
    want_json(get("/v1/models/slow"), "/revision", "5");
}
END_TEST

START_TEST(test_stale_tag_does_not_refuse_a_repeat) {
    char header[128];
    const char *tag = tag_of(create(MODEL));
    snprintf(header, sizeof header, "Idempotency-Key: k\nIf-Match: \"%s\"", tag);
    want_json(want_status(post_with(header, "/v1/models/m/batches", BATCH), 202), "/batch", "1");
    want_status(patch(NULL), 200);
    const struct answer *repeat =
        want_status(post_with(header, "/v1/models/m/batches", BATCH), 202);
    want_header(repeat, "Idempotent-Replayed", "true");
    want_json(repeat, "/batch", "1");
}
END_TEST

START_TEST(test_models_are_never_304) {
    char header[128];
    snprintf(header, sizeof header, "If-None-Match: \"%s\"", tag_of(create(MODEL)));
    want_json(want_status(request((struct call){
                              .method = "GET", .path = "/v1/models/m", .headers = header}),
                          200),
              "/name", "'m'");
}
END_TEST

START_TEST(test_if_match_on_what_is_no_model_is_ignored) {
    want_status(post_with("If-Match: \"x\"", "/v1/models", MODEL), 201);
    want_status(
        request((struct call){.method = "GET", .path = "/v1/models", .headers = "If-Match: \"x\""}),
        200);
}
END_TEST

/* Read the interim answer: the headers are judged by then. */
static void await_continue(int connection) {
    char head[256] = "";
    size_t used = 0;
    while (strstr(head, "\r\n\r\n") == NULL) {
        const ssize_t got = recv(connection, head + used, 1, 0);
        ck_assert_msg(got == 1 && used + 2 < sizeof head, "found %s; wanted 100 Continue", head);
        head[++used] = '\0';
    }
    ck_assert_msg(strncmp(head, "HTTP/1.1 100", 12) == 0, "found %s; wanted 100 Continue", head);
}

/* The calls that change something, of the rows above. */
static const int changes[] = {5, 7, 8, 9, 10};

START_TEST(test_settings_that_change_while_the_body_comes_are_412) {
    char etag[64], answer[4096], now[80];
    const char *body =
        json_text("%s", calls[changes[_i]].body != NULL ? calls[changes[_i]].body : "{}");
    snprintf(etag, sizeof etag, "%s", header_of(create(MODEL), "ETag"));
    const int connection = raw_connect();
    raw_send_text(connection,
                  "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "If-Match: %s\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
                  calls[changes[_i]].method, calls[changes[_i]].path, etag, strlen(body));
    await_continue(connection);
    snprintf(now, sizeof now, "ETag: %s", header_of(want_status(patch(NULL), 200), "ETag"));
    raw_send(connection, body, strlen(body));
    const int status = raw_read(connection, answer, sizeof answer);
    close(connection);
    ck_assert_msg(status == 412 && strcasestr(answer, now) != NULL, "found %s; wanted 412 and %s",
                  answer, now);
    const struct answer *model = want_status(get("/v1/models/m"), 200);
    want_json(model, "/revision", "2");
    want_json(model, "/queue_depth", "0");
    want_json(model, "/step", "0");
    want_problem(get("/v1/models/n"), 404, NULL);
}
END_TEST

/* ---- many at once ---- */

#define CLIENTS 8
#define ROUNDS 10

static pthread_barrier_t barrier;
static char seen[128]; /* the header with the tag that all have seen */

struct client {
    pthread_t thread;
    int won, lost;
    long other;
};

static void *patch_same(void *context) {
    struct client *client = context;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        const long status = patch(seen)->status;
        client->won += status == 200;
        client->lost += status == 412;
        client->other = status == 200 || status == 412 ? client->other : status;
        answers_free();
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

START_TEST(test_of_concurrent_changes_with_one_tag_exactly_one_wins) {
    struct client clients[CLIENTS] = {0};
    create(MODEL);
    pthread_barrier_init(&barrier, NULL, CLIENTS + 1);
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, patch_same, &clients[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(seen, sizeof seen, "If-Match: \"%s\"", tag_of(get("/v1/models/m")));
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        ck_assert(number_at(get("/v1/models/m"), "/revision") == round + 2);
    }
    int won = 0, lost = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        ck_assert_msg(clients[i].other == 0, "found status %ld", clients[i].other);
        won += clients[i].won;
        lost += clients[i].lost;
    }
    ck_assert_int_eq(won, ROUNDS);
    ck_assert_int_eq(lost, ROUNDS * (CLIENTS - 1));
}
END_TEST

Suite *preconditions_suite(void) {
    Suite *suite = suite_create("preconditions");
    TCase *tests = shared_case(suite, "preconditions");
    tcase_add_test(tests, test_every_answer_with_a_model_has_its_tag);
    tcase_add_loop_test(tests, test_current_tag_lets_every_call_pass, 0, CALLS);
    tcase_add_loop_test(tests, test_stale_tag_is_412_and_changes_nothing, 0, CALLS);
    tcase_add_loop_test(tests, test_tag_counts_in_lists_in_weak_form_and_as_star, 0, 7);
    tcase_add_loop_test(tests, test_what_is_no_tag_is_400, 0, 9);
    tcase_add_test(tests, test_tag_of_a_deleted_model_is_stale_for_a_new_one_of_its_name);
    tcase_add_test(tests, test_tag_of_an_accepted_change_lets_the_next_one_build_on_it);
    tcase_add_test(tests, test_stale_tag_does_not_refuse_a_repeat);
    tcase_add_test(tests, test_models_are_never_304);
    tcase_add_test(tests, test_if_match_on_what_is_no_model_is_ignored);
    tcase_add_loop_test(tests, test_settings_that_change_while_the_body_comes_are_412, 0, 5);
    tcase_add_test(tests, test_of_concurrent_changes_with_one_tag_exactly_one_wins);
    return suite;
}
