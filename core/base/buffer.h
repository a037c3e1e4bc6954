/* A growing run of bytes whose memory is in the ledger.
 *
 * Bodies, tensors taken in and answers grow in these: capacity doubles, is
 * reserved in the ledger before it is allocated, and is given back by
 * buffer_free.  With a NULL ledger they are not counted, which is for what is
 * small and bounded, such as problem documents: an answer that says 'no memory'
 * must not need any.  A buffer has one owner and no lock.  `data` is aligned to
 * MEMORY_ALIGNMENT once there is a cache line or more. */
#ifndef MLPD_CORE_BASE_BUFFER_H
#define MLPD_CORE_BASE_BUFFER_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/ledger.h"

struct buffer {
    char *data;
    size_t used, capacity; /* bytes */
    struct ledger *ledger;
    const char *purpose; /* for the ledger's message: "a request body" */
};

void buffer_init(struct buffer *buffer, struct ledger *ledger, const char *purpose);

/* Make room for `bytes` more.  ERROR_MEMORY, and the buffer as it was. */
enum error_code buffer_reserve(struct buffer *buffer, size_t bytes, struct error *error);

/* Append a copy of `bytes` bytes. */
enum error_code buffer_append(struct buffer *buffer, const void *bytes, size_t count,
                              struct error *error);

/* Give back what is not used; where there is no memory for the move, the buffer
 * stays as it was. */
void buffer_trim(struct buffer *buffer);

/* `to` takes over what `from` holds; `from` is empty then. */
void buffer_move(struct buffer *to, struct buffer *from);

void buffer_free(struct buffer *buffer);

#endif
