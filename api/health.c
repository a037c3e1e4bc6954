/* Probes: /health/live and /health/ready. */
#include "api/call_internal.h"
#include "api/handlers.h"

void health_live(struct call *call) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "live");
    json_write_bool(&json, true);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}

static void write_number(struct json_writer *json, const char *key, uint64_t number) {
    json_write_key(json, key);
    json_write_unsigned(json, number);
}

/* How far the recovery is. */
static void write_recovery(struct json_writer *json, const struct engine_figures *figures) {
    json_write_key(json, "recovery");
    json_write_begin_object(json);
    write_number(json, "models", figures->models_found);
    write_number(json, "models_read", figures->models_read);
    write_number(json, "batches_left", figures->backlog);
    json_write_end_object(json);
}

void health_ready(struct call *call) {
    struct engine *engine = call->api->engine;
    const bool closed = engine_is_closed(engine);
    const bool recovering = engine_is_recovering(engine);
    const bool ready = !closed && !recovering;
    const struct engine_figures figures = engine_look(engine);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "ready");
    json_write_bool(&json, ready);
    json_write_key(&json, "state");
    json_write_string(&json, closed ? "draining" : recovering ? "recovering" : "serving");
    json_write_key(&json, "store");
    json_write_string(&json, call->api->store);
    if (recovering) {
        write_recovery(&json, &figures);
    }
    if (figures.models_damaged > 0) {
        write_number(&json, "models_damaged", figures.models_damaged);
    }
    json_write_end_object(&json);
    call_answer_json(call, ready ? 200 : 503, &json);
}
