/* api/content_coding.c: compressed bodies, wherever the chunks end. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/content_coding.h"
#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "tests/unit/suites.h"

static struct ledger ledger;
static struct buffer found; /* what came out */
static size_t largest;      /* piece */
static size_t limit;        /* of what the sink takes */

static void begin(void) {
    ledger_init(&ledger, (size_t)1 << 30);
    buffer_init(&found, NULL, "what came out");
    largest = 0;
    limit = SIZE_MAX;
}

static void finish(void) {
    buffer_free(&found);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
}

static enum error_code take(void *context, const char *data, size_t size, struct error *error) {
    ck_assert_ptr_eq(context, &found);
    largest = size > largest ? size : largest;
    if (size > limit - found.used) {
        return error_set(error, ERROR_TOO_LARGE, NULL, "too large");
    }
    return buffer_append(&found, data, size, error);
}

/* Compressed text; the caller frees it. */
static char *compress_text(const char *text, size_t size, bool gzip, size_t *bytes) {
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, gzip ? 31 : 15, 9, Z_DEFAULT_STRATEGY),
                     Z_OK);
    *bytes = deflateBound(&stream, size);
    char *body = malloc(*bytes);
    stream.next_in = (Bytef *)text;
    stream.avail_in = (unsigned)size;
    stream.next_out = (Bytef *)body;
    stream.avail_out = (unsigned)*bytes;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *bytes = stream.total_out;
    deflateEnd(&stream);
    return body;
}

/* Chunks are copies of their exact size, so that a sanitizer sees a byte too many. */
static enum error_code decode(enum content_coding coding, const char *body, size_t bytes,
                              size_t step, struct error *error) {
    found.used = 0;
    struct decoder *decoder = decoder_create(coding, &ledger, take, &found, error);
    ck_assert_ptr_nonnull(decoder);
    ck_assert_uint_gt(ledger_reserved(&ledger), 40000);
    enum error_code code = ERROR_NONE;
    for (size_t at = 0; at < bytes && code == ERROR_NONE; at += step) {
        const size_t size = step < bytes - at ? step : bytes - at;
        char *copy = malloc(size);
        memcpy(copy, body + at, size);
        code = decoder_feed(decoder, copy, size, error);
        free(copy);
    }
    if (code == ERROR_NONE) {
        code = decoder_end(decoder, error);
    }
    decoder_destroy(decoder);
    return code;
}

static void expect_text(enum content_coding coding, const char *body, size_t bytes,
                        const char *text, size_t size) {
    static const size_t steps[] = {1, 2, 3, 7, 1000, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct error error = {.message = ""};
        const enum error_code code = decode(coding, body, bytes, steps[i], &error);
        ck_assert_msg(code == ERROR_NONE, "refused: '%s'", error.message);
        ck_assert_uint_eq(found.used, size);
        ck_assert(size == 0 || memcmp(found.data, text, size) == 0);
    }
}

static void expect_broken(enum content_coding coding, const char *body, size_t bytes,
                          const char *words) {
    for (size_t step = 1; step <= bytes + 1; step += bytes > 0 ? bytes : 1) {
        struct error error = {.message = ""};
        ck_assert_int_eq(decode(coding, body, bytes, step, &error), ERROR_SYNTAX);
        ck_assert_msg(strstr(error.message, words) != NULL, "'%s', wanted '%s' in it",
                      error.message, words);
    }
}

static char *long_text(size_t size) {
    char *text = malloc(size);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        text[i] = (char)('0' + (state >> 24) % 10);
    }
    return text;
}

/* ---- names ---- */

START_TEST(test_coding_is_found_by_its_name_in_any_case) {
    static const struct {
        const char *value;
        enum content_coding coding;
    } cases[] = {
        {NULL, CODING_IDENTITY},
        {"", CODING_IDENTITY},
        {"identity", CODING_IDENTITY},
        {" Identity ", CODING_IDENTITY},
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"\tX-GZIP", CODING_GZIP},
        {"deflate", CODING_DEFLATE},
        {"Deflate ", CODING_DEFLATE},
        {"br", CODING_UNKNOWN},
        {"zstd", CODING_UNKNOWN},
        {"compress", CODING_UNKNOWN},
        {"gzip, gzip", CODING_UNKNOWN},
        {"gzip,identity", CODING_UNKNOWN},
        {"gzi", CODING_UNKNOWN},
        {"gzipp", CODING_UNKNOWN},
        {",", CODING_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(content_coding_find(cases[i].value) == cases[i].coding, "%s", cases[i].value);
    }
}
END_TEST

/* ---- what is taken ---- */

START_TEST(test_both_codings_give_back_what_was_compressed) {
    enum { SIZE = 100000 };
    char *text = long_text(SIZE);
    for (int gzip = 0; gzip < 2; gzip++) {
        for (size_t size = 0; size <= SIZE; size = size * 10 + 1) {
            size_t bytes;
            char *body = compress_text(text, size, gzip, &bytes);
            expect_text(gzip ? CODING_GZIP : CODING_DEFLATE, body, bytes, text, size);
            free(body);
        }
    }
    free(text);
}
END_TEST

START_TEST(test_gzip_members_follow_each_other_with_zeros_between) {
    static const char text[] = "{\"inputs\": [[1, 2]]}";
    const size_t half = 7, rest = strlen(text) - half;
    size_t first_bytes, second_bytes, nothing_bytes;
    char *first = compress_text(text, half, true, &first_bytes);
    char *second = compress_text(text + half, rest, true, &second_bytes);
    char *nothing = compress_text("", 0, true, &nothing_bytes);
    for (size_t zeros = 0; zeros < 3; zeros++) {
        char body[512] = {0};
        size_t used = 0;
        memcpy(body, first, first_bytes);
        used += first_bytes + zeros;
        memcpy(body + used, nothing, nothing_bytes);
        used += nothing_bytes;
        memcpy(body + used, second, second_bytes);
        used += second_bytes + 100 * zeros;
        expect_text(CODING_GZIP, body, used, text, strlen(text));
    }
    free(first);
    free(second);
    free(nothing);
}
END_TEST

START_TEST(test_gzip_header_fields_are_skipped) {
    /* with FEXTRA, FNAME, FCOMMENT and FHCRC, as zlib writes them */
    z_stream stream = {0};
    gz_header header = {.extra = (Bytef *)"abc",
                        .extra_len = 3,
                        .name = (Bytef *)"x.csv",
                        .comment = (Bytef *)"why",
                        .hcrc = 1};
    char body[256];
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflateSetHeader(&stream, &header), Z_OK);
    stream.next_in = (Bytef *)"1,2,0";
    stream.avail_in = 5;
    stream.next_out = (Bytef *)body;
    stream.avail_out = sizeof body;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    expect_text(CODING_GZIP, body, stream.total_out, "1,2,0", 5);
    deflateEnd(&stream);
}
END_TEST

START_TEST(test_no_byte_at_all_is_no_body) {
    expect_text(CODING_GZIP, "", 0, "", 0);
    expect_text(CODING_DEFLATE, "", 0, "", 0);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(test_every_truncation_is_a_syntax_error) {
    for (int gzip = 0; gzip < 2; gzip++) {
        size_t bytes;
        char *body = compress_text("1,2,0\n3,4,1\n", 12, gzip, &bytes);
        for (size_t cut = 1; cut < bytes; cut++) {
            expect_broken(gzip ? CODING_GZIP : CODING_DEFLATE, body, cut, "ends early");
        }
        free(body);
    }
}
END_TEST

START_TEST(test_rubbish_behind_the_end_is_a_syntax_error) {
    for (int gzip = 0; gzip < 2; gzip++) {
        static const char *const tails[] = {"x", "\0\0x", "\0\0\x1fx", "{}"};
        static const size_t tail_bytes[] = {1, 3, 4, 2};
        size_t bytes;
        char *body = compress_text("1,2,0\n", 6, gzip, &bytes);
        char *longer = realloc(body, bytes + 8);
        ck_assert_ptr_nonnull(longer);
        body = longer;
        for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
            memcpy(body + bytes, tails[i], tail_bytes[i]);
            expect_broken(gzip ? CODING_GZIP : CODING_DEFLATE, body, bytes + tail_bytes[i],
                          "something else follows");
        }
        free(body);
    }
    /* zeros behind are gzip's custom alone */
    size_t bytes;
    char *body = compress_text("1,2,0\n", 6, false, &bytes);
    char *longer = realloc(body, bytes + 1);
    ck_assert_ptr_nonnull(longer);
    longer[bytes] = 0;
    expect_broken(CODING_DEFLATE, longer, bytes + 1, "something else follows");
    free(longer);
}
END_TEST

START_TEST(test_what_is_not_compressed_is_a_syntax_error) {
    expect_broken(CODING_GZIP, "{\"inputs\": [[1]]}", 17, "incorrect header check");
    expect_broken(CODING_DEFLATE, "{\"inputs\": [[1]]}", 17, "the zlib form");
    size_t bytes;
    char *body = compress_text("1,2,0\n", 6, true, &bytes);
    expect_broken(CODING_DEFLATE, body, bytes, "the zlib form");
    body[bytes - 6] ^= 1; /* of the check sum */
    expect_broken(CODING_GZIP, body, bytes, "incorrect data check");
    free(body);
    /* a stream that needs a dictionary (FDICT) */
    expect_broken(CODING_DEFLATE, "\x78\xbb\x00\x00\x00\x01\x01", 7, "dictionary");
}
END_TEST

START_TEST(test_bomb_stops_at_the_sink_and_not_behind_it) {
    enum { SIZE = 32 * 1024 * 1024 };
    char *zeros = calloc(1, SIZE);
    size_t bytes;
    char *body = compress_text(zeros, SIZE, true, &bytes);
    free(zeros);
    ck_assert_uint_lt(bytes, SIZE / 1000);
    limit = 100000;
    struct error error;
    ck_assert_int_eq(decode(CODING_GZIP, body, bytes, bytes, &error), ERROR_TOO_LARGE);
    ck_assert_uint_le(found.used, limit);
    ck_assert_uint_gt(found.used + DECODER_PIECE_BYTES, limit);
    ck_assert_uint_eq(largest, DECODER_PIECE_BYTES);
    free(body);
}
END_TEST

START_TEST(test_without_memory_there_is_no_decoder) {
    struct error error = {.code = ERROR_NONE};
    struct ledger small;
    ledger_init(&small, 50000);
    ck_assert_ptr_null(decoder_create(CODING_GZIP, &small, take, &found, &error));
    ck_assert_int_eq(error.code, ERROR_MEMORY);
    ck_assert_uint_eq(ledger_reserved(&small), 0);
    /* the window is taken when the first piece is full */
    enum { SIZE = 100000 };
    char *text = long_text(SIZE);
    size_t bytes;
    char *body = compress_text(text, SIZE, true, &bytes);
    free(text);
    bool whole = false;
    for (long n = 0; !whole; n++) {
        ck_assert_int_lt(n, 100);
        found.used = 0;
        memory_fail_after(n);
        struct decoder *decoder = decoder_create(CODING_GZIP, &ledger, take, &found, &error);
        enum error_code code = ERROR_MEMORY;
        if (decoder != NULL) {
            code = decoder_feed(decoder, body, bytes / 2, &error);
            if (code == ERROR_NONE) {
                code = decoder_feed(decoder, body + bytes / 2, bytes - bytes / 2, &error);
            }
        }
        memory_fail_after(-1);
        ck_assert(code == ERROR_NONE || (code == ERROR_MEMORY && error.code == ERROR_MEMORY));
        whole = code == ERROR_NONE && found.used == SIZE;
        decoder_destroy(decoder);
        ck_assert_uint_eq(ledger_reserved(&ledger), 0);
    }
    free(body);
}
END_TEST

Suite *suite_content_coding(void) {
    Suite *suite = suite_create("content_coding");
    TCase *tests = tcase_create("content_coding");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_coding_is_found_by_its_name_in_any_case);
    tcase_add_test(tests, test_both_codings_give_back_what_was_compressed);
    tcase_add_test(tests, test_gzip_members_follow_each_other_with_zeros_between);
    tcase_add_test(tests, test_gzip_header_fields_are_skipped);
    tcase_add_test(tests, test_no_byte_at_all_is_no_body);
    tcase_add_test(tests, test_every_truncation_is_a_syntax_error);
    tcase_add_test(tests, test_rubbish_behind_the_end_is_a_syntax_error);
    tcase_add_test(tests, test_what_is_not_compressed_is_a_syntax_error);
    tcase_add_test(tests, test_bomb_stops_at_the_sink_and_not_behind_it);
    tcase_add_test(tests, test_without_memory_there_is_no_decoder);
    suite_add_tcase(suite, tests);
    return suite;
}
