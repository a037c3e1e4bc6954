/* /v1/server: what this process is, its limits, its options and what it holds. */
#include <jansson.h>
#include <nettle/version.h>
#include <stdio.h>
#include <xxhash.h>

#include "api/call_internal.h"
#include "api/handlers.h"
#include "api/route.h"
#include "api/timestamp.h"
#include "core/maths/numerics.h"
#include "core/maths/product.h"
#include "core/maths/specification.h"

static void write_count(struct json_writer *json, const char *key, uint64_t count) {
    json_write_key(json, key);
    json_write_unsigned(json, count);
}

static void write_string(struct json_writer *json, const char *key, const char *string) {
    json_write_key(json, key);
    json_write_string(json, string);
}

static void write_seconds(struct json_writer *json, const char *key, double seconds) {
    json_write_key(json, key);
    json_write_double(json, seconds);
}

static void write_connection_limits(struct json_writer *json,
                                    const struct connection_limits *limits) {
    write_count(json, "connections", limits->connections);
    write_count(json, "connections_per_address", limits->connections_per_address);
    write_count(json, "connections_of_loopback", limits->connections_of_loopback);
    write_seconds(json, "idle_seconds", limits->idle_seconds);
    write_seconds(json, "header_seconds", limits->header_seconds);
    write_seconds(json, "body_seconds", limits->body_seconds);
    write_count(json, "bytes_per_second", limits->bytes_per_second);
}

/* ---- the build ---- */

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Told by the Makefile where they are known. */
#ifndef MLPD_COMMIT
#define MLPD_COMMIT NULL
#endif
#ifndef MLPD_SANITIZE
#define MLPD_SANITIZE NULL
#endif

static void write_build(struct json_writer *json) {
    json_write_key(json, "build");
    json_write_begin_object(json);
    write_string(json, "compiler", COMPILER);
    write_string(json, "sanitizers", MLPD_SANITIZE); /* null: none */
    write_string(json, "commit", MLPD_COMMIT);       /* null: not told */
    json_write_end_object(json);
}

static void write_libraries(struct json_writer *json, const struct api *api) {
    char nettle[32], xxhash[32];
    snprintf(nettle, sizeof nettle, "%d.%d", nettle_version_major(), nettle_version_minor());
    const unsigned number = XXH_versionNumber();
    snprintf(xxhash, sizeof xxhash, "%u.%u.%u", number / 10000, number / 100 % 100, number % 100);
    json_write_key(json, "libraries");
    json_write_begin_object(json);
    write_string(json, "libmicrohttpd", api->http_library);
    write_string(json, "jansson", jansson_version_str());
    write_string(json, "nettle", nettle);
    write_string(json, "xxhash", xxhash);
    json_write_end_object(json);
}

/* ---- the process ---- */

static void write_option(struct json_writer *json, const struct option_value *option) {
    json_write_key(json, option->name);
    switch (option->kind) {
    case OPTION_COUNT:
        json_write_unsigned(json, option->value.count);
        break;
    case OPTION_SECONDS:
        json_write_double(json, option->value.seconds);
        break;
    case OPTION_BOOLEAN:
        json_write_bool(json, option->value.boolean);
        break;
    case OPTION_TEXT:
        json_write_string(json, option->value.text);
        break;
    }
}

static void write_options(struct json_writer *json, const struct api *api) {
    json_write_key(json, "options");
    json_write_begin_object(json);
    for (size_t i = 0; i < api->option_count; i++) {
        write_option(json, &api->options[i]);
    }
    json_write_end_object(json);
}

static void write_operations(struct json_writer *json) {
    json_write_key(json, "operations");
    json_write_begin_array(json);
    for (size_t i = 0; i < route_operation_count(); i++) {
        if (route_operation_name(i) != NULL) {
            json_write_string(json, route_operation_name(i));
        }
    }
    json_write_end_array(json);
}

static void write_http(struct json_writer *json, const struct api *api) {
    const struct http_statistics *http = api->http;
    json_write_key(json, "http");
    json_write_begin_object(json);
    write_count(json, "connections",
                atomic_load_explicit(&http->connections, memory_order_relaxed));
    write_count(json, "waiting", atomic_load_explicit(&http->waiting, memory_order_relaxed));
    write_count(json, "held_open", waiting_room_taken(api->waiting));
    json_write_end_object(json);
}

static void write_limits(struct json_writer *json, const struct call *call,
                         const struct engine_figures *figures) {
    json_write_key(json, "limits");
    json_write_begin_object(json);
    write_count(json, "memory_bytes", figures->memory_bytes_max);
    write_count(json, "body_bytes", call->api->body_bytes_max);
    write_count(json, "queue", figures->queue_max);
    write_count(json, "queue_of_all_models", figures->backlog_max);
    write_count(json, "idempotency_keys", figures->keys_max);
    write_count(json, "checkpoints", figures->checkpoints.count_max);
    write_count(json, "checkpoint_bytes", figures->checkpoints.bytes_max);
    write_count(json, "layers", LAYERS_MAX);
    write_count(json, "width", WIDTH_MAX);
    write_count(json, "parameters", PARAMETERS_MAX);
    write_count(json, "history", HISTORY_ROWS_MAX);
    write_count(json, "waiting", call->api->waiting->seats);
    write_seconds(json, "wait_seconds", WAIT_SECONDS_MAX);
    write_connection_limits(json, &call->api->connections);
    json_write_end_object(json);
}

void server_describe(struct call *call) {
    const struct engine_figures figures = engine_look(call->api->engine);
    char started[TIMESTAMP_BYTES];
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    write_string(&json, "name", "mlpd");
    write_string(&json, "version", MLPD_VERSION);
    write_build(&json);
    write_libraries(&json, call->api);
    write_string(&json, "arithmetic", product_description());
    write_string(&json, "core_type", product_core_type());
    write_string(&json, "numerics_fingerprint", numerics_fingerprint());
    write_string(&json, "store", call->api->store);
    timestamp_write(started, call->api->started_at);
    write_string(&json, "started_at", started);
    json_write_key(&json, "uptime_seconds");
    json_write_double(&json, figures.uptime_seconds);
    write_count(&json, "workers", figures.workers);
    write_count(&json, "workers_busy", figures.workers_busy);
    write_count(&json, "models", figures.models);
    write_count(&json, "queue_depth", figures.backlog);
    write_count(&json, "memory_bytes", figures.memory_bytes_reserved);
    write_count(&json, "tiles_helped", figures.tiles_helped);
    write_http(&json, call->api);
    write_limits(&json, call, &figures);
    write_options(&json, call->api);
    write_operations(&json);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}
