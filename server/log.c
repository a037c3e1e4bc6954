/* Log lines; see log.h. */
#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Relaxed: set once before other threads exist. */
static atomic_int current_format = LOG_FORMAT_TEXT;
static atomic_int current_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* A line being written.  What does not fit is not begun: `full` stays set and
 * `used` is where the last whole field ended. */
struct line {
    char *bytes;
    size_t used, limit;
    bool full;
};

static void put_bytes(struct line *line, const char *bytes, size_t count) {
    if (line->full || count > line->limit - line->used) {
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->used, bytes, count);
    line->used += count;
}

static void put(struct line *line, const char *text) {
    put_bytes(line, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void put_formatted(struct line *line,
                                                                const char *format, ...) {
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(line, text);
}

/* How many bytes of UTF-8 begin here, or 0 when they are not UTF-8. */
static size_t utf8_length(const unsigned char *text) {
    static const struct {
        unsigned char first, last, second_first, second_last, length;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (text[0] < rows[i].first || text[0] > rows[i].last) {
            continue;
        }
        if (text[1] < rows[i].second_first || text[1] > rows[i].second_last) {
            return 0;
        }
        for (size_t k = 2; k < rows[i].length; k++) {
            if ((text[k] & 0xC0) != 0x80) { /* also at the end: NUL is no continuation */
                return 0;
            }
        }
        return rows[i].length;
    }
    return 0;
}

/* Between quotes, in the manner of JSON, which text lines use as well. */
static void put_quoted(struct line *line, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *const end = at + strnlen(text, LOG_VALUE_BYTES);
    put(line, "\"");
    while (at < end) {
        const size_t length = *at < 0x80 ? 1 : utf8_length(at);
        if (length == 0) {
            put(line, "\\ufffd");
            at++;
            continue;
        }
        if (*at == '"' || *at == '\\') {
            put_bytes(line, "\\", 1);
            put_bytes(line, (const char *)at, 1);
        } else if (*at < 0x20 || *at == 0x7F) {
            put_formatted(line, "\\u%04x", *at);
        } else {
            put_bytes(line, (const char *)at, length);
        }
        at += length;
    }
    put(line, *at != '\0' ? "…\"" : "\"");
}

/* Whether a text line can show it without quotes. */
static bool is_plain(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\' || *at == '=') {
            return false;
        }
    }
    return *text != '\0' && strlen(text) <= LOG_VALUE_BYTES;
}

static void put_value(struct line *line, enum log_format format, const struct log_field *field) {
    if (field->kind == LOG_FIELD_COUNT) {
        put_formatted(line, "%llu", (unsigned long long)field->value.count);
    } else if (field->kind == LOG_FIELD_SECONDS) {
        put_formatted(line, "%.6f", field->value.seconds);
    } else {
        const char *text = field->value.text != NULL ? field->value.text : "";
        if (format == LOG_FORMAT_TEXT && is_plain(text)) {
            put(line, text);
        } else {
            put_quoted(line, text);
        }
    }
}

static void put_time(struct line *line, struct timespec time) {
    struct tm utc;
    gmtime_r(&time.tv_sec, &utc);
    put_formatted(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time.tv_nsec / 1000000);
}

static void put_head(struct line *line, enum log_format format, struct timespec time,
                     enum log_level level, const char *message) {
    if (format == LOG_FORMAT_JSON) {
        put(line, "{\"time\":\"");
        put_time(line, time);
        put(line, "\",\"level\":\"");
        put(line, level_names[level]);
        put(line, "\",\"message\":");
        put_quoted(line, message);
    } else {
        put_time(line, time);
        put(line, " ");
        put(line, level_names[level]);
        put(line, " ");
        put(line, message);
    }
}

size_t log_format_line(char *line_bytes, enum log_format format, struct timespec time,
                       enum log_level level, const char *message, const struct log_field *fields) {
    /* Two bytes are kept for the end of the line. */
    struct line line = {.bytes = line_bytes, .limit = LOG_LINE_BYTES - 2};
    put_head(&line, format, time, level, message);
    for (const struct log_field *field = fields; field->name != NULL; field++) {
        const size_t whole = line.used;
        put(&line, format == LOG_FORMAT_JSON ? ",\"" : " ");
        put(&line, field->name);
        put(&line, format == LOG_FORMAT_JSON ? "\":" : "=");
        put_value(&line, format, field);
        if (line.full) {
            line.used = whole;
            break;
        }
    }
    if (format == LOG_FORMAT_JSON) {
        line_bytes[line.used++] = '}';
    }
    line_bytes[line.used++] = '\n';
    return line.used;
}

void log_start(enum log_format format, enum log_level level) {
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields) {
    if (!log_enabled(level)) {
        return;
    }
    const int saved_errno = errno;
    char line[LOG_LINE_BYTES];
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    const enum log_format format =
        (enum log_format)atomic_load_explicit(&current_format, memory_order_relaxed);
    const size_t length = log_format_line(line, format, time, level, message, fields);
    /* A log that cannot be written has nobody to be told. */
    const ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
    errno = saved_errno;
}
