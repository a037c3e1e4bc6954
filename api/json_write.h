/* A writer of JSON into a buffer.
 *
 * Values are written in order; commas and quotes come by themselves.  The first
 * failure (no memory) sticks: what follows writes nothing, and json_write_finish
 * tells it, so that callers check once.  Numbers do not depend on the locale,
 * and what is not finite becomes null: JSON never holds NaN.
 *
 * A writer belongs to its caller and one thread. */
#ifndef MLPD_API_JSON_WRITE_H
#define MLPD_API_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

struct json_writer {
    struct buffer *out; /* the caller's; appended to */
    bool comma;         /* a value stands before, on the same level */
    struct error error; /* the first one; code is ERROR_NONE until then */
};

/* Begin to append to `out`. */
void json_write_start(struct json_writer *writer, struct buffer *out);

/* Whether everything was written; ERROR_MEMORY otherwise. */
enum error_code json_write_finish(const struct json_writer *writer, struct error *error);

void json_write_begin_object(struct json_writer *writer);
void json_write_end_object(struct json_writer *writer);
void json_write_begin_array(struct json_writer *writer);
void json_write_end_array(struct json_writer *writer);

/* A member's name; its value comes next. */
void json_write_key(struct json_writer *writer, const char *key);

/* UTF-8; bytes that are not (a name cut in the middle) become U+FFFD.  NULL is
 * null. */
void json_write_string(struct json_writer *writer, const char *string);
void json_write_string_bytes(struct json_writer *writer, const char *string, size_t length);

/* JSON as a source has it, with ' in place of ": a value, or some members of the open
 * object.  For constants: nothing is checked. */
#define JSON_OF(constant) JSON_OF_EXPANDED(constant) /* a macro's number in such a text */
#define JSON_OF_EXPANDED(text) #text
void json_write_constant(struct json_writer *writer, const char *text);

void json_write_unsigned(struct json_writer *writer, uint64_t value);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);

/* The shortest digits that read back as the same double or float32; null when
 * not finite. */
void json_write_double(struct json_writer *writer, double value);
void json_write_float(struct json_writer *writer, float value);

#endif
