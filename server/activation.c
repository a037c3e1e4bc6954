/* Socket activation; see activation.h. */
#include "server/activation.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static long long number_of(const char *text) {
    char *end;
    if (text == NULL || *text < '0' || *text > '9') {
        return -1;
    }
    const long long number = strtoll(text, &end, 10);
    return *end == '\0' ? number : -1;
}

size_t activation_count(const char *(*variable)(const char *name)) {
    const long long count = number_of(variable("LISTEN_FDS"));
    return number_of(variable("LISTEN_PID")) == getpid() && count > 0 && count < INT_MAX
               ? (size_t)count
               : 0;
}
