/* Bodies in safetensors: a header of names, types and shapes, then the bytes. */
#ifndef MLPD_TESTS_INTEGRATION_TENSORS_H
#define MLPD_TESTS_INTEGRATION_TENSORS_H

#include <stddef.h>

#include "tests/integration/client.h"

#define SAFETENSORS "application/vnd.safetensors"

struct tensor {
    const char *name, *dtype;
    const char *shape; /* "[3, 2]" */
    const void *data;
    size_t bytes;
};

/* A whole body; `metadata` is JSON or NULL.  The caller frees it. */
char *tensors_body(const struct tensor *tensors, size_t count, const char *metadata, size_t *bytes);

/* The same around a header that may say anything, of which `header_bytes` are
 * promised. */
char *tensors_frame(const char *header, size_t header_bytes, const void *data, size_t data_bytes,
                    size_t *bytes);

const struct answer *post_tensors(const char *path, const char *headers,
                                  const struct tensor *tensors, size_t count, const char *metadata);
const struct answer *post_body(const char *path, const char *headers, char *body, size_t bytes);

/* `count` numbers as items of a dtype; returns the bytes written. */
size_t tensor_items(const char *dtype, const double *numbers, size_t count, void *to);

#endif
