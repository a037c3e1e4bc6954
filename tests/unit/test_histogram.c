/* core/base/histogram.h */
#include <check.h>
#include <math.h>
#include <pthread.h>

#include "core/base/histogram.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static uint64_t total_of(const struct histogram *histogram) {
    struct histogram_counts counts = {.nanoseconds = 0};
    uint64_t total = 0;
    histogram_collect(histogram, &counts);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        total += counts.buckets[i];
    }
    return total;
}

START_TEST(test_bounds_ascend_from_a_tenth_of_a_millisecond_to_ten_seconds) {
    EXPECT_SAME(histogram_bounds[0], 0.0001);
    EXPECT_SAME(histogram_bounds[HISTOGRAM_BOUNDS - 1], 10);
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++) {
        ck_assert(histogram_bounds[i - 1] < histogram_bounds[i]);
    }
}
END_TEST

START_TEST(test_a_bound_is_in_its_own_bucket) {
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = {0};
        struct histogram_counts counts = {.nanoseconds = 0};
        histogram_count(&histogram, histogram_bounds[i]);
        histogram_count_alone(&histogram, nextafter(histogram_bounds[i], 100));
        histogram_collect(&histogram, &counts);
        EXPECT_COUNT(counts.buckets[i], 1);
        EXPECT_COUNT(counts.buckets[i + 1], 1);
    }
}
END_TEST

START_TEST(test_the_sum_is_that_of_all_durations) {
    struct histogram histogram = {0};
    struct histogram_counts counts = {.nanoseconds = 0};
    histogram_count(&histogram, 0.25);
    histogram_count_alone(&histogram, 12);
    histogram_collect(&histogram, &counts);
    EXPECT_CLOSE((double)counts.nanoseconds / 1e9, 12.25, 1e-8);
}
END_TEST

START_TEST(test_what_is_no_duration_counts_as_none) {
    static const double odd[] = {-1, -INFINITY, NAN, 0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct histogram histogram = {0};
        struct histogram_counts counts = {.nanoseconds = 0};
        histogram_count(&histogram, odd[i]);
        histogram_collect(&histogram, &counts);
        EXPECT_COUNT(counts.buckets[0], 1);
        EXPECT_COUNT(counts.nanoseconds, 0);
    }
}
END_TEST

START_TEST(test_an_endless_duration_is_in_the_last_bucket) {
    struct histogram histogram = {0};
    struct histogram_counts counts = {.nanoseconds = 0};
    histogram_count(&histogram, INFINITY);
    histogram_collect(&histogram, &counts);
    EXPECT_COUNT(counts.buckets[HISTOGRAM_BOUNDS], 1);
    ck_assert_uint_gt(counts.nanoseconds, 0);
}
END_TEST

START_TEST(test_histograms_add_up) {
    struct histogram histograms[2] = {0};
    struct histogram_counts counts = {.nanoseconds = 0};
    histogram_count(&histograms[0], 0.001);
    histogram_count(&histograms[1], 0.001);
    histogram_count(&histograms[1], 20);
    histogram_collect(&histograms[0], &counts);
    histogram_collect(&histograms[1], &counts);
    EXPECT_COUNT(counts.buckets[3], 2);
    EXPECT_COUNT(counts.buckets[HISTOGRAM_BOUNDS], 1);
}
END_TEST

#define WRITERS 4
#define WRITES 20000

static struct histogram shared;

static void *write_all_the_time(void *unused) {
    (void)unused;
    for (size_t i = 0; i < WRITES; i++) {
        histogram_count(&shared, (double)(i % 12));
    }
    return NULL;
}

START_TEST(test_nothing_is_lost_between_threads) {
    pthread_t writers[WRITERS];
    uint64_t before = 0;
    shared = (struct histogram){0};
    for (size_t i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_create(&writers[i], NULL, write_all_the_time, NULL), 0);
    }
    while (before < (uint64_t)WRITERS * WRITES) {
        const uint64_t now = total_of(&shared);
        ck_assert_uint_ge(now, before);
        ck_assert_uint_le(now, (uint64_t)WRITERS * WRITES);
        before = now;
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
    }
}
END_TEST

Suite *suite_histogram(void) {
    Suite *suite = suite_create("histogram");
    TCase *tests = tcase_create("histogram");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_bounds_ascend_from_a_tenth_of_a_millisecond_to_ten_seconds);
    tcase_add_test(tests, test_a_bound_is_in_its_own_bucket);
    tcase_add_test(tests, test_the_sum_is_that_of_all_durations);
    tcase_add_test(tests, test_what_is_no_duration_counts_as_none);
    tcase_add_test(tests, test_an_endless_duration_is_in_the_last_bucket);
    tcase_add_test(tests, test_histograms_add_up);
    tcase_add_test(tests, test_nothing_is_lost_between_threads);
    suite_add_tcase(suite, tests);
    return suite;
}
