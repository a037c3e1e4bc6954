/* See predictions.h. */
#include "tests/bench/predictions.h"

#include <pthread.h>
#include <unistd.h>

#include "tests/bench/bare.h"
#include "tests/bench/daemon.h"
#include "tests/bench/measurement.h"

#define RIVAL_LEAD_MICROSECONDS 150000 /* until the other's training is in full swing */
#define RIVAL_CONNECTIONS 4

/* Another model that trains, fed by a thread of its own. */
struct rival {
    pthread_t thread;
    struct body body;
    struct load_request request;
    atomic_bool stopped;
};

static void *run_rival(void *context) {
    struct rival *rival = context;
    (void)load_run(daemon_port(), RIVAL_CONNECTIONS, &rival->request, 1, 0, &rival->stopped);
    return NULL;
}

static void rival_begin(struct rival *rival, const struct shape *shape) {
    daemon_create_model(daemon_port(), shape, OPTIMIZER_SGD, "rival");
    rival->body = body_make(shape, BODY_U8, shape->request_rows, true);
    rival->request = daemon_request("rival", "batches", &rival->body, shape->batch);
    pthread_create(&rival->thread, NULL, run_rival, rival);
    usleep(RIVAL_LEAD_MICROSECONDS);
}

static void rival_end(struct rival *rival) {
    atomic_store(&rival->stopped, true);
    pthread_join(rival->thread, NULL);
    load_release(&rival->request);
    body_free(&rival->body);
    daemon_delete_model(daemon_port(), "rival");
}

static struct load_result last; /* of the run before, for its further figures */

static double run_predictions(const struct measurement *m, double seconds) {
    struct rival rival = {.stopped = false};
    struct body body = body_make(m->shape, m->format, m->rows, false);
    struct load_request request = daemon_request("p", "predictions", &body, 0);
    daemon_create_model(daemon_port(), m->shape, OPTIMIZER_ADAM, "p");
    if (m->training) {
        rival_begin(&rival, &shapes[SHAPE_LARGE]);
    }
    last = load_run(daemon_port(), m->connections, &request, 1, seconds, NULL);
    if (m->training) {
        rival_end(&rival);
    }
    daemon_delete_model(daemon_port(), "p");
    load_release(&request);
    body_free(&body);
    return last.rate;
}

static double run_swallowed(const struct measurement *m, double seconds) {
    struct body body = body_make(m->shape, m->format, m->rows, false);
    struct load_request request = daemon_request("p", "predictions", &body, 0);
    last = load_run(bare_port(m->connections), m->connections, &request, 1, seconds, NULL);
    load_release(&request);
    body_free(&body);
    return last.rate;
}

static double tell_p50(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return last.p50_seconds * 1e3;
}

static double tell_p99(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return last.p99_seconds * 1e3;
}

static struct measurement *add(const char *group, const char *unit, measure *run, const char *what,
                               size_t rows, size_t connections) {
    struct measurement *m = measurement_add(group, unit, run, "%zu connection%s%s", connections,
                                            connections > 1 ? "s" : "", what);
    m->shape = &shapes[SHAPE_MEDIUM];
    m->format = BODY_JSON;
    m->rows = rows;
    m->connections = connections;
    return m;
}

static void add_load(size_t rows, size_t connections) {
    const char *group = rows == 1 ? "one-row predictions, 784-256-128-10, JSON"
                                  : "64-row predictions, 784-256-128-10, JSON";
    const bool watched = rows == 1 && connections == 64;
    const struct measurement *swallowed =
        add(group, "requests/s", run_swallowed, ": bare libmicrohttpd", rows, connections);
    struct measurement *m = add(group, "requests/s", run_predictions, "", rows, connections);
    m->ceiling = swallowed;
    m->wanted = watched ? 0.6 : 0;
    add(group, "ms", tell_p50, ": p50", rows, connections);
    struct measurement *idle = add(group, "ms", tell_p99, ": p99", rows, connections);
    idle->bound = watched ? 2 : 0;
    m = add(group, "requests/s", run_predictions, " beside training", rows, connections);
    m->training = true;
    m->ceiling = swallowed;
    add(group, "ms", tell_p50, " beside training: p50", rows, connections);
    m = add(group, "ms", tell_p99, " beside training: p99", rows, connections);
    m->ceiling = idle;
    m->bound = watched ? 3 : 0;
}

void prediction_measurements(void) {
    static const size_t connections[] = {1, 8, 64, 512};
    for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
        add_load(1, connections[i]);
    }
    for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
        add_load(64, connections[i]);
    }
}
