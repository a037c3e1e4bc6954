/* server/published.h */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "server/published.h"
#include "tests/unit/suites.h"

#define READERS 3
#define ROUNDS 2000

/* Both halves are the same while it may be read, and differ once it may not. */
struct pair {
    unsigned first, second;
};

static struct pair *new_pair(unsigned number) {
    struct pair *pair = malloc(sizeof *pair);
    *pair = (struct pair){number, number};
    return pair;
}

START_TEST(test_what_was_before_comes_back_once_nobody_reads_it) {
    struct published published;
    int values[2];
    unsigned slot;
    published_init(&published, &values[0]);
    ck_assert_ptr_eq(published_acquire(&published, &slot), &values[0]);
    published_release(&published, slot);
    ck_assert_ptr_eq(published_replace(&published, &values[1]), &values[0]);
    ck_assert_ptr_eq(published_acquire(&published, &slot), &values[1]);
    published_release(&published, slot);
    ck_assert_ptr_eq(published_replace(&published, NULL), &values[1]);
}
END_TEST

static struct published shared;
static atomic_bool over;

static void *read_all_the_time(void *unused) {
    size_t torn = 0;
    (void)unused;
    while (!atomic_load(&over)) {
        unsigned slot;
        const struct pair *pair = published_acquire(&shared, &slot);
        torn += pair->first != pair->second;
        published_release(&shared, slot);
    }
    return (void *)torn;
}

START_TEST(test_readers_never_see_a_value_that_was_given_back) {
    pthread_t readers[READERS];
    atomic_store(&over, false);
    published_init(&shared, new_pair(0));
    for (size_t i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_all_the_time, NULL), 0);
    }
    for (unsigned i = 1; i <= ROUNDS; i++) {
        struct pair *before = published_replace(&shared, new_pair(i));
        ck_assert_uint_eq(before->first, i - 1);
        before->second++; /* a reader that still has it would see this */
        free(before);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < READERS; i++) {
        void *torn;
        pthread_join(readers[i], &torn);
        ck_assert_msg(torn == NULL, "found %zu torn values; wanted none", (size_t)torn);
    }
    free(published_replace(&shared, NULL));
}
END_TEST

Suite *suite_published(void) {
    Suite *suite = suite_create("published");
    TCase *tests = tcase_create("published");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_what_was_before_comes_back_once_nobody_reads_it);
    tcase_add_test(tests, test_readers_never_see_a_value_that_was_given_back);
    suite_add_tcase(suite, tests);
    return suite;
}
