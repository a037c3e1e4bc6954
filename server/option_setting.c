/* Setting options; see option_setting.h. */
#include "server/option_setting.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

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

static enum error_code set_number(const struct option_row *row, const char *source,
                                  const char *value, void *field, struct error *error) {
    char minimum[32], maximum[32];
    size_t number = 0;
    const bool is_size = row->kind == OPTION_KIND_SIZE;
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

static enum error_code set_seconds(const struct option_row *row, const char *source,
                                   const char *value, void *field, struct error *error) {
    double seconds;
    if (!parse_seconds(value, &seconds) || seconds < (double)row->minimum ||
        seconds > (double)row->maximum) {
        return refuse(source, value, error, "a number of seconds from %zu to %zu", row->minimum,
                      row->maximum);
    }
    *(double *)field = seconds;
    return ERROR_NONE;
}

static enum error_code set_choice(const struct option_row *row, const char *source,
                                  const char *value, void *field, struct error *error) {
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
_Static_assert(sizeof(enum store_durability) == sizeof(unsigned), "set_choice writes an unsigned");
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

static enum error_code set_list(const struct option_row *row, const char *source, const char *value,
                                void *field, struct error *error) {
    struct error reason;
    if (row->check(value, &reason) != ERROR_NONE) {
        return error_set(error, ERROR_INVALID, NULL, "%s: %s", source, reason.message);
    }
    *(const char **)field = value;
    return ERROR_NONE;
}

enum error_code option_set(const struct option_row *row, const char *source, const char *value,
                           struct options *options, struct error *error) {
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case OPTION_KIND_ADDRESS:
        return set_address(source, value, field, error);
    case OPTION_KIND_PATH:
        return set_path(source, value, field, error);
    case OPTION_KIND_COUNT:
    case OPTION_KIND_SIZE:
        return set_number(row, source, value, field, error);
    case OPTION_KIND_SECONDS:
        return set_seconds(row, source, value, field, error);
    case OPTION_KIND_CHOICE:
        return set_choice(row, source, value, field, error);
    case OPTION_KIND_LIST:
        return set_list(row, source, value, field, error);
    case OPTION_KIND_SWITCH:
        return set_switch(source, value, field, error);
    case OPTION_KIND_COMMAND:
    case OPTION_KIND_FLAG:
        break;
    }
    return error_set(error, ERROR_INVALID, NULL, "%s takes no value", source);
}
