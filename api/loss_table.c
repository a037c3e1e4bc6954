/* The loss history as CSV; see loss_table.h. */
#include "api/loss_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "api/json_write.h"
#include "api/loss_point.h"
#include "api/timestamp.h"

/* The same digits as in JSON. */
static void append_number(struct buffer *out, double value, struct error *error) {
    struct json_writer digits;
    json_write_start(&digits, out);
    if (isfinite(value) && error->code == ERROR_NONE) {
        json_write_double(&digits, value);
        (void)json_write_finish(&digits, error);
    }
}

static void append_text(struct buffer *out, const char *text, int length, struct error *error) {
    if (error->code == ERROR_NONE) {
        (void)buffer_append(out, text, (size_t)length, error);
    }
}

static void append_point(struct buffer *out, const struct history_row *row, struct error *error) {
    char time[TIMESTAMP_BYTES], text[128];
    timestamp_write(time, row->time);
    append_text(out, text,
                snprintf(text, sizeof text, "%" PRIu64 ",%" PRIu64 ",", row->batch, row->step),
                error);
    append_number(out, row->loss, error);
    append_text(out, ",", 1, error);
    append_number(out, row->accuracy, error);
    append_text(out, text,
                snprintf(text, sizeof text, ",%" PRIu32 ",%s,%s\r\n", row->examples, time,
                         row->state == ENTRY_DIVERGED ? "true" : "false"),
                error);
}

enum error_code loss_table_write(struct buffer *out, const struct history_row *rows, size_t count,
                                 struct error *error) {
    error->code = ERROR_NONE;
    append_text(out, LOSS_TABLE_HEADER, sizeof LOSS_TABLE_HEADER - 1, error);
    for (size_t i = 0; i < count; i++) {
        if (loss_row_is_point(&rows[i])) {
            append_point(out, &rows[i], error);
        }
    }
    return error->code;
}
