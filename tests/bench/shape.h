/* The networks that are measured: from tiny to large. */
#ifndef MLPD_TESTS_BENCH_SHAPE_H
#define MLPD_TESTS_BENCH_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/maths/specification.h"

#define SHAPE_LAYERS_MAX 4
#define SHAPE_NAME_BYTES 64

struct shape {
    size_t inputs;
    size_t layers[SHAPE_LAYERS_MAX]; /* units; 0 ends the list */
    size_t batch;                    /* rows */
    size_t request_rows;             /* of one HTTP request, several batches */
};

enum { SHAPE_TINY, SHAPE_SMALL, SHAPE_MEDIUM, SHAPE_LARGE, SHAPE_COUNT };
extern const struct shape shapes[SHAPE_COUNT];

size_t shape_depth(const struct shape *shape);
size_t shape_outputs(const struct shape *shape);

/* "784-256-128-10 b128" */
void shape_name(const struct shape *shape, char name[SHAPE_NAME_BYTES]);

/* A complete specification, relu and softmax; for specification_free. */
void shape_specify(const struct shape *shape, enum optimizer optimizer,
                   struct specification *specification);

#endif
