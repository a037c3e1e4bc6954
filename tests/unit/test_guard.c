/* server/guard.h */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/guard.h"
#include "tests/unit/suites.h"

/* Pairs of name and value, ended by NULL. */
static const char *find_header(const void *context, const char *name) {
    for (const char *const *at = context; *at != NULL; at += 2) {
        if (strcasecmp(at[0], name) == 0) {
            return at[1];
        }
    }
    return NULL;
}

static char objection[ORIGINS_OBJECTION_BYTES];

static struct access judge(const struct guard *guard, const char *const *headers) {
    const struct guard_request request = {
        .header = find_header, .header_context = headers, .target = "/v1/models"};
    objection[0] = '\0';
    return guard_judge(guard, &request, objection);
}

static struct origins *only_loopback(void) {
    struct origins *origins;
    struct error error;
    const struct origins_settings settings = {.bound_count = 0};
    ck_assert_int_eq(origins_create(&settings, &origins, &error), ERROR_NONE);
    return origins;
}

static struct tokens *alice_trains(void) {
    char path[] = "/tmp/mlpd-guard-XXXXXX", hash[TOKEN_HASH_TEXT_BYTES];
    struct tokens *tokens;
    struct error error;
    const int fd = mkstemp(path);
    token_hash("alice", 5, hash);
    dprintf(fd, "train %s\n", hash);
    close(fd);
    ck_assert_msg(tokens_create(path, &tokens, &error) == ERROR_NONE, "%s", error.message);
    unlink(path);
    return tokens;
}

START_TEST(test_without_tokens_everybody_may_everything) {
    const struct guard guard = {.tokens = NULL, .origins = only_loopback()};
    const char *const rows[][3] = {{NULL}, {"Authorization", "Bearer x"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct access access = judge(&guard, rows[i]);
        ck_assert(access.known && access.scopes == SCOPE_ALL && access.objection == NULL);
    }
    origins_destroy(guard.origins);
}
END_TEST

START_TEST(test_objection_is_told_beside_what_the_token_grants) {
    const struct guard guard = {.tokens = alice_trains(), .origins = only_loopback()};
    const char *const headers[] = {
        "Host", "localhost", "Authorization", "Bearer alice", "Origin", "http://x.test", NULL};
    const struct access access = judge(&guard, headers);
    ck_assert(access.known && access.scopes == (SCOPE_READ | SCOPE_TRAIN));
    ck_assert_msg(access.objection == objection && strstr(objection, "http://x.test") != NULL,
                  "found '%s'", objection);
    origins_destroy(guard.origins);
    tokens_destroy(guard.tokens);
}
END_TEST

START_TEST(test_bearer_is_read_in_any_case_and_nothing_else_is) {
    static const struct {
        const char *authorization;
        unsigned scopes;
    } rows[] = {
        {"Bearer alice", SCOPE_READ | SCOPE_TRAIN},
        {"bearer alice", SCOPE_READ | SCOPE_TRAIN},
        {"BEARER \t alice \t", SCOPE_READ | SCOPE_TRAIN},
        {"Beareralice", 0},
        {"Bearer", 0},
        {"Bearer ", 0},
        {"Bearer Alice", 0},
        {"Bearer alice,alice", 0},
        {"Bearer \"alice\"", 0},
        {"Basic alice", 0},
        {"alice", 0},
        {"", 0},
        {NULL, 0},
    };
    const struct guard guard = {.tokens = alice_trains(), .origins = only_loopback()};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const headers[] = {rows[i].authorization != NULL ? "Authorization" : NULL,
                                       rows[i].authorization, NULL};
        const struct access access = judge(&guard, headers);
        ck_assert_msg(access.scopes == rows[i].scopes && access.known == (rows[i].scopes != 0),
                      "%s: found the scopes %u; wanted %u", rows[i].authorization, access.scopes,
                      rows[i].scopes);
    }
    origins_destroy(guard.origins);
    tokens_destroy(guard.tokens);
}
END_TEST

Suite *suite_guard(void) {
    Suite *suite = suite_create("guard");
    TCase *tests = tcase_create("tokens");
    tcase_add_test(tests, test_without_tokens_everybody_may_everything);
    tcase_add_test(tests, test_bearer_is_read_in_any_case_and_nothing_else_is);
    tcase_add_test(tests, test_objection_is_told_beside_what_the_token_grants);
    suite_add_tcase(suite, tests);
    return suite;
}
