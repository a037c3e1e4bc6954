/* Shortest decimals; see shortest.h.
 *
 * After Raffaello Giulietti, "The Schubfach way to render doubles" (2020), for float32.
 * The number is c·2^q, and what rounds to it lies between the midpoints to its neighbours.
 * In units of 10^k, the greatest power of ten that is no wider than that interval, at least
 * one whole number lies in it and at most one multiple of ten: the latter, if there is one,
 * is the shortest decimal, and else the whole number that is nearest.  The three bounds are
 * products of 32 bits with 64 leading bits of a power of ten, rounded to odd, which decides
 * every comparison as the exact product would. */
#include "api/shortest.h"

#include <stdbool.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

#define POWER_MIN (-31)
#define POWER_MAX 45

/* 10^k · 2^n, with the n for which it has 64 bits before the point: those and one unit
 * more. */
static const uint64_t powers_of_ten[POWER_MAX - POWER_MIN + 1] = {
    /* clang-format off */
    0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e,
    0x9e74d1b791e07e49, 0xc612062576589ddb, 0xf79687aed3eec552, 0x9abe14cd44753b53,
    0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
    0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c,
    0x901d7cf73ab0acda, 0xb424dc35095cd810, 0xe12e13424bb40e14, 0x8cbccc096f5088cc,
    0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
    0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c,
    0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b, 0xcccccccccccccccd, 0x8000000000000001,
    0xa000000000000001, 0xc800000000000001, 0xfa00000000000001, 0x9c40000000000001,
    0xc350000000000001, 0xf424000000000001, 0x9896800000000001, 0xbebc200000000001,
    0xee6b280000000001, 0x9502f90000000001, 0xba43b74000000001, 0xe8d4a51000000001,
    0x9184e72a00000001, 0xb5e620f480000001, 0xe35fa931a0000001, 0x8e1bc9bf04000001,
    0xb1a2bc2ec5000001, 0xde0b6b3a76400001, 0x8ac7230489e80001, 0xad78ebc5ac620001,
    0xd8d726b7177a8001, 0x878678326eac9001, 0xa968163f0a57b401, 0xd3c21bcecceda101,
    0x84595161401484a1, 0xa56fa5b99019a5c9, 0xcecb8f27f4200f3b, 0x813f3978f8940985,
    0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e,
    0xc5371912364ce306, 0xf684df56c3e01bc7, 0x9a130b963a6c115d, 0xc097ce7bc90715b4,
    0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
    0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70,
    0xb35dbf821ae4f38c,
    /* clang-format on */
};

/* For every q and k of float32. */
static int floor_log10_of_power_of_two(int q) {
    return (q * 1262611) >> 22;
}

static int floor_log10_of_three_quarters_of_power_of_two(int q) {
    return (q * 1262611 - 524031) >> 22;
}

static int floor_log2_of_power_of_ten(int k) {
    return (k * 1741647) >> 19;
}

/* power · factor / 2^64, of its fraction only whether there is more than the table's error. */
static uint32_t multiply(uint64_t power, uint32_t factor) {
    const wide product = (wide)power * factor;
    const uint32_t whole = (uint32_t)(product >> 64);
    return whole | ((uint32_t)((uint64_t)product >> 32) > 1);
}

struct shortest_decimal shortest_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t fraction = bits & 0x7FFFFF, biased = bits >> 23;
    const uint32_t c = biased > 0 ? fraction | 0x800000 : fraction;
    const int q = (biased > 0 ? (int)biased : 1) - 150;
    /* At a power of two the neighbour below is nearer. */
    const bool lopsided = fraction == 0 && biased > 1;
    const int k = lopsided ? floor_log10_of_three_quarters_of_power_of_two(q)
                           : floor_log10_of_power_of_two(q);
    const int shift = q + floor_log2_of_power_of_ten(-k) + 1;
    const uint64_t power = powers_of_ten[-k - POWER_MIN];
    /* Four times the number and the midpoints, in units of 10^k.  A midpoint itself rounds
     * to the number whose c is even. */
    const uint32_t odd = c & 1;
    const uint32_t middle = multiply(power, (4 * c) << shift);
    const uint32_t lower = multiply(power, (4 * c - (lopsided ? 1 : 2)) << shift) + odd;
    const uint32_t upper = multiply(power, (4 * c + 2) << shift) - odd;
    const uint32_t whole = middle / 4;
    if (whole >= 10) {
        const uint32_t tens = whole / 10;
        const bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above) {
            return (struct shortest_decimal){tens + above, k + 1};
        }
    }
    const bool below = lower <= 4 * whole, above = 4 * whole + 4 <= upper;
    if (below != above) {
        return (struct shortest_decimal){whole + above, k};
    }
    const uint32_t half = 4 * whole + 2;
    const bool up = middle > half || (middle == half && (whole & 1) == 1);
    return (struct shortest_decimal){whole + up, k};
}
