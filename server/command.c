/* Commands; see command.h. */
#include "server/command.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/store/sqlite_store.h"
#include "server/probe.h"
#include "server/tokens.h"

#define HELP_BYTES 16384
#define TOKEN_BYTES 4096

int command_fail(const struct error *error, int status) {
    fprintf(stderr, "mlpd: %s\n", error->message);
    return status;
}

static int print_help(void) {
    char help[HELP_BYTES];
    (void)options_help(help, sizeof help);
    fputs(help, stdout);
    return EXIT_SUCCESS;
}

static int print_version(void) {
    puts("mlpd " MLPD_VERSION);
    return EXIT_SUCCESS;
}

/* Of the token on standard input, without the newline at its end. */
static int hash_token(void) {
    char token[TOKEN_BYTES], hash[TOKEN_HASH_TEXT_BYTES];
    size_t bytes = fread(token, 1, sizeof token, stdin);
    while (bytes > 0 && (token[bytes - 1] == '\n' || token[bytes - 1] == '\r')) {
        bytes--;
    }
    struct error error;
    if (bytes == 0 || bytes == sizeof token || memchr(token, '\n', bytes) != NULL) {
        error_set(&error, ERROR_INVALID, NULL,
                  "--hash-token reads one token of 1 to %zu bytes from standard input",
                  sizeof token - 1);
        return command_fail(&error, EXIT_USAGE);
    }
    token_hash(token, bytes, hash);
    explicit_bzero(token, sizeof token);
    puts(hash);
    return EXIT_SUCCESS;
}

static void give_up(int number) {
    static const char text[] = "mlpd: no answer within the time\n";
    (void)number;
    const ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(EXIT_FAILURE);
}

/* The probe bounds its own time, and the alarm that of the name server.  1 for whatever is
 * wrong: other statuses mean other things to Docker. */
static int ask_health(const char *url) {
    struct probe_target target;
    struct error error;
    if (probe_parse(url, &target, &error) != ERROR_NONE) {
        return command_fail(&error, EXIT_FAILURE);
    }
    signal(SIGALRM, give_up);
    alarm((unsigned)PROBE_SECONDS + 1);
    return probe_run(&target, &error) == ERROR_NONE ? EXIT_SUCCESS
                                                    : command_fail(&error, EXIT_FAILURE);
}

static void tell_problem(const char *problem) {
    puts(problem);
}

static int check_store(const char *directory) {
    struct store_check check;
    struct error error;
    if (sqlite_store_check(directory, tell_problem, &check, &error) != ERROR_NONE) {
        return command_fail(&error, EXIT_FAILURE);
    }
    printf("%" PRIu64 " models, %" PRIu64 " entries, %" PRIu64 " keys, %" PRIu64
           " checkpoints, %" PRIu64 " chunks are whole, %" PRIu64 " problems\n",
           check.models, check.entries, check.keys, check.checkpoints, check.chunks, check.damaged);
    return check.damaged == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_run(enum options_outcome outcome, const struct options *options) {
    switch (outcome) {
    case OPTIONS_HELP:
        return print_help();
    case OPTIONS_VERSION:
        return print_version();
    case OPTIONS_HEALTH:
        return ask_health(options->health_url);
    case OPTIONS_CHECK:
        return check_store(options->check_directory);
    case OPTIONS_HASH_TOKEN:
        return hash_token();
    case OPTIONS_RUN:
    case OPTIONS_WRONG:
        break;
    }
    return EXIT_USAGE;
}
