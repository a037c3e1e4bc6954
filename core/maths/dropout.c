/* Dropout; see dropout.h. */
#include "core/maths/dropout.h"

#include "core/base/checked.h"
#include "core/maths/vectorised.h"

uint32_t dropout_threshold(double rate) {
    return (uint32_t)(rate * 0x1p32);
}

#define BLOCKS_AT_ONCE 16

/* The words of 16 consecutive blocks, as 64 consecutive elements. */
VECTORISED
static void words_of_blocks(const struct random_key *key, uint32_t first_block,
                            uint32_t words[BLOCKS_AT_ONCE * 4]) {
    for (uint32_t i = 0; i < BLOCKS_AT_ONCE; i++) {
        uint32_t block[4];
        random_block(*key, first_block + i, block);
        for (uint32_t j = 0; j < 4; j++) {
            words[4 * i + j] = block[j];
        }
    }
}

void dropout_apply(const struct dropout *dropout, size_t row, size_t unit,
                   struct activation_block block, const float *in, float *out) {
    const uint32_t threshold = dropout_threshold(dropout->rate);
    const float factor = (float)(1.0 / (1.0 - dropout->rate));
    const size_t blocks_per_row = divide_up(dropout->units, 4);
    for (size_t r = 0; r < block.rows; r++) {
        const float *in_row = in + r * block.stride;
        float *out_row = out + r * block.stride;
        const size_t row_block = (row + r) * blocks_per_row + unit / 4;
        for (size_t start = 0; start < block.columns; start += BLOCKS_AT_ONCE * 4) {
            uint32_t words[BLOCKS_AT_ONCE * 4];
            words_of_blocks(&dropout->key, (uint32_t)(row_block + start / 4), words);
            const size_t width = size_min(block.columns - start, BLOCKS_AT_ONCE * 4);
            for (size_t j = 0; j < width; j++) {
                out_row[start + j] = words[j] >= threshold ? in_row[start + j] * factor : 0.0f;
            }
        }
    }
}
