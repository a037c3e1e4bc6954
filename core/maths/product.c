/* The matrix products; see product.h.
 *
 * With MLPD_PLAIN_PRODUCT the products are plain loops: ThreadSanitizer cannot
 * see OpenBLAS's own locking, so the builds it checks do without. */
#include "core/maths/product.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/base/random.h"

#ifdef MLPD_PLAIN_PRODUCT

enum { CblasNoTrans, CblasTrans };

/* C [m × n] = op(A) [m × k] · op(B) [k × n]. */
static void multiply(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const float *A,
                     size_t A_stride, const float *B, size_t B_stride, float *C, size_t C_stride) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t p = 0; p < k; p++) {
                const float a = transpose_a ? A[p * A_stride + i] : A[i * A_stride + p];
                const float b = transpose_b ? B[j * B_stride + p] : B[p * B_stride + j];
                sum += a * b;
            }
            C[i * C_stride + j] = sum;
        }
    }
}

static enum error_code configure(struct error *error) {
    (void)error;
    return ERROR_NONE;
}

const char *product_description(void) {
    return "plain loops";
}

const char *product_core_type(void) {
    return "any";
}

#else

#include <cblas.h>

static void multiply(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, size_t m, size_t n,
                     size_t k, const float *A, size_t A_stride, const float *B, size_t B_stride,
                     float *C, size_t C_stride) {
    cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, (blasint)m, (blasint)n, (blasint)k, 1.0f,
                A, (blasint)A_stride, B, (blasint)B_stride, 0.0f, C, (blasint)C_stride);
}

/* Debian's serial flavour of OpenBLAS is built without locks and is racy even
 * under callers that share nothing; only the pthread flavour will do. */
static enum error_code configure(struct error *error) {
    if (openblas_get_parallel() != 1) {
        return error_set(error, ERROR_INTERNAL, NULL,
                         "the OpenBLAS found is not the pthread flavour, and the others are not "
                         "safe under several threads: install libopenblas0-pthread");
    }
    openblas_set_num_threads(1);
    return ERROR_NONE;
}

const char *product_description(void) {
    static char description[96]; /* written once, by product_start, before other threads */
    if (description[0] == '\0') {
        char version[32] = "OpenBLAS";
        sscanf(openblas_get_config(), "%*s %15s", version + strlen("OpenBLAS "));
        version[strlen("OpenBLAS")] = ' ';
        snprintf(description, sizeof description, "%s %s", version, openblas_get_corename());
    }
    return description;
}

const char *product_core_type(void) {
    return openblas_get_corename();
}

#endif

void product_forward(size_t rows, size_t in, size_t out, const float *X, size_t X_stride,
                     const float *W, size_t W_stride, float *Z, size_t Z_stride) {
    multiply(CblasNoTrans, CblasTrans, rows, out, in, X, X_stride, W, W_stride, Z, Z_stride);
}

/* What OpenBLAS's kernels for small matrices take on AVX-512: numbers of the result and
 * multiplications.  Beyond, it packs W first, which for four rows takes up to five times as
 * long as all else; elsewhere pieces cost nothing. */
#define SMALL_RESULT_MAX 1200
#define SMALL_WORK_MAX 1000000
#define COLUMNS_STEP 32 /* so that all pieces but the last are of whole vectors */

static size_t columns_of_piece(size_t in, size_t out) {
    const size_t most = size_min(SMALL_RESULT_MAX, SMALL_WORK_MAX / in) / PRODUCT_BLOCK_ROWS_MAX;
    return most >= COLUMNS_STEP ? most / COLUMNS_STEP * COLUMNS_STEP : out;
}

void product_forward_block(size_t rows, size_t in, size_t out, const float *X, const float *W,
                           float *Z) {
    const size_t columns = columns_of_piece(in, out);
    for (size_t o = 0; o < out; o += columns) {
        product_forward(rows, in, size_min(columns, out - o), X, in, W + o * in, in, Z + o, out);
    }
}

void product_input_gradient(size_t rows, size_t in, size_t out, const float *dZ, size_t dZ_stride,
                            const float *W, size_t W_stride, float *dX, size_t dX_stride) {
    multiply(CblasNoTrans, CblasNoTrans, rows, in, out, dZ, dZ_stride, W, W_stride, dX, dX_stride);
}

void product_weight_gradient(size_t rows, size_t in, size_t out, const float *dZ, size_t dZ_stride,
                             const float *X, size_t X_stride, float *dW, size_t dW_stride) {
    multiply(CblasTrans, CblasNoTrans, out, in, rows, dZ, dZ_stride, X, X_stride, dW, dW_stride);
}

/* --- self-test --------------------------------------------------------------
 * Newly released CPUs have been given wrong kernels (NumPy #24903, OpenBLAS
 * #5267, #3454); better no service than wrong arithmetic. */

static void fill_test_matrix(uint32_t stream, size_t count, float *matrix) {
    const struct random_key key = {0, 0, stream};
    for (size_t i = 0; i < count; i++) {
        uint32_t words[4];
        random_block(key, (uint32_t)i, words);
        matrix[i] = 2.0f * random_unit(words[0]) - 1.0f;
    }
}

struct self_test {
    size_t rows, in, out;
    float *X, *W, *dZ; /* [rows × in], [out × in], [rows × out] */
    float *result;     /* as large as the largest of them */
};

static bool close_to(double expected, float found, size_t terms) {
    return fabs(expected - (double)found) <= 1e-6 * (double)terms + 1e-6; /* false for NaN */
}

static bool forward_is_right(const struct self_test *t) {
    product_forward(t->rows, t->in, t->out, t->X, t->in, t->W, t->in, t->result, t->out);
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t o = 0; o < t->out; o++) {
            double sum = 0;
            for (size_t i = 0; i < t->in; i++) {
                sum += (double)t->X[r * t->in + i] * (double)t->W[o * t->in + i];
            }
            if (!close_to(sum, t->result[r * t->out + o], t->in)) {
                return false;
            }
        }
    }
    return true;
}

static bool input_gradient_is_right(const struct self_test *t) {
    product_input_gradient(t->rows, t->in, t->out, t->dZ, t->out, t->W, t->in, t->result, t->in);
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t i = 0; i < t->in; i++) {
            double sum = 0;
            for (size_t o = 0; o < t->out; o++) {
                sum += (double)t->dZ[r * t->out + o] * (double)t->W[o * t->in + i];
            }
            if (!close_to(sum, t->result[r * t->in + i], t->out)) {
                return false;
            }
        }
    }
    return true;
}

static bool weight_gradient_is_right(const struct self_test *t) {
    product_weight_gradient(t->rows, t->in, t->out, t->dZ, t->out, t->X, t->in, t->result, t->in);
    for (size_t o = 0; o < t->out; o++) {
        for (size_t i = 0; i < t->in; i++) {
            double sum = 0;
            for (size_t r = 0; r < t->rows; r++) {
                sum += (double)t->dZ[r * t->out + o] * (double)t->X[r * t->in + i];
            }
            if (!close_to(sum, t->result[o * t->in + i], t->rows)) {
                return false;
            }
        }
    }
    return true;
}

static enum error_code self_test(struct error *error) {
    static const size_t shapes[][3] = {{1, 1, 1},    {1, 17, 5},   {3, 5, 7},     {4, 33, 10},
                                       {31, 13, 29}, {65, 67, 63}, {97, 129, 33}, {130, 71, 131}};
    enum { LARGEST = 131 * 131 };
    float *space = memory_allocate(4 * LARGEST, sizeof *space);
    if (space == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the self-test of the products");
    }
    enum error_code code = ERROR_NONE;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes && code == ERROR_NONE; s++) {
        struct self_test t = {shapes[s][0],    shapes[s][1],        shapes[s][2],       space,
                              space + LARGEST, space + 2 * LARGEST, space + 3 * LARGEST};
        fill_test_matrix(1, t.rows * t.in, t.X);
        fill_test_matrix(2, t.out * t.in, t.W);
        fill_test_matrix(3, t.rows * t.out, t.dZ);
        if (!forward_is_right(&t) || !input_gradient_is_right(&t) ||
            !weight_gradient_is_right(&t)) {
            code = error_set(error, ERROR_INTERNAL, NULL,
                             "%s computes wrong products on this CPU (rows %zu, in %zu, out %zu): "
                             "try another core type, for example OPENBLAS_CORETYPE=Haswell",
                             product_description(), t.rows, t.in, t.out);
        }
    }
    memory_free(space);
    return code;
}

enum error_code product_start(struct error *error) {
    const enum error_code code = configure(error);
    if (code != ERROR_NONE) {
        return code;
    }
    product_description();
    return self_test(error);
}

void product_warm_thread(void) {
    enum { SIDE = 256 };
    float *space = memory_allocate_zero(3 * SIDE * SIDE, sizeof *space);
    if (space != NULL) {
        product_forward(SIDE, SIDE, SIDE, space, SIDE, space + SIDE * SIDE, SIDE,
                        space + 2 * SIDE * SIDE, SIDE);
        memory_free(space);
    }
}

static bool block_is_safe(size_t rows, size_t in, size_t out, float *X, const float *W, float *Z) {
    for (size_t r = 1; r < rows; r++) {
        memcpy(X + r * in, X, in * sizeof *X);
    }
    product_forward_block(rows, in, out, X, W, Z);
    for (size_t r = 1; r < rows; r++) {
        if (memcmp(Z, Z + r * out, out * sizeof *Z) != 0) {
            return false;
        }
    }
    return true;
}

size_t product_block_rows(size_t in, size_t out, float *W, float *X, float *Z) {
    /* 4 first: up to there OpenBLAS has a kernel for small matrices that is
     * faster a row than the next larger sizes on AVX-512, and it is safe on every
     * core type measured. */
    static const size_t candidates[] = {PRODUCT_BLOCK_ROWS_MAX, 2};
    fill_test_matrix(4, in, X);
    fill_test_matrix(5, in * out, W);
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (block_is_safe(candidates[i], in, out, X, W, Z)) {
            return candidates[i];
        }
    }
    return 1; /* always safe: each row is the same call */
}

/* Where it is worth a look: smaller products take no time, and larger ones wait for W,
 * however few the rows are. */
#define DIVISIBLE_WORK_MIN ((size_t)32768)
#define DIVISIBLE_WORK_MAX ((size_t)1 << 19)
#define DIVISIBLE_OUT_MAX 1024
/* Sums of another order come out equal by chance, about every other one, and there may be
 * just one column that is summed in another. */
#define DIVISIBLE_TRIALS 16

bool product_block_is_divisible(size_t rows, size_t in, size_t out, const float *W, float *X,
                                float *Z) {
    float whole[PRODUCT_BLOCK_ROWS_MAX * DIVISIBLE_OUT_MAX];
    bool divisible = out <= DIVISIBLE_OUT_MAX && in * out >= DIVISIBLE_WORK_MIN &&
                     in * out <= DIVISIBLE_WORK_MAX;
    for (uint32_t trial = 0; trial < DIVISIBLE_TRIALS && divisible; trial++) {
        fill_test_matrix(6 + trial, rows * in, X);
        product_forward_block(rows, in, out, X, W, whole);
        for (size_t count = 1; count < rows && divisible; count++) {
            product_forward_block(count, in, out, X, W, Z);
            divisible = memcmp(Z, whole, count * out * sizeof *Z) == 0;
        }
    }
    return divisible;
}
