/* See daemon.h. */
#include "tests/bench/daemon.h"

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

unsigned daemon_port(void) {
    static struct process daemon;
    if (daemon.pid == 0) {
        daemon = daemon_start();
    }
    return daemon.port;
}

static void call(unsigned port, const char *method, const char *path, const char *body,
                 int status) {
    char answer[512] = "";
    struct load_request request =
        load_prepare(method, path, body != NULL ? "Content-Type: application/json\r\n" : "", body,
                     body != NULL ? strlen(body) : 0);
    const int got = load_ask(port, &request, answer, sizeof answer);
    if (got != status) {
        fprintf(stderr, "bench: %s %s: %d in place of %d: %s\n", method, path, got, status, answer);
        exit(EXIT_FAILURE);
    }
    load_release(&request);
}

void daemon_create_model(unsigned port, const struct shape *shape, enum optimizer optimizer,
                         const char *name) {
    char body[512];
    int used = snprintf(body, sizeof body, "{\"name\":\"%s\",\"inputs\":%zu,\"layers\":[", name,
                        shape->inputs);
    for (size_t l = 0; l < shape_depth(shape); l++) {
        used += snprintf(body + used, sizeof body - (size_t)used, l > 0 ? ",%zu" : "%zu",
                         shape->layers[l]);
    }
    snprintf(body + used, sizeof body - (size_t)used, "],\"optimizer\":{\"name\":\"%s\"}}",
             optimizer_functions[optimizer].name);
    call(port, "POST", "/v1/models", body, 201);
}

void daemon_delete_model(unsigned port, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "/v1/models/%s", name);
    call(port, "DELETE", path, NULL, 204);
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
