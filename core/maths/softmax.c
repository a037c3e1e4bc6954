/* Softmax of rows; see softmax.h. */
#include "core/maths/softmax.h"

#include <stdint.h>

#include "core/base/checked.h"
#include "core/maths/elementary.h"
#include "core/maths/vectorised.h"

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

/* The first place of a number that is there; 0 when it is not, as NaN never is. */
VECTORISED
static size_t place_of(float number, size_t count, const float *row) {
    size_t start = 0;
    for (; start + LANES <= count; start += LANES) {
        int found = 0;
        for (size_t lane = 0; lane < LANES; lane++) {
            found |= row[start + lane] == number;
        }
        if (found) {
            break;
        }
    }
    for (size_t j = start; j < count; j++) {
        if (row[j] == number) {
            return j;
        }
    }
    return 0;
}

size_t row_argmax(size_t count, const float *row) {
    return place_of(row_maximum(count, row), count, row);
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

/* --- several short rows: a row a lane ---------------------------------------------- */

_Static_assert(SOFTMAX_ROWS_MAX == LANES, "a row a lane");

/* Longer rows fill the lanes by themselves. */
#define SHORT_ROW 32

VECTORISED
static void softmax_lanes(size_t rows, size_t count, const float *Z, float *A,
                          struct softmax_rows *out) {
    float columns[SHORT_ROW][LANES], maximum[LANES], factor[LANES];
    float sums[LANES][LANES] = {{0}}; /* of every row the partial sums of exponentiate() */
    size_t width = 1;
    while (width < count && width < LANES) {
        width *= 2;
    }
    for (size_t j = 0; j < count; j++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            columns[j][lane] = Z[(lane < rows ? lane : 0) * count + j];
        }
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        maximum[lane] = Z[(lane < rows ? lane : 0) * count];
    }
    for (size_t j = 1; j < count; j++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            maximum[lane] = columns[j][lane] > maximum[lane] ? columns[j][lane] : maximum[lane];
        }
    }
    for (size_t j = 0; j < count; j++) {
        float *sum = sums[j % LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            const float exponential = float_exp(columns[j][lane] - maximum[lane]);
            columns[j][lane] = exponential;
            sum[lane] += exponential;
        }
    }
    /* What is beyond `width` is 0 and would change nothing. */
    for (width /= 2; width > 0; width /= 2) {
        for (size_t i = 0; i < width; i++) {
            for (size_t lane = 0; lane < LANES; lane++) {
                sums[i][lane] += sums[i + width][lane];
            }
        }
    }
    int32_t best[LANES] = {0};
    for (size_t lane = 0; lane < LANES; lane++) {
        factor[lane] = 1.0f / sums[0][lane];
        out->log_sums[lane] = (double)maximum[lane] + double_log_normal((double)sums[0][lane], 0);
        maximum[lane] = columns[0][lane] * factor[lane];
    }
    for (size_t j = 0; j < count; j++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            const float a = columns[j][lane] * factor[lane];
            columns[j][lane] = a;
            best[lane] = a > maximum[lane] ? (int32_t)j : best[lane];
            maximum[lane] = a > maximum[lane] ? a : maximum[lane];
        }
    }
    for (size_t lane = 0; lane < rows; lane++) {
        for (size_t j = 0; j < count; j++) {
            A[lane * count + j] = columns[j][lane];
        }
        out->classes[lane] = (size_t)best[lane];
    }
}

void softmax_rows(size_t rows, size_t count, const float *Z, float *A, struct softmax_rows *out) {
    if (count <= SHORT_ROW) {
        softmax_lanes(rows, count, Z, A, out);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        out->log_sums[r] = softmax_row(count, Z + r * count, A + r * count);
        out->classes[r] = row_argmax(count, A + r * count);
    }
}
