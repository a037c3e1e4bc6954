/* api/prefer.h, api/precondition.h, api/idempotency.h: what header values mean. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/idempotency.h"
#include "api/precondition.h"
#include "api/prefer.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* --- Prefer ----------------------------------------------------------------------- */

#define NO_WAIT (-1.0)
#define NINES_20 "99999999999999999999"
#define NINES_80 NINES_20 NINES_20 NINES_20 NINES_20
#define NINES_320 NINES_80 NINES_80 NINES_80 NINES_80

static const struct {
    const char *lines[3];
    double wait; /* NO_WAIT: none */
    bool respond_async;
} preferences_rows[] = {
    {{"wait=10"}, 10, false},
    {{"wait=0"}, 0, false},
    {{"wait=0.25"}, 0.25, false},
    {{"WAIT=10"}, 10, false},
    {{"wait = 10"}, 10, false},
    {{"wait=\"10\""}, 10, false},
    {{"respond-async"}, NO_WAIT, true},
    {{"Respond-Async"}, NO_WAIT, true},
    {{"respond-async, wait=10"}, 10, true},
    {{"respond-async,wait=10"}, 10, true},
    {{"wait=10, respond-async"}, 10, true},
    {{"respond-async; foo=bar, wait=10; x=\"y\""}, 10, true},
    {{"foo=\"a, wait=5, b\", wait=10"}, 10, false},
    {{"foo=\"a\\\", wait=5\", wait=10"}, 10, false},
    {{"foo; wait=5"}, NO_WAIT, false}, /* a parameter of another preference */
    {{"foo=1; bar=\"; , \"; wait=5, wait=10"}, 10, false},
    {{" , ,wait=10, ,"}, 10, false},
    {{"respond-async", "wait=10"}, 10, true},
    {{"return=minimal", "handling=lenient", "wait=3"}, 3, false},
    {{"wait=10, wait=20"}, 10, false}, /* the first counts */
    {{"wait=10", "wait=20"}, 10, false},
    {{"wait=x, wait=20"}, NO_WAIT, false},
    {{"wait"}, NO_WAIT, false},
    {{"wait="}, NO_WAIT, false},
    {{"wait=\"\""}, NO_WAIT, false},
    {{"wait=\"10"}, 10, false}, /* a quote that is not closed ends with the line */
    {{"wait=-1"}, NO_WAIT, false},
    {{"wait=+1"}, NO_WAIT, false},
    {{"wait=1e3"}, NO_WAIT, false},
    {{"wait=5x"}, NO_WAIT, false},
    {{"wait=1.2.3"}, NO_WAIT, false},
    {{"wait=nan"}, NO_WAIT, false},
    {{"wait=" NINES_320}, INFINITY, false}, /* a number, but beyond double */
    {{"waiting=3"}, NO_WAIT, false},
    {{"await=3"}, NO_WAIT, false},
    {{"respond-async=no"}, NO_WAIT, false},
    {{"return=minimal"}, NO_WAIT, false},
    {{""}, NO_WAIT, false},
    {{"\""}, NO_WAIT, false},
    {{"=,;\"\\"}, NO_WAIT, false},
};

START_TEST(test_preferences_are_read_as_rfc_7240_has_them) {
    struct preferences preferences = {0};
    const char *const *lines = preferences_rows[_i].lines;
    for (size_t i = 0; i < 3 && lines[i] != NULL; i++) {
        prefer_read(&preferences, lines[i]);
    }
    const double wait = preferences.wait ? preferences.wait_seconds : NO_WAIT;
    ck_assert_msg(wait == preferences_rows[_i].wait, "%s: found wait %g", lines[0], wait);
    ck_assert_msg(preferences.respond_async == preferences_rows[_i].respond_async,
                  "%s: respond-async", lines[0]);
}
END_TEST

/* --- If-Match ---------------------------------------------------------------------- */

#define CURRENT "0123456789abcdef.3"

static const struct {
    const char *line;
    bool found, broken;
} match_rows[] = {
    {"\"" CURRENT "\"", true, false},
    {"W/\"" CURRENT "\"", true, false},
    {"*", true, false},
    {" * ", true, false},
    {"\"a\", \"" CURRENT "\"", true, false},
    {"\"" CURRENT "\",\"a\"", true, false},
    {"\"a,b\",W/\"c d\"", false, true}, /* a blank is not for tags */
    {"\"a,b\",W/\"c\"", false, false},
    {", ,\"" CURRENT "\", ", true, false},
    {"\"0123456789abcdef.2\"", false, false},
    {"\"0123456789abcdef.30\"", false, false},
    {"\"0123456789abcdef\"", false, false},
    {"\"\"", false, false},
    {"\"*\"", false, false},
    {CURRENT, false, true},
    {"w/\"" CURRENT "\"", false, true},
    {"W/" CURRENT, false, true},
    {"\"" CURRENT, false, true},
    {CURRENT "\"", false, true},
    {"'" CURRENT "'", false, true},
    {"\"a\" \"b\"", false, true},
    {"\"a\", b", false, true},
    {"*, \"a\"", false, true},
    {"", false, true},
    {",", false, true},
};

START_TEST(test_entity_tags_are_read_as_rfc_9110_has_them) {
    bool found = false, broken = false;
    precondition_read(match_rows[_i].line, CURRENT, &found, &broken);
    ck_assert_msg(broken == match_rows[_i].broken, "%s: broken is %d", match_rows[_i].line, broken);
    ck_assert_msg(broken || found == match_rows[_i].found, "%s: found is %d", match_rows[_i].line,
                  found);
}
END_TEST

/* --- Idempotency-Key ------------------------------------------------------------------ */

static const struct {
    const char *line, *key; /* NULL: refused */
} key_rows[] = {
    {"abc", "abc"},
    {"\"abc\"", "abc"},
    {" \"abc\"\t", "abc"},
    {"abc ", "abc"},
    {"\"a\\\"b\\\\c\"", "a\"b\\c"},
    {"a\"b", "a\"b"},
    {"a\\b", "a\\b"},
    {"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
    {"!~,;=", "!~,;="},
    {"", NULL},
    {"  ", NULL},
    {"\"\"", NULL},
    {"\"", NULL},
    {"\"abc", NULL},
    {"\"abc\\", NULL},
    {"\"abc\\\"", NULL},
    {"\"a\\b\"", NULL},
    {"\"abc\"d", NULL},
    {"\"abc\";x=1", NULL},
    {"a b", NULL},
    {"\"a b\"", NULL},
    {"a\tb", NULL},
    {"a\x7f", NULL},
    {"sch\xc3\xb6n", NULL},
    {"\"a\", \"b\"", NULL},
};

START_TEST(test_quoted_and_bare_keys_are_the_same) {
    char key[KEY_BYTES_MAX + 1];
    const bool read = idempotency_read_key(key_rows[_i].line, key);
    ck_assert_msg(read == (key_rows[_i].key != NULL), "%s: %s", key_rows[_i].line,
                  read ? "taken" : "refused");
    if (read) {
        EXPECT_TEXT(key, key_rows[_i].key);
    }
}
END_TEST

START_TEST(test_a_key_has_at_most_255_bytes_without_its_quotes) {
    char line[2 * KEY_BYTES_MAX + 8], key[KEY_BYTES_MAX + 1];
    for (size_t bytes = KEY_BYTES_MAX; bytes <= KEY_BYTES_MAX + 1; bytes++) {
        const bool allowed = bytes == KEY_BYTES_MAX;
        memset(line, 'x', bytes);
        line[bytes] = '\0';
        ck_assert(idempotency_read_key(line, key) == allowed);
        char *at = line;
        *at++ = '"';
        for (size_t i = 0; i < bytes; i++) {
            *at++ = '\\';
            *at++ = '"';
        }
        memcpy(at, "\"", 2);
        ck_assert(idempotency_read_key(line, key) == allowed);
        ck_assert(!allowed || strlen(key) == KEY_BYTES_MAX);
    }
}
END_TEST

/* ---- the payload of a key ---- */

static const char *one_key(const void *context, const char *name, size_t index) {
    (void)context;
    return strcmp(name, "Idempotency-Key") == 0 && index == 0 ? "k" : NULL;
}

static struct payload_digest digest_of(struct engine *engine, const struct intake_format *format,
                                       const char *target, const char *first, const char *second) {
    static const struct handler handler = {.hears = {HEADER_IDEMPOTENCY_KEY}};
    const struct api api = {.engine = engine};
    const struct request request = {.header_line = one_key};
    struct intake intake = {.format = format};
    struct call call = {.api = &api, .handler = &handler, .intake = &intake};
    target_parse(&call.target, target);
    ck_assert(idempotency_begin(&call, &request));
    idempotency_feed(&call, first, strlen(first));
    idempotency_feed(&call, second, strlen(second));
    idempotency_end(&call);
    const struct payload_digest digest = call.idempotency.record->payload;
    idempotency_free(&call.idempotency);
    return digest;
}

static bool same(struct payload_digest a, struct payload_digest b) {
    return a.low == b.low && a.high == b.high;
}

START_TEST(test_a_payload_is_body_media_type_and_query) {
    struct engine *engine = fixture_engine(1);
    const struct payload_digest wanted =
        digest_of(engine, &intake_json, "/b?scale=1&offset=2", "ab", "cd");
    ck_assert(same(wanted, digest_of(engine, &intake_json, "/b?scale=1&offset=2", "a", "bcd")));
    ck_assert(same(wanted, digest_of(engine, &intake_json, "/b?sc%61le=1&offset=2", "abcd", "")));
    const struct payload_digest others[] = {
        digest_of(engine, &intake_safetensors, "/b?scale=1&offset=2", "ab", "cd"),
        digest_of(engine, &intake_json, "/b?scale=2&offset=1", "ab", "cd"),
        digest_of(engine, &intake_json, "/b?scale=1", "ab", "cd"),
        digest_of(engine, &intake_json, "/b", "ab", "cd"),
        digest_of(engine, &intake_json, "/b?scale=1&offset=2", "ab", "ce"),
        digest_of(engine, &intake_json, "/b?scale=1&offset=2", "ab", ""),
        digest_of(engine, &intake_json, "/b?scal=e1&offset=2", "ab", "cd"),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_msg(!same(wanted, others[i]), "payload %zu is taken for the same", i);
    }
    fixture_end(engine);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))

Suite *suite_header_values(void) {
    Suite *suite = suite_create("header_values");
    TCase *tests = tcase_create("values");
    tcase_add_loop_test(tests, test_preferences_are_read_as_rfc_7240_has_them, 0,
                        COUNT(preferences_rows));
    tcase_add_loop_test(tests, test_entity_tags_are_read_as_rfc_9110_has_them, 0,
                        COUNT(match_rows));
    tcase_add_loop_test(tests, test_quoted_and_bare_keys_are_the_same, 0, COUNT(key_rows));
    tcase_add_test(tests, test_a_key_has_at_most_255_bytes_without_its_quotes);
    tcase_add_test(tests, test_a_payload_is_body_media_type_and_query);
    suite_add_tcase(suite, tests);
    return suite;
}
