/* api/http_statistics.h, and the numbers of calls in api/route.h. */
#include <check.h>
#include <pthread.h>

#include "api/http_statistics.h"
#include "api/route.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static uint64_t count_of(const struct http_statistics *http, size_t operation, unsigned status) {
    for (size_t i = 0; i < HTTP_STATUSES_MAX; i++) {
        if (http->statuses[i] == status) {
            return http->operations[operation].requests[i];
        }
    }
    return 0;
}

START_TEST(test_every_call_has_a_number_of_its_own) {
    size_t found = 0;
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = 0; j < HANDLERS_MAX && routes[i].handlers[j].method != NULL; j++) {
            const struct handler *handler = &routes[i].handlers[j];
            const size_t number = route_operation(handler);
            ck_assert_uint_lt(number, route_operation_count());
            ck_assert_ptr_eq(route_operation_name(number), handler->operation);
            found++;
        }
    }
    size_t named = 0;
    for (size_t i = 0; i < route_operation_count(); i++) {
        named += route_operation_name(i) != NULL;
    }
    EXPECT_COUNT(named, found);
    EXPECT_COUNT(route_operation(NULL), route_operation_count());
    ck_assert_ptr_null(route_operation_name(route_operation_count()));
}
END_TEST

START_TEST(test_requests_are_counted_by_call_and_status) {
    struct http_statistics *http = http_statistics_create();
    const size_t none = route_operation_count();
    http_statistics_count(http, 0, 200, 0.001);
    http_statistics_count(http, 0, 200, 0.001);
    http_statistics_count(http, 0, 404, 0.001);
    http_statistics_count(http, none, 404, 0.001);
    EXPECT_COUNT(count_of(http, 0, 200), 2);
    EXPECT_COUNT(count_of(http, 0, 404), 1);
    EXPECT_COUNT(count_of(http, none, 404), 1);
    EXPECT_COUNT(count_of(http, none, 200), 0);
    EXPECT_COUNT(http->operations[0].seconds.buckets[3], 3);
    http_statistics_destroy(http);
}
END_TEST

#define WRITERS 4
#define ROUNDS 200
#define STATUSES 40

static struct http_statistics *shared;

static void *count_all(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < ROUNDS * STATUSES; i++) {
        http_statistics_count(shared, 1, 200 + i % STATUSES, 0.01);
    }
    return NULL;
}

START_TEST(test_threads_agree_on_the_places_of_statuses) {
    pthread_t writers[WRITERS];
    shared = http_statistics_create();
    for (size_t i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_create(&writers[i], NULL, count_all, NULL), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
    }
    for (unsigned i = 0; i < STATUSES; i++) {
        EXPECT_COUNT(count_of(shared, 1, 200 + i), WRITERS * ROUNDS);
    }
    http_statistics_destroy(shared);
}
END_TEST

Suite *suite_http_statistics(void) {
    Suite *suite = suite_create("http_statistics");
    TCase *tests = tcase_create("http_statistics");
    tcase_add_test(tests, test_every_call_has_a_number_of_its_own);
    tcase_add_test(tests, test_requests_are_counted_by_call_and_status);
    tcase_add_test(tests, test_threads_agree_on_the_places_of_statuses);
    suite_add_tcase(suite, tests);
    return suite;
}
