/* The comparison as a picture. */
#ifndef MLPD_TESTS_BENCH_PEERS_CHART_H
#define MLPD_TESTS_BENCH_PEERS_CHART_H

#include "tests/bench/peers/comparison.h"

/* An SVG file that is legible on light and on dark pages; false when it cannot be
 * written.  Bars are linear and begin at zero; each row has a scale of its own. */
bool chart_write(const struct comparison *comparison, const char *file);

#endif
