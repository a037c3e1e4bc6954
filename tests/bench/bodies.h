/* Request bodies of random rows for a shape, in each format that mlpd reads. */
#ifndef MLPD_TESTS_BENCH_BODIES_H
#define MLPD_TESTS_BENCH_BODIES_H

#include "tests/bench/shape.h"

enum body_format { BODY_F32, BODY_U8, BODY_JSON, BODY_CSV, BODY_FORMATS };

extern const char *const body_format_names[BODY_FORMATS];

struct body {
    char *bytes; /* owned */
    size_t size, numbers;
    const char *media_type;
    const char *query; /* "&scale=…", or "" */
};

/* `rows` rows with labels, or without for predictions (JSON and F32 only).  Pixels as
 * bytes, and numbers of five digits in text, as a client would send them. */
struct body body_make(const struct shape *shape, enum body_format format, size_t rows,
                      bool labelled);
void body_free(struct body *body);

#endif
