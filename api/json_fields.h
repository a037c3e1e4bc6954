/* The fields of JSON bodies: the tensors and options of intake.h by their names.
 *
 * One table that finds, refuses and documents.  Constants and pure functions. */
#ifndef MLPD_API_JSON_FIELDS_H
#define MLPD_API_JSON_FIELDS_H

#include "api/intake.h"

enum json_field_kind {
    FIELD_ROWS,
    FIELD_LABELS,
    FIELD_NUMBERS,
    FIELD_POSITIVE, /* whole, from 1 */
    FIELD_WHOLE,    /* from 0 */
    FIELD_BOOLEAN
};

struct json_field {
    const char *name;
    enum json_field_kind kind;
    enum intake_tensor tensor; /* INTAKE_TENSORS: an option */
    enum intake_option option; /* INTAKE_OPTIONS: a tensor */
    const char *allowed;       /* for messages */
    const char *documentation; /* what it means */
};

/* At most as many as a word has bits. */
extern const struct json_field json_fields[];

/* The field of that name, if bodies of the purpose have it, or NULL. */
const struct json_field *json_field_find(enum intake_purpose purpose, const char *name,
                                         size_t length);

/* The fields of the purpose as a list for messages. */
void json_fields_list(enum intake_purpose purpose, char *text, size_t size);

#endif
