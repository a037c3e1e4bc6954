/* A point of the loss history as JSON, for lists and streams. */
#ifndef MLPD_API_LOSS_POINT_H
#define MLPD_API_LOSS_POINT_H

#include <stdbool.h>

#include "api/json_write.h"
#include "core/engine/history.h"

/* Batches that were taken back or dropped have no loss and are no points. */
bool loss_row_is_point(const struct history_row *row);

void loss_point_write(struct json_writer *json, const struct history_row *row);

#endif
