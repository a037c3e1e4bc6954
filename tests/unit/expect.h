/* Comparisons of numbers that say what was found and what was wanted. */
#ifndef MLPD_TESTS_UNIT_EXPECT_H
#define MLPD_TESTS_UNIT_EXPECT_H

#include <check.h>
#include <math.h>

/* |found - wanted| ≤ tolerance; false for NaN. */
#define EXPECT_CLOSE(found, wanted, tolerance)                                                     \
    do {                                                                                           \
        const double found_ = (double)(found), wanted_ = (double)(wanted);                         \
        ck_assert_msg(fabs(found_ - wanted_) <= (tolerance), "%s: found %.9g, wanted %.9g",        \
                      #found, found_, wanted_);                                                    \
    } while (0)

/* The same number (0 and -0 are the same, infinities too). */
#define EXPECT_SAME(found, wanted)                                                                 \
    do {                                                                                           \
        const double found_ = (double)(found), wanted_ = (double)(wanted);                         \
        ck_assert_msg(found_ == wanted_, "%s: found %.17g, wanted %.17g", #found, found_,          \
                      wanted_);                                                                    \
    } while (0)

#define EXPECT_NAN(found)                                                                          \
    ck_assert_msg(isnan((double)(found)), "%s: found %.9g, wanted NaN", #found, (double)(found))

/* `count` floats, element by element. */
#define EXPECT_ALL_CLOSE(count, found, wanted, tolerance)                                          \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (size_t)(count); i_++) {                                          \
            const double found_ = (double)(found)[i_], wanted_ = (double)(wanted)[i_];             \
            ck_assert_msg(fabs(found_ - wanted_) <= (tolerance),                                   \
                          "%s[%zu]: found %.9g, wanted %.9g", #found, i_, found_, wanted_);        \
        }                                                                                          \
    } while (0)

/* Two blocks of floats with the same bits. */
#define EXPECT_BITS(count, found, wanted)                                                          \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (size_t)(count); i_++) {                                          \
            ck_assert_msg(memcmp((found) + i_, (wanted) + i_, sizeof *(found)) == 0,               \
                          "%s[%zu]: found %a, wanted %a", #found, i_, (double)(found)[i_],         \
                          (double)(wanted)[i_]);                                                   \
        }                                                                                          \
    } while (0)

#define EXPECT_TEXT(found, wanted)                                                                 \
    ck_assert_msg(strcmp((found), (wanted)) == 0, "%s: found '%s', wanted '%s'", #found, (found),  \
                  (wanted))

#define EXPECT_COUNT(found, wanted)                                                                \
    ck_assert_msg((size_t)(found) == (size_t)(wanted), "%s: found %zu, wanted %zu", #found,        \
                  (size_t)(found), (size_t)(wanted))

#endif
