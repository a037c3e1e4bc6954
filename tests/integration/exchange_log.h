/* A record of what was asked and answered, for tests/openapi: one JSON object a line in
 * the file that MLPD_EXCHANGES names; without that variable nothing. */
#ifndef MLPD_TESTS_INTEGRATION_EXCHANGE_LOG_H
#define MLPD_TESTS_INTEGRATION_EXCHANGE_LOG_H

#include "tests/integration/client.h"

/* Any thread and process: each line is appended by one write. */
void exchange_log_append(const struct call *call, const struct answer *answer);

#endif
