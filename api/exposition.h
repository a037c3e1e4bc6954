/* Prometheus's text format 0.0.4, written into a buffer.
 *
 * A family is begun, then all its samples follow.  The first failure (no memory) sticks,
 * as with the writer of JSON, and exposition_finish tells it.  A writer belongs to its
 * caller and one thread. */
#ifndef MLPD_API_EXPOSITION_H
#define MLPD_API_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/histogram.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    struct buffer *out; /* the caller's; appended to */
    const char *family; /* whose samples are being written; a constant */
    struct error error;
};

struct exposition_label {
    const char *name; /* NULL ends a list */
    const char *value;
};

/* LABELS({"code", "200"}, {"operation", "predict"}); NULL stands for none. */
#define LABELS(...) ((const struct exposition_label[]){__VA_ARGS__, {NULL, NULL}})

void exposition_start(struct exposition *text, struct buffer *out);

/* Whether everything was written; ERROR_MEMORY otherwise. */
enum error_code exposition_finish(const struct exposition *text, struct error *error);

/* `type` is "counter", "gauge" or "histogram"; `help` one sentence of one line. */
void exposition_family(struct exposition *text, const char *name, const char *type,
                       const char *help);

/* A sample of the family.  Values of labels may be any UTF-8. */
void exposition_unsigned(struct exposition *text, const struct exposition_label *labels,
                         uint64_t value);
/* Also what is not finite. */
void exposition_double(struct exposition *text, const struct exposition_label *labels,
                       double value);
/* The buckets, cumulative, the sum and the count, which is the last bucket. */
void exposition_histogram(struct exposition *text, const struct exposition_label *labels,
                          const struct histogram_counts *counts);

#endif
