/* Lists of numbers; see number_list.h.
 *
 * A window of 64 bytes becomes words of 64 bits, one for each kind of character, and the
 * grammar is checked on all of them at once: which numbers are plain, where each begins
 * and ends and has its point is then known before any is read.  So the processor can
 * begin the next numbers while it still works on one, and no branch depends on how many
 * digits a number has.  A number's digits are joined in a register, sixteen side by side.
 *
 * Without AVX2 nothing is read here. */
#include "api/number_list.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "api/decimal.h"

#if defined __x86_64__ && !defined MLPD_ONE_VARIANT
#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define INLINED WITH_AVX2 __attribute__((always_inline)) static inline

#define WINDOW_BYTES 64
#define JOINED_BYTES 16
#define BYTES_IN_FRONT (2 * JOINED_BYTES) /* of a number's end, which may be read with it */

/* ---- Windows ---- */

/* Bits of a window: bit i is of byte i. */
struct window {
    uint64_t firsts; /* the first digit of each number */
    uint64_t points;
    uint64_t ends;         /* the byte behind each number */
    uint64_t row_ends;     /* of these what ends a row */
    uint64_t tails;        /* where what divides a plain number from the next one ends, up to the
                            * first that is not plain */
    uint64_t behind_minus; /* the byte behind a minus */
};

/* What divides numbers: a comma and a blank or none; in rows also what ends a row. */
enum marks { MARKS_LIST, MARKS_JSON, MARKS_CSV };

INLINED uint64_t bits_of(__m256i low, __m256i high) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 |
           (uint32_t)_mm256_movemask_epi8(low);
}

/* Of a window that begins where a number should. */
INLINED struct window look(const char *text, const enum marks marks) {
    const __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)text);
    const __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32));
#define BITS_OF(c)                                                                                 \
    bits_of(_mm256_cmpeq_epi8(low, _mm256_set1_epi8(c)),                                           \
            _mm256_cmpeq_epi8(high, _mm256_set1_epi8(c)))
    const __m256i zero = _mm256_set1_epi8('0'), nine = _mm256_set1_epi8(9);
    const __m256i low_digits = _mm256_sub_epi8(low, zero);
    const __m256i high_digits = _mm256_sub_epi8(high, zero);
    const uint64_t digits =
        bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low_digits, nine), low_digits),
                _mm256_cmpeq_epi8(_mm256_min_epu8(high_digits, nine), high_digits));
    const uint64_t zeros = BITS_OF('0'), points = BITS_OF('.'), minuses = BITS_OF('-');
    const uint64_t commas = BITS_OF(','), blanks = BITS_OF(' ');
    const uint64_t inside = digits | points | minuses;
    const uint64_t starts = inside & ~(inside << 1), ends = ~inside & inside << 1;
    const uint64_t behind_minus = minuses << 1;
    const uint64_t firsts = (starts & ~minuses) | (starts << 1 & behind_minus);
    /* What makes a number, or what stands between two, other than plain. */
    uint64_t wrong =
        (firsts & ~digits) | (minuses & ~starts) | /* no digit at first, a late minus */
        (zeros & firsts & digits >> 1) |           /* 01 */
        (points & ~(digits << 1 & digits >> 1)) |  /* no digit before or behind a point */
        (points & ((points << 1) + digits));       /* a carry through digits to a second */
    uint64_t known = inside | commas | (blanks & commas << 1); /* no blank but behind a comma */
    uint64_t row_ends = 0, tails = commas & ends, comma_places = ends;
    if (marks == MARKS_JSON) { /* "],[" and a blank before the second bracket or none */
        const uint64_t closing = BITS_OF(']'), opening = BITS_OF('[');
        const uint64_t behind_comma = (commas & closing << 1) << 1;
        const uint64_t behind_blank = (behind_comma & blanks) << 1;
        row_ends = closing & ends;
        tails |= opening;
        comma_places |= closing << 1;
        known |= row_ends | (opening & (behind_comma | behind_blank));
        wrong |= (closing << 1 & ~commas) | (behind_comma & ~(opening | blanks)) |
                 (behind_blank & ~opening) | (opening << 1 & ~inside);
    } else if (marks == MARKS_CSV) { /* a line feed, and a return before it or none */
        const uint64_t feeds = BITS_OF('\n'), returns = BITS_OF('\r') & feeds >> 1;
        row_ends = (feeds | returns) & ends;
        tails |= feeds;
        known |= row_ends | (feeds & returns << 1);
    }
#undef BITS_OF
    wrong |= (commas & ~comma_places) | ~known;
    return (struct window){
        .firsts = firsts,
        .points = points,
        .ends = ends,
        .row_ends = row_ends,
        .tails = tails & ((wrong & -wrong) - 1),
        .behind_minus = behind_minus,
    };
}

/* ---- Digits ---- */

/* Row k tells where sixteen bytes come from when the one k from the end is taken out;
 * -1: from nowhere. */
/* clang-format off */
#define FROM(i, k) (int8_t)((i) <= JOINED_BYTES - (k) ? (i) - 1 : (i))
#define ROW(k)                                                                                     \
    {FROM(0, k), FROM(1, k), FROM(2, k), FROM(3, k), FROM(4, k), FROM(5, k), FROM(6, k),           \
     FROM(7, k), FROM(8, k), FROM(9, k), FROM(10, k), FROM(11, k), FROM(12, k), FROM(13, k),       \
     FROM(14, k), FROM(15, k)}
static const int8_t without[JOINED_BYTES + 1][JOINED_BYTES] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8),
    ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15), ROW(16)};

/* From byte k on: of sixteen characters the last k, and of each its value as a digit. */
static const int8_t last_digits[2 * JOINED_BYTES] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15};
/* clang-format on */

/* What a number's digits are divided by, whose point is the byte k from the end. */
static const double divisors[JOINED_BYTES + 1] = {1,   1,   1e1,  1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* The last `count` digits of the sixteen bytes before `end`, with the byte `point` from
 * the end taken out (0: none), as two numbers of eight digits: in pairs, in fours, joined. */
INLINED __m128i join_digits(const char *end, size_t point, size_t count) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(end - JOINED_BYTES));
    bytes = _mm_shuffle_epi8(bytes, _mm_loadu_si128((const __m128i *)(const void *)without[point]));
    bytes =
        _mm_and_si128(bytes, _mm_loadu_si128((const __m128i *)(const void *)(last_digits + count)));
    const __m128i pairs = _mm_maddubs_epi16(bytes, _mm_set1_epi16(10 | 1 << 8));
    const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | 1 << 16));
    return _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(10000 | 1 << 16));
}

/* Of at most 15 digits: they are below 2⁵³ and the divisor is a double, so that the
 * division alone rounds. */
INLINED double read_short(const char *end, size_t point, size_t count) {
    const __m128d eights =
        _mm_mul_pd(_mm_cvtepi32_pd(join_digits(end, point, count)), _mm_set_pd(1, 1e8));
    const __m128d digits = _mm_add_sd(eights, _mm_unpackhi_pd(eights, eights));
    return _mm_cvtsd_f64(digits) / divisors[point];
}

/* All sixteen digits as one number. */
INLINED uint64_t whole(__m128i eights) {
    const uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    return (both & UINT32_MAX) * 100000000 + (both >> 32);
}

/* Of 16 to 19 digits; false where that is too close to call. */
__attribute__((noinline)) WITH_AVX2 static bool read_long(const char *end, size_t point,
                                                          size_t count, double *value) {
    static const uint64_t powers_of_ten[2] = {10000000000000000, 1000000000000000};
    const bool in_last = point > 0 && point <= JOINED_BYTES;
    const size_t last = JOINED_BYTES - in_last;
    const uint64_t high = whole(join_digits(
        end - JOINED_BYTES, point > JOINED_BYTES ? point - JOINED_BYTES : 0, count - last));
    const uint64_t low = whole(join_digits(end, in_last ? point : 0, last));
    return decimal_to_double(high * powers_of_ten[in_last] + low, point > 0 ? 1 - (long)point : 0,
                             value);
}

/* ---- Lists ---- */

/* Of rows `left` numbers are to come in the one that is begun. */
INLINED size_t scan(const char *begin, const char **from, const char *end, double *values,
                    size_t count, const enum marks marks, size_t width, size_t *left) {
    double *to = values, *const to_end = values + count;
    const char *at = *from;
    size_t remaining = *left;
    bool plain = true;
    while (plain && to < to_end && end - at > WINDOW_BYTES && at - begin >= BYTES_IN_FRONT) {
        const char *const start = at + (*at == ' ');
        struct window window = look(start, marks);
        plain = window.tails != 0;
        while (window.tails != 0 && to < to_end) {
            const uint64_t end_bit = window.ends & -window.ends;
            const uint64_t first = (uint64_t)__builtin_ctzll(window.firsts);
            const uint64_t last = (uint64_t)__builtin_ctzll(end_bit);
            const uint64_t tail = (uint64_t)__builtin_ctzll(window.tails);
            const uint64_t point = last - (uint64_t)__builtin_ctzll(window.points | end_bit);
            const uint64_t digits = last - first - (point > 0);
            const bool row_end = (window.row_ends & end_bit) != 0;
            double value = 0;
            plain = marks == MARKS_LIST || row_end == (remaining == 1);
            if (digits < JOINED_BYTES) {
                value = read_short(start + last, point, digits);
            } else {
                plain = plain && digits <= DECIMAL_DIGITS &&
                        read_long(start + last, point, digits, &value);
            }
            if (!plain) {
                break;
            }
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            bits ^= window.behind_minus >> first << 63;
            memcpy(to++, &bits, sizeof bits);
            at = start + tail + 1;
            remaining = row_end ? width : remaining - 1;
            window.points &= ~(end_bit | (end_bit - 1));
            window.firsts &= window.firsts - 1;
            window.ends &= window.ends - 1;
            window.tails &= window.tails - 1;
        }
    }
    *from = at;
    *left = remaining;
    return (size_t)(to - values);
}

WITH_AVX2 static size_t scan_list(const char *begin, const char **from, const char *end,
                                  double *values, size_t count) {
    size_t left = 0; /* of no row */
    return scan(begin, from, end, values, count, MARKS_LIST, 0, &left);
}

WITH_AVX2 static size_t scan_json_rows(const char *begin, const char **from, const char *end,
                                       double *values, size_t count, size_t width, size_t *left) {
    return scan(begin, from, end, values, count, MARKS_JSON, width, left);
}

WITH_AVX2 static size_t scan_csv_rows(const char *begin, const char **from, const char *end,
                                      double *values, size_t count, size_t width, size_t *left) {
    return scan(begin, from, end, values, count, MARKS_CSV, width, left);
}

static bool is_fast(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
#endif

size_t number_list_scan(const char *begin, const char **from, const char *end, double *values,
                        size_t count) {
#ifdef WITH_AVX2
    if (is_fast()) {
        return scan_list(begin, from, end, values, count);
    }
#endif
    (void)begin, (void)from, (void)end, (void)values, (void)count;
    return 0;
}

size_t number_rows_scan(const char *begin, const char **from, const char *end, double *values,
                        size_t count, enum number_rows rows, size_t width, size_t *left) {
#ifdef WITH_AVX2
    if (is_fast()) {
        return (rows == NUMBER_ROWS_JSON ? scan_json_rows : scan_csv_rows)(begin, from, end, values,
                                                                           count, width, left);
    }
#endif
    (void)begin, (void)from, (void)end, (void)values, (void)count, (void)rows, (void)width;
    (void)left;
    return 0;
}
