/* Telling systemd how the process is: what sd_notify does, one datagram a message to
 * $NOTIFY_SOCKET (a path, or @NAME for an abstract one).
 *
 *   READY=1       it serves        RELOADING=1  the files are being read again
 *   STOPPING=1    it drains        WATCHDOG=1   it answers (watchdog.h)
 *
 * Without that variable nothing is sent.  Opened and closed by main; any thread may
 * send, and nobody waits. */
#ifndef MLPD_SERVER_NOTIFIER_H
#define MLPD_SERVER_NOTIFIER_H

#include "core/base/error.h"
#include "server/address.h"

struct notifier {
    int fd; /* -1: nobody listens */
    union socket_name name;
    socklen_t bytes;
};

/* `path` is the variable's value or NULL.  ERROR_INVALID or ERROR_INTERNAL with a
 * sentence, and nothing will be sent. */
enum error_code notifier_open(struct notifier *notifier, const char *path, struct error *error);

/* Lines of NAME=VALUE; cut to 512 bytes.  One that cannot be sent is lost. */
void notifier_send(const struct notifier *notifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* RELOADING=1 with the time that it has to have; READY=1 must follow. */
void notifier_send_reloading(const struct notifier *notifier);

void notifier_close(struct notifier *notifier);

#endif
