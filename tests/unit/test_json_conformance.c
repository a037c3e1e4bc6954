/* RFC 8259, case by case, in both readers of JSON: the intake of tensors, which
 * parses as bytes arrive, and the small documents, which jansson reads. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_document.h"
#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/suites.h"

static const char *const names[] = {"a", "b"};
static struct specification model; /* one input, two classes */
static struct intake_case batch;
static struct ledger ledger;

static void begin(void) {
    model_softmax(&model, 1, 2, names);
    batch = (struct intake_case){.format = &intake_json, .purpose = INTAKE_BATCH, .model = &model};
    ledger_init(&ledger, (size_t)1 << 30);
}

static void finish(void) {
    specification_free(&model);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
}

/* ---- the two readers ---- */

static enum error_code read_document(const char *text, size_t size, struct error *error) {
    struct buffer buffer;
    struct json_document document;
    buffer_init(&buffer, NULL, "a document");
    ck_assert_int_eq(buffer_append(&buffer, text, size, NULL), ERROR_NONE);
    const enum error_code code = json_document_parse(&document, &buffer, &ledger, error);
    if (code == ERROR_NONE) {
        json_document_free(&document);
    }
    buffer_free(&buffer);
    return code;
}

static void document_is(const char *text, size_t size, enum error_code wanted) {
    struct error error = {.message = ""};
    const enum error_code code = read_document(text, size, &error);
    ck_assert_msg(code == wanted, "document %.200s: %d '%s', wanted %d", text, code, error.message,
                  wanted);
}

/* Whether the intake takes it for JSON, whatever it then means. */
static void intake_parses(const char *text, size_t size, bool wanted) {
    const struct outcome *outcome = outcome_of(&batch, text, size);
    ck_assert_msg((outcome->code != ERROR_SYNTAX) == wanted, "intake %.200s: %d '%s'", text,
                  outcome->code, outcome->error.message);
}

/* Text that may hold any byte. */
struct text {
    const char *bytes;
    size_t size;
};
#define TEXT(literal)                                                                              \
    { literal, sizeof(literal) - 1 }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static char composed[4096];

/* `before`, the text, `after`. */
static size_t compose(const char *before, const struct text *text, const char *after) {
    size_t used = strlen(before);
    memcpy(composed, before, used);
    memcpy(composed + used, text->bytes, text->size);
    used += text->size;
    memcpy(composed + used, after, strlen(after) + 1);
    return used + strlen(after);
}

/* ---- numbers ---- */

static const struct text good_numbers[] = {
    TEXT("0"),
    TEXT("-0"),
    TEXT("1"),
    TEXT("-1"),
    TEXT("10"),
    TEXT("123"),
    TEXT("0.0"),
    TEXT("-0.0"),
    TEXT("0.5"),
    TEXT("10.25"),
    TEXT("0.001"),
    TEXT("1e5"),
    TEXT("1E5"),
    TEXT("1e+5"),
    TEXT("1E+5"),
    TEXT("1e-5"),
    TEXT("1e05"),
    TEXT("0e0"),
    TEXT("0e+00"),
    TEXT("-0.0e-0"),
    TEXT("1.5e10"),
    TEXT("-1.5E-10"),
    TEXT("1e-400"),
    TEXT("4.9e-324"),
    TEXT("0.1234567890123456789012345678901234567890"),
    TEXT("9223372036854775807"),
};

static const struct text bad_numbers[] = {
    TEXT("00"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("-00.5"),
    TEXT("+1"),
    TEXT("+0"),
    TEXT("++1"),
    TEXT(".5"),
    TEXT("-.5"),
    TEXT("."),
    TEXT("1."),
    TEXT("-1."),
    TEXT("1.e1"),
    TEXT("1e"),
    TEXT("1E"),
    TEXT("1e+"),
    TEXT("1e-"),
    TEXT("1.5e"),
    TEXT("-"),
    TEXT("--1"),
    TEXT("- 1"),
    TEXT("1.2.3"),
    TEXT("1..2"),
    TEXT("1e1e1"),
    TEXT("1e1.5"),
    TEXT("e1"),
    TEXT("0x1"),
    TEXT("0x"),
    TEXT("0b1"),
    TEXT("0o7"),
    TEXT("1_000"),
    TEXT("1 000"),
    TEXT("1f"),
    TEXT("1L"),
    TEXT("1-"),
    TEXT("1+"),
    TEXT("1-1"),
    TEXT("-a"),
    TEXT("1a"),
    TEXT("NaN"),
    TEXT("-NaN"),
    TEXT("nan"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("+Infinity"),
    TEXT("inf"),
    TEXT("-inf"),
    TEXT("1\0"),
    TEXT("\xEF\xBC\x91"),
    TEXT("\xE2\x88\x92"
         "1"),
    TEXT("1\xC2\xA0"),
    TEXT("$1"),
    TEXT("1%"),
};

START_TEST(test_every_form_of_number_is_read) {
    for (size_t i = 0; i < COUNT(good_numbers); i++) {
        document_is(composed, compose("{\"v\":", &good_numbers[i], "}"), ERROR_NONE);
        document_is(composed, compose("{\"v\":[1, ", &good_numbers[i], " , 2]}"), ERROR_NONE);
        size_t size = compose("{\"inputs\":[[", &good_numbers[i], "]],\"labels\":[0]}");
        (void)expect_taken(&batch, composed, size);
        size = compose("{\"inputs\":[[ ", &good_numbers[i], "\n]],\"labels\":[0]}");
        (void)expect_taken(&batch, composed, size);
        size = compose("{\"sample_weights\":[", &good_numbers[i], "]}");
        intake_parses(composed, size, true);
    }
}
END_TEST

START_TEST(test_every_broken_number_is_refused) {
    for (size_t i = 0; i < COUNT(bad_numbers); i++) {
        document_is(composed, compose("{\"v\":", &bad_numbers[i], "}"), ERROR_SYNTAX);
        document_is(composed, compose("{\"v\":[1,", &bad_numbers[i], "]}"), ERROR_SYNTAX);
        intake_parses(composed, compose("{\"inputs\":[[", &bad_numbers[i], "]]}"), false);
        intake_parses(composed, compose("{\"sample_weights\":[1,", &bad_numbers[i], "]}"), false);
    }
}
END_TEST

START_TEST(test_number_beyond_double_is_json_and_not_allowed) {
    static const struct text numbers[] = {TEXT("1e400"), TEXT("-1e400"), TEXT("1e99999999999"),
                                          TEXT("17e308")};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        document_is(composed, compose("{\"v\":", &numbers[i], "}"), ERROR_INVALID);
        const size_t size = compose("{\"inputs\":[[", &numbers[i], "]],\"labels\":[0]}");
        expect_refused(&batch, composed, size, ERROR_INVALID, "/inputs/0", "beyond float32");
    }
    /* a whole number beyond 64 bits: jansson has no place for it, the intake has */
    const struct text whole = TEXT("123456789012345678901234567890");
    document_is(composed, compose("{\"v\":", &whole, "}"), ERROR_INVALID);
    (void)expect_taken(&batch, composed, compose("{\"inputs\":[[", &whole, "]],\"labels\":[0]}"));
}
END_TEST

/* ---- strings ---- */

static const struct text good_strings[] = {
    TEXT("\"\""),
    TEXT("\"a\""),
    TEXT("\"'\""),
    TEXT("\" \""),
    TEXT("\"/\""),
    TEXT("\"\x7F\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0041\""),
    TEXT("\"\\u00e9\\u00E9\""),
    TEXT("\"\\u001f\""),
    TEXT("\"\\uFFFF\\ufdd0\""),
    TEXT("\"\\uD834\\uDD1E\""),
    TEXT("\"\\ud834\\udd1e\""),
    TEXT("\"\\uDBFF\\uDFFF\""),
    TEXT("\"\\\\u0041\""),
    TEXT("\"\xC2\x80\""),
    TEXT("\"\xC3\xA9\""),
    TEXT("\"\xDF\xBF\""),
    TEXT("\"\xE0\xA0\x80\""),
    TEXT("\"\xED\x9F\xBF\""),
    TEXT("\"\xEE\x80\x80\""),
    TEXT("\"\xEF\xBF\xBF\""),
    TEXT("\"\xE2\x80\xA8\""), /* U+2028 */
    TEXT("\"\xEF\xBB\xBF\""), /* a byte-order mark inside a string */
    TEXT("\"\xF0\x90\x80\x80\""),
    TEXT("\"\xF4\x8F\xBF\xBF\""),
};

static const struct text bad_strings[] = {
    TEXT("\""),
    TEXT("\"a"),
    TEXT("a\""),
    TEXT("'a'"),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"a\nb\""),
    TEXT("\"a\tb\""),
    TEXT("\"\r\""),
    TEXT("\"\0\""),
    TEXT("\"\x01\""),
    TEXT("\"\x1F\""),
    TEXT("\"\\a\""),
    TEXT("\"\\v\""),
    TEXT("\"\\0\""),
    TEXT("\"\\x41\""),
    TEXT("\"\\'\""),
    TEXT("\"\\ \""),
    TEXT("\"\\\n\""),
    TEXT("\"\\U0041\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u1\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u123\""),
    TEXT("\"\\u12G4\""),
    TEXT("\"\\u-123\""),
    TEXT("\"\\u 123\""),
    TEXT("\"\\uD800\""),
    TEXT("\"\\uDBFFx\""),
    TEXT("\"\\uDC00\""),
    TEXT("\"\\uDFFF\\uD800\""),
    TEXT("\"\\uD800\\uD800\""),
    TEXT("\"\\uD800\\u0041\""),
    TEXT("\"\\uD800\\n\""),
    TEXT("\"\\uD834\\uDD\""),
    TEXT("\"\x80\""),
    TEXT("\"\xBF\""),
    TEXT("\"\xC0\x80\""),
    TEXT("\"\xC1\xBF\""),
    TEXT("\"\xC3\""),
    TEXT("\"\xC3x\""),
    TEXT("\"\xC3\xC3\""),
    TEXT("\"\xE0\x80\x80\""),
    TEXT("\"\xE0\x9F\xBF\""),
    TEXT("\"\xE2\x82\""),
    TEXT("\"\xED\xA0\x80\""),
    TEXT("\"\xED\xBF\xBF\""),
    TEXT("\"\xF0\x80\x80\x80\""),
    TEXT("\"\xF0\x8F\xBF\xBF\""),
    TEXT("\"\xF0\x90\x80\""),
    TEXT("\"\xF4\x90\x80\x80\""),
    TEXT("\"\xF5\x80\x80\x80\""),
    TEXT("\"\xF8\x88\x80\x80\x80\""),
    TEXT("\"\xFE\""),
    TEXT("\"\xFF\""),
};

START_TEST(test_every_form_of_string_is_read) {
    for (size_t i = 0; i < COUNT(good_strings); i++) {
        document_is(composed, compose("{\"v\":", &good_strings[i], "}"), ERROR_NONE);
        document_is(composed, compose("{", &good_strings[i], ":1}"), ERROR_NONE);
        intake_parses(composed, compose("{\"labels\":[", &good_strings[i], "]}"), true);
        intake_parses(composed, compose("{", &good_strings[i], ":1}"), true);
    }
    /* \u0000 is a character like others; as a name jansson cannot hold it */
    const struct text zero = TEXT("\"a\\u0000b\"");
    document_is(composed, compose("{\"v\":", &zero, "}"), ERROR_NONE);
    document_is(composed, compose("{", &zero, ":1}"), ERROR_SYNTAX);
    intake_parses(composed, compose("{\"labels\":[", &zero, "]}"), true);
    intake_parses(composed, compose("{", &zero, ":1}"), true);
}
END_TEST

START_TEST(test_every_broken_string_is_refused) {
    for (size_t i = 0; i < COUNT(bad_strings); i++) {
        document_is(composed, compose("{\"v\":", &bad_strings[i], "}"), ERROR_SYNTAX);
        document_is(composed, compose("{", &bad_strings[i], ":1}"), ERROR_SYNTAX);
        intake_parses(composed, compose("{\"labels\":[", &bad_strings[i], "]}"), false);
        intake_parses(composed, compose("{", &bad_strings[i], ":1}"), false);
    }
}
END_TEST

START_TEST(test_every_control_character_in_a_string_is_refused) {
    for (int c = 0; c < 0x20; c++) {
        const char bytes[] = {'"', 'a', (char)c, 'b', '"'};
        const struct text text = {bytes, sizeof bytes};
        document_is(composed, compose("{\"v\":", &text, "}"), ERROR_SYNTAX);
        intake_parses(composed, compose("{\"labels\":[", &text, "]}"), false);
    }
}
END_TEST

/* ---- arrays, objects, literals, white space ---- */

static const struct text good_values[] = {
    TEXT("[]"),
    TEXT("[ ]"),
    TEXT("[1]"),
    TEXT("[1,2]"),
    TEXT("[ 1 , 2 ]"),
    TEXT("[[]]"),
    TEXT("[[],[]]"),
    TEXT("[1,\"a\",null,true]"),
    TEXT("{}"),
    TEXT("{ }"),
    TEXT("{\"a\":1}"),
    TEXT("{\"a\":{\"a\":1}}"),
    TEXT("{\"a\":1,\"b\":2}"),
    TEXT("{\"\":0}"),
    TEXT("true"),
    TEXT("false"),
    TEXT("null"),
    TEXT(" \t\r\n1"),
    TEXT("1 \t\r\n"),
    TEXT("[\t1\n,\r2 ]"),
};

static const struct text bad_values[] = {
    TEXT(""),
    TEXT("["),
    TEXT("]"),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[,"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[,]"),
    TEXT("[1,,2]"),
    TEXT("[1 2]"),
    TEXT("[1;2]"),
    TEXT("[1:2]"),
    TEXT("[1}"),
    TEXT("[1]]"),
    TEXT("[[1]"),
    TEXT("[\"a\""),
    TEXT("[a]"),
    TEXT("{"),
    TEXT("{\"a\""),
    TEXT("{\"a\":"),
    TEXT("{\"a\":1"),
    TEXT("{\"a\":1,}"),
    TEXT("{,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\":1,,\"b\":2}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\" 1}"),
    TEXT("{\"a\"::1}"),
    TEXT("{\"a\":1:2}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{:1}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{1:1}"),
    TEXT("{null:1}"),
    TEXT("{[1]:1}"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\",1}"),
    TEXT("True"),
    TEXT("TRUE"),
    TEXT("tru"),
    TEXT("truee"),
    TEXT("True"),
    TEXT("False"),
    TEXT("fals"),
    TEXT("Null"),
    TEXT("NULL"),
    TEXT("nul"),
    TEXT("nulll"),
    TEXT("none"),
    TEXT("None"),
    TEXT("undefined"),
    TEXT("yes"),
    TEXT("t"),
    TEXT("true false"),
    TEXT("\v1"),
    TEXT("\f1"),
    TEXT("1\xC2\xA0"),
    TEXT("\xE2\x80\xA8"
         "1"),
    TEXT("\xEF\xBB\xBF"
         "1"),
    TEXT("\0"
         "1"),
    TEXT("1\0"),
    TEXT("// a\n1"),
    TEXT("/* a */1"),
    TEXT("# a\n1"),
    TEXT("<!--1-->"),
    TEXT("1;"),
    TEXT("(1)"),
    TEXT("`1`"),
    TEXT("\\u0031"),
};

START_TEST(test_values_are_read_as_the_grammar_has_them) {
    for (size_t i = 0; i < COUNT(good_values); i++) {
        document_is(composed, compose("{\"v\":", &good_values[i], "}"), ERROR_NONE);
        document_is(composed, compose("{\"v\":[", &good_values[i], "]}"), ERROR_NONE);
        intake_parses(composed, compose("{\"inputs\":", &good_values[i], "}"), true);
        intake_parses(composed, compose("{\"labels\":", &good_values[i], "}"), true);
    }
    for (size_t i = 0; i < COUNT(bad_values); i++) {
        document_is(composed, compose("{\"v\":", &bad_values[i], "}"), ERROR_SYNTAX);
    }
}
END_TEST

/* The intake stops at the first thing that is not allowed: what follows it is not read. */
START_TEST(test_broken_arrays_and_objects_are_refused_where_they_may_stand) {
    static const struct text rows[] = {
        TEXT("[[1]"),
        TEXT("[[1],]"),
        TEXT("[,[1]]"),
        TEXT("[[1],,[1]]"),
        TEXT("[[1] [1]]"),
        TEXT("[[1];[1]]"),
        TEXT("[[1]}"),
        TEXT("[[1}]"),
        TEXT("[[1]]]"),
        TEXT("[[1,]]"),
        TEXT("[[,1]]"),
        TEXT("[[1"),
        TEXT("["),
        TEXT("[["),
        TEXT("[[1]"),
        TEXT("[[1:1]]"),
        TEXT("[[a]]"),
        TEXT("[[tru]]"),
        TEXT("[[nul]]"),
        TEXT("[\v[1]]"),
        TEXT("[[1]/**/]"),
        TEXT("[[1]\xC2\xA0]"),
        TEXT("[[\xEF\xBB\xBF"
             "1]]"),
        TEXT("[[1\0]]"),
        TEXT("[[1]],"),
        TEXT("[[1]],,"),
        TEXT("[[1]]:"),
        TEXT(""),
        TEXT(","),
        TEXT(":[[1]]"),
        TEXT("[[1]]\"labels\":[0]"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        intake_parses(composed, compose("{\"inputs\":", &rows[i], "}"), false);
    }
}
END_TEST

START_TEST(test_white_space_may_stand_between_all_tokens_and_nothing_else_may) {
    static const char *const tokens[] = {"{", "\"inputs\"", ":", "[", "[", "1", "]", "]",
                                         ",", "\"labels\"", ":", "[", "0", "]", "}"};
    static const struct {
        struct text between;
        bool allowed;
    } cases[] = {
        {TEXT(""), true},          {TEXT(" "), true},         {TEXT("\t\n\r  "), true},
        {TEXT("\v"), false},       {TEXT("\f"), false},       {TEXT("\0"), false},
        {TEXT("\xC2\x85"), false}, {TEXT("\xC2\xA0"), false}, {TEXT("\xE2\x80\xA9"), false},
        {TEXT("\x1F"), false},     {TEXT("//\n"), false},     {TEXT("/**/"), false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t at = 0; at <= COUNT(tokens); at++) {
            size_t used = 0;
            for (size_t token = 0; token <= COUNT(tokens); token++) {
                if (token == at || cases[i].allowed) {
                    memcpy(composed + used, cases[i].between.bytes, cases[i].between.size);
                    used += cases[i].between.size;
                }
                if (token < COUNT(tokens)) {
                    used += (size_t)sprintf(composed + used, "%s", tokens[token]);
                }
            }
            intake_parses(composed, used, cases[i].allowed);
            document_is(composed, used, cases[i].allowed ? ERROR_NONE : ERROR_SYNTAX);
        }
    }
}
END_TEST

/* ---- the whole ---- */

START_TEST(test_body_is_one_object_and_nothing_behind) {
    static const struct {
        struct text text;
        enum error_code document;
        bool intake;
    } cases[] = {
        {TEXT("{}"), ERROR_NONE, true},
        {TEXT("\xEF\xBB\xBF{}"), ERROR_NONE, true},
        {TEXT(" {} \n"), ERROR_NONE, true},
        {TEXT(""), ERROR_SYNTAX, false},
        {TEXT(" "), ERROR_SYNTAX, false},
        {TEXT("\xEF\xBB\xBF"), ERROR_SYNTAX, false},
        {TEXT("\xEF\xBB{}"), ERROR_SYNTAX, false},
        {TEXT("\xEF\xBB\xBF\xEF\xBB\xBF{}"), ERROR_SYNTAX, false},
        {TEXT(" \xEF\xBB\xBF{}"), ERROR_SYNTAX, false},
        {TEXT("{}\xEF\xBB\xBF"), ERROR_SYNTAX, false},
        {TEXT("{}{}"), ERROR_SYNTAX, false},
        {TEXT("{}\n{}"), ERROR_SYNTAX, false},
        {TEXT("{},"), ERROR_SYNTAX, false},
        {TEXT("{}}"), ERROR_SYNTAX, false},
        {TEXT("{}]"), ERROR_SYNTAX, false},
        {TEXT("{}1"), ERROR_SYNTAX, false},
        {TEXT("{}x"), ERROR_SYNTAX, false},
        {TEXT("{}\0"), ERROR_SYNTAX, false},
        {TEXT("{}//"), ERROR_SYNTAX, false},
        {TEXT("\0{}"), ERROR_SYNTAX, false},
        {TEXT("{\0}\0"), ERROR_SYNTAX, false},         /* UTF-16 */
        {TEXT("\xFF\xFE{\0}\0"), ERROR_SYNTAX, false}, /* with its mark */
        {TEXT("\xFE\xFF\0{\0}"), ERROR_SYNTAX, false},
        {TEXT("[]"), ERROR_INVALID, true},
        {TEXT("\"a\""), ERROR_INVALID, true},
        {TEXT("null"), ERROR_INVALID, true},
        {TEXT("1 "), ERROR_INVALID, true},
        {TEXT("1"), ERROR_INVALID, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct text *text = &cases[i].text;
        document_is(text->bytes, text->size, cases[i].document);
        intake_parses(text->bytes, text->size, cases[i].intake);
    }
}
END_TEST

START_TEST(test_names_that_are_equal_after_unescaping_are_refused) {
    static const struct text bodies[] = {
        TEXT("{\"labels\":[0],\"labels\":[0]}"),
        TEXT("{\"labels\":[0],\"l\\u0061bels\":[0]}"),
        TEXT("{\"\\u006c\\u0061bels\":null,\"labels\":null}"),
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        intake_parses(bodies[i].bytes, bodies[i].size, false);
        document_is(bodies[i].bytes, bodies[i].size, ERROR_SYNTAX);
    }
    const struct text nested = TEXT("{\"a\":[{\"b\":1,\"\\u0062\":2}]}");
    document_is(nested.bytes, nested.size, ERROR_SYNTAX);
    const struct text other = TEXT("{\"a\":{\"b\":1},\"c\":{\"b\":1},\"A\":1}");
    document_is(other.bytes, other.size, ERROR_NONE);
}
END_TEST

START_TEST(test_documents_may_be_32_deep_and_no_deeper) {
    for (size_t depth = 31; depth <= 34; depth++) {
        char text[256] = "{\"v\":";
        for (size_t i = 1; i < depth; i++) {
            strcat(text, i % 2 == 0 ? "{\"[\":" : "[");
        }
        strcat(text, "\"]]\"");
        for (size_t i = depth - 1; i >= 1; i--) {
            strcat(text, i % 2 == 0 ? "}" : "]");
        }
        strcat(text, "}");
        document_is(text, strlen(text), depth <= 32 ? ERROR_NONE : ERROR_SYNTAX);
    }
}
END_TEST

Suite *suite_json_conformance(void) {
    Suite *suite = suite_create("json_conformance");
    TCase *tests = tcase_create("json_conformance");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, test_every_form_of_number_is_read);
    tcase_add_test(tests, test_every_broken_number_is_refused);
    tcase_add_test(tests, test_number_beyond_double_is_json_and_not_allowed);
    tcase_add_test(tests, test_every_form_of_string_is_read);
    tcase_add_test(tests, test_every_broken_string_is_refused);
    tcase_add_test(tests, test_every_control_character_in_a_string_is_refused);
    tcase_add_test(tests, test_values_are_read_as_the_grammar_has_them);
    tcase_add_test(tests, test_broken_arrays_and_objects_are_refused_where_they_may_stand);
    tcase_add_test(tests, test_white_space_may_stand_between_all_tokens_and_nothing_else_may);
    tcase_add_test(tests, test_body_is_one_object_and_nothing_behind);
    tcase_add_test(tests, test_names_that_are_equal_after_unescaping_are_refused);
    tcase_add_test(tests, test_documents_may_be_32_deep_and_no_deeper);
    suite_add_tcase(suite, tests);
    return suite;
}
