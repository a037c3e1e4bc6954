/* The Prefer header; see prefer.h. */
#include "api/prefer.h"

#include <string.h>
#include <strings.h>

#include "api/number.h"

#define BLANKS " \t"

bool prefer_wait(const char *header, double *seconds) {
    *seconds = 0;
    while (header != NULL && *header != '\0') {
        header += strspn(header, BLANKS ",");
        const size_t length = strcspn(header, ",");
        if (length >= 4 && strncasecmp(header, "wait", 4) == 0) {
            const char *value = header + 4 + strspn(header + 4, BLANKS);
            if (*value == '=') {
                value += 1 + strspn(value + 1, BLANKS "\"");
                const size_t digits = strspn(value, "0123456789.");
                return number_read(value, digits, seconds);
            }
        }
        header += length;
    }
    return false;
}
