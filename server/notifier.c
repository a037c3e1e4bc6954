/* sd_notify; see notifier.h. */
#include "server/notifier.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES 512

enum error_code notifier_open(struct notifier *notifier, const char *path, struct error *error) {
    *notifier = (struct notifier){.fd = -1};
    if (path == NULL || *path == '\0') {
        return ERROR_NONE;
    }
    const size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 ||
        length >= sizeof notifier->name.local.sun_path) {
        return error_set(error, ERROR_INVALID, NULL,
                         "NOTIFY_SOCKET: '%.120s' is not a path or @NAME of 2 to %zu bytes", path,
                         sizeof notifier->name.local.sun_path - 1);
    }
    notifier->name.local.sun_family = AF_UNIX;
    memcpy(notifier->name.local.sun_path, path, length);
    if (path[0] == '@') {
        notifier->name.local.sun_path[0] = '\0';
    }
    notifier->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return notifier->fd >= 0
               ? ERROR_NONE
               : error_set(error, ERROR_INTERNAL, NULL, "NOTIFY_SOCKET: %s", strerror(errno));
}

void notifier_send(const struct notifier *notifier, const char *format, ...) {
    char message[MESSAGE_BYTES];
    va_list arguments;
    if (notifier->fd < 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    (void)sendto(notifier->fd, message, strlen(message), MSG_NOSIGNAL, &notifier->name.any,
                 notifier->bytes);
}

void notifier_send_reloading(const struct notifier *notifier) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    notifier_send(notifier, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading files again",
                  (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notifier_close(struct notifier *notifier) {
    if (notifier->fd >= 0) {
        close(notifier->fd);
        notifier->fd = -1;
    }
}
