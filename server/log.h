/* Log lines: one event a line on standard error, as text or as JSON.
 *
 *   2026-11-25T02:00:00.123Z info listening address=127.0.0.1:8080
 *   {"time":"2026-11-25T02:00:00.123Z","level":"info","message":"listening","address":"127.0.0.1:8080"}
 *
 * What a client sent may stand in a value: control characters, quotes and bytes
 * that are not UTF-8 are escaped, so that nobody can forge a line, and long
 * values are cut.  A line is at most LOG_LINE_BYTES long and leaves in one
 * write(2), which a pipe takes whole: lines of several threads never mix.
 *
 * Any thread may log, and no lock is taken; log_start is for main, before other
 * threads exist. */
#ifndef MLPD_SERVER_LOG_H
#define MLPD_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define LOG_LINE_BYTES 4096 /* PIPE_BUF: more may be torn apart */
#define LOG_VALUE_BYTES 512 /* of one value, before escaping */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* One key=value.  Made by the functions below; the name is a constant. */
struct log_field {
    const char *name; /* NULL ends a list */
    enum { LOG_FIELD_TEXT, LOG_FIELD_COUNT, LOG_FIELD_SECONDS } kind;
    union {
        const char *text; /* NULL is written as an empty text */
        uint64_t count;
        double seconds;
    } value;
};

static inline struct log_field log_text(const char *name, const char *text) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .value.text = text};
}

static inline struct log_field log_count(const char *name, uint64_t count) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_COUNT, .value.count = count};
}

static inline struct log_field log_seconds(const char *name, double seconds) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_SECONDS, .value.seconds = seconds};
}

/* What is written from now on.  Until then: text, info and above. */
void log_start(enum log_format format, enum log_level level);

/* Whether such a line would be written: for what is costly to gather. */
bool log_enabled(enum log_level level);

/* log_info("message", log_text("key", value), log_count("bytes", 3)) */
#define log_debug(...) LOG_WRITE(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_WRITE(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) LOG_WRITE(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) LOG_WRITE(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WRITE(level, ...) LOG_FIELDS(level, __VA_ARGS__, (struct log_field){.name = NULL})
#define LOG_FIELDS(level, message, ...)                                                            \
    log_write(level, message, (const struct log_field[]){__VA_ARGS__})

void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* The line that log_write writes, with its newline, into `line` of
 * LOG_LINE_BYTES; returns its length.  Fields that do not fit are left out. */
size_t log_format_line(char *line, enum log_format format, struct timespec time,
                       enum log_level level, const char *message, const struct log_field *fields);

#endif
