/* See daemon.h. */
#include "tests/bench/daemon.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program;

void daemon_choose(const char *chosen) {
    program = chosen;
}

/* Requests of tiny nets hold hundreds of batches each, so the queue may be long. */
struct process daemon_start(void) {
    static const char *const options[] = {"--listen",    "127.0.0.1:0", "--log-level", "error",
                                          "--max-queue", "20000",       NULL};
    return process_start(program, options);
}

struct process daemon_start_with(const char *directory) {
    const char *const options[] = {"--listen", "127.0.0.1:0", "--log-level", "error",
                                   "--data",   directory,     NULL};
    return process_start(program, options);
}

unsigned daemon_port(void) {
    static struct process daemon;
    if (daemon.pid == 0) {
        daemon = daemon_start();
    }
    return daemon.port;
}

/* Make one call and release it; what fails ends the program. */
static void call(unsigned port, struct load_request request, int status, char *answer,
                 size_t answer_bytes) {
    const int got = load_ask(port, &request, answer, answer_bytes);
    if (got != status) {
        fprintf(stderr, "bench: %.64s: %d in place of %d: %s\n", request.bytes, got, status,
                answer);
        exit(EXIT_FAILURE);
    }
    load_release(&request);
}

struct load_request daemon_creation(const struct shape *shape, enum optimizer optimizer,
                                    const char *name) {
    char body[512];
    int used = snprintf(body, sizeof body, "{\"name\":\"%s\",\"inputs\":%zu,\"layers\":[", name,
                        shape->inputs);
    for (size_t l = 0; l < shape_depth(shape); l++) {
        used += snprintf(body + used, sizeof body - (size_t)used, l > 0 ? ",%zu" : "%zu",
                         shape->layers[l]);
    }
    used += snprintf(body + used, sizeof body - (size_t)used, "],\"optimizer\":{\"name\":\"%s\"}}",
                     optimizer_functions[optimizer].name);
    return load_prepare("POST", "/v1/models", "Content-Type: application/json\r\n", body,
                        (size_t)used);
}

struct load_request daemon_deletion(const char *name) {
    char path[96];
    snprintf(path, sizeof path, "/v1/models/%s", name);
    return load_prepare("DELETE", path, "", NULL, 0);
}

void daemon_create_model(unsigned port, const struct shape *shape, enum optimizer optimizer,
                         const char *name) {
    char answer[512] = "";
    call(port, daemon_creation(shape, optimizer, name), 201, answer, sizeof answer);
}

void daemon_delete_model(unsigned port, const char *name) {
    char answer[512] = "";
    call(port, daemon_deletion(name), 204, answer, sizeof answer);
}

double daemon_figure(unsigned port, const char *name) {
    char answer[8192] = "";
    call(port, load_prepare("GET", "/v1/server", "", NULL, 0), 200, answer, sizeof answer);
    json_t *figures = json_loads(answer, 0, NULL);
    const double figure = json_number_value(json_object_get(figures, name));
    json_decref(figures);
    return figure;
}

struct load_request daemon_request(const char *model, const char *call_name,
                                   const struct body *body, size_t batch_size) {
    char path[160], headers[128];
    const int used = snprintf(path, sizeof path, "/v1/models/%s/%s", model, call_name);
    if (batch_size > 0) {
        snprintf(path + used, sizeof path - (size_t)used, "?batch_size=%zu%s", batch_size,
                 body->query);
    }
    snprintf(headers, sizeof headers, "Content-Type: %s\r\nPrefer: wait=60\r\n", body->media_type);
    return load_prepare("POST", path, headers, body->bytes, body->size);
}
