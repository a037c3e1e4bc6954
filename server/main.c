/* mlpd, the process: options, signals, start and end.
 *
 * The main thread starts everything, then waits for signals.  The end: no new work
 * (engine_close), answers close their connections; the queues are trained until they
 * are empty or the time is over, while requests go on to be answered; what waits is
 * woken; HTTP stops; the engine goes. */
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/call.h"
#include "api/specification_text.h"
#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/engine.h"
#include "core/maths/numerics.h"
#include "core/maths/product.h"
#include "core/store/sqlite_store.h"
#include "server/activation.h"
#include "server/command.h"
#include "server/guard.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/machine.h"
#include "server/notifier.h"
#include "server/options.h"
#include "server/origins.h"
#include "server/port_file.h"
#include "server/request_id.h"
#include "server/request_log.h"
#include "server/signals.h"
#include "server/tls.h"
#include "server/tokens.h"
#include "server/watchdog.h"

#define IDLE_SECONDS 75         /* of a connection: more than the 60 of usual balancers */
#define GRACE_SECONDS 10        /* before a client's rate counts: --min-rate says so */
#define PAUSE_SECONDS 30        /* for a client that was quick */
#define STOP_SECONDS_OTHER 15.0 /* for answers, beside --drain-timeout */
#define OPEN_FILES_OTHER 32     /* the log, sockets that listen, epoll, … */

/* Everything that runs.  The main thread's, but for `api`, which only is read. */
struct process {
    struct options options;
    struct api api;
    struct store *store;         /* the engine's while it is there; NULL: none */
    struct waiting_room waiting; /* any thread */
    struct listener listener;
    struct guard guard;
    struct http *http;
    struct notifier notifier;
    struct watchdog *watchdog;          /* NULL: none is wanted */
    struct option_value *options_shown; /* /v1/server's */
};

static const char *environment(const char *name) {
    return getenv(name);
}

/* ---- start ---- */

/* Fewer connections where the system does not allow so many open files. */
static void fit_open_files(struct options *options) {
    const size_t allowed = machine_raise_open_files();
    const size_t overhead = http_open_files(0) + OPEN_FILES_OTHER;
    if (allowed < overhead + options->connections_max) {
        options->connections_max = allowed > overhead ? allowed - overhead : 1;
        log_warning("fewer connections than asked for: raise the limit on open files (ulimit -n)",
                    log_count("connections", options->connections_max),
                    log_count("open_files", allowed));
    }
}

static struct connections_settings connection_settings(const struct options *options) {
    return (struct connections_settings){
        .max = options->connections_max,
        .max_per_address = options->connections_per_address_max,
        .pace = {.header_seconds = options->header_timeout_seconds,
                 .body_seconds = options->body_timeout_seconds,
                 .idle_seconds = IDLE_SECONDS,
                 .grace_seconds = GRACE_SECONDS,
                 .pause_seconds = PAUSE_SECONDS,
                 .bytes_per_second = options->bytes_per_second_min},
    };
}

/* For those who ask what the limits are. */
static void tell_connection_limits(struct process *process) {
    const struct connections_settings settings = connection_settings(&process->options);
    process->api.connections = (struct connection_limits){
        .connections = settings.max,
        .connections_per_address = connections_limit(&settings, false),
        .connections_of_loopback = connections_limit(&settings, true),
        .idle_seconds = settings.pace.idle_seconds,
        .header_seconds = settings.pace.header_seconds,
        .body_seconds = settings.pace.body_seconds,
        .bytes_per_second = settings.pace.bytes_per_second,
    };
}

/* At least one seat, however few connections there are. */
static void start_waiting_room(struct process *process) {
    const struct options *options = &process->options;
    const size_t half = size_max(options->connections_max / 2, 1);
    waiting_room_init(&process->waiting, options->waiting_max > 0 ? options->waiting_max : half);
    process->api.waiting = &process->waiting;
}

/* ---- the store ---- */

/* What is acknowledged from here on might be lost: nothing more is. */
static void end_by_store(const char *problem) {
    log_error("the store failed; nothing more is acknowledged, and the next start recovers what "
              "was",
              log_text("reason", problem));
    _exit(EXIT_FAILURE);
}

static void log_damaged(const char *name, const char *problem) {
    log_error("a model is quarantined: what is stored of it is damaged", log_text("model", name),
              log_text("reason", problem));
}

static void log_recovered(void) {
    log_info("what was stored is recovered");
}

static enum error_code open_store(struct process *process, struct error *error) {
    const struct options *options = &process->options;
    process->api.store = options->data != NULL ? "sqlite" : "memory";
    if (options->data == NULL) {
        return ERROR_NONE;
    }
    const struct sqlite_store_settings settings = {.directory = options->data,
                                                   .durability = options->durability};
    return sqlite_store_open(&settings, &process->store, error);
}

static enum error_code start_engine(struct process *process, struct error *error) {
    const struct options *options = &process->options;
    const struct engine_settings settings = {
        .workers = options->workers,
        .memory_bytes_max = options->memory_bytes_max,
        .queue_max = options->queue_max,
        .keys_max = options->keys_max,
        .checkpoints = {.count_max = options->checkpoints_max,
                        .bytes_max = options->checkpoint_bytes_max},
        .store = process->store,
        .codec = &specification_text,
        .reports = {end_by_store, log_damaged, log_recovered},
        .accept_numerics_change = options->accept_numerics_change,
    };
    process->api.body_bytes_max = options->body_bytes_max;
    tell_connection_limits(process);
    start_waiting_room(process);
    memory_start();
    const enum error_code code = numerics_start(error); /* before any thread computes */
    return code == ERROR_NONE ? engine_create(&settings, &process->api.engine, error) : code;
}

/* What the api shows of the process. */
static enum error_code start_showing(struct process *process, struct error *error) {
    const struct options *options = &process->options;
    const size_t count = options_values(options, NULL);
    process->options_shown = memory_allocate_zero(count, sizeof *process->options_shown);
    process->api.http = http_statistics_create();
    if (process->options_shown == NULL || process->api.http == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for what /metrics shows");
    }
    if (!request_id_start()) {
        return error_set(error, ERROR_INTERNAL, NULL, "the system has no random numbers");
    }
    process->api.options = process->options_shown;
    process->api.option_count = options_values(options, process->options_shown);
    process->api.open_metrics = options->open_metrics;
    process->api.metrics_models_max = options->metrics_models_max;
    process->api.http_library = http_library();
    process->api.started_at = clock_wall_seconds();
    return ERROR_NONE;
}

static void end_showing(struct process *process) {
    http_statistics_destroy(process->api.http);
    memory_free(process->options_shown);
}

static enum error_code start_http(struct process *process, struct error *error) {
    const struct http_settings settings = {
        .api = &process->api,
        .listener = &process->listener,
        .guard = &process->guard,
        .tls = process->options.tls_certificate != NULL,
        .threads = process->options.http_threads,
        .connections = connection_settings(&process->options),
    };
    return http_create(&settings, &process->http, error);
}

static void destroy_engine(struct process *process) {
    engine_close(process->api.engine);
    (void)engine_drain(process->api.engine, 0);
    engine_destroy(process->api.engine);
    store_close(process->store);
}

/* What a request may call this daemon: its own names, too. */
static enum error_code start_origins(struct process *process, struct error *error) {
    const struct listener *listener = &process->listener;
    struct address bound[LISTENER_SOCKETS_MAX + 1] = {listener->address};
    memcpy(bound + 1, listener->bound, sizeof listener->bound);
    const struct origins_settings settings = {.allowed_hosts = process->options.allowed_hosts,
                                              .allowed_origins = process->options.allowed_origins,
                                              .bound = bound,
                                              .bound_count = listener->count + 1};
    return origins_create(&settings, &process->guard.origins, error);
}

static enum error_code load_certificate(const struct process *process, struct error *error) {
    const struct options *options = &process->options;
    return options->tls_certificate != NULL
               ? tls_load(options->tls_certificate, options->tls_key, error)
               : ERROR_NONE;
}

/* The socket is open. */
static enum error_code start_guard(struct process *process, struct error *error) {
    const char *path = process->options.token_file;
    enum error_code code =
        path != NULL ? tokens_create(path, &process->guard.tokens, error) : ERROR_NONE;
    if (code == ERROR_NONE) {
        code = start_origins(process, error);
    }
    return code == ERROR_NONE ? load_certificate(process, error) : code;
}

static void end_guard(struct process *process) {
    tls_unload();
    origins_destroy(process->guard.origins);
    tokens_destroy(process->guard.tokens);
}

/* What systemd hands over, or what --listen says. */
static enum error_code start_listener(struct process *process, struct error *error) {
    const size_t count = activation_count(environment);
    if (count == 0) {
        return listener_open(&process->options.listen, &process->listener, error);
    }
    unsetenv("LISTEN_PID"); /* not for anybody else */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    const enum error_code code = listener_adopt(ACTIVATION_FIRST, count, &process->listener, error);
    if (code != ERROR_NONE) {
        return code;
    }
    if (process->options.token_file == NULL && !listener_is_local(&process->listener)) {
        listener_close(&process->listener);
        return error_set(error, ERROR_INVALID, NULL,
                         "a socket of systemd's can be reached from other machines, which is "
                         "allowed only with --token-file");
    }
    log_info("systemd's sockets take the place of --listen", log_count("sockets", count));
    return ERROR_NONE;
}

/* All or nothing.  The socket and the files come first: they are what most often fails. */
static enum error_code start(struct process *process, struct error *error) {
    enum error_code code = start_listener(process, error);
    if (code != ERROR_NONE) {
        return code;
    }
    code = start_guard(process, error);
    if (code != ERROR_NONE) {
        goto end_guard;
    }
    code = open_store(process, error);
    if (code != ERROR_NONE) {
        goto end_guard;
    }
    code = start_engine(process, error);
    if (code != ERROR_NONE) {
        store_close(process->store);
        goto end_guard;
    }
    code = start_showing(process, error);
    if (code != ERROR_NONE) {
        goto end_engine;
    }
    code = start_http(process, error);
    if (code != ERROR_NONE) {
        goto end_engine;
    }
    if (process->options.port_file != NULL) {
        code = port_file_write(process->options.port_file, &process->listener.address, error);
        if (code != ERROR_NONE) {
            goto end_http;
        }
    }
    return ERROR_NONE;
end_http:
    http_stop(process->http);
    destroy_engine(process);
    http_destroy(process->http);
    goto end_guard;
end_engine:
    destroy_engine(process);
end_guard:
    end_showing(process);
    end_guard(process);
    listener_close(&process->listener);
    return code;
}

static void log_start_lines(const struct process *process) {
    const struct options *options = &process->options;
    char address[ADDRESS_TEXT_BYTES];
    address_format(&process->listener.address, address);
    log_info("mlpd listens", log_text("version", MLPD_VERSION), log_text("address", address),
             log_count("workers", options->workers),
             log_count("http_threads", options->http_threads),
             log_text("arithmetic", product_description()),
             log_text("fingerprint", numerics_fingerprint()),
             log_count("memory_bytes", options->memory_bytes_max));
    if (options->data == NULL) {
        log_info("models are in memory only and end with the process");
    } else {
        log_info("models are stored", log_text("directory", options->data),
                 log_count("models", engine_look(process->api.engine).models_found));
    }
    const char *core_type = getenv("OPENBLAS_CORETYPE");
    if (core_type != NULL) {
        log_warning("OPENBLAS_CORETYPE overrides what OpenBLAS detects and may halve its speed",
                    log_text("value", core_type));
    }
}

/* ---- systemd ---- */

static void notify_ready(const struct process *process) {
    char address[ADDRESS_TEXT_BYTES];
    address_format(&process->listener.address, address);
    notifier_send(&process->notifier, "READY=1\nSTATUS=serving on %s", address);
}

/* Whatever fails here, the daemon serves. */
static void start_notifying(struct process *process) {
    struct error error;
    const double interval = watchdog_interval(environment);
    if (notifier_open(&process->notifier, environment("NOTIFY_SOCKET"), &error) != ERROR_NONE) {
        log_warning("systemd cannot be told anything", log_text("reason", error.message));
        return;
    }
    notify_ready(process);
    const struct watchdog_settings settings = {
        .notifier = &process->notifier,
        .sockets = process->listener.sockets,
        .socket_count = process->listener.count,
        .tls = process->options.tls_certificate != NULL,
        .interval_seconds = interval,
    };
    if (process->notifier.fd >= 0 && interval > 0 &&
        watchdog_create(&settings, &process->watchdog, &error) != ERROR_NONE) {
        log_warning("systemd's watchdog is not served", log_text("reason", error.message));
    }
}

/* Longer than TimeoutStopSec, where --drain-timeout is. */
static void notify_stopping(const struct process *process) {
    const double seconds = process->options.drain_timeout_seconds + STOP_SECONDS_OTHER;
    notifier_send(&process->notifier,
                  "STOPPING=1\nSTATUS=training what was acknowledged\nEXTEND_TIMEOUT_USEC=%.0f",
                  seconds * 1e6);
}

/* ---- end ---- */

/* Drains in a thread of its own, so that main can take a second signal.  The thread
 * writes `dropped`, then `done`. */
struct drain {
    struct engine *engine;
    double timeout_seconds;
    size_t dropped;
    atomic_bool done; /* release and acquire: `dropped` is written before */
};

static void *drain(void *context) {
    struct drain *work = context;
    work->dropped = engine_drain(work->engine, work->timeout_seconds);
    atomic_store_explicit(&work->done, true, memory_order_release);
    signals_wake();
    return NULL;
}

/* Returns how many acknowledged batches were dropped. */
static size_t drain_engine(const struct process *process) {
    struct drain work = {.engine = process->api.engine,
                         .timeout_seconds = process->options.drain_timeout_seconds};
    pthread_t thread;
    size_t dropped = 0;
    if (pthread_create(&thread, NULL, drain, &work) != 0) {
        return engine_drain(work.engine, work.timeout_seconds);
    }
    while (!atomic_load_explicit(&work.done, memory_order_acquire)) {
        const char *name;
        if (signals_wait(&name) == SIGNAL_STOP) {
            log_warning("draining ends at once", log_text("signal", name));
            /* What is still queued is dropped here, and the first drain finds nothing. */
            dropped += engine_drain(work.engine, 0);
        }
    }
    pthread_join(thread, NULL);
    return dropped + work.dropped;
}

/* The exit status. */
static int stop(struct process *process) {
    notify_stopping(process);
    engine_close(process->api.engine);
    http_drain(process->http);
    size_t dropped = drain_engine(process);
    watchdog_destroy(process->watchdog);
    http_stop(process->http);
    /* What a call had just handed in when the engine was closed. */
    dropped += engine_drain(process->api.engine, process->options.drain_timeout_seconds);
    const size_t left = engine_destroy(process->api.engine);
    store_close(process->store);
    if (left > 0) { /* a defect, and no reason to end badly */
        log_warning("memory is left in the ledger", log_count("bytes", left));
    }
    http_destroy(process->http);
    if (process->options.port_file != NULL) {
        unlink(process->options.port_file);
    }
    listener_close(&process->listener);
    end_guard(process);
    notifier_close(&process->notifier);
    end_showing(process);
    if (dropped > 0 && process->options.data != NULL) {
        log_info("mlpd has ended; what is not trained yet is stored, for the next start",
                 log_count("batches", dropped));
        return EXIT_SUCCESS;
    }
    if (dropped > 0) {
        log_error("acknowledged batches were dropped", log_count("batches", dropped));
        return EXIT_FAILURE;
    }
    log_info("mlpd has ended; all that was acknowledged is trained");
    return EXIT_SUCCESS;
}

static void reload_tokens(struct tokens *tokens) {
    struct error error;
    if (tokens_reload(tokens, &error) == ERROR_NONE) {
        log_info("the tokens were read again", log_count("tokens", tokens_count(tokens)));
    } else {
        log_error("the tokens stay as they were", log_text("reason", error.message));
    }
}

/* What cannot be read leaves what was there. */
static void reload(const struct process *process, const char *signal) {
    struct error error;
    notifier_send_reloading(&process->notifier);
    if (process->guard.tokens == NULL && process->options.tls_certificate == NULL) {
        log_info("there is nothing to read again", log_text("signal", signal));
    }
    if (process->guard.tokens != NULL) {
        reload_tokens(process->guard.tokens);
    }
    if (load_certificate(process, &error) != ERROR_NONE) {
        log_error("the certificate stays as it was", log_text("reason", error.message));
    }
    notify_ready(process);
}

static void wait_for_stop(const struct process *process) {
    for (;;) {
        const char *name;
        switch (signals_wait(&name)) {
        case SIGNAL_STOP:
            log_info("draining", log_text("signal", name),
                     log_seconds("timeout_seconds", process->options.drain_timeout_seconds));
            return;
        case SIGNAL_RELOAD:
            reload(process, name);
            break;
        case SIGNAL_WAKE:
            break;
        }
    }
}

int main(int argc, char **argv) {
    struct process process = {.http = NULL};
    struct error error;
    const enum options_outcome outcome =
        options_parse(argc, argv, environment, &process.options, &error);
    if (outcome == OPTIONS_WRONG) {
        return command_fail(&error, EXIT_USAGE);
    }
    if (outcome != OPTIONS_RUN) {
        return command_run(outcome, &process.options);
    }
    signals_block();
    log_start(process.options.log_format, process.options.log_level);
    request_log_start(process.options.request_log, process.options.log_format);
    fit_open_files(&process.options);
    if (start(&process, &error) != ERROR_NONE) {
        return command_fail(&error, EXIT_FAILURE);
    }
    log_start_lines(&process);
    start_notifying(&process);
    wait_for_stop(&process);
    return stop(&process);
}
