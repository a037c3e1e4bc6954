/* Thousands of tiny models in one daemon. */
#include <stdio.h>
#include <time.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/scrape.h"
#include "tests/integration/suites.h"

#define MANY 2000
#define TRAINED_ON "{'inputs': [[1, 2, 3, 4], [4, 3, 2, 1]], 'labels': [0, 2]}"

/* 4-16-3 has 131 numbers; two versions and Adam's two moments. */
#define NUMBER_BYTES (4 * 131 * 4)
#define BYTES_BEYOND_NUMBERS 4096

static double memory(void) {
    return number_at(want_status(get("/v1/server"), 200), "/memory_bytes");
}

static void create_trained(int i) {
    char path[64];
    create("{'name': 'm%04d', 'inputs': 4, 'layers': [16, 3]}", i);
    snprintf(path, sizeof path, "/v1/models/m%04d/batches", i);
    want_json(want_status(train(path, TRAINED_ON), 200), "/step", "1");
    answers_free();
}

static void ask(int i) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/m%04d/predictions", i);
    want_json(want_status(post(path, "{'inputs': [[1, 2, 3, 4]]}"), 200), "/step", "1");
    answers_free();
}

/* All in their order, a thousand at a time. */
static void list_all(void) {
    char after[16] = "";
    int listed = 0;
    bool more = true;
    while (more) {
        const struct answer *page = want_status(get("/v1/models?limit=1000&after=%s", after), 200);
        const json_t *data = json_at(page, "/data");
        for (size_t i = 0; i < json_array_size(data); i++) {
            char name[16];
            snprintf(name, sizeof name, "m%04d", listed++);
            want_equal_text(json_string_value(json_object_get(json_array_get(data, i), "name")),
                            name);
        }
        more = json_is_true(json_at(page, "/has_more"));
        snprintf(after, sizeof after, "%s", text_at(page, "/next"));
        answers_free();
    }
    ck_assert_int_eq(listed, MANY);
}

START_TEST(test_thousands_of_models_train_and_answer_and_leave_nothing) {
    daemon_start("--workers", "2", NULL);
    create_trained(0); /* what is kept once for all models is there */
    ask(0);
    const double one = memory();
    for (int i = 1; i < MANY; i++) {
        create_trained(i);
    }
    for (int i = 0; i < MANY; i++) {
        ask(i);
    }
    const double each = (memory() - one) / (MANY - 1);
    ck_assert_msg(each >= NUMBER_BYTES && each < NUMBER_BYTES + BYTES_BEYOND_NUMBERS,
                  "a model takes %.0f bytes; its numbers %d", each, NUMBER_BYTES);
    list_all();
    const struct scrape *figures = scrape();
    want_sample(figures, "mlpd_models", MANY);
    ck_assert_uint_eq(series_beginning(figures, "mlpd_model_step{"), 100);
    for (int i = 0; i < MANY; i++) {
        want_status(delete ("/v1/models/m%04d", i), 204);
        answers_free();
    }
    await_memory(one);
    want_json(get("/v1/models"), "/data", "[]");
    daemon_stop();
}
END_TEST

/* Of 75 MB, in blocks that are too small to be mapped one by one. */
START_TEST(test_resident_memory_follows_when_nothing_happens_after_deletions) {
    enum { MODELS = 600, LEFT_MAX = 40 << 20 };
    daemon_start("--max-memory", "8G", NULL);
    if (*text_at(get("/v1/server"), "/build/sanitizers") != '\0') {
        daemon_stop(); /* a sanitizer's allocator keeps what is freed */
        return;
    }
    const size_t before = daemon_resident_bytes();
    for (int i = 0; i < MODELS; i++) {
        create("{'name': 'm%d', 'inputs': 40, 'layers': [150, 10]}", i);
        answers_free();
    }
    const size_t full = daemon_resident_bytes();
    ck_assert_msg(full > before + LEFT_MAX, "%d models took %zu bytes", MODELS, full - before);
    for (int i = 0; i < MODELS; i++) {
        want_status(delete ("/v1/models/m%d", i), 204);
        answers_free();
    }
    const double until = now_seconds() + DEADLINE_SECONDS;
    size_t after;
    while ((after = daemon_resident_bytes()) > before + LEFT_MAX) {
        ck_assert_msg(now_seconds() < until, "of %zu bytes %zu are left", full - before,
                      after - before);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    daemon_stop();
}
END_TEST

Suite *many_suite(void) {
    Suite *suite = suite_create("many");
    TCase *tests = lone_case(suite, "many");
    tcase_add_test(tests, test_thousands_of_models_train_and_answer_and_leave_nothing);
    tcase_add_test(tests, test_resident_memory_follows_when_nothing_happens_after_deletions);
    return suite;
}
