/* See number_texts.h. */
#include "tests/unit/number_texts.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/random.h"

uint32_t source_word(struct source *source) {
    if (source->word % 4 == 0) {
        random_block((struct random_key){7, source->step, 1}, source->block++, source->words);
    }
    return source->words[source->word++ % 4];
}

uint64_t source_long(struct source *source) {
    const uint64_t high = source_word(source);
    return high << 32 | source_word(source);
}

double source_double(struct source *source) {
    double value;
    do {
        const uint64_t bits = source_long(source);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static float source_float(struct source *source) {
    float value;
    do {
        const uint32_t bits = source_word(source) >> 1;
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static unsigned below(struct source *source, unsigned bound) {
    return source_word(source) % bound;
}

static int between(struct source *source, int least, int most) {
    return least + (int)below(source, (unsigned)(most - least + 1));
}

/* An integer of any length. */
static unsigned long long any_integer(struct source *source) {
    return source_long(source) >> below(source, 64);
}

static size_t put_digits(struct source *source, char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        text[i] = (char)('0' + below(source, 10));
    }
    text[count] = 0;
    return count;
}

/* ---- Near a tie ---- */

/* The last digit of the mantissa one up or down, or digits behind it, or as it is. */
static void nudge(struct source *source, char *text) {
    char *end = text + strcspn(text, "e");
    char exponent[16];
    const unsigned how = below(source, 4);
    snprintf(exponent, sizeof exponent, "%s", end);
    if (how == 0 && end[-1] < '9') {
        end[-1]++;
    } else if (how == 1 && end[-1] > '0') {
        end[-1]--;
    } else if (how == 2 && strchr(text, '.') != NULL) {
        const size_t zeros = below(source, 30);
        memset(end, '0', zeros);
        sprintf(end + zeros, "1%s", exponent);
    }
}

/* Text of a positive value in so many digits: with an exponent, or plain where that is
 * not too long.  A decimal comma cannot come: tests run in the C locale here. */
static void put_value(struct source *source, char *text, long double value, int digits) {
    if (value > 1e-6L && value < 1e18L && below(source, 2) == 0) {
        snprintf(text, NUMBER_TEXT_MAX, "%.*Lf", digits, value);
    } else {
        snprintf(text, NUMBER_TEXT_MAX, "%.*Le", digits, value);
    }
}

static void float_halfway(struct source *source, char *text) {
    const float low = source_float(source), high = nextafterf(low, INFINITY);
    const double middle = isfinite(high) ? ((double)low + (double)high) / 2 : 0x1.ffffffp127;
    put_value(source, text, (long double)middle, 160); /* exact where it is no subnormal */
    nudge(source, text);
}

static void float_nearly_halfway(struct source *source, char *text) {
    const float low = source_float(source);
    const double middle = ((double)low + (double)nextafterf(low, 0)) / 2;
    put_value(source, text, (long double)middle, between(source, 5, 19));
    nudge(source, text);
}

/* A long double holds the middle of two doubles (on x86-64, whose 64 bits do; elsewhere
 * they have more). */
static long double double_middle(double low) {
    const double high = nextafter(low, INFINITY);
    return isfinite(high) ? ((long double)low + (long double)high) / 2 : (long double)low;
}

static void double_halfway(struct source *source, char *text) {
    const double value = fabs(source_double(source));
    put_value(source, text, double_middle(value), 770);
    nudge(source, text);
}

/* Where 19 digits are near a tie: at exponents that float32 needs. */
static void double_nearly_halfway(struct source *source, char *text) {
    const double value = ldexp((double)(source_long(source) >> 11 | 1), between(source, -200, 70));
    put_value(source, text, double_middle(value), between(source, 14, 22));
    nudge(source, text);
}

static void integer_halfway(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%llu",
             (1ull << 53 | any_integer(source) >> 11 | 1) << below(source, 11));
}

/* ---- At the borders ---- */

static void subnormal(struct source *source, char *text) {
    const uint64_t bits = source_long(source) >> (12 + below(source, 52));
    double value;
    memcpy(&value, &bits, sizeof value);
    snprintf(text, NUMBER_TEXT_MAX, "%.*e", between(source, 0, 40), value);
    nudge(source, text);
}

static void float_subnormal(struct source *source, char *text) {
    const double value = (double)(any_integer(source) >> 32 & 0xFFFFFF) * 0x1p-150;
    snprintf(text, NUMBER_TEXT_MAX, "%.*e", between(source, 0, 60), value);
    nudge(source, text);
}

static void overflow_border(struct source *source, char *text) {
    static const char *const borders[] = {"1.7976931348623157", "1.7976931348623158",
                                          "3.4028234663852886", "3.4028235677973366",
                                          "3.4028235677973365", "179769313486231580793"};
    static const char *const exponents[] = {"e308", "e38", "e39", "e309", "e288", "e37"};
    const size_t length = (size_t)sprintf(text, "%s", borders[below(source, 6)]);
    const size_t more = put_digits(source, text + length, below(source, 20));
    sprintf(text + length + more, "%s", exponents[below(source, 6)]);
}

static void power_of_two(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%.*e", between(source, 0, 400),
             ldexp(1, between(source, -1074, 1023)));
    nudge(source, text);
}

/* ---- Long ---- */

static void long_digits(struct source *source, char *text) {
    size_t at = put_digits(source, text, (size_t)between(source, 1, 400));
    text[0] = (char)('1' + below(source, 9));
    if (below(source, 4) > 0) {
        text[at++] = '.';
        at += put_digits(source, text + at, (size_t)between(source, 1, 400));
    }
    if (below(source, 2) == 0) {
        sprintf(text + at, "e%d", between(source, -700, 300));
    }
}

static void long_exponent(struct source *source, char *text) {
    static const char *const signs[] = {"e", "E", "e+", "E-", "e-", "E+"};
    size_t at = (size_t)sprintf(text, "%llu%s", any_integer(source), signs[below(source, 6)]);
    const size_t zeros = below(source, 100);
    memset(text + at, '0', zeros);
    at += zeros;
    (void)put_digits(source, text + at, (size_t)between(source, 1, below(source, 8) == 0 ? 40 : 3));
}

static void leading_zeros(struct source *source, char *text) {
    const size_t zeros = below(source, below(source, 4) == 0 ? 400 : 20);
    memcpy(text, "0.", 2);
    memset(text + 2, '0', zeros);
    size_t at = 2 + zeros;
    at += put_digits(source, text + at, (size_t)between(source, 1, 25));
    if (below(source, 2) == 0) {
        sprintf(text + at, "e%d", between(source, -20, 420));
    }
}

/* ---- As clients write them ---- */

static void integer(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%llu", any_integer(source));
}

static void integer_with_exponent(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%llue%d", any_integer(source), between(source, -70, 45));
}

static void any_double(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%.17g", fabs(source_double(source)));
}

static void any_float(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%.*g", between(source, 6, 9), (double)source_float(source));
}

static void decimals(struct source *source, char *text) {
    const double scale = pow(10, between(source, -3, 6));
    snprintf(text, NUMBER_TEXT_MAX, "%.*f", between(source, 0, 20),
             (double)random_unit(source_word(source)) * scale);
}

static void decimals_of_double(struct source *source, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%.*g", between(source, 15, 19),
             (double)(source_long(source) >> 11) * 0x1p-53 * pow(10, between(source, -2, 3)));
}

static void whole_and_places(struct source *source, char *text) {
    const size_t at = (size_t)sprintf(text, "%llu.", any_integer(source) >> 44);
    (void)put_digits(source, text + at, (size_t)between(source, 1, 20));
}

typedef void kind_function(struct source *source, char *text);

static size_t put_kind(struct source *source, kind_function *kind, char *text) {
    const bool negative = below(source, 4) == 0;
    text[0] = '-';
    kind(source, text + negative);
    return strlen(text);
}

size_t number_text(struct source *source, char text[NUMBER_TEXT_MAX + 1]) {
    static kind_function *const kinds[] = {
        float_halfway,
        float_nearly_halfway,
        double_halfway,
        double_nearly_halfway,
        double_nearly_halfway,
        integer_halfway,
        subnormal,
        float_subnormal,
        overflow_border,
        power_of_two,
        long_digits,
        long_exponent,
        leading_zeros,
        integer,
        any_double,
        integer_with_exponent,
        any_float,
        decimals,
        decimals_of_double,
        whole_and_places,
    };
    return put_kind(source, kinds[below(source, sizeof kinds / sizeof *kinds)], text);
}

size_t number_text_plain(struct source *source, char text[NUMBER_TEXT_MAX + 1]) {
    static kind_function *const kinds[] = {decimals, whole_and_places, integer, decimals_of_double};
    return put_kind(source, kinds[below(source, sizeof kinds / sizeof *kinds)], text);
}
