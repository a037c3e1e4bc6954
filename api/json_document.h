/* Small JSON documents, read with jansson.
 *
 * jansson's heap is up to eighty times the text, so a document's depth is bounded
 * and its memory reserved in the ledger before the library sees it.  The readers
 * below fill an error whose pointer is relative to the value they were given; the
 * caller puts its own place in front (error_prefix_pointer). */
#ifndef MLPD_API_JSON_DOCUMENT_H
#define MLPD_API_JSON_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

struct json_document {
    json_t *root; /* owned */
    struct ledger *ledger;
    size_t reserved_bytes;
};

/* Parse a text.  ERROR_SYNTAX when it is not one JSON object without duplicate
 * keys, at most 32 deep; ERROR_MEMORY. */
enum error_code json_document_parse(struct json_document *document, const struct buffer *text,
                                    struct ledger *ledger, struct error *error);
void json_document_free(struct json_document *document);

/* "a string", "a number", …: what a value is, for messages. */
const char *json_kind(const json_t *value);

/* The value as a whole number from `minimum` to `maximum`; 3.0 is 3. */
enum error_code json_read_integer(const json_t *value, const char *pointer, double minimum,
                                  double maximum, uint64_t *result, struct error *error);

/* The value as a finite number. */
enum error_code json_read_number(const json_t *value, const char *pointer, double *result,
                                 struct error *error);

enum error_code json_read_boolean(const json_t *value, const char *pointer, bool *result,
                                  struct error *error);

/* The value as a string without zero bytes; belongs to the document. */
enum error_code json_read_string(const json_t *value, const char *pointer, const char **result,
                                 struct error *error);

/* The value as one of a table's names; *index is which.  `name_at` is NULL behind the
 * last. */
enum error_code json_read_name(const json_t *value, const char *pointer,
                               const char *(*name_at)(size_t), size_t *index, struct error *error);

/* The JSON Pointer (RFC 6901) of a member: `~` and `/` in its name are escaped, a long
 * name is cut.  `prefix` is the object's own pointer. */
void json_member_pointer(const char *prefix, const char *name, char pointer[ERROR_POINTER_BYTES]);

/* ERROR_INVALID naming the first member of `object` that is not in `allowed`
 * (separated by blanks). */
enum error_code json_check_members(const json_t *object, const char *allowed, struct error *error);

#endif
