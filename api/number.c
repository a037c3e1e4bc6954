/* Decimal text and binary numbers; see number.h.
 *
 * Reading goes by the digits as one integer and the power of ten: up to 19 digits
 * through decimal.h, else (and where that cannot tell) through strtod, given the digits
 * as one integer with an exponent: without a decimal point its answer does not depend on
 * the locale.
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

#include "api/decimal.h"
#include "api/shortest.h"
#include "core/base/checked.h"

#define EXPONENT_BOUND 100000 /* beyond it no 1024 digits come back into range */

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
    double magnitude;
    const bool exact = digits_end - digits <= DECIMAL_DIGITS ||
                       significant_digits(digits, digits_end) <= DECIMAL_DIGITS;
    return exact && decimal_to_double(w, exponent, &magnitude)
               ? magnitude
               : read_long(digits, digits_end, exponent);
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
