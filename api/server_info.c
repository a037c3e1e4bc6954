/* /v1/server: what this process is, its limits and what it holds. */
#include "api/call_internal.h"
#include "api/handlers.h"
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

static void write_limits(struct json_writer *json, const struct call *call,
                         const struct engine_figures *figures) {
    json_write_key(json, "limits");
    json_write_begin_object(json);
    write_count(json, "memory_bytes", figures->memory_bytes_max);
    write_count(json, "body_bytes", call->api->body_bytes_max);
    write_count(json, "queue", figures->queue_max);
    write_count(json, "queue_of_all_models", figures->backlog_max);
    write_count(json, "idempotency_keys", figures->keys_max);
    write_count(json, "layers", LAYERS_MAX);
    write_count(json, "width", WIDTH_MAX);
    write_count(json, "parameters", PARAMETERS_MAX);
    write_count(json, "history", HISTORY_ROWS_MAX);
    write_seconds(json, "wait_seconds", WAIT_SECONDS_MAX);
    write_connection_limits(json, &call->api->connections);
    json_write_end_object(json);
}

void server_describe(struct call *call) {
    const struct engine_figures figures = engine_look(call->api->engine);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    write_string(&json, "name", "mlpd");
    write_string(&json, "version", MLPD_VERSION);
    write_string(&json, "arithmetic", product_description());
    write_string(&json, "numerics_fingerprint", numerics_fingerprint());
    write_string(&json, "store", "memory");
    json_write_key(&json, "uptime_seconds");
    json_write_double(&json, figures.uptime_seconds);
    write_count(&json, "workers", figures.workers);
    write_count(&json, "models", figures.models);
    write_count(&json, "queue_depth", figures.backlog);
    write_count(&json, "memory_bytes", figures.memory_bytes_reserved);
    write_count(&json, "tiles_helped", figures.tiles_helped);
    write_limits(&json, call, &figures);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}
