/* Who computes the products of a layer; see layer_product.h. */
#include "core/maths/layer_product.h"

#include "core/maths/panel_product.h"
#include "core/maths/product.h"

/* With fewer rows the packing of W costs more than it gives. */
#define PANEL_ROWS_MIN 8

/* With fewer columns most lanes of a vector are idle. */
#define PANEL_COLUMNS_MIN 8

void layer_product_forward(size_t rows, size_t in, size_t out, const float *X, size_t X_stride,
                           const float *W, size_t W_stride, float *Z, size_t Z_stride) {
    if (rows < PANEL_ROWS_MIN || !panel_product_supported()) {
        product_forward(rows, in, out, X, X_stride, W, W_stride, Z, Z_stride);
        return;
    }
    panel_product_run(&(struct panel_product){
        .rows = rows,
        .columns = out,
        .depth = in,
        .A = X,
        .A_stride = X_stride,
        .B = W,
        .B_stride = W_stride,
        .B_transposed = true,
        .C = Z,
        .C_stride = Z_stride,
    });
}

void layer_product_input_gradient(size_t rows, size_t in, size_t out, const float *dZ,
                                  size_t dZ_stride, const float *W, size_t W_stride, float *dX,
                                  size_t dX_stride) {
    if (rows < PANEL_ROWS_MIN || !panel_product_supported()) {
        product_input_gradient(rows, in, out, dZ, dZ_stride, W, W_stride, dX, dX_stride);
        return;
    }
    panel_product_run(&(struct panel_product){
        .rows = rows,
        .columns = in,
        .depth = out,
        .A = dZ,
        .A_stride = dZ_stride,
        .B = W,
        .B_stride = W_stride,
        .C = dX,
        .C_stride = dX_stride,
    });
}

void layer_product_weight_gradient(size_t rows, size_t in, size_t out, const float *dZ,
                                   size_t dZ_stride, const float *X, size_t X_stride, float *dW,
                                   size_t dW_stride) {
    if (in < PANEL_COLUMNS_MIN || !panel_product_supported()) {
        product_weight_gradient(rows, in, out, dZ, dZ_stride, X, X_stride, dW, dW_stride);
        return;
    }
    panel_product_run(&(struct panel_product){
        .rows = out,
        .columns = in,
        .depth = rows,
        .A = dZ,
        .A_stride = dZ_stride,
        .A_transposed = true,
        .B = X,
        .B_stride = X_stride,
        .C = dW,
        .C_stride = dW_stride,
    });
}
