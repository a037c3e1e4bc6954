/* api/safetensors_intake.c and api/dtype.h */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/suites.h"

static struct specification model; /* two inputs, three classes */
static struct intake_case body_case;
static char body[64 * 1024];
static size_t body_bytes;

static void begin(void) {
    model_softmax(&model, 2, 3, NULL);
    body_case = (struct intake_case){
        .format = &intake_safetensors, .purpose = INTAKE_BATCH, .model = &model};
}

static void finish(void) {
    specification_free(&model);
}

static void make(const char *header, const void *data, size_t bytes) {
    const uint64_t length = (uint64_t)snprintf(body + 8, sizeof body - 8, "%s", header);
    memcpy(body, &length, 8);
    if (bytes > 0) {
        memcpy(body + 8 + length, data, bytes);
    }
    body_bytes = 8 + length + bytes;
}

static const struct outcome *taken(const char *header, const void *data, size_t bytes) {
    make(header, data, bytes);
    return expect_taken(&body_case, body, body_bytes);
}

static void refused(const char *header, const void *data, size_t bytes, enum error_code code,
                    const char *pointer, const char *words) {
    make(header, data, bytes);
    expect_refused(&body_case, body, body_bytes, code, pointer, words);
}

static const float *inputs_of(const struct outcome *outcome) {
    return (const float *)(const void *)outcome->examples.inputs.data;
}

#define INPUTS(dtype, rows, from, to)                                                              \
    "\"inputs\":{\"dtype\":\"" dtype "\",\"shape\":[" rows ",2],\"data_offsets\":[" from "," to "]}"
#define LABELS(dtype, rows, from, to)                                                              \
    "\"labels\":{\"dtype\":\"" dtype "\",\"shape\":[" rows "],\"data_offsets\":[" from "," to "]}"

START_TEST(test_a_batch_of_floats_and_labels) {
    const struct {
        float inputs[4];
        int64_t labels[2];
    } data = {{0.5f, -1, 1e-45f, 3e38f}, {2, 0}};
    const struct outcome *out =
        taken("{" INPUTS("F32", "2", "0", "16") "," LABELS("I64", "2", "16", "32") "}", &data, 32);
    ck_assert_uint_eq(out->examples.rows, 2);
    ck_assert_mem_eq(out->examples.inputs.data, data.inputs, 16);
    ck_assert_mem_eq(out->examples.labels.data, ((int32_t[]){2, 0}), 8);
}
END_TEST

START_TEST(test_tensors_may_come_in_any_order_and_headers_be_padded) {
    const struct {
        uint8_t label;
        float inputs[2];
    } __attribute__((packed)) data = {1, {4, 5}};
    const struct outcome *out =
        taken("{" INPUTS("F32", "1", "1", "9") "," LABELS("U8", "1", "0", "1") "}     ", &data, 9);
    ck_assert(inputs_of(out)[1] == 5);
    ck_assert_int_eq(((const int32_t *)(const void *)out->examples.labels.data)[0], 1);
}
END_TEST

START_TEST(test_targets_and_weights) {
    const struct {
        double weight;
        uint16_t inputs[2];
        float targets[3];
    } __attribute__((packed)) data = {0.5, {0x3c00, 0xc100}, {0.25f, 0.5f, 0.25f}};
    const char *header =
        "{\"sample_weights\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"targets\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[12,24]}," INPUTS(
            "F16", "1", "8", "12") "}";
    const struct outcome *out = taken(header, &data, 24);
    ck_assert_mem_eq(out->examples.inputs.data, ((float[]){1, -2.5f}), 8);
    ck_assert_mem_eq(out->examples.targets.data, data.targets, 12);
    ck_assert_mem_eq(out->examples.sample_weights.data, ((float[]){0.5f}), 4);
}
END_TEST

/* Two items of each type, as inputs of a prediction. */
static void expect_items(const char *dtype, size_t bytes, const void *items, float first,
                         float second) {
    char header[200];
    snprintf(header, sizeof header,
             "{\"inputs\":{\"dtype\":\"%s\",\"shape\":[1,2],\"data_offsets\":[0,%zu]}}", dtype,
             2 * bytes);
    body_case.purpose = INTAKE_PREDICTION;
    const struct outcome *out = taken(header, items, 2 * bytes);
    ck_assert_msg(inputs_of(out)[0] == first && inputs_of(out)[1] == second,
                  "%s: found %g and %g, wanted %g and %g", dtype, (double)inputs_of(out)[0],
                  (double)inputs_of(out)[1], (double)first, (double)second);
}

START_TEST(test_every_type_of_items_becomes_float32) {
    expect_items("F64", 8, (double[]){0.1, -1e-300}, 0.1f, 0);
    expect_items("F32", 4, (float[]){0.1f, -7}, 0.1f, -7);
    expect_items("F16", 2, (uint16_t[]){0x3555, 0x8001}, 0x1.554p-2f, -0x1p-24f);
    expect_items("F16", 2, (uint16_t[]){0x7bff, 0x03ff}, 65504, 0x1.ff8p-15f);
    expect_items("BF16", 2, (uint16_t[]){0x3f80, 0xc2f7}, 1, -123.5f);
    expect_items("I64", 8, (int64_t[]){INT64_MIN, 16777217}, -0x1p63f, 16777216);
    expect_items("I32", 4, (int32_t[]){INT32_MIN, 5}, -0x1p31f, 5);
    expect_items("I16", 2, (int16_t[]){-32768, 5}, -32768, 5);
    expect_items("I8", 1, (int8_t[]){-128, 127}, -128, 127);
    expect_items("U64", 8, (uint64_t[]){UINT64_MAX, 5}, 0x1p64f, 5);
    expect_items("U32", 4, (uint32_t[]){UINT32_MAX, 5}, 0x1p32f, 5);
    expect_items("U16", 2, (uint16_t[]){65535, 5}, 65535, 5);
    expect_items("U8", 1, (uint8_t[]){0, 255}, 0, 255);
    expect_items("BOOL", 1, (uint8_t[]){0, 1}, 0, 1);
}
END_TEST

START_TEST(test_scale_and_offset_apply_to_inputs_of_any_type) {
    body_case.purpose = INTAKE_PREDICTION;
    const char *bytes =
        "{\"__metadata__\":{\"scale\":\"0.5\",\"offset\":\"-1\",\"x\":\"y\"}," INPUTS("U8", "1",
                                                                                      "0", "2") "}";
    const char *numbers =
        "{\"__metadata__\":{\"scale\":\"0.5\",\"offset\":\"-1\"}," INPUTS("F32", "1", "0", "8") "}";
    const uint8_t items[] = {4, 255};
    const float same[] = {4, 255};
    ck_assert_mem_eq(inputs_of(taken(bytes, items, 2)), ((float[]){1, 126.5f}), 8);
    ck_assert_mem_eq(inputs_of(taken(numbers, same, 8)), ((float[]){1, 126.5f}), 8);
    body_case.scaling = (struct intake_scaling){.scale = 2, .offset = 1, .given = true};
    ck_assert_mem_eq(inputs_of(taken(bytes, items, 2)), ((float[]){9, 511}), 8);
    ck_assert_mem_eq(inputs_of(taken(numbers, same, 8)), ((float[]){9, 511}), 8);
}
END_TEST

START_TEST(test_a_scale_must_be_a_number) {
    static const char *const texts[] = {"", "x", "1/255", "1e400", ".5", "1 ", "NaN"};
    char header[200];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(header, sizeof header, "{\"__metadata__\":{\"scale\":\"%s\"},%s}", texts[i],
                 INPUTS("U8", "1", "0", "2"));
        refused(header, "ab", 2, ERROR_INVALID, "/__metadata__/scale", "a number");
    }
    refused("{\"__metadata__\":{\"scale\":1}," INPUTS("U8", "1", "0", "2") "}", "ab", 2,
            ERROR_SYNTAX, "", "strings");
    refused("{\"__metadata__\":[]}", NULL, 0, ERROR_SYNTAX, "", "strings");
}
END_TEST

START_TEST(test_numbers_must_be_finite_and_fit_float32) {
    body_case.purpose = INTAKE_PREDICTION;
    const float beyond[][4] = {{1, 2, NAN, 4}, {1, 2, 3, INFINITY}, {1, 2, -INFINITY, 4}};
    for (size_t i = 0; i < 3; i++) {
        refused("{" INPUTS("F32", "2", "0", "16") "}", beyond[i], 16, ERROR_INVALID, "/inputs/1",
                "row 1");
    }
    refused("{" INPUTS("F64", "1", "0", "16") "}", (double[]){1, 3.5e38}, 16, ERROR_INVALID,
            "/inputs/0", "beyond float32");
    refused("{" INPUTS("F16", "1", "0", "4") "}", (uint16_t[]){0x7c00, 0}, 4, ERROR_INVALID,
            "/inputs/0", "float32");
    refused("{" INPUTS("F16", "1", "0", "4") "}", (uint16_t[]){0, 0x7e01}, 4, ERROR_INVALID,
            "/inputs/0", "float32");
    refused("{" INPUTS("BF16", "1", "0", "4") "}", (uint16_t[]){0, 0x7fc0}, 4, ERROR_INVALID,
            "/inputs/0", "not a number");
    body_case.scaling = (struct intake_scaling){.scale = 1e38, .given = true};
    refused("{" INPUTS("U8", "2", "0", "4") "}", (uint8_t[]){1, 1, 1, 4}, 4, ERROR_INVALID,
            "/inputs/1", "float32");
}
END_TEST

START_TEST(test_labels_must_name_a_class) {
    const char *header = "{" INPUTS("U8", "2", "0", "4") "," LABELS("I8", "2", "4", "6") "}";
    taken(header, (int8_t[]){0, 0, 0, 0, 2, 0}, 6);
    refused(header, (int8_t[]){0, 0, 0, 0, 2, 3}, 6, ERROR_INVALID, "/labels/1", "0 to 2");
    refused(header, (int8_t[]){0, 0, 0, 0, -1, 0}, 6, ERROR_INVALID, "/labels/0", "0 to 2");
    const uint64_t huge[] = {0, UINT64_MAX};
    refused("{" LABELS("U64", "2", "0", "16") "}", huge, 16, ERROR_INVALID, "/labels/1", "0 to 2");
}
END_TEST

START_TEST(test_a_header_that_lies_is_a_syntax_error) {
    static const struct {
        const char *header, *words;
        size_t bytes;
    } cases[] = {
        {"", "start", 1},
        {" {}", "start", 0},
        {"[]", "start", 0},
        {"{", "header, byte", 1},
        {"{}x", "header, byte", 0},
        {"{\"\xff\":1}", "header, byte", 0},
        {"{" INPUTS("U8", "1", "0", "2") "," INPUTS("U8", "1", "0", "2") "}", "duplicate", 2},
        {"{\"inputs\":1}", "dtype is missing", 0},
        {"{\"inputs\":{}}", "dtype is missing", 0},
        {"{\"inputs\":{\"dtype\":\"U8\"}}", "shape is missing", 0},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,2]}}", "data_offsets", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[0,2],\"x\":1}}",
         "nothing else", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,-2],\"data_offsets\":[0,2]}}", "whole", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,2.0],\"data_offsets\":[0,2]}}", "whole", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[0,2,3]}}",
         "two whole numbers", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[2,0]}}", "do not fit", 2},
        {"{" INPUTS("U8", "1", "0", "3") "}", "do not fit", 3},
        {"{" INPUTS("U8", "2", "0", "2") "}", "do not fit", 2},
        {"{" INPUTS("F32", "1", "0", "2") "}", "do not fit", 2},
        {"{" INPUTS("F64", "4611686018427387904", "0", "0") "}", "do not fit", 0},
        {"{" INPUTS("F64", "4611686018427387904,4", "0", "0") "}", "address space", 0},
        {"{" INPUTS("F64", "2305843009213693952", "0", "0") "}", "do not fit", 0},
        {"{" INPUTS("U8", "9223372036854775808", "0", "0") "}", "header, byte", 0},
        /* One row in 32 bits. */
        {"{" INPUTS("U8", "4294967297", "0", "2") "}", "do not fit", 2},
        {"{" INPUTS("U8", "4294967297", "0", "8589934594") "}", "2 of 8589934594", 2},
        {"{" INPUTS("F32", "4294967297", "0", "34359738376") "}", "8 of 34359738376", 8},
        {"{" INPUTS("U8", "2147483649", "0", "4294967298") "}", "2 of 4294967298", 2},
        {"{" INPUTS("F64", "4611686018427387905", "0", "16") "}", "do not fit", 16},
        {"{" INPUTS("U8", "1", "0", "4294967298") "}", "do not fit", 2},
        {"{" INPUTS("U8", "1", "4294967296", "4294967298") "}", "gap", 2},
        {"{" INPUTS("U8", "1", "1", "3") "}", "gap", 3},
        {"{" INPUTS("U8", "1", "0", "2") "," LABELS("U8", "1", "3", "4") "}", "gap", 4},
        {"{" INPUTS("U8", "1", "0", "2") "," LABELS("U8", "1", "1", "2") "}", "overlaps", 2},
        {"{" INPUTS("U8", "1", "0", "2") "}", "behind the last", 3},
        {"{" INPUTS("U8", "2", "0", "4") "}", "3 of 4 bytes", 3},
        {"{\"inputs\":{\"dtype\":[[[[[1]]]]]}}", "nested deeper", 0},
    };
    static const char data[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(cases[i].header, data, cases[i].bytes, ERROR_SYNTAX, "", cases[i].words);
    }
}
END_TEST

START_TEST(test_a_body_that_is_no_safetensors) {
    expect_refused(&body_case, "", 0, ERROR_SYNTAX, "", "empty");
    expect_refused(&body_case, "abc", 3, ERROR_SYNTAX, "", "within");
    expect_refused(&body_case, "{\"inputs\":[[1,2]]}", 18, ERROR_SYNTAX, "", "header of");
    expect_refused(&body_case, "\x01\x00\x10\x00\x00\x00\x00\x00{", 9, ERROR_SYNTAX, "",
                   "allowed are 1048576");
    expect_refused(&body_case, "\x05\x00\x00\x00\x00\x00\x00\x00{", 9, ERROR_SYNTAX, "", "header");
}
END_TEST

START_TEST(test_a_header_promising_more_than_the_body_reserves_nothing) {
    struct ledger ledger;
    ledger_init(&ledger, (size_t)1 << 40);
    make("{" INPUTS("U8", "1000000000", "0", "2000000000") "}", NULL, 0);
    struct intake_request request = {.purpose = INTAKE_PREDICTION,
                                     .specification = &model,
                                     .ledger = &ledger,
                                     .body_bytes = body_bytes + 100};
    struct error error;
    struct intake *intake = intake_create(&intake_safetensors, &request);
    ck_assert_int_eq(intake_feed(intake, body, body_bytes, &error), ERROR_SYNTAX);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
    intake_destroy(intake);
    request.body_bytes = 0;
    intake = intake_create(&intake_safetensors, &request);
    ck_assert_int_eq(intake_feed(intake, body, body_bytes, &error), ERROR_NONE);
    ck_assert_uint_le(ledger_reserved(&ledger), 2 << 20);
    intake_destroy(intake);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
}
END_TEST

START_TEST(test_memory_is_taken_once_and_exactly) {
    static const float data[2000];
    make("{" INPUTS("F32", "1000", "0", "8000") "}", data, sizeof data);
    struct ledger ledger;
    ledger_init(&ledger, 16384);
    const struct intake_request request = {.purpose = INTAKE_PREDICTION,
                                           .specification = &model,
                                           .ledger = &ledger,
                                           .body_bytes = body_bytes};
    struct error error;
    struct intake *intake = intake_create(&intake_safetensors, &request);
    for (size_t at = 0; at < body_bytes; at++) {
        ck_assert_int_eq(intake_feed(intake, body + at, 1, &error), ERROR_NONE);
    }
    ck_assert_int_eq(intake_end(intake, &error), ERROR_NONE);
    ck_assert_uint_eq(intake->examples.inputs.capacity, 8000);
    ck_assert_uint_eq(ledger_reserved(&ledger), 8000);
    intake_destroy(intake);
}
END_TEST

START_TEST(test_shapes_and_types_must_fit_the_meaning) {
    static const struct {
        const char *header, *pointer, *words;
        size_t bytes;
    } cases[] = {
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,3],\"data_offsets\":[0,3]}}", "/inputs",
         "[1, 3]; the model has 2 inputs", 3},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", "/inputs",
         "1 dimensions", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[1,1,2],\"data_offsets\":[0,2]}}", "/inputs",
         "3 dimensions", 2},
        {"{\"inputs\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", "/inputs",
         "0 dimensions", 1},
        {"{\"labels\":{\"dtype\":\"U8\",\"shape\":[1,1],\"data_offsets\":[0,1]}}", "/labels",
         "2 dimensions", 1},
        {"{" LABELS("F32", "1", "0", "4") "}", "/labels", "allowed are I64, I32", 4},
        {"{\"sample_weights\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         "/sample_weights", "allowed are F64, F32, F16, BF16", 1},
        {"{" INPUTS("F8_E4M3", "1", "0", "2") "}", "/inputs", "'F8_E4M3'; allowed are F64", 2},
        {"{" INPUTS("F32", "0", "0", "0") "}", "/inputs", "at least one", 0},
        {"{}", "/inputs", "missing", 0},
        {"{\"images\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[0,2]}}", "/images",
         "'images' is unknown; allowed are inputs, labels, targets, sample_weights", 2},
    };
    static const char data[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool late = cases[i].bytes == 0;
        body_case.purpose = late ? INTAKE_PREDICTION : INTAKE_BATCH;
        refused(cases[i].header, data, cases[i].bytes, ERROR_INVALID, cases[i].pointer,
                cases[i].words);
    }
}
END_TEST

START_TEST(test_every_allocation_may_fail) {
    static const char data[1000];
    make("{" INPUTS("U8", "300", "0", "600") "," LABELS("U8", "300", "600", "900") "}", data, 900);
    expect_clean_without_memory(&body_case, body, body_bytes);
}
END_TEST

Suite *suite_safetensors_intake(void) {
    Suite *suite = suite_create("safetensors_intake");
    TCase *tests = tcase_create("safetensors_intake");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_a_batch_of_floats_and_labels);
    tcase_add_test(tests, test_tensors_may_come_in_any_order_and_headers_be_padded);
    tcase_add_test(tests, test_targets_and_weights);
    tcase_add_test(tests, test_every_type_of_items_becomes_float32);
    tcase_add_test(tests, test_scale_and_offset_apply_to_inputs_of_any_type);
    tcase_add_test(tests, test_a_scale_must_be_a_number);
    tcase_add_test(tests, test_numbers_must_be_finite_and_fit_float32);
    tcase_add_test(tests, test_labels_must_name_a_class);
    tcase_add_test(tests, test_a_header_that_lies_is_a_syntax_error);
    tcase_add_test(tests, test_a_body_that_is_no_safetensors);
    tcase_add_test(tests, test_a_header_promising_more_than_the_body_reserves_nothing);
    tcase_add_test(tests, test_memory_is_taken_once_and_exactly);
    tcase_add_test(tests, test_shapes_and_types_must_fit_the_meaning);
    tcase_add_test(tests, test_every_allocation_may_fail);
    suite_add_tcase(suite, tests);
    return suite;
}
