/* api/model_intake.h, with api/safetensors_reader.h and api/model_tensors.h under it */
#include "api/model_intake.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/unit/suites.h"

static struct ledger ledger;
static char body[8192];
static size_t body_bytes;

#define CONFIG                                                                                     \
    "{\\\"inputs\\\":3,\\\"standardize\\\":true,\\\"layers\\\":[{\\\"units\\\":2,"                 \
    "\\\"normalization\\\":\\\"batch\\\",\\\"dropout\\\":0.5},1],\\\"loss\\\":\\\"mse\\\","        \
    "\\\"optimizer\\\":{\\\"name\\\":\\\"rmsprop\\\"}}"

/* The tensors of that network, in an order of its own, without num_batches_tracked; item i of
 * all is i + 1. */
static const struct {
    const char *name, *dtype, *shape;
    size_t items;
} rows[] = {
    {"4.weight", "F32", "[1,2]", 2},
    {"4.bias", "F32", "[1]", 1},
    {"0.weight", "F32", "[2,3]", 6},
    {"0.bias", "F32", "[2]", 2},
    {"1.running_var", "F64", "[2]", 2},
    {"1.running_mean", "F32", "[2]", 2},
    {"1.bias", "F32", "[2]", 2},
    {"1.weight", "F32", "[2]", 2},
    {"standardizer.scale", "F64", "[3]", 3},
    {"standardizer.m2", "F64", "[3]", 3},
    {"standardizer.mean", "F32", "[3]", 3},
    {"standardizer.count", "I64", "[]", 1},
    {"optimizer.first.0.weight", "F32", "[2,3]", 6},
    {"optimizer.first.0.bias", "F32", "[2]", 2},
    {"optimizer.first.1.weight", "F32", "[2]", 2},
    {"optimizer.first.1.bias", "F32", "[2]", 2},
    {"optimizer.first.4.weight", "F32", "[1,2]", 2},
    {"optimizer.first.4.bias", "F32", "[1]", 1},
};
#define ROWS (sizeof rows / sizeof *rows)

static char *put(char *to, const char *dtype, size_t number) {
    const float single = (float)number;
    const double twice = (double)number;
    const int64_t whole = (int64_t)number;
    if (strcmp(dtype, "F32") == 0) {
        memcpy(to, &single, sizeof single);
        return to + sizeof single;
    }
    memcpy(to, strcmp(dtype, "F64") == 0 ? (const void *)&twice : (const void *)&whole, 8);
    return to + 8;
}

/* The first `count` of the rows, in a file. */
static void make(size_t count) {
    char *header = body + 8;
    size_t used = (size_t)snprintf(header, 4096,
                                   "{\"__metadata__\":{\"config\":\"" CONFIG
                                   "\",\"step\":\"7\",\"examples\":\"70\"}");
    size_t position = 0, number = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = rows[i].items * (strcmp(rows[i].dtype, "F32") == 0 ? 4 : 8);
        used += (size_t)snprintf(
            header + used, 4096 - used,
            ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", rows[i].name,
            rows[i].dtype, rows[i].shape, position, position + bytes);
        position += bytes;
    }
    header[used++] = '}';
    const uint64_t length = used;
    memcpy(body, &length, sizeof length);
    char *at = header + used;
    for (size_t i = 0; i < count; i++) {
        for (size_t item = 0; item < rows[i].items; item++) {
            at = put(at, rows[i].dtype, ++number);
        }
    }
    body_bytes = (size_t)(at - body);
}

static void begin(void) {
    ledger_init(&ledger, (size_t)1 << 24);
    make(ROWS);
}

static void finish(void) {
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
}

static struct model_intake *read_in_pieces(size_t step, enum error_code wanted,
                                           struct error *error) {
    struct model_intake *intake = model_intake_create(&ledger, 0);
    enum error_code code = ERROR_NONE;
    ck_assert(intake != NULL);
    for (size_t at = 0; at < body_bytes && code == ERROR_NONE; at += step) {
        code = model_intake_feed(intake, body + at, step < body_bytes - at ? step : body_bytes - at,
                                 error);
    }
    if (code == ERROR_NONE) {
        code = model_intake_end(intake, error);
    }
    ck_assert_msg(code == wanted, "%d: %s", (int)code, error->message);
    return intake;
}

START_TEST(test_numbers_are_where_the_network_has_them) {
    struct error error;
    struct model_intake *intake = read_in_pieces(body_bytes, ERROR_NONE, &error);
    const struct network *network = &intake->network;
    const struct network_layer *first = &network->layers[0], *second = &network->layers[1];
    const struct weights weights = state_weights(intake->state, network);
    ck_assert(state_check(intake->state, network, &error) == ERROR_NONE);
    ck_assert_uint_eq(weights.step, 7);
    ck_assert_uint_eq(intake->state->head->examples, 70);
    ck_assert(weights.parameters[second->weights + 1] == 2);
    ck_assert(weights.parameters[second->biases] == 3);
    ck_assert(weights.parameters[first->weights] == 4 &&
              weights.parameters[first->weights + 5] == 9);
    ck_assert(weights.parameters[first->moving_variances] == 12);
    ck_assert(weights.parameters[first->moving_means + 1] == 15);
    ck_assert(weights.parameters[first->gammas] == 18 && weights.parameters[first->betas] == 16);
    ck_assert(weights.standardizer.scale[0] == 20 && weights.standardizer.m2[2] == 25);
    ck_assert(weights.standardizer.mean[1] == 27);
    ck_assert_uint_eq(weights.standardizer.count, 29);
    ck_assert(state_slot(intake->state, 0)[first->weights] == 30);
    ck_assert(state_slot(intake->state, 0)[second->biases] == 44);
    /* And what is between them is 0. */
    ck_assert(weights.parameters[first->weights + 6] == 0);
    ck_assert(weights.parameters[second->weights - 1] == 0);
    model_intake_destroy(intake);
}
END_TEST

START_TEST(test_cuts_change_nothing) {
    struct error error;
    struct model_intake *whole = read_in_pieces(body_bytes, ERROR_NONE, &error);
    for (size_t step = 1; step < 80; step++) {
        struct model_intake *cut = read_in_pieces(step, ERROR_NONE, &error);
        ck_assert_uint_eq(cut->state->bytes, whole->state->bytes);
        ck_assert_mem_eq(cut->state->head, whole->state->head, whole->state->bytes);
        model_intake_destroy(cut);
    }
    model_intake_destroy(whole);
}
END_TEST

/* Without the slots, whose six tensors are the last. */
START_TEST(test_file_without_slots_begins_anew) {
    struct error error;
    make(ROWS - 6);
    struct model_intake *intake = read_in_pieces(64, ERROR_NONE, &error);
    ck_assert_uint_eq(intake->state->head->slot_count, 0);
    ck_assert_uint_eq(intake->state->head->step, 0);
    ck_assert_uint_eq(intake->state->head->examples, 0);
    ck_assert_uint_eq(intake->state->head->standardizer_count, 29);
    model_intake_destroy(intake);
}
END_TEST

START_TEST(test_every_tensor_is_needed) {
    struct error error;
    for (size_t count = 0; count < ROWS; count++) {
        if (count != ROWS - 6) {
            make(count);
            model_intake_destroy(read_in_pieces(64, ERROR_INVALID, &error));
            ck_assert(strstr(error.message, "is missing") != NULL);
        }
    }
}
END_TEST

START_TEST(test_every_failing_allocation_is_an_error) {
    long failures = 0;
    for (enum error_code code = ERROR_MEMORY; code == ERROR_MEMORY; failures++) {
        struct error error;
        memory_fail_after(failures);
        struct model_intake *intake = model_intake_create(&ledger, body_bytes);
        code = intake == NULL ? ERROR_MEMORY : model_intake_feed(intake, body, body_bytes, &error);
        memory_fail_after(-1);
        ck_assert(code == ERROR_MEMORY || code == ERROR_NONE);
        model_intake_destroy(intake);
        ck_assert_uint_eq(ledger_reserved(&ledger), 0);
    }
    ck_assert_int_gt(failures, 5);
}
END_TEST

Suite *suite_model_intake(void) {
    Suite *suite = suite_create("model_intake");
    TCase *tests = tcase_create("model_intake");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_numbers_are_where_the_network_has_them);
    tcase_add_test(tests, test_cuts_change_nothing);
    tcase_add_test(tests, test_file_without_slots_begins_anew);
    tcase_add_test(tests, test_every_tensor_is_needed);
    tcase_add_test(tests, test_every_failing_allocation_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}
