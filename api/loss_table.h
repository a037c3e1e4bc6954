/* The loss history as CSV (RFC 4180): a header line, then a line a point. */
#ifndef MLPD_API_LOSS_TABLE_H
#define MLPD_API_LOSS_TABLE_H

#include <stddef.h>

#include "core/base/buffer.h"
#include "core/engine/history.h"

#define LOSS_TABLE_HEADER "batch,step,loss,accuracy,examples,time,diverged\r\n"

/* Append the points among `rows`.  What is not finite or not there is an empty cell.
 * ERROR_MEMORY. */
enum error_code loss_table_write(struct buffer *out, const struct history_row *rows, size_t count,
                                 struct error *error);

#endif
