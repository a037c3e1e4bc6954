/* Decimal text and binary numbers; see number.h.
 *
 * Reading has three ways, each exact:
 *   1. The digits are an integer w ≤ 2⁵³ and the power of ten is at most 10²²:
 *      both are doubles, so one multiplication or division rounds once
 *      (Clinger, "How to read floating point numbers accurately", PLDI 1990).
 *   2. At most 19 digits and a power up to 10²⁷: w·5ᵏ or w/5ᵏ in 128-bit
 *      integers, rounded by hand.  This is what 17-digit doubles need.
 *   3. strtod, given the digits as one integer with an exponent: without a
 *      decimal point its answer does not depend on the locale.
 *
 * Writing a float32 is shortest.h's.  A double is tried with the 15 digits that it always
 * keeps: if a text that short reads back as the number, then it is the number
 * rounded to so many digits, less trailing zeros.  Otherwise one digit more is
 * tried until it reads back. */
#include "api/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/shortest.h"
#include "core/base/checked.h"

__extension__ typedef unsigned __int128 wide;

#define EXACT_DIGITS 19 /* 10¹⁹ - 1 < 2⁶⁴ */
#define POWERS_OF_TEN 23
#define POWERS_OF_FIVE 28
#define EXPONENT_BOUND 100000 /* beyond it no 1024 digits come back into range */

static const double powers_of_ten[POWERS_OF_TEN] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* clang-format off */
static const uint64_t powers_of_five[POWERS_OF_FIVE] = {
    1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625,
    1220703125, 6103515625, 30517578125, 152587890625, 762939453125, 3814697265625,
    19073486328125, 95367431640625, 476837158203125, 2384185791015625, 11920928955078125,
    59604644775390625, 298023223876953125, 1490116119384765625, 7450580596923828125,
};
/* clang-format on */

/* (integer + a fraction, if any) · 2^exponent, rounded to nearest, ties to even.
 * The integer is at least 2⁵³, and the result far from the ends of double. */
static double round_to_double(wide integer, bool fraction, int exponent) {
    const uint64_t high = (uint64_t)(integer >> 64);
    const int bits = high != 0 ? 128 - __builtin_clzll(high)
                               : 64 - __builtin_clzll((unsigned long long)(uint64_t)integer);
    const int dropped = bits - 53;
    uint64_t kept = (uint64_t)(integer >> dropped);
    if (dropped > 0) {
        const wide rest = integer & (((wide)1 << dropped) - 1);
        const wide half = (wide)1 << (dropped - 1);
        kept += rest > half || (rest == half && (fraction || kept % 2 == 1));
    }
    const uint64_t power_bits = (uint64_t)(1023 + exponent + dropped) << 52;
    double power;
    memcpy(&power, &power_bits, sizeof power);
    return (double)kept * power;
}

/* w·10^k for 0 ≤ k < POWERS_OF_FIVE where w·5^k is at least 2⁵³. */
static double multiply_by_power(uint64_t w, int k) {
    return round_to_double((wide)w * powers_of_five[k], false, k);
}

/* w/10^k for w > 0 and 0 < k < POWERS_OF_FIVE.  Dividend and divisor are shifted
 * so that the quotient has 63 or 64 bits: one hardware division. */
static double divide_by_power(uint64_t w, int k) {
    const int w_shift = __builtin_clzll(w);
    const int five_shift = __builtin_clzll(powers_of_five[k]);
    const wide dividend = (wide)(w << w_shift) << 63;
    const uint64_t divisor = powers_of_five[k] << five_shift;
    const wide quotient = dividend / divisor;
    return round_to_double(quotient, quotient * divisor != dividend, five_shift - w_shift - 63 - k);
}

/* The digits between `text` and `end`, of which those behind the point are
 * accounted for in the exponent. */
static double read_long(const char *text, const char *end, long exponent) {
    char digits[NUMBER_BYTES_MAX + 16];
    size_t count = 0;
    for (; text < end; text++) {
        if (*text != '.') {
            digits[count++] = *text;
        }
    }
    snprintf(digits + count, sizeof digits - count, "e%ld", exponent);
    return strtod(digits, NULL);
}

static size_t significant_digits(const char *text, const char *end) {
    while (text < end && (*text == '0' || *text == '.')) {
        text++;
    }
    return (size_t)(end - text) - (memchr(text, '.', (size_t)(end - text)) != NULL);
}

/* The magnitude of digits (with w their value modulo 2⁶⁴) · 10^exponent. */
static double read_magnitude(const char *digits, const char *digits_end, uint64_t w,
                             long exponent) {
    const bool exact = digits_end - digits <= EXACT_DIGITS ||
                       significant_digits(digits, digits_end) <= EXACT_DIGITS;
    if (exact && w <= (uint64_t)1 << 53 && labs(exponent) < POWERS_OF_TEN) {
        return exponent < 0 ? (double)w / powers_of_ten[-exponent]
                            : (double)w * powers_of_ten[exponent];
    }
    if (exact && w > 0 && exponent < 0 && exponent > -POWERS_OF_FIVE) {
        return divide_by_power(w, (int)-exponent);
    }
    if (exact && w > 0 && exponent >= 0 && exponent < POWERS_OF_FIVE) {
        return multiply_by_power(w, (int)exponent);
    }
    return read_long(digits, digits_end, exponent);
}

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *scan_digits(const char *at, const char *end, uint64_t *w) {
    uint64_t value = *w;
    for (; at < end && is_digit(*at); at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *w = value;
    return at;
}

enum number_end number_scan(const char *text, const char *end, const char **next, double *value) {
    /* Looking one character past the longest number bounds every loop below. */
    const size_t bytes = size_min((size_t)(end - text), NUMBER_BYTES_MAX + 1);
    const enum number_end cut = bytes > NUMBER_BYTES_MAX ? NUMBER_TOO_LONG : NUMBER_UNFINISHED;
    end = text + bytes;
    const char *at = text;
    *next = at;

    const bool negative = at < end && *at == '-';
    at += negative;
    const char *const digits = at;
    uint64_t w = 0;
    if (at < end && *at == '0') {
        at++; /* a leading zero stands alone */
    } else {
        at = scan_digits(at, end, &w);
    }
    *next = at;
    if (at == end) {
        return cut;
    }
    if (at == digits) {
        return NUMBER_BROKEN;
    }
    long exponent = 0;
    if (*at == '.') {
        const char *const fraction = ++at;
        at = scan_digits(at, end, &w);
        *next = at;
        if (at == end) {
            return cut;
        }
        if (at == fraction) {
            return NUMBER_BROKEN;
        }
        exponent = -(long)(at - fraction);
    }
    const char *const digits_end = at;
    if (*at == 'e' || *at == 'E') {
        at++;
        const bool exponent_negative = at < end && *at == '-';
        at += at < end && (*at == '-' || *at == '+');
        const char *const exponent_digits = at;
        long given = 0;
        for (; at < end && is_digit(*at); at++) {
            given = given < EXPONENT_BOUND ? given * 10 + (*at - '0') : given;
        }
        *next = at;
        if (at == end) {
            return cut;
        }
        if (at == exponent_digits) {
            return NUMBER_BROKEN;
        }
        exponent += exponent_negative ? -given : given;
    }
    const double magnitude = read_magnitude(digits, digits_end, w, exponent);
    *value = negative ? -magnitude : magnitude;
    return NUMBER_WHOLE;
}

bool number_read(const char *text, size_t length, double *value) {
    char copy[NUMBER_BYTES_MAX + 2];
    if (length > NUMBER_BYTES_MAX) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = ' '; /* so that the number ends */
    const char *next;
    return number_scan(copy, copy + length + 1, &next, value) == NUMBER_WHOLE &&
           next == copy + length;
}

/* ---- Writing ---- */

/* A positive number as digits: 0.d₁d₂d₃… · 10^point, d₁ not zero. */
struct decimal {
    char digits[20];
    int count, point;
};

static void strip_zeros(struct decimal *decimal) {
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
    }
}

static size_t write_integer(char *text, uint64_t value) {
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        text[i] = reversed[count - 1 - i];
    }
    text[count] = 0;
    return count;
}

/* Plain from 0.00001 to 16 digits, else with an exponent. */
static size_t write_decimal(char *text, const struct decimal *decimal) {
    const int count = decimal->count, point = decimal->point;
    char *at = text;
    if (point > 0 && point <= 16) {
        for (int i = 0; i < count || i < point; i++) {
            if (i == point) {
                *at++ = '.';
            }
            *at++ = i < count ? decimal->digits[i] : '0';
        }
    } else if (point <= 0 && point > -5) {
        at = mempcpy(at, "0.0000", (size_t)(2 - point));
        at = mempcpy(at, decimal->digits, (size_t)count);
    } else {
        *at++ = decimal->digits[0];
        if (count > 1) {
            *at++ = '.';
            at = mempcpy(at, decimal->digits + 1, (size_t)count - 1);
        }
        *at++ = 'e';
        if (point < 1) {
            *at++ = '-';
        }
        at += write_integer(at, (uint64_t)abs(point - 1));
    }
    *at = 0;
    return (size_t)(at - text);
}

/* The number rounded to so many digits.  Of printf's text only the digits and
 * the exponent are read: between them stands the locale's point. */
static void round_decimal(struct decimal *decimal, double value, int digits) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    const char *at = text;
    decimal->count = 0;
    for (; *at != 'e'; at++) {
        if (is_digit(*at)) {
            decimal->digits[decimal->count++] = *at;
        }
    }
    decimal->point = (int)strtol(at + 1, NULL, 10) + 1;
    strip_zeros(decimal);
}

/* Digits as one integer with an exponent, which no locale reads otherwise. */
static void as_integer_text(const struct decimal *decimal, char text[48]) {
    snprintf(text, 48, "%.*se%d", decimal->count, decimal->digits, decimal->point - decimal->count);
}

static bool reads_as_double(const struct decimal *decimal, double value) {
    char text[48];
    as_integer_text(decimal, text);
    return strtod(text, NULL) == value;
}

/* Zero and whole numbers up to 2⁵³: most of what loss histories, counts and
 * saturated probabilities hold. */
static size_t write_whole(char *text, double magnitude) {
    return magnitude <= 0x1p53 && magnitude == (double)(uint64_t)magnitude
               ? write_integer(text, (uint64_t)magnitude)
               : 0;
}

size_t number_write_integer(char text[NUMBER_TEXT_BYTES], uint64_t value) {
    return write_integer(text, value);
}

size_t number_write_double(char text[NUMBER_TEXT_BYTES], double value) {
    const size_t sign = signbit(value) != 0;
    text[0] = '-';
    const double magnitude = fabs(value);
    size_t length = write_whole(text + sign, magnitude);
    if (length == 0) {
        struct decimal decimal;
        int digits = magnitude < DBL_MIN ? 1 : DBL_DIG;
        do {
            round_decimal(&decimal, magnitude, digits);
        } while (!reads_as_double(&decimal, magnitude) && ++digits <= DBL_DECIMAL_DIG);
        length = write_decimal(text + sign, &decimal);
    }
    return sign + length;
}

size_t number_write_float(char text[NUMBER_TEXT_BYTES], float value) {
    const size_t sign = signbit(value) != 0;
    text[0] = '-';
    const float magnitude = fabsf(value);
    size_t length = magnitude < 0x1p24f ? write_whole(text + sign, (double)magnitude) : 0;
    if (length == 0) {
        const struct shortest_decimal shortest = shortest_of_float(magnitude);
        struct decimal decimal;
        decimal.count = (int)write_integer(decimal.digits, shortest.digits);
        decimal.point = decimal.count + shortest.exponent;
        strip_zeros(&decimal);
        length = write_decimal(text + sign, &decimal);
    }
    return sign + length;
}
