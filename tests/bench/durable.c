/* See durable.h. */
#include "tests/bench/durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/bench/commits.h"
#include "tests/bench/daemon.h"
#include "tests/bench/measurement.h"

#define ROWS 32 /* of 784 float32: 100 KB */
#define MODELS ((size_t)10000)
#define GROUP "batches of 100 KB, a model a client"

/* So small a net that its arithmetic does not count. */
static const struct shape thin = {.inputs = 784, .layers = {4, 2}, .batch = ROWS};
/* 8.4 million weights: 100 MB with Adam's moments, as a snapshot has them. */
static const struct shape wide = {.inputs = 2000, .layers = {4000, 100}, .batch = 16};

static void ask(unsigned port, struct load_request request) {
    char answer[512] = "";
    const int status = load_ask(port, &request, answer, sizeof answer);
    if (status < 200 || status > 299) {
        fprintf(stderr, "bench: %.64s: %d: %s\n", request.bytes, status, answer);
        exit(EXIT_FAILURE);
    }
    load_release(&request);
}

static bool is_ready(unsigned port) {
    struct load_request request = load_prepare("GET", "/health/ready", "", NULL, 0);
    const int status = load_ask(port, &request, NULL, 0);
    load_release(&request);
    return status == 200;
}

/* Each client has a model of its own. */
static double run_batches(unsigned port, size_t clients, double seconds) {
    struct load_request requests[16];
    struct body body = body_make(&thin, BODY_F32, ROWS, true);
    char name[16];
    for (size_t i = 0; i < clients; i++) {
        snprintf(name, sizeof name, "d%zu", i);
        daemon_create_model(port, &thin, OPTIMIZER_SGD, name);
        requests[i] = daemon_request(name, "batches", &body, 0);
    }
    const double rate = load_run(port, clients, requests, clients, seconds, NULL).rate;
    for (size_t i = 0; i < clients; i++) {
        snprintf(name, sizeof name, "d%zu", i);
        daemon_delete_model(port, name);
        load_release(&requests[i]);
    }
    body_free(&body);
    return rate;
}

static double run_memory(const struct measurement *m, double seconds) {
    return run_batches(daemon_port(), m->connections, seconds);
}

static double run_durable(const struct measurement *m, double seconds) {
    char directory[64];
    commits_directory(directory);
    struct process process = daemon_start_with(directory);
    const double rate = run_batches(process.port, m->connections, seconds);
    process_stop(&process);
    commits_remove(directory);
    return rate;
}

/* --- snapshots ------------------------------------------------------------------ */

/* The p99 of one-row predictions by two connections while the model's state is written again and
 * again: its batches are heavy, so that it soon is due. */
static double run_snapshots(const struct measurement *m, double seconds) {
    (void)m;
    char directory[64];
    commits_directory(directory);
    struct process process = daemon_start_with(directory);
    daemon_create_model(process.port, &wide, OPTIMIZER_ADAM, "wide");
    struct body batch = body_make(&wide, BODY_F32, 4096, true);
    struct body row = body_make(&wide, BODY_F32, 1, false);
    ask(process.port, daemon_request("wide", "batches", &batch, 256));
    struct load_request request = daemon_request("wide", "predictions", &row, 0);
    const struct load_result result = load_run(process.port, 2, &request, 1, seconds * 2, NULL);
    load_release(&request);
    body_free(&batch);
    body_free(&row);
    process_stop(&process);
    commits_remove(directory);
    return result.p99_seconds * 1e3;
}

/* --- start ---------------------------------------------------------------------- */

static void make_models(const char *directory) {
    struct process process = daemon_start_with(directory);
    struct load_request *requests = calloc(MODELS, sizeof *requests);
    char name[16];
    if (requests == NULL) {
        fprintf(stderr, "bench: no memory for %zu calls\n", MODELS);
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < MODELS; i++) {
        snprintf(name, sizeof name, "m%05zu", i);
        requests[i] = daemon_creation(&shapes[SHAPE_TINY], OPTIMIZER_ADAM, name);
    }
    (void)load_send(process.port, 16, requests, MODELS, MODELS);
    for (size_t i = 0; i < MODELS; i++) {
        load_release(&requests[i]);
    }
    free(requests);
    process_stop(&process);
}

static double run_start(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    char directory[64];
    commits_directory(directory);
    make_models(directory);
    struct process process = daemon_start_with(directory);
    const double listening = clock_monotonic_seconds();
    while (!is_ready(process.port)) {
        usleep(1000);
    }
    const double ready = clock_monotonic_seconds() - listening;
    process_stop(&process);
    commits_remove(directory);
    return (process.start_seconds + ready) * 1e3;
}

void durable_measurements(void) {
    static const size_t clients[] = {1, 4, 16};
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        struct measurement *m =
            measurement_add(GROUP, "batches/s", run_memory, "%zu clients, in memory", clients[i]);
        m->connections = clients[i];
        m = measurement_add(GROUP, "batches/s", run_durable,
                            "%zu clients, durable (of SQLite alone in groups of %zu)", clients[i],
                            clients[i]);
        m->connections = clients[i];
        m->ceiling = commits_ceiling(clients[i]);
        m->wanted = clients[i] == 16 ? 0.8 : 0;
    }
    measurement_add("the store", "ms", run_snapshots,
                    "p99 of predictions while 100 MB of state are stored");
    measurement_add("the store", "ms", run_start, "start with 10,000 models, to readiness")->bound =
        1000;
}
