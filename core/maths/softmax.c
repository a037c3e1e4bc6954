/* Softmax of one row; see softmax.h. */
#include "core/maths/softmax.h"

#include "core/maths/elementary.h"
#include "core/maths/vectorised.h"

size_t row_argmax(size_t count, const float *row) {
    size_t best = 0;
    for (size_t j = 1; j < count; j++) {
        if (row[j] > row[best]) {
            best = j;
        }
    }
    return best;
}

VECTORISED
static float row_maximum(size_t count, const float *row) {
    float lanes[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        lanes[lane] = row[lane < count ? lane : 0];
    }
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            lanes[lane] = row[j + lane] > lanes[lane] ? row[j + lane] : lanes[lane];
        }
    }
    float maximum = lanes[0];
    for (; j < count; j++) {
        maximum = row[j] > maximum ? row[j] : maximum;
    }
    for (size_t lane = 1; lane < LANES; lane++) {
        maximum = lanes[lane] > maximum ? lanes[lane] : maximum;
    }
    return maximum;
}

/* A = e^(Z - maximum); returns the sum. */
VECTORISED
static float exponentiate(size_t count, const float *Z, float maximum, float *A) {
    float lanes[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            const float exponential = float_exp(Z[j + lane] - maximum);
            A[j + lane] = exponential;
            lanes[lane] += exponential;
        }
    }
    for (size_t lane = 0; j < count; j++, lane++) {
        const float exponential = float_exp(Z[j] - maximum);
        A[j] = exponential;
        lanes[lane] += exponential;
    }
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) {
            lanes[lane] += lanes[lane + width];
        }
    }
    return lanes[0];
}

VECTORISED
static void scale(size_t count, float factor, float *A) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        A[j] *= factor;
    }
}

double softmax_row(size_t count, const float *Z, float *A) {
    const float maximum = row_maximum(count, Z);
    const float sum = exponentiate(count, Z, maximum, A);
    scale(count, 1.0f / sum, A);
    return (double)maximum + double_log((double)sum);
}
