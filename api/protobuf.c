/* Protocol Buffers' wire format; see protobuf.h. */
#include "api/protobuf.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_LENGTH = 2, WIRE_32_BITS = 5 };

#define VARINT_BYTES_MAX 10

void protobuf_start(struct protobuf *protobuf, struct buffer *out) {
    protobuf->out = out;
    protobuf->error.code = ERROR_NONE;
}

static void append(struct protobuf *protobuf, const void *bytes, size_t count) {
    if (protobuf->error.code == ERROR_NONE) {
        (void)buffer_append(protobuf->out, bytes, count, &protobuf->error);
    }
}

/* Seven bits a byte, the lowest first; the eighth says that more follow. */
static size_t make_varint(uint64_t value, unsigned char bytes[VARINT_BYTES_MAX]) {
    size_t count = 0;
    while (value >= 128) {
        bytes[count++] = (unsigned char)(value | 128);
        value >>= 7;
    }
    bytes[count++] = (unsigned char)value;
    return count;
}

static void append_varint(struct protobuf *protobuf, uint64_t value) {
    unsigned char bytes[VARINT_BYTES_MAX];
    append(protobuf, bytes, make_varint(value, bytes));
}

static void append_key(struct protobuf *protobuf, unsigned field, enum wire wire) {
    append_varint(protobuf, field << 3 | wire);
}

void protobuf_write_integer(struct protobuf *protobuf, unsigned field, uint64_t value) {
    append_key(protobuf, field, WIRE_VARINT);
    append_varint(protobuf, value);
}

void protobuf_write_float(struct protobuf *protobuf, unsigned field, float value) {
    append_key(protobuf, field, WIRE_32_BITS);
    append(protobuf, &value, sizeof value); /* little-endian, as every machine of ours */
}

void protobuf_write_head(struct protobuf *protobuf, unsigned field, uint64_t bytes) {
    append_key(protobuf, field, WIRE_LENGTH);
    append_varint(protobuf, bytes);
}

void protobuf_write_bytes(struct protobuf *protobuf, unsigned field, const void *bytes,
                          size_t count) {
    protobuf_write_head(protobuf, field, count);
    append(protobuf, bytes, count);
}

void protobuf_write_text(struct protobuf *protobuf, unsigned field, const char *text) {
    protobuf_write_bytes(protobuf, field, text, strlen(text));
}

size_t protobuf_begin(struct protobuf *protobuf, unsigned field) {
    append_key(protobuf, field, WIRE_LENGTH);
    return protobuf->out->used;
}

void protobuf_end_before(struct protobuf *protobuf, size_t mark, uint64_t more) {
    unsigned char length[VARINT_BYTES_MAX];
    const size_t bytes = protobuf->out->used - mark;
    const size_t count = make_varint(bytes + more, length);
    append(protobuf, length, count); /* makes room; then the length moves before the message */
    if (protobuf->error.code == ERROR_NONE) {
        char *message = protobuf->out->data + mark;
        memmove(message + count, message, bytes);
        memcpy(message, length, count);
    }
}

void protobuf_end(struct protobuf *protobuf, size_t mark) {
    protobuf_end_before(protobuf, mark, 0);
}
