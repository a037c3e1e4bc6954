/* HTTPS: every kind of exchange over TLS, and certificates that are replaced. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [8, 2]}"
#define BATCHES "/v1/models/m/batches"
#define BATCH "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"

static char certificate[512], key[512];

static void make_certificate(const char *name) {
    certificate_make(certificate, key, name, 86400);
}

static void prepare(void) {
    snprintf(certificate, sizeof certificate, "%s", scratch_name(".crt"));
    snprintf(key, sizeof key, "%s", scratch_name(".key"));
    make_certificate("one");
}

static void start(void) {
    prepare();
    daemon_start("--tls-cert", certificate, "--tls-key", key, "--max-body", "64K", NULL);
}

static void await_log(const char *part) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    for (bool found = false; !found;) {
        char *log = daemon_log();
        found = strstr(log, part) != NULL;
        ck_assert_msg(found || now_seconds() < until, "found the log %s; wanted '%s' in it", log,
                      part);
        free(log);
    }
}

/* ---- a client that looks at the handshake ---- */

struct handshake {
    int result;    /* of GnuTLS */
    char name[64]; /* the certificate's */
    gnutls_protocol_t version;
};

static void note_name(gnutls_session_t session, struct handshake *handshake) {
    unsigned count = 0;
    size_t bytes = sizeof handshake->name;
    gnutls_x509_crt_t first;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (count == 0 || gnutls_x509_crt_init(&first) != 0) {
        return;
    }
    gnutls_x509_crt_import(first, chain, GNUTLS_X509_FMT_DER);
    gnutls_x509_crt_get_dn_by_oid(first, GNUTLS_OID_X520_COMMON_NAME, 0, 0, handshake->name,
                                  &bytes);
    gnutls_x509_crt_deinit(first);
}

static struct handshake shake_hands(const char *priorities) {
    struct handshake handshake = {.result = -1};
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    const int connection = raw_connect();
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    ck_assert_int_eq(gnutls_priority_set_direct(session, priorities, NULL), 0);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, connection);
    gnutls_handshake_set_timeout(session, (unsigned)(DEADLINE_SECONDS * 1000));
    do {
        handshake.result = gnutls_handshake(session);
    } while (handshake.result < 0 && gnutls_error_is_fatal(handshake.result) == 0);
    if (handshake.result == 0) {
        note_name(session, &handshake);
        handshake.version = gnutls_protocol_get_version(session);
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    raw_reset(connection); /* thousands of ports would wait for the end of their time */
    return handshake;
}

static void await_name(const char *name) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    struct handshake handshake;
    while (strcmp((handshake = shake_hands("NORMAL")).name, name) != 0) {
        ck_assert_msg(now_seconds() < until, "found the certificate '%s'; wanted '%s'",
                      handshake.name, name);
    }
}

/* ---- exchanges ---- */

START_TEST(test_models_are_made_trained_and_asked) {
    start();
    create(MODEL);
    for (int i = 1; i <= 20; i++) {
        want_json(train(BATCHES, BATCH), "/state", "'trained'");
    }
    want_status(post("/v1/models/m/predictions", "{'inputs': [[1, 2]]}"), 200);
    want_status(request((struct call){.method = "HEAD", .path = "/v1/models/m"}), 200);
    want_status(get("/v1/none"), 404);
    want_json(get("/v1/models/m"), "/step", "20");
    want_status(delete ("/v1/models/m"), 204);
    daemon_stop();
}
END_TEST

START_TEST(test_large_answers_and_bodies_are_whole) {
    prepare();
    daemon_start("--tls-cert", certificate, "--tls-key", key, NULL);
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 64, 'activation': 'softmax'}]}");
    char *text = NULL;
    size_t bytes = 0;
    FILE *body = open_memstream(&text, &bytes);
    fputs("{\"inputs\":[[0]", body);
    for (int i = 1; i < 20000; i++) {
        fprintf(body, ",[%d.000000000000000000000000000000]", i);
    }
    fputs("]}", body);
    fclose(body);
    const struct answer *answer =
        want_status(post_raw("/v1/models/m/predictions", text, bytes), 200);
    ck_assert_uint_eq(json_array_size(json_at(answer, "/predictions")), 20000);
    ck_assert_msg(answer->bytes > 4000000, "found %zu bytes; wanted some megabytes", answer->bytes);
    answer = want_status(request((struct call){.method = "POST",
                                               .path = "/v1/models/m/predictions",
                                               .body = text,
                                               .bytes = bytes,
                                               .chunked = true}),
                         200);
    ck_assert_uint_eq(json_array_size(json_at(answer, "/predictions")), 20000);
    free(text);
    daemon_stop();
}
END_TEST

static void *wait_for_slow(void *unused) {
    (void)unused;
    const struct answer *answer = slow_post("Prefer: wait=60");
    const bool trained = answer->status == 200 && strcmp(text_at(answer, "/state"), "trained") == 0;
    answers_free();
    return trained ? NULL : (void *)1;
}

START_TEST(test_waiting_calls_are_resumed) {
    pthread_t waiters[4];
    prepare();
    daemon_start("--tls-cert", certificate, "--tls-key", key, NULL);
    slow_create();
    for (size_t i = 0; i < 4; i++) {
        pthread_create(&waiters[i], NULL, wait_for_slow, NULL);
    }
    want_status(get("/health/live"), 200); /* while they wait */
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(waiters[i], &failed);
        ck_assert_msg(failed == NULL, "a waiting call was not answered with 'trained'");
    }
    daemon_stop();
}
END_TEST

START_TEST(test_body_that_grows_too_long_is_413_within_the_session) {
    static char body[500000]; /* less than what is drained */
    start();
    memset(body, ' ', sizeof body);
    create(MODEL);
    for (int i = 0; i < 10; i++) {
        want_problem(request((struct call){.method = "POST",
                                           .path = BATCHES,
                                           .body = body,
                                           .bytes = sizeof body,
                                           .chunked = true}),
                     413, NULL);
    }
    want_status(get("/v1/models/m"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_length_that_is_too_long_is_413) {
    static char body[500000];
    start();
    memset(body, ' ', sizeof body);
    want_problem(post_raw("/v1/models", body, sizeof body), 413, NULL);
    want_status(get("/v1/models"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_connection_is_kept) {
    start();
    create(MODEL);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(want_status(post(BATCHES, BATCH), 202)->connects, 0);
    }
    daemon_stop();
}
END_TEST

/* Half a handshake, and HTTP without one; and nobody can fill the log with it. */
START_TEST(test_what_is_no_tls_is_closed_and_harms_nobody) {
    static const char *const rows[] = {"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                       "\x16\x03\x01", "\xff\xff\xff\xff\xff\xff\xff\xff"};
    char answer[256];
    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int connection = raw_connect();
        raw_send_text(connection, "%s", rows[i]);
        if (strlen(rows[i]) > 5) {
            ck_assert_int_le(raw_read(connection, answer, sizeof answer), 0);
            ck_assert_msg(strstr(answer, "HTTP") == NULL, "found %s", answer);
        }
        raw_reset(connection);
    }
    want_status(get("/health/live"), 200);
    daemon_stop();
    char *log = daemon_log();
    ck_assert_msg(strstr(log, " warning libmicrohttpd") == NULL, "found the log %s", log);
    free(log);
}
END_TEST

START_TEST(test_versions_before_1_2_are_refused) {
    start();
    ck_assert_int_eq(shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.2").version, GNUTLS_TLS1_2);
    ck_assert_int_eq(shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.3").version, GNUTLS_TLS1_3);
    ck_assert_int_lt(
        shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%UNSAFE_RENEGOTIATION").result, 0);
    ck_assert_int_lt(shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA").result, 0);
    daemon_stop();
}
END_TEST

START_TEST(test_own_origin_is_https) {
    char headers[100];
    start();
    snprintf(headers, sizeof headers, "Origin: https://127.0.0.1:%u\nSec-Fetch-Site: same-origin",
             daemon_port());
    want_status(post_with(headers, "/v1/models", MODEL), 201);
    daemon_stop();
}
END_TEST

/* ---- replaced ---- */

START_TEST(test_sighup_gives_new_connections_the_new_certificate) {
    start();
    want_equal_text(shake_hands("NORMAL").name, "one");
    make_certificate("two");
    want_equal_text(shake_hands("NORMAL").name, "one");
    daemon_signal(SIGHUP);
    await_name("two");
    daemon_stop();
}
END_TEST

START_TEST(test_open_connections_outlive_their_certificate) {
    start();
    create(MODEL);
    make_certificate("two");
    daemon_signal(SIGHUP);
    await_name("two");
    ck_assert_int_eq(want_status(get("/v1/models/m"), 200)->connects, 0);
    daemon_stop();
}
END_TEST

START_TEST(test_broken_files_keep_the_certificate_and_are_logged) {
    char other[512], other_key[512];
    start();
    snprintf(other, sizeof other, "%s", scratch_name(".crt"));
    snprintf(other_key, sizeof other_key, "%s", scratch_name(".key"));
    certificate_make(other, other_key, "two", 86400);
    ck_assert_int_eq(rename(other, certificate), 0); /* without its key */
    daemon_signal(SIGHUP);
    await_log("the certificate stays as it was");
    await_log("is not that of the first certificate");
    want_equal_text(shake_hands("NORMAL").name, "one");
    ck_assert_int_eq(rename(other_key, key), 0);
    daemon_signal(SIGHUP);
    await_name("two");
    daemon_stop();
}
END_TEST

static atomic_bool over;

static void *shake_all_the_time(void *unused) {
    long bad = 0, count = 0;
    (void)unused;
    while (!atomic_load(&over) || count < 20) {
        const struct handshake handshake = shake_hands("NORMAL");
        bad += handshake.result != 0 ||
               (strcmp(handshake.name, "one") != 0 && strcmp(handshake.name, "two") != 0);
        count++;
    }
    return (void *)bad;
}

START_TEST(test_certificates_are_replaced_under_load) {
    static const char *const names[] = {"two", "one"};
    pthread_t clients[2];
    atomic_store(&over, false);
    start();
    for (size_t i = 0; i < 2; i++) {
        pthread_create(&clients[i], NULL, shake_all_the_time, NULL);
    }
    for (int i = 0; i < 10; i++) {
        make_certificate(names[i % 2]);
        daemon_signal(SIGHUP);
        await_name(names[i % 2]);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < 2; i++) {
        void *bad;
        pthread_join(clients[i], &bad);
        ck_assert_msg(bad == NULL, "found %ld failed handshakes; wanted none", (long)bad);
    }
    daemon_stop();
}
END_TEST

/* ---- start ---- */

static void want_failure(const char *certificate_path, const char *key_path, const char *part) {
    struct run run;
    daemon_run(&run, NULL, NULL,
               (const char *const[]){"--listen", "127.0.0.1:0", "--tls-cert", certificate_path,
                                     "--tls-key", key_path, NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strncmp(run.err, "mlpd: ", 6) == 0 && strstr(run.err, part) != NULL,
                  "found '%s'; wanted '%s'", run.err, part);
}

START_TEST(test_files_that_cannot_be_used_end_with_1_and_one_line) {
    char other_key[512], text[512];
    prepare();
    snprintf(other_key, sizeof other_key, "%s", scratch_name(".key"));
    snprintf(text, sizeof text, "%s", scratch_name(".txt"));
    certificate_make(text, other_key, "two", 86400);
    want_failure("/nonexistent", key, "cannot read the certificate file /nonexistent: No such");
    want_failure(certificate, "/nonexistent", "cannot read the key file /nonexistent: No such");
    want_failure(certificate, other_key, "is not that of the first certificate");
    want_failure(key, key, "cannot use the certificate file");
    want_failure(certificate, certificate, "cannot use the key file");
    chmod(key, 0620);
    want_failure(certificate, key, "chmod go-w");
}
END_TEST

START_TEST(test_one_file_without_the_other_ends_with_2) {
    static const char *const rows[][2] = {{"--tls-cert", "--tls-key is missing"},
                                          {"--tls-key", "--tls-cert is missing"}};
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){rows[_i][0], "f", NULL});
    ck_assert_int_eq(run.status, 2);
    ck_assert_msg(strstr(run.err, rows[_i][1]) != NULL, "found %s", run.err);
}
END_TEST

START_TEST(test_expired_certificate_is_warned_of) {
    prepare();
    certificate_make(certificate, key, "old", -3600);
    daemon_start("--tls-cert", certificate, "--tls-key", key, NULL);
    await_log("the certificate has expired");
    daemon_stop();
}
END_TEST

Suite *tls_suite(void) {
    Suite *suite = suite_create("tls");
    TCase *tests = lone_case(suite, "exchanges");
    tcase_add_test(tests, test_models_are_made_trained_and_asked);
    tcase_add_test(tests, test_large_answers_and_bodies_are_whole);
    tcase_add_test(tests, test_waiting_calls_are_resumed);
    tcase_add_test(tests, test_body_that_grows_too_long_is_413_within_the_session);
    tcase_add_test(tests, test_length_that_is_too_long_is_413);
    tcase_add_test(tests, test_connection_is_kept);
    tcase_add_test(tests, test_what_is_no_tls_is_closed_and_harms_nobody);
    tcase_add_test(tests, test_versions_before_1_2_are_refused);
    tcase_add_test(tests, test_own_origin_is_https);
    tests = lone_case(suite, "replaced");
    tcase_add_test(tests, test_sighup_gives_new_connections_the_new_certificate);
    tcase_add_test(tests, test_open_connections_outlive_their_certificate);
    tcase_add_test(tests, test_broken_files_keep_the_certificate_and_are_logged);
    tcase_add_test(tests, test_certificates_are_replaced_under_load);
    tests = lone_case(suite, "start");
    tcase_add_test(tests, test_files_that_cannot_be_used_end_with_1_and_one_line);
    tcase_add_loop_test(tests, test_one_file_without_the_other_ends_with_2, 0, 2);
    tcase_add_test(tests, test_expired_certificate_is_warned_of);
    return suite;
}
