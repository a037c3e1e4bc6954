/* A decimal's digits and exponent to the nearest double, to the last bit.
 *
 * Pure functions; any thread. */
#ifndef MLPD_API_DECIMAL_H
#define MLPD_API_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* Every w below 10^DECIMAL_DIGITS is a uint64_t. */
#define DECIMAL_DIGITS 19

/* 10^0 to 10^22, which are doubles. */
#define DECIMAL_EXACT_POWERS 23
extern const double decimal_powers[DECIMAL_EXACT_POWERS];

/* The same as decimal_to_double for any w and exponent, without the short way. */
bool decimal_multiply(uint64_t w, long exponent, double *value);

/* What w·10^exponent is as a double.  False where that would take more than these
 * tables: beyond the range that float32 needs, and where it is too close to call. */
static inline bool decimal_to_double(uint64_t w, long exponent, double *value) {
    if (w <= (uint64_t)1 << 53 && exponent > -DECIMAL_EXACT_POWERS &&
        exponent < DECIMAL_EXACT_POWERS) {
        const double digits = (double)(int64_t)w;
        *value =
            exponent < 0 ? digits / decimal_powers[-exponent] : digits * decimal_powers[exponent];
        return true;
    }
    return decimal_multiply(w, exponent, value);
}

#endif
