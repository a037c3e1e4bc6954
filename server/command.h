/* What mlpd can do besides being a daemon: --help, --version, --health, --check,
 * --hash-token.
 * For main; nothing of a daemon is started. */
#ifndef MLPD_SERVER_COMMAND_H
#define MLPD_SERVER_COMMAND_H

#include "server/options.h"

#define EXIT_USAGE 2

/* Do what `outcome` says, anything but OPTIONS_RUN and OPTIONS_WRONG: the exit status. */
int command_run(enum options_outcome outcome, const struct options *options);

/* "mlpd: …" on standard error; returns `status`. */
int command_fail(const struct error *error, int status);

#endif
