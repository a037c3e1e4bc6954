/* core/base/memory.h and checked.h */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_blocks_of_numbers_are_aligned_to_a_cache_line) {
    for (size_t bytes = MEMORY_ALIGNMENT; bytes < 1000; bytes += 13) {
        void *block = memory_allocate(bytes, 1);
        ck_assert_msg((uintptr_t)block % MEMORY_ALIGNMENT == 0, "%zu bytes: found %p", bytes,
                      block);
        memset(block, 0xFF, bytes);
        memory_free(block);
    }
}
END_TEST

START_TEST(test_a_zero_count_gives_a_block) {
    void *block = memory_allocate(0, 8);
    ck_assert(block != NULL);
    memory_free(block);
    memory_free(NULL);
}
END_TEST

START_TEST(test_zeroed_blocks_are_zero) {
    char *block = memory_allocate_zero(1000, 1);
    for (size_t i = 0; i < 1000; i++) {
        EXPECT_SAME(block[i], 0);
    }
    memory_free(block);
}
END_TEST

START_TEST(test_sizes_that_overflow_are_no_memory) {
    ck_assert(memory_allocate(SIZE_MAX, 2) == NULL);
    ck_assert(memory_allocate(SIZE_MAX / 4 + 1, 4) == NULL);
    ck_assert(memory_allocate(SIZE_MAX, 1) == NULL);
    ck_assert(memory_allocate_zero(SIZE_MAX / 2, 3) == NULL);
}
END_TEST

START_TEST(test_resize_keeps_what_was_used_and_on_failure_the_old_block) {
    void *block = memory_copy_string("abc");
    ck_assert(memory_resize(&block, 4, 1000, 1));
    EXPECT_TEXT((char *)block, "abc");
    void *const before = block;
    ck_assert(!memory_resize(&block, 4, SIZE_MAX, 2));
    ck_assert(block == before);
    EXPECT_TEXT((char *)block, "abc");
    memory_free(block);
    block = NULL;
    ck_assert(memory_resize(&block, 0, 1, 1));
    memory_free(block);
}
END_TEST

START_TEST(test_the_nth_allocation_fails_and_the_next_ones_pass) {
    memory_fail_after(2);
    void *blocks[5];
    for (int i = 0; i < 5; i++) {
        blocks[i] = memory_allocate(1, 1);
    }
    memory_fail_after(-1);
    for (int i = 0; i < 5; i++) {
        ck_assert_msg((blocks[i] == NULL) == (i == 2), "allocation %d", i);
        memory_free(blocks[i]);
    }
}
END_TEST

START_TEST(test_checked_products_and_sums) {
    size_t result = 7;
    ck_assert(checked_multiply(3, 5, &result) && result == 15);
    ck_assert(!checked_multiply(SIZE_MAX, 2, &result) && result == 15);
    ck_assert(checked_add(3, 5, &result) && result == 8);
    ck_assert(!checked_add(SIZE_MAX, 1, &result) && result == 8);
}
END_TEST

START_TEST(test_divide_up_rounds_up_without_overflow) {
    EXPECT_COUNT(divide_up(0, 5), 0);
    EXPECT_COUNT(divide_up(10, 5), 2);
    EXPECT_COUNT(divide_up(11, 5), 3);
    EXPECT_COUNT(divide_up(SIZE_MAX, 2), SIZE_MAX / 2 + 1);
    EXPECT_COUNT(size_min(3, 4), 3);
    EXPECT_COUNT(size_max(3, 4), 4);
}
END_TEST

Suite *suite_memory(void) {
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, test_blocks_of_numbers_are_aligned_to_a_cache_line);
    tcase_add_test(tests, test_a_zero_count_gives_a_block);
    tcase_add_test(tests, test_zeroed_blocks_are_zero);
    tcase_add_test(tests, test_sizes_that_overflow_are_no_memory);
    tcase_add_test(tests, test_resize_keeps_what_was_used_and_on_failure_the_old_block);
    tcase_add_test(tests, test_the_nth_allocation_fails_and_the_next_ones_pass);
    tcase_add_test(tests, test_checked_products_and_sums);
    tcase_add_test(tests, test_divide_up_rounds_up_without_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
