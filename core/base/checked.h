/* Arithmetic on sizes that came from outside: every product and sum is checked
 * before it is used.  Pure functions, any thread. */
#ifndef MLPD_CORE_BASE_CHECKED_H
#define MLPD_CORE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

/* *result = a·b, or false and *result untouched when that does not fit. */
static inline bool checked_multiply(size_t a, size_t b, size_t *result) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *result = product;
    return true;
}

/* *result = a+b, or false and *result untouched when that does not fit. */
static inline bool checked_add(size_t a, size_t b, size_t *result) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *result = sum;
    return true;
}

/* ⌈a/b⌉ for b > 0, without the overflow of (a+b-1)/b. */
static inline size_t divide_up(size_t a, size_t b) {
    return a / b + (a % b != 0);
}

static inline size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

#endif
