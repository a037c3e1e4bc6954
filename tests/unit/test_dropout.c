/* core/maths/dropout.h: what is dropped, what the rest becomes, reproducibility. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/dropout.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define ROWS 100
#define UNITS 203

static float ones[ROWS * UNITS], mask[ROWS * UNITS];

static struct dropout key(uint64_t seed, uint64_t step, uint32_t layer, double rate) {
    return (struct dropout){{seed, step, random_stream(RANDOM_DROPOUT, layer)}, UNITS, rate};
}

static void make_mask(struct dropout dropout) {
    for (size_t i = 0; i < ROWS * UNITS; i++) {
        ones[i] = 1.0f;
    }
    dropout_apply(&dropout, 0, 0, (struct activation_block){ROWS, UNITS, UNITS}, ones, mask);
}

START_TEST(test_kept_units_are_divided_by_one_minus_p_and_the_rest_are_zero) {
    make_mask(key(1, 0, 0, 0.75));
    for (size_t i = 0; i < ROWS * UNITS; i++) {
        ck_assert_msg(mask[i] == 0.0f || mask[i] == 4.0f, "found %g, wanted 0 or 4",
                      (double)mask[i]);
    }
}
END_TEST

START_TEST(test_share_of_dropped_units_is_p) {
    static const double rates[] = {0.1, 0.5, 0.9};
    for (size_t i = 0; i < 3; i++) {
        make_mask(key(1, 0, 0, rates[i]));
        double dropped = 0;
        for (size_t j = 0; j < ROWS * UNITS; j++) {
            dropped += mask[j] == 0.0f;
        }
        /* the deviation of the share is at most 0.0035 */
        EXPECT_CLOSE(dropped / (ROWS * UNITS), rates[i], 0.015);
    }
}
END_TEST

START_TEST(test_every_row_and_column_has_its_own_mask) {
    make_mask(key(1, 0, 0, 0.5));
    for (size_t r = 1; r < ROWS; r++) {
        ck_assert(memcmp(mask, mask + r * UNITS, UNITS * sizeof *mask) != 0);
    }
    for (size_t u = 1; u < UNITS; u++) {
        size_t equal = 0;
        for (size_t r = 0; r < ROWS; r++) {
            equal += mask[r * UNITS] == mask[r * UNITS + u];
        }
        ck_assert_msg(equal > 20 && equal < 80, "column %zu: found %zu of 100 equal", u, equal);
    }
}
END_TEST

START_TEST(test_mask_depends_on_seed_step_and_layer) {
    static float before[ROWS * UNITS];
    make_mask(key(1, 5, 2, 0.5));
    memcpy(before, mask, sizeof mask);
    make_mask(key(1, 5, 2, 0.5));
    EXPECT_BITS(ROWS * UNITS, mask, before);
    const struct dropout others[] = {key(2, 5, 2, 0.5), key(1, 6, 2, 0.5), key(1, 5, 3, 0.5)};
    for (size_t i = 0; i < 3; i++) {
        make_mask(others[i]);
        ck_assert(memcmp(mask, before, sizeof mask) != 0);
    }
}
END_TEST

START_TEST(test_mask_is_the_same_in_tiles) {
    const struct dropout dropout = key(1, 2, 3, 0.4);
    make_mask(dropout);
    static float tiled[ROWS * UNITS];
    for (size_t row = 0; row < ROWS; row += 30) {
        for (size_t unit = 0; unit < UNITS; unit += 80) {
            const struct activation_block tile = {row + 30 < ROWS ? 30 : ROWS - row,
                                                  unit + 80 < UNITS ? 80 : UNITS - unit, UNITS};
            dropout_apply(&dropout, row, unit, tile, ones + row * UNITS + unit,
                          tiled + row * UNITS + unit);
        }
    }
    EXPECT_BITS(ROWS * UNITS, tiled, mask);
}
END_TEST

START_TEST(test_dropout_in_place_gives_the_same_bits) {
    const struct dropout dropout = key(9, 8, 7, 0.3);
    make_mask(dropout);
    dropout_apply(&dropout, 0, 0, (struct activation_block){ROWS, UNITS, UNITS}, ones, ones);
    EXPECT_BITS(ROWS * UNITS, ones, mask);
}
END_TEST

START_TEST(test_rate_zero_keeps_everything) {
    make_mask(key(1, 0, 0, 0));
    EXPECT_BITS(ROWS * UNITS, mask, ones);
}
END_TEST

/* 1 - 2^-40 would round to a threshold of 2^32, one more than a word can be. */
START_TEST(test_threshold_of_a_rate_just_below_one_fits_a_word) {
    EXPECT_COUNT(dropout_threshold(1 - 0x1p-40), UINT32_MAX);
    EXPECT_COUNT(dropout_threshold(0.5), UINT32_C(1) << 31);
    EXPECT_COUNT(dropout_threshold(0), 0);
}
END_TEST

/* Element r·width + u of the stream lives when its word is at least p·2³². */
START_TEST(test_mask_follows_the_documented_words) {
    const struct dropout dropout = key(11, 12, 13, 0.5);
    make_mask(dropout);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t u = 0; u < UNITS; u++) {
            uint32_t words[4];
            random_block(dropout.key, (uint32_t)(r * 51 + u / 4), words); /* 51 = ⌈203/4⌉ */
            EXPECT_SAME(mask[r * UNITS + u], words[u % 4] >= 0x80000000u ? 2 : 0);
        }
    }
}
END_TEST

Suite *suite_dropout(void) {
    Suite *suite = suite_create("dropout");
    TCase *tests = tcase_create("dropout");
    tcase_add_test(tests, test_kept_units_are_divided_by_one_minus_p_and_the_rest_are_zero);
    tcase_add_test(tests, test_share_of_dropped_units_is_p);
    tcase_add_test(tests, test_every_row_and_column_has_its_own_mask);
    tcase_add_test(tests, test_mask_depends_on_seed_step_and_layer);
    tcase_add_test(tests, test_mask_is_the_same_in_tiles);
    tcase_add_test(tests, test_dropout_in_place_gives_the_same_bits);
    tcase_add_test(tests, test_rate_zero_keeps_everything);
    tcase_add_test(tests, test_threshold_of_a_rate_just_below_one_fits_a_word);
    tcase_add_test(tests, test_mask_follows_the_documented_words);
    suite_add_tcase(suite, tests);
    return suite;
}
