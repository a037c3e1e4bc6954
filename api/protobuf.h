/* Protocol Buffers' wire format, as much as an ONNX file needs of it: a message is a run of
 * fields, a field a number, a type of wire and a value; a message within another one is a
 * field of bytes, whose length comes first.
 *
 * Written here and not by protobuf-c, which Debian has: it would want ONNX's description and
 * the code that is generated from it, and builds a file in one block, with a second copy of
 * all weights.
 *
 * Everything is appended to a buffer; the first failure sticks, as a json_writer's does. */
#ifndef MLPD_API_PROTOBUF_H
#define MLPD_API_PROTOBUF_H

#include <stdint.h>

#include "core/base/buffer.h"

struct protobuf {
    struct buffer *out;
    struct error error; /* code ERROR_NONE until a failure */
};

void protobuf_start(struct protobuf *protobuf, struct buffer *out);

void protobuf_write_integer(struct protobuf *protobuf, unsigned field, uint64_t value);
void protobuf_write_float(struct protobuf *protobuf, unsigned field, float value);
void protobuf_write_bytes(struct protobuf *protobuf, unsigned field, const void *bytes,
                          size_t count);
void protobuf_write_text(struct protobuf *protobuf, unsigned field, const char *text);

/* The head of a field of so many bytes, which the caller writes behind it. */
void protobuf_write_head(struct protobuf *protobuf, unsigned field, uint64_t bytes);

/* A message as a field: begin, write its fields, end with what begin gave. */
size_t protobuf_begin(struct protobuf *protobuf, unsigned field);
void protobuf_end(struct protobuf *protobuf, size_t mark);

/* The same for a message that ends in `more` bytes that stand elsewhere. */
void protobuf_end_before(struct protobuf *protobuf, size_t mark, uint64_t more);

#endif
