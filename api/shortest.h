/* The shortest decimal that reads back as a float32.
 *
 * Pure functions; any thread. */
#ifndef MLPD_API_SHORTEST_H
#define MLPD_API_SHORTEST_H

#include <stdint.h>

/* digits · 10^exponent; the digits may end in zeros. */
struct shortest_decimal {
    uint32_t digits;
    int exponent;
};

/* Of a positive, finite number: no decimal of fewer digits is nearer to it than to any
 * other float32, and of those of as many this is the nearest to it.  Who reads it as a
 * double first and rounds that gets the same number too, but for one of all float32s,
 * 0x1.5c87fap-84, whose seven digits lie next to a midpoint. */
struct shortest_decimal shortest_of_float(float value);

#endif
