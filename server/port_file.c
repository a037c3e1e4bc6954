/* The port file; see port_file.h. */
#include "server/port_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_line(const char *path, const struct address *address) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    const bool printed = address->kind == ADDRESS_UNIX
                             ? fprintf(file, "unix:%s\n", address->host) > 0
                             : fprintf(file, "%u\n", (unsigned)address->port) > 0;
    return fclose(file) == 0 && printed;
}

/* Written beside and renamed: whoever sees the file sees all of it. */
enum error_code port_file_write(const char *path, const struct address *address,
                                struct error *error) {
    char beside[4096];
    const int length = snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof beside) {
        return error_set(error, ERROR_INTERNAL, NULL,
                         "cannot write the port file: its name has "
                         "more than 4000 bytes");
    }
    if (!write_line(beside, address) || rename(beside, path) != 0) {
        const int number = errno;
        unlink(beside);
        return error_set(error, ERROR_INTERNAL, NULL, "cannot write the port file %.200s: %s", path,
                         strerror(number));
    }
    return ERROR_NONE;
}
