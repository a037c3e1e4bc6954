/* JSON Schemas (2020-12) of what calls take and answer, for the OpenAPI document.
 *
 * Each is one row of a table.  What a table of core or api knows (names, ranges,
 * defaults) is written from it; the rest are texts beside the limits' own macros, so that
 * a schema cannot promise what is not held.  Answers allow no other members, and the tests
 * hold every answer they see against its schema.  Constants: any thread. */
#ifndef MLPD_API_SCHEMA_H
#define MLPD_API_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "api/json_write.h"

/* Writes a schema's keywords into the object that is open. */
typedef void schema_function(struct json_writer *json);

enum schema_presence { ALWAYS, SOMETIMES };

struct schema_field {
    const char *name;          /* NULL ends a list */
    const char *keywords;      /* as json_write_constant takes them */
    const char *documentation; /* NULL: the name says it */
    enum schema_presence presence;
};

struct schema {
    const char *name; /* where the document refers to it */
    const char *documentation;
    const struct schema_field *fields; /* of an object; or … */
    schema_function *write;            /* … who writes the keywords; or … */
    const char *keywords;              /* … these */
    const char *example;               /* as json_write_constant takes it, or NULL */
};

/* The rows, in files of their own by what they are of. */
extern const struct schema request_schemas[], answer_schemas[];
extern const size_t request_schema_count, answer_schema_count;

/* The schema of that name, or NULL. */
const struct schema *schema_find(const char *name);

/* All of them, as the value of components/schemas. */
void schema_write_all(struct json_writer *json);

/* The keywords of an object with these fields and no others. */
void schema_write_object(struct json_writer *json, const struct schema_field *fields);

/* Its parts, for who knows the fields from elsewhere. */
void schema_begin_object(struct json_writer *json, const char *title);
void schema_write_field(struct json_writer *json, const struct schema_field *field);
void schema_end_object(struct json_writer *json, const char *const *required, size_t count);

/* --- keywords that many fields have ------------------------------------------------ */

#define SCHEMA_COUNT "'type': 'integer', 'minimum': 0"
#define SCHEMA_FIGURE "'type': ['number', 'null']" /* null: there is none, or it is not finite */
#define SCHEMA_NUMBER "'type': 'number'"
#define SCHEMA_TEXT "'type': 'string'"
#define SCHEMA_BINARY                                                                              \
    "'type': 'string', 'format': 'binary'" /* as generators of clients know it                     \
                                            */
#define SCHEMA_BOOLEAN "'type': 'boolean'"
#define SCHEMA_TIME "'type': 'string', 'format': 'date-time'"
#define SCHEMA_NAME "'type': 'string', 'pattern': '^" MODEL_NAME_PATTERN "$'"
#define SCHEMA_CONST(text) "'type': 'string', 'const': '" text "'"
#define SCHEMA_LIST(items) "'type': 'array', 'items': {" items "}"
#define SCHEMA_REF(name) "'$ref': '#/components/schemas/" name "'"
#define SCHEMA_OR_NULL(keywords) "'anyOf': [{" keywords "}, {'type': 'null'}]"
#define SCHEMA_ONE_OF_TWO(a, b) "'oneOf': [{" SCHEMA_REF(a) "}, {" SCHEMA_REF(b) "}]"
#define SCHEMA_RANGE(low, high) "'minimum': " JSON_OF(low) ", 'maximum': " JSON_OF(high)

#endif
