/* Content-Type: which bodies are what.  Case and parameters do not matter.  Pure
 * functions. */
#ifndef MLPD_API_MEDIA_TYPE_H
#define MLPD_API_MEDIA_TYPE_H

#include <stdbool.h>

#include "api/intake.h"

#define MEDIA_TYPE_JSON "application/json"
#define MEDIA_TYPE_CSV "text/csv"
#define MEDIA_TYPE_EVENTS "text/event-stream"
#define MEDIA_TYPE_SAFETENSORS "application/vnd.safetensors"
#define MEDIA_TYPE_BYTES "application/octet-stream"

/* application/json, text/json, …+json, or none at all (NULL). */
bool media_type_is_json(const char *type);

/* A model's file. */
bool media_type_is_safetensors(const char *type);

/* What curl -d and -F send: forms and plain text, for which there is advice. */
bool media_type_is_forms(const char *type);

/* The formats of a body of tensors, JSON first. */
extern const struct intake_format *const media_type_formats[];
extern const size_t media_type_format_count;

/* The one of that type, or NULL. */
const struct intake_format *media_type_intake(const char *type);

#endif
