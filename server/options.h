/* What mlpd is told at its start: flags and environment variables.
 *
 * One table (options.c) has a row for each option; flags, variables, --help,
 * defaults and the messages of start-up errors all come from it.  `--name value`
 * and `--name=value` are the same; the variable of --max-body is MLPD_MAX_BODY;
 * flags win; an empty variable counts as not set.  For main, before other threads
 * exist. */
#ifndef MLPD_SERVER_OPTIONS_H
#define MLPD_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/option_value.h"
#include "core/base/error.h"
#include "core/store/store.h"
#include "server/address.h"
#include "server/log.h"
#include "server/request_log.h"

struct options {
    struct address listen;
    /* NULL: none; they point into the arguments or environment */
    const char *port_file;
    const char *token_file;
    const char *health_url;                      /* with OPTIONS_HEALTH only */
    const char *check_directory;                 /* with OPTIONS_CHECK only */
    const char *tls_certificate, *tls_key;       /* both or none */
    const char *allowed_hosts, *allowed_origins; /* lists; see origins.h */
    size_t workers;
    size_t http_threads;
    size_t memory_bytes_max;
    size_t body_bytes_max;
    size_t queue_max;
    size_t keys_max;
    size_t checkpoints_max;
    size_t checkpoint_bytes_max;
    const char *data; /* a directory, or NULL */
    enum store_durability durability;
    bool accept_numerics_change;
    size_t connections_max;
    size_t connections_per_address_max; /* 0: half of them, of loopback all */
    double header_timeout_seconds;
    double body_timeout_seconds;
    size_t bytes_per_second_min;
    size_t waiting_max; /* 0: half of connections_max */
    double drain_timeout_seconds;
    enum log_format log_format;
    enum log_level log_level;
    enum request_log request_log;
    size_t metrics_models_max;
    bool open_metrics;
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_HELP,       /* --help: print options_help and end */
    OPTIONS_VERSION,    /* --version */
    OPTIONS_HEALTH,     /* --health: ask whether health_url answers, and end */
    OPTIONS_CHECK,      /* --check: look at the store in check_directory, and end */
    OPTIONS_HASH_TOKEN, /* --hash-token: read a token, print its hash and end */
    OPTIONS_WRONG       /* one line in `error` that names the flag or variable */
};

/* `variable` gives an environment variable's value or NULL: getenv, or a test's
 * own. */
enum options_outcome options_parse(int argc, char **argv, const char *(*variable)(const char *name),
                                   struct options *options, struct error *error);

/* What every option is set to, into `values` (NULL: none are written), which has room
 * for all; returns how many there are. */
size_t options_values(const struct options *options, struct option_value *values);

/* The text of --help, into `text` of `size` bytes; returns its length. */
size_t options_help(char *text, size_t size);

#endif
