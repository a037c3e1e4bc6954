/* See operations.h. */
#include "tests/fault/operations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/bodies.h"

static const struct {
    size_t inputs;
    uint32_t classes;
    const char *rest;
} kinds[MODEL_KINDS] = {
    {4, 3, "'layers':[{'units':8},{'units':3}],'standardize':true"},
    {6, 3,
     "'layers':[{'units':16,'normalization':'batch','dropout':0.2},{'units':3}],"
     "'optimizer':{'name':'sgd','learning_rate':0.05}"},
    {4096, 2, "'layers':[{'units':64},{'units':2}]"},
    {8, 2,
     "'layers':[{'units':12,'normalization':'layer','activation':'gelu'},{'units':2}],"
     "'optimizer':{'name':'rmsprop','clip_norm':1,'schedule':{'name':'cosine','decay_steps':500,"
     "'warmup_steps':20}}"},
};

uint32_t operation_batches(const struct operation *operation) {
    return operation->batch_size == 0
               ? 1
               : (operation->rows + operation->batch_size - 1) / operation->batch_size;
}

/* --- bodies -------------------------------------------------------------------- */

static uint64_t mixed(uint64_t seed, uint64_t number) {
    uint64_t z = seed * 0x9E3779B97F4A7C15u + (number + 1) * 0xD1B54A32D192ED03u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint32_t label_of(const struct operation *operation, uint32_t row) {
    return (uint32_t)(mixed(~operation->seed, row) % kinds[operation->model->kind].classes);
}

static size_t write_json(const struct operation *operation, char *body, uint32_t from,
                         uint32_t to) {
    const size_t inputs = kinds[operation->model->kind].inputs;
    char *at = body;
    at += sprintf(at, "{\"inputs\":[");
    for (uint32_t r = from; r < to; r++) {
        at += sprintf(at, "%s[", r > from ? "," : "");
        for (size_t i = 0; i < inputs; i++) {
            const uint64_t number = mixed(operation->seed, r * inputs + i) % 2000;
            at += sprintf(at, "%s%.3f", i > 0 ? "," : "", (double)number * 1e-3 - 1);
        }
        at += sprintf(at, "]");
    }
    at += sprintf(at, "],\"labels\":[");
    for (uint32_t r = from; r < to; r++) {
        at += sprintf(at, "%s%u", r > from ? "," : "", label_of(operation, r));
    }
    at += sprintf(at, "]}");
    return (size_t)(at - body);
}

/* A safetensors file of bytes. */
static size_t write_bytes(const struct operation *operation, char *body, uint32_t from,
                          uint32_t to) {
    const size_t inputs = kinds[operation->model->kind].inputs;
    const size_t rows = to - from;
    const int text =
        sprintf(body + 8,
                "{\"inputs\":{\"dtype\":\"U8\",\"shape\":[%zu,%zu],\"data_offsets\":"
                "[0,%zu]},\"labels\":{\"dtype\":\"U8\",\"shape\":[%zu],"
                "\"data_offsets\":[%zu,%zu]}}",
                rows, inputs, rows * inputs, rows, rows * inputs, rows * inputs + rows);
    const uint64_t header = (uint64_t)text;
    memcpy(body, &header, sizeof header); /* little-endian, as all machines that mlpd runs on */
    char *at = body + 8 + header;
    for (uint32_t r = from; r < to; r++) {
        for (size_t i = 0; i < inputs; i += sizeof(uint64_t), at += sizeof(uint64_t)) {
            const uint64_t eight = mixed(operation->seed, r * inputs + i);
            memcpy(at, &eight, sizeof eight);
        }
    }
    for (uint32_t r = from; r < to; r++) {
        *at++ = (char)label_of(operation, r);
    }
    return (size_t)(at - body);
}

/* --- calls --------------------------------------------------------------------- */

static size_t write_model(const struct operation *operation, char *body, const char *name) {
    const unsigned kind = operation->model->kind;
    snprintf(body, BODY_BYTES, "{'name':'%s','inputs':%zu,'seed':%" PRIu64 ",%s}", name,
             kinds[kind].inputs, operation->seed, kinds[kind].rest);
    return body_quote(body);
}

static size_t write_change(const struct operation *operation, char *body) {
    char momentum[40] = "";
    if (operation->momentum >= 0) {
        snprintf(momentum, sizeof momentum, ",'momentum':%g", operation->momentum);
    }
    snprintf(body, BODY_BYTES, "{'optimizer':{'learning_rate':%g%s}}", operation->learning_rate,
             momentum);
    return body_quote(body);
}

static int post(const struct operation *operation, struct client *client, const char *name,
                const char *headers, uint32_t from, uint32_t to, double until) {
    char target[160];
    const bool wide = operation->model->kind == WIDE_KIND;
    int used = snprintf(target, sizeof target, "/v1/models/%s/batches%s", name,
                        wide ? "?scale=0.00392156862745098" : "");
    if (operation->batch_size > 0) {
        snprintf(target + used, sizeof target - (size_t)used, "%cbatch_size=%u", wide ? '&' : '?',
                 operation->batch_size);
    }
    client->content_type = wide ? "application/vnd.safetensors" : "application/json";
    const size_t bytes = wide ? write_bytes(operation, client->body, from, to)
                              : write_json(operation, client->body, from, to);
    const int status = client_try(client, "POST", target, headers, bytes, until);
    client->content_type = "application/json";
    return status;
}

int operation_send(const struct operation *operation, struct client *client, const char *name,
                   const char *target_name, double prefer, uint32_t from_row, uint32_t to_row,
                   double until) {
    char target[96], headers[128] = "";
    size_t bytes;
    if (prefer > 0) {
        snprintf(headers, sizeof headers, "Prefer: wait=%.2f\r\n", prefer);
    }
    if (operation->key[0] != '\0') {
        const size_t used = strlen(headers);
        snprintf(headers + used, sizeof headers - used, "Idempotency-Key: %s\r\n", operation->key);
    }
    snprintf(target, sizeof target, "/v1/models/%s", name);
    switch (operation->kind) {
    case CREATE:
        bytes = write_model(operation, client->body, name);
        return client_try(client, "POST", "/v1/models", headers, bytes, until);
    case POST:
        return post(operation, client, name, headers, from_row, to_row, until);
    case CHANGE:
        bytes = write_change(operation, client->body);
        return client_try(client, "PATCH", target, headers, bytes, until);
    case RESET:
        strcat(target, "/reset");
        bytes =
            (size_t)snprintf(client->body, BODY_BYTES, "{\"seed\":%" PRIu64 "}", operation->seed);
        return client_try(client, "POST", target, headers, bytes, until);
    case CLONE:
        strcat(target, "/clone");
        bytes = (size_t)snprintf(client->body, BODY_BYTES, "{\"name\":\"%s\"}", target_name);
        return client_try(client, "POST", target, headers, bytes, until);
    case DELETE:
        return client_try(client, "DELETE", target, headers, 0, until);
    default:
        strcat(target, "/batches");
        if (operation->first > 0) { /* else all of them */
            sprintf(target + strlen(target), "/%u", operation->first);
        }
        return client_try(client, "DELETE", target, headers, 0, until);
    }
}
