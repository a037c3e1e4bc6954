/* The log of requests; see request_log.h. */
#include "server/request_log.h"

/* Written once, before other threads exist. */
static enum request_log chosen = REQUEST_LOG_NONE;

void request_log_start(enum request_log log, enum log_format format) {
    if (log == REQUEST_LOG_AUTO) {
        log = format == LOG_FORMAT_JSON ? REQUEST_LOG_ALL : REQUEST_LOG_ERRORS;
    }
    chosen = log;
}

static enum log_level level_of(const struct request_record *record) {
    if (record->operation.is_polled) {
        return LOG_LEVEL_DEBUG;
    }
    return record->status >= 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

bool request_log_wants(const struct request_record *record) {
    return (chosen == REQUEST_LOG_ALL || (chosen == REQUEST_LOG_ERRORS && record->status >= 500)) &&
           log_enabled(level_of(record));
}

void request_log_write(const struct request_record *record) {
    LOG_WRITE(
        level_of(record), "request", log_text("request_id", record->id),
        log_text("method", record->method), log_text("target", record->target),
        log_text("operation", record->operation.name), log_count("status", record->status),
        log_seconds("seconds", record->seconds), log_count("request_bytes", record->request_bytes),
        log_count("response_bytes", record->response_bytes), log_text("client", record->client));
}
