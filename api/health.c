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

void health_ready(struct call *call) {
    const bool ready = !engine_is_closed(call->api->engine);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "ready");
    json_write_bool(&json, ready);
    json_write_key(&json, "state");
    json_write_string(&json, ready ? "serving" : "draining");
    json_write_key(&json, "store");
    json_write_string(&json, "memory"); /* nothing survives the process */
    json_write_end_object(&json);
    call_answer_json(call, ready ? 200 : 503, &json);
}
