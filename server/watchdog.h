/* The watchdog: a thread that asks the daemon's own sockets for /health/live and tells
 * systemd (WATCHDOG=1) as long as they answer.
 *
 * It asks twice in each interval of WATCHDOG_USEC and gives an answer a quarter of it.
 * What counts is that the HTTP threads live, so every answer does, and a connection that
 * is turned away too: a crowd of clients must not make systemd kill the daemon, and with
 * it what it has learned.  Silence, or a socket on which nobody listens, does not.
 *
 * Created and destroyed by main. */
#ifndef MLPD_SERVER_WATCHDOG_H
#define MLPD_SERVER_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "server/notifier.h"

struct watchdog;

struct watchdog_settings {
    const struct notifier *notifier; /* outlives it */
    const int *sockets;              /* that listen; copied, and open as long as it lives */
    size_t socket_count;             /* up to LISTENER_SOCKETS_MAX */
    bool tls;
    double interval_seconds;
};

/* The interval that systemd wants, in seconds: WATCHDOG_USEC, if WATCHDOG_PID is this
 * process or not set; 0: none is wanted. */
double watchdog_interval(const char *(*variable)(const char *name));

/* ERROR_MEMORY, or ERROR_INTERNAL when there is no thread. */
enum error_code watchdog_create(const struct watchdog_settings *settings,
                                struct watchdog **watchdog, struct error *error);

/* NULL is allowed. */
void watchdog_destroy(struct watchdog *watchdog);

#endif
