/* A point of the loss history; see loss_point.h. */
#include "api/loss_point.h"

#include "api/timestamp.h"

bool loss_row_is_point(const struct history_row *row) {
    return row->state == ENTRY_DONE || row->state == ENTRY_DIVERGED;
}

void loss_point_write(struct json_writer *json, const struct history_row *row) {
    char time[TIMESTAMP_BYTES];
    timestamp_write(time, row->time);
    json_write_begin_object(json);
    json_write_key(json, "batch");
    json_write_unsigned(json, row->batch);
    json_write_key(json, "step");
    json_write_unsigned(json, row->step);
    json_write_key(json, "loss");
    json_write_double(json, row->loss);
    json_write_key(json, "accuracy");
    json_write_double(json, row->accuracy);
    json_write_key(json, "examples");
    json_write_unsigned(json, row->examples);
    json_write_key(json, "time");
    json_write_string(json, time);
    if (row->state == ENTRY_DIVERGED) {
        json_write_key(json, "diverged");
        json_write_bool(json, true);
    }
    json_write_end_object(json);
}
