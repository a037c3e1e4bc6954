/* Products by panels: the matrix products of training on CPUs with AVX-512, which
 * is faster there than OpenBLAS on the sizes of layers and batches (up to twice for
 * X·Wᵀ of small nets), and as fast on large ones.
 *
 * A panel is 32 columns of the result.  The part of B that it needs is packed once
 * into contiguous memory, transposed where B is; then up to 12 rows of the result
 * at a time are summed in registers.  256 terms are one chain of fused multiply-adds
 * in their order, from 0 on, and the chains are added up in order: so a number's bits
 * depend on its row of A and its column of B only, never on where tiles are cut.
 *
 * Pure functions over caller's arrays, any thread. */
#ifndef MLPD_CORE_MATHS_PANEL_PRODUCT_H
#define MLPD_CORE_MATHS_PANEL_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* C [rows × columns] = op(A) [rows × depth] · op(B) [depth × columns].  Strides are
 * between the beginnings of two rows as they lie in memory.  No dimension is 0. */
struct panel_product {
    size_t rows, columns, depth;
    const float *A;
    size_t A_stride;
    bool A_transposed; /* it lies as [depth × rows] */
    const float *B;
    size_t B_stride;
    bool B_transposed; /* it lies as [columns × depth] */
    float *C;
    size_t C_stride;
};

/* Does this CPU have what it takes?  The same answer at all times. */
bool panel_product_supported(void);

/* Only where it is supported. */
void panel_product_run(const struct panel_product *product);

#endif
