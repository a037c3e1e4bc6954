/* core/maths/panel_product.h: every number against its chain of fused multiply-adds,
 * to the bit; core/maths/layer_product.h: against OpenBLAS. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/checked.h"
#include "core/maths/layer_product.h"
#include "core/maths/panel_product.h"
#include "core/maths/product.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define CHAIN 256 /* terms that panel_product.h adds up as one */

static float *numbers(size_t count, size_t seed) {
    float *array = malloc(count * sizeof *array);
    ck_assert(array != NULL);
    for (size_t i = 0; i < count; i++) {
        array[i] = (float)((i * 7919 + seed * 104729) % 1999) / 1000.0f - 1.0f;
    }
    return array;
}

static float chain(const struct panel_product *p, size_t row, size_t column) {
    float sum = 0;
    for (size_t start = 0; start < p->depth; start += CHAIN) {
        float part = 0;
        for (size_t term = start; term < size_min(start + CHAIN, p->depth); term++) {
            const float a =
                p->A_transposed ? p->A[term * p->A_stride + row] : p->A[row * p->A_stride + term];
            const float b = p->B_transposed ? p->B[column * p->B_stride + term]
                                            : p->B[term * p->B_stride + column];
            part = fmaf(a, b, part);
        }
        sum = start > 0 ? sum + part : part;
    }
    return sum;
}

#define UNTOUCHED 12345.0f

/* One product within larger matrices: `gap` more numbers a row. */
static void check_product(size_t rows, size_t columns, size_t depth, bool A_transposed,
                          bool B_transposed, size_t gap) {
    const size_t A_rows = A_transposed ? depth : rows, A_columns = A_transposed ? rows : depth;
    const size_t B_rows = B_transposed ? columns : depth;
    const size_t B_columns = B_transposed ? depth : columns;
    /* Without a gap behind the last row: nothing beyond it may be read. */
    float *A = numbers(A_rows * (A_columns + gap) - gap, 1);
    float *B = numbers(B_rows * (B_columns + gap) - gap, 2);
    float *C = malloc(rows * (columns + gap) * sizeof *C);
    ck_assert(C != NULL);
    for (size_t i = 0; i < rows * (columns + gap); i++) {
        C[i] = UNTOUCHED;
    }
    const struct panel_product product = {
        rows, columns,         depth,        A, A_columns + gap, A_transposed,
        B,    B_columns + gap, B_transposed, C, columns + gap};
    panel_product_run(&product);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns + gap; c++) {
            const float wanted = c < columns ? chain(&product, r, c) : UNTOUCHED;
            const float found = C[r * (columns + gap) + c];
            ck_assert_msg(
                found == wanted, "%zu × %zu × %zu%s%s: found %.9g at %zu, %zu, wanted %.9g", rows,
                columns, depth, A_transposed ? ", A transposed" : "",
                B_transposed ? ", B transposed" : "", (double)found, r, c, (double)wanted);
        }
    }
    free(A);
    free(B);
    free(C);
}

START_TEST(test_every_number_is_its_chain_of_fused_multiply_adds) {
    static const size_t rows[] = {1, 2, 3, 5, 8, 11, 12, 13, 24, 29, 100};
    static const size_t columns[] = {1, 7, 15, 16, 17, 31, 32, 33, 48, 65};
    static const size_t depths[] = {1, 2, 15, 16, 17, 40, 255, 256, 257, 515};
    if (!panel_product_supported()) {
        return; /* OpenBLAS computes everything on this CPU */
    }
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const size_t depth = depths[(r + c) % (sizeof depths / sizeof *depths)];
            check_product(rows[r], columns[c], depth, false, true, 0);
            check_product(rows[r], columns[c], depth, false, false, c % 3);
            check_product(rows[r], columns[c], depth, true, false, r % 3);
        }
    }
}
END_TEST

/* Rows that lie so far apart that they are copied first. */
START_TEST(test_far_rows_change_no_bit) {
    if (!panel_product_supported()) {
        return;
    }
    check_product(25, 40, 30, false, false, 600);
    check_product(24, 40, 30, false, false, 600);
    check_product(200, 33, 30, true, false, 600);
    check_product(97, 32, 30, true, false, 600);
    check_product(30, 40, 300, false, true, 600);
}
END_TEST

static void check_layer(size_t rows, size_t in, size_t out) {
    float *X = numbers(rows * in, 3), *W = numbers(out * in, 4), *dZ = numbers(rows * out, 5);
    const size_t largest = size_max(rows, out) * size_max(in, out);
    float *found = numbers(largest, 6), *wanted = numbers(largest, 7);
    const double tolerance = 1e-6 * (double)size_max(rows, size_max(in, out));
    layer_product_forward(rows, in, out, X, in, W, in, found, out);
    product_forward(rows, in, out, X, in, W, in, wanted, out);
    for (size_t i = 0; i < rows * out; i++) {
        EXPECT_CLOSE(found[i], (double)wanted[i], tolerance);
    }
    layer_product_input_gradient(rows, in, out, dZ, out, W, in, found, in);
    product_input_gradient(rows, in, out, dZ, out, W, in, wanted, in);
    for (size_t i = 0; i < rows * in; i++) {
        EXPECT_CLOSE(found[i], (double)wanted[i], tolerance);
    }
    layer_product_weight_gradient(rows, in, out, dZ, out, X, in, found, in);
    product_weight_gradient(rows, in, out, dZ, out, X, in, wanted, in);
    for (size_t i = 0; i < out * in; i++) {
        EXPECT_CLOSE(found[i], (double)wanted[i], tolerance);
    }
    free(X);
    free(W);
    free(dZ);
    free(found);
    free(wanted);
}

START_TEST(test_the_products_of_a_layer_are_those_of_openblas) {
    static const size_t shapes[][3] = {{1, 1, 1},   {7, 9, 5},      {8, 8, 8},     {16, 4, 16},
                                       {16, 16, 3}, {32, 128, 64},  {97, 29, 67},  {300, 600, 33},
                                       {64, 7, 40}, {128, 784, 64}, {20, 520, 530}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        check_layer(shapes[s][0], shapes[s][1], shapes[s][2]);
    }
}
END_TEST

Suite *suite_panel_product(void) {
    Suite *suite = suite_create("panel_product");
    TCase *tests = tcase_create("panel_product");
    tcase_add_test(tests, test_every_number_is_its_chain_of_fused_multiply_adds);
    tcase_add_test(tests, test_far_rows_change_no_bit);
    tcase_add_test(tests, test_the_products_of_a_layer_are_those_of_openblas);
    suite_add_tcase(suite, tests);
    return suite;
}
