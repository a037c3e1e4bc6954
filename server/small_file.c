/* Small files; see small_file.h. */
#include "server/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "server/log.h"

static enum error_code fail_errno(const char *path, const char *what, int number,
                                  struct error *error) {
    return error_set(error, ERROR_INVALID, NULL, "cannot read %s %.200s: %s", what, path,
                     strerror(number));
}

static enum error_code check(int fd, const char *path, const char *what, bool secret,
                             struct error *error) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail_errno(path, what, errno, error);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(error, ERROR_INVALID, NULL, "%s %.200s is no regular file", what, path);
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return error_set(error, ERROR_INVALID, NULL,
                         "%s %.200s can be written by others than its owner: chmod go-w mends it",
                         what, path);
    }
    if (secret && (status.st_mode & S_IROTH) != 0) {
        log_warning("a file with secrets can be read by every user of this machine",
                    log_text("file", path));
    }
    return ERROR_NONE;
}

/* How many bytes, up to `size`; -1 when it fails. */
static ssize_t read_up_to(int fd, char *text, size_t size) {
    size_t used = 0;
    while (used < size) {
        const ssize_t got = read(fd, text + used, size - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (ssize_t)used;
        }
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static enum error_code take(int fd, const char *path, const char *what, size_t bytes_max,
                            struct small_file *file, struct error *error) {
    file->text = memory_allocate_zero(1, bytes_max + 2);
    if (file->text == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to read %s %.200s", what, path);
    }
    const ssize_t bytes = read_up_to(fd, file->text, bytes_max + 1);
    const int number = errno;
    file->bytes = bytes > 0 ? (size_t)bytes : 0;
    if (bytes >= 0 && file->bytes <= bytes_max) {
        return ERROR_NONE;
    }
    small_file_free(file);
    return bytes < 0 ? fail_errno(path, what, number, error)
                     : error_set(error, ERROR_INVALID, NULL, "%s %.200s has more than %zu bytes",
                                 what, path, bytes_max);
}

enum error_code small_file_read(const char *path, const char *what, size_t bytes_max, bool secret,
                                struct small_file *file, struct error *error) {
    /* A pipe without a writer would hold a plain open for ever. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return fail_errno(path, what, errno, error);
    }
    enum error_code code = check(fd, path, what, secret, error);
    if (code == ERROR_NONE) {
        code = take(fd, path, what, bytes_max, file, error);
    }
    close(fd);
    return code;
}

void small_file_free(struct small_file *file) {
    if (file->text != NULL) {
        explicit_bzero(file->text, file->bytes);
        memory_free(file->text);
        file->text = NULL;
    }
}
