/* core/engine/history.h */
#include <check.h>
#include <math.h>
#include <string.h>

#include "core/engine/history.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define ROWS_MORE 25

static void add(struct history *history, uint64_t batch) {
    struct error error;
    ck_assert(history_reserve(history, 1, &error) == ERROR_NONE);
    history_add(history, &(struct history_row){.batch = batch,
                                               .loss = (double)batch,
                                               .accuracy = 1,
                                               .examples = 1,
                                               .state = ENTRY_DONE});
}

START_TEST(test_rows_come_out_in_the_order_they_went_in) {
    struct ledger ledger;
    struct history history;
    ledger_init(&ledger, 1 << 20);
    history_init(&history, &ledger);
    for (uint64_t batch = 1; batch <= 100; batch++) {
        add(&history, batch);
    }
    EXPECT_COUNT(history.count, 100);
    for (size_t i = 0; i < 100; i++) {
        EXPECT_COUNT(history_at(&history, i)->batch, i + 1);
    }
    history_free(&history);
    EXPECT_COUNT(ledger_reserved(&ledger), 0);
}
END_TEST

START_TEST(test_a_full_history_forgets_the_oldest) {
    struct ledger ledger;
    struct history history;
    ledger_init(&ledger, 1 << 20);
    history_init(&history, &ledger);
    for (uint64_t batch = 1; batch <= HISTORY_ROWS_MAX + ROWS_MORE; batch++) {
        add(&history, batch);
    }
    EXPECT_COUNT(history.count, HISTORY_ROWS_MAX);
    for (size_t i = 0; i < HISTORY_ROWS_MAX; i++) {
        EXPECT_COUNT(history_at(&history, i)->batch, i + 1 + ROWS_MORE);
    }
    EXPECT_COUNT(ledger_reserved(&ledger), HISTORY_ROWS_MAX * sizeof(struct history_row));
    history_free(&history);
}
END_TEST

START_TEST(test_after_finds_the_first_row_above_a_batch) {
    struct ledger ledger;
    struct history history;
    ledger_init(&ledger, 1 << 20);
    history_init(&history, &ledger);
    EXPECT_COUNT(history_after(&history, 0), 0);
    for (uint64_t batch = 1; batch <= HISTORY_ROWS_MAX + ROWS_MORE; batch++) {
        add(&history, batch);
    }
    EXPECT_COUNT(history_after(&history, 0), 0);
    EXPECT_COUNT(history_after(&history, ROWS_MORE), 0);
    EXPECT_COUNT(history_after(&history, ROWS_MORE + 1), 1);
    EXPECT_COUNT(history_after(&history, HISTORY_ROWS_MAX + ROWS_MORE - 1), HISTORY_ROWS_MAX - 1);
    EXPECT_COUNT(history_after(&history, HISTORY_ROWS_MAX + ROWS_MORE), HISTORY_ROWS_MAX);
    EXPECT_COUNT(history_after(&history, UINT64_MAX), HISTORY_ROWS_MAX);
    history_free(&history);
}
END_TEST

START_TEST(test_what_is_reserved_ahead_is_there_without_asking_again) {
    struct ledger ledger;
    struct history history;
    struct error error;
    ledger_init(&ledger, 1000 * sizeof(struct history_row));
    history_init(&history, &ledger);
    ck_assert(history_reserve(&history, 1000, &error) == ERROR_NONE);
    for (uint64_t batch = 1; batch <= 1000; batch++) {
        history_add(&history, &(struct history_row){.batch = batch});
    }
    EXPECT_COUNT(history.count, 1000);
    ck_assert(history_reserve(&history, 1, &error) == ERROR_MEMORY);
    EXPECT_COUNT(history.count, 1000);
    EXPECT_COUNT(ledger_reserved(&ledger), ledger.limit_bytes);
    history_free(&history);
    EXPECT_COUNT(ledger_reserved(&ledger), 0);
}
END_TEST

START_TEST(test_running_figures_are_weighted_by_examples_and_skip_what_was_not_trained) {
    struct ledger ledger;
    struct history history;
    struct error error;
    double loss, accuracy;
    ledger_init(&ledger, 1 << 20);
    history_init(&history, &ledger);
    history_running(&history, &loss, &accuracy);
    EXPECT_NAN(loss);
    const struct history_row rows[] = {
        {.loss = 4, .accuracy = 0, .examples = 1, .state = ENTRY_DONE},
        {.loss = NAN, .accuracy = NAN, .examples = 9, .state = ENTRY_DIVERGED},
        {.loss = NAN, .accuracy = NAN, .examples = 9, .state = ENTRY_CANCELLED},
        {.loss = 2, .accuracy = 1, .examples = 3, .state = ENTRY_DONE},
    };
    ck_assert(history_reserve(&history, 4, &error) == ERROR_NONE);
    for (size_t i = 0; i < 4; i++) {
        history_add(&history, &rows[i]);
    }
    history_running(&history, &loss, &accuracy);
    EXPECT_SAME(loss, 2.5);
    EXPECT_SAME(accuracy, 0.75);
    history_free(&history);
}
END_TEST

START_TEST(test_running_figures_are_of_the_last_hundred) {
    struct ledger ledger;
    struct history history;
    double loss, accuracy;
    ledger_init(&ledger, 1 << 20);
    history_init(&history, &ledger);
    for (uint64_t batch = 1; batch <= 300; batch++) {
        add(&history, batch);
    }
    history_running(&history, &loss, &accuracy);
    EXPECT_SAME(loss, 250.5);
    history_free(&history);
}
END_TEST

Suite *suite_engine_history(void) {
    Suite *suite = suite_create("engine_history");
    TCase *tests = tcase_create("history");
    tcase_add_test(tests, test_rows_come_out_in_the_order_they_went_in);
    tcase_add_test(tests, test_a_full_history_forgets_the_oldest);
    tcase_add_test(tests, test_after_finds_the_first_row_above_a_batch);
    tcase_add_test(tests, test_what_is_reserved_ahead_is_there_without_asking_again);
    tcase_add_test(tests,
                   test_running_figures_are_weighted_by_examples_and_skip_what_was_not_trained);
    tcase_add_test(tests, test_running_figures_are_of_the_last_hundred);
    suite_add_tcase(suite, tests);
    return suite;
}
