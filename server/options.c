/* Flags and environment; see options.h. */
#include "server/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "server/option_setting.h"

#define SOURCE_BYTES 64

static bool is_setting(const struct option_row *row) {
    return row->kind != OPTION_KIND_FLAG && row->kind != OPTION_KIND_COMMAND;
}

static void variable_name(const struct option_row *row, char *name, size_t size) {
    snprintf(name, size, "MLPD_%s", row->name);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    }
}

static const struct option_row *find_row(const char *name, size_t length) {
    for (size_t i = 0; i < option_row_count; i++) {
        if (strlen(option_rows[i].name) == length &&
            memcmp(option_rows[i].name, name, length) == 0) {
            return &option_rows[i];
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
    const struct option_row *row = find_row(name, length);
    if (row == NULL) {
        return error_set(error, ERROR_INVALID, NULL,
                         "--%.*s: there is no such option; mlpd --help lists them",
                         (int)size_min(length, 60), name);
    }
    const char **value = &values[row - option_rows];
    if (*value != NULL) {
        return error_set(error, ERROR_INVALID, NULL, "--%s is given twice; once is allowed",
                         row->name);
    }
    if (row->kind == OPTION_KIND_FLAG) {
        *value = "";
        return name[length] == '='
                   ? error_set(error, ERROR_INVALID, NULL, "--%s takes no value", row->name)
                   : ERROR_NONE;
    }
    if (name[length] == '=') {
        *value = name + length + 1;
    } else if (row->kind == OPTION_KIND_SWITCH) {
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
static enum error_code settle_row(const struct option_row *row, const char *flag_value,
                                  const char *(*variable)(const char *name),
                                  struct options *options, struct error *error) {
    char source[SOURCE_BYTES];
    if (flag_value != NULL) {
        snprintf(source, sizeof source, "--%s", row->name);
        return option_set(row, source, flag_value, options, error);
    }
    variable_name(row, source, sizeof source);
    const char *value = variable(source);
    if (value != NULL && *value != '\0') {
        return option_set(row, source, value, options, error);
    }
    if (row->automatic != NULL) {
        const size_t number = row->automatic();
        *(size_t *)((char *)options + row->offset) =
            size_min(size_max(number, row->minimum), row->maximum);
        return ERROR_NONE;
    }
    return row->initial != NULL ? option_set(row, row->name, row->initial, options, error)
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
    const char *values[OPTION_ROWS_MAX] = {NULL};
    *options = (struct options){.port_file = NULL};
    if (take_arguments(argc, argv, values, error) != ERROR_NONE) {
        return OPTIONS_WRONG;
    }
    if (values[find_row("help", 4) - option_rows] != NULL) {
        return OPTIONS_HELP;
    }
    if (values[find_row("version", 7) - option_rows] != NULL) {
        return OPTIONS_VERSION;
    }
    options->health_url = values[find_row("health", 6) - option_rows];
    if (options->health_url != NULL) {
        return OPTIONS_HEALTH;
    }
    options->check_directory = values[find_row("check", 5) - option_rows];
    if (options->check_directory != NULL) {
        return OPTIONS_CHECK;
    }
    if (values[find_row("hash-token", 10) - option_rows] != NULL) {
        return OPTIONS_HASH_TOKEN;
    }
    for (size_t i = 0; i < option_row_count; i++) {
        if (is_setting(&option_rows[i]) &&
            settle_row(&option_rows[i], values[i], variable, options, error) != ERROR_NONE) {
            return OPTIONS_WRONG;
        }
    }
    return check_together(options, error) == ERROR_NONE ? OPTIONS_RUN : OPTIONS_WRONG;
}

/* ---- showing ---- */

static void show(const struct option_row *row, const struct options *options,
                 struct option_value *value) {
    const void *field = (const char *)options + row->offset;
    switch (row->kind) {
    case OPTION_KIND_COUNT:
    case OPTION_KIND_SIZE:
        value->kind = OPTION_COUNT;
        value->value.count = *(const size_t *)field;
        break;
    case OPTION_KIND_SECONDS:
        value->kind = OPTION_SECONDS;
        value->value.seconds = *(const double *)field;
        break;
    case OPTION_KIND_CHOICE:
        value->kind = OPTION_TEXT;
        value->value.text = row->choice[*(const unsigned *)field];
        break;
    case OPTION_KIND_LIST:
        value->kind = OPTION_TEXT;
        value->value.text = *(const char *const *)field;
        break;
    case OPTION_KIND_ADDRESS:
        value->kind = OPTION_TEXT;
        address_format(field, value->storage);
        value->value.text = value->storage;
        break;
    case OPTION_KIND_SWITCH:
        value->kind = OPTION_BOOLEAN;
        value->value.boolean = *(const bool *)field;
        break;
    case OPTION_KIND_PATH:
    case OPTION_KIND_COMMAND:
    case OPTION_KIND_FLAG:
        value->kind = OPTION_BOOLEAN;
        value->value.boolean = *(const char *const *)field != NULL;
        break;
    }
}
_Static_assert(OPTION_STORAGE_BYTES >= ADDRESS_TEXT_BYTES, "show writes an address");

size_t options_values(const struct options *options, struct option_value *values) {
    size_t count = 0;
    for (size_t i = 0; i < option_row_count; i++) {
        if (!is_setting(&option_rows[i])) {
            continue;
        }
        if (values != NULL) {
            struct option_value *value = &values[count];
            snprintf(value->name, sizeof value->name, "%s", option_rows[i].name);
            for (char *at = value->name; *at != '\0'; at++) {
                *at = *at == '-' ? '_' : *at;
            }
            show(&option_rows[i], options, value);
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
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
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
