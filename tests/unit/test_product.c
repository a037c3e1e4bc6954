/* core/maths/product.h: the three products by hand, in tiles, and the blocks
 * whose rows give the same bits. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/product.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* X [2 × 3], W [2 × 3], dZ [2 × 2]: no product of them is symmetric. */
static const float X[] = {1, 2, 3, 4, 5, 6};
static const float W[] = {1, 0, -1, 2, 1, 3};
static const float dZ[] = {1, 2, -1, 3};

START_TEST(test_forward_by_hand) {
    /* X·Wᵀ: (1-3, 2+2+9), (4-6, 8+5+18) */
    float Z[4];
    product_forward(2, 3, 2, X, 3, W, 3, Z, 2);
    EXPECT_ALL_CLOSE(4, Z, ((const float[]){-2, 13, -2, 31}), 0);
}
END_TEST

START_TEST(test_input_gradient_by_hand) {
    /* dZ·W: (1+4, 2, -1+6), (-1+6, 3, 1+9) */
    float dX[6];
    product_input_gradient(2, 3, 2, dZ, 2, W, 3, dX, 3);
    EXPECT_ALL_CLOSE(6, dX, ((const float[]){5, 2, 5, 5, 3, 10}), 0);
}
END_TEST

START_TEST(test_weight_gradient_by_hand) {
    /* dZᵀ·X: (1-4, 2-5, 3-6), (2+12, 4+15, 6+18) */
    float dW[6];
    product_weight_gradient(2, 3, 2, dZ, 2, X, 3, dW, 3);
    EXPECT_ALL_CLOSE(6, dW, ((const float[]){-3, -3, -3, 14, 19, 24}), 0);
}
END_TEST

START_TEST(test_products_overwrite_what_was_there_even_nan) {
    float Z[] = {NAN, NAN, NAN, NAN}, dX[] = {NAN, NAN, NAN, NAN, NAN, NAN};
    float dW[] = {NAN, NAN, NAN, NAN, NAN, NAN};
    product_forward(2, 3, 2, X, 3, W, 3, Z, 2);
    product_input_gradient(2, 3, 2, dZ, 2, W, 3, dX, 3);
    product_weight_gradient(2, 3, 2, dZ, 2, X, 3, dW, 3);
    EXPECT_SAME(Z[3], 31);
    EXPECT_SAME(dX[5], 10);
    EXPECT_SAME(dW[5], 24);
}
END_TEST

START_TEST(test_a_tile_of_larger_matrices_is_named_by_its_strides) {
    /* rows 0-1 and columns 0-1 of X, W: Z (1·1 + 2·0, 1·2 + 2·1), (4, 8 + 5) */
    float Z[] = {0, 0, 77, 0, 0, 77};
    product_forward(2, 2, 2, X, 3, W, 3, Z, 3);
    EXPECT_ALL_CLOSE(6, Z, ((const float[]){1, 4, 77, 4, 13, 77}), 0);
}
END_TEST

/* A block of block_rows rows, for odd shapes: every row's bits are those of the
 * row at any other place. */
START_TEST(test_a_row_gives_the_same_bits_at_every_place_of_its_block) {
    static const size_t shapes[][2] = {{1, 1},    {3, 5},     {784, 128}, {128, 10},
                                       {333, 77}, {784, 500}, {5000, 70}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t in = shapes[s][0], out = shapes[s][1];
        float *weights = malloc(in * out * sizeof *weights);
        float *row = malloc(PRODUCT_BLOCK_ROWS_MAX * in * sizeof *row);
        float *Z = malloc(2 * PRODUCT_BLOCK_ROWS_MAX * out * sizeof *Z);
        const size_t rows = product_block_rows(in, out, weights, row, Z);
        ck_assert_msg(rows >= 1 && rows <= PRODUCT_BLOCK_ROWS_MAX, "block rows: found %zu", rows);
        for (size_t i = 0; i < in * out; i++) {
            weights[i] = (float)((i * 7919) % 997) / 500.0f - 1.0f;
        }
        for (size_t place = 0; place < rows; place++) {
            for (size_t i = 0; i < rows * in; i++) {
                row[i] = i / in == place ? (float)((i % in * 31) % 101) / 50.0f - 1.0f
                                         : (float)(i % 13 + place);
            }
            float *answer = Z + (place > 0) * rows * out;
            product_forward_block(rows, in, out, row, weights, answer);
            EXPECT_BITS(out, answer + place * out, Z);
        }
        free(weights);
        free(row);
        free(Z);
    }
}
END_TEST

START_TEST(test_block_in_pieces_is_the_product) {
    static const size_t shapes[][2] = {{1, 1}, {20, 1000}, {784, 500}, {1024, 300}, {9000, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t in = shapes[s][0], out = shapes[s][1];
        float *W = malloc(in * out * sizeof *W), *rows = malloc(4 * in * sizeof *rows);
        float *Z = malloc(4 * out * sizeof *Z), *wanted = malloc(4 * out * sizeof *wanted);
        for (size_t i = 0; i < in * out; i++) { /* sums of whole numbers: exact in any order */
            W[i] = (float)(i * 7919 % 17) - 8.0f;
        }
        for (size_t i = 0; i < 4 * in; i++) {
            rows[i] = (float)(i * 31 % 11) - 5.0f;
        }
        product_forward(4, in, out, rows, in, W, in, wanted, out);
        product_forward_block(4, in, out, rows, W, Z);
        EXPECT_BITS(4 * out, Z, wanted);
        free(W);
        free(rows);
        free(Z);
        free(wanted);
    }
}
END_TEST

START_TEST(test_fewer_rows_of_a_divisible_block_have_the_same_bits) {
    static const size_t shapes[][2] = {{1, 1},    {3, 5},    {784, 256}, {256, 128},
                                       {128, 10}, {65, 650}, {784, 500}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t in = shapes[s][0], out = shapes[s][1];
        float *weights = malloc(in * out * sizeof *weights);
        float *rows = malloc(PRODUCT_BLOCK_ROWS_MAX * in * sizeof *rows);
        float *Z = malloc(2 * PRODUCT_BLOCK_ROWS_MAX * out * sizeof *Z);
        float *few = Z + PRODUCT_BLOCK_ROWS_MAX * out;
        const size_t block = product_block_rows(in, out, weights, rows, Z);
        const bool divisible = product_block_is_divisible(block, in, out, weights, rows, Z);
        for (size_t i = 0; i < block * in; i++) {
            rows[i] = (float)(i * 31 % 101) / 50.0f - 1.0f;
        }
        product_forward_block(block, in, out, rows, weights, Z);
        for (size_t count = 1; divisible && count < block; count++) {
            product_forward_block(count, in, out, rows, weights, few);
            EXPECT_BITS(count * out, few, Z);
        }
        free(weights);
        free(rows);
        free(Z);
    }
}
END_TEST

START_TEST(test_description_names_what_computes) {
    ck_assert_msg(strstr(product_description(), "OpenBLAS") == product_description() ||
                      strcmp(product_description(), "plain loops") == 0,
                  "found '%s'", product_description());
}
END_TEST

Suite *suite_product(void) {
    Suite *suite = suite_create("product");
    TCase *tests = tcase_create("product");
    tcase_add_test(tests, test_forward_by_hand);
    tcase_add_test(tests, test_input_gradient_by_hand);
    tcase_add_test(tests, test_weight_gradient_by_hand);
    tcase_add_test(tests, test_products_overwrite_what_was_there_even_nan);
    tcase_add_test(tests, test_a_tile_of_larger_matrices_is_named_by_its_strides);
    tcase_add_test(tests, test_a_row_gives_the_same_bits_at_every_place_of_its_block);
    tcase_add_test(tests, test_block_in_pieces_is_the_product);
    tcase_add_test(tests, test_fewer_rows_of_a_divisible_block_have_the_same_bits);
    tcase_add_test(tests, test_description_names_what_computes);
    suite_add_tcase(suite, tests);
    return suite;
}
