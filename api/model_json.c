/* A model as JSON; see model_json.h. */
#include "api/model_json.h"

#include "api/specification_json.h"
#include "api/timestamp.h"

static void write_string(struct json_writer *json, const char *key, const char *string) {
    json_write_key(json, key);
    json_write_string(json, string);
}

static void write_time(struct json_writer *json, const char *key, double seconds) {
    char text[TIMESTAMP_BYTES];
    timestamp_write(text, seconds);
    write_string(json, key, text);
}

static void write_count(struct json_writer *json, const char *key, uint64_t count) {
    json_write_key(json, key);
    json_write_unsigned(json, count);
}

static void write_figure(struct json_writer *json, const char *key, double figure) {
    json_write_key(json, key);
    json_write_double(json, figure);
}

static void write_figures(struct json_writer *json, struct model *model) {
    const struct model_figures figures = model_look(model);
    write_count(json, "step", figures.step);
    write_count(json, "examples", figures.examples);
    write_count(json, "queue_depth", figures.queue_depth);
    write_figure(json, "last_loss", figures.last_loss);
    write_figure(json, "running_loss", figures.running_loss);
    write_figure(json, "running_accuracy", figures.running_accuracy);
    write_count(json, "bytes", model->bytes);
    write_string(json, "state", figures.queue_depth > 0 ? "training" : "idle");
    write_time(json, "created_at", model->created_at);
    write_time(json, "updated_at", figures.updated_at);
}

void model_write(struct json_writer *json, struct model *model, const struct model_extras *extras,
                 uint64_t *revision) {
    struct settings *settings = model_settings(model);
    *revision = settings->revision;
    json_write_begin_object(json);
    write_string(json, "name", model->name);
    write_string(json, "id", model->id);
    write_count(json, "revision", settings->revision);
    specification_write(json, &model->specification, &settings->specification);
    settings_release(settings);
    write_count(json, "outputs", model->network.outputs);
    write_count(json, "parameters", specification_parameters(&model->specification));
    write_figures(json, model);
    if (extras->weights_hash != NULL) {
        write_string(json, "weights_sha256", extras->weights_hash);
    }
    if (extras->has_effective_step) {
        write_count(json, "effective_step", extras->effective_step);
    }
    json_write_end_object(json);
}

void model_write_summary(struct json_writer *json, struct model *model) {
    json_write_begin_object(json);
    write_string(json, "name", model->name);
    write_string(json, "id", model->id);
    write_count(json, "inputs", model->network.inputs);
    write_count(json, "outputs", model->network.outputs);
    write_count(json, "parameters", specification_parameters(&model->specification));
    write_figures(json, model);
    json_write_end_object(json);
}
