/* The suites, one file each a subject, and the fixtures they share. */
#ifndef MLPD_TESTS_INTEGRATION_SUITES_H
#define MLPD_TESTS_INTEGRATION_SUITES_H

#include <check.h>
#include <stddef.h>

#include "tests/integration/proxy.h"

Suite *models_suite(void);
Suite *batches_suite(void);
Suite *changes_suite(void);
Suite *checkpoints_suite(void);
Suite *promotions_suite(void);
Suite *stored_suite(void);
Suite *idempotency_suite(void);
Suite *preconditions_suite(void);
Suite *prefer_suite(void);
Suite *predictions_suite(void);
Suite *evaluations_suite(void);
Suite *normalization_suite(void);
Suite *loss_suite(void);
Suite *streams_suite(void);
Suite *accept_suite(void);
Suite *health_suite(void);
Suite *bad_input_suite(void);
Suite *bad_networks_suite(void);
Suite *framing_suite(void);
Suite *csv_suite(void);
Suite *body_options_suite(void);
Suite *content_coding_suite(void);
Suite *process_suite(void);
Suite *concurrency_suite(void);
Suite *acceptor_suite(void);
Suite *many_suite(void);
Suite *wire_suite(void);
Suite *slow_suite(void);
Suite *access_suite(void);
Suite *metrics_suite(void);
Suite *request_log_suite(void);
Suite *request_id_suite(void);
Suite *server_info_suite(void);
Suite *smuggling_suite(void);
Suite *origins_suite(void);
Suite *tls_suite(void);
Suite *probe_suite(void);
Suite *check_suite(void);
Suite *systemd_suite(void);
Suite *openapi_suite(void);
Suite *exports_suite(void);
Suite *store_suite(void);
Suite *imports_suite(void);

/* Tests that share one daemon, started before the first and stopped after the last;
 * each begins without any model. */
TCase *shared_case(Suite *suite, const char *name);
/* Tests that start daemons of their own. */
TCase *lone_case(Suite *suite, const char *name);

/* In a test of what only a client that is connected to mlpd itself can see. */
#define SKIP_BEHIND_PROXY(why) SKIP_BEHIND("", why)
/* The same of proxies whose program has that name. */
#define SKIP_BEHIND(name, why)                                                                     \
    do {                                                                                           \
        if (proxy_skips(__func__, name, why)) {                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* ---- what is refused ---- */

/* A body, and what it gets. */
struct refused {
    const char *body;
    long status;
    const char *pointer; /* NULL: none */
};

/* Make the model m of two inputs and two classes, train one batch of it, and note it. */
void begin_with_model(void);
/* Note what m is, of which one batch is trained. */
void note_model(void);
/* It is still what was noted. */
void want_model_as_it_was(void);

/* ---- slow work ---- */

/* How long a slow batch takes, about: the machine was measured. */
#define SLOW_SECONDS 0.7

/* Make the model "slow": 16 inputs, 2 classes. */
void slow_create(void);
/* Post a slow batch to it, with these headers. */
const struct answer *slow_post(const char *headers);

/* ---- models that can be calculated by hand ---- */

/* A network of one line, out = a·x + a, for a > 0. */
void create_line(const char *name, double a);
/* Two softmax classes, one input: the probability of class 1 is σ(x + 1). */
void create_pair(const char *name);
/* Three softmax classes, three inputs: the logits are 3·x[i] − Σx, for inputs that sum
 * to 1 thus 3·x[i] − 1. */
void create_three(const char *name, const char *classes);

#endif
