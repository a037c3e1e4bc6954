/* What outlives the process: kill -9, stops, backups, damage, directories. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/scrape.h"
#include "tests/integration/suites.h"

#define MODEL                                                                                      \
    "{'name': 'm', 'inputs': 3, 'layers': [{'units': 8, 'normalization': 'batch'}, 2], "           \
    "'optimizer': {'name': 'sgd'}, 'standardize': true}"

static char data[256]; /* of the present test */

static void begin(void) {
    snprintf(data, sizeof data, "%s", scratch_name(".kept"));
    daemon_start("--data", data, NULL);
}

static void start_again(void) {
    daemon_start("--data", data, NULL);
    await_json("/health/ready", "/state", "'serving'");
}

static void kill_and_start(void) {
    daemon_signal(SIGKILL);
    (void)daemon_wait();
    start_again();
}

static void post_batch(int i, const char *key) {
    char headers[128];
    snprintf(headers, sizeof headers, "Prefer: wait=30%s%s",
             key != NULL ? "\nIdempotency-Key: " : "", key != NULL ? key : "");
    want_status(post_with(headers, "/v1/models/m/batches",
                          "{'inputs': [[%d, 2, 3], [1, %d, -2], [0, 5, %d]], 'labels': [0, 1, 1]}",
                          i, i, i),
                200);
}

/* As it was before: weights, loss history and settings. */
struct look {
    char *weights, *loss, *model;
};

static char *copy_of(const struct answer *answer, const char *pointer) {
    char *text = json_dumps(json_at(answer, pointer), JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert(text != NULL);
    return text;
}

static struct look look_at(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "/v1/models/%s", name);
    struct look look = {.weights = strdup(weights_of(name))};
    look.model = copy_of(want_status(get("%s", path), 200), "/optimizer");
    /* The time of a batch that is trained again is of the second time. */
    const struct answer *loss = want_status(get("%s/loss", path), 200);
    json_t *points = json_deep_copy(json_at(loss, "/points"));
    size_t i;
    json_t *point;
    json_array_foreach(points, i, point) {
        json_object_del(point, "time");
    }
    look.loss = json_dumps(points, JSON_COMPACT);
    json_decref(points);
    return look;
}

static void want_look(const char *name, struct look before) {
    struct look after = look_at(name);
    want_equal_text(after.weights, before.weights);
    want_equal_text(after.model, before.model);
    want_equal_text(after.loss, before.loss);
    free(after.weights);
    free(after.model);
    free(after.loss);
    free(before.weights);
    free(before.model);
    free(before.loss);
}

/* Batches, settings that add a slot, a reset and a batch that diverges. */
static void train_a_little(void) {
    create(MODEL);
    for (int i = 0; i < 5; i++) {
        post_batch(i, NULL);
    }
    want_status(request((struct call){.method = "PATCH",
                                      .path = "/v1/models/m",
                                      .body = "{\"optimizer\":{\"momentum\":0.9}}",
                                      .bytes = 30}),
                200);
    for (int i = 5; i < 9; i++) {
        post_batch(i, NULL);
    }
    want_status(post("/v1/models/m/batches?batch_size=2",
                     "{'inputs': [[1, 2, 3], [4, 5, 6], [7, 8, 9]], 'labels': [0, 1, 0]}"),
                202);
    await_json("/v1/models/m", "/step", "11");
}

START_TEST(test_kill_9_loses_nothing) {
    begin();
    train_a_little();
    want_status(post("/v1/models/m/clone", "{'name': 'copy'}"), 201);
    want_status(post("/v1/models/m/reset", "{'seed': 5}"), 200);
    post_batch(1, "key");
    struct look m = look_at("m"), copy = look_at("copy");
    kill_and_start();
    want_look("m", m);
    want_look("copy", copy);
    const struct answer *repeat =
        post_with("Idempotency-Key: key\nPrefer: wait=30", "/v1/models/m/batches",
                  "{'inputs': [[1, 2, 3], [1, 1, -2], [0, 5, 1]], "
                  "'labels': [0, 1, 1]}");
    want_json(want_status(repeat, 200), "/batch", "12");
    want_header(repeat, "Idempotent-Replayed", "true");
    daemon_stop();
}
END_TEST

START_TEST(test_snapshots_are_gone_on_from) {
    begin();
    train_a_little();
    struct look before = look_at("m");
    daemon_stop(); /* stores the state */
    start_again();
    want_look("m", before);
    want_json(get("/v1/models/m/batches/3"), "/state", "'trained'");
    post_batch(9, "after");
    before = look_at("m");
    kill_and_start();
    want_look("m", before);
    daemon_stop();
}
END_TEST

START_TEST(test_what_was_taken_back_stays_so) {
    begin();
    slow_create();
    for (int i = 0; i < 4; i++) {
        want_status(slow_post(NULL), 202);
    }
    const struct answer *taken = want_status(delete ("/v1/models/slow/batches"), 200);
    const int cancelled = (int)number_at(taken, "/cancelled");
    ck_assert_int_ge(cancelled, 1);
    kill_and_start();
    want_json(get("/v1/models/slow/batches/4"), "/state", "'cancelled'");
    char step[16];
    snprintf(step, sizeof step, "%d", 4 - cancelled);
    want_json(get("/v1/models/slow"), "/step", step);
    daemon_stop();
}
END_TEST

START_TEST(test_a_deleted_model_stays_away_and_its_name_is_free) {
    begin();
    train_a_little();
    want_status(delete ("/v1/models/m"), 204);
    create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    const struct answer *made = get("/v1/models/m");
    char *id = strdup(text_at(made, "/id"));
    kill_and_start();
    want_equal_text(text_at(get("/v1/models/m"), "/id"), id);
    want_json(get("/v1/models/m"), "/step", "0");
    free(id);
    daemon_stop();
}
END_TEST

START_TEST(test_queued_batches_are_trained_after_a_stop) {
    begin();
    daemon_stop();
    daemon_start("--data", data, "--drain-timeout", "0", NULL);
    slow_create();
    for (int i = 0; i < 4; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGTERM);
    ck_assert_int_eq(daemon_wait(), 0);
    start_again();
    want_json(get("/v1/models/slow"), "/step", "4");
    daemon_stop();
}
END_TEST

START_TEST(test_models_wait_for_the_recovery) {
    begin();
    slow_create();
    for (int i = 0; i < 8; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGKILL);
    (void)daemon_wait();
    daemon_start("--data", data, NULL);
    const struct answer *ready = get("/health/ready");
    want_json(want_status(ready, 503), "/state", "'recovering'");
    want_json(ready, "/recovery/models", "1");
    want_status(get("/health/live"), 200);
    const struct answer *refused = want_problem(get("/v1/models"), 503, NULL);
    want_header(refused, "Retry-After", "1");
    want_problem(get("/v1/models/slow"), 503, NULL);
    want_problem(post("/v1/models", "{'name': 'n', 'inputs': 1, 'layers': [2]}"), 503, NULL);
    await_json("/health/ready", "/state", "'serving'");
    want_json(get("/v1/models/slow"), "/step", "8");
    daemon_stop();
}
END_TEST

/* --- damage ---- */

static void run_sql(const char *sql) {
    char path[300];
    char *problem = NULL;
    sqlite3 *database;
    snprintf(path, sizeof path, "%s/mlpd.db", data);
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    const int code = sqlite3_exec(database, sql, NULL, NULL, &problem);
    ck_assert_msg(code == SQLITE_OK, "%s: %s", sql, problem);
    sqlite3_close(database);
}

START_TEST(test_a_damaged_model_is_quarantined_and_the_others_serve) {
    begin();
    train_a_little();
    create("{'name': 'other', 'inputs': 2, 'layers': [2]}");
    daemon_stop();
    run_sql("UPDATE heads SET checksum = zeroblob(length(checksum)) WHERE model = "
            "(SELECT number FROM models WHERE name = 'm')");
    start_again();
    want_json(get("/health/ready"), "/models_damaged", "1");
    want_detail(want_problem(get("/v1/models/m"), 500, NULL), "damaged");
    want_problem(post("/v1/models", MODEL), 500, NULL);
    want_status(get("/v1/models/other"), 200);
    want_status(delete ("/v1/models/m"), 204);
    want_absent(get("/health/ready"), "/models_damaged");
    create(MODEL);
    daemon_stop();
}
END_TEST

/* Another core type computes other bits. */
START_TEST(test_another_fingerprint_has_to_be_accepted) {
    begin();
    train_a_little();
    const bool plain = strstr(text_at(get("/v1/server"), "/arithmetic"), "OpenBLAS") == NULL;
    daemon_stop();
    if (plain) {
        return; /* there is only one */
    }
    struct run run;
    const char *const arguments[] = {"--listen", "127.0.0.1:0", "--data", data, NULL};
    daemon_run(&run, "OPENBLAS_CORETYPE", "Prescott", arguments);
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "--accept-numerics-change") != NULL, "found %s", run.err);
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    daemon_start("--data", data, "--accept-numerics-change", NULL);
    await_json("/health/ready", "/state", "'serving'");
    daemon_stop();
    start_again(); /* from now on it is the data's own */
    daemon_stop();
}
END_TEST

/* --- directories ---- */

START_TEST(test_a_directory_that_cannot_be_is_told_in_a_line) {
    struct run run;
    daemon_run(&run, NULL, NULL,
               (const char *const[]){"--listen", "127.0.0.1:0", "--data", "/proc/none", NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "/proc/none") != NULL, "found %s", run.err);
    ck_assert_msg(strchr(run.err, '\n') == strrchr(run.err, '\n'), "found %s", run.err);
}
END_TEST

START_TEST(test_a_second_daemon_is_told_who_has_the_directory) {
    begin();
    create(MODEL);
    struct run run;
    daemon_run(&run, NULL, NULL,
               (const char *const[]){"--listen", "127.0.0.1:0", "--data", data, NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, data) != NULL && strstr(run.err, "process") != NULL,
                  "found %s; wanted the directory and the process that has it", run.err);
    want_status(get("/v1/models/m"), 200);
    daemon_stop();
}
END_TEST

/* --- figures ---- */

static double figure(const char *name) {
    const struct scrape *found = scrape();
    return scrape_has(found, name) ? sample_of(found, name) : -1;
}

START_TEST(test_metrics_tell_of_the_store) {
    begin();
    train_a_little();
    /* They are of the last second. */
    for (int i = 0; i < 200 && figure("mlpd_store_commits_total") < 12; i++) {
        usleep(50000);
    }
    ck_assert(figure("mlpd_store_commits_total") >= 12); /* a creation, ten batches, a change */
    ck_assert(figure("mlpd_store_syncs_total") >= 12);
    ck_assert(figure("mlpd_store_bytes") >= 8192);
    ck_assert(figure("mlpd_store_unsynced_bytes") == 0);
    ck_assert(figure("mlpd_store_refused_total") == 0);
    ck_assert(figure("mlpd_models_damaged") == 0);
    daemon_stop();
    if (!daemons_store()) {
        daemon_start(NULL, NULL);
        ck_assert(figure("mlpd_store_bytes") == -1); /* there is none */
        daemon_stop();
    }
}
END_TEST

/* --- backups ---- */

START_TEST(test_a_backup_is_a_data_directory) {
    begin();
    train_a_little();
    struct look before = look_at("m");
    const struct answer *made = want_status(post("/v1/admin/backup", "{'name': 'first'}"), 201);
    want_json(made, "/name", "'first'");
    ck_assert(number_at(made, "/bytes") > 0);
    want_problem(post("/v1/admin/backup", "{'name': 'first'}"), 409, NULL);
    want_problem(post("/v1/admin/backup", "{'name': '../x'}"), 422, "/name");
    want_status(post_raw("/v1/admin/backup", "", 0), 201);
    post_batch(50, NULL); /* is not in it */
    daemon_stop();
    char copy[300];
    snprintf(copy, sizeof copy, "%s/backups/first", data);
    snprintf(data, sizeof data, "%.250s", copy);
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--check", data, NULL});
    ck_assert_msg(run.status == 0 && strstr(run.out, "0 problems") != NULL, "found %s%s", run.out,
                  run.err);
    start_again();
    want_look("m", before);
    daemon_stop();
}
END_TEST

START_TEST(test_there_is_no_backup_of_models_in_memory) {
    if (!daemons_store()) {
        daemon_start(NULL, NULL);
        want_detail(want_problem(post("/v1/admin/backup", "{}"), 404, NULL), "--data");
        daemon_stop();
    }
}
END_TEST

Suite *store_suite(void) {
    Suite *suite = suite_create("store");
    TCase *tests = lone_case(suite, "crashes");
    tcase_add_test(tests, test_kill_9_loses_nothing);
    tcase_add_test(tests, test_snapshots_are_gone_on_from);
    tcase_add_test(tests, test_what_was_taken_back_stays_so);
    tcase_add_test(tests, test_a_deleted_model_stays_away_and_its_name_is_free);
    tcase_add_test(tests, test_queued_batches_are_trained_after_a_stop);
    tcase_add_test(tests, test_models_wait_for_the_recovery);
    tests = lone_case(suite, "damage");
    tcase_add_test(tests, test_a_damaged_model_is_quarantined_and_the_others_serve);
    tcase_add_test(tests, test_another_fingerprint_has_to_be_accepted);
    tests = lone_case(suite, "directories");
    tcase_add_test(tests, test_a_directory_that_cannot_be_is_told_in_a_line);
    tcase_add_test(tests, test_a_second_daemon_is_told_who_has_the_directory);
    tests = lone_case(suite, "figures");
    tcase_add_test(tests, test_metrics_tell_of_the_store);
    tests = lone_case(suite, "backups");
    tcase_add_test(tests, test_a_backup_is_a_data_directory);
    tcase_add_test(tests, test_there_is_no_backup_of_models_in_memory);
    return suite;
}
