/* Flags and environment; see options.h. */
#include "server/options.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "server/machine.h"
#include "server/origins.h"

enum kind {
    KIND_ADDRESS,
    KIND_PATH,
    KIND_COUNT,
    KIND_SIZE,
    KIND_SECONDS,
    KIND_CHOICE,
    KIND_LIST,
    KIND_SWITCH,  /* on or off; without a value: on */
    KIND_COMMAND, /* a deed in place of running, and what it is done to */
    KIND_FLAG     /* a deed in place of running */
};

/* A flag takes no value; a command may, and is for the command line alone: its variable
 * would turn every daemon of an environment into something else. */
struct row {
    const char *name;          /* without the dashes */
    const char *value_name;    /* for --help; NULL for a flag that takes none */
    const char *initial;       /* the default as one would type it; NULL: see `automatic` */
    const char *initial_note;  /* the default in words, where typing does not say it */
    size_t (*automatic)(void); /* the default from the machine */
    const char *text;          /* for --help */
    enum kind kind;
    size_t offset;             /* of the field in struct options */
    size_t minimum, maximum;   /* of counts, sizes and seconds */
    const char *const *choice; /* of choices; an index becomes the value */
    /* of lists: whether the value is one */
    enum error_code (*check)(const char *list, struct error *error);
};

static const char *const formats[] = {"text", "json", NULL};
static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const durabilities[] = {"always", "interval", "none", NULL};
static const char *const request_logs[] = {"auto", "none", "errors", "all", NULL};

#define FIELD(name) offsetof(struct options, name)
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define TIB ((size_t)1 << 40)

static size_t automatically(void) {
    return 0;
}

static const struct row rows[] = {
    {.name = "listen",
     .value_name = "ADDRESS",
     .initial = "127.0.0.1:8080",
     .kind = KIND_ADDRESS,
     .offset = FIELD(listen),
     .text = "HOST:PORT or unix:PATH; port 0 takes a free one; addresses that other\n"
             "machines can reach need --token-file; systemd's sockets go first"},
    {.name = "port-file",
     .value_name = "FILE",
     .initial_note = "none",
     .kind = KIND_PATH,
     .offset = FIELD(port_file),
     .text = "written with the port once the daemon answers"},
    {.name = "token-file",
     .value_name = "FILE",
     .initial_note = "none: nobody is asked for a token",
     .kind = KIND_PATH,
     .offset = FIELD(token_file),
     .text = "lines of SCOPE sha256:HASH, the scope read, train or admin; read again\n"
             "at SIGHUP; whoever calls must send one of the tokens"},
    {.name = "tls-cert",
     .value_name = "FILE",
     .initial_note = "none: no TLS",
     .kind = KIND_PATH,
     .offset = FIELD(tls_certificate),
     .text = "certificates as PEM, the daemon's first; read again at SIGHUP"},
    {.name = "tls-key",
     .value_name = "FILE",
     .initial_note = "none",
     .kind = KIND_PATH,
     .offset = FIELD(tls_key),
     .text = "the key of the first certificate as PEM"},
    {.name = "allowed-hosts",
     .value_name = "LIST",
     .initial_note = "loopback names and --listen's address, which always are",
     .kind = KIND_LIST,
     .offset = FIELD(allowed_hosts),
     .check = origins_check_hosts,
     .text = "names by which clients may call the daemon (the Host field),\n"
             "comma-separated, with or without a port; * with --token-file: any"},
    {.name = "allowed-origins",
     .value_name = "LIST",
     .initial_note = "none but the daemon's own",
     .kind = KIND_LIST,
     .offset = FIELD(allowed_origins),
     .check = origins_check_origins,
     .text = "origins whose web pages may call, such as https://app.example.org,\n"
             "comma-separated; * with --token-file: any"},
    {.name = "data",
     .value_name = "DIR",
     .initial_note = "none: models are in memory only, and end with the process",
     .kind = KIND_PATH,
     .offset = FIELD(data),
     .text = "where models, batches and checkpoints are stored; made where it is not\n"
             "there; one daemon at a time"},
    {.name = "durability",
     .value_name = "WHEN",
     .initial = "always",
     .kind = KIND_CHOICE,
     .offset = FIELD(durability),
     .choice = durabilities,
     .text = "always: a batch is on the disk before it is acknowledged; interval: within\n"
             "a second; none: when the system likes; kill -9 loses nothing in any"},
    {.name = "accept-numerics-change",
     .initial = "false",
     .kind = KIND_SWITCH,
     .offset = FIELD(accept_numerics_change),
     .text = "go on with data that another CPU, OpenBLAS or mlpd wrote, though weights\n"
             "may then differ in their last bits"},
    {.name = "workers",
     .value_name = "N",
     .automatic = machine_cpus,
     .initial_note = "one a CPU",
     .kind = KIND_COUNT,
     .offset = FIELD(workers),
     .minimum = 1,
     .maximum = 1024,
     .text = "threads that train and predict"},
    {.name = "http-threads",
     .value_name = "N",
     .automatic = machine_http_threads,
     .initial_note = "2, or 1 with one CPU",
     .kind = KIND_COUNT,
     .offset = FIELD(http_threads),
     .minimum = 1,
     .maximum = 64,
     .text = "threads that speak HTTP"},
    {.name = "max-memory",
     .value_name = "SIZE",
     .automatic = machine_memory_share,
     .initial_note = "three quarters of the machine's, or of its cgroup's",
     .kind = KIND_SIZE,
     .offset = FIELD(memory_bytes_max),
     .minimum = 16 * MIB,
     .maximum = 64 * TIB,
     .text = "memory for models, batches and bodies"},
    {.name = "max-body",
     .value_name = "SIZE",
     .initial = "64M",
     .kind = KIND_SIZE,
     .offset = FIELD(body_bytes_max),
     .minimum = KIB,
     .maximum = TIB,
     .text = "the largest body of one request"},
    {.name = "max-queue",
     .value_name = "N",
     .initial = "1000",
     .kind = KIND_COUNT,
     .offset = FIELD(queue_max),
     .minimum = 1,
     .maximum = 10000000,
     .text = "batches that one model may have waiting"},
    {.name = "idempotency-keys",
     .value_name = "N",
     .initial = "10000",
     .kind = KIND_COUNT,
     .offset = FIELD(keys_max),
     .minimum = 1,
     .maximum = 10000000,
     .text = "Idempotency-Keys that are kept a model, for 24 hours"},
    {.name = "max-checkpoints",
     .value_name = "N",
     .initial = "100",
     .kind = KIND_COUNT,
     .offset = FIELD(checkpoints_max),
     .minimum = 0,
     .maximum = 10000,
     .text = "checkpoints of one model"},
    {.name = "max-checkpoint-bytes",
     .value_name = "SIZE",
     .initial = "4G",
     .kind = KIND_SIZE,
     .offset = FIELD(checkpoint_bytes_max),
     .minimum = 0,
     .maximum = 64 * TIB,
     .text = "bytes of the checkpoints of one model"},
    {.name = "max-connections",
     .value_name = "N",
     .initial = "1000",
     .kind = KIND_COUNT,
     .offset = FIELD(connections_max),
     .minimum = 1,
     .maximum = 100000,
     .text = "connections at the same time"},
    {.name = "max-connections-per-address",
     .value_name = "N",
     .automatic = automatically,
     .initial_note = "half of --max-connections, and no limit for loopback",
     .kind = KIND_COUNT,
     .offset = FIELD(connections_per_address_max),
     .minimum = 0,
     .maximum = 100000,
     .text = "of them, of one IPv4 address or IPv6 /64; 0: the default"},
    {.name = "header-timeout",
     .value_name = "SECONDS",
     .initial = "10",
     .kind = KIND_SECONDS,
     .offset = FIELD(header_timeout_seconds),
     .minimum = 1,
     .maximum = 3600,
     .text = "from a request's first byte to the end of its header"},
    {.name = "body-timeout",
     .value_name = "SECONDS",
     .initial = "600",
     .kind = KIND_SECONDS,
     .offset = FIELD(body_timeout_seconds),
     .minimum = 1,
     .maximum = 86400,
     .text = "from there to the end of its body"},
    {.name = "min-rate",
     .value_name = "SIZE",
     .initial = "1K",
     .kind = KIND_SIZE,
     .offset = FIELD(bytes_per_second_min),
     .minimum = 0,
     .maximum = MIB,
     .text = "bytes a second that a client sends or reads, after 10 s; 0: any"},
    {.name = "max-waiting",
     .value_name = "N",
     .automatic = automatically,
     .initial_note = "half of --max-connections",
     .kind = KIND_COUNT,
     .offset = FIELD(waiting_max),
     .minimum = 0,
     .maximum = 100000,
     .text = "of them, those that may wait or stream; 0: the default"},
    {.name = "log-format",
     .value_name = "FORMAT",
     .initial = "text",
     .kind = KIND_CHOICE,
     .offset = FIELD(log_format),
     .choice = formats,
     .text = "of the lines on standard error: text or json"},
    {.name = "log-level",
     .value_name = "LEVEL",
     .initial = "info",
     .kind = KIND_CHOICE,
     .offset = FIELD(log_level),
     .choice = levels,
     .text = "the least that is logged: debug, info, warning or error"},
    {.name = "log-requests",
     .value_name = "WHICH",
     .initial = "auto",
     .kind = KIND_CHOICE,
     .offset = FIELD(request_log),
     .choice = request_logs,
     .text = "a line a request: none, errors (status 500 and more), all, or auto: all\n"
             "with --log-format json, else errors; probes only with --log-level debug"},
    {.name = "open-metrics",
     .initial = "false",
     .kind = KIND_SWITCH,
     .offset = FIELD(open_metrics),
     .text = "give /metrics to everybody: no token, no look at Host"},
    {.name = "metrics-models",
     .value_name = "N",
     .initial = "100",
     .kind = KIND_COUNT,
     .offset = FIELD(metrics_models_max),
     .minimum = 0,
     .maximum = 1000,
     .text = "models that /metrics shows one by one, the first by name"},
    {.name = "drain-timeout",
     .value_name = "SECONDS",
     .initial = "30",
     .kind = KIND_SECONDS,
     .offset = FIELD(drain_timeout_seconds),
     .minimum = 0,
     .maximum = 86400,
     .text = "time after SIGTERM to train what was acknowledged"},
    {.name = "help", .kind = KIND_FLAG, .text = "print this and end"},
    {.name = "version", .kind = KIND_FLAG, .text = "print the version and end"},
    {.name = "health",
     .value_name = "URL",
     .kind = KIND_COMMAND,
     .text = "ask a daemon at http://HOST:PORT, https://HOST:PORT or unix:PATH for\n"
             "/health/ready (or another path) and end with 0 if it says 200"},
    {.name = "check",
     .value_name = "DIR",
     .kind = KIND_COMMAND,
     .text = "look at every page and checksum of the store in DIR, which no daemon has open,\n"
             "print what is damaged, and end with 0 if nothing is"},
    {.name = "hash-token",
     .kind = KIND_FLAG,
     .text = "print what the token file has for the token on standard input"},
};

#define ROWS (sizeof rows / sizeof *rows)
#define SOURCE_BYTES 64

static bool parse_size(const char *text, bool with_unit, size_t *result) {
    static const char units[] = "KMGT";
    const size_t digits = strspn(text, "0123456789");
    size_t value = 0;
    if (digits == 0) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (!checked_multiply(value, 10, &value) ||
            !checked_add(value, (size_t)(text[i] - '0'), &value)) {
            value = SIZE_MAX; /* out of every range */
            break;
        }
    }
    text += digits;
    if (with_unit && *text != '\0') {
        const char *unit = strchr(units, toupper((unsigned char)*text));
        if (unit == NULL || text[1] != '\0') {
            return false;
        }
        if (!checked_multiply(value, (size_t)1 << (10 * (unit - units + 1)), &value)) {
            value = SIZE_MAX;
        }
        text++;
    }
    *result = value;
    return *text == '\0';
}

static bool parse_seconds(const char *text, double *result) {
    char *end;
    /* strtod alone would take inf, nan, hexadecimal and blanks. */
    if (text[0] == '\0' || text[strspn(text, "0123456789.")] != '\0') {
        return false;
    }
    *result = strtod(text, &end);
    return *end == '\0' && isfinite(*result);
}

/* A size as one would type it. */
static void format_size(size_t bytes, char *text, size_t size) {
    static const char units[] = " KMGT";
    size_t unit = 0;
    while (unit < 4 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, size, unit > 0 ? "%zu%c" : "%zu", bytes, units[unit]);
}

/* "--max-body: 'x' is not …" */
__attribute__((format(printf, 4, 5))) static enum error_code
refuse(const char *source, const char *value, struct error *error, const char *format, ...) {
    char allowed[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(allowed, sizeof allowed, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INVALID, NULL, "%s: '%.100s' is not %s", source, value, allowed);
}

static enum error_code set_number(const struct row *row, const char *source, const char *value,
                                  void *field, struct error *error) {
    char minimum[32], maximum[32];
    size_t number = 0;
    const bool is_size = row->kind == KIND_SIZE;
    if (parse_size(value, is_size, &number) && number >= row->minimum && number <= row->maximum) {
        *(size_t *)field = number;
        return ERROR_NONE;
    }
    if (is_size) {
        format_size(row->minimum, minimum, sizeof minimum);
        format_size(row->maximum, maximum, sizeof maximum);
        return refuse(source, value, error, "a size from %s to %s, such as 4G, 64M, 512K or bytes",
                      minimum, maximum);
    }
    return refuse(source, value, error, "a whole number from %zu to %zu", row->minimum,
                  row->maximum);
}

static enum error_code set_seconds(const struct row *row, const char *source, const char *value,
                                   void *field, struct error *error) {
    double seconds;
    if (!parse_seconds(value, &seconds) || seconds < (double)row->minimum ||
        seconds > (double)row->maximum) {
        return refuse(source, value, error, "a number of seconds from %zu to %zu", row->minimum,
                      row->maximum);
    }
    *(double *)field = seconds;
    return ERROR_NONE;
}

static enum error_code set_choice(const struct row *row, const char *source, const char *value,
                                  void *field, struct error *error) {
    char allowed[128] = "";
    for (unsigned i = 0; row->choice[i] != NULL; i++) {
        if (strcmp(row->choice[i], value) == 0) {
            *(unsigned *)field = i; /* enums of few non-negative values are unsigned */
            return ERROR_NONE;
        }
        strncat(allowed, i > 0 ? ", " : "", sizeof allowed - strlen(allowed) - 1);
        strncat(allowed, row->choice[i], sizeof allowed - strlen(allowed) - 1);
    }
    return refuse(source, value, error, "one of %s", allowed);
}
_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "set_choice writes an unsigned");
_Static_assert(sizeof(enum request_log) == sizeof(unsigned), "set_choice writes an unsigned");
_Static_assert(sizeof(enum log_format) == sizeof(unsigned), "set_choice writes an unsigned");

static enum error_code set_address(const char *source, const char *value, void *field,
                                   struct error *error) {
    struct error reason;
    if (address_parse(value, field, &reason) != ERROR_NONE) {
        return error_set(error, ERROR_INVALID, NULL, "%s: %s", source, reason.message);
    }
    return ERROR_NONE;
}

static enum error_code set_path(const char *source, const char *value, void *field,
                                struct error *error) {
    if (*value == '\0') {
        return refuse(source, value, error, "the name of a file");
    }
    *(const char **)field = value;
    return ERROR_NONE;
}

static enum error_code set_switch(const char *source, const char *value, void *field,
                                  struct error *error) {
    const bool on = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
        return refuse(source, value, error, "one of true, false");
    }
    *(bool *)field = on;
    return ERROR_NONE;
}

static enum error_code set_list(const struct row *row, const char *source, const char *value,
                                void *field, struct error *error) {
    struct error reason;
    if (row->check(value, &reason) != ERROR_NONE) {
        return error_set(error, ERROR_INVALID, NULL, "%s: %s", source, reason.message);
    }
    *(const char **)field = value;
    return ERROR_NONE;
}

/* `source` is what the message names: "--workers" or "MLPD_WORKERS". */
static enum error_code set_value(const struct row *row, const char *source, const char *value,
                                 struct options *options, struct error *error) {
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case KIND_ADDRESS:
        return set_address(source, value, field, error);
    case KIND_PATH:
        return set_path(source, value, field, error);
    case KIND_COUNT:
    case KIND_SIZE:
        return set_number(row, source, value, field, error);
    case KIND_SECONDS:
        return set_seconds(row, source, value, field, error);
    case KIND_CHOICE:
        return set_choice(row, source, value, field, error);
    case KIND_LIST:
        return set_list(row, source, value, field, error);
    case KIND_SWITCH:
        return set_switch(source, value, field, error);
    case KIND_COMMAND:
    case KIND_FLAG:
        break;
    }
    return error_set(error, ERROR_INVALID, NULL, "%s takes no value", source);
}

static bool is_setting(const struct row *row) {
    return row->kind != KIND_FLAG && row->kind != KIND_COMMAND;
}

static void variable_name(const struct row *row, char *name, size_t size) {
    snprintf(name, size, "MLPD_%s", row->name);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    }
}

static const struct row *find_row(const char *name, size_t length) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* One flag and, where it takes one, its value, which may be the next argument. */
static enum error_code take_argument(int argc, char **argv, int *at, const char **values,
                                     struct error *error) {
    const char *argument = argv[(*at)++];
    const char *name = argument + 2;
    const size_t length = strcspn(name, "=");
    const struct row *row = find_row(name, length);
    if (row == NULL) {
        return error_set(error, ERROR_INVALID, NULL,
                         "--%.*s: there is no such option; mlpd --help lists them",
                         (int)size_min(length, 60), name);
    }
    const char **value = &values[row - rows];
    if (*value != NULL) {
        return error_set(error, ERROR_INVALID, NULL, "--%s is given twice; once is allowed",
                         row->name);
    }
    if (row->kind == KIND_FLAG) {
        *value = "";
        return name[length] == '='
                   ? error_set(error, ERROR_INVALID, NULL, "--%s takes no value", row->name)
                   : ERROR_NONE;
    }
    if (name[length] == '=') {
        *value = name + length + 1;
    } else if (row->kind == KIND_SWITCH) {
        *value = "true";
    } else if (*at < argc && strncmp(argv[*at], "--", 2) != 0) {
        *value = argv[(*at)++];
    } else {
        return error_set(error, ERROR_INVALID, NULL, "--%s: its value %s is missing", row->name,
                         row->value_name);
    }
    return ERROR_NONE;
}

static enum error_code take_arguments(int argc, char **argv, const char **values,
                                      struct error *error) {
    for (int at = 1; at < argc;) {
        if (strncmp(argv[at], "--", 2) != 0 || argv[at][2] == '\0') {
            return error_set(error, ERROR_INVALID, NULL,
                             "'%.100s' is not an option; mlpd --help lists them", argv[at]);
        }
        const enum error_code code = take_argument(argc, argv, &at, values, error);
        if (code != ERROR_NONE) {
            return code;
        }
    }
    return ERROR_NONE;
}

/* A row's value: from its flag, its variable, or its default. */
static enum error_code settle_row(const struct row *row, const char *flag_value,
                                  const char *(*variable)(const char *name),
                                  struct options *options, struct error *error) {
    char source[SOURCE_BYTES];
    if (flag_value != NULL) {
        snprintf(source, sizeof source, "--%s", row->name);
        return set_value(row, source, flag_value, options, error);
    }
    variable_name(row, source, sizeof source);
    const char *value = variable(source);
    if (value != NULL && *value != '\0') {
        return set_value(row, source, value, options, error);
    }
    if (row->automatic != NULL) {
        const size_t number = row->automatic();
        *(size_t *)((char *)options + row->offset) =
            size_min(size_max(number, row->minimum), row->maximum);
        return ERROR_NONE;
    }
    return row->initial != NULL ? set_value(row, row->name, row->initial, options, error)
                                : ERROR_NONE;
}

/* What two options must agree on. */
static enum error_code check_together(const struct options *options, struct error *error) {
    char listen[ADDRESS_TEXT_BYTES];
    if (options->token_file == NULL && !address_is_local(&options->listen)) {
        address_format(&options->listen, listen);
        return error_set(error, ERROR_INVALID, NULL,
                         "--listen: '%.100s' can be reached from other machines, which is allowed "
                         "only with --token-file; without it: loopback addresses, unix sockets",
                         listen);
    }
    if ((options->tls_certificate == NULL) != (options->tls_key == NULL)) {
        return error_set(error, ERROR_INVALID, NULL,
                         "--tls-cert and --tls-key go together, and --tls-%s is missing",
                         options->tls_key == NULL ? "key" : "cert");
    }
    const bool any_host = options->allowed_hosts != NULL && strchr(options->allowed_hosts, '*');
    const bool any_origin =
        options->allowed_origins != NULL && strchr(options->allowed_origins, '*');
    if (options->token_file == NULL && (any_host || any_origin)) {
        return error_set(error, ERROR_INVALID, NULL,
                         "--allowed-%s: * would let every web page use this daemon, which is "
                         "allowed only with --token-file",
                         any_host ? "hosts" : "origins");
    }
    return ERROR_NONE;
}

enum options_outcome options_parse(int argc, char **argv, const char *(*variable)(const char *name),
                                   struct options *options, struct error *error) {
    const char *values[ROWS] = {NULL};
    *options = (struct options){.port_file = NULL};
    if (take_arguments(argc, argv, values, error) != ERROR_NONE) {
        return OPTIONS_WRONG;
    }
    if (values[find_row("help", 4) - rows] != NULL) {
        return OPTIONS_HELP;
    }
    if (values[find_row("version", 7) - rows] != NULL) {
        return OPTIONS_VERSION;
    }
    options->health_url = values[find_row("health", 6) - rows];
    if (options->health_url != NULL) {
        return OPTIONS_HEALTH;
    }
    options->check_directory = values[find_row("check", 5) - rows];
    if (options->check_directory != NULL) {
        return OPTIONS_CHECK;
    }
    if (values[find_row("hash-token", 10) - rows] != NULL) {
        return OPTIONS_HASH_TOKEN;
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (is_setting(&rows[i]) &&
            settle_row(&rows[i], values[i], variable, options, error) != ERROR_NONE) {
            return OPTIONS_WRONG;
        }
    }
    return check_together(options, error) == ERROR_NONE ? OPTIONS_RUN : OPTIONS_WRONG;
}

/* ---- showing ---- */

static void show(const struct row *row, const struct options *options, struct option_value *value) {
    const void *field = (const char *)options + row->offset;
    switch (row->kind) {
    case KIND_COUNT:
    case KIND_SIZE:
        value->kind = OPTION_COUNT;
        value->value.count = *(const size_t *)field;
        break;
    case KIND_SECONDS:
        value->kind = OPTION_SECONDS;
        value->value.seconds = *(const double *)field;
        break;
    case KIND_CHOICE:
        value->kind = OPTION_TEXT;
        value->value.text = row->choice[*(const unsigned *)field];
        break;
    case KIND_LIST:
        value->kind = OPTION_TEXT;
        value->value.text = *(const char *const *)field;
        break;
    case KIND_ADDRESS:
        value->kind = OPTION_TEXT;
        address_format(field, value->storage);
        value->value.text = value->storage;
        break;
    case KIND_SWITCH:
        value->kind = OPTION_BOOLEAN;
        value->value.boolean = *(const bool *)field;
        break;
    case KIND_PATH:
    case KIND_COMMAND:
    case KIND_FLAG:
        value->kind = OPTION_BOOLEAN;
        value->value.boolean = *(const char *const *)field != NULL;
        break;
    }
}
_Static_assert(OPTION_STORAGE_BYTES >= ADDRESS_TEXT_BYTES, "show writes an address");

size_t options_values(const struct options *options, struct option_value *values) {
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!is_setting(&rows[i])) {
            continue;
        }
        if (values != NULL) {
            struct option_value *value = &values[count];
            snprintf(value->name, sizeof value->name, "%s", rows[i].name);
            for (char *at = value->name; *at != '\0'; at++) {
                *at = *at == '-' ? '_' : *at;
            }
            show(&rows[i], options, value);
        }
        count++;
    }
    return count;
}

__attribute__((format(printf, 4, 5))) static void append(char *text, size_t size, size_t *used,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text + *used, size - *used, format, arguments);
    va_end(arguments);
    *used = size_min(*used + (size_t)(length > 0 ? length : 0), size - 1);
}

/* Further lines begin where the first does. */
static void append_lines(char *text, size_t size, size_t *used, const char *lines) {
    size_t length = strcspn(lines, "\n");
    append(text, size, used, "%.*s\n", (int)length, lines);
    while (lines[length] == '\n') {
        lines += length + 1;
        length = strcspn(lines, "\n");
        append(text, size, used, "  %-24s %.*s\n", "", (int)length, lines);
    }
}

size_t options_help(char *text, size_t size) {
    size_t used = 0;
    append(text, size, &used,
           "mlpd trains and serves multi-layer perceptrons over HTTP.\n\n"
           "usage: mlpd [--option value | --option=value] …\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        char flag[48], source[SOURCE_BYTES];
        snprintf(flag, sizeof flag, "--%s %s", row->name,
                 row->value_name != NULL ? row->value_name : "");
        append(text, size, &used, "  %-24s ", flag);
        append_lines(text, size, &used, row->text);
        if (is_setting(row)) {
            variable_name(row, source, sizeof source);
            append(text, size, &used, "  %-24s [%s; default: %s]\n", "", source,
                   row->initial_note != NULL ? row->initial_note : row->initial);
        }
    }
    append(text, size, &used,
           "\nFlags win over the environment variables in brackets.  Sizes are bytes, or\n"
           "powers of 1024 with K, M, G or T.  SIGTERM and SIGINT end the daemon when what\n"
           "was acknowledged is trained; a second one ends it at once.  SIGHUP reads the token\n"
           "file and the certificate again.\n");
    return used;
}
