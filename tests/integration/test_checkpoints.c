/* Versions of a model: taken, listed, described, removed, restored, asked; by themselves and
 * within their bounds. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/scrape.h"
#include "tests/integration/suites.h"

#define M "/v1/models/m"
#define CHECKPOINTS M "/checkpoints"
#define ROWS "{'inputs': [[1, 2], [3, 4], [-1, 0.5]]}"
#define LABELLED "{'inputs': [[1, 2], [3, 4], [-1, 0.5]], 'labels': [0, 1, 1]}"

static void create_m(const char *more) {
    create("{'name': 'm', 'inputs': 2, 'layers': [5, 2]%s}", more);
}

/* Batches that differ from each other, from number `first` on. */
static void train_on(const char *name, int first, int count) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    for (int i = first; i < first + count; i++) {
        const struct answer *answer =
            train(path, "{'inputs': [[%d, 2], [0.5, -%d]], 'labels': [0, 1]}", i % 7, i % 5);
        want_json(want_status(answer, 200), "/state", "'trained'");
    }
}

static const struct answer *keep(const char *note) {
    return want_status(post(CHECKPOINTS, "{'note': '%s'}", note), 201);
}

static const struct answer *post_empty(const char *headers, const char *path) {
    return request((struct call){.method = "POST", .path = path, .headers = headers});
}

static const struct answer *restore(int version) {
    char path[80];
    snprintf(path, sizeof path, CHECKPOINTS "/%d/restore", version);
    return post_empty(NULL, path);
}

static const struct answer *patch(const char *body) {
    const char *text = json_text("%s", body);
    return request(
        (struct call){.method = "PATCH", .path = M, .body = text, .bytes = strlen(text)});
}

/* ---- taking ---- */

START_TEST(test_checkpoint_says_what_is_kept) {
    create_m("");
    train_on("m", 1, 3);
    const struct answer *model = get(M);
    const struct answer *answer = keep("before the new sensors");
    want_header(answer, "Location", CHECKPOINTS "/1");
    want_json(answer, "/version", "1");
    want_json(answer, "/kind", "'manual'");
    want_json(answer, "/note", "'before the new sensors'");
    want_json(answer, "/step", "3");
    want_json(answer, "/examples", "6");
    want_json(answer, "/batch", "3");
    want_near(answer, "/last_loss", number_at(model, "/last_loss"));
    want_near(answer, "/running_loss", number_at(model, "/running_loss"));
    want_near(answer, "/running_accuracy", number_at(model, "/running_accuracy"));
    ck_assert(number_at(answer, "/bytes") > 3 * 4 * 27); /* two moments beside 27 numbers */
    want_equal_text(want_status(get(CHECKPOINTS "/1"), 200)->body, answer->body);
}
END_TEST

START_TEST(test_checkpoint_needs_no_body_and_no_batch) {
    create_m("");
    const struct answer *answer = want_status(post_empty(NULL, CHECKPOINTS), 201);
    want_json(answer, "/note", "null");
    want_json(answer, "/step", "0");
    want_json(answer, "/batch", "0");
    want_json(answer, "/running_loss", "null");
    want_json(want_status(post(CHECKPOINTS, "{'note': null}"), 201), "/note", "null");
}
END_TEST

START_TEST(test_bad_checkpoint_bodies_are_refused) {
    static const struct refused rows[] = {
        {"{'colour': 1}", 422, "/colour"},
        {"{'note': 1}", 422, "/note"},
        {"[]", 422, NULL},
        {"{'note': 'x'", 400, NULL},
    };
    char note[300];
    create_m("");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want_problem(post(CHECKPOINTS, "%s", rows[i].body), rows[i].status, rows[i].pointer);
    }
    memset(note, 'x', 256);
    note[256] = '\0';
    want_problem(post(CHECKPOINTS, "{'note': '%s'}", note), 422, "/note");
    note[255] = '\0';
    want_json(keep(note), "/version", "1");
}
END_TEST

START_TEST(test_checkpoints_are_listed_by_version_a_page_at_a_time) {
    create_m("");
    want_json(want_status(get(CHECKPOINTS), 200), "/data", "[]");
    keep("one");
    keep("two");
    keep("three");
    const struct answer *page = want_status(get(CHECKPOINTS "?limit=2"), 200);
    want_json(page, "/data/0/note", "'one'");
    want_json(page, "/data/1/note", "'two'");
    want_json(page, "/has_more", "true");
    want_json(page, "/next", "2");
    page = want_status(get(CHECKPOINTS "?limit=2&after=2"), 200);
    want_json(page, "/data/0/note", "'three'");
    want_absent(page, "/data/1");
    want_json(page, "/has_more", "false");
    want_json(page, "/next", "null");
}
END_TEST

START_TEST(test_versions_never_repeat) {
    create_m("");
    keep("one");
    keep("two");
    want_status(delete (CHECKPOINTS "/2"), 204);
    want_json(keep("three"), "/version", "3");
    want_problem(get(CHECKPOINTS "/2"), 404, NULL);
    want_problem(delete (CHECKPOINTS "/2"), 404, NULL);
    want_problem(post_empty(NULL, CHECKPOINTS "/2/restore"), 404, NULL);
    want_json(get(CHECKPOINTS), "/data/1/version", "3");
}
END_TEST

START_TEST(test_what_is_no_version_is_404) {
    static const char *const paths[] = {CHECKPOINTS "/1", CHECKPOINTS "/0", CHECKPOINTS "/one",
                                        CHECKPOINTS "/-1", CHECKPOINTS "/99999999999999999999999"};
    create_m("");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        want_problem(get("%s", paths[i]), 404, NULL);
        want_problem(delete ("%s", paths[i]), 404, NULL);
    }
    want_problem(get("/v1/models/other/checkpoints"), 404, NULL);
}
END_TEST

START_TEST(test_checkpoint_is_taken_at_its_place_among_the_batches) {
    slow_create();
    want_status(slow_post(NULL), 202);
    const struct answer *answer =
        want_status(post_with("Prefer: wait=0.05", "/v1/models/slow/checkpoints", "{}"), 202);
    want_header(answer, "Location", "/v1/models/slow/checkpoints/1");
    want_json(answer, "/state", "'queued'");
    want_detail(want_problem(get("/v1/models/slow/checkpoints/1"), 404, NULL), "its turn");
    want_json(get("/v1/models/slow/checkpoints"), "/data", "[]");
    want_status(slow_post("Prefer: wait=60"), 200);
    want_json(want_status(get("/v1/models/slow/checkpoints/1"), 200), "/step", "1");
}
END_TEST

START_TEST(test_checkpoint_that_is_not_waited_for_comes_all_the_same) {
    create_m("");
    const struct answer *answer =
        want_status(post_with("Prefer: respond-async", CHECKPOINTS, "{}"), 202);
    want_header(answer, "Preference-Applied", "respond-async");
    want_header(answer, "Location", CHECKPOINTS "/1");
    await_json(CHECKPOINTS, "/data/0/version", "1");
}
END_TEST

START_TEST(test_checkpoint_of_a_model_that_is_deleted_is_410) {
    slow_create();
    want_status(slow_post(NULL), 202);
    want_status(post_with("Prefer: respond-async", "/v1/models/slow/checkpoints", "{}"), 202);
    want_status(delete ("/v1/models/slow"), 204);
    want_problem(get("/v1/models/slow/checkpoints/1"), 404, NULL);
}
END_TEST

START_TEST(test_stale_if_match_takes_and_restores_nothing) {
    create_m("");
    keep("one");
    want_problem(post_with("If-Match: \"0000000000000000.1\"", CHECKPOINTS, "{}"), 412, NULL);
    want_problem(post_empty("If-Match: \"0000000000000000.1\"", CHECKPOINTS "/1/restore"), 412,
                 NULL);
    want_json(get(M), "/revision", "1");
    want_absent(get(CHECKPOINTS), "/data/1");
    char line[96];
    snprintf(line, sizeof line, "If-Match: %s", header_of(get(M), "ETag"));
    want_status(post_with(line, CHECKPOINTS, "{}"), 201);
    want_status(post_empty(line, CHECKPOINTS "/1/restore"), 200);
    want_problem(post_empty(line, CHECKPOINTS "/1/restore"), 412, NULL);
}
END_TEST

START_TEST(test_repeated_checkpoint_is_taken_once) {
    create_m("");
    train_on("m", 1, 2);
    const struct answer *first =
        want_status(post_with("Idempotency-Key: k", CHECKPOINTS, "{'note': 'a'}"), 201);
    train_on("m", 3, 2);
    const struct answer *again =
        want_status(post_with("Idempotency-Key: \"k\"", CHECKPOINTS, "{'note': 'a'}"), 201);
    want_equal_text(again->body, first->body);
    want_header(again, "Idempotent-Replayed", "true");
    want_header(again, "Location", CHECKPOINTS "/1");
    want_problem(post_with("Idempotency-Key: k", CHECKPOINTS, "{'note': 'b'}"), 422, NULL);
    want_absent(get(CHECKPOINTS), "/data/1");
    want_json(want_status(post_with("Idempotency-Key: l", CHECKPOINTS, "{'note': 'a'}"), 201),
              "/version", "2");
}
END_TEST

/* ---- restoring ---- */

START_TEST(test_restore_gives_the_numbers_of_the_version) {
    char hash[80];
    create_m("");
    train_on("m", 1, 4);
    snprintf(hash, sizeof hash, "%s", weights_of("m"));
    keep("here");
    train_on("m", 50, 3);
    ck_assert(strcmp(weights_of("m"), hash) != 0);
    const struct answer *answer = want_status(restore(1), 200);
    want_json(answer, "/effective_step", "5");
    want_json(answer, "/step", "4");
    want_json(answer, "/examples", "8");
    want_json(answer, "/revision", "2");
    ck_assert(strstr(header_of(answer, "ETag"), ".2\"") != NULL);
    want_equal_text(weights_of("m"), hash);
}
END_TEST

START_TEST(test_restored_model_trains_on_as_one_that_stopped_there) {
    static const char *const optimizers[] = {
        "", ", 'standardize': true, 'optimizer': {'name': 'sgd', 'momentum': 0.9}"};
    create_m(optimizers[_i]);
    create("{'name': 'twin', 'inputs': 2, 'layers': [5, 2]%s}", optimizers[_i]);
    train_on("m", 1, 5);
    train_on("twin", 1, 5);
    keep("here");
    train_on("m", 50, 4);
    want_status(restore(1), 200);
    train_on("m", 6, 5);
    train_on("twin", 6, 5);
    char hash[80];
    snprintf(hash, sizeof hash, "%s", weights_of("twin"));
    want_equal_text(weights_of("m"), hash);
}
END_TEST

START_TEST(test_restore_keeps_settings_and_batch_numbers) {
    create_m("");
    keep("here");
    want_status(patch("{'optimizer': {'learning_rate': 0.25}}"), 200);
    train_on("m", 1, 2);
    const struct answer *answer = want_status(restore(1), 200);
    want_json(answer, "/optimizer/learning_rate", "0.25");
    want_json(answer, "/revision", "3");
    want_json(answer, "/step", "0");
    want_json(train(M "/batches", LABELLED), "/batch", "3");
    want_json(get(M "/loss"), "/points/2/step", "1"); /* the history goes on */
}
END_TEST

START_TEST(test_restore_takes_its_place_among_the_batches) {
    slow_create();
    want_status(post("/v1/models/slow/checkpoints", "{}"), 201);
    want_status(slow_post(NULL), 202);
    want_json(
        want_status(post_empty("Prefer: wait=0.05", "/v1/models/slow/checkpoints/1/restore"), 202),
        "/state", "'queued'");
    want_json(want_status(slow_post("Prefer: wait=60"), 200), "/step", "1");
    want_json(get("/v1/models/slow"), "/revision", "2");
}
END_TEST

START_TEST(test_restored_version_can_be_removed_and_others_stay) {
    if (daemons_store()) {
        return; /* not before a snapshot covers the restore: suite stored_checkpoints */
    }
    char hash[80];
    create_m("");
    train_on("m", 1, 2);
    keep("one");
    snprintf(hash, sizeof hash, "%s", weights_of("m"));
    train_on("m", 3, 2);
    keep("two");
    want_status(restore(1), 200);
    want_status(delete (CHECKPOINTS "/1"), 204);
    want_equal_text(weights_of("m"), hash);
    want_json(want_status(restore(2), 200), "/step", "4");
}
END_TEST

/* ---- asking ---- */

/* Of a network that is answered where the call stands, by a worker at once, and in its turn. */
START_TEST(test_version_answers_as_the_model_did) {
    static const char *const layers[] = {"[5, 2]", "[1200, 1200, 2]", "[4000, 4000, 2]"};
    create("{'name': 'm', 'inputs': 2, 'layers': %s, 'optimizer': 'sgd'}", layers[_i]);
    train_on("m", 1, 2);
    const struct answer *predictions = want_status(post(M "/predictions", ROWS), 200);
    const struct answer *evaluation = want_status(post(M "/evaluations", LABELLED), 200);
    keep("here");
    train_on("m", 50, 2);
    ck_assert(strcmp(post(M "/predictions", ROWS)->body, predictions->body) != 0);
    const struct answer *again = want_status(post(M "/predictions?checkpoint=1", ROWS), 200);
    want_equal_text(again->body, predictions->body);
    want_json(again, "/step", "2");
    again = want_status(post(M "/evaluations?checkpoint=1", LABELLED), 200);
    want_equal_text(again->body, evaluation->body);
    want_json(again, "/step", "2");
    want_json(post(M "/predictions", ROWS), "/step", "4");
}
END_TEST

START_TEST(test_version_that_is_not_there_answers_404) {
    create_m("");
    want_problem(post(M "/predictions?checkpoint=1", ROWS), 404, NULL);
    want_problem(post(M "/evaluations?checkpoint=1", LABELLED), 404, NULL);
    want_problem(post(M "/predictions?checkpoint=0", ROWS), 422, NULL);
    want_problem(post(M "/predictions?checkpoint=best", ROWS), 422, NULL);
    keep("here");
    want_problem(post(M "/predictions?checkpoint=1", "{'inputs': [[1, 2]], 'min_step': 1}"), 422,
                 "/min_step");
    want_problem(post(M "/predictions?checkpoint=1", "{'inputs': [[1]]}"), 422, "/inputs/0");
    want_status(post(M "/predictions?checkpoint=1", ROWS), 200);
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_manual_checkpoints_are_never_removed_for_others) {
    daemon_start("--max-checkpoints", "2", NULL);
    create_m(", 'checkpoints': {'every_steps': 1, 'keep': 5}");
    want_json(get("/v1/server"), "/limits/checkpoints", "2");
    train_on("m", 1, 3);
    await_json(CHECKPOINTS, "/data/1/version", "3");
    want_json(get(CHECKPOINTS), "/data/0/version", "2"); /* the oldest automatic one left */
    keep("a");                                           /* the automatic ones make room */
    keep("b");
    want_detail(want_problem(post(CHECKPOINTS, "{}"), 409, NULL), "--max-checkpoints");
    train_on("m", 4, 1);
    await_sample("mlpd_checkpoints_skipped_total", 1);
    want_json(get(CHECKPOINTS), "/data/0/note", "'a'");
    want_json(get(CHECKPOINTS), "/data/1/note", "'b'");
    want_sample(scrape(), "mlpd_checkpoints_total{kind=\"manual\"}", 2);
    want_sample(scrape(), "mlpd_checkpoints_total{kind=\"automatic\"}", 3);
    want_status(delete ("%s/%.0f", CHECKPOINTS, number_at(get(CHECKPOINTS), "/data/0/version")),
                204);
    keep("c");
    daemon_stop();
}
END_TEST

START_TEST(test_bytes_of_checkpoints_are_bounded) {
    daemon_start("--max-checkpoint-bytes", "16K", NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [100, 2], 'optimizer': 'sgd'}");
    const double bytes = number_at(keep("one"), "/bytes");
    const int fit = (int)(16384 / bytes);
    for (int i = 1; i < fit; i++) {
        keep("more");
    }
    want_detail(want_problem(post(CHECKPOINTS, "{}"), 507, NULL), "--max-checkpoint-bytes");
    want_status(delete (CHECKPOINTS "/1"), 204);
    keep("again");
    daemon_stop();
}
END_TEST

START_TEST(test_memory_of_removed_checkpoints_returns) {
    if (daemons_store()) {
        return; /* they take none: suite stored_checkpoints */
    }
    create("{'name': 'm', 'inputs': 500, 'layers': [1000, 2], 'optimizer': 'sgd'}");
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    keep("one");
    ck_assert(number_at(get("/v1/server"), "/memory_bytes") > before + 2000000);
    want_status(delete (CHECKPOINTS "/1"), 204);
    await_memory(before + 100000);
    keep("two");
    keep("three");
    want_status(delete (M), 204);
    await_memory(before);
}
END_TEST

/* ---- by themselves ---- */

START_TEST(test_automatic_checkpoints_are_of_the_steps_that_were_asked_for) {
    create_m(", 'checkpoints': {'every_steps': 4, 'keep': 3}");
    want_json(get(M), "/checkpoints",
              "{'every_steps': 4, 'every_seconds': null, 'keep': 3, 'best': null}");
    char body[2000];
    size_t used = (size_t)snprintf(body, sizeof body, "{'inputs': [");
    for (int i = 0; i < 22; i++) {
        used += (size_t)snprintf(body + used, sizeof body - used, "%s[%d, 1]", i > 0 ? ", " : "",
                                 i % 3);
    }
    used += (size_t)snprintf(body + used, sizeof body - used, "], 'labels': [0");
    for (int i = 1; i < 22; i++) {
        used += (size_t)snprintf(body + used, sizeof body - used, ", %d", i % 2);
    }
    snprintf(body + used, sizeof body - used, "]}");
    /* 22 batches that have their turn together */
    want_status(train(M "/batches?batch_size=1", "%s", body), 200);
    await_json(CHECKPOINTS, "/data/2/step", "20");
    const struct answer *list = get(CHECKPOINTS);
    want_json(list, "/data/0/step", "12");
    want_json(list, "/data/1/step", "16");
    want_json(list, "/data/2/version", "5");
    want_json(list, "/data/2/batch", "20");
    want_json(list, "/data/2/kind", "'automatic'");
    want_absent(list, "/data/3");
    want_json(want_status(restore(4), 200), "/step", "16");
}
END_TEST

START_TEST(test_best_checkpoint_stays) {
    create_m(", 'checkpoints': {'every_steps': 1, 'keep': 1, 'best': 'loss'}, "
             "'optimizer': {'name': 'sgd', 'learning_rate': 0}");
    /* The loss of each batch is that of its weights alone: the running mean is least at 2. */
    static const char *const weights[] = {"1", "0.001", "5", "6", "7"};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        want_status(train(M "/batches",
                          "{'inputs': [[1, 2]], 'labels': [0], 'sample_weights': [%s]}",
                          weights[i]),
                    200);
    }
    await_json(CHECKPOINTS, "/data/1/step", "5");
    const struct answer *list = get(CHECKPOINTS);
    want_json(list, "/data/0/step", "2");
    want_json(list, "/data/0/kind", "'best'");
    want_json(list, "/data/1/kind", "'automatic'");
    want_absent(list, "/data/2");
    want_json(get(CHECKPOINTS "/2"), "/kind", "'best'");
    want_status(patch("{'checkpoints': null}"), 200);
    want_json(get(M), "/checkpoints", "null");
    want_json(get(CHECKPOINTS "/2"), "/kind", "'automatic'"); /* the best by no metric */
    train_on("m", 1, 2);
    want_absent(get(CHECKPOINTS), "/data/2");
}
END_TEST

START_TEST(test_automatic_checkpoints_by_time) {
    create_m(", 'checkpoints': {'every_seconds': 1, 'keep': 2}");
    const double until = now_seconds() + DEADLINE_SECONDS;
    int batch = 1;
    while (json_at(get(CHECKPOINTS), "/data/0") == NULL) {
        ck_assert_msg(now_seconds() < until, "no checkpoint came");
        train_on("m", batch++, 1);
    }
    const struct answer *list = get(CHECKPOINTS);
    want_json(list, "/data/0/kind", "'automatic'");
    ck_assert(number_at(list, "/data/0/step") >= 1);
}
END_TEST

START_TEST(test_bad_settings_of_checkpoints_are_refused) {
    static const char *const rows[][2] = {
        {"5", "/checkpoints"},
        {"{}", "/checkpoints"},
        {"{'keep': 2}", "/checkpoints"},
        {"{'every_steps': 0}", "/checkpoints/every_steps"},
        {"{'every_steps': 1.5}", "/checkpoints/every_steps"},
        {"{'every_seconds': 0.5}", "/checkpoints/every_seconds"},
        {"{'every_seconds': 1e10}", "/checkpoints/every_seconds"},
        {"{'every_steps': 1, 'keep': -1}", "/checkpoints/keep"},
        {"{'every_steps': 1, 'keep': 0}", "/checkpoints/keep"},
        {"{'every_steps': 1, 'keep': 10001}", "/checkpoints/keep"},
        {"{'every_steps': 1, 'best': 'f1'}", "/checkpoints/best"},
        {"{'every_steps': 1, 'colour': 1}", "/checkpoints/colour"},
    };
    char body[160];
    want_problem(post("/v1/models", "{'name': 'x', 'inputs': 2, 'layers': [2], 'checkpoints': %s}",
                      rows[_i][0]),
                 422, rows[_i][1]);
    create_m("");
    snprintf(body, sizeof body, "{'checkpoints': %s}", rows[_i][0]);
    want_problem(patch(body), 422, rows[_i][1]);
    want_json(get(M), "/revision", "1");
}
END_TEST

START_TEST(test_regression_has_no_best_accuracy) {
    want_problem(post("/v1/models", "{'name': 'x', 'inputs': 2, 'layers': [{'units': 1, "
                                    "'activation': 'identity'}], 'checkpoints': {'every_steps': "
                                    "1, 'best': 'accuracy'}}"),
                 422, "/checkpoints/best");
}
END_TEST

START_TEST(test_clone_has_the_settings_and_none_of_the_checkpoints) {
    create_m(", 'checkpoints': {'every_steps': 100, 'best': 'accuracy'}");
    keep("one");
    const struct answer *answer = want_status(post(M "/clone", "{'name': 'n'}"), 201);
    want_json(answer, "/checkpoints",
              "{'every_steps': 100, 'every_seconds': null, 'keep': 5, 'best': 'accuracy'}");
    want_json(get("/v1/models/n/checkpoints"), "/data", "[]");
    want_json(get(CHECKPOINTS), "/data/0/note", "'one'");
}
END_TEST

START_TEST(test_checkpoints_outlive_a_reset) {
    create_m("");
    train_on("m", 1, 2);
    keep("one");
    want_status(post(M "/reset", "{}"), 200);
    want_json(want_status(restore(1), 200), "/step", "2");
}
END_TEST

Suite *checkpoints_suite(void) {
    Suite *suite = suite_create("checkpoints");
    TCase *tests = shared_case(suite, "taking");
    tcase_add_test(tests, test_checkpoint_says_what_is_kept);
    tcase_add_test(tests, test_checkpoint_needs_no_body_and_no_batch);
    tcase_add_test(tests, test_bad_checkpoint_bodies_are_refused);
    tcase_add_test(tests, test_checkpoints_are_listed_by_version_a_page_at_a_time);
    tcase_add_test(tests, test_versions_never_repeat);
    tcase_add_test(tests, test_what_is_no_version_is_404);
    tcase_add_test(tests, test_checkpoint_is_taken_at_its_place_among_the_batches);
    tcase_add_test(tests, test_checkpoint_that_is_not_waited_for_comes_all_the_same);
    tcase_add_test(tests, test_checkpoint_of_a_model_that_is_deleted_is_410);
    tcase_add_test(tests, test_stale_if_match_takes_and_restores_nothing);
    tcase_add_test(tests, test_repeated_checkpoint_is_taken_once);
    tests = shared_case(suite, "restoring");
    tcase_add_test(tests, test_restore_gives_the_numbers_of_the_version);
    tcase_add_loop_test(tests, test_restored_model_trains_on_as_one_that_stopped_there, 0, 2);
    tcase_add_test(tests, test_restore_keeps_settings_and_batch_numbers);
    tcase_add_test(tests, test_restore_takes_its_place_among_the_batches);
    tcase_add_test(tests, test_restored_version_can_be_removed_and_others_stay);
    tests = shared_case(suite, "asking");
    tcase_add_loop_test(tests, test_version_answers_as_the_model_did, 0, 3);
    tcase_add_test(tests, test_version_that_is_not_there_answers_404);
    tests = lone_case(suite, "bounds");
    tcase_add_test(tests, test_manual_checkpoints_are_never_removed_for_others);
    tcase_add_test(tests, test_bytes_of_checkpoints_are_bounded);
    tests = shared_case(suite, "memory");
    tcase_add_test(tests, test_memory_of_removed_checkpoints_returns);
    tests = shared_case(suite, "automatic");
    tcase_add_test(tests, test_automatic_checkpoints_are_of_the_steps_that_were_asked_for);
    tcase_add_test(tests, test_best_checkpoint_stays);
    tcase_add_test(tests, test_automatic_checkpoints_by_time);
    tcase_add_loop_test(tests, test_bad_settings_of_checkpoints_are_refused, 0, 12);
    tcase_add_test(tests, test_regression_has_no_best_accuracy);
    tcase_add_test(tests, test_clone_has_the_settings_and_none_of_the_checkpoints);
    tcase_add_test(tests, test_checkpoints_outlive_a_reset);
    return suite;
}
