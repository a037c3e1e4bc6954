/* server/tokens.h */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/access.h"
#include "server/log.h"
#include "server/tokens.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* Of "alice", "bob" and "carol", by sha256sum. */
#define ALICE "sha256:2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"
#define BOB "sha256:81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9"
#define CAROL "sha256:4C26D9074C27D89EDE59270C0AC14B71E071B15239519F75474B2F3BA63481F5"

static char path[64];

static void setup(void) {
    snprintf(path, sizeof path, "/tmp/mlpd-tokens-XXXXXX");
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void) {
    unlink(path);
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static struct tokens *load(const char *text) {
    struct tokens *tokens;
    struct error error;
    write_file(text);
    ck_assert_msg(tokens_create(path, &tokens, &error) == ERROR_NONE, "%s", error.message);
    return tokens;
}

static unsigned scopes(struct tokens *tokens, const char *token) {
    return tokens_scopes(tokens, token, strlen(token));
}

START_TEST(test_hash_is_what_sha256sum_prints) {
    char text[TOKEN_HASH_TEXT_BYTES];
    token_hash("alice", 5, text);
    EXPECT_TEXT(text, ALICE);
    token_hash("", 0, text);
    EXPECT_TEXT(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

START_TEST(test_larger_scopes_include_the_smaller) {
    struct tokens *tokens = load("read " ALICE "\ntrain " BOB "\nadmin " CAROL "\n");
    ck_assert_uint_eq(tokens_count(tokens), 3);
    ck_assert_uint_eq(scopes(tokens, "alice"), SCOPE_READ);
    ck_assert_uint_eq(scopes(tokens, "bob"), SCOPE_READ | SCOPE_TRAIN);
    ck_assert_uint_eq(scopes(tokens, "carol"), SCOPE_ALL);
    tokens_destroy(tokens);
}
END_TEST

START_TEST(test_other_tokens_grant_nothing) {
    static const char *const others[] = {"", "Alice", "alice ", "alic", "alicealice", ALICE};
    struct tokens *tokens = load("admin " ALICE "\n");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_msg(scopes(tokens, others[i]) == 0, "'%s' grants something", others[i]);
    }
    tokens_destroy(tokens);
}
END_TEST

START_TEST(test_comments_blanks_names_and_missing_ends_are_fine) {
    struct tokens *tokens = load("# who may\n\n  \t\r\n\tread\t" ALICE "\tthe dashboard's\r\n"
                                 "  # train " BOB "\nadmin  " CAROL);
    ck_assert_uint_eq(tokens_count(tokens), 2);
    ck_assert_uint_eq(scopes(tokens, "alice"), SCOPE_READ);
    ck_assert_uint_eq(scopes(tokens, "bob"), 0);
    ck_assert_uint_eq(scopes(tokens, "carol"), SCOPE_ALL);
    tokens_destroy(tokens);
}
END_TEST

START_TEST(test_wrong_lines_are_told_by_number_and_not_shown) {
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"read " ALICE "\nwrite " BOB "\n", ":2: the line does not begin with a scope: read, "},
        {"\n\nREAD " ALICE, ":3: the line does not begin with a scope"},
        {"readtrain " ALICE, ":1: the line does not begin with a scope"},
        {ALICE " read", ":1: the line does not begin with a scope"},
        {"read", ":1: behind the scope there is not sha256:"},
        {"read secret-token", "mlpd --hash-token makes them of a token"},
        {"read SHA256:81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9",
         ":1: behind"},
        {"read " ALICE "0", ":1: behind"},
        {"read sha256:81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ceg",
         ":1: behind"},
        {"read " ALICE "\n#\nadmin " ALICE "\n", ":3: the token of line 1 again"},
        {"", "there is no token in it"},
        {"# nobody\n", "there is no token in it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tokens *tokens;
        struct error error;
        write_file(rows[i].text);
        ck_assert_msg(tokens_create(path, &tokens, &error) == ERROR_INVALID, "%s", rows[i].text);
        ck_assert_msg(strstr(error.message, rows[i].part) != NULL &&
                          strncmp(error.message, path, strlen(path)) == 0,
                      "found \"%s\"; wanted %s%s", error.message, path, rows[i].part);
        ck_assert_msg(strstr(error.message, "secret") == NULL, "found \"%s\"", error.message);
    }
}
END_TEST

START_TEST(test_too_many_or_too_large_is_refused) {
    struct tokens *tokens;
    struct error error;
    FILE *file = fopen(path, "w");
    for (unsigned i = 0; i <= TOKENS_MAX; i++) {
        fprintf(file, "read sha256:%064x\n", i);
    }
    fclose(file);
    ck_assert_int_eq(tokens_create(path, &tokens, &error), ERROR_INVALID);
    ck_assert_msg(strstr(error.message, ":1001: more than 1000") != NULL, "%s", error.message);
    file = fopen(path, "w");
    fprintf(file, "#%*s\n", (int)TOKENS_FILE_BYTES_MAX, "");
    fclose(file);
    ck_assert_int_eq(tokens_create(path, &tokens, &error), ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "more than 262144 bytes") != NULL, "%s", error.message);
}
END_TEST

START_TEST(test_file_that_others_can_write_is_refused) {
    static const mode_t refused[] = {0620, 0602, 0666};
    struct tokens *tokens;
    struct error error;
    write_file("read " ALICE "\n");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        chmod(path, refused[i]);
        ck_assert_int_eq(tokens_create(path, &tokens, &error), ERROR_INVALID);
        ck_assert_msg(strstr(error.message, "chmod go-w") != NULL, "%s", error.message);
    }
    chmod(path, 0440);
    ck_assert_int_eq(tokens_create(path, &tokens, &error), ERROR_NONE);
    tokens_destroy(tokens);
}
END_TEST

START_TEST(test_what_is_no_file_is_refused_at_once) {
    struct tokens *tokens;
    struct error error;
    ck_assert_int_eq(tokens_create("/tmp", &tokens, &error), ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "is no regular file") != NULL, "%s", error.message);
    ck_assert_int_eq(tokens_create("/nonexistent/tokens", &tokens, &error), ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "No such file") != NULL, "%s", error.message);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(tokens_create(path, &tokens, &error), ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "is no regular file") != NULL, "%s", error.message);
}
END_TEST

START_TEST(test_reading_again_replaces_all_and_a_broken_file_nothing) {
    struct error error;
    struct tokens *tokens = load("read " ALICE "\n");
    write_file("train " BOB "\n");
    ck_assert_int_eq(tokens_reload(tokens, &error), ERROR_NONE);
    ck_assert_uint_eq(scopes(tokens, "alice"), 0);
    ck_assert_uint_eq(scopes(tokens, "bob"), SCOPE_READ | SCOPE_TRAIN);
    write_file("admin " ALICE "\nnonsense\n");
    ck_assert_int_eq(tokens_reload(tokens, &error), ERROR_INVALID);
    ck_assert_uint_eq(scopes(tokens, "alice"), 0);
    ck_assert_uint_eq(scopes(tokens, "bob"), SCOPE_READ | SCOPE_TRAIN);
    tokens_destroy(tokens);
}
END_TEST

Suite *suite_tokens(void) {
    Suite *suite = suite_create("tokens");
    TCase *tests = tcase_create("tokens");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_hash_is_what_sha256sum_prints);
    tcase_add_test(tests, test_larger_scopes_include_the_smaller);
    tcase_add_test(tests, test_other_tokens_grant_nothing);
    tcase_add_test(tests, test_comments_blanks_names_and_missing_ends_are_fine);
    tcase_add_test(tests, test_wrong_lines_are_told_by_number_and_not_shown);
    tcase_add_test(tests, test_too_many_or_too_large_is_refused);
    tcase_add_test(tests, test_file_that_others_can_write_is_refused);
    tcase_add_test(tests, test_what_is_no_file_is_refused_at_once);
    tcase_add_test(tests, test_reading_again_replaces_all_and_a_broken_file_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
