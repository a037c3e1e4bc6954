/* Setting one option from its text: for options.c. */
#ifndef MLPD_SERVER_OPTION_SETTING_H
#define MLPD_SERVER_OPTION_SETTING_H

#include "server/option_table.h"
#include "server/options.h"

/* `source` is what the message names: "--workers" or "MLPD_WORKERS".  ERROR_INVALID. */
enum error_code option_set(const struct option_row *row, const char *source, const char *value,
                           struct options *options, struct error *error);

#endif
