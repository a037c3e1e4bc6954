/* Ids of requests; see request_id.h. */
#include "server/request_id.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define PREFIX_DIGITS 16
#define COUNT_DIGITS 8 /* the count comes round only in the ids, after 4 milliards */

static uint64_t prefix;            /* written once, before other threads exist */
static atomic_uint_fast64_t count; /* relaxed: nobody's number is anybody else's */

bool request_id_start(void) {
    ssize_t got;
    do {
        got = getrandom(&prefix, sizeof prefix, 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof prefix;
}

static bool is_allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~:@+=,/", c) != NULL);
}

bool request_id_is_valid(const char *id) {
    size_t length = 0;
    while (id != NULL && length <= REQUEST_ID_LENGTH_MAX && is_allowed(id[length])) {
        length++;
    }
    return length > 0 && length <= REQUEST_ID_LENGTH_MAX && id[length] == '\0';
}

static char *put_digits(char *at, uint64_t number, size_t digits) {
    for (size_t i = digits; i-- > 0;) {
        *at++ = "0123456789abcdef"[number >> (4 * i) & 15];
    }
    return at;
}

void request_id_choose(char id[REQUEST_ID_BYTES], const char *wanted) {
    if (request_id_is_valid(wanted)) {
        memcpy(id, wanted, strlen(wanted) + 1);
        return;
    }
    const uint64_t number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    char *at = put_digits(id, prefix + (number >> (4 * COUNT_DIGITS)), PREFIX_DIGITS);
    *at++ = '-';
    at = put_digits(at, number, COUNT_DIGITS);
    *at = '\0';
}
