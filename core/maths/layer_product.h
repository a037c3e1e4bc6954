/* The three matrix products of training a layer, by whatever is fastest for the shape
 * on this CPU: panels (panel_product.h) or OpenBLAS (product.h), which also stays
 * what the panels are tested against.
 *
 * Arguments are those of product.h.  Which one computes follows from the shape and
 * the CPU alone.  Any thread. */
#ifndef MLPD_CORE_MATHS_LAYER_PRODUCT_H
#define MLPD_CORE_MATHS_LAYER_PRODUCT_H

#include <stddef.h>

/* Z [rows × out] = X [rows × in] · Wᵀ, W [out × in]. */
void layer_product_forward(size_t rows, size_t in, size_t out, const float *X, size_t X_stride,
                           const float *W, size_t W_stride, float *Z, size_t Z_stride);

/* dX [rows × in] = dZ [rows × out] · W [out × in]. */
void layer_product_input_gradient(size_t rows, size_t in, size_t out, const float *dZ,
                                  size_t dZ_stride, const float *W, size_t W_stride, float *dX,
                                  size_t dX_stride);

/* dW [out × in] = dZᵀ · X, dZ [rows × out], X [rows × in]. */
void layer_product_weight_gradient(size_t rows, size_t in, size_t out, const float *dZ,
                                   size_t dZ_stride, const float *X, size_t X_stride, float *dW,
                                   size_t dW_stride);

#endif
