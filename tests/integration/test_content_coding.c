/* Compressed bodies: gzip and deflate of every kind of body, and their limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define MODEL "/v1/models/m"
#define BATCHES MODEL "/batches"
#define GZIP "Content-Encoding: gzip"
#define JSON_BATCH "{\"inputs\": [[1, 2], [3, 4]], \"labels\": [1, 0]}"

/* Compressed bytes, which live until the next call but three. */
static struct call compressed(const char *headers, const char *path, const char *type,
                              const void *body, size_t bytes) {
    static char *kept[4];
    static size_t next;
    const bool zlib = strcasestr(headers, "deflate") != NULL;
    z_stream stream = {0};
    if (deflateInit2(&stream, 9, Z_DEFLATED, zlib ? 15 : 31, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        abort();
    }
    const size_t room = deflateBound(&stream, bytes);
    free(kept[next % 4]);
    char *out = kept[next++ % 4] = malloc(room);
    stream.next_in = (Bytef *)body;
    stream.avail_in = (unsigned)bytes;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (unsigned)room;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        abort();
    }
    deflateEnd(&stream);
    return (struct call){.method = "POST",
                         .path = path,
                         .headers = headers,
                         .type = type,
                         .body = out,
                         .bytes = stream.total_out};
}

static struct call compressed_text(const char *headers, const char *path, const char *type,
                                   const char *text) {
    return compressed(headers, path, type, text, strlen(text));
}

static void create_small(void) {
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2], 'seed': 5}");
}

static void want_no_batch(void) {
    want_json(get(MODEL), "/step", "0");
    want_json(get(MODEL), "/queue_depth", "0");
}

/* The payload of a key is what was compressed. */
START_TEST(test_compressed_repeat_is_a_repeat) {
    const char *body = json_text("{'inputs': [[1, 2]], 'labels': [0]}");
    create_small();
    const struct answer *first = post_with("Idempotency-Key: k", MODEL "/batches", "%s", body);
    want_header(want_status(first, 202), "Idempotent-Replayed", "");
    const struct answer *repeat = request(
        compressed_text(GZIP "\nIdempotency-Key: k", MODEL "/batches", "application/json", body));
    want_header(want_status(repeat, 202), "Idempotent-Replayed", "true");
    want_json(repeat, "/batch", "1");
}
END_TEST

START_TEST(test_every_kind_of_body_may_be_compressed) {
    static const char *const headers[] = {GZIP, "Content-Encoding: x-gzip",
                                          "content-encoding: DEFLATE", "Content-Encoding:  Gzip "};
    const char *header = headers[_i];
    want_status(request(compressed_text(header, "/v1/models", NULL,
                                        "{\"name\": \"m\", \"inputs\": 2, \"layers\": [4, 2]}")),
                201);
    want_status(request(compressed_text(header, BATCHES, NULL, JSON_BATCH)), 202);
    const struct answer *answer =
        want_status(request(compressed_text(header, BATCHES, "text/csv", "1,2,1\n3,4,0\n")), 202);
    want_json(answer, "/rows", "2");
    const float inputs[] = {1, 2};
    const unsigned char label = 1;
    const struct tensor tensors[] = {{"inputs", "F32", "[1, 2]", inputs, sizeof inputs},
                                     {"labels", "U8", "[1]", &label, 1}};
    size_t bytes;
    char *body = tensors_body(tensors, 2, NULL, &bytes);
    want_status(request(compressed(header, BATCHES, SAFETENSORS, body, bytes)), 202);
    free(body);
    want_status(
        request(compressed_text(header, MODEL "/predictions", NULL, "{\"inputs\":[[1,2]]}")), 200);
    want_status(request(compressed_text(header, MODEL "/evaluations", NULL, JSON_BATCH)), 200);
    struct call patch =
        compressed_text(header, MODEL, NULL, "{\"optimizer\": {\"learning_rate\": 0.25}}");
    patch.method = "PATCH";
    want_status(request(patch), 200);
    want_json(get(MODEL), "/optimizer/learning_rate", "0.25");
}
END_TEST

START_TEST(test_compressed_batch_trains_as_the_plain_one_does) {
    const char *weights[3];
    for (int i = 0; i < 3; i++) {
        create_small();
        struct call call =
            i == 0 ? (struct call){.method = "POST",
                                   .path = BATCHES,
                                   .headers = "Prefer: wait=30\nContent-Encoding: identity",
                                   .body = JSON_BATCH,
                                   .bytes = strlen(JSON_BATCH)}
                   : compressed_text(i == 1 ? "Prefer: wait=30\n" GZIP
                                            : "Prefer: wait=30\nContent-Encoding: deflate",
                                     BATCHES, NULL, JSON_BATCH);
        call.chunked = i == 2;
        want_status(request(call), 200);
        weights[i] = weights_of("m");
        want_status(delete (MODEL), 204);
    }
    want_equal_text(weights[1], weights[0]);
    want_equal_text(weights[2], weights[0]);
}
END_TEST

START_TEST(test_same_key_and_decoded_bytes_are_a_repeat) {
    create_small();
    want_status(post_with("Idempotency-Key: k", BATCHES, JSON_BATCH), 202);
    const struct answer *answer = want_status(
        request(compressed_text("Idempotency-Key: k\n" GZIP, BATCHES, NULL, JSON_BATCH)), 202);
    want_header(answer, "Idempotent-Replayed", "true");
    want_json(answer, "/batch", "1");
    want_problem(request(compressed_text("Idempotency-Key: k\n" GZIP, BATCHES, NULL,
                                         "{\"inputs\": [[1, 2]], \"labels\": [1]}")),
                 422, NULL);
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_unknown_or_several_codings_are_415_with_the_list) {
    static const char *const headers[] = {"Content-Encoding: br",
                                          "Content-Encoding: zstd",
                                          "Content-Encoding: gzip, gzip",
                                          "Content-Encoding: gzip, identity",
                                          (GZIP "\n" GZIP),
                                          "Content-Encoding: compress"};
    create_small();
    const struct answer *answer =
        want_problem(request(compressed_text(headers[_i], BATCHES, NULL, JSON_BATCH)), 415, NULL);
    want_header(answer, "Accept-Encoding", "gzip, deflate, identity");
    want_detail(answer, "allowed is one of gzip, deflate, identity");
    answer =
        want_problem(request(compressed_text(headers[_i], "/v1/models", NULL, "{}")), 415, NULL);
    want_header(answer, "Accept-Encoding", "gzip, deflate, identity");
    want_no_batch();
}
END_TEST

START_TEST(test_truncated_or_trailing_bytes_are_400) {
    create_small();
    struct call whole = compressed_text(GZIP, BATCHES, NULL, JSON_BATCH);
    struct call cut = whole;
    for (cut.bytes = 1; cut.bytes < whole.bytes; cut.bytes += 5) {
        want_problem(request(cut), 400, NULL);
    }
    char longer[512] = {0};
    memcpy(longer, whole.body, whole.bytes);
    longer[whole.bytes] = 'x';
    struct call tail = whole;
    tail.body = longer;
    tail.bytes = whole.bytes + 1;
    want_detail(want_problem(request(tail), 400, NULL), "something else follows");
    want_no_batch();
    longer[whole.bytes] = 0; /* zeros are padding */
    tail.bytes = whole.bytes + 20;
    want_status(request(tail), 202);
}
END_TEST

START_TEST(test_two_members_are_one_body) {
    create_small();
    const char *text = JSON_BATCH;
    char body[512];
    const struct call first = compressed(GZIP, BATCHES, NULL, text, 10);
    const struct call second = compressed_text(GZIP, BATCHES, NULL, text + 10);
    memcpy(body, first.body, first.bytes);
    memcpy(body + first.bytes, second.body, second.bytes);
    want_status(request((struct call){.method = "POST",
                                      .path = BATCHES,
                                      .headers = GZIP,
                                      .body = body,
                                      .bytes = first.bytes + second.bytes}),
                202);
}
END_TEST

START_TEST(test_body_that_is_not_what_its_coding_says_is_400) {
    create_small();
    want_detail(want_problem(post_with(GZIP, BATCHES, JSON_BATCH), 400, NULL), "gzip body");
    want_detail(
        want_problem(post_with("Content-Encoding: deflate", BATCHES, JSON_BATCH), 400, NULL),
        "zlib form");
    struct call call = compressed_text(GZIP, BATCHES, NULL, JSON_BATCH);
    call.headers = NULL; /* compressed, and not said */
    want_problem(request(call), 400, NULL);
    /* what is inside is judged as ever */
    want_problem(
        request(compressed_text(GZIP, BATCHES, NULL, "{\"inputs\": [[1]], \"labels\": [1]}")), 422,
        "/inputs/0");
    want_no_batch();
}
END_TEST

/* ---- limits ---- */

START_TEST(test_bomb_is_413_by_what_comes_out) {
    enum { LIMIT = 4 * 1024 * 1024, BOMB = 64 * 1024 * 1024 };
    daemon_start("--max-body", "4M", NULL);
    create_small();
    char *body = malloc(BOMB);
    memset(body, ' ', BOMB); /* white space, which JSON allows without end */
    struct call call = compressed(GZIP, BATCHES, NULL, body, BOMB);
    ck_assert_uint_lt(call.bytes, LIMIT / 32);
    const size_t before = daemon_resident_bytes();
    want_detail(want_problem(request(call), 413, NULL), "when it is decompressed");
    memset(body, '0', BOMB);
    want_problem(request(compressed(GZIP, BATCHES, "text/csv", body, BOMB)), 422, NULL);
    memcpy(body, "{\"name\":\"", 9);
    want_problem(request(compressed(GZIP, "/v1/models", NULL, body, BOMB)), 413, NULL);
    ck_assert_uint_lt(daemon_resident_bytes(), before + 16 * 1024 * 1024);
    want_no_batch();
    /* to the byte */
    memset(body, ' ', LIMIT + 1);
    memcpy(body, JSON_BATCH, strlen(JSON_BATCH));
    want_status(request(compressed(GZIP, BATCHES, NULL, body, LIMIT)), 202);
    want_problem(request(compressed(GZIP, BATCHES, NULL, body, LIMIT + 1)), 413, NULL);
    free(body);
    daemon_stop();
}
END_TEST

START_TEST(test_decoders_memory_is_given_back) {
    create_small();
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    for (int i = 0; i < 50; i++) {
        want_status(
            request(compressed_text(GZIP, MODEL "/predictions", NULL, "{\"inputs\": [[1, 2]]}")),
            200);
        struct call cut = compressed_text(GZIP, BATCHES, NULL, JSON_BATCH);
        cut.bytes /= 2;
        want_problem(request(cut), 400, NULL);
    }
    await_memory(before);
}
END_TEST

Suite *content_coding_suite(void) {
    Suite *suite = suite_create("content_coding");
    TCase *tests = shared_case(suite, "content_coding");
    tcase_add_test(tests, test_compressed_repeat_is_a_repeat);
    tcase_add_loop_test(tests, test_every_kind_of_body_may_be_compressed, 0, 4);
    tcase_add_test(tests, test_compressed_batch_trains_as_the_plain_one_does);
    tcase_add_test(tests, test_same_key_and_decoded_bytes_are_a_repeat);
    tcase_add_loop_test(tests, test_unknown_or_several_codings_are_415_with_the_list, 0, 6);
    tcase_add_test(tests, test_truncated_or_trailing_bytes_are_400);
    tcase_add_test(tests, test_two_members_are_one_body);
    tcase_add_test(tests, test_body_that_is_not_what_its_coding_says_is_400);
    tcase_add_test(tests, test_decoders_memory_is_given_back);
    tests = lone_case(suite, "limits");
    tcase_add_test(tests, test_bomb_is_413_by_what_comes_out);
    return suite;
}
