/* Products by panels; see panel_product.h. */
#include "core/maths/panel_product.h"

#if defined(__x86_64__) && !defined(MLPD_PLAIN_PRODUCT)

#include <immintrin.h>

#include "core/base/checked.h"

#define TARGET __attribute__((target("avx512f")))

#define VECTOR 16
#define PANEL (2 * VECTOR)

/* Rows that are summed at once: 24 sums, 2 vectors of B and one number of A fit the
 * 32 registers. */
#define ROWS_MAX 12

/* A packed panel of so many terms and ROWS_MAX rows of A fit the first cache. */
#define DEPTH_MAX 256

/* Rows of a transposed A that are copied together, a multiple of ROWS_MAX; a tile of 128
 * at once, since each chunk packs B again. */
#define CHUNK_ROWS 132

/* Numbers that lie so many floats apart, or a multiple, share few sets of the caches:
 * what is read again and again is copied first. */
#define STRIDE_FAR 512

/* --- kernels ------------------------------------------------------------------ */

/* One block of C: up to ROWS_MAX rows of one or two vectors of columns. */
struct block {
    size_t depth; /* up to DEPTH_MAX */
    const float *A;
    size_t A_row, A_step; /* from row to row, from term to term */
    const float *B;       /* whole vectors, also where columns are missing */
    size_t B_step;        /* from term to term */
    float *C;
    size_t C_stride;
    __mmask16 mask[2]; /* columns that are there */
    bool continued;    /* C has the sum of the terms before */
};

#define EACH_1(DO) DO(0)
#define EACH_2(DO) EACH_1(DO) DO(1)
#define EACH_3(DO) EACH_2(DO) DO(2)
#define EACH_4(DO) EACH_3(DO) DO(3)
#define EACH_5(DO) EACH_4(DO) DO(4)
#define EACH_6(DO) EACH_5(DO) DO(5)
#define EACH_7(DO) EACH_6(DO) DO(6)
#define EACH_8(DO) EACH_7(DO) DO(7)
#define EACH_9(DO) EACH_8(DO) DO(8)
#define EACH_10(DO) EACH_9(DO) DO(9)
#define EACH_11(DO) EACH_10(DO) DO(10)
#define EACH_12(DO) EACH_11(DO) DO(11)

#define SUMS_1(i) __m512 x##i = _mm512_setzero_ps();
#define TERM_1(i) x##i = _mm512_fmadd_ps(_mm512_set1_ps(A[(i)*A_row]), b, x##i);
#define ADD_1(i) x##i = _mm512_add_ps(_mm512_maskz_loadu_ps(mask_x, C + (i)*C_stride), x##i);
#define STORE_1(i)                                                                                 \
    _mm512_mask_storeu_ps(C, mask_x, x##i);                                                        \
    C += C_stride;

#define SUMS_2(i) SUMS_1(i) __m512 y##i = _mm512_setzero_ps();
#define TERM_2(i)                                                                                  \
    {                                                                                              \
        const __m512 a = _mm512_set1_ps(A[(i)*A_row]);                                             \
        x##i = _mm512_fmadd_ps(a, b, x##i);                                                        \
        y##i = _mm512_fmadd_ps(a, c, y##i);                                                        \
    }
#define ADD_2(i)                                                                                   \
    ADD_1(i)                                                                                       \
    y##i = _mm512_add_ps(_mm512_maskz_loadu_ps(mask_y, C + (i)*C_stride + VECTOR), y##i);
#define STORE_2(i)                                                                                 \
    _mm512_mask_storeu_ps(C + VECTOR, mask_y, y##i);                                               \
    STORE_1(i)

/* Where the sums will be stored must come from memory first: while they are computed. */
#define FETCH_1(i) __builtin_prefetch(C + (i)*C_stride, 1);
#define FETCH_2(i) FETCH_1(i) __builtin_prefetch(C + (i)*C_stride + VECTOR, 1);

/* The loop over the terms stands once for each number of rows, so that the sums stay
 * in registers. */
#define KERNELS(ROWS)                                                                              \
    TARGET static void narrow_##ROWS(const struct block *block) {                                  \
        const float *A = block->A, *B = block->B;                                                  \
        float *C = block->C;                                                                       \
        const size_t C_stride = block->C_stride;                                                   \
        const size_t A_row = block->A_row, A_step = block->A_step, B_step = block->B_step;         \
        const __mmask16 mask_x = block->mask[0];                                                   \
        EACH_##ROWS(FETCH_1)                                                                       \
            EACH_##ROWS(SUMS_1) for (size_t left = block->depth; left > 0; left--) {               \
            const __m512 b = _mm512_loadu_ps(B);                                                   \
            EACH_##ROWS(TERM_1) A += A_step;                                                       \
            B += B_step;                                                                           \
        }                                                                                          \
        if (block->continued) {                                                                    \
            EACH_##ROWS(ADD_1)                                                                     \
        }                                                                                          \
        EACH_##ROWS(STORE_1)                                                                       \
    }                                                                                              \
    TARGET static void wide_##ROWS(const struct block *block) {                                    \
        const float *A = block->A, *B = block->B;                                                  \
        float *C = block->C;                                                                       \
        const size_t C_stride = block->C_stride;                                                   \
        const size_t A_row = block->A_row, A_step = block->A_step, B_step = block->B_step;         \
        const __mmask16 mask_x = block->mask[0], mask_y = block->mask[1];                          \
        EACH_##ROWS(FETCH_2)                                                                       \
            EACH_##ROWS(SUMS_2) for (size_t left = block->depth; left > 0; left--) {               \
            const __m512 b = _mm512_loadu_ps(B);                                                   \
            const __m512 c = _mm512_loadu_ps(B + VECTOR);                                          \
            EACH_##ROWS(TERM_2) A += A_step;                                                       \
            B += B_step;                                                                           \
        }                                                                                          \
        if (block->continued) {                                                                    \
            EACH_##ROWS(ADD_2)                                                                     \
        }                                                                                          \
        EACH_##ROWS(STORE_2)                                                                       \
    }

KERNELS(1)
KERNELS(2)
KERNELS(3)
KERNELS(4)
KERNELS(5)
KERNELS(6)
KERNELS(7)
KERNELS(8)
KERNELS(9)
KERNELS(10)
KERNELS(11)
KERNELS(12)

typedef void kernel(const struct block *block);

static kernel *const narrow_kernels[ROWS_MAX] = {narrow_1, narrow_2,  narrow_3,  narrow_4,
                                                 narrow_5, narrow_6,  narrow_7,  narrow_8,
                                                 narrow_9, narrow_10, narrow_11, narrow_12};
static kernel *const wide_kernels[ROWS_MAX] = {wide_1, wide_2, wide_3, wide_4,  wide_5,  wide_6,
                                               wide_7, wide_8, wide_9, wide_10, wide_11, wide_12};

/* --- packing ------------------------------------------------------------------- */

static __mmask16 first_lanes(size_t count) {
    return (__mmask16)((1u << size_min(count, VECTOR)) - 1);
}

/* to [terms × PANEL] = a vector of columns from [columns × terms], at most 16 each:
 * rows in registers, by twos, by fours, then by quarters of a register. */
TARGET static void transpose_square(size_t columns, size_t terms, const float *from, size_t stride,
                                    float *to) {
    const __mmask16 mask = first_lanes(terms);
    __m512 a[VECTOR], b[VECTOR];
    for (size_t i = 0; i < VECTOR; i++) {
        a[i] = i < columns ? _mm512_maskz_loadu_ps(mask, from + i * stride) : _mm512_setzero_ps();
    }
    for (size_t i = 0; i < VECTOR; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < VECTOR; i += 4) {
        for (size_t j = 0; j < 2; j++) {
            const __m512d low = _mm512_castps_pd(b[i + j]), high = _mm512_castps_pd(b[i + j + 2]);
            a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    /* Now lane 4q+c of a[4p+r] is row 4p+c, term 4q+r. */
    for (size_t r = 0; r < 4; r++) {
        b[r] = _mm512_shuffle_f32x4(a[r], a[r + 4], 0x88);
        b[r + 4] = _mm512_shuffle_f32x4(a[r], a[r + 4], 0xdd);
        b[r + 8] = _mm512_shuffle_f32x4(a[r + 8], a[r + 12], 0x88);
        b[r + 12] = _mm512_shuffle_f32x4(a[r + 8], a[r + 12], 0xdd);
    }
    for (size_t r = 0; r < 4; r++) {
        a[r] = _mm512_shuffle_f32x4(b[r], b[r + 8], 0x88);
        a[r + 4] = _mm512_shuffle_f32x4(b[r + 4], b[r + 12], 0x88);
        a[r + 8] = _mm512_shuffle_f32x4(b[r], b[r + 8], 0xdd);
        a[r + 12] = _mm512_shuffle_f32x4(b[r + 4], b[r + 12], 0xdd);
    }
    for (size_t term = 0; term < terms; term++) {
        _mm512_storeu_ps(to + term * PANEL, a[term]);
    }
}

TARGET static void pack_transposed(size_t columns, size_t depth, const float *B, size_t stride,
                                   float *to) {
    for (size_t term = 0; term < depth; term += VECTOR) {
        const size_t terms = size_min(VECTOR, depth - term);
        for (size_t j = 0; j < columns; j += VECTOR) {
            transpose_square(size_min(VECTOR, columns - j), terms, B + j * stride + term, stride,
                             to + term * PANEL + j);
        }
    }
}

TARGET static void pack(const __mmask16 mask[2], size_t depth, const float *B, size_t stride,
                        float *to) {
    for (size_t term = 0; term < depth; term++) {
        const float *from = B + term * stride;
        _mm512_storeu_ps(to + term * PANEL, _mm512_maskz_loadu_ps(mask[0], from));
        _mm512_storeu_ps(to + term * PANEL + VECTOR, _mm512_maskz_loadu_ps(mask[1], from + VECTOR));
    }
}

/* Rows are taken in blocks of about as many each: block i of `blocks` has so many. */
static size_t block_rows(size_t rows, size_t blocks, size_t i) {
    return rows / blocks + (i < rows % blocks);
}

/* Some rows of a transposed A, [depth × rows], block by block, each [depth × its rows]. */
TARGET static void gather_rows(size_t rows, size_t depth, const float *A, size_t stride,
                               float *to) {
    const size_t blocks = divide_up(rows, ROWS_MAX);
    for (size_t i = 0, done = 0; i < blocks; i++) {
        const size_t count = block_rows(rows, blocks, i);
        const __mmask16 mask = first_lanes(count);
        for (size_t term = 0; term < depth; term++, to += count) {
            _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, A + term * stride + done));
        }
        done += count;
    }
}

/* --- the product ----------------------------------------------------------------- */

/* The rows of one panel; `block` says the rest.  A is gathered or lies as it is. */
static void run_rows(struct block *block, bool narrow, bool gathered, size_t rows, const float *A,
                     float *C) {
    kernel *const *kernels = narrow ? narrow_kernels : wide_kernels;
    const size_t blocks = divide_up(rows, ROWS_MAX);
    for (size_t i = 0; i < blocks; i++) {
        const size_t count = block_rows(rows, blocks, i);
        block->A = A;
        block->C = C;
        block->A_step = gathered ? count : block->A_step;
        kernels[count - 1](block);
        A += count * (gathered ? block->depth : block->A_row);
        C += count * block->C_stride;
    }
}

/* Point the block to its part of B: as it lies where all of its vectors are whole and
 * near, else packed. */
static void find_panel(const struct panel_product *p, size_t term, size_t column, size_t columns,
                       float *packed, struct block *block) {
    block->mask[0] = first_lanes(columns);
    block->mask[1] = columns > VECTOR ? first_lanes(columns - VECTOR) : 0;
    block->B = packed;
    block->B_step = PANEL;
    if (p->B_transposed) {
        pack_transposed(columns, block->depth, p->B + column * p->B_stride + term, p->B_stride,
                        packed);
        return;
    }
    const float *B = p->B + term * p->B_stride + column;
    if (columns % VECTOR == 0 && (p->B_stride < STRIDE_FAR || p->rows <= 2 * ROWS_MAX)) {
        block->B = B;
        block->B_step = p->B_stride;
    } else {
        pack(block->mask, block->depth, B, p->B_stride, packed);
    }
}

void panel_product_run(const struct panel_product *p) {
    float packed[DEPTH_MAX * PANEL] __attribute__((aligned(64)));
    float gathered[DEPTH_MAX * CHUNK_ROWS] __attribute__((aligned(64)));
    const bool gathers = p->A_transposed && p->A_stride >= STRIDE_FAR && p->columns > PANEL;
    const size_t chunk = gathers ? CHUNK_ROWS : p->rows;
    const size_t A_row = p->A_transposed ? 1 : p->A_stride;
    const size_t A_step = p->A_transposed ? p->A_stride : 1;
    for (size_t term = 0; term < p->depth; term += DEPTH_MAX) {
        struct block block = {
            .depth = size_min(DEPTH_MAX, p->depth - term),
            .A_row = A_row,
            .A_step = A_step,
            .C_stride = p->C_stride,
            .continued = term > 0,
        };
        for (size_t row = 0; row < p->rows; row += chunk) {
            const size_t rows = size_min(chunk, p->rows - row);
            const float *A = p->A + row * A_row + term * A_step;
            if (gathers) {
                gather_rows(rows, block.depth, A, p->A_stride, gathered);
                A = gathered;
            }
            for (size_t column = 0; column < p->columns; column += PANEL) {
                const size_t columns = size_min(PANEL, p->columns - column);
                find_panel(p, term, column, columns, packed, &block);
                run_rows(&block, columns <= VECTOR, gathers, rows, A,
                         p->C + row * p->C_stride + column);
            }
        }
    }
}

bool panel_product_supported(void) {
    return __builtin_cpu_supports("avx512f");
}

#else

bool panel_product_supported(void) {
    return false;
}

void panel_product_run(const struct panel_product *product) {
    (void)product;
}

#endif
