/* server/gate.h */
#include <check.h>
#include <string.h>

#include "server/gate.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define FIELDS_MAX 4

struct row {
    const char *fields[FIELDS_MAX][2]; /* name and value */
    enum refusal refusal;
    const char *version, *target; /* NULL: HTTP/1.1 and "/" */
};

static struct gate gate;

static enum refusal judge(const struct row *row) {
    gate = (struct gate){0};
    for (size_t i = 0; i < FIELDS_MAX && row->fields[i][0] != NULL; i++) {
        gate_header(&gate, row->fields[i][0], strlen(row->fields[i][0]), row->fields[i][1],
                    strlen(row->fields[i][1]));
    }
    return gate_verdict(&gate, row->target != NULL ? row->target : "/",
                        row->version != NULL ? row->version : "HTTP/1.1");
}

static const struct row rows[] = {
    {{{"Host", "a"}}, .refusal = REFUSAL_NONE},
    {{{"hOST", "a"}}, .refusal = REFUSAL_NONE},
    {{{"Host", ""}}, .refusal = REFUSAL_NONE},
    {{{NULL}}, .refusal = REFUSAL_NO_HOST},
    {{{NULL}}, .refusal = REFUSAL_NONE, .version = "HTTP/1.0"},
    {{{NULL}}, .refusal = REFUSAL_NO_HOST, .version = "HTTP/1.2"},
    {{{"Host", "a"}, {"host", "a"}}, .refusal = REFUSAL_REPEATED},
    {{{"Host", "a"}, {"host", "a"}}, .refusal = REFUSAL_REPEATED, .version = "HTTP/1.0"},
    /* names */
    {{{"Host", "a"}, {"", "x"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"X ", "x"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"Content-Length ", "2"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"Content-Length\t", "2"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {" Content-Length", "2"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"Content\x0bLength", "2"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"\"x\"", "x"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"x(y)", "x"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"\xc3\xa9", "x"}}, .refusal = REFUSAL_HEADER_NAME},
    {{{"Host", "a"}, {"!#$%&'*+-.^_`|~09azAZ", "x"}}, .refusal = REFUSAL_NONE},
    /* values */
    {{{"Host", "a"}, {"X", "a\rb"}}, .refusal = REFUSAL_HEADER_FORM},
    {{{"Host", "a"}, {"X", "\xff \t\x01"}}, .refusal = REFUSAL_NONE},
    /* lengths */
    {{{"Host", "a"}, {"Content-Length", "0"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Content-Length", "007"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Content-Length", "18446744073709551615"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Content-Length", "18446744073709551616"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "99999999999999999999999"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", ""}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "+2"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "-2"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "0x2"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "2, 2"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "2 "}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "2.0"}}, .refusal = REFUSAL_LENGTH},
    {{{"Host", "a"}, {"Content-Length", "2"}, {"Content-Length", "2"}},
     .refusal = REFUSAL_REPEATED},
    {{{"Host", "a"}, {"Content-Length", "2"}, {"CONTENT-LENGTH", "3"}},
     .refusal = REFUSAL_REPEATED},
    {{{"Host", "a"}, {"Content-Length", "2"}, {"Transfer-Encoding", "chunked"}},
     .refusal = REFUSAL_LENGTH_AND_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"content-length", "0"}},
     .refusal = REFUSAL_LENGTH_AND_CODING},
    /* codings */
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"transfer-encoding", "CHUNKED"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked, chunked"}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked "}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "xchunked"}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "identity"}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", ""}}, .refusal = REFUSAL_CODING},
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
     .refusal = REFUSAL_REPEATED},
    {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}},
     .refusal = REFUSAL_CODING_VERSION,
     .version = "HTTP/1.0"},
    /* who asks */
    {{{"Host", "a"}, {"Authorization", "Bearer x"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Authorization", "Bearer x"}, {"authorization", "Bearer y"}},
     .refusal = REFUSAL_REPEATED},
    /* expectations */
    {{{"Host", "a"}, {"Expect", "100-continue"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Expect", "100-Continue"}}, .refusal = REFUSAL_NONE},
    {{{"Host", "a"}, {"Expect", "200-ok"}}, .refusal = REFUSAL_EXPECTATION},
    {{{"Host", "a"}, {"Expect", ""}}, .refusal = REFUSAL_EXPECTATION},
    {{{"Host", "a"}, {"Expect", "100-continue"}, {"Expect", "more"}},
     .refusal = REFUSAL_EXPECTATION},
    {{{"Host", "a"}, {"Expect", "200-ok"}}, .refusal = REFUSAL_NONE, .version = "HTTP/1.0"},
    /* targets */
    {{{"Host", "a"}}, .refusal = REFUSAL_TARGET, .target = ""},
    {{{"Host", "a"}}, .refusal = REFUSAL_TARGET, .target = "/a b"},
    {{{"Host", "a"}}, .refusal = REFUSAL_TARGET, .target = "/a\tb"},
    {{{"Host", "a"}}, .refusal = REFUSAL_TARGET, .target = "/a\rb"},
    {{{"Host", "a"}}, .refusal = REFUSAL_TARGET, .target = "/\x7f"},
    {{{"Host", "a"}}, .refusal = REFUSAL_NONE, .target = "/\xc3\xa9"},
};

START_TEST(test_verdict) {
    const struct row *row = &rows[_i];
    const enum refusal found = judge(row);
    ck_assert_msg(found == row->refusal, "row %d (%s: %s): found refusal %d, wanted %d", _i,
                  row->fields[1][0] != NULL ? row->fields[1][0] : "", row->fields[1][1], found,
                  row->refusal);
}
END_TEST

START_TEST(test_first_fault_is_the_one_told) {
    const struct row row = {{{"Host", "a"}, {"X ", "x"}, {"Content-Length", "-2"}},
                            .refusal = REFUSAL_NONE};
    ck_assert_int_eq(judge(&row), REFUSAL_HEADER_NAME);
}
END_TEST

START_TEST(test_name_with_a_nul_is_no_token) {
    gate = (struct gate){0};
    gate_header(&gate, "Content\0Length", 14, "2", 1);
    ck_assert_int_eq(gate_verdict(&gate, "/", "HTTP/1.0"), REFUSAL_HEADER_NAME);
}
END_TEST

START_TEST(test_framing_is_told) {
    const struct row length = {{{"Host", "a"}, {"Content-Length", "1234567890123"}},
                               .refusal = REFUSAL_NONE};
    ck_assert_int_eq(judge(&length), REFUSAL_NONE);
    ck_assert(!gate.framing.chunked && !gate.framing.expects_continue);
    ck_assert_uint_eq(gate.framing.content_length, 1234567890123u);
    const struct row chunked = {
        {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Expect", "100-continue"}},
        .refusal = REFUSAL_NONE};
    ck_assert_int_eq(judge(&chunked), REFUSAL_NONE);
    ck_assert(gate.framing.chunked && gate.framing.expects_continue);
    ck_assert_uint_eq(gate.framing.content_length, 0);
}
END_TEST

START_TEST(test_old_version_expects_nothing) {
    const struct row row = {{{"Host", "a"}, {"Expect", "100-continue"}},
                            .refusal = REFUSAL_NONE,
                            .version = "HTTP/1.0"};
    ck_assert_int_eq(judge(&row), REFUSAL_NONE);
    ck_assert(!gate.framing.expects_continue);
}
END_TEST

START_TEST(test_each_refusal_is_a_whole_document) {
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        const struct refusal_document *document = &refusal_documents[i];
        ck_assert_msg(document->status >= 400 && document->title != NULL && document->body != NULL,
                      "refusal %zu has no document", i);
        EXPECT_COUNT(document->body_bytes, strlen(document->body));
        ck_assert_ptr_nonnull(strstr(document->body, document->title));
        ck_assert_int_eq(document->retry_after != NULL,
                         document->status == 429 || document->status == 503);
    }
}
END_TEST

Suite *suite_gate(void) {
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");
    tcase_add_loop_test(tests, test_verdict, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_first_fault_is_the_one_told);
    tcase_add_test(tests, test_name_with_a_nul_is_no_token);
    tcase_add_test(tests, test_framing_is_told);
    tcase_add_test(tests, test_old_version_expects_nothing);
    tcase_add_test(tests, test_each_refusal_is_a_whole_document);
    suite_add_tcase(suite, tests);
    return suite;
}
