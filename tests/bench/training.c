/* See training.h. */
#include "tests/bench/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bare.h"
#include "tests/bench/ceiling.h"
#include "tests/bench/daemon.h"
#include "tests/bench/in_core.h"
#include "tests/bench/measurement.h"

#define MODELS_MAX 8
#define CONNECTIONS_A_MODEL 4 /* so that its queue is never empty */

static size_t cores(void) {
    return (size_t)sysconf(_SC_NPROCESSORS_ONLN);
}

static double run_products(const struct measurement *m, double seconds) {
    return ceiling_products(m->shape, m->optimizer == OPTIMIZER_ADAM, cores(), seconds);
}

static double run_tiled(const struct measurement *m, double seconds) {
    return ceiling_tiled(m->shape, cores(), seconds);
}

static double run_in_core(const struct measurement *m, double seconds) {
    return in_core_train(m->shape, m->optimizer, m->models, cores(), seconds);
}

/* Each connection has one request under way; an answer comes when its batches are
 * trained. */
static double run_http(const struct measurement *m, double seconds) {
    struct load_request requests[MODELS_MAX];
    struct body body = body_make(m->shape, m->format, m->rows, true);
    char name[32];
    for (size_t i = 0; i < m->models; i++) {
        snprintf(name, sizeof name, "t%zu", i);
        daemon_create_model(daemon_port(), m->shape, m->optimizer, name);
        requests[i] = daemon_request(name, "batches", &body, m->shape->batch);
    }
    const struct load_result result = load_run(daemon_port(), m->models * CONNECTIONS_A_MODEL,
                                               requests, m->models, seconds, NULL);
    if (result.refused > 0) {
        fprintf(stderr, "bench: %s: %zu refused\n", m->name, result.refused);
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < m->models; i++) {
        snprintf(name, sizeof name, "t%zu", i);
        daemon_delete_model(daemon_port(), name);
        load_release(&requests[i]);
    }
    body_free(&body);
    return result.rate * (double)m->rows;
}

/* The same bodies, swallowed. */
static double run_swallowed(const struct measurement *m, double seconds) {
    struct body body = body_make(m->shape, m->format, m->rows, true);
    struct load_request request = daemon_request("t0", "batches", &body, m->shape->batch);
    const struct load_result result =
        load_run(bare_port(CONNECTIONS_A_MODEL), CONNECTIONS_A_MODEL, &request, 1, seconds, NULL);
    load_release(&request);
    body_free(&body);
    return result.rate * (double)m->rows;
}

/* The figures to reach: shares of the bare products, with Adam of them and an Adam pass. */
static const struct wanted {
    double in_core, two_in_core, http_f32, http_u8, two_http_f32, two_http_u8;
    double adam_in_core, adam_http, two_adam_http;
} wanted_of[SHAPE_COUNT] = {
    [SHAPE_SMALL] = {.two_adam_http = 0.75},
    [SHAPE_MEDIUM] = {.in_core = 0.92,
                      .two_in_core = 1.00,
                      .http_f32 = 0.75,
                      .http_u8 = 0.82,
                      .two_http_f32 = 0.85,
                      .two_http_u8 = 0.90,
                      .adam_in_core = 1.00,
                      .adam_http = 0.85},
    [SHAPE_LARGE] = {.http_f32 = 0.90},
};

/* What all measurements of a shape share. */
struct subject {
    const char *group;
    const struct shape *shape;
    const struct measurement *products, *with_adam;
};

static struct measurement *add(const struct subject *subject, measure *run,
                               enum optimizer optimizer, const char *name) {
    struct measurement *m = measurement_add(subject->group, "examples/s", run, "%s", name);
    m->shape = subject->shape;
    m->optimizer = optimizer;
    return m;
}

static const struct measurement *ceiling_of(const struct subject *subject,
                                            enum optimizer optimizer) {
    return optimizer == OPTIMIZER_ADAM ? subject->with_adam : subject->products;
}

static void add_in_core(const struct subject *subject, enum optimizer optimizer, size_t models,
                        double wanted) {
    char name[96];
    snprintf(name, sizeof name, "in core, %s, %zu model%s", optimizer_functions[optimizer].name,
             models, models > 1 ? "s" : "");
    struct measurement *m = add(subject, run_in_core, optimizer, name);
    m->models = models;
    m->ceiling = ceiling_of(subject, optimizer);
    m->wanted = wanted;
}

static void add_http(const struct subject *subject, enum optimizer optimizer,
                     enum body_format format, size_t models, size_t rows, double wanted) {
    char name[96], size[48] = "one batch";
    if (rows > subject->shape->batch) {
        snprintf(size, sizeof size, "%zu batches", rows / subject->shape->batch);
    }
    snprintf(name, sizeof name, "HTTP, %s, %s a request, %s, %zu model%s",
             body_format_names[format], size, optimizer_functions[optimizer].name, models,
             models > 1 ? "s" : "");
    struct measurement *m = add(subject, run_http, optimizer, name);
    m->format = format;
    m->models = models;
    m->rows = rows;
    m->ceiling = ceiling_of(subject, optimizer);
    m->wanted = wanted;
}

static void add_shape(size_t index) {
    static char names[SHAPE_COUNT][SHAPE_NAME_BYTES];
    const struct shape *shape = &shapes[index];
    const struct wanted *wanted = &wanted_of[index];
    const size_t many = shape->request_rows, one = shape->batch;
    shape_name(shape, names[index]);
    struct subject subject = {.group = names[index], .shape = shape};
    subject.products = add(&subject, run_products, OPTIMIZER_SGD, "bare sgemm, a net a core");
    subject.with_adam = add(&subject, run_products, OPTIMIZER_ADAM, "bare sgemm and an Adam pass");
    add(&subject, run_tiled, OPTIMIZER_SGD, "sgemm by the best tiling, a net a core")->ceiling =
        subject.products;
    struct measurement *swallowed =
        add(&subject, run_swallowed, OPTIMIZER_SGD, "F32 swallowed by bare libmicrohttpd");
    swallowed->format = BODY_F32;
    swallowed->rows = many;
    swallowed->ceiling = subject.products;

    add_in_core(&subject, OPTIMIZER_SGD, 1, wanted->in_core);
    add_in_core(&subject, OPTIMIZER_SGD, 2, wanted->two_in_core);
    add_in_core(&subject, OPTIMIZER_SGD, 8, 0);
    add_in_core(&subject, OPTIMIZER_ADAM, 1, wanted->adam_in_core);
    add_in_core(&subject, OPTIMIZER_ADAM, 2, 0);

    add_http(&subject, OPTIMIZER_SGD, BODY_F32, 1, many, wanted->http_f32);
    add_http(&subject, OPTIMIZER_SGD, BODY_U8, 1, many, wanted->http_u8);
    add_http(&subject, OPTIMIZER_SGD, BODY_JSON, 1, many, 0);
    add_http(&subject, OPTIMIZER_SGD, BODY_CSV, 1, many, 0);
    add_http(&subject, OPTIMIZER_SGD, BODY_F32, 1, one, 0);
    add_http(&subject, OPTIMIZER_SGD, BODY_U8, 1, one, 0);
    add_http(&subject, OPTIMIZER_SGD, BODY_F32, 2, many, wanted->two_http_f32);
    add_http(&subject, OPTIMIZER_SGD, BODY_U8, 2, many, wanted->two_http_u8);
    add_http(&subject, OPTIMIZER_SGD, BODY_F32, 8, many, 0);
    add_http(&subject, OPTIMIZER_ADAM, BODY_F32, 1, many, wanted->adam_http);
    add_http(&subject, OPTIMIZER_ADAM, BODY_F32, 2, many, wanted->two_adam_http);
    add_http(&subject, OPTIMIZER_ADAM, BODY_F32, 8, many, 0);
}

void training_measurements(void) {
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        add_shape(i);
    }
}
