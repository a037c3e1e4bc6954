/* The three matrix products of a layer: the only caller of BLAS.
 *
 * All matrices are row-major float32.  A matrix argument is followed by its
 * stride: how many numbers lie between the beginnings of two rows, so that a
 * tile of a larger matrix can be named.  No dimension may be 0.
 *
 * OpenBLAS runs on the calling thread (its own threading is set to 1 once, by
 * product_start); any number of threads may call at the same time.  Bits depend
 * on the shapes and on the CPU's core type, never on who else computes. */
#ifndef MLPD_CORE_MATHS_PRODUCT_H
#define MLPD_CORE_MATHS_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

/* Set OpenBLAS up and compare its products with naive loops on odd shapes.
 * Once, before any other thread exists.  ERROR_INTERNAL, with what to do, when
 * the library is the wrong flavour or computes wrongly. */
enum error_code product_start(struct error *error);

/* What computes: "OpenBLAS 0.3.21 SkylakeX". */
const char *product_description(void);

/* The kind of CPU that it computes for: "SkylakeX", "any". */
const char *product_core_type(void);

/* Touch this thread's BLAS buffers, so that the first batch does not pay. */
void product_warm_thread(void);

/* Forward: Z [rows × out] = X [rows × in] · Wᵀ, W [out × in]. */
void product_forward(size_t rows, size_t in, size_t out, const float *X, size_t X_stride,
                     const float *W, size_t W_stride, float *Z, size_t Z_stride);

/* The same for a block of at most PRODUCT_BLOCK_ROWS_MAX rows, all matrices dense: in pieces
 * of the columns, of a width that depends on `in` alone. */
void product_forward_block(size_t rows, size_t in, size_t out, const float *X, const float *W,
                           float *Z);

/* Backward: dX [rows × in] = dZ [rows × out] · W [out × in]. */
void product_input_gradient(size_t rows, size_t in, size_t out, const float *dZ, size_t dZ_stride,
                            const float *W, size_t W_stride, float *dX, size_t dX_stride);

/* Backward: dW [out × in] = dZᵀ · X, dZ [rows × out], X [rows × in]. */
void product_weight_gradient(size_t rows, size_t in, size_t out, const float *dZ, size_t dZ_stride,
                             const float *X, size_t X_stride, float *dW, size_t dW_stride);

/* The number of rows in which predictions through a layer of this shape are
 * computed, such that a row gives the same bits at every place in the block: the
 * first of a fixed list of sizes for which a block of equal rows gives equal
 * rows on this CPU.  Overwrites W [out × in], X [PRODUCT_BLOCK_ROWS_MAX × in] and
 * Z [PRODUCT_BLOCK_ROWS_MAX × out]. */
size_t product_block_rows(size_t in, size_t out, float *W, float *X, float *Z);

#define PRODUCT_BLOCK_ROWS_MAX 4

/* Whether a block of fewer rows than `rows` gives each of them the same bits, too, so that
 * a short one need not be padded: half the time of a single row of 784 → 256 on AVX-512,
 * where it holds for most shapes.  False where that saves nothing.  With W as
 * product_block_rows leaves it; overwrites X [rows × in] and
 * Z [rows × out]. */
bool product_block_is_divisible(size_t rows, size_t in, size_t out, const float *W, float *X,
                                float *Z);

#endif
