/* /v1/models/{model}/loss as server-sent events, and who may wait at the same time. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/events.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define LOSS "/v1/models/m/loss"
#define BATCHES "/v1/models/m/batches"
#define KEPT 10000 /* points of a model */

static void create_small(void) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
}

/* So many batches of one row in one request, acknowledged and not waited for. */
static void post_many(int count) {
    const size_t room = 16 + (size_t)count * 4;
    char *inputs = malloc(room), *labels = malloc(room);
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(inputs + used, room - used, "%s[1]", i > 0 ? "," : "");
    }
    for (int i = 0; i < count; i++) {
        snprintf(labels + 2 * (size_t)i, 3, "%s", i + 1 < count ? "0," : "0");
    }
    want_status(post(BATCHES "?batch_size=1", "{'inputs': [%s], 'labels': [%s]}", inputs, labels),
                202);
    free(inputs);
    free(labels);
}

static void train_many(int count) {
    char step[32];
    snprintf(step, sizeof step, "%.0f", number_at(get("/v1/models/m"), "/step") + count);
    post_many(count);
    await_json("/v1/models/m", "/step", step);
}

static void train_one(void) {
    want_status(train(BATCHES, "{'inputs': [[1], [2]], 'labels': [0, 1]}"), 200);
}

static void open_stream(struct events *events, const char *headers) {
    events_open(events, LOSS, headers);
    ck_assert_msg(events->status == 200, "found %s; wanted 200", events->head);
}

static void want_points(struct events *events, int first, int last) {
    for (int batch = first; batch <= last; batch++) {
        const double found = events_point(events);
        ck_assert_msg(found == batch, "found the point of batch %g; wanted that of %d", found,
                      batch);
    }
}

static void want_head(const struct events *events, const char *line) {
    ck_assert_msg(strcasestr(events->head, line) != NULL, "found %s; wanted %s in it", events->head,
                  line);
}

/* ---- points ---- */

START_TEST(test_stream_gives_what_is_kept_then_what_comes) {
    struct events events;
    create_small();
    train_many(3);
    open_stream(&events, "");
    want_points(&events, 1, 3);
    train_one();
    want_points(&events, 4, 4);
    train_many(2);
    want_points(&events, 5, 6);
    events_close(&events);
}
END_TEST

START_TEST(test_stream_begins_before_there_is_a_point) {
    struct events events;
    struct event event;
    create_small();
    open_stream(&events, "");
    ck_assert(events_next(&events, &event));
    ck_assert_msg(event.retry == 2000, "found retry %ld; wanted 2000", event.retry);
    train_one();
    want_points(&events, 1, 1);
    events_close(&events);
}
END_TEST

START_TEST(test_head_of_a_stream_keeps_proxies_and_caches_from_holding_it) {
    struct events events;
    create_small();
    open_stream(&events, "");
    want_head(&events, "\r\nContent-Type: text/event-stream\r\n");
    want_head(&events, "\r\nCache-Control: no-store\r\n");
    want_head(&events, "\r\nX-Accel-Buffering: no\r\n");
    want_head(&events, "\r\nVary: Accept\r\n");
    want_head(&events, "\r\nConnection: close\r\n");
    events_close(&events);
}
END_TEST

START_TEST(test_points_of_a_stream_are_those_of_the_list) {
    struct events events;
    struct event event;
    create_small();
    train_many(5);
    const struct answer *list = get(LOSS);
    open_stream(&events, "");
    for (int i = 0; i < 5; i++) {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/points/%d", i);
        do {
            ck_assert(events_next(&events, &event));
        } while (event.data[0] == '\0');
        want_json(list, pointer, event.data);
    }
    events_close(&events);
}
END_TEST

START_TEST(test_batch_that_was_taken_back_has_no_point) {
    struct events events;
    slow_create();
    slow_post("");
    slow_post("");
    want_status(delete ("/v1/models/slow/batches/2"), 200);
    want_status(slow_post("Prefer: wait=60"), 200);
    events_open(&events, "/v1/models/slow/loss", "");
    ck_assert(events_point(&events) == 1);
    ck_assert(events_point(&events) == 3);
    events_close(&events);
}
END_TEST

START_TEST(test_stream_to_a_client_of_http_1_0_is_not_chunked) {
    struct events events;
    create_small();
    train_many(2);
    events_ask(&events, "GET", LOSS, "HTTP/1.0", "Accept: text/event-stream\r\n");
    ck_assert(events.status == 200 && !events.chunked);
    want_points(&events, 1, 2);
    train_one();
    want_points(&events, 3, 3);
    want_status(delete ("/v1/models/m"), 204);
    events_want(&events, "deleted", "{'model': 'm'}");
    events_want_end(&events);
    events_close(&events);
}
END_TEST

START_TEST(test_stream_refuses_what_is_for_lists) {
    static const char *const queries[] = {"limit=5", "wait=1", "after=x", "after=-1"};
    char path[64];
    create_small();
    snprintf(path, sizeof path, LOSS "?%s", queries[_i]);
    want_problem(request((struct call){
                     .method = "GET", .path = path, .headers = "Accept: text/event-stream"}),
                 422, NULL);
}
END_TEST

/* A quiet stream is told that it lives every 15 seconds: this test takes so long. */
START_TEST(test_quiet_stream_is_kept_alive) {
    struct events events;
    struct event event;
    create_small();
    open_stream(&events, "");
    do {
        ck_assert_msg(events_next(&events, &event), "no comment has come");
    } while (event.comment[0] == '\0');
    ck_assert_msg(strcmp(event.comment, " keep-alive") == 0, "found the comment '%s'",
                  event.comment);
    train_one();
    want_points(&events, 1, 1);
    events_close(&events);
}
END_TEST

START_TEST(test_head_of_a_stream_comes_alone) {
    char answer[4096];
    create_small();
    train_many(3);
    const char *asked =
        "HEAD " LOSS " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    const int status = raw_exchange(asked, strlen(asked), answer, sizeof answer);
    ck_assert_msg(status == 200, "found status %d; wanted 200", status);
    ck_assert_msg(strcasestr(answer, "\r\nContent-Type: text/event-stream\r\n") != NULL, "found %s",
                  answer);
    const char *end = strstr(answer, "\r\n\r\n");
    ck_assert_msg(end != NULL && end[4] == '\0', "found %s; wanted no body", answer);
}
END_TEST

/* ---- resuming ---- */

START_TEST(test_stream_resumes_behind_a_batch) {
    static const struct {
        const char *path, *headers;
        int first;
    } rows[] = {
        {LOSS, "Last-Event-ID: 3\r\n", 4},
        {LOSS, "last-event-id: 5\r\n", 6},
        {LOSS, "Last-Event-ID: 0\r\n", 1},
        {LOSS, "Last-Event-ID:\r\n", 1},
        {LOSS "?after=3", "", 4},
        {LOSS "?after=0", "", 1},
        {LOSS "?after=1", "Last-Event-ID: 4\r\n", 5}, /* the address is of the first time */
        {LOSS "?after=4", "Last-Event-ID: 1\r\n", 2},
        {LOSS, "Last-Event-ID: 6\r\n", 7}, /* all are known */
    };
    struct events events;
    create_small();
    train_many(6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        events_open(&events, rows[i].path, rows[i].headers);
        want_points(&events, rows[i].first, 6);
        if (i + 1 == sizeof rows / sizeof *rows) {
            train_one();
            want_points(&events, 7, 7);
        }
        events_close(&events);
    }
}
END_TEST

START_TEST(test_unknown_cursor_gets_a_gap_and_the_oldest_point) {
    static const struct {
        const char *id, *data;
    } rows[] = {
        {"7", "{'after': 7, 'oldest': 1}"},
        {"18446744073709551615", "{'after': 18446744073709551615, 'oldest': 1}"},
        {"18446744073709551616", "{'after': null, 'oldest': 1}"},
        {"x", "{'after': null, 'oldest': 1}"},
        {"-1", "{'after': null, 'oldest': 1}"},
        {"2.5", "{'after': null, 'oldest': 1}"},
    };
    struct events events;
    char header[64];
    struct event event;
    create_small();
    train_many(3);
    snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", rows[_i].id);
    open_stream(&events, header);
    if (_i == 1) { /* larger than what the tests' JSON can hold */
        do {
            ck_assert(events_next(&events, &event));
        } while (event.data[0] == '\0');
        want_equal_text(event.name, "gap");
        want_equal_text(event.data, "{\"after\":18446744073709551615,\"oldest\":1}");
    } else {
        events_want(&events, "gap", rows[_i].data);
    }
    want_points(&events, 1, 3);
    train_one();
    want_points(&events, 4, 4);
    events_close(&events);
}
END_TEST

START_TEST(test_unknown_cursor_of_a_model_without_points_gets_a_gap) {
    struct events events;
    create_small();
    open_stream(&events, "Last-Event-ID: 7\r\n");
    events_want(&events, "gap", "{'after': 7, 'oldest': null}");
    train_one();
    want_points(&events, 1, 1);
    events_close(&events);
}
END_TEST

/* Of a batch that waits the number is known, and its point will come. */
START_TEST(test_cursor_at_a_batch_that_waits_is_no_gap) {
    struct events events;
    slow_create();
    slow_post("");
    slow_post("");
    slow_post("");
    events_open(&events, "/v1/models/slow/loss", "Last-Event-ID: 2\r\n");
    ck_assert(events_point(&events) == 3);
    events_close(&events);
}
END_TEST

START_TEST(test_expired_cursor_gets_a_gap_and_the_oldest_point) {
    struct events events;
    daemon_start("--max-queue", "20000", NULL);
    create_small();
    train_many(KEPT + 50);
    open_stream(&events, "Last-Event-ID: 5\r\n");
    events_want(&events, "gap", "{'after': 5, 'oldest': 51}");
    want_points(&events, 51, KEPT + 50);
    events_close(&events);
    open_stream(&events, "Last-Event-ID: 50\r\n"); /* what comes next is just kept */
    want_points(&events, 51, 60);
    events_close(&events);
    open_stream(&events, ""); /* who has no cursor misses nothing */
    want_points(&events, 51, 60);
    events_close(&events);
    daemon_stop();
}
END_TEST

/* Read points until `count` are read, the stream ends, or a gap says where it goes on;
 * `last` is the batch before and becomes the one read last. */
static void read_points(struct events *events, double *last, int count) {
    for (int i = 0; i < count; i++) {
        const double batch = events_point(events);
        ck_assert_msg(batch == *last + 1, "found batch %g behind %g; wanted the next one", batch,
                      *last);
        *last = batch;
    }
}

#define RECONNECT_POINTS 3000

static void *post_in_portions(void *context) {
    (void)context;
    for (int i = 0; i < RECONNECT_POINTS / 50; i++) {
        struct call call = {.method = "POST", .path = BATCHES "?batch_size=1"};
        char body[1024];
        size_t used = (size_t)snprintf(body, sizeof body, "{\"inputs\":[[1]");
        for (int k = 1; k < 50; k++) {
            used += (size_t)snprintf(body + used, sizeof body - used, ",[%d]", k % 3);
        }
        used += (size_t)snprintf(body + used, sizeof body - used, "],\"labels\":[0");
        for (int k = 1; k < 50; k++) {
            used += (size_t)snprintf(body + used, sizeof body - used, ",%d", k % 2);
        }
        used += (size_t)snprintf(body + used, sizeof body - used, "]}");
        call.body = body;
        call.bytes = used;
        call.headers = "Prefer: wait=60";
        if (request(call)->status != 200) {
            return (void *)"a batch was not trained";
        }
        answers_free();
    }
    return NULL;
}

START_TEST(test_reconnecting_client_misses_no_point_and_sees_none_twice) {
    pthread_t trainer;
    void *fault;
    double last = 0;
    unsigned reconnects = 0;
    create_small();
    pthread_create(&trainer, NULL, post_in_portions, NULL);
    while (last < RECONNECT_POINTS) {
        struct events events;
        char header[64];
        snprintf(header, sizeof header, "Last-Event-ID: %.0f\r\n", last);
        open_stream(&events, reconnects == 0 ? "" : header);
        const int left = RECONNECT_POINTS - (int)last;
        const int some = 1 + (int)(reconnects * 37 % 100);
        read_points(&events, &last, some < left ? some : left);
        if (reconnects++ % 2 == 0) {
            events_close(&events);
        } else {
            events_reset(&events);
        }
    }
    pthread_join(trainer, &fault);
    ck_assert_msg(fault == NULL, "%s", (const char *)fault);
    await_json("/v1/server", "/http/held_open", "0");
}
END_TEST

/* ---- slow readers ---- */

#define FAST_BATCHES 100000 /* far more text than the sockets' buffers hold */

/* It must not grow the daemon, and not lose a point without being told. */
START_TEST(test_reader_that_falls_behind_gets_a_gap) {
    struct events events;
    daemon_start("--max-queue", "200000", "--min-rate", "0", NULL);
    create_small();
    open_stream(&events, "");
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    train_many(FAST_BATCHES);
    const double grown = number_at(get("/v1/server"), "/memory_bytes") - before;
    ck_assert_msg(grown < 4e6, "memory has grown by %g bytes; wanted is the history alone", grown);
    double last = 0;
    int gaps = 0;
    while (last < FAST_BATCHES) {
        struct event event;
        do {
            ck_assert(events_next(&events, &event));
        } while (event.data[0] == '\0');
        if (strcmp(event.name, "gap") == 0) {
            json_t *gap = json_loads(event.data, 0, NULL);
            ck_assert(json_number_value(json_object_get(gap, "after")) == last);
            last = json_number_value(json_object_get(gap, "oldest")) - 1;
            json_decref(gap);
            gaps++;
            continue;
        }
        ck_assert_msg(strtod(event.id, NULL) == last + 1, "found batch %s behind %g", event.id,
                      last);
        last++;
    }
    ck_assert_msg(gaps > 0, "found no gap");
    events_close(&events);
    daemon_stop();
}
END_TEST

#define STREAMS 200
#define STREAM_POINTS 1000

START_TEST(test_two_hundred_streams_hinder_nobody_and_miss_nothing) {
    static struct events streams[STREAMS];
    create_small();
    for (int i = 0; i < STREAMS; i++) {
        open_stream(&streams[i], "");
    }
    await_json("/v1/server", "/http/held_open", "200");
    post_many(STREAM_POINTS);
    for (int i = 0; i < 100; i++) { /* each within the client's deadline */
        want_status(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 200);
    }
    for (int i = 0; i < STREAMS; i++) {
        want_points(&streams[i], 1, STREAM_POINTS);
    }
    for (int i = 0; i < STREAMS; i++) {
        events_close(&streams[i]);
    }
    await_json("/v1/server", "/http/held_open", "0");
}
END_TEST

/* ---- ends ---- */

START_TEST(test_deleted_model_ends_its_streams) {
    struct events early, late;
    struct event event;
    create_small();
    train_many(2);
    open_stream(&early, "");
    want_points(&early, 1, 2);
    open_stream(&late, "");
    want_status(delete ("/v1/models/m"), 204);
    do {
        ck_assert(events_next(&early, &event));
    } while (event.data[0] == '\0');
    want_equal_text(event.name, "deleted");
    want_equal_text(event.data, "{\"model\":\"m\"}");
    ck_assert_msg(event.has_id && event.id[0] == '\0', "found the id '%s'; wanted an empty one",
                  event.id);
    events_want_end(&early);
    want_points(&late, 1, 2); /* what there was comes first */
    events_want(&late, "deleted", "{'model': 'm'}");
    events_want_end(&late);
    events_close(&early);
    events_close(&late);
    await_json("/v1/server", "/http/held_open", "0");
}
END_TEST

START_TEST(test_stream_of_a_drained_daemon_ends_after_its_last_point) {
    struct events events, quiet;
    daemon_start("--drain-timeout", "30", NULL);
    slow_create();
    create_small();
    slow_post("");
    slow_post("");
    events_open(&events, "/v1/models/slow/loss", "");
    open_stream(&quiet, "");
    daemon_signal(SIGTERM);
    ck_assert(events_point(&events) == 1);
    ck_assert(events_point(&events) == 2);
    events_want_end(&events);
    events_want_end(&quiet);
    const int status = daemon_wait();
    ck_assert_msg(status == 0, "the daemon ended with %d; wanted 0", status);
    events_close(&events);
    events_close(&quiet);
}
END_TEST

START_TEST(test_daemon_ends_though_a_client_reads_nothing) {
    struct events events;
    daemon_start("--max-queue", "200000", NULL);
    create_small();
    open_stream(&events, "");
    post_many(FAST_BATCHES);
    daemon_signal(SIGTERM);
    const int status = daemon_wait();
    ck_assert_msg(status == 0, "the daemon ended with %d; wanted 0", status);
    events_close(&events);
}
END_TEST

/* ---- seats ---- */

static void want_no_seat(const struct answer *answer) {
    want_problem(answer, 503, NULL);
    want_detail(answer, "--max-waiting");
    want_header(answer, "Retry-After", "5");
}

START_TEST(test_client_that_goes_away_frees_its_seat) {
    struct events first, second, third;
    daemon_start("--max-waiting", "2", NULL);
    create_small();
    want_json(get("/v1/server"), "/limits/waiting", "2");
    open_stream(&first, "");
    open_stream(&second, "");
    await_json("/v1/server", "/http/held_open", "2");
    events_open(&third, LOSS, "");
    ck_assert_msg(third.status == 503, "found %s; wanted 503", third.head);
    want_head(&third, "\r\nRetry-After: 5\r\n");
    events_close(&third);
    events_reset(&first);
    await_json("/v1/server", "/http/held_open", "1");
    events_close(&second);
    await_json("/v1/server", "/http/held_open", "0");
    open_stream(&third, "");
    train_one();
    want_points(&third, 1, 1);
    events_close(&third);
    daemon_stop();
}
END_TEST

/* A client that says that it has no more to send is taken for one that has gone; its
 * stream ends. */
START_TEST(test_stream_of_a_half_closed_connection_ends) {
    struct events events;
    create_small();
    open_stream(&events, "");
    shutdown(events.connection, SHUT_WR);
    events_want_end(&events);
    events_close(&events);
    await_json("/v1/server", "/http/held_open", "0");
}
END_TEST

START_TEST(test_without_a_seat_no_wait_begins) {
    struct events events;
    daemon_start("--max-waiting", "1", NULL);
    create_small();
    open_stream(&events, "");
    want_no_seat(get(LOSS "?wait=60"));
    want_no_seat(get("/v1/models/m?wait_step=5"));
    want_no_seat(post_with("Prefer: wait=60", "/v1/models/m/predictions",
                           "{'inputs': [[1]], 'min_step': 5}"));
    /* who waits for a worker alone needs none */
    want_status(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 200);
    want_status(get("/v1/models/m?weights_sha256=true"), 200);
    want_status(get(LOSS), 200);
    want_status(request((struct call){
                    .method = "HEAD", .path = LOSS, .headers = "Accept: text/event-stream"}),
                200);
    create("{'name': 'other', 'inputs': 1, 'layers': [2]}");
    events_close(&events);
    await_json("/v1/server", "/http/held_open", "0");
    want_status(get(LOSS "?wait=0.1"), 200);
    daemon_stop();
}
END_TEST

/* It is acknowledged, so it is answered as what it is: behind a slow one, queued. */
START_TEST(test_batch_that_cannot_be_waited_for_is_acknowledged) {
    struct events events;
    daemon_start("--max-waiting", "1", NULL);
    slow_create();
    events_open(&events, "/v1/models/slow/loss", "");
    slow_post("");
    const struct answer *answer = want_status(slow_post("Prefer: wait=60"), 202);
    want_json(answer, "/batch", "2");
    want_json(answer, "/state", "'queued'");
    want_header(answer, "Preference-Applied", "");
    const struct answer *changed =
        request((struct call){.method = "PATCH",
                              .path = "/v1/models/slow",
                              .headers = "Prefer: wait=60",
                              .body = "{\"optimizer\":{\"learning_rate\":0.5}}",
                              .bytes = 35});
    want_status(changed, 202);
    want_header(changed, "Preference-Applied", "");
    ck_assert(events_point(&events) == 1); /* they are done all the same */
    ck_assert(events_point(&events) == 2);
    await_json("/v1/models/slow", "/optimizer/learning_rate", "0.5");
    events_close(&events);
    daemon_stop();
}
END_TEST

START_TEST(test_half_of_the_connections_may_wait_by_default) {
    daemon_start("--max-connections", "11", NULL);
    want_json(get("/v1/server"), "/limits/waiting", "5");
    daemon_stop();
    daemon_start("--max-connections", "1", NULL);
    want_json(get("/v1/server"), "/limits/waiting", "1");
    daemon_stop();
}
END_TEST

Suite *streams_suite(void) {
    Suite *suite = suite_create("streams");
    TCase *tests = shared_case(suite, "streams");
    TCase *lone = lone_case(suite, "streams of lone daemons");
    tcase_add_test(tests, test_stream_gives_what_is_kept_then_what_comes);
    tcase_add_test(tests, test_stream_begins_before_there_is_a_point);
    tcase_add_test(tests, test_head_of_a_stream_keeps_proxies_and_caches_from_holding_it);
    tcase_add_test(tests, test_points_of_a_stream_are_those_of_the_list);
    tcase_add_test(tests, test_batch_that_was_taken_back_has_no_point);
    tcase_add_test(tests, test_stream_to_a_client_of_http_1_0_is_not_chunked);
    tcase_add_loop_test(tests, test_stream_refuses_what_is_for_lists, 0, 4);
    tcase_add_test(tests, test_quiet_stream_is_kept_alive);
    tcase_add_test(tests, test_head_of_a_stream_comes_alone);
    tcase_add_test(tests, test_stream_resumes_behind_a_batch);
    tcase_add_loop_test(tests, test_unknown_cursor_gets_a_gap_and_the_oldest_point, 0, 6);
    tcase_add_test(tests, test_unknown_cursor_of_a_model_without_points_gets_a_gap);
    tcase_add_test(tests, test_cursor_at_a_batch_that_waits_is_no_gap);
    tcase_add_test(tests, test_reconnecting_client_misses_no_point_and_sees_none_twice);
    tcase_add_test(tests, test_two_hundred_streams_hinder_nobody_and_miss_nothing);
    tcase_add_test(tests, test_deleted_model_ends_its_streams);
    tcase_add_test(tests, test_stream_of_a_half_closed_connection_ends);
    tcase_add_test(lone, test_expired_cursor_gets_a_gap_and_the_oldest_point);
    tcase_add_test(lone, test_reader_that_falls_behind_gets_a_gap);
    tcase_add_test(lone, test_stream_of_a_drained_daemon_ends_after_its_last_point);
    tcase_add_test(lone, test_daemon_ends_though_a_client_reads_nothing);
    tcase_add_test(lone, test_client_that_goes_away_frees_its_seat);
    tcase_add_test(lone, test_without_a_seat_no_wait_begins);
    tcase_add_test(lone, test_batch_that_cannot_be_waited_for_is_acknowledged);
    tcase_add_test(lone, test_half_of_the_connections_may_wait_by_default);
    return suite;
}
