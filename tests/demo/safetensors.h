/* Rows of Fashion-MNIST as a safetensors body: a 64-bit little-endian length, a
 * JSON header of that length, then the tensors' bytes.  The pixels go as the
 * bytes they are; the daemon scales them. */
#ifndef MLPD_TESTS_DEMO_SAFETENSORS_H
#define MLPD_TESTS_DEMO_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/data/fashion_mnist.h"

/* Which rows of a set. */
struct rows {
    const struct fashion_mnist_set *set;
    const uint32_t *chosen; /* [count] indices into the set; NULL: the first `count` */
    size_t count;
    bool labelled; /* with the tensor `labels`, not only `inputs` */
};

/* A buffer that grows as needed and is used again; its owner frees `data`. */
struct body {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
};

/* Put the rows into `body`, in place of what it held: `inputs` U8 [count × 784]
 * and `labels` U8 [count].  False when there is no memory. */
bool safetensors_encode(struct body *body, const struct rows *rows);

#endif
