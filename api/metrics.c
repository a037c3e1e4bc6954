/* /metrics: what Prometheus scrapes.
 *
 * The work is bounded whatever clients have done: calls are those of the route table,
 * statuses those of HTTP, and of models the first --metrics-models by name are shown.
 * Families stand one after the other, so what is known of the models is gathered first.
 * Bases are seconds and bytes; every figure is as it was at some instant of the writing. */
#include <stdio.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/exposition.h"
#include "api/handlers.h"
#include "api/http_statistics.h"
#include "core/base/checked.h"
#include "core/base/process.h"
#include "core/maths/numerics.h"
#include "core/maths/product.h"

/* ---- families of one sample ---- */

static void write_count(struct exposition *text, const char *name, const char *type,
                        const char *help, uint64_t value) {
    exposition_family(text, name, type, help);
    exposition_unsigned(text, NULL, value);
}

static void write_figure(struct exposition *text, const char *name, const char *type,
                         const char *help, double value) {
    exposition_family(text, name, type, help);
    exposition_double(text, NULL, value);
}

static void write_build(struct exposition *text) {
    exposition_family(text, "mlpd_build_info", "gauge",
                      "The program and its arithmetic, always 1.");
    exposition_unsigned(text,
                        LABELS({"version", MLPD_VERSION}, {"arithmetic", product_description()},
                               {"fingerprint", numerics_fingerprint()}),
                        1);
}

static void write_process(struct exposition *text, const struct api *api) {
    const struct process_figures process = process_look();
    write_figure(text, "process_start_time_seconds", "gauge",
                 "Start time of the process since 1970, in seconds.", api->started_at);
    write_figure(text, "process_cpu_seconds_total", "counter",
                 "User and system CPU time, in seconds.", process.cpu_seconds);
    write_count(text, "process_resident_memory_bytes", "gauge", "Resident memory, in bytes.",
                process.resident_bytes);
    write_count(text, "process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.",
                process.virtual_bytes);
    write_count(text, "process_open_fds", "gauge", "Open file descriptors.", process.open_files);
    write_count(text, "process_max_fds", "gauge", "The most file descriptors that may be open.",
                process.open_files_max);
}

/* ---- HTTP ---- */

static uint64_t look(const atomic_uint_fast64_t *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

static const char *operation_label(size_t operation) {
    const char *name = route_operation_name(operation);
    return name != NULL ? name : "none";
}

static void write_requests_of(struct exposition *text, const struct http_statistics *http,
                              size_t operation) {
    for (size_t i = 0; i < HTTP_STATUSES_MAX; i++) {
        const uint64_t requests = look(&http->operations[operation].requests[i]);
        if (requests > 0) {
            char code[16];
            snprintf(code, sizeof code, "%u",
                     atomic_load_explicit(&http->statuses[i], memory_order_relaxed));
            exposition_unsigned(
                text, LABELS({"operation", operation_label(operation)}, {"code", code}), requests);
        }
    }
}

static void write_durations_of(struct exposition *text, const struct http_statistics *http,
                               size_t operation) {
    struct histogram_counts counts = {.nanoseconds = 0};
    histogram_collect(&http->operations[operation].seconds, &counts);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        if (counts.buckets[i] > 0) {
            exposition_histogram(text, LABELS({"operation", operation_label(operation)}), &counts);
            return;
        }
    }
}

static void write_http(struct exposition *text, const struct api *api) {
    const struct http_statistics *http = api->http;
    exposition_family(text, "mlpd_http_requests_total", "counter",
                      "Answered requests; operation none is what matched no call.");
    for (size_t i = 0; i < http->operation_count; i++) {
        write_requests_of(text, http, i);
    }
    exposition_family(text, "mlpd_http_request_duration_seconds", "histogram",
                      "Time from a request's first line to the end of its answer; of a stream of "
                      "events to the beginning.");
    for (size_t i = 0; i < http->operation_count; i++) {
        write_durations_of(text, http, i);
    }
    write_count(text, "mlpd_http_requests_aborted_total", "counter",
                "Requests that ended before they were answered.", look(&http->aborted));
    write_count(text, "mlpd_http_request_body_bytes_total", "counter",
                "Bytes of request bodies received.", look(&http->received));
    write_count(text, "mlpd_http_response_body_bytes_total", "counter",
                "Bytes of the bodies of answers.", look(&http->sent));
    write_count(text, "mlpd_http_connections", "gauge", "Open connections.",
                atomic_load_explicit(&http->connections, memory_order_relaxed));
    write_count(text, "mlpd_http_connections_limit", "gauge",
                "Connections that may be open: --max-connections.", api->connections.connections);
    write_count(text, "mlpd_http_connections_refused_total", "counter",
                "Connections closed at once because too many were open.", look(&http->refused));
    write_count(text, "mlpd_http_waiting", "gauge",
                "Requests that wait for training, a prediction or news.",
                atomic_load_explicit(&http->waiting, memory_order_relaxed));
}

/* ---- the engine ---- */

static void write_work(struct exposition *text, const struct statistics *all) {
    write_count(text, "mlpd_batches_acknowledged_total", "counter", "Batches taken into a queue.",
                all->acknowledged);
    exposition_family(text, "mlpd_batches_total", "counter",
                      "Batches that are over, by what became of them.");
    exposition_unsigned(text, LABELS({"state", "trained"}), all->trained);
    exposition_unsigned(text, LABELS({"state", "diverged"}), all->diverged);
    exposition_unsigned(text, LABELS({"state", "cancelled"}), all->cancelled);
    exposition_unsigned(text, LABELS({"state", "dropped"}), all->dropped);
    write_count(text, "mlpd_examples_trained_total", "counter", "Rows of trained batches.",
                all->examples);
    exposition_family(text, "mlpd_batch_duration_seconds", "histogram",
                      "Time that a batch took its worker.");
    exposition_histogram(text, NULL, &all->batch);
    exposition_family(text, "mlpd_batch_latency_seconds", "histogram",
                      "Time from a batch's acknowledgement to its end.");
    exposition_histogram(text, NULL, &all->wait);
    write_count(text, "mlpd_predictions_total", "counter", "Prediction requests computed.",
                all->predictions);
    write_count(text, "mlpd_prediction_rows_total", "counter", "Rows predicted.",
                all->prediction_rows);
}

static void write_engine(struct exposition *text, struct engine *engine) {
    const struct statistics all = engine_statistics(engine);
    const struct engine_figures figures = engine_look(engine);
    write_work(text, &all);
    write_count(text, "mlpd_queue_depth", "gauge",
                "Batches and changes that wait or are in their turn, of all models.",
                figures.backlog);
    write_count(text, "mlpd_models", "gauge", "Models.", figures.models);
    write_count(text, "mlpd_memory_bytes", "gauge",
                "Memory in the ledger: models, queues, bodies, scratch.",
                figures.memory_bytes_reserved);
    write_count(text, "mlpd_memory_limit_bytes", "gauge", "What the ledger may hold: --max-memory.",
                figures.memory_bytes_max);
    exposition_family(text, "mlpd_checkpoints_total", "counter", "Checkpoints that were kept.");
    for (enum checkpoint_kind kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        exposition_unsigned(text, LABELS({"kind", checkpoint_kind_name(kind)}),
                            all.checkpoints[kind]);
    }
    write_count(text, "mlpd_checkpoints_skipped_total", "counter",
                "Automatic checkpoints that there was no room for.", all.checkpoints_skipped);
    write_count(text, "mlpd_workers", "gauge", "Threads that train and predict.", figures.workers);
    write_count(text, "mlpd_workers_busy", "gauge", "Those of them that are at work.",
                figures.workers_busy);
    write_count(text, "mlpd_tiles_helped_total", "counter",
                "Tiles of large batches that other workers than the batch's own computed.",
                figures.tiles_helped);
}

static void write_store(struct exposition *text, struct engine *engine) {
    struct engine_store_figures figures;
    if (!engine_look_at_store(engine, &figures)) {
        return;
    }
    write_count(text, "mlpd_store_bytes", "gauge", "Bytes that the store takes on the disk.",
                figures.bytes);
    write_count(text, "mlpd_store_unsynced_bytes", "gauge",
                "Of these, what a crash of the machine could lose: --durability.",
                figures.bytes_unsynced);
    write_count(text, "mlpd_store_commits_total", "counter", "Groups of changes stored.",
                figures.commits);
    write_count(text, "mlpd_store_syncs_total", "counter", "Times that the disk was waited for.",
                figures.syncs);
    write_count(text, "mlpd_store_snapshots_total", "counter", "States of models stored.",
                figures.snapshots);
    write_count(text, "mlpd_store_refused_total", "counter",
                "Batches and changes refused because there was no room to store them.",
                figures.refused);
    write_count(text, "mlpd_models_damaged", "gauge", "Models whose stored data cannot be read.",
                engine_look(engine).models_damaged);
}

/* ---- models ---- */

struct model_row {
    char name[MODEL_NAME_BYTES];
    struct model_figures figures;
};

#define MODELS_AT_ONCE 64

/* The first models by name, as rows of `rows`. */
static enum error_code gather_models(const struct api *api, struct buffer *rows,
                                     struct error *error) {
    char after[MODEL_NAME_BYTES] = "";
    size_t left = api->metrics_models_max;
    bool more = true;
    enum error_code code = ERROR_NONE;
    while (more && left > 0) {
        struct model *models[MODELS_AT_ONCE];
        const size_t count =
            engine_list_models(api->engine, after, size_min(left, MODELS_AT_ONCE), models, &more);
        left -= count;
        for (size_t i = 0; i < count; i++) {
            struct model_row row = {.figures = model_look(models[i])};
            memcpy(row.name, models[i]->name, sizeof row.name);
            memcpy(after, row.name, sizeof after);
            model_release(models[i]);
            if (code == ERROR_NONE) {
                code = buffer_append(rows, &row, sizeof row, error);
            }
        }
        more = more && code == ERROR_NONE;
    }
    return code;
}

static double loss_of(const struct model_figures *figures) {
    return figures->last_loss;
}

static double step_of(const struct model_figures *figures) {
    return (double)figures->step;
}

static double depth_of(const struct model_figures *figures) {
    return (double)figures->queue_depth;
}

static double examples_of(const struct model_figures *figures) {
    return (double)figures->examples;
}

static const struct {
    const char *name, *type, *help;
    double (*figure)(const struct model_figures *figures);
} model_families[] = {
    {"mlpd_model_loss", "gauge", "Loss of the newest batch; NaN when it gave none.", loss_of},
    {"mlpd_model_step", "gauge", "Training steps behind the weights.", step_of},
    {"mlpd_model_queue_depth", "gauge", "Batches and changes that wait or are in their turn.",
     depth_of},
    {"mlpd_model_examples_total", "counter", "Rows trained since the model's start or reset.",
     examples_of},
};

static enum error_code write_models(struct exposition *text, const struct api *api,
                                    struct error *error) {
    struct buffer rows;
    buffer_init(&rows, engine_ledger(api->engine), "the figures of models");
    const enum error_code code = gather_models(api, &rows, error);
    const struct model_row *row = (const struct model_row *)(const void *)rows.data;
    const size_t count = rows.used / sizeof *row;
    for (size_t f = 0; f < sizeof model_families / sizeof *model_families && count > 0; f++) {
        exposition_family(text, model_families[f].name, model_families[f].type,
                          model_families[f].help);
        for (size_t i = 0; i < count; i++) {
            exposition_double(text, LABELS({"model", row[i].name}),
                              model_families[f].figure(&row[i].figures));
        }
    }
    buffer_free(&rows);
    return code;
}

void metrics_show(struct call *call) {
    const struct api *api = call->api;
    struct exposition text;
    struct error error;
    exposition_start(&text, &call->response.body);
    write_build(&text);
    write_process(&text, api);
    write_http(&text, api);
    write_engine(&text, api->engine);
    write_store(&text, api->engine);
    if (write_models(&text, api, &error) != ERROR_NONE ||
        exposition_finish(&text, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call_answer_empty(call, 200);
    call_add_header(call, "Content-Type", EXPOSITION_CONTENT_TYPE);
}
