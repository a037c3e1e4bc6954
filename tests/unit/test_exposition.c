/* api/exposition.h */
#include <check.h>
#include <math.h>
#include <string.h>

#include "api/exposition.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static struct buffer out;
static struct exposition text;

static void setup(void) {
    buffer_init(&out, NULL, "a test");
    exposition_start(&text, &out);
    exposition_family(&text, "f", "gauge", "Of a test.");
    out.used = 0;
}

static void teardown(void) {
    buffer_free(&out);
}

static const char *written(void) {
    ck_assert_int_eq(exposition_finish(&text, NULL), ERROR_NONE);
    ck_assert_int_eq(buffer_append(&out, "", 1, NULL), ERROR_NONE);
    out.used--;
    return out.data;
}

START_TEST(test_a_family_has_help_and_type) {
    exposition_family(&text, "mlpd_models", "gauge", "Models.");
    exposition_unsigned(&text, NULL, 3);
    EXPECT_TEXT(written(), "# HELP mlpd_models Models.\n# TYPE mlpd_models gauge\nmlpd_models 3\n");
}
END_TEST

START_TEST(test_labels_follow_each_other) {
    exposition_unsigned(&text, LABELS({"a", "1"}, {"b", ""}), 18446744073709551615u);
    EXPECT_TEXT(written(), "f{a=\"1\",b=\"\"} 18446744073709551615\n");
}
END_TEST

START_TEST(test_a_label_cannot_end_its_line_or_quotes) {
    static const struct {
        const char *value, *written;
    } rows[] = {
        {"\\", "f{a=\"\\\\\"} 1\n"},   {"\"", "f{a=\"\\\"\"} 1\n"},
        {"\n", "f{a=\"\\n\"} 1\n"},    {"\"} 1\nforged 2", "f{a=\"\\\"} 1\\nforged 2\"} 1\n"},
        {"\\n", "f{a=\"\\\\n\"} 1\n"}, {"é\t{,}=", "f{a=\"é\t{,}=\"} 1\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        out.used = 0;
        exposition_unsigned(&text, LABELS({"a", rows[i].value}), 1);
        EXPECT_TEXT(written(), rows[i].written);
    }
}
END_TEST

START_TEST(test_numbers_that_are_none_have_names) {
    exposition_double(&text, NULL, NAN);
    exposition_double(&text, NULL, INFINITY);
    exposition_double(&text, NULL, -INFINITY);
    exposition_double(&text, NULL, 0.1);
    exposition_double(&text, NULL, 1795589726.25);
    EXPECT_TEXT(written(), "f NaN\nf +Inf\nf -Inf\nf 0.1\nf 1795589726.25\n");
}
END_TEST

START_TEST(test_buckets_are_cumulative_and_the_last_is_the_count) {
    struct histogram_counts counts = {.nanoseconds = 2500000000};
    counts.buckets[0] = 1;
    counts.buckets[2] = 3;
    counts.buckets[HISTOGRAM_BOUNDS] = 5;
    exposition_histogram(&text, LABELS({"a", "b"}), &counts);
    const char *found = written();
    static const char *const parts[] = {
        "f_bucket{a=\"b\",le=\"0.0001\"} 1\nf_bucket{a=\"b\",le=\"0.00025\"} 1\n"
        "f_bucket{a=\"b\",le=\"0.0005\"} 4\nf_bucket{a=\"b\",le=\"0.001\"} 4\n",
        "f_bucket{a=\"b\",le=\"10\"} 4\nf_bucket{a=\"b\",le=\"+Inf\"} 9\n"
        "f_sum{a=\"b\"} 2.5\nf_count{a=\"b\"} 9\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        ck_assert_msg(strstr(found, parts[i]) != NULL, "found %s; wanted %s in it", found,
                      parts[i]);
    }
}
END_TEST

START_TEST(test_a_bucket_without_other_labels_has_its_bound_alone) {
    const struct histogram_counts counts = {.nanoseconds = 0};
    exposition_histogram(&text, NULL, &counts);
    ck_assert_ptr_nonnull(strstr(written(), "f_bucket{le=\"0.0001\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(written(), "f_sum 0\nf_count 0\n"));
}
END_TEST

START_TEST(test_without_memory_it_says_so) {
    static struct ledger ledger; /* the teardown gives back to it */
    struct error error;
    ledger_init(&ledger, 300);
    buffer_free(&out);
    buffer_init(&out, &ledger, "a test");
    exposition_start(&text, &out);
    exposition_family(&text, "f", "gauge", "Of a test.");
    for (size_t i = 0; i < 100; i++) {
        exposition_unsigned(&text, NULL, i);
    }
    ck_assert_int_eq(exposition_finish(&text, &error), ERROR_MEMORY);
    ck_assert_int_eq(error.code, ERROR_MEMORY);
}
END_TEST

Suite *suite_exposition(void) {
    Suite *suite = suite_create("exposition");
    TCase *tests = tcase_create("exposition");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_a_family_has_help_and_type);
    tcase_add_test(tests, test_labels_follow_each_other);
    tcase_add_test(tests, test_a_label_cannot_end_its_line_or_quotes);
    tcase_add_test(tests, test_numbers_that_are_none_have_names);
    tcase_add_test(tests, test_buckets_are_cumulative_and_the_last_is_the_count);
    tcase_add_test(tests, test_a_bucket_without_other_labels_has_its_bound_alone);
    tcase_add_test(tests, test_without_memory_it_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}
