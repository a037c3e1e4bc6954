/* Files that hold secrets or certificates: small, regular, and their owner's alone to
 * write.  For main. */
#ifndef MLPD_SERVER_SMALL_FILE_H
#define MLPD_SERVER_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

struct small_file {
    char *text; /* ends in a NUL that is not counted */
    size_t bytes;
};

/* `what` is for the messages: "the token file".  A file that others than its owner can
 * write is refused, and of a secret one that all can read a warning is logged.
 * ERROR_INVALID, or ERROR_MEMORY. */
enum error_code small_file_read(const char *path, const char *what, size_t bytes_max, bool secret,
                                struct small_file *file, struct error *error);

/* What it held is gone from memory, too. */
void small_file_free(struct small_file *file);

#endif
