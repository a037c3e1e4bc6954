/* Types of the items of binary tensors, by safetensors' names: little-endian, at
 * any address.  One table; pure functions, any thread. */
#ifndef MLPD_API_DTYPE_H
#define MLPD_API_DTYPE_H

#include <stddef.h>

enum dtype_kind { DTYPE_FLOATING = 1, DTYPE_WHOLE = 2, DTYPE_BOOLEAN = 4 };

#define ITEM_BYTES_MAX 8

struct dtype {
    const char *name;
    size_t bytes; /* of an item */
    enum dtype_kind kind;
    /* `count` items as doubles; NaN may become infinite. */
    void (*decode)(const char *from, size_t count, double *to);
};

enum {
    DTYPE_F64,
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U64,
    DTYPE_U32,
    DTYPE_U16,
    DTYPE_U8,
    DTYPE_BOOL,
    DTYPES
};

extern const struct dtype dtypes[DTYPES];

/* The type of that name, or NULL. */
const struct dtype *dtype_find(const char *name);

/* The names of the types of some kinds as a list for messages: "F64, F32". */
void dtype_list(unsigned kinds, char *text, size_t size);

#endif
