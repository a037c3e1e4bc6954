/* The directory; see sqlite_directory.h.
 *
 * The lock is one of the open file (F_OFD_SETLK): it ends with the process however that ends, and
 * it holds within a process, too, which the older kind of lock does not.  As such a lock does not
 * tell who has it, its holder writes its process id into the file. */
#include "core/store/sqlite_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"

#define LOCK_NAME "mlpd.lock"
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600

char *sqlite_path_join(const char *directory, const char *name) {
    const size_t room = strlen(directory) + strlen(name) + 2;
    char *path = memory_allocate(room, 1);
    if (path != NULL) {
        snprintf(path, room, "%s/%s", directory, name);
    }
    return path;
}

static enum error_code no_memory(struct error *error) {
    return error_set(error, ERROR_MEMORY, NULL, "no memory to open the store");
}

bool sqlite_directory_sync(const char *directory) {
    const int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const bool synced = fsync(file) == 0;
    close(file);
    return synced;
}

/* Of the directory that the new one was made in: the entry itself must last. */
static bool sync_parent(const char *directory) {
    char *parent = sqlite_path_join(directory, "..");
    const bool synced = parent != NULL && sqlite_directory_sync(parent);
    memory_free(parent);
    return synced;
}

/* Why `path` cannot be used, of which the system says `number`. */
static enum error_code refuse(const char *path, const char *to, int number, struct error *error) {
    struct stat status;
    if ((number == EACCES || number == EPERM) && stat(path, &status) == 0 &&
        status.st_uid != geteuid()) {
        return error_set(error, ERROR_INVALID, NULL,
                         "%s belongs to user %u, and mlpd, as user %u, may not %s it", path,
                         (unsigned)status.st_uid, (unsigned)geteuid(), to);
    }
    if (number == EROFS) {
        return error_set(error, ERROR_INVALID, NULL, "%s is on a file system that is read-only",
                         path);
    }
    return error_set(error, ERROR_INVALID, NULL, "mlpd cannot %s %s: %s", to, path,
                     strerror(number));
}

static enum error_code find_directory(const char *directory, bool make, struct sqlite_place *place,
                                      struct error *error) {
    if (make && mkdir(directory, DIRECTORY_MODE) == 0) {
        if (!sync_parent(directory)) {
            return refuse(directory, "make", errno, error);
        }
    } else if (make && errno != EEXIST) {
        return refuse(directory, "make", errno, error);
    }
    /* SQLite follows no links, for the sake of the files in the directory. */
    char *resolved = realpath(directory, NULL);
    struct stat status;
    if (resolved == NULL || stat(resolved, &status) != 0) {
        const int number = errno;
        memory_free(resolved);
        return refuse(directory, "open", number, error);
    }
    place->directory = resolved;
    if (!S_ISDIR(status.st_mode)) {
        return error_set(error, ERROR_INVALID, NULL, "%s is not a directory", directory);
    }
    /* Files of root's in it would lock out its owner. */
    if (make && geteuid() == 0 && status.st_uid != 0) {
        return error_set(error, ERROR_INVALID, NULL,
                         "%s belongs to user %u: run mlpd as that user, not as root", directory,
                         (unsigned)status.st_uid);
    }
    if (faccessat(AT_FDCWD, resolved, make ? R_OK | W_OK | X_OK : R_OK | X_OK, AT_EACCESS) != 0) {
        return refuse(resolved, make ? "write into" : "read", errno, error);
    }
    return ERROR_NONE;
}

/* Another has the lock: who, if it says so. */
static enum error_code tell_holder(const struct sqlite_place *place, struct error *error) {
    char text[24] = "";
    const ssize_t count = pread(place->lock, text, sizeof text - 1, 0);
    const long holder = count > 0 ? strtol(text, NULL, 10) : 0;
    return holder > 0
               ? error_set(error, ERROR_INVALID, NULL, "%s is in use by another mlpd, process %ld",
                           place->directory, holder)
               : error_set(error, ERROR_INVALID, NULL, "%s is in use by another mlpd",
                           place->directory);
}

static enum error_code lock(struct sqlite_place *place, short type, struct error *error) {
    struct flock wanted = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(place->lock, F_OFD_SETLK, &wanted) == 0) {
        return ERROR_NONE;
    }
    return errno == EAGAIN || errno == EACCES ? tell_holder(place, error)
                                              : refuse(place->directory, "lock", errno, error);
}

static enum error_code open_lock(struct sqlite_place *place, struct error *error) {
    char *path = sqlite_path_join(place->directory, LOCK_NAME);
    if (path == NULL) {
        return no_memory(error);
    }
    place->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    enum error_code code =
        place->lock >= 0 ? lock(place, F_WRLCK, error) : refuse(path, "open", errno, error);
    memory_free(path);
    if (code == ERROR_NONE) {
        char holder[24];
        const int length = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
        /* Only for the message to who comes second; a full disk is no reason not to start. */
        if (ftruncate(place->lock, 0) != 0 ||
            pwrite(place->lock, holder, (size_t)length, 0) != length) {
            (void)ftruncate(place->lock, 0);
        }
    }
    return code;
}

enum error_code sqlite_file_make(const char *directory, const char *path, struct error *error) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    const bool made = file >= 0;
    if (!made && errno == EEXIST) {
        file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (file < 0) {
        return errno == ELOOP
                   ? error_set(error, ERROR_INVALID, NULL,
                               "%s is a symbolic link: name the directory where it is", path)
                   : refuse(path, "open", errno, error);
    }
    close(file);
    return !made || sqlite_directory_sync(directory)
               ? ERROR_NONE
               : refuse(directory, "write into", errno, error);
}

enum error_code sqlite_place_take(const char *directory, struct sqlite_place *place,
                                  struct error *error) {
    *place = (struct sqlite_place){.lock = -1};
    enum error_code code = find_directory(directory, true, place, error);
    if (code == ERROR_NONE) {
        place->database = sqlite_path_join(place->directory, DATABASE_NAME);
        code = place->database != NULL ? open_lock(place, error) : no_memory(error);
    }
    if (code == ERROR_NONE) {
        code = sqlite_file_make(place->directory, place->database, error);
    }
    if (code != ERROR_NONE) {
        sqlite_place_leave(place);
    }
    return code;
}

enum error_code sqlite_place_look(const char *directory, struct sqlite_place *place,
                                  struct error *error) {
    *place = (struct sqlite_place){.lock = -1};
    enum error_code code = find_directory(directory, false, place, error);
    char *path = NULL;
    if (code == ERROR_NONE) {
        place->database = sqlite_path_join(place->directory, DATABASE_NAME);
        path = sqlite_path_join(place->directory, LOCK_NAME);
        code = place->database != NULL && path != NULL ? ERROR_NONE : no_memory(error);
    }
    /* A copy has no lock file, and whom it belongs to may not want one. */
    if (code == ERROR_NONE) {
        place->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        code = place->lock >= 0 ? lock(place, F_RDLCK, error) : ERROR_NONE;
    }
    if (code == ERROR_NONE && access(place->database, F_OK) != 0) {
        code = error_set(error, ERROR_INVALID, NULL, "there is no store in %s", place->directory);
    }
    memory_free(path);
    if (code != ERROR_NONE) {
        sqlite_place_leave(place);
    }
    return code;
}

void sqlite_place_leave(struct sqlite_place *place) {
    if (place->lock >= 0) {
        close(place->lock);
    }
    memory_free(place->directory);
    memory_free(place->database);
    *place = (struct sqlite_place){.lock = -1};
}
