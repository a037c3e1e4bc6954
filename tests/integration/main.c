/* Integration tests: every test speaks HTTP with a live daemon.
 *
 * `integration [SUITE]` runs all of them or one suite; check's own variables
 * (CK_RUN_CASE, CK_FORK=no, …) work too.  The last line is the summary. */
#include <check.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/daemon.h"
#include "tests/integration/proxy.h"
#include "tests/integration/suites.h"

static Suite *(*const suites[])(void) = {
    stored_suite,      models_suite,         batches_suite,      changes_suite,
    idempotency_suite, preconditions_suite,  prefer_suite,       predictions_suite,
    evaluations_suite, normalization_suite,  loss_suite,         health_suite,
    bad_input_suite,   bad_networks_suite,   framing_suite,      process_suite,
    concurrency_suite, access_suite,         origins_suite,      tls_suite,
    probe_suite,       check_suite,          systemd_suite,      openapi_suite,
    metrics_suite,     request_log_suite,    request_id_suite,   server_info_suite,
    csv_suite,         content_coding_suite, body_options_suite, smuggling_suite,
    accept_suite,      many_suite,           exports_suite,      imports_suite,
};

/* Of bytes, times and ends of connections between mlpd itself and its client, and of what no proxy
 * sees; not behind a proxy. */
static Suite *(*const direct_suites[])(void) = {wire_suite,     slow_suite,        streams_suite,
                                                acceptor_suite, checkpoints_suite, promotions_suite,
                                                store_suite};

/* The tests run in a child, so that whatever ends them, this process removes their
 * files.  When the child is killed its tests and daemons die with it. */
static volatile pid_t child;

static void end_child(int number) {
    (void)number;
    kill(child, SIGKILL);
}

static int run_suites(const char *only) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        srunner_add_suite(runner, suites[i]());
    }
    for (size_t i = 0; i < sizeof direct_suites / sizeof *direct_suites; i++) {
        if (!behind_proxy()) {
            srunner_add_suite(runner, direct_suites[i]());
        }
    }
    const double start = now_seconds();
    srunner_run(runner, only, NULL, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    const int run = srunner_ntests_run(runner);
    srunner_free(runner);
    curl_global_cleanup();
    const int bad_ends = daemons_ended_badly();
    const unsigned skipped = proxy_skipped();
    printf("integration: %d of %d tests passed, %d daemons ended badly, %.1f s\n", run - failed,
           run, bad_ends, now_seconds() - start);
    if (skipped > 0) {
        printf("integration: %u of them were skipped behind the proxy, and the suites wire, slow "
               "and streams\n",
               skipped);
    }
    return run > 0 && failed + bad_ends == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (!daemons_prepare(argv[0])) {
        return EXIT_FAILURE;
    }
    const pid_t parent = getpid();
    child = fork();
    if (child == 0) {
        daemons_begin(parent);
        exit(run_suites(argc > 1 ? argv[1] : NULL));
    }
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sigaction(ends[i], &(struct sigaction){.sa_handler = end_child, .sa_flags = SA_RESTART},
                  NULL);
    }
    int status = -1;
    if (child > 0) {
        waitpid(child, &status, 0);
    }
    daemons_clean_up();
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
