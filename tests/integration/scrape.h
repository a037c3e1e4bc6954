/* What /metrics of the current daemon says, read as strictly as Prometheus's text format
 * 0.0.4 is written.
 *
 * Reading fails the test on anything that the format does not allow: families that are
 * not together, without HELP or TYPE, samples twice, labels that are not escaped,
 * buckets that are not cumulative or do not end in +Inf = count.  A scrape lives until
 * the test's end. */
#ifndef MLPD_TESTS_INTEGRATION_SCRAPE_H
#define MLPD_TESTS_INTEGRATION_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/integration/client.h"

struct sample {
    char series[512];   /* name and labels, as written */
    const char *family; /* of the scrape */
    const char *type;   /* "counter", "gauge", "histogram" */
    double value;
};

struct scrape {
    char *text;
    size_t count;
    struct sample *samples;
    struct reading *reading; /* what the samples point into */
    struct scrape *next;
};

/* GET /metrics, with these headers or NULL. */
const struct scrape *scrape_with(const char *headers);
const struct scrape *scrape(void);

/* The value of a series: "mlpd_models", "mlpd_batches_total{state=\"trained\"}".  0 when
 * it is not there, as a counter that nothing has happened to. */
double sample_of(const struct scrape *scrape, const char *series);
bool scrape_has(const struct scrape *scrape, const char *series);

/* How many series begin so. */
size_t series_beginning(const struct scrape *scrape, const char *beginning);

/* Scrape until the value is that; fails at the deadline. */
const struct scrape *await_sample(const char *series, double value);

#define want_sample(scrape, series, value) want_sample_at(__FILE__, __LINE__, scrape, series, value)
void want_sample_at(const char *file, int line, const struct scrape *scrape, const char *series,
                    double value);

#endif
