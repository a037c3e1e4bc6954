/* api/optimizer_json.h */
#include <check.h>
#include <jansson.h>

#include "api/optimizer_json.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static struct optimizer_settings read(const char *text) {
    struct optimizer_settings settings;
    struct error error;
    json_t *value = json_loads(text, 0, NULL);
    ck_assert_ptr_ne(value, NULL);
    ck_assert_int_eq(optimizer_read(value, &settings, &error), ERROR_NONE);
    json_decref(value);
    return settings;
}

static void change(struct optimizer_settings *settings, const char *text) {
    struct error error;
    json_t *value = json_loads(text, 0, NULL);
    ck_assert_ptr_ne(value, NULL);
    ck_assert_int_eq(optimizer_change(value, settings, &error), ERROR_NONE);
    json_decref(value);
}

#define STEP                                                                                       \
    "{\"name\": \"sgd\", \"momentum\": 0.9, \"schedule\": {\"name\": \"step\", "                   \
    "\"decay_rate\": 0.5, \"decay_steps\": 7, \"warmup_steps\": 3}}"

START_TEST(test_a_change_leaves_what_it_does_not_name) {
    struct optimizer_settings settings = read(STEP);
    change(&settings, "{\"learning_rate\": 0.5}");
    EXPECT_SAME(settings.learning_rate, 0.5);
    EXPECT_SAME(settings.momentum, 0.9);
    ck_assert_int_eq(settings.schedule.schedule, SCHEDULE_STEP);
    EXPECT_COUNT(settings.schedule.decay_steps, 7);
    EXPECT_COUNT(settings.schedule.warmup_steps, 3);
}
END_TEST

/* Its fields belong to its name: none of them outlives it. */
START_TEST(test_a_changed_schedule_keeps_nothing_of_the_former_one) {
    struct optimizer_settings settings = read(STEP);
    change(&settings, "{\"schedule\": {\"name\": \"cosine\", \"decay_steps\": 100}}");
    ck_assert_int_eq(settings.schedule.schedule, SCHEDULE_COSINE);
    EXPECT_COUNT(settings.schedule.decay_steps, 100);
    EXPECT_COUNT(settings.schedule.warmup_steps, 0);
    EXPECT_SAME(settings.schedule.decay_rate, 0);
    EXPECT_SAME(settings.momentum, 0.9);
}
END_TEST

START_TEST(test_a_schedule_of_null_stays_as_it_is) {
    struct optimizer_settings settings = read(STEP);
    change(&settings, "{\"schedule\": null}");
    ck_assert_int_eq(settings.schedule.schedule, SCHEDULE_STEP);
    EXPECT_COUNT(settings.schedule.warmup_steps, 3);
}
END_TEST

Suite *suite_optimizer_json(void) {
    Suite *suite = suite_create("optimizer_json");
    TCase *tests = tcase_create("change");
    tcase_add_test(tests, test_a_change_leaves_what_it_does_not_name);
    tcase_add_test(tests, test_a_changed_schedule_keeps_nothing_of_the_former_one);
    tcase_add_test(tests, test_a_schedule_of_null_stays_as_it_is);
    suite_add_tcase(suite, tests);
    return suite;
}
