/* A proxy in front of every daemon that daemon_start starts, so that the same tests
 * show what clients see through it: MLPD_PROXY names a program,
 *
 *   PROGRAM DAEMON_PORT PORT FOLDER
 *
 * which serves the listening socket of 127.0.0.1:PORT that it gets as descriptor 3,
 * in the foreground, in front of 127.0.0.1:DAEMON_PORT, with its files in FOLDER.
 * tests/proxies holds such programs.  For daemon.c and suites.h. */
#ifndef MLPD_TESTS_INTEGRATION_PROXY_H
#define MLPD_TESTS_INTEGRATION_PROXY_H

#include <stdbool.h>

/* Once, in the process that runs the tests. */
void proxy_prepare(void);

/* Its port, 0 without a proxy. */
unsigned proxy_start(unsigned daemon_port, const char *folder);
/* Of the process that has started it; else nothing happens. */
void proxy_stop(void);

/* Whether there are proxies. */
bool behind_proxy(void);
/* Whether there are, and their program's name has `name` in it; notes that a test is
 * skipped. */
bool proxy_skips(const char *test, const char *name, const char *why);
/* How many were. */
unsigned proxy_skipped(void);

#endif
