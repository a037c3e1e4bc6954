/* What bad input gets: a 4xx that names the field, and the model as it was. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define BATCHES "/v1/models/m/batches"
#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))

/* ---- batches in JSON ---- */

static const struct refused batches[] = {
    /* the shape */
    {"{'inputs': [[1, 2, 3]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, 2], [1]], 'labels': [0, 1]}", 422, "/inputs/1"},
    {"{'inputs': [[1, 2], [1, 2, 3]], 'labels': [0, 1]}", 422, "/inputs/1"},
    {"{'inputs': [[1, 2], []], 'labels': [0, 1]}", 422, "/inputs/1"},
    {"{'inputs': [1, 2], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [], 'labels': []}", 422, "/inputs"},
    {"{'inputs': [[1, 2]], 'labels': [0, 1]}", 422, "/labels"},
    {"{'inputs': [[1, 2], [3, 4]], 'labels': [0]}", 422, "/labels"},
    {"{'inputs': [[1, 2]], 'labels': []}", 422, "/labels"},
    /* labels */
    {"{'inputs': [[1, 2]], 'labels': [2]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [-1]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [0.5]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [1e300]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2], [1, 2]], 'labels': ['no', 'maybe']}", 422, "/labels/1"},
    {"{'inputs': [[1, 2]], 'labels': ['No']}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': ['no\\u0000']}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': ['']}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [null]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [true]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': [[0]]}", 422, "/labels/0"},
    {"{'inputs': [[1, 2]], 'labels': 0}", 422, "/labels"},
    {"{'inputs': [[1, 2]], 'labels': 'yes'}", 422, "/labels"},
    /* targets and weights */
    {"{'inputs': [[1, 2]], 'targets': [[0.5, 0.6]]}", 422, "/targets/0"},
    {"{'inputs': [[1, 2]], 'targets': [[-1, 2]]}", 422, "/targets/0"},
    {"{'inputs': [[1, 2]], 'targets': [[1]]}", 422, "/targets/0"},
    {"{'inputs': [[1, 2]], 'targets': [[0, 1], [0, 1]]}", 422, "/targets"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'targets': [[1, 0]]}", 422, "/targets"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'sample_weights': [-1]}", 422, "/sample_weights/0"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'sample_weights': [1e39]}", 422, "/sample_weights/0"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'sample_weights': [1, 1]}", 422, "/sample_weights"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'sample_weights': 1}", 422, "/sample_weights"},
    /* what is missing, what is unknown */
    {"{}", 422, "/inputs"},
    {"{'labels': [0]}", 422, "/inputs"},
    {"{'inputs': [[1, 2]]}", 422, "/labels"},
    {"{'inputs': [[1, 2]], 'labels': null}", 422, "/labels"},
    {"{'inputs': [[1, 2]], 'label': [0]}", 422, "/label"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'a/b~c': 0}", 422, "/a~1b~0c"},
    {"{'inputs': [[1, 2]], 'labels': [0], 'top_k': 1}", 422, "/top_k"},
    {"{'Inputs': [[1, 2]], 'labels': [0]}", 422, "/Inputs"},
    {"{'': [[1, 2]], 'labels': [0]}", 422, "/"},
    /* the type */
    {"{'inputs': null, 'labels': [0]}", 422, "/inputs"},
    {"{'inputs': 5, 'labels': [0]}", 422, "/inputs"},
    {"{'inputs': '[[1, 2]]', 'labels': [0]}", 422, "/inputs"},
    {"{'inputs': {}, 'labels': [0]}", 422, "/inputs"},
    {"{'inputs': [{'a': 1}], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, '2']], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, 2, '3']], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, 2], [1, 2, null]], 'labels': [0, 0]}", 422, "/inputs/1"},
    {"{'inputs': [[1, null]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[true, 1]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, [2]]], 'labels': [0]}", 422, "/inputs/0"},
    {"[]", 422, NULL},
    {"[[1, 2]]", 422, NULL},
    {"5", 422, NULL},
    {"null", 422, NULL},
    {"'inputs'", 422, NULL},
    /* numbers */
    {"{'inputs': [[1, 1e39]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, 2], [-1e39, 0]], 'labels': [0, 1]}", 422, "/inputs/1"},
    {"{'inputs': [[1, 1e400]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, 3.4028236e38]], 'labels': [0]}", 422, "/inputs/0"},
    {"{'inputs': [[1, NaN]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, nan]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, Infinity]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, -Infinity]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 01]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, +1]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, .5]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 5.]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 1e]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 0x10]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 1.5.2]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, -]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1,5, 2]], 'labels': [0]}", 422, "/inputs/0"},
    /* the grammar */
    {" \n", 400, NULL},
    {"inputs=1", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0]}}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0]} {}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0],}", 400, NULL},
    {"{'inputs': [[1, 2],], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 2,]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1 2]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1,, 2]], 'labels': [0]}", 400, NULL},
    {"{inputs: [[1, 2]], 'labels': [0]}", 400, NULL},
    {"{'inputs' [[1, 2]], 'labels': [0]}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0] /* done */}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [tru]}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': ['\\ud800']}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': ['\\x']}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': ['a\tb']}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': ['\xff\xfe']}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': ['\xc0\xaf']}", 400, NULL},
    {"\xff\xfe{", 400, NULL},
    /* duplicate keys */
    {"{'inputs': [[1, 2]], 'labels': [0], 'inputs': [[1, 2]]}", 400, NULL},
    {"{'inputs': [[1, 2]], 'labels': [0], '\\u0069nputs': [[1, 2]]}", 400, NULL},
};

START_TEST(test_bad_batch_is_refused_and_names_the_field) {
    begin_with_model();
    const struct refused *row = &batches[_i];
    want_problem(post(BATCHES, "%s", row->body), row->status, row->pointer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_every_half_body_is_400) {
    begin_with_model();
    const char *whole = json_text("{'inputs': [[1.5e0, -2]], 'labels': ['y\\u0065s']}");
    for (size_t bytes = 0; bytes < strlen(whole); bytes++) {
        const struct answer *answer = post_raw(BATCHES, whole, bytes);
        ck_assert_msg(answer->status == 400, "found %ld for the first %zu bytes; wanted 400",
                      answer->status, bytes);
    }
    want_model_as_it_was();
}
END_TEST

START_TEST(test_deep_nesting_is_refused) {
    static const char *const starts[] = {"", "{\"inputs\":", "{\"inputs\":[[1,",
                                         "{\"labels\":", "{\"x\":"};
    begin_with_model();
    const size_t depth = 100000, start = strlen(starts[_i]);
    char *body = malloc(start + depth);
    memcpy(body, starts[_i], start);
    memset(body + start, '[', depth);
    const struct answer *answer = post_raw(BATCHES, body, start + depth);
    ck_assert_msg(answer->status == 422 || answer->status == 400, "found %ld; wanted 422 or 400",
                  answer->status);
    memset(body, '{', depth);
    want_status(post_raw(BATCHES, body, depth), 400);
    free(body);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_endless_number_is_400) {
    begin_with_model();
    char *body = malloc(20000);
    size_t used = (size_t)sprintf(body, "{\"inputs\":[[1,");
    memset(body + used, '7', 10000);
    used += 10000;
    used += (size_t)sprintf(body + used, "]],\"labels\":[0]}");
    want_problem(post_raw(BATCHES, body, used), 400, NULL);
    free(body);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_long_names_are_refused_in_whole_characters) {
    begin_with_model();
    /* cut at any byte: the answer must still be JSON */
    for (size_t pad = 0; pad < 4; pad++) {
        char name[2048] = "";
        for (size_t i = 0; i < pad; i++) {
            strcat(name, "x");
        }
        for (size_t i = 0; i < 100; i++) {
            strcat(name, "\xe2\x82\xac");
        }
        const struct answer *answer = post(BATCHES, "{'%s': 1}", name);
        ck_assert_msg(answer->json != NULL && answer->status == 422, "found %ld: %s",
                      answer->status, answer->body);
        answer = post(BATCHES, "{'inputs': [[1, 2]], 'labels': ['%s']}", name);
        ck_assert_msg(answer->json != NULL && answer->status == 422, "found %ld: %s",
                      answer->status, answer->body);
        answer = post("/v1/models", "{'name': '%s', 'inputs': 1, 'layers': [2]}", name);
        ck_assert_msg(answer->json != NULL && answer->status == 422, "found %ld: %s",
                      answer->status, answer->body);
        answer = post("/v1/models", "{'name': 'n', '%s': 1}", name);
        ck_assert_msg(answer->json != NULL && answer->status == 422, "found %ld: %s",
                      answer->status, answer->body);
    }
    want_model_as_it_was();
}
END_TEST

/* ---- batches for other losses ---- */

START_TEST(test_bad_targets_of_a_regression) {
    static const struct refused rows[] = {
        {"{'inputs': [[1]], 'labels': [0]}", 422, "/labels"},
        {"{'inputs': [[1]]}", 422, "/targets"},
        {"{'inputs': [[1]], 'targets': [[1, 2]]}", 422, "/targets/0"},
        {"{'inputs': [[1]], 'targets': [1]}", 422, "/targets/0"},
        {"{'inputs': [[1], [2]], 'targets': [[1], [1e39]]}", 422, "/targets/1"},
        {"{'inputs': [[1]], 'targets': [[NaN]]}", 400, NULL},
    };
    create_line("m", 1);
    note_model();
    want_problem(post(BATCHES, "%s", rows[_i].body), rows[_i].status, rows[_i].pointer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_bad_targets_of_several_sigmoids) {
    static const struct refused rows[] = {
        {"{'inputs': [[1]], 'labels': [0]}", 422, "/labels"},
        {"{'inputs': [[1]], 'targets': [[0, 1.5]]}", 422, "/targets/0"},
        {"{'inputs': [[1]], 'targets': [[0, -0.5]]}", 422, "/targets/0"},
        {"{'inputs': [[1]], 'targets': [[0]]}", 422, "/targets/0"},
    };
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 2, 'activation': 'sigmoid'}]}");
    want_status(train(BATCHES, "{'inputs': [[1]], 'targets': [[0, 1]]}"), 200);
    note_model();
    want_problem(post(BATCHES, "%s", rows[_i].body), rows[_i].status, rows[_i].pointer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_class_name_for_a_model_without_names_is_422) {
    create_pair("m");
    note_model();
    want_problem(post(BATCHES, "{'inputs': [[1]], 'labels': ['0']}"), 422, "/labels/0");
    want_model_as_it_was();
}
END_TEST

/* ---- safetensors that lie ---- */

#define INPUTS(dtype, shape, from, to)                                                             \
    "'inputs':{'dtype':'" dtype "','shape':" shape ",'data_offsets':[" #from "," #to "]}"
#define LABELS(dtype, shape, from, to)                                                             \
    "'labels':{'dtype':'" dtype "','shape':" shape ",'data_offsets':[" #from "," #to "]}"
#define GOOD_INPUTS INPUTS("F32", "[2,2]", 0, 16)
#define GOOD_LABELS LABELS("U8", "[2]", 16, 18)

static const struct {
    const char *header;
    int64_t header_bytes; /* promised; 0: its length */
    size_t data_bytes;
    long status;
    const char *pointer;
} liars[] = {
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", 1000, 18, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", 5, 18, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", -1, 18, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", INT64_MAX, 18, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", 0, 17, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", 0, 19, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_LABELS "}", 0, 0, 400, NULL},
    {"[]", 0, 18, 400, NULL},
    {"{", 0, 18, 400, NULL},
    {"{'inputs':{}}", 0, 18, 400, NULL},
    {"{'inputs':5}", 0, 18, 400, NULL},
    {"{" GOOD_INPUTS "," GOOD_INPUTS "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{'inputs':{'dtype':'F32','data_offsets':[0,16]}," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{'inputs':{'dtype':'F32','shape':[2,2]}," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{'inputs':{'shape':[2,2],'data_offsets':[0,16]}," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[2,2]", 0, 12) "," LABELS("U8", "[2]", 12, 14) "}", 0, 14, 400, NULL},
    {"{" INPUTS("F32", "[3,2]", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[2,2]", 16, 0) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[2,2]", -16, 0) "," LABELS("U8", "[2]", 0, 2) "}", 0, 2, 400, NULL},
    {"{" GOOD_INPUTS "," LABELS("U8", "[2]", 14, 16) "}", 0, 16, 400, NULL},
    {"{" GOOD_INPUTS "," LABELS("U8", "[2]", 18, 20) "}", 0, 20, 400, NULL},
    {"{" INPUTS("F32", "[2,2]", 2, 18) "," LABELS("U8", "[2]", 0, 2) "}", 0, 17, 400, NULL},
    {"{" INPUTS("F32", "[-2,-2]", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[2.0,2]", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "'2,2'", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[4611686018427387904,8]", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[9223372036854775807,2]", 0, 16) "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{" INPUTS("F32", "[2305843009213693952,2]", 0, 0) "," LABELS("U8", "[2]", 0, 2) "}", 0, 2,
     400, NULL},
    {"{'inputs':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16],'more':[[[1]]]}," GOOD_LABELS
     "}",
     0, 18, 400, NULL},
    {"{'inputs':[[[[[[[[]]]]]]]]}", 0, 18, 400, NULL},
    {"{'__metadata__':[]," GOOD_INPUTS "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{'__metadata__':{'scale':2}," GOOD_INPUTS "," GOOD_LABELS "}", 0, 18, 400, NULL},
    {"{'__metadata__':{'scale':'x'}," GOOD_INPUTS "," GOOD_LABELS "}", 0, 18, 422,
     "/__metadata__/scale"},
    {"{'__metadata__':{'offset':'inf'}," GOOD_INPUTS "," GOOD_LABELS "}", 0, 18, 422,
     "/__metadata__/offset"},
    {"{'input':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]}," GOOD_LABELS "}", 0, 18, 422,
     "/input"},
    {"{" INPUTS("F8_E4M3", "[2,2]", 0, 4) "," LABELS("U8", "[2]", 4, 6) "}", 0, 6, 422, "/inputs"},
    {"{" INPUTS("f32", "[2,2]", 0, 16) "," GOOD_LABELS "}", 0, 18, 422, "/inputs"},
    {"{" INPUTS("F32", "[2,1]", 0, 8) "," LABELS("U8", "[2]", 8, 10) "}", 0, 10, 422, "/inputs"},
    {"{" INPUTS("F32", "[4]", 0, 16) "," GOOD_LABELS "}", 0, 18, 422, "/inputs"},
    {"{" INPUTS("F32", "[2,2,1]", 0, 16) "," GOOD_LABELS "}", 0, 18, 422, "/inputs"},
    {"{" INPUTS("F32", "[]", 0, 4) "," LABELS("U8", "[2]", 4, 6) "}", 0, 6, 422, "/inputs"},
    {"{" GOOD_INPUTS "," LABELS("F32", "[2]", 16, 24) "}", 0, 24, 422, "/labels"},
    {"{" GOOD_INPUTS "," LABELS("U8", "[2,1]", 16, 18) "}", 0, 18, 422, "/labels"},
    {"{" GOOD_INPUTS "," LABELS("U8", "[3]", 16, 19) "}", 0, 19, 422, "/labels"},
    {"{" GOOD_INPUTS "}", 0, 16, 422, "/labels"},
    {"{" LABELS("U8", "[2]", 0, 2) "}", 0, 2, 422, "/inputs"},
    {"{}", 0, 0, 422, "/inputs"},
    {"{" INPUTS("F32", "[0,2]", 0, 0) "," LABELS("U8", "[0]", 0, 0) "}", 0, 0, 422, "/inputs"},
};

static const struct answer *post_liar(int i, bool chunked) {
    static const char zeros[64];
    const char *header = json_text("%s", liars[i].header);
    const size_t promised =
        liars[i].header_bytes != 0 ? (size_t)liars[i].header_bytes : strlen(header);
    size_t bytes;
    char *body = tensors_frame(header, promised, zeros, liars[i].data_bytes, &bytes);
    const struct answer *answer = request((struct call){.method = "POST",
                                                        .path = BATCHES,
                                                        .type = SAFETENSORS,
                                                        .body = body,
                                                        .bytes = bytes,
                                                        .chunked = chunked});
    free(body);
    return answer;
}

START_TEST(test_lying_safetensors_is_refused) {
    begin_with_model();
    want_problem(post_liar(_i, false), liars[_i].status, liars[_i].pointer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_lying_safetensors_of_unknown_length_is_refused) {
    begin_with_model();
    want_problem(post_liar(_i, true), liars[_i].status, liars[_i].pointer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_short_safetensors_is_400) {
    static const char bytes[8] = {2};
    begin_with_model();
    for (size_t count = 0; count <= sizeof bytes; count++) {
        want_problem(request((struct call){.method = "POST",
                                           .path = BATCHES,
                                           .type = SAFETENSORS,
                                           .body = bytes,
                                           .bytes = count}),
                     400, NULL);
    }
    want_model_as_it_was();
}
END_TEST

START_TEST(test_numbers_in_tensors_that_are_not_finite_name_their_row) {
    static const struct {
        const char *dtype, *query;
        double number;
    } rows[] = {
        {"F32", "", NAN},        {"F32", "", INFINITY},    {"F64", "", 1e300},
        {"F64", "", NAN},        {"F16", "", INFINITY},    {"BF16", "", INFINITY},
        {"BF16", "", -INFINITY}, {"U8", "?scale=1e39", 1}, {"F32", "?scale=1e30", 1e30},
    };
    begin_with_model();
    const double numbers[] = {0, 0, 0, rows[_i].number};
    char items[64], path[64];
    const uint8_t labels[] = {0, 1};
    const struct tensor tensors[] = {
        {"inputs", rows[_i].dtype, "[2, 2]", items,
         tensor_items(rows[_i].dtype, numbers, 4, items)},
        {"labels", "U8", "[2]", labels, 2},
    };
    if (strcmp(rows[_i].dtype, "F16") == 0) {
        memcpy(items + 6, "\x00\x7c", 2); /* infinity */
    }
    snprintf(path, sizeof path, BATCHES "%s", rows[_i].query);
    want_problem(post_tensors(path, NULL, tensors, 2, NULL), 422, "/inputs/1");
    want_model_as_it_was();
}
END_TEST

START_TEST(test_labels_in_tensors_that_are_out_of_range_name_their_row) {
    static const struct {
        const char *dtype;
        int64_t label;
    } rows[] = {{"U8", 2}, {"I8", -1}, {"I64", 1LL << 40}, {"I64", INT64_MIN}, {"U64", -1}};
    begin_with_model();
    const double inputs[] = {0, 0, 0, 0};
    char items[64], labels[16] = {0};
    const size_t width = strtoul(rows[_i].dtype + 1, NULL, 10) / 8;
    memcpy(labels + width, &rows[_i].label, width);
    const struct tensor tensors[] = {
        {"inputs", "F32", "[2, 2]", items, tensor_items("F32", inputs, 4, items)},
        {"labels", rows[_i].dtype, "[2]", labels, 2 * width},
    };
    want_problem(post_tensors(BATCHES, NULL, tensors, 2, NULL), 422, "/labels/1");
    want_model_as_it_was();
}
END_TEST

START_TEST(test_scale_that_is_no_number_is_422) {
    static const char *const queries[] = {"scale=x",    "scale=",      "offset=nan",
                                          "scale=inf",  "scale=1e400", "scale=1&scale=2",
                                          "scale=0x10", "scale=1,5"};
    begin_with_model();
    char path[64];
    snprintf(path, sizeof path, BATCHES "?%s", queries[_i]);
    const float inputs[] = {1, 2};
    const uint8_t label = 0;
    const struct tensor tensors[] = {{"inputs", "F32", "[1, 2]", inputs, sizeof inputs},
                                     {"labels", "U8", "[1]", &label, 1}};
    want_problem(post_tensors(path, NULL, tensors, 2, NULL), 422, NULL);
    want_model_as_it_was();
}
END_TEST

/* ---- the media type ---- */

START_TEST(test_other_media_types_are_415_with_advice) {
    static const struct {
        const char *type, *advice;
    } rows[] = {
        {"application/x-www-form-urlencoded", "--json"},
        {"multipart/form-data; boundary=x", "--json"},
        {"text/plain", "--data-binary"},
        {"text/plain;charset=utf-8", "--data-binary"},
        {"application/octet-stream", "application/json"},
        {"application/xml", "application/json"},
        {"application/jsonp", "application/json"},
        {"\xe2\x82\xac", "application/json"},
    };
    static const char *const paths[] = {"/v1/models", BATCHES, "/v1/models/m/predictions",
                                        "/v1/models/m/evaluations"};
    begin_with_model();
    for (size_t i = 0; i < 4; i++) {
        const struct answer *answer = request((struct call){
            .method = "POST", .path = paths[i], .type = rows[_i].type, .body = "{}", .bytes = 2});
        want_detail(want_problem(answer, 415, NULL), rows[_i].advice);
    }
    want_model_as_it_was();
}
END_TEST

START_TEST(test_json_by_other_names_is_taken) {
    static const char *const types[] = {"application/json", "Application/JSON; charset=utf-8",
                                        "text/json", "application/vnd.api+json", ""};
    const char *body = json_text("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_status(request((struct call){.method = "POST",
                                      .path = "/v1/models",
                                      .type = types[_i],
                                      .body = body,
                                      .bytes = strlen(body)}),
                201);
}
END_TEST

Suite *bad_input_suite(void) {
    Suite *suite = suite_create("bad_input");
    TCase *tests = shared_case(suite, "batches");
    tcase_add_loop_test(tests, test_bad_batch_is_refused_and_names_the_field, 0, COUNT(batches));
    tcase_add_test(tests, test_every_half_body_is_400);
    tcase_add_loop_test(tests, test_deep_nesting_is_refused, 0, 5);
    tcase_add_test(tests, test_endless_number_is_400);
    tcase_add_test(tests, test_long_names_are_refused_in_whole_characters);
    tcase_add_loop_test(tests, test_bad_targets_of_a_regression, 0, 6);
    tcase_add_loop_test(tests, test_bad_targets_of_several_sigmoids, 0, 4);
    tcase_add_test(tests, test_class_name_for_a_model_without_names_is_422);
    tests = shared_case(suite, "safetensors");
    tcase_add_loop_test(tests, test_lying_safetensors_is_refused, 0, COUNT(liars));
    tcase_add_loop_test(tests, test_lying_safetensors_of_unknown_length_is_refused, 0,
                        COUNT(liars));
    tcase_add_test(tests, test_short_safetensors_is_400);
    tcase_add_loop_test(tests, test_numbers_in_tensors_that_are_not_finite_name_their_row, 0, 9);
    tcase_add_loop_test(tests, test_labels_in_tensors_that_are_out_of_range_name_their_row, 0, 5);
    tcase_add_loop_test(tests, test_scale_that_is_no_number_is_422, 0, 8);
    tests = shared_case(suite, "media types");
    tcase_add_loop_test(tests, test_other_media_types_are_415_with_advice, 0, 8);
    tcase_add_loop_test(tests, test_json_by_other_names_is_taken, 0, 5);
    return suite;
}
