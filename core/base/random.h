/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A number is a pure function of (seed, step, stream, element): splitting,
 * order and replay change nothing, and no state has to be kept or locked.
 * Element e is word e mod 4 of block ⌊e/4⌋.  Any thread may call. */
#ifndef MLPD_CORE_BASE_RANDOM_H
#define MLPD_CORE_BASE_RANDOM_H

#include <stdint.h>

struct random_key {
    uint64_t seed;
    uint64_t step;
    uint32_t stream; /* what the numbers are for: random_stream(purpose, layer) */
};

enum random_purpose { RANDOM_INITIALIZER = 1, RANDOM_DROPOUT = 2 };

static inline uint32_t random_stream(enum random_purpose purpose, uint32_t layer) {
    return (uint32_t)purpose << 24 | layer;
}

/* One block of four words.  Inline, so that the loops that use it vectorise
 * over blocks. */
static inline void random_block(struct random_key key, uint32_t block, uint32_t words[4]) {
    uint32_t c0 = block, c1 = key.stream;
    uint32_t c2 = (uint32_t)key.step, c3 = (uint32_t)(key.step >> 32);
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* A word as a float in [0, 1): its upper 24 bits, so every value is exact. */
static inline float random_unit(uint32_t word) {
    return (float)(word >> 8) * 0x1p-24f;
}

#endif
