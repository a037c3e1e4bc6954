/* Content-Type; see media_type.h. */
#include "api/media_type.h"

#include <string.h>
#include <strings.h>

const struct intake_format *const media_type_formats[] = {&intake_json, &intake_csv,
                                                          &intake_safetensors};
const size_t media_type_format_count = sizeof media_type_formats / sizeof *media_type_formats;

/* The length of "type/subtype" before parameters and blanks. */
static size_t essence_length(const char *type) {
    size_t length = strcspn(type, ";");
    while (length > 0 && (type[length - 1] == ' ' || type[length - 1] == '\t')) {
        length--;
    }
    return length;
}

static bool is(const char *type, const char *name) {
    const size_t length = strlen(name);
    return essence_length(type) == length && strncasecmp(type, name, length) == 0;
}

bool media_type_is_json(const char *type) {
    if (type == NULL || is(type, "application/json") || is(type, "text/json")) {
        return true;
    }
    const size_t length = essence_length(type);
    return length > 5 && strncasecmp(type + length - 5, "+json", 5) == 0;
}

bool media_type_is_safetensors(const char *type) {
    return type != NULL && is(type, MEDIA_TYPE_SAFETENSORS);
}

bool media_type_is_forms(const char *type) {
    return is(type, "application/x-www-form-urlencoded") || is(type, "multipart/form-data") ||
           is(type, "text/plain");
}

const struct intake_format *media_type_intake(const char *type) {
    if (media_type_is_json(type)) {
        return &intake_json;
    }
    for (size_t i = 0; i < media_type_format_count; i++) {
        if (is(type, media_type_formats[i]->media_type)) {
            return media_type_formats[i];
        }
    }
    return NULL;
}
