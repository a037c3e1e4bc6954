/* core/base/random.h */
#include <check.h>

#include "core/base/random.h"
#include "tests/unit/suites.h"

static void check_block(uint32_t c0, uint32_t c1, uint64_t c23, uint64_t key,
                        const uint32_t expected[4]) {
    uint32_t words[4];
    random_block((struct random_key){key, c23, c1}, c0, words);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(words[i], expected[i]);
    }
}

/* The known answers of the authors' Random123 distribution. */
START_TEST(test_philox_gives_the_published_answers) {
    check_block(0, 0, 0, 0, (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check_block(0xffffffff, 0xffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
                (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check_block(0x243f6a88, 0x85a308d3, 0x0370734413198a2e, 0x299f31d0a4093822,
                (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}
END_TEST

START_TEST(test_unit_numbers_are_below_one) {
    ck_assert(random_unit(0) == 0.0f);
    ck_assert(random_unit(UINT32_MAX) < 1.0f);
}
END_TEST

Suite *suite_random(void) {
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_add_test(tests, test_philox_gives_the_published_answers);
    tcase_add_test(tests, test_unit_numbers_are_below_one);
    suite_add_tcase(suite, tests);
    return suite;
}
