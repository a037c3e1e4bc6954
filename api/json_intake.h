/* What a JSON body of tensors may hold, for its documentation; the parser itself is one of
 * the formats of intake.h.  Constants: any thread. */
#ifndef MLPD_API_JSON_INTAKE_H
#define MLPD_API_JSON_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/intake.h"

struct json_intake_field {
    const char *name;
    const char *schema; /* JSON Schema, as json_write_constant takes it */
    const char *documentation;
    bool required;
};

/* Field i of a body of that purpose; false behind the last. */
bool json_intake_field(enum intake_purpose purpose, size_t i, struct json_intake_field *field);

#endif
