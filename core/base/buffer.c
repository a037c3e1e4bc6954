/* Growing buffers; see buffer.h. */
#include "core/base/buffer.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

#define CAPACITY_MIN 256

void buffer_init(struct buffer *buffer, struct ledger *ledger, const char *purpose) {
    *buffer = (struct buffer){.ledger = ledger, .purpose = purpose};
}

static enum error_code reserve(const struct buffer *buffer, size_t bytes, struct error *error) {
    return buffer->ledger != NULL ? ledger_reserve(buffer->ledger, bytes, buffer->purpose, error)
                                  : ERROR_NONE;
}

static void release(const struct buffer *buffer, size_t bytes) {
    if (buffer->ledger != NULL) {
        ledger_release(buffer->ledger, bytes);
    }
}

/* While the bytes move, both blocks exist, and the ledger has both. */
static enum error_code change_capacity(struct buffer *buffer, size_t capacity,
                                       struct error *error) {
    const enum error_code code = reserve(buffer, capacity, error);
    if (code != ERROR_NONE) {
        return code;
    }
    void *data = buffer->data;
    if (!memory_resize(&data, buffer->used, capacity, 1)) {
        release(buffer, capacity);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for %s of %zu bytes",
                         buffer->purpose, capacity);
    }
    release(buffer, buffer->capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    return ERROR_NONE;
}

enum error_code buffer_reserve(struct buffer *buffer, size_t bytes, struct error *error) {
    if (bytes <= buffer->capacity - buffer->used) {
        return ERROR_NONE;
    }
    size_t needed, doubled;
    if (!checked_add(buffer->used, bytes, &needed) ||
        !checked_multiply(buffer->capacity, 2, &doubled)) {
        return error_set(error, ERROR_MEMORY, NULL, "%s beyond the address space", buffer->purpose);
    }
    return change_capacity(buffer, size_max(size_max(needed, doubled), CAPACITY_MIN), error);
}

enum error_code buffer_append(struct buffer *buffer, const void *bytes, size_t count,
                              struct error *error) {
    const enum error_code code = buffer_reserve(buffer, count, error);
    if (code == ERROR_NONE && count > 0) {
        memcpy(buffer->data + buffer->used, bytes, count);
        buffer->used += count;
    }
    return code;
}

void buffer_trim(struct buffer *buffer) {
    if (buffer->used == 0) {
        buffer_free(buffer);
    } else if (buffer->used < buffer->capacity) {
        (void)change_capacity(buffer, buffer->used, NULL);
    }
}

void buffer_move(struct buffer *to, struct buffer *from) {
    *to = *from;
    buffer_init(from, from->ledger, from->purpose);
}

void buffer_free(struct buffer *buffer) {
    memory_free(buffer->data);
    release(buffer, buffer->capacity);
    buffer_init(buffer, buffer->ledger, buffer->purpose);
}
