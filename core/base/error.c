/* Error values; see error.h. */
#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum error_code error_set(struct error *error, enum error_code code, const char *pointer,
                          const char *format, ...) {
    if (error == NULL) {
        return code;
    }
    error->code = code;
    snprintf(error->pointer, sizeof error->pointer, "%s", pointer != NULL ? pointer : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return code;
}

void error_prefix_pointer(struct error *error, const char *prefix) {
    char tail[ERROR_POINTER_BYTES];
    memcpy(tail, error->pointer, sizeof tail);
    const size_t length = strnlen(prefix, sizeof error->pointer - 1);
    memcpy(error->pointer, prefix, length);
    snprintf(error->pointer + length, sizeof error->pointer - length, "%s", tail);
}
