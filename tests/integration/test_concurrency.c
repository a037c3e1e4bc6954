/* Many clients at once, rude ones among them; every answer in time, and a clean end. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define CLIENTS 16
#define SECONDS 5.0
#define CALLS_MAX 3000 /* of a client */
#define MODELS 5

/* An answer is due at the call's own deadline (its wait, or nothing), and this much
 * later at most: for 16 clients on a busy machine, under a sanitizer. */
#define SLACK_SECONDS 20.0

struct client {
    pthread_t thread;
    unsigned number;
    uint64_t random;
    double until;
    unsigned calls;
    char fault[1024]; /* the first thing that went wrong */
};

static unsigned draw(struct client *client, unsigned below) {
    client->random = client->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(client->random >> 33) % below;
}

__attribute__((format(printf, 2, 3))) static void note_fault(struct client *client,
                                                             const char *format, ...) {
    if (client->fault[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(client->fault, sizeof client->fault, format, arguments);
        va_end(arguments);
    }
}

/* `allowed` is a list of statuses, ended by 0. */
static void check_answer(struct client *client, const char *what, const struct answer *answer,
                         double wait_seconds, const long *allowed) {
    bool is_allowed = false;
    for (; *allowed != 0; allowed++) {
        is_allowed = is_allowed || answer->status == *allowed;
    }
    if (!is_allowed) {
        note_fault(client, "%s: found status %ld (%.100s): %.300s", what, answer->status,
                   answer->reason, answer->body);
    }
    if (answer->seconds > wait_seconds + SLACK_SECONDS) {
        note_fault(client, "%s took %.1f s; it was to wait %.1f s", what, answer->seconds,
                   wait_seconds);
    }
    if (answer->status >= 200 && answer->bytes > 0 && answer->json == NULL) {
        note_fault(client, "%s: the answer is no JSON: %.300s", what, answer->body);
    }
}

#define CHECK(what, wait, answer, ...)                                                             \
    check_answer(client, what, answer, wait, (const long[]){__VA_ARGS__, 0})

/* ---- what clients do ---- */

static const char *model_path(struct client *client, const char *rest) {
    static _Thread_local char path[128];
    snprintf(path, sizeof path, "/v1/models/m%u%s", draw(client, MODELS), rest);
    return path;
}

/* Rows of three small numbers. */
static const char *rows_text(struct client *client, unsigned rows) {
    static _Thread_local char text[8192];
    size_t used = 0;
    for (unsigned i = 0; i < rows; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s[%u,%u,%u]", i > 0 ? "," : "",
                                 draw(client, 9), draw(client, 9), draw(client, 9));
    }
    return text;
}

static const char *labels_text(struct client *client, unsigned rows) {
    static _Thread_local char text[1024];
    for (unsigned i = 0; i < rows; i++) {
        text[2 * i] = (char)('0' + draw(client, 2));
        text[2 * i + 1] = i + 1 < rows ? ',' : '\0';
    }
    return text;
}

static void create_model(struct client *client) {
    CHECK("create", 0,
          post("/v1/models",
               "{'name': 'm%u', 'inputs': 3, 'layers': [{'units': 64, 'dropout': 0.5}, 64, 2]}",
               draw(client, MODELS)),
          201, 409);
}

static void delete_model(struct client *client) {
    CHECK("delete", 0, delete ("%s", model_path(client, "")), 204, 404, 410);
}

static void post_batch(struct client *client) {
    const unsigned rows = 1 + draw(client, 64);
    CHECK("batch", 0,
          post(model_path(client, "/batches"), "{'inputs': [%s], 'labels': [%s]}",
               rows_text(client, rows), labels_text(client, rows)),
          202, 404, 410, 429);
}

static void post_and_wait(struct client *client) {
    const unsigned rows = 1 + draw(client, 64);
    const unsigned tenths = draw(client, 10);
    char prefer[64];
    snprintf(prefer, sizeof prefer, "Prefer: wait=0.%u", tenths);
    CHECK("batch that is waited for", tenths / 10.0,
          post_with(prefer, model_path(client, "/batches"), "{'inputs': [%s], 'labels': [%s]}",
                    rows_text(client, rows), labels_text(client, rows)),
          200, 202, 404, 410, 429);
}

static void predict(struct client *client) {
    CHECK("prediction", 0,
          post(model_path(client, "/predictions"), "{'inputs': [%s]}",
               rows_text(client, 1 + draw(client, 300))),
          200, 404, 410);
}

static void evaluate(struct client *client) {
    const unsigned rows = 1 + draw(client, 300);
    CHECK("evaluation", 0,
          post(model_path(client, "/evaluations"), "{'inputs': [%s], 'labels': [%s]}",
               rows_text(client, rows), labels_text(client, rows)),
          200, 404, 410);
}

static void look(struct client *client) {
    static const char *const rests[] = {"", "?weights_sha256=true", "/loss?limit=5", "/batches/1"};
    CHECK("look", 0, get("%s", model_path(client, rests[draw(client, 4)])), 200, 404, 410);
    CHECK("list", 0, get("/v1/models?limit=3"), 200);
    CHECK("health", 0, get("/health/ready"), 200);
}

static void send_rubbish(struct client *client) {
    CHECK("rubbish", 0, post(model_path(client, "/batches"), "{'inputs': [[1, 2]]}"), 422, 404);
    CHECK("rubbish", 0, post(model_path(client, "/predictions"), "{'inputs': [[1, 2"), 400, 404);
}

/* ---- rude clients ---- */

static void leave(struct client *client, int connection) {
    if (draw(client, 2) == 0) {
        raw_reset(connection);
    } else {
        close(connection);
    }
}

static void leave_in_a_body(struct client *client) {
    const int connection = raw_connect();
    if (connection < 0) {
        note_fault(client, "no connection");
        return;
    }
    raw_send_text(
        connection,
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{\"inputs\":[%s",
        model_path(client, "/batches"), rows_text(client, draw(client, 20)));
    leave(client, connection);
}

static void leave_in_a_wait(struct client *client) {
    const char *body = json_text("{'inputs': [%s], 'labels': [%s]}", rows_text(client, 64),
                                 labels_text(client, 64));
    const int connection = raw_connect();
    if (connection < 0) {
        note_fault(client, "no connection");
        return;
    }
    raw_send_text(
        connection,
        "POST %s HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\nContent-Length: %zu\r\n\r\n%s",
        model_path(client, "/batches"), strlen(body), body);
    if (draw(client, 2) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = draw(client, 3000000)}, NULL);
    }
    leave(client, connection);
}

static void leave_in_an_answer(struct client *client) {
    const char *body = json_text("{'inputs': [%s]}", rows_text(client, 600));
    const int connection = raw_connect();
    if (connection < 0) {
        note_fault(client, "no connection");
        return;
    }
    char some[64];
    raw_send_text(connection,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                  model_path(client, "/predictions"), strlen(body), body);
    raw_read(connection, some, sizeof some);
    leave(client, connection);
}

static void (*const deeds[])(struct client *client) = {
    create_model,
    delete_model,
    post_batch,
    post_batch,
    post_batch,
    post_and_wait,
    post_and_wait,
    predict,
    predict,
    predict,
    evaluate,
    look,
    look,
    send_rubbish,
    leave_in_a_body,
    leave_in_a_wait,
    leave_in_an_answer,
};

static void *live(void *context) {
    struct client *client = context;
    while (now_seconds() < client->until && client->calls < CALLS_MAX && client->fault[0] == '\0') {
        const unsigned deed = draw(client, sizeof deeds / sizeof *deeds);
        /* models live longer than a moment */
        if (deed > 1 || draw(client, 4) == 0) {
            deeds[deed](client);
            client->calls++;
        }
        if (client->calls % 64 == 0) {
            answers_free();
        }
    }
    answers_free();
    return NULL;
}

static void run_clients(void) {
    static struct client clients[CLIENTS];
    const double start = now_seconds();
    unsigned calls = 0;
    for (unsigned i = 0; i < MODELS; i++) {
        create("{'name': 'm%u', 'inputs': 3, 'layers': [64, 64, 2]}", i);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.number = i, .random = 77 + i, .until = start + SECONDS};
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, live, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        calls += clients[i].calls;
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        ck_assert_msg(clients[i].fault[0] == '\0', "client %u, after %u calls: %s", i,
                      clients[i].calls, clients[i].fault);
    }
    ck_assert_msg(calls > CLIENTS, "found %u calls; wanted many", calls);
}

START_TEST(test_many_clients_are_all_answered_in_time) {
    static const char *const threads[] = {"1", "2"};
    /* room for the connections of clients that left and are not missed yet */
    daemon_start("--max-queue", "20", "--http-threads", threads[_i], "--workers", "2",
                 "--max-connections", "5000", NULL);
    run_clients();
    want_status(get("/health/ready"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_daemon_ends_well_under_fire) {
    daemon_start("--max-queue", "20", NULL);
    slow_create();
    struct client client = {.random = 5};
    create_model(&client);
    for (int i = 0; i < 40; i++) {
        leave_in_a_body(&client);
        leave_in_a_wait(&client);
    }
    int open[20];
    for (int i = 0; i < 20; i++) {
        open[i] = raw_connect();
        raw_send_text(
            open[i], "POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    }
    daemon_stop(); /* with half a request on 20 connections */
    for (int i = 0; i < 20; i++) {
        close(open[i]);
    }
}
END_TEST

static size_t count_sockets(void) {
    char path[64], target[64];
    size_t count = 0;
    for (int fd = 0; fd < 4096; fd++) {
        snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)daemon_process(), fd);
        const ssize_t length = readlink(path, target, sizeof target);
        count += length > 6 && memcmp(target, "socket", 6) == 0;
    }
    return count;
}

START_TEST(test_connections_of_clients_that_left_are_closed_within_seconds) {
    daemon_start(NULL, NULL);
    slow_create();
    create("{'name': 'm0', 'inputs': 3, 'layers': [2]}");
    answers_free(); /* and its connection */
    const size_t before = count_sockets();
    struct client client = {.random = 3};
    for (int i = 0; i < 300; i++) {
        leave_in_a_body(&client);
        leave_in_a_wait(&client);
    }
    const double until = now_seconds() + 20; /* the idle timeout is 75 */
    while (count_sockets() > before) {
        ck_assert_msg(now_seconds() < until, "found %zu sockets open; wanted %zu", count_sockets(),
                      before);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_batch_of_a_client_that_left_is_trained) {
    const char *body = json_text("{'inputs': [[1]], 'labels': [0]}");
    daemon_start(NULL, NULL);
    create_pair("m");
    slow_create();
    want_status(slow_post(NULL), 202);
    const int connection = raw_connect();
    raw_send_text(connection,
                  "POST /v1/models/m/batches HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n"
                  "Content-Length: %zu\r\n\r\n%s",
                  strlen(body), body);
    /* acknowledged: it has a number */
    const double until = now_seconds() + DEADLINE_SECONDS;
    while (get("/v1/models/m/batches/2")->status != 200) {
        ck_assert_msg(now_seconds() < until, "the batch got no number in time");
    }
    raw_reset(connection);
    await_json("/v1/models/m/batches/2", "/state", "'trained'");
    daemon_stop();
}
END_TEST

/* An answer of 2,000 rows of 1,000 probabilities is some 20 MB: far more than the sockets
 * hold. */
START_TEST(test_answer_that_nobody_reads_holds_up_nobody) {
    static const char row[] = "1\n";
    const size_t rows = 2000, bytes = sizeof row - 1;
    char body[2000 * sizeof row], answer[4096];
    for (size_t i = 0; i < rows; i++) {
        memcpy(body + i * bytes, row, bytes);
    }
    daemon_start("--http-threads", "1", NULL);
    create("{'name': 'm', 'inputs': 1, 'layers': [1000]}");
    const int connection = raw_connect();
    raw_send_text(connection,
                  "POST /v1/models/m/predictions HTTP/1.1\r\nHost: localhost\r\n"
                  "Connection: close\r\nContent-Type: text/csv\r\nContent-Length: %zu\r\n\r\n%.*s",
                  rows * bytes, (int)(rows * bytes), body);
    struct pollfd begun = {.fd = connection, .events = POLLIN};
    ck_assert_int_eq(poll(&begun, 1, 1000 * (int)DEADLINE_SECONDS), 1);
    for (int i = 0; i < 50; i++) {
        want_status(get("/v1/models/m"), 200);
        answers_free();
    }
    /* and it goes on where it was */
    size_t read_bytes = 0;
    for (ssize_t got; (got = recv(connection, answer, sizeof answer, 0)) > 0;) {
        read_bytes += (size_t)got;
    }
    ck_assert_uint_gt(read_bytes, 10000000);
    close(connection);
    daemon_stop();
}
END_TEST

/* Twice what libmicrohttpd 0.9.75 takes notice of in one go: it used to wait for more. */
#define CROWD 256

START_TEST(test_hundreds_that_ask_in_the_same_instant_are_all_answered) {
    struct pollfd crowd[CROWD];
    daemon_start(NULL, NULL);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct pollfd){.fd = raw_connect(), .events = POLLIN};
        ck_assert_int_ge(crowd[i].fd, 0);
    }
    for (int round = 0; round < 3; round++) {
        daemon_signal(SIGSTOP); /* what is sent meanwhile is there all at once */
        for (int i = 0; i < CROWD; i++) {
            raw_send_text(crowd[i].fd, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        daemon_signal(SIGCONT);
        const double until = now_seconds() + 20; /* idle connections live 75 */
        for (int i = 0; i < CROWD; i++) {
            char answer[1024];
            const int left = (int)(1000 * (until - now_seconds()));
            ck_assert_msg(poll(&crowd[i], 1, left > 0 ? left : 0) == 1,
                          "no answer for connection %d of %d in round %d", i, CROWD, round);
            ck_assert_int_eq(raw_read(crowd[i].fd, answer, sizeof answer), 200);
        }
    }
    for (int i = 0; i < CROWD; i++) {
        close(crowd[i].fd);
    }
    daemon_stop();
}
END_TEST

Suite *concurrency_suite(void) {
    Suite *suite = suite_create("concurrency");
    TCase *tests = lone_case(suite, "concurrency");
    tcase_add_loop_test(tests, test_many_clients_are_all_answered_in_time, 0, 2);
    tcase_add_test(tests, test_daemon_ends_well_under_fire);
    tcase_add_test(tests, test_connections_of_clients_that_left_are_closed_within_seconds);
    tcase_add_test(tests, test_batch_of_a_client_that_left_is_trained);
    tcase_add_test(tests, test_answer_that_nobody_reads_holds_up_nobody);
    tcase_add_test(tests, test_hundreds_that_ask_in_the_same_instant_are_all_answered);
    return suite;
}
