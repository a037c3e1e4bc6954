/* What an option of the process is set to, for /v1/server.
 *
 * The server makes one of each row of its table of options, so that a new option is
 * shown without anybody's doing.  Files are shown as given or not: their names are
 * nobody's business outside. */
#ifndef MLPD_API_OPTION_VALUE_H
#define MLPD_API_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#define OPTION_NAME_BYTES 48
#define OPTION_STORAGE_BYTES 128

/* Not to be copied: `text` may point into it. */
struct option_value {
    char name[OPTION_NAME_BYTES]; /* "max_body" of --max-body */
    enum { OPTION_COUNT, OPTION_SECONDS, OPTION_BOOLEAN, OPTION_TEXT } kind;
    union {
        uint64_t count; /* of things or bytes */
        double seconds;
        bool boolean;
        const char *text; /* lives as long as the process; NULL: none */
    } value;
    char storage[OPTION_STORAGE_BYTES]; /* for a text that was made for it */
};

#endif
